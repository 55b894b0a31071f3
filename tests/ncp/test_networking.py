"""Forming, resuming, joining, leaving: what hosts are told, and what survives."""

from dataclasses import replace

import pytest

from emulator.ncp.commands import VERSIONS
from emulator.ncp.fields import ApsFrame, FoundNetwork
from emulator.ncp.port import NodeKind
from emulator.ncp.statuses import Status
from emulator.units import SECOND
from tests.ncp.linked_desk import NETWORK_KEY, Desk, make_bridge, make_radio, plain
from tests.ncp.parties import PARAMETERS

every_version = pytest.mark.parametrize("version", VERSIONS)

APS = ApsFrame(
    profile=0x0104,
    cluster=6,
    source_endpoint=1,
    destination_endpoint=1,
    options=0,
    group=0,
    sequence=1,
)
NO_NETWORK, JOINING, JOINED, NO_PARENT = 0, 1, 2, 3
UNSECURED_JOIN, LEFT, SECURED_REJOIN = 1, 2, 0
PRECONFIGURED, NO_ACTION = 0, 3


def status(desk: Desk, one: Status) -> int:
    return one.sl if desk.version >= 14 else one.ember


def statuses(desk: Desk) -> list[int]:
    return [one["status"] for one in desk.of("stackStatusHandler")]


def join(desk: Desk, kind: NodeKind = NodeKind.ROUTER) -> None:
    desk.secure()
    assert desk.ask("joinNetwork", node_kind=kind, parameters=PARAMETERS)["status"] == 0
    desk.wait(SECOND)


@every_version
def test_forming_is_answered_before_the_network_is_up(version: int) -> None:
    desk = Desk(make_radio(version=version))
    assert desk.ask("networkState")["state"] == NO_NETWORK
    assert desk.ask("getNodeId")["address"] == 0xFFFE
    assert desk.ask("getNetworkParameters")["status"] == status(desk, Status.NOT_JOINED)
    desk.form()
    assert desk.arrived[-2:] == ["formNetwork", "stackStatusHandler"]
    assert statuses(desk) == [status(desk, Status.NETWORK_UP)]
    assert desk.ask("networkState")["state"] == JOINED
    found = desk.ask("getNetworkParameters")
    assert plain(found, "status", "node_kind", "parameters") == (0, 1, PARAMETERS)
    assert desk.ask("getNodeId")["address"] == 0
    assert desk.ask("getEui64")["eui64"] == desk.stick.eui64


@every_version
def test_a_reset_loses_the_network_and_init_brings_it_back(version: int) -> None:
    desk = Desk(make_radio(version=version))
    assert desk.ask("networkInit", bitmask=0)["status"] == status(desk, Status.NOT_JOINED)
    desk.form()
    desk.heard.clear()
    desk.reset()
    assert desk.ask("networkState")["state"] == NO_NETWORK
    assert desk.stick.place.address is None
    assert desk.ask("networkInit", bitmask=0)["status"] == 0
    assert statuses(desk) == [status(desk, Status.NETWORK_UP)]
    assert desk.ask("getNetworkParameters")["parameters"] == PARAMETERS
    assert desk.ask("networkInit", bitmask=0)["status"] == status(desk, Status.INVALID_STATE)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"radio_channel": 10}, Status.INVALID_CHANNEL),
        ({"radio_channel": 27}, Status.INVALID_CHANNEL),
    ],
)
def test_what_cannot_be_formed(changes: dict[str, int], wanted: Status) -> None:
    desk = Desk(make_radio())
    parameters = replace(PARAMETERS, **changes)
    unprepared = desk.ask("formNetwork", parameters=PARAMETERS)["status"]
    assert unprepared == Status.SECURITY_STATE_NOT_SET.ember
    desk.secure()
    assert desk.ask("formNetwork", parameters=parameters)["status"] == wanted.ember
    assert desk.ask("formNetwork", parameters=PARAMETERS)["status"] == 0
    again = desk.ask("formNetwork", parameters=PARAMETERS)["status"]
    assert again == Status.INVALID_STATE.ember


