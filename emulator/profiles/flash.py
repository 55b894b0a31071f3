"""Describe the flash of a bridge: one chip or two behind each other, and what lies where."""

from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, ClassVar, NamedTuple

from emulator.profiles.section import Range, Section
from emulator.units import Octets

FlashSize = Annotated[int, Range(1, 1 << 28)]
ProgramSize = Annotated[int, Range(1, 256)]
OctetValue = Annotated[int, Range(0, 255)]


class Chip(NamedTuple):
    """Be one flash chip: its addresses ``[start, end)``, and the pieces that it works in."""

    start: Octets
    end: Octets
    erase_size_octets: Octets
    program_size_octets: Octets
    erased_value: int


def span(area: tuple[Octets, Octets]) -> str:
    """Write an area down as a profile does."""
    return f"[0x{area[0]:06X}, 0x{area[1]:06X}]" if area[0] >= 0 else str(list(area))


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashProfile(Section):
    """Hold geometry and map of the flash: areas are [start, end) addresses in octets."""

    TABLE: ClassVar[str] = "flash"
    #: A record is written to one sector while another still holds the last good one.
    LEAST_RECORD_SECTORS: ClassVar[int] = 2

    size_octets: FlashSize
    erase_size_octets: FlashSize
    program_size_octets: ProgramSize
    erased_value: OctetValue
    slot_a: tuple[Octets, Octets]
    slot_b: tuple[Octets, Octets]
    boot_record: tuple[Octets, Octets]
    data: tuple[Octets, Octets]
    extra: tuple[Octets, Octets] | None = None
    scratch: tuple[Octets, Octets] | None = None
    second_start: FlashSize | None = None
    second_erase_size_octets: FlashSize | None = None
    second_program_size_octets: ProgramSize | None = None
    second_erased_value: OctetValue | None = None

    @property
    def chips(self) -> tuple[Chip, ...]:
        """Return the chips, in the order of their addresses."""
        start, erase = self.second_start, self.second_erase_size_octets
        program, erased = self.second_program_size_octets, self.second_erased_value
        first = (self.erase_size_octets, self.program_size_octets, self.erased_value)
        if start is None or erase is None or program is None or erased is None:
            return (Chip(0, self.size_octets, *first),)
        return Chip(0, start, *first), Chip(start, self.size_octets, erase, program, erased)

    def chip_of(self, address: Octets) -> Chip:
        """Return the chip that an address is on."""
        chips = self.chips
        return chips[-1] if address >= chips[-1].start else chips[0]

    @property
    def areas(self) -> dict[str, tuple[Octets, Octets]]:
        """Return every area of the map by its key."""
        names = ("slot_a", "slot_b", "boot_record", "data", "extra", "scratch")
        every = {name: getattr(self, name) for name in names}
        return {name: area for name, area in every.items() if area is not None}

    def parts_of_extra(self, count: int) -> tuple[tuple[Octets, Octets], ...]:
        """Return ``extra`` cut into equal areas of whole sectors; none if they would be empty."""
        start, end = self.extra or (0, 0)
        sector = self.chip_of(start).erase_size_octets
        size = (end - start) // (count or 1) // sector * sector
        return tuple((start + at * size, start + (at + 1) * size) for at in range(count) if size)

    def _check(self) -> None:
        self._check_geometry()
        for name, area in self.areas.items():
            self._check_area(name, area)
        for (one, first), (two, second) in combinations(self.areas.items(), 2):
            if first[0] < second[1] and second[0] < first[1]:
                self._refuse(two, span(second), f"no overlap with {one} {span(first)}")
        for name in ("boot_record", "data"):
            start, end = self.areas[name]
            sector = self.chip_of(start).erase_size_octets
            if (end - start) // sector < self.LEAST_RECORD_SECTORS:
                expected = f"at least {self.LEAST_RECORD_SECTORS} sectors of {sector} octets"
                self._refuse(name, span(self.areas[name]), expected)

    def _check_geometry(self) -> None:
        keys = [name for name in self.__slots__ if name.startswith("second_")]
        missing = [name for name in keys if getattr(self, name) is None]
        if missing and len(missing) < len(keys):
            self._refuse(missing[0], "nothing", "all four keys of a second chip, or none")
        for chip, prefix in zip(self.chips, ("", "second_"), strict=False):
            self._check_chip(chip, prefix)
        if self.second_start is not None:
            self._check_second(*self.chips)

    def _check_chip(self, chip: Chip, prefix: str) -> None:
        _, end, erase, program, erased = chip
        if program & (program - 1):
            self._refuse(f"{prefix}program_size_octets", str(program), "a power of two in 1..256")
        if erase % program:
            expected = f"a multiple of {prefix}program_size_octets ({program})"
            self._refuse(f"{prefix}erase_size_octets", str(erase), expected)
        if end == self.size_octets and end % erase:
            expected = f"a multiple of {prefix}erase_size_octets ({erase})"
            self._refuse("size_octets", str(end), expected)
        if erased not in (0x00, 0xFF):
            self._refuse(f"{prefix}erased_value", f"0x{erased:02X}", "0x00 or 0xFF")

    def _check_second(self, first: Chip, second: Chip) -> None:
        """See that two chips can lie behind each other, and exchange images."""
        small, large = sorted((first.erase_size_octets, second.erase_size_octets))
        unit = max(first.program_size_octets, second.program_size_octets)
        if large % small or small % unit:
            expected = (
                f"a divisor or a multiple of erase_size_octets ({first.erase_size_octets}),"
                f" and both multiples of the larger program size ({unit})"
            )
            self._refuse("second_erase_size_octets", str(second.erase_size_octets), expected)
        if second.start % large or second.start >= second.end:
            expected = f"a multiple of the larger erase size ({large}) below size_octets"
            self._refuse("second_start", f"0x{second.start:06X}", expected)

    def _check_area(self, name: str, area: tuple[Octets, Octets]) -> None:
        start, end = area
        if not 0 <= start < end <= self.size_octets:
            expected = (
                f"[start, end] with 0 <= start < end <= size_octets (0x{self.size_octets:06X})"
            )
            self._refuse(name, span(area) if start >= 0 else str(list(area)), expected)
        chip = self.chip_of(start)
        if end > chip.end:
            self._refuse(name, span(area), f"one chip: the second starts at 0x{chip.end:06X}")
        sector = chip.erase_size_octets
        if start % sector or end % sector:
            which = "erase_size_octets" if chip.start == 0 else "second_erase_size_octets"
            self._refuse(name, span(area), f"both ends multiples of {which} ({sector})")
