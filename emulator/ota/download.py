"""Fetch an image, block by block or page by page.

Source: ZCL rev 8, 11.13.6 to 11.13.8; ota-cluster fact sheet 2.4 to 2.6 and 4.4.
"""

from collections.abc import Sequence

from emulator.actions import Action, Happening, Report
from emulator.ota import timing
from emulator.ota.ending import Ending
from emulator.ota.machine import NOTHING, number
from emulator.ota.pages import Page
from emulator.ota.ports import Offer, Server
from emulator.ota.stages import Stage
from emulator.profiles.switches import BadBlock, PastWait
from emulator.units import MILLISECOND, SECOND, Us
from emulator.wire import ota
from emulator.wire.ota import Status
from emulator.wire.zcl import DefaultResponse

#: Default Responses to a block request that end the download.
_STOPS = frozenset({Status.ABORT, Status.NO_IMAGE_AVAILABLE, Status.UNSUP_COMMAND})
#: Those to a page request; any other error means: no pages.
_PAGE_STOPS = frozenset({Status.ABORT, Status.NO_IMAGE_AVAILABLE, Status.NOT_FOUND})
#: Statuses of a block response that do; MALFORMED_COMMAND is zigpy's word for a wrong offset.
_BLOCK_STOPS = _STOPS | {Status.MALFORMED_COMMAND}
#: Looked up once: an enum finds a member by its name slowly, and these stand in each block's way.
_SUCCESS, _DOWNLOADING = Status.SUCCESS, Stage.DOWNLOADING
#: The most that the field of a page request holds.
_LONGEST_SPACING_MS = 0xFFFF


