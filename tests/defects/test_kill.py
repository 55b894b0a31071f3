"""Show that every defect is caught by the cases it names, and that every case catches one.

A defect must let an honest upgrade pass: one that breaks everything proves nothing.
"""

import re
from collections.abc import Iterator

import pytest

from emulator.device.defects.catalogue import DEFECTS, TABLES, parts_of
from emulator.device.defects.model import Defect
from emulator.profiles.load import load, names
from harness.bench import NEXT_VERSION, Bench
from harness.report.model import CaseResult
from harness.runner import run_suite
from harness.suite import CASES, RunOptions
from harness.verdict import Outcome

PROFILES = names()


def outcomes(defect: str | None, cases: tuple[str, ...]) -> dict[str, set[Outcome]]:
    """Run some cases on every profile and return the outcomes of each case."""
    made: dict[str, set[Outcome]] = {}
    result: CaseResult
    for result in run_suite(RunOptions(defect=defect, match=cases)).results:
        name = result.case.partition("::")[2].partition("/")[0]
        made.setdefault(name, set()).add(result.verdict)
    return made


def case_names() -> Iterator[str]:
    """Yield the name of every case that is shipped."""
    for path in sorted(CASES.glob("test_*.py")):
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("def test_"):
                yield line.removeprefix("def test_").partition("(")[0]


def driven() -> set[str]:
    """Return the names of the cases that vectors drive."""
    return {
        name
        for path in sorted(CASES.glob("test_*.py"))
        for name in re.findall(r"@from_vectors\([^)]*\)\s+def test_(\w+)", path.read_text("utf-8"))
    }


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=lambda one: one.id)
def test_defect_is_caught_by_each_case_that_it_names(defect: Defect) -> None:
    others = tuple(name for name in defect.caught_by if not defect.vectors or name not in driven())
    caught = outcomes(defect.id, others) if others else {}
    for vector in defect.vectors:
        (name, seen), *more = outcomes(defect.id, (vector,)).items()
        assert (more, Outcome.FAILED in seen) == ([], True), (vector, name, seen)
        caught[name] = caught.get(name, set()) | seen
    assert set(caught) == set(defect.caught_by)
    assert all(Outcome.FAILED in seen for seen in caught.values()), caught


@pytest.mark.parametrize("defect", DEFECTS, ids=str)
def test_defect_lets_an_honest_upgrade_pass(defect: str) -> None:
    bench = Bench(load(PROFILES[0]), defect=defect)
    bench.start()
    assert bench.upgrade(bench.image()) == NEXT_VERSION


def test_every_case_catches_a_defect() -> None:
    named = {name for defect in DEFECTS.values() for name in defect.caught_by}
    assert sorted(case_names()) == sorted(named)


def test_sound_bridges_pass_every_case() -> None:
    seen = outcomes(None, ())
    assert {name: found for name, found in seen.items() if found != {Outcome.PASSED}} == {}
    assert len(seen) == len(set(case_names()))


def test_unknown_defect_is_refused() -> None:
    with pytest.raises(KeyError, match="no defect 'D999'"):
        parts_of("D999")


def test_defect_ids_are_unique_and_well_formed() -> None:
    assert sum(len(table) for table in TABLES) == len(DEFECTS) >= 80
    assert all(one.id == key for key, one in DEFECTS.items())
    assert all(one.copies and one.title and one.caught_by for one in DEFECTS.values())
