"""What becomes of the messages that hosts send, and what they hear."""

from typing import Any

import pytest

from emulator.ncp.commands import VERSIONS
from emulator.ncp.fields import ApsFrame, MulticastEntry
from emulator.ncp.port import NodeKind
from emulator.ncp.statuses import Status
from emulator.units import SECOND
from emulator.wire import zdo
from emulator.wire import zdo_management as management
from emulator.wire.aps import Datagram
from tests.ncp.linked_desk import Desk, make_bridge, make_radio, plain
from tests.ncp.parties import PARAMETERS

every_version = pytest.mark.parametrize("version", VERSIONS)

RETRY, ENCRYPTED, FRAGMENT = 0x0040, 0x0020, 0x8000
DIRECT, VIA_TABLE, VIA_BINDING, MULTICAST, BROADCAST = 0, 1, 2, 3, 6
TAG = 0x5A


def status(desk: Desk, one: Status) -> int:
    return one.sl if desk.version >= 14 else one.ember


def aps(**changes: int) -> ApsFrame:
    made = {
        "profile": 0x0104,
        "cluster": 0x0006,
        "source_endpoint": 1,
        "destination_endpoint": 1,
        "options": RETRY,
        "group": 0,
        "sequence": 0,
    }
    return ApsFrame(**{**made, **changes})


def unicast(desk: Desk, to: int, payload: bytes = b"\x01\x02\x03", **changes: Any) -> Any:  # noqa: ANN401
    kind = changes.pop("kind", DIRECT)
    frame = aps(**changes)
    return desk.ask("sendUnicast", kind=kind, destination=to, aps=frame, tag=TAG, payload=payload)


def ask_zdo(desk: Desk, to: int, frame: Any) -> None:  # noqa: ANN401 - any frame of ZDO
    clusters = {**zdo.CLUSTERS, **management.CLUSTERS}
    changes = {"profile": 0, "source_endpoint": 0, "destination_endpoint": 0}
    answer = unicast(desk, to, frame.encode(), cluster=clusters[type(frame)], **changes)
    assert answer["status"] == 0


def answered(desk: Desk, kind: type[Any]) -> Any:  # noqa: ANN401 - a frame of this kind
    clusters = {**zdo.CLUSTERS, **management.CLUSTERS}
    desk.wait(SECOND)
    found = [
        one for one in desk.of("incomingMessageHandler") if one["aps"].cluster == clusters[kind]
    ]
    assert len(found) == 1
    frame, rest = kind.decode(found[0]["payload"])
    assert rest == b""
    return frame


@pytest.fixture
def hub() -> Desk:
    """Return a host whose network is up."""
    desk = Desk(make_radio())
    desk.form()
    desk.heard.clear()
    return desk


@pytest.fixture
def pair() -> tuple[Desk, Desk]:
    """Return the host of a coordinator, and that of a router on its network."""
    return joined(13)


def joined(version: int, kind: NodeKind = NodeKind.ROUTER) -> tuple[Desk, Desk]:
    radio = make_radio("hub", "dut", version=version)
    hub, dut = Desk(radio, "hub"), Desk(radio, "dut")
    hub.form()
    assert hub.ask("permitJoining", duration_s=60)["status"] == 0
    dut.secure()
    assert dut.ask("joinNetwork", node_kind=kind, parameters=PARAMETERS)["status"] == 0
    dut.wait(SECOND)
    assert dut.ask("networkState")["state"] == 2
    hub.wait(SECOND)
    hub.heard.clear()
    dut.heard.clear()
    return hub, dut


@every_version
def test_a_unicast_is_reported_and_heard(version: int) -> None:
    hub, dut = joined(version)
    address = dut.ask("getNodeId")["address"]
    sent = unicast(hub, address)
    assert plain(sent, "status") == (0,)
    assert hub.arrived[-2:] == ["sendUnicast", "messageSentHandler"]
    (report,) = hub.of("messageSentHandler")
    assert plain(report, "kind", "destination", "tag", "status", "payload") == (
        *(DIRECT, address, TAG, 0),
        b"",
    )
    assert report["aps"] == aps(sequence=sent["sequence"])
    dut.wait(0)
    (heard,) = dut.of("incomingMessageHandler")
    assert plain(heard, "kind", "sender", "payload", "binding", "address_index") == (
        *(0, 0, b"\x01\x02\x03", 0xFF, 0xFF),
    )
    assert heard["aps"] == aps(options=0x0140, sequence=sent["sequence"])
    if version >= 14:
        assert heard["eui64"] == hub.stick.eui64


