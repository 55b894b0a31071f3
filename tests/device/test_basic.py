"""What a bridge says of itself: the Basic cluster, the power descriptor, and what it leaves out.

Source: ZCL rev 8, 3.2; ZigBee 05-3474, 2.4.
"""

import pytest

from emulator.actions import Poll
from emulator.errors import ProfileError
from emulator.profiles.load import load, names, overlay, parse, plain
from emulator.units import MILLISECOND, SECOND
from emulator.wire import zcl, zdo
from emulator.wire.aps import BROADCAST_RX_ON, Datagram
from emulator.wire.basic import CLUSTER, Attribute
from emulator.wire.zcl import DataType, Status
from harness.bench import Bench
from harness.cli.profiles import as_toml
from harness.firmware import NEXT_VERSION
from tests.device.benches import bench, bridge_of

#: ZCL rev 8, 3.2.2.2: what must not change with the code.
TYPES = {
    0x0000: 0x20,
    0x0001: 0x20,
    0x0002: 0x20,
    0x0003: 0x20,
    0x0004: 0x42,
    0x0005: 0x42,
    0x0006: 0x42,
    0x0007: 0x30,
    0x4000: 0x42,
    0xFFFD: 0x21,
}
STRANGER = 0x4444


def sent(made: Bench, payload: bytes, **fields: int) -> list[Datagram]:
    """Send octets to the Basic cluster and return what the bridge sends within 20 seconds."""
    mark = sum(1 for _ in made.trace.datagrams())
    asked = {
        "source": 0,
        "destination": made.address,
        "source_endpoint": 1,
        "destination_endpoint": made.profile.ota.endpoint,
        "profile": made.profile.ota.zigbee_profile,
        "cluster": CLUSTER,
        **fields,
    }
    made.lane.send(Datagram(payload=payload, **asked))
    made.wait(20 * SECOND)
    return [one for _, who, one in list(made.trace.datagrams())[mark:] if who == "dut"]


def read(made: Bench, *attributes: int) -> dict[int, tuple[int | None, int | bytes | None]]:
    """Read attributes of the Basic cluster: type and value of each, None for one not there."""
    body = zcl.ReadAttributes(attributes=attributes).encode()
    (answer,) = sent(made, zcl.pack_header(0x00, 9, 0x00) + body)
    assert answer.payload[:3] == bytes((0x18, 9, 0x01))
    response, rest = zcl.ReadAttributesResponse.decode(answer.payload[3:])
    assert rest == b""
    return {
        one.attribute: (None, None)
        if one.type is None or one.value is None
        else (one.type, zcl.unpack_value(one.type, one.value))
        for one in response.records
    }


def default(payload: bytes, status: int, control: int = 0x18) -> bytes:
    """Return the Default Response that a frame should get."""
    return bytes((control, payload[1], 0x0B, payload[2], status))


# The Basic cluster.


@pytest.mark.parametrize("name", names())
def test_every_bridge_says_what_it_is(name: str) -> None:
    made = bench(name)
    values = read(made, *TYPES)
    assert {number: kind for number, (kind, _) in values.items()} == TYPES
    mains = made.profile.power == "mains"
    assert [value for _, value in values.values()] == [
        8,
        0x01,
        2,
        made.profile.ota.hardware_version >> 8,
        b"Hanover",
        name.encode(),
        b"20260101",
        1 if mains else 3,
        b"0x01000000",
        3,
    ]


def test_the_profile_may_name_maker_and_model() -> None:
    made = bench(
        basic={
            "manufacturer_name": "Example Ltd",
            "model_identifier": "bridge 7",
            "date_code": "",
            "zcl_version": 3,
        }
    )
    values = read(made, 0x0000, 0x0004, 0x0005, 0x0006)
    assert [value for _, value in values.values()] == [3, b"Example Ltd", b"bridge 7", b""]


def test_an_upgrade_changes_application_version_and_build() -> None:
    made = bench()
    before = read(made, *TYPES)
    assert made.upgrade(made.image(size=300)) == NEXT_VERSION
    after = read(made, *TYPES)
    assert {number for number in TYPES if before[number] != after[number]} == {
        Attribute.APPLICATION_VERSION,
        Attribute.SOFTWARE_BUILD_ID,
    }
    assert after[Attribute.APPLICATION_VERSION][1] == NEXT_VERSION >> 24
    assert after[Attribute.SOFTWARE_BUILD_ID][1] == b"0x02000000"


def test_what_is_not_there_is_said_beside_what_is() -> None:
    assert read(bench(), 0x0008, 0x0004, 0x4001) == {
        0x0008: (None, None),
        0x0004: (DataType.CHARACTER_STRING, b"Hanover"),
        0x4001: (None, None),
    }


