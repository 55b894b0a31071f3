"""The table of a battery: who may have it, what it may say."""

import pytest

from emulator.errors import ProfileError
from emulator.profiles.load import load, names, overlay, parse, plain
from harness.cli.profiles import as_toml

TABLE = plain(load("B4"))["battery"]


def test_the_built_in_bridges_on_battery_have_a_model_and_no_other() -> None:
    profiles = [load(name) for name in names()]
    assert {one.name for one in profiles if one.battery is not None} == {
        one.name for one in profiles if one.power == "battery"
    }
    assert any(one.battery for one in profiles)


def test_the_table_may_be_left_out_and_comes_back_as_it_was() -> None:
    without = overlay(load("B4"), {"battery": None})
    assert without.battery is None
    assert parse(as_toml(without), "without.toml") == without
    assert parse(as_toml(load("B4")), "with.toml") == load("B4")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("capacity_uah", 0, "battery.capacity_uah: found 0, expected 1..1000000000"),
        ("sleep_ua", -1, "battery.sleep_ua: found -1, expected 0..1000000"),
        ("datagram_nah", 10_000_001, "battery.datagram_nah: found 10000001, expected 0..10000000"),
        ("boot_uah", 1_000_001, "battery.boot_uah: found 1000001, expected 0..1000000"),
        ("reserve_percent", 100, "battery.reserve_percent: found 100, expected 0..99"),
        ("reserve_percent", True, "battery.reserve_percent: found true, expected an integer"),
        ("volts", 3, "battery.volts: unknown key"),
    ],
)
def test_a_value_out_of_range_is_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(ProfileError, match=f"B4: {message}"):
        overlay(load("B4"), {"battery": {**TABLE, key: value}})


def test_no_key_may_be_missing() -> None:
    table = {key: value for key, value in TABLE.items() if key != "poll_nah"}
    with pytest.raises(ProfileError, match=r"battery\.poll_nah: found nothing, expected an int"):
        overlay(load("B4"), {"battery": table})


def test_a_bridge_with_a_supply_has_no_battery() -> None:
    message = 'battery: found a table, expected none where power is "mains"'
    with pytest.raises(ProfileError, match=message):
        overlay(load("B1"), {"battery": TABLE})
    with pytest.raises(ProfileError, match=message):
        overlay(load("B4"), {"power": "mains"})
