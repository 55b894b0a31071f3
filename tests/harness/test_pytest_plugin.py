"""A maker's own pytest gets benches, bridges and hubs, and pays nothing for them unasked."""

import os
import subprocess
import sys
from pathlib import Path

from tests.harness import planted

MINE = """
from emulator.contract import Device
from harness.bench import NEXT_VERSION

def test_bench(hanover_bench):
    bench = hanover_bench("B2", seed=3)
    bench.start()
    assert bench.profile.name == "B2"
    assert bench.upgrade(bench.image()) == NEXT_VERSION

def test_bridge(hanover_bridge):
    bridge = hanover_bridge()
    assert bridge.deadline is None
    assert bridge.power_on(0)
    assert hanover_bridge("B4").profile.name == "B4"

def test_hub(hanover_hub):
    assert hanover_hub.images == []
    assert hanover_hub.admit(1, False) is not None
"""


def python(*arguments: str, at: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        (sys.executable, *arguments),
        cwd=at,
        env={**os.environ, "PYTHONPATH": str(planted.CHECKOUT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_makers_own_tests_get_the_fixtures(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(MINE, "utf-8")
    done = python(
        *("-m", "pytest", "-q", "-p", "no:hanover", "-p", "harness.pytest_plugin"), at=tmp_path
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def test_the_plugin_imports_nothing_but_itself(tmp_path: Path) -> None:
    code = (
        "import sys, pytest\nbefore = set(sys.modules)\nimport harness.pytest_plugin\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = python("-c", code, at=tmp_path)
    assert done.stdout.strip() == "['harness', 'harness.pytest_plugin']"
