"""Send messages for the host, and give it what comes in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Any

from emulator.ncp import coordinator
from emulator.ncp.fields import ApsFrame
from emulator.ncp.handlers import answers
from emulator.ncp.places import LQI, RSSI_DBM
from emulator.ncp.settings import Policy
from emulator.ncp.statuses import Status
from emulator.units import MILLISECOND
from emulator.wire import zdo
from emulator.wire.aps import (
    BROADCAST_RX_ON,
    FIRST_BROADCAST,
    ZDO_ENDPOINT,
    ZDO_PROFILE,
    ApsOptions,
    Datagram,
)

if TYPE_CHECKING:
    from emulator.ncp.ezsp import Request
    from emulator.ncp.stick import Stick


class Option(IntFlag):
    """Ask the APS layer for something (EmberApsOption), beside what a stick does anyway."""

    ENCRYPTION = 0x0020
    RETRY = 0x0040
    ENABLE_ROUTE_DISCOVERY = 0x0100
    FRAGMENT = 0x8000


class Outgoing(IntEnum):
    """Say how a message is addressed (EmberOutgoingMessageType)."""

    DIRECT = 0
    VIA_ADDRESS_TABLE = 1
    VIA_BINDING = 2
    MULTICAST = 3
    MULTICAST_WITH_ALIAS = 4
    BROADCAST_WITH_ALIAS = 5
    BROADCAST = 6


class Incoming(IntEnum):
    """Say how a message came (EmberIncomingMessageType)."""

    UNICAST = 0
    MULTICAST = 2
    BROADCAST = 4


class Counter(IntEnum):
    """Name the counters that move; there are ``COUNTERS`` (EmberCounterType)."""

    MAC_RX_BROADCAST = 0
    MAC_TX_BROADCAST = 1
    MAC_RX_UNICAST = 2
    MAC_TX_UNICAST_SUCCESS = 3
    MAC_TX_UNICAST_FAILED = 5
    APS_RX_BROADCAST = 6
    APS_TX_BROADCAST = 7
    APS_RX_UNICAST = 8
    APS_TX_UNICAST_SUCCESS = 9
    APS_TX_UNICAST_FAILED = 11


#: Counters that readCounters shows; 16 bits each.
COUNTERS = 42
#: Octets of a message without fragments: with network security, and with APS security on top.
LONGEST, LONGEST_ENCRYPTED = 82, 73
#: No binding, no entry of the address table (EZSP: incomingMessageHandler).
NO_INDEX = 0xFF
#: No alias: the stick sends as itself.
NO_ALIAS = 0xFFFF
#: Decision on message contents: callbacks carry the message as well as its tag.
TAG_AND_CONTENTS = 0x41

# Plain, because these stand in the path of every message.
_RETRY, _ENCRYPTION = int(Option.RETRY), int(Option.ENCRYPTION)
_ROUTED, _FRAGMENT = int(Option.ENABLE_ROUTE_DISCOVERY), int(Option.FRAGMENT)
_ACKNOWLEDGE, _ENCRYPT = int(ApsOptions.ACKNOWLEDGE), int(ApsOptions.ENCRYPT)
_MAC_TX_OK, _APS_TX_OK = int(Counter.MAC_TX_UNICAST_SUCCESS), int(Counter.APS_TX_UNICAST_SUCCESS)
_MAC_RX, _APS_RX = int(Counter.MAC_RX_UNICAST), int(Counter.APS_RX_UNICAST)
_CONTENTS = int(Policy.MESSAGE_CONTENTS)
_UNICAST, _BROADCAST = int(Incoming.UNICAST), int(Incoming.BROADCAST)


class Messages:
    """Keep what sending and hearing need to remember; a reset loses it."""

    def __init__(self) -> None:
        self.counters = [0] * COUNTERS
        self._aps_counter = self._zdo_sequence = 0
        #: What was sent and not reported, by destination and APS counter.
        self._pending: dict[tuple[int, int], dict[str, Any]] = {}

    def count(self, counter: int) -> None:
        """Let a counter go up by one."""
        self.counters[counter] = (self.counters[counter] + 1) & 0xFFFF

    def next_counter(self, stick: Stick) -> int:
        """Return a fresh APS counter, for a frame that the network's key secures."""
        stick.security.count(stick)
        self._aps_counter = counter = (self._aps_counter + 1) & 0xFF
        return counter

    # Out.

    def unicast(
        self, stick: Stick, address: int, aps: ApsFrame, payload: bytes, report: dict[str, Any]
    ) -> int:
        """Send to one node.

        Args:
            stick: Whose message it is.
            address: The node's NWK address; if it is the stick's own, the message comes back.
            aps: How.
            payload: Octets of the message.
            report: What messageSentHandler says later, but for what is known only then.

        Returns:
            The APS counter that the message has.
        """
        counter = self.next_counter(stick)
        report["aps"] = ApsFrame(
            profile=aps.profile,
            cluster=aps.cluster,
            source_endpoint=aps.source_endpoint,
            destination_endpoint=aps.destination_endpoint,
            options=aps.options,
            group=aps.group,
            sequence=counter,
        )
        datagram = _datagram(stick, address, aps, payload, counter)
        if address == stick.place.address:
            stick.emit("messageSentHandler", {**report, "status": Status.OK})
            self.hear(stick, datagram, LQI, RSSI_DBM)
        else:
            self._pending[address, counter] = report
            stick.place.send(datagram, True)
        return counter

    def delivered(self, stick: Stick, address: int, counter: int, success: bool) -> None:
        """Tell the host what became of a message."""
        report = self._pending.pop((address, counter), None)
        if report is None:
            return
        if success:
            self.count(_MAC_TX_OK)
            self.count(_APS_TX_OK)
            report["status"] = Status.OK
        else:
            self.count(Counter.MAC_TX_UNICAST_FAILED)
            self.count(Counter.APS_TX_UNICAST_FAILED)
            report["status"] = Status.DELIVERY_FAILED
        stick.emit("messageSentHandler", report)

    def broadcast(
        self, stick: Stick, destination: int, aps: ApsFrame, payload: bytes, report: dict[str, Any]
    ) -> int:
        """Send to many nodes, or to the group ``report["destination"]`` if it is a multicast."""
        counter = self.next_counter(stick)
        datagram = _datagram(stick, destination, aps, payload, counter)
        if report["kind"] in (Outgoing.MULTICAST, Outgoing.MULTICAST_WITH_ALIAS):
            stick.place.multicast(datagram, aps.group)
        else:
            stick.place.send(datagram, False)
        self.count(Counter.MAC_TX_BROADCAST)
        self.count(Counter.APS_TX_BROADCAST)
        stick.emit("messageSentHandler", {**report, "status": Status.OK})
        return counter

    def answer_zdo(self, stick: Stick, request: Datagram, payload: bytes) -> None:
        """Send the stack's own answer to a ZDO request; the host hears it if it asked itself."""
        datagram = self._zdo(stick, request.source, request.cluster | zdo.RESPONSE, payload)
        if request.source == datagram.source:
            self.hear(stick, datagram, LQI, RSSI_DBM)
        else:
            stick.place.send(datagram, False)

    def announce(self, stick: Stick) -> None:
        """Say that this stick has joined: Device_annce, 2.4.3.1.11."""
        self._zdo_sequence = (self._zdo_sequence + 1) & 0xFF
        frame = zdo.DeviceAnnounce(
            sequence=self._zdo_sequence,
            address=stick.place.address or 0,
            eui64=stick.eui64,
            capability=coordinator.capability(stick.standing.kind),
        )
        cluster = zdo.CLUSTERS[zdo.DeviceAnnounce]
        stick.place.send(self._zdo(stick, BROADCAST_RX_ON, cluster, frame.encode()), False)

    def _zdo(self, stick: Stick, to: int, cluster: int, payload: bytes) -> Datagram:
        return Datagram(
            source=stick.place.address or 0,
            destination=to,
            source_endpoint=ZDO_ENDPOINT,
            destination_endpoint=ZDO_ENDPOINT,
            profile=ZDO_PROFILE,
            cluster=cluster,
            payload=payload,
            options=0,
            aps_counter=self.next_counter(stick),
        )

    # In.

    def hear(self, stick: Stick, datagram: Datagram, lqi: int, rssi: int) -> None:
        """Take a unicast or broadcast; answer it, or give it to the host, or both."""
        if datagram.destination < FIRST_BROADCAST:
            kind = _UNICAST
            self.count(_MAC_RX)
            self.count(_APS_RX)
        else:
            kind = _BROADCAST
            self.count(Counter.MAC_RX_BROADCAST)
            self.count(Counter.APS_RX_BROADCAST)
        if datagram.destination_endpoint == ZDO_ENDPOINT and (
            datagram.profile != ZDO_PROFILE or not coordinator.serve(stick, datagram)
        ):
            return
        # Whether the host has added the endpoint is not asked: bellows resets the stick when it has
        # formed a network, adds no endpoint anew, and counts on what devices send from then on.
        self.give(stick, datagram, kind, 0, lqi, rssi)

    def give(
        self, stick: Stick, datagram: Datagram, kind: int, group: int, lqi: int, rssi: int
    ) -> None:
        """Let the host hear a message."""
        options = datagram.options
        stick.emit(
            "incomingMessageHandler",
            {
                "kind": kind,
                "aps": ApsFrame(
                    profile=datagram.profile,
                    cluster=datagram.cluster,
                    source_endpoint=datagram.source_endpoint,
                    destination_endpoint=datagram.destination_endpoint,
                    options=_ROUTED
                    | (_RETRY if options & _ACKNOWLEDGE else 0)
                    | (_ENCRYPTION if options & _ENCRYPT else 0),
                    group=group,
                    sequence=datagram.aps_counter,
                ),
                "lqi": lqi,
                "rssi": rssi,
                "sender": datagram.source,
                "eui64": stick.place.eui64_of(datagram.source) or 0 if stick.wide else 0,
                "binding": NO_INDEX,
                "address_index": stick.addresses.index_of(datagram.source),
                "timestamp": stick.now // MILLISECOND & 0xFFFFFFFF,
                "payload": datagram.payload,
            },
        )


