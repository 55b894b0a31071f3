"""Form, resume, join and leave networks for the host; say what network it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from emulator.ncp.handlers import answers
from emulator.ncp.port import Joining, Member, NetworkParameters, NodeKind
from emulator.ncp.statuses import Status
from emulator.wire.codec import pack_integer

if TYPE_CHECKING:
    from emulator.ncp.ezsp import Request
    from emulator.ncp.stick import Stick

#: Channels of 2.4 GHz; a mask has bit n for channel n.
CHANNELS = range(11, 27)
ALL_CHANNELS = sum(1 << channel for channel in CHANNELS)
#: What a host gives that wants the stick to choose.
ANY_PAN_ID, ANY_EXTENDED_PAN_ID = 0xFFFF, bytes(8)
#: Address of a node that is on no network (EZSP: getNodeId).
NO_ADDRESS = 0xFFFE
#: The trust centre's policy, which says who may join.
TRUST_CENTRE_POLICY = 0


class State(IntEnum):
    """Say where a stick stands (EmberNetworkStatus)."""

    NO_NETWORK = 0
    JOINING = 1
    JOINED = 2
    JOINED_NO_PARENT = 3
    LEAVING = 4


class Decision(IntEnum):
    """Say what the trust centre decided of a joiner (EmberJoinDecision)."""

    USE_PRECONFIGURED_KEY = 0
    SEND_KEY_IN_THE_CLEAR = 1
    DENY_JOIN = 2
    NO_ACTION = 3


class Standing:
    """Keep where the stick stands towards a network; a reset loses it, the tokens stay."""

    def __init__(self) -> None:
        self.state = State.NO_NETWORK
        self.kind = NodeKind.UNKNOWN
        self.open = False  # joining is permitted
        self.children: list[Member] = []  # sleepy ones, in the order of their joining

    # What the air tells.

    def up(self, stick: Stick) -> None:
        """Be on the network."""
        joined, self.state = self.state is State.JOINING, State.JOINED
        if joined:
            stick.security.joined(stick, self.kind)
            stick.messages.announce(stick)
        stick.emit("stackStatusHandler", {"status": Status.NETWORK_UP})

    def down(self, stick: Stick) -> None:
        """Be off the network: the stick has left it, or was told to."""
        self.state, self.kind, self.open = State.NO_NETWORK, NodeKind.UNKNOWN, False
        self.children.clear()
        stick.polling.stop()
        stick.security.left(stick)
        stick.emit("stackStatusHandler", {"status": Status.NETWORK_DOWN})

    def join_failed(self, stick: Stick) -> None:
        """Be refused; a rejoin that failed leaves the stick without a parent, not without keys."""
        rejoining = stick.tokens.network is not None
        self.state = State.JOINED_NO_PARENT if rejoining else State.NO_NETWORK
        status = Status.MOVE_FAILED if rejoining else Status.JOIN_FAILED
        stick.emit("stackStatusHandler", {"status": status})

    def member_joined(self, stick: Stick, member: Member, how: Joining) -> None:
        """Tell the host of a node that joined or rejoined."""
        if is_child(stick, member):
            known = [one.eui64 for one in self.children]
            if member.eui64 in known:
                self.children[known.index(member.eui64)] = member
            else:
                self.children.append(member)
            self._tell_child(stick, member, joining=True)
        first = how is Joining.UNSECURED_JOIN
        decision = Decision.USE_PRECONFIGURED_KEY if first else Decision.NO_ACTION
        self._tell(stick, member, how, decision)

    def member_left(self, stick: Stick, member: Member) -> None:
        """Tell the host of a node that left."""
        if any(one.eui64 == member.eui64 for one in self.children):
            self._tell_child(stick, member, joining=False)
            self.children = [one for one in self.children if one.eui64 != member.eui64]
        self._tell(stick, member, Joining.LEFT, Decision.NO_ACTION)

    def _tell(self, stick: Stick, member: Member, how: Joining, decision: Decision) -> None:
        stick.emit(
            "trustCenterJoinHandler",
            {
                "address": member.address,
                "eui64": member.eui64,
                "update": how,
                "decision": decision,
                "parent": member.parent,
            },
        )

    def _tell_child(self, stick: Stick, member: Member, *, joining: bool) -> None:
        index = [one.eui64 for one in self.children].index(member.eui64)
        stick.emit(
            "childJoinHandler",
            {
                "index": index,
                "joining": joining,
                "child": member.address,
                "eui64": member.eui64,
                "child_kind": member.kind,
            },
        )

    # What the host, or a node of the network, asks.

    def permit(self, stick: Stick, duration_s: int) -> None:
        """Let nodes join for a time: 0 ends it, 255 is for ever."""
        stick.place.permit(duration_s)
        if duration_s:
            self.open = True
            stick.emit("stackStatusHandler", {"status": Status.NETWORK_OPENED})
        else:
            self.closed(stick)

    def closed(self, stick: Stick) -> None:
        """Say that nobody is let in any more, if somebody was."""
        if self.open:
            self.open = False
            stick.emit("stackStatusHandler", {"status": Status.NETWORK_CLOSED})


def is_child(stick: Stick, member: Member) -> bool:
    """Tell whether a node reaches the network through this stick alone."""
    asleep = member.kind in (NodeKind.END_DEVICE, NodeKind.SLEEPY_END_DEVICE)
    return asleep and member.parent == stick.place.address


def _chosen(stick: Stick, parameters: NetworkParameters) -> NetworkParameters:
    """Return the parameters with names of the stick's own choice where the host left it that."""
    if parameters.pan_id == ANY_PAN_ID:
        # Any but the reserved ones; a real stick draws it, and runs are to be alike here.
        parameters = replace(parameters, pan_id=1 + stick.eui64 % 0xFFFD)
    if parameters.extended_pan_id == ANY_EXTENDED_PAN_ID:
        parameters = replace(parameters, extended_pan_id=pack_integer(stick.eui64, 8))
    return parameters


