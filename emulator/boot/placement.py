"""Bring an image to where it runs: nowhere else (A/B), or into the first slot (swap).

The loader decides which image is to run; a placement sees to it that it can, and that a power cut
at any moment leaves enough to go on. What is under way is in the boot record: a count of steps.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Protocol, TypeAlias

from emulator.boot.record import NO_IMAGE, BootRecord, SlotFacts
from emulator.errors import WornError
from emulator.flash.area import Area
from emulator.units import Octets

#: Writes a boot record; a placement calls it after each step.
Write: TypeAlias = Callable[[BootRecord], None]


class Placement(Protocol):
    """Move images between the slots for the loader."""

    @property
    def worn(self) -> WornError | None:
        """Return why images could not be moved as they should in this life, None if they could."""
        ...

    def bring_in(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        """Make the candidate of a pending upgrade runnable, and keep what it replaces.

        Returns:
            The record as it is to be written next, with the slot that runs as ``candidate``; after
            a refusal for ``worn`` flash the slot that runs is still ``active``, with its image.

        Raises:
            PowerLost: The supply was cut; called again with the newest record, it goes on.
            WornError: The record cannot be written, or neither image can be made whole.
        """
        ...

    def bring_back(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        """Make the active image of a trial runnable again; as ``bring_in``."""
        ...

    def homes(self, record: BootRecord, slots: Sequence[Area]) -> Iterator[tuple[int, int]]:
        """Make images runnable when no record can be written: the active one, then the other.

        Every boot comes here again; what an image is made of stays as it is until it is asked for.

        Yields:
            The slot that runs, and the one whose image it is by the record.
        """
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

    worn: WornError | None = None

    def homes(self, record: BootRecord, slots: Sequence[Area]) -> Iterator[tuple[int, int]]:
        """Yield each slot as it is."""
        yield record.active, record.active
        yield 1 - record.active, 1 - record.active

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

    When a sector takes no erase, the exchange is given up at that step, whose count stays in the
    record: what each chunk of either image is then read from is certain. The image that ran before
    the upgrade is put together in the first slot; only that slot is written, from places that are
    not, so this is begun anew after a cut. The other image is lost unless no chunk was touched. If
    the first choice cannot be made whole and the other image still can, that one runs.

    Sectors that were worn before an upgrade, however many, never stop a bridge at it: the old image
    runs on. At a rollback a worn sector of the first slot leaves it the new image if the old one
    needs that sector, any other one the old. What is not survived, and ends in death (no image is
    whole in the first slot, and a sector there takes no erase):

    * In the first slot, a sector that was erased in this exchange, by a whole erase or a cut one,
      takes no second one, and that is needed because of another worn sector, or of the cut.
    * In a rollback, the scratch area or the second slot has a worn sector, and so has the first
      slot, behind others that the old image was already copied to.
    * The image in the first slot is corrupt, and a worn sector there differs from the copy's.

    Attributes:
        worn: Why an exchange was given up in this life.
    """

    def __init__(self, scratch: Area) -> None:
        self._scratch = scratch
        self.worn: WornError | None = None

    def homes(self, record: BootRecord, slots: Sequence[Area]) -> Iterator[tuple[int, int]]:
        """Yield the first slot with each image put there that can be."""
        for image in (record.active, 1 - record.active):
            try:
                self._settle(record, slots, image, sparing=True)
            except WornError:
                continue
            yield 0, image

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
        coarsest = max((*slots, self._scratch), key=lambda one: one.geometry.erase_size_octets)
        size = _whole_sectors(coarsest, max(first.size, second.size))
        chunk = self._scratch.size
        steps = _STEPS * -(-size // chunk)
        for step in range(record.swap_step, steps):
            start = step // _STEPS * chunk
            try:
                self._step(step % _STEPS, slots, start, min(chunk, size - start))
            except WornError as error:
                self.worn = error
                kept = self._give_up(replace(record, swap_step=step), slots)
                if kept is None:
                    raise
                return kept
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

    # When a sector takes no erase.

    def _give_up(self, record: BootRecord, slots: Sequence[Area]) -> BootRecord | None:
        """Put one image into the first slot: the active one if that can be, as in ``_settle``.

        Returns:
            The record as it is to be written next, None if neither can be made whole there.
        """
        first, second, failed = record.images
        for kept in (record.active, 1 - record.active):
            try:
                self._settle(record, slots, kept)
            except WornError:
                continue
            if kept == 1:
                return _exchanged(record, (second, NO_IMAGE, failed))
            untouched = record.swap_step == 0 and record.active == 0
            other = second if untouched else NO_IMAGE
            return replace(record, images=(first, other, failed), swap_step=0)
        return None

    def _settle(
        self, record: BootRecord, slots: Sequence[Area], image: int, *, sparing: bool = False
    ) -> None:
        """Put the image together that was in one of the slots before, in the first slot.

        Args:
            record: With the step that is not done, or not known to be.
            slots: Both.
            image: Which slot it was in.
            sparing: Whether to leave alone what reads right. What a cut left weak may do so by
                chance: only where a later life that finds it wrong comes here again.

        Raises:
            WornError: It is not whole any more, or a sector takes no erase; not a sector was
                touched if it is not whole.
        """
        facts = record.images[image]
        pieces = self._pieces(record, slots, image)
        octets = b"".join(area.read(at, length) for area, at, _, length in pieces)
        if sha256(octets[: facts.size]).digest() != facts.digest:
            raise WornError(f"image of slot {image}: not whole any more")
        for area, at, start, length in pieces:
            if area is not slots[0]:
                _copy(area, at, slots[0], start, length, sparing=sparing)

    def _pieces(
        self, record: BootRecord, slots: Sequence[Area], image: int
    ) -> list[tuple[Area, Octets, Octets, Octets]]:
        """Return where each chunk of an image is: area, offset there, offset in it, length.

        None of these places is written to by the step that the record names.
        """
        size = _whole_sectors(slots[0], record.images[image].size)  # there it is to go
        chunk = self._scratch.size
        current, step = divmod(record.swap_step, _STEPS)
        pieces = []
        for number, start in enumerate(range(0, size, chunk)):
            length = min(chunk, size - start)
            moved = number < current or (number == current and step > 1 - image)
            if image == 1 and moved and number == current:
                pieces.append((self._scratch, 0, start, length))
            else:
                pieces.append((slots[1 - image if moved else image], start, start, length))
        return pieces


def _exchanged(record: BootRecord, images: tuple[SlotFacts, ...]) -> BootRecord:
    return replace(
        record, images=images, swap_step=0, active=1 - record.active, candidate=1 - record.candidate
    )


def _whole_sectors(area: Area, size: Octets) -> Octets:
    sector = area.geometry.erase_size_octets
    return -(-size // sector) * sector


def _copy(
    source: Area, at: Octets, target: Area, to: Octets, length: Octets, *, sparing: bool = False
) -> None:
    """Erase whole sectors of one area, one by one, and fill each from another, page by page.

    A sector that takes no erase is left alone if it holds already what it is to hold.

    Raises:
        WornError: It holds something else.
    """
    sector, page = target.geometry.erase_size_octets, target.geometry.page_octets
    for start in range(0, length, sector):
        wanted = source.read(at + start, sector)
        if sparing and target.read(to + start, sector) == wanted:
            continue
        try:
            target.erase(to + start, sector)
        except WornError:
            if target.read(to + start, sector) != wanted:
                raise
            continue
        for offset in range(0, sector, page):
            target.program(to + start + offset, wanted[offset : offset + page])
