"""Judge the example device of docs/examples, and hold its README against what the run shows."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "docs" / "examples"
DEVICE = "node docs/examples/bridge.js"
PROFILE = "docs/examples/bridge.toml"
#: What a case of a vector ends with.
VECTOR = re.compile(r"/[A-Z]{2}-\d+$")
LISTED = re.compile(r"^\* `(\w+::[\w/-]+)`$", re.MULTILINE)
LIMIT_S = 300

Report = dict[str, Any]


def documented(section: str) -> list[str]:
    """Return the cases that a section of the README lists, in its order."""
    text = (EXAMPLES / "README.md").read_text("utf-8")
    sections = dict(part.split("\n", 1) for part in text.split("\n## ")[1:])
    return LISTED.findall(sections[section])


def hanover(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness.cli.main", *arguments],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def judged(folder: Path, selected: Sequence[str]) -> Report:
    """Run what is selected with the example device, and return the report."""
    chosen = [word for name in selected for word in ("-k", name)]
    run = hanover(
        "run",
        *("--link", f"exec:{DEVICE}", "--profile", PROFILE),
        *("--out", str(folder), "--traces", "failed", *chosen),
    )
    assert run.returncode == 1, run.stdout + run.stderr
    report: Report = json.loads((folder / "report.json").read_text("utf-8"))
    return report


def cases(report: Report, verdict: str) -> list[str]:
    """Return the cases with this verdict, sorted."""
    return sorted(each["case"] for each in report["results"] if each["verdict"] == verdict)


def scripted_cases() -> list[str]:
    """Return all cases that no vector drives."""
    run = hanover("run", "--list", "--json", "--profile", PROFILE)
    assert run.returncode == 0, run.stderr
    names = [each["case"] for each in json.loads(run.stdout)["cases"]]
    return [name for name in names if not VECTOR.search(name)]


def test_the_readme_lists_each_case_once() -> None:
    listed = documented("What fails") + documented("What is not judged")
    assert len(listed) == len(set(listed))
    assert any(VECTOR.search(case) for case in listed)


def test_cases_pass_and_fail_as_the_readme_says(tmp_path: Path) -> None:
    run = scripted_cases()
    report = judged(tmp_path, sorted({f"{name.split('::')[0]}::" for name in run}))
    failing = sorted(name for name in documented("What fails") if not VECTOR.search(name))
    unsupported = sorted(documented("What is not judged"))
    assert cases(report, "failed") == failing
    assert cases(report, "unsupported") == unsupported
    assert cases(report, "passed") == sorted({*run} - {*failing} - {*unsupported})
    assert len(report["results"]) == len(run)


def test_vectors_fail_that_the_readme_lists(tmp_path: Path) -> None:
    listed = sorted(name for name in documented("What fails") if VECTOR.search(name))
    assert cases(judged(tmp_path, listed), "failed") == listed


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.js")), ids=lambda path: path.name)
def test_the_device_needs_no_package(file: Path) -> None:
    needed = re.findall(r'require\("([^"]+)"\)', file.read_text("utf-8"))
    assert needed
    for name in needed:
        assert name.startswith("node:") or (EXAMPLES / name).is_file(), name


def test_the_device_keeps_the_protocol() -> None:
    check = hanover("exec", "check", DEVICE, "--profile", PROFILE)
    assert check.returncode == 0, check.stdout + check.stderr
