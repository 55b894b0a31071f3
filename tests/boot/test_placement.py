"""Check that images come to where they run, whole, and stay whole on the way."""

from dataclasses import dataclass
from hashlib import sha256

import pytest

from emulator.actions import Happening, Report
from emulator.boot.loader import Loader
from emulator.boot.placement import Swap
from emulator.boot.record import BootRecord, BootState, RecordLog, SlotFacts
from emulator.errors import BootError, PowerLost
from emulator.faults import CutKind, CutPower
from emulator.flash.area import Area, StreamWriter
from emulator.flash.nor import Geometry, Nor
from emulator.profiles.switches import Fallback

SECTOR = 512
SLOT = 6 * SECTOR
LOG = [2 * SLOT, 2 * SLOT + 4 * SECTOR]
GEOMETRY = Geometry(
    size_octets=24 * SECTOR, erase_size_octets=SECTOR, program_size_octets=8, erased_value=0xFF
)


@dataclass(frozen=True)
class Limits:
    trial_boots: int = 2
    confirm_within_s: int = 1200
    confirm_pause_max_s: int = 0
    retry_after_s: int = 100
    retries: int = 1
    fallback_below_counter: Fallback = Fallback.ALLOW


def image(version: int, size: int) -> bytes:
    """Return octets of which no two sectors are alike, with runs of both erased values."""
    rows = [sha256(b"%d %d" % (version, row)).digest() for row in range(-(-size // 32))]
    whole = bytearray(b"".join(rows)[:size])
    whole[40:80], whole[100:120] = b"\xff" * 40, bytes(20)
    return bytes(whole)


OLD = image(1, 2000)


def facts_of(octets: bytes, version: int) -> SlotFacts:
    return SlotFacts(
        manufacturer=0x1002,
        image_type=7,
        file_version=version,
        size=len(octets),
        digest=sha256(octets).digest(),
    )


def slots(nor: Nor) -> list[Area]:
    return [Area(nor, 0, SLOT), Area(nor, SLOT, 2 * SLOT)]


def loader(nor: Nor, scratch: int = 1) -> Loader:
    records = RecordLog(Area(nor, *LOG), BootRecord)
    room = Area(nor, LOG[1], LOG[1] + scratch * SECTOR)
    return Loader(slots(nor), records, Limits(), Swap(room))


def new() -> Nor:
    nor = Nor(GEOMETRY)
    loader(nor).install_factory(0, OLD, facts_of(OLD, 1))
    return nor


def store(nor: Nor, octets: bytes, version: int = 2) -> None:
    boot = loader(nor)
    boot.withdraw()
    assert boot.standby == 1
    writer = StreamWriter.begin(slots(nor)[1])
    writer.append(octets)
    writer.finish()
    boot.stage(1, facts_of(octets, version))


def held(nor: Nor, slot: int, size: int) -> bytes:
    return slots(nor)[slot].read(0, size)


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
