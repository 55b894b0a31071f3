"""Signed files are what the published ones are, and what cannot be signed honestly is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.crypto import p256
from emulator.crypto.suites import FACTS, Suite
from emulator.errors import ImageError
from emulator.image.build import build
from emulator.image.keys import Key
from emulator.image.sign import sign, with_certificate, with_signature, with_trailer
from emulator.wire.ota_file import Container, Element, ElementTag
from emulator.wire.ota_reader import read
from tests.image.signers import (
    CAS,
    DEVICE_1,
    FILE_B,
    GB_SIGNER,
    MADE,
    NONCE,
    SIGNED,
    SIGNER_EUI64,
    SIGNERS,
    UNSIGNED,
)

#: What file B was before it was signed: header of 56 octets, an image of 32.
PLAIN_B = FILE_B[:94]
RAW_MADE: dict[str, Any] = {**MADE, "container": Container.GBCS}
RAW = build(**(RAW_MADE | {"integrity": True}))

both_suites = pytest.mark.parametrize("suite", list(Suite), ids=["suite 1", "suite 2"])


def test_f017_the_published_file_is_made_to_the_octet() -> None:
    """OTA-F-017: size, certificate, range of the digest, order of r and s."""
    certified = with_certificate(PLAIN_B, DEVICE_1)
    assert with_signature(certified, DEVICE_1, nonce=NONCE) == FILE_B


@both_suites
def test_a_signed_file_is_the_file_with_two_elements_more(suite: Suite) -> None:
    facts, signer = FACTS[suite], SIGNERS[suite]
    file, findings = read(SIGNED[suite])
    assert findings == ()
    assert file.header.total_size == len(SIGNED[suite])
    assert [element.tag for element in file.elements] == [
        *(0, facts.certificate_tag, facts.signature_tag)
    ]
    assert file.elements[1].data == signer.certificate
    assert file.elements[2].data[:8] == SIGNER_EUI64.to_bytes(8, "little")
    assert SIGNED[suite][56 : len(UNSIGNED)] == UNSIGNED[56:]


@both_suites
def test_signatures_repeat_themselves(suite: Suite) -> None:
    """Give the same octets each time (RFC 6979), and others for another file."""
    assert sign(UNSIGNED, SIGNERS[suite]) == SIGNED[suite]
    other = sign(build(**(MADE | {"version": 3})), SIGNERS[suite])
    size = FACTS[suite].scalar_size
    assert other[-2 * size : -size] != SIGNED[suite][-2 * size : -size]


def test_a_trailer_is_over_the_manufacturer_image_alone() -> None:
    data = sign(RAW, GB_SIGNER)
    file, findings = read(data)
    assert findings == ()
    assert file.container is Container.GBCS
    assert data[-66:-64] == b"\x00\x40"
    assert data[60:-66] == RAW[60:] == file.body
    assert file.header.total_size == len(data) == len(RAW) + 66
    assert p256.verify(GB_SIGNER.public, RAW[60:], data[-64:])
    assert not p256.verify(GB_SIGNER.public, RAW, data[-64:])


@both_suites
def test_a_null_file_can_be_signed(suite: Suite) -> None:
    """OTA-F-027: header and signing tags only, as certification wants it."""
    null = UNSIGNED[:52] + (60).to_bytes(4, "little") + UNSIGNED[56:60]
    file, _ = read(sign(null, SIGNERS[suite]))
    assert len(file.elements) == 2


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(list(Suite)), st.booleans())
def test_what_is_signed_reads_without_findings(payload: bytes, suite: Suite, vendor: bool) -> None:
    elements = (Element(0xF123, payload[::-1]),) if vendor else ()
    data = sign(build(**(MADE | {"payload": payload, "elements": elements})), SIGNERS[suite])
    file, findings = read(data)
    assert findings == ()
    assert file.encode() == data


# What is refused.


def _signed_raw() -> bytes:
    return sign(RAW, GB_SIGNER)


REFUSED: dict[str, tuple[Callable[[], bytes], Key, str]] = {
    "a CA's key": (lambda: UNSIGNED, CAS[Suite.ONE], "found a CA's, wanted a signer's"),
    "nothing": (lambda: b"", SIGNERS[Suite.ONE], "found nothing, wanted 1e f1 ee 0b first"),
    "no OTA file": (lambda: bytes(100), SIGNERS[Suite.ONE], "found 00 00 00 00, wanted 1e f1"),
    "half a header": (lambda: UNSIGNED[:30], SIGNERS[Suite.ONE], "need 56 octets, have 30"),
    "a wrapper": (lambda: b"x" + UNSIGNED, SIGNERS[Suite.ONE], "found 78 1e f1 ee, wanted 1e f1"),
    "octets behind": (
        lambda: UNSIGNED + b"xyz",
        SIGNERS[Suite.ONE],
        "found 3 octets behind the total size, wanted the end of the file",
    ),
    "a cut file": (lambda: UNSIGNED[:-1], SIGNERS[Suite.ONE], "found size-too-long at 52"),
    "a size too long": (
        lambda: UNSIGNED[:52] + bytes((255, 0, 0, 0)) + UNSIGNED[56:],
        SIGNERS[Suite.ONE],
        "found size-too-long at 52",
    ),
    "an integrity code": (
        lambda: build(**(MADE | {"integrity": True})),
        SIGNERS[Suite.TWO],
        "found an integrity code (tag 0x0003), wanted none in a file to be signed",
    ),
    "signed": (lambda: SIGNED[Suite.ONE], SIGNERS[Suite.ONE], "found tag 0x0002, wanted a file"),
    "signed otherwise": (lambda: SIGNED[Suite.ONE], SIGNERS[Suite.TWO], "found tag 0x0002"),
    "certified": (
        lambda: with_certificate(UNSIGNED, SIGNERS[Suite.TWO]),
        SIGNERS[Suite.TWO],
        "found tag 0x0006, wanted a file that is not signed",
    ),
    "a raw file": (lambda: RAW, SIGNERS[Suite.ONE], "found element-cut at 60"),
    "elements for GB": (lambda: UNSIGNED, GB_SIGNER, "found container at 60"),
    "a trailer": (_signed_raw, GB_SIGNER, "found a trailer of 64 octets, wanted a file that"),
    "no image for GB": (
        lambda: RAW[:52] + bytes((60, 0, 0, 0)) + RAW[56:60],
        GB_SIGNER,
        "found no manufacturer image, wanted one to sign",
    ),
}


@pytest.mark.parametrize("flaw", REFUSED)
def test_what_would_be_no_honest_file_is_refused_in_one_line(flaw: str) -> None:
    made, key, message = REFUSED[flaw]
    with pytest.raises(ImageError) as caught:
        sign(made(), key)
    said = str(caught.value)
    assert message in said
    assert "\n" not in said


@pytest.mark.parametrize("part", [with_certificate, with_signature])
def test_the_parts_take_any_file_with_a_header(part: Callable[..., bytes]) -> None:
    """Make the lies that tests need: behind an integrity code, behind another signature."""
    for data in (SIGNED[Suite.ONE], build(**(MADE | {"integrity": True})), UNSIGNED + b"xyz"):
        made = part(data, SIGNERS[Suite.TWO])
        assert made[56 : len(data)] == data[56:]
        assert int.from_bytes(made[52:56], "little") == len(made)
    with pytest.raises(ImageError, match="wanted 1e f1 ee 0b first"):
        part(b"x" + UNSIGNED, SIGNERS[Suite.TWO])


def test_who_signed_may_be_a_lie() -> None:
    data = with_signature(UNSIGNED, SIGNERS[Suite.ONE], signer_eui64=0x0102030405060708)
    element = read(data)[0].elements[-1]
    assert element.tag == ElementTag.SIGNATURE_SUITE_1
    assert element.data[:8] == bytes.fromhex("0807060504030201")
    with pytest.raises(ValueError, match="signer"):
        with_signature(UNSIGNED, SIGNERS[Suite.ONE], signer_eui64=1 << 64)


def test_a_second_trailer_is_over_the_first() -> None:
    once = with_trailer(RAW, GB_SIGNER)
    twice = with_trailer(once, GB_SIGNER)
    assert p256.verify(GB_SIGNER.public, once[60:], twice[-64:])
