"""A device fetches an image block by block, and only the octets that it asked for."""

from itertools import pairwise

import pytest

from emulator.faults import DropFrame, DuplicateFrame, Leg, Selector
from emulator.units import MILLISECOND, MINUTE, SECOND
from emulator.wire import ota
from emulator.wire.codec import KEYS
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from harness.bench import Bench
from harness.cases.conftest import blocks_within
from harness.covers import covers
from harness.dut.rungs import rungs
from harness.hub.lies import Append, Cut, Edit, Lie, Overwrite, Replace, Silence, field
from harness.vectors.session_server import LARGEST_BLOCK
from harness.verdict import Unsupported

BLOCK = ota.ImageBlockResponse
#: Octets of a block's payload in front of its data.
HEAD = 14
#: Octets of another image, where a block's data begin.
JUNK = Overwrite(HEAD, b"not yours")


def _answer(number: int) -> Selector:
    """Select the n-th block response that is to come."""
    return Selector(
        leg=Leg.TO_DEVICE, number=number, cluster=ota.CLUSTER, command=KEYS[BLOCK].command
    )


@covers("OTA-C-042", "OTA-C-043", "OTA-C-044", "OTA-C-048")
def test_download_starts_at_the_first_octet(bench: Bench) -> None:
    """A download begins at offset 0 and the attributes follow it.

    Attack: none; attributes are read in the middle of the download.
    Expect: status 0x01, the file's type and version, and the offset that is asked for next.
    Source: ZCL rev 8, 11.10.2, 11.10.5, 11.10.7, 11.10.9, 11.13.6.
    """
    image = bench.image()
    bench.start_download(image, blocks=blocks_within(bench, image, 8))
    requests = bench.heard(ota.ImageBlockRequest)
    assert requests[0].file_offset == 0
    assert requests[0].file_version == bench.version(1)
    assert bench.upgrade_status() is ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS
    assert bench.value(Attribute.IMAGE_TYPE_ID) == bench.profile.ota.image_type
    assert bench.value(Attribute.DOWNLOADED_FILE_VERSION) in (bench.version(1), None)
    offset = bench.value(Attribute.FILE_OFFSET)
    last = bench.last(ota.ImageBlockRequest).file_offset
    assert not isinstance(offset, int) or last - bench.block_octets <= offset <= last

    assert bench.verdict() is Status.SUCCESS  # control: reading attributes disturbed nothing


@covers("OTA-C-045", "OTA-C-046")
def test_block_request_has_the_fields_it_announces(bench: Bench) -> None:
    """A block request is as long as its field control says, and names the device itself.

    Attack: none; the octets of every request are counted.
    Expect: 14, 16, 22 or 24 octets; the node address is the device's; a period if it has one.
    Source: ZCL rev 8, 11.13.6.
    """
    assert bench.offer(bench.image()) is Status.SUCCESS
    request = bench.last(ota.ImageBlockRequest)
    flags = int(request.control)
    octets = len(bench.last_datagram(ota.ImageBlockRequest).payload) - 3
    assert octets == 14 + 8 * (flags & 1) + 2 * (flags >> 1 & 1)
    assert request.node_address in (None, bench.identity.eui64)
    assert request.block_period == bench.value(Attribute.MINIMUM_BLOCK_PERIOD)

    # Control: what was asked for block by block is the whole image.
    assert bench.octets_asked() >= len(bench.hub.images[0].octets)


@rungs(end=2)
@covers("OTA-C-047")
def test_short_blocks_are_stored(bench: Bench) -> None:
    """A device takes blocks shorter than it asked for.

    Attack: the hub answers with 1, 7 and 30 octets in turn, or those of them that are fewer.
    Expect: the next offset is the last one plus what came; the image verifies and runs.
    Source: ZCL rev 8, 11.13.8; zigbee-OTA 328.
    """
    shorter = tuple(size for size in (1, 7, 30) if size < bench.block_octets)
    if not shorter:
        raise Unsupported("this device asks for blocks of one octet: none is shorter")
    bench.hub.settings.block_sizes = shorter
    requests = len(shorter) + 1
    bench.start_download(bench.image(size=600), blocks=requests)
    offsets = [one.file_offset for one in bench.heard(ota.ImageBlockRequest)][:requests]
    sizes = [later - earlier for earlier, later in pairwise(offsets)]
    assert sorted(sizes) == sorted(shorter)
    assert bench.verdict() is Status.SUCCESS
    bench.settle()
    assert bench.running_version() == bench.version(1)

    bench.hub.settings.block_sizes = None  # control: full blocks work just as well
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)


