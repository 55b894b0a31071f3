"""Be the ZDO server of a stick: what its stack answers without asking the host.

A match descriptor request is answered from the endpoints that the host added, so that a bridge
finds the OTA server of whatever program sits at the stick.

Source: ZigBee 05-3474 rev 21, 2.4.3 and 2.4.4; EZSP configuration id 0x2A for who answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntFlag
from typing import TYPE_CHECKING, Any

from emulator.device.descriptors import UNSUPPORTED
from emulator.errors import WireError
from emulator.ncp.handlers import answers
from emulator.ncp.networking import State, is_child
from emulator.ncp.port import Member, NodeKind
from emulator.ncp.statuses import Status
from emulator.wire import zdo
from emulator.wire import zdo_management as management
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame, unpack_integer

if TYPE_CHECKING:
    from emulator.ncp.ezsp import Request
    from emulator.ncp.stick import Stick

#: What the node descriptor says about buffers: one frame, no fragments.
BUFFER_OCTETS = 82
#: Primary trust centre; stack compliance revision 22 in bits 9 to 15.
SERVER_MASK, REVISION = 0x0001, 22 << 9
#: Frequency band 2400 to 2483.5 MHz.
BAND = 0x40
#: Logical types of a node descriptor.
LOGICAL = {NodeKind.COORDINATOR: 0, NodeKind.ROUTER: 1}
END_DEVICE = 2
#: Neighbour rows that fit one frame beside the header, and route rows.
NEIGHBORS_A_FRAME, ROUTES_A_FRAME = 3, 10
#: Relationship "none of the above", in bits 4 to 6 of a neighbour's traits, and "child".
NEITHER, CHILD = 3 << 4, 1 << 4
UNKNOWN_IF_PERMITS = 2
#: Endpoints that a host may have (05-3474, 2.2.4.1.1); 242 is Green Power's.
FIRST_ENDPOINT, LAST_ENDPOINT = 1, 254


#: The configuration value that has the flags.
ZDO_FLAGS = 0x2A


class ZdoFlags(IntFlag):
    """Say what the host takes of the ZDO server's work (EmberZdoConfigurationFlags)."""

    HOST_HEARS_SUPPORTED = 0x01
    HOST_ANSWERS_UNSUPPORTED = 0x02
    HOST_ANSWERS_ENDPOINTS = 0x04
    HOST_ANSWERS_BINDINGS = 0x08


#: Which clusters a flag hands over to the host.
ENDPOINT_REQUESTS = frozenset({0x0004, 0x0005, 0x0006})
BINDING_REQUESTS = frozenset({0x0021, 0x0022})


def serve(stick: Stick, datagram: Datagram) -> bool:
    """Answer a ZDO request to this stick, unless its host has chosen to.

    Returns:
        Whether the host is to hear of the request as well.
    """
    cluster = datagram.cluster
    if cluster & zdo.RESPONSE or cluster == zdo.CLUSTERS[zdo.DeviceAnnounce]:
        return True
    flags = stick.settings.config(ZDO_FLAGS)
    answer = ANSWERS.get(cluster)
    if cluster in ENDPOINT_REQUESTS and flags & ZdoFlags.HOST_ANSWERS_ENDPOINTS:
        return True
    if answer is None:
        bindings = cluster in BINDING_REQUESTS and flags & ZdoFlags.HOST_ANSWERS_BINDINGS
        if flags & ZdoFlags.HOST_ANSWERS_UNSUPPORTED or bindings:
            return True
        if not datagram.broadcast and datagram.payload:
            refusal = bytes((datagram.payload[0], zdo.ZdoStatus.NOT_SUPPORTED))
            tail = bytes(UNSUPPORTED.get(cluster, 0))
            stick.messages.answer_zdo(stick, datagram, refusal + tail)
        return False
    kind, respond = answer
    try:
        request, _ = kind.decode_at(datagram.payload, 0)
    except WireError as error:
        stick.note(f"ZDO {cluster:#06x}", f"ZDO {cluster:#06x} not read: {error}")
        return bool(flags & ZdoFlags.HOST_HEARS_SUPPORTED)
    response = respond(stick, request, datagram)
    if response is not None:
        stick.messages.answer_zdo(stick, datagram, response.encode())
    return bool(flags & ZdoFlags.HOST_HEARS_SUPPORTED)


def _mine(stick: Stick, address: int) -> bool:
    return address == stick.place.address


def _refusal(stick: Stick, address: int) -> zdo.ZdoStatus:
    """Return the status of a request about ``address``."""
    return zdo.ZdoStatus.SUCCESS if _mine(stick, address) else zdo.ZdoStatus.DEVICE_NOT_FOUND


def _children(stick: Stick, request: Any) -> dict[str, Any]:  # noqa: ANN401 - two frames alike
    """Return the fields that name the stick's children, which an extended request asks for."""
    if request.request_type != zdo.RequestType.EXTENDED:
        return {}
    found = [one.address for one in _kin(stick) if is_child(stick, one)]
    if not found:
        return {"child_count": 0}
    shown = tuple(found[request.start_index :])
    return {"child_count": len(found), "start_index": request.start_index, "children": shown}


