"""Give firmware a part of a flash, and a sink that stores a download and survives power cuts."""

from typing import Protocol, Self

from emulator.errors import FlashError
from emulator.flash.geometry import Geometry
from emulator.flash.nor import Nor
from emulator.units import Octets


class Area:
    """Be the sectors ``[start, end)`` of one chip of a flash, addressed from 0.

    Attributes:
        geometry: Of that chip.

    Raises:
        FlashError: On each call, what ``Nor`` refuses, and octets outside the area.
        ValueError: At the start, limits that are no sector limits.
    """

    __slots__ = ("end", "geometry", "nor", "start")

    def __init__(self, nor: Nor, start: Octets, end: Octets) -> None:
        self.geometry: Geometry = nor.geometry.at(start)
        sector = self.geometry.erase_size_octets
        if not 0 <= start < end <= self.geometry.size_octets or start % sector or end % sector:
            raise ValueError(f"[{start:#x}, {end:#x}) is no range of {sector}-octet sectors")
        self.nor = nor
        self.start = start
        self.end = end

    @property
    def size(self) -> Octets:
        """Return the octets of the area."""
        return self.end - self.start

    def sectors(self) -> range:
        """Return the offset of each sector, rising."""
        return range(0, self.end - self.start, self.geometry.erase_size_octets)

    def read(self, offset: Octets, length: Octets) -> bytes:
        """Return ``length`` octets from ``offset`` on."""
        self._check(offset, length)
        return self.nor.read(self.start + offset, length)

    def program(self, offset: Octets, data: bytes) -> None:
        """Program whole units as one operation."""
        if offset < 0 or self.start + offset + len(data) > self.end:
            self._check(offset, len(data))
        self.nor.program(self.start + offset, data)

    def erase(self, offset: Octets = 0, length: Octets | None = None) -> None:
        """Erase whole sectors, one operation each; without ``length``, up to the end."""
        length = self.size - offset if length is None else length
        self._check(offset, length)
        self.nor.erase(self.start + offset, length)

    def pages(self, length: Octets) -> tuple[bytes, ...]:
        """Return the shared immutable pages that hold the first ``length`` octets."""
        self._check(0, length)
        return self.nor.pages(self.start, length)

    def preload(self, offset: Octets, data: bytes) -> None:
        """Program in the factory: not counted, not logged, never cut."""
        self._check(offset, len(data))
        self.nor.preload(self.start + offset, data)

    def _check(self, offset: Octets, length: Octets) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise FlashError(f"{length} octets at {offset:#x}: area has {self.size} octets")


class Journal(Protocol):
    """Remember over power cuts which sector of a download is being made ready again."""

    @property
    def redoing(self) -> Octets | None:
        """Return the offset of that sector, None if there is none."""
        ...

    def note(self, sector: Octets | None) -> None:
        """Keep the offset of that sector, or that there is none any more."""
        ...


