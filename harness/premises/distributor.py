"""Serve each bridge of a home its own image, and remember of blocks only how far they have come."""

from collections.abc import Sequence
from typing import Any

from emulator.actions import Action
from emulator.wire import ota
from emulator.wire.aps import Datagram
from harness.hub.images import Served
from harness.hub.ledger import Heard
from harness.hub.server import answers_of
from harness.hub.serving import best_image, offer_of
from harness.hub.settings import Settings
from harness.premises.hub import PremisesHub


class Distributor(PremisesHub):
    """Be the hub of a home that is upgraded: two bridges of one type may get different images.

    Attributes:
        assigned: The image that each bridge is offered, by NWK address.
        offsets: Up to where each bridge asked last, by NWK address.
        blocks: How many blocks were asked for, by all.
    """

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        self.assigned: dict[int, Served] = {}
        self.offsets: dict[int, int] = {}
        self.blocks = 0
        self._alike = False  # whether two images are assigned that have the same ids

    def assign(self, images: dict[int, Served]) -> None:
        """Offer each bridge its image, and nothing to all others."""
        self.serve(*images.values())
        self.assigned = dict(images)
        unlike = {one.octets: ids_of(one) for one in images.values()}
        self._alike = len(set(unlike.values())) < len(unlike)

    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        if datagram.source in self._housed:  # a display or meter
            return super()._on_query(query, datagram, settings)
        one = self.assigned.get(datagram.source)
        best = None if one is None else best_image((one,), query, settings.offers)
        return self.answer(offer_of(best), datagram)

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        one = self.assigned.get(datagram.source) if self._alike else None
        if one is not None:
            ids = (request.manufacturer, request.image_type, request.file_version)
            # Two images may have the same ids: who asks says which of them is meant.
            if self._by_ids.get(ids, one) is not one and ids == ids_of(one):
                self._by_ids[ids] = one
        return super()._on_block(request, datagram, settings)

    def _hear(self, heard: Heard) -> None:
        frame = heard.frame
        if type(frame) is ota.ImageBlockRequest:
            self.offsets[heard.source] = frame.file_offset
            self.blocks += 1
        else:
            super()._hear(heard)


Distributor.answers = answers_of(Distributor)


def ids_of(image: Served) -> tuple[int, int, int]:
    """Return what a block request names of an image."""
    return image.manufacturer, image.image_type, image.file_version
