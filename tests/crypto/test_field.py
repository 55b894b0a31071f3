"""Hold the fast field arithmetic to the bitwise one, and to what makes a field."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emulator.crypto.curve import SECT163K1, SECT283K1
from emulator.crypto.field import Field
from tests.crypto.plain_curve import PLAIN

FIELDS = {curve.field: PLAIN[curve.name] for curve in (SECT163K1, SECT283K1)}


@st.composite
def elements(draw: st.DrawFn, count: int) -> tuple[Field, list[int]]:
    """Return a field and some of its elements, some with very many or very few ones."""
    field = draw(st.sampled_from(list(FIELDS)))
    top = (1 << field.m) - 1
    element = st.integers(0, top) | st.integers(0, field.m - 1).map(lambda bit: 1 << bit)
    element |= element.map(lambda a: top ^ a)
    return field, draw(st.lists(element, min_size=count, max_size=count))


@settings(deadline=None)
@given(elements(2))
@example((SECT163K1.field, [(1 << 163) - 1] * 2))
@example((SECT283K1.field, [(1 << 283) - 1] * 2))
def test_products_are_those_of_the_definition(drawn: tuple[Field, list[int]]) -> None:
    field, (a, b) = drawn
    plain = FIELDS[field]
    assert field.multiply(a, b) == plain.product(a, b)
    assert field.square(a) == plain.product(a, a)


@settings(deadline=None)
@given(elements(5))
def test_inverses_undo_products(drawn: tuple[Field, list[int]]) -> None:
    field, elements_ = drawn
    each = [a for a in elements_ if a]
    inverses = field.invert_all(each)
    assert [field.multiply(a, b) for a, b in zip(each, inverses, strict=True)] == [1] * len(each)
    assert inverses == [field.invert(a) for a in each]
    assert inverses == [FIELDS[field].inverse(a) for a in each]


@pytest.mark.parametrize("field", FIELDS)
def test_zero_has_no_inverse(field: Field) -> None:
    with pytest.raises(ZeroDivisionError):
        field.invert(0)
    with pytest.raises(ZeroDivisionError):
        field.invert_all([1, 0, 3])


@settings(deadline=None)
@given(elements(1))
def test_the_trace_is_the_sum_of_all_powers(drawn: tuple[Field, list[int]]) -> None:
    field, (a,) = drawn
    total, power = 0, a
    for _ in range(field.m):
        total ^= power
        power = FIELDS[field].product(power, power)
    assert total == field.trace(a)


@settings(deadline=None)
@given(elements(1))
def test_the_half_trace_solves_the_quadratic_equation(drawn: tuple[Field, list[int]]) -> None:
    field, (a,) = drawn
    z = field.half_trace(a)
    # Where the trace is 1 there is no solution, and this comes one off.
    assert field.square(z) ^ z == a ^ field.trace(a)


@pytest.mark.parametrize("field", FIELDS)
def test_elements_are_known_by_their_size(field: Field) -> None:
    assert field.holds(0)
    assert field.holds((1 << field.m) - 1)
    assert not field.holds(1 << field.m)
    assert not field.holds(-1)
