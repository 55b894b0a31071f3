"""Hold the OTA file format and its reader to the file requirements (OTA-F)."""

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.errors import TruncatedError, WireError
from emulator.wire.ota_file import (
    MAGIC,
    Container,
    Element,
    ElementTag,
)
from emulator.wire.ota_reader import (
    MOST_ELEMENTS,
    TELINK_MANUFACTURER,
    FindingCode,
    detect_container,
    read,
)
from tests.wire.ota_files import IMAGE, codes, fatal, file_of, header_of, raw_of

#: ota-cluster 6.5, file A.
VECTOR_A = bytes.fromhex(
    "1ef1ee0b000138000000f1ff01000403020102005445535420494e5445475249545900000000000000000000"
    "000000000000000074000000000020000000000102030405060708090a0b0c0d0e0f10111213141516171819"
    "1a1b1c1d1e1f030010000000d4060599f94a42b9aebf4fcab827bd10"
)


def test_an_honest_file_has_no_findings() -> None:
    """Be the control of all tests below."""
    assert codes(file_of(IMAGE)) == []
    assert codes(VECTOR_A) == []


@pytest.mark.parametrize("at", range(4))
def test_f001_a_wrong_magic_is_no_file(at: int) -> None:
    """OTA-F-001: any other first four octets."""
    data = bytearray(file_of(IMAGE))
    data[at] ^= 0x01
    with pytest.raises(WireError, match="no OTA header"):
        read(bytes(data))


@pytest.mark.parametrize("version", [0x0101, 0x0200, 0x0000])
def test_f002_another_header_version_is_fatal(version: int) -> None:
    """OTA-F-002."""
    assert codes(file_of(IMAGE, header_version=version)) == [FindingCode.HEADER_VERSION]
    assert fatal(file_of(IMAGE, header_version=version))


@pytest.mark.parametrize(("control", "length"), [(0, 55), (0, 57), (7, 68), (7, 70), (0, 60)])
def test_f003_a_header_length_that_fits_no_fields_is_fatal(control: int, length: int) -> None:
    """OTA-F-003: lengths that differ from 56 plus the optional fields."""
    data = file_of(IMAGE, control=control, header_length=length)
    assert codes(data) == [FindingCode.HEADER_LENGTH]
    assert fatal(data)


@pytest.mark.parametrize("control", range(8))
def test_f004_f012_the_options_stand_in_order(control: int) -> None:
    """OTA-F-004, OTA-F-012, and OTA-F-003 for honest lengths: every field control."""
    data = file_of(IMAGE, control=control)
    file, findings = read(data, Container.ZCL)
    assert findings == ()
    assert file.header.header_length == 56 + sum(
        size for bit, size in ((1, 1), (2, 8), (4, 4)) if control & bit
    )
    behind = data[56 : file.header.header_length].hex()
    assert behind == (
        ("02" if control & 1 else "")
        + ("7766554433221100" if control & 2 else "")
        + ("01010302" if control & 4 else "")
    )
    assert file.header.destination == (0x0011223344556677 if control & 2 else None)
    assert file.elements == (IMAGE,)


@pytest.mark.parametrize("bits", [0x0008, 0x8000, 0xFFF8])
def test_f005_reserved_control_bits_are_flagged_and_ignored(bits: int) -> None:
    """OTA-F-005."""
    data = file_of(IMAGE, control=4 | bits)
    assert codes(data) == [FindingCode.FIELD_CONTROL]
    assert not fatal(data)
    assert read(data, Container.ZCL)[0].elements == (IMAGE,)


def test_f006_a_longer_file_is_flagged() -> None:
    """OTA-F-006: octets behind the total size."""
    data = file_of(IMAGE) + b"\xaa\xbb"
    assert codes(data) == [FindingCode.TRAILING]
    assert not fatal(data)
    assert read(data)[0].trailing == b"\xaa\xbb"


def test_f006_a_shorter_file_is_fatal() -> None:
    """OTA-F-006: the file ends before its total size."""
    assert codes(file_of(IMAGE)[:-1]) == [FindingCode.SIZE_TOO_LONG, FindingCode.ELEMENT_CUT]
    assert fatal(file_of(IMAGE)[:-1])
    assert codes(file_of(IMAGE, total=len(file_of(IMAGE)) + 1)) == [FindingCode.SIZE_TOO_LONG]


@pytest.mark.parametrize("total", [0, 1, 55])
def test_a_total_size_below_the_header_is_fatal(total: int) -> None:
    """OTA-F-006: a size that not even the header fits."""
    data = file_of(IMAGE, total=total)
    assert codes(data) == [FindingCode.SIZE_TOO_SHORT, FindingCode.EMPTY]
    assert fatal(data)


