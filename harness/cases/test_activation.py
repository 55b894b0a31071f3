"""A verified image starts when the hub says so: not earlier, not twice, not never."""

from itertools import pairwise

import pytest

from emulator.units import HOUR, MINUTE, SECOND
from emulator.wire import ota
from emulator.wire.ota import ImageUpgradeStatus, Status
from harness.bench import Bench
from harness.cases.conftest import blocks_within
from harness.covers import covers
from harness.dut.rungs import rungs
from harness.hub.lies import Lie, Silence


def _release(bench: Bench, **fields: int) -> ota.UpgradeEndResponse:
    """Return an Upgrade End Response "now" for the image that waits, with some fields changed."""
    honest = {
        "manufacturer": bench.profile.ota.manufacturer_code,
        "image_type": bench.profile.ota.image_type,
        "file_version": bench.version(1),
        "current_time_s": 0,
        "upgrade_time_s": 0,
    }
    return ota.UpgradeEndResponse(**(honest | fields))


@covers("OTA-C-088", "OTA-C-090", "GB-041")
def test_image_is_applied_at_once(bench: Bench) -> None:
    """A device applies an image when the hub says "now", and runs what the file says.

    Attack: none.
    Expect: a 9-octet Upgrade End Request with the file's ids; then the new version, status Normal.
    Source: ZCL rev 8, 11.13.9, 11.13.10.
    """
    assert bench.offer(bench.image()) is Status.SUCCESS
    end = bench.last(ota.UpgradeEndRequest)
    assert len(bench.last_datagram(ota.UpgradeEndRequest).payload) - 3 == 9
    assert (end.manufacturer, end.image_type, end.file_version) == (
        bench.profile.ota.manufacturer_code,
        bench.profile.ota.image_type,
        bench.version(1),
    )
    bench.settle()
    assert bench.running_version() == bench.version(1)
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL

    # Control: what runs is the offer's doing; a power cycle alone changes nothing.
    bench.power_cycle()
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-089")
def test_status_after_the_download(bench: Bench) -> None:
    """A device that waits for the hub's answer says that its download is complete.

    Attack: the hub does not answer the Upgrade End Request.
    Expect: status 0x02 or 0x03; the old version runs; the answer given later is obeyed.
    Source: ZCL rev 8, 11.10.7.
    """
    bench.hub.settings.end_times_s = None
    assert bench.offer(bench.image()) is Status.SUCCESS
    assert bench.upgrade_status() in (
        ImageUpgradeStatus.DOWNLOAD_COMPLETE,
        ImageUpgradeStatus.WAITING_TO_UPGRADE,
    )
    assert bench.running_version() == bench.version(0)

    bench.tell(_release(bench))  # control
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-091", "OTA-C-092")
@pytest.mark.parametrize("times_s", [(0, 300), (700_000_000, 700_000_300)], ids=["offset", "utc"])
def test_image_is_applied_later(bench: Bench, times_s: tuple[int, int]) -> None:
    """A device counts down the time that the hub gives and applies the image then.

    Attack: none; the upgrade time lies 300 s ahead, as an offset or as UTC.
    Expect: status Count down and the old version until then, the new version after it.
    Source: ZCL rev 8, 11.13.10.
    """
    bench.hub.settings.end_times_s = times_s
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.wait(290 * SECOND)
    assert bench.upgrade_status() is ImageUpgradeStatus.COUNT_DOWN
    assert bench.running_version() == bench.version(0)

    bench.settle()  # control: the time comes
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-093", "OTA-C-094")
def test_image_waits_for_leave(bench: Bench) -> None:
    """A device told to wait waits, reminds the hub hourly at most, and goes when it may.

    Attack: the hub answers 0xFFFFFFFF and leaves the device waiting for five hours.
    Expect: status Waiting, requests at least an hour apart; an unsolicited "now" applies.
    Source: ZCL rev 8, 11.16.
    """
    bench.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER)
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.wait(bench.lived(5 * HOUR))
    asked = [one.at for one in bench.heard_at(ota.UpgradeEndRequest)]
    assert bench.upgrade_status() is ImageUpgradeStatus.WAITING_TO_UPGRADE
    assert min(b - a for a, b in pairwise(asked)) >= bench.lived(HOUR)
    assert bench.running_version() == bench.version(0)

    bench.tell(_release(bench))  # control
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-095", "OTA-C-096")
@pytest.mark.parametrize(
    "wildcards",
    [
        {"manufacturer": ota.ANY_MANUFACTURER},
        {"image_type": ota.ANY_IMAGE_TYPE},
        {"file_version": ota.ANY_VERSION},
        {
            "manufacturer": ota.ANY_MANUFACTURER,
            "image_type": ota.ANY_IMAGE_TYPE,
            "file_version": ota.ANY_VERSION,
        },
    ],
    ids=["manufacturer", "image_type", "file_version", "all"],
)
def test_wildcards_release_the_image(bench: Bench, wildcards: dict[str, int]) -> None:
    """A waiting device obeys an Upgrade End Response with wildcards, broadcast.

    Attack: none; each wildcard alone, then all of them.
    Expect: the new version runs; while nothing was sent the old one did.
    Source: ZigBee OTA 095264 6.10.10.4.
    """
    bench.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER)
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.wait(MINUTE)
    assert bench.running_version() == bench.version(0)  # control: nothing happens by itself

    bench.tell(_release(bench, **wildcards), broadcast=True)
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-097")
@pytest.mark.parametrize(
    ("name", "value"),
    [("manufacturer", 0x1234), ("image_type", 0x0777), ("file_version", 0x7777)],
    ids=["manufacturer", "image_type", "file_version"],
)
def test_response_for_another_image_is_discarded(bench: Bench, name: str, value: int) -> None:
    """A waiting device does not start because another image may.

    Attack: an Upgrade End Response "now" with one id of another image.
    Expect: still waiting, the old version runs; the true response applies.
    Source: ZigBee OTA 095264 6.10.10.4.
    """
    bench.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER)
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.tell(_release(bench, **{name: value}))
    bench.wait(MINUTE)
    assert bench.upgrade_status() is ImageUpgradeStatus.WAITING_TO_UPGRADE
    assert bench.running_version() == bench.version(0)

    bench.tell(_release(bench))  # control
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-099")
def test_incomplete_image_is_never_applied(bench: Bench) -> None:
    """A device starts no image that it does not hold, or holds in part.

    Attack: an unsolicited Upgrade End Response "now" while idle, and in the middle of the download.
    Expect: the download goes on; the old version runs until the image is verified.
    Source: [SL-C], [EX-C].
    """
    bench.tell(_release(bench))
    bench.wait(MINUTE)
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL
    assert bench.running_version() == bench.version(0)
    image = bench.image()
    bench.start_download(image, blocks=blocks_within(bench, image, 10))
    bench.hub.lies.append(Lie(ota.ImageBlockResponse, [Silence()]))  # or it ends meanwhile
    bench.tell(_release(bench))
    bench.wait(100_000)
    assert bench.running_version() == bench.version(0)
    assert bench.upgrade_status() is ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS

    bench.hub.lies.clear()  # control
    assert bench.verdict() is Status.SUCCESS
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-101")
def test_silent_hub_is_not_leave(bench: Bench) -> None:
    """A device with timeout policy 1 never applies an image that the hub does not release.

    Attack: the hub answers no Upgrade End Request for two days.
    Expect: the device asks again, is not silent for ever, and runs the old version.
    Source: ZCL rev 8, 11.10.13.
    """
    bench.hub.settings.end_times_s = None
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.wait(bench.lived(48 * HOUR))
    assert bench.count(ota.UpgradeEndRequest) >= 3
    assert bench.running_version() == bench.version(0)

    bench.hub.settings.end_times_s = (0, 0)  # control: asked once more, the hub answers
    bench.wait(bench.lived(3 * HOUR))
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-107")
@pytest.mark.parametrize(
    ("upgrade_time_s", "status"),
    [
        (ota.WAIT_FOR_ANOTHER, ImageUpgradeStatus.WAITING_TO_UPGRADE),
        (7200, ImageUpgradeStatus.COUNT_DOWN),
    ],
    ids=["waiting", "counting"],
)
def test_waiting_image_survives_a_reset(
    bench: Bench, upgrade_time_s: int, status: ImageUpgradeStatus
) -> None:
    """A device that loses power while its image waits keeps it, and does not start it early.

    Attack: the power is cut while the device waits for leave, or counts down two hours.
    Expect: the old version runs after the cut; the image is neither lost nor downloaded again.
    Source: [SL-C].
    """
    bench.hub.settings.end_times_s = (0, upgrade_time_s)
    assert bench.offer(bench.image()) is Status.SUCCESS
    assert bench.upgrade_status() is status
    blocks, ends = bench.count(ota.ImageBlockRequest), bench.count(ota.UpgradeEndRequest)
    bench.cut_power()
    bench.lane.power(True)
    bench.run(lambda: bench.count(ota.UpgradeEndRequest) > ends, HOUR)
    assert bench.running_version() == bench.version(0)
    assert bench.count(ota.ImageBlockRequest) == blocks

    bench.tell(_release(bench))  # control
    bench.settle()
    assert bench.running_version() == bench.version(1)


@rungs(end=2)
@covers("OTA-C-108")
def test_upgraded_device_is_content(bench: Bench) -> None:
    """A device that was upgraded does not download the same version again.

    Attack: the hub goes on offering the version that was just installed.
    Expect: the query names the new version; no block is asked for again.
    Source: espressif/esp-zigbee-sdk 100; zigbee2mqtt 26459.
    """
    image = bench.image()
    assert bench.upgrade(image) == bench.version(1)
    blocks = bench.count(ota.ImageBlockRequest)
    bench.hub.settings.offers = bench.hub.settings.offers.ANY
    assert bench.offer(image) is None
    assert bench.last(ota.QueryNextImageRequest).file_version == bench.version(1)
    assert bench.count(ota.ImageBlockRequest) == blocks

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control
