"""Compare the ZDO frames of network management with zigpy's schema, octet for octet, both ways."""

from typing import Any

import pytest
import zigpy.types as t
from zigpy.zdo import types as zdo_types

from emulator.errors import TruncatedError
from emulator.wire import zdo_management as management
from emulator.wire.codec import Frame
from emulator.wire.zdo import RESPONSE, ZdoStatus

PAN, EUI64 = 0x1112131415161718, 0x2122232425262728


def eui64(number: int) -> t.EUI64:
    return t.EUI64(number.to_bytes(8, "little"))


NEIGHBORS = tuple(
    management.Neighbor(
        extended_pan_id=PAN,
        eui64=EUI64 + number,
        address=0x3132 + number,
        traits=0x25,  # router, receiver on when idle, sibling
        permits=2,
        depth=15,
        lqi=200 + number,
    )
    for number in range(3)
)
ROUTES = tuple(
    management.Route(destination=0x4142 + number, traits=3, next_hop=0x5152) for number in range(10)
)
STARTED = {"sequence": 7, "status": ZdoStatus.SUCCESS, "total": 11, "start_index": 1}

#: A frame of each kind, and what zigpy's fields say of it.
FRAMES: list[tuple[Frame, list[Any]]] = [
    (management.NeighborsRequest(sequence=7, start_index=3), [3]),
    (management.RoutesRequest(sequence=7, start_index=4), [4]),
    (management.BindingsRequest(sequence=7, start_index=5), [5]),
    (management.PermitJoiningRequest(sequence=7, duration=60, trust_center=1), [60, 1]),
    (management.PermitJoiningResponse(sequence=7, status=ZdoStatus.NOT_AUTHORIZED), [0x8D]),
    (
        management.NeighborsResponse(**STARTED, count=3, neighbors=NEIGHBORS),
        [
            0,
            zdo_types.Neighbors(
                Entries=11,
                StartIndex=1,
                NeighborTableList=[
                    zdo_types.Neighbor(
                        extended_pan_id=eui64(PAN),
                        ieee=eui64(EUI64 + number),
                        nwk=0x3132 + number,
                        device_type=zdo_types.Neighbor.DeviceType.Router,
                        rx_on_when_idle=zdo_types.Neighbor.RxOnWhenIdle.On,
                        relationship=zdo_types.Neighbor.RelationShip.Sibling,
                        reserved1=0,
                        permit_joining=zdo_types.Neighbor.PermitJoins.Unknown,
                        reserved2=0,
                        depth=15,
                        lqi=200 + number,
                    )
                    for number in range(3)
                ],
            ),
        ],
    ),
    (
        management.RoutesResponse(**STARTED, count=10, routes=ROUTES),
        [
            0,
            zdo_types.Routes(
                Entries=11,
                StartIndex=1,
                RoutingTableList=[
                    zdo_types.Route(
                        DstNWK=0x4142 + number,
                        RouteStatus=zdo_types.RouteStatus.Inactive,
                        MemoryConstrained=0,
                        ManyToOne=0,
                        RouteRecordRequired=0,
                        Reserved=0,
                        NextHop=0x5152,
                    )
                    for number in range(10)
                ],
            ),
        ],
    ),
    (
        management.BindingsResponse(**STARTED, count=0, bindings=b""),
        [0, 11, 1, []],
    ),
]


def test_every_frame_is_compared() -> None:
    compared = {management.CLUSTERS[type(frame)] for frame, _ in FRAMES}
    assert compared == set(management.MANAGEMENT_BY_CLUSTER)
    assert compared <= zdo_types.CLUSTERS.keys()
    for cluster, made in management.MANAGEMENT_BY_CLUSTER.items():
        if cluster & RESPONSE:
            request = management.MANAGEMENT_BY_CLUSTER[cluster & ~RESPONSE]
            assert made.__name__ == request.__name__.replace("Request", "Response")


@pytest.mark.parametrize(("frame", "fields"), FRAMES, ids=[type(one).__name__ for one, _ in FRAMES])
def test_octets_are_those_of_zigpy(frame: Frame, fields: list[Any]) -> None:
    cluster = management.CLUSTERS[type(frame)]
    _, types = zdo_types.CLUSTERS[cluster]
    octets = frame.encode()

    header, body = zdo_types.ZDOHeader.deserialize(cluster, octets)
    read, rest = t.deserialize(body, types)
    assert rest == b""
    assert list(read) == fields
    assert header.serialize() + t.serialize(fields, types) == octets
    assert type(frame).decode(octets) == (frame, b"")


@pytest.mark.parametrize("frame", [one for one, _ in FRAMES], ids=lambda one: type(one).__name__)
def test_each_prefix_is_too_short(frame: Frame) -> None:
    octets = frame.encode()
    for end in range(type(frame).SHORTEST):
        with pytest.raises(TruncatedError):
            type(frame).decode(octets[:end])