@pytest.mark.parametrize("stray", range(1, 6))
def test_f007_stray_octets_are_fatal(stray: int) -> None:
    """OTA-F-007: 1 to 5 octets inside the total size that make no element."""
    data = file_of(IMAGE)
    data = file_of(IMAGE, total=len(data) + stray) + bytes(stray)
    assert codes(data) == [FindingCode.STRAY_OCTETS]
    assert fatal(data)
    assert read(data)[0].remainder == bytes(stray)


def test_f007_an_element_beyond_the_total_size_is_fatal() -> None:
    """OTA-F-007: the last element is longer than what is left, though octets follow."""
    data = file_of(IMAGE, total=len(file_of(IMAGE)) - 1)
    assert codes(data) == [FindingCode.TRAILING, FindingCode.ELEMENT_CUT]
    assert fatal(data)
    assert read(data, Container.ZCL)[0].elements == ()


def test_f008_the_length_leaves_the_tag_header_out() -> None:
    """OTA-F-008: file A of the fact sheet."""
    file, _ = read(VECTOR_A)
    assert [(e.tag, len(e.data)) for e in file.elements] == [(0, 32), (3, 16)]
    assert file.offsets() == (56, 94)


def test_f009_the_largest_length_takes_no_memory() -> None:
    """OTA-F-009: an element of 0xFFFFFFFF octets."""
    data = file_of(IMAGE)
    data += bytes.fromhex("0000ffffffff") + b"x"
    data = file_of(IMAGE, total=len(data)) + data[-7:]
    tracemalloc.start()
    try:
        file, findings = read(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert [f.code for f in findings] == [FindingCode.ELEMENT_CUT]
    assert "4294967295" in findings[0].found
    assert file.elements == (IMAGE,)
    assert file.encode() == data


@pytest.mark.parametrize(
    ("image_type", "expected"),
    [
        *((ours, None) for ours in (0x0000, 0xFFBF)),
        *((named, None) for named in (0xFFC0, 0xFFC1, 0xFFC2, 0xFFC3)),
        (0xFFC4, FindingCode.IMAGE_TYPE_RESERVED),
        (0xFFFE, FindingCode.IMAGE_TYPE_RESERVED),
        (0xFFFF, FindingCode.IMAGE_TYPE_WILDCARD),
    ],
)
def test_f010_image_type_ranges(image_type: int, expected: FindingCode | None) -> None:
    """OTA-F-010."""
    data = file_of(IMAGE, image_type=image_type)
    assert codes(data) == ([expected] if expected else [])
    assert not fatal(data)


def test_f011_a_minimum_above_the_maximum_is_flagged() -> None:
    """OTA-F-011, with the equal pair as control."""
    low = {"minimum_hardware": 0x0204}
    assert codes(file_of(IMAGE, control=4, **low)) == [FindingCode.HARDWARE_RANGE]
    assert codes(file_of(IMAGE, control=4, **low, maximum_hardware=0x0204)) == []


@pytest.mark.parametrize("version", range(6))
def test_f013_credential_versions(version: int) -> None:
    """OTA-F-013: 0 to 3 are known, others flagged."""
    expected = [] if version < 4 else [FindingCode.CREDENTIAL_VERSION]
    assert codes(file_of(IMAGE, control=1, credential_version=version)) == expected


@pytest.mark.parametrize(
    ("tag", "right", "wrong"),
    [(1, 50, 49), (1, 50, 51), (2, 48, 47), (3, 16, 15), (5, 80, 79), (6, 74, 75), (3, 16, 0)],
)
def test_f014_f015_f016_lengths_of_known_tags(tag: int, right: int, wrong: int) -> None:
    """OTA-F-014, OTA-F-015, OTA-F-016: the wrong length is fatal, the right one is not."""
    data = file_of(IMAGE, Element(tag, bytes(wrong)))
    assert codes(data) == [FindingCode.ELEMENT_LENGTH]
    assert fatal(data)
    assert codes(file_of(IMAGE, Element(tag, bytes(right)))) == []


def test_a_signature_stands_last() -> None:
    """OTA-F-022: an element behind the signature."""
    signature = Element(ElementTag.SIGNATURE_SUITE_1, bytes(50))
    assert codes(file_of(signature, IMAGE)) == [FindingCode.SIGNATURE_NOT_LAST]
    assert fatal(file_of(signature, IMAGE))


@pytest.mark.parametrize("tag", [ElementTag.SIGNATURE_SUITE_2, ElementTag.CERTIFICATE_SUITE_2])
def test_both_suites_in_one_file_are_fatal(tag: ElementTag) -> None:
    """Refuse a certificate of suite 1 beside anything of suite 2 (ota-cluster 6.3)."""
    size = 80 if tag is ElementTag.SIGNATURE_SUITE_2 else 74
    other = Element(ElementTag.CERTIFICATE_SUITE_1, bytes(48))
    assert codes(file_of(IMAGE, other, Element(tag, bytes(size)))) == [FindingCode.BOTH_SUITES]
    assert fatal(file_of(IMAGE, other, Element(tag, bytes(size))))


@pytest.mark.parametrize(
    ("tag", "flagged"), [(6, False), (7, True), (0xEFFF, True), (0xF000, False)]
)
def test_reserved_tags_are_flagged_and_skipped(tag: int, flagged: bool) -> None:
    """Flag tags 0x0007 to 0xEFFF and no other (ota-cluster 5.2)."""
    data = file_of(IMAGE, Element(tag, bytes(74)))
    assert codes(data) == ([FindingCode.RESERVED_TAG] if flagged else [])
    assert not fatal(data)


def test_f026_a_wrapped_file_is_cut_at_its_magic() -> None:
    """OTA-F-026: 100 octets before the magic; offsets count from the first of them."""
    junk = bytes(100)
    data = junk + file_of(IMAGE)
    assert codes(data) == [FindingCode.WRAPPER]
    file, _ = read(data)
    assert (file.wrapper, file.elements, file.offsets()) == (junk, (IMAGE,), (156,))
    assert replace(file, wrapper=b"").encode() == file_of(IMAGE)


@pytest.mark.parametrize("control", range(8))
def test_f027_a_file_that_is_only_a_header_is_parsed(control: int) -> None:
    """OTA-F-027: parsed and flagged, and there is nothing in it to run."""
    data = file_of(control=control)
    assert codes(data) == [FindingCode.EMPTY]
    file, _ = read(data)
    assert file.container is Container.ZCL
    assert file.image is None
    assert not fatal(data)


def test_f028_telinks_tag_is_recognised_by_the_manufacturer() -> None:
    """OTA-F-028: two octets that the length leaves out."""
    telink = Element(0xF000, b"0123456789", info=b"\x01\x02")
    data = file_of(telink, manufacturer=TELINK_MANUFACTURER)
    assert codes(data) == [FindingCode.VENDOR_INFO]
    assert read(data)[0].elements == (telink,)
    assert codes(file_of(telink)) == [FindingCode.STRAY_OCTETS]  # another maker's


@pytest.mark.parametrize("manufacturer", [0xFFF1, TELINK_MANUFACTURER])
def test_f028_a_plain_element_of_that_tag_stays_plain(manufacturer: int) -> None:
    """OTA-F-028: not every 0xF000 has the octets, not even every one of Telink's."""
    plain = Element(0xF000, b"0123456789")
    data = file_of(plain, manufacturer=manufacturer)
    assert codes(data) == []
    assert read(data)[0].elements == (plain,)


@pytest.mark.parametrize(
    "octets", [b"\xff" * 32, b"x" * 32, b"\x1b[2J".ljust(32, b"\0"), bytes(32)]
)
def test_f029_any_header_string_is_read(octets: bytes) -> None:
    """OTA-F-029: no UTF-8, no NUL, or an escape for somebody's terminal."""
    data = file_of(IMAGE, header_string=octets)
    assert codes(data) == []
    text = read(data)[0].header.text
    assert text.isprintable()
    assert (text == "") == (octets == bytes(32))


@given(st.binary(min_size=32, max_size=32))
def test_f029_text_is_always_printable(octets: bytes) -> None:
    """OTA-F-029."""
    assert header_of(header_string=octets).text.isprintable()


@pytest.mark.parametrize("control", [0, 7])
def test_each_prefix_of_a_header_is_truncated(control: int) -> None:
    """Say how many octets a header needs, whatever is there."""
    data = file_of(control=control)
    for size in range(len(data)):
        with pytest.raises(TruncatedError) as caught:
            read(data[:size])
        assert caught.value.found == size
        assert size < caught.value.needed <= len(data)


def test_a_large_file_is_read_in_its_own_memory() -> None:
    """Use one copy of the file for reading, and not above three."""
    size = 8 << 20
    data = file_of(Element(0, bytes(size)))
    tracemalloc.start()
    try:
        file, _ = read(data)
        assert tracemalloc.get_traced_memory()[1] < 1.5 * size
        assert len(file.encode()) == len(data)
        assert tracemalloc.get_traced_memory()[1] < 3 * size
    finally:
        tracemalloc.stop()


def test_a_flood_of_empty_elements_is_stopped() -> None:
    """Stop at a count: each empty element would cost twenty times its octets."""
    flood = file_of(*[Element(0, b"")] * MOST_ELEMENTS)
    assert codes(flood) == []
    data = file_of(*[Element(0, b"")] * (MOST_ELEMENTS + 500_000))
    tracemalloc.start()
    try:
        _, findings = read(data)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(data)
    finally:
        tracemalloc.stop()
    assert [f.code for f in findings] == [FindingCode.TOO_MANY_ELEMENTS]
    assert fatal(data)


@st.composite
def _edited_files(draw: st.DrawFn) -> bytes:
    """Make an honest file, then write over it, cut it, wrap it."""
    control = draw(st.integers(0, 7))
    tags = st.sampled_from([0, 1, 3, 5, 7, 0xF000, 0xFFBE])
    elements = draw(st.lists(st.builds(Element, tags, st.binary(max_size=90)), max_size=4))
    manufacturer = draw(st.sampled_from([0xFFF1, TELINK_MANUFACTURER]))
    data = bytearray(file_of(*elements, control=control, manufacturer=manufacturer))
    for at, octet in draw(
        st.lists(st.tuples(st.integers(4, 120), st.integers(0, 255)), max_size=6)
    ):
        if at < len(data):
            data[at] = octet
    cut = draw(st.integers(0, 70))
    return (
        draw(st.binary(max_size=8)) + bytes(data[: len(data) - cut]) + draw(st.binary(max_size=8))
    )


@given(_edited_files(), st.sampled_from([None, *Container]))
@example(MAGIC + bytes(65), None)
def test_what_is_read_encodes_to_the_same_octets(data: bytes, container: Container | None) -> None:
    """Read anything, lose nothing, and raise nothing but WireError."""
    try:
        file, findings = read(data, container)
    except WireError:
        return
    assert file.encode() == data
    assert all(0 <= finding.offset <= len(data) or finding.offset < 69 for finding in findings)
    assert file.container is (container or detect_container(data))


# The raw container of GBCS.

SIGNATURE = bytes(range(64))
RAW = b"CriticalSoftware sample firmware image_" * 5


def test_a_signed_raw_file_has_body_and_signature() -> None:
    """Split at 00 40 and 64 octets (gb-alt-han 2.2)."""
    data = raw_of(RAW + b"\x00\x40" + SIGNATURE)
    assert codes(data, Container.GBCS) == []
    file, _ = read(data)
    assert (file.container, file.body, file.signature) == (Container.GBCS, RAW, SIGNATURE)
    assert file.image == RAW
    assert file.elements == ()


def test_an_unsigned_raw_file_is_all_body() -> None:
    """Take the flavour without a trailer (GB-004)."""
    file, findings = read(raw_of(RAW))
    assert (file.container, file.body, file.signature, findings) == (Container.GBCS, RAW, None, ())


@pytest.mark.parametrize("mark", ["0041", "0140", "4000"])
def test_gb013_another_mark_makes_no_signature(mark: str) -> None:
    """GB-013: the trailer's octets are constant."""
    file, _ = read(raw_of(RAW + bytes.fromhex(mark) + SIGNATURE), Container.GBCS)
    assert file.signature is None


def test_gb014_elements_in_a_raw_container_are_fatal() -> None:
    """GB-014: tag octets are never taken for code."""
    data = file_of(IMAGE, control=4)
    assert codes(data, Container.GBCS) == [FindingCode.CONTAINER]
    assert codes(raw_of(RAW, control=6), Container.GBCS) == [FindingCode.RAW_HEADER]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (file_of(IMAGE, control=4), Container.ZCL),
        (file_of(IMAGE), Container.ZCL),
        (VECTOR_A, Container.ZCL),
        (raw_of(RAW), Container.GBCS),
        (raw_of(RAW + b"\x00\x40" + SIGNATURE), Container.GBCS),
        (raw_of(RAW, control=0), Container.ZCL),  # no header of 60 octets
        (file_of(control=4), Container.ZCL),  # nothing behind the header
        (file_of(IMAGE, control=4)[:-1], Container.ZCL),  # damaged, yet no code begins so
        (file_of(IMAGE, control=4, total=132) + b"\0\0", Container.ZCL),
        (raw_of(b"\0\0" + (len(RAW) + 256).to_bytes(4, "little") + RAW), Container.ZCL),
        (raw_of(b"\0\0" + (len(RAW) + 257).to_bytes(4, "little") + RAW), Container.GBCS),
        (raw_of(b"\0\0\xff\xff\xff\xff" + RAW), Container.ZCL),  # all there can be
        (
            raw_of(b"\x00\x00" * 20 + b"code"),
            Container.GBCS,
        ),  # "tag 0" of no octets, tiling nothing
        (raw_of(bytes.fromhex("00000120") + RAW), Container.GBCS),  # a vector table: "tag 0", huge
    ],
)
def test_the_container_is_detected(data: bytes, expected: Container) -> None:
    """GB-014: elements that tile the file, else a header of 60 octets."""
    assert detect_container(data) is expected
