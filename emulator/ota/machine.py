"""Hold the state of an OTA client and what all its layers do alike.

``OtaClient`` is one class in layers, each a noun and each in its own module: what is known
(``Machine``), the end of an upgrade (``Ending``), the download (``Download``), the search for a
server (``Discovery``), the queries (``Queries``), the reserve of a battery (``Reserve``). A layer
calls those below it, and what stands above is reached through the table alone; a defect replaces a
method of any layer.

Source: ZCL rev 8, chapter 11; ota-cluster fact sheet sections 1 to 4.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from emulator.actions import Action, Happening, Report
from emulator.contract import Identity
from emulator.errors import WornError
from emulator.ota import timing
from emulator.ota.pages import Page
from emulator.ota.ports import Offer, Server, Store, Voice
from emulator.ota.stages import UPGRADE_STATUS, Stage
from emulator.profiles.model import OtaProfile
from emulator.profiles.switches import DownloadedStatus
from emulator.units import MILLISECOND, SECOND, Rng, Us
from emulator.wire import ota
from emulator.wire.codec import KEYS, Frame
from emulator.wire.ota import ImageUpgradeStatus, Status

NOTHING: tuple[Action, ...] = ()
_SUCCESS = Status.SUCCESS  # looked up once, for the path of a block
#: Stages that a request of the client's began: an answer may come at any moment.
_EXPECTANT = frozenset(
    {
        Stage.DISCOVERING,
        Stage.RESOLVING,
        Stage.QUERYING,
        Stage.QUERYING_MORE,
        Stage.DOWNLOADING,
        Stage.PAGING,
    }
)

Handlers: TypeAlias = Mapping[tuple[Stage, type[Frame]], Callable[..., Sequence[Action]]]
Wakers: TypeAlias = Mapping[Stage, Callable[..., Sequence[Action]]]


class Machine:
    """Be what an OTA client knows, and its ways back to rest.

    ``answer`` is the status of the Default Response that the last frame deserves; whoever carries
    the frames sends it where ZCL 2.5.12 asks for one.
    """

    #: The charge that was told last, and the reserve for a rollback; there is enough until then.
    _percent, _reserve, _short = 0, 0, False
    #: What waits for charge: an offer that was not taken, leave to upgrade that was given.
    _declined, _granted = False, False

    def __init__(
        self,
        *,
        profile: OtaProfile,
        identity: Identity,
        version: int,
        voice: Voice,
        store: Store,
        rng: Rng,
        on: Handlers,
        on_deadline: Wakers,
    ) -> None:
        self._profile, self._identity, self._version = profile, identity, version
        self._voice, self._store, self._rng = voice, store, rng
        self._on, self._on_deadline = on, on_deadline
        self.stage = Stage.OFF
        self.deadline: Us | None = None
        self.answer = Status.SUCCESS
        self.server: Server | None = None
        self.block_period = profile.block_period
        self._offer: Offer | None = None
        #: Tries left; and queries in a row that brought nothing that can be used.
        self._tries, self._errors = 0, 0
        #: Whether the server asked for this query by a unicast notify.
        self._named = False
        #: Whether an image on trial has not reached the server yet: there is no time for a rest;
        #: and when its first query may be sent, since it must have run for a while.
        self._hurried, self._earliest = False, 0
        #: Whether the download went on from an earlier life, and nobody was asked about it since.
        self._unasked = False
        self._asked_at: Us = 0
        #: Until when an answer to an Upgrade End Request is listened for.
        self._answer_by: Us = 0
        self._period_unit_us = timing.period_unit_us(
            profile.cluster_revision, profile.block_period_unit
        )
        self._control = ota.BlockControl(
            profile.block_sends_node_address * ota.BlockControl.NODE_ADDRESS
            | profile.block_sends_period * ota.BlockControl.BLOCK_PERIOD
        )
        # Plain values for the path of a block.
        self._block_size, self._block_tries = profile.block_size_octets, profile.block_tries
        self._block_timeout_us = profile.block_timeout_ms * MILLISECOND
        self._sends_period = profile.block_sends_period
        self._node_address = identity.eui64 if profile.block_sends_node_address else None
        self._page: Page | None = None
        self._paging = False
        self._pageless: Server | None = None  # said that it has no pages
        #: Image types of a whole upgrade, which of them is next, and the first once it is verified.
        self._types = (identity.image_type, *profile.more_image_types)
        self._part = 0
        self._kept: Offer | None = None

    # What the device reads from outside the table.

    @property
    def upgrade_status(self) -> ImageUpgradeStatus:
        """Return attribute 0x0006."""
        if (
            self.stage is Stage.ENDING
            and self._profile.status_after_download is DownloadedStatus.WAITING
        ):
            return ImageUpgradeStatus.WAITING_TO_UPGRADE
        return UPGRADE_STATUS[self.stage]

    @property
    def offer(self) -> Offer | None:
        """Return the image that is being downloaded, or downloaded and not applied."""
        return self._offer

    def expects_answer(self, now: Us) -> bool:
        """Tell whether something may come at any moment; a sleepy device then polls fast."""
        return self.stage in _EXPECTANT or now < self._answer_by

    # The face of every machine.

    def stop(self) -> None:
        """Go off the network; what is stored stays."""
        self.stage, self.deadline, self._page, self._answer_by = Stage.OFF, None, None, 0

    def receive(self, frame: Frame, now: Us) -> Sequence[Action]:
        """Take a frame from the server, or from anybody where the table asks for it."""
        self.answer = _SUCCESS
        handler = self._on.get((self.stage, type(frame)))
        if handler is None:
            return NOTHING
        try:
            return handler(self, frame, now)
        except WornError as error:
            return self._worn(error, now)

    def wake(self, now: Us) -> Sequence[Action]:
        """Do what the deadline of this stage is for."""
        if self.deadline is None or now < self.deadline:
            return NOTHING
        self.deadline = None
        try:
            return self._on_deadline[self.stage](self, now)
        except WornError as error:
            return self._worn(error, now)

    # Ways back to rest.

    def _ready(self, at: Us) -> Sequence[Action]:
        self.stage = Stage.READY if self._kept is None else Stage.MORE
        self.deadline = at
        return NOTHING

    def _rest(self, now: Us) -> Sequence[Action]:
        """Leave a download: defaults come back, the next query is due in a period."""
        self._offer, self._page = self._kept, None
        self._named = self._named and self._kept is not None
        self.block_period = self._profile.block_period  # ZCL 11.10.10: back to the default
        self._tries = self._profile.request_tries
        jitter_s = self._rng.randrange(0, self._profile.query_jitter_s + 1)
        return self._ready(now + (self._profile.query_period_s + jitter_s) * SECOND)

    def _stopped(self, now: Us, why: str) -> Sequence[Action]:
        """Leave a download; one that went on without a query gives way to a query at once."""
        report = Report(what=Happening.DOWNLOAD_STOPPED, details=(("why", why),))
        self._rest(now)
        if self._unasked:
            self._unasked, self.deadline = False, now
        return (report,)

    def _deferred(self, what: str) -> Action:
        """Say that something waits until the battery has its reserve again, and why."""
        details = (("what", what), ("percent", self._percent), ("reserve", self._reserve))
        return Report(what=Happening.DEFERRED, details=details)

    def _worn(self, error: WornError, now: Us) -> Sequence[Action]:
        """Refuse what cannot be stored, and go on without it until the next query."""
        self.answer = Status.INSUFFICIENT_SPACE
        report = Report(what=Happening.FLASH_WORN, details=(("why", str(error)),))
        try:
            end = self._end(Status.ABORT)
        except WornError:  # not even the frame counter can be kept
            end = NOTHING
        self._want(0)
        self._rest(now)
        return (report, *end)

    def _end(self, status: Status) -> Sequence[Action]:
        """Send an Upgrade End Request for the image at hand."""
        offer, server = self._offer, self.server
        if offer is None or server is None:
            return NOTHING
        request = ota.UpgradeEndRequest(
            status=status,
            manufacturer=offer.manufacturer,
            image_type=offer.image_type,
            file_version=offer.file_version,
        )
        return self._voice.command(request, server)

    def _want(self, part: int) -> None:
        """Turn to one of the images of an upgrade; the first one begins it anew."""
        self._part = part
        if part == 0:
            self._kept = None
        self._store.select(part)

    def _out_of_turn(self, frame: Frame, now: Us) -> Sequence[Action]:
        self.answer = Status.FAILURE
        return NOTHING


def number(command: type[Frame]) -> int:
    """Return the command id that a Default Response names."""
    return KEYS[command].command
