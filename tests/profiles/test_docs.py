"""docs/profiles.md tells of every key of the model, and of no other."""

import re
import tomllib
from enum import StrEnum
from pathlib import Path

import pytest

from emulator.profiles import load, model, switches
from harness.cli.profiles import as_toml

PAGE = Path(__file__).parents[2] / "docs" / "profiles.md"


def documented(text: str) -> list[str]:
    """Return the keys that have a row of their own, in order."""
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \|", text, re.MULTILINE)
    return [row for row in rows if row not in tuple(model.VerifyStep)]


def test_every_key_has_a_row_and_no_row_is_stale() -> None:
    assert documented(PAGE.read_text("utf-8")) == list(model.keys())


def test_a_row_that_is_missing_is_seen() -> None:
    text = PAGE.read_text("utf-8")
    shorter = re.sub(r"^\| `ota\.block_tries` .*\n", "", text, flags=re.MULTILINE)
    assert set(model.keys()) - set(documented(shorter)) == {"ota.block_tries"}


def test_every_value_of_an_enum_is_named() -> None:
    kinds: tuple[type[StrEnum], ...] = (
        *model.NOT_YET,
        model.BootScheme,
        model.Role,
        model.Power,
        model.Container,
        model.Manifest,
        model.VerifyStep,
    )
    choices = [one for one in vars(switches).values() if isinstance(one, type)]
    kinds += tuple(one for one in choices if issubclass(one, StrEnum) and one is not StrEnum)
    text = PAGE.read_text("utf-8")
    values = {str(each) for kind in kinds for each in kind} | set().union(*model.NOT_YET.values())
    assert {value for value in values if f"`{value}`" not in text} == set()


def test_every_step_has_a_row_in_the_model_order() -> None:
    rows = re.findall(r"^\| `([a-z0-9_]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [row for row in rows if row in tuple(model.VerifyStep)] == list(model.VerifyStep)


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.S))
def test_each_example_is_a_profile(example: str) -> None:
    changes = tomllib.loads(example)
    profile = load.overlay(load.load("B1"), changes)
    assert profile.trust is not None
    assert load.parse(as_toml(profile), "again.toml") == profile
