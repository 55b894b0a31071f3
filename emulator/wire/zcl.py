"""Declare the ZCL header, the general commands and the typed values of attributes.

General commands belong to no cluster, so they have a registry of their own. Arrays, structures,
sets and bags are not modelled: no attribute here uses them.

Source: ZCL rev 8 (07-5123), chapter 2.
"""

from enum import IntEnum, IntFlag
from typing import Annotated, NamedTuple

from emulator.errors import TruncatedError, WireError
from emulator.wire.codec import (
    U8,
    U16,
    Frame,
    Many,
    Series,
    Typed,
    UInt,
    entry,
    frame,
    pack_integer,
    unpack_integer,
    when,
)


class Status(IntEnum):
    """Say what became of a command (ZCL 2.6.3)."""

    SUCCESS = 0x00
    FAILURE = 0x01
    NOT_AUTHORIZED = 0x7E
    RESERVED_FIELD_NOT_ZERO = 0x7F
    MALFORMED_COMMAND = 0x80
    UNSUP_COMMAND = 0x81  # older: UNSUP_CLUSTER_COMMAND
    UNSUP_GENERAL_COMMAND = 0x82
    UNSUP_MANUFACTURER_CLUSTER_COMMAND = 0x83
    UNSUP_MANUFACTURER_GENERAL_COMMAND = 0x84
    INVALID_FIELD = 0x85
    UNSUPPORTED_ATTRIBUTE = 0x86
    INVALID_VALUE = 0x87
    READ_ONLY = 0x88
    INSUFFICIENT_SPACE = 0x89
    NOT_FOUND = 0x8B
    INVALID_DATA_TYPE = 0x8D
    WRITE_ONLY = 0x8F
    ACTION_DENIED = 0x93
    TIMEOUT = 0x94
    ABORT = 0x95
    INVALID_IMAGE = 0x96
    WAIT_FOR_DATA = 0x97
    NO_IMAGE_AVAILABLE = 0x98
    REQUIRE_MORE_IMAGE = 0x99
    NOTIFICATION_PENDING = 0x9A
    HARDWARE_FAILURE = 0xC0
    SOFTWARE_FAILURE = 0xC1
    UNSUPPORTED_CLUSTER = 0xC3


# Header.


class FrameType(IntEnum):
    """Say whose command ids a frame uses: the two low bits of frame control (ZCL 2.4.1.1.1)."""

    GENERAL = 0
    CLUSTER = 1


class FrameControl(IntFlag):
    """Describe a ZCL frame (ZCL 2.4.1.1); the other bits are reserved."""

    CLUSTER_SPECIFIC = 0x01
    MANUFACTURER_SPECIFIC = 0x04
    FROM_SERVER = 0x08
    NO_DEFAULT_RESPONSE = 0x10


#: The bits of frame control that hold the frame type; the values 2 and 3 are reserved.
FRAME_TYPE_MASK = 0x03
#: The same bits as in ``FrameControl``, plain for the path of a block.
MANUFACTURER_SPECIFIC = 0x04
FROM_SERVER = 0x08
NO_DEFAULT_RESPONSE = 0x10


@frame
class ZclHeader(Frame):
    """Stand in front of every ZCL command.

    Source: ZCL rev 8, 2.4.1.
    """

    control: Annotated[FrameControl, UInt(1)]
    manufacturer: U16 | None = when("control", FrameControl.MANUFACTURER_SPECIFIC)
    sequence: U8
    command: U8


class Split(NamedTuple):
    """Hold the plain values of a header and the offset of what stands behind it."""

    control: int
    manufacturer: int | None
    sequence: int
    command: int
    offset: int


def pack_header(control: int, sequence: int, command: int) -> bytes:
    """Return a header without a manufacturer code.

    Raises:
        ValueError: A value does not fit its octet, or ``control`` announces a manufacturer code.
    """
    if control & MANUFACTURER_SPECIFIC:
        raise ValueError(f"frame control {control:#04x} announces a manufacturer code")
    return bytes((control, sequence, command))


def split(payload: bytes) -> Split:
    """Return what ``ZclHeader.decode_at(payload, 0)`` reads, as plain values.

    Raises:
        TruncatedError: ``payload`` ends inside the header.
    """
    size = 5 if payload and payload[0] & MANUFACTURER_SPECIFIC else 3
    if len(payload) < size:
        raise TruncatedError("ZclHeader", size, len(payload))
    if size == 3:
        return Split(payload[0], None, payload[1], payload[2], 3)
    return Split(payload[0], payload[1] | payload[2] << 8, payload[3], payload[4], 5)


# Typed values.


