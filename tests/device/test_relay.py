"""What bridges of a home pass on for one another: real bridges, wired by hand."""

import pytest

from emulator.actions import (
    Happening,
    Hello,
    Join,
    Joined,
)
from emulator.profiles.load import load, overlay
from emulator.units import HOUR, MINUTE, SECOND
from emulator.wire.aps import BROADCAST_RX_ON, COORDINATOR, Datagram
from emulator.wire.manifest import Trait
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from tests.device.homes import (
    DISPLAY,
    FIRST,
    METER,
    NEAR,
    NEW,
    SECOND_REMOTE,
    Home,
    datagram,
    sent,
    tunnelled,
)


def test_what_is_for_others_passes_unchanged_and_what_is_doubled_stays_so() -> None:
    home = Home(NEW, NEW).start()
    up, down = datagram(DISPLAY, COORDINATOR), datagram(COORDINATOR, DISPLAY)
    for _ in range(2):
        home.hear(FIRST, up)
        home.run(SECOND)
        home.hear(NEAR, down)
        home.run(SECOND)
    assert home.aired[NEAR].count(up) == 2
    assert home.aired[FIRST] == [down, down]


def test_order_to_a_peer_is_kept_when_the_link_is_busy() -> None:
    home = Home(NEW, NEW).start()
    home.hear(FIRST, datagram(DISPLAY, COORDINATOR))
    home.run(SECOND)
    frames = [datagram(COORDINATOR, DISPLAY, number) for number in range(1, 8)]
    for frame in frames:
        home.hear(NEAR, frame)
    home.run(SECOND)
    assert home.aired[FIRST] == frames


def test_a_full_queue_drops_the_newest() -> None:
    profile = overlay(load("B1"), {"link.queue_datagrams": 3, "link.octets_per_s": 100})
    home = Home(NEW, NEW, profiles=(profile, load("B2"))).start()
    home.run(MINUTE)
    frames = [datagram(COORDINATOR, DISPLAY, number) for number in range(20)]
    for frame in frames:
        home.hear(NEAR, frame)
    home.run(MINUTE)
    assert home.aired[FIRST] == frames[:4]  # one on its way, three that waited


def test_what_waits_in_a_protocol_that_is_not_spoken_any_more_is_dropped() -> None:
    home = Home(NEW, NEW, profiles=(overlay(load("B1"), {"link.octets_per_s": 100}), load("B2")))
    home.start()
    home.run(MINUTE)
    for number in range(5):
        home.hear(NEAR, datagram(COORDINATOR, DISPLAY, number))
    home.tell(FIRST, NEAR, 0, Hello(lowest=1, highest=1))
    changed = len(home.tunnels)
    home.run(500_000)
    home.hear(NEAR, datagram(COORDINATOR, DISPLAY, 9))
    home.run(MINUTE)
    down = [one for _, who, one in home.tunnels[changed:] if who == NEAR]
    assert {one.protocol for one in down if isinstance(one.content, Datagram)} == {1}


def test_the_hub_is_sought_through_the_link_though_it_is_heard_in_the_own_zone() -> None:
    home = Home(NEW, NEW).start()
    for number, destination in enumerate((BROADCAST_RX_ON, DISPLAY)):
        home.hear(FIRST, datagram(COORDINATOR, destination, number))
    home.run(SECOND)
    before = len(home.aired[FIRST])
    home.offer(FIRST, NEW)
    assert home.run(MINUTE, lambda: home.told(Happening.DOWNLOAD_STARTED, FIRST) != [])
    assert home.aired[FIRST][before:] == []


def test_a_broadcast_tells_behind_which_remote_its_source_is() -> None:
    home = Home(NEW, NEW, NEW).start()
    home.hear(SECOND_REMOTE, datagram(METER, BROADCAST_RX_ON))
    home.run(SECOND)
    said = home.hear(NEAR, datagram(COORDINATOR, METER))
    assert [peer for peer, _ in tunnelled(said)] == [SECOND_REMOTE]


def test_a_bridge_that_hears_its_own_broadcast_again_keeps_silent() -> None:
    home = Home(NEW, NEW).start()
    for bridge in (NEAR, FIRST):
        frame = datagram(home.hub.members[bridge], BROADCAST_RX_ON)
        assert home.hear(bridge, frame) == ()


