"""Run the client side of the OTA Upgrade cluster: frames and time in, actions out.

The stages stand in ``stages.py``, what is done with each frame in each stage in ``table.py``.

Source: ZCL rev 8, chapter 11; ota-cluster fact sheet sections 1 to 4.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from emulator.actions import Action, Happening, Reboot, Report
from emulator.contract import Identity
from emulator.ota import timing
from emulator.ota.ports import Offer, Server, Store, Voice
from emulator.ota.stages import UPGRADE_STATUS, Stage
from emulator.profiles.model import OtaProfile
from emulator.units import MILLISECOND, SECOND, Rng, Us
from emulator.wire import ota, zdo
from emulator.wire.codec import KEYS, Frame
from emulator.wire.ota import ImageUpgradeStatus, Status
from emulator.wire.zcl import DefaultResponse

_NOTHING: tuple[Action, ...] = ()
#: Default Responses to a block request that end the download.
_STOPS = frozenset({Status.ABORT, Status.NO_IMAGE_AVAILABLE, Status.UNSUP_COMMAND})
#: Statuses of a block response that do; MALFORMED_COMMAND is zigpy's word for a wrong offset.
_BLOCK_STOPS = _STOPS | {Status.MALFORMED_COMMAND}
#: Stages in which a verified image waits for leave to be activated.
_VERIFIED = frozenset({Stage.ENDING, Stage.WAITING, Stage.EXTERNAL})


class OtaClient:
    """Be one OTA client.

    ``answer`` is the status of the Default Response that the last frame deserves; whoever carries
    the frames sends it where ZCL 2.5.12 asks for one.
    """

    def __init__(
        self,
        *,
        profile: OtaProfile,
        identity: Identity,
        version: int,
        voice: Voice,
        store: Store,
        rng: Rng,
        table: "ClientTable",
    ) -> None:
        self._profile, self._identity, self._version = profile, identity, version
        self._voice, self._store, self._rng = voice, store, rng
        self._on, self._on_deadline = table.on, table.on_deadline
        self.stage = Stage.OFF
        self.deadline: Us | None = None
        self.answer = Status.SUCCESS
        self.server: Server | None = None
        self.block_period = profile.block_period
        self._offer: Offer | None = None
        self._tries = 0
        self._asked_at: Us = 0
        self._control = ota.BlockControl(
            profile.block_sends_node_address * ota.BlockControl.NODE_ADDRESS
            | profile.block_sends_period * ota.BlockControl.BLOCK_PERIOD
        )
        self._node_address = identity.eui64 if profile.block_sends_node_address else None

    # What the device reads from outside the table.

    @property
    def upgrade_status(self) -> ImageUpgradeStatus:
        """Return attribute 0x0006."""
        return UPGRADE_STATUS[self.stage]

    @property
    def offer(self) -> Offer | None:
        """Return the image that is being downloaded, or downloaded and not applied."""
        return self._offer

    # The face of every machine.

    def start(self, now: Us, *, hurry: bool) -> Sequence[Action]:
        """Begin on the network; in a ``hurry`` (a trial) the first query is not delayed.

        Args:
            now: Virtual time in microseconds.
            hurry: Whether the hub must be reached at once, to confirm a new image.
        """
        self.server = self._store.server
        if self.server is None:
            return self._discover(now)
        delay_s = 0 if hurry else self._rng.randrange(0, self._profile.first_query_delay_s + 1)
        return self._serve(now, delay_s * SECOND)

    def stop(self) -> None:
        """Go off the network; what is stored stays."""
        self.stage, self.deadline = Stage.OFF, None

    def receive(self, frame: Frame, now: Us) -> Sequence[Action]:
        """Take a frame from the server, or from anybody where the table asks for it."""
        self.answer = Status.SUCCESS
        handler = self._on.get((self.stage, type(frame)))
        return _NOTHING if handler is None else handler(self, frame, now)

    def wake(self, now: Us) -> Sequence[Action]:
        """Do what the deadline of this stage is for."""
        if self.deadline is None or now < self.deadline:
            return _NOTHING
        self.deadline = None
        return self._on_deadline[self.stage](self, now)

    def invited(self, notify: ota.ImageNotify) -> bool:
        """Tell whether a broadcast Image Notify asks this client to query (ZCL 11.13.3, 6.10.3.4).

        A uniform draw from 1 to 100 above the jitter is a no. Wildcards are not special: the strict
        reading [SL-C].
        """
        if notify.payload_type not in tuple(ota.NotifyType) or not 1 <= notify.query_jitter <= 100:
            return False
        ours = (self._identity.manufacturer, self._identity.image_type)
        named = (notify.manufacturer, notify.image_type)
        if any(name not in (None, own) for name, own in zip(named, ours, strict=True)):
            return False
        held = None if self._offer is None else self._offer.file_version
        if notify.file_version is not None and notify.file_version in (self._version, held):
            return False
        return self._rng.randrange(1, 101) <= notify.query_jitter

    def activate(self, now: Us) -> Sequence[Action]:
        """Upgrade because something outside the cluster says so, where that is how it is done."""
        if self.stage in _VERIFIED and self._profile.activation_policy == timing.OUT_OF_BAND_ONLY:
            return self._apply_soon(now)
        return _NOTHING

    # Discovery.

    def _discover(self, now: Us) -> Sequence[Action]:
        self.stage = Stage.DISCOVERING
        self.deadline = now + self._profile.response_timeout_ms * MILLISECOND
        return self._voice.seek_server()

    def _undiscovered(self, now: Us) -> Sequence[Action]:
        self.stage, self.server = Stage.UNSERVED, None
        self.deadline = now + self._profile.discovery_retry_s * SECOND
        return _NOTHING

    def _on_match(self, match: zdo.MatchDescriptorResponse, now: Us) -> Sequence[Action]:
        if match.status != zdo.ZdoStatus.SUCCESS or not match.endpoints:
            return _NOTHING
        self.server = Server(address=match.address, endpoint=match.endpoints[0])
        self._tries = self._profile.request_tries
        return self._resolve(now)

    def _resolve(self, now: Us) -> Sequence[Action]:
        server = self.server
        if server is None or self._tries == 0:
            return self._undiscovered(now)
        self._tries -= 1
        self.stage = Stage.RESOLVING
        self.deadline = now + self._profile.response_timeout_ms * MILLISECOND
        return self._voice.resolve(server.address)

    def _on_address(self, found: zdo.IeeeAddressResponse, now: Us) -> Sequence[Action]:
        server = self.server
        refused = found.status != zdo.ZdoStatus.SUCCESS
        if server is None or found.address != server.address or refused:
            return _NOTHING
        self.server = Server(address=server.address, endpoint=server.endpoint, eui64=found.eui64)
        self._store.remember_server(self.server)
        report = Report(
            what=Happening.SERVER_FOUND,
            details=(("address", server.address), ("endpoint", server.endpoint)),
        )
        return (report, *self._serve(now, 0))

    def _serve(self, now: Us, delay_us: Us) -> Sequence[Action]:
        """Begin with a known server: go on with what is stored, else query after a delay."""
        self._tries = self._profile.request_tries
        held = self._store.held
        if held is None:
            return self._ready(now + delay_us)
        self._store.resume()
        return self._fetch(held, Happening.DOWNLOAD_RESUMED, now)

    # Queries.

    def _ready(self, at: Us) -> Sequence[Action]:
        self.stage, self.deadline = Stage.READY, at
        return _NOTHING

    def _rest(self, now: Us) -> Sequence[Action]:
        """Leave an upgrade: defaults come back, the next query is due in a period."""
        self._offer = None
        self.block_period = self._profile.block_period  # ZCL 11.10.10: back to the default
        self._tries = self._profile.request_tries
        jitter_s = self._rng.randrange(0, self._profile.query_jitter_s + 1)
        return self._ready(now + (self._profile.query_period_s + jitter_s) * SECOND)

    def _query(self, now: Us) -> Sequence[Action]:
        server = self.server
        if server is None:
            return self._discover(now)
        if self._tries == 0:
            return self._undiscovered(now)
        self._tries -= 1
        self.stage = Stage.QUERYING
        self.deadline = now + self._profile.response_timeout_ms * MILLISECOND
        query = ota.QueryNextImageRequest(
            control=ota.QueryControl.HARDWARE_VERSION,
            manufacturer=self._identity.manufacturer,
            image_type=self._identity.image_type,
            file_version=self._version,
            hardware_version=self._identity.hardware_version,
        )
        return self._voice.command(query, server)

    def _on_notify(self, notify: ota.ImageNotify, now: Us) -> Sequence[Action]:
        """Query because the server says that an image may be waiting (ZCL 11.13.3)."""
        return self._query(now)

    def _on_notify_early(self, notify: ota.ImageNotify, now: Us) -> Sequence[Action]:
        return self._discover(now)

    def _on_notify_busy(self, notify: ota.ImageNotify, now: Us) -> Sequence[Action]:
        self.answer = Status.FAILURE
        return _NOTHING

    def _on_query_response(self, response: ota.QueryNextImageResponse, now: Us) -> Sequence[Action]:
        reached = self._store.reached_server()
        return (*reached, *self._answered(response, now))

    def _answered(self, response: ota.QueryNextImageResponse, now: Us) -> Sequence[Action]:
        if response.status is not Status.SUCCESS:
            return self._rest(now)
        offer = Offer(
            manufacturer=response.manufacturer or 0,
            image_type=response.image_type or 0,
            file_version=response.file_version or 0,
            image_size=response.image_size or 0,
        )
        self.answer = self._weigh(offer)
        if self.answer is not Status.SUCCESS or offer.file_version == self._version:
            return self._rest(now)  # ZCL 11.13.5.4: the running version is not taken again
        if self._store.failed_before(offer):
            return self._rest(now)
        return self._begin(offer, now)

    def _weigh(self, offer: Offer) -> Status:
        """Return SUCCESS for an offer that this device can take."""
        identity = self._identity
        ours = (identity.manufacturer, identity.image_type)
        if (offer.manufacturer, offer.image_type) != ours or offer.image_size == 0:
            return Status.INVALID_FIELD
        if offer.image_size > self._store.capacity:
            return Status.INSUFFICIENT_SPACE
        return Status.SUCCESS

    def _begin(self, offer: Offer, now: Us) -> Sequence[Action]:
        if self._store.held == offer:
            return self._fetch(offer, Happening.DOWNLOAD_RESUMED, now)
        self._store.begin(offer)
        return self._fetch(offer, Happening.DOWNLOAD_STARTED, now)

    def _fetch(self, offer: Offer, what: Happening, now: Us) -> Sequence[Action]:
        """Go on with an image at the offset of the store."""
        self._offer, self._tries = offer, self._profile.block_tries
        details = (("version", offer.file_version), ("offset", self._store.offset))
        report = Report(what=what, details=details)
        if self._store.offset == offer.image_size:
            return (report, *self._downloaded(now))
        return (report, *self._ask(now))

    # Download.

    def _ask(self, now: Us) -> Sequence[Action]:
        """Ask for the block at the offset of the store, unless it is too early to."""
        offer, server = self._offer, self.server
        if offer is None or server is None:
            return self._rest(now)
        if self.block_period:
            earliest = self._asked_at + timing.block_period_us(
                self.block_period, self._profile.cluster_revision
            )
            if now < earliest:
                self.stage, self.deadline = Stage.PAUSED, earliest
                return _NOTHING
        self.stage, self._asked_at = Stage.DOWNLOADING, now
        self.deadline = now + self._profile.block_timeout_ms * MILLISECOND
        request = ota.ImageBlockRequest(
            control=self._control,
            manufacturer=offer.manufacturer,
            image_type=offer.image_type,
            file_version=offer.file_version,
            file_offset=self._store.offset,
            maximum_data_size=self._profile.block_size_octets,
            node_address=self._node_address,
            block_period=self.block_period if self._profile.block_sends_period else None,
        )
        return self._voice.command(request, server)

    def _ask_again(self, now: Us) -> Sequence[Action]:
        if self._tries == 0:
            return self._give_up(now)
        self._tries -= 1
        return self._ask(now)

    def _on_block(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        status = block.status
        if status is not Status.SUCCESS:
            return self._on_block_status(block, now)
        offer, data = self._offer, block.data
        if offer is None or data is None:
            return _NOTHING
        if (
            block.file_version != offer.file_version
            or block.image_type != offer.image_type
            or block.manufacturer != offer.manufacturer
        ):
            self.answer = Status.INVALID_VALUE
            return _NOTHING
        offset = self._store.offset
        if block.file_offset != offset:
            return _NOTHING  # a duplicate or an early block: as good as lost, wait on
        size = len(data)
        if not 0 < size <= self._profile.block_size_octets or offset + size > offer.image_size:
            self.answer = Status.INVALID_VALUE
            return _NOTHING
        self._store.append(data)
        self._tries = self._profile.block_tries
        if offset + size < offer.image_size:
            return self._ask(now)
        return self._downloaded(now)

    def _on_block_status(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        if block.status is Status.WAIT_FOR_DATA:
            return self._on_wait(block, now)
        if block.status in _BLOCK_STOPS:
            return self._stopped(now, f"the server answers {block.status.name}")
        self.answer = Status.INVALID_VALUE  # no such status here: ask again by the timer
        return _NOTHING

    def _on_wait(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        """Wait as long as the server says, then ask for the same offset (ZCL 11.13.8.4)."""
        self.block_period = block.block_period or 0  # ZCL 11.13.8.2.9: absent counts as 0
        self._tries = self._profile.block_tries
        wait_s = timing.wait_s(
            block.current_time_s or 0, block.request_time_s or 0, self._profile.longest_wait_s
        )
        pause = max(
            now + wait_s * SECOND,
            self._asked_at
            + timing.block_period_us(self.block_period, self._profile.cluster_revision),
        )
        if pause <= now:
            return self._ask(now)
        self.stage, self.deadline = Stage.PAUSED, pause
        return _NOTHING

    def _stopped(self, now: Us, why: str) -> Sequence[Action]:
        report = Report(what=Happening.DOWNLOAD_STOPPED, details=(("why", why),))
        return (report, *self._rest(now))

    def _give_up(self, now: Us) -> Sequence[Action]:
        """Tell the server that this download ends; what is stored is kept for the next offer."""
        end = self._end(Status.ABORT)
        return (*end, *self._stopped(now, "no block came"))

    # The verdict, and what the server says to it.

    def _downloaded(self, now: Us) -> Sequence[Action]:
        """Verify the image, and put the verdict on the air before anything restarts."""
        refused = self._store.check()
        if refused is None:
            report = Report(what=Happening.IMAGE_ACCEPTED)
            self._tries = self._profile.end_tries
            return (report, *self._announce(now))
        end = self._end(refused.status)
        self._store.discard()
        report = Report(what=Happening.IMAGE_REFUSED, details=(("why", refused.reason),))
        return (report, *end, *self._rest(now))

    def _end(self, status: Status) -> Sequence[Action]:
        offer, server = self._offer, self.server
        if offer is None or server is None:
            return _NOTHING
        request = ota.UpgradeEndRequest(
            status=status,
            manufacturer=offer.manufacturer,
            image_type=offer.image_type,
            file_version=offer.file_version,
        )
        return self._voice.command(request, server)

    def _announce(self, now: Us) -> Sequence[Action]:
        """Ask for leave to upgrade; a server that stays silent is asked again (ZCL 11.16)."""
        if self._tries == 0:
            if self._profile.activation_policy == timing.OUT_OF_BAND_ONLY:
                self.stage, self.deadline = Stage.EXTERNAL, None
                return _NOTHING
            if self._profile.timeout_policy == timing.APPLY_AFTER_TIMEOUT:
                return self._apply_soon(now)
            self.stage = Stage.WAITING
            self.deadline = now + self._profile.wait_poll_s * SECOND
            return _NOTHING
        self._tries -= 1
        self.stage = Stage.ENDING
        self.deadline = now + self._profile.end_retry_s * SECOND
        return self._end(Status.SUCCESS)

    def _remind(self, now: Us) -> Sequence[Action]:
        self.deadline = now + self._profile.wait_poll_s * SECOND
        return self._end(Status.SUCCESS)

    def _on_end_response(self, response: ota.UpgradeEndResponse, now: Us) -> Sequence[Action]:
        if not self._meant(response):
            return _NOTHING
        forever = response.upgrade_time_s == ota.WAIT_FOR_ANOTHER
        if self._profile.activation_policy == timing.OUT_OF_BAND_ONLY:
            self.stage, self.deadline = Stage.EXTERNAL, None
            if not forever:
                self.answer = Status.NOT_AUTHORIZED
            return _NOTHING
        if forever:
            self.stage = Stage.WAITING
            self.deadline = now + self._profile.wait_poll_s * SECOND
            return _NOTHING
        delay_s = timing.countdown_s(response.current_time_s, response.upgrade_time_s)
        if delay_s == 0:
            return self._apply_soon(now)
        if delay_s > self._profile.longest_countdown_s:
            self.stage = Stage.WAITING  # ask again then, rather than upgrade early
            self.deadline = now + self._profile.longest_countdown_s * SECOND
            return _NOTHING
        self.stage, self.deadline = Stage.COUNTING, now + delay_s * SECOND
        return _NOTHING

    def _meant(self, response: ota.UpgradeEndResponse) -> bool:
        """Tell whether a response names our image, or a wildcard, in each id (095264 6.10.10.4)."""
        offer = self._offer
        return offer is not None and (
            response.manufacturer in (offer.manufacturer, ota.ANY_MANUFACTURER)
            and response.image_type in (offer.image_type, ota.ANY_IMAGE_TYPE)
            and response.file_version in (offer.file_version, ota.ANY_VERSION)
        )

    def _apply_soon(self, now: Us) -> Sequence[Action]:
        self.stage = Stage.APPLYING
        self.deadline = now + self._profile.apply_delay_ms * MILLISECOND
        return _NOTHING

    def _apply(self, now: Us) -> Sequence[Action]:
        offer = self._offer
        version = 0 if offer is None else offer.file_version
        self._store.stage()
        self.stop()
        return (Report(what=Happening.ACTIVATING, details=(("version", version),)), Reboot())

    # Default Responses and what comes at the wrong time.

    def _on_refused_query(self, default: DefaultResponse, now: Us) -> Sequence[Action]:
        if default.command != _number(ota.QueryNextImageRequest) or default.status == 0:
            return _NOTHING
        return self._rest(now)

    def _on_refused_block(self, default: DefaultResponse, now: Us) -> Sequence[Action]:
        if default.command != _number(ota.ImageBlockRequest) or default.status not in _STOPS:
            return _NOTHING
        return self._stopped(now, f"the server answers {Status(default.status).name}")

    def _on_refused_end(self, default: DefaultResponse, now: Us) -> Sequence[Action]:
        if default.command != _number(ota.UpgradeEndRequest) or default.status == 0:
            return _NOTHING
        self._store.discard()
        return self._stopped(now, "the server refuses the upgrade")

    def _out_of_turn(self, frame: Frame, now: Us) -> Sequence[Action]:
        self.answer = Status.FAILURE
        return _NOTHING


def _number(command: type[Frame]) -> int:
    return KEYS[command].command


Handler: TypeAlias = Callable[[OtaClient, Any, Us], Sequence[Action]]
Waker: TypeAlias = Callable[[OtaClient, Us], Sequence[Action]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTable:
    """Say what a client does with each frame in each stage, and at each stage's deadline."""

    on: Mapping[tuple[Stage, type[Frame]], Handler]
    on_deadline: Mapping[Stage, Waker]
