"""Hold the raw container to the public GB samples, and to files of the same make from our own keys.

The samples are other people's data and do not ship: HANOVER_GB_SAMPLES names a folder that has them
(gb-esme-sample.ota, gb-ppmid-sample.ota, gb-test-data.json). Their equivalents run always.
"""

import hashlib
import json
import os
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from emulator.image.build import build
from emulator.image.judgement import Expectation, Refusal
from emulator.image.verify import verify
from emulator.profiles.model import Manifest
from emulator.profiles.trust import TrustProfile
from emulator.wire.ota_file import Container
from emulator.wire.ota_reader import FindingCode, detect_container, read

#: 235 octets of text that a ZCL parser would take for a tag 0x7243 of 1.6 GB.
BODY = (b"CriticalSoftware sample firmware image_" * 7)[:235]
#: The private number of a test key of our own.
SECRET = 0x48414E4F564552
#: How gb-alt-han 2.3 judges a download.
GB_STEPS = ("size", "header", "hardware", "structure", "trailer", "gb_signature")


def _signed_by(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """Return r and s of a signature, 32 octets each, big-endian."""
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _verifies(key: ec.EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _own(kind: str) -> tuple[bytes, ec.EllipticCurvePublicKey]:
    """Build what has the shape of a sample: the ESME's is signed, the PPMID's is not."""
    key = ec.derive_private_key(SECRET, ec.SECP256R1())
    signed = _signed_by(key, BODY) if kind == "esme" else None
    data = build(
        payload=BODY,
        manufacturer=0x121D,
        image_type=0x0000 if kind == "esme" else 0x0084,
        version=0xACDCACDC,
        hardware=(0x1111, 0x1211),
        header_string=f"an own {kind} firmware image",
        container=Container.GBCS,
        manifest=False,
        signature=signed,
    )
    return data, key.public_key()


def _public(kind: str) -> tuple[bytes, ec.EllipticCurvePublicKey]:
    folder = os.environ.get("HANOVER_GB_SAMPLES")
    if not folder:
        pytest.skip("HANOVER_GB_SAMPLES not set")
    data = (Path(folder) / f"gb-{kind}-sample.ota").read_bytes()
    about = json.loads((Path(folder) / "gb-test-data.json").read_text())
    point = bytes.fromhex(about["supplier_signing_public_key"])
    return data, ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)


def _judged(
    data: bytes, key: ec.EllipticCurvePublicKey | None, *steps: str, version: int = 0xACDCACDC
) -> Refusal | None:
    """Let a bridge with the raw container judge a file that it was offered as it is."""
    header = read(data, Container.GBCS)[0].header
    point = key and key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint).hex()
    against = Expectation(
        eui64=1,
        manufacturer=0x121D,
        image_type=header.image_type,
        hardware_version=0x1111,
        offered_manufacturer=0x121D,
        offered_image_type=header.image_type,
        offered_version=version,
        offered_size=len(data),
        container=Container.GBCS,
        manifest=Manifest.NONE,
        trust=TrustProfile(gb_key=point),
    )
    return verify(data, against, steps or GB_STEPS).refusal


def _sample(source: str, kind: str) -> tuple[bytes, ec.EllipticCurvePublicKey]:
    return _own(kind) if source == "own" else _public(kind)


both_sources = pytest.mark.parametrize("source", ["own", "public"])


@both_sources
def test_gb001_the_esme_sample_is_taken_apart(source: str) -> None:
    """GB-001: header as in gb-alt-han 2.2, image of 235 octets, 00 40, signature of 64."""
    data, _ = _sample(source, "esme")
    file, findings = read(data, Container.GBCS)
    header = file.header
    assert findings == ()
    assert len(data) == header.total_size == 361
    assert (header.header_version, header.header_length, int(header.control)) == (0x0100, 60, 4)
    assert (header.manufacturer, header.image_type) == (0x121D, 0x0000)
    assert (header.file_version, header.stack_version) == (0xACDCACDC, 2)
    assert (header.minimum_hardware, header.maximum_hardware) == (0x1111, 0x1211)
    assert len(file.body) == 235
    assert data[295:297] == b"\x00\x40"
    assert file.signature == data[297:]
    assert file.encode() == data


@both_sources
def test_gb002_the_signature_is_over_the_manufacturer_image(source: str) -> None:
    """GB-002: ECDSA P-256 with SHA-256 over [60:295]."""
    data, key = _sample(source, "esme")
    file, _ = read(data, Container.GBCS)
    assert file.body == data[60:295]
    assert file.signature is not None
    assert _verifies(key, file.signature, file.body)