@rungs(end=2)
@covers("OTA-C-060", "OTA-C-063", "OTA-C-065", "OTA-C-067")
@pytest.mark.parametrize(
    "edits",
    [
        [field(BLOCK, "manufacturer", 0x1234), JUNK],
        [field(BLOCK, "image_type", 0x0777), JUNK],
        [field(BLOCK, "file_version", 0x7777), JUNK],
        [Cut(octets=HEAD + 6)],
        [Append(bytes(200))],
        [Overwrite(13, b"\0")],
    ],
    ids=["manufacturer", "image_type", "version", "cut_short", "longer_than_announced", "empty"],
)
def test_bad_block_is_not_stored(bench: Bench, edits: list[Edit]) -> None:
    """A device stores nothing of a block that is not what it asked for.

    Attack: one block of the download names other ids, is cut short, padded, or empty.
    Expect: the same offset is asked for again, the true octets are taken, or the session ends
    there; nothing wrong is stored, so the image runs in the end.
    Source: [SL-C], [TL]; ZCL rev 8, 11.13.8.
    """
    if Cut(octets=HEAD + 6) in edits and bench.block_octets <= 6:
        raise Unsupported("this device asks for blocks of 6 octets or fewer: nothing is cut off")
    image = bench.image()
    bench.hub.lies.append(Lie(BLOCK, edits, skip=blocks_within(bench, image, 5), count=1))
    verdict = bench.offer(image)
    offsets = [one.file_offset for one in bench.heard(ota.ImageBlockRequest)]
    assert offsets == sorted(offsets)
    assert len(offsets) - len(set(offsets)) <= 1
    assert verdict is Status.SUCCESS or bench.octets_asked() < len(image)  # ended at that block
    bench.settle()
    bench.hub.lies.clear()
    bench.upgrade(image)
    assert bench.running_version() == bench.version(1)

    asked = bench.count(ota.ImageBlockRequest)  # control: no lie, no offset asked for twice
    assert bench.offer(bench.image(bench.version(2))) is Status.SUCCESS
    honest = [one.file_offset for one in bench.heard(ota.ImageBlockRequest)][asked:]
    assert len(honest) == len(set(honest))


@rungs(end=2)
@covers("OTA-C-064")
def test_block_larger_than_asked_is_not_stored(bench: Bench) -> None:
    """A device does not take more octets than it asked for.

    Attack: one block carries eight octets more than the maximum, and says so.
    Expect: the same offset is asked for again, or the session ends; nothing wrong is stored.
    Source: ZCL rev 8, 11.13.8.
    """
    size = bench.profile.ota.block_size_octets + 8
    if size > LARGEST_BLOCK:
        raise Unsupported(f"a frame can announce {LARGEST_BLOCK} octets of data, not {size}")
    more = size - bench.block_octets
    grown: list[Edit] = [Overwrite(13, bytes((size,))), Append(b"\xee" * more)]
    image = bench.image()
    bench.hub.lies.append(Lie(BLOCK, grown, skip=blocks_within(bench, image, 5), count=1))
    verdict = bench.offer(image)
    offsets = [one.file_offset for one in bench.heard(ota.ImageBlockRequest)]
    again = len(offsets) - len(set(offsets))
    assert again == 1 if verdict is Status.SUCCESS else bench.octets_asked() < len(image)
    bench.settle()
    bench.hub.lies.clear()
    bench.upgrade(image)
    assert bench.running_version() == bench.version(1)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("OTA-C-061")
@pytest.mark.parametrize("shift", [-1, 1], ids=["too_low", "too_high"])
def test_block_of_another_offset_is_ignored(bench: Bench, shift: int) -> None:
    """A device ignores a block that begins elsewhere than it asked.

    Attack: one block is announced one block too low or too high.
    Expect: the offset is asked for again; the stored image is exact, so it runs.
    Source: all stacks (ota-cluster section 4.4).
    """
    image, size = bench.image(), bench.block_octets
    struck = blocks_within(bench, image, 5)
    wrong = field(BLOCK, "file_offset", (struck + shift) * size)
    bench.hub.lies.append(Lie(BLOCK, [wrong], skip=struck, count=1))
    assert bench.offer(image) is Status.SUCCESS
    asked = [one.file_offset for one in bench.heard(ota.ImageBlockRequest)]
    assert asked.count(struck * size) == 2
    bench.settle()
    assert bench.running_version() == bench.version(1)

    bench.hub.lies.clear()  # control
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)


