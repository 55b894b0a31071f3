"""Stream the blocks of a page, each at its time.

Source: ZCL rev 8, 11.13.7; ota-cluster fact sheet section 2.5.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from emulator.units import MILLISECOND, Rng, Us
from emulator.wire import ota
from emulator.wire.ota import Status
from harness.hub.images import Served
from harness.hub.serving import block_of
from harness.hub.settings import Paging, Settings


@dataclass(slots=True)
class PageDesk:
    """Plan pages, one at a time for a device, and count their blocks."""

    _until: dict[int, Us] = field(default_factory=dict)  # end of the last page, by device
    _blocks: int = 0

    def serve(
        self,
        request: ota.ImagePageRequest,
        image: Served | None,
        *,
        source: int,
        settings: Settings,
        now: Us,
        rng: Rng | None,
    ) -> Status | Sequence[tuple[Us, ota.ImageBlockResponse]]:
        """Return each block of a page with its delay, or the status that says why there is none."""
        pages = settings.pages
        if pages.paging is not Paging.SERVED:
            return Status.UNSUP_COMMAND if pages.paging is Paging.REFUSED else ()
        if self._until.get(source, -1) > now:
            return Status.FAILURE  # one page at a time [SL-S]
        if image is None:
            return Status.NOT_FOUND
        beyond = request.file_offset > len(image.octets)
        if beyond or not 0 < request.maximum_data_size <= request.page_size:
            return Status.INVALID_VALUE
        blocks = list(page_blocks(request, image, settings.block_limit))
        if pages.shuffled:
            _shuffle(blocks, rng)
        gap_us = max(request.response_spacing_ms, pages.least_spacing_ms) * MILLISECOND
        first, self._blocks = self._blocks, self._blocks + len(blocks)
        self._until[source] = now + gap_us * (len(blocks) - 1)
        return [
            (gap_us * number, block)
            for number, block in enumerate(blocks)
            if first + number not in pages.missing
        ]

    def forget(self) -> None:
        """Forget the pages that are under way."""
        self._until.clear()


def page_blocks(
    request: ota.ImagePageRequest, image: Served, limit: int
) -> Iterator[ota.ImageBlockResponse]:
    """Yield the blocks of a page, clipped at the end of the file.

    Args:
        request: What was asked.
        image: The image it names.
        limit: Most octets of an image that fit a frame.
    """
    end = min(request.file_offset + request.page_size, len(image.octets))
    size = min(request.maximum_data_size, limit)
    for offset in range(request.file_offset, end, size):
        yield block_of(image, offset, min(size, end - offset))


def _shuffle(blocks: list[ota.ImageBlockResponse], rng: Rng | None) -> None:
    if rng is None:
        raise RuntimeError("this hub was made without chance: give it an rng")
    for last in range(len(blocks) - 1, 0, -1):
        other = rng.randrange(0, last + 1)
        blocks[last], blocks[other] = blocks[other], blocks[last]
