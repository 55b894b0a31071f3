"""Two remote bridges share one near bridge: its link, the hub, and the good or bad end of both."""

import pytest

from emulator.units import MILLISECOND, SECOND
from emulator.wire.manifest import Trait
from harness.covers import covers
from harness.premises.bench import HomeBench, images_for
from harness.premises.cases.conftest import MakeHome
from harness.premises.chosen import TWO_REMOTES, fits
from harness.premises.model import Premises
from harness.premises.outcome import BridgeState, HomeState


@covers("GB-071")
@fits(TWO_REMOTES)
def test_two_remotes_download_at_once(home: HomeBench) -> None:
    """Two remote bridges that download at the same time both finish, each with its own image.

    Attack: both are offered their images in one step.
    Expect: their downloads overlap; each asks for every block of its image once, and says that the
        image is good; all are confirmed.
    Source: gb-alt-han fact sheet 5, T6.
    """
    outcome = home.upgrade(together=True)

    one, other = (home.downloads()[name] for name in home.remotes)
    assert max(one[0], other[0]) < min(one[1], other[1])
    assert [home.verdicts(name) for name in home.remotes] == [[0], [0]]
    assert home.hub.blocks == sum(map(home.blocks_of, home.bridges))
    assert outcome.state is HomeState.CONFIRMED
    assert home.versions() == home.offered()


@covers("GB-071")
@fits(TWO_REMOTES)
def test_busy_remote_starves_no_other(make_home: MakeHome) -> None:
    """Whatever is sent to one remote bridge, the other one gets its share of the link.

    Attack: a download of one remote bridge, alone; then, in a like home, while the hub sends the
        other one twice as much as the link carries.
    Expect: the second download ends while the storm goes on, in three times the time of the first.
    Source: gb-alt-han fact sheet, GB-071: both finish; issue 9: fair between two remotes.
    """
    quiet, stormy = make_home(), make_home()
    name, busy = quiet.remotes
    quiet.offer(name)
    assert quiet.run(lambda: quiet.verdicts(name) == [0])
    began, ended = quiet.downloads()[name]

    stormy.flood(busy, for_us=10 * SECOND, gap_us=5 * MILLISECOND)
    stormy.offer(name)
    started = stormy.now

    assert stormy.run(lambda: stormy.verdicts(name) == [0], 10 * SECOND)
    assert stormy.now - started < 3 * (ended - began)
    assert stormy.reaches(name)


@covers("GB-072")
@fits(TWO_REMOTES)
@pytest.mark.parametrize("which", [0, 1], ids=["first", "second"])
def test_remote_that_fails_holds_up_no_other(
    make_home: MakeHome, premises: Premises, which: int
) -> None:
    """A remote bridge whose image never works costs the others nothing, and is told.

    Attack: the image of one remote bridge reaches nobody when it runs.
    Expect: this one is back on its old image; the other remote one and the near one are confirmed;
        the state of the home is partial.
    Source: gb-alt-han fact sheet 5, T6.
    """
    bad = premises.remotes[which].name
    home = make_home(offered=images_for(premises) | images_for(premises, bad, traits=Trait.MUTE))

    outcome = home.upgrade()

    assert outcome.state is HomeState.PARTIAL
    assert outcome.bridge(bad).state is BridgeState.BACK
    assert home.versions() == home.offered() | home.first(bad)
