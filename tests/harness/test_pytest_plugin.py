"""A maker's own pytest gets benches, bridges, hubs and cases, and pays nothing for them unasked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import planted

MINE = """
import pytest
from emulator.contract import Device
from harness.firmware import NEXT_VERSION
from harness.verdict import Unsupported

pytestmark = pytest.mark.slow

def test_bench(hanover_bench, bench):
    assert bench == "a workbench of the maker's"
    made = hanover_bench("B2", seed=3)
    made.start()
    assert made.profile.name == "B2"
    assert made.upgrade(made.image()) == NEXT_VERSION

def test_bridge(hanover_bridge):
    bridge = hanover_bridge()
    assert bridge.deadline is None
    assert bridge.power_on(0)
    assert hanover_bridge("B4").profile.name == "B4"

def test_hub(hanover_hub):
    assert hanover_hub.images == []
    assert hanover_hub.admit(1, False) is not None

def test_no_verdict(hanover_bench):
    raise Unsupported("this lane has no power")
"""
#: What a project may have of its own; nothing of it may get into Hanover's way, or be got at.
CONFTEST = """
import pytest

@pytest.fixture(autouse=True, scope="session")
def seen():
    yield

@pytest.fixture
def bench():
    return "a workbench of the maker's"

@pytest.fixture
def profile():
    return "the maker's profile"

def pytest_collection_modifyitems(items):
    items.reverse()
"""
SETTINGS = """
[pytest]
addopts = --strict-markers --strict-config -p no:cacheprovider -ra {more}
markers = slow: takes long
filterwarnings = error
python_functions = test_*
testpaths = checks
"""
#: The plugin by hand, whether or not the one of an installation is there.
PLUGIN = ("-p", "no:hanover", "-p", "harness.pytest_plugin")


def python(*arguments: str, at: Path) -> "subprocess.CompletedProcess[str]":
    environment = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST_")}
    return subprocess.run(
        (sys.executable, *arguments),
        cwd=at,
        env={**environment, "PYTHONPATH": str(planted.CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(params=["", "-n 2", "--import-mode=importlib", "-p no:xdist --doctest-modules"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a project with a conftest, a fixture ``bench`` and settings of its own."""
    checks = tmp_path / "checks"
    checks.mkdir()
    (checks / "test_mine.py").write_text(MINE, "utf-8")
    (checks / "conftest.py").write_text(CONFTEST, "utf-8")
    (tmp_path / "pytest.ini").write_text(SETTINGS.format(more=request.param), "utf-8")
    return tmp_path


def test_a_makers_own_tests_get_the_fixtures(project: Path) -> None:
    done = python("-m", "pytest", *PLUGIN, at=project)
    assert done.returncode == 0, done.stdout
    assert "3 passed, 1 skipped" in done.stdout
    assert "unsupported: this lane has no power" in done.stdout


def test_a_makers_own_pytest_runs_the_shipped_cases(project: Path) -> None:
    cases = ("--pyargs", "harness.cases.test_query", "--hanover-profile", "B3")
    done = python("-m", "pytest", *PLUGIN, *cases, at=project)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
    assert not any(word in done.stdout for word in ("skipped", "failed", "error"))


def test_hanover_run_does_not_see_the_project(project: Path) -> None:
    done = python(
        *("-m", "harness.cli.main", "run", "-k", "query", "--profile", "B1", "--json"), at=project
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert '"failed":0' in done.stdout.replace(" ", "")


def test_what_cannot_be_done_is_skipped_with_its_reason(tmp_path: Path) -> None:
    cases = ("--pyargs", "harness.cases.test_download", "-k", "collected_soon")
    done = python(
        *("-m", "pytest", "-ra", "-q", *PLUGIN, *cases, "--hanover-profile", "B1"), at=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    assert "unsupported: " in done.stdout


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--hanover-profile", "B9"), "B9"),
        (("--hanover-link", "carrier-pigeon:"), "unknown scheme, expected one of direct:"),
    ],
)
def test_a_wrong_option_is_refused(option: tuple[str, str], said: str, tmp_path: Path) -> None:
    done = python("-m", "pytest", *PLUGIN, *option, at=tmp_path)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.startswith("ERROR: --hanover: ")
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_option_reaches_benches_that_are_not_told(tmp_path: Path) -> None:
    code = "def test_it(hanover_bench):\n    made = hanover_bench()\n"
    code += "    assert (made.profile.name, made.seed) == ('B4', 7)\n"
    (tmp_path / "test_it.py").write_text(code, "utf-8")
    options = ("--hanover-profile", "B4", "--hanover-seed", "7")
    done = python("-m", "pytest", "-q", *PLUGIN, *options, at=tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_plugin_imports_nothing_but_itself(tmp_path: Path) -> None:
    code = (
        "import sys, pytest\nbefore = set(sys.modules)\nimport harness.pytest_plugin\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = python("-c", code, at=tmp_path)
    assert done.stdout.strip() == "['harness', 'harness.pytest_plugin']"


def test_a_run_that_asks_for_nothing_loads_nothing(tmp_path: Path) -> None:
    code = "import sys\n\ndef test_it():\n"
    code += "    mine = {name for name in sys.modules if name.split('.')[0] in OURS}\n"
    code += "    assert mine == {'harness', 'harness.pytest_plugin'}\n"
    code += "OURS = ('harness', 'emulator', 'rich', 'click', 'cryptography', 'jsonschema')\n"
    (tmp_path / "test_it.py").write_text(code, "utf-8")
    done = python("-m", "pytest", "-q", *PLUGIN, at=tmp_path)
    assert done.returncode == 0, done.stdout
