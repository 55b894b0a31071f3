"""Whom a near bridge counts as served: also a remote that has a link for the first time in a trial.

Else the next image that cannot talk to that remote is confirmed without it (T2, GB-062, GB-063).
"""

import pytest

from emulator.actions import Happening
from emulator.faults import CutKind, CutPower
from emulator.units import DAY, HOUR, MINUTE, SECOND
from harness.firmware import NEXT_VERSION
from tests.device.homes import FIRST, LATENCY_US, NEAR, NEW, NEXT, OLD, Home

#: Of the image behind the one that brought the link, and of the one behind that.
THIRD, FOURTH = NEXT_VERSION + 1, NEXT_VERSION + 2


def boots(home: Home, speaks: tuple[int, int], version: int = NEXT_VERSION) -> Home:
    """Let the near bridge fetch an image and boot it."""
    home.offer(NEAR, speaks, version=version)
    assert home.run(3 * HOUR, lambda: home.version(NEAR) == version)
    return home


def mute_pair() -> Home:
    """Return a home whose near bridge does not speak what its remote does."""
    home = Home(NEXT, OLD).start()
    assert home.links(NEAR) == {FIRST: 0}
    return home


def is_confirmed(home: Home) -> bool:
    return home.told(Happening.CONFIRMED, NEAR) != []


def goes_back_for_want_of_its_remote(home: Home) -> bool:
    """Tell whether an image that cannot talk to the remote is undone, and the link is there."""
    before = home.version(NEAR)
    boots(home, NEXT, THIRD)
    home.run(HOUR, lambda: home.version(NEAR) == before)
    home.run(MINUTE)
    missed = [dict(one.details)["peer"] for one in home.told(Happening.PEER_MISSED)]
    return missed == [f"{FIRST:016x}"] and home.links(NEAR) == {FIRST: 1}


def test_a_remote_that_first_has_a_link_in_a_trial_is_served_from_then_on() -> None:
    home = boots(mute_pair(), NEW)
    assert home.run(HOUR, lambda: is_confirmed(home))
    assert home.links(NEAR) == {FIRST: 1}
    home.run(DAY)
    assert goes_back_for_want_of_its_remote(home)


def test_a_remote_that_was_gone_for_long_and_is_back_in_a_trial_is_served_from_then_on() -> None:
    home = Home(NEW, OLD).start()
    home.power(FIRST, False)
    home.run(HOUR + MINUTE)
    boots(home, NEW)
    home.power(FIRST)
    home.run(SECOND)
    assert home.links(NEAR) == {FIRST: 1}
    assert not is_confirmed(home)
    assert home.run(MINUTE, lambda: is_confirmed(home))
    home.run(DAY)
    assert goes_back_for_want_of_its_remote(home)


def confirmations() -> tuple[int, int]:
    """Return which flash operations a trial has from the first link on: first, and behind last."""
    home = boots(mute_pair(), NEW)
    flash = home.bridges[NEAR].flash
    assert home.run(HOUR, lambda: home.links(NEAR) == {FIRST: 1})
    linked = flash.operations
    assert home.run(HOUR, lambda: is_confirmed(home))
    return linked, flash.operations


def cut_at(number: int) -> Home:
    """Return a home whose near bridge loses its supply behind an operation of that trial."""
    home = boots(mute_pair(), NEW)
    home.bridges[NEAR].flash.arm(CutPower(operation=number, kind=CutKind.AFTER))
    assert home.run(HOUR, home.is_near_cut), number
    return home


def test_a_cut_at_any_operation_of_a_confirmation_forgets_no_remote() -> None:
    first, behind = confirmations()
    assert behind - first >= 2  # whom it serves, that it is confirmed
    for number in range(first, behind):
        home = cut_at(number)
        home.power(NEAR)
        home.run(10 * MINUTE)
        assert home.version(NEAR) == NEXT_VERSION
        assert goes_back_for_want_of_its_remote(home), number


@pytest.mark.parametrize("from_end", [2, 1])
def test_a_link_that_is_down_from_a_cut_to_the_next_trial_forgets_no_remote(from_end: int) -> None:
    """Whom it serves is written before it is confirmed: it must not have to hear them again."""
    home = cut_at(confirmations()[1] - from_end)
    home.stir = lambda tunnel, sender: ()
    home.power(NEAR)
    home.run(30 * MINUTE)  # longer than the rest of a trial, and not gone for long
    boots(home, NEXT, THIRD).stir = lambda tunnel, sender: (LATENCY_US,)
    home.run(HOUR)
    assert home.version(NEAR) != THIRD
    boots(home, NEW, FOURTH).run(MINUTE)
    assert (home.version(NEAR), home.links(NEAR)) == (FOURTH, {FIRST: 1})


def test_a_remote_that_has_no_link_to_a_kept_image_is_not_waited_for_in_the_next() -> None:
    home = boots(mute_pair(), NEXT)
    assert home.run(HOUR, lambda: is_confirmed(home))
    boots(home, NEXT, THIRD)
    assert home.run(MINUTE, lambda: len(home.told(Happening.CONFIRMED, NEAR)) == 2)


def test_a_near_image_that_lives_is_kept_though_a_remote_that_it_never_served_is_lost() -> None:
    """To go back would help nobody: the image before has never had a link to it."""
    home = boots(mute_pair(), NEW)
    assert home.run(HOUR, lambda: home.links(NEAR) == {FIRST: 1})
    home.power(FIRST, False)
    assert home.run(MINUTE, lambda: is_confirmed(home))


def test_a_confirmation_writes_one_record_if_it_makes_nobody_served() -> None:
    home = Home(NEW, NEW, NEW).start()
    boots(home, NEW)
    flash = home.bridges[NEAR].flash
    home.run(SECOND)
    before = flash.operations
    assert home.run(HOUR, lambda: is_confirmed(home))
    assert flash.operations == before + 1  # the boot record alone
