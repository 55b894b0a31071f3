"""The frames of displays and meters, and of their tunnels, octet for octet."""

import pytest

from emulator.errors import TruncatedError
from emulator.wire import metering, tunnelling, zcl
from emulator.wire.codec import COMMANDS, CommandKey
from emulator.wire.zcl import DataType, WriteAttributeRecord


def test_a_report_is_a_list_of_attributes_with_type_and_value() -> None:
    records = (
        WriteAttributeRecord(attribute=0, type=DataType.UINT48, value=bytes(range(6))),
        WriteAttributeRecord(attribute=0x0200, type=DataType.BITMAP8, value=b"\x80"),
    )
    octets = bytes.fromhex("000025000102030405 00021880")

    assert metering.ReportAttributes(records=records).encode() == octets
    assert metering.ReportAttributes.decode(octets)[0].records == records
    for end in range(1, 9):
        with pytest.raises(TruncatedError):
            metering.ReportAttributes.decode(octets[:end])


def test_no_bridge_knows_reports() -> None:
    assert metering.REPORT_ATTRIBUTES not in zcl.GENERAL


def test_the_answer_to_a_report_holds_a_scheme_and_flags() -> None:
    flags = metering.FunctionalFlags.NEW_FIRMWARE | metering.FunctionalFlags.TUNNEL_MESSAGE
    frame = metering.MirrorReportAttributeResponse(scheme=1, flags=(int(flags),))

    assert frame.encode() == bytes.fromhex("0101002000")
    assert metering.MirrorReportAttributeResponse.decode(frame.encode()) == (frame, b"")
    for end in (0, 2, 4):
        with pytest.raises(TruncatedError):
            metering.MirrorReportAttributeResponse.decode(frame.encode()[:end])


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (CommandKey(0x0702, True, 0x09), metering.MirrorReportAttributeResponse),
        (CommandKey(0x0704, True, 0x02), tunnelling.TransferDataToServer),
        (CommandKey(0x0704, False, 0x01), tunnelling.TransferDataToClient),
    ],
)
def test_commands_stand_in_their_cluster_and_direction(key: CommandKey, kind: type) -> None:
    assert COMMANDS[key] is kind


@pytest.mark.parametrize("kind", [tunnelling.TransferDataToServer, tunnelling.TransferDataToClient])
def test_what_goes_through_a_tunnel_stands_behind_its_number(kind: type) -> None:
    frame = kind(tunnel=0x0102, data=b"\x01text")

    assert frame.encode() == b"\x02\x01\x01text"
    assert kind.decode(frame.encode()) == (frame, b"")
    with pytest.raises(TruncatedError):
        kind.decode(b"\x02")
