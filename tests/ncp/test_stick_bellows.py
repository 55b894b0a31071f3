"""Drive sticks through bellows' own ASH and EZSP, in one process and in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import bellows.types as t
import bellows.uart
import pytest
from bellows.ezsp import EZSP
from zigpy.config import SCHEMA_DEVICE

from emulator.ncp.commands import VERSIONS
from emulator.ncp.port import WELL_KNOWN_KEY
from emulator.ncp.radio import BridgeSpec, StickSpec, VirtualRadio
from emulator.wire.aps import Datagram
from tests.ncp.lines import Lines, connector, run
from tests.ncp.parties import image_of, profile_of

CHANNEL = 15
NETWORK_KEY = bytes(range(0x10, 0x20))
VERSION = 1
WAIT_S = 60
BITMASK = (
    t.EmberInitialSecurityBitmask.HAVE_PRECONFIGURED_KEY
    | t.EmberInitialSecurityBitmask.HAVE_NETWORK_KEY
    | t.EmberInitialSecurityBitmask.TRUST_CENTER_GLOBAL_LINK_KEY
    | t.EmberInitialSecurityBitmask.REQUIRE_ENCRYPTED_KEY
)

every_version = pytest.mark.parametrize("version", VERSIONS)


def make_bridge(kind: str = "B1") -> BridgeSpec:
    return BridgeSpec(
        name="bridge",
        profile=profile_of(kind),
        image=image_of(kind, VERSION, 256),
        version=VERSION,
    )


class Party:
    """Be a radio and the hosts at its sticks."""

    def __init__(self, lines: Lines, log: list[str]) -> None:
        self.lines, self.radio, self.log = lines, lines.radio, log

    async def host(self, stick: str = "hub") -> "Host":
        """Return a host that has reset the stick and agreed upon a version."""
        ezsp = EZSP(SCHEMA_DEVICE({"path": stick}))
        await ezsp.connect(use_thread=False)
        return Host(ezsp)


class Host:
    """Be bellows' EZSP, and all callbacks that it took."""

    def __init__(self, ezsp: EZSP) -> None:
        self.ezsp = ezsp
        self.heard: list[tuple[str, list[Any]]] = []
        self._waiter: asyncio.Future[None] | None = None
        ezsp.add_callback(self._hear)

    def _hear(self, name: str, values: list[Any]) -> None:
        self.heard.append((name, values))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        command: Callable[..., Coroutine[Any, Any, Any]] = getattr(self.ezsp, name)
        return command

    async def until(self, name: str, count: int = 1) -> list[Any]:
        """Wait for so many callbacks of a name; return the last one's values."""
        while len(self.of(name)) < count:
            self._waiter = asyncio.get_running_loop().create_future()
            await asyncio.wait_for(self._waiter, WAIT_S)
        return self.of(name)[count - 1]

    def of(self, name: str) -> list[list[Any]]:
        """Return the values of the callbacks of a name."""
        return [values for each, values in self.heard if each == name]

    async def secure(self, *, joins: bool = False) -> None:
        """Set the keys to form or join with."""
        state = t.EmberInitialSecurityState(
            bitmask=BITMASK & ~t.EmberInitialSecurityBitmask.HAVE_NETWORK_KEY if joins else BITMASK,
            preconfiguredKey=t.KeyData(WELL_KNOWN_KEY),
            networkKey=t.KeyData(NETWORK_KEY),
            networkKeySequenceNumber=t.uint8_t(0),
            preconfiguredTrustCenterEui64=t.EUI64.convert("00:00:00:00:00:00:00:00"),
        )
        (status,) = await self.setInitialSecurityState(state=state)
        assert ok(status)

    async def form(self) -> None:
        """Form a network."""
        await self.secure()
        await self.formNetwork(parameters=parameters())


def ok(status: Any) -> bool:  # noqa: ANN401 - one of three enums
    return bool(t.sl_Status.from_ember_status(status) == t.sl_Status.OK)


def named(status: Any) -> str:  # noqa: ANN401 - as above
    return str(t.sl_Status.from_ember_status(status).name).removeprefix("ZIGBEE_")


