"""Check that a record survives what happens to the next one."""

from dataclasses import replace
from hashlib import sha256
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.boot.record import NO_IMAGE, BootRecord, BootState, RecordLog, SlotFacts, Standing
from emulator.errors import FlashError, PowerLost, WireError, WornError
from emulator.faults import CutKind, CutPower, WornSector
from emulator.flash.area import Area
from emulator.flash.nor import Geometry, Nor

INSIDE = [(CutKind.TORN, octets) for octets in (0, 1, 4, 12, 40, 150, 207)]
CUTS = [(CutKind.BEFORE, 0), (CutKind.AFTER, 0), (CutKind.HALF_ERASE, 0), *INSIDE]


def area(*, sector: int = 512, unit: int = 16, erased: int = 0xFF, sectors: int = 2) -> Area:
    nor = Nor(
        Geometry(
            size_octets=sector * (sectors + 1),
            erase_size_octets=sector,
            program_size_octets=unit,
            erased_value=erased,
        )
    )
    return Area(nor, sector, sector * (sectors + 1))


def opened(where: Area) -> RecordLog[BootRecord]:
    return RecordLog(where, BootRecord)


def record(number: int) -> BootRecord:
    return BootRecord(active=0, trial_s=number, images=(NO_IMAGE,) * 3)


def test_boot_records_go_through_octets_unchanged() -> None:
    facts = SlotFacts(
        standing=Standing.FAILED,
        manufacturer=0x1002,
        image_type=3,
        file_version=0x01020304,
        size=65536,
        digest=sha256(b"image").digest(),
        security_counter=7,
    )
    full = BootRecord(
        state=BootState.REVERT,
        active=1,
        candidate=0,
        trial_boots=2,
        trial_s=1100,
        swap_step=513,
        pause_s=9,
        counter=8,
        retry_wait_s=3600,
        failures=2,
        reserved=bytes(range(19)),
        images=(facts, NO_IMAGE, facts),
    )
    octets = full.encode()
    assert BootRecord.decode(octets) == (full, b"")
    assert len(octets) == 42 + 3 * 49
    assert octets[:4].hex() == "03010002"


@pytest.mark.parametrize("erased", [0x00, 0xFF])
def test_an_empty_log_has_no_record(erased: int) -> None:
    log = opened(area(erased=erased))
    assert log.read() is None
    assert log.sequence == 0


@pytest.mark.parametrize("sectors", [2, 3])
@pytest.mark.parametrize("unit", [1, 16, 256])
def test_the_newest_record_wins_over_many_sectors(unit: int, sectors: int) -> None:
    where = area(unit=unit, sectors=sectors)
    log = opened(where)
    for number in range(1, 20):
        log.write(record(number))
        assert log.read() == opened(where).read() == record(number)
        assert opened(where).sequence == number


def test_a_reopened_log_goes_on_in_a_new_sector() -> None:
    where = area()
    opened(where).write(record(1))
    opened(where).write(record(2))
    assert [(one.kind, one.address) for one in where.nor.log] == [
        ("erase", 512),
        ("program", 512),
        ("erase", 1024),
        ("program", 1024),
    ]


def test_a_sector_is_filled_before_the_next_is_erased() -> None:
    where = area()
    log = opened(where)
    for number in range(4):
        log.write(record(number))
    kinds = [one.kind.value for one in where.nor.log]
    assert kinds == ["erase", "program", "program", "erase", "program", "program"]


@pytest.mark.parametrize(("kind", "octets"), CUTS)
@pytest.mark.parametrize(("unit", "erased"), [(1, 0x00), (16, 0xFF), (256, 0xFF)])
def test_a_cut_leaves_the_old_record_or_the_new(
    kind: CutKind, octets: int, unit: int, erased: int
) -> None:
    where = area(unit=unit, erased=erased)
    kept = 0
    opened(where).write(record(kept))
    for number in range(1, 40):
        before = where.nor.operations
        where.nor.arm(CutPower(operation=before + number % 5, kind=kind, octets=octets))
        last = write_until_cut(where, first=number * 10)
        if last % 10:
            kept = last - 1
        found = opened(where).read()
        assert found in (record(last), record(kept))
        kept = number * 10 + 9
        opened(where).write(record(kept))


