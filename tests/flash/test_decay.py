"""Check the faults that leave bits in between, and sectors that take no erase."""

import pytest

from emulator.errors import FlashError, PowerLost, WornError
from emulator.faults import CutKind, CutPower, WornSector
from emulator.flash.nor import Geometry, Nor, OperationKind

DATA = bytes(range(1, 65))


def flash(erased: int = 0xFF) -> Nor:
    return Nor(
        Geometry(
            size_octets=2048, erase_size_octets=512, program_size_octets=16, erased_value=erased
        )
    )


def cut(nor: Nor, kind: CutKind, octets: int = 20, seed: int = 1) -> CutPower:
    return CutPower(operation=nor.operations, kind=kind, octets=octets, seed=seed)


def torn(kind: CutKind, seed: int = 1, erased: int = 0xFF) -> Nor:
    """Return a flash that lost power in programming four units, in the second one."""
    nor = flash(erased)
    nor.arm(cut(nor, kind, seed=seed))
    with pytest.raises(PowerLost):
        nor.program(512, DATA)
    return nor


def half_erased(kind: CutKind, seed: int = 1) -> Nor:
    nor = flash()
    nor.program(512, DATA)
    nor.arm(cut(nor, kind, seed=seed))
    with pytest.raises(PowerLost):
        nor.erase(512, 512)
    return nor


def subset(found: bytes, one: bytes, other: bytes) -> bool:
    """Tell whether each bit is that of one or of the other."""
    return all((f ^ a) & (f ^ b) == 0 for f, a, b in zip(found, one, other, strict=True))


@pytest.mark.parametrize("erased", [0x00, 0xFF])
@pytest.mark.parametrize("kind", [CutKind.SCATTERED, CutKind.WEAK])
def test_units_before_are_whole_and_units_behind_untouched(kind: CutKind, erased: int) -> None:
    found = torn(kind, erased=erased).read(512, 64)
    blank = bytes([erased]) * 16
    assert found[:16] == DATA[:16]
    assert found[32:] == blank * 2
    assert subset(found[16:32], DATA[16:32], blank)
    assert found[16:32] not in (DATA[16:32], blank)


def test_a_scattered_unit_reads_the_same_and_depends_on_its_seed() -> None:
    nor = torn(CutKind.SCATTERED)
    assert nor.read(512, 64) == nor.read(512, 64) == torn(CutKind.SCATTERED).read(512, 64)
    assert nor.read(512, 64) != torn(CutKind.SCATTERED, seed=2).read(512, 64)
    assert nor.content().weak == ()


def test_any_bit_may_be_programmed_and_any_may_not() -> None:
    seen = [torn(CutKind.SCATTERED, seed=seed).read(528, 16) for seed in range(60)]
    blank = b"\xff" * 16
    for bit in range(128):
        at, mask = bit // 8, 1 << bit % 8
        wanted = {(DATA[16 + at] & mask), blank[at] & mask}
        assert {one[at] & mask for one in seen} == wanted


def test_a_scattered_erase_leaves_bits_of_both() -> None:
    found = half_erased(CutKind.SCATTERED).read(512, 64)
    assert subset(found, DATA, b"\xff" * 64)
    assert found not in (DATA, b"\xff" * 64)


@pytest.mark.parametrize("make", [torn, half_erased])
def test_weak_octets_read_otherwise_each_time_and_the_same_in_each_such_life(make: object) -> None:
    assert callable(make)
    nor: Nor = make(CutKind.WEAK)
    moment = nor.snapshot()
    nor.power_up()
    reads = [nor.read(528, 16) for _ in range(8)]
    assert len(set(reads)) > 4
    assert all(subset(one, DATA[16:32], b"\xff" * 16) for one in reads)
    again = flash()
    again.restore(moment)
    assert [again.read(528, 16) for _ in range(8)] == reads
    again.power_up()
    assert again.read(528, 16) == reads[0]
    assert again.read(520, 8) == nor.read(520, 8) or make is half_erased
    assert again.pages(512, 64)[0][16:32] != b"" != again.content().digest()


def test_weak_octets_are_a_part_of_the_content() -> None:
    one, other = torn(CutKind.WEAK), torn(CutKind.WEAK, seed=2)
    assert one.content() != other.content()
    assert one.content().digest() != other.content().digest()
    assert one.content() == torn(CutKind.WEAK).content()
    assert one.content().pages == other.content().pages


@pytest.mark.parametrize("kind", [CutKind.SCATTERED, CutKind.WEAK])
@pytest.mark.parametrize("make", [torn, half_erased])
def test_an_erase_makes_it_firm_and_nothing_else_does(make: object, kind: CutKind) -> None:
    assert callable(make)
    nor: Nor = make(kind)
    with pytest.raises(FlashError, match="programmed since"):
        nor.program(528, DATA[:16])
    nor.erase(1024, 512)
    assert nor.content().weak != () or kind is CutKind.SCATTERED
    nor.erase(512, 512)
    assert nor.content().weak == ()
    assert nor.read(512, 512) == b"\xff" * 512
    nor.program(512, DATA)
    assert nor.read(512, 64) == DATA


# Wear.


def test_a_worn_sector_keeps_its_content_and_says_so() -> None:
    nor = flash()
    nor.program(512, DATA)
    nor.wear(WornSector(address=700))
    with pytest.raises(WornError, match="sector at 0x200 takes no erase"):
        nor.erase(0, 2048)
    assert nor.read(512, 64) == DATA
    numbers = [(one.number, one.kind, one.address, one.failed) for one in nor.log[1:]]
    assert numbers == [
        (1, OperationKind.ERASE, 0, False),
        (2, OperationKind.ERASE, 512, True),
    ]
    nor.erase(1024, 512)
    nor.wear()
    nor.erase(512, 512)
    assert nor.read(512, 64) == b"\xff" * 64


def test_wear_begins_at_an_operation_and_outlives_a_copy() -> None:
    nor = flash()
    nor.wear(WornSector(address=512, since=1))
    moment = nor.snapshot()
    nor.erase(512, 512)
    with pytest.raises(WornError):
        nor.erase(512, 512)
    nor.restore(moment)
    nor.erase(512, 512)
    with pytest.raises(WornError):
        nor.erase(512, 512)


def test_a_cut_hits_a_worn_sector_too() -> None:
    nor = flash()
    nor.program(512, DATA)
    nor.wear(WornSector(address=512))
    nor.arm(cut(nor, CutKind.AFTER))
    with pytest.raises(PowerLost):
        nor.erase(512, 512)
    assert nor.read(512, 64) == DATA


def test_a_sector_that_is_not_there_cannot_wear() -> None:
    with pytest.raises(ValueError, match="flash of 2048"):
        flash().wear(WornSector(address=2048))