def _nwk_address(stick: Stick, request: zdo.NwkAddressRequest, datagram: Datagram) -> Frame | None:
    if request.eui64 != stick.eui64:
        if datagram.broadcast:
            return None
        return zdo.NwkAddressResponse(
            sequence=request.sequence,
            status=zdo.ZdoStatus.DEVICE_NOT_FOUND,
            eui64=request.eui64,
            address=0xFFFF,
        )
    return zdo.NwkAddressResponse(
        sequence=request.sequence,
        status=zdo.ZdoStatus.SUCCESS,
        eui64=stick.eui64,
        address=stick.place.address or 0,
        **_children(stick, request),
    )


def _ieee_address(
    stick: Stick, request: zdo.IeeeAddressRequest, datagram: Datagram
) -> Frame | None:
    status = _refusal(stick, request.address)
    mine = status is zdo.ZdoStatus.SUCCESS
    if not mine and datagram.broadcast:
        return None
    return zdo.IeeeAddressResponse(
        sequence=request.sequence,
        status=status,
        eui64=stick.eui64 if mine else 0,
        address=request.address,
        **(_children(stick, request) if mine else {}),
    )


def capability(kind: NodeKind) -> zdo.Capability:
    """Return the MAC capability of a node of this kind."""
    if kind is NodeKind.SLEEPY_END_DEVICE:
        return zdo.Capability.ALLOCATE_ADDRESS
    flags = zdo.Capability.ALLOCATE_ADDRESS | zdo.Capability.RX_ON_WHEN_IDLE
    if kind is NodeKind.END_DEVICE:
        return flags
    flags |= zdo.Capability.FULL_FUNCTION_DEVICE | zdo.Capability.MAINS_POWERED
    if kind is NodeKind.COORDINATOR:
        flags |= zdo.Capability.ALTERNATE_PAN_COORDINATOR
    return flags


def _node(stick: Stick, request: zdo.NodeDescriptorRequest, datagram: Datagram) -> Frame:
    status = _refusal(stick, request.address)
    if status is not zdo.ZdoStatus.SUCCESS:
        return zdo.NodeDescriptorResponse(
            sequence=request.sequence, status=status, address=request.address
        )
    kind = stick.standing.kind
    return zdo.NodeDescriptorResponse(
        sequence=request.sequence,
        status=status,
        address=request.address,
        kind=LOGICAL.get(kind, END_DEVICE),
        bands=BAND,
        capability=capability(kind),
        manufacturer=stick.settings.manufacturer,
        maximum_buffer_size=BUFFER_OCTETS,
        maximum_incoming_size=BUFFER_OCTETS,
        server_mask=REVISION | (SERVER_MASK if kind is NodeKind.COORDINATOR else 0),
        maximum_outgoing_size=BUFFER_OCTETS,
        descriptor_capability=0,
    )


def _endpoints(stick: Stick, request: zdo.ActiveEndpointsRequest, datagram: Datagram) -> Frame:
    status = _refusal(stick, request.address)
    found = tuple(stick.endpoints) if status is zdo.ZdoStatus.SUCCESS else ()
    return zdo.ActiveEndpointsResponse(
        sequence=request.sequence, status=status, address=request.address, endpoints=found
    )


def _simple(stick: Stick, request: zdo.SimpleDescriptorRequest, datagram: Datagram) -> Frame:
    status, descriptor = _refusal(stick, request.address), None
    if status is zdo.ZdoStatus.SUCCESS:
        descriptor = stick.endpoints.get(request.endpoint)
        if descriptor is None:
            status = zdo.ZdoStatus.NOT_ACTIVE
    return zdo.SimpleDescriptorResponse(
        sequence=request.sequence,
        status=status,
        address=request.address,
        descriptor=b"" if descriptor is None else descriptor.encode(),
    )


def _match(stick: Stick, request: zdo.MatchDescriptorRequest, datagram: Datagram) -> Frame | None:
    """Answer a broadcast only with what matches: silence is the refusal (2.4.4.1.7.1).

    A stick whose host has added no endpoint since the reset is silent as well: the host hears of
    the request, and bellows, which resets after forming, answers it by itself.
    """
    inputs, outputs = set(request.input_clusters), set(request.output_clusters)
    found = tuple(
        one.endpoint
        for one in stick.endpoints.values()
        if one.profile == request.profile
        and (inputs.intersection(one.input_clusters) or outputs.intersection(one.output_clusters))
    )
    if not found and (datagram.broadcast or not stick.endpoints):
        return None
    return zdo.MatchDescriptorResponse(
        sequence=request.sequence,
        status=zdo.ZdoStatus.SUCCESS,
        address=stick.place.address or 0,
        endpoints=found,
    )


def _kin(stick: Stick) -> Sequence[Member]:
    """Return the other nodes of the network: all are one hop away."""
    return [one for one in stick.place.members() if one.eui64 != stick.eui64]


