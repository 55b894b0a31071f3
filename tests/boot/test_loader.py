"""Check what the loader boots, and what it remembers."""

from dataclasses import replace

import pytest

from emulator.actions import Happening, Report
from emulator.boot.loader import Loader
from emulator.boot.record import BootRecord as Record
from emulator.boot.record import BootState, RecordLog, SlotFacts, Standing
from emulator.errors import BootError, FlashError, PowerLost
from emulator.faults import CutKind, CutPower
from emulator.flash.area import Area
from emulator.flash.nor import Nor
from tests.boot.rig import (
    GEOMETRY,
    NEW,
    NEXT,
    OLD,
    Limits,
    below,
    boots,
    facts_of,
    invalid,
    loader,
    new,
    slots,
    spoil,
    store,
)


@pytest.fixture
def nor() -> Nor:
    return new()


# Steady.


def test_a_new_bridge_boots_the_factory_image(nor: Nor) -> None:
    choice = loader(nor).choose()
    assert (choice.slot, choice.trial, choice.facts, choice.notes) == (0, False, facts_of(OLD), ())
    assert nor.operations == 0
    assert loader(nor).standby == 1
    assert loader(nor).facts(0) == facts_of(OLD)
    assert loader(nor).facts(1) is None
    assert loader(nor).last_failure is None
    assert loader(nor).state is BootState.STEADY


def test_a_steady_boot_writes_nothing(nor: Nor) -> None:
    for _ in range(5):
        assert boots(nor) == (1, False)
    assert nor.operations == 0


def test_a_flash_without_a_record_is_dead() -> None:
    with pytest.raises(BootError, match="no boot record"):
        loader(Nor(GEOMETRY)).choose()


def test_the_factory_image_is_what_its_facts_say() -> None:
    for wrong in (facts_of(NEW), facts_of(OLD + b"x")):
        with pytest.raises(ValueError, match="501 octets"):
            loader(Nor(GEOMETRY)).install_factory(0, OLD, wrong)
    large = bytes(2049)
    with pytest.raises(ValueError, match="slot of 2048"):
        loader(Nor(GEOMETRY)).install_factory(0, large, facts_of(large))
    used = Nor(GEOMETRY)
    loader(used).install_factory(1, OLD, facts_of(OLD))
    assert boots(used) == (1, False)
    with pytest.raises(FlashError):
        loader(used).install_factory(1, OLD, facts_of(OLD))


def test_there_are_two_slots(nor: Nor) -> None:
    with pytest.raises(ValueError, match="1 slots"):
        Loader(slots(nor)[:1], RecordLog(Area(nor, 4096, 6144), Record), Limits())


# Trials.


def test_a_staged_image_is_tried_and_stays_once_confirmed(nor: Nor) -> None:
    store(nor, NEW)
    trial = loader(nor)
    assert trial.choose().trial
    assert trial.trial_boots_used == 1
    assert trial.state is BootState.TRIAL
    trial.confirm()
    for _ in range(5):
        assert boots(nor) == (2, False)
    assert loader(nor).standby == 0
    assert loader(nor).facts(0) == facts_of(OLD)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_an_image_that_never_confirms_is_undone_after_its_boots(nor: Nor, limit: int) -> None:
    store(nor, NEW)
    limits = Limits(trial_boots=limit)
    for count in range(limit):
        trial = loader(nor, limits)
        assert trial.choose().trial
        assert trial.trial_boots_used == count + 1
    back = loader(nor, limits)
    choice = back.choose()
    assert choice.facts == facts_of(OLD)
    assert not choice.trial
    assert choice.notes == (Report(what=Happening.ROLLED_BACK, details=(("version", 2),)),)
    assert back.last_failure is not None
    assert back.last_failure.digest == facts_of(NEW).digest
    assert back.last_failure.standing is Standing.FAILED
    assert back.facts(1) == back.last_failure
    assert boots(nor) == (1, False)
    assert loader(nor, limits).last_failure == back.last_failure


def test_trial_time_adds_up_over_restarts_and_ends_the_trial(nor: Nor) -> None:
    store(nor, NEW)
    first = loader(nor)
    first.choose()
    assert first.trial_time_left_s == 1200
    first.spend(700)
    second = loader(nor)
    assert second.choose().trial
    assert second.trial_time_left_s == 500
    second.spend(400)
    operations = nor.operations
    second.spend(0)
    assert nor.operations == operations
    second.spend(100)
    assert second.trial_time_left_s == 0
    assert boots(nor) == (1, False)


def test_an_image_that_is_given_up_does_not_run_again(nor: Nor) -> None:
    store(nor, NEW)
    trial = loader(nor)
    trial.choose()
    trial.give_up()
    assert trial.standby == 0  # the new image still runs
    choice = loader(nor).choose()
    assert choice.facts.file_version == 1
    assert [note.what for note in choice.notes] == [Happening.ROLLED_BACK]
    assert loader(nor).last_failure is not None


