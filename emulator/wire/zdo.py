"""Declare the ZDO frames that find devices, endpoints and clusters, and that make devices leave.

They travel in profile 0 between endpoints 0; the cluster of the datagram names the frame, and the
payload begins with the sequence number of the transaction.

Source: ZigBee 05-3474 rev 21, 2.4.3 and 2.4.4.
"""

from enum import IntEnum, IntFlag
from typing import Annotated

from emulator.wire.codec import (
    EUI64,
    U8,
    U16,
    Counted,
    Frame,
    Listed,
    Series,
    UInt,
    entry,
    frame,
    when,
)

#: The bit that tells a response's cluster from its request's.
RESPONSE = 0x8000


class ZdoStatus(IntEnum):
    """Say what became of a request (05-3474, 2.4.5)."""

    SUCCESS = 0x00
    INVALID_REQUEST_TYPE = 0x80
    DEVICE_NOT_FOUND = 0x81
    INVALID_ENDPOINT = 0x82
    NOT_ACTIVE = 0x83
    NOT_SUPPORTED = 0x84
    TIMEOUT = 0x85
    NO_MATCH = 0x86
    NO_ENTRY = 0x88
    NO_DESCRIPTOR = 0x89
    INSUFFICIENT_SPACE = 0x8A
    NOT_PERMITTED = 0x8B
    TABLE_FULL = 0x8C
    NOT_AUTHORIZED = 0x8D


class RequestType(IntEnum):
    """Say whether an address response is to name the device's children too."""

    SINGLE = 0x00
    EXTENDED = 0x01


class Capability(IntFlag):
    """Describe a device's radio and supply: the MAC capability flags (2.3.2.3.6)."""

    ALTERNATE_PAN_COORDINATOR = 0x01
    FULL_FUNCTION_DEVICE = 0x02
    MAINS_POWERED = 0x04
    RX_ON_WHEN_IDLE = 0x08
    SECURITY_CAPABLE = 0x40
    ALLOCATE_ADDRESS = 0x80


class LeaveOptions(IntFlag):
    """Say how to leave (2.4.3.3.5)."""

    REMOVE_CHILDREN = 0x40
    REJOIN = 0x80


class PowerSource(IntFlag):
    """Name a source of supply in a power descriptor (2.3.2.4.2)."""

    MAINS = 0x01
    RECHARGEABLE_BATTERY = 0x02
    DISPOSABLE_BATTERY = 0x04


#: Power mode: the receiver comes on periodically, not with its being idle (2.3.2.4.1).
PERIODIC_RECEIVER = 0x01
#: Power levels: critical, 33, 66 and 100 % (2.3.2.4.4).
CRITICAL_POWER, THIRD_OF_POWER, FULL_POWER = 0x00, 0x04, 0x0C


#: Every ZDO frame that is modelled, by the cluster of its datagram.
COMMANDS_BY_CLUSTER: dict[int, type[Frame]] = {}


@entry(COMMANDS_BY_CLUSTER, 0x0000)
class NwkAddressRequest(Frame):
    """Ask for the NWK address of a device: NWK_addr_req, 2.4.3.1.1."""

    sequence: U8
    eui64: EUI64
    request_type: Annotated[RequestType, UInt(1)]
    start_index: U8


@entry(COMMANDS_BY_CLUSTER, 0x8000)
class NwkAddressResponse(Frame):
    """Name a device by both addresses: NWK_addr_rsp, 2.4.4.1.1.

    The count and what follows it answer an extended request only.
    """

    sequence: U8
    status: Annotated[ZdoStatus, UInt(1)]
    eui64: EUI64
    address: U16
    child_count: U8 | None = when("status", equals=ZdoStatus.SUCCESS, tail=True)
    start_index: U8 | None = when("child_count", at_least=1)
    children: Annotated[tuple[int, ...], Series(2)] | None = when("child_count", at_least=1)


@entry(COMMANDS_BY_CLUSTER, 0x0001)
class IeeeAddressRequest(Frame):
    """Ask for the EUI64 of a device: IEEE_addr_req, 2.4.3.1.2."""

    sequence: U8
    address: U16
    request_type: Annotated[RequestType, UInt(1)]
    start_index: U8


@entry(COMMANDS_BY_CLUSTER, 0x8001)
class IeeeAddressResponse(Frame):
    """Name a device by both addresses: IEEE_addr_rsp, 2.4.4.1.2.

    The count and what follows it answer an extended request only.
    """

    sequence: U8
    status: Annotated[ZdoStatus, UInt(1)]
    eui64: EUI64
    address: U16
    child_count: U8 | None = when("status", equals=ZdoStatus.SUCCESS, tail=True)
    start_index: U8 | None = when("child_count", at_least=1)
    children: Annotated[tuple[int, ...], Series(2)] | None = when("child_count", at_least=1)


@entry(COMMANDS_BY_CLUSTER, 0x0002)
class NodeDescriptorRequest(Frame):
    """Ask what a device is: Node_Desc_req, 2.4.3.1.3."""

    sequence: U8
    address: U16


