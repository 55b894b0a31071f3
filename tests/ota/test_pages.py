"""Page requests: blocks in any order, gaps asked for alone, and the way back to single blocks.

Source: ZCL rev 8, 11.13.7; ota-cluster fact sheet 2.5; OTA-C-075 to OTA-C-079.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.actions import Happening
from emulator.ota.pages import Page
from emulator.ota.stages import Stage
from emulator.profiles.switches import BadBlock
from emulator.units import MILLISECOND, SECOND
from emulator.wire import ota
from emulator.wire.codec import Frame
from emulator.wire.ota import ImageUpgradeStatus, Status
from tests.ota import scripted as script
from tests.ota.scripted import BLOCK, PAGE, SIZE, Rig, whats

UNSUPPORTED = script.default(ota.ImagePageRequest, Status.UNSUP_COMMAND)


def paging(**changes: object) -> Rig:
    return script.at(Stage.PAGING, **changes)


# The request.


def test_a_download_by_pages_asks_for_a_page() -> None:
    rig = script.at(Stage.QUERYING, page_size_octets=PAGE)
    assert rig.hear(script.offered())[1:] == [script.ask_page(0)]
    assert rig.client.upgrade_status is ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS
    assert rig.left_us == (5000 + 50) * MILLISECOND


def test_pages_are_off_by_default() -> None:
    rig = script.at(Stage.QUERYING)
    assert rig.hear(script.offered())[1:] == [script.ask(0)]


@pytest.mark.parametrize(("node", "octets"), [(False, 18), (True, 26)])
def test_a_page_request_has_the_fields_it_announces(node: bool, octets: int) -> None:
    rig = script.at(Stage.QUERYING, page_size_octets=PAGE, block_sends_node_address=node)
    request = rig.hear(script.offered())[1]
    assert request.node_address == (0xAABBCCDDEEFF0011 if node else None)
    assert len(request.encode()) == octets


def test_the_last_page_is_asked_for_whole() -> None:
    """The server clips it; a page below the block size would be refused by some."""
    rig = paging()
    rig.hear(script.block(0))
    assert rig.hear(script.block(40)) == [script.ask_page(80)]
    assert whats(rig.hear(script.block(80))) == [Happening.IMAGE_ACCEPTED, script.end()]
    assert rig.store.octets == script.content(0, SIZE)


@pytest.mark.parametrize(("period", "spacing"), [(0, 50), (20, 50), (200, 200), (0xFFFE, 0xFFFE)])
def test_blocks_of_a_page_keep_the_period_of_the_server(period: int, spacing: int) -> None:
    rig = paging()
    rig.hear(script.hold(0, 1, period))
    assert rig.wait() == [script.ask_page(0, response_spacing_ms=spacing)]
    assert rig.left_us == (5000 + spacing) * MILLISECOND


def test_a_period_in_seconds_does_not_overflow_the_spacing() -> None:
    rig = paging(cluster_revision=2)
    rig.hear(script.hold(0, 0, 100))
    assert rig.wait() == [script.ask_page(0, response_spacing_ms=0xFFFF)]


def test_pages_are_as_far_apart_as_the_period() -> None:
    rig = paging()
    rig.hear(script.hold(0, 0, 60_000))
    rig.wait()
    rig.hear(script.block(0))
    assert rig.hear(script.block(40)) == []
    assert (rig.stage, rig.left_us) == (Stage.PAUSED, 60 * SECOND)


# The stream.


def test_blocks_may_overtake_each_other() -> None:
    rig = paging(page_size_octets=120)
    assert rig.hear(script.block(80)) == []
    assert rig.hear(script.block(40)) == []
    assert rig.store.octets == b""
    assert whats(rig.hear(script.block(0))) == [Happening.IMAGE_ACCEPTED, script.end()]
    assert rig.store.octets == script.content(0, SIZE)


def test_an_empty_block_is_not_heard() -> None:
    rig = paging()
    assert rig.hear(script.block(40, b"")) == []
    assert rig.wait() == [script.ask(0)]
    rig.hear(script.block(0))
    assert rig.hear(script.block(40)) == [script.ask(80)]  # by blocks: nothing came of the page


def test_a_duplicate_is_stored_once() -> None:
    rig = paging()
    for _ in range(2):
        rig.hear(script.block(40))
    rig.hear(script.block(0))
    assert rig.store.octets == script.content(0, 80)
    rig.hear(script.block(0))
    rig.hear(script.block(40))
    assert rig.store.octets == script.content(0, 80)


def test_each_new_block_gives_the_stream_more_time_and_a_duplicate_none() -> None:
    rig = paging(page_size_octets=120)
    patience = rig.left_us
    rig.rest(SECOND)
    rig.hear(script.block(0))
    assert rig.left_us == patience
    rig.rest(SECOND)
    rig.hear(script.block(80))
    assert rig.left_us == patience
    rig.rest(SECOND)
    for again in (script.block(0), script.block(80), script.block(40, file_version=1)):
        rig.hear(again)
    assert rig.left_us == (patience or 0) - SECOND


@pytest.mark.parametrize(
    "bad",
    [
        script.block(40, manufacturer=0x1234),
        script.block(40, image_type=0x1234),
        script.block(40, file_version=1),
        script.block(40, b""),
        script.block(40, bytes(BLOCK + 1)),
        script.block(80),  # beyond the page
        script.block(60, bytes(21)),  # over its end
    ],
    ids=repr,
)
def test_a_bad_block_is_not_kept(bad: Frame) -> None:
    rig = paging()
    rig.hear(bad)
    assert rig.hear(script.block(0)) == []
    assert (rig.stage, rig.store.octets) == (Stage.PAGING, script.content(0))
    assert rig.hear(script.block(40)) == [script.ask_page(80)]
    assert rig.store.octets == script.content(0, 80)


def test_a_block_larger_than_asked_is_not_kept_in_a_large_page_either() -> None:
    rig = paging(page_size_octets=120)
    rig.hear(script.block(40, bytes(BLOCK + 1)))
    rig.hear(script.block(0))
    assert rig.store.octets == script.content(0)


# Gaps.


def test_only_what_is_missing_is_asked_for_again() -> None:
    rig = paging(page_size_octets=100)
    rig.hear(script.block(0, script.content(0, 20)))
    rig.hear(script.block(30, script.content(30, 20)))
    rig.hear(script.block(80, script.content(80, 20)))
    assert rig.wait() == [script.ask(20, size=10)]
    assert rig.hear(script.block(20, script.content(20, 10))) == [script.ask(50, size=30)]
    last = rig.hear(script.block(50, script.content(50, 30)))
    assert whats(last) == [Happening.IMAGE_ACCEPTED, script.end()]
    assert rig.store.octets == script.content(0, SIZE)


def test_after_a_gap_the_next_page_follows() -> None:
    rig = paging()
    rig.hear(script.block(40))
    assert rig.wait() == [script.ask(0)]
    assert rig.hear(script.block(0)) == [script.ask_page(80)]


def test_a_late_block_of_the_stream_is_not_asked_for() -> None:
    rig = paging(page_size_octets=100)
    rig.hear(script.block(20, script.content(20, 20)))
    assert rig.wait() == [script.ask(0, size=20)]
    assert rig.hear(script.block(80)) == []  # it was only slow
    assert rig.hear(script.block(0, script.content(0, 20))) == [script.ask(40, size=40)]


def test_a_late_block_gives_a_gap_no_more_time() -> None:
    rig = paging(page_size_octets=100)
    rig.hear(script.block(40))
    rig.wait()
    deadline = rig.client.deadline
    rig.rest(SECOND)
    rig.hear(script.block(80))
    assert rig.client.deadline == deadline


def test_a_page_that_broke_off_is_no_page_of_silence() -> None:
    rig = paging()
    rig.hear(script.block(0))
    assert rig.wait() == [script.ask(40)]
    assert rig.hear(script.block(40)) == [script.ask_page(80)]


def test_a_short_block_in_a_gap_is_gone_on_from() -> None:
    rig = paging()
    rig.hear(script.block(40))
    rig.wait()
    assert rig.hear(script.block(0, script.content(0, 7))) == [script.ask(7, size=33)]


def test_a_block_over_a_gap_loses_nothing() -> None:
    """A server that sends more than the gap, up to the block size, repeats what is there."""
    rig = paging()
    rig.hear(script.block(20, script.content(20, 40)))
    assert rig.wait() == [script.ask(0, size=20)]
    assert rig.hear(script.block(0, script.content(0, 40))) == [script.ask(60, size=20)]
    assert rig.store.octets == script.content(0, 60)


def test_a_gap_that_nobody_fills_is_given_up_like_any_block() -> None:
    rig = paging(block_tries=2)
    rig.hear(script.block(40))
    assert [rig.wait() for _ in range(3)] == [[script.ask(0)]] * 3
    actions = rig.wait()
    assert whats(actions) == [script.end(Status.ABORT), Happening.DOWNLOAD_STOPPED]
    rig.wait()
    assert rig.hear(script.offered())[1:] == [script.ask_page(0)]


# The way back to blocks.


def test_a_page_of_silence_ends_pages_for_this_download() -> None:
    rig = paging()
    waited = rig.left_us or 0
    assert rig.wait() == [script.ask(0)]
    assert waited <= 30 * SECOND
    assert rig.hear(script.block(0)) == [script.ask(40)]
    assert rig.hear(script.block(40)) == [script.ask(80)]
    rig.hear(ota.ImageBlockResponse(status=Status.ABORT))
    rig.wait()
    assert rig.hear(script.offered())[1:] == [script.ask_page(80)]  # silence is no refusal


def test_a_server_without_pages_is_never_asked_for_one_again() -> None:
    rig = paging()
    assert rig.hear(UNSUPPORTED) == [script.ask(0)]
    assert rig.hear(script.block(0)) == [script.ask(40)]
    rig.hear(ota.ImageBlockResponse(status=Status.ABORT))
    rig.wait()
    assert rig.hear(script.offered())[1:] == [script.ask(40)]


def test_another_server_may_have_pages() -> None:
    rig = paging(request_tries=1, errors_before_discovery=1)
    rig.hear(UNSUPPORTED)
    rig.hear(ota.ImageBlockResponse(status=Status.ABORT))
    rig.wait()
    rig.wait()
    assert rig.stage is Stage.UNSERVED
    rig.wait()
    rig.hear(script.matched(0x1234, 3))
    assert whats(rig.hear(script.resolved(0x1234)))[-1] == script.ask_page(0)


#: Every status that has a name, and one that has none.
STATUSES = [*Status, 0x42]


@pytest.mark.parametrize("status", STATUSES)
def test_what_a_server_says_to_a_page_request(status: int) -> None:
    rig = paging()
    rig.hear(script.block(40))
    actions = rig.hear(script.default(ota.ImagePageRequest, status))
    if status == Status.SUCCESS:
        assert (actions, rig.stage) == ([], Stage.PAGING)
    elif status in (Status.ABORT, Status.NO_IMAGE_AVAILABLE, Status.NOT_FOUND):
        assert (whats(actions), rig.stage) == ([Happening.DOWNLOAD_STOPPED], Stage.READY)
    else:
        assert (actions, rig.stage) == ([script.ask(0)], Stage.DOWNLOADING)


def test_a_default_response_to_something_else_does_not_end_a_page() -> None:
    rig = paging()
    assert rig.hear(script.default(ota.ImageBlockRequest, Status.ABORT)) == []
    assert rig.stage is Stage.PAGING


# Waits and stops in a page.


def test_a_wait_ends_the_page_and_another_is_asked_for() -> None:
    rig = paging()
    assert rig.hear(script.hold(0, 10)) == []
    assert (rig.stage, rig.left_us) == (Stage.PAUSED, 10 * SECOND)
    assert rig.wait() == [script.ask_page(0)]


def test_a_wait_amid_a_page_keeps_what_came() -> None:
    rig = paging()
    rig.hear(script.block(40))
    rig.hear(script.hold(0, 10))
    assert rig.wait() == [script.ask(0)]
    assert rig.hear(script.block(0)) == [script.ask_page(80)]


@pytest.mark.parametrize("status", [Status.ABORT, Status.NO_IMAGE_AVAILABLE])
def test_a_stop_ends_the_page_and_the_download(status: Status) -> None:
    rig = paging()
    rig.hear(script.block(0))
    assert whats(rig.hear(ota.ImageBlockResponse(status=status))) == [Happening.DOWNLOAD_STOPPED]
    assert rig.stage is Stage.READY


@pytest.mark.parametrize("value", [BadBlock.MALFORMED, BadBlock.REFUSE])
def test_a_bad_block_does_not_end_a_stream(value: BadBlock) -> None:
    rig = paging(foreign_block=value)
    deadline = rig.client.deadline
    actions, answer = rig.heard(script.block(0, file_version=1))
    assert actions == []
    assert answer in (Status.MALFORMED_COMMAND, Status.INVALID_VALUE)
    assert (rig.stage, rig.client.deadline) == (Stage.PAGING, deadline)


def test_a_page_is_forgotten_off_the_network() -> None:
    rig = paging()
    rig.hear(script.block(40))
    rig.client.stop()
    assert whats(rig.start()) == [Happening.DOWNLOAD_RESUMED, script.ask_page(0)]
    rig.hear(script.block(0))
    assert rig.store.octets == script.content(0)


# Properties.


def test_a_page_never_keeps_more_than_its_size() -> None:
    page = Page(0, 100)
    kept = sum(page.hold(offset, bytes(40), 0) for offset in range(1, 61))
    assert kept == 2


def test_what_was_given_up_makes_room() -> None:
    page = Page(0, 100)
    assert page.hold(20, bytes(60), 0)
    assert page.hold(21, bytes(40), 0)  # the same octets, cut otherwise
    assert (page.next(20), page.next(80)) == (bytes(60), None)
    assert page.hold(90, bytes(10), 80)
    assert page.hold(85, bytes(5), 80)
    assert (page.next(80), page.gap(80)) == (None, 5)


@st.composite
def streams(draw: st.DrawFn) -> tuple[int, list[int]]:
    """Return a page size, and which blocks of each page come, in which order, how often."""
    size = draw(st.sampled_from([40, 80, 120, 1000]))
    return size, draw(st.lists(st.integers(0, 30), max_size=60))


@given(streams())
def test_whatever_is_lost_doubled_or_shuffled_the_image_is_exact(
    stream: tuple[int, list[int]],
) -> None:
    """The server streams what the draw says, then answers each block request truly."""
    size, order = stream
    rig = script.at(Stage.QUERYING, page_size_octets=size, block_tries=3)
    actions = rig.hear(script.offered())
    for _ in range(200):
        if rig.stage is Stage.ENDING:
            break
        request = actions[-1] if actions else None
        actions = []
        if isinstance(request, ota.ImagePageRequest):
            start = request.file_offset
            for pick in order:
                offset = start + pick * BLOCK
                if offset < min(start + size, SIZE) and not actions:
                    clipped = script.content(offset, min(BLOCK, start + size - offset))
                    actions = rig.hear(script.block(offset, clipped))
        elif isinstance(request, ota.ImageBlockRequest):
            data = script.content(request.file_offset, request.maximum_data_size)
            actions = rig.hear(script.block(request.file_offset, data))
        else:
            actions = rig.wait()
    assert rig.stage is Stage.ENDING
    assert rig.store.octets == script.content(0, SIZE)
