"""Two chips are one flash: other sizes, one order of operations, one supply."""

import pytest

from emulator.errors import FlashError, PowerLost, WornError
from emulator.faults import CutKind, CutPower, WornSector
from emulator.flash.area import Area, StreamWriter
from emulator.flash.geometry import Geometry
from emulator.flash.nor import Nor, OperationKind
from emulator.profiles.flash import Chip

#: Sectors of 4096, units of 16, erased to 0xFF; behind them 512, 64, 0x00.
START, END = 8192, 12288
TWO = Geometry(
    size_octets=END,
    erase_size_octets=4096,
    program_size_octets=16,
    erased_value=0xFF,
    second=Chip(START, END, 512, 64, 0x00),
)


@pytest.fixture
def nor() -> Nor:
    return Nor(TWO)


@pytest.mark.parametrize(
    "chip",
    [
        Chip(START, END, 100, 64, 0x00),
        Chip(START, END, 512, 64, 0x55),
        Chip(1000, END, 512, 64, 0x00),
        Chip(0, END, 512, 64, 0x00),
        Chip(START, END, 8, 8, 0x00),  # a unit of 16 on the first chip fills no page of 8
    ],
)
def test_impossible_second_chips_are_refused(chip: Chip) -> None:
    with pytest.raises(ValueError, match=r"multiple|erased|pages"):
        Geometry(
            size_octets=END,
            erase_size_octets=4096,
            program_size_octets=16,
            erased_value=0xFF,
            second=chip,
        )


def test_each_chip_has_its_own_sizes(nor: Nor) -> None:
    assert nor.read(START - 16, 16) == b"\xff" * 16
    assert nor.read(START, 16) == bytes(16)
    nor.program(START - 16, b"a" * 16)
    nor.program(START, b"b" * 64)
    with pytest.raises(FlashError, match="unit is 64"):
        nor.program(START + 64, b"b" * 16)
    with pytest.raises(FlashError, match="programmed since"):
        nor.program(START, b"b" * 64)
    with pytest.raises(FlashError, match="sector is 512"):
        nor.erase(START, 100)
    with pytest.raises(FlashError, match="sector is 4096"):
        nor.erase(START - 512, 512)
    nor.erase(START, 512)
    assert nor.read(START, 64) == bytes(64)
    assert nor.read(START - 16, 16) == b"a" * 16
    assert [(one.number, one.length) for one in nor.log] == [(0, 16), (1, 64), (2, 512)]


def test_no_call_is_on_both_chips(nor: Nor) -> None:
    with pytest.raises(FlashError, match="two chips"):
        nor.read(START - 16, 32)
    with pytest.raises(FlashError, match="two chips"):
        nor.program(START - 64, b"a" * 128)
    with pytest.raises(FlashError, match="two chips"):
        nor.erase(START - 4096, 8192)
    with pytest.raises(FlashError, match="two chips"):
        nor.preload(START - 16, b"a" * 32)
    with pytest.raises(ValueError, match="no range of 4096-octet sectors"):
        Area(nor, START - 4096, START + 4096)
    assert nor.operations == 0
    assert nor.content() == Nor(TWO).content()


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        (CutKind.BEFORE, b"b" * 512),
        (CutKind.AFTER, bytes(512)),
        (CutKind.HALF_ERASE, bytes(256) + b"b" * 256),
    ],
)
def test_a_cut_strikes_the_chip_in_progress(nor: Nor, kind: CutKind, left: bytes) -> None:
    nor.preload(0, b"a" * 4096)
    nor.preload(START, b"b" * 1024)
    nor.arm(CutPower(operation=1, kind=kind))
    nor.program(4096, b"c" * 16)
    with pytest.raises(PowerLost):
        nor.erase(START, 1024)
    assert nor.read(START, 1024) == left + b"b" * 512
    assert nor.read(0, 4096) == b"a" * 4096
    assert nor.log[-1].cut is kind
    assert nor.operations == 2


@pytest.mark.parametrize("kind", [CutKind.SCATTERED, CutKind.WEAK])
@pytest.mark.parametrize("address", [0, START])
def test_bits_left_half_done_stay_in_their_unit(nor: Nor, kind: CutKind, address: int) -> None:
    unit = TWO.at(address).program_size_octets
    nor.arm(CutPower(operation=0, kind=kind, octets=unit, seed=5))
    with pytest.raises(PowerLost):
        nor.program(address, b"\x5a" * 4 * unit)
    erased = bytes([TWO.at(address).erased_value]) * unit
    done, torn, *rest = (nor.read(address + at * unit, unit) for at in range(4))
    assert (done, rest) == (b"\x5a" * unit, [erased, erased])
    assert torn not in (b"\x5a" * unit, erased)


def test_a_weak_sector_reads_between_what_it_held_and_its_own_erased_value(nor: Nor) -> None:
    nor.preload(START, b"\x0f" * 512)
    nor.arm(CutPower(operation=0, kind=CutKind.WEAK, seed=2))
    with pytest.raises(PowerLost):
        nor.erase(START, 512)
    reads = {nor.read(START, 512) for _ in range(8)}
    assert len(reads) == 8
    assert not any(octet & 0xF0 for read in reads for octet in read)
    nor.erase(START, 512)
    assert nor.read(START, 512) == bytes(512)


def test_a_worn_sector_is_one_of_its_chip(nor: Nor) -> None:
    nor.wear(WornSector(address=START + 700, since=0))
    nor.erase(START, 512)
    with pytest.raises(WornError, match=f"sector at {START + 512:#x}"):
        nor.erase(START + 512, 512)
    assert nor.log[-1].failed
    nor.erase(START + 1024, 512)


def test_a_copy_is_whole(nor: Nor) -> None:
    nor.program(0, b"a" * 16)
    nor.program(START, b"b" * 64)
    other = Nor(TWO)
    other.restore(nor.snapshot())
    assert other.content() == nor.content()
    for address in (0, START):
        with pytest.raises(FlashError, match="programmed since"):
            other.program(address, b"c" * 64)


def test_a_download_goes_to_either_chip_in_its_units(nor: Nor) -> None:
    image = bytes(range(1, 200)) * 5
    for start, end, units in ((0, START, 63), (START, END, 16)):
        area = Area(nor, start, end)
        writer, count = StreamWriter.begin(area), nor.operations
        for at in range(0, len(image), 40):
            writer.append(image[at : at + 40])
        writer.finish()
        assert area.read(0, len(image)) == image
        made = nor.log[count:]
        assert len(made) == units
        assert {one.kind for one in made} == {OperationKind.PROGRAM}
