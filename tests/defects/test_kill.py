"""Show that every defect is caught by the cases it names, and that every case catches one.

A defect must let an honest upgrade pass: one that breaks everything proves nothing.
"""

import pytest

from emulator.device.defects.catalogue import DEFECTS, TABLES, parts_of
from emulator.profiles.load import load, names
from harness.bench import Bench
from harness.defects import known
from harness.firmware import NEXT_VERSION
from harness.killmatrix import Depth, Plan, function_of, judge, plan
from harness.runner import run_suite
from harness.suite import RunOptions, built_in
from harness.verdict import Outcome

PROFILES = names()


@pytest.fixture(scope="module")
def named() -> Plan:
    """Return the plan in which every defect meets what it names."""
    return plan({"client": known("client")}, built_in(), Depth.NAMED)


@pytest.mark.parametrize("defect", DEFECTS)
def test_defect_is_caught_by_what_it_names(defect: str, named: Plan) -> None:
    (task,) = [task for task in named.tasks if task.facts.id == defect]
    met = judge(task)
    assert (met.missed, met.broken) == ((), ())
    assert {function_of(case) for case in met.caught_by} == set(task.facts.caught_by)


@pytest.mark.parametrize("defect", DEFECTS, ids=str)
def test_defect_lets_an_honest_upgrade_pass(defect: str) -> None:
    bench = Bench(load(PROFILES[0]), defect=defect)
    bench.start()
    assert bench.upgrade(bench.image()) == NEXT_VERSION


def test_every_case_is_named_by_a_defect(named: Plan) -> None:
    caught = {name for defect in DEFECTS.values() for name in defect.caught_by}
    assert sorted(map(function_of, named.cases)) == sorted(caught)


def test_every_defect_shows_on_a_bridge(named: Plan) -> None:
    assert (named.whole, named.homeless) == (True, ())
    assert all(task.subjects for task in named.tasks)


def test_sound_bridges_fail_no_case() -> None:
    results = run_suite(RunOptions()).results
    fine = {Outcome.PASSED, Outcome.UNSUPPORTED}
    assert [one.id for one in results if one.verdict not in fine] == []
    passed = {one.case for one in results if one.verdict is Outcome.PASSED}
    assert {one.case for one in results} == passed


def test_unknown_defect_is_refused() -> None:
    with pytest.raises(KeyError, match="no defect 'D999'"):
        parts_of("D999")


def test_defect_ids_are_unique_and_well_formed() -> None:
    assert sum(len(table) for table in TABLES) == len(DEFECTS) >= 80
    assert all(one.id == key for key, one in DEFECTS.items())
    assert all(one.copies and one.title and one.caught_by for one in DEFECTS.values())