class Download(Ending):
    """Ask for what is missing, store what comes, and bear with what does not."""

    def _begin(self, offer: Offer, now: Us) -> Sequence[Action]:
        """Start to download what was offered."""
        self._store.begin(offer)
        return self._fetch(offer, Happening.DOWNLOAD_STARTED, now)

    def _fetch(self, offer: Offer, what: Happening, now: Us) -> Sequence[Action]:
        """Go on with an image at the offset of the store."""
        self._offer, self._tries = offer, self._profile.block_tries
        self._paging = self._profile.page_size_octets > 0 and self.server != self._pageless
        details = (("version", offer.file_version), ("offset", self._store.offset))
        report = Report(what=what, details=details)
        if self._store.offset == offer.image_size:
            return (report, *self._downloaded(now))
        return (report, *self._ask(now))

    # Asking.

    def _ask(self, now: Us) -> Sequence[Action]:
        """Ask for the block at the offset of the store, unless it is too early to."""
        offer, server = self._offer, self.server
        if offer is None or server is None:
            return self._rest(now)
        if self._short:
            self.stage, self.deadline = Stage.PAUSED, None
            return (self._deferred("download"),)
        if self.block_period:
            earliest = self._asked_at + self.block_period * self._period_unit_us
            if now < earliest:
                self.stage, self.deadline = Stage.PAUSED, earliest
                return NOTHING
        offset, size = self._store.offset, self._block_size
        if self._paging:
            if self._page is None:
                return self._ask_page(offer, server, now)
            size = min(size, self._page.gap(offset))  # what is there is not asked for again
        self.stage, self._asked_at = _DOWNLOADING, now
        self.deadline = now + self._block_timeout_us
        request = ota.ImageBlockRequest(
            control=self._control,
            manufacturer=offer.manufacturer,
            image_type=offer.image_type,
            file_version=offer.file_version,
            file_offset=offset,
            maximum_data_size=size,
            node_address=self._node_address,
            block_period=self.block_period if self._sends_period else None,
        )
        return self._voice.command(request, server)

    def _ask_again(self, now: Us) -> Sequence[Action]:
        if self._tries == 0:
            return self._give_up(now)
        self._tries -= 1
        return self._ask(now)

    def _give_up(self, now: Us) -> Sequence[Action]:
        """Tell the server that this download ends; what is stored is kept for the next offer."""
        end = self._end(Status.ABORT)
        return (*end, *self._stopped(now, "no block came"))

    # Blocks.

    def _on_block(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        if block.status is not _SUCCESS:
            return self._on_block_status(block, now)
        offer, data = self._offer, block.data
        if offer is None or data is None:
            return NOTHING
        if (
            block.file_version != offer.file_version
            or block.image_type != offer.image_type
            or block.manufacturer != offer.manufacturer
        ):
            return self._on_bad_block(self._profile.foreign_block, now)
        offset = self._store.offset
        if block.file_offset != offset:
            return self._on_other_offset(block.file_offset or 0, data, now)
        size = len(data)
        if not 0 < size <= self._block_size or offset + size > offer.image_size:
            return self._on_bad_block(self._profile.unfit_block, now)
        self._store.append(data)
        self._tries = self._block_tries
        if self._page is not None:
            return self._on_stored(self._page, offer, now)
        if offset + size < offer.image_size:
            return self._ask(now)
        return self._downloaded(now)

    def _on_bad_block(self, what: BadBlock, now: Us) -> Sequence[Action]:
        """Do what the profile says to a block that is not stored (ota-cluster 4.4)."""
        match what:
            case BadBlock.IGNORE:
                return NOTHING
            case BadBlock.REFUSE:
                self.answer = Status.INVALID_VALUE
                return NOTHING
            case BadBlock.MALFORMED:
                self.answer = Status.MALFORMED_COMMAND
                return NOTHING if self.stage is Stage.PAGING else self._ask_again(now)
            case BadBlock.END:
                end = self._end(Status.INVALID_IMAGE)
                self._store.discard()
                return (*end, *self._stopped(now, "a block was not what was asked for"))

    def _on_block_status(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        if block.status is Status.WAIT_FOR_DATA:
            return self._on_wait(block, now)
        if block.status in _BLOCK_STOPS:
            return self._stopped(now, f"the server answers {block.status.name}")
        self.answer = Status.INVALID_VALUE  # no such status here: ask again by the timer
        return NOTHING

    def _on_wait(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        """Wait as long as the server says, then ask for the same offset (ZCL 11.13.8.4)."""
        current_s, request_s = block.current_time_s or 0, block.request_time_s or 0
        if request_s < current_s and self._profile.past_wait is PastWait.MALFORMED:
            self.answer = Status.MALFORMED_COMMAND
            return self._stopped(now, "the server asks to wait for a time that is past")
        if self._page is not None and not self._page.heard:
            self._page = None  # the server ends the page (ota-cluster 2.5)
        self.block_period = block.block_period or 0  # ZCL 11.13.8.2.9: absent counts as 0
        self._tries = self._profile.block_tries
        wait_s = timing.wait_s(current_s, request_s, self._profile.longest_wait_s)
        pause = max(
            now + wait_s * SECOND, self._asked_at + self.block_period * self._period_unit_us
        )
        if pause <= now:
            return self._ask(now)
        self.stage, self.deadline = Stage.PAUSED, pause
        return NOTHING

    def _on_refused_block(self, default: DefaultResponse, now: Us) -> Sequence[Action]:
        if default.command != number(ota.ImageBlockRequest) or default.status not in _STOPS:
            return NOTHING
        return self._stopped(now, f"the server answers {Status(default.status).name}")

    # Pages.

    def _ask_page(self, offer: Offer, server: Server, now: Us) -> Sequence[Action]:
        """Ask for a run of blocks from the offset of the store on (ZCL 11.13.7)."""
        profile, offset = self._profile, self._store.offset
        self._page = Page(offset, min(offset + profile.page_size_octets, offer.image_size))
        self.stage, self._asked_at = Stage.PAGING, now
        self.deadline = now + self._page_patience_us
        request = ota.ImagePageRequest(
            control=self._control & ota.BlockControl.NODE_ADDRESS,
            manufacturer=offer.manufacturer,
            image_type=offer.image_type,
            file_version=offer.file_version,
            file_offset=offset,
            maximum_data_size=profile.block_size_octets,
            page_size=profile.page_size_octets,  # the server clips it to the image's end
            response_spacing_ms=self._spacing_us // MILLISECOND,
            node_address=self._node_address,
        )
        return self._voice.command(request, server)

    @property
    def _spacing_us(self) -> Us:
        """Return the time between the blocks of a page: ours, or what the server limits us to."""
        limit_us = self.block_period * self._period_unit_us
        longest_us = _LONGEST_SPACING_MS * MILLISECOND
        return min(max(self._profile.page_spacing_ms * MILLISECOND, limit_us), longest_us)

    @property
    def _page_patience_us(self) -> Us:
        return self._profile.page_timeout_ms * MILLISECOND + self._spacing_us

    def _on_other_offset(self, offset: int, data: bytes, now: Us) -> Sequence[Action]:
        """Keep a block of the page that overtook others; else it is as good as lost."""
        page = self._page
        if page is None or len(data) > self._profile.block_size_octets or not data:
            return NOTHING  # a duplicate or an early block: wait on
        if page.hold(offset, data, self._store.offset) and self.stage is Stage.PAGING:
            self.deadline = now + self._page_patience_us
        return NOTHING

    def _on_stored(self, page: Page, offer: Offer, now: Us) -> Sequence[Action]:
        """Store what waited for the block just stored, and see what is missing of the page."""
        store = self._store
        page.heard = True
        while (data := page.next(store.offset)) is not None:
            store.append(data)
        if store.offset >= page.end:
            self._page = None
            return self._ask(now) if store.offset < offer.image_size else self._downloaded(now)
        if self.stage is Stage.PAGING:
            self.deadline = now + self._page_patience_us
            return NOTHING
        return self._ask(now)

    def _on_page_silence(self, now: Us) -> Sequence[Action]:
        """Ask by block for what is missing of the page; after a page of nothing, for all."""
        if self._page is None or not self._page.heard:
            return self._leave_pages(now)
        return self._ask(now)

    def _leave_pages(self, now: Us) -> Sequence[Action]:
        self._page, self._paging = None, False
        return self._ask(now)

    def _on_refused_page(self, default: DefaultResponse, now: Us) -> Sequence[Action]:
        if default.command != number(ota.ImagePageRequest) or default.status == 0:
            return NOTHING
        if default.status in _PAGE_STOPS:
            return self._stopped(now, f"the server answers {Status(default.status).name}")
        if default.status == Status.UNSUP_COMMAND:
            self._pageless = self.server
        return self._leave_pages(now)
