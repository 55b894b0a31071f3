"""Answer the ZDO requests by which others find out what a bridge is."""

from collections.abc import Callable, Sequence
from typing import Any

from emulator.actions import Action, Join, Leave
from emulator.contract import Identity
from emulator.device.gauge import Gauge
from emulator.device.radio import Radio
from emulator.errors import WireError
from emulator.profiles.model import Power, Profile
from emulator.wire import basic, ota, power, zdo
from emulator.wire.aps import COORDINATOR, ZDO_ENDPOINT, ZDO_PROFILE, Datagram
from emulator.wire.codec import Frame

#: Largest ASDU without fragmentation, and the buffers that a node descriptor names [ASSUMED].
BUFFER_OCTETS = 82
ROUTER, END_DEVICE = 1, 2
#: Compliance with revision 21 of 05-3474, in the server mask of a node descriptor (2.3.2.3.10).
STACK_REVISION = 21 << 9
#: What the endpoint of a bridge is a client of.
USED = (ota.CLUSTER,)

#: Requests of 05-3474 that a device may leave out, and this one does: discovery caches, binding,
#: neighbour and routing tables, direct joins, permits and scans (2.4.3.1.8 to 2.4.3.3.10).
_LEFT_OUT = (
    *range(0x0010, 0x0013),
    *range(0x0014, 0x001F),
    *range(0x0020, 0x002B),
    *range(0x0030, 0x0034),
    *range(0x0035, 0x003A),
)
#: Counts and lists that follow the status in some of their responses, all zeros where there is
#: nothing to say: Mgmt_Lqi, Mgmt_Rtg, Mgmt_Bind, Mgmt_NWK_Update (2.4.4.4).
_TAILS = {0x0031: 3, 0x0032: 3, 0x0033: 3, 0x0038: 9}
#: The octets behind the status of the response to each such request.
UNSUPPORTED = {cluster: _TAILS.get(cluster, 0) for cluster in _LEFT_OUT}


def served(profile: Profile) -> tuple[int, ...]:
    """Return the clusters that the endpoint of a bridge serves."""
    return (basic.CLUSTER,) if profile.battery is None else (basic.CLUSTER, power.CLUSTER)


def descriptor_of(profile: Profile) -> zdo.SimpleDescriptor:
    """Return what the one endpoint of a bridge says about itself."""
    return zdo.SimpleDescriptor(
        endpoint=profile.ota.endpoint,
        profile=profile.ota.zigbee_profile,
        device=profile.ota.device_id,
        device_version=0,
        input_clusters=served(profile),
        output_clusters=USED,
    )