@rungs(end=2)
@covers("OTA-C-062")
def test_duplicate_block_is_stored_once(bench: Bench) -> None:
    """A device that hears a block twice stores it once.

    Attack: two blocks are delivered twice, one of them late.
    Expect: no offset is skipped; the image verifies and runs.
    Source: espressif/esp-zigbee-sdk 892.
    """
    image, size = bench.image(), bench.block_octets
    first, second = (_answer(blocks_within(bench, image, most)) for most in (4, 9))
    bench.plan(DuplicateFrame(at=first), DuplicateFrame(at=second, after_us=12 * MILLISECOND))
    assert bench.offer(image) is Status.SUCCESS
    asked = sorted({one.file_offset for one in bench.heard(ota.ImageBlockRequest)})
    assert asked == list(range(0, asked[-1] + 1, size))
    bench.settle()
    assert bench.running_version() == bench.version(1)

    bench.plan()  # control
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)


@rungs(end=2)
@covers("OTA-C-069", "OTA-C-071", "GB-048")
@pytest.mark.parametrize("lost", [1, 5])
def test_lost_block_is_asked_for_again(bench: Bench, lost: int) -> None:
    """A device that misses block responses asks for the same offset again, not too fast.

    Attack: one, then five responses in a row are lost.
    Expect: the offset is asked for once more for each loss, at least 1 s apart; the image runs.
    Source: [SL-C], [TL], [EX-C]; espressif/esp-zigbee-sdk 833.
    """
    image, size = bench.image(), bench.block_octets
    struck = blocks_within(bench, image, 6)
    bench.plan(DropFrame(at=_answer(struck), count=lost))
    assert bench.offer(image) is Status.SUCCESS
    again = [
        one.at
        for one in bench.heard_at(ota.ImageBlockRequest)
        if one.frame.file_offset == struck * size  # type: ignore[attr-defined]  # selected by kind
    ]
    assert len(again) == lost + 1
    assert min(b - a for a, b in pairwise(again)) >= SECOND
    bench.settle()
    assert bench.running_version() == bench.version(1)

    bench.plan()  # control: nothing lost, nothing asked for twice
    before = bench.count(ota.ImageBlockRequest)
    assert bench.offer(bench.image(bench.version(2))) is Status.SUCCESS
    offsets = [one.file_offset for one in bench.heard(ota.ImageBlockRequest)][before:]
    assert len(offsets) == len(set(offsets))


@covers("OTA-C-070")
def test_vanished_server_is_given_up(bench: Bench) -> None:
    """A device whose server vanishes in the middle gives up, and works on.

    Attack: after ten blocks the hub answers no block request any more.
    Expect: finitely many requests, then Upgrade End ABORT or silence; status 0x00 or 0x01.
    Source: [SL-C], [TL].
    """
    image = bench.image()
    bench.hub.lies.append(Lie(BLOCK, [Silence()], skip=blocks_within(bench, image, 10)))
    assert bench.offer(image) in (Status.ABORT, None)
    asked = bench.count(ota.ImageBlockRequest)
    bench.wait(bench.lived(60 * MINUTE))
    assert bench.count(ota.ImageBlockRequest) == asked
    assert bench.upgrade_status() in (
        ImageUpgradeStatus.NORMAL,
        ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS,
    )
    assert bench.running_version() == bench.version(0)

    bench.hub.lies.clear()  # control: the hub is back, the update is not lost
    assert bench.upgrade(bench.image()) == bench.version(1)


@covers("OTA-C-057")
def test_abort_stops_the_download(bench: Bench) -> None:
    """A device that is told to stop stops.

    Attack: a block response carries ABORT.
    Expect: no further request, status Normal, the old version runs; a later offer is taken.
    Source: ZCL rev 8, 11.13.8.
    """
    image = bench.image()
    before = blocks_within(bench, image, 5)
    bench.hub.lies.append(Lie(BLOCK, [Replace(bytes((Status.ABORT,)))], skip=before, count=1))
    assert bench.offer(image) is None
    assert bench.count(ota.ImageBlockRequest) == before + 1
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(bench.image()) == bench.version(1)  # control: the lie told once is over


@covers("OTA-C-049", "OTA-C-050", "OTA-C-052", "GB-050")
@pytest.mark.parametrize(
    "wait",
    [(0, 10, 0), (1_000_000, 1_000_010, 0), (0, 10, None)],
    ids=["offset", "utc", "without_period"],
)
def test_wait_for_data_is_obeyed(bench: Bench, wait: tuple[int, int, int | None]) -> None:
    """A device that is told to wait waits that long and then asks for the same offset.

    Attack: the hub answers one block request with WAIT_FOR_DATA of 10 s.
    Expect: the same offset 10 s later, at most a fifth more, not before; the image runs.
    Source: ZCL rev 8, 11.13.8.4.
    """
    image = bench.image()
    bench.start_download(image, blocks=blocks_within(bench, image, 5))
    bench.hub.settings.wait = wait
    asked = bench.count(ota.ImageBlockRequest)
    bench.run(lambda: bench.count(ota.ImageBlockRequest) > asked, MINUTE)
    told = bench.heard_at(ota.ImageBlockRequest)[-1]
    bench.hub.settings.wait = None
    bench.run(lambda: bench.count(ota.ImageBlockRequest) > asked + 1, MINUTE)
    again = bench.heard_at(ota.ImageBlockRequest)[-1]
    assert again.frame.file_offset == told.frame.file_offset  # type: ignore[attr-defined]  # kind
    assert 10 * SECOND <= again.at - told.at <= 12 * SECOND

    assert bench.verdict() is Status.SUCCESS  # control: the wait is over
    bench.settle()
    assert bench.running_version() == bench.version(1)