def test_options_reach_the_other_side(pair: tuple[Desk, Desk]) -> None:
    hub, dut = pair
    address = dut.ask("getNodeId")["address"]
    for options, there in ((0, 0x0100), (ENCRYPTED, 0x0120), (RETRY | ENCRYPTED, 0x0160)):
        dut.heard.clear()
        unicast(hub, address, options=options)
        dut.wait(0)
        assert dut.of("incomingMessageHandler")[0]["aps"].options == there


def test_every_unicast_has_a_number_of_its_own(hub: Desk) -> None:
    numbers = [unicast(hub, 0x1234)["sequence"] for _ in range(300)]
    assert numbers[:256] == [(numbers[0] + n) % 256 for n in range(256)]
    reports = hub.of("messageSentHandler")
    assert [one["aps"].sequence for one in reports] == numbers
    assert {one["status"] for one in reports} == {Status.DELIVERY_FAILED.ember}


@pytest.mark.parametrize(
    ("changes", "payload", "wanted"),
    [
        ({"kind": VIA_TABLE}, b"x", Status.INVALID_PARAMETER),
        ({"kind": VIA_BINDING}, b"x", Status.NOT_AVAILABLE),
        ({"kind": 9}, b"x", Status.NOT_AVAILABLE),
        ({"options": FRAGMENT}, b"x", Status.NOT_AVAILABLE),
        ({}, bytes(83), Status.MESSAGE_TOO_LONG),
        ({"options": ENCRYPTED}, bytes(74), Status.MESSAGE_TOO_LONG),
    ],
)
@every_version
def test_what_cannot_be_sent_is_refused(
    version: int, changes: dict[str, int], payload: bytes, wanted: Status
) -> None:
    hub = Desk(make_radio(version=version))
    hub.form()
    hub.heard.clear()
    assert unicast(hub, 0x1234, payload, **changes)["status"] == status(hub, wanted)
    assert hub.heard == []


@every_version
def test_nothing_is_sent_without_a_network(version: int) -> None:
    desk = Desk(make_radio(version=version))
    down = status(desk, Status.NETWORK_DOWN)
    assert unicast(desk, 0)["status"] == down
    assert desk.ask("sendReply", destination=1, aps=aps(), payload=b"")["status"] == down
    many = {"aps": aps(), "tag": 0, "payload": b"", "radius": 0, "destination": 0xFFFD}
    alias = {"alias": 0xFFFF, "alias_sequence": 0}
    assert desk.ask("sendBroadcast", **many, **alias)["status"] == down
    group = {"hops": 0, "nonmember_radius": 0, "broadcast": 0xFFFD}
    assert desk.ask("sendMulticast", **many, **alias, **group)["status"] == down
    assert desk.heard == []


@every_version
def test_broadcasts_and_multicasts(version: int) -> None:
    hub, dut = joined(version)
    alias = {"alias": 0xFFFF, "alias_sequence": 0}
    sent = hub.ask(
        "sendBroadcast",
        destination=0xFFFD,
        aps=aps(),
        radius=0,
        tag=TAG,
        payload=b"all",
        **alias,
    )
    assert sent["status"] == 0
    group = {"hops": 0, "nonmember_radius": 0, "broadcast": 0xFFFD, "tag": TAG}
    many = {"aps": aps(group=0x4321), "payload": b"some", **group, **alias}
    assert hub.ask("sendMulticast", **many)["status"] == 0  # the other is in no group yet
    entry = MulticastEntry(group=0x4321, endpoint=1)
    assert dut.ask("setMulticastTableEntry", index=0, entry=entry)["status"] == 0
    assert hub.ask("sendMulticast", **many)["status"] == 0
    dut.wait(0)
    heard = dut.of("incomingMessageHandler")
    assert [(one["kind"], one["aps"].group, one["payload"]) for one in heard] == [
        (4, 0, b"all"),
        (2, 0x4321, b"some"),
    ]
    assert [one["kind"] for one in hub.of("messageSentHandler")] == [
        *(BROADCAST, MULTICAST, MULTICAST),
    ]


