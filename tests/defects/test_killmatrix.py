"""The kill matrix names what nobody catches and what catches nothing, and keeps what it has."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from emulator import DefectFacts
from harness import defects as book
from harness import killmatrix
from harness.cli.main import run_command
from harness.defects import find, known
from harness.killmatrix import Depth, Matrix, Met, hold, judge, plan
from harness.suite import built_in
from tests.harness import planted

ONE = built_in()[:1]
#: D022 names any version in its Upgrade End Request; D001 says that version 0 runs.
CASES = """
@covers("OTA-C-088")
def test_end_request_names_the_version(bench):
    bench.upgrade(bench.image())
    assert bench.heard(ota.UpgradeEndRequest)[-1].file_version == NEXT_VERSION

@covers("OTA-C-014")
def test_query_names_what_runs(bench):
    assert bench.heard(ota.QueryNextImageRequest)[-1].file_version > 0

@covers("OTA-C-014")
def test_which_cannot_fail(bench):
    bench.wait(1)
"""
#: Somebody presses Ctrl-C where the running version is told truly: at the second defect.
STOPS = """
@covers("OTA-C-014")
def test_stop(bench):
    if bench.heard(ota.QueryNextImageRequest)[-1].file_version != 0:
        raise KeyboardInterrupt
"""


@pytest.fixture
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put three cases, and two defects that each name one of them, in the place of all."""
    code = CASES.replace("NEXT_VERSION", "bench.version(1)")
    folder = planted.plant(tmp_path / "cases", code)
    monkeypatch.setitem(killmatrix.SUITES, "client", folder)
    facts = [
        find("D022")._replace(caught_by=("end_request_names_the_version",), vectors=()),
        find("D001")._replace(caught_by=("query_names_what_runs",), vectors=()),
    ]
    monkeypatch.setattr(book, "SUITES", {"client": lambda: facts})
    return folder


def client(*ids: str) -> dict[str, list[DefectFacts]]:
    """Return some defects, as a plan wants them."""
    return {"client": [one for one in known("client") if one.id in ids]}


def test_a_case_that_catches_nothing_is_named(cases: Path) -> None:
    matrix = hold(plan(client("D001", "D022"), ONE, Depth.TURN))
    assert matrix.catches == {
        "tiny::end_request_names_the_version": ("D022",),
        "tiny::query_names_what_runs": ("D001",),
        "tiny::which_cannot_fail": (),
    }
    assert matrix.idle == ("tiny::which_cannot_fail",)
    assert (matrix.uncaught, matrix.exit_code) == ((), 1)


def test_no_case_is_idle_where_a_defect_was_left_out(cases: Path) -> None:
    matrix = hold(plan(client("D022"), ONE, Depth.TURN))
    assert not matrix.catches["tiny::query_names_what_runs"]
    assert (matrix.idle, matrix.exit_code) == ((), 0)