def test_the_stick_chooses_what_the_host_leaves_open() -> None:
    desk = Desk(make_radio())
    desk.form(replace(PARAMETERS, pan_id=0xFFFF, extended_pan_id=bytes(8), channels=0))
    chosen = desk.ask("getNetworkParameters")["parameters"]
    assert 0 < chosen.pan_id < 0xFFFF
    assert chosen.extended_pan_id != bytes(8)
    assert chosen.channels == 1 << PARAMETERS.radio_channel


def test_one_air_has_one_network() -> None:
    radio = make_radio("hub", "other")
    hub, other = Desk(radio, "hub"), Desk(radio, "other")
    hub.form()
    other.secure()
    assert other.ask("formNetwork", parameters=PARAMETERS)["status"] == Status.FAIL.ember
    assert other.ask("networkState")["state"] == NO_NETWORK
    other.reset()
    assert other.ask("networkInit", bitmask=0)["status"] == Status.NOT_JOINED.ember


@every_version
def test_leaving_forgets_the_network(version: int) -> None:
    desk = Desk(make_radio(version=version))
    assert desk.ask("leaveNetwork", options=0)["status"] == status(desk, Status.NOT_JOINED)
    desk.form()
    assert desk.ask("leaveNetwork", options=0)["status"] == 0
    assert statuses(desk)[1:] == [status(desk, Status.NETWORK_DOWN)]
    assert desk.ask("networkState")["state"] == NO_NETWORK
    desk.reset()
    assert desk.ask("networkInit", bitmask=0)["status"] == status(desk, Status.NOT_JOINED)


@every_version
def test_a_window_opens_and_closes(version: int) -> None:
    desk = Desk(make_radio(version=version))
    closed = desk.ask("permitJoining", duration_s=60)["status"]
    assert closed == status(desk, Status.NOT_JOINED)
    desk.form()
    desk.heard.clear()
    opened, shut = status(desk, Status.NETWORK_OPENED), status(desk, Status.NETWORK_CLOSED)
    assert desk.ask("permitJoining", duration_s=60)["status"] == 0
    assert desk.arrived[-2:] == ["permitJoining", "stackStatusHandler"]
    desk.wait(59 * SECOND)
    assert statuses(desk) == [opened]
    desk.wait(2 * SECOND)
    assert statuses(desk) == [opened, shut]
    desk.ask("permitJoining", duration_s=60)
    desk.ask("permitJoining", duration_s=0)
    desk.ask("permitJoining", duration_s=0)
    desk.wait(61 * SECOND)
    assert statuses(desk) == [opened, shut, opened, shut]


@every_version
def test_bridges_join_only_in_the_window(version: int) -> None:
    desk = Desk(make_radio(version=version, bridges=[make_bridge()]))
    desk.form()
    desk.wait(60 * SECOND)
    assert desk.of("trustCenterJoinHandler") == []
    desk.ask("permitJoining", duration_s=60)
    desk.wait(SECOND)
    (joined,) = desk.of("trustCenterJoinHandler")
    assert plain(joined, "update", "decision", "parent") == (UNSECURED_JOIN, PRECONFIGURED, 0)
    member = desk.stick.place.members()[0]
    assert plain(joined, "address", "eui64") == (member.address, member.eui64)
    heard = [one["aps"].cluster for one in desk.of("incomingMessageHandler")]
    assert 0x0013 in heard  # the bridge says that it is there


def test_a_bridge_that_is_removed_leaves() -> None:
    desk = Desk(make_radio(bridges=[make_bridge()]))
    desk.form()
    desk.ask("permitJoining", duration_s=60)
    desk.wait(SECOND)
    (joined,) = desk.of("trustCenterJoinHandler")
    desk.ask("permitJoining", duration_s=0)
    removed = desk.ask(
        "removeDevice", address=joined["address"], eui64=joined["eui64"], target=joined["eui64"]
    )
    assert removed["status"] == 0
    desk.wait(SECOND)
    left = desk.of("trustCenterJoinHandler")[1]
    assert plain(left, "eui64", "update", "decision") == (joined["eui64"], LEFT, NO_ACTION)
    assert desk.stick.place.members() == () or list(desk.stick.place.members()) == []


