"""Break what a hub says about itself and about its images."""

from collections.abc import Sequence
from dataclasses import replace

from emulator.units import Us
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame
from emulator.wire.ota import Status
from harness.hub.drafts import Draft
from harness.hub.images import Served
from harness.hub.lies import Append, Control, Edit, Envelope, OtherSequence
from harness.hub.serving import offer_of
from harness.hub.settings import Settings
from harness.servers.broken.hub import Actions, Edits, Replaced


class DeafToUnicastDiscovery(Replaced):
    """Be a hub that answers Match_Desc_req only where everybody is asked."""

    def _on_zdo(self, datagram: Datagram, now: Us) -> Actions:
        asks = datagram.cluster == zdo.CLUSTERS[zdo.MatchDescriptorRequest]
        if asks and datagram.payload[1:2] < b"\xf8":
            return ()
        return super()._on_zdo(datagram, now)


class PadsOffers(Edits):
    """Be a hub that sends offers with an octet too many."""

    def edits(self, draft: Draft) -> Sequence[Edit]:
        return [Append(b"\0")] if draft.kind is ota.QueryNextImageResponse else ()


class RefusesInGeneral(Replaced):
    """Be a hub that says that there is no image in a Default Response."""

    def answer(self, frame: Frame, request: Datagram) -> Actions:
        none = Status.NO_IMAGE_AVAILABLE
        if isinstance(frame, ota.QueryNextImageResponse) and frame.status is none:
            return self.default_response(request, none)
        return super().answer(frame, request)


class NamesWhatItHasNot(Edits):
    """Be a hub that names ids and size behind NO_IMAGE_AVAILABLE."""

    def edits(self, draft: Draft) -> Sequence[Edit]:
        none = draft.kind is ota.QueryNextImageResponse and len(draft.payload) == 1
        return [Append(bytes(12))] if none else ()


class IgnoresHardware(Replaced):
    """Be a hub that does not look at the hardware version of the query."""

    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        unsaid = replace(query, control=ota.QueryControl(0), hardware_version=None)
        return super()._on_query(unsaid, datagram, settings)


class ChoosesItself(Replaced):
    """Offer an image by a rule of its own."""

    def _chosen(self, query: ota.QueryNextImageRequest) -> Served | None:
        raise NotImplementedError

    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        return self.answer(offer_of(self._chosen(query)), datagram)

    def _fitting(self, query: ota.QueryNextImageRequest) -> list[Served]:
        return [
            one
            for one in self.images
            if one.fits(query.manufacturer, query.image_type, query.hardware_version)
            and one.file_version > query.file_version
        ]


class ExcludesTheHighestHardware(ChoosesItself):
    """Be a hub that leaves the highest hardware version of the range out."""

    def _chosen(self, query: ota.QueryNextImageRequest) -> Served | None:
        said = query.hardware_version
        fitting = (
            one
            for one in self._fitting(query)
            if None in (said, one.maximum_hardware)
            or said != one.maximum_hardware
            or one.minimum_hardware == one.maximum_hardware
        )
        return max(fitting, key=lambda one: one.file_version, default=None)


class OffersTheNext(ChoosesItself):
    """Be a hub that offers the next version instead of the highest."""

    def _chosen(self, query: ota.QueryNextImageRequest) -> Served | None:
        return min(self._fitting(query), key=lambda one: one.file_version, default=None)


class LooksAtNoMaker(ChoosesItself):
    """Be a hub that offers an image to devices of another manufacturer."""

    def _chosen(self, query: ota.QueryNextImageRequest) -> Served | None:
        asked = {one.manufacturer for one in self.images}
        for maker in sorted(asked):
            if fitting := self._fitting(replace(query, manufacturer=maker)):
                return max(fitting, key=lambda one: one.file_version)
        return None


class LooksAtNoType(ChoosesItself):
    """Be a hub that offers an image to devices of another image type."""

    def _chosen(self, query: ota.QueryNextImageRequest) -> Served | None:
        for kind in sorted({one.image_type for one in self.images}):
            if fitting := self._fitting(replace(query, image_type=kind)):
                return max(fitting, key=lambda one: one.file_version)
        return None


class OffersTheSameAgain(ChoosesItself):
    """Be a hub that offers a device what it runs."""

    def _chosen(self, query: ota.QueryNextImageRequest) -> Served | None:
        same = max(0, query.file_version - 1)
        fitting = self._fitting(replace(query, file_version=same))
        return max(fitting, key=lambda one: one.file_version, default=None)


class NeedsHardware(Replaced):
    """Be a hub that answers FAILURE to a query without hardware version."""

    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        if query.hardware_version is None:
            return self.default_response(datagram, Status.FAILURE)
        return super()._on_query(query, datagram, settings)


class CountsByItself(Edits):
    """Be a hub that answers under a sequence number of its own."""

    def edits(self, draft: Draft) -> Sequence[Edit]:
        return [OtherSequence()]


class WantsToBeAnswered(Edits):
    """Be a hub that asks for Default Responses to its answers."""

    def edits(self, draft: Draft) -> Sequence[Edit]:
        return [Control(clear=zcl.NO_DEFAULT_RESPONSE)]


class ForgetsTheProfile(Edits):
    """Be a hub that says that there is no image in the profile of another endpoint."""

    def edits(self, draft: Draft) -> Sequence[Edit]:
        none = draft.kind is ota.QueryNextImageResponse and len(draft.payload) == 1
        return [Envelope(profile=0xC05E)] if none else ()
