"""Naming one case makes that one alone, and tells of all the others."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.narrowing import Choice, Narrowing, choice_of
from harness.runner import RunResult, run_suite
from harness.suite import SUITES, RunOptions, built_in
from harness.traceability import matrix

#: What one case needs not, and what costs most of a start where it is loaded.
HEAVY = {
    "bellows",
    "hypothesis",
    "jsonschema",
    "multiprocessing",
    "rich",
    "scapy",
    "serial",
    "xdist",
}
HEAVY |= {"unittest", "zigpy"}
IMAGES = frozenset({"image_verify"})
#: Runs a command, and tells what it loaded, and of how many rows pytest made an item.
TELLER = """
import json, sys
import _pytest.python as made
count, make = 0, made.Function.__init__
def counted(self, *args, **given):
    global count
    count += 1
    make(self, *args, **given)
made.Function.__init__ = counted
from harness.cli.main import run_command
code = run_command(sys.argv[2:])
told = {"code": code, "items": count, "modules": sorted(sys.modules)}
open(sys.argv[1], "w").write(json.dumps(told))
"""


def _run(suite: str, *wishes: str) -> RunResult:
    return run_suite(
        RunOptions(cases=SUITES[suite], profiles=built_in()[:1], match=wishes, list_only=True)
    )


@pytest.fixture(scope="module", params=sorted(SUITES))
def whole(request: pytest.FixtureRequest) -> tuple[str, RunResult]:
    return request.param, _run(request.param)


@pytest.mark.parametrize(
    "wishes",
    [
        ("rollback::mute_image_goes_back[B1]",),
        ("Rollback::mute_image_goes_back",),
        ("rollback::mute",),  # the beginning of a name
        ("verify::file_is_judged",),  # the end of a topic
        ("image_verify::file_is_judged_as_expected/IV-002[B1]",),
        ("IV-002",),
        ("iv-002", "SE-001"),
        ("wait::wait_into_the_past_does_no_harm", "IV-002"),
        ("server_blocks::block_is_within_the_maximum/10",),
        ("gb_admission::window", "server_pages::"),
    ],
)
def test_narrowed_run_chooses_and_tells_the_same(
    whole: tuple[str, RunResult], wishes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, everything = whole
    narrowed = _run(suite, *wishes).collected
    monkeypatch.setattr("harness.suite.choice_of", lambda *_: None)
    full = _run(suite, *wishes).collected
    assert [one.id for one in narrowed.chosen] == [one.id for one in full.chosen]
    assert narrowed.unmet == full.unmet
    assert narrowed.broken == full.broken == []
    wanted = matrix(everything.collected.every).plain()
    assert matrix(narrowed.every).plain() == wanted


@pytest.mark.parametrize(
    ("suite", "wish"),
    [
        ("client", "attributes::attributes_are_read_only"),
        ("server", "server_blocks::last_block_ends_with_the_file"),
    ],
)
def test_workers_narrow_too(suite: str, wish: str) -> None:
    options = RunOptions(cases=SUITES[suite], profiles=built_in()[:1], match=(wish,))
    found, alone = run_suite(replace(options, workers=2)), run_suite(options)
    assert [one.case for one in found.results] == [one.case for one in alone.results] == [wish]
    assert matrix(found.collected.every) == matrix(alone.collected.every)


@pytest.mark.parametrize(
    ("wishes", "only", "choice"),
    [
        ((), None, None),
        (("rollback",), None, None),  # a topic, or a part of any name
        (("OTA-C-090",), None, None),
        (("wait::a", "rollback"), None, None),
        (("IV-01",), None, None),
        (("Wait::A/row[B1]",), None, Choice(ends=frozenset({("wait", "a")}))),
        (("::a",), None, Choice(ends=frozenset({("", "a")}))),
        (("IV-014",), None, Choice(ends=frozenset(), families=IMAGES)),
        (
            ("wait::a", "IV-014"),
            None,
            Choice(ends=frozenset({("wait", "a")}), families=IMAGES),
        ),
        (("rollback",), frozenset({"wait::a[B1]"}), Choice(ends=frozenset({("wait", "a")}))),
    ],
)
def test_choice_is_narrow_only_where_a_wish_is(
    wishes: tuple[str, ...], only: frozenset[str] | None, choice: Choice | None
) -> None:
    assert choice_of(wishes, only) == choice


@pytest.mark.parametrize(("name", "told"), [("test_wait.py", None), ("test_other.py", True)])
def test_file_that_cannot_be_read_is_left_to_pytest(
    name: str, told: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_wait.py").write_text("raise RuntimeError('no')")
    (tmp_path / "test_other.py").write_text("def test_a(): ...")
    monkeypatch.setattr("harness.narrowing._HARNESS", tmp_path)
    narrowing = Narrowing(Choice(ends=frozenset({("rollback", "a")})), None)
    assert narrowing.pytest_ignore_collect(tmp_path / name) is told
    assert [one.case for one in narrowing.told] == (["other::a"] if told else [])


def test_no_id_has_its_mark_twice() -> None:
    """A wish with ``::`` is about topic and function, wherever else it might be."""
    for suite in SUITES:
        assert [one.id for one in _run(suite).collected.every if one.id.count("::") != 1] == []


@pytest.mark.parametrize(
    ("command", "items", "loaded"),
    [
        (["-k", "rollback::mute_image_goes_back[B1]"], 5, "harness.cases.test_rollback"),
        (["-k", "IV-002"], 5, "harness.cases.test_image_verify"),
        (
            ["--suite", "server", "-k", "server_blocks::last_block_ends_with_the_file[B1]"],
            2,
            "harness.servers.cases.test_server_blocks",
        ),
    ],
)
def test_one_case_costs_no_other(
    command: list[str], items: int, loaded: str, tmp_path: Path
) -> None:
    """What guards the second that one case may take, without a clock: its rows and their parent."""
    told = tmp_path / "told.json"
    arguments = ["run", *command, "--out", str(tmp_path / "report")]
    subprocess.run(
        [sys.executable, "-c", TELLER, str(told), *arguments],
        check=True,
        capture_output=True,
    )
    found = json.loads(told.read_text("utf-8"))
    assert found["code"] == 0
    assert found["items"] == items
    modules = set(found["modules"])
    assert {one for one in modules if ".cases.test_" in one} == {loaded}
    assert modules & HEAVY == set()
    assert len(modules) < 800  # a third of a second, where none of them is slow