def test_a_sleepy_bridge_is_a_child() -> None:
    desk = Desk(make_radio(bridges=[make_bridge("B4")]))
    desk.form()
    assert desk.ask("getChildData", index=0)["status"] == Status.NOT_JOINED.ember
    desk.ask("permitJoining", duration_s=60)
    desk.wait(SECOND)
    (joined,) = desk.of("childJoinHandler")
    assert plain(joined, "index", "joining", "child_kind") == (0, True, NodeKind.SLEEPY_END_DEVICE)
    found = desk.ask("getChildData", index=0)
    assert found["status"] == 0
    assert (found["child"].eui64, found["child"].address) == plain(joined, "eui64", "child")
    assert desk.ask("getParentChildParameters")["children"] == 1
    assert desk.ask("childId", index=0)["address"] == joined["child"]
    desk.ask("removeDevice", address=joined["child"], eui64=0, target=joined["eui64"])
    desk.wait(60 * SECOND)
    assert [one["joining"] for one in desk.of("childJoinHandler")][:2] == [True, False]


@every_version
def test_a_scan_finds_the_network(version: int) -> None:
    radio = make_radio("hub", "dut", version=version)
    hub, dut = Desk(radio, "hub"), Desk(radio, "dut")
    assert scan(dut) == []
    hub.form()
    (found,) = scan(dut)
    assert (found.pan_id, found.channel, found.permits) == (PARAMETERS.pan_id, 15, False)
    assert found.extended_pan_id == PARAMETERS.extended_pan_id
    hub.ask("permitJoining", duration_s=60)
    assert [one.permits for one in scan(dut)] == [True]
    assert scan(dut, 1 << 20) == []
    energy = dut.ask("startScan", scan=0, channels=0x07FFF800, duration=3)
    assert energy["status"] == 0
    results = dut.of("energyScanResultHandler")
    assert [one["channel"] for one in results] == list(range(11, 27))
    assert max(results, key=lambda one: one["rssi"])["channel"] == 15


def scan(desk: Desk, channels: int = 0x07FFF800) -> list[FoundNetwork]:
    desk.heard.clear()
    assert desk.ask("startScan", scan=1, channels=channels, duration=3)["status"] == 0
    assert desk.arrived[-len(desk.heard) - 1 :] == ["startScan", *[one for one, _ in desk.heard]]
    assert desk.heard[-1][0] == "scanCompleteHandler"
    assert desk.heard[-1][1]["status"] == 0
    return [one["network"] for one in desk.of("networkFoundHandler")]


@pytest.mark.parametrize(
    ("kind", "channels", "duration", "wanted"),
    [
        (7, 1 << 15, 3, Status.INCORRECT_SCAN_TYPE),
        (1, 0, 3, Status.INVALID_CHANNEL_MASK),
        (1, 1, 3, Status.INVALID_CHANNEL_MASK),
        (1, 1 << 15, 15, Status.BAD_SCAN_DURATION),
    ],
)
def test_a_scan_of_nothing(kind: int, channels: int, duration: int, wanted: Status) -> None:
    desk = Desk(make_radio())
    answer = desk.ask("startScan", scan=kind, channels=channels, duration=duration)
    assert answer["status"] == wanted.sl  # since version 8, as the security manager's
    assert desk.heard == []


@every_version
def test_joining_as_a_router(version: int) -> None:
    radio = make_radio("hub", "dut", version=version)
    hub, dut = Desk(radio, "hub"), Desk(radio, "dut")
    hub.form()
    join(dut)  # nobody is let in
    assert statuses(dut) == [status(dut, Status.JOIN_FAILED)]
    assert dut.ask("networkState")["state"] == NO_NETWORK
    hub.ask("permitJoining", duration_s=60)
    hub.heard.clear()
    dut.heard.clear()
    join(dut)
    assert statuses(dut) == [status(dut, Status.NETWORK_UP)]
    assert dut.ask("networkState")["state"] == JOINED
    hub.wait(0)
    (joined,) = hub.of("trustCenterJoinHandler")
    assert plain(joined, "eui64", "update") == (dut.stick.eui64, UNSECURED_JOIN)
    assert dut.ask("getNodeId")["address"] == joined["address"]
    found = dut.ask("getNetworkParameters")
    assert plain(found, "node_kind", "parameters") == (NodeKind.ROUTER, PARAMETERS)
    (announced,) = hub.of("incomingMessageHandler")
    assert (announced["aps"].cluster, announced["kind"]) == (0x0013, 4)
    assert dut.stick.tokens.network.network_key == NETWORK_KEY

    dut.reset()
    dut.heard.clear()
    assert dut.ask("networkInit", bitmask=0)["status"] == 0
    dut.wait(SECOND)
    assert statuses(dut) == [status(dut, Status.NETWORK_UP)]
    assert dut.ask("getNodeId")["address"] == joined["address"]


