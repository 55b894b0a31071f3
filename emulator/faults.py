"""Name every fault that can be planned, as values.

A plan is a finite tuple of faults. Frame faults act in one place, ``emulator.link.medium``; supply
faults in ``emulator.flash.nor``. Frames are counted for each fault alone, from 0, among the
datagrams that its ``leg``, ``cluster`` and ``command`` select.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from emulator.units import Octets, Us


class Leg(StrEnum):
    """Say which way a datagram goes, seen from the device under test."""

    TO_DEVICE = "to device"
    FROM_DEVICE = "from device"


class CutKind(StrEnum):
    """Say where inside a flash operation the supply is cut."""

    BEFORE = "before"  # the operation leaves no mark
    AFTER = "after"  # the operation is complete, nothing after it happens
    TORN = "torn"  # a program stops after some octets
    HALF_ERASE = "half erase"  # the first half of the area is erased, the rest is not
    SCATTERED = "scattered"  # any bits of the unit in progress, or of the area, are as wanted
    WEAK = "weak"  # as scattered, and other bits at each read, until the next erase


@dataclass(frozen=True, slots=True, kw_only=True)
class CutPower:
    """Cut the supply at flash operation ``operation`` (counted from 0 in the device's life).

    Args:
        operation: Its number.
        kind: Where inside it.
        octets: How many octets a torn program still wrote; of a scattered or weak one, an octet of
            the unit in progress: those before it are complete, those behind untouched.
        seed: Draws the bits of a scattered or weak operation.
    """

    operation: int
    kind: CutKind
    octets: Octets = 0
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WornSector:
    """Let a sector take no erase, from operation ``since`` of the device's life on.

    The erase ends with its old content and an error status. ``address`` is any in the sector.
    """

    address: Octets
    since: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Select the ``number``-th datagram on a leg, of a cluster and ZCL command where given."""

    leg: Leg
    number: int
    cluster: int | None = None
    command: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DropFrame:
    """Lose ``count`` selected datagrams in a row."""

    at: Selector
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DropBurst:
    """Lose the first ``lose`` of every ``of`` selected datagrams, ``rounds`` times."""

    at: Selector
    lose: int
    of: int
    rounds: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay:
    """Lose everything on the leg for a time, whatever it is, from the selected datagram on.

    The other leg goes on: the air carries one way only.
    """

    at: Selector
    for_us: Us


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateFrame:
    """Deliver the selected datagram once more, ``after_us`` later."""

    at: Selector
    after_us: Us = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayFrame:
    """Deliver the selected datagram late; long enough, it is overtaken."""

    at: Selector
    by_us: Us


@dataclass(frozen=True, slots=True, kw_only=True)
class ReorderFrame:
    """Deliver the selected datagram behind the next ``behind`` of its leg; without them, never."""

    at: Selector
    behind: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncateFrame:
    """Keep only the first ``octets`` of the selected datagram's payload."""

    at: Selector
    octets: Octets


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipBit:
    """Flip one bit of the selected datagram's payload; ``bit`` counts from octet 0, bit 0."""

    at: Selector
    bit: int


_Loss: TypeAlias = DropFrame | DropBurst | OneWay
_Shift: TypeAlias = DuplicateFrame | DelayFrame | ReorderFrame
FrameFault: TypeAlias = _Loss | _Shift | TruncateFrame | FlipBit
Fault: TypeAlias = CutPower | WornSector | FrameFault