def test_a_unicast_address_is_no_broadcast(hub: Desk) -> None:
    sent = hub.ask("sendBroadcast", destination=0x1234, aps=aps(), radius=0, tag=TAG, payload=b"x")
    assert sent["status"] == Status.INVALID_PARAMETER.ember


def test_a_reply_bears_the_number_that_it_is_given(pair: tuple[Desk, Desk]) -> None:
    hub, dut = pair
    address = dut.ask("getNodeId")["address"]
    reply = hub.ask("sendReply", destination=address, aps=aps(sequence=77), payload=b"yes")
    assert reply["status"] == 0
    dut.wait(0)
    (heard,) = dut.of("incomingMessageHandler")
    assert (heard["payload"], heard["aps"].sequence) == (b"yes", 77)
    assert hub.of("messageSentHandler") == []


@every_version
def test_the_address_table(version: int) -> None:
    hub, dut = joined(version)
    address, eui64 = dut.ask("getNodeId")["address"], dut.stick.eui64
    old = hub.ask("replaceAddressTableEntry", index=2, eui64=eui64, address=0xFFFF, extended=True)
    assert plain(old, "status", "old_eui64", "old_address", "old_extended") == (
        *(0, 0, 0xFFFF, False),
    )
    sent = unicast(hub, 2, kind=VIA_TABLE)
    assert sent["status"] == 0
    (report,) = hub.of("messageSentHandler")
    assert plain(report, "kind", "destination") == (VIA_TABLE, 2)
    dut.wait(0)
    assert len(dut.of("incomingMessageHandler")) == 1
    assert extended(hub, eui64)
    unicast(dut, 0)
    hub.wait(0)
    assert hub.of("incomingMessageHandler")[0]["address_index"] == 0xFF  # its address is not kept
    old = hub.ask("replaceAddressTableEntry", index=2, eui64=0, address=0xFFFF, extended=False)
    assert plain(old, "old_eui64", "old_address", "old_extended") == (eui64, address, True)
    assert not extended(hub, eui64)
    far = hub.ask("replaceAddressTableEntry", index=200, eui64=1, address=2, extended=False)
    assert far["status"] == status(hub, Status.INVALID_INDEX)


def extended(desk: Desk, eui64: int) -> bool:
    answer = desk.ask("getExtendedTimeout", eui64=eui64)
    return bool(answer["status"] == 0 if desk.version >= 14 else answer["extended"])


@every_version
def test_extended_timeouts_are_kept_until_a_reset(version: int) -> None:
    desk = Desk(make_radio(version=version))
    assert not extended(desk, 0x1122)
    desk.ask("setExtendedTimeout", eui64=0x1122, extended=True)
    assert extended(desk, 0x1122)
    assert not extended(desk, 0x1123)
    desk.ask("setExtendedTimeout", eui64=0x1122, extended=False)
    assert not extended(desk, 0x1122)
    desk.ask("setExtendedTimeout", eui64=0x1122, extended=True)
    desk.reset()
    assert not extended(desk, 0x1122)


@every_version
def test_who_is_who(version: int) -> None:
    hub, dut = joined(version)
    address = dut.ask("getNodeId")["address"]
    found = hub.ask("lookupNodeIdByEui64", eui64=dut.stick.eui64)
    assert (found.get("status", 0), found["address"]) == (0, address)
    assert hub.ask("lookupNodeIdByEui64", eui64=5)["address"] == 0xFFFF
    named = hub.ask("lookupEui64ByNodeId", address=address)
    assert plain(named, "status", "eui64") == (0, dut.stick.eui64)
    assert hub.ask("lookupEui64ByNodeId", address=0x4444)["status"] != 0


def test_callbacks_carry_the_message_if_the_policy_says_so(hub: Desk) -> None:
    assert hub.ask("setPolicy", policy=4, decision=0x41)["status"] == 0
    unicast(hub, 0x1234, b"again")
    assert hub.of("messageSentHandler")[0]["payload"] == b"again"