class DataType(IntEnum):
    """Name a ZCL data type (ZCL 2.6.2)."""

    NO_DATA = 0x00
    DATA8 = 0x08
    DATA16 = 0x09
    DATA24 = 0x0A
    DATA32 = 0x0B
    DATA40 = 0x0C
    DATA48 = 0x0D
    DATA56 = 0x0E
    DATA64 = 0x0F
    BOOLEAN = 0x10
    BITMAP8 = 0x18
    BITMAP16 = 0x19
    BITMAP24 = 0x1A
    BITMAP32 = 0x1B
    BITMAP40 = 0x1C
    BITMAP48 = 0x1D
    BITMAP56 = 0x1E
    BITMAP64 = 0x1F
    UINT8 = 0x20
    UINT16 = 0x21
    UINT24 = 0x22
    UINT32 = 0x23
    UINT40 = 0x24
    UINT48 = 0x25
    UINT56 = 0x26
    UINT64 = 0x27
    INT8 = 0x28
    INT16 = 0x29
    INT24 = 0x2A
    INT32 = 0x2B
    INT40 = 0x2C
    INT48 = 0x2D
    INT56 = 0x2E
    INT64 = 0x2F
    ENUM8 = 0x30
    ENUM16 = 0x31
    SEMI_PRECISION = 0x38
    SINGLE_PRECISION = 0x39
    DOUBLE_PRECISION = 0x3A
    OCTET_STRING = 0x41
    CHARACTER_STRING = 0x42
    LONG_OCTET_STRING = 0x43
    LONG_CHARACTER_STRING = 0x44
    ARRAY = 0x48
    STRUCTURE = 0x4C
    SET = 0x50
    BAG = 0x51
    TIME_OF_DAY = 0xE0
    DATE = 0xE1
    UTC_TIME = 0xE2
    CLUSTER_ID = 0xE8
    ATTRIBUTE_ID = 0xE9
    BACNET_OID = 0xEA
    EUI64 = 0xF0
    KEY128 = 0xF1
    UNKNOWN = 0xFF


#: Octets of each type of fixed size.
_SIZES: dict[int, int] = {
    DataType.NO_DATA: 0,
    **{DataType.DATA8 + n: n + 1 for n in range(8)},
    DataType.BOOLEAN: 1,
    **{DataType.BITMAP8 + n: n + 1 for n in range(8)},
    **{DataType.UINT8 + n: n + 1 for n in range(8)},
    **{DataType.INT8 + n: n + 1 for n in range(8)},
    DataType.ENUM8: 1,
    DataType.ENUM16: 2,
    DataType.SEMI_PRECISION: 2,
    DataType.SINGLE_PRECISION: 4,
    DataType.DOUBLE_PRECISION: 8,
    DataType.TIME_OF_DAY: 4,
    DataType.DATE: 4,
    DataType.UTC_TIME: 4,
    DataType.CLUSTER_ID: 2,
    DataType.ATTRIBUTE_ID: 2,
    DataType.BACNET_OID: 4,
    DataType.EUI64: 8,
    DataType.KEY128: 16,
    DataType.UNKNOWN: 0,
}

#: Octets of the count in front of each type of string.
_COUNTS: dict[int, int] = {
    DataType.OCTET_STRING: 1,
    DataType.CHARACTER_STRING: 1,
    DataType.LONG_OCTET_STRING: 2,
    DataType.LONG_CHARACTER_STRING: 2,
}

#: Types whose value is octets to us, not an integer.
_OPAQUE = frozenset({DataType.NO_DATA, DataType.KEY128, DataType.UNKNOWN})


def value_length(type: int, data: bytes, offset: int) -> int:
    """Return how many octets a value of ``type`` at ``offset`` takes, its own count included.

    If ``data`` ends inside the count, what is returned is the length of the count.

    Raises:
        WireError: The length of such a value is not known here.
    """
    size = _SIZES.get(type)
    if size is not None:
        return size
    count_size = _COUNTS.get(type)
    if count_size is None:
        raise WireError(f"no length is known for ZCL data type {type:#04x}")
    count = data[offset : offset + count_size]
    if len(count) < count_size or count == b"\xff" * count_size:  # ZCL 2.6.2.14: all ones, invalid
        return count_size
    return count_size + unpack_integer(count)


def pack_value(type: int, value: int | bytes) -> bytes:
    """Return the octets of a value, a string behind its count.

    Args:
        type: The ZCL data type; INT8 to INT64 are signed, every other integer is not.
        value: An integer, or the octets of a string, a key or nothing at all.

    Raises:
        ValueError: The value does not fit the type, or is of the wrong sort.
        WireError: The type is not known here.
    """
    if type in _COUNTS:
        if not isinstance(value, bytes) or len(value) >= (1 << 8 * _COUNTS[type]) - 1:
            raise ValueError(f"ZCL data type {type:#04x} cannot hold {value!r}")
        return pack_integer(len(value), _COUNTS[type]) + value
    size = value_length(type, b"", 0)
    if isinstance(value, bytes) != (type in _OPAQUE):
        raise ValueError(f"ZCL data type {type:#04x} cannot hold {value!r}")
    if isinstance(value, int):
        return pack_integer(value, size, signed=DataType.INT8 <= type <= DataType.INT64)
    if len(value) != size:
        raise ValueError(f"ZCL data type {type:#04x} takes {size} octets, not {len(value)}")
    return value


