"""Say in which pieces a flash is erased and programmed; one flash may be two chips."""

from dataclasses import dataclass, replace
from math import gcd
from typing import Self

from emulator.profiles.flash import Chip, FlashProfile
from emulator.units import Octets

#: Content is kept in pages of at most this size where the geometry allows it.
_PAGE_LIMIT: Octets = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """Say how large a flash is, and in which pieces it is erased and programmed.

    Args:
        size_octets: Of all of it.
        erase_size_octets: Of a sector of its first chip, or its only one.
        program_size_octets: Of a program unit there.
        erased_value: What erased octets there read as.
        second: The chip whose addresses follow, up to ``size_octets``; None: there is one chip.

    Raises:
        ValueError: The sizes do not divide one another, or the erased value is neither 0x00 nor
            0xFF.
    """

    size_octets: Octets
    erase_size_octets: Octets
    program_size_octets: Octets
    erased_value: int
    second: Chip | None = None

    def __post_init__(self) -> None:
        size, sector, unit = self.size_octets, self.erase_size_octets, self.program_size_octets
        if unit < 1 or sector < unit or sector % unit:
            raise ValueError(f"erase size {sector} octets is no multiple of program unit {unit}")
        if self.second is not None:
            size = self.second.start
        if size < sector or size % sector:
            raise ValueError(f"flash of {size} octets is no multiple of erase size {sector}")
        if self.erased_value not in (0x00, 0xFF):
            raise ValueError(f"erased value {self.erased_value:#x} is neither 0x00 nor 0xff")
        if self.second is not None:
            other, start = self.at(self.second.start), self.second.start
            page, unit = self.page_octets, max(unit, other.program_size_octets)
            if start % other.erase_size_octets or start % page or page % unit:
                raise ValueError(f"second chip at {start:#x}: pages of {page}, units of {unit}")

    @classmethod
    def of(cls, flash: FlashProfile) -> Self:
        """Return the geometry that a bridge profile describes."""
        return cls(
            size_octets=flash.size_octets,
            erase_size_octets=flash.erase_size_octets,
            program_size_octets=flash.program_size_octets,
            erased_value=flash.erased_value,
            second=flash.chips[1] if len(flash.chips) > 1 else None,
        )

    def at(self, address: Octets) -> "Geometry":
        """Return the geometry of the chip that an address is on, as if all were like it."""
        second = self.second
        if second is None:
            return self
        if address < second.start:
            return replace(self, size_octets=second.start, second=None)
        return replace(
            self,
            erase_size_octets=second.erase_size_octets,
            program_size_octets=second.program_size_octets,
            erased_value=second.erased_value,
            second=None,
        )

    @property
    def page_octets(self) -> Octets:
        """Return the size of the pages that content is kept in; pages tile sectors."""
        if self.second is not None:
            both = (self.at(0), self.at(self.second.start))
            return gcd(*(one.page_octets for one in both))
        sector, unit = self.erase_size_octets, self.program_size_octets
        fits = sector > _PAGE_LIMIT and not sector % _PAGE_LIMIT and not _PAGE_LIMIT % unit
        return _PAGE_LIMIT if fits else sector
