"""Hold AES-MMO to its published vectors, to zigpy, and to a second implementation of our own."""

import tracemalloc

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import example, given, settings
from hypothesis import strategies as st
from zigpy.util import aes_mmo_hash

from emulator.crypto.mmo import LONG, TOO_LONG, aes_mmo

COUNTING = bytes(range(256)) * 33


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xc0", "AE3A102A28D43EE0D4A09E22788B206C"),
        (bytes(range(0xC0, 0xD0)), "A7977E88BC0B61E8210827109A228F2D"),
        (COUNTING[:8191], "24EC2FE75BBFFCB34789BC0610E7F165"),
        (COUNTING[:8192], "DC6B0687F09F8607131C170B3BD31591"),
        (COUNTING[:8201], "72C9B15E178AA843E4A16C58E33643A3"),
        (COUNTING[:8202], "BC9828D59B2AA323DAF20BE5F2E66511"),
    ],
)
def test_f025_published_vectors(data: bytes, expected: str) -> None:
    """OTA-F-025: ZigBee specification C.5, on both sides of 8,192 octets."""
    assert aes_mmo(data).hex().upper() == expected


@given(st.binary(max_size=200))
@example(b"")
def test_short_data_hash_as_in_zigpy(data: bytes) -> None:
    """Agree with code that nobody here wrote, around every block boundary."""
    assert aes_mmo(data) == bytes(aes_mmo_hash(data).serialize())


@settings(max_examples=40)
@given(st.integers(0, LONG - 1), st.binary(min_size=1, max_size=16))
@example(LONG - 1, b"\xff")
def test_data_below_8192_octets_hash_as_in_zigpy(size: int, pattern: bytes) -> None:
    """Agree with zigpy wherever zigpy is right: it lacks the second padding."""
    data = (pattern * (size // len(pattern) + 1))[:size]
    assert aes_mmo(data) == bytes(aes_mmo_hash(data).serialize())


def plain_mmo(data: bytes) -> bytes:
    """Hash as ZigBee 05-3474 B.6 is written: bits first, blocks second."""
    count = 8 * len(data)
    padded = data + b"\x80"
    if count < 1 << 16:
        while len(padded) % 16 != 14:
            padded += b"\0"
        padded += count.to_bytes(2, "big")
    else:
        while len(padded) % 16 != 10:
            padded += b"\0"
        padded += count.to_bytes(4, "big") + b"\0\0"
    digest = bytes(16)
    for at in range(0, len(padded), 16):
        block = padded[at : at + 16]
        cipher = Cipher(algorithms.AES(digest), modes.ECB()).encryptor()
        mixed = cipher.update(block) + cipher.finalize()
        digest = bytes(a ^ b for a, b in zip(mixed, block, strict=True))
    return digest


@settings(max_examples=40, deadline=None)
@given(st.integers(LONG - 40, LONG + 40), st.binary(min_size=1, max_size=16))
@example(LONG, b"\0")
@example(70_001, b"hanover")
def test_data_of_any_size_hash_as_written(size: int, pattern: bytes) -> None:
    """Agree with the straightforward form where zigpy stops."""
    data = (pattern * (size // len(pattern) + 1))[:size]
    assert aes_mmo(data) == plain_mmo(data)


def test_a_view_hashes_like_its_octets_and_is_not_copied() -> None:
    """Take a memoryview, of bytes or of a bytearray, and leave it free to be released."""
    size = 1 << 17
    data = bytearray(COUNTING * 16)[: size + 3]
    expected = aes_mmo(bytes(data[3:]))
    tracemalloc.start()
    try:
        with memoryview(data) as view:
            assert aes_mmo(view[3:]) == expected
        assert tracemalloc.get_traced_memory()[1] < size // 2
    finally:
        tracemalloc.stop()
    data.append(0)  # raises if a view is still held


def test_data_beyond_the_padding_are_misuse() -> None:
    """Refuse 2**29 octets: their bits cannot be counted in 32."""

    class Huge(bytes):
        def __len__(self) -> int:
            return TOO_LONG

    with pytest.raises(ValueError, match="536870912"):
        aes_mmo(Huge())
