"""Hold ECDSA to the plain curve, and to what it must refuse without an exception."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.crypto import ecdsa
from emulator.crypto.curve import SECT163K1, SECT283K1, Curve, Point
from emulator.crypto.nonce import leftmost
from emulator.errors import CryptoError
from tests.crypto.plain_curve import PLAIN

CURVES = (SECT163K1, SECT283K1)
both = pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
DIGEST = bytes(range(16))

digests = st.binary(min_size=16, max_size=16)
signed = settings(max_examples=30, deadline=None)


def key_pair(curve: Curve, seed: int) -> tuple[int, Point]:
    private = Random(seed).randrange(1, curve.n)
    return private, curve.multiply(private, curve.base)


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(CURVES), st.integers(0, 1 << 32), digests, st.booleans())
def test_verdicts_are_those_of_the_plain_curve(
    curve: Curve, seed: int, digest: bytes, spoiled: bool
) -> None:
    private, public = key_pair(curve, seed)
    r, s = ecdsa.sign(curve, private, digest)
    s = s ^ spoiled
    assert ecdsa.verify(curve, public, digest, r, s) is not spoiled
    assert PLAIN[curve.name].verify(public, digest, r, s) is not spoiled


@signed
@given(st.sampled_from(CURVES), st.integers(0, 1 << 32), st.binary(max_size=70), st.data())
def test_what_is_signed_verifies_and_no_bit_may_differ(
    curve: Curve, seed: int, digest: bytes, data: st.DataObject
) -> None:
    """OTA-F-020: flip one bit of the signed bits of the digest, of r, of s, of the key."""
    private, public = key_pair(curve, seed)
    r, s = ecdsa.sign(curve, private, digest)
    assert 0 < r < curve.n
    assert 0 < s < curve.n
    assert (r, s) == ecdsa.sign(curve, private, digest)
    assert ecdsa.verify(curve, public, digest, r, s)
    assert public is not None

    flip = 1 << data.draw(st.integers(0, curve.n.bit_length() - 1))
    assert not ecdsa.verify(curve, public, digest, r ^ flip, s)
    assert not ecdsa.verify(curve, public, digest, r, s ^ flip)
    assert not ecdsa.verify(curve, (public[0] ^ flip, public[1]), digest, r, s)
    assert not ecdsa.verify(curve, (public[0], public[1] ^ flip), digest, r, s)
    if digest:
        bit = data.draw(st.integers(0, min(8 * len(digest), curve.n.bit_length()) - 1))
        spoiled = bytearray(digest)
        spoiled[bit // 8] ^= 0x80 >> bit % 8
        assert not ecdsa.verify(curve, public, bytes(spoiled), r, s)


@both
def test_bits_beyond_those_of_n_do_not_count(curve: Curve) -> None:
    """FIPS 186-4, 6.4: only the leftmost bits of a long digest are signed."""
    private, public = key_pair(curve, 1)
    digest = bytes(64)
    r, s = ecdsa.sign(curve, private, digest)
    assert ecdsa.verify(curve, public, digest[:-1] + b"\1", r, s)
    assert not ecdsa.verify(curve, public, b"\1" + digest[1:], r, s)


@both
def test_r_and_s_out_of_range_are_false_and_no_exception(curve: Curve) -> None:
    """OTA-F-023: 0, n and beyond; a bound checked too late would pass r + n."""
    private, public = key_pair(curve, 2)
    r, s = ecdsa.sign(curve, private, DIGEST)
    n = curve.n
    assert ecdsa.verify(curve, public, DIGEST, r, s)
    for bad in (0, n, n + 1, 2 * n, -1, -n, 1 << 8 * curve.octets, 1 << 5000):
        assert ecdsa.verify(curve, public, DIGEST, bad, s) is False
        assert ecdsa.verify(curve, public, DIGEST, r, bad) is False
        assert ecdsa.verify(curve, public, DIGEST, bad, bad) is False
    for twin_r, twin_s in [(r + n, s), (r, s + n), (r - n, s), (r, s - n), (-r, -s)]:
        assert ecdsa.verify(curve, public, DIGEST, twin_r, twin_s) is False
    # ECDSA's own ambiguity, not an error of range: -s is as good as s.
    assert ecdsa.verify(curve, public, DIGEST, r, n - s) is True


@both
def test_an_r_of_zero_is_no_signature_of_every_key(curve: Curve) -> None:
    """Take an n that divides the x of u*G: r = 0 leaves the key out, and the rest agrees."""
    _, public = key_pair(curve, 7)
    u = int.from_bytes(DIGEST, "big")
    point = curve.multiply(u, curve.base)
    assert point is not None
    weak = replace(curve, n=point[0])
    assert leftmost(DIGEST, weak.n) == u
    assert ecdsa.verify(weak, public, DIGEST, 0, 1) is False


@both
def test_a_sum_at_infinity_is_false(curve: Curve) -> None:
    """Choose r and s so that u*G + v*Q is infinity: no x to compare."""
    private, public = key_pair(curve, 3)
    z = int.from_bytes(DIGEST, "big")
    r = -z * pow(private, -1, curve.n) % curve.n
    assert curve.combine(z, curve.base, r, public) is None
    assert ecdsa.verify(curve, public, DIGEST, r, 1) is False


@both
def test_a_key_that_is_none_is_false(curve: Curve) -> None:
    """OTA-F-030: infinity, off the curve, no element, of small order, shifted by small order."""
    private, public = key_pair(curve, 4)
    r, s = ecdsa.sign(curve, private, DIGEST)
    assert public is not None
    shifted = curve.add(public, (0, 1))
    off = (public[0], public[1] ^ 1)
    wide = (public[0] ^ curve.field.polynomial, public[1])
    for bad in (None, (0, 1), (0, 0), off, wide, (-1, -1), (1 << 5000, 1), shifted):
        assert ecdsa.verify(curve, bad, DIGEST, r, s) is False
    assert ecdsa.verify(curve, public, DIGEST, r, s) is True


@both
def test_a_shifted_key_is_false_even_where_the_sums_agree(curve: Curve) -> None:
    """Sign so that r/s mod n is even: v*(Q + T) is v*Q then, and only a check of order tells."""
    private, public = key_pair(curve, 5)
    for number in range(99):
        digest = DIGEST + bytes([number])
        r, s = ecdsa.sign(curve, private, digest)
        v = r * pow(s, -1, curve.n) % curve.n
        if v % 2 == 0:
            break
    else:
        raise AssertionError("no even factor in 99 tries")
    shifted = curve.add(public, (0, 1))
    assert curve.multiply(v, shifted) == curve.multiply(v, public)
    assert ecdsa.verify(curve, public, digest, r, s) is True
    assert ecdsa.verify(curve, shifted, digest, r, s) is False


def test_a_signature_of_the_other_curve_is_false() -> None:
    small, large = SECT163K1, SECT283K1
    private, public = key_pair(small, 6)
    r, s = ecdsa.sign(small, private, DIGEST)
    assert ecdsa.verify(small, public, DIGEST, r, s) is True
    assert ecdsa.verify(large, public, DIGEST, r, s) is False
    assert ecdsa.verify(large, large.multiply(private, large.base), DIGEST, r, s) is False


@both
def test_keys_and_nonces_out_of_range_are_refused_in_one_line(curve: Curve) -> None:
    for bad in (0, -5, curve.n, curve.n + 1):
        with pytest.raises(
            CryptoError, match=f"private key of {curve.name}: found .*, wanted 1 to"
        ):
            ecdsa.sign(curve, bad, DIGEST)
        with pytest.raises(CryptoError, match=f"nonce for {curve.name}: found .*, wanted 1 to n"):
            ecdsa.sign(curve, 1, DIGEST, bad)


@both
def test_a_nonce_that_makes_s_zero_is_refused(curve: Curve) -> None:
    nonce = 77
    point = curve.multiply(nonce, curve.base)
    assert point is not None
    r = point[0] % curve.n
    private = -int.from_bytes(DIGEST, "big") * pow(r, -1, curve.n) % curve.n
    with pytest.raises(CryptoError, match="makes r or s 0"):
        ecdsa.sign(curve, private, DIGEST, nonce)
    r, s = ecdsa.sign(curve, private, DIGEST)
    assert ecdsa.verify(curve, curve.multiply(private, curve.base), DIGEST, r, s)
