"""Two bridges of different ages understand each other, and take from each other nothing else."""

import pytest

from emulator.actions import Renew
from emulator.units import MINUTE, SECOND
from harness.covers import covers
from harness.premises.bench import HomeBench, images_for
from harness.premises.cases.conftest import MakeHome
from harness.premises.model import Premises
from harness.premises.outcome import HomeState
from harness.premises.plan import Speech
from harness.premises.view import SILENT

_OLD, _NEW, _NEXT = (1, 1), (1, 2), (2, 2)
#: What the near bridge speaks, what the remote ones do, and what they must agree on. The two pairs
#: that are not here have nothing in common: cases of the order of upgrades judge them.
_PAIRS = {
    "old-old": (_OLD, _OLD, 1),
    "old-new": (_OLD, _NEW, 1),
    "new-old": (_NEW, _OLD, 1),
    "new-new": (_NEW, _NEW, 2),
    "new-next": (_NEW, _NEXT, 2),
    "next-new": (_NEXT, _NEW, 2),
    "next-next": (_NEXT, _NEXT, 2),
}


@covers("GB-063")
@pytest.mark.parametrize(("near", "remote", "common"), _PAIRS.values(), ids=_PAIRS)
def test_every_pair_talks(
    make_home: MakeHome, premises: Premises, near: Speech, remote: Speech, common: int
) -> None:
    """Every mixed pair carries the tunnel, comes back after a restart, and takes a further image.

    Attack: near and remote bridges left the factory years apart; each of them is switched off and
        on again; then each is offered a newer image that speaks what its own one speaks.
    Expect: each answers the hub before and after; each link speaks the highest protocol that both
        ends have; all are upgraded and confirmed.
    Source: gb-alt-han fact sheet 5, T2.
    """
    remotes = [one.name for one in premises.remotes]
    speaks = {premises.near.name: near} | dict.fromkeys(remotes, remote)
    images = images_for(premises, premises.near.name, speaks=near)
    home = make_home(speaks=speaks, offered=images | images_for(premises, *remotes, speaks=remote))
    assert home.versions() == home.first()

    home.interrupt(home.remote)
    home.wait(MINUTE)
    home.interrupt(home.near)
    home.wait(MINUTE)

    assert home.versions() == home.first()
    outcome = home.upgrade()
    assert outcome.state is HomeState.CONFIRMED
    assert home.versions() == home.offered()
    assert home.protocols() == {common}


@covers("GB-063")
@pytest.mark.parametrize("side", ["near", "remote"])
def test_lost_handshake_is_repeated(home: HomeBench, side: str) -> None:
    """Two bridges whose handshake was lost come together again by themselves.

    Attack: a bridge restarts while its link carries nothing; a minute later the link is back.
    Expect: three minutes behind that every bridge answers the first question of the hub.
    Source: gb-alt-han fact sheet 5, T2: rejoin works for every pair.
    """
    home.cut_link(home.remote)
    home.interrupt(home.named(side))
    home.wait(MINUTE)
    assert home.versions(home.remote) == {home.remote: SILENT}

    home.mend_link(home.remote)
    home.wait(3 * MINUTE)

    assert home.versions() == home.first()


@covers("GB-063")
def test_frame_of_another_protocol_is_dropped(home: HomeBench) -> None:
    """What comes through a link in a protocol that was not agreed on goes nowhere.

    Attack: a question of the remote bridge's reaches the near one twice more: in a protocol that
        neither of them speaks, and then in the one that they agreed on.
    Expect: the hub does not hear the first, and the near bridge asks for a new handshake; it hears
        the second. The home stays in reach.
    Source: gb-alt-han fact sheet 5, T2: the link protocol must be negotiated.
    """
    agreed = max(home.protocols())
    home.wait(MINUTE)
    question = home.question(home.remote)
    asked, renewed = (len(one) for one in (home.queries(home.remote), home.tunnelled(Renew)))

    home.intrude(home.near, home.remote, agreed + 7, question)
    home.wait(SECOND)

    assert len(home.queries(home.remote)) == asked
    assert len(home.tunnelled(Renew)) == renewed + 1
    home.intrude(home.near, home.remote, agreed, question)
    home.wait(SECOND)
    assert len(home.queries(home.remote)) == asked + 1
    assert home.versions() == home.first()
