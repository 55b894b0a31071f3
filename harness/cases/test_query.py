"""A device asks for an image: when, with what, and what it makes of the answer."""

import pytest

from emulator.units import DAY, MINUTE, SECOND
from emulator.wire import ota, zdo
from emulator.wire.codec import Frame
from emulator.wire.ota import ImageUpgradeStatus, NotifyType, Status
from harness.bench import Bench
from harness.covers import covers
from harness.dut.rungs import rungs
from harness.hub.lies import Lie, Overwrite, field


@covers("OTA-C-013", "OTA-C-014", "OTA-C-015")
def test_query_says_what_runs(bench: Bench) -> None:
    """A query names the running version, before and after an upgrade.

    Attack: none; the query's octets are counted and read.
    Expect: 11 octets with a hardware version, 9 without; the version is attribute 0x0002.
    Source: ZCL rev 8, 11.13.4; espressif/esp-zigbee-sdk 100, 859.
    """
    first = bench.last(ota.QueryNextImageRequest)
    octets = len(bench.last_datagram(ota.QueryNextImageRequest).payload) - 3
    assert octets == (9 if first.hardware_version is None else 11)
    assert first.control & ~ota.QueryControl.HARDWARE_VERSION == 0
    assert first.file_version == bench.running_version()
    assert first.manufacturer != ota.ANY_MANUFACTURER
    assert first.image_type <= 0xFFBF

    # Control: a new version in the device is a new version in the query, the rest is the same.
    assert bench.upgrade(bench.image()) == bench.version(1)
    assert bench.provoke(ota.QueryNextImageRequest, bench.notify)
    second = bench.last(ota.QueryNextImageRequest)
    assert second.file_version == bench.version(1)
    assert second.hardware_version == first.hardware_version


@rungs(end=0)
@covers("OTA-C-012")
def test_device_polls_by_itself(bench: Bench) -> None:
    """A device asks again after its query period, with nobody telling it to.

    Attack: the hub has no image and says nothing of its own accord.
    Expect: no query for most of the period, one when it and its jitter are over; no block request.
    Source: ZCL rev 8, 11.13.5.
    """
    period_us = bench.profile.ota.query_period_s * SECOND
    jitter_us = bench.profile.ota.query_jitter_s * SECOND
    lead_us = min(10 * MINUTE, period_us // 4)
    queries = bench.count(ota.QueryNextImageRequest)
    bench.wait(period_us - lead_us)
    assert bench.count(ota.QueryNextImageRequest) == queries

    # Control: the wait was judged against a query that does come.
    longest_us = lead_us + jitter_us + MINUTE
    assert bench.run(lambda: bench.count(ota.QueryNextImageRequest) > queries, longest_us)
    assert bench.count(ota.ImageBlockRequest) == 0


@rungs(end=0)
@covers("OTA-C-016")
def test_unicast_notify_is_followed_by_a_query(bench: Bench) -> None:
    """A device asks for an image when the hub notifies it.

    Attack: none.
    Expect: a query within the response timeout, to the hub; none without the notify.
    Source: ZigBee OTA 095264 6.10.3.4.
    """
    queries = bench.count(ota.QueryNextImageRequest)
    within_us = bench.profile.ota.response_timeout_ms * 1000
    assert bench.provoke(ota.QueryNextImageRequest, bench.notify, 3 * within_us)  # control
    assert bench.silence(ota.QueryNextImageRequest) == []
    assert bench.count(ota.QueryNextImageRequest) == queries + 1
    assert bench.last_datagram(ota.QueryNextImageRequest).destination == bench.hub.address


def _notify(bench: Bench, kind: NotifyType, **fields: int) -> ota.ImageNotify:
    """Return a notify of a payload type for this device, with some fields changed."""
    honest = {
        "manufacturer": bench.profile.ota.manufacturer_code,
        "image_type": bench.profile.ota.image_type,
        "file_version": bench.version(1),
    }
    there = dict(list((honest | fields).items())[:kind])  # type 1 has the first, 2 two, 3 all
    return ota.ImageNotify(payload_type=kind, query_jitter=100, **there)


@rungs(end=0, top=1)
@covers("OTA-C-018", "OTA-C-019", "OTA-C-020", "OTA-C-023")
@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (NotifyType.MANUFACTURER, "manufacturer", 0x1234),
        (NotifyType.IMAGE_TYPE, "manufacturer", 0x1234),
        (NotifyType.IMAGE_TYPE, "image_type", 0x0777),
        (NotifyType.FILE_VERSION, "image_type", 0x0777),
        (NotifyType.FILE_VERSION, "file_version", None),
    ],
    ids=["manufacturer", "manufacturer_2", "image_type", "image_type_3", "running_version"],
)
def test_broadcast_notify_for_others_is_ignored(
    bench: Bench, kind: NotifyType, name: str, value: int | None
) -> None:
    """A device does not ask because of a broadcast meant for other devices or its own version.

    Attack: broadcast notify of each type with another manufacturer, image type, or the running
    version.
    Expect: no query and no Default Response.
    Source: ZigBee OTA 095264 6.10.3.4.
    """
    patience_us = 3 * bench.profile.ota.response_timeout_ms * 1000
    assert bench.provoke(ota.QueryNextImageRequest, bench.notify, patience_us)
    told = bench.version(0) if value is None else value
    for_others = _notify(bench, kind, **{name: told})
    said = bench.silence(
        Frame, lambda: bench.tell(for_others, broadcast=True), like=ota.QueryNextImageRequest
    )
    assert said == []

    # Control: the same broadcast for this device, or with a higher version, brings a query.
    for_this_one = _notify(bench, kind)
    assert bench.provoke(
        ota.QueryNextImageRequest, lambda: bench.tell(for_this_one, broadcast=True), patience_us
    )


