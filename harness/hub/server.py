"""Play the Communications Hub: OTA server, discovery, admission. Honest by default.

The hub keeps no session: any block of any image it holds is served at once, as ZCL 11.13.6 asks.
What else it does is data: ``settings`` for what a server may do, ``lies`` for what none may.

Source: ZCL rev 8, 11.13; ota-cluster fact sheet sections 2 and 8.2.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import ClassVar, TypeAlias

from emulator.actions import Action, Announced, Event, Joined, Send
from emulator.errors import WireError
from emulator.units import Rng, Us
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import (
    BROADCAST_ALL,
    COORDINATOR,
    FIRST_BROADCAST,
    ZDO_PROFILE,
    ApsOptions,
    Datagram,
)
from emulator.wire.codec import KEYS, Frame
from emulator.wire.ota import Status
from harness.hub.discovery import discovery_answer, zdo_frame
from harness.hub.drafts import (
    ANY_ENDPOINT,
    FROM_SERVER,
    UNHEARD,
    Draft,
    Outbox,
    answer_draft,
    own_draft,
    zdo_draft,
)
from harness.hub.images import Served
from harness.hub.keys import admitted
from harness.hub.ledger import Heard, Log
from harness.hub.lies import Edit, Lie, edited
from harness.hub.pages import PageDesk
from harness.hub.serving import (
    REQUESTS,
    best_image,
    block_of,
    general_frame,
    held_back,
    offer_of,
    own_file_of,
    taker,
    without_period,
)
from harness.hub.settings import Instead, Settings

#: APS options of an OTA unicast (ota-cluster section 7), plain on the path of a block.
_CLEAR = int(ApsOptions.ACKNOWLEDGE)
_ENCRYPTED = int(ApsOptions.ACKNOWLEDGE | ApsOptions.ENCRYPT)

#: What answers each request: method, frame, datagram, settings.
Answers: TypeAlias = dict[type[Frame], Callable[..., Sequence[Action]]]


@dataclass(slots=True)
class Hub:
    """Be one hub: frames and time in, actions out."""

    #: How it answers requests; a hub with a part replaced has a table of its own.
    answers: ClassVar[Answers]
    eui64: int = 0x00124B00_48414E00
    address: int = COORDINATOR
    settings: Settings = field(default_factory=Settings)
    #: Settings for single devices, by NWK address, in place of ``settings``.
    by_device: dict[int, Settings] = field(default_factory=dict)
    images: list[Served] = field(default_factory=list)
    history: list[Served] = field(default_factory=list)  # all that it ever served, in order
    lies: list[Lie] = field(default_factory=list)
    #: What was heard, from all; of one kind; from one device by its NWK address.
    heard: list[Heard] = field(default_factory=list)
    counts: dict[type[Frame], int] = field(default_factory=dict)
    logs: dict[int, Log] = field(default_factory=dict)
    #: NWK address of each device that was admitted, by EUI-64.
    members: dict[int, int] = field(default_factory=dict)
    #: Endpoint and profile that each device last used, by NWK address.
    peers: dict[int, tuple[int, int]] = field(default_factory=dict)
    rng: Rng | None = None  # for jitter and shuffled pages
    seed: int = 0  # of its keys
    key_id: int = 0  # of the network key in use
    #: NWK frame counters; the nodes that speak for one another share them.
    counter: Iterator[int] = field(default_factory=lambda: count(1))
    #: How many other nodes of the harness are on its network.
    neighbours: int = 0
    #: Whether it works; a crashed hub hears and says nothing.
    up: bool = True
    _now: Us = 0
    _sequence: int = 0
    _outbox: Outbox = field(default_factory=Outbox)
    _desk: PageDesk = field(default_factory=PageDesk)
    _by_ids: dict[tuple[int, int, int], Served] = field(default_factory=dict)

    def settings_of(self, address: int) -> Settings:
        """Return the settings that hold for a device."""
        return self.by_device.get(address, self.settings)

    def log(self, address: int) -> Log:
        """Return what was heard from a device."""
        log = self.logs.get(address)
        if log is None:
            log = self.logs[address] = Log()
        return log

    def admit(self, eui64: int, rejoin: bool) -> Joined | None:
        """Return address and keys for a device on the whitelist; it keeps them for ever."""
        whitelist = self.settings.whitelist
        if whitelist is not None and eui64 not in whitelist:
            return None
        return admitted(self.members, self.seed, eui64, self.key_id)

    # What it serves.

    def serve(self, *images: Served) -> None:
        """Replace the images that are served."""
        self.images[:] = images
        self.history += [one for one in images if one not in self.history]
        self._by_ids = {(one.manufacturer, one.image_type, one.file_version): one for one in images}

    def discard(self, version: int) -> None:
        """Forget the images of one file version, also in the middle of a download (GB-039)."""
        self.serve(*(one for one in self.images if one.file_version != version))

    # The face of every machine.

    @property
    def deadline(self) -> Us | None:
        """Return when something that was put off is due."""
        return self._outbox.deadline

    def power_on(self, now: Us) -> Sequence[Action]:
        """Start."""
        self.restart()
        return ()

    def power_off(self, now: Us) -> None:
        """Stop."""
        self.crash()

    def crash(self) -> None:
        """Stop working at once; what was put off is never sent. The ledger is not the hub's."""
        self.up = False
        self._outbox.empty()
        self._desk.forget()

    def restart(self, *, memory: bool = True) -> None:
        """Work again; without ``memory`` it holds no image, and knows no device's endpoint.

        The network is not forgotten: addresses and keys live in the devices too.
        """
        self.up = True
        if not memory:
            self.serve()
            self.peers.clear()
            self._sequence = 0

    def wake(self, now: Us) -> Sequence[Action]:
        """Send what was put off until now."""
        self._now = now
        return [send for draft in self._outbox.due(now) for send in self._emit(draft)]

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Note who announced itself."""
        if isinstance(what, Announced):
            self.members[what.eui64] = what.address
        return ()

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Answer a datagram."""
        if not self.up:
            return ()
        self._now = now
        if datagram.cluster == ota.CLUSTER:
            return self._on_ota(datagram, now)
        if datagram.profile == ZDO_PROFILE:
            return self._on_zdo(datagram, now)
        return self._on_general(datagram, now)

    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        payload, source = datagram.payload, datagram.source
        self.peers[source] = (datagram.source_endpoint, datagram.profile)
        if len(payload) < 3:
            return ()
        if payload[0] & 0x0F != 0x01:
            return self._on_general(datagram, now)
        kind = REQUESTS.get(payload[2])
        if kind is None:
            return self.default_response(datagram, Status.UNSUP_COMMAND)
        try:
            frame, _ = kind.decode_at(payload, 3)
        except WireError:
            tolerated = without_period(kind, payload)
            if tolerated is None:
                return self.default_response(datagram, Status.MALFORMED_COMMAND)
            frame = tolerated
        self._hear(Heard(now, source, frame, datagram))
        settings = self.by_device.get(source, self.settings)
        if settings.silent:
            return ()
        if settings.instead and (one := taker(settings, kind)) is not None:
            return self._answer_instead(one, datagram)
        return self.answers[kind](self, frame, datagram, settings)

    def _on_general(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        frame = general_frame(datagram.payload)
        if frame is not None:  # an unreadable one is in the trace; there is nothing to answer
            self._hear(Heard(now, datagram.source, frame, datagram))
        return ()

    def _hear(self, heard: Heard) -> None:
        self.heard.append(heard)
        kind = type(heard.frame)
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.log(heard.source).add(heard)

    def _answer_instead(self, one: Instead, datagram: Datagram) -> Sequence[Action]:
        return () if one.frame is None else self._put(answer_draft(one.frame, datagram), one.edits)

    # OTA.

    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        return self.answer(offer_of(best_image(self.images, query, settings.offers)), datagram)

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        paced = settings.wait is not None or settings.block_period is not None
        if paced and (hold := held_back(request, settings)) is not None:
            return self.answer(hold, datagram)
        offset = request.file_offset
        one = self._by_ids.get((request.manufacturer, request.image_type, request.file_version))
        if one is None or offset >= len(one.octets):
            return self._put(answer_draft(settings.unknown_image, datagram))
        sizes, limit = settings.block_sizes, settings.block_limit
        if sizes is not None:
            limit = sizes[self.log(datagram.source).count(ota.ImageBlockRequest) % len(sizes)]
        size = min(request.maximum_data_size, limit)
        return self.answer(block_of(one, offset, size), datagram)

    def _on_page(
        self, request: ota.ImagePageRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        """Stream a page: its blocks go out one by one, without acknowledgement (ZCL 11.13.7)."""
        plan = self._desk.serve(
            request,
            self._by_ids.get((request.manufacturer, request.image_type, request.file_version)),
            source=datagram.source,
            settings=settings,
            now=self._now,
            rng=self.rng,
        )
        if isinstance(plan, Status):
            return self.default_response(datagram, plan)
        unacknowledged = int(ApsOptions.ENCRYPT) if settings.encrypt else 0
        drafts = (
            replace(answer_draft(block, datagram), options=unacknowledged, delay_us=delay_us)
            for delay_us, block in plan
        )
        return list(chain.from_iterable(self._put(draft) for draft in drafts))

    def _on_end(
        self, end: ota.UpgradeEndRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        if end.status != Status.SUCCESS:
            return self.default_response(datagram, Status.SUCCESS)
        if settings.end_times_s is None:
            return ()
        current_s, upgrade_s = settings.end_times_s
        response = ota.UpgradeEndResponse(
            manufacturer=end.manufacturer,
            image_type=end.image_type,
            file_version=end.file_version,
            current_time_s=current_s,
            upgrade_time_s=upgrade_s,
        )
        return self.answer(response, datagram)

    def _on_own_file(
        self, query: ota.QueryDeviceSpecificFileRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        found = own_file_of(self.images, query)
        if found is None:
            return self.default_response(datagram, Status.UNSUP_COMMAND)
        return self.answer(found, datagram)

    # Discovery.

    def _on_zdo(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        frame = zdo_frame(datagram)
        if frame is None:
            return ()
        self._hear(Heard(now, datagram.source, frame, datagram))
        settings = self.settings_of(datagram.source)
        if settings.silent:
            return ()
        if isinstance(frame, zdo.DeviceAnnounce):
            self.members[frame.eui64] = frame.address
        if (one := taker(settings, type(frame))) is not None:
            return self._answer_instead(one, datagram)
        answer = discovery_answer(
            frame,
            address=self.address,
            eui64=self.eui64,
            endpoints=settings.endpoints or (settings.endpoint,),
            profile=self.peers.get(datagram.source, UNHEARD)[1],
        )
        return () if answer is None else self._put(answer_draft(answer, datagram))

    # Sending.

    def answer(self, frame: Frame, request: Datagram) -> Sequence[Action]:
        """Send the response to a request: its sequence number, its endpoints, its profile."""
        settings = self.settings
        if (
            self.lies
            or self.by_device
            or settings.delay_us
            or settings.jitter_us
            or self._outbox.holds_back
        ):
            return self._put(answer_draft(frame, request))
        header = zcl.pack_header(FROM_SERVER, request.payload[1], KEYS[type(frame)].command)
        return self._send(  # this is the path of every block
            header + frame.encode(),
            request.source,
            request.source_endpoint,
            request.destination_endpoint,
            request.profile,
            ota.CLUSTER,
            _ENCRYPTED if settings.encrypt else _CLEAR,
        )

    def default_response(self, request: Datagram, status: Status) -> Sequence[Action]:
        """Send a Default Response to a request, whether it asked for one or not."""
        answer = zcl.DefaultResponse(command=request.payload[2], status=status)
        return self._put(answer_draft(answer, request))

    def tell(
        self,
        frame: Frame,
        to: int,
        *,
        broadcast: bool = False,
        edits: Sequence[Edit] = (),
        sequence: int | None = None,
        now: Us = 0,
    ) -> Sequence[Action]:
        """Send a command on the hub's own account, to a device or to all that listen.

        Args:
            frame: Any command of the server; one that is an answer comes unasked for.
            to: NWK address of the device.
            broadcast: Send it to all, sleepy devices too: they get it from their parent.
            edits: What is changed of it.
            sequence: ZCL sequence number; None: a fresh one.
            now: Virtual time, where an edit puts it off.
        """
        self._now = max(self._now, now)
        return self._put(self._told(frame, to, broadcast=broadcast, sequence=sequence), edits)

    def storm(
        self, frame: Frame, to: int, *, copies: int, gap_us: Us, broadcast: bool = False, now: Us
    ) -> Sequence[Action]:
        """Send a command again and again, each time with a fresh sequence number."""
        self._now = max(self._now, now)
        drafts = (
            replace(self._told(frame, to, broadcast=broadcast), delay_us=gap_us * number)
            for number in range(copies)
        )
        return list(chain.from_iterable(self._put(draft) for draft in drafts))

    def general(self, frame: Frame, to: int, cluster: int = ota.CLUSTER) -> Sequence[Action]:
        """Send a general command to OTA's client side, or to another cluster's server side."""
        return self._emit(self._told(frame, to).aimed(cluster))

    def zdo(self, frame: Frame, to: int) -> Sequence[Action]:
        """Send a ZDO frame."""
        return self._emit(zdo_draft(frame, to))

    def next_sequence(self) -> int:
        """Return a fresh sequence number."""
        self._sequence = (self._sequence + 1) & 0xFF
        return self._sequence

    def _told(
        self, frame: Frame, to: int, *, broadcast: bool = False, sequence: int | None = None
    ) -> Draft:
        endpoint, profile = self.peers.get(to, UNHEARD)
        return own_draft(
            frame,
            sequence=self.next_sequence() if sequence is None else sequence,
            to=BROADCAST_ALL if broadcast else to,  # sleepy devices get it from their parent
            endpoint=ANY_ENDPOINT if broadcast else endpoint,
            own_endpoint=self.settings.endpoint,
            profile=profile,
        )

    def _put(self, draft: Draft, edits: Sequence[Edit] = ()) -> Sequence[Action]:
        """Let edits, lies and delays have their way with a draft, and send what is due now."""
        drafts = edited(draft, edits)
        for lie in self.lies:
            if lie.command is draft.kind:
                drafts = [made for one in drafts for made in lie.tell(one)]
        return [send for one in drafts for send in self._post(one)]

    def _post(self, draft: Draft) -> Sequence[Action]:
        settings = self.settings_of(draft.to)
        delay_us = draft.delay_us + settings.delay_us
        if settings.jitter_us:
            delay_us += self._chance().randrange(0, settings.jitter_us + 1)
        if delay_us == 0:
            return self._emit(draft)
        self._outbox.keep(draft, self._now + delay_us)
        return ()

    def _chance(self) -> Rng:
        if self.rng is None:
            raise RuntimeError("this hub was made without chance: give it an rng")
        return self.rng

    def _emit(self, draft: Draft) -> Sequence[Action]:
        """Send a draft now, and behind it what it has just overtaken; a crashed hub sends none."""
        if not self.up:
            return ()
        if draft.overtaken_by:
            self._outbox.hold_back(draft)
            return ()
        options = draft.options
        if options is None:
            secured = draft.to < FIRST_BROADCAST and draft.cluster == ota.CLUSTER
            encrypt = self.settings_of(draft.to).encrypt
            options = (_ENCRYPTED if encrypt else _CLEAR) if secured else 0
        sent = self._send(
            draft.header + draft.payload,
            draft.to,
            draft.endpoint,
            draft.own_endpoint,
            draft.profile,
            draft.cluster,
            options,
            draft.source,
        )
        if not self._outbox.holds_back:
            return sent
        behind = (replace(one, overtaken_by=0) for one in self._outbox.overtaken())
        return [*sent, *chain.from_iterable(self._emit(one) for one in behind)]

    def _send(
        self,
        payload: bytes,
        to: int,
        endpoint: int,
        own_endpoint: int,
        profile: int,
        cluster: int,
        options: int,
        source: int | None = None,
    ) -> Sequence[Action]:
        counter = next(self.counter)
        return (
            Send(
                datagram=Datagram(
                    source=self.address if source is None else source,
                    destination=to,
                    source_endpoint=own_endpoint,
                    destination_endpoint=endpoint,
                    profile=profile,
                    cluster=cluster,
                    payload=payload,
                    options=options,
                    aps_counter=counter & 0xFF,
                    key_id=self.key_id,
                    frame_counter=counter,
                )
            ),
        )


def answers_of(hub: type[Hub]) -> Answers:
    """Return what a kind of hub answers to each request of a client."""
    return {
        ota.QueryNextImageRequest: hub._on_query,
        ota.ImageBlockRequest: hub._on_block,
        ota.ImagePageRequest: hub._on_page,
        ota.UpgradeEndRequest: hub._on_end,
        ota.QueryDeviceSpecificFileRequest: hub._on_own_file,
    }


Hub.answers = answers_of(Hub)
