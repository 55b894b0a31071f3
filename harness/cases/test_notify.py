"""An Image Notify makes a device ask, by the rules of unicast and broadcast, and no more."""

import pytest

from emulator.units import HOUR, MINUTE
from emulator.wire import ota, zcl
from emulator.wire.ota import ImageUpgradeStatus, NotifyType, Status
from harness.bench import Bench
from harness.cases.conftest import blocks_within
from harness.covers import covers
from harness.dut.rungs import rungs
from harness.hub.lies import Cut, Overwrite, field

NOTIFY = ota.ImageNotify


def notify_of(bench: Bench, version: int | None = None, jitter: int = 100) -> ota.ImageNotify:
    """Return a notify of payload type 3 that names this device's ids, and the next version."""
    return ota.ImageNotify(
        payload_type=NotifyType.FILE_VERSION,
        query_jitter=jitter,
        manufacturer=bench.profile.ota.manufacturer_code,
        image_type=bench.profile.ota.image_type,
        file_version=bench.version(1) if version is None else version,
    )


def _broadcasts(bench: Bench, copies: int, jitter: int) -> None:
    """Broadcast a notify of type 0 so often, a minute apart, and let the last one be answered."""
    notify = ota.ImageNotify(payload_type=NotifyType.JITTER, query_jitter=jitter)
    bench.storm(notify, copies=copies, gap_us=MINUTE, broadcast=True)
    bench.wait((copies + 1) * MINUTE)


@rungs(end=0, top=1)
@covers("OTA-C-017")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("query_jitter", 1),
        ("manufacturer", 0x1234),
        ("image_type", 0x0777),
        ("file_version", None),
    ],
    ids=["jitter", "manufacturer", "image_type", "running_version"],
)
def test_unicast_notify_with_contents(bench: Bench, name: str, value: int | None) -> None:
    """A device answers a unicast notify with contents by a query, or refuses it as malformed.

    Attack: unicast notify of type 3 with jitter 1, foreign ids, or the running version.
    Expect: one query, or one Default Response MALFORMED_COMMAND; nothing else.
    Source: ZigBee OTA 095264 6.10.3.4 against 6.10.3.5.1 (accept set).
    """
    queries, heard = bench.count(ota.QueryNextImageRequest), len(bench.hub.heard)
    edit = field(NOTIFY, name, bench.version(0) if value is None else value)
    bench.tell(notify_of(bench), edits=[edit])
    bench.wait(MINUTE)
    refused = [
        one
        for one in bench.heard(zcl.DefaultResponse)
        if one.command == 0 and one.status is Status.MALFORMED_COMMAND
    ]
    assert bench.count(ota.QueryNextImageRequest) - queries + len(refused) == 1
    assert len(bench.hub.heard) == heard + 1

    bench.notify()  # control: the one form that every reading obeys
    bench.wait(MINUTE)
    assert bench.last(ota.QueryNextImageRequest).file_version == bench.version(0)
    assert bench.count(ota.QueryNextImageRequest) >= queries + 1


@covers("OTA-C-021")
def test_broadcast_of_the_waiting_version_is_ignored(bench: Bench) -> None:
    """A device that holds an image and waits is not moved by a notify of that image.

    Attack: the device waits for leave; a broadcast notify names the version that it holds.
    Expect: no query, status still Waiting to upgrade.
    Source: ZigBee OTA 095264 6.10.3.4.
    """
    bench.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER)
    assert bench.offer(bench.image()) is Status.SUCCESS
    queries = bench.count(ota.QueryNextImageRequest)
    bench.tell(notify_of(bench), broadcast=True)
    bench.wait(5 * MINUTE)
    assert bench.count(ota.QueryNextImageRequest) == queries
    assert bench.upgrade_status() is ImageUpgradeStatus.WAITING_TO_UPGRADE

    # Control: the image that waited was not lost by it.
    bench.tell(
        ota.UpgradeEndResponse(
            manufacturer=bench.profile.ota.manufacturer_code,
            image_type=bench.profile.ota.image_type,
            file_version=bench.version(1),
            current_time_s=0,
            upgrade_time_s=0,
        )
    )
    bench.settle()
    assert bench.running_version() == bench.version(1)


@rungs(start=1, end=1)
@covers("OTA-C-022")
def test_broadcast_of_a_lower_version_is_followed(bench: Bench) -> None:
    """A device asks when a broadcast names a lower version: the hub may want it back.

    Attack: broadcast notify of type 3 with a version below the running one.
    Expect: one query that names the running version; none for the running version itself.
    Source: ZigBee OTA 095264 6.10.3.4.
    """
    queries = bench.count(ota.QueryNextImageRequest)
    bench.tell(notify_of(bench, bench.version(-1)), broadcast=True)
    bench.wait(MINUTE)
    assert bench.count(ota.QueryNextImageRequest) == queries + 1
    assert bench.last(ota.QueryNextImageRequest).file_version == bench.version(0)

    bench.tell(notify_of(bench, bench.version(0)), broadcast=True)  # control
    bench.wait(MINUTE)
    assert bench.count(ota.QueryNextImageRequest) == queries + 1


