"""Each guard of loader and log that no story needs every day: what it is there for."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Annotated

import pytest

from emulator.boot.loader import Loader
from emulator.boot.placement import InPlace, Swap, Write, _copy
from emulator.boot.record import NO_IMAGE, BootRecord, BootState, RecordLog
from emulator.errors import BootError, WornError
from emulator.faults import WornSector
from emulator.flash.area import Area, StreamWriter
from emulator.flash.nor import Geometry, Nor
from emulator.profiles.switches import Fallback
from emulator.wire.codec import Counted, Frame, frame
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

SECTOR = GEOMETRY.erase_size_octets


@pytest.fixture
def nor() -> Nor:
    return new()


def on_trial(nor: Nor, image: bytes = NEW) -> Loader:
    """Return the loader of an image's first trial boot."""
    store(nor, image)
    boot = loader(nor)
    assert boot.choose().trial
    return boot


def confirmed(nor: Nor, image: bytes) -> None:
    on_trial(nor, image).confirm()


def records(nor: Nor) -> RecordLog[BootRecord]:
    return RecordLog(Area(nor, 4096, 6144), BootRecord)


def record_of(nor: Nor) -> BootRecord:
    record = records(nor).read()
    assert record is not None
    return record


# What is counted.


def test_time_that_does_not_count_is_saved_too(nor: Nor) -> None:
    on_trial(nor).spend(0, 40)
    again = loader(nor)
    assert (again.pause_left_s, again.trial_time_left_s) == (560, 1200)


def test_no_time_is_left_where_less_is_granted_now(nor: Nor) -> None:
    """The next firmware may be stricter than the one that counted."""
    on_trial(nor).spend(500, 500)
    strict = loader(nor, Limits(confirm_within_s=300, confirm_pause_max_s=300))
    assert (strict.trial_time_left_s, strict.pause_left_s) == (0, 0)


def test_failures_are_counted_up_to_what_the_record_holds(nor: Nor) -> None:
    on_trial(nor).give_up()
    assert boots(nor) == (1, False)
    records(nor).write(replace(record_of(nor), failures=255))
    on_trial(nor).give_up()
    assert boots(nor) == (1, False)
    assert record_of(nor).failures == 255


@pytest.mark.parametrize(
    "wrong", [{"size": len(OLD) - 1}, {"digest": sha256(NEW).digest()}], ids=["size", "digest"]
)
def test_one_wrong_fact_of_the_factory_image_is_enough(wrong: dict[str, int | bytes]) -> None:
    nor = Nor(GEOMETRY)
    with pytest.raises(ValueError, match="size or digest"):
        loader(nor).install_factory(0, OLD, replace(facts_of(OLD), **wrong))  # type: ignore[arg-type]
    with pytest.raises(BootError, match="no boot record"):
        loader(nor).choose()


# Images that are not what they were.


