"""Compare what display, meter and hub of a home say with zigpy's reading of it."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from zigpy.zcl import foundation
from zigpy.zcl.clusters.smartenergy import Metering, Tunneling

from emulator.actions import Send
from emulator.units import DAY, SECOND, Us
from emulator.wire import metering, tunnelling
from emulator.wire.aps import Datagram
from emulator.wire.codec import KEYS
from harness.premises.hub import PremisesHub
from harness.premises.residents import Display, GasMeter
from tests.premises.carrier import DISPLAY_HABITS, METER_HABITS

EUI64, ADDRESS = 0x00124B00_0000D15B, 0x2B01


def test_clusters_and_attribute_are_those_of_zigpy() -> None:
    attribute = Metering.AttributeDefs.current_summ_delivered

    assert Metering.cluster_id == metering.CLUSTER
    assert Tunneling.cluster_id == tunnelling.CLUSTER
    assert attribute.id == metering.CURRENT_SUMMATION_DELIVERED
    assert foundation.DataType.from_python_type(attribute.type).type_id == 0x25
    assert foundation.GeneralCommand.Report_Attributes == metering.REPORT_ATTRIBUTES


@given(
    scheme=st.integers(0, 255), flags=st.lists(st.integers(0, (1 << 32) - 1), max_size=8).map(tuple)
)
def test_the_mirrors_answer_is_read_alike(scheme: int, flags: tuple[int, ...]) -> None:
    ours = metering.MirrorReportAttributeResponse(scheme=scheme, flags=flags)
    theirs = Metering.ServerCommandDefs.mirror_report_attribute_response

    assert theirs.id == KEYS[type(ours)].command
    read, rest = theirs.schema.deserialize(ours.encode())
    assert (read.notification_scheme, tuple(read.notification_flags)) == (scheme, flags)
    assert (rest, read.serialize()) == (b"", ours.encode())


def read(datagram: Datagram) -> tuple[foundation.ZCLHeader, Any]:
    """Return zigpy's reading of a general command."""
    header, rest = foundation.ZCLHeader.deserialize(datagram.payload)
    assert header.frame_control.frame_type == foundation.FrameType.GLOBAL_COMMAND
    schema = foundation.GENERAL_COMMANDS[header.command_id].schema
    command, rest = schema.deserialize(rest)
    assert rest == b""
    return header, command


def answered(device: Display | GasMeter, now: Us) -> tuple[Datagram, Datagram]:
    """Return a device's first words and the hub's answer."""
    hub = PremisesHub()
    hub.register(EUI64, ADDRESS, period_us=device.habits.period_us)
    device.power_on(now)
    (said,) = device.wake(now)
    assert isinstance(said, Send)
    (reply,) = hub.receive(said.datagram, now)
    assert isinstance(reply, Send)
    return said.datagram, reply.datagram


@given(now=st.integers(0, 400 * DAY))
def test_a_displays_question_and_its_answer_are_read_alike(now: Us) -> None:
    display = Display(EUI64, ADDRESS, DISPLAY_HABITS)
    question, answer = answered(display, now)

    header, asked = read(question)
    assert header.frame_control.direction == foundation.Direction.Client_to_Server
    assert list(asked.attribute_ids) == [0x0000]
    said, told = read(answer)
    assert said.frame_control.direction == foundation.Direction.Server_to_Client
    assert said.tsn == header.tsn
    (record,) = told.status_records
    assert (record.attrid, record.status, record.value.type) == (0, 0, 0x25)
    assert record.value.value == now // (10 * SECOND)
    display.receive(answer, now)
    assert (display.account.cycles, display.account.missed) == (1, 0)


def test_a_meters_report_is_read_alike() -> None:
    report, answer = answered(GasMeter(EUI64, ADDRESS, METER_HABITS), 0)

    header, told = read(report)
    assert header.command_id == foundation.GeneralCommand.Report_Attributes
    assert header.frame_control.direction == foundation.Direction.Server_to_Client
    (record,) = told.attribute_reports
    assert (record.attrid, record.value.type, record.value.value) == (0, 0x25, 0)
    theirs, _ = foundation.ZCLHeader.deserialize(answer.payload)
    assert theirs.frame_control.frame_type == foundation.FrameType.CLUSTER_COMMAND
    assert theirs.frame_control.direction == foundation.Direction.Client_to_Server
    assert (theirs.tsn, theirs.command_id) == (header.tsn, 0x09)
