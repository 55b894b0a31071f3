"""Hold the defects of records, of a download's way into flash, and of an exchange's steps.

All of them let an undisturbed upgrade pass. Power has to fail at the right moment.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

from emulator.boot.placement import Swap, Write
from emulator.boot.record import _MAGIC_OCTETS, BootRecord, RecordHead, RecordLog
from emulator.device.defects.model import Defect, with_parts
from emulator.device.nonvolatile import Download, Memory
from emulator.device.store import DownloadStore
from emulator.errors import WireError
from emulator.flash.area import Area, Journal, StreamWriter
from emulator.image.judgement import Expectation
from emulator.ota.ports import Offer, Refused
from emulator.units import Octets


class _KeepsOneCopy(RecordLog[Any]):
    """Erase the sector that holds the boot record, then write the new one there."""

    def write(self, record: Any) -> None:  # noqa: ANN401 - any frame
        if self._kind is BootRecord:
            self._sector = (self._sector - self._sector_size) % self._area.size
            self._at = None
        super().write(record)


class _AppendsBehindTheLast(RecordLog[Any]):
    """Go on behind the newest record after a reset, where a cut one may have used units up."""

    def __init__(self, area: Area, kind: Any) -> None:  # noqa: ANN401 - any frame
        super().__init__(area, kind)
        content = area.read(self._sector, self._sector_size)
        used = len(content.rstrip(bytes([area.geometry.erased_value])))
        if self._newest is not None and used:
            self._at = self._sector + used + -used % self._unit


class _BelievesTornOnes(RecordLog[Any]):
    """Take the record with the highest number, whatever its check value says."""

    def _scan(self) -> None:
        erased = bytes([self._area.geometry.erased_value]) * self._sector_size
        for sector in self._area.sectors():
            content = self._area.read(sector, self._sector_size)
            at = content.find(_MAGIC_OCTETS)
            while at >= 0:
                try:
                    head, _ = RecordHead.decode_at(content + erased, at)
                    self._kind.decode(head.payload)
                except WireError:
                    pass
                else:
                    if head.sequence > self.sequence:
                        self._newest, self._sector = head, sector
                at = content.find(_MAGIC_OCTETS, at + 1)


class _GoesOnBehindATornUnit(StreamWriter):
    """Take the last unit that shows a trace for whole."""

    @classmethod
    def resume(cls, area: Area, size: Octets, journal: Journal) -> Self:
        writer = super().resume(area, size, journal)
        unit = area.geometry.program_size_octets
        stored = writer.offset + unit if writer.offset else 0
        return cls(area, min(stored, size - 1) // unit * unit, 0, journal)


class _UsesUnitsTwice(StreamWriter):
    """Go on without erasing what a cut program may have used up."""

    @classmethod
    def resume(cls, area: Area, size: Octets, journal: Journal) -> Self:
        return cls(area, super().resume(area, size, journal).offset, area.size)


class _ForgetsThePrefix(StreamWriter):
    """Erase the sector where a download goes on, and not write again what it held."""

    def _enter(self) -> None:
        start = self._at - self._at % self._sector
        self._area.erase(start, self._sector)
        self._owned = start + self._sector


class _ErasesTooLate(DownloadStore):
    """Say that the slot is ready, and erase it when the first octets come."""

    _stale = False

    def begin(self, offer: Offer) -> None:
        if self._extra is not None:
            super().begin(offer)
            return
        self._loader.withdraw()
        self._memory.change(
            download=Download.LOADING,
            manufacturer=offer.manufacturer,
            image_type=offer.image_type,
            file_version=offer.file_version,
            image_size=offer.image_size,
            redoing=0,
        )
        self._writer = self._make_writer(self._standby, 0, self._standby.size)
        self._forgiven, self._stale = False, True

    def append(self, octets: bytes) -> None:
        if self._stale and self._extra is None:
            self._stale = False
            self._standby.erase()
        super().append(octets)


class _NotesNoRefusal(DownloadStore):
    """Note a download as good once it was judged, a refusal only in RAM; trust the note later."""

    _refused = False

    @property
    def held(self) -> Offer | None:
        return None if self._refused else super().held

    def begin(self, offer: Offer) -> None:
        self._refused = False
        super().begin(offer)

    def _judge(self, octets: bytes, against: Expectation) -> Refused | None:
        if self._extra is None and self.verified:
            return None
        refused = super()._judge(octets, against)
        if self._extra is None and refused is not None:
            self._refused = True
            self._memory.change(download=Download.VERIFIED)
        return refused

    def discard(self) -> None:
        if self._refused and self._extra is None:
            self._writer = None
        else:
            super().discard()


class _WritesBackAnOldLimit(DownloadStore):
    """Write the whole small memory as it was read at the start: an old limit of frame counters."""

    def __init__(self, *, memory: Memory, **more: Any) -> None:  # noqa: ANN401 - as it is made
        self._limit = memory.now.counter_limit
        super().__init__(memory=memory, **more)

    def begin(self, offer: Offer) -> None:
        if self._extra is None:
            self._memory.change(counter_limit=self._limit)
        super().begin(offer)


class _CountsNoSteps(Swap):
    """Begin an exchange anew after a cut."""

    def _exchange(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        return super()._exchange(replace(record, swap_step=0), slots, write)


class _CountsAStepTooEarly(Swap):
    """Write a step down before it is done."""

    def _exchange(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        write(replace(record, swap_step=record.swap_step + 1))
        return super()._exchange(record, slots, write)


class _KeepsTheScratchInRam(Swap):
    """Hold in RAM what the scratch area is for."""

    _ram: dict[Octets, bytes]

    def _step(self, step: int, slots: Sequence[Area], start: Octets, length: Octets) -> None:
        if step == 0:
            self._ram = {start: slots[1].read(start, length)}
        elif step == 1:
            super()._step(step, slots, start, length)
        else:
            lost = bytes(length)
            slots[0].erase(start, length)
            slots[0].program(start, getattr(self, "_ram", {}).get(start, lost))


_SWEPT = ("promises_outlive_power_cuts",)

DEFECTS: tuple[Defect, ...] = (
    Defect(
        id="D223",
        title="keeps one copy of its boot record, and erases it to write the next",
        copies="gb-alt-han T3",
        parts=with_parts(records=_KeepsOneCopy),
        caught_by=_SWEPT,
    ),
    Defect(
        id="D224",
        title="writes an old limit of frame counters back when a download begins",
        copies="gb-alt-han T13; a record that two writers read and write as a whole",
        parts=with_parts(store=_WritesBackAnOldLimit),
        caught_by=_SWEPT,
    ),
    Defect(
        id="D225",
        title="remembers after a reset that an image was judged, not that it was refused",
        copies="OTA-C-083; design section 8, promise 2",
        parts=with_parts(store=_NotesNoRefusal),
        caught_by=("what_boots_after",),
        vectors=("RB-110",),
    ),
    Defect(
        id="D226",
        title="appends a record behind one that a power cut tore",
        copies="gb-alt-han T3",
        parts=with_parts(records=_AppendsBehindTheLast),
        caught_by=_SWEPT,
        where={"boot.scheme": ("ab",)},
    ),
    Defect(
        id="D227",
        title="believes a record that a power cut tore",
        copies="gb-alt-han T3; a log without check values",
        parts=with_parts(records=_BelievesTornOnes),
        caught_by=_SWEPT,
    ),
    Defect(
        id="D228",
        title="goes on behind a unit that a power cut tore",
        copies="OTA-C-072",
        parts=with_parts(writer=_GoesOnBehindATornUnit),
        caught_by=_SWEPT,
    ),
    Defect(
        id="D229",
        title="programs a unit again that a power cut used up",
        copies="OTA-C-072; flash that takes one program between two erases",
        parts=with_parts(writer=_UsesUnitsTwice),
        caught_by=_SWEPT,
    ),
    Defect(
        id="D230",
        title="loses what a sector held in front of the place where a download goes on",
        copies="OTA-C-072",
        parts=with_parts(writer=_ForgetsThePrefix),
        caught_by=_SWEPT,
    ),
    Defect(
        id="D231",
        title="goes on with an older image's octets after a cut before a download's first block",
        copies="OTA-C-073",
        parts=with_parts(store=_ErasesTooLate),
        caught_by=("what_boots_after",),
        vectors=("RB-190",),
    ),
    Defect(
        id="D232",
        title="begins to exchange images anew after a power cut",
        copies="gb-alt-han T3; a swap without status",
        parts=with_parts(swap=_CountsNoSteps),
        caught_by=_SWEPT,
        where={"boot.scheme": ("swap",)},
    ),
    Defect(
        id="D233",
        title="notes a step of an exchange before it is done",
        copies="gb-alt-han T3",
        parts=with_parts(swap=_CountsAStepTooEarly),
        caught_by=_SWEPT,
        where={"boot.scheme": ("swap",)},
    ),
    Defect(
        id="D234",
        title="exchanges images through RAM",
        copies="gb-alt-han T3; a swap without scratch",
        parts=with_parts(swap=_KeepsTheScratchInRam),
        caught_by=_SWEPT,
        where={"boot.scheme": ("swap",)},
    ),
)
