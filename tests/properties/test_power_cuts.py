"""Cut power at every flash operation of a bridge's life, in every way, and judge the promises.

Design, section 8, promises 1 to 5; gb-alt-han section 5 (T1, T3), GB-047, GB-064 to GB-066. Each
rule of the parts is then broken on purpose, and the judge must see it.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from emulator.boot.loader import Choice, Loader
from emulator.boot.placement import Swap
from emulator.boot.record import (
    NO_IMAGE,
    BootRecord,
    BootState,
    RecordHead,
    RecordLog,
    Standing,
)
from emulator.errors import PowerLost, WireError
from emulator.faults import CutKind, CutPower, WornSector
from emulator.flash.area import Area, Journal, StreamWriter
from emulator.flash.nor import Content, OperationKind, Snapshot
from tests.properties.least_bridge import (
    GEOMETRIES,
    LIMITS,
    STORIES,
    Bridge,
    Broken,
    Parts,
    Setting,
)


def cut_points(bridge: Bridge) -> Iterator[CutPower]:
    """Yield each way to cut each operation of a life that was lived without cuts."""
    unit = bridge.nor.geometry.program_size_octets
    for number, kind, _, length, *_ in bridge.nor.log:
        yield CutPower(operation=number, kind=CutKind.BEFORE)
        yield CutPower(operation=number, kind=CutKind.AFTER)
        if kind is OperationKind.ERASE:
            yield CutPower(operation=number, kind=CutKind.HALF_ERASE)
            continue
        prefixes = {0, 1, unit // 2, length // 2, length - unit, length - 1} - {length}
        for octets in sorted(prefixes):
            yield CutPower(operation=number, kind=CutKind.TORN, octets=octets)


def draw_cuts(rng: random.Random, operations: int, unit: int, most: int) -> list[CutPower]:
    """Draw two or more cuts; each later one soon after, where the recovery is."""
    cuts, at = [], rng.randrange(operations)
    for _ in range(rng.randint(2, most)):
        kind = rng.choice(list(CutKind))
        cuts.append(CutPower(operation=at, kind=kind, octets=rng.randrange(unit + 1)))
        at += 1 + rng.choice([rng.randrange(4), rng.randrange(40)])
    return cuts


#: Images run where they lie, or are exchanged; a unit of one octet adds nothing to the latter.
SCHEMES = [
    *(pytest.param(one, None, id=f"ab-{one}") for one in GEOMETRIES),
    *(pytest.param(one, Swap, id=f"swap-{one}") for one in GEOMETRIES if one[1] > 1),
]


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize(("geometry", "swap"), SCHEMES)
def test_every_cut_of_every_operation(
    name: str, geometry: tuple[int, int, int], swap: type[Swap] | None
) -> None:
    setting = Setting(STORIES[name], geometry, Parts(swap=swap))
    clean = setting.live()
    phases = {one.phase for one in clean.nor.log}
    assert phases >= {"boot", "download", "stage"}
    assert phases >= {"trial"} or not STORIES[name].mute
    points = list(cut_points(clean))
    if geometry[1] == 1:
        points = points[::7]  # a unit of one octet makes thousands of like points
    assert len(points) > 60
    for cut in points:
        setting.live(cut)


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize(("geometry", "swap"), SCHEMES)
def test_a_second_cut_in_the_recovery(
    name: str, geometry: tuple[int, int, int], swap: type[Swap] | None
) -> None:
    # More trial boots than cuts: a good image must not be blamed for them.
    setting = Setting(STORIES[name], geometry, Parts(swap=swap), replace(LIMITS, trial_boots=5))
    operations = len(setting.live().nor.log)
    rng = random.Random(f"{name} {geometry}")
    for _ in range(120):
        setting.live(*draw_cuts(rng, operations, geometry[1], 4))


@pytest.mark.parametrize("geometry", [one for one in GEOMETRIES if one[1] > 1])
@pytest.mark.parametrize("wears", ["slot A, first", "slot A, last", "scratch", "scratch, later"])
def test_every_cut_of_a_life_in_which_images_cannot_be_exchanged(
    wears: str, geometry: tuple[int, int, int]
) -> None:
    """The image that is exchanged is never tried, or comes back without a scratch area."""
    plain = Setting(STORIES["mute image"], geometry, Parts(swap=Swap))
    bridge = plain.new()
    scratch, last = bridge.scratch.start, len(bridge.judge.images[1]) - 1
    log = plain.live().nor.log
    since = next(one.number for one in log if one.phase == "trial")
    worn = {
        "slot A, first": WornSector(address=0),
        "slot A, last": WornSector(address=last),
        "scratch": WornSector(address=scratch),
        "scratch, later": WornSector(address=scratch, since=since),
    }
    setting = replace(plain, worn=(worn[wears],))
    clean = setting.live()
    assert any(one.failed for one in clean.nor.log)
    tried = 0
    for cut in cut_points(clean):
        tried += bool(setting.live(cut).judge.tries)
    assert bool(tried) is (wears == "scratch, later")
    rng = random.Random(f"{wears} {geometry}")
    for _ in range(60):
        setting.live(*draw_cuts(rng, len(clean.nor.log), geometry[1], 4))


@pytest.mark.parametrize("limit", [1, 2])
def test_other_numbers_of_trial_boots(limit: int) -> None:
    setting = Setting(STORIES["crash loop"], limits=replace(LIMITS, trial_boots=limit))
    for cut in cut_points(setting.live()):
        setting.live(cut)


def test_an_uncut_life_does_not_write_more_than_it_must() -> None:
    """The log is the budget: a change that doubles the wear of flash is seen here."""
    log = Setting(STORIES["upgrade"]).live().nor.log
    erases = [one for one in log if one.kind is OperationKind.ERASE]
    # The slot, and each log's new sector once a power cycle that writes, or when one is full.
    assert len(erases) == 2 + 1 + 2 + 1
    records = [one for one in log if one.kind is OperationKind.PROGRAM and one.length > 16]
    assert len(records) == 2 + 2 + 3


def test_an_exchange_does_not_write_more_than_it_must() -> None:
    log = Setting(STORIES["upgrade"], parts=Parts(swap=Swap)).live().nor.log
    exchange = [one for one in log if one.phase == "boot"]
    copies = [one for one in exchange if one.length == 512]
    # Two sectors, three steps each; each step but the last is written down, two to a sector, and
    # so is the boot; then room is made for the record that ends the trial.
    assert [one.kind for one in copies].count(OperationKind.PROGRAM) == 6
    assert [one.kind for one in copies].count(OperationKind.ERASE) == 6 + 3 + 1


# Defects: each rule broken on purpose. The judge must see each one, by single cuts where it can.


class CountsNever(Loader):
    """Count the first boot of a trial only."""

    def _try(self, record: BootRecord) -> Choice:
        if record.state is BootState.TRIAL:
            facts = record.images[record.candidate]
            return Choice(slot=record.candidate, trial=True, facts=facts)
        return super()._try(record)


class CountsAfterTheBoot(Loader):
    """Count a boot of a trial only when the image says so: one that crashes never does."""

    _owed = False

    def _try(self, record: BootRecord) -> Choice:
        if record.state is BootState.TRIAL and record.trial_boots < self._limits.trial_boots:
            self._owed = True
            facts = record.images[record.candidate]
            return Choice(slot=record.candidate, trial=True, facts=facts)
        return super()._try(record)

    def spend(self, powered_s: int) -> None:
        record = self._record()
        if self._owed:
            self._owed = False
            self._records.write(replace(record, trial_boots=record.trial_boots + 1))
        super().spend(powered_s)


class CountsOneTooMany(Loader):
    """Compare with the wrong sign of equality."""

    def _try(self, record: BootRecord) -> Choice:
        if record.trial_boots == self._limits.trial_boots:
            record = replace(record, trial_boots=record.trial_boots - 1)
            self._records.write(replace(record, trial_boots=99))
            return Choice(slot=record.candidate, trial=True, facts=record.images[record.candidate])
        return super()._try(record)


class ConfirmsAtBoot(Loader):
    """Take a boot for a proof: the image that starts is kept."""

    def _try(self, record: BootRecord) -> Choice:
        choice = super()._try(record)
        if choice.trial:
            self.confirm()
        return choice


class ForgetsToConfirm(Loader):
    """Confirm in RAM only."""

    def confirm(self) -> None:
        self._on_trial()


class ForgetsFailure(Loader):
    """Roll back without a memory of what failed: the same image comes again."""

    def _roll_back(self, record: BootRecord) -> Choice:
        choice = super()._roll_back(record)
        self._records.write(replace(self._record(), images=(*self._record().images[:2], NO_IMAGE)))
        return choice


class KeepsSlotUnchecked(Loader):
    """Boot what the record says, whatever is in the slot."""

    def _valid(self, record: BootRecord, slot: int) -> bool:
        return record.images[slot].standing is not Standing.ABSENT


class CountsNoSteps(Swap):
    """Begin an exchange anew after a cut."""

    def _exchange(
        self, record: BootRecord, slots: Sequence[Area], write: Callable[[BootRecord], None]
    ) -> BootRecord:
        return super()._exchange(replace(record, swap_step=0), slots, write)


class CountsStepsAhead(Swap):
    """Write a step down before it is done."""

    def _exchange(
        self, record: BootRecord, slots: Sequence[Area], write: Callable[[BootRecord], None]
    ) -> BootRecord:
        write(replace(record, swap_step=record.swap_step + 1))
        return super()._exchange(record, slots, write)


class UsesNoScratch(Swap):
    """Hold in RAM what the scratch area is for."""

    def _step(self, step: int, slots: Sequence[Area], start: int, length: int) -> None:
        if step == 0:
            self._ram = slots[1].read(start, length)
        elif step == 1:
            super()._step(step, slots, start, length)
        else:
            slots[0].erase(start, length)
            slots[0].program(start, getattr(self, "_ram", bytes(length)))


class StagesWithoutFinish(StreamWriter):
    """Leave the last octets in RAM."""

    def finish(self) -> None:
        pass


class ErasesInPlace(RecordLog[Any]):
    """Keep one copy: erase the sector that holds it, then write."""

    def write(self, record: Any) -> None:  # noqa: ANN401 - any frame
        self._sector -= self._sector_size
        self._at = None
        super().write(record)


class AppendsAfterReopening(RecordLog[Any]):
    """Go on behind the newest record, where a torn one may have used units up."""

    def __init__(self, area: Area, kind: Any) -> None:  # noqa: ANN401 - any frame
        super().__init__(area, kind)
        content = area.read(self._sector, self._sector_size)
        erased = bytes([area.geometry.erased_value])
        used = len(content.rstrip(erased))
        if self._newest is not None and used:
            self._at = self._sector + used + -used % self._unit


class TakesAnyRecord(RecordLog[Any]):
    """Believe a record without its check value: torn ones count."""

    def _scan(self) -> None:
        for sector in self._area.sectors():
            content = self._area.read(sector, self._sector_size)
            at = content.find(b"\x48\x6e\x76\x52")
            while at >= 0:
                erased = bytes([self._area.geometry.erased_value]) * 300
                with suppress(WireError):
                    head, _ = RecordHead.decode_at(content + erased, at)
                    if head.sequence > self.sequence:
                        self._newest, self._sector = head, sector
                at = content.find(b"\x48\x6e\x76\x52", at + 1)


class TrustsTheLastUnit(StreamWriter):
    """Go on behind the last unit with a trace, torn or not."""

    @classmethod
    def resume(cls, area: Area, size: int, journal: Journal) -> "TrustsTheLastUnit":
        writer = super().resume(area, size, journal)
        unit = area.geometry.program_size_octets
        stored = writer.offset + unit if writer.offset else 0
        return cls(area, min(stored, size - 1) // unit * unit, 0, journal)


class ReusesUnits(StreamWriter):
    """Go on without erasing what a cut program may have used up."""

    @classmethod
    def resume(cls, area: Area, size: int, journal: Journal) -> "ReusesUnits":
        return cls(area, super().resume(area, size, journal).offset, area.size)


class ErasesOneSectorOnly(StreamWriter):
    """Make the first sector ready when resuming, and trust the ones behind it."""

    def _enter(self) -> None:
        super()._enter()
        self._owned = self._area.size


class ForgetsThePrefix(StreamWriter):
    """Erase the sector of the resume point and not write again what it held."""

    def _enter(self) -> None:
        start = self._at - self._at % self._sector
        self._area.erase(start, self._sector)
        self._owned = start + self._sector


class KeepsNoJournal(StreamWriter):
    """Trust what is found in a sector that an earlier resume was about to erase."""

    def _note(self, sector: int | None) -> None:
        pass


#: Which part is replaced by what, in which story it shows, and how.
SINGLE = [
    ("loader", CountsNever, "crash loop", "tried 4 times"),
    ("loader", CountsAfterTheBoot, "crash loop", "tried 4 times"),
    ("loader", CountsOneTooMany, "crash loop", "tried 4 times"),
    ("loader", ConfirmsAtBoot, "crash loop", "version 2 kept"),
    ("loader", ForgetsToConfirm, "upgrade", "ends in TRIAL"),
    ("loader", ForgetsFailure, "crash loop", "tried 4 times"),
    ("swap", CountsNoSteps, "crash loop", "neither slot"),
    ("swap", CountsStepsAhead, "crash loop", "version 2 kept"),
    ("swap", UsesNoScratch, "crash loop", "version 2 kept"),
    ("log", ErasesInPlace, "upgrade", "no boot record"),
    ("log", AppendsAfterReopening, "upgrade", "stops with FlashError"),
    ("log", TakesAnyRecord, "upgrade", "ends with"),
    ("writer", StagesWithoutFinish, "upgrade", "stored version 2"),
    ("writer", TrustsTheLastUnit, "upgrade", "stored version 2"),
    ("writer", ReusesUnits, "upgrade", "stops with FlashError"),
    ("writer", ForgetsThePrefix, "upgrade", "stored version 2"),
    ("writer", ErasesOneSectorOnly, "upgrade", "stops with FlashError"),
]


def first_broken(setting: Setting, lives: Iterator[list[CutPower]]) -> str | None:
    for cuts in lives:
        try:
            setting.live(*cuts)
        except Broken as broken:
            return f"{broken} with {cuts}"
    return None


@pytest.mark.parametrize(
    ("part", "defect", "name", "how"), SINGLE, ids=[row[1].__name__ for row in SINGLE]
)
def test_a_broken_rule_is_seen(part: str, defect: Any, name: str, how: str) -> None:  # noqa: ANN401
    sound = Parts(swap=Swap) if part == "swap" else Parts()
    points = [[cut] for cut in cut_points(Setting(STORIES[name], parts=sound).live())]
    setting = Setting(STORIES[name], parts=Parts(**{part: defect}))
    found = first_broken(setting, iter([[], *points]))
    assert found is not None
    assert how in found


def test_a_broken_rule_may_need_two_cuts_to_be_seen() -> None:
    """Half an erase in a recovery: single cuts never meet it, which is why pairs are swept."""
    setting = Setting(STORIES["upgrade"], parts=Parts(writer=KeepsNoJournal))
    clean = Setting(STORIES["upgrade"]).live()
    assert first_broken(setting, ([cut] for cut in cut_points(clean))) is None
    rng = random.Random(5)
    operations = len(clean.nor.log)
    found = first_broken(setting, (draw_cuts(rng, operations, 16, 3) for _ in range(600)))
    assert found is not None
    assert "stored version 2" in found


def test_what_boots_is_checked_in_its_slot() -> None:
    """A slot that decays after staging: only the digest at boot sees it."""
    for loader, fate in ((Loader, 1), (KeepsSlotUnchecked, None)):
        setting = Setting(STORIES["upgrade"], parts=Parts(loader=loader))
        bridge = setting.new()
        assert bridge.power_on() is False
        bridge.slots[1].erase(512, 512)
        if fate is None:
            with pytest.raises(Broken, match="version 2 booted, and is not that image"):
                bridge.power_on()
        else:
            bridge.power_on()
            assert bridge.judge.tries == {}


def live_on(bridge: Bridge) -> None:
    """Switch on again and again until nothing is left to do."""
    while not bridge.power_on():
        pass


def test_a_life_after_a_cut_depends_on_flash_alone() -> None:
    """A restored snapshot lives on exactly as the flash it was taken from."""
    setting = Setting(STORIES["failure then repair"])
    clean = setting.live()
    for at in range(0, len(clean.nor.log), 9):
        ends: list[Content] = []
        first = setting.new()
        first.nor.arm(CutPower(operation=at, kind=CutKind.TORN, octets=5))
        with pytest.raises(PowerLost):
            live_on(first)
        moment: Snapshot = first.nor.snapshot()
        second = setting.new()
        second.nor.restore(moment)
        for bridge in (first, second):
            live_on(bridge)
            ends.append(bridge.nor.content())
        assert ends[0] == ends[1]
        assert ends[0].digest() == ends[1].digest()
