"""A bridge on a battery without reserve: the home waits for it, and it for its battery."""

from emulator.units import HOUR, MINUTE
from harness.covers import covers
from harness.premises.bench import HomeBench
from harness.premises.chosen import BATTERY, fits
from harness.premises.outcome import BridgeState, HomeState


@covers("GB-073")
@fits(BATTERY)
def test_low_battery_defers_one_bridge(home: HomeBench) -> None:
    """A home upgrades all bridges but the one whose battery is too weak, and says why.

    Attack: the battery of a remote bridge has 5 % left, below its reserve.
    Expect: the plan leaves it out and names what was found and wanted; it asks for no block; all
        others are confirmed. With a full battery it takes its image.
    Source: gb-alt-han fact sheet 5, T9.
    """
    cell = home.cell
    others = [name for name in home.bridges if name != cell]
    home.charge(cell, 5)

    outcome = home.upgrade()

    ((name, why),) = outcome.plan.deferred
    assert (name, "found 5 %" in why) == (cell, True)
    assert outcome.bridge(cell).state is BridgeState.DEFERRED
    assert outcome.state is HomeState.PARTIAL
    assert sorted(home.downloads()) == sorted(others)
    home.charge(cell, 100)
    home.offer(cell)
    assert home.reaches(cell)


@covers("GB-073")
@fits(BATTERY)
def test_battery_that_falls_stops_a_download(home: HomeBench) -> None:
    """A download stands still while the battery lacks its reserve, and goes on where it stood.

    Attack: in the middle of a download the battery has 5 % left, for two hours; the hub reminds it.
    Expect: not more than one further block is asked for in that time; then the next one, and none
        before it; the bridge runs its new image.
    Source: gb-alt-han fact sheet 5, T9: defer at the start and in the middle.
    """
    cell = home.cell
    home.offer(cell)
    assert home.run(lambda: home.offset(cell) >= home.size(cell) // 2)

    home.charge(cell, 5)
    stood, asked = home.offset(cell), len(home.offsets_asked(cell))
    home.wait(MINUTE)
    home.remind(cell)
    home.wait(2 * HOUR)

    assert len(home.offsets_asked(cell)) <= asked + 1  # what was on its way already
    home.charge(cell, 100)
    assert home.reaches(cell)
    assert min(home.offsets_asked(cell)[asked:], default=0) >= stood


@covers("GB-073")
@fits(BATTERY)
def test_weak_battery_tries_no_image(home: HomeBench) -> None:
    """A good image is not tried while there is no charge for its rollback.

    Attack: the battery has 5 % left as soon as the bridge has said that its image is good.
    Expect: two hours later it still runs its old image and answers; with a full battery it tries
        and keeps the new one.
    Source: gb-alt-han fact sheet 5, T9: no trial boot without reserve for rollback.
    """
    cell = home.cell
    home.offer(cell)
    assert home.run(lambda: home.verdicts(cell) == [0])

    home.charge(cell, 5)
    home.wait(2 * HOUR)

    assert home.versions(cell) == home.first(cell)
    home.charge(cell, 100)
    assert home.reaches(cell)
    assert home.run(lambda: not home.on_trial(cell))
    assert home.rollbacks() == []
