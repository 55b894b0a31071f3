"""Check the ZCL header's short cuts and the typed values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import TruncatedError, WireError
from emulator.wire import zcl
from emulator.wire.zcl import DataType, FrameControl, ZclHeader


@given(payload=st.binary(max_size=8))
def test_split_reads_what_the_header_frame_reads(payload: bytes) -> None:
    try:
        header, offset = ZclHeader.decode_at(payload, 0)
    except TruncatedError:
        with pytest.raises(TruncatedError) as caught:
            zcl.split(payload)
        assert caught.value.found == len(payload)
        assert caught.value.needed == (5 if payload and payload[0] & 4 else 3)
        return

    split = zcl.split(payload)
    assert split == (header.control, header.manufacturer, header.sequence, header.command, offset)
    assert all(type(each) is int for each in split if each is not None)


@given(control=st.integers(0, 255), sequence=st.integers(0, 255), command=st.integers(0, 255))
def test_pack_header_writes_what_the_header_frame_writes(
    control: int, sequence: int, command: int
) -> None:
    header = ZclHeader(control=FrameControl(control & ~0x04), sequence=sequence, command=command)

    assert zcl.pack_header(control & ~0x04, sequence, command) == header.encode()


@pytest.mark.parametrize("values", [(0x05, 0, 0), (256, 0, 0), (0, 256, 0), (0, 0, -1)])
def test_pack_header_refuses_what_does_not_fit(values: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"manufacturer code|range\(0, 256\)"):
        zcl.pack_header(*values)


def test_plain_constants_are_those_of_the_flags() -> None:
    assert zcl.MANUFACTURER_SPECIFIC == FrameControl.MANUFACTURER_SPECIFIC
    assert zcl.FROM_SERVER == FrameControl.FROM_SERVER
    assert zcl.NO_DEFAULT_RESPONSE == FrameControl.NO_DEFAULT_RESPONSE
    assert FrameControl.CLUSTER_SPECIFIC & zcl.FRAME_TYPE_MASK == zcl.FrameType.CLUSTER


VALUES: list[tuple[DataType, int | bytes, str]] = [
    (DataType.BOOLEAN, 1, "01"),
    (DataType.UINT8, 255, "ff"),
    (DataType.UINT24, 0x010203, "030201"),
    (DataType.UINT64, 1, "0100000000000000"),
    (DataType.INT8, -1, "ff"),
    (DataType.INT32, -2, "feffffff"),
    (DataType.BITMAP16, 0x8001, "0180"),
    (DataType.ENUM8, 6, "06"),
    (DataType.UTC_TIME, 0xFFFFFFFF, "ffffffff"),
    (DataType.EUI64, 0x0102030405060708, "0807060504030201"),
    (DataType.KEY128, bytes(range(16)), "000102030405060708090a0b0c0d0e0f"),
    (DataType.OCTET_STRING, b"", "00"),
    (DataType.CHARACTER_STRING, b"ab", "026162"),
    (DataType.LONG_OCTET_STRING, b"ab", "02006162"),
    (DataType.NO_DATA, b"", ""),
]


@pytest.mark.parametrize(
    ("kind", "value", "octets"), VALUES, ids=lambda x: getattr(x, "name", None)
)
def test_a_typed_value_has_its_octets(kind: DataType, value: int | bytes, octets: str) -> None:
    packed = bytes.fromhex(octets)

    assert zcl.pack_value(kind, value) == packed
    assert zcl.unpack_value(kind, packed) == value
    assert zcl.value_length(kind, b"ahead" + packed + b"behind", 5) == len(packed)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (DataType.UINT8, 256),
        (DataType.UINT8, -1),
        (DataType.INT8, 128),
        (DataType.UINT8, b"\x01"),
        (DataType.KEY128, 5),
        (DataType.KEY128, bytes(15)),
        (DataType.OCTET_STRING, 5),
        (DataType.OCTET_STRING, bytes(255)),  # 0xFF marks an invalid string
        (DataType.LONG_OCTET_STRING, bytes(65535)),
        (DataType.ARRAY, b""),
        (0x77, 0),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_refused(kind: int, value: int | bytes) -> None:
    with pytest.raises(ValueError, match=r"cannot hold|does not fit|takes 16 octets|no length"):
        zcl.pack_value(kind, value)


def test_the_longest_strings_fit() -> None:
    for kind, longest in ((DataType.OCTET_STRING, 254), (DataType.LONG_OCTET_STRING, 65534)):
        assert zcl.unpack_value(kind, zcl.pack_value(kind, bytes(longest))) == bytes(longest)


@pytest.mark.parametrize(
    ("kind", "octets", "message"),
    [
        (DataType.UINT16, b"\x01", "01 is no value of ZCL data type 0x21"),
        (DataType.UINT16, b"", "nothing is no value"),
        (DataType.UINT16, b"\x01\x02\x03", "010203 is no value"),
        (DataType.OCTET_STRING, b"\x02a", "0261 is no value"),
        (DataType.OCTET_STRING, b"\xff", "marked as invalid"),
        (DataType.LONG_CHARACTER_STRING, b"\xff\xff", "marked as invalid"),
        (DataType.STRUCTURE, b"\x00\x00", "no length is known for ZCL data type 0x4c"),
    ],
)
def test_octets_that_are_no_value_are_refused(kind: int, octets: bytes, message: str) -> None:
    with pytest.raises(WireError, match=message):
        zcl.unpack_value(kind, octets)


def test_an_invalid_string_is_its_count_alone() -> None:
    records = bytes.fromhex("0100 00 42 ff  0200 00 20 07")

    decoded, rest = zcl.ReadAttributesResponse.decode(records)

    assert rest == b""
    assert [record.value for record in decoded.records] == [b"\xff", b"\x07"]
    assert decoded.encode() == records


def test_an_unknown_type_makes_the_record_unreadable() -> None:
    with pytest.raises(WireError, match="no length is known for ZCL data type 0x77"):
        zcl.ReadAttributesResponse.decode(bytes.fromhex("0100 00 77 00"))


def test_success_of_all_writes_is_one_octet() -> None:
    success = zcl.WriteAttributesResponse(
        records=(zcl.WriteStatusRecord(status=zcl.Status.SUCCESS),)
    )

    assert success.encode() == b"\x00"
    assert zcl.WriteAttributesResponse.decode(b"\x00") == (success, b"")
