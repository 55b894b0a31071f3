"""Derive the secret number of a signature from key and digest: no chance, same octets again.

Source: RFC 6979, 3.2.
"""

import hmac
from collections.abc import Iterator


def leftmost(octets: bytes, n: int) -> int:
    """Return the leftmost bits of ``octets``, at most as many as ``n`` has, as a number.

    Source: RFC 6979, 2.3.2 (bits2int); FIPS 186-4, 6.4.
    """
    return int.from_bytes(octets, "big") >> max(0, 8 * len(octets) - n.bit_length())


def nonces(n: int, private: int, digest: bytes, name: str = "sha256") -> Iterator[int]:
    """Yield the numbers to try, for ever; nearly always the first one serves.

    Args:
        n: Order of the base point; it decides the length of all parts.
        private: 1 to n - 1.
        digest: What is signed, of any length.
        name: Hash of the HMAC as hashlib calls it; the RFC means the one that made ``digest``,
            but AES-MMO has no place there (and 16 octets of state would be few).

    Yields:
        Numbers from 1 to n - 1.

    Source: RFC 6979, 3.2, steps b to h.
    """
    size = (n.bit_length() + 7) // 8
    seed = private.to_bytes(size, "big") + (leftmost(digest, n) % n).to_bytes(size, "big")
    state = b"\x01" * hmac.new(b"", b"", name).digest_size
    key = bytes(len(state))
    for mark in (b"\0", b"\1"):
        key = hmac.digest(key, state + mark + seed, name)
        state = hmac.digest(key, state, name)
    while True:
        octets = b""
        while len(octets) < size:
            state = hmac.digest(key, state, name)
            octets += state
        number = leftmost(octets[:size], n)
        if 0 < number < n:
            yield number
        key = hmac.digest(key, state + b"\0", name)
        state = hmac.digest(key, state, name)
