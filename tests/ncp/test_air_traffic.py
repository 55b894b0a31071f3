"""What travels on the virtual network: deliveries, sleepers, groups, routes, whole upgrades."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.ncp.air import HOLD_US
from emulator.ncp.bridges import What
from emulator.ncp.port import WELL_KNOWN_KEY, Joining, NodeKind
from emulator.profiles.load import names
from emulator.units import MILLISECOND, SECOND
from emulator.wire import ota
from emulator.wire.aps import BROADCAST_ALL, BROADCAST_RX_ON, COORDINATOR, Datagram
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.hub.images import served
from harness.hub.server import Hub
from tests.ncp.parties import (
    BRIDGE_EUI64,
    HUB_EUI64,
    NETWORK_KEY,
    OTHER_EUI64,
    PARAMETERS,
    Scene,
    Stick,
    image_of,
)


def joined(kind: str = "B1", **options: int) -> tuple[Scene, int]:
    """Return a scene whose bridge has joined, and the bridge's address."""
    scene = Scene(**options)
    scene.form()
    scene.add(kind=kind)
    scene.run()
    address = scene.address()
    assert address is not None
    return scene, address


# Delivery reports.


def test_a_report_says_what_became_of_a_unicast() -> None:
    scene, address = joined()
    scene.send(address, counter=1)
    scene.send(0x7777, counter=2)
    scene.run()
    assert scene.stick.reports == [(address, 1, True), (0x7777, 2, False)]


def test_a_report_comes_before_the_answer() -> None:
    scene, address = joined()
    scene.stick.calls.clear()
    scene.send(address, destination_endpoint=1)
    scene.run()
    assert scene.stick.calls == [("delivered", address, 1, True), ("hear", address, 0x0006)]


def test_a_bridge_without_supply_gets_nothing() -> None:
    scene, address = joined()
    scene.links["b1"].power(False)
    scene.send(address)
    scene.run()
    assert scene.stick.reports == [(address, 1, False)]


def test_a_bridge_that_left_gets_nothing() -> None:
    scene, address = joined()
    scene.place.remove(BRIDGE_EUI64)
    scene.run()
    scene.send(address)
    scene.run()
    assert scene.stick.reports == [(address, 1, False)]


def test_only_unicasts_that_ask_are_reported() -> None:
    scene, address = joined()
    scene.send(BROADCAST_ALL, counter=1)
    scene.run()
    assert scene.stick.reports == []
    scene.send(address, counter=2)
    scene.place.detach()
    scene.run()
    assert scene.stick.reports == []


def test_latency_counts_both_ways() -> None:
    scene, address = joined(latency_us=10 * MILLISECOND)
    scene.stick.calls.clear()
    scene.stick.times.clear()
    sent = scene.world.now
    scene.send(address, destination_endpoint=1)
    scene.run()
    assert [call[0] for call in scene.stick.calls] == ["delivered", "hear"]
    assert [at - sent for at in scene.stick.times] == [20 * MILLISECOND] * 2


# A sleepy bridge.


def test_a_sleepy_bridge_is_reached_when_it_polls() -> None:
    scene, address = joined("B4")
    scene.run(30)
    scene.stick.times.clear()
    sent = scene.world.now
    scene.send(address, destination_endpoint=11)
    scene.run(7)
    assert scene.stick.reports == [(address, 1, True)]
    assert sent < scene.stick.times[0] <= sent + 6 * SECOND  # sleep.poll_ms of this profile


def test_what_a_sleepy_bridge_never_fetches_is_lost() -> None:
    scene, address = joined("B4")
    scene.links["b1"].power(False)
    scene.stick.times.clear()
    sent = scene.world.now
    scene.send(address)
    scene.run(10)
    assert scene.stick.reports == [(address, 1, False)]
    assert scene.stick.times == [sent + HOLD_US]


def test_a_parent_holds_so_many_and_no_more() -> None:
    scene, address = joined("B4")
    scene.links["b1"].power(False)
    for counter in range(10):
        scene.send(address, counter=counter)
    scene.run(0)
    assert scene.stick.reports == [(address, 8, False), (address, 9, False)]
    scene.run(10)
    assert sorted(scene.stick.reports) == [(address, counter, False) for counter in range(10)]


