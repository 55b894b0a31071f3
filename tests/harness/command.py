"""Run the command line inside this process, and keep what it printed."""

import json
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema

from harness.cli.main import run_command
from harness.report.json_report import schema


class Ran(NamedTuple):
    """Be what a command did."""

    exit_code: int
    stdout: str
    stderr: str


def hanover(*words: str) -> Ran:
    """Run ``hanover`` with these words."""
    out, error = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        code = run_command(list(words))
    return Ran(code, out.getvalue(), error.getvalue())


def report_of(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the JSON report of ``hanover run`` with these words.

    Args:
        folder: Where the run may write.
        words: What follows ``run``.
    """
    ran = hanover("run", *words, "--json", "--no-html", "--out", str(folder / "report"))
    assert ran.stdout, ran.stderr
    document = json.loads(ran.stdout)
    jsonschema.validate(document, schema())
    return ran.exit_code, document
