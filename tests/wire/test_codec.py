"""Check what the compiler makes of each kind of declaration."""

import copy
import pickle
from dataclasses import FrozenInstanceError
from enum import IntEnum, IntFlag
from typing import Annotated, Any

import pytest

from emulator.errors import TruncatedError, WireError
from emulator.wire import ota, zcl
from emulator.wire.codec import (
    COMMANDS,
    EUI64,
    FRAMES,
    KEYS,
    U8,
    U16,
    U24,
    U32,
    U64,
    CommandKey,
    Counted,
    Fixed,
    Frame,
    Listed,
    Many,
    Rest,
    Series,
    Typed,
    UInt,
    command,
    entry,
    frame,
    pack_integer,
    unpack_integer,
    value,
    when,
)


class Colour(IntEnum):
    RED = 1
    BLUE = 2


class Bits(IntFlag):
    LOW = 0x01
    HIGH = 0x80


def _length(number: int, data: bytes, offset: int) -> int:
    if number > 9:
        raise WireError(f"no type {number}")
    return number


@frame
class Integers(Frame):
    one: U8
    two: U16
    three: U24
    four: U32
    eight: U64
    address: EUI64


@frame
class BigEndian(Frame):
    two: Annotated[int, UInt(2, big_endian=True)]
    one: U8
    three: Annotated[int, UInt(3, big_endian=True)]
    four: Annotated[int, UInt(4, big_endian=True)]


@frame
class MixedOrder(Frame):
    little: U16
    big: Annotated[int, UInt(2, big_endian=True)]
    text: Annotated[bytes, Counted(2)]


@frame
class Octets(Frame):
    fixed: Annotated[bytes, Fixed(3)]
    short: Annotated[bytes, Counted(1)]
    long: Annotated[bytes, Counted(2)]
    rest: Annotated[bytes, Rest()]


@frame
class Lists(Frame):
    octets: Annotated[tuple[int, ...], Listed(1, 1)]
    words: Annotated[tuple[int, ...], Listed(2, 2)]
    rest: Annotated[tuple[int, ...], Series(3)]


@frame
class Item(Frame):
    number: U8
    value: Annotated[bytes, Typed("number", _length)]


@frame
class Items(Frame):
    head: U16
    items: Annotated[tuple[Item, ...], Many(Item)]


@frame
class Coloured(Frame):
    colour: Annotated[Colour, UInt(1)]
    bits: Annotated[Bits, UInt(1)]


@frame
class Optional(Frame):
    control: Annotated[Bits, UInt(1)]
    first: U16 | None = when("control", Bits.LOW)
    second: Annotated[bytes, Counted(1)] | None = when("control", Bits.LOW)
    other: Annotated[Colour, UInt(1)] | None = when("control", Bits.HIGH)
    always: U8


@frame
class Nested(Frame):
    status: U8
    count: U8 | None = when("status", equals=0)
    index: U8 | None = when("count", at_least=1)
    list: Annotated[tuple[int, ...], Series(1)] | None = when("count", at_least=1)


@frame
class Tailed(Frame):
    status: U8
    first: U8 | None = when("status", equals=0, tail=True)
    second: U16 | None = when("status", equals=0, tail=True)


KINDS = [
    (
        Integers(one=1, two=2, three=3, four=4, eight=5, address=0x0102030405060708),
        "01 0200 030000 04000000 0500000000000000 0807060504030201",
    ),
    (BigEndian(two=1, one=2, three=3, four=4), "0001 02 000003 00000004"),
    (MixedOrder(little=1, big=2, text=b"ab"), "0100 0002 0200 6162"),
    (Octets(fixed=b"abc", short=b"", long=b"d", rest=b"ef"), "616263 00 0100 64 6566"),
    (Lists(octets=(1, 2), words=(), rest=(3,)), "02 01 02 0000 030000"),
    (
        Items(head=1, items=(Item(number=0, value=b""), Item(number=2, value=b"xy"))),
        "0100 00 02 7879",
    ),
    (Coloured(colour=Colour.BLUE, bits=Bits.HIGH | Bits.LOW), "02 81"),
    (Optional(control=Bits(0), always=9), "00 09"),
    (Optional(control=Bits.LOW, first=1, second=b"z", always=9), "01 0100 01 7a 09"),
    (Optional(control=Bits.HIGH, other=Colour.RED, always=9), "80 01 09"),
    (Nested(status=1), "01"),
    (Nested(status=0, count=0), "00 00"),
    (Nested(status=0, count=5, index=1, list=(7, 8)), "00 05 01 07 08"),
    (Tailed(status=0), "00"),
    (Tailed(status=0, first=1, second=2), "00 01 0200"),
    (Tailed(status=1), "01"),
]


