"""A device takes every answer of the hub for what it is: late, wrong, or out of place."""

from itertools import pairwise

import pytest

from emulator.units import HOUR, MINUTE, SECOND
from emulator.wire import ota, zcl
from emulator.wire.ota import ImageUpgradeStatus, Status
from harness.bench import Bench
from harness.cases.conftest import blocks_within
from harness.covers import covers
from harness.dut.rungs import rungs
from harness.hub.lies import Append, Cut, Edit, Lie, OtherSequence, Overwrite, Replace, Silence
from harness.hub.settings import refuse

BLOCK = ota.ImageBlockResponse
QUERY = ota.QueryNextImageResponse


@covers("OTA-C-033")
def test_not_authorized_starts_no_download(bench: Bench) -> None:
    """A device that is refused downloads nothing, and is not offended for ever.

    Attack: the query is answered NOT_AUTHORIZED.
    Expect: no block request, status Normal; the next offer is taken.
    Source: ZCL rev 8, 11.13.5.
    """
    bench.hub.lies.append(Lie(QUERY, [Replace(bytes((Status.NOT_AUTHORIZED,)))]))
    assert bench.offer(bench.image()) is None
    assert bench.count(ota.ImageBlockRequest) == 0
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL

    bench.hub.lies.clear()
    assert bench.upgrade(bench.image()) == bench.version(1)  # control


@covers("OTA-C-035")
def test_held_version_is_not_downloaded_again(bench: Bench) -> None:
    """A device that holds a verified image does not download it again.

    Attack: the device waits for leave; it loses power, asks, and is offered the same version.
    Expect: no block is asked for again; the image that was held runs when it may.
    Source: ZCL rev 8, 11.13.5.4.
    """
    bench.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER)
    assert bench.offer(bench.image()) is Status.SUCCESS
    blocks = bench.count(ota.ImageBlockRequest)
    bench.notify()
    bench.wait(MINUTE)
    bench.cut_power()
    bench.lane.power(True)
    bench.wait(bench.lived(HOUR))
    assert bench.count(ota.ImageBlockRequest) == blocks
    assert bench.running_version() == bench.version(0)

    bench.hub.settings.end_times_s = (0, 0)  # control
    bench.settle(3 * HOUR)
    assert bench.running_version() == bench.version(1)
    assert bench.count(ota.ImageBlockRequest) == blocks


@covers("OTA-C-040")
def test_truncated_offer_is_not_taken(bench: Bench) -> None:
    """A device does not guess what a cut query response would have said.

    Attack: the SUCCESS response ends after nine octets.
    Expect: no block request; at most a Default Response MALFORMED_COMMAND; the whole one is taken.
    Source: [SL-C].
    """
    bench.hub.lies.append(Lie(QUERY, [Cut(octets=9)]))
    assert bench.offer(bench.image()) is None
    assert bench.count(ota.ImageBlockRequest) == 0
    assert {one.status for one in bench.heard(zcl.DefaultResponse)} <= {Status.MALFORMED_COMMAND}

    bench.hub.lies.clear()
    bench.wait(bench.lived(HOUR))
    assert bench.upgrade(bench.image()) == bench.version(1)  # control


@covers("OTA-C-041")
def test_unanswered_queries_do_not_flood(bench: Bench) -> None:
    """A device whose queries are not answered goes on asking, slowly.

    Attack: the hub answers no query for a day.
    Expect: queries at least 3 s apart; when the hub answers again, the update is taken.
    Source: zigbee-herdsman PR 1823.
    """
    bench.hub.lies.append(Lie(QUERY, [Silence()]))
    before = bench.count(ota.QueryNextImageRequest)
    bench.notify()
    bench.wait(bench.lived(24 * HOUR))
    asked = [one.at for one in bench.heard_at(ota.QueryNextImageRequest)[before:]]
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert len(asked) >= 4
    assert min(gaps) >= 3 * SECOND

    bench.hub.lies.clear()  # control
    bench.wait(bench.lived(HOUR))
    assert bench.upgrade(bench.image()) == bench.version(1)


