"""Check what the loader keeps beside the trial: a verified image, counters, failures, pauses."""

from dataclasses import replace

import pytest

from emulator.actions import Happening, Report
from emulator.boot.loader import Loader
from emulator.boot.record import BootRecord as Record
from emulator.boot.record import BootState, RecordLog, Standing
from emulator.errors import BootError, WornError
from emulator.faults import WornSector
from emulator.flash.area import Area, StreamWriter
from emulator.flash.nor import Nor
from emulator.profiles.switches import Fallback
from tests.boot.rig import (
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


def put(nor: Nor, image: bytes) -> Loader:
    """Store an image in the standby slot and note that it is verified, no more."""
    boot = loader(nor)
    boot.withdraw()
    writer = StreamWriter.begin(slots(nor)[boot.standby])
    writer.append(image)
    writer.finish()
    boot.keep(boot.standby, facts_of(image))
    return boot


def test_a_verified_image_that_waits_is_the_way_out_of_a_corrupt_slot(nor: Nor) -> None:
    put(nor, NEW)
    assert boots(nor) == (1, False)
    spoil(nor, 0)
    choice = loader(nor).choose()
    assert (choice.slot, choice.trial, choice.notes) == (1, False, invalid(0))
    assert boots(nor) == (2, False)
    assert loader(nor).standby == 0
    assert loader(nor).facts(0) is None


def test_what_is_kept_is_noted_once_and_checked(nor: Nor) -> None:
    boot = put(nor, NEW)
    assert loader(nor).facts(1) == facts_of(NEW)
    assert loader(nor).state is BootState.STEADY
    operations = nor.operations
    boot.keep(1, facts_of(NEW))
    assert nor.operations == operations
    with pytest.raises(ValueError, match="slot 0 runs"):
        boot.keep(0, facts_of(NEW))
    boot.stage(1, facts_of(NEW))
    trial = loader(nor)
    trial.choose()
    with pytest.raises(RuntimeError, match="TRIAL"):
        trial.keep(0, facts_of(OLD))


def test_the_highest_counter_confirmed_is_kept_over_fallbacks(nor: Nor) -> None:
    store(nor, NEXT)
    trial = loader(nor)
    assert trial.choose().notes == ()
    trial.confirm()
    spoil(nor, 1)
    assert below(0, counter=1, confirmed=3) in loader(nor).choose().notes
    store(nor, NEW)  # still below the third
    loader(nor).choose()
    loader(nor).confirm()
    record = RecordLog(Area(nor, 4096, 6144), Record).read()
    assert record is not None
    assert record.counter == 3


REFUSES = Limits(fallback_below_counter=Fallback.REFUSE)


def test_an_image_below_the_counter_may_be_refused_though_it_is_the_last(nor: Nor) -> None:
    store(nor, NEW)
    loader(nor).choose()
    loader(nor).confirm()
    assert loader(nor, REFUSES).choose().facts == facts_of(NEW)
    spoil(nor, 1)
    with pytest.raises(BootError, match="slot 0: found security counter 1, wanted at least 2"):
        loader(nor, REFUSES).choose()
    spoil(nor, 0)
    with pytest.raises(BootError, match="neither slot holds"):
        loader(nor, REFUSES).choose()


def test_a_pending_image_below_the_counter_may_be_refused(nor: Nor) -> None:
    store(nor, NEXT)
    loader(nor).choose()
    loader(nor).confirm()
    store(nor, NEW)
    strict = loader(nor, REFUSES)
    choice = strict.choose()
    assert (choice.facts, choice.trial) == (facts_of(NEXT), False)
    undone = Report(what=Happening.ROLLED_BACK, details=(("version", 2),))
    assert choice.notes == (below(0, counter=2, confirmed=3), undone)
    assert strict.last_failure == replace(facts_of(NEW), standing=Standing.FAILED)
    assert boots(nor) == (3, False)


def test_an_unconfirmed_counter_binds_nobody(nor: Nor) -> None:
    store(nor, NEXT)
    trial = loader(nor, REFUSES)
    assert trial.choose().trial
    trial.give_up()
    choice = loader(nor, REFUSES).choose()
    assert choice.facts == facts_of(OLD)
    assert [note.what for note in choice.notes] == [Happening.ROLLED_BACK]


def fail(nor: Nor, image: bytes) -> Loader:
    """Have an image tried and given up; return the loader of the boot that goes back."""
    store(nor, image)
    loader(nor).choose()
    loader(nor).give_up()
    back = loader(nor)
    back.choose()
    return back


def test_an_image_that_failed_may_be_tried_again_after_a_while_and_not_for_ever(nor: Nor) -> None:
    assert loader(nor).retry_in_s == 0
    back = fail(nor, NEW)
    assert back.retry_in_s == 5000
    back.wait(1200)
    back.wait(0)
    assert loader(nor).retry_in_s == 3800
    loader(nor).wait(9999)
    assert loader(nor).retry_in_s == 0
    assert loader(nor).last_failure is not None
    assert fail(nor, NEW).retry_in_s == 5000
    assert fail(nor, NEW).retry_in_s is None
    assert fail(nor, NEW[:-1]).retry_in_s == 5000  # another image has attempts of its own
    loader(nor).forgive()
    assert loader(nor).retry_in_s == 0


def test_another_image_that_is_confirmed_ends_the_count(nor: Nor) -> None:
    for _ in range(2):
        fail(nor, NEW)
    store(nor, NEXT)
    loader(nor).choose()
    loader(nor).confirm()
    assert loader(nor).retry_in_s == 0
    assert fail(nor, NEW).retry_in_s == 5000


def test_waiting_for_nothing_writes_nothing(nor: Nor) -> None:
    loader(nor).wait(100)
    assert nor.operations == 0


def test_a_pause_does_not_count_as_long_as_it_lasts(nor: Nor) -> None:
    store(nor, NEW)
    trial = loader(nor)
    trial.choose()
    trial.spend(100, 400)
    assert (trial.trial_time_left_s, trial.pause_left_s) == (1100, 200)
    again = loader(nor)
    again.choose()
    again.spend(0, 500)
    assert (again.trial_time_left_s, again.pause_left_s) == (800, 0)
    with pytest.raises(ValueError, match="-1 s"):
        again.spend(5, -1)
    again.confirm()
    store(nor, NEXT)
    assert loader(nor).choose().trial
    assert loader(nor).pause_left_s == 600


# A boot record that takes no erase: what can be booted without it boots.


def wear_out(nor: Nor) -> None:
    """Leave no sector of the boot record that could be written from now on."""
    nor.wear(*(WornSector(address=at) for at in range(4096, 6144, 512)))


def test_what_found_no_sector_is_refused_for_the_rest_of_the_run(nor: Nor) -> None:
    boot = loader(nor)
    boot.withdraw()
    writer = StreamWriter.begin(slots(nor)[boot.standby])
    writer.append(NEW)
    writer.finish()
    wear_out(nor)
    with pytest.raises(WornError):
        boot.keep(boot.standby, facts_of(NEW))
    operations = nor.operations
    for _ in range(2):
        with pytest.raises(WornError):
            boot.keep(boot.standby, facts_of(NEW))
        with pytest.raises(WornError):
            boot.stage(boot.standby, facts_of(NEW))
    assert nor.operations == operations  # no other erase was tried
    assert boots(nor) == (1, False)


@pytest.mark.parametrize("state", [BootState.PENDING, BootState.TRIAL, BootState.REVERT])
def test_no_trial_is_begun_or_goes_on_that_cannot_be_counted(nor: Nor, state: BootState) -> None:
    store(nor, NEW)
    boot = loader(nor)
    if state is not BootState.PENDING:
        boot.choose()
    if state is BootState.REVERT:
        boot.give_up()
    wear_out(nor)
    for _ in range(3):
        choice = loader(nor).choose()
        assert (choice.slot, choice.trial, choice.facts) == (0, False, facts_of(OLD))
        assert [note.what for note in choice.notes] == [Happening.FLASH_WORN]


@pytest.mark.parametrize("corrupt", [0, 1])
def test_the_slot_that_is_whole_boots_though_that_cannot_be_written_down(
    nor: Nor, corrupt: int
) -> None:
    store(nor, NEW)
    spoil(nor, corrupt)
    wear_out(nor)
    for _ in range(3):
        choice = loader(nor).choose()
        assert (choice.slot, choice.trial) == (1 - corrupt, False)
        assert choice.facts.file_version == (OLD, NEW)[1 - corrupt][0]
    spoil(nor, 1 - corrupt)
    with pytest.raises(BootError, match=r"takes no erase|neither slot"):
        loader(nor).choose()


@pytest.mark.parametrize("saved", range(6))
def test_what_ends_a_trial_needs_no_erase(nor: Nor, saved: int) -> None:
    store(nor, NEW)
    boot = loader(nor)
    boot.choose()
    for _ in range(saved):
        boot.spend(60)
    wear_out(nor)
    before = nor.snapshot()
    boot.confirm()
    assert boots(nor) == (2, False)
    nor.restore(before)
    boot = loader(nor)  # what this life did not begin it cannot end
    with pytest.raises(WornError):
        boot.confirm()


def test_a_trial_whose_end_could_not_be_written_does_not_begin(nor: Nor) -> None:
    store(nor, NEW)
    wear_out(nor)
    assert boots(nor) == (1, False)
    nor.wear()
    assert boots(nor) == (2, True)
