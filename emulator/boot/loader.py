"""Choose which image boots, try new ones for a bounded time, and go back when they fail."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

from emulator.actions import Happening, Report
from emulator.boot.record import (
    NO_IMAGE,
    BootRecord,
    BootState,
    RecordLog,
    SlotFacts,
    Standing,
)
from emulator.errors import BootError, WireError
from emulator.flash.area import Area
from emulator.units import Octets


class TrialLimits(Protocol):
    """Say how long a new image is tried; a profile's ``BootProfile`` does."""

    @property
    def trial_boots(self) -> int:
        """Return how many times an image boots without being confirmed."""
        ...

    @property
    def confirm_within_s(self) -> int:
        """Return the powered seconds, over all these boots, in which it must be confirmed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Say what boots: the slot, if on trial, its image's facts, and what there is to log."""

    slot: int
    trial: bool
    facts: SlotFacts
    notes: tuple[Report, ...] = ()


class Loader:
    """Boot one of two slots so that no power cut, and no bad image, leaves the bridge without one.

    A record is written *before* the thing that it announces happens: the trial count before the
    image runs, the absence of an image before its first sector is erased. Whoever lost power opens
    a new loader on the same flash and calls ``choose`` again.

    Source: gb-alt-han section 5 (T1, T3), GB-064 to GB-068, GB-081.
    """

    def __init__(
        self, slots: Sequence[Area], records: RecordLog[BootRecord], limits: TrialLimits
    ) -> None:
        """Take what a bridge has.

        Raises:
            ValueError: There are not exactly two slots.
        """
        if len(slots) != 2:
            raise ValueError(f"{len(slots)} slots: the A/B scheme has two")
        self._slots = tuple(slots)
        self._records = records
        self._limits = limits

    # At power on.

    def choose(self) -> Choice:
        """Choose the image to boot, and count the boot if it is on trial.

        Returns:
            An image whose SHA-256 was checked in this call.

        Raises:
            BootError: No slot holds a valid image, or the record cannot be read: the device is dead
                until it is flashed anew.
            PowerLost: The supply was cut in writing the record; call again on a new loader.
        """
        record = self._record()
        match record.state:
            case BootState.STEADY:
                return self._run_active(record)
            case BootState.PENDING | BootState.TRIAL:
                return self._try(record)
            case BootState.REVERT:
                return self._roll_back(record)
            case _:
                raise BootError(f"boot state {record.state!r} is not one of this loader's")

    # While the image runs.

    @property
    def state(self) -> BootState:
        """Return where the bridge is between two images."""
        return self._record().state

    @property
    def standby(self) -> int:
        """Return the slot that does not run; ``withdraw`` before writing to it."""
        record = self._record()
        on_trial = record.state in (BootState.TRIAL, BootState.REVERT)
        return record.active if on_trial else 1 - record.active

    @property
    def last_failure(self) -> SlotFacts | None:
        """Return the image whose trial failed last; confirming or forgiving ends it."""
        return _held(self._record().images[2])

    @property
    def trial_boots_used(self) -> int:
        """Return how many boots of the image on trial were begun."""
        return self._record().trial_boots

    @property
    def trial_time_left_s(self) -> int:
        """Return the powered seconds in which the image on trial must still be confirmed."""
        return max(0, self._limits.confirm_within_s - self._record().trial_s)

    def facts(self, slot: int) -> SlotFacts | None:
        """Return the facts of the image in a slot, None if nothing there counts."""
        return _held(self._record().images[: len(self._slots)][slot])

    def withdraw(self) -> None:
        """Say that the standby slot holds nothing from now on; call before its first erase.

        A pending image that was never booted is given up with it.

        Raises:
            RuntimeError: An image is on trial: the standby slot is what it falls back to.
        """
        record = self._record()
        if record.state not in (BootState.STEADY, BootState.PENDING):
            raise RuntimeError(f"{record.state.name}: the standby slot is the way back")
        if self.facts(self.standby) is not None:
            self._records.write(_steady(_without(record, self.standby), record.active))

    def forgive(self) -> None:
        """Forget which image failed its trial last: it may be stored and tried once more."""
        record = self._record()
        if _held(record.images[2]) is not None:
            self._records.write(_with(record, 2, NO_IMAGE))

    def stage(self, slot: int, facts: SlotFacts) -> None:
        """Have a verified image tried at the next boot.

        Args:
            slot: The standby slot, which holds it whole.
            facts: The image's; ``digest`` is what ``choose`` will check.

        Raises:
            RuntimeError: An image is on trial.
            ValueError: The slot is not the standby one, or too small for that size.
        """
        record = self._record()
        if record.state not in (BootState.STEADY, BootState.PENDING):
            raise RuntimeError(f"{record.state.name}: cannot stage an image during a trial")
        if slot != self.standby:
            raise ValueError(f"slot {slot} runs; the standby slot is {self.standby}")
        self._check_size(slot, facts)
        present = _with(record, slot, replace(facts, standing=Standing.PRESENT))
        self._records.write(replace(present, state=BootState.PENDING, candidate=slot))

    def confirm(self) -> None:
        """Keep the image on trial; what failed before it is forgotten.

        Raises:
            RuntimeError: No image is on trial.
        """
        record = self._on_trial()
        self._records.write(_steady(_with(record, 2, NO_IMAGE), record.candidate))

    def spend(self, powered_s: int) -> None:
        """Add powered seconds to the trial's, so that they survive a power cut.

        Call it every ``trial_checkpoint_s``; a power cut forgets what was not yet added.

        Raises:
            RuntimeError: No image is on trial.
            ValueError: ``powered_s`` is negative.
        """
        record = self._on_trial()
        if powered_s < 0:
            raise ValueError(f"{powered_s} s: time does not run back")
        if powered_s:
            self._records.write(replace(record, trial_s=record.trial_s + powered_s))

    def give_up(self) -> None:
        """Say that the trial failed: the next boot runs the old image.

        Raises:
            RuntimeError: No image is on trial.
        """
        self._records.write(replace(self._on_trial(), state=BootState.REVERT))

    # In the factory.

    def install_factory(self, slot: int, octets: bytes, facts: SlotFacts) -> None:
        """Put the first image into a new flash; not counted, not logged, never cut.

        Raises:
            FlashError: The flash is not new.
            ValueError: The facts are not those of the octets, or the slot is too small.
        """
        if facts.size != len(octets) or facts.digest != sha256(octets).digest():
            raise ValueError(f"size or digest is not that of these {len(octets)} octets")
        self._check_size(slot, facts)
        self._slots[slot].preload(0, octets)
        empty = BootRecord(active=slot, images=(NO_IMAGE, NO_IMAGE, NO_IMAGE))
        self._records.preload(_with(empty, slot, facts))

    # Inside.

    def _record(self) -> BootRecord:
        try:
            record = self._records.read()
        except WireError as error:
            raise BootError(f"boot record: {error}") from error
        if record is None:
            raise BootError("no boot record")
        return record

    def _on_trial(self) -> BootRecord:
        record = self._record()
        if record.state is not BootState.TRIAL:
            raise RuntimeError(f"{record.state.name}: no image is on trial")
        return record

    def _check_size(self, slot: int, facts: SlotFacts) -> None:
        if not 0 < facts.size <= self._slots[slot].size:
            raise ValueError(f"{facts.size} octets, slot of {self._slots[slot].size} octets")

    def _valid(self, record: BootRecord, slot: int) -> bool:
        """Tell whether a slot holds, octet for octet, the image that the record says.

        ``NO_IMAGE`` is never there: its digest is not that of no octets.
        """
        facts, area = record.images[slot], self._slots[slot]
        return _digest(area.pages(facts.size), facts.size) == facts.digest

    def _run_active(self, record: BootRecord) -> Choice:
        active = record.active
        if self._valid(record, active):
            return Choice(slot=active, trial=False, facts=record.images[active])
        return self._run_other(record, active, 1 - active)

    def _run_other(self, record: BootRecord, corrupt: int, other: int) -> Choice:
        """Run the other slot from now on, because the one that should run is corrupt."""
        if not self._valid(record, other):
            raise BootError("neither slot holds a valid image")
        self._records.write(_steady(_without(record, corrupt), other))  # GB-081
        note = Report(what=Happening.SLOT_INVALID, details=(("slot", corrupt),))
        return Choice(slot=other, trial=False, facts=record.images[other], notes=(note,))

    def _try(self, record: BootRecord) -> Choice:
        """Boot the candidate once more, or go back."""
        slot = record.candidate
        boots = record.trial_boots  # 0 in PENDING
        if boots >= self._limits.trial_boots or record.trial_s >= self._limits.confirm_within_s:
            return self._roll_back(record)
        if not self._valid(record, slot):
            # Having run, it failed; else an image that spoils its own slot is installed for ever.
            if boots:
                return self._roll_back(record)
            return self._run_other(record, slot, record.active)
        self._records.write(replace(record, state=BootState.TRIAL, trial_boots=boots + 1))
        return Choice(slot=slot, trial=True, facts=record.images[slot])

    def _roll_back(self, record: BootRecord) -> Choice:
        """Run the active slot again, and remember which image failed."""
        slot, active = record.candidate, record.active
        if not self._valid(record, active):
            return self._run_other(record, active, slot)
        failed = replace(record.images[slot], standing=Standing.FAILED)
        self._records.write(_steady(_with(_with(record, slot, failed), 2, failed), active))
        version = record.images[slot].file_version
        note = Report(what=Happening.ROLLED_BACK, details=(("version", version),))
        return Choice(slot=active, trial=False, facts=record.images[active], notes=(note,))


@lru_cache(maxsize=16)
def _digest(pages: tuple[bytes, ...], size: Octets) -> bytes:
    """Return the SHA-256 of the first octets of some pages; remembered by their content."""
    return sha256(b"".join(pages)[:size]).digest()


def _held(facts: SlotFacts) -> SlotFacts | None:
    return None if facts.standing is Standing.ABSENT else facts


def _with(record: BootRecord, index: int, facts: SlotFacts) -> BootRecord:
    """Return a record with other facts for a slot, or at 2 for the last failure."""
    images = record.images
    return replace(record, images=(*images[:index], facts, *images[index + 1 :]))


def _without(record: BootRecord, slot: int) -> BootRecord:
    return _with(record, slot, NO_IMAGE)


def _steady(record: BootRecord, active: int) -> BootRecord:
    """Return a record in which nothing is under way and this slot runs."""
    return replace(
        record, state=BootState.STEADY, active=active, candidate=0, trial_boots=0, trial_s=0
    )
