"""What a bridge counts of a trial, what it waits for, and what worn flash does to it."""

from collections.abc import Sequence

import pytest

from emulator.actions import Action, Happening, Joined, Reboot, Report
from emulator.faults import WornSector
from emulator.profiles.load import names
from emulator.units import DAY, HOUR, MINUTE, SECOND, Us
from emulator.wire import ota
from emulator.wire.aps import BROADCAST_RX_ON, Datagram
from emulator.wire.manifest import Trait
from emulator.wire.ota import Status
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION, built
from harness.hub.images import served
from tests.device.benches import bench, bridge_of

WINDOW = {"boot.confirm_within_s": 600, "boot.trial_checkpoint_s": 60}
NO_TRAITS = Trait(0)
MEMBER, HUB = 0x1234, 0x0000


def times(made: Bench, what: Happening) -> list[Us]:
    rows = made.trace.rows
    return [row[0] for row in rows if isinstance(row[3], Report) and row[3].what is what]


# Pauses. The bridge alone, driven by hand: time, frames, and nothing else.


class Hand:
    """Drive a bridge on trial: count its powered time, and let it hear frames."""

    def __init__(self, traits: Trait = NO_TRAITS, **changes: object) -> None:
        made = bench(boot__confirm_within_s=600, boot__trial_checkpoint_s=60, **changes)
        made.hub.settings.silent = False
        assert made.offer(made.image(traits=traits)) is Status.SUCCESS
        made.run(lambda: len(times(made, Happening.BOOTED)) > 1, HOUR)
        made.hub.settings.silent = True
        self.bridge, self.now, self.counter, self.over = bridge_of(made), made.now, 100, False
        self.start = self.now
        self.take(self.bridge.event(Joined(address=0x2222, key_id=0), self.now))

    def take(self, actions: Sequence[Action]) -> None:
        self.over |= any(isinstance(one, Reboot) for one in actions)

    def hear(self, **changes: object) -> None:
        self.counter += 1
        values: dict[str, object] = {
            "source": MEMBER,
            "destination": 0x2222,
            "source_endpoint": 1,
            "destination_endpoint": 1,
            "profile": 0x0109,
            "cluster": 0x0702,
            "payload": b"\x18\x01\x0a",
            "key_id": 0,
            "frame_counter": self.counter,
            **changes,
        }
        self.take(self.bridge.receive(Datagram(**values), self.now))  # type: ignore[arg-type]

    def live(self, every_s: int | None, limit_s: int = 20_000, **changes: object) -> int:
        """Let time pass until the trial is over; return the powered seconds that it took."""
        heard = self.now
        while not self.over and self.now < self.start + limit_s * SECOND:
            deadline = self.bridge.deadline
            assert deadline is not None
            if every_s is not None and deadline > heard + every_s * SECOND:
                heard = self.now = heard + every_s * SECOND
                self.hear(**changes)
            else:
                self.now = max(self.now, deadline)
                self.take(self.bridge.wake(self.now))
        return (self.now - self.start) // SECOND


def test_a_trial_in_which_nobody_is_heard_lasts_its_window() -> None:
    assert 600 <= Hand().live(None) <= 602


def test_a_trial_pauses_while_another_member_is_heard_and_not_for_ever() -> None:
    """GB-067: the hub is away, and the bridge's own radio works."""
    took = Hand(boot__confirm_pause_max_s=1000).live(every_s=20)
    assert 1600 <= took <= 1640


def test_a_member_heard_now_and_then_pauses_for_a_while_each_time() -> None:
    took = Hand(boot__confirm_pause_max_s=10_000).live(every_s=120)  # 60 of each 120 s
    assert 1040 <= took <= 1300


@pytest.mark.parametrize("traits", [Trait.MUTE, Trait.DEAF])
def test_an_image_that_hears_or_speaks_no_more_is_undone_in_bounded_time(traits: Trait) -> None:
    took = Hand(traits, boot__confirm_pause_max_s=1000).live(every_s=20)
    assert took <= (602 if traits & Trait.DEAF else 1640)


def test_no_pause_is_none() -> None:
    assert 600 <= Hand(boot__confirm_pause_max_s=0).live(every_s=20) <= 602


PROVES_NOTHING: dict[str, dict[str, object]] = {
    "the hub's own": {"source": HUB},
    "an echo": {"source": 0x2222},
    "another key": {"key_id": 1},
    "a counter that does not rise": {"frame_counter": 100},
    "no counter": {"frame_counter": None},
}


@pytest.mark.parametrize("what", PROVES_NOTHING)
def test_what_proves_nothing_does_not_pause(what: str) -> None:
    hand = Hand(boot__confirm_pause_max_s=1000)
    hand.hear(source=0x4321, frame_counter=100)
    took = hand.live(every_s=20, **PROVES_NOTHING[what])
    assert took <= 602 + 80  # the first frame of a member may count once


def test_the_first_broadcast_of_a_member_proves_nothing_and_the_next_one_does() -> None:
    hand = Hand(boot__confirm_pause_max_s=1000)
    for number in range(200):
        hand.hear(source=0x3000 + number, destination=BROADCAST_RX_ON)
    assert hand.live(None) <= 602
    again = Hand(boot__confirm_pause_max_s=1000)
    assert again.live(every_s=20, destination=BROADCAST_RX_ON) >= 1600


