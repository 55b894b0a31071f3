"""Hold the fast curves to the plain ones, and to what they must refuse."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.crypto.curve import SECT163K1, SECT283K1, Curve, Point
from emulator.errors import CryptoError
from tests.crypto.plain_curve import PLAIN, PlainPoint

CURVES = (SECT163K1, SECT283K1)
both = pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)

#: The plain curve is slow.
few = settings(max_examples=12, deadline=None)
curves = st.sampled_from(CURVES)
seeds = st.integers(0, 1 << 32)


def any_point(curve: Curve, seed: int) -> Point:
    """Return some point of the whole curve, in or out of the subgroup."""
    chance = Random(seed)
    while True:
        head = bytes([2 + chance.randrange(2)])
        try:
            return curve.decompress(
                head + chance.getrandbits(curve.m).to_bytes(curve.octets, "big")
            )
        except CryptoError:
            continue


def negative(point: PlainPoint) -> PlainPoint:
    return point and (point[0], point[0] ^ point[1])


@both
def test_parameters_are_sound(curve: Curve) -> None:
    plain = PLAIN[curve.name]
    assert plain.contains(curve.base)
    assert plain.multiply(curve.n, curve.base) is None
    assert curve.multiply(curve.n, curve.base) is None
    assert (curve.m, curve.b, curve.octets) == (plain.degree, plain.b, (plain.degree + 7) // 8)
    # Hasse: only one multiple of n lies so near to 2^m.
    assert abs(curve.h * curve.n - (1 << curve.m) - 1) <= 2 << (curve.m + 1) // 2


@few
@given(curves, seeds, seeds)
def test_multiples_are_those_of_the_plain_curve(curve: Curve, seed: int, other: int) -> None:
    """Multiply points of any order, infinity's sums included."""
    plain = PLAIN[curve.name]
    chance = Random(seed)
    u, v = chance.randrange(curve.n), chance.randrange(curve.n)
    p, q = any_point(curve, seed), any_point(curve, other)
    one, two = plain.multiply(u, p), plain.multiply(v, q)
    assert curve.multiply(u, p) == one
    assert curve.combine(u, p, v, q) == plain.add(one, two)
    assert curve.add(one, two) == plain.add(one, two)
    assert curve.multiply(-u, p) == negative(one)


@few
@given(curves, seeds)
def test_the_base_point_is_multiplied_like_any_other(curve: Curve, seed: int) -> None:
    """See the kept images of the base point give what the plain curve gives."""
    k = Random(seed).randrange(curve.n)
    assert curve.multiply(k, curve.base) == PLAIN[curve.name].multiply(k, curve.base)


@both
def test_small_scalars_and_scalars_around_n(curve: Curve) -> None:
    plain = PLAIN[curve.name]
    expected: PlainPoint = None
    for k in range(40):
        assert curve.multiply(k, curve.base) == expected
        assert curve.multiply(curve.n + k, curve.base) == expected
        assert curve.multiply(-k, curve.base) == negative(expected)
        assert curve.combine(k, curve.base, curve.n - k, curve.base) is None
        expected = plain.add(expected, curve.base)


@both
def test_sums_that_need_care(curve: Curve) -> None:
    """Add a point to itself, to its negative, to infinity; double the point of order 2."""
    g = curve.base
    assert curve.add(g, g) == PLAIN[curve.name].add(g, g)
    assert curve.add(g, negative(g)) is None
    assert curve.add(g, None) == curve.add(None, g) == g
    assert curve.add(None, None) is None
    assert curve.add((0, 1), (0, 1)) is None
    assert curve.multiply(5, None) is None
    assert curve.combine(0, g, 0, g) is None
    assert curve.multiply(3, (0, 1)) == (0, 1)


@settings(deadline=None)
@given(curves, seeds)
def test_points_survive_compression(curve: Curve, seed: int) -> None:
    point = any_point(curve, seed)
    assert curve.contains(point)
    assert PLAIN[curve.name].contains(point)
    octets = curve.compress(point)
    assert len(octets) == curve.octets + 1
    assert curve.decompress(octets) == point
    assert curve.decompress(bytes([octets[0] ^ 1]) + octets[1:]) == negative(point)


