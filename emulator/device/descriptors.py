"""Answer the ZDO requests by which others find out what a bridge is."""

from collections.abc import Callable, Sequence
from typing import Any

from emulator.actions import Action
from emulator.contract import Identity
from emulator.device.radio import Radio
from emulator.errors import WireError
from emulator.profiles.model import OtaProfile, Power
from emulator.wire import ota, zdo
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame

#: Largest ASDU without fragmentation, and the buffers that a node descriptor names [ASSUMED].
BUFFER_OCTETS = 82
ROUTER, END_DEVICE = 1, 2


class Descriptors:
    """Be the ZDO server of one bridge."""

    def __init__(
        self, profile: OtaProfile, power: Power, identity: Identity, radio: Radio, *, sleepy: bool
    ) -> None:
        self._profile, self._identity, self._radio = profile, identity, radio
        self._sleepy = sleepy
        self._answers: dict[type[Frame], Callable[[Any], Frame | None]] = {
            zdo.NwkAddressRequest: self._nwk_address,
            zdo.IeeeAddressRequest: self._ieee_address,
            zdo.NodeDescriptorRequest: self._node,
            zdo.ActiveEndpointsRequest: self._endpoints,
            zdo.SimpleDescriptorRequest: self._simple,
            zdo.MatchDescriptorRequest: self._match,
        }
        self.capability = (
            zdo.Capability.ALLOCATE_ADDRESS
            | zdo.Capability.MAINS_POWERED * (power is Power.MAINS)
            | zdo.Capability.RX_ON_WHEN_IDLE * (not sleepy)
            | zdo.Capability.FULL_FUNCTION_DEVICE * (not sleepy)
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
            return ()
        try:
            frame, _ = kind.decode_at(datagram.payload, 0)
        except WireError:
            return ()
        if datagram.cluster & zdo.RESPONSE:
            return frame
        answer = self._answers.get(kind)
        response = None if answer is None else answer(frame)
        return () if response is None else self._radio.zdo(response, datagram.source)

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
            server_mask=0,
            maximum_outgoing_size=BUFFER_OCTETS,
            descriptor_capability=0,
        )

    def _endpoints(self, frame: zdo.ActiveEndpointsRequest) -> Frame:
        mine = self._mine(frame.address)
        return zdo.ActiveEndpointsResponse(
            sequence=frame.sequence,
            status=zdo.ZdoStatus.SUCCESS if mine else zdo.ZdoStatus.DEVICE_NOT_FOUND,
            address=frame.address,
            endpoints=(self._profile.endpoint,) if mine else (),
        )

    def _simple(self, frame: zdo.SimpleDescriptorRequest) -> Frame:
        status = zdo.ZdoStatus.SUCCESS
        if not self._mine(frame.address):
            status = zdo.ZdoStatus.DEVICE_NOT_FOUND
        elif frame.endpoint != self._profile.endpoint:
            status = zdo.ZdoStatus.NOT_ACTIVE
        descriptor = zdo.SimpleDescriptor(
            endpoint=self._profile.endpoint,
            profile=self._profile.zigbee_profile,
            device=self._profile.device_id,
            device_version=0,
            input_clusters=(),
            output_clusters=(ota.CLUSTER,),
        )
        return zdo.SimpleDescriptorResponse(
            sequence=frame.sequence,
            status=status,
            address=frame.address,
            descriptor=descriptor.encode() if status is zdo.ZdoStatus.SUCCESS else b"",
        )

    def _match(self, frame: zdo.MatchDescriptorRequest) -> Frame | None:
        """Answer only what matches, so that a broadcast wakes no chorus of refusals."""
        wanted = frame.profile == self._profile.zigbee_profile
        if not wanted or ota.CLUSTER not in frame.output_clusters or self._radio.address is None:
            return None
        return zdo.MatchDescriptorResponse(
            sequence=frame.sequence,
            status=zdo.ZdoStatus.SUCCESS,
            address=self._radio.address,
            endpoints=(self._profile.endpoint,),
        )