@both_sources
@pytest.mark.parametrize(("start", "end"), [(0, 295), (60, 297), (59, 295), (60, 294)])
def test_gb003_the_signature_is_over_nothing_else(source: str, start: int, end: int) -> None:
    """GB-003: not with the header, not with the trailer's mark."""
    data, key = _sample(source, "esme")
    assert not _verifies(key, data[297:], data[start:end])


@both_sources
def test_gb004_the_ppmid_sample_has_no_trailer(source: str) -> None:
    """GB-004: 295 octets in all."""
    data, _ = _sample(source, "ppmid")
    file, findings = read(data, Container.GBCS)
    assert findings == ()
    assert len(data) == file.header.total_size == 295
    assert file.header.image_type == 0x0084
    assert file.signature is None
    assert file.body == data[60:]
    assert file.encode() == data


@pytest.mark.parametrize("kind", ["esme", "ppmid"])
def test_gb005_the_hash_of_the_manufacturer_image(kind: str) -> None:
    """GB-005: SHA-256 of the body alone, the same for both samples."""
    data, _ = _public(kind)
    file, _ = read(data, Container.GBCS)
    assert hashlib.sha256(file.body).hexdigest() == (
        "7542f475e3f12eae887d81e32c46d313741d67076b13caec2f82e00ba5e1bb36"
    )


@both_sources
def test_gb006_gb007_any_flipped_bit_breaks_the_signature(source: str) -> None:
    """GB-006, GB-007: in the image and in the signature."""
    data, key = _sample(source, "esme")
    for at in (*range(60, 295, 13), *range(297, 361, 7), 294, 360):
        flipped = bytearray(data)
        flipped[at] ^= 0x01
        file, _ = read(bytes(flipped), Container.GBCS)
        assert file.signature is not None
        assert not _verifies(key, file.signature, file.body)


@both_sources
def test_gb008_gb009_the_header_is_outside_the_signature(source: str) -> None:
    """GB-008, GB-009: version and hardware range may be edited and the signature stays valid."""
    data, key = _sample(source, "esme")
    for at in (14, 56, 58):
        lie = bytearray(data)
        lie[at] ^= 0x01
        file, _ = read(bytes(lie), Container.GBCS)
        assert file.signature is not None
        assert _verifies(key, file.signature, file.body)


@both_sources
def test_a_bridge_that_trusts_the_supplier_takes_the_signed_sample(source: str) -> None:
    """GB-001, GB-002: and refuses it under every other key, and under none."""
    data, key = _sample(source, "esme")
    assert _judged(data, key) is None
    stranger = ec.derive_private_key(SECRET + 1, ec.SECP256R1()).public_key()
    for other in (stranger, None):
        refusal = _judged(data, other)
        assert refusal is not None
        assert refusal.step == "gb_signature"


@both_sources
def test_a_bridge_that_wants_a_signature_refuses_the_unsigned_flavour(source: str) -> None:
    """GB-004, GB-012: by ``trailer``, and by ``gb_signature`` alone."""
    data, _ = _sample(source, "ppmid")
    _, key = _sample(source, "esme")
    for steps, step in ((GB_STEPS, "trailer"), (("gb_signature",), "gb_signature")):
        refusal = _judged(data, key, *steps)
        assert refusal is not None
        assert refusal.step == step
    assert _judged(data, None, *GB_STEPS[:4]) is None


@both_sources
def test_gb006_gb007_a_bridge_refuses_any_flipped_octet_of_image_or_signature(source: str) -> None:
    """GB-006, GB-007: each octet of both."""
    data, key = _sample(source, "esme")
    for at in (*range(60, 295), *range(297, 361)):
        flipped = data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :]
        refusal = _judged(flipped, key)
        assert refusal is not None
        assert refusal.step == "gb_signature"


@both_sources
def test_gb008_an_edited_version_passes_the_signature(source: str) -> None:
    """GB-008: which is why our own images have a manifest: nothing else would notice."""
    data, key = _sample(source, "esme")
    lie = data[:14] + b"\x01\x02\x03\x04" + data[18:]
    assert _judged(lie, key, version=0x04030201) is None


@both_sources
@pytest.mark.parametrize("kind", ["esme", "ppmid"])
def test_gb014_text_is_not_taken_for_tags(source: str, kind: str) -> None:
    """GB-014: "Cr" would be tag 0x7243; the container is detected, the other one refused."""
    data, _ = _sample(source, kind)
    assert detect_container(data) is Container.GBCS
    file, findings = read(data, Container.ZCL)
    assert [finding.code for finding in findings] == [FindingCode.ELEMENT_CUT]
    assert "0x7243" in findings[0].found
    assert file.image is None
