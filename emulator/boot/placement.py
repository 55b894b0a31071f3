"""Bring an image to where it runs: nowhere else (A/B), or into the first slot (swap).

The loader decides which image is to run; a placement sees to it that it can, and that a power cut
at any moment leaves enough to go on. What is under way is in the boot record: a count of steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from emulator.boot.record import NO_IMAGE, BootRecord, SlotFacts
from emulator.flash.area import Area
from emulator.units import Octets

#: Writes a boot record; a placement calls it after each step.
Write: TypeAlias = Callable[[BootRecord], None]


class Placement(Protocol):
    """Move images between the slots for the loader."""

    def bring_in(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        """Make the candidate of a pending upgrade runnable, and keep what it replaces.

        Returns:
            The record as it is to be written next, with the slot that runs as ``candidate``.

        Raises:
            PowerLost: The supply was cut; called again with the newest record, it goes on.
        """
        ...

    def bring_back(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        """Make the active image of a trial runnable again; as ``bring_in``."""
        ...

    def home(self, record: BootRecord) -> int | None:
        """Return the slot that runs when nothing can be written; None: nothing can, midway."""
        ...

    def bring_over(
        self, record: BootRecord, slots: Sequence[Area], slot: int
    ) -> tuple[BootRecord, int]:
        """Make the image of a slot runnable whose fellow is corrupt; nothing of that is kept.

        Returns:
            The record as it is to be written next, and the slot that runs.
        """
        ...


class InPlace:
    """Let each image run where it lies."""

    def home(self, record: BootRecord) -> int | None:
        """Return the active slot: it is whole whatever is under way."""
        return record.active

    def bring_in(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        """Leave everything where it is."""
        return record

    def bring_back(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        """Leave everything where it is."""
        return record

    def bring_over(
        self, record: BootRecord, slots: Sequence[Area], slot: int
    ) -> tuple[BootRecord, int]:
        """Leave everything where it is."""
        return record, slot


#: Steps of one chunk: second slot to scratch, first to second, scratch to first.
_STEPS = 3


class Swap:
    """Run images from the first slot only, and exchange both slots through a scratch area.

    Both slots are taken apart into chunks of the scratch area's size. Three steps exchange one
    chunk; each erases and fills one place from another that it does not touch, so that a step that
    was cut is simply done again. The count of steps done is written after each but the last, whose
    record is the loader's next one. Exchanging is its own reverse.
    """

    def __init__(self, scratch: Area) -> None:
        self._scratch = scratch

    def home(self, record: BootRecord) -> int | None:
        """Return the first slot, unless its image is on its way."""
        return 0 if record.swap_step == 0 else None

    def bring_in(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        """Exchange the slots: the old image becomes the revert copy."""
        return self._exchange(record, slots, write)

    def bring_back(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        """Exchange the slots again."""
        return self._exchange(record, slots, write)

    def bring_over(
        self, record: BootRecord, slots: Sequence[Area], slot: int
    ) -> tuple[BootRecord, int]:
        """Copy the second slot over the first; cut, it is begun anew, as the source stays whole."""
        if slot == 0:
            return record, 0
        facts = record.images[slot]
        _copy(slots[slot], 0, slots[0], 0, _whole_sectors(slots[0], facts.size))
        return replace(record, images=(facts, NO_IMAGE, record.images[2])), 0

    def _exchange(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        first, second, failed = record.images
        size = _whole_sectors(slots[0], max(first.size, second.size))
        chunk = self._scratch.size
        steps = _STEPS * -(-size // chunk)
        for step in range(record.swap_step, steps):
            start = step // _STEPS * chunk
            self._step(step % _STEPS, slots, start, min(chunk, size - start))
            if step + 1 < steps:
                write(replace(record, swap_step=step + 1))
        return _exchanged(record, (second, first, failed))

    def _step(self, step: int, slots: Sequence[Area], start: Octets, length: Octets) -> None:
        first, second = slots
        if step == 0:
            _copy(second, start, self._scratch, 0, length)
        elif step == 1:
            _copy(first, start, second, start, length)
        else:
            _copy(self._scratch, 0, first, start, length)


def _exchanged(record: BootRecord, images: tuple[SlotFacts, ...]) -> BootRecord:
    return replace(
        record, images=images, swap_step=0, active=1 - record.active, candidate=1 - record.candidate
    )


def _whole_sectors(area: Area, size: Octets) -> Octets:
    sector = area.geometry.erase_size_octets
    return -(-size // sector) * sector


def _copy(source: Area, at: Octets, target: Area, to: Octets, length: Octets) -> None:
    """Erase whole sectors of one area and fill them from another, page by page."""
    page = source.geometry.page_octets
    target.erase(to, length)
    for offset in range(0, length, page):
        target.program(to + offset, source.read(at + offset, page))
