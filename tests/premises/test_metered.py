"""Who pays for what when a bridge gets another battery: each for what was while it was in."""

from collections.abc import Sequence

from emulator.actions import Action, Battery, Event
from emulator.profiles.load import load, overlay
from emulator.units import HOUR, MINUTE
from harness.premises.charge import PROGRAM_UNIT, Charge
from harness.premises.household import Household
from harness.premises.load import load as load_premises
from harness.premises.metered import Metered
from tests.link.parties import Machine

#: An hour takes a percent, and nothing else takes anything.
PROFILE = overlay(
    load("B4"),
    {
        "battery.capacity_uah": 1_000,
        "battery.sleep_ua": 10,
        "battery.datagram_nah": 0,
        "battery.poll_nah": 0,
        "battery.program_nah": 0,
        "battery.boot_uah": 0,
    },
)


class Cell(Machine):
    """Be a bridge that writes down which charge it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int] = []

    def event(self, what: Event, now: int) -> Sequence[Action]:
        if isinstance(what, Battery):
            self.told.append(what.percent)
        return ()


class Desk:
    """Be a meter with its bridge, its charge and a count of flash operations."""

    def __init__(self, percent: int = 100) -> None:
        assert PROFILE.battery is not None
        self.bridge, self.programmed = Cell(), 0
        self.charge = Charge(battery=PROFILE.battery, first_percent=percent)
        self.meter = Metered(self.bridge, PROFILE, self.charge, lambda: self.programmed)

    def stir(self, now: int) -> None:
        """Do enough for the charge to be reckoned."""
        for _ in range(64):
            self.meter.wake(now)


def test_another_battery_pays_for_no_time_and_no_flash_before_it() -> None:
    desk = Desk()
    desk.meter.power_on(0)
    desk.programmed = 5
    desk.meter.renew(80, 20 * HOUR)
    desk.programmed = 7
    desk.stir(21 * HOUR)
    assert desk.charge.rest_us == HOUR
    assert desk.charge.octets == 2 * PROGRAM_UNIT
    assert desk.charge.percent == 79
    assert desk.bridge.told[-1] == 79


def test_another_battery_pays_for_no_time_without_a_supply() -> None:
    desk = Desk()
    desk.meter.power_on(0)
    desk.meter.power_off(HOUR)
    desk.meter.renew(100, 2 * HOUR)
    desk.meter.power_on(3 * HOUR)
    desk.meter.power_off(5 * HOUR)
    assert (desk.charge.boots, desk.charge.rest_us) == (1, 2 * HOUR)


def test_charge_that_the_old_battery_had_last_is_told_of_the_new_one_too() -> None:
    desk = Desk(percent=50)
    desk.meter.power_on(0)
    desk.meter.renew(51, MINUTE)
    desk.stir(MINUTE + HOUR)
    assert desk.bridge.told == [50, 50]


def test_new_battery_in_a_home_is_as_full_as_it_was_put_in() -> None:
    home = Household(load_premises("C3"))
    assert home.start()
    charge = home.lane.charges["remote_gsme"]
    home.run(lambda: False, 20 * HOUR)
    home.lane.charge("remote_gsme", 60)
    since = home.now
    assert (home.battery("remote_gsme"), charge.rest_us) == (60, 0)
    home.run(lambda: False, HOUR)
    home.power("remote_gsme", False)
    assert charge.rest_us == home.now - since == HOUR
