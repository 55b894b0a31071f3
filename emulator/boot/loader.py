"""Choose which image boots, try new ones for a bounded time, and go back when they fail."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Protocol

from emulator.actions import Happening, Report
from emulator.boot.placement import InPlace, Placement
from emulator.boot.record import (
    NO_IMAGE,
    BootRecord,
    BootState,
    RecordLog,
    SlotFacts,
    Standing,
    held,
)
from emulator.errors import BootError, WireError, WornError
from emulator.flash.area import Area
from emulator.profiles.switches import Fallback
from emulator.units import Octets

#: What the boot record can count.
_MOST_FAILURES = 0xFF
_NEITHER = "neither slot holds a valid image"


class TrialLimits(Protocol):
    """Say how long a new image is tried, and how often; a profile's ``BootProfile`` does."""

    @property
    def trial_boots(self) -> int:
        """Return how many times an image boots without being confirmed."""
        ...

    @property
    def confirm_within_s(self) -> int:
        """Return the powered seconds, over all these boots, in which it must be confirmed."""
        ...

    @property
    def confirm_pause_max_s(self) -> int:
        """Return how many powered seconds of a trial may go by without counting."""
        ...

    @property
    def retry_after_s(self) -> int:
        """Return the powered seconds after a failed trial before that image is tried again."""
        ...

    @property
    def retries(self) -> int:
        """Return how often an image that failed is tried again unasked."""
        ...

    @property
    def fallback_below_counter(self) -> Fallback:
        """Return whether an image boots below the highest security counter confirmed so far."""
        ...


#: Images run where they lie, as long as nothing else is said.
IN_PLACE = InPlace()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Say what boots: the slot, if on trial, its image's facts, and what there is to log."""

    slot: int
    trial: bool
    facts: SlotFacts
    notes: tuple[Report, ...] = ()