def test_a_sleepy_bridge_that_leaves_loses_what_was_held() -> None:
    scene, address = joined("B4")
    scene.links["b1"].power(False)
    scene.send(address)
    scene.place.remove(BRIDGE_EUI64)
    scene.run()
    assert scene.stick.reports == [(address, 1, False)]


# Route records.


def test_a_concentrator_gets_each_route_once() -> None:
    scene, address = joined()
    scene.place.concentrate(True)
    for counter in range(2):
        scene.send(address, counter=counter, destination_endpoint=1)
        scene.run()
    assert scene.stick.of("routed") == [("routed", address, BRIDGE_EUI64, ())]
    calls = [call for call in scene.stick.calls if call[0] in ("routed", "hear")]
    assert calls[calls.index(("routed", address, BRIDGE_EUI64, ())) + 1][:2] == ("hear", address)
    scene.links["b1"].power(False)
    scene.links["b1"].power(True)
    scene.run()
    assert len(scene.stick.of("routed")) == 2
    scene.place.concentrate(False)
    scene.send(address, counter=3, destination_endpoint=1)
    scene.run()
    assert len(scene.stick.of("routed")) == 2


# A second stick.


def two_sticks(kind: NodeKind = NodeKind.ROUTER) -> tuple[Scene, Stick]:
    """Return a scene in which a second stick has joined."""
    scene = Scene()
    scene.form()
    other = scene.add_stick(Stick("dut", OTHER_EUI64))
    other.place.join(PARAMETERS, WELL_KNOWN_KEY, kind, rejoin=False)
    assert other.calls == []
    scene.run()
    return scene, other


@pytest.mark.parametrize("kind", [NodeKind.ROUTER, NodeKind.END_DEVICE, NodeKind.SLEEPY_END_DEVICE])
def test_a_second_stick_joins_and_speaks(kind: NodeKind) -> None:
    scene, other = two_sticks(kind)
    address = scene.place.address_of(OTHER_EUI64)
    assert other.calls == [("up", address)]
    assert (other.place.address, other.place.parameters) == (address, PARAMETERS)
    assert other.place.network_key() == NETWORK_KEY
    assert scene.stick.of("joined") == [("joined", "dut", Joining.UNSECURED_JOIN)]
    assert (other.place.eui64_of(COORDINATOR), other.place.address_of(HUB_EUI64)) == (HUB_EUI64, 0)
    assert [(one.name, one.kind) for one in scene.place.members()] == [("dut", kind)]
    scene.send(address or 0)
    scene.run()
    assert other.place.poll() is (kind is NodeKind.SLEEPY_END_DEVICE)
    scene.run()
    assert [(one.source, one.payload) for one in other.heard] == [(0, b"\x01\x01\x00")]
    assert scene.stick.reports == [(address, 1, True)]
    assert not other.place.poll()


@pytest.mark.parametrize("reason", ["closed", "key", "policy", "channel", "pan", "rejoin", "away"])
def test_a_second_stick_is_refused(reason: str) -> None:
    scene = Scene()
    scene.form()
    other = scene.add_stick(Stick("dut", OTHER_EUI64))
    wanted, key = PARAMETERS, WELL_KNOWN_KEY
    if reason == "closed":
        scene.place.permit(0)
    elif reason == "key":
        key = bytes(16)
    elif reason == "policy":
        scene.stick.keys = {}
    elif reason == "channel":
        wanted = replace(PARAMETERS, radio_channel=20)
    elif reason == "pan":
        wanted = replace(PARAMETERS, extended_pan_id=b"12345678")
    elif reason == "away":
        scene.place.detach()
    other.place.join(wanted, key, NodeKind.ROUTER, rejoin=reason == "rejoin")
    scene.run()
    assert other.calls == [("join failed",)]
    assert (other.place.address, other.place.parameters) == (None, None)
    assert scene.stick.of("joined") == []