@every_version
def test_a_joiner_rejoins_or_loses_its_parent(version: int) -> None:
    radio = make_radio("hub", "dut", version=version)
    hub, dut = Desk(radio, "hub"), Desk(radio, "dut")
    rejoin = {"have_key": True, "channels": 1 << 15, "reason": 0, "node_kind": 0}
    nowhere = dut.ask("findAndRejoinNetwork", **rejoin)["status"]
    assert nowhere == status(dut, Status.NOT_JOINED)
    hub.form()
    hub.ask("permitJoining", duration_s=60)
    join(dut, NodeKind.END_DEVICE)
    hub.wait(0)
    hub.heard.clear()
    dut.heard.clear()
    assert dut.ask("findAndRejoinNetwork", **rejoin)["status"] == 0
    dut.wait(SECOND)
    assert statuses(dut) == [status(dut, Status.NETWORK_UP)]
    hub.wait(0)
    (rejoined,) = hub.of("trustCenterJoinHandler")
    assert plain(rejoined, "update", "decision") == (SECURED_REJOIN, NO_ACTION)
    hub.reset()  # nobody is there
    dut.heard.clear()
    assert dut.ask("findAndRejoinNetwork", **rejoin)["status"] == 0
    dut.wait(SECOND)
    assert statuses(dut) == [status(dut, Status.MOVE_FAILED)]
    assert dut.ask("networkState")["state"] == NO_PARENT
    assert dut.ask("leaveNetwork", options=0)["status"] == 0
    assert dut.ask("networkState")["state"] == NO_NETWORK


def test_only_joiners_join() -> None:
    desk = Desk(make_radio())
    join_it = {"node_kind": NodeKind.ROUTER, "parameters": PARAMETERS}
    unprepared = desk.ask("joinNetwork", **join_it)["status"]
    assert unprepared == Status.SECURITY_STATE_NOT_SET.ember
    desk.secure()
    for kind in (NodeKind.UNKNOWN, NodeKind.COORDINATOR, 9):
        answer = desk.ask("joinNetwork", **{**join_it, "node_kind": kind})
        assert answer["status"] == Status.INVALID_PARAMETER.ember
    wrong = replace(PARAMETERS, radio_channel=9)
    answer = desk.ask("joinNetwork", **{**join_it, "parameters": wrong})
    assert answer["status"] == Status.INVALID_CHANNEL.ember


