"""Show that every server defect is caught by the cases it names, and that every case catches one.

A defect must let an honest upgrade pass: one that breaks everything proves nothing.
"""

import pytest

from emulator.profiles.load import load, names
from harness.bench import Bench
from harness.defects import known
from harness.firmware import NEXT_VERSION
from harness.killmatrix import Depth, Plan, function_of, judge, plan
from harness.runner import run_suite
from harness.servers.defects import SERVER_DEFECTS, hub_of
from harness.suite import SERVER_CASES, RunOptions, built_in
from harness.verdict import Outcome


@pytest.fixture(scope="module")
def named() -> Plan:
    """Return the plan in which every defect meets what it names, before one kind of client."""
    return plan({"server": known("server")}, built_in()[:1], Depth.NAMED)


@pytest.mark.parametrize("defect", SERVER_DEFECTS)
def test_defect_is_caught_by_what_it_names(defect: str, named: Plan) -> None:
    (task,) = [task for task in named.tasks if task.facts.id == defect]
    met = judge(task)
    assert (met.missed, met.broken) == ((), ())
    assert {function_of(case) for case in met.caught_by} == set(task.facts.caught_by)


@pytest.mark.parametrize("defect", SERVER_DEFECTS)
def test_defect_lets_an_honest_upgrade_pass(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.bench.Hub", hub_of(defect))
    bench = Bench(load(names()[0]))
    assert type(bench.hub) is hub_of(defect)
    bench.start()
    assert bench.upgrade(bench.image()) == NEXT_VERSION


def test_every_case_is_named_by_a_defect(named: Plan) -> None:
    caught = {name for defect in SERVER_DEFECTS.values() for name in defect.caught_by}
    assert sorted(map(function_of, named.cases)) == sorted(caught)


def test_our_hub_passes_every_case_whoever_asks() -> None:
    results = run_suite(RunOptions(cases=SERVER_CASES)).results
    assert [one.id for one in results if one.verdict is not Outcome.PASSED] == []
    assert {one.profile for one in results} == set(names())


def test_defects_are_well_formed() -> None:
    assert all(one.id == key for key, one in SERVER_DEFECTS.items())
    assert min(SERVER_DEFECTS) == "D301"
    assert all(one.copies and one.title and one.caught_by for one in SERVER_DEFECTS.values())
    assert len({one.hub for one in SERVER_DEFECTS.values()}) == len(SERVER_DEFECTS)


def test_unknown_defect_is_refused() -> None:
    with pytest.raises(KeyError, match="no defect of a server 'D399'; did you mean D3"):
        hub_of("D399")
