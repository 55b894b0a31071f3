"""Measure what one case by its id costs from a shell, against pytest with one empty test.

Both are whole processes, started in turn, and their processor time is the system's own account of
them. Run it as ``python -m benchmarks.startup``; 1 if a case costs more than the limits.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

#: Seconds of the processor, and how many times an empty run of pytest.
LIMIT_S, LIMIT = 1.0, 5.5
ROUNDS = 7
#: Neither loads the plugins that happen to be installed.
_ENVIRONMENT = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
CASE = "rollback::mute_image_goes_back[B1]"


def _seconds(folder: Path, *command: str) -> float:
    """Return the processor time of a process that ends well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=_ENVIRONMENT, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print seconds of both, and the median of the rounds' ratios."""
    rounds = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_nothing.py").write_text("def test_nothing():\n    pass\n", "utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")
        python = (sys.executable, "-P", "-m")
        for number in range(ROUNDS + 1):
            theirs = _seconds(folder, *python, "pytest", "-q", "-p", "no:cacheprovider")
            ours = _seconds(folder, *python, "harness.cli.main", "run", "-k", CASE)
            if number:  # the first round fills the caches of both
                rounds.append((ours / theirs, ours, theirs))
    ratio, ours, theirs = (median(column) for column in zip(*rounds, strict=True))
    print(f"pytest, one empty test   {theirs:.2f} s")
    print(f"hanover run, one case    {ours:.2f} s, {ratio:.1f} times (limits {LIMIT_S} s, {LIMIT})")
    return int(ours > LIMIT_S or ratio > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