def parameters(**changes: Any) -> Any:  # noqa: ANN401 - a bellows struct
    made = {
        "extendedPanId": t.EUI64.convert("0a:0b:0c:0d:0e:0f:10:11"),
        "panId": t.EmberPanId(0x1A62),
        "radioTxPower": t.uint8_t(8),
        "radioChannel": t.uint8_t(CHANNEL),
        "joinMethod": t.EmberJoinMethod.USE_MAC_ASSOCIATION,
        "nwkManagerId": t.EmberNodeId(0),
        "nwkUpdateId": t.uint8_t(0),
        "channels": t.Channels(1 << CHANNEL),
    }
    return t.EmberNetworkParameters(**{**made, **changes})


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what runs a scene with a radio."""

    def start(
        scene: Callable[[Party], Coroutine[Any, Any, None]],
        *,
        version: int = 13,
        bridges: tuple[BridgeSpec, ...] = (),
        sticks: tuple[str, ...] = ("hub",),
    ) -> None:
        async def main() -> None:
            log: list[str] = []
            specs = [StickSpec(name=name, version=version) for name in sticks]
            lines = Lines(VirtualRadio(specs, bridges, log=log.append))
            monkeypatch.setattr(
                bellows.uart.zigpy.serial, "create_serial_connection", connector(lines)
            )
            await scene(Party(lines, log))

        run(main)

    return start


Play = Callable[..., None]


@every_version
def test_a_network_is_formed_and_survives_a_reset(play: Play, version: int) -> None:
    async def scene(party: Party) -> None:
        host = await party.host()
        assert (await host.networkState())[0] == t.EmberNetworkStatus.NO_NETWORK
        assert named((await host.networkInit(networkInitBitmask=0))[0]) == "NOT_JOINED"
        await host.form()
        assert (await host.networkState())[0] == t.EmberNetworkStatus.JOINED_NETWORK
        status, kind, found = await host.getNetworkParameters()
        assert ok(status)
        assert kind == t.EmberNodeType.COORDINATOR
        assert found == parameters()
        assert (await host.getNodeId())[0] == 0

        await host.ezsp.reset()
        await host.ezsp.version()
        assert (await host.networkState())[0] == t.EmberNetworkStatus.NO_NETWORK
        with host.ezsp.wait_for_stack_status(t.sl_Status.NETWORK_UP) as up:
            assert ok((await host.networkInit(networkInitBitmask=0))[0])
            await up
        status, _, found = await host.getNetworkParameters()
        assert found == parameters()

    play(scene, version=version)


@every_version
def test_a_bridge_joins_and_answers(play: Play, version: int) -> None:
    async def scene(party: Party) -> None:
        host = await party.host()
        await host.addEndpoint(
            endpoint=1,
            profileId=0x0104,
            deviceId=5,
            deviceVersion=0,
            inputClusterCount=1,
            outputClusterCount=1,
            inputClusterList=[0x0000],
            outputClusterList=[0x0019],
        )
        await host.form()
        assert ok((await host.permitJoining(60))[0])
        address, eui64, how, decision, parent = await host.until("trustCenterJoinHandler")
        assert (how, decision, parent) == (1, 0, 0)
        assert (
            int.from_bytes(eui64.serialize(), "little")
            == party.radio.bridges["bridge"].device.identity.eui64
        )
        await ask(host, version, address, 0x0002, bytes((7,)) + address.serialize())
        answer = await incoming(host, version, 0x8002)
        assert answer["message"][:4] == b"\x07\x00" + address.serialize()
        assert answer["sender"] == address
        assert answer["aps"].sequence >= 0
        sent = sent_of(host, version)
        assert named(sent["status"]) == "OK"
        assert (sent["to"], sent["tag"]) == (address, 0x55)

    play(scene, version=version, bridges=(make_bridge(),))


async def ask(host: Host, version: int, to: Any, cluster: int, payload: bytes) -> int:  # noqa: ANN401
    """Send a ZDO request; return its APS sequence."""
    aps = t.EmberApsFrame(
        profileId=0,
        clusterId=cluster,
        sourceEndpoint=0,
        destinationEndpoint=0,
        options=t.EmberApsOption.APS_OPTION_RETRY,
        groupId=0,
        sequence=0,
    )
    status, sequence = await host.send_unicast(
        nwk=t.EmberNodeId(to), aps_frame=aps, message_tag=t.uint8_t(0x55), data=payload
    )
    assert ok(status)
    return int(sequence)


async def incoming(host: Host, version: int, cluster: int) -> dict[str, Any]:
    """Wait for a message of a cluster."""
    count = 1
    while True:
        values = await host.until("incomingMessageHandler", count)
        made = _incoming(values, version)
        if made["aps"].clusterId == cluster:
            return made
        count += 1


def _incoming(values: list[Any], version: int) -> dict[str, Any]:
    if version >= 14:
        kind, aps, sender, eui64, _, _, _, _, _, message = values
        return {"kind": kind, "aps": aps, "sender": sender, "eui64": eui64, "message": message}
    kind, aps, _, _, sender, _, _, message = values
    return {"kind": kind, "aps": aps, "sender": sender, "message": message}


def sent_of(host: Host, version: int, index: int = -1) -> dict[str, Any]:
    """Return what a messageSentHandler says."""
    values = host.of("messageSentHandler")[index]
    if version >= 14:
        status, kind, to, aps, tag, _ = values
    else:
        kind, to, aps, tag, status, _ = values
    return {"status": status, "kind": kind, "to": to, "aps": aps, "tag": tag}


@every_version
def test_a_message_to_nobody_is_not_delivered(play: Play, version: int) -> None:
    async def scene(party: Party) -> None:
        host = await party.host()
        await host.form()
        sequence = await ask(host, version, 0x4242, 0x0002, b"\x01\x42\x42")
        await host.until("messageSentHandler")
        sent = sent_of(host, version)
        assert named(sent["status"]) == "DELIVERY_FAILED"
        assert (sent["to"], sent["tag"], sent["aps"].sequence) == (0x4242, 0x55, sequence)

    play(scene, version=version)


def test_the_stick_answers_its_own_host(play: Play) -> None:
    """Both big hosts ask the coordinator for its descriptors before they go on."""

    async def scene(party: Party) -> None:
        host = await party.host()
        await host.setManufacturerCode(code=0x1049)
        await host.form()
        await ask(host, 13, 0x0000, 0x0002, b"\x09\x00\x00")
        answer = await incoming(host, 13, 0x8002)
        assert answer["message"][:4] == b"\x09\x00\x00\x00"
        assert answer["message"][4] & 7 == 0
        assert answer["message"][7:9] == b"\x49\x10"
        names = [name for name, _ in host.heard]
        assert names.index("messageSentHandler") < names.index("incomingMessageHandler")

    play(scene)


def test_a_window_closes_after_its_time(play: Play) -> None:
    async def scene(party: Party) -> None:
        host = await party.host()
        await host.form()
        await host.permitJoining(60)
        with host.ezsp.wait_for_stack_status(t.sl_Status.ZIGBEE_NETWORK_CLOSED) as closed:
            start = asyncio.get_running_loop().time()
            await closed
        assert 59.9 < asyncio.get_running_loop().time() - start < 60.1
        assert [named(one[0]) for one in host.of("stackStatusHandler")] == [
            *("NETWORK_UP", "NETWORK_OPENED", "NETWORK_CLOSED"),
        ]

    play(scene)


@every_version
def test_another_stick_scans_joins_and_rejoins(play: Play, version: int) -> None:
    async def scene(party: Party) -> None:
        hub, joiner = await party.host("hub"), await party.host("dut")
        await hub.form()
        found = await joiner.startScan(
            t.EzspNetworkScanType.ACTIVE_SCAN, t.Channels.ALL_CHANNELS, 3
        )
        assert [(one.panId, one.channel, one.allowingJoin) for one, _, _ in found] == [
            (0x1A62, CHANNEL, False)
        ]
        await joiner.secure(joins=True)
        joined = await joiner.joinNetwork(nodeType=t.EmberNodeType.ROUTER, parameters=parameters())
        assert ok(joined[0])
        (status,) = await joiner.until("stackStatusHandler")
        assert named(status) != "NETWORK_UP"

        await hub.permitJoining(60)
        await joiner.secure(joins=True)
        await joiner.joinNetwork(nodeType=t.EmberNodeType.ROUTER, parameters=parameters())
        (status,) = await joiner.until("stackStatusHandler", 2)
        assert named(status) == "NETWORK_UP"
        address, _, how, _, _ = await hub.until("trustCenterJoinHandler")
        assert (await joiner.getNodeId())[0] == address
        assert how == t.EmberDeviceUpdate.STANDARD_SECURITY_UNSECURED_JOIN
        assert bytes((await joiner.get_network_key()).key.serialize()) == NETWORK_KEY

        await joiner.ezsp.reset()
        await joiner.ezsp.version()
        assert ok((await joiner.networkInit(networkInitBitmask=0))[0])
        (status,) = await joiner.until("stackStatusHandler", 3)
        assert named(status) == "NETWORK_UP"
        assert (await joiner.getNodeId())[0] == address

    play(scene, version=version, sticks=("hub", "dut"))


def test_what_one_stick_sends_another_hears(play: Play) -> None:
    async def scene(party: Party) -> None:
        hub, joiner = await party.host("hub"), await party.host("dut")
        for host in (hub, joiner):
            await host.addEndpoint(1, 0x0104, 5, 0, 1, 0, [0x0006], [])
        await hub.form()
        await hub.permitJoining(60)
        await joiner.secure(joins=True)
        await joiner.joinNetwork(nodeType=t.EmberNodeType.ROUTER, parameters=parameters())
        address, *_ = await hub.until("trustCenterJoinHandler")
        aps = t.EmberApsFrame(
            profileId=0x0104,
            clusterId=6,
            sourceEndpoint=1,
            destinationEndpoint=1,
            options=t.EmberApsOption.APS_OPTION_NONE,
            groupId=0,
            sequence=0,
        )
        await hub.send_unicast(
            nwk=address, aps_frame=aps, message_tag=t.uint8_t(1), data=b"\x01\x02\x03"
        )
        heard = await incoming(joiner, 13, 6)
        assert (heard["sender"], heard["message"]) == (0, b"\x01\x02\x03")
        assert heard["kind"] == t.EmberIncomingMessageType.INCOMING_UNICAST
        await joiner.send_broadcast(
            address=t.BroadcastAddress.RX_ON_WHEN_IDLE,
            aps_frame=aps,
            radius=t.uint8_t(0),
            message_tag=t.uint8_t(2),
            aps_sequence=t.uint8_t(0),
            data=b"\x04\x05",
        )
        heard = await incoming(hub, 13, 6)
        assert (heard["sender"], heard["message"]) == (address, b"\x04\x05")
        assert heard["kind"] == t.EmberIncomingMessageType.INCOMING_BROADCAST
        await joiner.leaveNetwork()
        _, _, how, _, _ = await hub.until("trustCenterJoinHandler", 2)
        assert how == t.EmberDeviceUpdate.DEVICE_LEFT

    play(scene, sticks=("hub", "dut"))


def test_no_callback_of_a_burst_is_lost(play: Play) -> None:
    async def scene(party: Party) -> None:
        host = await party.host()
        await host.addEndpoint(1, 0x0104, 5, 0, 0, 0, [], [])
        await host.form()
        stick = party.radio.sticks["hub"]
        for number in range(BURST):
            stick.hear(report(number), 255, -40, party.lines.now)
        party.lines.settle()
        await host.until("incomingMessageHandler", BURST)
        heard = [_incoming(values, 13)["message"] for values in host.of("incomingMessageHandler")]
        assert heard == [report(number).payload for number in range(BURST)]
        assert (await host.networkState())[0] == t.EmberNetworkStatus.JOINED_NETWORK

    play(scene)


BURST = 1200


def report(number: int) -> Datagram:
    return Datagram(
        source=0x1234,
        destination=0,
        source_endpoint=1,
        destination_endpoint=1,
        profile=0x0104,
        cluster=6,
        payload=b"\x18" + number.to_bytes(4, "little"),
    )


def test_answers_overtake_callbacks_that_wait(play: Play) -> None:
    """A command is answered at once, whatever waits; and no callback bears its number."""

    async def scene(party: Party) -> None:
        host = await party.host()
        await host.addEndpoint(1, 0x0104, 5, 0, 0, 0, [], [])
        await host.form()
        stick = party.radio.sticks["hub"]
        for number in range(3 * BURST):
            stick.hear(report(number), 255, -40, party.lines.now)
        assert (await host.nop()) == []
        assert len(host.of("incomingMessageHandler")) < BURST / 10
        for _ in range(300):  # more than there are sequence numbers
            assert (await host.nop()) == []
        await host.until("incomingMessageHandler", 3 * BURST)

    play(scene)
