"""Hold the tau-adic digits to what they must add up to, and to their shape."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.crypto.curve import SECT163K1, SECT283K1, Curve
from emulator.crypto.tau import Number, Recoder, Ring

SHAPES = [(1, SECT163K1), (-1, SECT283K1)]
RECODERS = [Recoder(mu, curve.m, width) for mu, curve in SHAPES for width in range(2, 8)]


def worth(recoder: Recoder, digits: list[int]) -> Number:
    """Return the number of Z[tau] that digits stand for."""
    ring = Ring(recoder.mu)
    a, b = 0, 0
    for digit in reversed(digits):
        a, b = ring.multiply((a, b), (0, 1))
        if digit:
            c, d = recoder.residues()[digit]
            a, b = a + c, b + d
    return a, b


@settings(deadline=None)
@given(st.sampled_from(RECODERS), st.integers(-(1 << 300), 1 << 300))
def test_digits_are_worth_the_scalar(recoder: Recoder, scalar: int) -> None:
    """Add up to the scalar, but for a multiple of tau^m - 1, which maps every point to infinity."""
    ring = Ring(recoder.mu)
    digits = list(recoder.digits(scalar))
    a, b = worth(recoder, digits)
    one_off = ring.power(recoder.m)
    whole = one_off[0] - 1, one_off[1]
    c, d = whole
    conjugate = c + recoder.mu * d, -d
    norm, _ = ring.multiply(whole, conjugate)
    quotient = ring.multiply((scalar - a, -b), conjugate)
    assert quotient[0] % norm == 0
    assert quotient[1] % norm == 0


@settings(deadline=None)
@given(st.sampled_from(RECODERS), st.integers(0, 1 << 300))
def test_digits_have_the_shape_of_the_form(recoder: Recoder, scalar: int) -> None:
    digits = list(recoder.digits(scalar))
    assert len(digits) <= recoder.m + recoder.width + 3
    assert all(not u or (u % 2 and abs(u) < 1 << recoder.width - 1) for u in digits)
    places = [place for place, digit in enumerate(digits) if digit]
    assert all(later - earlier >= recoder.width for earlier, later in pairwise(places))


@pytest.mark.parametrize("recoder", RECODERS, ids=str)
def test_a_digit_is_its_residue_and_its_terms(recoder: Recoder) -> None:
    ring = Ring(recoder.mu)
    for digit, (a, b) in recoder.residues().items():
        assert ring.remainder((digit - a, -b), ring.power(recoder.width)) == (0, 0)
    for digit in range(1, 1 << recoder.width - 1, 2):
        total = [0, 0]
        for sign, power in recoder.terms(digit):
            c, d = ring.power(power)
            total = [total[0] + sign * c, total[1] + sign * d]
        assert tuple(total) == recoder.residues()[digit]


@pytest.mark.parametrize(("mu", "curve"), SHAPES, ids=str)
def test_tau_squares_the_coordinates(mu: int, curve: Curve) -> None:
    """See tau * tau + 2 = mu * tau on points: the base of it all."""
    square = curve.field.square
    x, y = curve.multiply(987654321, curve.base) or (0, 0)
    once, twice = (square(x), square(y)), (square(square(x)), square(square(y)))
    left = curve.add(twice, curve.add((x, y), (x, y)))
    assert left == (once if mu == 1 else (once[0], once[0] ^ once[1]))
