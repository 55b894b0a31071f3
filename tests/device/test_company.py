"""Whom an image on trial must have reached to stay, where a home has other bridges."""

import pytest

from emulator.actions import Echo, Happening, Hello, Tunnel
from emulator.errors import ProfileError
from emulator.faults import CutKind, CutPower
from emulator.profiles.load import load, overlay
from emulator.profiles.switches import Requirement
from emulator.units import DAY, HOUR, MINUTE, SECOND, Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.manifest import Trait
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.hub.images import served
from tests.device.homes import (
    FIRST,
    LATENCY_US,
    NEAR,
    NEW,
    NEXT,
    OLD,
    SECOND_REMOTE,
    Home,
    image,
)

#: The whole of a trial: its time, and a reboot.
TRIAL_US = 1205 * SECOND
PAIR = (("peer", f"{FIRST:016x}"), ("its", "1..1"), ("own", "2..2"))


def on_trial(home: Home, peer: int, speaks: tuple[int, int]) -> Us:
    """Let a bridge boot an image; return when."""
    home.offer(peer, speaks)
    assert home.run(HOUR, lambda: home.version(peer) == NEXT_VERSION)
    return home.now


def neighbour(number: int, to: int) -> Datagram:
    """Return a frame of another member of the network, with a counter that rises."""
    return Datagram(
        source=0x7777,
        destination=to,
        source_endpoint=1,
        destination_endpoint=1,
        profile=0x0109,
        cluster=0x0702,
        payload=b"\x18\x01\x0a",
        key_id=0,
        frame_counter=number,
    )


# A near bridge.


def test_a_near_bridge_is_confirmed_by_the_hub_and_by_those_that_it_served() -> None:
    home = Home(NEW, NEW, NEW).start()
    started = on_trial(home, NEAR, NEW)
    assert home.run(HOUR, lambda: home.told(Happening.CONFIRMED) != [])
    assert 30 * SECOND <= home.now - started <= 40 * SECOND
    echoed = {
        who for at, who, one in home.tunnels if at > started and one.content.__class__ is Echo
    }
    assert echoed == {NEAR, FIRST, SECOND_REMOTE}


@pytest.mark.parametrize(("remote", "new"), [(OLD, NEXT), (NEXT, OLD)])
def test_a_near_image_that_lost_a_remote_goes_back_and_names_the_pair(
    remote: tuple[int, int], new: tuple[int, int]
) -> None:
    """GB-062, T2: works alone, not with its old partner."""
    home = Home(NEW, remote).start()
    home.run(HOUR)  # nobody has anything to say: it must be asked if it is there
    assert home.links(NEAR) != {FIRST: 0}
    started = on_trial(home, NEAR, new)
    home.run(MINUTE)
    assert home.links(NEAR) == {FIRST: 0}
    assert home.told(Happening.CONFIRMED) == []  # though the hub answered
    assert home.hub.counts[ota.QueryNextImageRequest] > 0
    assert home.run(HOUR, lambda: home.version(NEAR) == FIRST_VERSION)
    assert home.now - started <= TRIAL_US
    (missed,) = home.told(Happening.PEER_MISSED)
    its, own = (f"{one[0]}..{one[1]}" for one in (remote, new))
    assert missed.details == (("peer", f"{FIRST:016x}"), ("its", its), ("own", own))
    home.run(10 * SECOND)
    assert home.links(NEAR)[FIRST] != 0


def test_one_lost_remote_of_two_is_enough_to_go_back() -> None:
    home = Home(NEW, OLD, NEW).start()
    on_trial(home, NEAR, NEXT)
    assert home.run(HOUR, lambda: home.version(NEAR) == FIRST_VERSION)
    (missed,) = home.told(Happening.PEER_MISSED)
    assert missed.details == PAIR
    home.run(10 * SECOND)
    assert home.links(NEAR) == {FIRST: 1, SECOND_REMOTE: 2}


def test_a_bridge_that_wants_the_hub_alone_stays_without_its_remote() -> None:
    """What the key is for: this home needs a visit."""
    alone = overlay(load("B1"), {"boot.confirm_requires": ["hub"]})
    home = Home(NEW, OLD, profiles=(alone, load("B2"))).start()
    on_trial(home, NEAR, NEXT)
    home.run(2 * HOUR)
    assert (home.version(NEAR), home.links(NEAR)) == (NEXT_VERSION, {FIRST: 0})


