"""A new image that does not work is undone by the device itself, and tried no more."""

from emulator.contract import Capability
from emulator.profiles.model import Profile, VerifyStep
from emulator.units import MINUTE, SECOND, Us
from emulator.wire import ota
from emulator.wire.manifest import Trait
from emulator.wire.ota import Status
from harness.bench import Bench
from harness.cases.conftest import MakeBench
from harness.covers import covers
from harness.dut.rungs import rungs
from harness.firmware import built
from harness.hub.server import Hub
from harness.hub.settings import refuse

#: Offset of an octet that every image of a bench has.
_INSIDE = 100


@rungs(end=2)
@covers("GB-064")
def test_mute_image_goes_back(bench: Bench) -> None:
    """A device whose new firmware cannot talk goes back to the old one, and leaves it there.

    Attack: the image is perfect, but its radio never sends.
    Expect: silence, then the old version within the trial time; no second installation in two
    periods of its queries.
    Source: gb-alt-han section 5, T1.
    """
    mute = bench.image(traits=Trait.MUTE)
    assert bench.offer(mute) is Status.SUCCESS
    bench.wait(10 * SECOND)
    heard = len(bench.hub.heard)
    bench.wait(bench.trial_us // 4)
    assert len(bench.hub.heard) == heard  # it is mute: nothing is heard of it
    bench.settle(3 * bench.trial_us)
    assert bench.running_version() == bench.version(0)
    blocks = bench.count(ota.ImageBlockRequest)
    bench.wait(2 * bench.profile.ota.query_period_s * SECOND)
    assert bench.count(ota.ImageBlockRequest) == blocks
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("GB-067")
def test_hub_that_restarts_undoes_no_image(bench: Bench) -> None:
    """A device whose hub is away for a part of the trial keeps its new image.

    Attack: the hub answers nothing in the first third of the trial, then refuses one query.
    Expect: the new version asks in vain meanwhile; it runs afterwards, however often power fails.
    Source: gb-alt-han GB-067.
    """
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.hub.settings.silent = True
    queries = bench.count(ota.QueryNextImageRequest)
    bench.wait(bench.trial_us // 3)
    assert bench.count(ota.QueryNextImageRequest) > queries
    assert bench.last(ota.QueryNextImageRequest).file_version == bench.version(1)
    bench.hub.settings.silent = False
    bench.hub.settings.instead.append(refuse(ota.QueryNextImageRequest, Status.FAILURE, count=1))
    bench.wait(6 * bench.trial_us)
    assert bench.running_version() == bench.version(1)
    bench.power_cycle()
    bench.power_cycle()
    bench.power_cycle()
    bench.power_cycle()
    assert bench.running_version() == bench.version(1)

    # Control: a device that is not on trial lives through the same silence.
    bench.hub.settings.silent = True
    bench.wait(3 * bench.trial_us)
    bench.hub.settings.silent = False
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)


@rungs(end=2)
@covers("GB-067")
def test_neighbours_stop_the_clock_of_a_trial(bench: Bench) -> None:
    """A device whose hub is away for longer than a trial keeps its image while it hears others.

    Attack: the hub is silent for a quarter more than the trial; a neighbour speaks all the time.
    Expect: the new version is still there when the hub is back, and stays.
    Source: gb-alt-han GB-067.
    """
    neighbour = bench.stranger()
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.hub.settings.silent = True
    chatter(bench, neighbour, bench.trial_us * 3 // 2)
    bench.wait(bench.trial_us * 5 // 4)
    bench.hub.settings.silent = False
    bench.settle()
    assert bench.running_version() == bench.version(1)
    bench.wait(9 * bench.trial_us)
    assert bench.running_version() == bench.version(1)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("GB-064")
def test_neighbours_do_not_keep_a_bad_image(bench: Bench) -> None:
    """A device that never reaches the hub goes back, however much it hears of others.

    Attack: the hub stays silent for good; a neighbour speaks for longer than any pause may last.
    Expect: the old version runs when the hub is back.
    Source: gb-alt-han GB-064, GB-067.
    """
    longest_us = bench.trial_us + bench.profile.boot.confirm_pause_max_s * SECOND
    neighbour = bench.stranger()
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.hub.settings.silent = True
    chatter(bench, neighbour, longest_us + 3 * bench.trial_us)
    bench.wait(longest_us + bench.trial_us // 2)
    bench.hub.settings.silent = False
    assert bench.running_version() == bench.version(0)
    bench.settle(3 * bench.trial_us)
    assert bench.last(ota.QueryNextImageRequest).file_version == bench.version(0)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


def chatter(bench: Bench, neighbour: Hub, duration_us: Us) -> None:
    """Let another node of the network send the device something often enough to be near."""
    frame = ota.ImageBlockResponse(status=Status.ABORT)
    gap_us = bench.profile.boot.confirm_pause_hold_s * SECOND // 3
    bench.storm(frame, copies=duration_us // gap_us, gap_us=gap_us, by=neighbour)


@rungs(end=2)
@covers("GB-065")
def test_crashing_image_goes_back(bench: Bench) -> None:
    """A device whose new firmware crashes goes back after a few boots.

    Attack: the image is perfect, but restarts itself before it has reached the hub.
    Expect: the old version runs again in minutes; the good image is taken afterwards.
    Source: gb-alt-han GB-065.
    """
    crashing = bench.image(traits=Trait.CRASHES | Trait.MUTE)
    assert bench.offer(crashing) is Status.SUCCESS
    bench.wait(10 * SECOND)
    bench.settle(bench.trial_us // 2)
    assert bench.running_version() == bench.version(0)
    assert bench.last(ota.QueryNextImageRequest).file_version == bench.version(0)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("GB-066")
def test_power_cut_in_the_trial(bench: Bench) -> None:
    """A device that loses power while a new image is on trial boots again, old or new, never none.

    Attack: the image is mute; the power is cut twice in its trial.
    Expect: the trial goes on over the cuts and ends in the old version.
    Source: gb-alt-han GB-066.
    """
    assert bench.offer(bench.image(traits=Trait.MUTE)) is Status.SUCCESS
    bench.wait(bench.trial_us // 20 + 5 * SECOND)
    bench.cut_power()
    bench.lane.power(True)
    bench.wait(bench.trial_us // 20)
    bench.cut_power()
    bench.lane.power(True)
    bench.settle(6 * bench.trial_us)
    assert bench.running_version() == bench.version(0)
    assert bench.last(ota.QueryNextImageRequest).file_version == bench.version(0)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("GB-068")
def test_frame_counters_never_go_back(bench: Bench) -> None:
    """A device that went back after a stack upgrade uses no frame counter twice.

    Attack: a mute image is installed and undone, with a power cut on the way.
    Expect: every outgoing NWK frame counter is above all before it.
    Source: gb-alt-han section 5, T13.
    """
    bench.power_cycle()
    assert bench.offer(bench.image(traits=Trait.MUTE)) is Status.SUCCESS
    bench.settle(3 * bench.trial_us)
    assert bench.running_version() == bench.version(0)
    counters = bench.frame_counters()
    assert counters == sorted(set(counters))
    blocks = bench.count(ota.ImageBlockRequest)

    # Control: the counters are the device's own, of every block and more, over several lives.
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)
    assert len(bench.frame_counters()) > len(counters) > blocks > 0


@rungs(end=2)
@covers("OTA-C-090")
def test_confirmed_image_stays(bench: Bench) -> None:
    """A device keeps an image that was confirmed, however often its power fails.

    Attack: five power cuts in a row after the upgrade, the last two without reaching the hub.
    Expect: the new version runs after each of them.
    Source: design section 8, promise 4.
    """
    assert bench.upgrade(bench.image()) == bench.version(1)
    bench.power_cycle()
    bench.power_cycle()
    bench.power_cycle()
    bench.cut_power()
    bench.lane.power(True)
    bench.cut_power()
    bench.lane.power(True)
    bench.settle()
    assert bench.running_version() == bench.version(1)
    assert bench.last(ota.QueryNextImageRequest).file_version == bench.version(1)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("GB-081")
def test_damaged_image_gives_way(bench: Bench) -> None:
    """A device whose flash forgets an octet of its image boots the other one, not the damaged one.

    Attack: one bit of the running, confirmed image changes in flash; the power is cycled.
    Expect: the old version runs, and stays over another power cycle.
    Source: gb-alt-han GB-081.
    """
    bench.need(Capability.PROBE)
    assert bench.upgrade(bench.image()) == bench.version(1)
    bench.power_cycle()
    assert bench.running_version() == bench.version(1)  # control: it was confirmed, and boots

    bench.hub.serve()  # nothing that could be fetched once more
    bench.lane.damage(_INSIDE)
    bench.power_cycle()
    assert bench.running_version() == bench.version(0)
    bench.power_cycle()
    assert bench.last(ota.QueryNextImageRequest).file_version == bench.version(0)

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("GB-064", "GB-081")
def test_damaged_trial_image_goes_back(bench: Bench) -> None:
    """A device whose new image forgets an octet in its trial boots the old one, and keeps to it.

    Attack: the hub is silent in the trial; one bit of the new image changes; the power is cycled.
    Expect: the old version runs; the image that failed is not fetched again in two periods.
    Source: gb-alt-han GB-081, GB-064.
    """
    bench.need(Capability.PROBE)
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.hub.settings.silent = True
    bench.wait(bench.trial_us // 4)
    assert bench.running_version() == bench.version(1)  # control: it is on trial, and runs
    blocks = bench.count(ota.ImageBlockRequest)
    bench.lane.damage(_INSIDE)
    bench.cut_power()
    bench.hub.settings.silent = False
    bench.lane.power(True)
    bench.settle()
    assert bench.running_version() == bench.version(0)
    bench.wait(2 * bench.profile.ota.query_period_s * SECOND)
    assert bench.count(ota.ImageBlockRequest) == blocks

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("GB-081")
def test_waiting_image_is_the_way_out(bench: Bench) -> None:
    """A device whose running image is damaged boots the verified one that waits, rather than none.

    Attack: a verified image waits for leave; one bit of the only other image changes in flash; the
    power is cycled.
    Expect: the image that waited runs, and stays over another power cycle.
    Source: gb-alt-han GB-081.
    """
    bench.need(Capability.PROBE)
    bench.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER)
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.wait(MINUTE)
    assert bench.running_version() == bench.version(0)  # control: it waits
    bench.lane.damage(_INSIDE)
    bench.power_cycle()
    assert bench.running_version() == bench.version(1)
    bench.power_cycle()
    assert bench.running_version() == bench.version(1)

    bench.hub.settings.end_times_s = (0, 0)
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("GB-076")
def test_loader_holds_the_counter(make_bench: MakeBench) -> None:
    """A device whose boot loader refuses lower security counters goes back to no image of one.

    Attack: the image that runs is damaged, and the only other one has a lower counter.
    Expect: the device is silent rather than boot the older image.
    Source: gb-alt-han GB-076 [ASSUMED]; docs/profiles.md, boot.fallback_below_counter.
    """
    bench = make_bench({"boot.fallback_below_counter": "refuse"})
    bench.need(Capability.PROBE)
    bench.start()
    lower = built(bench.profile, bytes(400), bench.version(1), security_counter=5)
    higher = built(bench.profile, bytes(400), bench.version(2), security_counter=6)
    assert bench.upgrade(lower) == bench.version(1)
    assert bench.upgrade(higher) == bench.version(2)
    bench.power_cycle()
    assert bench.running_version() == bench.version(2)  # control: it was heard, and boots

    bench.lane.damage(_INSIDE)
    bench.cut_power()
    heard = len(bench.hub.heard)
    bench.lane.power(True)
    bench.wait(bench.trial_us)
    assert len(bench.hub.heard) == heard


@rungs(end=3)
@covers("GB-076")
def test_loader_tries_nothing_below_the_counter(make_bench: MakeBench, profile: Profile) -> None:
    """A device whose boot loader refuses lower security counters begins no trial of one.

    Attack: verification looks at no counter, and takes an image with a lower one.
    Expect: the old version runs, over a power cycle too; nothing is fetched in two periods.
    Source: gb-alt-han GB-076 [ASSUMED]; docs/profiles.md, boot.fallback_below_counter.
    """
    steps = [str(step) for step in profile.image.verify if step != VerifyStep.SECURITY_COUNTER]
    bench = make_bench({"boot.fallback_below_counter": "refuse", "image.verify": steps})
    bench.start()
    higher, lower, highest = (
        built(bench.profile, bytes(400), bench.version(step), security_counter=counter)
        for step, counter in ((1, 6), (2, 5), (3, 6))
    )
    assert bench.upgrade(higher) == bench.version(1)
    assert bench.offer(lower) is Status.SUCCESS
    bench.settle()
    assert bench.running_version() == bench.version(1)
    bench.power_cycle()
    blocks = bench.count(ota.ImageBlockRequest)
    bench.wait(2 * bench.profile.ota.query_period_s * SECOND)
    assert bench.count(ota.ImageBlockRequest) == blocks
    assert bench.running_version() == bench.version(1)

    assert bench.upgrade(highest) == bench.version(3)  # control: the same counter may come