@pytest.mark.parametrize(
    ("attribute", "status"),
    [(0x0004, Status.READ_ONLY), (0x0010, Status.UNSUPPORTED_ATTRIBUTE)],
)
def test_nothing_can_be_written(attribute: int, status: Status) -> None:
    made = bench()
    record = zcl.WriteAttributeRecord(
        attribute=attribute, type=DataType.CHARACTER_STRING, value=b"\x01x"
    )
    body = zcl.WriteAttributes(records=(record,)).encode()
    (answer,) = sent(made, zcl.pack_header(0x00, 9, 0x02) + body)
    response, _ = zcl.WriteAttributesResponse.decode(answer.payload[3:])
    assert [(one.status, one.attribute) for one in response.records] == [(status, attribute)]
    assert read(made, 0x0004)[0x0004][1] == b"Hanover"


def test_attributes_are_discovered() -> None:
    body = zcl.DiscoverAttributes(start=0x0004, maximum=4).encode()
    (answer,) = sent(bench(), zcl.pack_header(0x00, 9, 0x0C) + body)
    response, _ = zcl.DiscoverAttributesResponse.decode(answer.payload[3:])
    found = [(one.attribute, one.type) for one in response.records]
    assert found == [(4, 0x42), (5, 0x42), (6, 0x42), (7, 0x30)]
    assert response.complete == 0


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (bytes.fromhex("00770600 0400 42 0000 3C00"), Status.UNSUP_GENERAL_COMMAND),  # reporting
        (bytes.fromhex("007708 00 0400"), Status.UNSUP_GENERAL_COMMAND),
        (bytes.fromhex("007705 0400 42 01 78"), Status.UNSUP_GENERAL_COMMAND),  # no response
        (bytes.fromhex("017700"), Status.UNSUP_COMMAND),  # reset to factory defaults
        (bytes.fromhex("007700 00"), Status.MALFORMED_COMMAND),
        (bytes.fromhex("04F1FF770000 00"), Status.UNSUP_MANUFACTURER_GENERAL_COMMAND),
        (bytes.fromhex("05F1FF7700"), Status.UNSUP_MANUFACTURER_CLUSTER_COMMAND),
    ],
)
def test_commands_that_it_does_not_take_are_refused(payload: bytes, status: Status) -> None:
    (answer,) = sent(bench(), payload)
    header = zcl.split(payload)
    assert answer.payload[-2:] == bytes((header.command, status))
    assert answer.payload[0] == 0x18 | payload[0] & zcl.MANUFACTURER_SPECIFIC
    assert (answer.cluster, answer.destination) == (CLUSTER, 0)


def test_it_is_no_client_of_the_cluster() -> None:
    payload = bytes.fromhex("087700 0400")
    (answer,) = sent(bench(), payload)
    assert answer.payload == default(payload, Status.UNSUPPORTED_CLUSTER, control=0x10)


def test_only_its_own_endpoint_answers() -> None:
    made = bench()
    payload = bytes.fromhex("007700 0400")
    assert sent(made, payload, destination_endpoint=99) == []
    assert len(sent(made, payload, destination_endpoint=0xFF)) == 1
    assert sent(made, default(payload, Status.SUCCESS)) == []  # none is ever answered


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"manufacturer_name": "x" * 33}, r"basic\.manufacturer_name: found .*0\.\.32 characters"),
        ({"model_identifier": "a\nb"}, r"basic\.model_identifier: found .*printable"),
        ({"date_code": "2026-01-01T00:00"[:16] + "x"}, r"basic\.date_code: found .*0\.\.16 "),
        ({"manufacturer_name": "é"}, "ASCII"),
        ({"zcl_version": 256}, r"basic\.zcl_version: found 256, expected 0\.\.255"),
        ({"colour": "red"}, r"basic\.colour: unknown key"),
    ],
)
def test_a_profile_that_says_too_much_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        overlay(load("B1"), {"basic": changes})


def test_the_table_may_be_left_out_and_comes_back_as_it_was() -> None:
    document = as_toml(load("B1"))
    named = overlay(load("B1"), {"basic": {"model_identifier": "bridge 7"}})
    assert parse(as_toml(named), "again.toml") == named
    start, end = document.index("[basic]"), document.index("[image]")
    assert parse(document[:start] + document[end:], "older.toml") == load("B1")
    assert plain(named)["basic"]["model_identifier"] == "bridge 7"


# ZDO.