@rungs(end=2)
@covers("OTA-C-072")
def test_download_survives_a_reset(bench: Bench) -> None:
    """A device that loses power in the middle of a download finishes it.

    Attack: the power is cut after two thirds of the image, and comes back.
    Expect: it goes on at or before the last offset; the image verifies and runs.
    Source: [SL-C], [TL]; nrfconnect KRKNWK-7723.
    """
    image = bench.image(size=12_000)
    blocks = len(image) * 2 // 3 // bench.block_octets
    reached = bench.start_download(image, blocks=blocks)
    bench.cut_power()
    bench.wait(SECOND)
    asked = bench.count(ota.ImageBlockRequest)
    bench.lane.power(True)
    assert bench.verdict() is Status.SUCCESS
    resumed = bench.heard(ota.ImageBlockRequest)[asked].file_offset
    assert resumed <= reached
    bench.settle()
    assert bench.running_version() == bench.version(1)

    # Control: with no cut the next image comes in one piece.
    asked = bench.count(ota.ImageBlockRequest)
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)
    assert bench.heard(ota.ImageBlockRequest)[asked].file_offset == 0


@rungs(end=2)
@covers("GB-047")
def test_download_goes_on_where_it_was(bench: Bench) -> None:
    """A device that loses power in a download does not fetch again what it has.

    Attack: the power is cut after two thirds of the image, and comes back.
    Expect: the first block asked for then lies in the last third of what was stored; the image
    runs.
    Source: gb-alt-han GB-047.
    """
    image = bench.image(size=12_000)
    reached = bench.start_download(image, blocks=len(image) * 2 // 3 // bench.block_octets)
    bench.cut_power()
    asked = bench.count(ota.ImageBlockRequest)
    bench.lane.power(True)
    assert bench.verdict() is Status.SUCCESS
    assert reached * 2 // 3 <= bench.heard(ota.ImageBlockRequest)[asked].file_offset <= reached
    bench.settle()
    assert bench.running_version() == bench.version(1)

    # Control: another image begins at the first octet.
    asked = bench.count(ota.ImageBlockRequest)
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)
    assert bench.heard(ota.ImageBlockRequest)[asked].file_offset == 0


@rungs(end=3)
@covers("OTA-C-073")
def test_two_versions_are_never_mixed(bench: Bench) -> None:
    """A device that is offered another version after a reset begins that one from the start.

    Attack: the power is cut in the middle; when it is back, the hub has only a newer version.
    Expect: the new version from offset 0; it verifies, which mixed octets would not.
    Source: [TL].
    """
    image = bench.image(size=6_000)
    bench.start_download(image, blocks=blocks_within(bench, image, 50))
    bench.cut_power()
    newer = bench.image(bench.version(2), size=6_000)
    bench.serve(newer)
    bench.lane.power(True)
    verdict = bench.verdict(30 * MINUTE)
    assert (bench.offer(newer) if verdict is None else verdict) is Status.SUCCESS
    first = next(
        one for one in bench.heard(ota.ImageBlockRequest) if one.file_version == bench.version(2)
    )
    assert first.file_offset == 0
    bench.settle()
    assert bench.running_version() == bench.version(2)

    # Control: the version that was given up is not lost for ever as a number.
    assert bench.upgrade(bench.image(bench.version(3))) == bench.version(3)


@covers("OTA-C-112")
def test_answers_are_collected_soon(bench: Bench) -> None:
    """A device that sleeps wakes often while it downloads.

    Attack: none; a hundred blocks are timed from request to request.
    Expect: less than a second between two requests, asleep or not; the image runs.
    Source: [SL-C].
    """
    image = bench.image(size=100 * bench.block_octets)
    assert bench.offer(image) is Status.SUCCESS
    times = [one.at for one in bench.heard_at(ota.ImageBlockRequest)]
    assert len(times) >= 100
    assert max(later - earlier for earlier, later in pairwise(times)) < SECOND

    bench.settle()  # control: what came so quickly is the image
    assert bench.running_version() == bench.version(1)
