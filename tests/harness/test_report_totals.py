"""Every form of a report has the same totals: of verdicts, levels, families, requirements."""

import json
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from harness.report import folder, terminal
from harness.report.compose import compose
from harness.report.model import RunReport, State
from harness.report.pages import SIGNS
from harness.requirements import catalogue
from harness.suite import RunOptions, Traces, built_in
from harness.verdict import Outcome
from tests.harness.planted import plant, run
from tests.harness.tables import Table, tables_in

#: Which verdict a mark of the matrix stands for.
MARKS = {mark: one for one, mark in SIGNS.items() if one is not None}
FIRST = """
@covers("OTA-C-014")
def test_good(bench):
    assert bench.upgrade(bench.image()) == NEXT_VERSION

@covers("GB-013", "OTA-C-083")
def test_bad(bench):
    assert bench.offer(bench.image()) is Status.ABORT

@covers("GB-013")
def test_policy(bench):
    assert bench.running_version() == 7

@covers("OTA-C-085")
def test_unable(bench):
    raise Unsupported("no relay")

@covers("OTA-C-014", "OTA-C-015")
def test_open(bench):
    raise Inconclusive("nothing was heard")
"""
SECOND = """
@covers("OTA-C-086")
def test_broken(bench):
    raise LinkError("the stick is gone")

@covers("OTA-C-002")
@pytest.mark.parametrize("row", [1, 2, 3])
def test_rows(bench, row):
    assert bench.running_version() != row
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunReport, Path]:
    """Return a report with each verdict on two profiles, and its folder."""
    cases = plant(tmp_path_factory.mktemp("cases"), FIRST, topic="first")
    plant(cases, SECOND, topic="second")
    profiles, out = built_in()[:2], tmp_path_factory.mktemp("out")
    options = RunOptions(cases=cases, profiles=profiles, out=out, traces=Traces.ALL)
    found = run(cases, profiles=profiles, out=out)
    report = compose(
        found,
        options,
        started="2026-01-01T00:00:00+00:00",
        ended="2026-01-01T00:00:01+00:00",
        command=("hanover", "run"),
    )
    folder.write(out, report)
    return report, out


@pytest.fixture(scope="module")
def document(made: tuple[RunReport, Path]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((made[1] / "report.json").read_text("utf-8"))
    return read


def table(out: Path, first: str, last: str) -> Table:
    """Return the one table of page one whose first heading is given, and the last but one."""
    tables = tables_in(out / "index.html")
    (found,) = [one for one in tables if (one[0][0], one[0][-2]) == (first, last)]
    return found


def numbers(row: list[str]) -> list[int]:
    return [int(cell) for cell in row[1:]]


def test_every_verdict_is_there(document: dict[str, Any]) -> None:
    verdicts = Counter(one["verdict"] for one in document["results"])
    assert verdicts == {
        "passed": 2 + 6,
        "failed": 4,
        "unsupported": 2,
        "inconclusive": 2,
        "error": 2,
    }
    assert document["totals"]["verdicts"] == {str(one): verdicts[one] for one in Outcome}


@pytest.mark.parametrize("by", ["levels", "families"])
def test_levels_and_families_add_up_to_all(document: dict[str, Any], by: str) -> None:
    totals = document["totals"]
    summed: Counter[str] = Counter()
    for counts in totals[by].values():
        summed.update(counts)
    assert dict(summed) == totals["verdicts"]
    assert sum(summed.values()) == len(document["results"])


def test_a_case_counts_at_its_most_binding_level(document: dict[str, Any]) -> None:
    assert document["totals"]["levels"]["policy"]["failed"] == 2
    assert document["totals"]["families"]["first"]["failed"] == 4


def test_page_one_has_the_totals_of_the_data(
    made: tuple[RunReport, Path], document: dict[str, Any]
) -> None:
    totals = document["totals"]
    for heading, by in (("Level", "levels"), ("Family", "families")):
        head, *rows = table(made[1], heading, str(Outcome.ERROR))
        shown = {row[0]: numbers(row) for row in rows}
        total = shown.pop("all", [*totals["verdicts"].values(), len(document["results"])])
        assert shown.keys() == totals[by].keys()
        for name, counts in totals[by].items():
            assert shown[name] == [*counts.values(), sum(counts.values())]
        assert total == [sum(column) for column in zip(*shown.values(), strict=True)]
        assert len(head) == len(Outcome) + 2


def test_the_matrix_has_each_result_once(
    made: tuple[RunReport, Path], document: dict[str, Any]
) -> None:
    cells = [
        cell
        for one in tables_in(made[1] / "matrix.html")
        for row in one[1:]
        for cell in row
        if cell in MARKS
    ]
    counted = Counter(MARKS[cell] for cell in cells)
    assert {str(one): counted[one] for one in Outcome} == document["totals"]["verdicts"]


def test_requirements_add_up(made: tuple[RunReport, Path], document: dict[str, Any]) -> None:
    head, *rows = table(made[1], "Level", str([*State][-1]))
    listed = Counter((one["level"], one["state"]) for one in document["requirements"])
    for row in rows:
        assert numbers(row) == [
            *(listed[row[0], state] for state in State),
            sum(listed[row[0], state] for state in State),
        ]
    assert sum(numbers(row)[-1] for row in rows) == len(catalogue.load())
    assert head[1:-1] == [str(state) for state in State]


def test_the_terminal_has_the_totals_of_the_data(
    made: tuple[RunReport, Path], document: dict[str, Any]
) -> None:
    totals = document["totals"]
    lines = [line.split() for line in terminal.totals(made[0])]
    shown = {line[0]: line[1:] for line in lines if line}
    for name, counts in {**totals["levels"], "all": totals["verdicts"]}.items():
        assert [int(one) for one in shown[name]] == list(counts.values())


def test_junit_has_the_totals_of_the_data(
    made: tuple[RunReport, Path], document: dict[str, Any]
) -> None:
    root = Xml.parse(made[1] / "junit.xml").getroot()
    verdicts = document["totals"]["verdicts"]
    found = {name: int(root.attrib[name]) for name in ("tests", "failures", "errors")}
    assert found == {
        "tests": len(document["results"]),
        "failures": verdicts["failed"],
        "errors": verdicts["error"],
    }
    suites = list(root)
    for name, total in found.items():
        assert sum(int(one.attrib[name]) for one in suites) == total
    skipped = sum(int(one.attrib["skipped"]) for one in suites)
    assert skipped == verdicts["unsupported"] + verdicts["inconclusive"]
    for element, total in (("failure", found["failures"]), ("error", found["errors"])):
        assert len(root.findall(f".//{element}")) == total