@pytest.mark.parametrize(("name", "sources", "current"), [("B1", 0x10, 0xC1), ("B4", 0x41, 0xC4)])
def test_the_power_descriptor_says_where_the_supply_comes_from(
    name: str, sources: int, current: int
) -> None:
    made = bench(name)
    request = zdo.PowerDescriptorRequest(sequence=5, address=made.address)
    answer = made.ask(request, zdo.PowerDescriptorResponse)
    assert answer is not None
    assert (answer.status, answer.sources, answer.current) == (0, sources, current)
    other = made.ask(
        zdo.PowerDescriptorRequest(sequence=6, address=0x9999), zdo.PowerDescriptorResponse
    )
    assert other is not None
    assert (other.status, other.sources) == (zdo.ZdoStatus.DEVICE_NOT_FOUND, None)


ZDO = {"profile": 0, "source_endpoint": 0, "destination_endpoint": 0}


@pytest.mark.parametrize("cluster", [0x0021, 0x0022, 0x0031, 0x0032, 0x0033, 0x0036, 0x0038])
def test_requests_that_it_leaves_out_are_answered_so(cluster: int) -> None:
    made = bench()
    (answer,) = sent(made, b"\x07\x00\x00", cluster=cluster, **ZDO)
    assert answer.cluster == cluster | zdo.RESPONSE
    assert answer.payload[:2] == bytes((7, zdo.ZdoStatus.NOT_SUPPORTED))
    assert not any(answer.payload[2:])
    assert sent(made, b"\x07\x00", cluster=cluster, destination=BROADCAST_RX_ON, **ZDO) == []
    assert sent(made, b"", cluster=cluster, **ZDO) == []


def test_the_basic_cluster_is_found_by_a_match() -> None:
    made = bench()
    for clusters, there in (((CLUSTER,), True), ((0x0003,), False), ((0x0003, CLUSTER), True)):
        request = zdo.MatchDescriptorRequest(
            sequence=1,
            address=made.address,
            profile=made.profile.ota.zigbee_profile,
            input_clusters=clusters,
            output_clusters=(),
        )
        assert (made.ask(request, zdo.MatchDescriptorResponse) is not None) is there


@pytest.mark.parametrize(
    ("source", "eui64", "status"),
    [
        (0, 0, zdo.ZdoStatus.SUCCESS),
        (STRANGER, 0, zdo.ZdoStatus.NOT_AUTHORIZED),
        (0, 0x1234, zdo.ZdoStatus.DEVICE_NOT_FOUND),
    ],
)
def test_a_bridge_leaves_for_the_trust_centre_only(
    source: int, eui64: int, status: zdo.ZdoStatus
) -> None:
    made = bench()
    request = zdo.LeaveRequest(sequence=7, eui64=eui64, options=zdo.LeaveOptions(0))
    answers = sent(made, request.encode(), cluster=0x0034, source=source, **ZDO)
    assert (answers[0].cluster, answers[0].payload) == (0x8034, bytes((7, status)))
    left = [row for row in made.trace.rows if row[2] == "leave"]
    assert len(left) == (status is zdo.ZdoStatus.SUCCESS)
    announced = [one for one in answers if one.cluster == zdo.CLUSTERS[zdo.DeviceAnnounce]]
    assert len(announced) == len(left)  # this hub takes everybody back


def test_a_broadcast_sends_nobody_away() -> None:
    made = bench()
    request = zdo.LeaveRequest(sequence=7, eui64=0, options=zdo.LeaveOptions(0)).encode()
    assert sent(made, request, cluster=0x0034, destination=BROADCAST_RX_ON, **ZDO) == []
    assert [row for row in made.trace.rows if row[2] == "leave"] == []


# A sleepy bridge stays awake while it is interviewed.


def gaps(made: Bench, count: int) -> list[int]:
    """Return the milliseconds between the next polls of a sleepy bridge, after a request."""
    application = bridge_of(made).ram
    assert application is not None
    request = Datagram(
        source=0,
        destination=made.address,
        source_endpoint=1,
        destination_endpoint=made.profile.ota.endpoint,
        profile=made.profile.ota.zigbee_profile,
        cluster=CLUSTER,
        payload=bytes.fromhex("007700 0400"),
    )
    now = made.now
    application.receive(request, now)
    found = []
    while len(found) < count:
        at = application.deadline
        assert at is not None
        if Poll() in application.wake(at):
            found.append((at - now) // MILLISECOND)
            now = at
    return found


def test_a_bridge_that_lingers_fetches_the_next_request_soon() -> None:
    made = bench("B4", sleep__linger_ms=10_000)
    made.wait(60 * SECOND)
    polls = gaps(made, 43)
    assert polls[1:40] == [250] * 39
    assert polls[-1] == 6000  # and then it sleeps again


def test_a_bridge_that_does_not_linger_sleeps_at_once() -> None:
    made = bench("B4")
    made.wait(60 * SECOND)
    assert gaps(made, 3)[1:] == [6000, 6000]