@answers("networkInit")
def network_init(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Resume the network that the tokens name."""
    standing, network = stick.standing, stick.tokens.network
    if standing.state is not State.NO_NETWORK:
        return {"status": Status.INVALID_STATE}
    if network is None:
        return {"status": Status.NOT_JOINED}
    kind = NodeKind(network.node_kind)
    if not stick.place.resume(network.parameters, network.network_key, kind, network.address):
        stick.log(f"{stick.name}: the network of its tokens cannot be resumed on this air")
        return {"status": Status.FAIL}
    standing.state, standing.kind = State.JOINED, kind
    return {"status": Status.OK}


@answers("networkState")
def network_state(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say where the stick stands."""
    return {"state": stick.standing.state}


@answers("formNetwork")
def form_network(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Start a network as its coordinator."""
    standing = stick.standing
    parameters: NetworkParameters = request.values["parameters"]
    if standing.state is not State.NO_NETWORK:
        return {"status": Status.INVALID_STATE}
    if stick.security.initial is None:
        return {"status": Status.SECURITY_STATE_NOT_SET}
    if parameters.radio_channel not in CHANNELS:
        return {"status": Status.INVALID_CHANNEL}
    parameters = _chosen(stick, parameters)
    if not parameters.channels & ALL_CHANNELS:
        parameters = replace(parameters, channels=1 << parameters.radio_channel)
    key = stick.security.founding_key(stick)
    if not stick.place.form(parameters, key):
        stick.log(f"{stick.name}: no network is formed: another one is up on this air")
        return {"status": Status.FAIL}
    stick.security.formed(stick, parameters, key)
    standing.state, standing.kind = State.JOINED, NodeKind.COORDINATOR
    return {"status": Status.OK}


@answers("joinNetwork")
def join_network(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Ask to be admitted to a network; a stack status says what came of it."""
    standing, values = stick.standing, request.values
    parameters: NetworkParameters = values["parameters"]
    if standing.state is not State.NO_NETWORK:
        return {"status": Status.INVALID_STATE}
    if stick.security.initial is None:
        return {"status": Status.SECURITY_STATE_NOT_SET}
    if parameters.radio_channel not in CHANNELS:
        return {"status": Status.INVALID_CHANNEL}
    kind = _joiner(values["node_kind"])
    if kind is None:
        return {"status": Status.INVALID_PARAMETER}
    standing.state, standing.kind = State.JOINING, kind
    stick.place.join(parameters, stick.security.joining_key(stick), kind, False)
    return {"status": Status.OK}


def _joiner(number: int) -> NodeKind | None:
    """Return the kind of node that joins, None if such a one cannot."""
    kinds = (NodeKind.ROUTER, NodeKind.END_DEVICE, NodeKind.SLEEPY_END_DEVICE)
    return NodeKind(number) if number in kinds else None


@answers("findAndRejoinNetwork")
def find_and_rejoin(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Look for the network of the tokens again; a stack status says what came of it."""
    standing, network = stick.standing, stick.tokens.network
    if network is None:
        return {"status": Status.NOT_JOINED}
    if standing.kind is NodeKind.COORDINATOR or standing.state is State.JOINING:
        return {"status": Status.INVALID_STATE}
    kind = _joiner(request.values.get("node_kind", 0)) or NodeKind(network.node_kind)
    standing.state, standing.kind = State.JOINING, kind
    stick.place.join(network.parameters, stick.security.joining_key(stick), kind, True)
    return {"status": Status.OK}


@answers("leaveNetwork")
def leave_network(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Leave the network, and forget it."""
    standing = stick.standing
    if standing.state is State.JOINED_NO_PARENT:
        standing.down(stick)
        return {"status": Status.OK}
    if standing.state is not State.JOINED:
        return {"status": Status.NOT_JOINED}
    standing.state = State.LEAVING
    stick.place.leave()
    return {"status": Status.OK}


@answers("permitJoining")
def permit_joining(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Let nodes join for a time."""
    if stick.standing.state is not State.JOINED:
        return {"status": Status.NOT_JOINED}
    stick.standing.permit(stick, request.values["duration_s"])
    return {"status": Status.OK}


@answers("getEui64")
def get_eui64(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say who the stick is."""
    return {"eui64": stick.eui64}


@answers("getNodeId")
def get_node_id(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say where the stick is on the network."""
    address = stick.place.address
    return {"address": NO_ADDRESS if address is None else address}


@answers("getNetworkParameters")
def get_network_parameters(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say which network the stick is on, and as what."""
    parameters = stick.place.parameters
    if parameters is None:
        return {"status": Status.NOT_JOINED}
    return {"status": Status.OK, "node_kind": stick.standing.kind, "parameters": parameters}


@answers("getParentChildParameters")
def get_parent_child_parameters(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Say who the parent is, and how many children there are."""
    standing, place = stick.standing, stick.place
    parent = None
    if standing.kind not in (NodeKind.UNKNOWN, NodeKind.COORDINATOR, NodeKind.ROUTER):
        parent = place.eui64_of(0)
    return {
        "children": len(standing.children),
        "parent_eui64": parent or 0,
        "parent": NO_ADDRESS + 1 if parent is None else 0,
    }


@answers("removeDevice")
def remove_device(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Tell a node to leave, as the trust centre."""
    if stick.standing.kind is not NodeKind.COORDINATOR:
        return {"status": Status.NOT_JOINED}
    stick.place.remove(request.values["target"])
    return {"status": Status.OK}
