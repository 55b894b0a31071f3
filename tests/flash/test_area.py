"""Check areas, and that a download survives any cuts and ends as exactly the image."""

import random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import FlashError, PowerLost
from emulator.faults import CutKind, CutPower
from emulator.flash.area import Area, StreamWriter
from emulator.flash.nor import Geometry, Nor


def flash(*, sector: int = 512, unit: int = 16, erased: int = 0xFF, sectors: int = 8) -> Nor:
    return Nor(
        Geometry(
            size_octets=sector * sectors,
            erase_size_octets=sector,
            program_size_octets=unit,
            erased_value=erased,
        )
    )


class Notes:
    """Keep a journal where no cut reaches it."""

    redoing: int | None = None

    def note(self, sector: int | None) -> None:
        self.redoing = sector


def store(writer: StreamWriter, image: bytes, block: int = 50) -> None:
    while writer.offset < len(image):
        writer.append(image[writer.offset : writer.offset + block])
    writer.finish()


# Areas.


def test_an_area_counts_from_its_start() -> None:
    nor = flash()
    area = Area(nor, 1024, 2048)
    area.program(16, b"a" * 16)
    assert nor.read(1040, 16) == area.read(16, 16) == b"a" * 16
    assert list(area.sectors()) == [0, 512]
    assert area.pages(600) == nor.content().pages[2:4]
    area.erase(0, 512)
    assert area.read(0, 1024) == b"\xff" * 1024
    area.preload(512, b"b")
    area.erase()
    assert nor.content() == flash().content()


@pytest.mark.parametrize(("start", "end"), [(-512, 512), (0, 0), (100, 512), (0, 700), (0, 4608)])
def test_an_area_is_made_of_sectors(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="512-octet sectors"):
        Area(flash(), start, end)


@pytest.mark.parametrize("offset", [-16, 1024, 1016, 1008])
def test_nothing_reaches_outside_an_area(offset: int) -> None:
    nor = flash()
    area = Area(nor, 1024, 2048)
    with pytest.raises(FlashError):
        area.program(offset, b"a" * 32)
    with pytest.raises(FlashError):
        area.read(offset, 32)
    with pytest.raises(FlashError):
        area.preload(offset, b"a" * 32)
    with pytest.raises(FlashError):
        area.erase(512, 1024)
    with pytest.raises(FlashError):
        area.pages(1025)
    assert nor.operations == 0


# Downloads without cuts.


def test_a_download_is_one_program_a_unit_after_one_erase_a_sector() -> None:
    nor = flash()
    area = Area(nor, 512, 1536)
    image = random.Random(1).randbytes(100)
    store(StreamWriter.begin(area), image, block=33)
    assert [(one.kind, one.address) for one in nor.log] == [
        ("erase", 512),
        ("erase", 1024),
        *[("program", 512 + at) for at in range(0, 112, 16)],
    ]
    assert area.read(0, 112) == image + b"\xff" * 12


def test_the_offset_counts_octets_taken() -> None:
    writer = StreamWriter.begin(Area(flash(), 0, 512))
    writer.append(b"a" * 20)
    assert writer.offset == 20
    writer.finish()
    assert writer.offset == 20


def test_an_image_may_fill_the_area_and_no_more() -> None:
    area = Area(flash(), 0, 512)
    writer = StreamWriter.begin(area)
    writer.append(b"a" * 500)
    with pytest.raises(FlashError, match="513 octets: area has 512"):
        writer.append(b"b" * 13)
    writer.append(b"b" * 12)
    writer.finish()
    assert area.read(0, 512) == b"a" * 500 + b"b" * 12


# Going on.


def test_resuming_changes_nothing_before_the_first_unit() -> None:
    """A bridge that restarts often and hears no server wears nothing out."""
    nor = flash()
    area = Area(nor, 0, 2048)
    StreamWriter.begin(area).append(b"a" * 700)
    before = nor.snapshot()
    writer = StreamWriter.resume(area, 2000, Notes())
    assert writer.offset == 672  # units 0 to 42 were stored; the last may be torn
    writer.append(b"a" * 15)
    assert nor.snapshot() == before


