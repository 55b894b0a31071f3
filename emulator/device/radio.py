"""Build the datagrams of a bridge: addresses, sequence numbers, counters."""

from collections.abc import Sequence

from emulator.actions import Action, Send
from emulator.device.nonvolatile import Memory
from emulator.ota.ports import Server
from emulator.profiles.model import OtaProfile, RadioProfile
from emulator.wire import ota, zdo
from emulator.wire.aps import (
    BROADCAST_RX_ON,
    ZDO_ENDPOINT,
    ZDO_PROFILE,
    ApsOptions,
    Datagram,
)
from emulator.wire.codec import KEYS, Frame
from emulator.wire.zcl import pack_header

#: Frame control of a command from the client: cluster-specific, to the server.
TO_SERVER = 0x01


class Radio:
    """Be the sending half of a bridge's stack; a ``mute`` one never reaches the air."""

    def __init__(
        self, memory: Memory, ota_profile: OtaProfile, profile: RadioProfile, *, mute: bool
    ) -> None:
        self._memory, self._leap, self.mute = memory, profile.frame_counter_leap, mute
        self._endpoint, self._profile = ota_profile.endpoint, ota_profile.zigbee_profile
        self._options = int(
            ota_profile.aps_acknowledge * ApsOptions.ACKNOWLEDGE
            | ota_profile.aps_encrypt * ApsOptions.ENCRYPT
        )
        self.address: int | None = None
        self._counter = memory.now.counter_limit
        self._sequence = 0
        self._aps_counter = 0

    def next_sequence(self) -> int:
        """Return a fresh ZCL or ZDO sequence number."""
        self._sequence = (self._sequence + 1) & 0xFF
        return self._sequence

    def send(
        self,
        payload: bytes,
        *,
        to: int,
        endpoint: int,
        cluster: int,
        profile: int | None = None,
        options: int | None = None,
    ) -> Sequence[Action]:
        """Send octets; nothing leaves a mute radio, nor one that is off the network.

        Raises:
            PowerLost: The supply was cut while the frame counter's limit was saved.
        """
        if self.mute or self.address is None:
            return ()
        counter = self._counter
        if counter >= self._memory.now.counter_limit:
            self._memory.change(counter_limit=counter + self._leap)
        self._counter = counter + 1
        self._aps_counter = (self._aps_counter + 1) & 0xFF
        zdo_frame = profile == ZDO_PROFILE
        return (
            Send(
                datagram=Datagram(
                    source=self.address,
                    destination=to,
                    source_endpoint=ZDO_ENDPOINT if zdo_frame else self._endpoint,
                    destination_endpoint=endpoint,
                    profile=self._profile if profile is None else profile,
                    cluster=cluster,
                    payload=payload,
                    options=self._options if options is None else options,
                    aps_counter=self._aps_counter,
                    key_id=self._memory.now.key_id,
                    frame_counter=counter,
                )
            ),
        )

    def zdo(self, frame: Frame, to: int) -> Sequence[Action]:
        """Send a ZDO frame, which carries its own sequence number; in clear at the APS layer."""
        return self.send(
            frame.encode(),
            to=to,
            endpoint=ZDO_ENDPOINT,
            cluster=zdo.CLUSTERS[type(frame)],
            profile=ZDO_PROFILE,
            options=0,
        )

    # The OTA client's voice.

    def command(self, frame: Frame, server: Server) -> Sequence[Action]:
        """Send a command of the OTA cluster to the server, with a fresh sequence number."""
        sequence = self._sequence = (self._sequence + 1) & 0xFF
        return self.send(
            pack_header(TO_SERVER, sequence, KEYS[type(frame)].command) + frame.encode(),
            to=server.address,
            endpoint=server.endpoint,
            cluster=ota.CLUSTER,
        )

    def seek_server(self, only: int | None) -> Sequence[Action]:
        """Send a match descriptor request for the OTA cluster, to all or to ``only`` one node."""
        to = BROADCAST_RX_ON if only is None else only
        request = zdo.MatchDescriptorRequest(
            sequence=self.next_sequence(),
            address=to,
            profile=self._profile,
            input_clusters=(ota.CLUSTER,),
            output_clusters=(),
        )
        return self.zdo(request, to)

    def resolve(self, address: int) -> Sequence[Action]:
        """Ask a node for its IEEE address."""
        request = zdo.IeeeAddressRequest(
            sequence=self.next_sequence(),
            address=address,
            request_type=zdo.RequestType.SINGLE,
            start_index=0,
        )
        return self.zdo(request, address)
