"""A device that uses page requests takes what comes, and does without where they are unknown."""

import pytest

from emulator.profiles.model import Profile
from emulator.units import SECOND
from emulator.wire import ota
from emulator.wire.ota import Status
from harness.bench import Bench
from harness.cases.conftest import MakeBench
from harness.covers import covers
from harness.dut.rungs import rungs
from harness.hub.settings import Pages, Paging
from harness.verdict import Unsupported

#: A bridge that uses pages of 16 blocks; shipped profiles do not (docs/profiles.md).
PAGES = {"ota.page_size_octets": 512, "ota.block_size_octets": 32, "ota.page_spacing_ms": 20}


def _paging(make_bench: MakeBench, profile: Profile, pages: Pages) -> Bench:
    """Return a started bench whose device uses pages, its own if it has any; the hub serves so.

    Raises:
        Unsupported: A page of the device is a block: none is saved, and its gap is all of it.
    """
    bench = make_bench(None if profile.ota.page_size_octets else PAGES)
    page, block = bench.profile.ota.page_size_octets, bench.block_octets
    if pages.paging is Paging.SERVED and page < 2 * block:
        raise Unsupported(f"needs pages of 2 blocks or more, not of {page} octets for {block}")
    bench.hub.settings.pages = pages
    bench.start()
    return bench


@covers("OTA-C-075")
def test_page_request_layout(make_bench: MakeBench, profile: Profile) -> None:
    """A page request has the fields that its field control announces, and sensible values.

    Attack: none; the hub serves pages.
    Expect: 18 or 26 octets; the page is no smaller than a block; fewer requests than blocks.
    Source: ZCL rev 8, 11.13.7.
    """
    bench = _paging(make_bench, profile, Pages(paging=Paging.SERVED))
    image = bench.image(size=4000)
    assert bench.offer(image) is Status.SUCCESS
    page = bench.last(ota.ImagePageRequest)
    octets = len(bench.last_datagram(ota.ImagePageRequest).payload) - 3
    assert octets == 18 + 8 * (int(page.control) & 1)
    assert page.page_size >= page.maximum_data_size
    assert bench.count(ota.ImagePageRequest) + bench.count(ota.ImageBlockRequest) < (
        len(image) // bench.block_octets
    )

    bench.settle()  # control: what came by pages is the image
    assert bench.running_version() == bench.version(1)


@rungs(end=2)
@covers("OTA-C-076", "OTA-C-077")
@pytest.mark.parametrize(
    "pages",
    [
        Pages(paging=Paging.SERVED, missing=frozenset({3, 4, 9})),
        Pages(paging=Paging.SERVED, shuffled=True),
    ],
    ids=["blocks_missing", "out_of_order"],
)
def test_page_with_gaps(make_bench: MakeBench, profile: Profile, pages: Pages) -> None:
    """A device fills the gaps of a page and puts its blocks in order.

    Attack: three blocks of a page never come, or the blocks come in any order.
    Expect: the image verifies and runs; not the whole image is asked for again.
    Source: [ZS], [SL-PR].
    """
    bench = _paging(make_bench, profile, pages)
    image = bench.image(size=4000)
    assert bench.offer(image) is Status.SUCCESS
    again = bench.count(ota.ImageBlockRequest)
    assert again <= len(image) // bench.block_octets // 2
    bench.settle()
    assert bench.running_version() == bench.version(1)

    bench.hub.settings.pages = Pages(paging=Paging.SERVED)  # control
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)


@rungs(end=2)
@covers("OTA-C-078", "OTA-C-079")
@pytest.mark.parametrize("paging", [Paging.REFUSED, Paging.IGNORED], ids=["refused", "silence"])
def test_server_without_pages(make_bench: MakeBench, profile: Profile, paging: Paging) -> None:
    """A device falls back to block requests where pages are refused, or not answered.

    Attack: the page request gets Default Response UNSUP_COMMAND, or nothing.
    Expect: a block request of the same offset within 30 s; the image runs.
    Source: [SL-C]; zigpy PR 1431.
    """
    bench = _paging(make_bench, profile, Pages(paging=paging))
    assert bench.offer(bench.image()) is Status.SUCCESS
    page = bench.heard_at(ota.ImagePageRequest)[0]
    block = bench.heard_at(ota.ImageBlockRequest)[0]
    assert page.frame.file_offset == block.frame.file_offset  # type: ignore[attr-defined]  # kind
    assert block.at - page.at <= 30 * SECOND
    bench.settle()
    assert bench.running_version() == bench.version(1)

    bench.hub.settings.pages = Pages(paging=Paging.SERVED)  # control
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)
