"""A verdict is a word about the device: no order, worker, hash or seed changes it."""

import json
import os
import subprocess
import sys
from functools import cache

import pytest

from tests.architecture.sources import CHECKOUT

#: Runs the suite, its cases in another order where a number above zero says so.
_RUN = """
import json, random, sys
from harness.runner import run_suite
from harness.suite import SUITES, RunOptions, Suite, built_in

options = json.loads(sys.argv[1])
order, place, cases = options.pop("order"), options.pop("place"), options.pop("suite")
select = Suite.pytest_collection_modifyitems

def shuffled(self, config, items):
    random.Random(order).shuffle(items)
    select(self, config, items)

if order:
    shuffled.pytest_impl = select.pytest_impl
    Suite.pytest_collection_modifyitems = shuffled
found = run_suite(
    RunOptions(**options, cases=SUITES[cases], profiles=built_in()[place : place + 1])
)
assert not found.collected.broken, found.collected.broken
rows = {one.id: [one.verdict, one.reason, one.frame, one.duration_us] for one in found.results}
print(json.dumps(rows))
"""

Rows = dict[str, list[object]]


@cache
def verdicts(
    *,
    place: int = 0,
    suite: str = "client",
    hashes: str = "0",
    order: int = 0,
    workers: int = 1,
    seed: int = 0,
    defect: str | None = None,
) -> Rows:
    """Run a suite on one bridge in a process of its own, and return what each row said."""
    options = {
        "place": place,
        "suite": suite,
        "order": order,
        "workers": workers,
        "seed": seed,
        "defect": defect,
    }
    done = subprocess.run(
        (sys.executable, "-c", _RUN, json.dumps(options)),
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONHASHSEED": hashes},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: Rows = json.loads(done.stdout.splitlines()[-1])
    return found


#: A sleepy bridge that swaps images; one that verifies nothing, so that hundreds of rows fail; a
#: server that ignores offsets.
SUBJECTS = [
    pytest.param({"place": 3}, id="sound"),
    pytest.param({"place": 1, "defect": "D109"}, id="verifies nothing"),
    pytest.param({"suite": "server", "defect": "D316"}, id="server"),
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_order_and_hashes_change_nothing(subject: dict[str, object]) -> None:
    assert verdicts(**subject, order=1, hashes="4711") == verdicts(**subject)


@pytest.mark.parametrize("subject", SUBJECTS[1:])
def test_workers_and_hashes_change_nothing(subject: dict[str, object]) -> None:
    assert verdicts(**subject, workers=2, hashes="17") == verdicts(**subject)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_seed_changes_no_verdict(subject: dict[str, object]) -> None:
    found, usual = verdicts(**subject, seed=20_261_123), verdicts(**subject)
    assert {id: row[0] for id, row in found.items()} == {id: row[0] for id, row in usual.items()}
    # Control: the seed did reach the bridges; a server is asked the same whatever it is.
    assert (found == usual) is ("suite" in subject)


def test_these_subjects_have_verdicts_to_lose() -> None:
    for each, wanted in zip(SUBJECTS, ({"passed"}, *[{"passed", "failed"}] * 2), strict=True):
        rows = verdicts(**each.values[0]).values()
        assert {str(row[0]) for row in rows} - {"unsupported"} == wanted
