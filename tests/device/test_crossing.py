"""How bridges of a home come to speak, and what each says through its links."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from emulator import Bridge
from emulator.actions import (
    Action,
    Echo,
    Happening,
    Hello,
    Join,
    Joined,
    JoinRefused,
    Leave,
    Left,
    Poll,
    Renew,
    Tunnel,
    Tunnelled,
)
from emulator.errors import FlashError
from emulator.profiles.load import load, overlay
from emulator.units import HOUR, MINUTE, SECOND, Us
from emulator.wire import zdo
from emulator.wire.aps import COORDINATOR, ZDO_PROFILE
from harness.firmware import FIRST_VERSION, NEXT_VERSION, identity_of
from tests.device.homes import (
    DISPLAY,
    FIRST,
    LATENCY_US,
    NEAR,
    NEW,
    NEXT,
    OLD,
    SECOND_REMOTE,
    Home,
    datagram,
    image,
    sent,
    tunnelled,
)

RANGES = {"old": OLD, "new": NEW, "next": NEXT}
STRANGER = 0x00124B00_00000099


def offered(home: Home, peer: int, speaks: tuple[int, int]) -> bool:
    """Upgrade a bridge to an image that speaks these protocols; tell whether it stayed."""
    home.offer(peer, speaks)
    return home.run(3 * HOUR, lambda: len(home.told(Happening.CONFIRMED, peer)) > 0)


# The handshake.


@pytest.mark.parametrize("near", RANGES)
@pytest.mark.parametrize("remote", RANGES)
def test_every_mixed_pair_agrees_or_says_why_not(near: str, remote: str) -> None:
    """T2, GB-063: tunnel, rejoin and the next upgrade work wherever there is a common protocol."""
    home = Home(RANGES[near], RANGES[remote]).start()
    wanted = 0 if {near, remote} == {"old", "next"} else 1 + ("old" not in (near, remote))
    assert (home.links(NEAR), home.links(FIRST)) == ({FIRST: wanted}, {NEAR: wanted})
    if wanted == 0:
        (one, other) = home.told(Happening.LINK_REFUSED)
        assert {dict(one.details)["own"], dict(other.details)["own"]} == {"1..1", "2..2"}
        assert FIRST not in home.hub.members
        return
    assert FIRST in home.hub.members
    home.restart(FIRST)
    home.run(MINUTE)
    assert home.links(FIRST) == {NEAR: wanted}
    assert offered(home, FIRST, RANGES[remote])
    assert home.version(FIRST) == NEXT_VERSION


def test_a_near_bridge_that_reboots_asks_for_the_links_and_has_them_again() -> None:
    home = Home(NEW, NEW, OLD).start()
    before = home.now
    home.restart(NEAR)
    assert home.links(NEAR) == {FIRST: 0, SECOND_REMOTE: 0}
    home.run(SECOND)
    assert home.links(NEAR) == {FIRST: 2, SECOND_REMOTE: 1}
    said = [(who, one.content) for at, who, one in home.tunnels if at >= before]
    assert said[:2] == [(NEAR, Renew()), (NEAR, Renew())]
    assert (FIRST, Hello(lowest=1, highest=2)) in said


def test_links_come_back_though_the_request_for_them_was_lost() -> None:
    home = Home(NEW, NEW).start()
    home.stir = lambda tunnel, sender: () if isinstance(tunnel.content, Renew) else (LATENCY_US,)
    home.restart(NEAR)
    home.run(MINUTE)
    assert home.links(NEAR) == {FIRST: 0}
    home.stir = lambda tunnel, sender: (LATENCY_US,)
    assert home.run(10 * MINUTE, lambda: home.links(NEAR) == {FIRST: 2})
    assert home.passed(FIRST, NEAR)


def test_a_frame_without_a_link_or_of_another_protocol_asks_for_a_hello() -> None:
    home = Home(NEW, NEW).start()
    frame = datagram(DISPLAY, COORDINATOR)
    for protocol in (1, 3, 255):
        home.run(2 * SECOND)
        said = home.tell(FIRST, NEAR, protocol, frame)
        assert (tunnelled(said), sent(said)) == ([(FIRST, Renew())], [])
        assert home.tell(FIRST, NEAR, protocol, frame) == ()  # at most one a second
    assert sent(home.tell(FIRST, NEAR, 2, frame)) == [frame]


def test_a_remote_that_hears_another_protocol_says_hello() -> None:
    home = Home(NEW, NEW).start()
    home.run(2 * SECOND)
    said = home.tell(NEAR, FIRST, 1, datagram(COORDINATOR, DISPLAY))
    assert (tunnelled(said), sent(said)) == ([(NEAR, Hello(lowest=1, highest=2))], [])
    home.run(SECOND)
    assert home.links(FIRST) == {NEAR: 2}


@pytest.mark.parametrize("protocol", [0, 1, 2])
def test_a_stranger_gets_no_answer(protocol: int) -> None:
    home = Home(NEW, NEW).start()
    for content in (Hello(lowest=1, highest=2), Renew(), Echo(number=1), datagram(DISPLAY, 0)):
        for bridge in (NEAR, FIRST):
            assert home.tell(STRANGER, bridge, protocol, content) == ()
    assert STRANGER not in home.links(NEAR)


def test_an_image_without_a_manifest_speaks_what_the_profile_says() -> None:
    profile = overlay(load("B2"), {"image.manifest": "none", "image.verify": ["header", "size"]})
    speaks = overlay(profile, {"link.protocols": [2, 3]})
    home = Home((2, 2), (1, 1), profiles=(load("B1"), speaks)).start()
    assert home.links(NEAR) == {FIRST: 2}


def test_an_echo_is_answered_through_a_link_that_is_up_and_by_either_side() -> None:
    home = Home(NEW, NEW).start()
    for sender, bridge in ((FIRST, NEAR), (NEAR, FIRST)):
        said = home.tell(sender, bridge, 2, Echo(number=5))
        assert tunnelled(said) == [(sender, Echo(number=5, answer=True))]


# What a remote itself says.


def test_a_remote_joins_and_speaks_through_its_link_alone() -> None:
    home = Home(NEW, NEW).start()
    assert FIRST in home.hub.members
    assert home.aired[FIRST] == []
    address = home.hub.members[FIRST]
    assert {one.source for one in home.passed(FIRST, NEAR)} == {address}
    joins = [one.content for _, who, one in home.tunnels if who == FIRST]
    assert [one.eui64 for one in joins if isinstance(one, Join)] == [FIRST]


def test_a_remote_answers_who_asks_it_in_its_own_zone() -> None:
    home = Home(NEW, NEW).start()
    address = home.hub.members[FIRST]
    ask = replace(
        datagram(DISPLAY, address),
        profile=ZDO_PROFILE,
        destination_endpoint=0,
        cluster=zdo.CLUSTERS[zdo.ActiveEndpointsRequest],
        payload=zdo.ActiveEndpointsRequest(sequence=1, address=address).encode(),
    )
    said = home.hear(FIRST, ask)
    assert [one.destination for one in sent(said)] == [DISPLAY]
    assert tunnelled(said) == []
    through = home.tell(NEAR, FIRST, 2, replace(ask, source=COORDINATOR))
    assert sent(through) == []
    assert [peer for peer, _ in tunnelled(through)] == [NEAR]


def test_a_join_waits_until_the_near_bridge_is_on_the_network_itself() -> None:
    home = Home(NEW, NEW)
    home.power(FIRST)
    home.run(SECOND)
    bridge = home.bridges[NEAR]
    bridge.power_on(home.now)
    bridge.event(Tunnelled(eui64=FIRST, protocol=0, content=Hello(lowest=1, highest=2)), home.now)
    join = Join(eui64=FIRST, rejoin=False)
    assert bridge.event(Tunnelled(eui64=FIRST, protocol=2, content=join), home.now) == ()
    said = bridge.event(Joined(address=0x1A01), home.now)
    assert [one for one in said if isinstance(one, Join)] == [join]
    again = bridge.event(Tunnelled(eui64=FIRST, protocol=2, content=join), home.now)
    assert again == (join,)


def test_what_the_network_says_of_a_remote_is_passed_on_to_it() -> None:
    home = Home(NEW, NEW, NEW).start()
    for what in (
        Joined(address=0x2345, key_id=1, eui64=SECOND_REMOTE),
        Left(eui64=SECOND_REMOTE),
    ):
        said = home.bridges[NEAR].event(what, home.now)
        home.now += SECOND
        assert tunnelled(said) == [(SECOND_REMOTE, replace(what, eui64=0))]
    said = home.hear(NEAR, datagram(COORDINATOR, 0x2345))
    assert [peer for peer, _ in tunnelled(said)] == [SECOND_REMOTE]
    assert home.bridges[NEAR].event(Left(eui64=STRANGER), home.now) == ()


def test_what_a_remote_says_of_a_place_on_the_network_is_not_the_near_bridges_own() -> None:
    home = Home(NEW, NEW).start()
    address = home.hub.members[NEAR]
    for what in (Joined(address=0x2345), JoinRefused(), Left()):
        assert home.tell(FIRST, NEAR, 2, what) == ()
    running = home.bridges[NEAR].ram
    assert running is not None
    assert running.radio.address == address
    said = tunnelled(home.tell(NEAR, FIRST, 2, Left()))  # from its parent it is a remote's own
    assert (NEAR, Join(eui64=FIRST, rejoin=False)) in said


def test_a_remote_that_is_told_to_leave_leaves_and_comes_back() -> None:
    home = Home(NEW, NEW).start()
    address = home.hub.members[FIRST]
    request = zdo.LeaveRequest(sequence=9, eui64=FIRST, options=zdo.LeaveOptions(0))
    leave = replace(
        datagram(COORDINATOR, address),
        profile=ZDO_PROFILE,
        destination_endpoint=0,
        cluster=zdo.CLUSTERS[zdo.LeaveRequest],
        payload=request.encode(),
    )
    home.hear(NEAR, leave)
    home.run(SECOND)
    left = [one.content for _, who, one in home.tunnels if who == FIRST]
    assert Leave() in left
    down = [one.content for _, who, one in home.tunnels if who == NEAR]
    kinds = [type(one) for one in down if isinstance(one, Joined | Left)]
    assert kinds == [Joined, Left, Joined]
    running = home.bridges[FIRST].ram
    assert running is not None
    assert running.radio.address == address


# A sleepy remote.


def test_a_sleepy_remote_polls_for_its_link_and_upgrades_through_it() -> None:
    home = Home(NEW, NEW, profiles=(load("B1"), load("B4")))
    polls: list[Us] = []
    perform = home._perform

    def counted(peer: int, action: Action) -> bool:
        if isinstance(action, Poll):
            polls.append(home.now)
        return perform(peer, action)

    home._perform = counted  # type: ignore[method-assign]
    home.start()
    assert home.links(FIRST) == {NEAR: 2}
    assert offered(home, FIRST, NEW)
    polls.clear()
    home.power(NEAR, False)
    home.restart(FIRST)
    home.run(10 * MINUTE)
    assert len(polls) <= 10 * (5000 // 250 + 2)  # a few after each Hello, none in between
    assert len({at // MINUTE for at in polls}) >= 9
    assert max(late - early for early, late in pairwise(polls)) > 30 * SECOND
    home.power(NEAR)
    assert home.run(2 * MINUTE, lambda: home.links(FIRST) == {NEAR: 2})


# The place in a home.


def test_a_bridge_that_was_not_commissioned_has_no_crossing_and_takes_no_tunnel() -> None:
    bridge = Home(NEW, NEW).bridges[FIRST]
    bridge.factory(identity_of(bridge.profile, FIRST), image(bridge.profile, 1, NEW), 1, 1)
    assert not [one for one in bridge.power_on(0) if isinstance(one, Tunnel)]
    assert bridge.crossing is None
    hello = Tunnelled(eui64=NEAR, protocol=0, content=Renew())
    assert bridge.event(hello, SECOND) == ()


def test_a_place_is_kept_over_power_cuts_and_upgrades() -> None:
    home = Home(NEW, NEW).start()
    assert offered(home, FIRST, OLD)
    home.restart(FIRST)
    home.restart(NEAR)
    home.run(MINUTE)
    assert home.links(NEAR) == {FIRST: 1}


@pytest.mark.parametrize(
    ("parent", "children", "complaint"),
    [
        (None, (), "found both or neither, wanted a parent or one to two children"),
        (NEAR, (SECOND_REMOTE,), "found both or neither"),
        (None, (NEAR, SECOND_REMOTE, STRANGER), "children: found 3, wanted at most 2"),
        (None, (NEAR, NEAR), "none twice"),
        (FIRST, (), "none twice"),
        (0, (), "a true EUI-64 for each"),
        (None, ((1 << 64) - 1,), "a true EUI-64 for each"),
    ],
)
def test_a_place_that_cannot_be_is_refused(
    parent: int | None, children: tuple[int, ...], complaint: str
) -> None:
    profile = load("B2")
    bridge = Bridge(profile, lambda seed, _: random.Random(seed))
    with pytest.raises(RuntimeError, match="commission before factory"):
        bridge.commission(NEAR)
    bridge.factory(
        identity_of(profile, FIRST), image(profile, FIRST_VERSION, OLD), FIRST_VERSION, 1
    )
    with pytest.raises(ValueError, match=complaint):
        bridge.commission(parent, children)
    bridge.commission(NEAR)
    with pytest.raises(FlashError):
        bridge.commission(NEAR)
