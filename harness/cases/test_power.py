"""A device whose supply fails at a chosen moment finishes what it was told, on every lane."""

import pytest

from emulator.units import HOUR, SECOND
from emulator.wire import ota
from emulator.wire.ota import Status
from harness.bench import Bench
from harness.covers import covers
from harness.dut.rungs import rungs


@rungs(end=2)
@covers("OTA-C-072", "GB-047")
@pytest.mark.parametrize("eighths", [1, 4, 7], ids=["early", "middle", "late"])
def test_power_fails_at_a_block(bench: Bench, eighths: int) -> None:
    """A device that loses power at a block of a download ends with the whole image.

    Attack: the supply is cut when so much of the image was asked for, and comes back 5 s later.
    Expect: it asks for no offset beyond what it had; SUCCESS; the new version runs.
    Source: ZCL rev 8, 11.11.4; gb-alt-han GB-047.
    """
    image = bench.image()
    blocks = max(1, len(image) * eighths // 8 // bench.block_octets)
    reached = bench.start_download(image, blocks=blocks)
    bench.cut_power()
    bench.wait(5 * SECOND)
    asked = bench.count(ota.ImageBlockRequest)
    bench.lane.power(True)
    assert bench.verdict() is Status.SUCCESS
    assert bench.heard(ota.ImageBlockRequest)[asked].file_offset <= reached
    bench.settle()
    assert bench.running_version() == bench.version(1)

    asked = bench.count(ota.ImageBlockRequest)  # control: nothing is left of the first download
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)
    assert bench.heard(ota.ImageBlockRequest)[asked].file_offset == 0


@rungs(end=2)
@covers("OTA-C-090", "GB-066")
def test_power_fails_after_the_upgrade_end(bench: Bench) -> None:
    """A device that loses power when it has told its verdict does not lose the image.

    Attack: the supply is cut as soon as SUCCESS was heard, before or while the image is applied.
    Expect: no second download of it; the new version runs within the hour, and stays.
    Source: design section 8, promise 3; gb-alt-han GB-066.
    """
    assert bench.offer(bench.image()) is Status.SUCCESS
    blocks = bench.count(ota.ImageBlockRequest)
    bench.cut_power()
    bench.wait(5 * SECOND)
    bench.lane.power(True)
    bench.run(lambda: bench.running_version() == bench.version(1), HOUR)
    assert bench.running_version() == bench.version(1)
    assert bench.count(ota.ImageBlockRequest) == blocks
    bench.power_cycle()
    assert bench.running_version() == bench.version(1)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("GB-066", "GB-067")
def test_power_fails_in_the_trial(bench: Bench) -> None:
    """A device that loses power while a good image is on trial goes on with it.

    Attack: the supply is cut once, seconds after the new version was first heard.
    Expect: the new version runs afterwards, and is kept over two more cuts.
    Source: gb-alt-han GB-066, GB-067.
    """
    assert bench.offer(bench.image()) is Status.SUCCESS
    queries = bench.count(ota.QueryNextImageRequest)
    bench.run(lambda: bench.count(ota.QueryNextImageRequest) > queries, bench.trial_us // 2)
    assert bench.last(ota.QueryNextImageRequest).file_version == bench.version(1)
    bench.power_cycle(5 * SECOND)
    assert bench.running_version() == bench.version(1)
    bench.wait(bench.trial_us // 10)
    bench.power_cycle()
    bench.power_cycle()
    assert bench.running_version() == bench.version(1)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control
