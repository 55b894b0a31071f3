"""Name the kinds of field a frame can declare, and the test of an optional field's presence."""

from collections.abc import Callable
from dataclasses import field
from typing import Annotated, Any, NamedTuple


class UInt(NamedTuple):
    """Mark an unsigned integer (or an enum or flags over one) of ``size`` octets."""

    size: int
    big_endian: bool = False


class Fixed(NamedTuple):
    """Mark exactly ``size`` octets."""

    size: int


class Counted(NamedTuple):
    """Mark octets behind their own count, an unsigned integer of ``size`` octets."""

    size: int


class Listed(NamedTuple):
    """Mark a tuple of integers of ``item`` octets each, behind a count of ``size`` octets."""

    size: int
    item: int


class Series(NamedTuple):
    """Mark a tuple of integers of ``item`` octets each, until the octets end (last field only)."""

    item: int


class Many(NamedTuple):
    """Mark frames of one type, one after the other, until the octets end (last field only)."""

    of: Any  # a Frame class


class Rest(NamedTuple):
    """Mark all octets that are left (last field only)."""


class Typed(NamedTuple):
    """Mark octets whose number ``length(value, data, offset)`` tells from an earlier field's value.

    ``length`` may name fewer octets than the whole if ``data`` ends before that is known, but
    always more than there are. It raises WireError for a value it does not know.
    """

    by: str
    length: Callable[[int, bytes, int], int]


class When(NamedTuple):
    """Say when a field is there: a test of an earlier integer field."""

    by: str
    mask: int | None
    equals: int | None
    at_least: int | None
    tail: bool


def when(
    by: str,
    mask: int | None = None,
    *,
    equals: int | None = None,
    at_least: int | None = None,
    tail: bool = False,
) -> Any:  # noqa: ANN401 - stands where a value of the field's type is expected
    """Declare an optional field: there if field ``by`` has a bit of ``mask``, equals, is at least.

    If ``by`` is optional itself and absent, so is the field. With ``tail`` the field, together with
    neighbours declared alike, may be left out even then: it is there if octets are left.
    """
    if [mask, equals, at_least].count(None) != 2:
        raise ValueError("when() takes one of mask, equals and at_least")
    return field(default=None, metadata={"when": When(by, mask, equals, at_least, tail)})


U8 = Annotated[int, UInt(1)]
U16 = Annotated[int, UInt(2)]
U24 = Annotated[int, UInt(3)]
U32 = Annotated[int, UInt(4)]
U64 = Annotated[int, UInt(8)]
EUI64 = Annotated[int, UInt(8)]
