"""A device lets the hub set the pace: WAIT_FOR_DATA and the minimum block period."""

from itertools import pairwise

import pytest

from emulator.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND
from emulator.wire import ota
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from harness.bench import Bench
from harness.cases.conftest import MakeBench, blocks_within
from harness.covers import covers


def _request_times(bench: Bench) -> list[int]:
    """Return when each block request that was heard so far was sent, in microseconds."""
    return [one.at for one in bench.heard_at(ota.ImageBlockRequest)]


def _told_to_wait(bench: Bench, wait: tuple[int, int, int | None]) -> int:
    """Begin a download, answer one block request with a wait, and return how many were heard."""
    image = bench.image()
    bench.start_download(image, blocks=blocks_within(bench, image, 5))
    bench.hub.settings.wait = wait
    asked = bench.count(ota.ImageBlockRequest)
    bench.run(lambda: bench.count(ota.ImageBlockRequest) > asked, MINUTE)
    bench.hub.settings.wait = None
    return bench.count(ota.ImageBlockRequest)


@covers("OTA-C-051", "OTA-C-056", "OTA-C-055")
@pytest.mark.parametrize(
    ("unit", "period", "period_us"),
    [
        ({"ota.block_period_unit": "ms"}, 500, 500 * MILLISECOND),
        ({"ota.block_period_unit": "ms"}, 1000, SECOND),
        ({"ota.block_period_unit": "s"}, 2, 2 * SECOND),
        ({"ota.block_period_unit": "revision", "ota.cluster_revision": 2}, 2, 2 * SECOND),
    ],
    ids=["500_ms", "1000_ms", "2_s", "2_s_by_revision"],
)
def test_block_period_is_a_rate_limit(
    make_bench: MakeBench, unit: dict[str, object], period: int, period_us: int
) -> None:
    """A device asks no faster than the hub lets it, and forgets the limit after the session.

    Attack: WAIT_FOR_DATA with equal times and a block period.
    Expect: attribute 0x0009 is the period; later requests are at least that far apart; the default
    is back when the upgrade is over.
    Source: ZigBee OTA 095264 6.10.8.4; ZCL rev 8, 11.5.3, 11.10.10.
    """
    bench = make_bench({**unit, "ota.block_sends_period": True})
    bench.start()
    mark = _told_to_wait(bench, (700_000_000, 700_000_000, period))
    bench.run(lambda: bench.count(ota.ImageBlockRequest) >= mark + 20, 10 * MINUTE)
    gaps = [b - a for a, b in pairwise(_request_times(bench)[mark:])]
    assert bench.value(Attribute.MINIMUM_BLOCK_PERIOD) == period
    assert min(gaps) >= period_us

    bench.hub.serve()  # the session ends, without a restart that would set everything back
    bench.wait(MINUTE)
    assert bench.value(Attribute.MINIMUM_BLOCK_PERIOD) == bench.profile.ota.block_period

    assert bench.upgrade(bench.image()) == bench.version(1)  # control


@covers("OTA-C-053")
def test_wait_into_the_past_does_no_harm(bench: Bench) -> None:
    """A device that is told to wait until a time that is over neither storms nor hangs.

    Attack: WAIT_FOR_DATA with a request time before the current time.
    Expect: at most one request a second, nothing applied; the update is finished in the end.
    Source: [SL-C], [MC] (accept set).
    """
    mark = _told_to_wait(bench, (100, 50, 0))
    bench.wait(10 * SECOND)
    assert bench.count(ota.ImageBlockRequest) - mark <= 10
    assert bench.running_version() == bench.version(0)
    bench.wait(bench.lived(HOUR))

    assert bench.upgrade(bench.image()) == bench.version(1)  # control: no lasting harm


@covers("OTA-C-054")
def test_very_long_wait_is_not_the_end(bench: Bench) -> None:
    """A device told to wait two days asks again some time, and completes.

    Attack: WAIT_FOR_DATA of two days.
    Expect: no storm; the same offset again within the two days and a bit; the image runs.
    Source: [SL-C] asks again after an hour.
    """
    mark = _told_to_wait(bench, (0, 172_800, 0))
    told = bench.last(ota.ImageBlockRequest).file_offset
    bench.wait(MINUTE)
    assert bench.count(ota.ImageBlockRequest) <= mark + 1
    assert bench.run(lambda: bench.count(ota.ImageBlockRequest) > mark, 2 * DAY + HOUR)
    assert bench.heard(ota.ImageBlockRequest)[mark].file_offset == told

    assert bench.verdict() is Status.SUCCESS  # control
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-043", "GB-039")
def test_waiting_device_is_still_downloading(bench: Bench) -> None:
    """A device in a wait shows a download in progress and can still be stopped by the hub.

    Attack: after a wait the hub has discarded the image.
    Expect: status Download in progress in the wait; then no more requests, the old version runs.
    Source: ZCL rev 8, 11.10.7; gb-alt-han GB-039.
    """
    _told_to_wait(bench, (0, 30, 0))
    bench.wait(10 * SECOND)
    assert bench.upgrade_status() is ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS
    bench.hub.serve()
    bench.wait(5 * MINUTE)
    asked = bench.count(ota.ImageBlockRequest)
    bench.wait(bench.lived(HOUR))
    assert bench.count(ota.ImageBlockRequest) == asked
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(bench.image()) == bench.version(1)  # control: offered again, it is taken