@rungs(end=0)
@covers("OTA-C-024")
def test_full_jitter_is_always_answered(bench: Bench) -> None:
    """A device answers every broadcast whose jitter is 100.

    Attack: 20 broadcasts of type 0 with jitter 100, a minute apart.
    Expect: 20 queries; the jitter of 0 after them brings none.
    Source: ZCL rev 8, 11.13.3.
    """
    queries = bench.count(ota.QueryNextImageRequest)
    _broadcasts(bench, 20, jitter=100)
    assert bench.count(ota.QueryNextImageRequest) == queries + 20
    assert bench.count(ota.ImageBlockRequest) == 0

    _broadcasts(bench, 5, jitter=0)  # control: what is counted is an answer to the jitter
    assert bench.count(ota.QueryNextImageRequest) == queries + 20


@rungs(end=0)
@covers("OTA-C-025")
def test_jitter_is_a_probability(bench: Bench) -> None:
    """A device answers about a quarter of the broadcasts whose jitter is 25.

    Attack: 200 broadcasts of type 0 with jitter 25, a minute apart.
    Expect: 50 queries, 20 more or fewer; with jitter 75 three times as many, give or take.
    Source: ZCL rev 8, 11.13.3.
    """
    queries = bench.count(ota.QueryNextImageRequest)
    _broadcasts(bench, 200, jitter=25)
    quarter = bench.count(ota.QueryNextImageRequest) - queries
    assert 30 <= quarter <= 70
    assert bench.count(ota.ImageBlockRequest) == 0

    _broadcasts(bench, 200, jitter=75)  # control: the jitter is what decides
    most = bench.count(ota.QueryNextImageRequest) - queries - quarter
    assert 130 <= most <= 170


@rungs(end=0, top=1)
@covers("OTA-C-026", "OTA-C-027", "OTA-C-028", "OTA-C-029")
@pytest.mark.parametrize(
    "edit",
    [
        field(NOTIFY, "query_jitter", 0),
        field(NOTIFY, "query_jitter", 101),
        field(NOTIFY, "query_jitter", 255),
        field(NOTIFY, "payload_type", 4),
        Cut(octets=9),
    ],
    ids=["jitter_0", "jitter_101", "jitter_255", "payload_type_4", "cut_short"],
)
def test_invalid_broadcast_notify_is_ignored(bench: Bench, edit: Overwrite | Cut) -> None:
    """A device ignores a broadcast notify that is not valid, in silence.

    Attack: broadcast notify with jitter 0, 101 or 255, a reserved payload type, or 9 octets.
    Expect: no query, no Default Response; the valid one is followed by a query.
    Source: ZCL rev 8, 11.13.3.5.1.
    """
    heard = len(bench.hub.heard)
    bench.tell(notify_of(bench), broadcast=True, edits=[edit])
    bench.wait(MINUTE)
    assert len(bench.hub.heard) == heard
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL

    queries = bench.count(ota.QueryNextImageRequest)  # control
    bench.tell(notify_of(bench), broadcast=True)
    bench.wait(MINUTE)
    assert bench.count(ota.QueryNextImageRequest) == queries + 1


@rungs(end=0, top=1)
@covers("OTA-C-030")
def test_truncated_unicast_notify_is_refused(bench: Bench) -> None:
    """A device answers a unicast notify that is cut short with an error.

    Attack: unicast notify of one octet.
    Expect: Default Response MALFORMED_COMMAND or INVALID_FIELD, no query; the device lives on.
    Source: [SL-C], [ZB-C].
    """
    queries = bench.count(ota.QueryNextImageRequest)
    bench.tell(notify_of(bench), edits=[Cut(octets=1)])
    bench.wait(MINUTE)
    refusal = bench.last(zcl.DefaultResponse)
    assert refusal.status in (Status.MALFORMED_COMMAND, Status.INVALID_FIELD)
    assert bench.count(ota.QueryNextImageRequest) == queries

    bench.notify()  # control
    bench.wait(MINUTE)
    assert bench.count(ota.QueryNextImageRequest) == queries + 1


@covers("OTA-C-031")
def test_notify_does_not_disturb_a_download(bench: Bench) -> None:
    """A device that is told of an image while it downloads one goes on downloading.

    Attack: unicast notify in the middle of a download.
    Expect: the blocks go on from where they were; the image runs.
    Source: [SL-C], [TL], [ZB-C] (accept set for the answer).
    """
    image = bench.image()
    blocks = blocks_within(bench, image, 10)
    reached = bench.start_download(image, blocks=blocks)
    bench.notify()
    assert bench.verdict(HOUR) is Status.SUCCESS
    offsets = [one.file_offset for one in bench.heard(ota.ImageBlockRequest)]
    assert min(offsets[blocks:]) >= reached
    bench.settle()
    assert bench.running_version() == bench.version(1)

    bench.notify()  # control: when it is idle again, the same notify makes it ask
    bench.wait(MINUTE)
    assert bench.last(ota.QueryNextImageRequest).file_version == bench.version(1)
