"""Ctrl-C keeps what was found, and of what was not found nothing is said."""

import signal
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import harness.suite
from harness.report import compose, folder, json_report, junit, manifest, terminal
from harness.runner import run_suite
from harness.suite import RunOptions
from tests.harness.command import hanover
from tests.harness.planted import ONE, plant, run

STOPPED = "\nraise KeyboardInterrupt\n"
GOOD = '\n@covers("OTA-C-014")\ndef test_good(bench):\n    assert bench.running_version()\n'


@pytest.fixture(autouse=True)
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Have a request to end taken as the command line takes it."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    "words",
    [
        ("explain", "GB-064"),
        ("trace",),
        ("trace", "D017", "--json"),
        ("killmatrix", "D017", "--depth", "all"),
        ("killmatrix", "D017", "D018", "D336"),
        ("run", "--list"),
        ("run", "--known", "known.toml", "--profile", "B1"),
    ],
    ids=" ".join,
)
def test_ctrl_c_while_cases_are_collected_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("known.toml").write_text('[failures]\n"tiny::a" = "x"\n', "utf-8")
    monkeypatch.setitem(harness.suite.SUITES, "client", plant(tmp_path / "cases", STOPPED))
    assert hanover(*words) == (130, "", "hanover: interrupted\n")


@pytest.mark.parametrize("option", ["list_only", "rehearsed"])
def test_part_of_a_list_or_of_a_rehearsal_is_no_answer(tmp_path: Path, option: str) -> None:
    cases = plant(tmp_path, STOPPED)
    with pytest.raises(KeyboardInterrupt):
        run_suite(RunOptions(cases=cases, profiles=ONE, **{option: True}))  # type: ignore[arg-type]


def test_run_without_a_result_says_that_it_was_interrupted(tmp_path: Path) -> None:
    found = run(plant(tmp_path, STOPPED))
    assert (found.interrupted, found.results) == (True, ())


def test_ctrl_c_when_the_cases_are_over_keeps_what_was_found(tmp_path: Path) -> None:
    late = "\ndef pytest_sessionfinish():\n    raise KeyboardInterrupt\n"
    found = run(plant(tmp_path, GOOD, conftest=late))
    assert found.interrupted
    assert [one.id for one in found.results] == ["tiny::good[B1]"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("module", "name"),
    [
        (compose, "compose"),
        (folder, "write"),
        (json_report, "write"),
        (junit, "write"),
        (manifest, "write"),
        (terminal, "lines"),
    ],
)
def test_ctrl_c_while_the_report_is_written_loses_no_verdict_and_no_seal(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    name: str,
    number: signal.Signals,
) -> None:
    done = getattr(module, name)

    def interrupted(*given: object, **more: object) -> object:
        signal.raise_signal(number)
        made = done(*given, **more)
        signal.raise_signal(number)
        return made

    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(harness.suite.SUITES, "client", plant(tmp_path / "cases", GOOD))
    monkeypatch.setattr(module, name, interrupted)
    before = signal.getsignal(number)
    ran = hanover("run", "--profile", "B1", "--out", "out")
    assert ran.exit_code == 130
    assert ran.stderr == "hanover: interrupted: 1 results are kept in out\n"
    assert "Good." in ran.stdout.splitlines()
    seal = ran.stdout.splitlines()[-1].removeprefix("seal: ")
    assert hanover("report", "verify", "out", "--seal", seal).exit_code == 0
    assert signal.getsignal(number) is before
