"""What would make a pair mute is refused by the plan, and undone by the bridges themselves."""

from emulator.units import MINUTE, SECOND
from harness.covers import covers
from harness.premises.bench import images_for, talkative
from harness.premises.cases.conftest import MakeHome
from harness.premises.model import Premises
from harness.premises.outcome import BridgeState, HomeState

#: What images speak beside those of the factory: both protocols, or the next one alone.
_NEW, _NEXT = (1, 2), (2, 2)


@covers("GB-062")
def test_mute_near_is_refused(make_home: MakeHome, premises: Premises) -> None:
    """A plan that would leave remote bridges without a protocol is refused, and the pair is named.

    Attack: the near bridge alone is to take an image that speaks only the next link protocol.
    Expect: the plan is refused and names both bridges and both ranges; no block is asked for, and
        every bridge runs what it ran.
    Source: gb-alt-han fact sheet 5, T4; GB-062: refused, or both protocols are spoken.
    """
    home = make_home(offered=images_for(premises, premises.near.name, speaks=_NEXT))

    outcome = home.upgrade()

    assert outcome.state is HomeState.REFUSED
    assert f"{home.near} would speak 2..2 and {home.remote} speaks 1..1" in str(home.plan().refused)
    assert home.hub.blocks == 0
    assert home.versions() == home.first()


@covers("GB-062")
def test_both_protocols_keep_remotes_in_reach(make_home: MakeHome, premises: Premises) -> None:
    """A near bridge that speaks the old protocol and the new one goes first, and loses nobody.

    Attack: the remote bridges' images speak only the next protocol, the near one's both.
    Expect: the near bridge is first; the remote ones stay in reach, take theirs, and are confirmed;
        in the end the links speak the next protocol.
    Source: gb-alt-han fact sheet 5, T4: then near must speak both.
    """
    remotes = [one.name for one in premises.remotes]
    near = images_for(premises, premises.near.name, speaks=_NEW)
    home = make_home(offered=near | images_for(premises, *remotes, speaks=_NEXT))

    outcome = home.upgrade()

    assert home.ends()[:1] == (home.near,)
    assert outcome.state is HomeState.CONFIRMED
    assert home.versions() == home.offered()
    assert home.protocols() == {1, 2}


@covers("GB-062", "GB-063")
def test_mute_near_goes_back(make_home: MakeHome, premises: Premises) -> None:
    """A near bridge whose new image reaches the hub and no remote bridge any more undoes it.

    Attack: the near bridge takes an image that speaks only the next link protocol, against the
        plan: the image works, but not with its old partners.
    Expect: the near bridge runs its old image in the end and names the pair; every remote bridge
        answers; display and meter are heard again. Nobody had to visit the home.
    Source: gb-alt-han fact sheet 5, T1 and T2.
    """
    home = make_home(offered=images_for(premises, premises.near.name, speaks=_NEXT))

    outcome = home.upgrade(home.near, anyway=True)

    assert home.versions() == home.first()
    assert outcome.state is HomeState.BACK
    pairs = [one.pair for one in outcome.bridge(home.near).rollbacks]
    assert pairs == [(f"{home.near} speaks 2..2", f"{home.remote} speaks 1..1")]
    assert home.still_dark() == ()


@covers("GB-063")
def test_mute_remote_goes_back(make_home: MakeHome, premises: Premises) -> None:
    """A remote bridge whose new image cannot speak to the near one undoes it in its own time.

    Attack: a remote bridge takes an image that speaks only the next protocol. All the while a
        device at its side talks every ten seconds.
    Expect: what it hears at its own side proves nothing: it is back before its trial's time and a
        minute for each restart are over; it answers the hub, runs its old image, and names the
        pair.
    Source: gb-alt-han fact sheet 5, T1: it must reach the hub, and not only hear somebody.
    """
    remote = premises.remotes[0]
    home = make_home(
        talkative(premises, 10 * SECOND), offered=images_for(premises, remote.name, speaks=_NEXT)
    )
    within_us = remote.profile.boot.confirm_within_s * SECOND + 5 * MINUTE

    outcome = home.upgrade(remote.name, anyway=True)

    assert home.versions() == home.first()
    assert outcome.bridge(remote.name).state is BridgeState.BACK
    backs = outcome.bridge(remote.name).rollbacks
    assert [one.pair for one in backs] == [
        (f"{remote.name} speaks 2..2", f"{home.near} speaks 1..1")
    ]
    assert backs[0].at_us < within_us