def unpack_value(type: int, data: bytes) -> int | bytes:
    """Return the integer, or the octets of the string, that ``data`` holds: undo ``pack_value``.

    Raises:
        WireError: ``data`` is no single value of the type, or a string marked as invalid.
    """
    if value_length(type, data, 0) != len(data):
        raise WireError(f"{data.hex() or 'nothing'} is no value of ZCL data type {type:#04x}")
    if type in _COUNTS:
        if data == b"\xff" * _COUNTS[type]:
            raise WireError(f"the string of ZCL data type {type:#04x} is marked as invalid")
        return data[_COUNTS[type] :]
    if type in _OPAQUE:
        return data
    return unpack_integer(data, signed=DataType.INT8 <= type <= DataType.INT64)


# General commands.


class GeneralCommand(IntEnum):
    """Name a general command (ZCL 2.5)."""

    READ_ATTRIBUTES = 0x00
    READ_ATTRIBUTES_RESPONSE = 0x01
    WRITE_ATTRIBUTES = 0x02
    WRITE_ATTRIBUTES_RESPONSE = 0x04
    DEFAULT_RESPONSE = 0x0B
    DISCOVER_ATTRIBUTES = 0x0C
    DISCOVER_ATTRIBUTES_RESPONSE = 0x0D


#: Every general command that is modelled, by its id.
GENERAL: dict[int, type[Frame]] = {}


@entry(GENERAL, GeneralCommand.READ_ATTRIBUTES)
class ReadAttributes(Frame):
    """Ask for the values of attributes.

    Source: ZCL rev 8, 2.5.1.
    """

    attributes: Annotated[tuple[int, ...], Series(2)]


@frame
class ReadAttributeRecord(Frame):
    """Hold the value of one attribute, or say why there is none."""

    attribute: U16
    status: Annotated[Status, UInt(1)]
    type: Annotated[DataType, UInt(1)] | None = when("status", equals=Status.SUCCESS)
    value: Annotated[bytes, Typed("type", value_length)] | None = when(
        "status", equals=Status.SUCCESS
    )  # as on the air: see unpack_value


@entry(GENERAL, GeneralCommand.READ_ATTRIBUTES_RESPONSE)
class ReadAttributesResponse(Frame):
    """Answer Read Attributes, one record for each attribute.

    Source: ZCL rev 8, 2.5.2.
    """

    records: Annotated[tuple[ReadAttributeRecord, ...], Many(ReadAttributeRecord)]


@frame
class WriteAttributeRecord(Frame):
    """Name one attribute and the value it is to have."""

    attribute: U16
    type: Annotated[DataType, UInt(1)]
    value: Annotated[bytes, Typed("type", value_length)]  # as on the air: see pack_value


@entry(GENERAL, GeneralCommand.WRITE_ATTRIBUTES)
class WriteAttributes(Frame):
    """Give attributes new values.

    Source: ZCL rev 8, 2.5.3.
    """

    records: Annotated[tuple[WriteAttributeRecord, ...], Many(WriteAttributeRecord)]


@frame
class WriteStatusRecord(Frame):
    """Say why one attribute was not written; a lone SUCCESS without an id means all were."""

    status: Annotated[Status, UInt(1)]
    attribute: U16 | None = when("status", at_least=1)


@entry(GENERAL, GeneralCommand.WRITE_ATTRIBUTES_RESPONSE)
class WriteAttributesResponse(Frame):
    """Answer Write Attributes: one SUCCESS octet, or a record for each attribute not written.

    Source: ZCL rev 8, 2.5.5.
    """

    records: Annotated[tuple[WriteStatusRecord, ...], Many(WriteStatusRecord)]


@entry(GENERAL, GeneralCommand.DEFAULT_RESPONSE)
class DefaultResponse(Frame):
    """Answer a command that has no response of its own, or that could not be carried out.

    Source: ZCL rev 8, 2.5.12.
    """

    command: U8  # the command that is answered
    status: Annotated[Status, UInt(1)]


@entry(GENERAL, GeneralCommand.DISCOVER_ATTRIBUTES)
class DiscoverAttributes(Frame):
    """Ask for ids and types of the attributes from ``start`` on.

    Source: ZCL rev 8, 2.5.13.
    """

    start: U16
    maximum: U8  # records wanted at most


@frame
class AttributeRecord(Frame):
    """Name one attribute and its type."""

    attribute: U16
    type: Annotated[DataType, UInt(1)]


@entry(GENERAL, GeneralCommand.DISCOVER_ATTRIBUTES_RESPONSE)
class DiscoverAttributesResponse(Frame):
    """Answer Discover Attributes.

    Source: ZCL rev 8, 2.5.14.
    """

    complete: U8  # 1: no attribute follows the last one named here
    records: Annotated[tuple[AttributeRecord, ...], Many(AttributeRecord)]


#: The id of each general command frame.
GENERAL_IDS: dict[type[Frame], int] = {made: number for number, made in GENERAL.items()}
