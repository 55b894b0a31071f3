"""What a bridge keeps, and for how long, where several images, a reset and a trial meet."""

import pytest

from emulator.actions import Event, Happening, Joined, Left, Poll, Report
from emulator.faults import CutKind, CutPower
from emulator.profiles.load import load, overlay
from emulator.units import DAY, HOUR, MINUTE, SECOND
from emulator.wire import ota
from emulator.wire.manifest import Trait
from emulator.wire.ota import Status
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION, built
from harness.hub.images import served
from harness.lanes.direct import DirectLane
from tests.device.benches import bench, bridge_of

MORE_TYPE = 0x0101


def take(made: Bench, event: Event) -> None:
    """Let the bridge live through an event now."""
    assert isinstance(made.lane, DirectLane)
    made.lane.event(event)


def times(made: Bench, what: Happening) -> list[int]:
    """Return when the bridge reported one thing."""
    rows = made.trace.rows
    return [row[0] for row in rows if isinstance(row[3], Report) and row[3].what is what]


def test_what_was_discarded_is_never_staged() -> None:
    made = bench()
    made.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER)
    assert made.offer(made.image()) is Status.SUCCESS
    application = bridge_of(made)._application
    assert application is not None
    application.store.discard()
    with pytest.raises(RuntimeError, match="check accepted"):
        application.store.stage()


def test_an_image_that_failed_before_it_could_say_so_is_not_staged_again() -> None:
    made = bench(boot__trial_boots=1)
    assert made.offer(made.image(traits=Trait.MUTE)) is Status.SUCCESS
    assert made.run(lambda: bool(times(made, Happening.ACTIVATING)), HOUR)
    flash = bridge_of(made).flash
    flash.recording = True
    # Erase and program of the loader's record pass; the download's record is not written.
    flash.arm(CutPower(operation=flash.operations + 2, kind=CutKind.BEFORE))
    made.wait(MINUTE)
    assert flash.log[-1].cut is CutKind.BEFORE
    made.power_cycle()
    assert len(times(made, Happening.ROLLED_BACK)) == 1
    made.wait(2 * DAY)
    assert len(times(made, Happening.ACTIVATING)) == 1
    assert made.running_version() == FIRST_VERSION


def test_a_rejoin_amid_another_image_keeps_the_own_one_whole() -> None:
    made = bench(flash__extra=[0x086000, 0x0A0000], ota__more_image_types=[MORE_TYPE])
    own = made.profile.ota.hardware_version
    other = overlay(load("B1"), {"ota.image_type": MORE_TYPE})
    more = built(other, bytes(4000), NEXT_VERSION, hardware=(own, own))
    made.hub.serve(served(made.image(size=400)), served(more))
    made.notify()
    asked = ota.ImageBlockRequest
    assert made.run(lambda: made.count(asked) > 40, HOUR)
    assert made.last(asked).image_type == MORE_TYPE
    at = made.count(asked)
    take(made, Left())
    take(made, Joined(address=made.address))
    made.wait(HOUR)
    assert {one.image_type for one in made.heard(asked)[at:]} == {MORE_TYPE}
    assert made.running_version() == NEXT_VERSION


@pytest.mark.parametrize("window_s", [60, 90])
def test_a_trial_lasts_its_window_and_not_to_the_next_checkpoint(window_s: int) -> None:
    made = bench(boot__confirm_within_s=window_s, boot__trial_checkpoint_s=60)
    assert made.offer(made.image(traits=Trait.MUTE)) is Status.SUCCESS
    made.wait(10 * MINUTE)
    (began,) = times(made, Happening.ACTIVATING)
    (ended,) = times(made, Happening.ROLLED_BACK)
    assert window_s <= (ended - began) / SECOND < window_s + 10


def test_a_sleepy_bridge_off_the_network_does_not_poll() -> None:
    made = bench("B4")
    bridge = bridge_of(made)
    bridge.event(Left(), made.now)
    retry = made.now + made.profile.radio.rejoin_retry_s * SECOND
    assert bridge.deadline == retry
    assert not [one for one in bridge.wake(retry) if isinstance(one, Poll)]
