"""A device obeys its own hub, and nobody else on the network."""

import pytest

from emulator.profiles.load import overlay
from emulator.units import HOUR, MINUTE
from emulator.wire import ota, zdo
from emulator.wire.codec import Frame
from emulator.wire.ota import ImageUpgradeStatus, Status
from harness.bench import Bench
from harness.cases.conftest import MakeBench, blocks_within
from harness.covers import covers
from harness.dut.rungs import rungs
from harness.hub.images import served
from harness.inquiry import put


@covers("OTA-C-009")
def test_first_responder_is_the_server(make_bench: MakeBench) -> None:
    """A device that hears two servers uses the one that answered first.

    Attack: two honest hubs answer the discovery, the device's hub before the other.
    Expect: every OTA unicast goes to the first one, at the first endpoint of its list.
    Source: [SL-C].
    """
    bench = make_bench()
    other = bench.second_hub(first=False)
    bench.hub.settings.endpoints = (9, 1)
    bench.start()
    assert bench.offer(bench.image()) is Status.SUCCESS
    sent = bench.sent_datagrams(ota.CLUSTER)
    assert {one.destination for one in sent} == {bench.hub.address}
    assert {one.destination_endpoint for one in sent} == {9}

    # Control: the other one was asked and answered too, unless only the coordinator is asked.
    asked = bench.last_datagram(zdo.MatchDescriptorRequest).destination
    answered = bench.senders(zdo.MatchDescriptorResponse)
    assert other.address in answered or asked == bench.hub.address


@covers("OTA-C-009")
def test_coordinator_alone_may_be_the_server(make_bench: MakeBench) -> None:
    """A device that trusts the coordinator alone takes nobody else for its server.

    Attack: another honest hub answers the discovery before the coordinator does, or says unasked
    that it is a server while the coordinator is silent.
    Expect: the coordinator alone is asked, and every OTA unicast goes to it.
    Source: WWAH (accept set of "the first responder").
    """
    bench = make_bench({"ota.server_choice": "coordinator"})
    rival = bench.second_hub(first=True)
    bench.hub.settings.silent = True
    bench.lane.power(True)
    assert bench.run(lambda: bench.count(zdo.MatchDescriptorRequest) > 0, MINUTE)
    said = zdo.MatchDescriptorResponse(
        sequence=0, status=zdo.ZdoStatus.SUCCESS, address=rival.address, endpoints=(1,)
    )
    put(bench.lane, rival.zdo(said, bench.address))
    bench.wait(MINUTE)
    bench.hub.settings.silent = False
    assert bench.run(lambda: bench.count(ota.QueryNextImageRequest) > 0, 2 * HOUR)
    assert bench.upgrade(bench.image()) == bench.version(1)
    assert {one.destination for one in bench.sent_datagrams(ota.CLUSTER)} == {bench.hub.address}
    assert bench.last_datagram(zdo.MatchDescriptorRequest).destination == bench.hub.address

    # Control: a device that takes the first one takes the other.
    usual = make_bench({"ota.server_choice": "first"})
    other = usual.second_hub(first=True)
    usual.lane.power(True)
    usual.wait(HOUR)
    assert {one.destination for one in usual.sent_datagrams(ota.CLUSTER)} == {other.address}


@rungs(end=2)
@covers("OTA-C-068")
@pytest.mark.parametrize("what", ["block", "abort", "end"])
def test_answers_of_a_stranger_are_ignored(bench: Bench, what: str) -> None:
    """A device does not take another node's word for the hub's.

    Attack: in a download, another node sends a block of the right offset, an ABORT, or a release.
    Expect: the download goes on undisturbed; at most NOT_AUTHORIZED goes to the stranger.
    Source: [SL-C].
    """
    stranger = bench.stranger()
    image = bench.image()
    reached = bench.start_download(image, blocks=blocks_within(bench, image, 10))
    bench.tell(_forged(bench, what, reached), by=stranger)
    assert bench.verdict(HOUR) is Status.SUCCESS
    offsets = [one.file_offset for one in bench.heard(ota.ImageBlockRequest)]
    assert len(offsets) - len(set(offsets)) <= 1
    bench.settle()
    assert bench.running_version() == bench.version(1)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


def _forged(bench: Bench, what: str, offset: int) -> Frame:
    """Return an answer that would be right if the hub had sent it, with other octets in a block."""
    ids = {
        "manufacturer": bench.profile.ota.manufacturer_code,
        "image_type": bench.profile.ota.image_type,
        "file_version": bench.version(1),
    }
    if what == "block":
        data = b"\xee" * bench.block_octets
        return ota.ImageBlockResponse(status=Status.SUCCESS, file_offset=offset, data=data, **ids)
    if what == "abort":
        return ota.ImageBlockResponse(status=Status.ABORT)
    return ota.UpgradeEndResponse(current_time_s=0, upgrade_time_s=0, **ids)


@covers("OTA-C-068")
def test_stranger_may_not_release_the_image(bench: Bench) -> None:
    """A device that waits for leave is not released by another node.

    Attack: while the device waits, another node sends "now".
    Expect: still waiting, the old version runs; the hub's own "now" applies.
    Source: [SL-C].
    """
    stranger = bench.stranger()
    bench.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER)
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.tell(_forged(bench, "end", 0), by=stranger)
    bench.wait(5 * MINUTE)
    assert bench.upgrade_status() is ImageUpgradeStatus.WAITING_TO_UPGRADE
    assert bench.running_version() == bench.version(0)

    bench.tell(_forged(bench, "end", 0))  # control
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("GB-045")
def test_expelled_device_stops(bench: Bench) -> None:
    """A device that is taken off the network in a download stops, and does not start the part.

    Attack: the hub removes the device in the middle of the download.
    Expect: no request while it is out; back in, the old version runs and the update completes.
    Source: gb-alt-han GB-045.
    """
    image = bench.image()
    bench.start_download(image, blocks=blocks_within(bench, image, 10))
    bench.expel()
    bench.wait(MINUTE)
    asked = bench.count(ota.ImageBlockRequest)
    bench.wait(bench.lived(2 * HOUR))
    assert bench.count(ota.ImageBlockRequest) == asked
    bench.readmit()
    bench.wait(bench.lived(2 * HOUR))
    assert bench.count(ota.QueryNextImageRequest) > 0

    bench.offer(bench.image())  # control
    bench.settle()
    assert bench.running_version() == bench.version(1)


@covers("GB-071")
def test_two_devices_download_at_once(bench: Bench) -> None:
    """Two devices that download at the same time get each its own image.

    Attack: a device of another type joins in the middle of the download, and downloads too.
    Expect: both run what was offered to them, which mixed blocks would not verify as.
    Source: gb-alt-han GB-071.
    """
    other = bench.second_device(overlay(bench.profile, {"ota.image_type": 0x0777}))
    image = bench.image(size=40_000)
    bench.start_download(image, blocks=blocks_within(bench, image, 10))
    bench.hub.serve(served(image), served(other.image(size=40_000)))
    other.start()
    other.notify()
    assert bench.verdict(HOUR) is Status.SUCCESS
    bench.settle()
    other.settle()
    assert bench.running_version() == bench.version(1)
    assert other.running_version() == bench.version(1)

    # Control: each asked for all of it itself.
    assert bench.count(ota.ImageBlockRequest) == other.count(ota.ImageBlockRequest)