class StreamWriter:
    """Store a download in an area, in order, and find after a power cut where to go on.

    One program operation a program unit. Octets that do not fill a unit wait in RAM, so a cut loses
    them and, in resuming, the last unit that shows a trace.

    Going on is possible only in an area that ``begin`` erased to its end before the first
    ``append``; the caller keeps that fact in a record (ERASING before ``begin``, READY after it).

    Attributes:
        offset: Octets taken so far; the next ``append`` is for this offset of the image.
    """

    __slots__ = (
        "_area",
        "_at",
        "_journal",
        "_owned",
        "_sector",
        "_unit",
        "_waiting",
        "offset",
    )

    def __init__(
        self,
        area: Area,
        at: Octets,
        owned: Octets,
        journal: Journal | None = None,
    ) -> None:
        """Use ``begin`` or ``resume``.

        Args:
            area: Where the download goes.
            at: Offset of the next unit to program.
            owned: End of the sectors known to take programs; beyond, a sector is made ready first.
            journal: Where it is noted that a sector is being made ready.
        """
        self.offset = at
        self._area = area
        self._at = at
        self._owned = owned
        self._journal = journal
        self._sector = area.geometry.erase_size_octets
        self._unit = area.geometry.program_size_octets
        self._waiting = b""

    @classmethod
    def begin(cls, area: Area) -> Self:
        """Erase the whole area and return a writer at offset 0.

        Raises:
            PowerLost: The supply was cut; call ``begin`` again, not ``resume``.
        """
        area.erase()
        return cls(area, 0, area.size)

    @classmethod
    def resume(cls, area: Area, size: Octets, journal: Journal) -> Self:
        """Return a writer that goes on after a power cut; flash and journal say where.

        Nothing is changed before the first unit is complete.

        Go on at the last unit with a trace, since it may be torn. An image with runs of the erased
        value is hence resumed earlier, never later. A sector that was being made ready when power
        went may hold anything: then go on at its start.

        Units behind that point may be used up by a program that left no trace, hence each sector is
        erased when the writer first enters it, and what it held before the point is written again.
        That is noted in the journal, but for a sector that holds nothing: no cut in its erase can
        leave a trace in it that the erase did not find.

        Args:
            area: Where the download goes; ``begin`` ended on it before the download's first octet.
            size: Octets of the image; content beyond it is another image's, so start from 0.
            journal: Of this download.
        """
        point = journal.redoing
        if point is None:
            point = _resume_point(area)
        return cls(area, point if point < size else 0, 0, journal)

    def append(self, data: bytes) -> None:
        """Take the next octets of the image.

        Raises:
            FlashError: The image is larger than the area.
            PowerLost: The supply was cut; this writer is gone, ``resume`` makes another.
        """
        taken = self.offset + len(data)
        if taken > self._area.size:
            raise FlashError(f"{taken} octets: area has {self._area.size} octets")
        self._store(self._waiting + data)
        self.offset = taken

    def finish(self) -> None:
        """Program what waits, padded to a unit with the erased value; the last call.

        Raises:
            PowerLost: The supply was cut; ``resume`` goes on at the last unit or before.
        """
        if self._waiting:
            missing = self._unit - len(self._waiting)
            self._store(self._waiting + bytes([self._area.geometry.erased_value]) * missing)

    def _store(self, octets: bytes) -> None:
        """Program the whole units of these octets, keep the rest."""
        unit = self._unit
        whole = len(octets) - len(octets) % unit
        self._waiting = octets[whole:]
        for start in range(0, whole, unit):
            if self._at >= self._owned:
                self._enter()
            self._area.program(self._at, octets[start : start + unit])
            self._at += unit

    def _enter(self) -> None:
        """Make the sector that holds the next unit writable from there on."""
        start = self._at - self._at % self._sector
        kept = self._area.read(start, self._at - start)
        noted = bool(kept) or not self._is_idle(start)
        if noted:
            self._note(start)
        self._area.erase(start, self._sector)
        for offset in range(0, len(kept), self._unit):
            self._area.program(start + offset, kept[offset : offset + self._unit])
        if noted:
            self._note(None)
        self._owned = start + self._sector

    def _is_idle(self, start: Octets) -> bool:
        """Tell whether a sector holds nothing to lose: it reads blank, and no note is open.

        A sector whose erase was cut may read blank once and otherwise later. Its note is open then.
        Without one, all it can hold behind erased octets of the image is the unit in progress.
        """
        if self._journal is not None and self._journal.redoing is not None:
            return False
        erased = bytes([self._area.geometry.erased_value])
        return self._area.read(start, self._sector) == erased * self._sector

    def _note(self, sector: Octets | None) -> None:
        if self._journal is not None:
            self._journal.note(sector)


def _resume_point(area: Area) -> Octets:
    """Return the offset of the first unit that is not known to be complete."""
    geometry = area.geometry
    sector, unit = geometry.erase_size_octets, geometry.program_size_octets
    erased = bytes([geometry.erased_value])
    for start in reversed(area.sectors()):
        traces = len(area.read(start, sector).rstrip(erased))
        if traces:
            return start + (traces - 1) // unit * unit
    return 0