@entry(COMMANDS_BY_CLUSTER, 0x8002)
class NodeDescriptorResponse(Frame):
    """Say what a device is: Node_Desc_rsp, 2.4.4.1.3; the descriptor is that of 2.3.2.3."""

    sequence: U8
    status: Annotated[ZdoStatus, UInt(1)]
    address: U16
    kind: U8 | None = when("status", equals=ZdoStatus.SUCCESS)  # logical type in bits 0 to 2
    bands: U8 | None = when("status", equals=ZdoStatus.SUCCESS)  # frequency bands in bits 3 to 7
    capability: Annotated[Capability, UInt(1)] | None = when("status", equals=ZdoStatus.SUCCESS)
    manufacturer: U16 | None = when("status", equals=ZdoStatus.SUCCESS)
    maximum_buffer_size: U8 | None = when("status", equals=ZdoStatus.SUCCESS)
    maximum_incoming_size: U16 | None = when("status", equals=ZdoStatus.SUCCESS)
    server_mask: U16 | None = when("status", equals=ZdoStatus.SUCCESS)
    maximum_outgoing_size: U16 | None = when("status", equals=ZdoStatus.SUCCESS)
    descriptor_capability: U8 | None = when("status", equals=ZdoStatus.SUCCESS)


@entry(COMMANDS_BY_CLUSTER, 0x0003)
class PowerDescriptorRequest(Frame):
    """Ask where a device's supply comes from: Power_Desc_req, 2.4.3.1.4."""

    sequence: U8
    address: U16


@entry(COMMANDS_BY_CLUSTER, 0x8003)
class PowerDescriptorResponse(Frame):
    """Say where a device's supply comes from: Power_Desc_rsp, 2.4.4.1.4; 2.3.2.4 has the fields."""

    sequence: U8
    status: Annotated[ZdoStatus, UInt(1)]
    address: U16
    sources: U8 | None = when("status", equals=ZdoStatus.SUCCESS)  # mode, 4 bits; what there is
    current: U8 | None = when("status", equals=ZdoStatus.SUCCESS)  # what is used; level, 4 bits


@entry(COMMANDS_BY_CLUSTER, 0x0004)
class SimpleDescriptorRequest(Frame):
    """Ask what an endpoint is: Simple_Desc_req, 2.4.3.1.5."""

    sequence: U8
    address: U16
    endpoint: U8


@frame
class SimpleDescriptor(Frame):
    """Say what an endpoint is: profile, device and clusters (2.3.2.5)."""

    endpoint: U8
    profile: U16
    device: U16
    device_version: U8  # bits 0 to 3
    input_clusters: Annotated[tuple[int, ...], Listed(1, 2)]  # those it serves
    output_clusters: Annotated[tuple[int, ...], Listed(1, 2)]  # those it is a client of


@entry(COMMANDS_BY_CLUSTER, 0x8004)
class SimpleDescriptorResponse(Frame):
    """Carry the descriptor of an endpoint: Simple_Desc_rsp, 2.4.4.1.5.

    The descriptor is the octets of a ``SimpleDescriptor``, empty for an error. Devices in the field
    leave out even its count then, so it may be None.
    """

    sequence: U8
    status: Annotated[ZdoStatus, UInt(1)]
    address: U16
    descriptor: Annotated[bytes, Counted(1)] | None = when("status", at_least=0, tail=True)


@entry(COMMANDS_BY_CLUSTER, 0x0005)
class ActiveEndpointsRequest(Frame):
    """Ask for the endpoints of a device: Active_EP_req, 2.4.3.1.6."""

    sequence: U8
    address: U16


@entry(COMMANDS_BY_CLUSTER, 0x8005)
class ActiveEndpointsResponse(Frame):
    """List the endpoints of a device, none for an error: Active_EP_rsp, 2.4.4.1.6."""

    sequence: U8
    status: Annotated[ZdoStatus, UInt(1)]
    address: U16
    endpoints: Annotated[tuple[int, ...], Listed(1, 1)]


@entry(COMMANDS_BY_CLUSTER, 0x0006)
class MatchDescriptorRequest(Frame):
    """Ask for endpoints of one profile with any of some clusters: Match_Desc_req, 2.4.3.1.7."""

    sequence: U8
    address: U16  # the device of interest, or a broadcast address
    profile: U16
    input_clusters: Annotated[tuple[int, ...], Listed(1, 2)]
    output_clusters: Annotated[tuple[int, ...], Listed(1, 2)]


@entry(COMMANDS_BY_CLUSTER, 0x8006)
class MatchDescriptorResponse(Frame):
    """List the endpoints that match, none for an error: Match_Desc_rsp, 2.4.4.1.7."""

    sequence: U8
    status: Annotated[ZdoStatus, UInt(1)]
    address: U16
    endpoints: Annotated[tuple[int, ...], Listed(1, 1)]


@entry(COMMANDS_BY_CLUSTER, 0x0013)
class DeviceAnnounce(Frame):
    """Tell the network of a device that joined or rejoined: Device_annce, 2.4.3.1.11."""

    sequence: U8
    address: U16
    eui64: EUI64
    capability: Annotated[Capability, UInt(1)]


@entry(COMMANDS_BY_CLUSTER, 0x0034)
class LeaveRequest(Frame):
    """Tell a device, or through it a child of its, to leave: Mgmt_Leave_req, 2.4.3.3.5."""

    sequence: U8
    eui64: EUI64  # 0: the receiver itself
    options: Annotated[LeaveOptions, UInt(1)]


@entry(COMMANDS_BY_CLUSTER, 0x8034)
class LeaveResponse(Frame):
    """Say whether the device leaves: Mgmt_Leave_rsp, 2.4.4.3.5."""

    sequence: U8
    status: Annotated[ZdoStatus, UInt(1)]


#: The cluster of each ZDO frame.
CLUSTERS: dict[type[Frame], int] = {made: number for number, made in COMMANDS_BY_CLUSTER.items()}
