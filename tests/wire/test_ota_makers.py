"""Hold the reader to what makers really ship, and to files that are no firmware."""

import tracemalloc

import pytest

from emulator.wire.ota_file import Container, Element, ElementTag
from emulator.wire.ota_findings import HUE_MANUFACTURER, MOST_FINDINGS, FindingCode
from emulator.wire.ota_reader import MOST_ELEMENTS, detect_container, read
from tests.wire.ota_files import IMAGE, codes, fatal, file_of, raw_of

#: Behind the header of an image of Hue's that has no sub-elements (ota-cluster 5.2).
HUE_CODE = bytes.fromhex("2a0001") + bytes(range(90))


@pytest.mark.parametrize("control", [0, 4])
def test_a_hue_image_has_no_elements(control: int) -> None:
    """Name it, whatever its header is long; a bridge that wants sub-elements refuses it."""
    data = raw_of(HUE_CODE, control=control, manufacturer=HUE_MANUFACTURER)
    assert codes(data, None) == [FindingCode.NO_ELEMENTS]
    assert fatal(data)
    file, findings = read(data)
    assert (file.container, file.elements, file.image) == (Container.ZCL, (), None)
    assert file.remainder == HUE_CODE
    assert "2a 00 01 (Hue)" in findings[0].found


def test_what_only_looks_like_hues_is_not() -> None:
    """Want both the maker and its first octets; and elements that tile stay elements."""
    assert FindingCode.NO_ELEMENTS not in codes(raw_of(HUE_CODE, control=0))
    other = raw_of(b"\x2a\x00\x02" + b"\xff" * 50, control=0, manufacturer=HUE_MANUFACTURER)
    assert codes(other) == [FindingCode.ELEMENT_CUT]
    tiled = file_of(Element(0x002A, bytes(0x01)), IMAGE, manufacturer=HUE_MANUFACTURER)
    assert codes(tiled) == [FindingCode.RESERVED_TAG]


@pytest.mark.parametrize(
    ("wrapper", "tail", "name"),
    [
        (b"NGIS" + bytes(20), bytes(7), "IKEA's container"),
        (None, bytes(17), "Legrand's size"),
        (bytes(152), b"", "Third Reality's hashes"),
        (bytes(100), b"", None),
    ],
)
def test_f026_a_known_wrapper_is_named(
    wrapper: bytes | None, tail: bytes, name: str | None
) -> None:
    """OTA-F-026: cut at the magic, and say whose wrapper it is, where that is known."""
    inner = file_of(IMAGE)
    if wrapper is None:
        wrapper = len(inner).to_bytes(4, "little")
    file, findings = read(wrapper + inner + tail)
    assert findings[0].code is FindingCode.WRAPPER
    assert findings[0].found.startswith(f"{len(wrapper)} octets before the magic")
    assert ("(" in findings[0].found) == (name is not None)
    assert name is None or name in findings[0].found
    assert (file.elements, file.wrapper, file.trailing) == ((IMAGE,), wrapper, tail)
    assert file.encode() == wrapper + inner + tail


@pytest.mark.parametrize(
    "elements",
    [
        (Element(ElementTag.CERTIFICATE_SUITE_1, bytes(48)), Element(1, bytes(50))),
        (Element(ElementTag.CERTIFICATE_SUITE_2, bytes(74)), Element(5, bytes(80))),
        (Element(ElementTag.INTEGRITY_CODE, bytes(16)),),
    ],
)
@pytest.mark.parametrize("control", range(8))
def test_f027_a_null_file_is_parsed_and_flagged(
    elements: tuple[Element, ...], control: int
) -> None:
    """OTA-F-027: header and signing tags only are a whole file with nothing in it to run."""
    data = file_of(*elements, control=control)
    assert codes(data, None) == [FindingCode.NO_IMAGE]
    assert read(data)[0].image is None
    assert not fatal(data)


@pytest.mark.parametrize("tag", [0xF000, 0xF01A, 0xFFBE, 0xFFBF])
def test_an_image_in_a_makers_own_tag_is_no_null_file(tag: int) -> None:
    """Take the tags of Telink, NXP and IKEA for what holds the firmware."""
    assert codes(file_of(Element(tag, bytes(40)))) == []


@pytest.mark.parametrize("image_type", [0xFFC0, 0xFFC1, 0xFFC2, 0xFFC3])
def test_a_special_file_needs_no_upgrade_image(image_type: int) -> None:
    """Read credentials, configuration, log and picture with any known tag in them."""
    data = file_of(Element(ElementTag.PICTURE, bytes(9)), control=2, image_type=image_type)
    assert codes(data) == []
    assert read(data)[0].header.destination == 0x0011223344556677


def test_a_flood_of_flaws_is_counted_not_told() -> None:
    """Tell the first of a code one by one, count the rest, and keep memory in bounds."""
    data = file_of(IMAGE, *[Element(0x0007, b"")] * (MOST_ELEMENTS - 1))
    tracemalloc.start()
    try:
        _, findings = read(data)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(data) + (1 << 20)
    finally:
        tracemalloc.stop()
    assert [finding.code for finding in findings] == [FindingCode.RESERVED_TAG] * MOST_FINDINGS
    assert findings[-1].found == f"tag 0x0007, and {MOST_ELEMENTS - 1 - MOST_FINDINGS} more so"
    assert "more so" not in findings[-2].found


def test_octets_of_a_raw_image_are_never_hues() -> None:
    """Leave another maker's raw container a raw container."""
    data = raw_of(HUE_CODE + b"\x00\x40" + bytes(64), control=4)
    assert detect_container(data) is Container.GBCS
    assert codes(data, None) == []