def test_a_defect_that_nobody_catches_is_named(
    cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = CASES.partition('@covers("OTA-C-014")')[0].replace("NEXT_VERSION", "bench.version(1)")
    planted.plant(cases, code)
    assert run_command(["killmatrix", "--profile", ONE[0].given]) == 1
    said = capsys.readouterr().out
    assert "D001: found no case that catches it, wanted one at least" in said
    assert "1 of 2 defects are caught" in said
    assert "1 of 1 cases catch a defect" in said


def test_a_case_that_is_named_and_passes_is_told(cases: Path) -> None:
    (facts,) = client("D022")["client"]
    facts = facts._replace(caught_by=("end_request_names_the_version", "query_names_what_runs"))
    (task,) = plan({"client": [facts]}, ONE, Depth.NAMED).tasks
    met = judge(task)
    assert met.caught_by == {"tiny::end_request_names_the_version": 1}
    assert met.missed == (f"query_names_what_runs on {ONE[0].profile.name}",)


def test_a_vector_that_is_named_and_passes_is_told() -> None:
    facts = find("D102")._replace(
        caught_by=("file_is_judged_as_expected",), vectors=("IV-010", "IV-001")
    )
    (task,) = plan({"client": [facts]}, ONE, Depth.NAMED).tasks
    assert judge(task).missed == ("vector IV-001",)


def test_what_breaks_the_harness_catches_nothing(cases: Path) -> None:
    planted.plant(cases, '\n@covers("OTA-C-014")\ndef test_broken(bench):\n    raise OSError\n')
    (task,) = plan(client("D001"), ONE, Depth.TURN).tasks
    met = judge(task)
    assert (met.caught_by, met.errors) == ({}, 1)


def test_ctrl_c_keeps_what_was_found(cases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planted.plant(cases, CASES.replace("NEXT_VERSION", "bench.version(1)") + STOPS)
    assert run_command(["killmatrix", "--json", "--profile", ONE[0].given]) == 130
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert [one["id"] for one in found["defects"]] == ["D001"]
    assert (found["interrupted"], found["planned"], found["idle"]) == (True, 2, [])
    assert said.err == "hanover: interrupted: 1 defects are not judged\n"


def test_turns_reach_every_case_and_a_sixth_of_the_vectors() -> None:
    (turn,) = plan(client("D001"), built_in(), Depth.TURN).tasks
    (every,) = plan(client("D001"), built_in(), Depth.ALL).tasks
    (named,) = plan(client("D001"), built_in(), Depth.NAMED).tasks
    assert {row.id for row in named.rows} < {row.id for row in turn.rows}
    assert {row.id for row in turn.rows} < {row.id for row in every.rows}
    assert {row.case for row in turn.rows if not row.vector} == {
        row.case for row in every.rows if not row.vector
    }
    a_lap_each = (f"D{number:03}" for number in range(1, 24, 4))  # four bridges a lap
    laps = plan(client(*a_lap_each), built_in(), Depth.TURN).tasks
    assert len(laps) == 6
    met = {row.vector for task in laps for row in task.rows if row.vector}
    assert met == {row.vector for row in every.rows if row.vector}
    assert max(sum(bool(row.vector) for row in task.rows) for task in laps) < len(met) / 4
    (third,) = plan(client("D002"), built_in(), Depth.TURN).tasks
    assert {row.profile for row in turn.rows} != {row.profile for row in third.rows if row.vector}


def test_a_defect_is_planted_only_where_it_shows() -> None:
    swapping = plan(client("D232"), built_in(), Depth.NAMED).tasks[0].subjects
    assert [one.profile.boot.scheme.value for one in swapping] == ["swap"]
    others = tuple(one for one in built_in() if one not in swapping)
    made = plan(client("D232"), others, Depth.NAMED)
    assert (made.tasks, made.homeless, made.whole) == ((), ("D232",), False)


def test_workers_find_the_same(cases: Path, tmp_path: Path) -> None:
    made = plan(client("D001", "D022"), ONE, Depth.TURN)
    assert hold(made, workers=2).met == hold(made).met


def test_the_matrix_is_written(
    cases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "matrix.json"
    assert run_command(["killmatrix", "d022", "--profile", ONE[0].given, "--out", str(out)]) == 0
    found = json.loads(out.read_text("utf-8"))
    assert found["defects"][0]["caught_by"] == {"tiny::end_request_names_the_version": 1}
    assert found["cases"]["tiny::end_request_names_the_version"] == ["D022"]
    assert found["findings"] == []


def test_rows_of_many_homes_stand_in_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Met(
        id="D001",
        profiles=("B1",),
        rows=2,
        caught_by={"a::b": 1},
        passed_by=(),
        vectors=(),
        missed=(),
        errors=0,
    )
    many = replace(one, id="D401", profiles=("C1", "C2", "C3", "C4", "C5", "C6", "C7"))
    monkeypatch.setattr(
        killmatrix, "hold", lambda made, **_: Matrix(plan=made, met=(one, many), seconds=1)
    )
    assert run_command(["killmatrix", "D001", "D232", "--profile", ONE[0].given]) == 0
    head, first, second, *more = capsys.readouterr().out.splitlines()
    assert head.index("  caught by") == first.index("  1 case") == second.index("  1 case")
    assert "shows on nothing that was chosen: D232" in more


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["D999"], "found D999, wanted a defect of D001 to D022"),
        (["D02"], "found D02, wanted a defect; did you mean D0"),
        (["--depth", "deep"], "'deep' is not one of"),
    ],
)
def test_wrong_use_is_refused(
    arguments: list[str], said: str, cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["killmatrix", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["D001", "--premises", "C7"], "--premises: found no defect of homes, wanted one"),
        (["D431", "--profile", "B3"], "--profile: found defects of homes only"),
    ],
)
def test_subjects_that_count_for_nothing_are_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["killmatrix", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_defect_that_shows_nowhere_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    (name, *_) = [one.given for one in built_in() if one.profile.boot.scheme.value == "ab"]
    assert run_command(["killmatrix", "D232", "--profile", name]) == 2
    assert f"none of these defects shows on {name}" in capsys.readouterr().err


def test_cases_that_cannot_be_read_are_no_finding(
    cases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planted.plant(cases, "import nowhere_to_be_found\n")
    assert run_command(["killmatrix"]) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert "nowhere_to_be_found" in said.err
