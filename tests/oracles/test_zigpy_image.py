"""Hold the OTA file format to zigpy's, which nobody here wrote: both ways, octet for octet."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zigpy import types as t
from zigpy.ota import image as zigpy_image

from emulator.errors import WireError
from emulator.image.build import build
from emulator.image.edits import apply
from emulator.wire.ota_file import Container, Element, ElementTag, OtaHeader
from emulator.wire.ota_reader import FindingCode, read

SIZE = {"refit": "size"}
SIGNATURE = {"element": {"tag": 5, "data": "00" * 80}}
PICTURE = {"element": {"tag": 4, "data": "00"}}
CERTIFICATE = {"element": {"tag": 2, "data": "00" * 48}}

_U16 = st.integers(0, 0xFFFF)
#: Sizes are right for each tag, so that our reader has nothing to say.
_SIZES = {1: 50, 2: 48, 3: 16, 5: 80, 6: 74}
_ELEMENTS = st.lists(
    st.one_of(
        st.builds(Element, st.sampled_from([0, 4, 0xF000, 0xFFBE]), st.binary(max_size=60)),
        st.builds(lambda tag: Element(tag, bytes(_SIZES[tag])), st.sampled_from([2, 3])),
    ),
    max_size=3,
).map(tuple)
_PARAMETERS = st.fixed_dictionaries(
    {
        "payload": st.binary(max_size=200),
        "manufacturer": _U16.filter(lambda code: code not in (0x100B, 0x1141)),  # Hue, Telink
        "image_type": st.integers(0, 0xFFC3),
        "version": st.integers(0, 0xFFFFFFFF),
        "hardware": st.none() | st.tuples(_U16, _U16).map(lambda pair: (min(pair), max(pair))),
        "destination": st.none() | st.integers(0, 2**64 - 1),
        "credential_version": st.none() | st.integers(0, 3),
        "stack_version": st.integers(0, 4),
        "header_string": st.binary(max_size=32),
        "manifest": st.booleans(),
        "integrity": st.booleans(),
        "elements": _ELEMENTS,
    }
)


def _same_header(theirs: zigpy_image.OTAImageHeader, ours: OtaHeader) -> None:
    """Compare every field, the absent ones too."""
    assert theirs.header_version == ours.header_version
    assert theirs.header_length == ours.header_length == len(theirs.serialize())
    assert int(theirs.field_control) == int(ours.control)
    assert theirs.manufacturer_id == ours.manufacturer
    assert theirs.image_type == ours.image_type
    assert theirs.file_version == ours.file_version
    assert theirs.stack_version == ours.stack_version
    assert theirs.header_string.serialize() == ours.header_string
    assert theirs.image_size == ours.total_size
    assert theirs.security_credential_version == ours.credential_version
    assert theirs.minimum_hardware_version == ours.minimum_hardware
    assert theirs.maximum_hardware_version == ours.maximum_hardware
    destination = theirs.upgrade_file_destination
    if destination is None:
        assert ours.destination is None
    else:
        assert t.uint64_t.deserialize(destination.serialize())[0] == ours.destination


@given(_PARAMETERS)
def test_what_we_build_zigpy_reads(parameters: dict[str, Any]) -> None:
    """Read our file with both, find the same parts, and write it again with both."""
    data = build(**parameters)
    theirs, rest = zigpy_image.OTAImage.deserialize(data)
    ours, findings = read(data, Container.ZCL)
    assert (rest, findings) == (b"", ())
    _same_header(theirs.header, ours.header)
    assert [(int(e.tag_id), bytes(e.data)) for e in theirs.subelements] == [
        (e.tag, e.data) for e in ours.elements
    ]
    assert theirs.serialize() == ours.encode() == data


@st.composite
def _zigpy_files(draw: st.DrawFn) -> bytes:
    """Build a file with zigpy alone."""
    control = zigpy_image.FieldControl(draw(st.integers(0, 7)))
    header = zigpy_image.OTAImageHeader(
        upgrade_file_id=zigpy_image.OTAImageHeader.MAGIC_VALUE,
        header_version=0x0100,
        header_length=0,
        field_control=control,
        manufacturer_id=draw(st.integers(0, 0x1000)),
        image_type=draw(st.integers(0, 0xFFC3)),
        file_version=draw(st.integers(0, 0xFFFFFFFF)),
        stack_version=2,
        header_string=zigpy_image.HeaderString(draw(st.binary(min_size=32, max_size=32))),
        image_size=0,
    )
    if control & 1:
        header.security_credential_version = draw(st.integers(0, 3))
    if control & 2:
        header.upgrade_file_destination = t.EUI64(draw(st.binary(min_size=8, max_size=8)))
    if control & 4:
        header.minimum_hardware_version = 0x0101
        header.maximum_hardware_version = draw(st.integers(0x0101, 0xFFFF))
    elements = [
        zigpy_image.SubElement(tag_id=tag, data=data)
        for tag, data in draw(
            st.lists(
                st.tuples(st.sampled_from([0, 4, 0xF123]), st.binary(max_size=80)),
                min_size=1,
                max_size=4,
            )
        )
    ]
    header.header_length = len(header.serialize())
    header.image_size = header.header_length + sum(len(e.serialize()) for e in elements)
    return zigpy_image.OTAImage(header=header, subelements=elements).serialize()


@given(_zigpy_files())
def test_what_zigpy_builds_we_read(data: bytes) -> None:
    """Read a file of zigpy's, and write the same octets; a null file is all that we flag in one."""
    theirs, _ = zigpy_image.OTAImage.deserialize(data)
    ours, findings = read(data, Container.ZCL)
    null = not {0, 0xF123} & {int(e.tag_id) for e in theirs.subelements}
    null = null and int(theirs.header.image_type) < 0xFFC0
    assert [finding.code for finding in findings] == [FindingCode.NO_IMAGE] * null
    _same_header(theirs.header, ours.header)
    assert [(e.tag, e.data) for e in ours.elements] == [
        (int(e.tag_id), bytes(e.data)) for e in theirs.subelements
    ]
    assert ours.encode() == data


