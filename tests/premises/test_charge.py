"""What a bridge takes out of its battery, counted by hand."""

import pytest

from emulator.profiles.load import load, overlay
from emulator.profiles.model import Profile
from emulator.units import HOUR
from harness.premises.charge import Charge, cost, upgrade

KIB = 1024
#: A model whose numbers cannot be taken for one another: 10 mAh in all.
MODEL = {
    "capacity_uah": 10_000,
    "sleep_ua": 8,
    "datagram_nah": 1_000,
    "poll_nah": 200,
    "program_nah": 30,
    "boot_uah": 50,
    "reserve_percent": 20,
}


def profile_with(**changes: int) -> Profile:
    return overlay(load("B4"), {"battery": {**MODEL, **changes}})


def charge_of(profile: Profile, percent: int = 100) -> Charge:
    assert profile.battery is not None
    return Charge(battery=profile.battery, first_percent=percent)


@pytest.mark.parametrize(
    ("what", "count", "nah"),
    [
        ("datagrams", 3, 3_000),
        ("polls", 4, 800),
        ("octets", 256, 30),
        ("octets", 384, 45),
        ("boots", 2, 100_000),
        ("rest_us", 3 * HOUR, 24_000),
        ("rest_us", HOUR // 8, 1_000),
    ],
)
def test_each_thing_takes_what_the_model_says(what: str, count: int, nah: int) -> None:
    charge = charge_of(profile_with())
    setattr(charge, what, count)
    assert charge.spent_nah == nah


def test_everything_adds_up_and_percent_is_rounded_down() -> None:
    charge = charge_of(profile_with())
    assert charge.percent == 100
    charge.polls += 1
    assert charge.percent == 99  # 0.002 % are gone: it is not full any more
    charge.polls -= 1
    charge.boots += 20  # 1 mAh of 10
    assert charge.percent == 90
    charge.datagrams += 500
    charge.rest_us += 1000 * HOUR // 8  # 1 mAh
    assert charge.percent == 75


def test_a_used_battery_begins_lower_and_ends_at_nothing() -> None:
    charge = charge_of(profile_with(), percent=15)
    assert charge.percent == 15
    charge.boots = 30
    assert charge.percent == 0
    charge.boots = 1000
    assert charge.percent == 0


def test_small_portions_are_not_lost() -> None:
    charge = charge_of(profile_with())
    for _ in range(1_000):
        charge.rest_us += HOUR // 1_000
        charge.octets += 1
    assert charge.spent_nah == 8_000 + 1_000 * 30 // 256


def test_an_upgrade_is_download_trial_and_the_way_back() -> None:
    profile = profile_with()
    battery = profile.battery
    assert battery is not None
    counts = upgrade(profile, battery, 1_000)
    # 32 blocks of 32 octets; 20 min of trial and 60 of pauses, with a poll each 6 s
    assert (counts.datagrams, counts.polls) == (64, 32 + 800)
    assert counts.octets == 1_000 + 2 * 3 * 1_000  # each exchange moves three times as much
    assert counts.boots == 3 + 1
    assert counts.rest_us == 80 * HOUR // 60


def test_two_slots_cost_no_exchange() -> None:
    in_place = overlay(profile_with(), {"boot.scheme": "ab"})
    assert in_place.battery is not None
    assert upgrade(in_place, in_place.battery, 1_000).octets == 1_000


def test_the_cost_is_rounded_up_and_never_above_everything() -> None:
    profile = profile_with()
    # 64 + 166.4 + 0.82 + 200 + 10.67 uAh of 10,000: 4.4 %
    assert cost(profile, 1_000) == 5
    assert cost(profile_with(capacity_uah=440), 1_000) == 100
    assert cost(profile_with(capacity_uah=100), 1_000) == 100


def test_a_bridge_with_a_supply_pays_nothing() -> None:
    assert cost(load("B1"), 256 * KIB) == 0


def test_the_page_on_profiles_tells_the_cost_of_the_battery_bridge() -> None:
    """docs/profiles.md: 764 uAh for 128 KiB, 0.0055 % of the cell; 14.7 years without one."""
    profile = load("B4")
    assert profile.battery is not None
    counts = upgrade(profile, profile.battery, 128 * KIB)
    whole_uah = profile.battery.capacity_uah
    assert counts.spent_nah // 1_000 == 764
    assert round(100 * counts.spent_nah / 1e3 / whole_uah, 4) == 0.0055
    assert cost(profile, 128 * KIB) == 1
    year = charge_of(profile)
    year.rest_us = 365 * 24 * HOUR
    year.polls = 365 * 24 * 600
    assert round(whole_uah * 1e3 / year.spent_nah, 1) == 14.7