@rungs(end=2)
@covers("OTA-C-059")
@pytest.mark.parametrize("status", [0x80, 0xEE], ids=["malformed", "unknown"])
def test_strange_block_status_does_not_hang(bench: Bench, status: int) -> None:
    """A device that gets a block response with a status it cannot use recovers or stops.

    Attack: one block response of a single octet, MALFORMED_COMMAND or 0xEE.
    Expect: nothing is stored for it; the image runs, at once or after the next offer.
    Source: [SL-C]; zigbee2mqtt 32168.
    """
    image = bench.image()
    before = blocks_within(bench, image, 5)
    bench.hub.lies.append(Lie(BLOCK, [Replace(bytes((status,)))], skip=before, count=1))
    bench.offer(image)
    offsets = [one.file_offset for one in bench.heard(ota.ImageBlockRequest)]
    assert offsets == sorted(offsets)
    bench.hub.lies.clear()
    bench.settle()
    bench.upgrade(bench.image())
    assert bench.running_version() == bench.version(1)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("OTA-C-066")
def test_block_over_the_end_is_not_stored(bench: Bench) -> None:
    """A device stores nothing beyond the size that it was offered.

    Attack: the last block is padded past the end of the image.
    Expect: the excess is not stored: the image verifies and runs, or it is refused and taken later.
    Source: robustness (ota-cluster section 4.4).
    """
    image = bench.image()
    last = (len(image) - 1) // bench.block_octets
    left = len(image) - last * bench.block_octets
    grown: list[Edit] = [Overwrite(13, bytes((left + 4,))), Append(b"\xaa" * 4)]
    bench.hub.lies.append(Lie(BLOCK, grown, skip=last, count=1))
    assert bench.offer(image) in (Status.SUCCESS, Status.INVALID_IMAGE, Status.ABORT, None)
    bench.settle()
    bench.hub.lies.clear()
    bench.upgrade(image)
    assert bench.running_version() == bench.version(1)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("OTA-C-067")
def test_octets_behind_a_block_do_no_harm(bench: Bench) -> None:
    """A device uses the announced octets of a block and nothing behind them.

    Attack: every block is followed by five octets that belong to nothing.
    Expect: the image verifies, which a stored excess would prevent, and runs.
    Source: [SL-C].
    """
    bench.hub.lies.append(Lie(BLOCK, [Append(b"\x55" * 5)]))
    assert bench.offer(bench.image()) is Status.SUCCESS
    offsets = [one.file_offset for one in bench.heard(ota.ImageBlockRequest)]
    assert len(offsets) == len(set(offsets))
    bench.settle()
    assert bench.running_version() == bench.version(1)

    bench.hub.lies.clear()
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@covers("OTA-C-074")
@pytest.mark.parametrize("gone", [True, False], ids=["no_image", "silence"])
def test_partial_image_is_never_applied(bench: Bench, gone: bool) -> None:
    """A device that lost power in a download and is refused afterwards never starts the part.

    Attack: the power is cut in the middle; then the hub has no image, or does not answer.
    Expect: the old version runs for two days of cuts; offered again, the image is completed.
    Source: [SL-C].
    """
    image = bench.image(size=6000)
    bench.start_download(image, blocks=blocks_within(bench, image, 60))
    bench.cut_power()
    bench.hub.serve()
    bench.hub.settings.silent = not gone
    bench.lane.power(True)
    bench.wait(bench.lived(24 * HOUR))
    bench.cut_power()
    bench.lane.power(True)
    bench.wait(bench.lived(24 * HOUR))
    bench.hub.settings.silent = False
    assert bench.running_version() == bench.version(0)
    assert bench.count(ota.UpgradeEndRequest) == 0 or (
        bench.last(ota.UpgradeEndRequest).status is not Status.SUCCESS
    )

    bench.wait(bench.lived(HOUR))  # control
    assert bench.upgrade(image) == bench.version(1)


