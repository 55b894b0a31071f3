"""Name the places where the supply is cut: which operation of which life, and how.

A point is written ``LIFE:OPERATION:KIND`` or ``LIFE:OPERATION:KIND:OCTETS``; a second cut, in the
recovery from the first, follows a plus sign: ``upgrade:12:torn:8+15:before``. A life's name alone
is that life without a cut.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from emulator.errors import HanoverError
from emulator.faults import CutKind, CutPower
from emulator.units import Octets
from harness.sweep.lives import LIVES

#: A cut while no operation of flash is under way; ``octets`` counts stimuli since the last one.
IDLE = "idle"
KINDS: tuple[str, ...] = ("before", "after", "torn", "half-erase", IDLE)
_CUTS = {str(kind).replace(" ", "-"): kind for kind in CutKind}


class PointError(HanoverError, ValueError):
    """A point cannot be read: says what was found and wanted."""


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """Be one cut: the number of the operation in the bridge's life, the kind, octets if torn."""

    operation: int
    kind: str
    octets: Octets = 0

    def __str__(self) -> str:
        octets = f":{self.octets}" if self.kind in ("torn", IDLE) else ""
        return f"{self.operation}:{self.kind}{octets}"

    @property
    def power(self) -> CutPower | None:
        """Return the cut as flash takes it, None for an idle one."""
        kind = _CUTS.get(self.kind)
        if kind is None:
            return None
        return CutPower(operation=self.operation, kind=kind, octets=self.octets)


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
