"""Read faults of a home, and let them happen."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from emulator.actions import Happening, Report
from emulator.profiles.model import Power
from emulator.units import DAY, MINUTE, SECOND
from harness.premises.chosen import BATTERY, cell_of
from harness.premises.faults import (
    CUT_US,
    REBOOTS_WITHIN_US,
    Cut,
    Down,
    FaultError,
    Flaw,
    Flawed,
    HomeFault,
    Low,
    Off,
    Reboots,
    on_mains,
    parse_fault,
    shown,
)
from harness.premises.household import Household
from harness.premises.load import load
from harness.premises.model import Premises, PremisesError
from harness.sweep.engine import Ending
from harness.sweep.home import Trouble
from harness.sweep.home_points import LIVES
from harness.trace import Trace

C7 = load("C7")
LINK = ("near", "remote_ihd")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("near:cut@120s", Cut(who="near", at_us=120 * SECOND)),
        ("near:cut@365d", Cut(who="near", at_us=365 * DAY)),
        ("home:cut@5m", Cut(who="home", at_us=5 * MINUTE)),
        (
            "remote_gsme:off@10m..25m",
            Off(who="remote_gsme", from_us=600_000_000, to_us=1500 * SECOND),
        ),
        ("hub:off@0s..1500ms", Off(who="hub", from_us=0, to_us=1_500_000)),
        ("near-remote_ihd:down@1h", Down(between=LINK, from_us=3600 * SECOND)),
        ("near-remote_ihd:down@1s..3us", None),
        ("near-remote_ihd:down@1s..2s", Down(between=LINK, from_us=SECOND, to_us=2 * SECOND)),
        ("near-remote_ihd:loss=0.05", Flawed(between=LINK, flaw=Flaw.LOSS, share=50_000)),
        (
            "hub-near:duplicates=1",
            Flawed(between=("hub", "near"), flaw=Flaw.DUPLICATES, share=10**6),
        ),
        ("near-remote_ihd:late=0.000001", Flawed(between=LINK, flaw=Flaw.LATE, share=1)),
        ("remote_gsme:battery=12", Low(who="remote_gsme", percent=12)),
        ("remote_gsme:battery=0@2d", Low(who="remote_gsme", percent=0, at_us=172_800 * SECOND)),
        ("near:reboots=5", Reboots(who="near", count=5)),
        ("near:reboots=5@4m", Reboots(who="near", count=5, within_us=4 * MINUTE)),
    ],
)
def test_text_and_fault_say_the_same(text: str, fault: HomeFault | None) -> None:
    if fault is None:
        with pytest.raises(FaultError, match="a second time behind the first"):
            parse_fault(text, C7)
        return
    assert parse_fault(text, C7) == fault
    assert parse_fault(shown(fault), C7) == fault


def test_neighbours_may_be_named_in_either_order() -> None:
    assert parse_fault("remote_ihd-near:loss=0.5", C7) == parse_fault(
        "near-remote_ihd:loss=0.5", C7
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("near", 'found "near", wanted WHO:WHAT, WHAT one of cut@T, off@T..T, down@T'),
        ("near:melts@1s", 'found "melts@1s", wanted WHO:WHAT'),
        ("shed:cut@1s", 'found "shed", wanted one of home, hub, near, remote_ihd, remote_gsme'),
        ("near:cut@soon", 'found "soon", wanted a time, as 120s; units us, ms, s, m, h, d'),
        ("near:cut@-1s", 'found "-1s", wanted a time'),
        ("near:off@1s", 'found "1s", wanted T..T, two times'),
        ("hub-remote_ihd:down@1s", 'found "hub-remote_ihd", wanted one of hub-near, near-remote'),
        ("near-remote_ihd:loss=2", 'found "2", wanted 0..1, as 0.05'),
        ("near-remote_ihd:loss=nan", 'found "nan", wanted 0..1'),
        ("near:battery=5", 'found "near", wanted a bridge with a [battery]: remote_gsme'),
        ("remote_gsme:battery=101", 'found "101", wanted 0..100'),
        ("near:reboots=0", 'found "0", wanted 1..1000'),
        ("near:reboots=3@0s", 'found "0s", wanted a time above 0'),
        ("near:cut@999999999d", 'found "999999999d", wanted 365d at most'),
        ("near:off@1s..31536001s", 'found "31536001s", wanted 365d at most'),
        ("near-remote_ihd:down@366d", 'found "366d", wanted 365d at most'),
        ("remote_gsme:battery=5@8761h", 'found "8761h", wanted 365d at most'),
        ("near:reboots=3@366d", 'found "366d", wanted 365d at most'),
    ],
)
def test_what_is_no_fault_of_this_home_is_refused(text: str, message: str) -> None:
    with pytest.raises(FaultError) as caught:
        parse_fault(text, C7)
    assert str(caught.value).startswith(f"fault {text}: {message}")


def test_home_without_battery_says_so() -> None:
    with pytest.raises(FaultError, match=r"wanted a bridge with a \[battery\]: none has one"):
        parse_fault("near:battery=5", load("C1"))


def uncounted() -> Premises:
    """Return a home with a bridge on a battery of which nothing is known."""
    home = load("C3")
    made = (replace(one, profile=replace(one.profile, battery=None)) for one in home.bridges)
    return replace(home, bridges=tuple(made))


def test_battery_of_which_nothing_is_known_cannot_be_low() -> None:
    home = uncounted()
    assert home.bridge("remote_gsme").profile.power is Power.BATTERY
    with pytest.raises(FaultError) as caught:
        parse_fault("remote_gsme:battery=12", home)
    assert str(caught.value) == (
        'fault remote_gsme:battery=12: found "remote_gsme", wanted a bridge with a [battery]:'
        " none has one"
    )


def test_battery_of_which_nothing_is_known_fits_no_case_of_batteries() -> None:
    home = uncounted()
    assert BATTERY.holds(load("C3"))
    assert not BATTERY.holds(home)
    assert cell_of(load("C3")).name == "remote_gsme"
    with pytest.raises(KeyError, match=r"C3: found no bridge with a \[battery\], wanted one"):
        cell_of(home)


def lived(*faults: HomeFault, seed: int = 0) -> Household:
    """Return a home that was started, whose faults count from now."""
    home = Household(C7, seed=seed, faults=faults, trace=Trace())
    assert home.start()
    home.begin()
    return home


def powered(home: Household) -> set[str]:
    return {name for name in C7.names if home.lane.powered(name)}


def test_cut_of_the_home_spares_what_has_a_battery() -> None:
    home = lived(Cut(who="home", at_us=SECOND))
    assert powered(home) == set(C7.names)
    home.run(lambda: False, SECOND)
    assert powered(home) == {"remote_gsme", "meter"}
    assert set(on_mains(C7)) == {"hub", "near", "remote_ihd", "display"}
    home.run(lambda: False, CUT_US)
    assert powered(home) == set(C7.names)
    assert not home.hub.alerts


def test_supply_that_two_faults_keep_cut_rises_after_both() -> None:
    home = lived(
        Off(who="near", from_us=SECOND, to_us=60 * SECOND), Cut(who="home", at_us=30 * SECOND)
    )
    home.run(lambda: False, 45 * SECOND)
    assert powered(home) == set(C7.names) - {"near"}
    home.run(lambda: False, 20 * SECOND)
    assert powered(home) == set(C7.names)


@pytest.mark.parametrize("between", [("hub", "near"), LINK])
def test_way_that_is_down_carries_nothing_until_it_is_up(between: tuple[str, str]) -> None:
    home = lived(Down(between=between, from_us=0, to_us=5 * MINUTE))
    assert home.read_version("remote_ihd") is None
    home.run(lambda: False, 6 * MINUTE)
    assert home.read_version("remote_ihd") == home.first_versions["remote_ihd"]


@pytest.mark.parametrize("between", [("hub", "near"), LINK])
def test_way_that_two_faults_take_down_is_up_after_both_and_as_flawed_as_before(
    between: tuple[str, str],
) -> None:
    home = lived(
        Flawed(between=between, flaw=Flaw.LATE, share=5),
        Down(between=between, from_us=0, to_us=5 * MINUTE),
        Down(between=between, from_us=MINUTE, to_us=2 * MINUTE),
    )
    home.run(lambda: False, 3 * MINUTE)
    assert home.read_version("remote_ihd") is None
    home.run(lambda: False, 3 * MINUTE)
    assert home.read_version("remote_ihd") == home.first_versions["remote_ihd"]
    assert home.lane.quality(between).late == 5


def test_flaw_is_that_of_its_way() -> None:
    home = lived(
        Flawed(between=LINK, flaw=Flaw.LATE, share=20),
        Flawed(between=LINK, flaw=Flaw.LOSS, share=1),
    )
    assert (home.lane.quality(LINK).late, home.lane.quality(LINK).lost) == (20, 1)
    assert not home.lane.quality(("near", "remote_gsme")).flawed


def test_battery_is_as_low_as_said_and_is_counted_on() -> None:
    home = lived(Low(who="remote_gsme", percent=12, at_us=SECOND))
    assert home.battery("remote_gsme") == 99
    home.run(lambda: False, 2 * SECOND)
    assert home.battery("remote_gsme") in (11, 12)
    assert home.battery("near") is None


def boots_of(home: Household, name: str) -> list[int]:
    """Return when a bridge started."""
    assert home.trace is not None
    rows = [row for row in home.trace.rows if row[1] == name and isinstance(row[3], Report)]
    return [at for at, _, _, report in rows if report.what is Happening.BOOTED]


def test_random_cuts_come_as_often_as_said_when_the_seed_says() -> None:
    boots = []
    for seed in (1, 1, 2):
        home = lived(Reboots(who="near", count=5), seed=seed)
        home.run(lambda: False, REBOOTS_WITHIN_US + MINUTE)
        boots.append(boots_of(home, "near"))
    assert boots[0] == boots[1] != boots[2]
    assert [len(each) for each in boots] == [6, 6, 6]


def cuts(faults: Iterable[HomeFault], name: str = "near", seed: int = 1) -> list[int]:
    """Return when a bridge was cut, by what it started behind that."""
    home = lived(*faults, seed=seed)
    home.run(lambda: False, REBOOTS_WITHIN_US + MINUTE)
    return boots_of(home, name)[1:]


def test_order_of_faults_and_other_faults_move_no_random_cut() -> None:
    faults = (
        Reboots(who="near", count=3),
        Reboots(who="remote_ihd", count=2),
        Reboots(who="near", count=2, within_us=4 * MINUTE),
    )
    near = cuts(faults)
    assert len(near) == 5
    assert cuts(faults[::-1]) == near
    assert set(cuts(faults[:1])) < set(near)
    assert cuts(faults, "remote_ihd") == cuts(faults[1:2], "remote_ihd")


def test_fault_that_is_given_twice_cuts_twice_as_often() -> None:
    once, twice = (cuts([Reboots(who="near", count=3)] * times) for times in (1, 2))
    assert (len(once), len(twice)) == (3, 6)
    assert set(once) < set(twice)


def named(home: Premises, old: str, new: str) -> Premises:
    """Return a home in which a device has another name."""

    def turned(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(new if one == old else one for one in names)

    return replace(
        home,
        bridges=tuple(replace(one, serves=turned(one.serves)) for one in home.bridges),
        devices=tuple(replace(one, name=turned((one.name,))[0]) for one in home.devices),
        links=tuple(
            replace(one, between=(one.between[0], turned(one.between)[1])) for one in home.links
        ),
    )


@pytest.mark.parametrize("name", ["agenda", "mains"])
def test_device_may_have_any_name(name: str) -> None:
    premises = named(load("C1"), "meter", name)
    life = Trouble(premises, LIVES["upgrade"], 600)
    assert life.live() == Ending()
    assert life.home.devices[name].account.cycles > 1


def test_nothing_in_the_world_of_a_home_has_a_name_that_a_node_could_have() -> None:
    life = Trouble(C7, LIVES["upgrade"], 600)
    others = life.home.lane.world._receivers.keys() - set(C7.names)
    assert len(others) == 2
    for name in others:
        with pytest.raises(PremisesError, match="begin with a letter"):
            named(C7, "meter", name)