def test_own_broadcasts_that_come_back_are_not_kept() -> None:
    home = Home(NEW, NEW).start()
    crossing = home.bridges[NEAR].crossing
    assert crossing is not None
    before = dict(crossing._broadcasts)
    for number in range(50):
        home.hear(NEAR, datagram(home.hub.members[NEAR], BROADCAST_RX_ON, number))
    assert crossing._broadcasts == before
    for number in range(50):
        home.hear(NEAR, datagram(COORDINATOR, BROADCAST_RX_ON, number))
    assert len(crossing._broadcasts) == 16


def test_a_unicast_goes_to_the_remote_behind_which_its_address_was_heard() -> None:
    home = Home(NEW, NEW, NEW).start()
    for remote, address in ((FIRST, DISPLAY), (SECOND_REMOTE, METER)):
        home.hear(remote, datagram(address, COORDINATOR))
        home.run(SECOND)
    for remote, address in ((FIRST, DISPLAY), (SECOND_REMOTE, METER)):
        said = home.hear(NEAR, datagram(COORDINATOR, address, 5))
        assert [peer for peer, _ in tunnelled(said)] == [remote]
        home.run(SECOND)
    bridge = home.hub.members[SECOND_REMOTE]  # by its join alone, before it says anything
    assert [peer for peer, _ in tunnelled(home.hear(NEAR, datagram(0, bridge)))] == [SECOND_REMOTE]


def test_two_remotes_speak_to_each_other_through_the_near_one() -> None:
    home = Home(NEW, NEW, NEW).start()
    home.hear(FIRST, datagram(DISPLAY, COORDINATOR))
    home.run(SECOND)
    before = {peer: len(home.aired[peer]) for peer in home.bridges}
    frame = datagram(METER, DISPLAY)
    home.hear(SECOND_REMOTE, frame)
    home.run(SECOND)
    assert home.aired[FIRST][before[FIRST] :] == [frame]
    assert home.aired[NEAR][before[NEAR] :] == []


def test_nothing_goes_back_to_where_it_came_from() -> None:
    home = Home(NEW, NEW).start()
    home.hear(FIRST, datagram(DISPLAY, COORDINATOR))
    home.run(SECOND)
    assert home.tell(FIRST, NEAR, 2, datagram(METER, DISPLAY)) == ()


def test_what_is_remembered_of_others_is_bounded() -> None:
    home = Home(NEW, NEW, NEW).start()
    home.tell(SECOND_REMOTE, NEAR, 2, datagram(METER, COORDINATOR))
    first = datagram(COORDINATOR, BROADCAST_RX_ON)
    home.hear(NEAR, first)
    home.run(SECOND)
    assert home.tell(FIRST, NEAR, 2, first) == ()
    for number in range(300):
        home.tell(SECOND_REMOTE, NEAR, 2, datagram(0x5000 + number, BROADCAST_RX_ON, number))
    home.run(SECOND)
    said = home.hear(NEAR, datagram(COORDINATOR, METER))
    assert [peer for peer, _ in tunnelled(said)] == [FIRST]  # and then the other: it is unknown
    home.run(SECOND)
    assert sent(home.tell(FIRST, NEAR, 2, first)) == [first]


def test_after_its_reboot_a_near_bridge_asks_all_remotes_for_an_unknown_address() -> None:
    home = Home(NEW, NEW, NEW).start()
    home.hear(SECOND_REMOTE, datagram(METER, COORDINATOR))
    home.restart(NEAR)
    home.run(10 * SECOND)
    frame = datagram(COORDINATOR, METER)
    home.hear(NEAR, frame)
    home.run(SECOND)
    assert frame in home.aired[SECOND_REMOTE]