@rungs(end=2)
@covers("OTA-C-098")
def test_upgrade_time_in_the_past(bench: Bench) -> None:
    """A device told to upgrade at a time that is over does it now, later, or says that it cannot.

    Attack: Upgrade End Response with current time 100 and upgrade time 50.
    Expect: no crash; after the honest answer, at the latest, the new version runs.
    Source: ota-cluster section 2.8 (accept set).
    """
    bench.hub.settings.end_times_s = (100, 50)
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.wait(30 * SECOND)
    assert bench.running_version() in (bench.version(0), bench.version(1))
    bench.hub.settings.end_times_s = (0, 0)
    bench.settle(2 * HOUR)
    bench.upgrade(bench.image())
    assert bench.running_version() == bench.version(1)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("OTA-C-113")
def test_wrong_sequence_number_does_no_harm(bench: Bench) -> None:
    """A device treats a response with another sequence number the same way every time.

    Attack: every block response carries a sequence number that is not the request's.
    Expect: all are taken or none is; nothing wrong is stored; afterwards the image runs.
    Source: robustness (OTA-C-113).
    """
    bench.hub.lies.append(Lie(BLOCK, [OtherSequence(by=7)]))
    verdict = bench.offer(bench.image())
    asked = {one.file_offset for one in bench.heard(ota.ImageBlockRequest)}
    assert verdict is Status.SUCCESS or len(asked) == 1
    bench.hub.lies.clear()
    bench.settle()
    bench.upgrade(bench.image())
    assert bench.running_version() == bench.version(1)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@covers("OTA-C-058")
@pytest.mark.parametrize(
    "status",
    [Status.NO_IMAGE_AVAILABLE, Status.ABORT, Status.UNSUP_COMMAND],
    ids=lambda one: one.name,
)
def test_refused_block_request_ends_the_download(bench: Bench, status: Status) -> None:
    """A device whose block request is refused stops cleanly.

    Attack: one block request is answered by a Default Response with an error.
    Expect: no further request, status Normal, the old version runs; offered again, it is taken.
    Source: [SL-C], [EX-C].
    """
    image = bench.image()
    before = blocks_within(bench, image, 5)
    refused = refuse(ota.ImageBlockRequest, status, skip=before, count=1)
    bench.hub.settings.instead.append(refused)
    assert bench.offer(image) in (None, Status.ABORT)
    asked = bench.count(ota.ImageBlockRequest)
    assert asked == before + 1
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(bench.image()) == bench.version(1)  # control


@covers("OTA-C-104")
def test_refused_upgrade_is_not_applied(bench: Bench) -> None:
    """A device whose Upgrade End Request is refused does not start its image.

    Attack: the Upgrade End Request is answered by Default Response ABORT.
    Expect: status Normal, the old version runs for a day; offered again, the image is taken.
    Source: [SL-S], [SL-C].
    """
    bench.hub.settings.instead.append(refuse(ota.UpgradeEndRequest, Status.ABORT, count=1))
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.wait(bench.lived(HOUR))
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(bench.image()) == bench.version(1)  # control


@rungs(end=2)
@covers("OTA-C-114")
def test_default_response_is_disabled(bench: Bench) -> None:
    """A device sends no Default Response SUCCESS where the hub asked for none.

    Attack: every response of the hub has Disable Default Response set.
    Expect: no Default Response in a whole upgrade; one for a notify that asks for it, or a query.
    Source: ZCL rev 8, 2.4.1.1.4.
    """
    before = bench.count(zcl.DefaultResponse)
    image = bench.image()
    bench.start_download(image, blocks=blocks_within(bench, image, 3))
    told = bench.count(zcl.DefaultResponse)
    assert bench.verdict() is Status.SUCCESS
    bench.settle()
    assert bench.running_version() == bench.version(1)
    assert bench.count(zcl.DefaultResponse) == told
    assert told - before <= 1

    # Control: an error is said even then.
    bench.hub.lies.append(Lie(BLOCK, [Cut(octets=3)], skip=2, count=1))
    bench.offer(bench.image(bench.version(2)))
    assert bench.count(zcl.DefaultResponse) > told
