"""Plant a small folder of cases, and run it as ``hanover run`` runs the shipped one."""

import os
import subprocess
import sys
from pathlib import Path

from harness.report.model import CaseResult
from harness.runner import RunResult, run_suite
from harness.suite import Chosen, RunOptions, built_in
from tests.architecture.sources import CHECKOUT

_CONFTEST = (
    "from harness.cases.conftest import bench, make_bench, pytest_generate_tests, silent_bench\n"
)
_IMPORTS = """
import pytest
from emulator.errors import LinkError
from emulator.wire import ota
from emulator.wire.ota import Status
from harness.firmware import NEXT_VERSION
from harness.covers import covers
from harness.verdict import Inconclusive, Unsupported
"""
#: Runs the command line on planted cases, as a process of its own.
_COMMAND = """
import sys
from pathlib import Path
import harness.suite
harness.suite.SUITES["client"] = Path(sys.argv.pop(1))
from harness.cli.main import main
main()
"""
#: One built-in profile, for tests that need no more.
ONE = built_in()[:1]


def plant(folder: Path, code: str, *, topic: str = "tiny", conftest: str = "") -> Path:
    """Write one file of cases and its conftest, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "conftest.py").write_text(_CONFTEST + conftest, "utf-8")
    (folder / f"test_{topic}.py").write_text(_IMPORTS + code, "utf-8")
    return folder


def run(
    cases: Path,
    *match: str,
    profiles: tuple[Chosen, ...] = ONE,
    workers: int = 1,
    out: Path | None = None,
    capture: Path | None = None,
    seed: int = 0,
) -> RunResult:
    """Run planted cases in this process, or in workers of it."""
    options = RunOptions(
        cases=cases,
        match=match,
        profiles=profiles,
        workers=workers,
        out=out,
        capture=capture,
        seed=seed,
    )
    return run_suite(options)


def only(found: RunResult) -> CaseResult:
    """Return the one result of a run."""
    (result,) = found.results
    return result


def command(
    cases: Path | None, *arguments: str, at: Path, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run ``hanover`` in a folder; on planted cases, or on the shipped ones."""
    start = ("-m", "harness.cli.main") if cases is None else ("-c", _COMMAND, str(cases))
    return subprocess.run(
        (sys.executable, *start, *arguments),
        cwd=at,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        start_new_session=True,
    )


def files_in(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