def test_counters_count_and_are_cleared(pair: tuple[Desk, Desk]) -> None:
    hub, dut = pair
    address = dut.ask("getNodeId")["address"]
    hub.ask("readAndClearCounters")
    unicast(hub, address)
    unicast(hub, 0x4242)
    counters = hub.ask("readCounters")["values"]
    assert len(counters) == 42
    assert (counters[3], counters[5], counters[9], counters[11]) == (1, 1, 1, 1)
    assert hub.ask("readAndClearCounters")["values"] == counters
    assert not any(hub.ask("readCounters")["values"])


# The stack's own ZDO server.


def test_node_descriptor_of_a_coordinator(hub: Desk) -> None:
    ask_zdo(hub, 0, zdo.NodeDescriptorRequest(sequence=9, address=0))
    found = answered(hub, zdo.NodeDescriptorResponse)
    assert (found.sequence, found.status, found.kind) == (9, 0, 0)
    assert found.server_mask & 1


def add_endpoint(desk: Desk, number: int, inputs: tuple[int, ...]) -> int:
    answer = desk.ask(
        "addEndpoint",
        endpoint=number,
        profile=0x0104,
        device=5,
        device_version=1,
        input_count=len(inputs),
        output_count=1,
        inputs=inputs,
        outputs=(0x000A,),
    )
    return int(answer["status"])


def test_endpoints_that_the_host_added_are_found() -> None:
    radio = make_radio("hub", "dut")
    hub, dut = Desk(radio, "hub"), Desk(radio, "dut")
    assert add_endpoint(hub, 1, (0x0000, 0x0019)) == 0
    assert add_endpoint(hub, 2, (0x0006,)) == 0
    assert add_endpoint(hub, 2, (0x0006,)) == Status.INVALID_PARAMETER.ezsp
    assert add_endpoint(hub, 0, (0x0006,)) == Status.INVALID_PARAMETER.ezsp
    hub.form()
    hub.ask("permitJoining", duration_s=60)
    dut.secure()
    dut.ask("joinNetwork", node_kind=NodeKind.ROUTER, parameters=PARAMETERS)
    dut.wait(SECOND)
    ask_zdo(dut, 0, zdo.ActiveEndpointsRequest(sequence=1, address=0))
    assert answered(dut, zdo.ActiveEndpointsResponse).endpoints == (1, 2)
    ask_zdo(dut, 0, zdo.SimpleDescriptorRequest(sequence=2, address=0, endpoint=2))
    octets = answered(dut, zdo.SimpleDescriptorResponse).descriptor
    found, _ = zdo.SimpleDescriptor.decode(octets)
    assert (found.input_clusters, found.output_clusters) == ((0x0006,), (0x000A,))
    ask_zdo(dut, 0, match((0x0019,)))
    assert answered(dut, zdo.MatchDescriptorResponse).endpoints == (1,)


def match(inputs: tuple[int, ...], profile: int = 0x0104) -> zdo.MatchDescriptorRequest:
    return zdo.MatchDescriptorRequest(
        sequence=3, address=0, profile=profile, input_clusters=inputs, output_clusters=()
    )


@pytest.mark.parametrize("request_", [match((0x0020,)), match((0x0019,), 0x0109)])
def test_what_does_not_match_is_answered_with_no_endpoint(
    request_: zdo.MatchDescriptorRequest,
) -> None:
    hub = Desk(make_radio())
    assert add_endpoint(hub, 1, (0x0019,)) == 0
    hub.form()
    assert add_endpoint(hub, 2, (0x0019,)) == Status.INVALID_STATE.ezsp
    hub.heard.clear()
    ask_zdo(hub, 0, request_)
    assert answered(hub, zdo.MatchDescriptorResponse).endpoints == ()