@pytest.mark.parametrize("kind", list(CutKind))
def test_one_cut_costs_two_units_at_most(kind: CutKind) -> None:
    image = random.Random(2).randbytes(1900)
    nor = flash()
    area = Area(nor, 0, 2048)
    for stored in range(1, len(image) // 16):
        nor.arm()
        writer = StreamWriter.begin(area)
        nor.arm(CutPower(operation=nor.operations + stored, kind=kind, octets=3))
        with pytest.raises(PowerLost):
            store(writer, image)
        writer = StreamWriter.resume(area, len(image), Notes())
        assert (stored - 1) * 16 <= writer.offset <= stored * 16
        store(writer, image)
        assert area.read(0, len(image)) == image


def test_a_used_up_unit_without_a_trace_is_found_in_the_next_sector_too() -> None:
    image = random.Random(3).randbytes(1024)
    nor = flash()
    area = Area(nor, 0, 1024)
    writer = StreamWriter.begin(area)
    writer.append(image[:512])
    nor.arm(CutPower(operation=nor.operations, kind=CutKind.TORN, octets=0))
    with pytest.raises(PowerLost):
        writer.append(image[512:600])
    writer = StreamWriter.resume(area, 1024, Notes())
    assert writer.offset == 496
    store(writer, image)
    assert area.read(0, 1024) == image


def test_a_half_erased_sector_is_not_taken_for_stored() -> None:
    image = random.Random(4).randbytes(1024)
    nor = flash()
    area = Area(nor, 0, 1024)
    StreamWriter.begin(area).append(image[:900])
    notes = Notes()
    writer = StreamWriter.resume(area, 1024, notes)
    assert writer.offset == 880
    nor.arm(CutPower(operation=nor.operations, kind=CutKind.HALF_ERASE))
    with pytest.raises(PowerLost):
        writer.append(image[880:900])
    writer = StreamWriter.resume(area, 1024, notes)
    assert writer.offset == 512
    store(writer, image)
    assert area.read(0, 1024) == image


class Counted(Notes):
    """Keep every note that was taken."""

    def __init__(self) -> None:
        self.taken: list[int | None] = []

    def note(self, sector: int | None) -> None:
        super().note(sector)
        self.taken.append(sector)


def test_only_a_sector_that_holds_something_is_noted() -> None:
    image = random.Random(6).randbytes(2048)
    nor = flash()
    area = Area(nor, 0, 2048)
    StreamWriter.begin(area).append(image[:700])
    notes = Counted()
    writer = StreamWriter.resume(area, 2048, notes)
    store(writer, image)
    assert area.read(0, 2048) == image
    assert notes.taken == [512, None]


def test_a_sector_with_a_trace_of_its_first_unit_is_noted() -> None:
    nor = flash()
    area = Area(nor, 0, 2048)
    StreamWriter.begin(area).append(b"a" * 528)
    notes = Counted()
    store(StreamWriter.resume(area, 2048, notes), b"a" * 1200)
    assert notes.taken == [512, None]


def test_a_sector_that_reads_blank_is_noted_while_a_note_is_open() -> None:
    """A cut in its erase may have left it so, and it may read otherwise later."""
    area = Area(flash(), 0, 2048)
    StreamWriter.begin(area)
    notes = Counted()
    notes.redoing = 512
    writer = StreamWriter.resume(area, 2048, notes)
    assert writer.offset == 512
    writer.append(b"a" * 16)
    assert notes.taken == [512, None]


def test_content_beyond_the_image_restarts_it() -> None:
    area = Area(flash(), 0, 1024)
    StreamWriter.begin(area).append(b"a" * 700)
    writer = StreamWriter.resume(area, 600, Notes())
    assert writer.offset == 0
    store(writer, b"b" * 600)
    assert area.read(0, 600) == b"b" * 600


class Download(NamedTuple):
    """Draw: a geometry, an image, how blocks come, and where power goes."""

    nor: Nor
    image: bytes
    blocks: list[int]
    cuts: list[CutPower]


@st.composite
def downloads(draw: st.DrawFn) -> Download:
    sector = draw(st.sampled_from([512, 1024, 4096, 65536]))
    unit = draw(st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128, 256] if sector < 4096 else [64, 256]))
    erased = draw(st.sampled_from([0x00, 0xFF]))
    nor = flash(sector=sector, unit=unit, erased=erased, sectors=4)
    size = draw(st.integers(1, min(4 * sector, 3000 if unit < 64 else 12000)))
    seed = draw(st.integers(0, 1000))
    image = bytearray(random.Random(seed).randbytes(size))
    spans = st.tuples(st.integers(0, size), st.integers(0, size), st.sampled_from(b"\x00\xff"))
    for start, length, value in draw(st.lists(spans, max_size=3)):
        end = min(size, start + length)
        image[start:end] = bytes([value]) * (end - start)
    whole = size // unit + 10
    steps = st.tuples(
        st.one_of(st.integers(0, 30), st.integers(0, whole)),
        st.sampled_from(list(CutKind)),
        st.integers(0, unit),
    )
    cuts, at = [], -1
    for step, kind, octets in draw(st.lists(steps, max_size=8)):
        at += 1 + step
        cuts.append(CutPower(operation=at, kind=kind, octets=octets))
    blocks = draw(st.lists(st.integers(1, 300), min_size=1, max_size=4))
    return Download(nor, bytes(image), blocks, cuts)


@settings(max_examples=400, deadline=None)
@given(downloads())
def test_any_image_survives_any_cuts(drawn: Download) -> None:
    """Whatever is cut wherever, going on each time ends with exactly the image."""
    nor, image, blocks, cuts = drawn
    area = Area(nor, 0, nor.geometry.size_octets)
    nor.arm(*cuts)
    ready = False  # what a bridge keeps in its download record
    taken = 0  # blocks so far
    notes = Notes()
    for _ in range(len(cuts) + 1):
        try:
            if ready:
                writer = StreamWriter.resume(area, len(image), notes)
            else:
                writer = StreamWriter.begin(area)
            ready = True
            assert writer.offset == 0 or area.read(0, writer.offset) == image[: writer.offset]
            while writer.offset < len(image):
                block = blocks[taken % len(blocks)]
                taken += 1
                writer.append(image[writer.offset : writer.offset + block])
            writer.finish()
            break
        except PowerLost:
            continue
    assert area.read(0, len(image)) == image
    padding = nor.read(len(image), -len(image) % nor.geometry.program_size_octets)
    assert padding == bytes([nor.geometry.erased_value]) * len(padding)
