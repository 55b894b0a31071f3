"""Declare the ZDO frames by which a network is looked after: neighbours, routes, joining.

Like those of ``zdo`` they travel in profile 0 between endpoints 0, under their own cluster, and
begin with the sequence number of the transaction.

Source: ZigBee 05-3474 rev 21, 2.4.3.3 and 2.4.4.4.
"""

from typing import Annotated

from emulator.wire.codec import EUI64, U8, U16, Frame, Many, Rest, UInt, entry, frame
from emulator.wire.zdo import ZdoStatus

#: Every frame of network management that is modelled, by the cluster of its datagram.
MANAGEMENT_BY_CLUSTER: dict[int, type[Frame]] = {}


@entry(MANAGEMENT_BY_CLUSTER, 0x0031)
class NeighborsRequest(Frame):
    """Ask for a part of the neighbour table: Mgmt_Lqi_req, 2.4.3.3.2."""

    sequence: U8
    start_index: U8


@frame
class Neighbor(Frame):
    """Be one row of a neighbour table (2.4.4.4.2.1)."""

    extended_pan_id: EUI64
    eui64: EUI64
    address: U16
    traits: U8  # kind in bits 0 and 1, receiver on when idle in 2 and 3, relationship in 4 to 6
    permits: U8  # bits 0 and 1; 2: unknown
    depth: U8
    lqi: U8


@entry(MANAGEMENT_BY_CLUSTER, 0x8031)
class NeighborsResponse(Frame):
    """Carry a part of the neighbour table: Mgmt_Lqi_rsp, 2.4.4.4.2."""

    sequence: U8
    status: Annotated[ZdoStatus, UInt(1)]
    total: U8
    start_index: U8
    count: U8
    neighbors: Annotated[tuple[Neighbor, ...], Many(Neighbor)]


@entry(MANAGEMENT_BY_CLUSTER, 0x0032)
class RoutesRequest(Frame):
    """Ask for a part of the routing table: Mgmt_Rtg_req, 2.4.3.3.3."""

    sequence: U8
    start_index: U8


@frame
class Route(Frame):
    """Be one row of a routing table (2.4.4.4.3.1)."""

    destination: U16
    traits: U8  # status in bits 0 to 2; 0: active
    next_hop: U16


@entry(MANAGEMENT_BY_CLUSTER, 0x8032)
class RoutesResponse(Frame):
    """Carry a part of the routing table: Mgmt_Rtg_rsp, 2.4.4.4.3."""

    sequence: U8
    status: Annotated[ZdoStatus, UInt(1)]
    total: U8
    start_index: U8
    count: U8
    routes: Annotated[tuple[Route, ...], Many(Route)]


@entry(MANAGEMENT_BY_CLUSTER, 0x0033)
class BindingsRequest(Frame):
    """Ask for a part of the binding table: Mgmt_Bind_req, 2.4.3.3.4."""

    sequence: U8
    start_index: U8


@entry(MANAGEMENT_BY_CLUSTER, 0x8033)
class BindingsResponse(Frame):
    """Carry a part of the binding table: Mgmt_Bind_rsp, 2.4.4.4.4; rows stay octets."""

    sequence: U8
    status: Annotated[ZdoStatus, UInt(1)]
    total: U8
    start_index: U8
    count: U8
    bindings: Annotated[bytes, Rest()]


@entry(MANAGEMENT_BY_CLUSTER, 0x0036)
class PermitJoiningRequest(Frame):
    """Open or close routers for joining: Mgmt_Permit_Joining_req, 2.4.3.3.7."""

    sequence: U8
    duration: U8  # seconds; 0: closed, 255: until further notice
    trust_center: U8  # whether the trust centre is concerned too


@entry(MANAGEMENT_BY_CLUSTER, 0x8036)
class PermitJoiningResponse(Frame):
    """Say whether a router opened or closed: Mgmt_Permit_Joining_rsp, 2.4.4.4.7."""

    sequence: U8
    status: Annotated[ZdoStatus, UInt(1)]


#: The cluster of each frame.
CLUSTERS: dict[type[Frame], int] = {made: number for number, made in MANAGEMENT_BY_CLUSTER.items()}
