"""Show that each member of an accept set passes, and that what lies outside fails.

A requirement names the profile keys that choose among what it accepts. For every other value of
such a key the cases of that requirement run on a variant of a profile, and must pass: else a case
demands more than its source. A defect of one of these cases is the value outside: it must fail.
"""

from collections.abc import Iterator
from enum import Enum
from types import UnionType
from typing import Any, get_type_hints

import pytest

from emulator.device.defects.catalogue import DEFECTS
from emulator.profiles import load, model
from harness.requirements import catalogue
from harness.runner import run_suite
from harness.suite import Chosen, RunOptions
from harness.verdict import Outcome

BASE = load.load(load.names()[0])
SWITCHED = {one.id: one for one in catalogue.load().values() if one.switches}


def value_of(key: str) -> Any:  # noqa: ANN401 - the values of a profile
    """Return the value of a profile key of the base profile."""
    value: Any = BASE
    for part in key.split("."):
        value = getattr(value, part)
    return value


def variants() -> Iterator[Any]:
    """Yield (requirement, key, value) for each value that the base profile does not have."""
    for requirement in SWITCHED.values():
        for key in requirement.switches:
            own = value_of(key)
            others: list[object] = []
            if isinstance(own, Enum):
                others = [one for one in type(own) if one is not own]
            elif isinstance(own, bool):
                others = [not own]
            for value in others:
                name = getattr(value, "value", value)
                yield pytest.param(requirement.id, key, value, id=f"{requirement.id}-{key}={name}")


def outcomes(requirement: str, changes: dict[str, object]) -> dict[str, Outcome]:
    """Run the cases of a requirement on a variant of the base profile."""
    profile = load.overlay(BASE, changes)
    chosen = (Chosen(profile=profile, given=profile.name),)
    made = run_suite(RunOptions(profiles=chosen, match=(requirement,))).results
    return {one.id: one.verdict for one in made}


@pytest.mark.parametrize(("requirement", "key", "value"), list(variants()))
def test_each_member_of_an_accept_set_passes(requirement: str, key: str, value: object) -> None:
    seen = outcomes(requirement, {key: value})
    assert seen
    assert set(seen.values()) == {Outcome.PASSED}, seen


def test_every_switch_is_a_key_of_profiles() -> None:
    sections = get_type_hints(model.Profile)
    for requirement in SWITCHED.values():
        for key in requirement.switches:
            table, _, name = key.partition(".")
            section = sections[table]
            assert not isinstance(section, UnionType)
            assert name in get_type_hints(section), key


@pytest.mark.parametrize("requirement", list(SWITCHED))
def test_something_lies_outside_each_accept_set(requirement: str) -> None:
    every = run_suite(RunOptions(list_only=True)).collected.every
    judging = {
        one.case.partition("::")[2].partition("/")[0]
        for one in every
        if requirement in [each.id for each in one.coverage.requirements]
    }
    if not judging:
        assert requirement in NOT_YET_JUDGED
    else:
        assert [one.id for one in DEFECTS.values() if judging & set(one.caught_by)]


#: Requirements with switches and no case so far.
NOT_YET_JUDGED = frozenset({"GB-046"})
