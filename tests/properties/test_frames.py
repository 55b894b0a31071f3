"""Check what must hold for the octets of every declared frame."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import TruncatedError, WireError
from emulator.wire.codec import COMMANDS, KEYS, Frame
from emulator.wire.zcl import GENERAL, GENERAL_IDS
from emulator.wire.zdo import CLUSTERS, COMMANDS_BY_CLUSTER
from tests.strategies import PRODUCT_FRAMES, Shape, cases, declared, frames, open_ended, shape_id

CASES = cases(PRODUCT_FRAMES)
every_shape = pytest.mark.parametrize(
    ("cls", "shape"), CASES, ids=[shape_id(cls, shape) for cls, shape in CASES]
)

#: Shapes with a tail that may be missing, and the octets of the frame without it. A prefix of any
#: other shape decodes only if the frame takes all octets there are.
OPTIONAL_TAILS = {
    # WAIT_FOR_DATA without the block period (ZCL 11.13.8.2.9)
    "ImageBlockResponse+current_time_s+request_time_s+block_period": 9,
    # The answer to a request that is not extended
    "NwkAddressResponse+child_count": 12,
    "NwkAddressResponse+child_count+start_index+children": 12,
    "IeeeAddressResponse+child_count": 12,
    "IeeeAddressResponse+child_count+start_index+children": 12,
    # An error without the descriptor's count
    "SimpleDescriptorResponse+descriptor": 4,
}

#: Shapes that what follows would lengthen: theirs is the tail that is missing.
TAIL_MISSING = {
    "ImageBlockResponse+current_time_s+request_time_s",
    "NwkAddressResponse",
    "IeeeAddressResponse",
    "SimpleDescriptorResponse",
}
CLOSED = [
    (cls, shape)
    for cls, shape in CASES
    if not open_ended(cls) and shape_id(cls, shape) not in TAIL_MISSING
]


@every_shape
@given(data=st.data())
def test_a_frame_survives_the_air(cls: type[Frame], shape: Shape, data: st.DataObject) -> None:
    frame = data.draw(frames(cls, shape))
    ahead = data.draw(st.binary(max_size=5))

    octets = frame.encode()

    assert len(octets) >= cls.SHORTEST
    assert cls.decode(octets) == (frame, b"")
    assert cls.decode(ahead + octets, len(ahead)) == (frame, b"")
    assert cls.decode_at(ahead + octets, len(ahead)) == (frame, len(ahead + octets))


@pytest.mark.parametrize(
    ("cls", "shape"), CLOSED, ids=[shape_id(cls, shape) for cls, shape in CLOSED]
)
@given(data=st.data())
def test_octets_behind_a_frame_are_left_over(
    cls: type[Frame], shape: Shape, data: st.DataObject
) -> None:
    frame: Any = data.draw(frames(cls, shape))
    behind = data.draw(st.binary(min_size=1, max_size=5))
    octets = frame.encode()

    assert cls.decode(octets + behind) == (frame, behind)
    assert cls.decode_at(octets + behind, 0) == (frame, len(octets))


@every_shape
@given(data=st.data())
def test_each_proper_prefix_is_truncated(
    cls: type[Frame], shape: Shape, data: st.DataObject
) -> None:
    octets = data.draw(frames(cls, shape)).encode()

    for size in range(len(octets)):
        prefix = octets[:size]
        complete = size == OPTIONAL_TAILS.get(shape_id(cls, shape))
        if complete or (open_ended(cls) and size >= cls.SHORTEST and _decodes(cls, prefix)):
            assert cls.decode(prefix)[0].encode() == prefix
        else:
            with pytest.raises(TruncatedError) as caught:
                cls.decode(prefix)
            assert caught.value.what == cls.__name__
            assert caught.value.found == size
            assert size < caught.value.needed <= len(octets)


@pytest.mark.parametrize("cls", PRODUCT_FRAMES, ids=lambda cls: cls.__name__)
@given(octets=st.binary(max_size=60))
def test_any_octets_decode_or_are_refused(cls: type[Frame], octets: bytes) -> None:
    try:
        frame, rest = cls.decode(octets)
    except WireError:
        return
    try:
        again = frame.encode()
    except ValueError:  # an enum value nobody knows: kept on decode, refused on encode
        return
    assert again + rest == octets


def test_every_exception_above_is_a_shape() -> None:
    names = {shape_id(cls, shape) for cls, shape in CASES}

    assert names >= {*OPTIONAL_TAILS, *TAIL_MISSING}


def test_every_frame_has_a_shape_for_each_optional_field() -> None:
    for cls in PRODUCT_FRAMES:
        optional = {one.name for one in declared(cls) if one.when}
        drawn = {name for case, shape in CASES if case is cls for name in shape.present}
        assert optional <= drawn, cls


def test_shapes_hold_every_combination_of_two_flags() -> None:
    names = {shape_id(cls, shape) for cls, shape in CASES if cls.__name__ == "ImageBlockRequest"}

    assert names == {
        "ImageBlockRequest",
        "ImageBlockRequest+node_address",
        "ImageBlockRequest+block_period",
        "ImageBlockRequest+node_address+block_period",
    }


def test_registries_and_their_inverses_agree() -> None:
    assert {key: cls for cls, key in KEYS.items()} == COMMANDS
    assert {number: cls for cls, number in GENERAL_IDS.items()} == GENERAL
    assert {cluster: cls for cls, cluster in CLUSTERS.items()} == COMMANDS_BY_CLUSTER


def _decodes(cls: type[Frame], octets: bytes) -> bool:
    try:
        cls.decode(octets)
    except TruncatedError:
        return False
    return True
