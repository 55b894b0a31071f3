"""``hanover trace`` shows the matrix both ways, and what nothing judges yet."""

import json
from typing import Any

import pytest

from harness import traceability
from harness.cli.main import run_command
from harness.recorder import About
from harness.requirements import catalogue
from harness.requirements.catalogue import Requirement


@pytest.fixture(scope="module")
def rows() -> tuple[About, ...]:
    return traceability.collect()


@pytest.fixture(autouse=True)
def collected_once(rows: tuple[About, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands of this file share what a first one would collect."""
    monkeypatch.setattr(traceability, "collect", lambda: rows)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert run_command(["trace", *words]) == 0
    return capsys.readouterr().out.splitlines()


def document(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    made: dict[str, Any] = json.loads("\n".join(said(capsys, "--json", *words)))
    return made


def test_a_requirement_is_shown_with_all_that_stands_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = said(capsys, "ota-c-051")
    title = catalogue.find("OTA-C-051").title
    assert lines[0] == f"OTA-C-051  {title} (mandatory, confirmed; device)"
    assert "  case     wait::block_period_is_a_rate_limit" in lines
    assert any(line.startswith("  case     session::") and "SE-116" in line for line in lines)
    assert "  catches  D064, D065" in lines
    back = lines[lines.index("wait::block_period_is_a_rate_limit") :]
    assert back[1].startswith("  judges   ")
    assert "OTA-C-051" in back[1]
    assert not any(line.startswith("OTA-C-052") for line in lines)


@pytest.mark.parametrize(
    "id", ["D064", "block_period_is_a_rate_limit", "SE-116", "Wait::block_period_is_a_rate_limit"]
)
def test_the_matrix_is_entered_from_every_side(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys, id)
    assert "OTA-C-051" in [one["id"] for one in found["requirements"]]
    assert found["cases"]
    assert len(found["requirements"]) < len(catalogue.load())
    assert found["totals"]["requirements"] == len(catalogue.load())


def test_what_is_not_covered_is_told_with_its_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    open_rows: list[Requirement] = [one for one in catalogue.load().values() if one.uncovered]
    lines = said(capsys, "--uncovered")
    assert [line.split()[0] for line in lines[: 2 * len(open_rows) : 2]] == [
        one.id for one in open_rows
    ]
    assert [line for line in lines if line.startswith("  not covered yet: ")] == [
        f"  not covered yet: {one.uncovered}" for one in open_rows
    ]
    assert lines[-1].startswith(f"{len(catalogue.load())} requirements: ")
    assert f" {len(open_rows)} not covered yet;" in lines[-1]


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(capsys)
    assert len(found["requirements"]) == len(catalogue.load())
    assert len(found["cases"]) == found["totals"]["cases"]
    assert len(found["defects"]) == found["totals"]["defects"]
    assert found["problems"] == []
    assert found["complete"] is (found["totals"]["not_covered_yet"] == 0)


def test_complete_is_said_only_when_nothing_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "complete: every requirement is judged" not in said(capsys)
    whole = traceability.matrix(traceability.collect())
    covered = tuple(one for one in whole.requirements if one.covered)
    nothing_left = traceability.Matrix(
        requirements=covered, cases=whole.cases, defects=whole.defects
    )
    monkeypatch.setattr(traceability, "matrix", lambda every: nothing_left)
    assert said(capsys)[-1] == "complete: every requirement is judged"


def test_what_stands_alone_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = traceability.collect()
    some = tuple(one for one in whole if "block_period_is_a_rate_limit" not in one.case)
    monkeypatch.setattr(traceability, "collect", lambda: some)
    assert run_command(["trace"]) == 1
    lines = capsys.readouterr().out.splitlines()
    name = "block_period_is_a_rate_limit"
    assert f"problem: D064: caught_by: found {name}, wanted the name of a case" in lines


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["OTA-C-O51"], "no requirement, case, vector or defect 'OTA-C-O51'; did you mean OTA-C-0"),
        (["hello world"], "no requirement, case, vector or defect 'HELLO WORLD'"),
        (["--uncovered", "GB-001"], "--uncovered: found IDs beside it, wanted one or the other"),
    ],
)
def test_wrong_use_is_said_in_one_line(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["trace", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"hanover: {complaint}")
    assert len(told.err.splitlines()) == 1
