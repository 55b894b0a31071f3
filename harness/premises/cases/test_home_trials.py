"""Trials in company: nobody goes back for a partner's restart, nobody stays without its partner."""

import pytest

from emulator.units import DAY, MINUTE, SECOND
from harness.covers import covers
from harness.premises.bench import HomeBench, images_for
from harness.premises.cases.conftest import MakeHome
from harness.premises.model import Premises
from harness.premises.outcome import BridgeState, HomeState

_ANYBODY = pytest.mark.parametrize("who", ["near", "remote"])


@covers("GB-067")
@_ANYBODY
def test_hub_away_in_trial_undoes_nothing(home: HomeBench, who: str) -> None:
    """A bridge whose new image comes up while the hub restarts waits for it.

    Attack: as soon as a bridge tries its new image the hub is off, for ten minutes.
    Expect: nobody goes back: the bridge runs and keeps its new image, and all others answer.
    Source: gb-alt-han fact sheet, GB-067.
    """
    name = home.named(who)
    home.offer(name)
    assert home.run(lambda: home.on_trial(name))

    home.interrupt(home.premises.hub, 10 * MINUTE)

    assert home.on_trial(name)
    assert home.run(lambda: not home.on_trial(name))
    home.wait(home.longest_trial_us(name))
    assert home.versions() == home.first() | home.offered(name)
    assert home.rollbacks() == []


@covers("GB-067")
def test_hub_away_for_long_costs_no_remote(home: HomeBench) -> None:
    """A remote bridge that still hears the near one does not go back for a hub that is away.

    Attack: as soon as a remote bridge tries its new image the hub is off, for twice the time that
        a trial may last by itself. The near bridge works all the while.
    Expect: the trial lasts as long; nobody goes back; the bridge keeps its new image.
    Source: gb-alt-han fact sheet, GB-067: the window pauses when other peers are heard.
    """
    remote = home.premises.remotes[0]
    home.offer(remote.name)
    assert home.run(lambda: home.on_trial(remote.name))

    home.interrupt(home.premises.hub, 2 * remote.profile.boot.confirm_within_s * SECOND)

    assert home.on_trial(remote.name)
    assert home.run(lambda: not home.on_trial(remote.name))
    home.wait(home.longest_trial_us(remote.name))
    assert home.versions() == home.first() | home.offered(remote.name)
    assert home.rollbacks() == []


@covers("GB-067")
@_ANYBODY
def test_partner_away_in_trial_undoes_nothing(home: HomeBench, who: str) -> None:
    """A bridge whose new image comes up while its partner restarts waits for that one.

    Attack: as soon as a bridge tries its new image its partner, behind it or before it, is off for
        ten minutes.
    Expect: nobody goes back; the bridge keeps its new image, its partner answers.
    Source: gb-alt-han fact sheet, GB-067.
    """
    name, partner = home.named(who), home.partner(who)
    home.offer(name)
    assert home.run(lambda: home.on_trial(name))

    home.interrupt(partner, 10 * MINUTE)

    assert home.on_trial(name)
    assert home.run(lambda: not home.on_trial(name))
    home.wait(home.longest_trial_us(name))
    assert home.versions() == home.first() | home.offered(name)
    assert home.rollbacks() == []


@covers("GB-067")
def test_trials_at_once_wait_for_nobody(home: HomeBench) -> None:
    """Bridges that are on trial at the same time do not wait for each other for ever.

    Attack: all bridges are offered their images in one step.
    Expect: near and remote bridges are on trial together at some time; all are confirmed, and none
        goes back.
    Source: gb-alt-han fact sheet, GB-067; issue 9: no pair may wait for each other for ever.
    """
    home.offer(*home.bridges)

    assert home.run(lambda: all(map(home.on_trial, (home.near, home.remote))))
    assert home.run(lambda: not any(map(home.on_trial, home.bridges)))
    home.wait(home.longest_trial_us(home.near))
    assert home.versions() == home.offered()
    assert home.rollbacks() == []


@covers("GB-067", "GB-062")
def test_cut_in_trial_forgets_nobody(make_home: MakeHome, premises: Premises) -> None:
    """A near bridge that loses its supply in its trial still knows whom it must reach.

    Attack: the near bridge tries an image that no remote one understands; its supply is cut in the
        trial, after a minute and again after another.
    Expect: it goes back; every bridge answers and runs its old image.
    Source: gb-alt-han fact sheet 5, T2 and T3.
    """
    home = make_home(offered=images_for(premises, premises.near.name, speaks=(2, 2)))
    home.offer(home.near)
    assert home.run(lambda: home.on_trial(home.near))

    home.wait(MINUTE)
    home.interrupt(home.near)
    home.wait(MINUTE)
    home.interrupt(home.near)

    assert home.run(lambda: not home.on_trial(home.near))
    home.wait(home.longest_trial_us(home.near))
    assert home.versions() == home.first()
    assert home.rollbacks() == [home.near]


@covers("GB-062", "GB-063")
def test_no_trial_vouches_for_another(make_home: MakeHome, premises: Premises) -> None:
    """A bridge does not confirm through an image of its partner that may go back itself.

    Attack: all bridges take images at once that understand each other, and no old one. The supply
        of a remote one fails again and again in its trial, so that it goes back.
    Expect: nobody is confirmed through it; in the end all run their old images and answer.
    Source: gb-alt-han fact sheet 5, T1 and T2: every mixed pair must work.
    """
    long = images_for(premises, premises.near.name, speaks=(2, 2), size=40_000)
    home = make_home(offered=images_for(premises, speaks=(2, 2), size=300) | long)
    boots = premises.remotes[0].profile.boot.trial_boots
    home.offer(*home.bridges)
    assert home.run(lambda: all(map(home.on_trial, home.bridges)))

    home.interrupt_often(home.remote, boots, every_us=20 * SECOND)

    assert home.run(lambda: not any(map(home.on_trial, home.bridges)), DAY)
    home.wait(home.longest_trial_us(home.near))
    assert home.versions() == home.first()
    assert sorted(home.rollbacks()) == sorted(home.bridges)


@covers("GB-062", "GB-070")
def test_near_restarts_into_its_image_while_remote_downloads(
    make_home: MakeHome, premises: Premises
) -> None:
    """A remote bridge's long download goes on behind a near bridge that is upgraded meanwhile.

    Attack: both are offered at once; the near bridge's image is short, the remote one's long.
    Expect: the near bridge's verdict comes first and its trial lies within the download; the remote
        one asks for no block twice from the start, and both are confirmed.
    Source: gb-alt-han fact sheet 5, T5.
    """
    short = images_for(premises, premises.near.name, size=300)
    remote = premises.remotes[0].name
    home = make_home(offered=short | images_for(premises, remote, size=40_000))

    outcome = home.upgrade(f"{home.near}+{remote}")

    assert home.ends() == (home.near, remote)
    assert home.offsets_asked(remote).count(0) == 1
    assert outcome.state is HomeState.CONFIRMED
    assert outcome.bridge(remote).state is BridgeState.CONFIRMED
    assert home.versions() == home.first() | home.offered(home.near, remote)
