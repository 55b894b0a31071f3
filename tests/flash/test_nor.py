"""Check that the flash refuses what hardware forgives, and fails in every way that hardware can."""

import pytest

from emulator.errors import FlashError, PowerLost
from emulator.faults import CutKind, CutPower
from emulator.flash.nor import Geometry, Nor, Operation, OperationKind


def geometry(
    *, size: int = 16384, sector: int = 4096, unit: int = 16, erased: int = 0xFF
) -> Geometry:
    return Geometry(
        size_octets=size, erase_size_octets=sector, program_size_octets=unit, erased_value=erased
    )


@pytest.fixture
def nor() -> Nor:
    return Nor(geometry())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"sector": 100}, "erase size 100"),
        ({"sector": 8}, "erase size 8"),
        ({"unit": 0}, "program unit 0"),
        ({"size": 10000}, "flash of 10000"),
        ({"size": 0}, "flash of 0"),
        ({"erased": 0x55}, "erased value 0x55"),
    ],
)
def test_impossible_geometries_are_refused(change: dict[str, int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        geometry(**change)


@pytest.mark.parametrize("erased", [0x00, 0xFF])
def test_new_flash_reads_erased_and_takes_programs(erased: int) -> None:
    nor = Nor(geometry(erased=erased))
    assert nor.read(0, 16384) == bytes([erased]) * 16384
    nor.program(4096 - 32, b"a" * 64)  # over a page and sector limit
    assert nor.read(4096 - 48, 96) == bytes([erased]) * 16 + b"a" * 64 + bytes([erased]) * 16


@pytest.mark.parametrize("value", [b"a", b"\xff"])
def test_a_unit_is_programmed_once_even_with_the_erased_value(nor: Nor, value: bytes) -> None:
    nor.program(32, value * 16)
    with pytest.raises(FlashError, match="programmed since"):
        nor.program(16, b"b" * 32)
    assert nor.read(16, 16) == b"\xff" * 16  # refused as a whole
    assert nor.operations == 1
    nor.erase(0, 4096)
    nor.program(16, b"b" * 32)
    assert nor.read(16, 32) == b"b" * 32


def test_a_unit_across_pages_is_programmed_once(nor: Nor) -> None:
    nor.program(4096, b"a" * 16)
    with pytest.raises(FlashError, match="programmed since"):
        nor.program(4080, b"b" * 32)
    assert nor.read(4080, 16) == b"\xff" * 16


@pytest.mark.parametrize(
    ("address", "length"),
    [(8, 16), (0, 8), (0, 0), (0, 17), (16384, 16), (16368, 32), (-16, 16), (-16, 32)],
)
def test_misused_programs_are_refused(nor: Nor, address: int, length: int) -> None:
    with pytest.raises(FlashError):
        nor.program(address, b"x" * length)
    assert nor.operations == 0
    assert nor.content() == Nor(geometry()).content()


@pytest.mark.parametrize(
    ("address", "length"),
    [(16, 4096), (0, 16), (0, 0), (0, -4096), (16384, 4096), (12288, 8192), (-4096, 4096)],
)
def test_misused_erases_are_refused(nor: Nor, address: int, length: int) -> None:
    with pytest.raises(FlashError):
        nor.erase(address, length)
    assert nor.operations == 0


@pytest.mark.parametrize(("address", "length"), [(-1, 2), (0, -1), (16380, 5), (16385, 0)])
def test_misused_reads_are_refused(nor: Nor, address: int, length: int) -> None:
    with pytest.raises(FlashError):
        nor.read(address, length)
    assert nor.read(16384, 0) == b""


def test_the_log_names_each_operation_and_its_phase(nor: Nor) -> None:
    nor.phase = "boot"
    nor.program(0, b"a" * 32)
    nor.phase = "download"
    nor.erase(4096, 8192)
    assert nor.log == [
        Operation(0, OperationKind.PROGRAM, 0, 32, b"a" * 32, "boot"),
        Operation(1, OperationKind.ERASE, 4096, 4096, None, "download"),
        Operation(2, OperationKind.ERASE, 8192, 4096, None, "download"),
    ]
    nor.log.clear()
    nor.recording = False
    nor.program(32, b"b" * 16)
    assert nor.log == []
    assert nor.operations == 4


def cut_program(nor: Nor, kind: CutKind, octets: int = 0) -> None:
    nor.arm(CutPower(operation=nor.operations, kind=kind, octets=octets))
    with pytest.raises(PowerLost):
        nor.program(64, b"abcdefghijklmnop" * 2)


def test_a_cut_before_a_program_leaves_no_mark(nor: Nor) -> None:
    cut_program(nor, CutKind.BEFORE)
    assert nor.content() == Nor(geometry()).content()
    assert nor.log[0].cut is CutKind.BEFORE
    nor.program(64, b"x" * 32)
    assert nor.log[1].number == 1


def test_a_cut_after_a_program_leaves_it_complete(nor: Nor) -> None:
    cut_program(nor, CutKind.AFTER)
    assert nor.read(64, 33) == b"abcdefghijklmnop" * 2 + b"\xff"
    with pytest.raises(FlashError):
        nor.program(64, b"x" * 16)


@pytest.mark.parametrize("octets", [0, 1, 16, 20, 31, 32, 99])
def test_a_torn_program_leaves_a_prefix_and_uses_its_units_up(nor: Nor, octets: int) -> None:
    cut_program(nor, CutKind.TORN, octets)
    written = (b"abcdefghijklmnop" * 2)[:octets]
    assert nor.read(64, 32) == written + b"\xff" * (32 - len(written))
    for address in (64, 80):
        with pytest.raises(FlashError, match="programmed since"):
            nor.program(address, b"x" * 16)
    nor.program(96, b"x" * 16)


def test_a_half_erase_aimed_at_a_program_tears_it_in_half(nor: Nor) -> None:
    cut_program(nor, CutKind.HALF_ERASE)
    assert nor.read(64, 32) == b"abcdefghijklmnop" + b"\xff" * 16


@pytest.mark.parametrize("sector", [512, 4096, 65536])
@pytest.mark.parametrize("kind", [CutKind.HALF_ERASE, CutKind.TORN])
def test_a_half_erase_leaves_a_sector_that_takes_no_program(sector: int, kind: CutKind) -> None:
    nor = Nor(geometry(size=2 * sector, sector=sector))
    nor.program(sector, b"a" * sector)
    before = nor.read(0, sector)
    nor.arm(CutPower(operation=1, kind=kind))
    with pytest.raises(PowerLost):
        nor.erase(sector, sector)
    assert nor.read(0, sector) == before
    assert nor.read(sector, sector) == b"\xff" * (sector // 2) + b"a" * (sector // 2)
    for address in (sector, sector + sector // 2 - 16, 2 * sector - 16):
        with pytest.raises(FlashError, match="programmed since"):
            nor.program(address, b"b" * 16)
    nor.erase(sector, sector)
    nor.program(sector, b"b" * 16)


def test_a_half_erase_spoils_units_that_were_erased_already(nor: Nor) -> None:
    nor.program(0, b"a" * 16)
    nor.arm(CutPower(operation=1, kind=CutKind.HALF_ERASE))
    with pytest.raises(PowerLost):
        nor.erase(0, 4096)
    for address in (0, 2032, 2048, 4080):
        with pytest.raises(FlashError, match="programmed since"):
            nor.program(address, b"b" * 16)


@pytest.mark.parametrize(("kind", "erased"), [(CutKind.BEFORE, 1), (CutKind.AFTER, 2)])
def test_a_cut_between_sectors_leaves_the_rest(nor: Nor, kind: CutKind, erased: int) -> None:
    for sector in range(0, 12288, 4096):
        nor.program(sector, b"a" * 16)
    nor.arm(CutPower(operation=4, kind=kind))
    with pytest.raises(PowerLost):
        nor.erase(0, 12288)
    blank = [nor.read(sector, 16) == b"\xff" * 16 for sector in range(0, 12288, 4096)]
    assert blank == [True] * erased + [False] * (3 - erased)


def test_cuts_hit_in_order_and_only_once(nor: Nor) -> None:
    nor.arm(*(CutPower(operation=at, kind=CutKind.BEFORE) for at in (1, 3)))
    fates = []
    for at in range(0, 80, 16):
        try:
            nor.program(at, b"a" * 16)
            fates.append("done")
        except PowerLost:
            fates.append("cut")
    assert fates == ["done", "cut", "done", "cut", "done"]


def test_a_plan_that_cannot_come_true_is_refused(nor: Nor) -> None:
    nor.program(0, b"a" * 16)
    with pytest.raises(ValueError, match="operation 0, next possible is 1"):
        nor.arm(CutPower(operation=0, kind=CutKind.BEFORE))
    with pytest.raises(ValueError, match="operation 5, next possible is 6"):
        nor.arm(*[CutPower(operation=5, kind=CutKind.BEFORE)] * 2)


def test_snapshots_bring_back_content_marks_and_count(nor: Nor) -> None:
    nor.program(0, b"a" * 16)
    early = nor.snapshot()
    nor.program(16, b"b" * 16)
    nor.erase(4096, 4096)
    late = nor.snapshot()
    nor.arm(CutPower(operation=3, kind=CutKind.BEFORE))

    nor.restore(early)
    assert nor.operations == 1
    nor.program(16, b"b" * 16)  # not marked any more
    nor.program(32, b"c" * 16)
    nor.program(48, b"d" * 16)  # operation 3: the plan is gone

    other = Nor(geometry())
    other.restore(late)
    assert other.snapshot() == late
    with pytest.raises(FlashError):
        other.program(16, b"c" * 16)
    for another in (geometry(sector=512), geometry(size=2048, sector=512)):
        with pytest.raises(ValueError, match="another geometry"):
            Nor(another).restore(late)


def test_content_tells_used_up_units_from_erased_ones(nor: Nor) -> None:
    new = nor.content()
    nor.program(0, b"\xff" * 16)
    used = nor.content()
    assert used != new
    assert used.digest() != new.digest()
    nor.erase(0, 4096)
    assert nor.content() == new
    assert hash(nor.content()) == hash(new)
    assert nor.content().digest() == new.digest()


def test_equal_erased_pages_are_one_object(nor: Nor) -> None:
    other = Nor(geometry())
    other.program(0, b"a" * 16)
    other.erase(0, 4096)
    assert {id(page) for page in nor.content().pages} == {id(other.content().pages[0])}
    snapshot = nor.snapshot()
    nor.program(0, b"a" * 16)
    assert nor.content().pages[1] is snapshot.content.pages[1]


def test_the_factory_leaves_no_trace_but_its_octets(nor: Nor) -> None:
    nor.arm(CutPower(operation=0, kind=CutKind.BEFORE))
    nor.preload(4080, b"a" * 40)
    assert nor.operations == 0
    assert nor.log == []
    assert nor.read(4080, 48) == b"a" * 40 + b"\xff" * 8
    with pytest.raises(FlashError, match="programmed since"):
        nor.program(4096 + 16, b"b" * 16)
    with pytest.raises(FlashError, match="programmed since"):
        nor.preload(4080, b"b")
    with pytest.raises(FlashError, match="unit is 16"):
        nor.preload(8, b"b")
    with pytest.raises(FlashError, match="outside"):
        nor.preload(16368, b"b" * 17)