def test_f028_a_telink_file_reads_as_in_zigpy() -> None:
    """OTA-F-028: the two octets that Telink's length leaves out."""
    secret = zigpy_image.TelinkEncryptedSubElement(
        tag_id=0xF000, tag_info=0x0102, data=b"encrypted"
    )
    head = zigpy_image.OTAImage.deserialize(
        build(payload=b"", manufacturer=0x1141, image_type=1, version=2, integrity=False)
    )[0].header
    head.image_size = head.header_length + len(secret.serialize())
    theirs = zigpy_image.TelinkOTAImage(header=head, subelements=[secret])
    data = theirs.serialize()
    parsed, _ = zigpy_image.parse_ota_image(data)
    assert isinstance(parsed, zigpy_image.TelinkOTAImage)
    ours, findings = read(data)
    assert [finding.code for finding in findings] == [FindingCode.VENDOR_INFO]
    assert ours.elements == (Element(0xF000, b"encrypted", info=b"\x02\x01"),)
    assert ours.encode() == data


@pytest.mark.parametrize("cut", [1, 15, 16, 17, 21, 22, 23])
def test_f006_f007_what_is_cut_neither_takes(cut: int) -> None:
    """OTA-F-006, OTA-F-007: zigpy raises where our reader has a fatal finding."""
    data = build(payload=b"x" * 40, manufacturer=1, image_type=1, version=2)[:-cut]
    with pytest.raises(ValueError, match="too short"):
        zigpy_image.OTAImage.deserialize(data)
    assert any(finding.fatal for finding in read(data, Container.ZCL)[1])


@pytest.mark.parametrize("tag", list(ElementTag))
def test_tags_have_the_same_numbers(tag: ElementTag) -> None:
    """Compare the table of tags with zigpy's, all of it."""
    assert zigpy_image.ElementTagId(int(tag)) in list(zigpy_image.ElementTagId)
    assert len(list(zigpy_image.ElementTagId)) == len(ElementTag)


