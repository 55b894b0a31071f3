"""A device that needs several images asks for all of them before it starts any."""

from emulator.profiles.load import overlay
from emulator.profiles.model import Profile
from emulator.units import HOUR, SECOND
from emulator.wire import ota
from emulator.wire.ota import ImageUpgradeStatus, Status
from harness.cases.conftest import MakeBench
from harness.covers import covers
from harness.firmware import built
from harness.hub.images import served
from harness.hub.settings import refuse

#: The image type of the other image; shipped profiles have none (docs/profiles.md).
OTHER_TYPE = 0x0101


def _with_an_extra_area(profile: Profile) -> dict[str, object]:
    """Return the changes that give a bridge a second image and a place for it."""
    end = profile.flash.size_octets
    extra = [end, end + 16 * max(profile.flash.erase_size_octets, 4096)]
    return {
        "flash.size_octets": extra[1],
        "flash.extra": extra,
        "ota.more_image_types": [OTHER_TYPE],
    }


@covers("OTA-C-106")
def test_device_asks_for_more_images(make_bench: MakeBench, profile: Profile) -> None:
    """A device that needs two images says so after the first, and asks for the second.

    Attack: the second image is not there yet when the first one is complete.
    Expect: REQUIRE_MORE_IMAGE, status 0x05, a query for the other type; nothing starts.
    Source: ZCL rev 8, 11.13.9.
    """
    bench = make_bench(_with_an_extra_area(profile))
    bench.start()
    first = bench.image(size=400)
    assert bench.offer(first) is Status.REQUIRE_MORE_IMAGE
    bench.wait(30 * SECOND)
    assert bench.last(ota.QueryNextImageRequest).image_type == OTHER_TYPE
    assert bench.upgrade_status() is ImageUpgradeStatus.WAIT_FOR_MORE
    assert bench.running_version() == bench.version(0)

    # Control: with the second image there, both are complete and the first one runs.
    other = built(overlay(profile, {"ota.image_type": OTHER_TYPE}), bytes(600), bench.version(1))
    bench.hub.serve(served(first), served(other))
    bench.notify()
    assert bench.verdict(HOUR) is Status.SUCCESS
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-106", "OTA-C-107")
def test_reset_between_images(make_bench: MakeBench, profile: Profile) -> None:
    """A device that lost power between two images still wants the second one.

    Attack: the power is cut when the first image is complete and the second is not there yet.
    Expect: it asks for the other type again; no SUCCESS, nothing starts.
    Source: ZCL rev 8, 11.13.9; [SL-C].
    """
    bench = make_bench(_with_an_extra_area(profile))
    bench.start()
    first = bench.image(size=400)
    assert bench.offer(first) is Status.REQUIRE_MORE_IMAGE
    bench.power_cycle()
    bench.wait(30 * SECOND)
    assert bench.last(ota.QueryNextImageRequest).image_type == OTHER_TYPE
    assert bench.last(ota.UpgradeEndRequest).status is Status.REQUIRE_MORE_IMAGE
    assert bench.running_version() == bench.version(0)

    # Control: with the second image there, both are complete and the first one runs.
    other = built(overlay(profile, {"ota.image_type": OTHER_TYPE}), bytes(600), bench.version(1))
    bench.hub.serve(served(first), served(other))
    bench.notify()
    assert bench.verdict(HOUR) is Status.SUCCESS
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("OTA-C-106")
def test_refused_upgrade_begins_anew(make_bench: MakeBench, profile: Profile) -> None:
    """A device whose two images are refused at the end wants the first one next, as before.

    Attack: both images are complete; the hub answers the SUCCESS of the last with FAILURE.
    Expect: status Normal; the next query is for the first type again; nothing starts.
    Source: ZCL rev 8, 11.13.9.
    """
    bench = make_bench(_with_an_extra_area(profile))
    bench.start()
    first = bench.image(size=400)
    other = built(overlay(profile, {"ota.image_type": OTHER_TYPE}), bytes(600), bench.version(1))
    refused = refuse(ota.UpgradeEndRequest, Status.FAILURE, skip=1)
    bench.hub.settings.instead.append(refused)
    assert bench.offer(first) is Status.REQUIRE_MORE_IMAGE
    bench.hub.serve(served(first), served(other))
    bench.notify()
    assert bench.verdict(HOUR) is Status.SUCCESS
    bench.wait(30 * SECOND)
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL
    assert bench.provoke(ota.QueryNextImageRequest, bench.notify)
    assert bench.last(ota.QueryNextImageRequest).image_type == profile.ota.image_type
    assert bench.running_version() == bench.version(0)

    # Control: both are taken again where the hub refuses nothing, and the first one runs.
    bench.hub.settings.instead.clear()
    assert bench.verdict(HOUR) is Status.REQUIRE_MORE_IMAGE
    assert bench.verdict(HOUR) is Status.SUCCESS
    bench.settle()
    assert bench.running_version() == bench.version(1)