def test_a_sleepy_stick_polls() -> None:
    radio = make_radio("hub", "dut")
    hub, dut = Desk(radio, "hub"), Desk(radio, "dut")
    poll = {"interval": 4, "units": 2, "failure_limit": 3}  # each second
    assert dut.ask("pollForData", **poll)["status"] == Status.NOT_JOINED.ember
    hub.form()
    assert hub.ask("pollForData", **poll)["status"] == Status.INVALID_STATE.ember
    hub.ask("permitJoining", duration_s=60)
    join(dut, NodeKind.SLEEPY_END_DEVICE)
    address = dut.ask("getNodeId")["address"]
    dut.wait(10 * SECOND)
    dut.heard.clear()
    reply = hub.ask("sendReply", destination=address, aps=APS, payload=b"held")
    assert reply["status"] == 0
    dut.wait(5 * SECOND)
    assert dut.heard == []  # it sleeps
    assert dut.ask("pollForData", **poll)["status"] == 0
    dut.wait(SECOND // 2)
    assert [one["payload"] for one in dut.of("incomingMessageHandler")] == [b"held"]
    dut.wait(3 * SECOND)
    results = [one["status"] for one in dut.of("pollCompleteHandler")]
    assert results == [0, *[Status.MAC_NO_DATA.ember] * 3]
    assert dut.ask("leaveNetwork", options=0)["status"] == 0
    dut.wait(3 * SECOND)
    assert len(dut.of("pollCompleteHandler")) == 4


def test_a_poll_without_an_interval_is_the_only_one() -> None:
    radio = make_radio("hub", "dut")
    hub, dut = Desk(radio, "hub"), Desk(radio, "dut")
    hub.form()
    hub.ask("permitJoining", duration_s=60)
    join(dut, NodeKind.SLEEPY_END_DEVICE)
    dut.heard.clear()
    assert dut.ask("pollForData", interval=0, units=0, failure_limit=0)["status"] == 0
    dut.wait(60 * SECOND)
    assert len(dut.of("pollCompleteHandler")) == 1


def test_a_sleepy_node_is_the_child_of_whom_it_joined_through() -> None:
    radio = make_radio("hub", "router", "sleeper")
    hub, router, sleeper = (Desk(radio, name) for name in radio.sticks)
    hub.form()
    hub.ask("permitJoining", duration_s=60)
    join(router)
    hub.ask("permitJoining", duration_s=0)
    assert router.ask("permitJoining", duration_s=60)["status"] == 0
    join(sleeper, NodeKind.SLEEPY_END_DEVICE)
    hub.wait(0)
    assert hub.of("trustCenterJoinHandler")[-1]["eui64"] == sleeper.stick.eui64
    assert hub.of("childJoinHandler") == []
    assert hub.ask("getParentChildParameters")["children"] == 0


def test_route_records_come_to_a_concentrator() -> None:
    desk = Desk(make_radio(bridges=[make_bridge()]))
    desk.form()
    concentrate = {
        "on": True,
        "concentrator": 0xFFF9,
        "least_s": 10,
        "most_s": 60,
        "route_errors": 3,
        "delivery_failures": 1,
        "hops": 0,
    }
    assert desk.ask("setConcentrator", **concentrate)["status"] == 0
    assert desk.ask("setSourceRouteDiscoveryMode", mode=2)["remaining_ms"] >= 0
    desk.ask("permitJoining", duration_s=60)
    desk.wait(SECOND)
    (member,) = desk.stick.place.members()
    record = desk.of("incomingRouteRecordHandler")[0]
    assert plain(record, "source", "eui64", "relays") == (member.address, member.eui64, ())
    names = [name for name, _ in desk.heard]
    assert names.index("incomingRouteRecordHandler") < names.index("incomingMessageHandler")
    assert desk.ask("getSourceRouteTableFilledSize")["size"] == 1
    entry = desk.ask("getSourceRouteTableEntry", index=0)
    assert plain(entry, "status", "destination") == (0, member.address)


def test_source_routes_are_kept_up_to_the_size_of_the_table() -> None:
    desk = Desk(make_radio())
    assert desk.ask("setConfigurationValue", config_id=0x1A, value=2)["status"] == 0
    assert desk.ask("getSourceRouteTableTotalSize")["size"] == 2
    answers = [
        desk.ask("setSourceRoute", destination=to, relays=(1, 2))["status"] for to in (5, 6, 7, 5)
    ]
    assert answers == [0, 0, Status.TABLE_FULL.ember, 0]


def test_neighbors_and_routes_are_the_routers_of_the_network() -> None:
    desk = Desk(make_radio(bridges=[make_bridge(name=f"bridge {n}") for n in range(2)]))
    desk.form()
    desk.ask("permitJoining", duration_s=60)
    desk.wait(SECOND)
    assert desk.ask("neighborCount")["count"] == 2
    found = [desk.ask("getNeighbor", index=n) for n in range(3)]
    assert [one["status"] for one in found] == [0, 0, Status.INVALID_INDEX.ember]
    routes = [desk.ask("getRouteTableEntry", index=n)["route"] for n in range(3)]
    assert [one.destination for one in routes[:2]] == [one["neighbor"].address for one in found[:2]]
    assert routes[2].status == 3
