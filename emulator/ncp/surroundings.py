"""Tell the host of what is around the stick: scans, neighbours, routes, children, polls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from emulator.ncp.fields import ChildData, FoundNetwork, NeighborEntry, RouteEntry
from emulator.ncp.handlers import answers
from emulator.ncp.networking import ALL_CHANNELS, CHANNELS, State
from emulator.ncp.port import Member, NodeKind
from emulator.ncp.settings import Config
from emulator.ncp.statuses import Status
from emulator.units import MILLISECOND, MINUTE, Us

if TYPE_CHECKING:
    from emulator.ncp.ezsp import Request
    from emulator.ncp.stick import Stick


class Scan(IntEnum):
    """Say what a scan looks for (EzspNetworkScanType)."""

    ENERGY = 0
    ACTIVE = 1


#: Energy on a channel where nobody speaks, and on the channel of the network [ASSUMED].
QUIET_DBM, BUSY_DBM = -95, -75
#: The longest scan of a channel: (2 ** 14 + 1) superframes (802.15.4).
LONGEST_SCAN = 14
#: How long the units of pollForData are; none of them is a single poll.
UNITS: dict[int, Us] = {1: MILLISECOND, 2: 250 * MILLISECOND, 3: MINUTE}
#: Relays of a source route, at most.
MOST_RELAYS = 11
#: Every neighbour is one good hop away.
AVERAGE_LQI, COST, AGE = 255, 1, 3
ACTIVE, FREE = 0, 3
NO_ROUTE = RouteEntry(
    destination=0xFFFF, next_hop=0, status=FREE, age=0, concentrator=0, record_state=0
)
NO_CHILD = 0xFFFF


class Routes:
    """Keep the source routes that a host sets, and those that nodes record; a reset loses them."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[int, ...]] = {}  # relays by destination


class Polling:
    """Keep when a sleepy stick asks its parent for what is held."""

    def __init__(self) -> None:
        self.deadline: Us | None = None
        self._every: Us = 0

    def start(self, now: Us, every: Us) -> None:
        """Poll once now, and then every so often; once only for 0."""
        self._every = every
        self.deadline = now

    def stop(self) -> None:
        """Poll no more."""
        self.deadline = None

    def wake(self, stick: Stick, now: Us) -> None:
        """Poll if it is time."""
        if self.deadline is None or now < self.deadline:
            return
        self.deadline = now + self._every if self._every else None
        if stick.place.address is None:
            self.deadline = None
            status = Status.MAC_NO_ACK_RECEIVED
        else:
            status = Status.OK if stick.place.poll() else Status.MAC_NO_DATA
        stick.emit("pollCompleteHandler", {"status": status})


# Scans.