def test_a_broadcast_that_matches_nothing_gets_no_answer() -> None:
    radio = make_radio("hub", "dut")
    hub, dut = Desk(radio, "hub"), Desk(radio, "dut")
    assert add_endpoint(hub, 1, (0x0019,)) == 0
    hub.form()
    hub.ask("permitJoining", duration_s=60)
    dut.secure()
    dut.ask("joinNetwork", node_kind=NodeKind.ROUTER, parameters=PARAMETERS)
    dut.wait(SECOND)
    for cluster in (0x0020, 0x0019):
        sent = dut.ask(
            "sendBroadcast",
            destination=0xFFFD,
            aps=aps(profile=0, cluster=6, source_endpoint=0, destination_endpoint=0),
            radius=0,
            tag=TAG,
            payload=match((cluster,)).encode(),
            alias=0xFFFF,
            alias_sequence=0,
        )
        assert sent["status"] == 0
        dut.wait(SECOND)
    (heard,) = dut.of("incomingMessageHandler")
    answer, _ = zdo.MatchDescriptorResponse.decode(heard["payload"])
    assert (heard["aps"].cluster, answer.endpoints) == (0x8006, (1,))


def test_a_stick_without_endpoints_leaves_the_match_to_its_host(hub: Desk) -> None:
    ask_zdo(hub, 0, match((0x0019,)))
    hub.wait(SECOND)
    assert hub.of("incomingMessageHandler") == []


@pytest.mark.parametrize(
    ("flags", "heard", "replies"),
    [(0, [], [0x8005]), (1, [0x0005], [0x8005]), (4, [0x0005], []), (2, [], [0x8005])],
)
def test_the_host_may_answer_for_its_endpoints(
    flags: int, heard: list[int], replies: list[int]
) -> None:
    """Configuration 0x2A: 1 to hear as well, 2 for what is not supported, 4 for endpoints."""
    hub, dut = joined(13)
    assert hub.ask("setConfigurationValue", config_id=0x2A, value=flags)["status"] == 0
    ask_zdo(dut, 0, zdo.ActiveEndpointsRequest(sequence=1, address=0))
    hub.wait(0)
    dut.wait(0)
    assert [one["aps"].cluster for one in hub.of("incomingMessageHandler")] == heard
    assert [one["aps"].cluster for one in dut.of("incomingMessageHandler")] == replies


@pytest.mark.parametrize(
    ("flags", "heard", "replies"), [(0, [], [0x8038]), (1, [], [0x8038]), (2, [0x0038], [])]
)
def test_what_the_stack_cannot_answer(flags: int, heard: list[int], replies: list[int]) -> None:
    hub, dut = joined(13)
    assert hub.ask("setConfigurationValue", config_id=0x2A, value=flags)["status"] == 0
    unicast(dut, 0, b"\x07", profile=0, cluster=0x0038, source_endpoint=0, destination_endpoint=0)
    hub.wait(0)
    dut.wait(0)
    assert [one["aps"].cluster for one in hub.of("incomingMessageHandler")] == heard
    answers = dut.of("incomingMessageHandler")
    assert [one["aps"].cluster for one in answers] == replies
    assert all(one["payload"] == b"\x07\x84" + bytes(9) for one in answers)  # 2.4.4.4.9


def test_neighbors_come_in_parts() -> None:
    radio = make_radio(bridges=[make_bridge(name=f"bridge {n}") for n in range(5)])
    hub = Desk(radio)
    hub.form()
    hub.ask("permitJoining", duration_s=60)
    hub.wait(5 * SECOND)
    hub.heard.clear()
    found = []
    for start in (0, 3):
        hub.heard.clear()
        ask_zdo(hub, 0, management.NeighborsRequest(sequence=1, start_index=start))
        part = answered(hub, management.NeighborsResponse)
        assert (part.total, part.start_index, part.count) == (5, start, len(part.neighbors))
        found += [one.address for one in part.neighbors]
    assert sorted(found) == sorted(one.address for one in hub.stick.place.members())
    assert len(set(found)) == 5
    ask_zdo(hub, 0, management.RoutesRequest(sequence=2, start_index=0))
    assert answered(hub, management.RoutesResponse).total == 5


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x01\x00"])
def test_a_zdo_request_that_is_cut_short_gets_no_answer(hub: Desk, payload: bytes) -> None:
    datagram = Datagram(
        source=0x1234,
        destination=0,
        source_endpoint=0,
        destination_endpoint=0,
        profile=0,
        cluster=0x0002,
        payload=payload,
    )
    hub.stick.hear(datagram, 255, -40, hub.now)
    hub.wait(0)
    assert hub.heard == []
