"""Two reports are compared result by result: what broke is told apart from what is new."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli.main import run_command
from harness.report import folder, json_report
from harness.report.difference import Turn, compare
from harness.report.model import RunReport
from harness.verdict import Outcome
from tests.harness.reports import (
    ERROR,
    FAILED,
    INCONCLUSIVE,
    PASSED,
    UNSUPPORTED,
    report,
    result,
)

Said = pytest.CaptureFixture[str]

#: Verdict before, verdict after, what became of it; every pair that differs.
TURNS = [
    (PASSED, FAILED, Turn.BROKE),
    (PASSED, ERROR, Turn.BROKE),
    (PASSED, UNSUPPORTED, Turn.BROKE),
    (PASSED, INCONCLUSIVE, Turn.BROKE),
    (UNSUPPORTED, FAILED, Turn.BROKE),
    (UNSUPPORTED, ERROR, Turn.BROKE),
    (INCONCLUSIVE, FAILED, Turn.BROKE),
    (INCONCLUSIVE, ERROR, Turn.BROKE),
    (FAILED, PASSED, Turn.MENDED),
    (ERROR, PASSED, Turn.MENDED),
    (UNSUPPORTED, PASSED, Turn.MENDED),
    (INCONCLUSIVE, PASSED, Turn.MENDED),
    (FAILED, ERROR, Turn.CHANGED),
    (FAILED, UNSUPPORTED, Turn.CHANGED),
    (FAILED, INCONCLUSIVE, Turn.CHANGED),
    (ERROR, FAILED, Turn.CHANGED),
    (ERROR, UNSUPPORTED, Turn.CHANGED),
    (ERROR, INCONCLUSIVE, Turn.CHANGED),
    (UNSUPPORTED, INCONCLUSIVE, Turn.CHANGED),
    (INCONCLUSIVE, UNSUPPORTED, Turn.CHANGED),
]


def document(made: RunReport) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(json_report.as_text(made))
    return read


def test_every_pair_of_verdicts_is_decided() -> None:
    assert {(before, after) for before, after, _ in TURNS} == {
        (before, after) for before in Outcome for after in Outcome if before is not after
    }


@pytest.mark.parametrize(("before", "after", "turn"), TURNS)
def test_what_became_of_a_result(before: Outcome, after: Outcome, turn: Turn) -> None:
    same = result("a::same", verdict=before)
    old, new = (report(same, result("a::x", verdict=one)) for one in (before, after))
    found = compare(document(old), document(new))
    (change,) = found.changes
    assert (change.turn, change.id, change.before, change.after) == (
        turn,
        "a::x[B1]",
        before,
        after,
    )
    assert found.same == 1


def test_what_is_new_or_gone_broke_nothing() -> None:
    old, new = report(result("a::x"), result("a::y")), report(result("a::y"), result("a::z"))
    found = compare(document(old), document(new))
    assert [(one.turn, one.id) for one in found.changes] == [
        (Turn.GONE, "a::x[B1]"),
        (Turn.NEW, "a::z[B1]"),
    ]
    assert found.same == 1


@pytest.mark.parametrize("finished", [True, False])
def test_a_later_run_that_was_cut_short_is_no_success(
    finished: bool, tmp_path: Path, capsys: Said
) -> None:
    old, new = report(result("a::x"), result("a::y")), report(result("a::y"))
    folder.write(tmp_path / "old", old, pages=False)
    folder.write(tmp_path / "new", replace(new, finished=finished), pages=False)
    pair = (str(tmp_path / "old"), str(tmp_path / "new"))
    assert run_command(["report", "diff", *pair]) == (0 if finished else 1)
    assert ("the later run was cut short" in capsys.readouterr().out) is not finished
    assert run_command(["report", "diff", pair[1], pair[0]]) == 0  # nothing is missing


def test_runs_that_were_not_alike_say_so() -> None:
    old = report(result("a::x"))
    new = replace(report(result("a::x"), seed=7), link="loopback:")
    assert compare(document(old), document(new)).terms == (
        "seed: 0, then 7",
        "link: direct:, then loopback:",
    )


def test_a_profile_that_changed_its_contents_is_named() -> None:
    old = report(result("a::x"))
    first, *rest = old.profiles
    new = replace(old, profiles=(replace(first, sha256="0" * 64), *rest))
    (term,) = compare(document(old), document(new)).terms
    assert term == f"profile {first.name}: sha256 {first.sha256}, then {'0' * 64}"
    assert compare(document(old), {**document(old), "profiles": [7]}).terms == ()


# The command.


@pytest.fixture
def two(tmp_path: Path) -> tuple[str, str]:
    """Return two folders: one result broke, one is mended."""
    before, after = tmp_path / "before", tmp_path / "after"
    rows = (("a::x", PASSED, FAILED), ("a::y", FAILED, PASSED), ("a::z", PASSED, PASSED))
    folder.write(before, report(*(result(one, verdict=old) for one, old, _ in rows)), pages=False)
    folder.write(after, report(*(result(one, verdict=new) for one, _, new in rows)), pages=False)
    return str(before), str(after)


def test_the_command_names_what_broke(two: tuple[str, str], capsys: Said) -> None:
    assert run_command(["report", "diff", *two]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "broke: 1",
        "  a::x[B1]  passed -> failed: it is so",
        "mended: 1",
        "  a::y[B1]  failed -> passed",
        "1 broke, 1 mended, 0 changed, 0 new, 0 gone, 1 as before",
    ]


def test_nothing_broke_where_nothing_changed(two: tuple[str, str], capsys: Said) -> None:
    file = str(Path(two[0]) / "report.json")
    assert run_command(["report", "diff", two[0], file]) == 0
    assert capsys.readouterr().out == "0 broke, 0 mended, 0 changed, 0 new, 0 gone, 3 as before\n"


def test_the_command_prints_data(two: tuple[str, str], capsys: Said) -> None:
    assert run_command(["report", "diff", "--json", *two]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in said["broke"]] == ["a::x[B1]"]
    assert [one["id"] for one in said["mended"]] == ["a::y[B1]"]
    assert (said["changed"], said["new"], said["gone"], said["as_before"]) == ([], [], [], 1)


BAD = [
    (None, "report.json: found no such file or directory, wanted the report of a run"),
    ("", "report.json: found no JSON, wanted the report of a run"),
    ("[]", "report.json: schema: found none, wanted hanover-report-2"),
    ('{"schema": "hanover-report-1"}', "schema: found hanover-report-1, wanted hanover-report-2"),
    ('{"schema": "hanover-report-2"}', "results: found no list, wanted one"),
    ('{"schema": "hanover-report-2", "results": [7]}', "results[0]: found no id, wanted one"),
    ("[" * 99_999, "report.json: found no JSON, wanted the report of a run"),
    (
        '{"schema": "hanover-report-2", "results": [{"id": "a", "verdict": "failed"},'
        ' {"id": "a", "verdict": "passed"}]}',
        "results[1]: found a again, wanted it once",
    ),
    (
        '{"schema": "hanover-report-2", "results": [{"id": "a", "verdict": "fine"}]}',
        'a: verdict: found "fine", wanted one of passed, failed',
    ),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_what_is_no_report_is_wrong_use(
    two: tuple[str, str], tmp_path: Path, capsys: Said, text: str | None, said: str
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    if text is not None:
        (other / "report.json").write_text(text, "utf-8")
    assert run_command(["report", "diff", two[0], str(other)]) == 2
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1


def test_two_reports_of_other_things_are_no_comparison(
    two: tuple[str, str], tmp_path: Path, capsys: Said
) -> None:
    folder.write(tmp_path / "other", report(result("b::x")), pages=False)
    assert run_command(["report", "diff", two[0], str(tmp_path / "other")]) == 2
    assert "found no result that" in capsys.readouterr().err


# The other command.


def test_verify_says_that_nothing_changed_and_what_did(two: tuple[str, str], capsys: Said) -> None:
    assert run_command(["report", "verify", two[0]]) == 0
    said = capsys.readouterr().out.splitlines()
    (line,) = said
    seal = line.removeprefix("unchanged, seal ")
    assert run_command(["report", "verify", two[0], "--seal", seal.upper()]) == 0
    assert run_command(["report", "verify", two[0], "--seal", "0" * 64]) == 1
    assert f"manifest.json: found seal {seal}, wanted 000" in capsys.readouterr().out

    (Path(two[0]) / "junit.xml").unlink()
    assert run_command(["report", "verify", two[0]]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("junit.xml: found no file, wanted ")
    assert lines[1] == "1 difference"
    assert run_command(["report", "verify", "--json", two[0]]) == 1
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 1


@pytest.mark.parametrize("seal", ["", "84d551e5", "0" * 65, "x" * 64])
def test_half_a_seal_is_wrong_use(two: tuple[str, str], capsys: Said, seal: str) -> None:
    assert run_command(["report", "verify", two[0], "--seal", seal]) == 2
    assert f"found '{seal}', wanted 64 hexadecimal digits" in capsys.readouterr().err


def test_verify_of_another_folder_is_wrong_use(tmp_path: Path, capsys: Said) -> None:
    assert run_command(["report", "verify", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "found neither manifest.json nor report.json, wanted the folder of a run" in said
