"""Emulate a NOR flash that is stricter than hardware and can lose its supply in any operation.

The content is a list of immutable pages, so that snapshots and fleets of bridges share memory.
Stricter than hardware: a program unit can be programmed once between erases, even with the erased
value, even if a power cut left no trace in it. Firmware that needs less strictness than this works
on real parts too.
"""

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from emulator.errors import FlashError, PowerLost, WornError
from emulator.faults import CutKind, CutPower, WornSector
from emulator.flash.decay import Weak, mixed, noise
from emulator.flash.geometry import Geometry
from emulator.units import Octets


class OperationKind(StrEnum):
    """Say what a flash operation does."""

    PROGRAM = "program"
    ERASE = "erase"


class Operation(NamedTuple):
    """Record one flash operation; ``number`` counts from 0 in the device's life.

    ``data`` is what was to be programmed (None for an erase), ``phase`` what the firmware was
    doing, ``cut`` how the supply failed in it, if it did, ``failed`` whether it left all as it was.
    """

    number: int
    kind: OperationKind
    address: Octets
    length: Octets
    data: bytes | None
    phase: str
    cut: CutKind | None = None
    failed: bool = False


class Content(NamedTuple):
    """Hold all that a flash retains without supply; hashable, and equal only if every bit is.

    ``masks`` has one integer a page, one bit a program unit that cannot be programmed before an
    erase. ``weak`` names what reads otherwise each time.
    """

    pages: tuple[bytes, ...]
    masks: tuple[int, ...]
    weak: tuple[Weak, ...] = ()

    def digest(self) -> bytes:
        """Return 32 octets that stand for this content in another process or a file."""
        whole = sha256()
        for page, mask in zip(self.pages, self.masks, strict=True):
            whole.update(_page_digest(page, mask))
        if self.weak:
            whole.update(repr(self.weak).encode())
        return whole.digest()


class Snapshot(NamedTuple):
    """Hold a moment of a flash: its content and how many operations its life had so far."""

    content: Content
    operations: int


@lru_cache(maxsize=4096)
def _page_digest(page: bytes, mask: int) -> bytes:
    return sha256(b"%x:" % mask + page).digest()


@lru_cache(maxsize=64)
def _blank(erased_value: int, length: Octets) -> bytes:
    """Return the one shared object for so many erased octets."""
    return bytes([erased_value]) * length


class _Works(NamedTuple):
    """Be how one chip works: octets of a sector and of a program unit, and an erased page."""

    sector: Octets
    unit: Octets
    blank: bytes


