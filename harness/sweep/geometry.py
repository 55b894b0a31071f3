"""Put a bridge's flash map onto another geometry, as small as an image allows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from emulator.errors import HanoverError
from emulator.profiles.load import overlay
from emulator.profiles.model import Profile
from emulator.units import Octets

#: Sectors of each log of records, and the least of a slot.
_LOG, _SLOT = 3, 2
#: Octets of flash that the largest record takes, with room to spare.
_RECORD: Octets = 512


_ONE = "ERASE:UNIT:ERASED"
_WANTED = f"{_ONE}, {_ONE}+{_ONE} or pairwise"


class GeometryError(HanoverError, ValueError):
    """A geometry cannot be used: says what was found and wanted."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Be a geometry of flash: octets of a sector and of a program unit, and the erased value.

    With a ``second`` chip, the other slot and the scratch area lie on that.
    """

    erase: Octets
    unit: Octets
    erased: int
    second: "Geometry | None" = None

    def __str__(self) -> str:
        first = f"{self.erase}:{self.unit}:{self.erased:02x}"
        return first if self.second is None else f"{first}+{self.second}"


#: What each geometry of ``PAIRWISE`` takes one of: the smallest, the usual and the largest.
ERASES: tuple[Octets, ...] = (512, 4096, 65536)
UNITS: tuple[Octets, ...] = (1, 16, 256)
ERASED = (0xFF, 0x00)

#: Geometries of one chip in which each two values of two of these columns meet.
ONE_CHIP = tuple(
    Geometry(erase, unit, ERASED[(row + column) % 2])
    for row, erase in enumerate(ERASES)
    for column, unit in enumerate(UNITS)
)
#: Two chips: larger and smaller sectors behind smaller and larger ones, and each value on both.
TWO_CHIPS = (
    Geometry(4096, 16, 0xFF, Geometry(512, 256, 0x00)),
    Geometry(512, 256, 0x00, Geometry(4096, 16, 0xFF)),
    Geometry(65536, 1, 0xFF, Geometry(4096, 16, 0x00)),
    Geometry(4096, 16, 0x00, Geometry(65536, 256, 0x00)),
)
PAIRWISE = (*ONE_CHIP, *TWO_CHIPS)
#: What asks for all of them.
PAIRWISE_WORD = "pairwise"


def read_geometries(texts: Iterable[str]) -> tuple[Geometry, ...]:
    """Read some geometries, each once; the word ``pairwise`` is all of ``PAIRWISE``.

    Raises:
        GeometryError: One is none.
    """
    read = (PAIRWISE if one == PAIRWISE_WORD else (read_geometry(one),) for one in texts)
    return tuple(dict.fromkeys(one for some in read for one in some))


def read_geometry(text: str) -> Geometry:
    """Read ``ERASE:UNIT:ERASED``, the last in hexadecimal: ``4096:16:ff``.

    Two chips follow each other with a plus sign: ``4096:16:ff+512:256:00``.

    Raises:
        GeometryError: It is none.
    """
    first, plus, second = text.partition("+")
    one = _read_chip(text, first)
    return replace(one, second=_read_chip(text, second)) if plus else one


def _read_chip(text: str, chip: str) -> Geometry:
    parts = chip.split(":")
    try:
        erase, unit, erased = int(parts[0]), int(parts[1]), int(parts[2], 16)
    except (IndexError, ValueError):
        raise GeometryError(f"geometry: found {text}, wanted {_WANTED}") from None
    if len(parts) > 3 or erase < _RECORD or erased not in (0x00, 0xFF):
        wanted = f"ERASE from {_RECORD} on, ERASED 00 or ff"
        raise GeometryError(f"geometry: found {text}, wanted {wanted}")
    return Geometry(erase, unit, erased)


def reshaped(profile: Profile, geometry: Geometry, size: Octets) -> Profile:
    """Return the profile with its map on another geometry, slots just large enough.

    Of two chips, the second one has slot B and the scratch area.

    Args:
        profile: Whose map.
        geometry: Of the flash.
        size: Octets of the largest image.

    Raises:
        ProfileError: The profile cannot be had on this geometry.
    """
    second = geometry.second
    erase = max(geometry.erase, 0 if second is None else second.erase)
    slot = max(-(-size // erase), _SLOT) * erase
    log = _LOG * geometry.erase
    near, far = {"slot_a": slot}, {"slot_b": slot}
    logs = {"boot_record": log, "data": log}
    scratch = {} if profile.flash.scratch is None else {"scratch": erase}
    if second is None:
        start, areas = None, _areas(near | far | logs | scratch, 0)
    else:
        start = -(-(slot + 2 * log) // erase) * erase
        areas = _areas(near | logs, 0) | _areas(far | scratch, start)
    changes: dict[str, object] = {f"flash.{name}": area for name, area in areas.items()}
    changes |= {
        "flash.size_octets": max(end for _, end in areas.values()),
        "flash.erase_size_octets": geometry.erase,
        "flash.program_size_octets": geometry.unit,
        "flash.erased_value": geometry.erased,
        "flash.second_start": start,
        "flash.second_erase_size_octets": None if second is None else second.erase,
        "flash.second_program_size_octets": None if second is None else second.unit,
        "flash.second_erased_value": None if second is None else second.erased,
        "flash.extra": None,
        "ota.more_image_types": [],
    }
    return overlay(profile, changes)


def _areas(sizes: Mapping[str, Octets], start: Octets) -> dict[str, tuple[Octets, Octets]]:
    """Return areas of these sizes behind each other."""
    limits = accumulate(sizes.values(), initial=start)
    return dict(zip(sizes, pairwise(limits), strict=True))
