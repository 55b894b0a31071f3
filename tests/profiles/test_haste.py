"""The overlay for a hurry: the long waits shrink, and nothing else changes."""

import pytest

from emulator.profiles import load
from emulator.profiles.haste import HASTE, hastened


def flat(name: str, *, hurry: bool) -> dict[str, object]:
    profile = load.load(name)
    document = load.plain(hastened(profile) if hurry else profile)
    return {
        f"{table}.{key}": value
        for table, values in document.items()
        if isinstance(values, dict)
        for key, value in values.items()
    }


@pytest.mark.parametrize("name", load.names())
def test_only_waits_change_and_only_downwards(name: str) -> None:
    before, after = flat(name, hurry=False), flat(name, hurry=True)
    changed = {key for key, value in after.items() if value != before[key]}

    assert after.keys() == before.keys()
    assert "ota.first_query_delay_s" in changed
    assert "boot.confirm_after_s" in changed
    assert changed <= HASTE.keys()
    assert all(after[key] == HASTE[key] < before[key] for key in changed)


@pytest.mark.parametrize("name", load.names())
def test_twice_is_once(name: str) -> None:
    once = hastened(load.load(name))
    assert hastened(once) == once


def test_who_is_faster_stays_so() -> None:
    quick = load.overlay(load.load(load.names()[0]), {"ota.first_query_delay_s": 0})
    assert hastened(quick).ota.first_query_delay_s == 0


def test_every_key_is_of_some_profile() -> None:
    known = {key for name in load.names() for key in flat(name, hurry=False)}
    assert HASTE.keys() <= known
