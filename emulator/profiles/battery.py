"""Say what a battery holds and what a bridge takes out of it: the model of its charge."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from emulator.profiles.section import Range, Section

#: The upper bounds keep a slip of units (milliampere hours for microampere hours) from passing.
Capacity = Annotated[int, Range(1, 1_000_000_000)]
Current = Annotated[int, Range(0, 1_000_000)]
Nanos = Annotated[int, Range(0, 10_000_000)]
Micros = Annotated[int, Range(0, 1_000_000)]
Percent = Annotated[int, Range(0, 99)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryProfile(Section):
    """Hold the charge model of a bridge without supply; the emulated firmware reads the reserve.

    The other keys are for whoever counts the charge: a bridge measures it and is told (the event
    ``Battery``).
    """

    TABLE: ClassVar[str] = "battery"

    capacity_uah: Capacity
    sleep_ua: Current
    datagram_nah: Nanos
    poll_nah: Nanos
    program_nah: Nanos
    boot_uah: Micros
    reserve_percent: Percent