@both
def test_the_point_of_order_two_has_one_compressed_form(curve: Curve) -> None:
    zeros = bytes(curve.octets)
    assert curve.compress((0, 1)) == b"\x02" + zeros
    assert curve.decompress(b"\x02" + zeros) == (0, 1)
    with pytest.raises(CryptoError, match="found prefix 0x03, wanted 0x02"):
        curve.decompress(b"\x03" + zeros)


def without_solution(curve: Curve) -> bytes:
    """Return the first small x for which the curve has no y."""
    plain = PLAIN[curve.name]
    for x in range(2, 99):
        square = plain.product(x, x)
        right = plain.product(square, x) ^ plain.product(plain.a, square) ^ plain.b
        beta = plain.product(right, plain.inverse(square))
        trace = power = beta
        for _ in range(plain.degree - 1):
            power = plain.product(power, power)
            trace ^= power
        if trace:
            return x.to_bytes(curve.octets, "big")
    raise AssertionError("every x has a y")


@both
def test_octets_that_are_no_point_are_refused_with_a_reason(curve: Curve) -> None:
    """OTA-F-030: x without a solution, and every other way not to be a point."""
    good = curve.compress(curve.base)
    wide = (1 << curve.m).to_bytes(curve.octets, "big")
    for octets, reason in [
        (b"", f"found 0 octets, wanted {curve.octets + 1}"),
        (good[:-1], f"found {curve.octets} octets"),
        (good + b"\0", f"found {curve.octets + 2} octets"),
        (b"\x00" + good[1:], "found prefix 0x00, wanted 0x02 or 0x03"),
        (b"\x04" + good[1:], "found prefix 0x04"),
        (b"\x02" + wide, f"found an x of {curve.m + 1} bits, wanted at most {curve.m}"),
        (b"\x02" + b"\xff" * curve.octets, "wanted at most"),
        (b"\x02" + without_solution(curve), "wanted one of a point on the curve"),
        (b"\x03" + without_solution(curve), "wanted one of a point on the curve"),
    ]:
        with pytest.raises(CryptoError, match=reason) as caught:
            curve.decompress(octets)
        assert curve.name in str(caught.value)


@both
def test_infinity_is_not_compressed(curve: Curve) -> None:
    with pytest.raises(CryptoError, match="infinity"):
        curve.compress(None)


@both
def test_only_points_of_the_curve_are_contained(curve: Curve) -> None:
    x, y = curve.base
    assert curve.contains(None)
    assert curve.contains((x, y))
    for point in [(x, y ^ 1), (x ^ 1, y), (0, 0), (-1, 1), (x, -y), (x, y | 1 << curve.m)]:
        assert not curve.contains(point)
        assert not curve.is_public_key(point)
    # Congruent to the base point modulo the polynomial, and yet no elements.
    assert not curve.contains((x ^ curve.field.polynomial, y))
    assert not curve.contains((x, y ^ curve.field.polynomial))


@few
@given(curves, seeds)
def test_a_public_key_has_order_n(curve: Curve, seed: int) -> None:
    """Tell by halving what the plain curve tells by multiplying with n."""
    point = any_point(curve, seed)
    expected = PLAIN[curve.name].multiply(curve.n, point) is None
    assert curve.is_public_key(point) == expected


@both
def test_a_public_key_is_not_of_small_order_nor_shifted_by_such(curve: Curve) -> None:
    """Refuse every coset of the subgroup but itself: cofactor 2 and cofactor 4."""
    small = next(
        point
        for seed in range(99)
        if curve.multiply(curve.h // 2, point := curve.multiply(curve.n, any_point(curve, seed)))
    )
    key = curve.multiply(123456789, curve.base)
    assert curve.is_public_key(key)
    assert not curve.is_public_key(None)
    assert curve.multiply(curve.h, small) is None
    for k in range(1, curve.h):
        assert curve.contains(curve.multiply(k, small))
        assert not curve.is_public_key(curve.multiply(k, small))
        assert not curve.is_public_key(curve.add(key, curve.multiply(k, small)))
    assert curve.is_public_key(curve.add(key, curve.multiply(curve.h, small)))
