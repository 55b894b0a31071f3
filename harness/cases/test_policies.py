"""A device keeps to its activation and timeout policies, whatever the hub says."""

from emulator.units import HOUR, MINUTE
from emulator.wire import ota, zcl
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from harness.bench import Bench
from harness.cases.conftest import MakeBench, blocks_within
from harness.covers import covers
from harness.dut.rungs import rungs

OUT_OF_BAND_ONLY = {"ota.activation_policy": 1}


@covers("OTA-C-102")
def test_server_may_not_activate(make_bench: MakeBench) -> None:
    """A device that only an external event activates does not let the hub do it.

    Attack: activation policy 1; the hub answers the Upgrade End Request with "now".
    Expect: Default Response NOT_AUTHORIZED, status 0x06, the old version runs.
    Source: ZCL rev 8, 11.10.12.
    """
    bench = make_bench(OUT_OF_BAND_ONLY)
    bench.start()
    assert bench.value(Attribute.UPGRADE_ACTIVATION_POLICY) == 1
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.wait(MINUTE)
    assert bench.last(zcl.DefaultResponse).status is Status.NOT_AUTHORIZED
    assert bench.upgrade_status() is ImageUpgradeStatus.WAITING_FOR_EXTERNAL_EVENT
    assert bench.running_version() == bench.version(0)

    bench.activate()  # control: the external event does it
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-103")
def test_server_may_tell_to_wait(make_bench: MakeBench) -> None:
    """A device that only an external event activates takes "wait" for no offence.

    Attack: activation policy 1; the hub answers with 0xFFFFFFFF.
    Expect: status 0x06, no NOT_AUTHORIZED; the old version runs for hours.
    Source: ZCL rev 8, 11.10.12.
    """
    bench = make_bench(OUT_OF_BAND_ONLY)
    bench.start()
    bench.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER)
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.wait(bench.lived(3 * HOUR))
    assert Status.NOT_AUTHORIZED not in [one.status for one in bench.heard(zcl.DefaultResponse)]
    assert bench.upgrade_status() is ImageUpgradeStatus.WAITING_FOR_EXTERNAL_EVENT
    assert bench.running_version() == bench.version(0)

    bench.activate()  # control
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-102")
def test_silence_activates_nothing(make_bench: MakeBench) -> None:
    """A device that only an external event activates does not take silence for leave either.

    Attack: activation policy 1 and timeout policy 0; the hub answers no Upgrade End Request. The
    event comes before there is an image, and in its download.
    Expect: the old version runs for hours, long after the third request.
    Source: ZCL rev 8, 11.10.12, 11.10.13.
    """
    bench = make_bench({**OUT_OF_BAND_ONLY, "ota.timeout_policy": 0, "ota.end_retry_s": 600})
    bench.start()
    bench.hub.settings.end_times_s = None
    bench.activate()
    image = bench.image()
    assert bench.start_download(image, blocks=1 + blocks_within(bench, image, 1)) > 0
    bench.activate()
    assert bench.verdict() is Status.SUCCESS
    bench.wait(bench.lived(5 * HOUR))
    assert bench.running_version() == bench.version(0)
    assert bench.upgrade_status() is not ImageUpgradeStatus.NORMAL

    bench.activate()  # control: the external event does it
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-100")
def test_device_asks_thrice_before_it_applies(make_bench: MakeBench) -> None:
    """A device with timeout policy 0 applies by itself only after three unanswered requests.

    Attack: timeout policy 0; the hub answers no Upgrade End Request.
    Expect: at least three requests before the new version runs; status not Normal till then.
    Source: ZCL rev 8, 11.11.4, 11.16.
    """
    bench = make_bench({"ota.timeout_policy": 0, "ota.end_retry_s": 600})
    bench.start()
    bench.hub.settings.end_times_s = None
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.run(lambda: bench.count(ota.UpgradeEndRequest) >= 2, HOUR)
    assert bench.running_version() == bench.version(0)
    assert bench.upgrade_status() is not ImageUpgradeStatus.NORMAL
    bench.settle(3 * HOUR)
    assert bench.count(ota.UpgradeEndRequest) >= 3

    assert bench.running_version() == bench.version(1)  # control: this policy does let it apply


@rungs(start=1, end=2)
@covers("OTA-C-036")
def test_lower_version_is_taken_or_refused(bench: Bench) -> None:
    """A device that is offered a lower version installs it, or says that it does not.

    Attack: the hub authorises a version below the running one.
    Expect: it is downloaded and runs; or Upgrade End INVALID_IMAGE without a single block.
    Source: ZCL rev 8, 11.13.5; [SL-C], [TL] (accept set).
    """
    lower = bench.version(-1)
    bench.hub.settings.offers = bench.hub.settings.offers.ANY
    verdict = bench.offer(bench.image(lower))
    bench.settle()
    taken = bench.count(ota.ImageBlockRequest) > 0
    assert verdict is (Status.SUCCESS if taken else Status.INVALID_IMAGE)
    assert bench.running_version() == (lower if taken else bench.version(0))

    assert bench.upgrade(bench.image()) == bench.version(1)  # control: the way up is open


@rungs(start=2, end=3)
@covers("GB-076")
def test_downgrade_can_be_forbidden(make_bench: MakeBench) -> None:
    """A device that must not go back does not, whatever the hub authorises.

    Attack: downgrades are forbidden; the hub offers a lower version, twice.
    Expect: INVALID_IMAGE each time, no block; the running version stays.
    Source: gb-alt-han GB-076 [ASSUMED]; WWAH.
    """
    bench = make_bench({"ota.downgrade": "refuse"})
    bench.start()
    bench.hub.settings.offers = bench.hub.settings.offers.ANY
    assert bench.offer(bench.image(bench.version(-1))) is Status.INVALID_IMAGE
    assert bench.offer(bench.image(bench.version(-2))) is Status.INVALID_IMAGE
    assert bench.count(ota.ImageBlockRequest) == 0
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(bench.image()) == bench.version(1)  # control