@answers("startScan")
def start_scan(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Look for networks or for energy; what is found follows."""
    values = request.values
    channels = values["channels"] & ALL_CHANNELS
    if values["scan"] not in (Scan.ENERGY, Scan.ACTIVE):
        return {"status": Status.INCORRECT_SCAN_TYPE}
    if not channels:
        return {"status": Status.INVALID_CHANNEL_MASK}
    if values["duration"] > LONGEST_SCAN:
        return {"status": Status.BAD_SCAN_DURATION}
    if values["scan"] == Scan.ENERGY:
        _scan_energy(stick, channels)
    else:
        _scan_networks(stick, channels)
    stick.emit("scanCompleteHandler", {"channel": 0, "status": Status.OK})
    return {"status": Status.OK}


def _scan_energy(stick: Stick, channels: int) -> None:
    busy = {one.channel for one in stick.place.scan(channels)}
    if stick.place.parameters is not None:
        busy.add(stick.place.parameters.radio_channel)
    for channel in CHANNELS:
        if channels >> channel & 1:
            rssi = BUSY_DBM if channel in busy else QUIET_DBM
            stick.emit("energyScanResultHandler", {"channel": channel, "rssi": rssi})


def _scan_networks(stick: Stick, channels: int) -> None:
    for beacon in stick.place.scan(channels):
        found = FoundNetwork(
            channel=beacon.channel,
            pan_id=beacon.pan_id,
            extended_pan_id=beacon.extended_pan_id,
            permits=beacon.permits,
            stack_profile=beacon.stack_profile,
            update_id=beacon.update_id,
        )
        values = {"network": found, "lqi": beacon.lqi, "rssi": beacon.rssi}
        stick.emit("networkFoundHandler", values)


@answers("stopScan")
def stop_scan(stick: Stick, request: Request) -> Mapping[str, Any]:
    """End a scan; every scan is over at once here."""
    return {"status": Status.OK}


@answers("findUnusedPanId")
def find_unused_pan_id(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Look for a PAN id that nobody uses; it follows."""
    channels = request.values["channels"] & ALL_CHANNELS
    if not channels:
        return {"status": Status.INVALID_CHANNEL_MASK}
    used = {one.pan_id for one in stick.place.scan(channels)}
    pan_id = next(one for one in range(1 + stick.eui64 % 0xFF00, 0xFFFE) if one not in used)
    channel = next(one for one in CHANNELS if channels >> one & 1)
    stick.emit("unusedPanIdFoundHandler", {"pan_id": pan_id, "channel": channel})
    return {"status": Status.OK}


@answers("clearStoredBeacons")
def clear_stored_beacons(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Forget the beacons of a scan; none is kept."""
    return {"status": Status.OK} if stick.wide else {}


@answers("pollForData")
def poll_for_data(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Ask the parent, now and then every so often, for what it holds."""
    if stick.standing.state is not State.JOINED:
        return {"status": Status.NOT_JOINED}
    if stick.standing.kind not in (NodeKind.END_DEVICE, NodeKind.SLEEPY_END_DEVICE):
        return {"status": Status.INVALID_STATE}
    unit = UNITS.get(request.values["units"], 0)
    stick.polling.start(stick.now, request.values["interval"] * unit)
    return {"status": Status.OK}


# Children, neighbours, routes.


@answers("getChildData")
def get_child_data(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show one child of the stick."""
    children, index = stick.standing.children, request.values["index"]
    if index >= len(children):
        return {"status": Status.NOT_JOINED}
    child = children[index]
    data = ChildData(eui64=child.eui64, kind=child.kind, address=child.address)
    return {"status": Status.OK, "child": data}


@answers("setChildData")
def set_child_data(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Restore a child from a backup; here it comes back by itself when it rejoins."""
    return {"status": Status.OK}


@answers("childId")
def child_id(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show the address of one child of the stick."""
    children, index = stick.standing.children, request.values["index"]
    return {"address": children[index].address if index < len(children) else NO_CHILD}


def _routers(stick: Stick) -> Sequence[Member]:
    kinds = (NodeKind.COORDINATOR, NodeKind.ROUTER)
    return [one for one in stick.place.members() if one.kind in kinds and one.eui64 != stick.eui64]


@answers("neighborCount")
def neighbor_count(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say how many routers are near."""
    return {"count": min(len(_routers(stick)), 255)}


@answers("getNeighbor")
def get_neighbor(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show one router that is near."""
    routers, index = _routers(stick), request.values["index"]
    if index >= len(routers):
        return {"status": Status.INVALID_INDEX}
    entry = NeighborEntry(
        address=routers[index].address,
        average_lqi=AVERAGE_LQI,
        in_cost=COST,
        out_cost=COST,
        age=AGE,
        eui64=routers[index].eui64,
    )
    return {"status": Status.OK, "neighbor": entry}


@answers("getRouteTableEntry")
def get_route_table_entry(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show one route: each router is its own next hop."""
    routers, index = _routers(stick), request.values["index"]
    if index >= len(routers):
        return {"status": Status.OK, "route": NO_ROUTE}
    address = routers[index].address
    route = RouteEntry(
        destination=address,
        next_hop=address,
        status=ACTIVE,
        age=0,
        concentrator=0,
        record_state=0,
    )
    return {"status": Status.OK, "route": route}


@answers("setConcentrator")
def set_concentrator(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Ask for route records, or for none."""
    stick.place.concentrate(request.values["on"])
    return {"status": Status.OK}


@answers("setSourceRouteDiscoveryMode")
def set_source_route_discovery_mode(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say how routes are looked for: they are known at once here, so no time remains."""
    return {"remaining_ms": 0}


@answers("sendManyToOneRouteRequest")
def send_many_to_one(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Ask every node for a route record once more."""
    if stick.place.address is None:
        return {"status": Status.NETWORK_DOWN}
    stick.place.concentrate(True)
    return {"status": Status.OK}


@answers("setSourceRoute")
def set_source_route(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Keep a source route; what is sent goes the one hop that there is."""
    values, known = request.values, stick.routes.known
    if len(values["relays"]) > MOST_RELAYS:
        return {"status": Status.INVALID_PARAMETER}
    full = len(known) >= stick.settings.config(Config.SOURCE_ROUTE_TABLE_SIZE)
    if full and values["destination"] not in known:
        return {"status": Status.TABLE_FULL}
    known[values["destination"]] = tuple(values["relays"])
    return {"status": Status.OK}


@answers("getSourceRouteTableEntry")
def get_source_route_table_entry(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Show the destination of one source route; it has no part in common with another."""
    destinations, index = list(stick.routes.known), request.values["index"]
    if index >= len(destinations):
        return {"status": Status.NOT_FOUND}
    return {"status": Status.OK, "destination": destinations[index], "closer_index": 0xFF}


@answers("getSourceRouteTableFilledSize")
def get_source_route_table_filled_size(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say how many source routes are kept."""
    return {"size": min(len(stick.routes.known), 255)}


@answers("getSourceRouteTableTotalSize")
def get_source_route_table_total_size(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say how many source routes may be kept."""
    return {"size": min(stick.settings.config(Config.SOURCE_ROUTE_TABLE_SIZE), 255)}