def test_a_second_stick_resumes_rejoins_and_leaves() -> None:
    scene, other = two_sticks()
    address = other.place.address
    assert address is not None
    other.place.detach()
    assert not other.place.resume(PARAMETERS, NETWORK_KEY, NodeKind.ROUTER, address + 1)
    assert not other.place.resume(PARAMETERS, bytes(16), NodeKind.ROUTER, address)
    assert other.place.resume(PARAMETERS, NETWORK_KEY, NodeKind.ROUTER, address)
    scene.run()
    other.place.join(PARAMETERS, WELL_KNOWN_KEY, NodeKind.ROUTER, rejoin=True)
    scene.run()
    assert other.of("up") == [("up", address)] * 3
    assert scene.stick.of("joined")[1:] == [("joined", "dut", Joining.SECURED_REJOIN)]
    other.place.leave()
    scene.run()
    assert other.calls[-1] == ("down",)
    assert scene.stick.calls[-1] == ("left", "dut")
    assert scene.place.address_of(OTHER_EUI64) is None


def test_a_second_stick_is_removed() -> None:
    scene, other = two_sticks()
    scene.place.remove(OTHER_EUI64)
    scene.run()
    assert other.calls[-1] == ("down",)
    assert other.place.address is None


def test_a_scan_shows_the_network_on_its_channel() -> None:
    scene = Scene()
    other = scene.add_stick(Stick("dut", OTHER_EUI64))
    everywhere = 0x07FFF800
    assert other.place.scan(everywhere) == ()
    scene.form()
    (beacon,) = other.place.scan(everywhere)
    assert (beacon.pan_id, beacon.channel, beacon.permits) == (0x1A62, 15, True)
    assert beacon.extended_pan_id == PARAMETERS.extended_pan_id
    assert other.place.scan(1 << 14) == ()
    assert scene.place.scan(everywhere) == []
    scene.place.permit(0)
    assert not other.place.scan(1 << 15)[0].permits
    scene.place.detach()
    assert other.place.scan(everywhere) == []


def test_groups_reach_sticks_and_no_bridge() -> None:
    scene, other = two_sticks()
    scene.add()
    scene.run()
    before = len(scene.stick.heard)
    datagram = Datagram(
        source=0,
        destination=BROADCAST_RX_ON,
        source_endpoint=1,
        destination_endpoint=0xFF,
        profile=0x0104,
        cluster=0x0006,
        payload=b"\x01\x01\x00",
    )
    scene.place.multicast(datagram, 0x4001)
    scene.run()
    assert other.of("group") == [("group", 0x4001, b"\x01\x01\x00")]
    assert scene.stick.of("group") == []
    assert len(scene.stick.heard) == before


def test_a_router_lets_bridges_in_too() -> None:
    scene, other = two_sticks()
    scene.place.permit(0)
    other.place.permit(60)
    scene.add()
    scene.run()
    bridge = next(one for one in scene.place.members() if one.name == "b1")
    assert bridge.parent == other.place.address


def test_the_window_of_a_router_goes_with_it() -> None:
    scene, other = two_sticks()
    scene.place.permit(0)
    other.place.permit(255)
    other.place.leave()
    scene.add()
    scene.run(70)
    assert scene.address() is None


# Upgrades.


def upgrade(kind: str, version: int = NEXT_VERSION) -> tuple[Scene, bytes]:
    """Let a bridge find a server, and serve it an image."""
    scene = Scene()
    scene.stick.hub = hub = Hub(eui64=HUB_EUI64)
    hub.settings.encrypt = False
    image = image_of(kind, version, 3000)
    scene.form()
    scene.add(kind=kind)
    scene.run(20)
    hub.serve(served(image))
    return scene, image


@pytest.mark.parametrize("kind", ["B1", "B4"])
def test_an_upgrade_is_told_step_by_step(kind: str) -> None:
    scene, _ = upgrade(kind)
    scene.told.clear()
    scene.run(100_000)  # a query comes within a day and its jitter
    lines = [one.line.split("  ", 1)[1].strip() for one in scene.told]
    new, old = f"0x{NEXT_VERSION:08X}", f"0x{FIRST_VERSION:08X}"
    assert old not in " ".join(lines)
    assert lines[: lines.index("b1: verified") + 1] == [
        "b1: query",
        f"b1: download version {new} offset 0",
        *(f"b1: downloading {part}0 %" for part in range(1, 11)),
        "b1: verified",
    ]
    rest = lines[lines.index("b1: verified") + 1 :]
    assert rest[:2] == [
        f"b1: rebooted version {new} on trial",
        f"b1: rejoined address 0x{scene.address():04X}",
    ]
    assert "b1: confirmed" in rest
    assert What.ROLLED_BACK not in scene.whats()


