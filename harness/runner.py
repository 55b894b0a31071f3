"""Run the suite: pytest with our own settings, whatever the user's folder holds."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.known import applied
from harness.report.model import CaseResult
from harness.suite import Collected, RunOptions, Suite

if TYPE_CHECKING:
    from harness.dut.day import Day

_PACKAGE = Path(__file__).parent
_SETTINGS = _PACKAGE / "cases" / "pytest.ini"
#: What a user set for their own pytest, and what Hanover needs instead.
_ENVIRONMENT = {
    "PYTEST_ADDOPTS": None,
    "PYTEST_PLUGINS": None,
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}
#: pytest's own plugins that would write, ask, excuse a case, or sweep memory after each.
_UNWANTED = (
    *("cacheprovider", "terminal", "skipping", "doctest", "unittest", "junitxml", "pastebin"),
    *("unraisableexception", "threadexception"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """Hold what a run found; ``results`` are sorted by id."""

    results: tuple[CaseResult, ...]
    collected: Collected
    interrupted: bool
    #: The cases for which there was no time.
    left: tuple[str, ...] = ()
    #: The cases that were known to fail, and passed.
    stale: tuple[str, ...] = ()


def run_suite(
    options: RunOptions,
    progress: Callable[[int, int], None] | None = None,
    day: "Day | None" = None,
) -> RunResult:
    """Run the cases that were asked for, and return their results.

    Args:
        options: What to run, on what.
        progress: Called after each case: how many are done, how many there are (0: not known).
        day: Orders the cases of devices under test, and ends them in time.

    Raises:
        KeyboardInterrupt: Somebody pressed Ctrl-C while cases were only listed, or rehearsed: a
            part of them says nothing.
    """
    suite = Suite(options, progress)
    code: int = pytest.ExitCode.OK
    with _environment():
        try:
            plugins = [suite] if day is None else [suite, day]
            code = pytest.main(_arguments(options), plugins=plugins)
        except KeyboardInterrupt:  # while pytest began or ended: what has a result keeps it
            suite.collected.interrupted = True
    if suite.collected.interrupted and (options.list_only or options.rehearsed):
        raise KeyboardInterrupt
    if code == pytest.ExitCode.INTERNAL_ERROR or code == pytest.ExitCode.USAGE_ERROR:
        suite.collected.broken.append(f"pytest ended with {pytest.ExitCode(code).name}")
    found = suite.results if day is None else {**day.earlier, **suite.results}
    results = tuple(sorted(found.values(), key=lambda result: result.id))
    stale: tuple[str, ...] = ()
    if options.known is not None:
        results, stale = applied(results, options.known)
    return RunResult(
        results=results,
        collected=suite.collected,
        interrupted=suite.collected.interrupted,
        left=() if day is None else tuple(day.left),
        stale=stale,
    )


def _arguments(options: RunOptions) -> list[str]:
    arguments = ["-c", str(_SETTINGS), "--rootdir", str(_PACKAGE)]
    arguments += ["--confcutdir", str(options.cases), "--import-mode", "importlib"]
    arguments += ["--capture", "sys", "-p", "harness.pytest_plugin"]
    for name in _UNWANTED:
        arguments += ["-p", f"no:{name}"]
    if options.list_only:
        arguments.append("--collect-only")
    elif options.workers > 1:
        arguments += ["-p", "xdist", "-n", str(options.workers)]
    return [*arguments, str(options.cases)]


@contextmanager
def _environment() -> Iterator[None]:
    """Set the environment for our pytest, and put the user's back."""
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    _set(_ENVIRONMENT)
    try:
        yield
    finally:
        _set(before)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
