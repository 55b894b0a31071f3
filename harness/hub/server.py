"""Play the Communications Hub: OTA server, discovery, admission. Honest by default.

The hub keeps no session: any block of any image it holds is served at once, as ZCL 11.13.6 asks.

Source: ZCL rev 8, 11.13; ota-cluster fact sheet sections 2 and 8.2.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from emulator.actions import Action, Announced, Event, Joined, Send
from emulator.errors import WireError
from emulator.units import Us
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import (
    BROADCAST_ALL,
    COORDINATOR,
    FIRST_BROADCAST,
    ZDO_ENDPOINT,
    ZDO_PROFILE,
    ApsOptions,
    Datagram,
)
from emulator.wire.codec import COMMANDS, KEYS, Frame
from emulator.wire.ota import Status
from harness.hub.images import Served
from harness.hub.lies import Lie

#: Frame control: cluster-specific, from the server, no Default Response wanted.
FROM_SERVER = 0x19
#: The same, a Default Response wanted: unicast Image Notify as Silabs sends it.
FROM_SERVER_ASKING = 0x09
#: General command from the server's side; of the client's attributes, hence the direction.
GENERAL_FROM_SERVER = 0x18

#: APS options of an OTA unicast (ota-cluster section 7), plain on the path of a block.
_CLEAR = int(ApsOptions.ACKNOWLEDGE)
_ENCRYPTED = int(ApsOptions.ACKNOWLEDGE | ApsOptions.ENCRYPT)

#: Octets of an image that fit a frame beside NWK security, with and without APS security.
ENCRYPTED_BLOCK = 40
CLEAR_BLOCK = 50

_TO_SERVER = {
    key.command: kind
    for key, kind in COMMANDS.items()
    if key.cluster == ota.CLUSTER and key.to_server
}


class Offers(StrEnum):
    """Say which versions a hub offers to a device that runs another."""

    UPGRADES = "upgrades"  # the highest version, if it is above the running one
    ANY = "any"  # the highest version held, whatever runs: reinstall and downgrade too


class Heard(NamedTuple):
    """Be one frame that a device sent to the hub."""

    at: Us
    source: int
    frame: Frame
    datagram: Datagram


@dataclass(slots=True, kw_only=True)
class Settings:
    """Hold what a test changes on a hub."""

    endpoint: int = 1
    offers: Offers = Offers.UPGRADES
    #: Current and upgrade time of Upgrade End Responses; None: no response.
    end_times_s: tuple[int, int] | None = (0, 0)
    #: Answers to Image Block Requests instead of data: (current, request, period or None).
    wait: tuple[int, int, int | None] | None = None
    #: Largest blocks that are sent, used in turn; None: ``block_limit``.
    block_sizes: tuple[int, ...] | None = None
    silent: bool = False
    encrypt: bool = True
    #: EUI-64s that are admitted; None: all.
    whitelist: frozenset[int] | None = None


@dataclass(slots=True)
class Hub:
    """Be one hub: frames and time in, actions out."""

    eui64: int = 0x00124B00_48414E00
    address: int = COORDINATOR
    settings: Settings = field(default_factory=Settings)
    images: list[Served] = field(default_factory=list)
    lies: list[Lie] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    #: How many frames of each kind were heard.
    counts: dict[type[Frame], int] = field(default_factory=dict)
    #: NWK address of each device that was admitted, by EUI-64.
    members: dict[int, int] = field(default_factory=dict)
    #: Endpoint and profile that each device last used, by NWK address.
    peers: dict[int, tuple[int, int]] = field(default_factory=dict)
    deadline: Us | None = None
    _sequence: int = 0
    _counter: int = 0
    _by_ids: dict[tuple[int, int, int], Served] = field(default_factory=dict)

    @property
    def block_limit(self) -> int:
        """Return the octets of an image that fit one frame (ota-cluster section 7)."""
        return ENCRYPTED_BLOCK if self.settings.encrypt else CLEAR_BLOCK

    # Admission: the trust centre's part.

    def admit(self, eui64: int, rejoin: bool) -> Joined | None:
        """Return the address for a device on the whitelist; it keeps one for ever."""
        whitelist = self.settings.whitelist
        if whitelist is not None and eui64 not in whitelist:
            return None
        address = self.members.setdefault(eui64, 0x1A01 + len(self.members))
        return Joined(address=address)

    # What it serves.

    def serve(self, *images: Served) -> None:
        """Replace the images that are served."""
        self.images[:] = images
        self._by_ids = {
            (one.manufacturer, one.image_type, one.file_version): one for one in images
        }

    # The face of every machine.

    def power_on(self, now: Us) -> Sequence[Action]:
        """Start; what is served is not forgotten, members neither."""
        return ()

    def power_off(self, now: Us) -> None:
        """Stop; there is no session to lose."""

    def wake(self, now: Us) -> Sequence[Action]:
        """Do nothing: an honest hub only answers."""
        return ()

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Note who announced itself."""
        if isinstance(what, Announced):
            self.members[what.eui64] = what.address
        return ()

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Answer a datagram."""
        if datagram.cluster == ota.CLUSTER:
            return self._on_ota(datagram, now)
        if datagram.profile == ZDO_PROFILE:
            return self._on_zdo(datagram, now)
        return ()

    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        payload = datagram.payload
        source = datagram.source
        self.peers[source] = (datagram.source_endpoint, datagram.profile)
        if len(payload) < 3:
            return ()
        if payload[0] & 0x0F != 0x01:
            return self._on_general(datagram, now)
        kind = _TO_SERVER.get(payload[2])
        if kind is None:
            return self.default_response(datagram, Status.UNSUP_COMMAND)
        try:
            frame, _ = kind.decode_at(payload, 3)
        except WireError:
            return self.default_response(datagram, Status.MALFORMED_COMMAND)
        self._hear(Heard(now, source, frame, datagram))
        if self.settings.silent:
            return ()
        return _ANSWERS[kind](self, frame, datagram)

    def _on_general(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        try:
            header = zcl.split(datagram.payload)
            kind = zcl.GENERAL.get(header.command)
            general = header.control & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL
            if kind is not None and general and header.manufacturer is None:
                frame, _ = kind.decode_at(datagram.payload, header.offset)
                self._hear(Heard(now, datagram.source, frame, datagram))
        except WireError:
            return ()  # a device's malformed frame is in the trace; there is nothing to answer
        return ()

    def _hear(self, heard: Heard) -> None:
        self.heard.append(heard)
        kind = type(heard.frame)
        self.counts[kind] = self.counts.get(kind, 0) + 1

    # OTA.

    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram
    ) -> Sequence[Action]:
        best = self._best(query)
        if best is None:
            response = ota.QueryNextImageResponse(status=Status.NO_IMAGE_AVAILABLE)
        else:
            response = ota.QueryNextImageResponse(
                status=Status.SUCCESS,
                manufacturer=best.manufacturer,
                image_type=best.image_type,
                file_version=best.file_version,
                image_size=best.image_size,
            )
        return self.answer(response, datagram)

    def _best(self, query: ota.QueryNextImageRequest) -> Served | None:
        fitting = [
            one
            for one in self.images
            if one.fits(query.manufacturer, query.image_type, query.hardware_version)
        ]
        best = max(fitting, key=lambda one: one.file_version, default=None)
        if best is None or self.settings.offers is Offers.ANY:
            return best
        return best if best.file_version > query.file_version else None

    def _on_block(self, request: ota.ImageBlockRequest, datagram: Datagram) -> Sequence[Action]:
        wait = self.settings.wait
        if wait is not None:
            current_s, request_s, period = wait
            response = ota.ImageBlockResponse(
                status=Status.WAIT_FOR_DATA,
                current_time_s=current_s,
                request_time_s=request_s,
                block_period=period,
            )
            return self.answer(response, datagram)
        offset = request.file_offset
        one = self._by_ids.get((request.manufacturer, request.image_type, request.file_version))
        if one is None or offset >= len(one.octets):
            return self.answer(ota.ImageBlockResponse(status=Status.ABORT), datagram)
        sizes = self.settings.block_sizes
        limit = self.block_limit
        if sizes is not None:
            limit = sizes[self.counts[ota.ImageBlockRequest] % len(sizes)]
        size = min(request.maximum_data_size, limit)
        response = ota.ImageBlockResponse(
            status=Status.SUCCESS,
            manufacturer=one.manufacturer,
            image_type=one.image_type,
            file_version=one.file_version,
            file_offset=offset,
            data=one.octets[offset : offset + size],
        )
        return self.answer(response, datagram)

    def _on_end(self, end: ota.UpgradeEndRequest, datagram: Datagram) -> Sequence[Action]:
        if end.status != Status.SUCCESS:
            return self.default_response(datagram, Status.SUCCESS)
        if self.settings.end_times_s is None:
            return ()
        current_s, upgrade_s = self.settings.end_times_s
        response = ota.UpgradeEndResponse(
            manufacturer=end.manufacturer,
            image_type=end.image_type,
            file_version=end.file_version,
            current_time_s=current_s,
            upgrade_time_s=upgrade_s,
        )
        return self.answer(response, datagram)

    def _on_unsupported(self, request: Frame, datagram: Datagram) -> Sequence[Action]:
        return self.default_response(datagram, Status.UNSUP_COMMAND)

    # Discovery.

    def _on_zdo(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        kind = zdo.COMMANDS_BY_CLUSTER.get(datagram.cluster)
        if kind is None:
            return ()
        try:
            frame, _ = kind.decode_at(datagram.payload, 0)
        except WireError:
            return ()
        self._hear(Heard(now, datagram.source, frame, datagram))
        if self.settings.silent:
            return ()
        match frame:
            case zdo.DeviceAnnounce(address=address, eui64=eui64):
                self.members[eui64] = address
            case zdo.MatchDescriptorRequest() if ota.CLUSTER in frame.input_clusters:
                answer = zdo.MatchDescriptorResponse(
                    sequence=frame.sequence,
                    status=zdo.ZdoStatus.SUCCESS,
                    address=self.address,
                    endpoints=(self.settings.endpoint,),
                )
                return self.zdo(answer, datagram.source)
            case zdo.IeeeAddressRequest(address=self.address):
                found = zdo.IeeeAddressResponse(
                    sequence=frame.sequence,
                    status=zdo.ZdoStatus.SUCCESS,
                    eui64=self.eui64,
                    address=self.address,
                )
                return self.zdo(found, datagram.source)
            case _:
                pass
        return ()

    # Sending.

    def answer(self, frame: Frame, request: Datagram) -> Sequence[Action]:
        """Send the response to a request: its sequence number, its endpoints, its profile."""
        payload: bytes | None = frame.encode()
        if self.lies:
            payload = self._lie(type(frame), frame.encode())
            if payload is None:
                return ()
        header = zcl.pack_header(FROM_SERVER, request.payload[1], KEYS[type(frame)].command)
        return self._send(
            header + (payload or b""),
            to=request.source,
            endpoint=request.source_endpoint,
            own_endpoint=request.destination_endpoint,
            profile=request.profile,
        )

    def _lie(self, kind: type[Frame], payload: bytes) -> bytes | None:
        told: bytes | None = payload
        for lie in self.lies:
            if lie.command is kind and told is not None:
                told = lie.tell(told)
        return told

    def default_response(self, request: Datagram, status: Status) -> Sequence[Action]:
        """Send a Default Response to a request, whether it asked for one or not."""
        answer = zcl.DefaultResponse(command=request.payload[2], status=status)
        header = zcl.pack_header(
            GENERAL_FROM_SERVER, request.payload[1], zcl.GeneralCommand.DEFAULT_RESPONSE
        )
        return self._send(
            header + answer.encode(),
            to=request.source,
            endpoint=request.source_endpoint,
            own_endpoint=request.destination_endpoint,
            profile=request.profile,
        )

    def tell(
        self, frame: Frame, to: int, *, broadcast: bool = False, edits: Lie | None = None
    ) -> Sequence[Action]:
        """Send a command on the hub's own account, to a device or to all that listen."""
        endpoint, profile = self.peers.get(to, (1, 0x0109))
        payload: bytes | None = frame.encode()
        if edits is not None:
            payload = edits.tell(frame.encode())
        if payload is None:
            return ()
        control = FROM_SERVER if broadcast else FROM_SERVER_ASKING
        header = zcl.pack_header(control, self.next_sequence(), KEYS[type(frame)].command)
        return self._send(
            header + payload,
            to=BROADCAST_ALL if broadcast else to,  # sleepy devices get it from their parent
            endpoint=0xFF if broadcast else endpoint,
            own_endpoint=self.settings.endpoint,
            profile=profile,
        )

    def general(self, frame: Frame, to: int) -> Sequence[Action]:
        """Send a general command on the OTA cluster, to the attributes of the client side."""
        endpoint, profile = self.peers.get(to, (1, 0x0109))
        header = zcl.pack_header(
            GENERAL_FROM_SERVER, self.next_sequence(), zcl.GENERAL_IDS[type(frame)]
        )
        return self._send(
            header + frame.encode(),
            to=to,
            endpoint=endpoint,
            own_endpoint=self.settings.endpoint,
            profile=profile,
        )

    def zdo(self, frame: Frame, to: int) -> Sequence[Action]:
        """Send a ZDO frame."""
        return self._send(
            frame.encode(),
            to=to,
            endpoint=ZDO_ENDPOINT,
            own_endpoint=ZDO_ENDPOINT,
            profile=ZDO_PROFILE,
            cluster=zdo.CLUSTERS[type(frame)],
        )

    def next_sequence(self) -> int:
        """Return a fresh sequence number."""
        self._sequence = (self._sequence + 1) & 0xFF
        return self._sequence

    def _send(
        self,
        payload: bytes,
        *,
        to: int,
        endpoint: int,
        own_endpoint: int,
        profile: int,
        cluster: int = ota.CLUSTER,
    ) -> Sequence[Action]:
        self._counter = counter = self._counter + 1
        options = 0
        if to < FIRST_BROADCAST and cluster == ota.CLUSTER:
            options = _ENCRYPTED if self.settings.encrypt else _CLEAR
        return (
            Send(
                datagram=Datagram(
                    source=self.address,
                    destination=to,
                    source_endpoint=own_endpoint,
                    destination_endpoint=endpoint,
                    profile=profile,
                    cluster=cluster,
                    payload=payload,
                    options=options,
                    aps_counter=counter & 0xFF,
                    key_id=0,
                    frame_counter=counter,
                )
            ),
        )



_ANSWERS: dict[type[Frame], Callable[[Hub, Any, Datagram], Sequence[Action]]] = {
    ota.QueryNextImageRequest: Hub._on_query,
    ota.ImageBlockRequest: Hub._on_block,
    ota.ImagePageRequest: Hub._on_unsupported,
    ota.UpgradeEndRequest: Hub._on_end,
    ota.QueryDeviceSpecificFileRequest: Hub._on_unsupported,
}
