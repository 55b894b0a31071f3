"""The page of cases and lanes is what the rehearsal says today."""

import json
from collections import Counter
from pathlib import Path

import pytest

from emulator.contract import Capability
from emulator.profiles.load import load, names
from harness.cli.main import run_command
from harness.dut.example import example
from harness.dut.lanes import Cell, Column, columns, page, table
from harness.lanes.direct import DirectLane
from harness.lanes.exec import with_program
from harness.recorder import About
from harness.runner import run_suite
from harness.suite import Chosen, RunOptions

PAGE = Path(__file__).parents[2] / "docs/lanes.md"
WAYS = columns(DirectLane.capabilities, with_program(frozenset()))
ADVICE = "docs/lanes.md is stale: hanover dut lanes > docs/lanes.md"


@pytest.fixture(scope="module")
def collected() -> list[About]:
    chosen = (Chosen(profile=load(names()[0]), given=names()[0]),)
    return run_suite(RunOptions(profiles=chosen, list_only=True)).collected.chosen


def rows(text: str) -> dict[str, str]:
    """Return the row of each case."""
    return {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}


def reasons(text: str) -> dict[str, str]:
    """Return each reason by its number."""
    return dict(line.split(". ", 1) for line in text.splitlines() if line.split(".")[0].isdigit())


def said(text: str) -> dict[str, list[list[str]]]:
    """Return the cells of each case, with reasons for their numbers."""
    why = reasons(text)
    made = {}
    for case, line in rows(text).items():
        cells = [cell.replace(";", ",").split(",") for cell in line.strip("|").split("|")[1:]]
        parts = [[part.strip() for part in cell] for cell in cells]
        made[case] = [sorted(why.get(part, part) for part in cell) for cell in parts]
    return made


def test_page_has_every_case(collected: list[About]) -> None:
    cases = Counter(one.case.partition("/")[0] for one in collected)
    written = rows(PAGE.read_text("utf-8"))
    assert written.keys() == cases.keys(), ADVICE
    for case, count in cases.items():
        assert count == 1 or f" of {count};" in written[case] or " of " not in written[case], ADVICE
    assert f"| rows, of {len(collected)} |" in PAGE.read_text("utf-8"), ADVICE


def test_page_is_what_the_rehearsal_says(collected: list[About]) -> None:
    """Cases that vectors drive take a minute: of them only the number of rows is compared."""
    topics = {one.topic for one in collected}
    topics -= {one.topic for one in collected if one.vector}
    found = said(page(WAYS, table(WAYS, tuple(f"{topic}::" for topic in sorted(topics)))))
    written = said(PAGE.read_text("utf-8"))
    assert {case: written[case] for case in found} == found, ADVICE
    assert len(found) > 90


def test_cell_counts_what_runs() -> None:
    cell = Cell(rows=7, reasons={"this lane has no power": 2, "needs more": 1})
    assert cell.runs == 4


def test_lane_that_can_more_runs_more() -> None:
    able = Column(title="able", can=DirectLane.capabilities)
    blind = Column(title="blind", can=DirectLane.capabilities - {Capability.POWER})
    found = table((able, blind), ("power_fails_in_the_trial", "idle_attributes"))
    assert [cell.reasons for cell in found["power::power_fails_in_the_trial"]] == [
        {},
        {"this lane has no power": 1},
    ]
    assert [cell.runs for cell in found["attributes::idle_attributes"]] == [1, 1]


def test_nothing_on_the_page_is_a_fault() -> None:
    """A case that fails or breaks on a bridge that is as it should be is no reason of a lane."""
    assert not {"failed", "error", "inconclusive"} & set(reasons(PAGE.read_text("utf-8")).values())


def test_example_is_whole() -> None:
    dut = example(key=True)
    assert [rung.version for rung in dut.ladder.rungs] == sorted(
        rung.version for rung in dut.ladder.rungs
    )
    assert example(key=False).key is None


def test_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["dut", "lanes", "-k", "idle_attributes", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["columns"]) == len(WAYS)
    (cells,) = document["cases"].values()
    assert [cell["runs"] for cell in cells] == [1] * len(WAYS)
    assert run_command(["dut", "lanes", "-k", "no_such_case"]) == 2
    assert "-k no_such_case: no case matches" in capsys.readouterr().err