@pytest.mark.parametrize("reboots", [False, True])
@pytest.mark.parametrize(("off_us", "waits"), [(30 * MINUTE, True), (HOUR, False), (DAY, False)])
def test_a_remote_that_is_gone_is_waited_for_if_it_is_not_gone_for_long(
    off_us: Us, waits: bool, reboots: bool
) -> None:
    home = Home(NEW, NEW, NEW).start()
    home.run(5 * HOUR)
    home.power(FIRST, False)
    if reboots:  # what it knew of links is gone, and since when
        home.restart(NEAR)
    home.run(off_us)
    started = on_trial(home, NEAR, NEW)
    if waits:
        assert home.run(HOUR, lambda: home.version(NEAR) == FIRST_VERSION)
        assert len(home.told(Happening.PEER_MISSED)) == 1
    else:
        assert home.run(HOUR, lambda: home.told(Happening.CONFIRMED) != [])
        assert home.now - started <= 40 * SECOND


def test_a_remote_that_never_had_a_link_is_not_waited_for() -> None:
    home = Home(OLD, NEXT).start()
    started = on_trial(home, NEAR, OLD)
    assert home.run(HOUR, lambda: home.told(Happening.CONFIRMED) != [])
    assert home.now - started <= 40 * SECOND


def test_a_remote_that_was_served_and_is_gone_is_waited_for() -> None:
    home = Home(NEW, NEW).start()
    started = on_trial(home, NEAR, NEW)
    home.power(FIRST, False)
    home.restart(NEAR)  # it answered already in this run; the next one asks anew
    home.run(10 * MINUTE)
    assert home.told(Happening.CONFIRMED) == []
    home.power(FIRST)
    assert home.run(2 * MINUTE, lambda: home.told(Happening.CONFIRMED) != [])
    assert home.now - started < TRIAL_US


def test_who_was_served_is_kept_over_power_cuts() -> None:
    home = Home(NEW, OLD).start()
    on_trial(home, NEAR, NEXT)
    for _ in range(2):
        home.run(5 * MINUTE)
        home.restart(NEAR)
        assert home.version(NEAR) == NEXT_VERSION
    assert home.run(HOUR, lambda: home.version(NEAR) == FIRST_VERSION)
    assert home.told(Happening.CONFIRMED) == []


def test_a_cut_at_any_operation_leaves_no_near_image_without_its_remote() -> None:
    whole = Home(NEW, OLD).start()
    on_trial(whole, NEAR, NEXT)
    count = whole.bridges[NEAR].flash.operations
    assert count > 20  # from the first join to the record of the trial
    for number in range(count):
        home = Home(NEW, OLD)
        home.bridges[NEAR].flash.arm(CutPower(operation=number, kind=CutKind.AFTER))
        home.start()
        if not home.is_near_cut():
            home.offer(NEAR, NEXT)
            home.run(HOUR, home.is_near_cut)
        assert home.is_near_cut(), number
        home.power(NEAR)
        home.run(10 * SECOND)
        home.offer(NEAR, NEXT)
        home.run(3 * HOUR)
        assert home.told(Happening.ROLLED_BACK) != [], number
        assert home.told(Happening.CONFIRMED) == [], number
        assert home.links(NEAR) == {FIRST: 1}, number


def test_lost_answers_delay_a_confirmation_by_minutes() -> None:
    home = Home(NEW, NEW).start()
    lost: list[Tunnel] = []

    def stir(tunnel: Tunnel, sender: int) -> tuple[Us, ...]:
        if isinstance(tunnel.content, Echo) and tunnel.content.answer and len(lost) < 3:
            lost.append(tunnel)
            return ()
        return (LATENCY_US,)

    started = on_trial(home, NEAR, NEW)
    home.restart(NEAR)
    home.stir = stir
    assert home.run(HOUR, lambda: home.told(Happening.CONFIRMED) != [])
    assert 2 * MINUTE < home.now - started < 5 * MINUTE


def test_a_remote_that_answered_and_lost_its_link_since_is_lacking() -> None:
    home = Home(NEW, NEW).start()
    on_trial(home, NEAR, NEW)
    home.run(10 * SECOND)
    home.power(FIRST, False)
    home.tell(FIRST, NEAR, 0, Hello(lowest=3, highest=3))
    home.run(2 * MINUTE)
    assert home.told(Happening.CONFIRMED) == []
    home.power(FIRST)
    assert home.run(2 * MINUTE, lambda: home.told(Happening.CONFIRMED) != [])


