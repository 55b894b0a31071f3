"""A whole home is upgraded: every bridge, whatever types its roles have, and in a good order."""

import pytest

from emulator.units import DAY, MINUTE, SECOND, Us
from emulator.wire.ota import Status
from harness.covers import covers
from harness.premises import load
from harness.premises.bench import HomeBench
from harness.premises.cases.conftest import MakeHome
from harness.premises.chosen import OTHER_TYPES, fits
from harness.premises.model import Assignment, Premises
from harness.premises.outcome import HomeState


@covers("GB-059")
def test_every_bridge_is_upgraded(home: HomeBench) -> None:
    """Every configuration of a home ends with all of its bridges on their new images.

    Attack: none: each bridge of the home is offered a good image, by the usual plan.
    Expect: each bridge says one verdict, answers the hub with its new version at the end, is
        confirmed and never went back; all of it within ten minutes a bridge.
    Source: gb-alt-han fact sheet 1.3, the table of configurations; 5, T7.
    """
    assert home.versions() == home.first()

    outcome = home.upgrade()

    assert home.versions() == home.offered()
    assert sorted(home.ends()) == sorted(home.bridges)
    assert outcome.state is HomeState.CONFIRMED
    assert [one.rollbacks for one in outcome.bridges] == [()] * len(home.bridges)
    assert (outcome.all_confirmed_us or DAY) < len(home.bridges) * 10 * MINUTE


@covers("GB-060")
@fits(OTHER_TYPES)
def test_types_are_labels(make_home: MakeHome, premises: Premises) -> None:
    """A home in which the roles have other types is upgraded in the same way.

    Attack: the same home with the types of the other assignment of the fact sheet.
    Expect: the steps name the same bridges in the same order; each ends as its like does, with the
        version that it was offered.
    Source: gb-alt-han fact sheet 1.3: two assignments are equally consistent; roles only.
    """
    smallest = premises.assignment is Assignment.SMALLEST
    other = premises.alternative() if smallest else load.load(premises.name)
    usual, swapped = make_home(), make_home(other)

    wanted, outcome = usual.upgrade(), swapped.upgrade()

    assert [one.type for one in outcome.bridges] != [one.type for one in wanted.bridges]
    assert outcome.plan.steps == wanted.plan.steps
    assert swapped.ends() == usual.ends()
    assert swapped.versions() == swapped.offered()
    assert [one.state for one in outcome.bridges] == [one.state for one in wanted.bridges]


@covers("GB-061")
def test_remotes_go_before_near(home: HomeBench) -> None:
    """By the usual plan the near bridge is last, one bridge at a time, and nothing is lost.

    Attack: none: the plan is the hub's own.
    Expect: the near bridge's verdict comes last; no bridge downloads while another does; display
        and meter miss no two cycles in a row, and are never dark for longer than a restart takes.
    Source: gb-alt-han fact sheet 5, T4 and T10.
    """
    outcome = home.upgrade()

    ends = home.ends()
    begins_and_ends = [time for span in home.downloads().values() for time in span]
    assert ends[-1] == home.near
    assert sorted(ends[:-1]) == sorted(home.remotes)
    assert begins_and_ends == sorted(begins_and_ends)
    assert max(one.missed_in_a_row for one in outcome.devices) <= 1
    assert max(one.longest_dark_us for one in outcome.devices) < MINUTE
    assert outcome.state is HomeState.CONFIRMED


@covers("GB-062")
def test_users_order_is_kept(home: HomeBench) -> None:
    """An order that breaks nothing is carried out as the user wishes it.

    Attack: the user has the near bridge upgraded first; its image speaks what the old one spoke.
    Expect: the plan is taken; the near bridge's verdict comes first; all are confirmed.
    Source: gb-alt-han fact sheet 5, T4: a wrong order is refused or survived.
    """
    plan = home.plan(",".join((home.near, *home.remotes)))
    assert plan.refused is None

    outcome = home.upgrade(",".join((home.near, *home.remotes)))

    assert home.ends() == (home.near, *home.remotes)
    assert outcome.state is HomeState.CONFIRMED
    assert home.versions() == home.offered()


@covers("GB-070")
@pytest.mark.parametrize("away_us", [20 * SECOND, 10 * MINUTE], ids=["short", "long"])
def test_near_restarts_while_remote_downloads(home: HomeBench, away_us: Us) -> None:
    """A download of a remote bridge survives that the near bridge is away.

    Attack: the near bridge has no supply in the middle of the download, for 20 s and for 10 min;
        then the hub reminds the remote one of its image.
    Expect: the remote bridge never says that it gives up; it asks again for the block at which it
        stood, for none before it, and confirms the image in the end.
    Source: gb-alt-han fact sheet 5, T5: pause, not abort.
    """
    remote = home.remote
    home.offer(remote)
    assert home.run(lambda: home.offset(remote) >= home.size(remote) // 2)
    stood, asked = home.offset(remote), len(home.offsets_asked(remote))

    home.interrupt(home.near, away_us)
    home.wait(MINUTE)
    home.remind(remote)

    assert home.reaches(remote)
    assert min(home.offsets_asked(remote)[asked:], default=0) >= stood
    assert home.verdicts(remote) == [Status.SUCCESS]
    assert home.run(lambda: not home.on_trial(remote))
    assert home.versions(remote) == home.offered(remote)