def test_a_refused_image_is_told() -> None:
    scene, image = upgrade("B1")
    bad = bytearray(image)
    bad[-30] ^= 1
    assert scene.stick.hub is not None
    scene.stick.hub.serve(served(bytes(bad)))
    scene.told.clear()
    scene.run(90000)
    assert scene.whats()[:12] == [What.QUERY, What.DOWNLOAD, *[What.DOWNLOADING] * 10]
    assert scene.whats()[12] is What.REFUSED
    assert scene.told[12].details[0][0] == "why"
    assert What.VERIFIED not in scene.whats()


def test_a_notify_brings_a_query_from_a_bridge_that_found_nobody() -> None:
    """Hosts send a notify and nothing else: the bridge then looks for the server and asks it."""
    scene = Scene()
    scene.form()
    scene.add()
    scene.run(20)  # nobody answered: it will look again in ten minutes
    assert What.QUERY not in scene.whats()
    scene.stick.hub = Hub(eui64=HUB_EUI64)
    scene.stick.hub.settings.encrypt = False
    notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
    scene.send(
        scene.address() or 0,
        cluster=ota.CLUSTER,
        destination_endpoint=1,
        payload=b"\x09\x01\x00" + notify.encode(),
    )
    scene.run()
    assert scene.whats()[-2:] == [What.QUERY, What.NO_IMAGE]


def test_many_bridges_of_several_kinds_are_upgraded_at_once() -> None:
    scene = Scene(latency_us=5 * MILLISECOND)
    scene.stick.hub = hub = Hub(eui64=HUB_EUI64)
    hub.settings.encrypt = False
    scene.form()
    kinds = [kind for kind in names() for _ in range(5)]
    for number, kind in enumerate(kinds):
        scene.add(f"{kind} {number}", kind)
    scene.run(20)
    hub.serve(*(served(image_of(kind, NEXT_VERSION, 1000)) for kind in names()))
    scene.run(100_000)
    for name in scene.links:
        whats = scene.whats(name)
        assert whats.count(What.CONFIRMED) == 1
        assert whats.count(What.DOWNLOADING) == 10
        assert What.ROLLED_BACK not in whats
    failed = [report for report in scene.stick.reports if not report[2]]
    assert len(failed) == 0


@given(
    payload=st.binary(max_size=24),
    cluster=st.sampled_from([0, 3, 6, 0x13, 0x19, 0x21, 0x31, 0x34, 0x36, 0x8005, 0x8006, 0xFC00]),
    profile=st.sampled_from([0, 0x0104, 0x0109]),
    endpoint=st.sampled_from([0, 1, 2, 0xFF]),
    broadcast=st.booleans(),
)
def test_no_octets_of_a_host_harm_a_bridge(
    payload: bytes, cluster: int, profile: int, endpoint: int, broadcast: bool
) -> None:
    scene, address = joined()
    scene.send(
        BROADCAST_ALL if broadcast else address,
        payload=payload,
        cluster=cluster,
        profile=profile,
        source_endpoint=min(endpoint, 1),
        destination_endpoint=endpoint,
    )
    scene.run()
    before = len(scene.stick.heard)
    scene.place.permit(60)
    scene.run(61)
    read = bytes.fromhex("00770004000500")
    scene.send(scene.address() or 0, payload=read, cluster=0, destination_endpoint=1)
    scene.run()
    answers = [one.payload for one in scene.stick.heard[before:] if one.cluster == 0]
    assert answers[-1][:3] == b"\x18\x77\x01"


def test_a_reset_forgets_what_was_to_be_told_and_asked() -> None:
    scene, address = joined()
    scene.place.concentrate(True)
    scene.place.remove(BRIDGE_EUI64)
    scene.place.detach()
    scene.run()
    assert scene.stick.of("left") == []
    assert scene.place.resume(PARAMETERS, NETWORK_KEY, NodeKind.COORDINATOR, 0)
    scene.place.permit(60)
    scene.run()
    assert scene.address() == address
    assert scene.stick.of("routed") == []


def test_a_counter_may_be_used_again() -> None:
    scene, address = joined()
    scene.send(address, counter=7)
    scene.run()
    scene.send(0x7777, counter=7)
    scene.run()
    assert scene.stick.reports == [(address, 7, True), (0x7777, 7, False)]