def test_an_answer_of_an_earlier_run_proves_nothing() -> None:
    home = Home(NEW, NEW).start()
    home.stir = lambda tunnel, sender: () if isinstance(tunnel.content, Echo) else (LATENCY_US,)
    home.offer(NEAR, NEW)
    assert home.run(HOUR, lambda: home.version(NEAR) == NEXT_VERSION)
    home.run(MINUTE)
    for number in (0, 1, home.now - 5 * MINUTE):
        home.tell(FIRST, NEAR, 2, Echo(number=number, answer=True))
    assert home.told(Happening.CONFIRMED) == []
    home.tell(FIRST, NEAR, 2, Echo(number=home.now, answer=True))
    assert home.told(Happening.CONFIRMED) != []


# The clock of the trial.


@pytest.mark.parametrize("answers", [True, False])
def test_once_the_hub_has_answered_no_neighbour_stops_the_clock(answers: bool) -> None:
    """T10: the meter behind a lost remote waits for the end of the trial."""
    home = Home(NEW, OLD).start()
    started = on_trial(home, NEAR, NEXT)
    home.hub.settings.silent = not answers
    number = 1
    while home.version(NEAR) == NEXT_VERSION and home.now < started + 3 * HOUR:
        home.run(20 * SECOND)
        if NEAR in home.on:
            number += 1
            home.hear(NEAR, neighbour(number, home.hub.members[NEAR]))
    took = home.now - started
    if answers:
        assert took <= TRIAL_US + 2 * MINUTE
    else:
        assert took > TRIAL_US + 50 * MINUTE  # the hub is away: GB-067 holds as before


def test_what_comes_from_behind_does_not_stop_the_clock_of_a_near_bridge() -> None:
    home = Home(NEW, NEW).start()
    started = on_trial(home, NEAR, NEW)
    home.run(SECOND)
    home.hub.settings.silent = True
    number = 1
    while home.version(NEAR) == NEXT_VERSION and home.now < started + 3 * HOUR:
        home.run(20 * SECOND)
        if NEAR in home.on:
            number += 1
            home.tell(FIRST, NEAR, 2, neighbour(number, home.hub.members[NEAR]))
    assert home.now - started <= TRIAL_US + 2 * MINUTE


@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize("neighbours", [True, False])
def test_only_its_link_stops_the_clock_of_a_remote_while_the_hub_is_away(
    link: bool, neighbours: bool
) -> None:
    """GB-067: an answer of the near bridge, never a frame of the remote's own zone."""
    home = Home(NEW, NEW).start()
    started = on_trial(home, FIRST, NEW)
    home.run(SECOND)  # it is on the network
    home.hub.settings.silent = True
    if not link:
        home.power(NEAR, False)
    number = 1
    while home.version(FIRST) == NEXT_VERSION and home.now < started + 3 * HOUR:
        home.run(20 * SECOND)
        if neighbours and FIRST in home.on:
            number += 1
            home.hear(FIRST, neighbour(number, home.hub.members[FIRST]))
    took = home.now - started
    assert took > TRIAL_US + 50 * MINUTE if link else took <= TRIAL_US + 2 * MINUTE
    assert took < TRIAL_US + 65 * MINUTE


@pytest.mark.parametrize("traits", [Trait.MUTE, Trait.DEAF])
def test_an_answer_of_the_near_bridge_helps_no_remote_that_is_mute_or_deaf(traits: Trait) -> None:
    home = Home(NEW, NEW).start()
    home.offer(FIRST, NEW, traits)
    assert home.run(HOUR, lambda: home.version(FIRST) == NEXT_VERSION)
    started = home.now
    assert home.run(HOUR, lambda: home.version(FIRST) == FIRST_VERSION)
    assert home.now - started <= TRIAL_US


def test_what_comes_through_its_link_stops_the_clock_of_a_remote() -> None:
    home = Home(NEW, NEW).start()
    started = on_trial(home, FIRST, NEW)
    home.run(SECOND)
    home.hub.settings.silent = True
    home.stir = lambda tunnel, sender: () if isinstance(tunnel.content, Echo) else (LATENCY_US,)
    number = 1
    while home.version(FIRST) == NEXT_VERSION and home.now < started + 3 * HOUR:
        home.run(20 * SECOND)
        if FIRST in home.on:
            number += 1
            home.tell(NEAR, FIRST, 2, neighbour(number, home.hub.members[FIRST]))
    assert home.now - started > TRIAL_US + 50 * MINUTE