def _hue_code() -> bytes:
    return bytes.fromhex("2a0001") + bytes(range(200))


def test_a_hue_file_reads_as_in_zigpy() -> None:
    """Take Hue's file without sub-elements for the same octets; ours says what it lacks."""
    head = build(payload=b"", manufacturer=0x100B, image_type=1, version=2, integrity=False)[:56]
    size = (56 + len(_hue_code())).to_bytes(4, "little")
    data = head[:52] + size + _hue_code()
    theirs, rest = zigpy_image.parse_ota_image(data)
    assert isinstance(theirs, zigpy_image.HueSBLOTAImage)
    ours, findings = read(data)
    assert [finding.code for finding in findings] == [FindingCode.NO_ELEMENTS]
    assert (rest, ours.remainder) == (b"", theirs.data)
    assert theirs.serialize() == ours.encode() == data


def _wrapped(maker: str, inner: bytes) -> bytes:
    """Wrap a file as its maker does."""
    if maker == "legrand":
        return len(inner).to_bytes(4, "little") + inner + bytes(17)
    if maker == "ikea":
        offset, size = (24).to_bytes(4, "little"), len(inner).to_bytes(4, "little")
        return b"NGIS" + bytes(12) + offset + size + inner + b"\0"
    rest = bytes(4) + (152 + len(inner) - 64).to_bytes(4, "little") + bytes(80) + inner
    return hashlib.sha512(rest).digest() + rest


@pytest.mark.parametrize("maker", ["legrand", "ikea", "third reality"])
def test_f026_a_wrapped_file_reads_as_in_zigpy(maker: str) -> None:
    """OTA-F-026: cut the same file out of each container that zigpy knows."""
    inner = build(payload=b"x" * 40, manufacturer=1, image_type=1, version=2)
    data = _wrapped(maker, inner)
    theirs, _ = zigpy_image.parse_ota_image(data)
    ours, findings = read(data)
    assert findings[0].code is FindingCode.WRAPPER
    assert replace(ours, wrapper=b"", trailing=b"").encode() == theirs.serialize() == inner


#: What one of the two takes and the other does not, and why: (edit, fatal here, taken by zigpy).
DIFFERENCES = {
    # zigpy never looks at these; the standard says what they must be.
    "header version": ([{"at": "header_version", "put": "0101"}], True, True),
    "length of a known tag": ([{"at": "end-20", "put": "0f"}, {"keep": -1}, SIZE], True, True),
    "tag behind a signature": (
        [SIGNATURE, {"element": {"tag": 4, "data": "00"}}, SIZE],
        True,
        True,
    ),
    "both suites": ([CERTIFICATE, SIGNATURE, SIZE], True, True),
    # zigpy counts the elements from the header length, we from where the fields end.
    "header length": ([{"at": "header_length", "add": 1, "size": 2}], True, False),
    # zigpy parses what a maker's prefix hides only if it knows the maker.
    "unknown wrapper": ([{"prepend": "00" * 9}], True, False),
    # Both refuse.
    "cut": ([{"keep": -1}], True, False),
    "magic": ([{"at": "magic", "xor": "01"}], None, False),
    # Both take, and we flag.
    "trailing octets": ([{"append": "0000"}], False, True),
    "reserved control bit": ([{"at": "control", "xor": "08"}], False, True),
    "wildcard type": ([{"at": "image_type", "put": "ffff"}], False, True),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_where_zigpy_is_laxer_or_stricter(name: str) -> None:
    """Keep the list of differences true, one by one."""
    edits, fatal, taken = DIFFERENCES[name]
    data = apply(build(payload=b"x" * 40, manufacturer=1, image_type=1, version=2), edits)
    try:
        found: bool | None = any(finding.fatal for finding in read(data, Container.ZCL)[1])
    except WireError:
        found = None
    try:
        zigpy_image.parse_ota_image(data)
    except ValueError:
        assert (found, taken) == (fatal, False)
    else:
        assert (found, taken) == (fatal, True)