@covers("OTA-C-032")
def test_no_image_means_no_download(bench: Bench) -> None:
    """A device told that there is no image downloads nothing and stays as it is.

    Attack: the hub serves nothing, and says so five times.
    Expect: no block request, status Normal, no search for another server; the next offer is taken.
    Source: ZCL rev 8, 11.13.5.
    """
    bench.hub.serve()
    searches = bench.count(zdo.MatchDescriptorRequest)
    assert all(bench.provoke(ota.QueryNextImageRequest, bench.notify) for _ in range(4))
    asked = bench.silence(ota.ImageBlockRequest, bench.notify, like=ota.QueryNextImageRequest)
    assert asked == []
    assert bench.count(ota.ImageBlockRequest) == 0
    assert bench.count(zdo.MatchDescriptorRequest) == searches
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL

    assert bench.offer(bench.image()) is Status.SUCCESS  # control
    assert bench.count(ota.ImageBlockRequest) > 0


@covers("OTA-C-034")
def test_running_version_is_not_downloaded(bench: Bench) -> None:
    """A device does not download the version that it runs, but for once if it is told to by name.

    Attack: the hub goes on offering the running version, for two days.
    Expect: no block request, or one whole download that was asked for by a unicast notify; no loop.
    Source: ZCL rev 8, 11.13.5.4; zigbee2mqtt 26459.
    """
    running = bench.running_version() or 0
    bench.hub.settings.offers = bench.hub.settings.offers.ANY
    verdict = bench.offer(bench.image(running))
    blocks = bench.count(ota.ImageBlockRequest)
    assert verdict is (Status.SUCCESS if blocks else None)
    bench.settle()
    assert not bench.run(lambda: bench.count(ota.ImageBlockRequest) > blocks, bench.lived(2 * DAY))
    assert bench.running_version() == running

    assert bench.upgrade(bench.image()) == bench.version(1)  # control


@covers("OTA-C-037", "OTA-C-038", "OTA-C-039")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("manufacturer", 0x1234),
        ("image_type", 0x0777),
        ("image_size", 0),
        ("image_size", 2**32 - 16),
    ],
    ids=["manufacturer", "image_type", "no_octets", "too_large"],
)
def test_impossible_offer_is_not_taken(bench: Bench, name: str, value: int) -> None:
    """A device does not begin a download that cannot be for it.

    Attack: the query response names another manufacturer or type, no octets, or 4 GiB.
    Expect: no block request, status Normal; the honest offer is taken.
    Source: [SL-C], [TL]; ZCL rev 8, 11.13.5.
    """
    lie = Lie(ota.QueryNextImageResponse, [field(ota.QueryNextImageResponse, "status", 0)])
    bench.hub.lies.append(Lie(ota.QueryNextImageResponse, [_field_of_response(name, value)]))
    assert bench.offer(bench.image()) is None
    assert bench.count(ota.ImageBlockRequest) == 0
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL

    bench.hub.lies[:] = [lie]  # control: the edit of one field to its honest value changes nothing
    assert bench.offer(bench.image()) is Status.SUCCESS


def _field_of_response(name: str, value: int) -> Overwrite:
    return field(ota.QueryNextImageResponse, name, value)