# A remote, and both at once.


def test_a_remote_image_that_cannot_speak_to_its_near_one_goes_back_and_names_the_pair() -> None:
    home = Home(OLD, NEW).start()
    started = on_trial(home, FIRST, NEXT)
    assert home.run(HOUR, lambda: home.version(FIRST) == FIRST_VERSION)
    assert home.now - started <= TRIAL_US
    (missed,) = home.told(Happening.PEER_MISSED, FIRST)
    assert missed.details == (("peer", f"{NEAR:016x}"), ("its", "1..1"), ("own", "2..2"))
    home.run(MINUTE)
    assert home.links(FIRST) == {NEAR: 1}


@pytest.mark.parametrize("apart_us", [0, SECOND, 31 * SECOND])
def test_two_trials_do_not_wait_for_each_other(apart_us: Us) -> None:
    home = Home(NEW, NEW).start()
    for peer in (FIRST, NEAR):
        profile = home.bridges[peer].profile
        home.hub.images.append(served(image(profile, NEXT_VERSION, NEW)))
    home.hub.serve(*home.hub.images)
    notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
    for peer in (FIRST, NEAR):
        home._answer(home.hub.tell(notify, home.hub.members[peer], now=home.now))
        home.run(apart_us)
    both = {FIRST, NEAR}
    assert home.run(10 * MINUTE, lambda: all(home.told(Happening.CONFIRMED, one) for one in both))
    assert {peer: home.version(peer) for peer in both} == dict.fromkeys(both, NEXT_VERSION)


def test_both_sides_of_a_change_that_breaks_the_link_come_back_together() -> None:
    """Both new images speak the new protocol alone; one of them arrives first."""
    home = Home(OLD, OLD).start()
    on_trial(home, FIRST, NEXT)
    assert home.links(FIRST) == {NEAR: 0}
    assert home.run(HOUR, lambda: home.version(FIRST) == FIRST_VERSION)
    on_trial(home, NEAR, NEXT)
    assert home.run(HOUR, lambda: home.version(NEAR) == FIRST_VERSION)
    home.run(MINUTE)
    assert home.links(NEAR) == {FIRST: 1}


def test_no_other_image_is_begun_while_a_remote_is_lacking() -> None:
    home = Home(NEW, OLD).start()
    on_trial(home, NEAR, NEXT)
    home.run(MINUTE)
    third = image(home.bridges[NEAR].profile, NEXT_VERSION + 1, NEW)
    home.hub.serve(served(third))
    started = len(home.told(Happening.DOWNLOAD_STARTED, NEAR))
    notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
    home._answer(home.hub.tell(notify, home.hub.members[NEAR], now=home.now))
    home.run(5 * MINUTE)
    assert len(home.told(Happening.DOWNLOAD_STARTED, NEAR)) == started
    assert home.run(HOUR, lambda: home.version(NEAR) == FIRST_VERSION)
    home._answer(home.hub.tell(notify, home.hub.members[NEAR], now=home.now))
    assert home.run(HOUR, lambda: home.version(NEAR) == NEXT_VERSION + 1)
    assert home.run(HOUR, lambda: home.told(Happening.CONFIRMED) != [])


# The keys.


@pytest.mark.parametrize("found", [[], ["served"], ["hub", "hub"]])
def test_the_hub_is_always_required_and_nothing_twice(found: list[str]) -> None:
    with pytest.raises(ProfileError, match=r"boot.confirm_requires: found .*, expected each once"):
        overlay(load("B1"), {"boot.confirm_requires": found})


def test_a_profile_of_yesterday_requires_the_hub_alone() -> None:
    without = overlay(load("B1"), {"boot.confirm_requires": None})
    assert without.boot.confirm_requires == (Requirement.HUB,)


@pytest.mark.parametrize("found", [[2, 1], [0, 1], [1, 256]])
def test_protocols_are_a_range(found: list[int]) -> None:
    with pytest.raises(ProfileError, match=r"link.protocols: found \[\d+, \d+\], expected the low"):
        overlay(load("B1"), {"link.protocols": found})
