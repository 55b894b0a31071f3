"""Compare every OTA command with zigpy's schema, octet for octet, both ways."""

from typing import Any

import pytest
import zigpy.types as t
from hypothesis import assume, given
from hypothesis import strategies as st
from zigpy.zcl import foundation
from zigpy.zcl.clusters.general import Ota

from emulator.wire import ota
from emulator.wire.codec import COMMANDS, KEYS, Frame
from tests.strategies import Shape, cases, declared, frames, shape_id

OURS = [cls for key, cls in COMMANDS.items() if key.cluster == ota.CLUSTER]
THEIRS = {
    **{(True, one.id): one for one in Ota.ServerCommandDefs},
    **{(False, one.id): one for one in Ota.ClientCommandDefs},
}

#: Commands of ours that zigpy has no schema for: none.
UNKNOWN_TO_ZIGPY: set[str] = set()

#: Shapes that zigpy does not read, and why.
REFUSED_BY_ZIGPY = {
    # It wants the block period, which ZCL 11.13.8.2.9 lets a server leave out.
    "ImageBlockResponse+current_time_s+request_time_s",
}

#: What zigpy calls our fields, where it has another name.
NAMES = {
    "control": "field_control",
    "manufacturer": "manufacturer_code",
    "node_address": "request_node_addr",
    "block_period": "minimum_block_period",
    "data": "image_data",
    "current_time_s": "current_time",
    "request_time_s": "request_time",
    "upgrade_time_s": "upgrade_time",
    "response_spacing_ms": "response_spacing",
    "stack_version": "current_zigbee_stack_version",
}
NAMES_IN_ONE_COMMAND = {
    (ota.ImageNotify, "file_version"): "new_file_version",
    (ota.QueryNextImageRequest, "file_version"): "current_file_version",
}

CASES = [(cls, shape) for cls, shape in cases(OURS) if shape_id(cls, shape) not in REFUSED_BY_ZIGPY]


def test_no_command_escapes_the_comparison() -> None:
    ours = {(key.to_server, key.command): cls for cls, key in KEYS.items() if cls in OURS}

    assert len(ours) == len(OURS) == 10
    assert {ours[key].__name__ for key in ours.keys() - THEIRS.keys()} == UNKNOWN_TO_ZIGPY
    assert THEIRS.keys() <= ours.keys()  # nor do we lack one that zigpy has
    assert {shape_id(cls, shape) for cls, shape in cases(OURS)} >= REFUSED_BY_ZIGPY


@pytest.mark.parametrize(
    ("cls", "shape"), CASES, ids=[shape_id(cls, shape) for cls, shape in CASES]
)
@given(data=st.data())
def test_octets_are_those_of_zigpy(cls: type[Frame], shape: Shape, data: st.DataObject) -> None:
    frame = data.draw(frames(cls, shape))
    if isinstance(frame, ota.ImageBlockResponse):  # zigpy takes 0xFF for an invalid count
        assume(len(frame.data or b"") < 255)
    schema = THEIRS[KEYS[cls][1:]].schema

    made = schema(**{_name(cls, name): _theirs(schema, cls, name, frame) for name in shape.present})
    assert made.serialize() == frame.encode()

    read, rest = schema.deserialize(frame.encode())
    assert rest == b""
    for one in declared(cls):
        theirs = getattr(read, _name(cls, one.name))
        if one.name in shape.present:
            assert _plain(theirs) == getattr(frame, one.name), one.name
        else:
            assert theirs is None, one.name

    assert cls.decode(made.serialize()) == (frame, b"")


def test_zigpy_still_refuses_a_wait_without_its_period() -> None:
    octets = bytes([ota.Status.WAIT_FOR_DATA]) + bytes(8)

    assert ota.ImageBlockResponse.decode(octets)[0].encode() == octets
    with pytest.raises(ValueError, match="too short"):
        Ota.ClientCommandDefs.image_block_response.schema.deserialize(octets)


def test_zigpy_still_refuses_a_block_of_255_octets() -> None:
    with pytest.raises(ValueError, match="too long"):
        t.LVBytes(bytes(255)).serialize()


def test_status_codes_are_those_of_zigpy() -> None:
    renamed = {
        "UNSUP_COMMAND": "UNSUP_CLUSTER_COMMAND",
        "UNSUP_MANUFACTURER_CLUSTER_COMMAND": "UNSUP_MANUF_CLUSTER_COMMAND",
        "UNSUP_MANUFACTURER_GENERAL_COMMAND": "UNSUP_MANUF_GENERAL_COMMAND",
    }
    for status in ota.Status:
        assert foundation.Status[renamed.get(status.name, status.name)] == status


def test_attributes_are_those_of_zigpy() -> None:
    theirs = {one.id for one in Ota.AttributeDefs}

    # zigpy adds the global attribute of the server side.
    assert theirs - {0xFFFE} == {int(one) for one in ota.Attribute}


def _name(cls: type[Frame], name: str) -> str:
    return NAMES_IN_ONE_COMMAND.get((cls, name)) or NAMES.get(name, name)


def _theirs(schema: Any, cls: type[Frame], name: str, frame: Frame) -> Any:  # noqa: ANN401
    """Return our field's value as zigpy's type, never made from octets of ours."""
    kind = getattr(schema.fields, _name(cls, name)).type
    value = getattr(frame, name)
    if issubclass(kind, t.EUI64):
        return t.EUI64.convert(f"{value:016x}")
    return kind(value)


def _plain(value: Any) -> int | bytes:  # noqa: ANN401
    if isinstance(value, t.EUI64):
        return int(str(value).replace(":", ""), 16)
    return bytes(value) if isinstance(value, bytes) else int(value)
