"""Check that images come to where they run, whole, and stay whole on the way."""

import random
from hashlib import sha256

import pytest

from emulator.actions import Happening, Report
from emulator.boot.loader import Choice
from emulator.boot.record import BootState, Standing
from emulator.errors import BootError, PowerLost, WornError
from emulator.faults import CutKind, CutPower, WornSector
from emulator.flash.nor import Nor, OperationKind
from tests.boot.swapping import (
    GEOMETRY,
    LOG,
    OLD,
    SECTOR,
    SLOT,
    facts_of,
    held,
    image,
    loader,
    new,
    store,
)


@pytest.mark.parametrize("scratch", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("size", [121, 511, 512, 513, 1999, 2001, SLOT])
def test_an_exchange_puts_each_image_where_the_other_was(size: int, scratch: int) -> None:
    nor, good = new(), image(2, size)
    store(nor, good)
    trial = loader(nor, scratch)
    choice = trial.choose()
    assert (choice.slot, choice.trial, choice.facts) == (0, True, facts_of(good, 2))
    assert (held(nor, 0, size), held(nor, 1, len(OLD))) == (good, OLD)
    assert (trial.standby, trial.facts(0), trial.facts(1)) == (
        1,
        facts_of(good, 2),
        facts_of(OLD, 1),
    )
    trial.give_up()
    back = loader(nor, scratch)
    choice = back.choose()
    assert (choice.slot, choice.trial, choice.facts) == (0, False, facts_of(OLD, 1))
    assert (held(nor, 0, len(OLD)), held(nor, 1, size)) == (OLD, good)
    assert back.last_failure is not None
    assert back.last_failure.digest == facts_of(good, 2).digest
    assert back.state is BootState.STEADY


def test_a_confirmed_image_stays_in_the_first_slot_and_is_replaced_in_turn() -> None:
    nor = new()
    for version in (2, 3, 4):
        store(nor, image(version, 900), version)
        trial = loader(nor)
        assert trial.choose().facts.file_version == version
        trial.confirm()
        operations = nor.operations
        assert loader(nor).choose().slot == 0
        assert nor.operations == operations


def test_a_corrupt_image_is_never_brought_in() -> None:
    nor = new()
    store(nor, image(2, 900))
    nor.erase(SLOT, SECTOR)
    choice = loader(nor).choose()
    assert (choice.slot, choice.facts.file_version) == (0, 1)
    assert choice.notes == (Report(what=Happening.SLOT_INVALID, details=(("slot", 1),)),)
    assert held(nor, 0, len(OLD)) == OLD
    assert loader(nor).choose().notes == ()


@pytest.mark.parametrize("cut", [*range(13), None])
def test_a_corrupt_first_slot_is_written_over_by_the_revert_copy(cut: int | None) -> None:
    nor = new()
    store(nor, image(2, 900))
    loader(nor).choose()
    loader(nor).confirm()
    nor.erase(SECTOR, SECTOR)
    if cut is not None:
        nor.arm(CutPower(operation=nor.operations + cut, kind=CutKind.TORN, octets=200))
        try:
            loader(nor).choose()
        except PowerLost:
            choice = loader(nor).choose()
            assert choice.facts == facts_of(OLD, 1)
    nor.arm()
    choice = loader(nor).choose()
    assert (choice.slot, choice.trial, choice.facts) == (0, False, facts_of(OLD, 1))
    assert held(nor, 0, len(OLD)) == OLD
    assert loader(nor).facts(1) is None


@pytest.mark.parametrize("cut", range(1, 10))
def test_a_revert_copy_that_begins_anew_leaves_nothing_weak(cut: int) -> None:
    soft = (b"\xff" * 7 + b"\xfe") * 250  # what is weak in it reads right every other time
    for seed in range(8):
        nor = Nor(GEOMETRY)
        loader(nor).install_factory(0, soft, facts_of(soft, 1))
        store(nor, image(2, 900))
        loader(nor).choose()
        loader(nor).confirm()
        nor.erase(SECTOR, SECTOR)
        last = SECTOR - 1  # of a page, so that no octet behind it tells of the cut
        power = CutPower(operation=nor.operations + cut, kind=CutKind.WEAK, octets=last, seed=seed)
        nor.arm(power)
        with pytest.raises(PowerLost):
            loader(nor).choose()
        nor.arm()
        assert loader(nor).choose().facts == facts_of(soft, 1)
        assert [one for one in nor.content().weak if one.address < SLOT] == []


def test_a_pending_image_is_brought_in_though_the_first_slot_is_corrupt() -> None:
    nor, good = new(), image(2, 900)
    store(nor, good)
    nor.erase(0, SECTOR)
    for _ in range(2):
        choice = loader(nor).choose()
        assert (choice.slot, choice.trial, choice.facts) == (0, True, facts_of(good, 2))
    choice = loader(nor).choose()  # no way back is left: it stays
    assert (choice.slot, choice.trial, choice.facts) == (0, False, facts_of(good, 2))


def test_an_image_that_spoils_itself_in_its_trial_is_undone() -> None:
    nor = new()
    store(nor, image(2, 900))
    loader(nor).choose()
    nor.erase(0, SECTOR)
    choice = loader(nor).choose()
    assert choice.facts == facts_of(OLD, 1)
    assert [note.what for note in choice.notes] == [Happening.ROLLED_BACK]
    assert held(nor, 0, len(OLD)) == OLD


def test_two_corrupt_slots_are_death() -> None:
    nor = new()
    store(nor, image(2, 900))
    loader(nor).choose()
    nor.erase(0, SECTOR)
    nor.erase(SLOT, SECTOR)
    with pytest.raises(BootError, match="neither"):
        loader(nor).choose()


def test_a_failed_image_is_brought_over_when_nothing_else_is_left() -> None:
    nor, bad = new(), image(2, 900)
    store(nor, bad)
    loader(nor).choose()
    loader(nor).give_up()
    loader(nor).choose()
    nor.erase(0, SECTOR)
    choice = loader(nor).choose()
    assert (choice.slot, choice.facts.file_version) == (0, 2)
    assert held(nor, 0, len(bad)) == bad


def test_an_exchange_of_many_parts_survives_a_cut_at_each_of_its_operations() -> None:
    """Each operation of exchange and way back, torn, and the next one before it."""
    whole = new()
    store(whole, image(2, SLOT))
    start = whole.snapshot()
    loader(whole).choose()
    count = whole.operations - start.operations
    assert count > 6 * 3 * 2
    for number in range(start.operations, start.operations + count):
        nor = Nor(GEOMETRY)
        nor.restore(start)
        nor.arm(
            CutPower(operation=number, kind=CutKind.TORN, octets=100),
            CutPower(operation=number + 2, kind=CutKind.HALF_ERASE),
        )
        for _ in range(3):
            try:
                choice = loader(nor).choose()
            except PowerLost:
                continue
            break
        assert choice.facts.file_version == 2
        assert (held(nor, 0, SLOT), held(nor, 1, len(OLD))) == (image(2, SLOT), OLD)


# Worn sectors: the exchange is refused, the bridge runs on and says so.

NEW = image(2, SLOT)
#: The first address of slot A, slot B and the scratch area.
PLACES = {"a": 0, "b": SLOT, "scratch": LOG[1]}
SECTORS = [(place, at) for place in PLACES for at in range(1 if place == "scratch" else 6)]


def sector(place: str, at: int = 0, since: int = 0) -> WornSector:
    return WornSector(address=PLACES[place] + at * SECTOR, since=since)


def staged() -> Nor:
    nor = new()
    store(nor, NEW)
    return nor


def failed_in_its_trial() -> Nor:
    nor = staged()
    loader(nor).choose()
    loader(nor).give_up()
    return nor


def happenings(choice: Choice) -> list[Happening]:
    return [note.what for note in choice.notes]


def boot_after_cuts(nor: Nor, scratch: int = 1) -> Choice:
    for _ in range(4):
        try:
            return loader(nor, scratch).choose()
        except PowerLost:
            pass
    raise AssertionError("more cuts than were armed")


def check_rests(nor: Nor, octets: bytes) -> None:
    """Check that an image is in slot A, and that the next boot runs it and has nothing to do."""
    assert held(nor, 0, len(octets)) == octets
    operations = nor.operations
    choice = loader(nor).choose()
    assert (choice.slot, choice.trial, choice.notes) == (0, False, ())
    assert choice.facts.digest == sha256(octets).digest()
    assert (nor.operations, loader(nor).state) == (operations, BootState.STEADY)


@pytest.mark.parametrize("scratch", [1, 2, 4])
@pytest.mark.parametrize(("place", "at"), SECTORS)
def test_an_exchange_that_meets_a_worn_sector_is_refused(place: str, at: int, scratch: int) -> None:
    nor = staged()
    nor.wear(sector(place, at))
    boot = loader(nor, scratch)
    choice = boot.choose()
    assert (choice.slot, choice.trial, choice.facts) == (0, False, facts_of(OLD, 1))
    assert happenings(choice) == [Happening.ROLLED_BACK, Happening.FLASH_WORN]
    where = PLACES[place] + at * SECTOR
    assert choice.notes[1].details == (("why", f"sector at {where:#x} takes no erase"),)
    assert boot.last_failure is not None
    assert boot.last_failure.digest == facts_of(NEW, 2).digest
    assert boot.retry_in_s == 100
    check_rests(nor, OLD)


def test_a_worn_scratch_area_costs_neither_image() -> None:
    nor = staged()
    nor.wear(sector("scratch"))
    count = len(nor.log)
    boot = loader(nor)
    boot.choose()
    assert not [one for one in nor.log[count:] if one.address < 2 * SLOT]
    left = boot.facts(1)
    assert left is not None
    assert (left.standing, left.digest) == (Standing.FAILED, facts_of(NEW, 2).digest)
    assert (held(nor, 0, len(OLD)), held(nor, 1, SLOT)) == (OLD, NEW)


def test_what_an_undone_exchange_left_of_the_new_image_is_not_called_one() -> None:
    nor = staged()
    nor.wear(sector("a", 3))
    boot = loader(nor)
    boot.choose()
    assert boot.facts(1) is None
    assert held(nor, 1, SLOT) != NEW


def test_a_worn_sector_that_holds_what_it_must_hold_is_no_obstacle() -> None:
    nor = new()
    alike = OLD[: 2 * SECTOR] + image(2, SECTOR)
    store(nor, alike)
    nor.wear(sector("a", 1), sector("b", 0))
    choice = loader(nor).choose()
    assert (choice.trial, choice.facts, choice.notes) == (True, facts_of(alike, 2), ())
    assert (held(nor, 0, len(alike)), held(nor, 1, len(OLD))) == (alike, OLD)


def test_any_set_of_sectors_worn_before_an_upgrade_leaves_the_old_image() -> None:
    start, rng = staged().snapshot(), random.Random(11)
    for _ in range(150):
        nor = Nor(GEOMETRY)
        nor.restore(start)
        nor.wear(*(sector(*one) for one in rng.sample(SECTORS, rng.randint(1, 6))))
        at = start.operations + rng.randrange(30)
        kind = rng.choice([CutKind.TORN, CutKind.HALF_ERASE, CutKind.AFTER])
        nor.arm(CutPower(operation=at, kind=kind, octets=100))
        boot_after_cuts(nor)
        nor.arm()
        check_rests(nor, OLD)


@pytest.mark.parametrize(("place", "at"), SECTORS)
def test_a_sector_may_wear_at_any_moment_of_an_exchange(place: str, at: int) -> None:
    whole = staged()
    start = whole.snapshot()
    loader(whole).choose()
    for since in range(start.operations, whole.operations):
        nor = Nor(GEOMETRY)
        nor.restore(start)
        nor.wear(sector(place, at, since))
        choice = loader(nor).choose()
        if choice.trial:  # its last erase was done: of the scratch area, before its last use
            assert (choice.facts, choice.notes) == (facts_of(NEW, 2), ())
            assert (held(nor, 0, SLOT), held(nor, 1, len(OLD))) == (NEW, OLD)
        else:
            assert happenings(choice) == [Happening.ROLLED_BACK, Happening.FLASH_WORN]
            check_rests(nor, OLD)


@pytest.mark.parametrize("undoing", [False, True])
@pytest.mark.parametrize(
    ("place", "at"), [("a", 0), ("a", 2), ("a", 5), ("b", 0), ("b", 3), ("scratch", 0)]
)
def test_giving_up_survives_a_cut_at_each_of_its_operations(
    place: str, at: int, undoing: bool
) -> None:
    """Both exchanges; the sector wears halfway if it is the scratch area's."""
    origin = failed_in_its_trial() if undoing else staged()
    start = origin.snapshot()
    since = start.operations + 30 if place == "scratch" else 0
    origin.wear(sector(place, at, since))
    loader(origin).choose()
    wanted = NEW if undoing and place == "a" and at < 4 else OLD
    check_rests(origin, wanted)
    for number in range(start.operations, origin.operations):
        for kind in (CutKind.BEFORE, CutKind.TORN, CutKind.AFTER):
            nor = Nor(GEOMETRY)
            nor.restore(start)
            nor.wear(sector(place, at, since))
            nor.arm(
                CutPower(operation=number, kind=kind, octets=100),
                CutPower(operation=number + 3, kind=CutKind.HALF_ERASE),
            )
            boot_after_cuts(nor)
            nor.arm()
            check_rests(nor, wanted)


@pytest.mark.parametrize("scratch", [1, 2, 4])
@pytest.mark.parametrize(("place", "at"), SECTORS)
def test_a_way_back_that_meets_a_worn_sector(place: str, at: int, scratch: int) -> None:
    nor = failed_in_its_trial()
    nor.wear(sector(place, at))
    choice = loader(nor, scratch).choose()
    assert (choice.slot, choice.trial) == (0, False)
    if place == "a" and at < 4:  # the old image cannot be written where it would run
        assert choice.facts == facts_of(NEW, 2)
        assert happenings(choice) == [Happening.SLOT_INVALID, Happening.FLASH_WORN]
        check_rests(nor, NEW)
    else:
        assert choice.facts == facts_of(OLD, 1)
        assert happenings(choice) == [Happening.ROLLED_BACK, Happening.FLASH_WORN]
        assert loader(nor).last_failure is not None
        check_rests(nor, OLD)


def test_only_worn_sectors_of_the_first_slot_and_of_another_place_end_a_way_back() -> None:
    start, rng, ends = failed_in_its_trial().snapshot(), random.Random(12), set()
    for _ in range(150):
        nor = Nor(GEOMETRY)
        nor.restore(start)
        worn = rng.sample(SECTORS, rng.randint(1, 4))
        nor.wear(*(sector(*one) for one in worn))
        try:
            choice = loader(nor).choose()
        except BootError:
            assert "a" in {place for place, _ in worn}
            assert {"b", "scratch"} & {place for place, _ in worn}
            ends.add("dead")
            continue
        ends.add(choice.facts.file_version)
        check_rests(nor, {1: OLD, 2: NEW}[choice.facts.file_version])
    assert ends == {"dead", 1, 2}


@pytest.mark.parametrize("place", ["b", "scratch"])
def test_a_new_image_is_still_brought_in_where_the_old_one_is_corrupt(place: str) -> None:
    nor = staged()
    nor.erase(0, SECTOR)
    nor.wear(sector(place, 0))
    boot = loader(nor)
    choice = boot.choose()
    assert (choice.slot, choice.trial, choice.facts) == (0, True, facts_of(NEW, 2))
    assert happenings(choice) == [Happening.FLASH_WORN]
    assert held(nor, 0, SLOT) == NEW
    assert boot.facts(1) is None


def test_an_exchange_whose_steps_cannot_be_written_down_is_undone_at_each_boot() -> None:
    whole = staged()
    start = whole.snapshot()
    loader(whole).choose()
    erases = [one.number for one in whole.log if one.kind is OperationKind.ERASE]
    for since in range(start.operations, erases[-1] + 1):
        nor = Nor(GEOMETRY)
        nor.restore(start)
        nor.wear(*(WornSector(address=2 * SLOT + n * SECTOR, since=since) for n in range(4)))
        for _ in range(3):
            choice = loader(nor).choose()
            if choice.trial:
                break
            assert (choice.slot, choice.facts) == (0, facts_of(OLD, 1))
            assert happenings(choice) == [Happening.FLASH_WORN]
            assert held(nor, 0, len(OLD)) == OLD


def test_a_way_back_whose_steps_cannot_be_written_down_is_gone_at_each_boot() -> None:
    whole = failed_in_its_trial()
    start = whole.snapshot()
    loader(whole).choose()
    erases = [one.number for one in whole.log if one.kind is OperationKind.ERASE]
    for since in range(start.operations, erases[-1] + 1):
        nor = Nor(GEOMETRY)
        nor.restore(start)
        nor.wear(*(WornSector(address=2 * SLOT + n * SECTOR, since=since) for n in range(4)))
        for _ in range(3):
            boot = loader(nor)
            choice = boot.choose()
            assert (choice.slot, choice.trial, choice.facts) == (0, False, facts_of(OLD, 1))
            assert held(nor, 0, len(OLD)) == OLD
            if boot.state is not BootState.STEADY:  # nor is anything stored from now on
                with pytest.raises(WornError):
                    boot.withdraw()


def test_a_sector_that_a_cut_left_half_erased_and_that_then_wears_is_death() -> None:
    """The first slot is the only one that runs: nothing else can hold these octets."""
    whole = staged()
    start = whole.snapshot()
    loader(whole).choose()
    number = next(
        one.number
        for one in whole.log
        if one.number >= start.operations and one.address == 2 * SECTOR
    )
    nor = Nor(GEOMETRY)
    nor.restore(start)
    nor.arm(CutPower(operation=number, kind=CutKind.HALF_ERASE))
    nor.wear(sector("a", 2, since=number + 1))
    with pytest.raises(PowerLost):
        loader(nor).choose()
    for _ in range(2):
        with pytest.raises(BootError, match="sector at 0x400 takes no erase"):
            loader(nor).choose()