def test_a_failure_is_remembered_until_another_image_is_confirmed(nor: Nor) -> None:
    store(nor, NEW)
    trial = loader(nor)
    trial.choose()
    trial.give_up()
    loader(nor).choose()
    store(nor, NEXT)
    trial = loader(nor)
    trial.choose()
    assert trial.last_failure is not None
    assert trial.last_failure.file_version == 2
    trial.confirm()
    assert loader(nor).last_failure is None
    assert boots(nor) == (3, False)


def test_a_failure_that_is_forgiven_is_forgotten_and_nothing_else_is(nor: Nor) -> None:
    bridge = store(nor, NEW)
    bridge.forgive()
    assert bridge.state is BootState.PENDING
    operations = nor.operations
    loader(nor).forgive()  # nothing to forgive: no write
    assert nor.operations == operations
    boots(nor)
    loader(nor).give_up()
    boots(nor)
    back = loader(nor)
    assert back.last_failure is not None
    back.forgive()
    assert loader(nor).last_failure is None
    assert loader(nor).facts(1) == back.facts(1)
    assert loader(nor).facts(0) == facts_of(OLD)


def test_each_trial_counts_from_nought(nor: Nor) -> None:
    store(nor, NEW)
    for _ in range(2):
        trial = loader(nor)
        trial.choose()
        trial.spend(500)
    trial.confirm()
    store(nor, NEXT)
    trial = loader(nor)
    assert trial.choose().trial
    assert trial.trial_boots_used == 1
    assert trial.trial_time_left_s == 1200


def test_a_failed_image_may_be_tried_again(nor: Nor) -> None:
    store(nor, NEW)
    trial = loader(nor)
    trial.choose()
    trial.give_up()
    back = loader(nor)
    back.choose()
    assert back.last_failure is not None
    back.stage(1, back.last_failure)
    again = loader(nor)
    assert again.choose().trial
    assert again.facts(1) == facts_of(NEW)


# The standby slot.


def test_withdrawing_comes_before_erasing_and_forgets_the_slot(nor: Nor) -> None:
    store(nor, NEW)
    trial = loader(nor)
    trial.choose()
    trial.confirm()
    before = nor.operations
    trial.withdraw()
    assert nor.operations > before
    assert trial.facts(0) is None
    before = nor.operations
    trial.withdraw()
    assert nor.operations == before  # nothing to forget


def test_a_pending_image_is_given_up_for_another_download(nor: Nor) -> None:
    """GB-019, with no third area: recorded before the first erase."""
    store(nor, NEW).withdraw()
    assert loader(nor).state is BootState.STEADY
    assert boots(nor) == (1, False)
    assert loader(nor).last_failure is None


def test_a_pending_image_may_be_replaced_by_itself(nor: Nor) -> None:
    store(nor, NEW).stage(1, facts_of(NEW))
    assert boots(nor) == (2, True)


def test_a_withdrawn_slot_is_no_way_out(nor: Nor) -> None:
    store(nor, NEW)
    trial = loader(nor)
    trial.choose()
    trial.confirm()
    trial.withdraw()
    spoil(nor, 1)
    with pytest.raises(BootError, match="neither"):
        loader(nor).choose()


def test_misuse_is_refused_and_writes_nothing(nor: Nor) -> None:
    steady = loader(nor)
    for wrong in (steady.confirm, steady.give_up, lambda: steady.spend(1)):
        with pytest.raises(RuntimeError, match="STEADY"):
            wrong()
    with pytest.raises(ValueError, match="slot 0 runs"):
        steady.stage(0, facts_of(NEW))
    with pytest.raises(ValueError, match="slot of 2048"):
        steady.stage(1, facts_of(bytes(2049)))
    with pytest.raises(ValueError, match="0 octets"):
        steady.stage(1, facts_of(NEW).__class__(**{**fields(facts_of(NEW)), "size": 0}))
    assert nor.operations == 0

    store(nor, NEW)
    trial = loader(nor)
    trial.choose()
    before = nor.operations
    for wrong in (trial.withdraw, lambda: trial.stage(0, facts_of(NEXT))):
        with pytest.raises(RuntimeError, match="TRIAL"):
            wrong()
    with pytest.raises(ValueError, match="-1 s"):
        trial.spend(-1)
    trial.give_up()
    with pytest.raises(RuntimeError, match="REVERT"):
        trial.withdraw()
    with pytest.raises(RuntimeError, match="REVERT"):
        trial.confirm()
    assert nor.operations == before + 1


def fields(facts: SlotFacts) -> dict[str, object]:
    return {name: getattr(facts, name) for name in facts.__dataclass_fields__}


# Corrupt slots.


def test_a_corrupt_active_slot_boots_the_other_one(nor: Nor) -> None:
    """GB-081: boots the other valid slot, says so, and stays there."""
    store(nor, NEW)
    trial = loader(nor)
    trial.choose()
    trial.confirm()
    spoil(nor, 1)
    choice = loader(nor).choose()
    assert (choice.slot, choice.trial, choice.notes[:1]) == (0, False, invalid(1))
    assert choice.notes[1:] == (below(0, counter=1, confirmed=2),)
    assert choice.facts == facts_of(OLD)
    again = loader(nor)
    assert again.choose().notes == ()
    assert again.standby == 1
    assert again.facts(1) is None


