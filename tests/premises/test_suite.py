"""Show that every home passes its suite, that each defect is caught, and each case catches one.

A defect must let an honest upgrade of some home pass: one that breaks everything proves nothing.
"""

import pytest

from harness.defects import known
from harness.killmatrix import Depth, Plan, function_of, judge, plan
from harness.premises.bench import HomeBench, images_for
from harness.premises.chosen import built_in
from harness.premises.defects import HOME_DEFECTS, planted
from harness.premises.load import load
from harness.runner import run_suite
from harness.suite import HOME_CASES, RunOptions
from harness.verdict import Outcome

FACTS = {one.id: one for one in known("premises")}
#: Where an upgrade that nobody disturbs succeeds in spite of each defect.
QUIET = "C1"
#: Defects that show whenever the near bridge is upgraded: with these it is left alone.
OF_THE_NEAR = ("D408", "D410", "D431")


@pytest.fixture(scope="module")
def named() -> Plan:
    """Return the plan in which every defect meets what it names, in every home that this fits."""
    return plan({"premises": known("premises")}, (), Depth.NAMED)


@pytest.mark.parametrize("defect", FACTS)
def test_defect_is_caught_by_what_it_names(defect: str, named: Plan) -> None:
    (task,) = [task for task in named.tasks if task.facts.id == defect]
    met = judge(task)
    assert (met.missed, met.errors, met.broken) == ((), 0, ())
    assert {function_of(case) for case in met.caught_by} == set(task.facts.caught_by)


@pytest.mark.parametrize("defect", FACTS)
def test_defect_lets_an_honest_upgrade_pass(defect: str) -> None:
    premises = load(QUIET)
    bridges = premises.remotes if defect in OF_THE_NEAR else premises.bridges
    images = images_for(premises, *(one.name for one in bridges))
    home = HomeBench(premises, seed=1, offered=images, **planted(defect, premises))
    home.start()
    assert home.upgrade().good
    assert home.versions() == home.first() | home.offered(*images)


def test_every_case_is_named_by_a_defect(named: Plan) -> None:
    caught = {name for one in FACTS.values() for name in one.caught_by}
    assert sorted(map(function_of, named.cases)) == sorted(caught)


def test_every_home_passes_every_case_in_both_assignments() -> None:
    homes = built_in(alternative=True)
    found = run_suite(RunOptions(cases=HOME_CASES, homes=homes))
    assert found.collected.broken == []
    assert [one.id for one in found.results if one.verdict is not Outcome.PASSED] == []
    assert {one.profile for one in found.results} == {one.name for one in homes}


@pytest.mark.parametrize("seed", [1, 2])
def test_no_seed_changes_a_verdict(seed: int) -> None:
    homes = tuple(one for one in built_in() if one.name == "C7")
    found = run_suite(RunOptions(cases=HOME_CASES, homes=homes, seed=seed))
    assert [one.id for one in found.results if one.verdict is not Outcome.PASSED] == []


def test_defects_are_well_formed() -> None:
    assert sorted(FACTS) == list(FACTS)
    assert all(one.copies and one.title and one.caught_by for one in FACTS.values())
    assert all(one.replaces for one in FACTS.values())
    assert all(one.id == key for key, one in HOME_DEFECTS.items())
    parts = [(one.hub, one.conductor) for one in HOME_DEFECTS.values()]
    assert len(set(parts)) == len(parts)


def test_unknown_defect_is_refused() -> None:
    with pytest.raises(KeyError, match="no defect of a home 'D499'; did you mean D4"):
        planted("D499", load(QUIET))


def test_case_that_fits_no_home_is_told_of() -> None:
    homes = tuple(one for one in built_in() if one.name == QUIET)
    found = run_suite(RunOptions(cases=HOME_CASES, homes=homes, list_only=True)).collected
    made = {one.case for one in found.chosen}
    unmade = {function_of(one.case) for one in found.every if one.case not in made}
    assert unmade >= {"low_battery_defers_one_bridge", "two_remotes_download_at_once"}
    assert all(one.profile == QUIET for one in found.chosen)