def test_a_broadcast_reaches_everybody_once_and_never_runs_in_a_circle() -> None:
    home = Home(NEW, NEW, NEW).start()
    frame = datagram(COORDINATOR, BROADCAST_RX_ON)
    assert sent(home.hear(NEAR, frame)) == []
    home.run(SECOND)
    for remote in (FIRST, SECOND_REMOTE):
        assert home.aired[remote].count(frame) == home.passed(NEAR, remote).count(frame) == 1
        assert home.hear(remote, frame) == ()  # a neighbour repeats it
    assert home.tell(FIRST, NEAR, 2, frame) == ()
    home.hear(NEAR, frame)
    home.run(SECOND)
    assert home.aired[FIRST].count(frame) == 2  # what is doubled on its way to here stays so


def test_a_broadcast_from_behind_reaches_hub_and_sibling() -> None:
    home = Home(NEW, NEW, NEW).start()
    before = len(home.aired[NEAR])
    frame = datagram(DISPLAY, BROADCAST_RX_ON)
    home.hear(FIRST, frame)
    home.run(SECOND)
    assert home.aired[NEAR][before:] == [frame]
    assert home.aired[SECOND_REMOTE][-1] == frame
    assert frame not in home.aired[FIRST]
    assert home.hear(NEAR, frame) == ()


def test_all_behind_a_near_bridge_is_dark_while_it_is_off() -> None:
    home = Home(NEW, NEW).start()
    home.hear(FIRST, datagram(DISPLAY, COORDINATOR))
    home.run(SECOND)
    home.power(NEAR, False)
    before = {peer: len(home.aired[peer]) for peer in (NEAR, FIRST)}
    for number in range(10):
        home.hear(FIRST, datagram(DISPLAY, COORDINATOR, number))
        assert home.hear(NEAR, datagram(COORDINATOR, DISPLAY, number)) == ()
        home.run(SECOND)
    assert {peer: len(home.aired[peer]) for peer in (NEAR, FIRST)} == before
    home.power(NEAR)
    home.run(10 * SECOND)
    home.hear(FIRST, datagram(DISPLAY, COORDINATOR, 99))
    home.run(SECOND)
    assert home.aired[NEAR][-1] == datagram(DISPLAY, COORDINATOR, 99)


@pytest.mark.parametrize("traits", [Trait.MUTE, Trait.DEAF])
def test_all_behind_a_near_image_that_is_mute_or_deaf_is_dark(traits: Trait) -> None:
    home = Home(NEW, NEW).start()
    home.hear(FIRST, datagram(DISPLAY, COORDINATOR))
    home.run(SECOND)
    home.offer(NEAR, NEW, traits)
    assert home.run(HOUR, lambda: home.version(NEAR) == NEXT_VERSION)
    home.run(10 * SECOND)
    assert home.links(NEAR) == {FIRST: 2}
    before = len(home.aired[NEAR])
    home.hear(FIRST, datagram(DISPLAY, COORDINATOR, 7))
    assert home.hear(NEAR, datagram(COORDINATOR, DISPLAY)) == ()
    home.run(SECOND)
    assert len(home.aired[NEAR]) == before
    told = home.bridges[NEAR].event(Joined(address=0x2345, eui64=FIRST), home.now)
    assert bool(tunnelled(told)) is not bool(traits & Trait.DEAF)
    assert home.run(2 * HOUR, lambda: home.version(NEAR) == FIRST_VERSION)
    home.run(10 * SECOND)
    assert tunnelled(home.hear(NEAR, datagram(COORDINATOR, DISPLAY))) != []


def test_a_mute_near_image_asks_for_no_remote_though_the_network_speaks_to_it() -> None:
    home = Home(NEW, NEW).start()
    home.offer(NEAR, NEW, Trait.MUTE)
    assert home.run(HOUR, lambda: home.version(NEAR) == NEXT_VERSION)
    home.run(SECOND)
    join = Join(eui64=FIRST, rejoin=False)
    assert home.tell(FIRST, NEAR, 2, join) == ()
    said = home.bridges[NEAR].event(Joined(address=home.hub.members[NEAR]), home.now)
    assert [one for one in said if isinstance(one, Join)] == []
    assert home.tell(FIRST, NEAR, 2, join) == ()
    assert home.run(2 * HOUR, lambda: home.version(NEAR) == FIRST_VERSION)
    home.run(10 * SECOND)
    assert home.tell(FIRST, NEAR, 2, join) == (join,)  # control
