"""Compare the ZCL header, the general commands and the typed values with zigpy's."""

from typing import Any

import pytest
import zigpy.types as t
from hypothesis import assume, given
from hypothesis import strategies as st
from zigpy.zcl import foundation

from emulator.wire import zcl
from emulator.wire.codec import Frame
from emulator.wire.zcl import DataType, ZclHeader
from tests.strategies import Shape, cases, frames, shape_id

CASES = cases([*zcl.GENERAL.values()])
HEADERS = cases([ZclHeader])

#: Commands of ours that zigpy has no schema for: none.
UNKNOWN_TO_ZIGPY: set[str] = set()

#: General commands of zigpy's that are not modelled here.
NOT_MODELLED = {
    "Write_Attributes_Undivided",
    "Write_Attributes_No_Response",
    "Configure_Reporting",
    "Configure_Reporting_rsp",
    "Read_Reporting_Configuration",
    "Read_Reporting_Configuration_rsp",
    "Report_Attributes",
    "Read_Attributes_Structured",
    "Write_Attributes_Structured",
    "Write_Attributes_Structured_rsp",
    "Discover_Commands_Received",
    "Discover_Commands_Received_rsp",
    "Discover_Commands_Generated",
    "Discover_Commands_Generated_rsp",
    "Discover_Attribute_Extended",
    "Discover_Attribute_Extended_rsp",
}

#: Types whose values zigpy does not give back octet for octet: characters that are no UTF-8 are
#: replaced, and cut at a NUL; a NaN loses its payload.
LOSSY = {
    DataType.CHARACTER_STRING,
    DataType.LONG_CHARACTER_STRING,
    DataType.SEMI_PRECISION,
    DataType.SINGLE_PRECISION,
    DataType.DOUBLE_PRECISION,
}
#: Types whose length is not known here: they are refused.
COLLECTIONS = {DataType.ARRAY, DataType.STRUCTURE, DataType.SET, DataType.BAG}


def test_no_command_escapes_the_comparison() -> None:
    theirs = {int(number): command.name for number, command in foundation.GENERAL_COMMANDS.items()}

    unknown = {zcl.GENERAL[number].__name__ for number in zcl.GENERAL.keys() - theirs.keys()}
    assert unknown == UNKNOWN_TO_ZIGPY
    assert {theirs[number] for number in theirs.keys() - zcl.GENERAL.keys()} == NOT_MODELLED
    assert {int(one) for one in zcl.GeneralCommand} == zcl.GENERAL.keys()


@pytest.mark.parametrize(
    ("cls", "shape"), HEADERS, ids=[shape_id(cls, shape) for cls, shape in HEADERS]
)
@given(data=st.data())
def test_headers_are_those_of_zigpy(cls: type[Frame], shape: Shape, data: st.DataObject) -> None:
    ours = data.draw(frames(cls, shape))
    control = int(ours.control)

    made = foundation.ZCLHeader(
        frame_control=foundation.FrameControl(
            frame_type=control & zcl.FRAME_TYPE_MASK,
            is_manufacturer_specific=bool(control & zcl.MANUFACTURER_SPECIFIC),
            direction=bool(control & zcl.FROM_SERVER),
            disable_default_response=bool(control & zcl.NO_DEFAULT_RESPONSE),
            reserved=control >> 5,
        ),
        manufacturer=ours.manufacturer,
        tsn=ours.sequence,
        command_id=ours.command,
    )
    assert made.serialize() == ours.encode()

    read, rest = foundation.ZCLHeader.deserialize(ours.encode())
    assert rest == b""
    assert (read.manufacturer, read.tsn, read.command_id) == (
        ours.manufacturer,
        ours.sequence,
        ours.command,
    )
    assert read.frame_control.direction == bool(ours.control & zcl.FrameControl.FROM_SERVER)
    assert read.frame_control.is_cluster == (control & zcl.FRAME_TYPE_MASK == zcl.FrameType.CLUSTER)
    assert cls.decode(made.serialize()) == (ours, b"")


@pytest.mark.parametrize(
    ("cls", "shape"), CASES, ids=[shape_id(cls, shape) for cls, shape in CASES]
)
@given(data=st.data())
def test_octets_are_those_of_zigpy(cls: type[Frame], shape: Shape, data: st.DataObject) -> None:
    frame = data.draw(frames(cls, shape))
    assume(not _lossy(frame))
    schema = foundation.GENERAL_COMMANDS[zcl.GENERAL_IDS[cls]].schema

    read, rest = schema.deserialize(frame.encode())
    assert rest == b""
    assert read.serialize() == frame.encode()
    assert _theirs(read) == _ours(frame)


def test_the_lone_success_is_read_alike() -> None:
    theirs = foundation.WriteAttributesResponse.deserialize(b"\x00")[0]

    assert [(one.status, one.attrid) for one in theirs] == [(0, None)]
    assert zcl.WriteAttributesResponse.decode(theirs.serialize())[0].encode() == b"\x00"


@pytest.mark.parametrize("kind", [kind for kind in DataType if kind not in COLLECTIONS])
@given(data=st.data())
def test_values_are_as_long_as_zigpy_finds_them(kind: DataType, data: st.DataObject) -> None:
    python_type = foundation.DataType.from_type_id(kind).python_type
    octets = data.draw(st.binary(min_size=70, max_size=80))
    octets = bytes([data.draw(st.integers(0, 60)), 0]) + octets

    value, rest = python_type.deserialize(octets)

    length = zcl.value_length(kind, octets, 0)
    assert len(octets) - len(rest) == length
    if kind not in LOSSY:
        assert value.serialize() == octets[:length]