def test_the_pause_that_was_spent_is_kept_over_boots() -> None:
    hand = Hand(boot__confirm_pause_max_s=1000, boot__trial_boots=9)
    hand.live(every_s=20, limit_s=900)
    hand.bridge.power_off(hand.now)
    hand.take(hand.bridge.power_on(hand.now))
    hand.take(hand.bridge.event(Joined(address=0x2222, key_id=0), hand.now))
    assert 1500 <= hand.live(every_s=20) <= 1640 + 60


# The least time before an answer confirms.


@pytest.mark.parametrize("after_s", [0, 30, 200])
def test_an_image_is_confirmed_once_it_has_run_for_a_while(after_s: int) -> None:
    made = bench(boot__confirm_after_s=after_s)
    assert made.upgrade(made.image()) == NEXT_VERSION
    (confirmed,) = times(made, Happening.CONFIRMED)
    assert after_s <= (confirmed - times(made, Happening.BOOTED)[1]) / SECOND < after_s + 2


@pytest.mark.parametrize("after_s", [0, 30])
def test_an_image_that_crashes_after_it_could_reach_the_hub(after_s: int) -> None:
    """GB-065: without a least time it is confirmed, and crashes for ever."""
    made = bench(boot__confirm_after_s=after_s)
    assert made.offer(made.image(traits=Trait.CRASHES)) is Status.SUCCESS
    made.wait(HOUR)
    assert len(times(made, Happening.CONFIRMED)) == (after_s == 0)
    assert len(times(made, Happening.BOOTED)) > 4


def test_a_notify_does_not_hasten_the_confirmation() -> None:
    made = bench()
    assert made.offer(made.image()) is Status.SUCCESS
    made.run(lambda: len(times(made, Happening.BOOTED)) > 1, HOUR)
    made.wait(SECOND)
    queries = made.count(ota.QueryNextImageRequest)
    made.notify()
    made.wait(10 * SECOND)
    assert made.count(ota.QueryNextImageRequest) == queries
    made.wait(MINUTE)
    assert made.count(ota.QueryNextImageRequest) == queries + 1
    assert len(times(made, Happening.CONFIRMED)) == 1


# What failed is tried again.


def test_a_failed_image_is_tried_again_after_its_time_and_not_for_ever() -> None:
    made = bench(
        **{key.replace(".", "__"): one for key, one in WINDOW.items()},
        boot__retry_after_s=3 * 86_400,
        boot__retries=1,
        ota__query_period_s=7200,
    )
    assert made.offer(made.image(traits=Trait.MUTE)) is Status.SUCCESS
    made.wait(2 * DAY)
    assert len(times(made, Happening.ROLLED_BACK)) == 1
    made.power_cycle(off_us=9 * DAY)  # time without power is no time
    made.wait(12 * HOUR)
    assert len(times(made, Happening.ROLLED_BACK)) == 1
    made.wait(DAY)
    assert len(times(made, Happening.ROLLED_BACK)) == 2
    made.wait(10 * DAY)
    assert len(times(made, Happening.ACTIVATING)) == 2
    made.notify()
    assert made.verdict(HOUR) is Status.SUCCESS


# A rescue.


@pytest.mark.parametrize("name", names())
def test_a_verified_image_that_waits_is_the_way_out_and_is_installed_once(name: str) -> None:
    made = bench(name)
    made.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER)
    assert made.offer(made.image(size=900)) is Status.SUCCESS
    made.cut_power()
    bridge = bridge_of(made)
    start = bridge.profile.flash.slot_a[0]
    bridge.flash.erase(start, bridge.flash.geometry.erase_size_octets)
    made.hub.settings.end_times_s = (0, 0)
    made.lane.power(True)
    made.settle()
    assert made.running_version() == NEXT_VERSION
    assert len(times(made, Happening.SLOT_INVALID)) == 1
    made.wait(2 * DAY)
    assert times(made, Happening.ACTIVATING) == []
    assert made.running_version() == NEXT_VERSION
    assert made.upgrade(made.image(NEXT_VERSION + 1)) == NEXT_VERSION + 1


# Worn flash: it refuses, keeps running, reports.


WEARS = [
    *((name, area) for name in names() for area in ("slot_b", "boot_record", "data")),
    *(("B4", area) for area in ("slot_a", "scratch")),
]


@pytest.mark.parametrize(("name", "area"), WEARS)
def test_a_worn_sector_stops_no_bridge(name: str, area: str) -> None:
    made = bench(name)
    bridge = bridge_of(made)
    start, end = getattr(bridge.profile.flash, area)
    sector = bridge.flash.geometry.erase_size_octets
    counts = (end - start) // sector
    worn = range(1, min(2, counts)) if area in ("boot_record", "data") else range(counts)
    bridge.flash.wear(*(WornSector(address=start + at * sector) for at in worn))
    made.offer(made.image(size=900))
    made.settle(HOUR)
    if area == "data" or (area == "boot_record" and counts > 2):
        assert made.running_version() == NEXT_VERSION
    else:
        assert made.running_version() == FIRST_VERSION
        assert times(made, Happening.FLASH_WORN)
    made.power_cycle()
    assert made.running_version() in (FIRST_VERSION, NEXT_VERSION)
    bridge.flash.wear()
    made.hub.serve(served(built(made.profile, bytes(500), NEXT_VERSION + 1)))
    made.power_cycle()  # what took no erase is not tried again in the same run
    made.settle(HOUR)
    assert made.running_version() == NEXT_VERSION + 1