def write_until_cut(where: Area, first: int) -> int:
    """Write numbered records until power goes; return the number of the last one begun."""
    log = opened(where)
    for number in range(first, first + 6):
        try:
            log.write(record(number))
        except PowerLost:
            return number
    raise AssertionError("the cut did not come")


class Life(NamedTuple):
    where: Area
    cuts: list[CutPower]
    closings: list[bool]


@st.composite
def lives(draw: st.DrawFn) -> Life:
    where = area(
        sector=draw(st.sampled_from([512, 4096])),
        unit=draw(st.sampled_from([1, 8, 64, 256])),
        erased=draw(st.sampled_from([0x00, 0xFF])),
        sectors=draw(st.integers(2, 4)),
    )
    cuts, at = [], -1
    kinds = st.tuples(st.integers(0, 6), st.sampled_from(list(CutKind)), st.integers(0, 210))
    for step, kind, octets in draw(st.lists(kinds, max_size=10)):
        at += 1 + step
        cuts.append(CutPower(operation=at, kind=kind, octets=octets))
    return Life(where, cuts, draw(st.lists(st.booleans(), min_size=40, max_size=40)))


@settings(max_examples=200, deadline=None)
@given(lives())
def test_state_never_goes_back(life: Life) -> None:
    """Over any cuts and restarts, what is read is the last that was written, or being written."""
    where, cuts, closings = life
    where.nor.arm(*cuts)
    log, kept, tried = opened(where), 0, 0
    for number, closing in enumerate(closings, start=1):
        try:
            log.write(record(number))
            kept = tried = number
        except PowerLost:
            tried = number
            closing = True
        if closing:
            log = opened(where)
            found = log.read()
            value = 0 if found is None else found.trial_s
            assert value in (kept, tried)
            kept = tried = value


def flip(where: Area, offset: int) -> Area:
    """Return an area with one octet changed, as decay would."""
    octets = bytearray(where.read(0, where.size))
    octets[offset] ^= 0x10
    nor = Nor(where.geometry)
    nor.preload(where.start, bytes(octets))
    return Area(nor, where.start, where.end)


@pytest.mark.parametrize("offset", range(0, 205, 4))
def test_a_decayed_record_is_skipped_and_later_ones_found(offset: int) -> None:
    where = area(sector=4096)
    log = opened(where)
    for number in (1, 2, 3):
        log.write(record(number))
    assert opened(flip(where, offset)).read() == record(3)
    assert opened(flip(where, 2 * 208 + offset)).read() == record(2)


def read_first(payload: bytes) -> BootRecord:
    """Read layout 1 as if its unit had changed since."""
    old, _ = BootRecord.decode(payload)
    return replace(old, trial_s=old.trial_s + 1)


def test_a_newer_layout_is_refused_and_not_buried() -> None:
    where = area()
    opened(where).write(record(1))
    RecordLog(where, BootRecord, layout=2, older={1: read_first}).write(record(2))
    log = opened(where)
    with pytest.raises(WireError, match=r"record layout 2, known are \[1\]"):
        log.read()
    before = where.nor.operations
    with pytest.raises(WireError, match="layout 2"):
        log.write(record(3))
    assert where.nor.operations == before


def test_an_older_layout_is_read_by_its_reader() -> None:
    where = area()
    opened(where).write(record(41))
    log = RecordLog(where, BootRecord, layout=2, older={1: read_first})
    assert log.read() == record(42)
    log.write(record(43))
    assert RecordLog(where, BootRecord, layout=2).read() == record(43)


def test_octets_behind_the_known_fields_are_ignored() -> None:
    """A newer firmware of the same layout may add fields; an older one must still start (T13)."""
    where = area()
    RecordLog(where, BootRecord).write(record(5))
    log = RecordLog(where, SlotFacts)
    known = log.read()
    assert known is not None
    assert known == SlotFacts.decode(record(5).encode())[0]


