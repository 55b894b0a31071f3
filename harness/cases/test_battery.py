"""A device on battery keeps a reserve for the way back, and says why it waits."""

from emulator.units import HOUR, SECOND
from emulator.wire import ota, power
from emulator.wire.ota import ImageUpgradeStatus, Status
from harness.bench import Bench
from harness.cases.conftest import blocks_within
from harness.covers import covers
from harness.verdict import Unsupported

#: What a device may show while a verified image waits.
WAITS = {
    ImageUpgradeStatus.WAITING_TO_UPGRADE,
    ImageUpgradeStatus.COUNT_DOWN,
    ImageUpgradeStatus.WAITING_FOR_EXTERNAL_EVENT,
}


def _reserve(bench: Bench) -> int:
    """Return the percentage below which the device defers."""
    battery = bench.profile.battery
    if battery is None or battery.reserve_percent == 0:
        raise Unsupported("the profile states no reserve of a battery")
    return battery.reserve_percent


@covers("GB-073")
def test_low_battery_defers_a_download(bench: Bench) -> None:
    """A device whose battery lacks the reserve takes no offer, shows why, and makes up for it.

    Attack: the charge is a percent below the reserve when an image is offered.
    Expect: no block is asked for, the status stays Normal; attribute 0x0021 of cluster 0x0001 has
    the charge.
    Source: [ASSUMED]; ZCL rev 8, 3.3.2.2.3 (half a percent a step).
    """
    reserve, ota_profile = _reserve(bench), bench.profile.ota
    bench.charge(reserve - 1)
    assert bench.offer(bench.image()) is None
    assert bench.count(ota.ImageBlockRequest) == 0
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL
    remaining = power.Attribute.BATTERY_PERCENTAGE_REMAINING
    shown = bench.value(remaining, cluster=power.CLUSTER)
    assert shown == (reserve - 1) * power.STEPS_A_PERCENT
    assert bench.running_version() == bench.version(0)

    bench.charge(reserve)  # control: that is enough, at the next daily query at the latest
    day_us = (ota_profile.query_period_s + ota_profile.query_jitter_s) * SECOND
    assert bench.verdict(day_us + HOUR) is Status.SUCCESS
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("GB-073")
def test_low_battery_pauses_a_download(bench: Bench) -> None:
    """A device whose charge falls in a download asks for no more, and goes on where it stood.

    Attack: the charge falls below the reserve after five blocks, and comes back later.
    Expect: silence in between; the next block asked for is not the first one.
    Source: [ASSUMED].
    """
    reserve = _reserve(bench)
    image = bench.image()
    assert bench.start_download(image, blocks=1 + blocks_within(bench, image, 4)) > 0
    before = bench.count(ota.ImageBlockRequest)
    bench.charge(reserve - 1)
    bench.wait(bench.quiet_us())
    asked = bench.count(ota.ImageBlockRequest)
    assert asked <= before + 1  # one was on its way, perhaps
    bench.wait(bench.quiet_us())
    assert bench.count(ota.ImageBlockRequest) == asked

    bench.charge(reserve)  # control
    assert bench.verdict() is Status.SUCCESS
    assert bench.heard(ota.ImageBlockRequest)[asked].file_offset > 0
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("GB-073")
def test_low_battery_tries_no_image(bench: Bench) -> None:
    """A device that could not pay for a rollback does not begin a trial.

    Attack: the charge falls below the reserve during the countdown to the upgrade.
    Expect: long after it the old version runs, and attribute 0x0006 says that an image waits.
    Source: [ASSUMED].
    """
    reserve = _reserve(bench)
    bench.hub.settings.end_times_s = (0, 600)
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.charge(reserve - 1)
    bench.wait(1200 * SECOND)
    assert bench.running_version() == bench.version(0)
    assert bench.upgrade_status() in WAITS

    bench.charge(reserve)  # control
    bench.settle()
    assert bench.running_version() == bench.version(1)
