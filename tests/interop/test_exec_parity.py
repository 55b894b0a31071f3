"""Every case over a pipe, with the same verdict and reason as in this process."""

import shlex
import sys

import pytest

from emulator.profiles.load import load, names
from harness.lanes.exec import CONVERSATIONS
from harness.report.model import CaseResult
from harness.runner import run_suite
from harness.suite import Chosen, RunOptions


def judged(profile: str, link: str) -> dict[str, tuple[object, ...]]:
    chosen = (Chosen(profile=load(profile), given=profile),)
    results: tuple[CaseResult, ...] = run_suite(RunOptions(profiles=chosen, link=link)).results
    return {one.id: (one.verdict, one.reason) for one in results}


@pytest.mark.parametrize("profile", names())
def test_every_case_ends_as_over_the_direct_lane(profile: str) -> None:
    command = shlex.join([sys.executable, "-m", "harness.cli.main", "emulate", profile, "--stdio"])
    direct = judged(profile, "direct:")
    assert len(direct) > 1000
    try:
        piped = judged(profile, f"exec:{command}")
    finally:
        CONVERSATIONS.close()
    assert piped.keys() == direct.keys()
    assert {id: each for id, each in piped.items() if each != direct[id]} == {}