def _bits(at: Octets, end: Octets, unit: Octets) -> int:
    """Return the mask of the units in ``[at, end)`` of a page, both at unit boundaries."""
    return (1 << (end - at) // unit) - 1 << at // unit


class Nor:
    """Read, program and erase; count and log each operation; lose the supply where a plan says so.

    Two chips have one count, one log and one plan of cuts; no operation is on both.

    An operation takes its number when it starts, so one that is cut has a number too, whatever it
    left behind; the first operation after the next power on has the number above it.

    Attributes:
        geometry: Sizes and the erased value.
        phase: What the firmware is doing; a label that the log copies.
        recording: Whether operations are logged. The log grows until cleared: ``log.clear()``.
        log: Operations in order.
        operations: How many operations were started in the device's life.
    """

    __slots__ = (
        "_chips",
        "_cut_at",
        "_cuts",
        "_masks",
        "_page",
        "_pages",
        "_reads",
        "_second",
        "_size",
        "_unit",
        "_weak",
        "_worn",
        "geometry",
        "log",
        "operations",
        "phase",
        "recording",
    )

    def __init__(self, geometry: Geometry, *, recording: bool = True) -> None:
        self.geometry = geometry
        self.phase = ""
        self.recording = recording
        self.log: list[Operation] = []
        self.operations = 0
        self._size = geometry.size_octets
        self._page = geometry.page_octets
        second = geometry.second
        self._second = self._size if second is None else second.start
        self._chips = tuple(
            _Works(
                one.erase_size_octets,
                one.program_size_octets,
                _blank(one.erased_value, self._page),
            )
            for one in (geometry.at(0), geometry.at(self._second))
        )
        self._unit = geometry.program_size_octets
        self._pages = [self._chips[0].blank] * (self._second // self._page)
        self._pages += [self._chips[1].blank] * ((self._size - self._second) // self._page)
        self._masks = [0] * (self._size // self._page)
        self._cuts: tuple[CutPower, ...] = ()
        self._cut_at = -1
        self._weak: tuple[Weak, ...] = ()
        self._worn: dict[Octets, int] = {}  # sector, and the operation since which it is
        self._reads = 0  # of weak octets in this life

    # What firmware does.

    def read(self, address: Octets, length: Octets) -> bytes:
        """Return ``length`` octets from ``address`` on.

        Raises:
            FlashError: A part of them is outside the flash.
        """
        if address < 0 or length < 0 or address + length > self._size:
            raise self._misuse("read", address, length, "outside the flash")
        if self._weak:
            self._check_chip("read", address, length)
            return self._read_weak(address, length)
        index, at = divmod(address, self._page)
        if at + length <= self._page:
            return self._pages[index][at : at + length] if length else b""
        self._check_chip("read", address, length)
        last = (address + length - 1) // self._page
        return b"".join(self._pages[index : last + 1])[at : at + length]

    def program(self, address: Octets, data: bytes) -> None:
        """Program whole units as one operation.

        Raises:
            FlashError: Misaligned, no whole number of units, outside the flash, or a unit was
                programmed since its last erase (a torn program and a half erase count).
            PowerLost: The plan cut the supply in this operation.
        """
        length = len(data)
        unit = self._unit if address < self._second else self._chips[1].unit
        if address % unit or length % unit or not length:
            raise self._misuse("program", address, length, f"unit is {unit} octets")
        index, at = divmod(address, self._page)
        end = at + length
        number = self.operations
        if end > self._page or number == self._cut_at or address < 0 or address >= self._size:
            self._program_slowly(address, data)
            return
        bits = (1 << length // unit) - 1 << at // unit
        mask = self._masks[index]
        if mask & bits:
            raise self._misuse("program", address, length, "programmed since the last erase")
        self.operations = number + 1
        if self.recording:
            self.log.append(
                Operation(number, OperationKind.PROGRAM, address, length, data, self.phase)
            )
        page = self._pages[index]
        self._pages[index] = b"".join((page[:at], data, page[end:]))
        self._masks[index] = mask | bits

    def erase(self, address: Octets, length: Octets) -> None:
        """Erase whole sectors, one operation each, in rising order.

        Raises:
            FlashError: Misaligned, no whole number of sectors, or outside the flash.
            PowerLost: The plan cut the supply in one of the operations.
            WornError: A sector takes no erase any more; it is as it was, those behind it too.
        """
        size = self._works(address).sector
        if address % size or length % size or length <= 0:
            raise self._misuse("erase", address, length, f"sector is {size} octets")
        if address < 0 or address + length > self._size:
            raise self._misuse("erase", address, length, "outside the flash")
        self._check_chip("erase", address, length)
        last = self.operations + length // size - 1
        if not (self._worn or self._weak or self.operations <= self._cut_at <= last):
            self._erase_soundly(address, length)
            return
        for sector in range(address, address + length, size):
            worn = self._worn and self._worn.get(sector, self.operations + 1) <= self.operations
            cut = self._start(OperationKind.ERASE, sector, size, None)
            if worn:
                self._fail_erase(sector, cut)
            if cut is not None:
                self._cut_erase(sector, cut)
            self._erase_sector(sector)

    # What a plan, a factory and a sweep do.

    def arm(self, *cuts: CutPower) -> None:
        """Replace the plan of power cuts; a later one of them hits a recovery from an earlier one.

        A cut *inside* an operation fits both kinds of operation: ``TORN`` on an erase acts as
        ``HALF_ERASE``, and ``HALF_ERASE`` on a program as ``TORN`` at half its octets.

        Args:
            cuts: In rising order of ``operation``, none of them started yet; none at all disarms.

        Raises:
            ValueError: The order is wrong, or an operation is in the past.
        """
        floor = self.operations
        for cut in cuts:
            if cut.operation < floor:
                raise ValueError(f"cut at operation {cut.operation}, next possible is {floor}")
            floor = cut.operation + 1
        self._cuts = cuts
        self._cut_at = cuts[0].operation if cuts else -1

    def wear(self, *sectors: WornSector) -> None:
        """Replace the sectors that take no erase; a copy that is put back leaves them so.

        Raises:
            ValueError: One is outside the flash.
        """
        for one in sectors:
            if not 0 <= one.address < self._size:
                raise ValueError(f"sector at {one.address:#x}: flash of {self._size} octets")
        self._worn = {
            one.address - one.address % self._works(one.address).sector: one.since
            for one in sectors
        }

    def power_up(self) -> None:
        """Begin a life: what weak octets read as depends on it, and on all that was done before."""
        self._reads = 0

    def preload(self, address: Octets, data: bytes) -> None:
        """Program in the factory: not counted, not logged, never cut; a part of a unit is padded.

        Raises:
            FlashError: Misaligned, outside the flash, or programmed before.
        """
        _, unit, blank = self._works(address)
        padded = data + blank[: -len(data) % unit]
        if address % unit:
            raise self._misuse("preload", address, len(data), f"unit is {unit} octets")
        self._check_free("preload", address, len(padded))
        self._put(address, padded)
        self._mark(address, len(padded))

    def content(self) -> Content:
        """Return all that stays without supply, sharing memory with this flash; cheap."""
        return Content(tuple(self._pages), tuple(self._masks), self._weak)

    def pages(self, address: Octets, length: Octets) -> tuple[bytes, ...]:
        """Return the shared pages that hold ``length`` octets from a page's first octet on.

        Raises:
            FlashError: ``address`` is inside a page, or the octets are outside the flash.
        """
        if address % self._page or address < 0 or address + length > self._size:
            raise self._misuse("read", address, length, f"page is {self._page} octets")
        if self._weak:
            whole = self.read(address, -(-length // self._page) * self._page)
            return tuple(whole[at : at + self._page] for at in range(0, len(whole), self._page))
        return tuple(self._pages[address // self._page : -(-(address + length) // self._page)])

    def snapshot(self) -> Snapshot:
        """Return this moment: content and count; not the log, not the plan, not the phase."""
        return Snapshot(self.content(), self.operations)

    def restore(self, snapshot: Snapshot) -> None:
        """Go back, or over, to a moment of a flash of the same geometry; disarms, keeps the log.

        Raises:
            ValueError: The snapshot has another number of pages, or pages of another size.
        """
        pages, masks, weak = snapshot.content
        if len(pages) != len(self._pages) or len(pages[0]) != self._page:
            raise ValueError(f"{len(pages)} pages of {len(pages[0])} octets: another geometry")
        self._pages = list(pages)
        self._masks = list(masks)
        self._weak, self._reads = weak, 0
        self.operations = snapshot.operations
        self.arm()

    # Inside.

    def _program_slowly(self, address: Octets, data: bytes) -> None:
        """Program over a page boundary, or with a cut inside."""
        self._check_free("program", address, len(data))
        cut = self._start(OperationKind.PROGRAM, address, len(data), data)
        if cut is not None:
            self._cut_program(address, data, cut)
        self._put(address, data)
        self._mark(address, len(data))

    def _start(
        self, kind: OperationKind, address: Octets, length: Octets, data: bytes | None
    ) -> CutPower | None:
        """Number and log an operation; return the cut that hits it."""
        number = self.operations
        self.operations = number + 1
        cut = None
        if number == self._cut_at:
            cut, self._cuts = self._cuts[0], self._cuts[1:]
            self._cut_at = self._cuts[0].operation if self._cuts else -1
        if self.recording:
            hit = None if cut is None else cut.kind
            self.log.append(Operation(number, kind, address, length, data, self.phase, hit))
        return cut

    def _cut_program(self, address: Octets, data: bytes, cut: CutPower) -> None:
        unit = self._works(address).unit
        at = max(0, min(cut.octets, len(data) - 1)) // unit * unit
        written = {
            CutKind.AFTER: len(data),
            CutKind.TORN: max(0, min(cut.octets, len(data))),
            CutKind.HALF_ERASE: len(data) // 2,
            CutKind.SCATTERED: at,
            CutKind.WEAK: at + unit,
        }
        if cut.kind is not CutKind.BEFORE:
            self._put(address, data[: written[cut.kind]])
            if cut.kind is CutKind.SCATTERED:
                self._scatter(address + at, data[at : at + unit], cut.seed)
            elif cut.kind is CutKind.WEAK:
                self._weak += (Weak(address + at, unit, cut.seed),)
            self._mark(address, len(data))
        raise PowerLost(f"{cut.kind} operation {cut.operation}")

    def _cut_erase(self, sector: Octets, cut: CutPower) -> None:
        works = self._works(sector)
        size = works.sector
        if cut.kind is CutKind.AFTER:
            self._erase_sector(sector)
        elif cut.kind is CutKind.WEAK:
            self._weak += (Weak(sector, size, cut.seed),)
            self._mark(sector, size)
        elif cut.kind is not CutKind.BEFORE:
            blank = works.blank * (size // self._page)
            if cut.kind is CutKind.SCATTERED:
                self._scatter(sector, blank, cut.seed)
            else:
                self._put(sector, blank[: size // 2])
            self._mark(sector, size)
        raise PowerLost(f"{cut.kind} operation {cut.operation}")

    def _fail_erase(self, sector: Octets, cut: CutPower | None) -> None:
        if self.recording:
            self.log[-1] = self.log[-1]._replace(failed=True)
        if cut is not None:
            raise PowerLost(f"{cut.kind} operation {cut.operation}")
        raise WornError(f"sector at {sector:#x} takes no erase")

    def _scatter(self, address: Octets, wanted: bytes, seed: int) -> None:
        """Bring any subset of bits to what was wanted."""
        index, at = divmod(address, self._page)
        for start in range(0, len(wanted), self._page):
            part = wanted[start : start + self._page]
            page = self._pages[index + start // self._page]
            old = page[at : at + len(part)]
            self._put(address + start, mixed(old, part, noise(len(part), seed, address + start)))

    def _read_weak(self, address: Octets, length: Octets) -> bytes:
        """Read octets of which some may be weak: between what they hold and the erased value."""
        first = address - address % self._page
        last = -(-(address + length) // self._page)
        whole = bytearray(b"".join(self._pages[first // self._page : last]))
        for weak in self._weak:
            start, end = (
                max(address, weak.address),
                min(address + length, weak.address + weak.length),
            )
            if start >= end:
                continue
            self._reads += 1
            span = slice(start - first, end - first)
            drawn = noise(weak.length, weak.seed, weak.address, self.operations, self._reads)
            drawn = drawn[start - weak.address : end - weak.address]
            blank = self._works(weak.address).blank[:1] * (end - start)
            whole[span] = mixed(bytes(whole[span]), blank, drawn)
        return bytes(whole[address - first : address - first + length])

    def _erase_soundly(self, address: Octets, length: Octets) -> None:
        """Erase sectors in none of which anything happens."""
        size, _, blank = self._works(address)
        sectors = range(address, address + length, size)
        if self.recording:
            kind, phase = OperationKind.ERASE, self.phase
            self.log += [
                Operation(number, kind, sector, size, None, phase)
                for number, sector in enumerate(sectors, self.operations)
            ]
        self.operations += len(sectors)
        first, count = address // self._page, length // self._page
        self._pages[first : first + count] = [blank] * count
        self._masks[first : first + count] = [0] * count

    def _erase_sector(self, sector: Octets) -> None:
        size, _, blank = self._works(sector)
        if self._weak:
            self._weak = tuple(one for one in self._weak if not 0 <= one.address - sector < size)
        for index in range(sector // self._page, (sector + size) // self._page):
            self._pages[index] = blank
            self._masks[index] = 0

    def _spans(self, address: Octets, length: Octets) -> Iterator[tuple[int, Octets, Octets]]:
        """Yield page index, first and end octet in the page, over a range."""
        while length > 0:
            index, at = divmod(address, self._page)
            end = min(self._page, at + length)
            yield index, at, end
            address += end - at
            length -= end - at

    def _check_free(self, what: str, address: Octets, length: Octets) -> None:
        if address < 0 or address + length > self._size:
            raise self._misuse(what, address, length, "outside the flash")
        self._check_chip(what, address, length)
        unit = self._works(address).unit
        for index, at, end in self._spans(address, length):
            if self._masks[index] & _bits(at, end, unit):
                raise self._misuse(what, address, length, "programmed since the last erase")

    def _put(self, address: Octets, data: bytes) -> None:
        done = 0
        for index, at, end in self._spans(address, len(data)):
            page = self._pages[index]
            self._pages[index] = page[:at] + data[done : done + end - at] + page[end:]
            done += end - at

    def _mark(self, address: Octets, length: Octets) -> None:
        unit = self._works(address).unit
        for index, at, end in self._spans(address, length):
            self._masks[index] |= _bits(at, end, unit)

    def _works(self, address: Octets) -> "_Works":
        """Return how the chip works that an address is on."""
        return self._chips[address >= self._second]

    def _check_chip(self, what: str, address: Octets, length: Octets) -> None:
        if address < self._second < address + length:
            raise self._misuse(what, address, length, "on two chips")

    def _misuse(self, what: str, address: Octets, length: Octets, why: str) -> FlashError:
        return FlashError(
            f"{what} of {length} octets at {address:#x}: {why} (flash of {self._size} octets)"
        )