class Loader:
    """Boot one of two images so that no power cut, and no bad one, leaves the bridge without any.

    A record is written *before* the thing that it announces happens: the trial count before the
    image runs, the absence of an image before its first sector is erased. Whoever lost power opens
    a new loader on the same flash and calls ``choose`` again.

    Source: gb-alt-han section 5 (T1, T3), GB-064 to GB-068, GB-081.
    """

    def __init__(
        self,
        slots: Sequence[Area],
        records: RecordLog[BootRecord],
        limits: TrialLimits,
        placement: Placement = IN_PLACE,
    ) -> None:
        """Take what a bridge has.

        Args:
            slots: Two areas of one size.
            records: Where the boot record is kept.
            limits: How long an image is tried.
            placement: How an image comes to where it runs.

        Raises:
            ValueError: There are not exactly two slots.
        """
        if len(slots) != 2:
            raise ValueError(f"{len(slots)} slots: a loader has two")
        self._slots = tuple(slots)
        self._records = records
        self._limits = limits
        self._placement = placement
        #: Why the record cannot be written in this life.
        self._worn: WornError | None = None

    # At power on.

    def choose(self) -> Choice:
        """Choose the image to boot, and count the boot if it is on trial.

        Returns:
            An image whose SHA-256 was checked in this call.

        Raises:
            BootError: No slot holds an image that may run, or the record cannot be read: the device
                is dead until it is flashed anew.
            PowerLost: The supply was cut in writing the record; call again on a new loader.
        """
        try:
            choice = self._choose()
        except WornError as error:
            return self._make_do(error)
        worn = self._placement.worn
        return choice if worn is None else replace(choice, notes=(*choice.notes, _worn_note(worn)))

    def _make_do(self, error: WornError) -> Choice:
        """Boot what can be booted without writing: no trial begins that cannot be counted."""
        record = self._record()
        for slot, image in self._placement.homes(record, self._slots):
            facts = record.images[image]
            if self._may_run(_with(record, slot, facts), slot):
                self._worn = error
                return Choice(slot=slot, trial=False, facts=facts, notes=(_worn_note(error),))
        raise BootError(str(error)) from error

    def _choose(self) -> Choice:
        record = self._record()
        match record.state:
            case BootState.STEADY:
                return self._run_active(record)
            case BootState.PENDING:
                return self._begin(record)
            case BootState.TRIAL:
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
        return held(self._record().images[2])

    @property
    def retry_in_s(self) -> int | None:
        """Return the powered seconds until that image may be tried again; None: not unasked."""
        record = self._record()
        return record.retry_wait_s if record.failures <= self._limits.retries else None

    @property
    def trial_boots_used(self) -> int:
        """Return how many boots of the image on trial were begun."""
        return self._record().trial_boots

    @property
    def trial_time_left_s(self) -> int:
        """Return the powered seconds in which the image on trial must still be confirmed."""
        return max(0, self._limits.confirm_within_s - self._record().trial_s)

    @property
    def pause_left_s(self) -> int:
        """Return the powered seconds that may still go by in this trial without counting."""
        return max(0, self._limits.confirm_pause_max_s - self._record().pause_s)

    def facts(self, slot: int) -> SlotFacts | None:
        """Return the facts of the image in a slot, None if nothing there counts."""
        return held(self._record().images[: len(self._slots)][slot])

    def withdraw(self) -> None:
        """Say that the standby slot holds nothing from now on; call before its first erase.

        A pending image that was never booted is given up with it.

        Raises:
            RuntimeError: An image is on trial: the standby slot is what it falls back to.
            WornError: The boot record cannot be written.
        """
        record = self._writable()
        if record.state not in (BootState.STEADY, BootState.PENDING):
            raise RuntimeError(f"{record.state.name}: the standby slot is the way back")
        if self.facts(self.standby) is not None:
            self._write(_steady(_without(record, self.standby), record.active))

    def forgive(self) -> None:
        """Forget which image failed its trial last: it may be stored and tried once more."""
        record = self._record()
        if held(record.images[2]) is not None:
            self._write(_pardoned(record))

    def keep(self, slot: int, facts: SlotFacts) -> None:
        """Note that the standby slot holds a verified image: it boots if all else is corrupt.

        Args:
            slot: The standby slot, which holds it whole.
            facts: The image's.

        Raises:
            RuntimeError: An image is on trial.
            ValueError: The slot is not the standby one, or too small for that size.
        """
        record, present = self._present(slot, facts)
        if present != record:
            self._write(present)

    def stage(self, slot: int, facts: SlotFacts) -> None:
        """Have a verified image tried at the next boot.

        Args:
            slot: The standby slot, which holds it whole.
            facts: The image's; ``digest`` is what ``choose`` will check.

        Raises:
            RuntimeError: An image is on trial.
            ValueError: The slot is not the standby one, or too small for that size.
        """
        _, present = self._present(slot, facts)
        self._write(replace(present, state=BootState.PENDING, candidate=slot))

    def confirm(self) -> None:
        """Keep the image on trial; what failed before it is forgotten.

        Raises:
            RuntimeError: No image is on trial.
        """
        record = self._on_trial()
        counter = max(record.counter, record.images[record.candidate].security_counter)
        kept = replace(_pardoned(record), counter=counter)
        self._write(_steady(kept, record.candidate))

    def spend(self, powered_s: int, paused_s: int = 0) -> None:
        """Add powered seconds to the trial's, so that they survive a power cut.

        Call it every ``trial_checkpoint_s``; a power cut forgets what was not yet added.

        Args:
            powered_s: Those that count.
            paused_s: Those that do not, as long as ``pause_left_s`` lasts; then they do.

        Raises:
            RuntimeError: No image is on trial.
            ValueError: One of them is negative.
        """
        record = self._on_trial()
        if powered_s < 0 or paused_s < 0:
            raise ValueError(f"{min(powered_s, paused_s)} s: time does not run back")
        free_s = min(paused_s, self.pause_left_s)
        counted_s = powered_s + paused_s - free_s
        if counted_s or free_s:
            trial_s, pause_s = record.trial_s + counted_s, record.pause_s + free_s
            self._write(replace(record, trial_s=trial_s, pause_s=pause_s))

    def wait(self, powered_s: int) -> None:
        """Take powered seconds from the time until a failed image may be tried again."""
        record = self._record()
        left_s = max(0, record.retry_wait_s - powered_s)
        if left_s != record.retry_wait_s:
            self._write(replace(record, retry_wait_s=left_s))

    def give_up(self) -> None:
        """Say that the trial failed: the next boot runs the old image.

        Raises:
            RuntimeError: No image is on trial.
        """
        self._write(replace(self._on_trial(), state=BootState.REVERT))

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
        images = (NO_IMAGE, NO_IMAGE, NO_IMAGE)
        empty = BootRecord(active=slot, images=images, counter=facts.security_counter)
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

    def _writable(self) -> BootRecord:
        if self._worn is not None:
            raise self._worn
        return self._record()

    def _write(self, record: BootRecord) -> None:
        """Write a record; what found no sector once is not tried again in this life."""
        self._writable()
        try:
            self._records.write(record)
            if record.state is BootState.TRIAL:  # what ends it must need no erase
                self._records.make_room()
        except WornError as error:
            self._worn = error
            raise

    def _on_trial(self) -> BootRecord:
        record = self._record()
        if record.state is not BootState.TRIAL:
            raise RuntimeError(f"{record.state.name}: no image is on trial")
        return record

    def _check_size(self, slot: int, facts: SlotFacts) -> None:
        if not 0 < facts.size <= self._slots[slot].size:
            raise ValueError(f"{facts.size} octets, slot of {self._slots[slot].size} octets")

    def _present(self, slot: int, facts: SlotFacts) -> tuple[BootRecord, BootRecord]:
        """Return the record, and as it is once the standby slot holds an image."""
        record = self._writable()
        if record.state not in (BootState.STEADY, BootState.PENDING):
            raise RuntimeError(f"{record.state.name}: cannot take an image during a trial")
        if slot != self.standby:
            raise ValueError(f"slot {slot} runs; the standby slot is {self.standby}")
        self._check_size(slot, facts)
        return record, _with(record, slot, replace(facts, standing=Standing.PRESENT))

    def _valid(self, record: BootRecord, slot: int) -> bool:
        """Tell whether a slot holds, octet for octet, the image that the record says.

        ``NO_IMAGE`` is never there: its digest is not that of no octets.
        """
        facts, area = record.images[slot], self._slots[slot]
        return _digest(area.pages(facts.size), facts.size) == facts.digest

    def _may_run(self, record: BootRecord, slot: int) -> bool:
        """Tell whether a slot holds a valid image that the policy lets boot."""
        strict = self._limits.fallback_below_counter is Fallback.REFUSE
        return not (strict and self._below(record, slot)) and self._valid(record, slot)

    def _below(self, record: BootRecord, slot: int) -> bool:
        return record.images[slot].security_counter < record.counter

    def _run_active(self, record: BootRecord) -> Choice:
        active = record.active
        if self._may_run(record, active):
            return Choice(slot=active, trial=False, facts=record.images[active])
        return self._run_other(record, active, 1 - active)

    def _run_other(self, record: BootRecord, corrupt: int, other: int) -> Choice:
        """Run the other image from now on, because the one that should run cannot."""
        if not self._may_run(record, other):
            below = self._valid(record, other)  # a valid one is kept out by its counter alone
            raise BootError(self._no_image(record, other) if below else _NEITHER)
        note = Report(what=Happening.SLOT_INVALID, details=(("slot", corrupt),))
        if self._valid(record, corrupt):
            note = self._counter_note(record, corrupt)
        notes = (note, *self._fallback_notes(record, other))
        changed, slot = self._placement.bring_over(_without(record, corrupt), self._slots, other)
        if not self._valid(changed, slot):
            raise BootError(f"slot {slot}: found other octets than were copied there")
        self._records.write(_steady(changed, slot))  # GB-081
        return Choice(slot=slot, trial=False, facts=changed.images[slot], notes=notes)

    def _no_image(self, record: BootRecord, slot: int) -> str:
        found = record.images[slot].security_counter
        return f"slot {slot}: found security counter {found}, wanted at least {record.counter}"

    def _fallback_notes(self, record: BootRecord, slot: int) -> tuple[Report, ...]:
        return (self._counter_note(record, slot),) if self._below(record, slot) else ()

    def _counter_note(self, record: BootRecord, slot: int) -> Report:
        found = record.images[slot].security_counter
        details = (("slot", slot), ("counter", found), ("confirmed", record.counter))
        return Report(what=Happening.BELOW_COUNTER, details=details)

    def _begin(self, record: BootRecord) -> Choice:
        """Boot the candidate for the first time."""
        slot, active = record.candidate, record.active
        if record.swap_step == 0 and not self._may_run(record, slot):
            if not (self._valid(record, slot) and self._may_run(record, active)):
                return self._run_other(record, slot, active)
            choice = self._fall_back(record, record.images[slot])  # or it is fetched without end
            return replace(choice, notes=(self._counter_note(record, slot), *choice.notes))
        moved = self._placement.bring_in(record, self._slots, self._records.write)
        if self._placement.worn is not None and moved.active == record.active:
            return self._fall_back(moved, record.images[record.candidate])
        return self._try(moved)

    def _try(self, record: BootRecord) -> Choice:
        """Boot the candidate once more, or go back."""
        slot, boots = record.candidate, record.trial_boots  # 0 in PENDING
        if boots >= self._limits.trial_boots or record.trial_s >= self._limits.confirm_within_s:
            return self._roll_back(record)
        if not self._valid(record, slot):
            # Having run, it failed; else an image that spoils its own slot is installed for ever.
            if boots:
                return self._roll_back(record)
            return self._run_other(record, slot, record.active)
        self._write(replace(record, state=BootState.TRIAL, trial_boots=boots + 1))
        return Choice(slot=slot, trial=True, facts=record.images[slot])

    def _roll_back(self, record: BootRecord) -> Choice:
        """Run the active image again, and remember which one failed."""
        if record.swap_step == 0 and not self._may_run(record, record.active):
            return self._run_other(record, record.active, record.candidate)
        reverting = replace(record, state=BootState.REVERT)
        moved = self._placement.bring_back(reverting, self._slots, self._records.write)
        return self._fall_back(moved, record.images[record.candidate])

    def _fall_back(self, record: BootRecord, tried: SlotFacts) -> Choice:
        """Run the active image; the candidate failed, whether or not its slot still holds it."""
        slot, active = record.candidate, record.active
        if not self._valid(record, active):
            return self._run_other(record, active, slot)
        notes = self._fallback_notes(record, active)
        failed = replace(tried, standing=Standing.FAILED)
        again = record.images[2] == failed
        failures = min(record.failures + 1, _MOST_FAILURES) if again else 1
        record = replace(record, failures=failures, retry_wait_s=self._limits.retry_after_s)
        left = failed if held(record.images[slot]) else NO_IMAGE
        self._records.write(_steady(_with(_with(record, slot, left), 2, failed), active))
        note = Report(what=Happening.ROLLED_BACK, details=(("version", failed.file_version),))
        return Choice(slot=active, trial=False, facts=record.images[active], notes=(note, *notes))


@lru_cache(maxsize=16)
def _digest(pages: tuple[bytes, ...], size: Octets) -> bytes:
    """Return the SHA-256 of the first octets of some pages; remembered by their content."""
    return sha256(b"".join(pages)[:size]).digest()


def _worn_note(error: WornError) -> Report:
    return Report(what=Happening.FLASH_WORN, details=(("why", str(error)),))


def _with(record: BootRecord, index: int, facts: SlotFacts) -> BootRecord:
    """Return a record with other facts for a slot, or at 2 for the last failure."""
    images = record.images
    return replace(record, images=(*images[:index], facts, *images[index + 1 :]))


def _without(record: BootRecord, slot: int) -> BootRecord:
    return _with(record, slot, NO_IMAGE)


def _pardoned(record: BootRecord) -> BootRecord:
    """Return a record that knows of no image that failed."""
    return replace(_with(record, 2, NO_IMAGE), failures=0, retry_wait_s=0)


def _steady(record: BootRecord, active: int) -> BootRecord:
    """Return a record in which nothing is under way and this slot runs."""
    return replace(
        record,
        state=BootState.STEADY,
        active=active,
        candidate=0,
        trial_boots=0,
        trial_s=0,
        pause_s=0,
        swap_step=0,
    )
