"""Hold the image manifest to its layout and its reader to the octets that follow it."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import TruncatedError, WireError
from emulator.wire.manifest import MAGIC, ImageManifest, Trait, read_manifest

PAYLOAD = b"payload of the image"
#: Written by hand, field by field, so that no change of the layout goes unseen.
OCTETS = bytes.fromhex(
    "48414e4d01004200f1ff030004030201000101020700000005000000010214000000"
) + bytes.fromhex("9f6c90c4a2cdd5f4bbef6d1e1ff57ff4c0a5ce4f1fa5dd2c5c4cc5c7e3d9d9ee")


def manifest_of(payload: bytes = PAYLOAD, **changes: object) -> ImageManifest:
    """Return an honest manifest but for ``changes``."""
    fields: dict[str, object] = {
        "magic": MAGIC,
        "manifest_version": 1,
        "length": ImageManifest.SHORTEST,
        "manufacturer": 0xFFF1,
        "image_type": 3,
        "file_version": 0x01020304,
        "minimum_hardware": 0x0100,
        "maximum_hardware": 0x0201,
        "security_counter": 7,
        "traits": Trait.MUTE | Trait.CRASHES,
        "minimum_link": 1,
        "maximum_link": 2,
        "payload_length": len(payload),
        "payload_digest": hashlib.sha256(payload).digest(),
    }
    return ImageManifest(**(fields | changes))  # type: ignore[arg-type]


def test_the_layout_is_the_written_one() -> None:
    """Compare with octets written by hand."""
    digest = OCTETS[-32:]
    assert manifest_of(payload_digest=digest).encode() == OCTETS
    assert ImageManifest.decode(OCTETS) == (manifest_of(payload_digest=digest), b"")


def test_manifest_and_payload_are_read() -> None:
    """Return both; the payload is a view, not a copy."""
    manifest, payload = read_manifest(manifest_of().encode() + PAYLOAD)
    assert manifest == manifest_of()
    assert payload == PAYLOAD
    assert isinstance(payload, memoryview)


def test_an_empty_payload_is_a_payload() -> None:
    """Take a manifest with nothing behind it that says so."""
    assert read_manifest(manifest_of(b"").encode())[1] == b""


def test_the_digest_is_not_the_readers_part() -> None:
    """Read what verification will refuse."""
    assert read_manifest(manifest_of(payload_digest=bytes(32)).encode() + PAYLOAD)[1] == PAYLOAD


@pytest.mark.parametrize(
    "changes",
    [
        {"magic": b"HANX"},
        {"manifest_version": 0},
        {"manifest_version": 2},
        {"length": 65},
        {"length": 67},
        {"payload_length": len(PAYLOAD) - 1},
        {"payload_length": 0},
    ],
)
def test_what_is_no_manifest_is_refused(changes: dict[str, object]) -> None:
    """Refuse another magic, version or length, and octets that the manifest leaves out."""
    with pytest.raises(WireError, match="ImageManifest"):
        read_manifest(manifest_of(**changes).encode() + PAYLOAD)


@pytest.mark.parametrize("length", [len(PAYLOAD) + 1, 0xFFFFFFFF])
def test_a_payload_cut_short_is_truncated(length: int) -> None:
    """Say the octets needed and found."""
    with pytest.raises(TruncatedError) as caught:
        read_manifest(manifest_of(payload_length=length).encode() + PAYLOAD)
    assert (caught.value.needed, caught.value.found) == (66 + length, 66 + len(PAYLOAD))


def test_each_prefix_raises() -> None:
    """Take no part of a manifest for one."""
    data = manifest_of().encode() + PAYLOAD
    for size in range(len(data)):
        with pytest.raises(WireError):
            read_manifest(data[:size])


def test_unknown_traits_survive() -> None:
    """Keep bits that only a later emulator knows."""
    data = manifest_of(traits=Trait(0x80000001)).encode() + PAYLOAD
    manifest, _ = read_manifest(data)
    assert manifest.encode() + PAYLOAD == data
    assert Trait.MUTE in manifest.traits


@given(st.binary(max_size=120))
def test_any_octets_are_read_or_refused(data: bytes) -> None:
    """Raise nothing but WireError, with and without the magic."""
    for octets in (data, MAGIC + data):
        try:
            manifest, payload = read_manifest(octets)
        except WireError:
            continue
        assert manifest.encode() + payload == octets
