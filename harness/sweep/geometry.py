"""Put a bridge's flash map onto another geometry, as small as an image allows."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from emulator.errors import HanoverError
from emulator.profiles.load import overlay
from emulator.profiles.model import Profile
from emulator.units import Octets

#: Sectors of each log of records, and the least of a slot.
_LOG, _SLOT = 3, 2
#: Octets of flash that the largest record takes, with room to spare.
_RECORD: Octets = 512


_WANTED = "ERASE:UNIT:ERASED or pairwise"


class GeometryError(HanoverError, ValueError):
    """A geometry cannot be used: says what was found and wanted."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Be a geometry of flash: octets of a sector and of a program unit, and the erased value."""

    erase: Octets
    unit: Octets
    erased: int

    def __str__(self) -> str:
        return f"{self.erase}:{self.unit}:{self.erased:02x}"


#: What each geometry of ``PAIRWISE`` takes one of: the smallest, the usual and the largest.
ERASES: tuple[Octets, ...] = (512, 4096, 65536)
UNITS: tuple[Octets, ...] = (1, 16, 256)
ERASED = (0xFF, 0x00)

#: Geometries in which each two values of two of these columns meet.
PAIRWISE = tuple(
    Geometry(erase, unit, ERASED[(row + column) % 2])
    for row, erase in enumerate(ERASES)
    for column, unit in enumerate(UNITS)
)
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

    Raises:
        GeometryError: It is none.
    """
    parts = text.split(":")
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

    Args:
        profile: Whose map.
        geometry: Of the flash.
        size: Octets of the largest image.

    Raises:
        ProfileError: The profile cannot be had on this geometry.
    """
    erase = geometry.erase
    slot = max(-(-size // erase), _SLOT) * erase
    sizes = {"slot_a": slot, "slot_b": slot, "boot_record": _LOG * erase, "data": _LOG * erase}
    sizes |= {} if profile.flash.scratch is None else {"scratch": erase}
    limits = [0, *accumulate(sizes.values())]
    areas = zip(sizes, pairwise(limits), strict=True)
    changes: dict[str, object] = {f"flash.{name}": area for name, area in areas}
    changes |= {
        "flash.size_octets": limits[-1],
        "flash.erase_size_octets": erase,
        "flash.program_size_octets": geometry.unit,
        "flash.erased_value": geometry.erased,
        "flash.extra": None,
        "ota.more_image_types": [],
    }
    return overlay(profile, changes)
