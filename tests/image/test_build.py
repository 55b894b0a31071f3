"""Hold the builder to what it says, and its edits to one wrong thing at a time."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.crypto.mmo import aes_mmo
from emulator.errors import WireError
from emulator.image.build import build, refit_integrity
from emulator.image.keys import trust_of
from emulator.image.sign import sign
from emulator.image.verify import verify
from emulator.wire.manifest import Trait, read_manifest
from emulator.wire.ota_file import RAW_HEADER_SIZE, TRAILER_MARK, Container, Element, ElementTag
from emulator.wire.ota_reader import FindingCode, read
from tests.image.signers import AGAINST, GB_SIGNER, MADE

PLAIN: dict[str, Any] = {
    "payload": b"new firmware" * 20,
    "manufacturer": 0xFFF1,
    "image_type": 3,
    "version": 0x01020304,
}


def test_a_file_says_what_was_asked() -> None:
    """Find every parameter in the file again, and no findings."""
    data = build(
        **PLAIN,
        hardware=(0x0100, 0x0203),
        destination=0x0011223344556677,
        credential_version=3,
        stack_version=3,
        header_string="hällo",
        security_counter=9,
        traits=Trait.DEAF,
        link_protocol=(2, 4),
    )
    file, findings = read(data)
    header = file.header
    assert findings == ()
    assert (header.manufacturer, header.image_type) == (0xFFF1, 3)
    assert (header.file_version, header.stack_version) == (0x01020304, 3)
    assert (header.minimum_hardware, header.maximum_hardware) == (0x0100, 0x0203)
    assert (header.destination, header.credential_version) == (0x0011223344556677, 3)
    assert (header.text, header.total_size) == ("hällo", len(data))
    manifest, payload = read_manifest(file.image or b"")
    assert payload == PLAIN["payload"]
    assert (manifest.manufacturer, manifest.image_type) == (0xFFF1, 3)
    assert manifest.file_version == 0x01020304
    assert (manifest.minimum_hardware, manifest.maximum_hardware) == (0x0100, 0x0203)
    assert (manifest.security_counter, manifest.traits) == (9, Trait.DEAF)
    assert (manifest.minimum_link, manifest.maximum_link) == (2, 4)
    assert manifest.payload_digest == hashlib.sha256(PLAIN["payload"]).digest()


def test_without_a_range_the_manifest_is_for_every_hardware() -> None:
    """Leave the header at 56 octets and the manifest open."""
    file, _ = read(build(**PLAIN))
    manifest, _ = read_manifest(file.image or b"")
    assert file.header.header_length == 56
    assert (manifest.minimum_hardware, manifest.maximum_hardware) == (0, 0xFFFF)


def test_f019_the_integrity_code_is_last_and_right() -> None:
    """OTA-F-019: over every octet before the head of tag 3."""
    data = build(**PLAIN)
    file, _ = read(data)
    assert [e.tag for e in file.elements] == [0, 3]
    assert file.elements[1].data == aes_mmo(data[: file.offsets()[1]])
    assert file.offsets()[1] == len(data) - 22


def test_f019_a_known_file_is_built_octet_for_octet() -> None:
    """OTA-F-019: file A of ota-cluster 6.5, from its parameters alone."""
    data = build(
        payload=bytes(range(32)),
        manufacturer=0xFFF1,
        image_type=1,
        version=0x01020304,
        header_string="TEST INTEGRITY",
        manifest=False,
    )
    assert data[-16:].hex().upper() == "D4060599F94A42B9AEBF4FCAB827BD10"
    assert len(data) == 116


def test_extra_elements_stand_between() -> None:
    """Keep the order: image, extra, integrity code."""
    extra = (Element(0xF123, b"vendor"), Element(ElementTag.PICTURE, b"picture"))
    file, findings = read(build(**PLAIN, elements=extra))
    assert [e.tag for e in file.elements] == [0, 0xF123, 4, 3]
    assert findings == ()


def test_parts_can_be_left_out() -> None:
    """Build a plain image: no manifest, no integrity code."""
    file, findings = read(build(**PLAIN, manifest=False, integrity=False))
    assert (file.elements, findings) == ((Element(0, PLAIN["payload"]),), ())


def test_f027_a_null_file_has_no_image() -> None:
    """OTA-F-027: build header and integrity code only, or the header alone."""
    file, findings = read(build(**(PLAIN | {"payload": None})))
    assert [e.tag for e in file.elements] == [3]
    assert [finding.code for finding in findings] == [FindingCode.NO_IMAGE]
    alone = build(**(PLAIN | {"payload": None}), integrity=False)
    assert len(alone) == 56
    assert [finding.code for finding in read(alone)[1]] == [FindingCode.EMPTY]


@pytest.mark.parametrize("image_type", [0xFFC0, 0xFFC1, 0xFFC2])
def test_a_device_specific_file(image_type: int) -> None:
    """Build credentials, configuration and log for one device, and read what they hold."""
    special = PLAIN | {"image_type": image_type, "manifest": False, "payload": b"for one"}
    file, findings = read(build(**special, destination=0x0011223344556677))
    assert findings == ()
    assert (file.header.image_type, file.image) == (image_type, b"for one")
    assert file.header.destination == 0x0011223344556677


@pytest.mark.parametrize("signature", [None, bytes(range(64))])
def test_a_raw_container(signature: bytes | None) -> None:
    """Build both flavours of gb-alt-han 2.2."""
    data = build(**PLAIN, hardware=(1, 2), container=Container.GBCS, signature=signature)
    file, findings = read(data, Container.GBCS)
    assert findings == ()
    assert (file.header.header_length, int(file.header.control)) == (60, 4)
    assert file.signature == signature
    assert read_manifest(file.body)[1] == PLAIN["payload"]
    assert len(data) == file.header.total_size == 60 + len(file.body) + (66 if signature else 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"manufacturer": 0x10000},
        {"version": -1},
        {"traits": 1 << 32},
        {"header_string": "x" * 33},
        {"header_string": b"x" * 33},
        {"signature": bytes(64)},
        {"container": Container.GBCS},
        {"container": Container.GBCS, "hardware": (1, 2), "payload": None},
        {"container": Container.GBCS, "hardware": (1, 2), "destination": 5},
        {"container": Container.GBCS, "hardware": (1, 2), "elements": (Element(4, b""),)},
        {"container": Container.GBCS, "hardware": (1, 2), "signature": bytes(63)},
    ],
)
def test_what_cannot_be_built_is_misuse(changes: dict[str, Any]) -> None:
    """Refuse what does not fit its field or its container."""
    with pytest.raises(ValueError, match=r"."):
        build(**(PLAIN | changes))


def test_refitting_touches_nothing_but_the_code() -> None:
    """Edit the header, refit, and find one octet and the code changed."""
    data = bytearray(build(**PLAIN))
    data[14] ^= 0xFF
    fitted = refit_integrity(bytes(data))
    assert fitted[:-16] == bytes(data[:-16])
    assert fitted[-16:] == aes_mmo(fitted[:-22]) != bytes(data[-16:])
    assert refit_integrity(fitted) == fitted


def test_refitting_bends_to_broken_files() -> None:
    """Refit behind a wrapper, with a wrong header length, with trailing octets."""
    data = bytearray(build(**PLAIN))
    data[6] = 57
    fitted = refit_integrity(b"wrapper" + bytes(data) + b"trailing")
    file, findings = read(fitted)
    assert {f.code for f in findings} == {
        FindingCode.WRAPPER,
        FindingCode.HEADER_LENGTH,
        FindingCode.TRAILING,
    }
    assert file.elements[-1].data == aes_mmo(fitted[7 : 7 + len(data) - 22])


def test_refitting_what_has_no_code_is_misuse() -> None:
    """Refuse rather than return a file that still does not fit."""
    with pytest.raises(ValueError, match="no integrity code"):
        refit_integrity(build(**PLAIN, integrity=False))
    with pytest.raises(WireError):
        refit_integrity(b"no file at all")


@given(st.binary(max_size=300), st.booleans(), st.booleans(), st.sampled_from([None, (3, 9)]))
def test_every_built_file_is_without_findings(
    payload: bytes, manifest: bool, integrity: bool, hardware: tuple[int, int] | None
) -> None:
    """Build, read, and read the same payload; the same parameters give the same octets."""
    parameters = PLAIN | {
        "payload": payload,
        "manifest": manifest,
        "integrity": integrity,
        "hardware": hardware,
    }
    data = build(**parameters)
    file, findings = read(data, Container.ZCL)
    assert findings == ()
    image = file.image or b""
    assert (bytes(read_manifest(image)[1]) if manifest else image) == payload
    assert build(**parameters) == data


@pytest.mark.parametrize("signed", [False, True])
def test_a_manifest_that_ends_with_the_file_leaves_no_room_for_a_trailer(signed: bool) -> None:
    """Take octets of the image that happen to look like a trailer for the image's own.

    One unsigned image in 65,536 has 00 40 where the mark would stand.
    """
    payload = b"code" * 20 + TRAILER_MARK + bytes(range(64))
    trailer = bytes(range(100, 164)) if signed else None
    data = build(
        payload=payload,
        manufacturer=0xFFF1,
        image_type=3,
        version=2,
        hardware=(0, 9),
        container=Container.GBCS,
        signature=trailer,
    )
    file, findings = read(data)
    assert (file.signature, findings) == (trailer, ())
    assert file.body.endswith(payload)
    assert file.encode() == data


def test_such_an_image_is_accepted_and_signed() -> None:
    """Refuse nobody's honest file for 66 octets of it that look like a trailer."""
    payload = b"code" * 20 + TRAILER_MARK + bytes(range(64))
    bare = build(**MADE | {"payload": payload, "container": Container.GBCS})
    steps = ("header", "hardware", "size", "structure", "manifest")
    expected = replace(AGAINST, container=Container.GBCS)
    assert verify(bare, replace(expected, offered_size=len(bare)), steps).accepted
    signed = sign(bare, GB_SIGNER)
    trusting = replace(expected, offered_size=len(signed), trust=trust_of([GB_SIGNER]))
    assert verify(signed, trusting, (*steps, "trailer", "gb_signature")).accepted
    refusal = verify(bare, replace(trusting, offered_size=len(bare)), ("gb_signature",)).refusal
    assert refusal is not None
    assert refusal.found == "no trailer"


@pytest.mark.parametrize("edit", ["magic", "version", "length", "payload_length"])
def test_what_is_no_manifest_to_the_end_says_nothing_of_a_trailer(edit: str) -> None:
    """Only a whole manifest that claims every octet takes the trailer for image."""
    at = {"magic": 0, "version": 4, "length": 6, "payload_length": 30}[edit]
    data = bytearray(
        build(
            payload=TRAILER_MARK + bytes(64),
            manufacturer=0xFFF1,
            image_type=3,
            version=2,
            hardware=(0, 9),
            container=Container.GBCS,
        )
    )
    data[RAW_HEADER_SIZE + at] ^= 1
    assert read(bytes(data))[0].signature == bytes(64)