def _datagram(
    stick: Stick, destination: int, aps: ApsFrame, payload: bytes, counter: int
) -> Datagram:
    options = aps.options
    return Datagram(
        source=stick.place.address or 0,
        destination=destination,
        source_endpoint=aps.source_endpoint,
        destination_endpoint=aps.destination_endpoint,
        profile=aps.profile,
        cluster=aps.cluster,
        payload=payload,
        options=(_ACKNOWLEDGE if options & _RETRY else 0)
        | (_ENCRYPT if options & _ENCRYPTION else 0),
        aps_counter=counter,
    )


def _refusal(stick: Stick, values: Mapping[str, Any]) -> Status | None:
    """Return why a message cannot be sent at all."""
    if stick.place.address is None:
        return Status.NETWORK_DOWN
    options = values["aps"].options
    if options & _FRAGMENT:
        return Status.NOT_AVAILABLE
    longest = LONGEST_ENCRYPTED if options & _ENCRYPTION else LONGEST
    return Status.MESSAGE_TOO_LONG if len(values["payload"]) > longest else None


def _report(stick: Stick, values: Mapping[str, Any], kind: int, to: int) -> dict[str, Any]:
    """Return what messageSentHandler will say of a message."""
    whole = stick.settings.policy(_CONTENTS) == TAG_AND_CONTENTS
    return {
        "kind": kind,
        "destination": to,
        "aps": values["aps"],
        "tag": values["tag"],
        "payload": values["payload"] if whole else b"",
    }


