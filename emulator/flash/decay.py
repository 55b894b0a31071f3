"""Draw the bits of flash that was left half done, always the same for the same seed."""

from hashlib import shake_128
from typing import NamedTuple

from emulator.units import Octets


class Weak(NamedTuple):
    """Be octets that read otherwise each time, until the sector that holds them is erased."""

    address: Octets
    length: Octets
    seed: int


def noise(length: Octets, *what: int) -> bytes:
    """Return octets that depend on some numbers alone."""
    return shake_128(repr(what).encode()).digest(length)


def mixed(one: bytes, other: bytes, mask: bytes) -> bytes:
    """Return the bits of ``other`` where the mask has a one, else those of ``one``."""
    octets = zip(one, other, mask, strict=True)
    return bytes(first ^ (first ^ second) & chosen for first, second, chosen in octets)