def _neighbors(stick: Stick, request: management.NeighborsRequest, datagram: Datagram) -> Frame:
    parameters = stick.place.parameters
    pan = 0 if parameters is None else unpack_integer(parameters.extended_pan_id)
    kin = _kin(stick)
    shown = tuple(
        management.Neighbor(
            extended_pan_id=pan,
            eui64=one.eui64,
            address=one.address,
            traits=LOGICAL.get(one.kind, END_DEVICE)
            | (one.kind is not NodeKind.SLEEPY_END_DEVICE) << 2
            | (CHILD if is_child(stick, one) else NEITHER),
            permits=UNKNOWN_IF_PERMITS,
            depth=0 if one.kind is NodeKind.COORDINATOR else 1,
            lqi=255,
        )
        for one in kin[request.start_index : request.start_index + NEIGHBORS_A_FRAME]
    )
    return management.NeighborsResponse(
        sequence=request.sequence,
        status=zdo.ZdoStatus.SUCCESS,
        total=min(len(kin), 255),
        start_index=request.start_index,
        count=len(shown),
        neighbors=shown,
    )


def _routes(stick: Stick, request: management.RoutesRequest, datagram: Datagram) -> Frame:
    kin = [one for one in _kin(stick) if not is_child(stick, one)]
    shown = tuple(
        management.Route(destination=one.address, traits=0, next_hop=one.address)
        for one in kin[request.start_index : request.start_index + ROUTES_A_FRAME]
    )
    return management.RoutesResponse(
        sequence=request.sequence,
        status=zdo.ZdoStatus.SUCCESS,
        total=min(len(kin), 255),
        start_index=request.start_index,
        count=len(shown),
        routes=shown,
    )


def _bindings(stick: Stick, request: management.BindingsRequest, datagram: Datagram) -> Frame:
    return management.BindingsResponse(
        sequence=request.sequence,
        status=zdo.ZdoStatus.SUCCESS,
        total=0,
        start_index=request.start_index,
        count=0,
        bindings=b"",
    )


def _permit(
    stick: Stick, request: management.PermitJoiningRequest, datagram: Datagram
) -> Frame | None:
    """Open or close; a broadcast is obeyed without an answer (2.4.3.3.7.2)."""
    stick.standing.permit(stick, request.duration)
    if datagram.broadcast:
        return None
    return management.PermitJoiningResponse(sequence=request.sequence, status=zdo.ZdoStatus.SUCCESS)


def _leave(stick: Stick, request: zdo.LeaveRequest, datagram: Datagram) -> Frame | None:
    """Answer, then leave, if this node is meant; a coordinator stays where it is."""
    meant = request.eui64 in (0, stick.eui64)
    if not meant or stick.standing.kind is NodeKind.COORDINATOR:
        status = zdo.ZdoStatus.NOT_SUPPORTED if meant else zdo.ZdoStatus.DEVICE_NOT_FOUND
        return zdo.LeaveResponse(sequence=request.sequence, status=status)
    response = zdo.LeaveResponse(sequence=request.sequence, status=zdo.ZdoStatus.SUCCESS)
    stick.messages.answer_zdo(stick, datagram, response.encode())
    stick.place.leave()
    return None


#: What answers each request that the stack supports: the frame to read, and the answer.
ANSWERS: dict[int, tuple[type[Frame], Callable[[Stick, Any, Datagram], Frame | None]]] = {
    0x0000: (zdo.NwkAddressRequest, _nwk_address),
    0x0001: (zdo.IeeeAddressRequest, _ieee_address),
    0x0002: (zdo.NodeDescriptorRequest, _node),
    0x0004: (zdo.SimpleDescriptorRequest, _simple),
    0x0005: (zdo.ActiveEndpointsRequest, _endpoints),
    0x0006: (zdo.MatchDescriptorRequest, _match),
    0x0031: (management.NeighborsRequest, _neighbors),
    0x0032: (management.RoutesRequest, _routes),
    0x0033: (management.BindingsRequest, _bindings),
    0x0034: (zdo.LeaveRequest, _leave),
    0x0036: (management.PermitJoiningRequest, _permit),
}


@answers("addEndpoint")
def add_endpoint(stick: Stick, request: Request) -> Mapping[str, Any]:
    """Add an endpoint of the host; others find it by its descriptor from now on."""
    values = request.values
    endpoint = values["endpoint"]
    if not FIRST_ENDPOINT <= endpoint <= LAST_ENDPOINT or endpoint in stick.endpoints:
        return {"status": Status.INVALID_PARAMETER}
    if stick.standing.state is not State.NO_NETWORK:
        return {"status": Status.INVALID_STATE}
    stick.endpoints[endpoint] = zdo.SimpleDescriptor(
        endpoint=endpoint,
        profile=values["profile"],
        device=values["device"],
        device_version=values["device_version"],
        input_clusters=values["inputs"],
        output_clusters=values["outputs"],
    )
    return {"status": Status.OK}