@pytest.mark.parametrize(("made", "octets"), KINDS, ids=lambda x: type(x).__name__)
def test_every_kind_has_its_octets(made: Frame, octets: str) -> None:
    assert made.encode() == bytes.fromhex(octets)
    assert type(made).decode(bytes.fromhex(octets)) == (made, b"")


def test_a_frame_is_read_where_it_stands() -> None:
    assert Coloured.decode(bytes.fromhex("ff 02 81 aa"), 1)[1] == b"\xaa"
    assert Coloured.decode_at(bytes.fromhex("ff 02 81 aa"), 1)[1] == 3


@pytest.mark.parametrize(
    ("cls", "shortest"),
    [(Integers, 26), (Octets, 6), (Lists, 3), (Items, 2), (Optional, 2), (Nested, 1), (Item, 1)],
)
def test_the_shortest_form_is_known(cls: type[Frame], shortest: int) -> None:
    assert shortest == cls.SHORTEST


@pytest.mark.parametrize(
    ("cls", "octets", "message"),
    [
        (ota.ImageBlockRequest, bytes(9), "ImageBlockRequest: need 14 octets, have 9"),
        (ota.ImageBlockRequest, b"\1" + bytes(20), "ImageBlockRequest: need 22 octets, have 21"),
        # Fields with one test are read as one: 13 octets and the count, then the data too
        (ota.ImageBlockResponse, bytes(2), "ImageBlockResponse: need 14 octets, have 2"),
        (
            ota.ImageBlockResponse,
            bytes(13) + b"\x20",
            "ImageBlockResponse: need 46 octets, have 14",
        ),
        (Octets, b"abc\x02d", "Octets: need 6 octets, have 5"),
        (Octets, b"abc\x01d\x05", "Octets: need 7 octets, have 6"),
        (Lists, bytes.fromhex("00 0200 0100"), "Lists: need 7 octets, have 5"),
        (Lists, bytes.fromhex("00 0000 0000"), "Lists: need 6 octets, have 5"),
        (Items, bytes.fromhex("0100 02 6162 03 61"), "Items: need 9 octets, have 7"),
        (Tailed, bytes.fromhex("00 01"), "Tailed: need 4 octets, have 2"),
        (Coloured, b"", "Coloured: need 2 octets, have 0"),
    ],
)
def test_truncation_says_what_is_needed(cls: type[Frame], octets: bytes, message: str) -> None:
    with pytest.raises(TruncatedError) as caught:
        cls.decode(b"ahead" + octets, 5)

    assert str(caught.value) == message


