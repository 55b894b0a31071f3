"""The guide for makers of servers says what is so."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from harness.cli.run import run
from harness.known import read
from harness.recorder import About
from harness.requirements import catalogue
from harness.runner import run_suite
from harness.suite import SERVER_CASES, RunOptions, built_in

CHECKOUT = Path(__file__).parents[2]
GUIDE = (CHECKOUT / "docs/guides/servers.md").read_text("utf-8")
KNOWN = CHECKOUT / "tests/interop/known"
HOSTS = ("zigpy", "herdsman")


@pytest.fixture(scope="module")
def every() -> list[About]:
    """Return every server case."""
    options = RunOptions(cases=SERVER_CASES, profiles=built_in()[:1], list_only=True)
    return run_suite(options).collected.every


def table() -> list[tuple[set[str], dict[str, str]]]:
    """Return the findings: requirements of a row, and what each host does."""
    rows = re.findall(r"^\| ((?:OTA-S|GB)-\d+.*?) \| (.*?) \| (.*?) \|$", GUIDE, re.MULTILINE)
    return [
        (set(re.findall(r"(?:OTA-S|GB)-\d+", what)), dict(zip(HOSTS, found, strict=True)))
        for what, *found in rows
    ]


def test_every_command_and_option_exists() -> None:
    options = {name for one in run.params for name in one.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", GUIDE))
    assert named <= options
    assert {"--suite", "--image", "--on-request", "--known"} <= named
    block = GUIDE.split("```")[1]
    commands = [line for line in block.splitlines() if line.startswith("hanover ")]
    assert len(commands) == 4
    for line in commands:
        words = shlex.split(line, comments=True)
        run.make_context("run", words[2:] if "--image" not in words else ["--suite", "server"])


def test_every_requirement_and_item_exists() -> None:
    ids = set(re.findall(r"(?:OTA-[CS]|GB)-\d{3}", GUIDE))
    assert len(ids) > 10
    assert ids <= catalogue.load().keys()
    items = set(re.findall(r"OTA\.SERVER\.[A-Z]+", GUIDE))
    assert items == {one for one in catalogue.items() if one.startswith("OTA.SERVER.")}


def test_the_sample_of_a_list_is_one(tmp_path: Path, every: list[About]) -> None:
    (sample,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    file = tmp_path / "known.toml"
    file.write_text(sample, "utf-8")
    assert len(read(file).reasons) == 2
    assert read(file).strangers(every) == []


@pytest.mark.parametrize("host", HOSTS)
def test_the_findings_are_those_of_the_lists(host: str, every: list[About]) -> None:
    file = KNOWN / f"{host}.toml"
    known = read(file)
    assert known.strangers(every) == []
    assert tomllib.loads(file.read_text("utf-8"))["about"]
    told = [ids for ids, found in table() if found[host] != "kept"]
    kept = [ids for ids, found in table() if found[host] in ("kept", "tolerated")]
    failing: dict[str, set[str]] = {}
    for one in every:
        if (name := one.case.partition("/")[0]) in known.reasons:
            failing[name] = {each.id for each in one.coverage.requirements}
    assert [name for name, ids in failing.items() if not any(ids & row for row in told)] == []
    assert len(failing) == len(known.reasons)
    broken = set().union(*failing.values())
    assert [ids for ids in kept if ids <= broken and ids & _alone(failing)] == []


def _alone(failing: dict[str, set[str]]) -> set[str]:
    """Return the requirements that are all that some failing case judges."""
    return {id for ids in failing.values() if len(ids) == 1 for id in ids}
