"""Break pages, verdicts, notifies and what a hub makes of nonsense."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from emulator.units import MILLISECOND, MINUTE, Us
from emulator.wire import ota, zcl
from emulator.wire.aps import FIRST_BROADCAST, Datagram
from emulator.wire.ota import Status
from harness.hub.drafts import Draft, answer_draft
from harness.hub.lies import Edit, Replace
from harness.hub.serving import block_of
from harness.hub.settings import Paging, Settings
from harness.servers.broken.hub import Actions, Edits, Replaced


class Pages(Replaced):
    """Serve pages its own way."""

    def _paged(self, request: ota.ImagePageRequest, settings: Settings) -> ota.ImagePageRequest:
        return request

    def _on_page(
        self, request: ota.ImagePageRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        return super()._on_page(self._paged(request, settings), datagram, settings)


class HurriesPages(Pages):
    """Be a hub that sends the blocks of a page as fast as it can."""

    def _paged(self, request: ota.ImagePageRequest, settings: Settings) -> ota.ImagePageRequest:
        return replace(request, response_spacing_ms=0)


class RunsOffTheEnd(Pages):
    """Be a hub that goes on with empty blocks behind the end of a page's file."""

    def _on_page(
        self, request: ota.ImagePageRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        sent = list(super()._on_page(request, datagram, settings))
        for one in self.images:
            served = settings.pages.paging is Paging.SERVED
            if served and request.file_offset + request.page_size > len(one.octets):
                empty = answer_draft(block_of(one, len(one.octets), 0), datagram)
                sent += self._put(replace(empty, delay_us=400 * MILLISECOND))
        return sent


class SilentOnPages(Pages):
    """Be a hub that says nothing to a page request that it does not serve."""

    def _on_page(
        self, request: ota.ImagePageRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        if settings.pages.paging is Paging.REFUSED:
            return ()
        return super()._on_page(request, datagram, settings)


class EndsForAnybody(Edits):
    """Be a hub that ends every upgrade with wildcards for ids."""

    def edits(self, draft: Draft) -> Sequence[Edit]:
        if draft.kind is not ota.UpgradeEndResponse:
            return ()
        return [Replace(b"\xff" * 8 + draft.payload[8:])]


class ThanksForEverything(Replaced):
    """Be a hub that tells a device to activate what it refused."""

    def _on_end(
        self, end: ota.UpgradeEndRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        return super()._on_end(replace(end, status=Status.SUCCESS), datagram, settings)


class TakesHalfAVerdict(Replaced):
    """Be a hub that takes an Upgrade End Request that is cut short for a whole one."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Actions:
        payload = datagram.payload
        if payload[2:4] == b"\x06\x00" and len(payload) < 12 and self.images:
            one = self.images[0]
            octets = ota.UpgradeEndRequest(
                status=Status.SUCCESS,
                manufacturer=one.manufacturer,
                image_type=one.image_type,
                file_version=one.file_version,
            ).encode()
            datagram = replace(datagram, payload=payload[:3] + octets)
        return super()._on_ota(datagram, now)


class SilentOnNonsense(Replaced):
    """Be a hub that says nothing to a request that is cut short."""

    def default_response(self, request: Datagram, status: Status) -> Actions:
        if status is Status.MALFORMED_COMMAND:
            return ()
        return super().default_response(request, status)


class SilentOnOwnFiles(Replaced):
    """Be a hub that says nothing to a query for a file of the device's own."""

    def _on_own_file(
        self, query: ota.QueryDeviceSpecificFileRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        return ()


class HandsOutOwnFiles(Replaced):
    """Be a hub that offers firmware where credentials were asked for."""

    def _on_own_file(
        self, query: ota.QueryDeviceSpecificFileRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        one = self.images[0]
        offer = ota.QueryDeviceSpecificFileResponse(
            status=Status.SUCCESS,
            manufacturer=one.manufacturer,
            image_type=0xFFC0,
            file_version=one.file_version,
            image_size=one.image_size,
        )
        return self.answer(offer, datagram)


class LooksAtNoDestination(Replaced):
    """Be a hub that hands the file of one device to any that asks."""

    def _on_own_file(
        self, query: ota.QueryDeviceSpecificFileRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        for one in self.images:
            if one.of_one_device and one.destination is not None:
                query = replace(query, node_address=one.destination)
        return super()._on_own_file(query, datagram, settings)


class KnowsNoOwnFiles(Replaced):
    """Be a hub that has files for single devices, and does not know the query for them."""

    def _on_own_file(
        self, query: ota.QueryDeviceSpecificFileRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        return self.default_response(datagram, Status.UNSUP_COMMAND)


class ForgetsSlowDevices(Replaced):
    """Give a device up that is silent for a minute after its blocks."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        self._served_at: Us | None = None

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        self._served_at = self._now
        return super()._on_block(request, datagram, settings)

    def _on_end(
        self, end: ota.UpgradeEndRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        if self._served_at is not None and self._now - self._served_at > MINUTE:
            return ()
        return super()._on_end(end, datagram, settings)


class AsksEverybody(Replaced):
    """Be a hub that asks for Default Responses to a broadcast."""

    def _emit(self, draft: Draft) -> Actions:
        if draft.kind is ota.ImageNotify and draft.to >= FIRST_BROADCAST:
            control = draft.header[0] & ~zcl.NO_DEFAULT_RESPONSE
            draft = replace(draft, header=bytes((control,)) + draft.header[1:])
        return super()._emit(draft)


class GivesUpOnTheDeaf(Replaced):
    """End a session whose notify got no query in half a minute."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        self._notified: Us | None = None

    def _emit(self, draft: Draft) -> Actions:
        if draft.kind is ota.ImageNotify:
            self._notified = self._now
        return super()._emit(draft)

    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        if self._notified is not None and self._now - self._notified > MINUTE // 2:
            return ()
        return super()._on_query(query, datagram, settings)


class AnswersComplaints(Replaced):
    """Be a hub that answers Default Responses."""

    def _on_general(self, datagram: Datagram, now: Us) -> Actions:
        super()._on_general(datagram, now)
        return self.default_response(datagram, Status.SUCCESS)


class SilentOnUnknownCommands(Replaced):
    """Be a hub that says nothing to commands that it does not know."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Actions:
        if datagram.payload[2:3] > b"\x08":
            return ()
        return super()._on_ota(datagram, now)


class FillsUpHalves(Replaced):
    """Be a hub that fills up a block request that is cut short, and serves it."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Actions:
        payload = datagram.payload
        if payload[2:4] == b"\x03\x00" and len(payload) in (15, 16):
            datagram = replace(datagram, payload=payload.ljust(17, b"\x32"))
        return super()._on_ota(datagram, now)


class StumblesOverNothing(Replaced):
    """Be a hub that is silent for ever once a frame had no header."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        self._stumbled = False

    def _on_ota(self, datagram: Datagram, now: Us) -> Actions:
        self._stumbled |= len(datagram.payload) < 3
        return () if self._stumbled else super()._on_ota(datagram, now)