class Descriptors:
    """Be the ZDO server of one bridge."""

    def __init__(self, profile: Profile, identity: Identity, radio: Radio, gauge: Gauge) -> None:
        self._profile, self._identity, self._radio = profile, identity, radio
        self._gauge = gauge
        self._sleepy, self._mains = profile.sleep is not None, profile.power is Power.MAINS
        self._answers: dict[type[Frame], Callable[[Any], Frame | None]] = {
            zdo.NwkAddressRequest: self._nwk_address,
            zdo.IeeeAddressRequest: self._ieee_address,
            zdo.NodeDescriptorRequest: self._node,
            zdo.ActiveEndpointsRequest: self._endpoints,
            zdo.PowerDescriptorRequest: self._power_descriptor,
            zdo.SimpleDescriptorRequest: self._simple,
            zdo.MatchDescriptorRequest: self._match,
        }
        self.capability = (
            zdo.Capability.ALLOCATE_ADDRESS
            | zdo.Capability.MAINS_POWERED * self._mains
            | zdo.Capability.RX_ON_WHEN_IDLE * (not self._sleepy)
            | zdo.Capability.FULL_FUNCTION_DEVICE * (not self._sleepy)
        )

    def announce(self, to: int) -> Sequence[Action]:
        """Say that this device is on the network: Device_annce."""
        frame = zdo.DeviceAnnounce(
            sequence=self._radio.next_sequence(),
            address=self._radio.address or 0,
            eui64=self._identity.eui64,
            capability=self.capability,
        )
        return self._radio.zdo(frame, to)

    def receive(self, datagram: Datagram) -> Frame | Sequence[Action]:
        """Answer a request; return a response to one of our own as its frame.

        A frame that cannot be read, or that nobody here knows, gets silence.
        """
        kind = zdo.COMMANDS_BY_CLUSTER.get(datagram.cluster)
        if kind is None:
            return self._unsupported(datagram)
        try:
            frame, _ = kind.decode_at(datagram.payload, 0)
        except WireError:
            return ()
        if datagram.cluster & zdo.RESPONSE:
            return frame
        if isinstance(frame, zdo.LeaveRequest):
            return self._leave(frame, datagram)
        answer = self._answers.get(kind)
        response = None if answer is None else answer(frame)
        return () if response is None else self._radio.zdo(response, datagram.source)

    def _unsupported(self, datagram: Datagram) -> Sequence[Action]:
        """Say that a request is not supported; nobody is told that by a broadcast (2.4.5)."""
        tail = UNSUPPORTED.get(datagram.cluster)
        if tail is None or datagram.broadcast or not datagram.payload:
            return ()
        return self._radio.send(
            bytes((datagram.payload[0], zdo.ZdoStatus.NOT_SUPPORTED)) + bytes(tail),
            to=datagram.source,
            endpoint=ZDO_ENDPOINT,
            cluster=datagram.cluster | zdo.RESPONSE,
            profile=ZDO_PROFILE,
            options=0,
        )

    def _leave(self, frame: zdo.LeaveRequest, datagram: Datagram) -> Sequence[Action]:
        """Leave when the trust centre says so, for good or to come back (2.4.3.3.5)."""
        if datagram.broadcast:
            return ()
        status = zdo.ZdoStatus.SUCCESS
        if datagram.source != COORDINATOR:
            status = zdo.ZdoStatus.NOT_AUTHORIZED
        elif frame.eui64 not in (0, self._identity.eui64):
            status = zdo.ZdoStatus.DEVICE_NOT_FOUND  # it has no children
        answer = zdo.LeaveResponse(sequence=frame.sequence, status=status)
        told = self._radio.zdo(answer, datagram.source)
        if status is not zdo.ZdoStatus.SUCCESS:
            return told
        if frame.options & zdo.LeaveOptions.REJOIN:
            return (*told, Join(eui64=self._identity.eui64, rejoin=True, sleepy=self._sleepy))
        return (*told, Leave())

    def _mine(self, address: int) -> bool:
        return address == self._radio.address

    def _nwk_address(self, frame: zdo.NwkAddressRequest) -> Frame | None:
        if frame.eui64 != self._identity.eui64 or self._radio.address is None:
            return None
        return zdo.NwkAddressResponse(
            sequence=frame.sequence,
            status=zdo.ZdoStatus.SUCCESS,
            eui64=frame.eui64,
            address=self._radio.address,
        )

    def _ieee_address(self, frame: zdo.IeeeAddressRequest) -> Frame | None:
        if not self._mine(frame.address):
            return None
        return zdo.IeeeAddressResponse(
            sequence=frame.sequence,
            status=zdo.ZdoStatus.SUCCESS,
            eui64=self._identity.eui64,
            address=frame.address,
        )

    def _node(self, frame: zdo.NodeDescriptorRequest) -> Frame:
        if not self._mine(frame.address):
            return zdo.NodeDescriptorResponse(
                sequence=frame.sequence,
                status=zdo.ZdoStatus.DEVICE_NOT_FOUND,
                address=frame.address,
            )
        return zdo.NodeDescriptorResponse(
            sequence=frame.sequence,
            status=zdo.ZdoStatus.SUCCESS,
            address=frame.address,
            kind=END_DEVICE if self._sleepy else ROUTER,
            bands=0x40,  # 2400 to 2483.5 MHz
            capability=self.capability,
            manufacturer=self._identity.manufacturer,
            maximum_buffer_size=BUFFER_OCTETS,
            maximum_incoming_size=BUFFER_OCTETS,
            server_mask=STACK_REVISION,
            maximum_outgoing_size=BUFFER_OCTETS,
            descriptor_capability=0,
        )

    def _power_descriptor(self, frame: zdo.PowerDescriptorRequest) -> Frame:
        if not self._mine(frame.address):
            return zdo.PowerDescriptorResponse(
                sequence=frame.sequence,
                status=zdo.ZdoStatus.DEVICE_NOT_FOUND,
                address=frame.address,
            )
        source = zdo.PowerSource.MAINS if self._mains else zdo.PowerSource.DISPOSABLE_BATTERY
        return zdo.PowerDescriptorResponse(
            sequence=frame.sequence,
            status=zdo.ZdoStatus.SUCCESS,
            address=frame.address,
            sources=source << 4 | (zdo.PERIODIC_RECEIVER if self._sleepy else 0),
            current=_level(self._gauge) << 4 | source,
        )

    def _endpoints(self, frame: zdo.ActiveEndpointsRequest) -> Frame:
        mine = self._mine(frame.address)
        return zdo.ActiveEndpointsResponse(
            sequence=frame.sequence,
            status=zdo.ZdoStatus.SUCCESS if mine else zdo.ZdoStatus.DEVICE_NOT_FOUND,
            address=frame.address,
            endpoints=(self._profile.ota.endpoint,) if mine else (),
        )

    def _simple(self, frame: zdo.SimpleDescriptorRequest) -> Frame:
        status = zdo.ZdoStatus.SUCCESS
        if not self._mine(frame.address):
            status = zdo.ZdoStatus.DEVICE_NOT_FOUND
        elif frame.endpoint != self._profile.ota.endpoint:
            status = zdo.ZdoStatus.NOT_ACTIVE
        descriptor = descriptor_of(self._profile)
        return zdo.SimpleDescriptorResponse(
            sequence=frame.sequence,
            status=status,
            address=frame.address,
            descriptor=descriptor.encode() if status is zdo.ZdoStatus.SUCCESS else b"",
        )

    def _match(self, frame: zdo.MatchDescriptorRequest) -> Frame | None:
        """Answer only what matches, so that a broadcast wakes no chorus of refusals."""
        wanted = frame.profile == self._profile.ota.zigbee_profile
        there = {*served(self._profile)} & {*frame.input_clusters}
        there |= {*USED} & {*frame.output_clusters}
        if not wanted or not there or self._radio.address is None:
            return None
        return zdo.MatchDescriptorResponse(
            sequence=frame.sequence,
            status=zdo.ZdoStatus.SUCCESS,
            address=self._radio.address,
            endpoints=(self._profile.ota.endpoint,),
        )


def _level(gauge: Gauge) -> int:
    """Return the power level of a power descriptor: in thirds, or critical below the reserve."""
    if gauge.percent is None:
        return zdo.FULL_POWER
    if gauge.short or gauge.percent == 0:
        return zdo.CRITICAL_POWER
    thirds = max(1, round(gauge.percent * 3 / 100))
    return thirds * zdo.THIRD_OF_POWER