def test_no_valid_slot_is_death(nor: Nor) -> None:
    spoil(nor, 0)
    with pytest.raises(BootError, match="neither"):
        loader(nor).choose()


def test_a_pending_image_that_is_corrupt_never_runs(nor: Nor) -> None:
    store(nor, NEW)
    spoil(nor, 1)
    choice = loader(nor).choose()
    assert (choice.slot, choice.notes) == (0, invalid(1))
    assert loader(nor).last_failure is None  # it may come again: nobody tried it
    assert loader(nor).facts(1) is None
    assert boots(nor) == (1, False)


def test_an_image_that_spoils_itself_in_its_trial_has_failed(nor: Nor) -> None:
    store(nor, NEW)
    loader(nor).choose()
    spoil(nor, 1)
    choice = loader(nor).choose()
    assert choice.slot == 0
    assert [note.what for note in choice.notes] == [Happening.ROLLED_BACK]
    assert loader(nor).last_failure is not None


def test_a_trial_without_a_way_back_ends_with_the_new_image(nor: Nor) -> None:
    store(nor, NEW)
    spoil(nor, 0)
    for _ in range(3):
        assert boots(nor) == (2, True)
    choice = loader(nor).choose()
    assert (choice.slot, choice.trial, choice.notes) == (1, False, invalid(0))
    assert boots(nor) == (2, False)


def test_a_failed_image_is_still_better_than_none(nor: Nor) -> None:
    store(nor, NEW)
    trial = loader(nor)
    trial.choose()
    trial.give_up()
    loader(nor).choose()
    spoil(nor, 0)
    assert boots(nor) == (2, False)


def test_an_image_changed_in_one_bit_is_corrupt() -> None:
    nor = Nor(GEOMETRY)
    changed = bytes([OLD[0] ^ 1]) + OLD[1:]
    loader(nor).install_factory(0, OLD, facts_of(OLD))
    other = Nor(GEOMETRY)
    other.restore(nor.snapshot())
    assert boots(other) == (1, False)
    other.erase(0, 512)
    other.program(0, changed[:496])
    with pytest.raises(BootError):
        loader(other).choose()
    assert boots(nor) == (1, False)


# Records.


def test_an_older_loader_keeps_what_it_does_not_know(nor: Nor) -> None:
    """The octets of every later field lie where an older firmware keeps reserved ones."""
    record = RecordLog(Area(nor, 4096, 6144), Record).read()
    assert record is not None
    full = replace(record, pause_s=1, counter=2, retry_wait_s=3, failures=4, reserved=b"z" * 19)
    octets = full.encode()
    assert octets[10:42] != bytes(32)
    assert octets[:10] == record.encode()[:10]
    assert octets[42:] == record.encode()[42:]


def test_a_record_of_a_newer_layout_is_death_not_a_guess(nor: Nor) -> None:
    area = Area(nor, 4096, 6144)
    record = RecordLog(area, Record).read()
    assert record is not None
    newer = RecordLog(area, Record, layout=2, older={1: lambda octets: Record.decode(octets)[0]})
    newer.write(record)
    with pytest.raises(BootError, match="layout 2"):
        loader(nor).choose()


def test_an_unknown_state_is_death_not_a_guess(nor: Nor) -> None:
    area = Area(nor, 4096, 6144)
    record = RecordLog(area, Record).read()
    assert record is not None
    spare = Nor(GEOMETRY)
    unknown = b"\x09" + record.encode()[1:]

    class Lie:
        def encode(self) -> bytes:
            return unknown

    RecordLog(Area(spare, 4096, 6144), Record).preload(Lie())  # type: ignore[arg-type]
    with pytest.raises(BootError, match="boot state 9"):
        loader(spare).choose()


def test_reserved_octets_outlive_a_loader_that_does_not_know_them(nor: Nor) -> None:
    store(nor, NEW)
    log = RecordLog(Area(nor, 4096, 6144), Record)
    record = log.read()
    assert record is not None
    log.write(Record(**{**fields(record), "reserved": bytes(range(19))}))  # type: ignore[arg-type]
    trial = loader(nor)
    trial.choose()
    trial.spend(5)
    trial.give_up()
    loader(nor).choose()
    after = RecordLog(Area(nor, 4096, 6144), Record).read()
    assert after is not None
    assert after.reserved == bytes(range(19))


@pytest.mark.parametrize("kind", list(CutKind))
def test_the_count_is_in_flash_before_the_image_runs(nor: Nor, kind: CutKind) -> None:
    store(nor, NEW)
    seen = 0
    for _ in range(12):
        nor.arm(CutPower(operation=nor.operations + 1, kind=kind, octets=100))
        try:
            seen += loader(nor).choose().trial
        except PowerLost:
            continue
    nor.arm()
    assert seen == 0  # each boot lost power in writing the count: no image ran uncounted
    assert boots(nor) == ((1, False) if kind is CutKind.AFTER else (2, True))