def test_a_fault_inside_an_item_is_not_called_truncation() -> None:
    with pytest.raises(WireError, match="no type 10") as caught:
        Items.decode(bytes.fromhex("0100 0a"))

    assert not isinstance(caught.value, TruncatedError)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (Optional(control=Bits.LOW, second=b"", always=1), "Optional.first: announced by control"),
        (Optional(control=Bits.LOW, first=1, always=1), "Optional.second: announced by control"),
        (Optional(control=Bits(0), second=b"", always=1), "Optional.second: present, yet not"),
        (Optional(control=Bits.LOW | Bits.HIGH, first=1, second=b"", always=1), "Optional.other"),
        (Nested(status=1, count=1), "Nested.count: present, yet not announced by status"),
        (Nested(status=0), "Nested.count: announced by status, yet absent"),
        (Nested(status=0, count=1, index=1), "Nested.list: announced by count, yet absent"),
        (Nested(status=1, index=1), "Nested.index: present, yet not announced by count"),
        (Tailed(status=0, second=1), "Tailed.first: announced by status, yet absent"),
        (Tailed(status=1, second=1), "Tailed.second: present, yet not announced by status"),
    ],
)
def test_presence_that_disagrees_is_refused(made: Frame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made.encode()


def test_an_unknown_enum_value_is_kept_and_not_sent() -> None:
    made, rest = Coloured.decode(b"\x63\x00")

    assert (made.colour, rest) == (0x63, b"")
    assert type(made.colour) is int
    with pytest.raises(ValueError, match=r"Coloured\.colour: unknown value 99"):
        made.encode()


def test_an_unknown_optional_enum_value_is_kept_and_not_sent() -> None:
    made, _ = Optional.decode(bytes.fromhex("80 63 09"))

    assert made.other == 0x63
    with pytest.raises(ValueError, match=r"Optional\.other: unknown value 99"):
        made.encode()


def test_a_known_enum_value_is_the_member() -> None:
    assert Coloured.decode(b"\x01\x00")[0].colour is Colour.RED


@pytest.mark.parametrize("bits", [0x00, 0x01, 0x7E, 0xFF])
def test_reserved_flags_survive(bits: int) -> None:
    made, _ = Coloured.decode(bytes([1, bits]))

    assert isinstance(made.bits, Bits)
    assert made.bits == bits
    assert made.encode() == bytes([1, bits])


OUT_OF_RANGE: list[tuple[Frame, str, list[Any]]] = [
    (KINDS[0][0], "one", [-1, 256, None, 1.5, "1"]),
    (KINDS[0][0], "two", [65536]),
    (KINDS[0][0], "three", [-1, 1 << 24, None, "1"]),
    (KINDS[0][0], "address", [1 << 64]),
    (KINDS[1][0], "three", [1 << 24]),
    (KINDS[3][0], "fixed", [b"ab", b"abcd", None, "abc"]),
    (KINDS[3][0], "short", [bytes(256), None, "text"]),
    (KINDS[3][0], "long", [bytes(65536)]),
    (KINDS[3][0], "rest", [None, "text", 5]),
    (KINDS[4][0], "octets", [(256,), (-1,), (0,) * 256, None, 5]),
    (KINDS[4][0], "words", [(65536,)]),
    (KINDS[4][0], "rest", [(1 << 24,), None]),
    (KINDS[5][0], "items", [None, (5,), 7]),
    (Item(number=1, value=b"a"), "value", [b"", b"ab", None]),
    (Item(number=1, value=b"a"), "number", [10, 256, None]),
    (KINDS[6][0], "colour", [0, None, "red", []]),
    (KINDS[6][0], "bits", [256, -1, None]),
    (KINDS[8][0], "first", [65536]),
    (KINDS[8][0], "control", [None, "x", "1", 1.0]),
]


@pytest.mark.parametrize(
    ("made", "name", "wrong"),
    [(made, name, wrong) for made, name, all_wrong in OUT_OF_RANGE for wrong in all_wrong],
    ids=lambda x: type(x).__name__ if isinstance(x, Frame) else None,
)
def test_what_does_not_fit_is_a_value_error(made: Frame, name: str, wrong: object) -> None:
    values = {each: getattr(made, each) for each in made.__dataclass_fields__} | {name: wrong}

    with pytest.raises(ValueError, match=rf"{type(made).__name__}|no type"):
        type(made)(**values).encode()


def test_a_frame_is_a_frozen_value() -> None:
    made = Coloured(colour=Colour.RED, bits=Bits.LOW)

    assert made == copy.deepcopy(made) == pickle.loads(pickle.dumps(made))
    assert hash(made) == hash(Coloured(colour=Colour.RED, bits=Bits.LOW))
    with pytest.raises(FrozenInstanceError):
        made.colour = Colour.BLUE  # type: ignore[misc]
    with pytest.raises(AttributeError):
        object.__setattr__(made, "hue", 1)
    with pytest.raises(TypeError):
        Coloured(Colour.RED, Bits.LOW)  # type: ignore[misc]
    with pytest.raises(TypeError):
        Coloured(colour=Colour.RED)  # type: ignore[call-arg]


def test_a_decoded_frame_is_like_a_made_one() -> None:
    made = Optional.decode(bytes.fromhex("00 09"))[0]

    assert made.first is made.second is made.other is None
    assert repr(made) == repr(Optional(control=Bits(0), always=9))


def test_a_taken_command_is_refused_and_leaves_no_trace() -> None:
    def declare(number: int) -> type[Frame]:
        @command(ota.CLUSTER, to_server=True, number=number)
        class ImageBlockRequestAgain(Frame):
            one: U8

        return ImageBlockRequestAgain

    with pytest.raises(
        ValueError, match="is ImageBlockRequest already, not ImageBlockRequestAgain"
    ):
        declare(0x03)
    assert COMMANDS[CommandKey(ota.CLUSTER, True, 0x03)] is ota.ImageBlockRequest
    assert "ImageBlockRequestAgain" not in {one.__name__ for one in [*FRAMES, *KEYS]}


def test_a_registry_refuses_a_taken_key() -> None:
    registry: dict[int, type[Frame]] = {5: Coloured}

    with pytest.raises(ValueError, match="5 is Coloured already, not Again"):

        @entry(registry, 5)
        class Again(Frame):
            one: U8

    assert registry == {5: Coloured}


def test_one_command_id_may_serve_both_directions() -> None:
    numbers = {key.command for key in COMMANDS if key.cluster == ota.CLUSTER}

    assert numbers == set(range(10))


def test_a_test_of_no_earlier_integer_is_refused() -> None:
    with pytest.raises(TypeError, match="late is no earlier integer field"):

        @frame
        class Late(Frame):
            early: U8 | None = when("late", 1)
            late: U8

    with pytest.raises(TypeError, match="text is no earlier integer field"):

        @frame
        class Textual(Frame):
            text: Annotated[bytes, Fixed(1)]
            value: Annotated[bytes, Typed("text", _length)]


def test_a_field_behind_one_that_takes_all_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Greedy\.late: behind rest, which takes all octets"):

        @frame
        class Greedy(Frame):
            rest: Annotated[bytes, Rest()]
            late: U8


def test_a_field_behind_an_optional_tail_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Behind\.late: behind an optional tail"):

        @frame
        class Behind(Frame):
            status: U8
            tail: U8 | None = when("status", equals=0, tail=True)
            late: U8 | None = when("status", equals=1)


def test_items_that_may_be_empty_are_refused() -> None:
    @frame
    class Empty(Frame):
        rest: Annotated[bytes, Rest()]

    with pytest.raises(TypeError, match=r"Endless\.items: Empty may be empty"):

        @frame
        class Endless(Frame):
            items: Annotated[tuple[Empty, ...], Many(Empty)]


@pytest.mark.parametrize("tests", [{}, {"mask": 1, "equals": 1}, {"equals": 0, "at_least": 0}])
def test_a_presence_test_is_exactly_one_test(tests: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="one of mask, equals and at_least"):
        when("control", **tests)  # type: ignore[arg-type]


def test_a_value_is_cheap_and_otherwise_a_frozen_dataclass() -> None:
    @value
    class Point:
        x: int
        y: int = 5

    assert Point(x=1) == Point(x=1, y=5)
    assert repr(Point(x=1)).endswith("Point(x=1, y=5)")
    with pytest.raises(FrozenInstanceError):
        Point(x=1).x = 2  # type: ignore[misc]
    with pytest.raises(TypeError):
        Point(1)  # type: ignore[misc]


def test_a_value_may_check_itself() -> None:
    @value
    class Positive:
        x: int

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("negative")

    with pytest.raises(ValueError, match="negative"):
        Positive(x=-1)


def test_bare_integers_are_packed_both_ways() -> None:
    assert pack_integer(-2, 2, signed=True) == b"\xfe\xff"
    assert unpack_integer(b"\xfe\xff", signed=True) == -2
    assert unpack_integer(pack_integer(0x0102, 3)) == 0x0102
    with pytest.raises(ValueError, match="256 does not fit 1 octets"):
        pack_integer(256, 1)


def test_status_is_one_enum() -> None:
    assert ota.Status is zcl.Status