@answers("sendUnicast")
def send_unicast(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Send a message to one node."""
    values = request.values
    refusal = _refusal(stick, values)
    if refusal is not None:
        return {"status": refusal, "sequence": 0}
    kind, destination = values["kind"], values["destination"]
    address = destination
    if kind == Outgoing.VIA_ADDRESS_TABLE:
        found = stick.addresses.resolve(stick.place, destination)
        if found is None:
            return {"status": Status.INVALID_PARAMETER, "sequence": 0}
        address = found
    elif kind != Outgoing.DIRECT:
        return {"status": Status.NOT_AVAILABLE, "sequence": 0}
    report = _report(stick, values, kind, destination)
    sequence = stick.messages.unicast(stick, address, values["aps"], values["payload"], report)
    return {"status": Status.OK, "sequence": sequence}


def _to_many(
    stick: Stick, values: Mapping[str, Any], destination: int, kinds: Sequence[int]
) -> Mapping[str, Any]:
    refusal = _refusal(stick, values)
    if refusal is not None:
        return {"status": refusal, "sequence": 0}
    aliased = values.get("alias", NO_ALIAS) != NO_ALIAS
    aps: ApsFrame = values["aps"]
    to = aps.group if Outgoing.MULTICAST in kinds else destination
    report = _report(stick, values, kinds[aliased], to)
    sequence = stick.messages.broadcast(stick, destination, aps, values["payload"], report)
    return {"status": Status.OK, "sequence": sequence}


@answers("sendBroadcast")
@answers("proxyBroadcast")
def send_broadcast(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Send a message to every node of a broadcast address."""
    destination = request.values["destination"]
    if destination < FIRST_BROADCAST:
        return {"status": Status.INVALID_PARAMETER, "sequence": 0}
    kinds = (Outgoing.BROADCAST, Outgoing.BROADCAST_WITH_ALIAS)
    return _to_many(stick, request.values, destination, kinds)


@answers("sendMulticast")
@answers("sendMulticastWithAlias")
def send_multicast(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Send a message to a group."""
    destination = request.values.get("broadcast", BROADCAST_RX_ON)
    kinds = (Outgoing.MULTICAST, Outgoing.MULTICAST_WITH_ALIAS)
    return _to_many(stick, request.values, destination, kinds)


@answers("sendReply")
def send_reply(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Answer a unicast, under its APS counter; nothing is reported of it."""
    values = request.values
    refusal = _refusal(stick, values)
    if refusal is None:
        aps = values["aps"]
        datagram = _datagram(stick, values["destination"], aps, values["payload"], aps.sequence)
        stick.place.send(datagram, False)
    return {"status": refusal or Status.OK}


@answers("maximumPayloadLength")
def maximum_payload_length(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say how long a message may be."""
    return {"octets": LONGEST}


@answers("readCounters")
def read_counters(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show the counters."""
    return {"values": tuple(stick.messages.counters)}


@answers("readAndClearCounters")
def read_and_clear_counters(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show the counters and start them anew."""
    values = tuple(stick.messages.counters)
    stick.messages.counters[:] = [0] * COUNTERS
    return {"values": values}