class SpoilsWhatItMoves(InPlace):
    """Leave other octets than it was to move."""

    def __init__(self, nor: Nor) -> None:
        self._nor = nor

    def bring_in(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        spoil(self._nor, record.candidate)
        return record

    def bring_over(
        self, record: BootRecord, slots: Sequence[Area], slot: int
    ) -> tuple[BootRecord, int]:
        spoil(self._nor, slot)
        return record, slot


def moving(nor: Nor) -> Loader:
    return Loader(slots(nor), records(nor), Limits(), SpoilsWhatItMoves(nor))


def test_a_copy_that_came_out_wrong_does_not_run(nor: Nor) -> None:
    confirmed(nor, NEW)
    spoil(nor, 1)
    before = record_of(nor)
    with pytest.raises(BootError, match="slot 0: found other octets than were copied there"):
        moving(nor).choose()
    assert record_of(nor) == before


def test_an_image_that_was_lost_on_its_way_has_not_failed_a_trial(nor: Nor) -> None:
    store(nor, NEW)

    class Moves(SpoilsWhatItMoves):
        bring_over = InPlace.bring_over

    boot = Loader(slots(nor), records(nor), Limits(), Moves(nor))
    choice = boot.choose()
    assert (choice.facts.file_version, choice.notes) == (1, invalid(1))
    assert boot.last_failure is None


def test_a_rollback_to_an_image_below_the_counter_is_refused(nor: Nor) -> None:
    """It was let in by a firmware that allows it."""
    confirmed(nor, NEXT)
    confirmed(nor, NEW)
    on_trial(nor, NEXT).give_up()
    strict = Limits(fallback_below_counter=Fallback.REFUSE)
    choice = loader(nor, strict).choose()
    assert (choice.facts.file_version, choice.trial) == (3, False)
    assert choice.notes == (below(choice.slot ^ 1, counter=2, confirmed=3),)
    assert loader(nor, strict).state is BootState.STEADY


# Records and sectors.


@frame
class Note(Frame):
    """Be a record of any length."""

    text: Annotated[bytes, Counted(2)]


#: Octets that stand around the text of a note in flash.
AROUND = 18


def log(sectors: int = 4) -> tuple[Nor, RecordLog[Note]]:
    nor = Nor(Geometry(**{**_sizes(), "size_octets": SECTOR * sectors, "program_size_octets": 2}))
    return nor, RecordLog(Area(nor, 0, SECTOR * sectors), Note)


def _sizes() -> dict[str, int]:
    return {name: getattr(GEOMETRY, name) for name in GEOMETRY.__slots__}


def note(octets: int) -> Note:
    """Return a note that takes so many octets of flash."""
    return Note(text=b"x" * (octets - AROUND))


def test_a_record_may_fill_a_sector_and_not_more() -> None:
    nor, made = log()
    made.write(note(SECTOR))
    assert RecordLog(Area(nor, 0, nor.geometry.size_octets), Note).read() == note(SECTOR)
    with pytest.raises(ValueError, match=f"record of {SECTOR + 2} octets, sector of {SECTOR}"):
        made.write(note(SECTOR + 2))


def test_records_that_fill_a_sector_share_it() -> None:
    nor, made = log()
    for _ in range(2):
        made.write(note(SECTOR // 2))
    erased = [one.address for one in nor.log if one.data is None]
    assert erased == [0]
    made.write(note(SECTOR // 2))
    assert len([one for one in nor.log if one.data is None]) == 2


@pytest.mark.parametrize("worn", [(1,), (1, 2), (2,)])
def test_a_log_goes_on_around_worn_sectors(worn: tuple[int, ...]) -> None:
    nor, made = log()
    nor.wear(*(WornSector(address=one * SECTOR, since=0) for one in worn))
    for number in range(6):
        made.write(note(SECTOR - 2 * number))
        opened = RecordLog(Area(nor, 0, nor.geometry.size_octets), Note)
        assert opened.read() == note(SECTOR - 2 * number)
    used = {one.address // SECTOR for one in nor.log if one.data is None and not one.failed}
    assert used == {0, 1, 2, 3} - {*worn}


def test_a_log_stops_rather_than_erase_its_only_copy() -> None:
    nor, made = log()
    made.write(note(SECTOR))
    nor.wear(*(WornSector(address=one * SECTOR, since=0) for one in (1, 2, 3)))
    with pytest.raises(WornError):
        made.write(note(SECTOR))
    assert [one.address for one in nor.log if one.data is None and not one.failed] == [0]
    assert made.read() == note(SECTOR)


def test_a_loader_that_could_not_write_once_does_not_try_again(nor: Nor) -> None:
    store(nor, NEW)
    nor.wear(*(WornSector(address=4096 + one * SECTOR, since=0) for one in range(4)))
    boot = loader(nor)
    assert boot.choose().facts.file_version == 1
    done = nor.operations
    for act in (boot.withdraw, lambda: boot.keep(1, facts_of(NEW))):
        with pytest.raises(WornError):
            act()
    assert nor.operations == done


@pytest.mark.parametrize("sparing", [True, False])
def test_what_reads_right_is_left_alone_only_where_that_is_meant(nor: Nor, sparing: bool) -> None:
    """It may be weak, and read right by chance."""
    first, second = slots(nor)
    _copy(first, 0, second, 0, SECTOR)
    done = nor.operations
    _copy(first, 0, second, 0, SECTOR, sparing=sparing)
    assert second.read(0, SECTOR) == first.read(0, SECTOR)
    assert (nor.operations == done) == sparing


def test_where_images_run_in_one_slot_either_of_them_is_put_there() -> None:
    both = slots(nor := Nor(GEOMETRY))
    for slot, octets in zip(both, (OLD, NEW), strict=True):
        writer = StreamWriter.begin(slot)
        writer.append(octets)
        writer.finish()
    record = BootRecord(active=0, images=(facts_of(OLD), facts_of(NEW), NO_IMAGE))
    spoil(nor, 0)
    swap = Swap(Area(nor, 4096, 4608))
    assert list(swap.homes(record, both)) == [(0, 1)]  # the active one is not whole any more
    assert both[0].read(0, len(NEW)) == NEW


def test_a_worn_sector_that_is_right_already_does_not_end_a_copy() -> None:
    first, second = slots(nor := Nor(GEOMETRY))
    writer = StreamWriter.begin(first)
    writer.append(bytes(range(1, 251)) * 4)
    writer.finish()
    _copy(first, 0, second, 0, SECTOR)
    nor.wear(WornSector(address=second.start, since=0))
    _copy(first, 0, second, 0, 2 * SECTOR)
    assert second.read(0, 2 * SECTOR) == first.read(0, 2 * SECTOR)
