"""Name the places where the supply is cut: which operation of which life, and how.

A point is written ``LIFE:OPERATION:KIND`` or ``LIFE:OPERATION:KIND:OCTETS``; a second cut, in the
recovery from the first, follows a plus sign: ``upgrade:12:torn:8+15:before``. A life's name alone
is that life without a cut.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from emulator.errors import HanoverError
from emulator.faults import CutKind, CutPower, WornSector
from emulator.units import Octets
from harness.sweep.lives import LIVES

#: A cut while no operation of flash is under way; ``octets`` counts stimuli since the last one.
IDLE = "idle"
#: No cut: from this erase on, its sector takes none; ``octets`` is the sector's address.
WORN = "worn"
#: What a sweep does if it is not told otherwise.
KINDS: tuple[str, ...] = (
    *("before", "after", "torn", "half-erase", "scattered", "weak"),
    *(IDLE, WORN),
)
_CUTS = {str(kind).replace(" ", "-"): kind for kind in CutKind}


class PointError(HanoverError, ValueError):
    """A point cannot be read: says what was found and wanted."""


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """Be one cut: the number of the operation in the bridge's life, the kind, octets if torn.

    Of a scattered or weak program, ``octets`` is one of the unit in progress.
    """

    operation: int
    kind: str
    octets: Octets = 0

    def __str__(self) -> str:
        shown = self.octets or self.kind in ("torn", IDLE, WORN)
        return f"{self.operation}:{self.kind}" + (f":{self.octets}" if shown else "")

    def power(self, seed: int) -> CutPower | None:
        """Return the cut as flash takes it, None for an idle one and for a worn sector.

        Args:
            seed: The sweep's; with the operation it draws the bits that are left half done.
        """
        kind = _CUTS.get(self.kind)
        if kind is None:
            return None
        drawn = blake2b(f"{seed} {self.operation}".encode(), digest_size=4).hexdigest()
        return CutPower(
            operation=self.operation,
            kind=kind,
            octets=self.octets,
            seed=int(drawn, 16),
        )

    @property
    def wear(self) -> WornSector | None:
        """Return the sector that takes no erase from here on, None for a cut."""
        if self.kind != WORN:
            return None
        return WornSector(address=self.octets, since=self.operation)


@dataclass(frozen=True, slots=True)
class Point:
    """Be some cuts in a life, at most two, and the phase that the last one falls in."""

    life: str
    cuts: tuple[Cut, ...] = ()
    phase: str = field(default="", compare=False)

    def __str__(self) -> str:
        return ":".join([self.life, *(["+".join(map(str, self.cuts))] if self.cuts else [])])

    @property
    def kind(self) -> str:
        """Return the kind of the last cut, "none" where there is none."""
        return self.cuts[-1].kind if self.cuts else "none"


def read_point(text: str) -> Point:
    """Read a point as it is printed.

    Raises:
        PointError: It is none.
    """
    life, _, rest = text.partition(":")
    if life not in LIVES:
        raise PointError(f"point {text}: found life {life!r}, wanted one of {', '.join(LIVES)}")
    cuts = tuple(_read_cut(text, part) for part in rest.split("+")) if rest else ()
    if len(cuts) > 2:
        raise PointError(f"point {text}: found {len(cuts)} cuts, wanted two at most")
    if len(cuts) == 2 and cuts[1].operation <= cuts[0].operation:
        wanted = f"an operation above {cuts[0].operation}"
        raise PointError(f"point {text}: found second cut at {cuts[1].operation}, wanted {wanted}")
    return Point(life, cuts)


def _read_cut(text: str, part: str) -> Cut:
    operation, _, rest = part.partition(":")
    kind, _, octets = rest.partition(":")
    if not operation.isdecimal():
        raise PointError(f"point {text}: found operation {operation!r}, wanted a number from 0")
    if kind not in KINDS:
        raise PointError(f"point {text}: found kind {kind!r}, wanted one of {', '.join(KINDS)}")
    if octets and not octets.isdecimal():
        raise PointError(f"point {text}: found octets {octets!r}, wanted a number from 0")
    return Cut(int(operation), kind, int(octets or 0))


#: Says after how many octets a program of so many octets, in units of so many, is torn.
Prefixes = Callable[[Octets, Octets], Sequence[Octets]]


def torn_prefixes(length: Octets, unit: Octets) -> Sequence[Octets]:
    """Return where a first cut tears: at once, half way, in the last of several units."""
    return sorted({0, length // 2, *([length - 1] if length > unit else [])} - {length})


def second_prefixes(length: Octets, unit: Octets) -> Sequence[Octets]:
    """Return where a second cut tears: half way, and half way in the last unit."""
    return sorted({length // 2, length - unit + unit // 2} - {length})


def inside(
    number: int, length: Octets, unit: Octets, *, program: bool, kinds: Sequence[str], at: Prefixes
) -> Iterator[Cut]:
    """Yield the cuts inside one operation."""
    if program and "torn" in kinds:
        for octets in at(length, unit):
            yield Cut(number, "torn", octets)
    elif not program and "half-erase" in kinds:
        yield Cut(number, "half-erase")
    for kind in ("scattered", "weak"):
        if kind in kinds:
            yield Cut(number, kind, length // 2 // unit * unit if program else 0)
