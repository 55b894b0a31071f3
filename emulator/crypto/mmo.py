"""Hash with AES-MMO: 16 octets, as ZigBee integrity codes and signatures want.

Source: ZigBee 05-3474, B.6 and C.5; ota-cluster 6.1.
"""

import struct

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import ECB

from emulator.units import Octets

BLOCK_SIZE: Octets = 16
DIGEST_SIZE: Octets = 16

#: The first length whose count of bits does not fit 16 bits: there the second padding begins.
LONG: Octets = 8192
#: The first length whose count of bits does not fit 32 bits.
TOO_LONG: Octets = 1 << 29


def aes_mmo(data: bytes | memoryview) -> bytes:
    """Return the AES-MMO hash of ``data``, 16 octets.

    Args:
        data: Under 2**29 octets; a view must be contiguous octets and is not copied.

    Raises:
        ValueError: ``data`` is longer than the padding can say.

    Source: ZigBee 05-3474, B.6.
    """
    return finish(data, bytes(DIGEST_SIZE), 0)


def finish(data: bytes | memoryview, digest: bytes, before: Octets) -> bytes:
    """Return the AES-MMO hash of whole blocks and of what comes behind them.

    Args:
        data: What comes behind.
        digest: What ``run_blocks`` made of the blocks.
        before: How many octets these had.

    Raises:
        ValueError: All of it is longer than the padding can say.
    """
    size = before + len(data)
    if size >= TOO_LONG:
        raise ValueError(f"AES-MMO takes under {TOO_LONG} octets, not {size}")
    view = memoryview(data)
    whole = len(data) - len(data) % BLOCK_SIZE
    tail = _pad(view[whole:].tobytes(), size)
    return run_blocks(tail, run_blocks(view[:whole], digest))


def _pad(tail: bytes, size: Octets) -> bytes:
    """Return the last, unfilled block of ``size`` octets of data with its padding."""
    # B.6: a 1 bit, zeros, and the bits counted in 2 octets; or in 4 and 2 octets of zeros after.
    count = struct.pack(">H", size * 8) if size < LONG else struct.pack(">IH", size * 8, 0)
    zeros = -(len(tail) + 1 + len(count)) % BLOCK_SIZE
    return tail + b"\x80" + bytes(zeros) + count


def run_blocks(data: bytes | memoryview, digest: bytes) -> bytes:
    """Run whole blocks through the compression function, and return E_digest(block) xor block."""
    # Each block has a key of its own, so nearly all the time goes into starting ciphers. One cipher
    # whose key is replaced starts them 1.7 times as fast as a new Cipher a block.
    algorithm = AES128(digest)
    start = Cipher(algorithm, ECB()).encryptor
    number = int.from_bytes
    for (block,) in struct.iter_unpack(f"{BLOCK_SIZE}s", data):
        algorithm.key = digest
        mixed = number(start().update(block), "little") ^ number(block, "little")
        digest = mixed.to_bytes(DIGEST_SIZE, "little")
    return digest