def test_the_first_record_comes_from_the_factory() -> None:
    where = area()
    log = opened(where)
    log.preload(record(1))
    assert where.nor.operations == 0
    assert log.read() == opened(where).read() == record(1)
    log.write(record(2))
    assert opened(where).read() == record(2)
    assert where.nor.log[0].address == 1024  # the factory's copy stays
    with pytest.raises(FlashError, match="not new"):
        log.preload(record(3))


def test_impossible_places_are_refused() -> None:
    with pytest.raises(ValueError, match="two sectors"):
        opened(area(sectors=1))
    big = BootRecord(active=0, images=(NO_IMAGE,) * 10)
    with pytest.raises(ValueError, match="record of 560 octets, sector of 512"):
        opened(area()).write(big)


@pytest.mark.parametrize("sectors", [2, 3])
@pytest.mark.parametrize("unit", [1, 16, 256])
def test_room_that_was_made_takes_the_next_record_without_an_erase(unit: int, sectors: int) -> None:
    where = area(unit=unit, sectors=sectors)
    log = opened(where)
    log.make_room()  # there is no newest record yet
    assert where.nor.operations == 0
    made = 0
    for number in range(1, 12):
        log.write(record(number))
        operations = where.nor.operations
        log.make_room()
        made += where.nor.operations - operations
        operations = where.nor.operations
        log.make_room()
        assert where.nor.operations == operations
        assert opened(where).read() == record(number)
        where.nor.wear(*(WornSector(address=at) for at in range(0, (sectors + 1) * 512, 512)))
        before = where.nor.snapshot()
        log.write(record(100 + number))
        assert opened(where).read() == record(100 + number)
        where.nor.restore(before)
        where.nor.wear()
        log = opened(where)
        log.write(record(number))
        log.make_room()
    assert made > 0


@pytest.mark.parametrize("kind", CutKind)
def test_a_cut_in_making_room_costs_no_record(kind: CutKind) -> None:
    where = area()
    log = opened(where)
    for number in (1, 2):  # they fill a sector
        log.write(record(number))
    where.nor.arm(CutPower(operation=where.nor.operations, kind=kind, seed=3))
    with pytest.raises(PowerLost):
        log.make_room()
    again = opened(where)
    assert again.read() == record(2)
    again.write(record(3))
    assert opened(where).read() == record(3)


def test_a_purge_leaves_the_newest_record_alone_and_does_nothing_twice() -> None:
    where = area(sectors=4)
    log = opened(where)
    log.purge()
    assert where.nor.operations == 0  # there is nothing to keep
    for number in range(1, 8):
        log.write(record(number))
    log.purge()
    octets = where.read(0, where.size)
    assert octets.count(b"HnvR") == 1
    assert opened(where).read() == record(7)
    operations = where.nor.operations
    log.purge()
    opened(where).purge()
    assert where.nor.operations == operations
    log.write(record(8))
    assert opened(where).read() == record(8)


def test_a_purge_that_meets_a_worn_sector_erases_the_others() -> None:
    where = area(sectors=4)
    log = opened(where)
    for number in range(1, 8):
        log.write(record(number))
    where.nor.wear(WornSector(address=where.start))
    with pytest.raises(WornError):
        log.purge()
    kept = [at for at in where.sectors() if b"HnvR" in where.read(at, 512)]
    assert len(kept) == 2
    assert 0 in kept
    assert opened(where).read() == record(7)


def test_a_purge_takes_half_a_record_away_too() -> None:
    where = area()
    log = opened(where)
    log.write(record(1))
    where.nor.arm(CutPower(operation=where.nor.operations, kind=CutKind.TORN, octets=40))
    with pytest.raises(PowerLost):
        log.write(record(2))  # behind the first, in its sector
    where.nor.power_up()
    assert where.read(0, where.size).count(b"HnvR") == 2  # what was torn begins as a record does
    log = opened(where)
    assert log.read() == record(1)
    log.purge()
    assert where.read(0, where.size).count(b"HnvR") == 1
    assert opened(where).read() == record(1)