INTEGERS = [
    kind for kind in DataType if issubclass(foundation.DataType.from_type_id(kind).python_type, int)
]


@pytest.mark.parametrize("kind", INTEGERS)
@given(data=st.data())
def test_integers_are_those_of_zigpy(kind: DataType, data: st.DataObject) -> None:
    python_type = foundation.DataType.from_type_id(kind).python_type
    number = data.draw(st.integers(int(python_type.min_value), int(python_type.max_value)))

    assert zcl.pack_value(kind, number) == python_type(number).serialize()
    assert zcl.unpack_value(kind, python_type(number).serialize()) == number


def test_the_integers_compared_are_all_but_these() -> None:
    """The rest is octets to zigpy, or has parts; EUI64 is compared below."""
    assert len(INTEGERS) == 31


@given(number=st.integers(0, (1 << 64) - 1))
def test_addresses_are_those_of_zigpy(number: int) -> None:
    theirs = t.EUI64.convert(f"{number:016x}").serialize()

    assert zcl.pack_value(DataType.EUI64, number) == theirs
    assert zcl.unpack_value(DataType.EUI64, theirs) == number


@given(text=st.text(st.characters(min_codepoint=1, max_codepoint=0x7F), max_size=254))
def test_ascii_strings_are_those_of_zigpy(text: str) -> None:
    for kind, theirs in (
        (DataType.CHARACTER_STRING, t.CharacterString(text)),
        (DataType.OCTET_STRING, t.LVBytes(text.encode())),
        (DataType.LONG_OCTET_STRING, t.LongOctetString(text.encode())),
        (DataType.LONG_CHARACTER_STRING, t.LongCharacterString(text)),
    ):
        assert zcl.pack_value(kind, text.encode()) == theirs.serialize()
        assert zcl.unpack_value(kind, theirs.serialize()) == text.encode()


def test_zigpy_still_miscounts_other_strings() -> None:
    """It counts characters where octets are meant (ZCL 2.6.2.14), so ASCII is all we compare."""
    assert t.CharacterString("é").serialize() == b"\x01\xc3\xa9"
    assert zcl.pack_value(DataType.CHARACTER_STRING, "é".encode()) == b"\x02\xc3\xa9"


def test_an_invalid_string_is_its_count_alone_for_both() -> None:
    theirs, rest = t.CharacterString.deserialize(b"\xffnext")

    assert (theirs.invalid, rest) == (True, b"next")
    assert zcl.value_length(DataType.CHARACTER_STRING, b"\xffnext", 0) == 1


def test_zigpy_still_reads_an_invalid_octet_string_as_255_octets() -> None:
    """It knows no invalid octet string (ZCL 2.6.2.13); ours is one octet long."""
    assert t.LVBytes.deserialize(b"\xff" + bytes(255)) == (bytes(255), b"")
    assert zcl.value_length(DataType.OCTET_STRING, b"\xff" + bytes(255), 0) == 1


def test_type_ids_are_those_of_zigpy() -> None:
    assert {int(one) for one in DataType} == {int(one) for one in foundation.DataTypeId}


def _lossy(frame: Any) -> bool:  # noqa: ANN401
    records = getattr(frame, "records", ())
    if isinstance(frame, zcl.WriteAttributesResponse):
        # zigpy reads a leading SUCCESS as the whole, drops any other, and writes none for none.
        failures = [one for one in records if one.status != zcl.Status.SUCCESS]
        return len(records) == 0 or (len(records) > 1 and len(failures) < len(records))
    return any(getattr(one, "type", None) in LOSSY and hasattr(one, "value") for one in records)


def _ours(frame: Any) -> Any:  # noqa: ANN401
    """Return what a frame says, in plain values."""
    match frame:
        case zcl.ReadAttributes():
            return list(frame.attributes)
        case zcl.ReadAttributesResponse():
            return [(one.attribute, one.status, one.type) for one in frame.records]
        case zcl.WriteAttributes() | zcl.DiscoverAttributesResponse():
            return [(one.attribute, one.type) for one in frame.records]
        case zcl.WriteAttributesResponse():
            return [(one.status, one.attribute) for one in frame.records]
        case zcl.DefaultResponse():
            return frame.command, frame.status
        case zcl.DiscoverAttributes():
            return frame.start, frame.maximum
    raise AssertionError(f"no comparison for {frame}")


def _theirs(read: Any) -> Any:  # noqa: ANN401
    """Return what zigpy read, in the same plain values."""
    match type(read).__name__:
        case "Read_Attributes":
            return [int(one) for one in read.attribute_ids]
        case "ReadAttributesResponse":
            return [
                (one.attrid, one.status, None if one.value is None else one.value.type)
                for one in read.status_records
            ]
        case "Write_Attributes":
            return [(one.attrid, one.value.type) for one in read.attributes]
        case "Discover_Attributes_rsp":
            return [(one.attrid, one.datatype) for one in read.attribute_info]
        case "WriteAttributesResponseSchema":
            return [(one.status, one.attrid) for one in read.status_records]
        case "DefaultResponse":
            return read.command_id, read.status
        case "Discover_Attributes":
            return read.start_attribute_id, read.max_attribute_ids
    raise AssertionError(f"no comparison for {read}")
