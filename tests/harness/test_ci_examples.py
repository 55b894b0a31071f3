"""The pipelines that makers copy are valid, and every line of them does what it says."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli.main import run_command
from tests.architecture.sources import CHECKOUT

CI = CHECKOUT / "docs" / "examples" / "ci"
GUIDE = CHECKOUT / "docs" / "guides" / "ci.md"
GITHUB, GITLAB, JENKINS = CI / "hanover.yml", CI / "hanover.gitlab-ci.yml", CI / "Jenkinsfile"
#: A few cases stand for all: what is tested is the pipeline.
FEW = "discovery"
#: ``gh`` as far as the workflow uses it: main's last report is a copy of the one just made.
GH = """
if [ "$2" = list ]; then echo 17; exit; fi
[ "$1 $2 $3 $4" = "run download 17 --name" ] && [ "$6" = --dir ] && cp -r "$5" "$7"
"""


def project(folder: Path) -> dict[str, str]:
    """Make a maker's project with a bridge of its own, and return its environment."""
    (folder / "hanover").mkdir()
    programs = folder / "bin"
    programs.mkdir()
    us = f"{shlex.quote(sys.executable)} -m harness.cli.main"
    scripts = {
        programs / "hanover": f'exec {us} "$@"',
        programs / "make": "true",
        programs / "gh": GH,
        folder / "my-bridge": f"exec {us} emulate hanover/my-bridge.toml --stdio",
    }
    for path, text in scripts.items():
        path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
        path.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(CHECKOUT),
    }
    profile = folder / "hanover" / "my-bridge.toml"
    profile.write_text(shell("hanover profiles B2", folder, environment).stdout, "utf-8")
    return environment


def shell(
    script: str, folder: Path, environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a step as runners do: in bash, until a line fails."""
    return subprocess.run(
        ("bash", "-e", "-c", script),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def quicker(script: str) -> str:
    """Let a step judge a few cases instead of all."""
    assert script.count("hanover run ") == 1
    return script.replace("hanover run ", f"hanover run -k {FEW} ")


def job() -> dict[str, Any]:
    """Return the one job of the workflow."""
    found: dict[str, Any] = yaml.safe_load(GITHUB.read_text("utf-8"))["jobs"]["ota"]
    return found


def filled(script: str, values: dict[str, str]) -> str:
    """Put values in the place of expressions; one that is not known is an error."""
    return re.sub(r"\$\{\{ *([\w.]+) *\}\}", lambda found: values[found[1]], script)


@pytest.mark.parametrize(
    ("schema", "file"),
    [("vendor.github-workflows", GITHUB), ("vendor.gitlab-ci", GITLAB)],
    ids=["github", "gitlab"],
)
def test_the_file_is_what_its_runner_reads(schema: str, file: Path, tmp_path: Path) -> None:
    check = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema)
    good = subprocess.run((*check, str(file)), capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stdout
    broken = tmp_path / file.name
    broken.write_text(file.read_text("utf-8").replace("always", "sometimes:").replace("run:", "r:"))
    assert subprocess.run((*check, str(broken)), capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize("row", job()["strategy"]["matrix"]["include"], ids=lambda row: row["name"])
def test_the_workflow_judges_compares_and_leaves_what_it_uploads(
    row: dict[str, str], tmp_path: Path
) -> None:
    environment = project(tmp_path)
    values = {f"matrix.{key}": text for key, text in row.items()}
    values |= {"github.workflow": "hanover", "github.run_id": "17"}
    steps = {step["name"]: step for step in job()["steps"] if "name" in step}

    judged = shell(quicker(filled(steps["Judge"]["run"], values)), tmp_path, environment)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    compared = shell(filled(steps["Compare with main"]["run"], values), tmp_path, environment)
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert (tmp_path / "baseline" / "report.json").is_file()
    for step, key in (("Keep the report", "path"), ("Show the verdicts", "report_paths")):
        assert (tmp_path / filled(steps[step]["with"][key], values)).exists()
        assert steps[step]["if"] == "always()"


def test_the_workflow_fails_where_the_device_does(tmp_path: Path) -> None:
    environment = project(tmp_path)
    (tmp_path / "my-bridge").write_text("#!/bin/sh\nexit 1\n", "utf-8")
    (row,) = [row for row in job()["strategy"]["matrix"]["include"] if row["name"] == "program"]
    values = {f"matrix.{key}": text for key, text in row.items()}
    values |= {"github.workflow": "hanover", "github.run_id": "17"}
    (step,) = [step for step in job()["steps"] if step.get("name") == "Judge"]
    done = shell(quicker(filled(step["run"], values)), tmp_path, environment)
    assert done.returncode == 3
    assert "my-bridge" in done.stderr


def test_the_gitlab_job_judges(tmp_path: Path) -> None:
    environment = project(tmp_path)
    found = yaml.safe_load(GITLAB.read_text("utf-8"))["ota"]
    for row in found["parallel"]["matrix"]:
        done = shell(quicker("\n".join(found["script"])), tmp_path, {**environment, **row})
        assert done.returncode == 0, done.stdout + done.stderr
        junit = found["artifacts"]["reports"]["junit"].replace("$NAME", row["NAME"])
        assert (tmp_path / junit).is_file()


def test_the_jenkins_stage_judges(tmp_path: Path) -> None:
    environment = project(tmp_path)
    text = JENKINS.read_text("utf-8")
    lines = re.findall(r"sh '(hanover [^']+)'", text)
    assert ["--link" in line for line in lines] == [False, True]
    for line in lines:
        done = shell(quicker(line), tmp_path, environment)
        assert done.returncode == 0, done.stdout + done.stderr
    (junit,) = re.findall(r"junit '([^']+)'", text)
    assert len(list(tmp_path.glob(junit))) == len(lines)


def lines_of_the_guide() -> list[str]:
    """Return the commands of the guide's blocks."""
    blocks = re.findall(r"^```\n(.*?)^```", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("hanover ")]


@pytest.mark.parametrize("line", lines_of_the_guide())
def test_a_line_of_the_guide_is_understood(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path)
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)[1:]
    assert run_command([*words, "--list" if words[0] == "run" else "--help"]) == 0
    assert capsys.readouterr().err == ""


def test_the_guides_own_test_and_options_work(tmp_path: Path) -> None:
    environment = project(tmp_path)
    text = GUIDE.read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "test_mine.py").write_text(code, "utf-8")
    plugin = f"{shlex.quote(sys.executable)} -m pytest -p no:hanover -p harness.pytest_plugin"
    lines = re.findall(r"^pytest (.+)$", text, re.MULTILINE)
    assert len(lines) == 2
    few = [line.replace("harness.cases ", "harness.cases.test_discovery ") for line in lines]
    for arguments in ("test_mine.py", *few):
        done = shell(f"{plugin} {arguments}", tmp_path, environment)
        assert done.returncode == 0, done.stdout + done.stderr
        assert " passed" in done.stdout


def test_the_guide_has_commands_and_links_the_files() -> None:
    assert len(lines_of_the_guide()) >= 5
    text = GUIDE.read_text("utf-8")
    for file in (GITHUB, GITLAB, JENKINS):
        assert f"](../examples/ci/{file.name})" in text
