"""Judge ``hanover run --suite premises`` as a user sees it."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.premises import load
from harness.requirements import catalogue
from tests.architecture.sources import CHECKOUT
from tests.harness import command
from tests.harness.command import Ran, hanover

CASE = "home_upgrades::every_bridge_is_upgraded"
DATA = Path(load.__file__).parent / "data"
GUIDE = CHECKOUT / "docs" / "guides" / "premises.md"


def run(*arguments: str) -> Ran:
    return hanover("run", "--suite", "premises", *arguments)


def report_of(tmp_path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    return command.report_of(tmp_path, "--suite", "premises", *arguments)


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["verdict"] for one in document["results"]}


def test_every_built_in_home_is_judged_by_default(tmp_path: Path) -> None:
    code, document = report_of(tmp_path, "-k", "GB-059")
    assert code == 0
    assert document["subject"] == {"kind": "home of emulated bridges", "defect": None}
    homes = [f"C{number}" for number in range(1, 8)]
    assert verdicts(document) == dict.fromkeys([f"{CASE}[{name}]" for name in homes], "passed")
    assert [one["name"] for one in document["profiles"]] == homes
    assert len({one["sha256"] for one in document["profiles"]}) == 7


def test_all_stands_for_both_assignments() -> None:
    ran = run("--premises", "all", "--list", "--json")
    document = json.loads(ran.stdout)
    assert ran.exit_code == 0
    (one,) = [one for one in document["cases"] if one["case"] == CASE]
    assert one["profiles"] == list(load.names())


def test_cases_of_homes_cover_what_the_catalogue_asks_of_premises() -> None:
    document = json.loads(run("--list", "--json").stdout)
    covered = {need["id"] for one in document["cases"] for need in one["requirements"]}
    wanted = {one.id for one in catalogue.load().values() if one.judge == "premises"}
    assert wanted - covered == {"GB-074"}  # a fleet is measured, not judged


def test_a_users_own_home_is_judged(tmp_path: Path) -> None:
    text = (DATA / "c2.toml").read_text("utf-8").replace('name = "C2"', 'name = "mine"')
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8")
    code, document = report_of(tmp_path, "--premises", str(file), "-k", "GB-059")
    assert code == 0
    assert verdicts(document) == {f"{CASE}[mine]": "passed"}
    assert document["profiles"][0]["given"] == str(file)


def test_a_defect_fails_the_run_and_its_replay(tmp_path: Path) -> None:
    said = ("--premises", "C1", "--defect", "D403", "-k", "mute_near_goes_back")
    ran = run("--no-html", "--out", str(tmp_path / "report"), *said)
    assert ran.exit_code == 1
    (line,) = [one for one in ran.stdout.splitlines() if one.startswith("  replay ")]
    program, verb, *again = shlex.split(line.removeprefix("  replay "))
    assert (program, verb) == ("hanover", "run")
    ran_again = hanover("run", *again, "--no-html", "--out", str(tmp_path / "again"))
    assert ran_again.exit_code == 1
    seen = [one for one in ran.stdout.splitlines() if one.startswith("  seen ")]
    assert [one for one in ran_again.stdout.splitlines() if one.startswith("  seen ")] == seen
    assert len(seen) == 1


def test_what_fails_counts_unless_the_user_says_otherwise(tmp_path: Path) -> None:
    said = ("--premises", "C1", "--defect", "D431", "-k", "GB-059")
    _, usual = report_of(tmp_path, *said)
    code, document = report_of(tmp_path, *said, "--fail-on", "mandatory")
    assert (usual["fail_on"], usual["exit_code"]) == ("all", 1)
    assert (document["fail_on"], code) == ("mandatory", 0)


def test_workers_and_order_find_the_same(tmp_path: Path) -> None:
    said = ("-k", "home_relay", "--premises", "C7", "--premises", "C1-alternative")
    _, one = report_of(tmp_path, *said)
    _, two = report_of(tmp_path, *said, "-n", "2")
    assert one["results"] == two["results"]
    assert {each["profile"] for each in one["results"]} == {"C7", "C1-alternative"}


def test_no_hash_seed_changes_a_result(tmp_path: Path) -> None:
    said = ("run", "--suite", "premises", "--premises", "C7", "-k", "home_two", "--json")
    out = ("--no-html", "--out", str(tmp_path / "report"))
    found = []
    for number in ("0", "1"):
        ran = subprocess.run(
            [sys.executable, "-m", "harness.cli.main", *said, *out],
            env={**os.environ, "PYTHONHASHSEED": number},
            cwd=CHECKOUT,
            capture_output=True,
            check=True,
        )
        found.append(json.loads(ran.stdout)["results"])
    assert len(found[0]) == 4
    assert found[0] == found[1]


def test_traces_of_a_home_name_its_nodes(tmp_path: Path) -> None:
    _, document = report_of(tmp_path, "--premises", "C6", "-k", "broadcast_goes_everywhere_once")
    (result,) = document["results"]
    lines = (tmp_path / "report" / result["trace"]).read_text("utf-8").splitlines()
    who = {json.loads(line)["who"] for line in lines}
    assert who >= {"hub", "near", "remote_ihd", "remote_gsme", "display", "meter"}
    assert (tmp_path / "report" / result["capture"]).stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--premises", "C9"], "--premises: C9: found no such home, wanted one of C1, C2"),
        (["--premises", "C1", "--premises", "c1"], "--premises: found C1 twice"),
        (["--premises", "C1", "--premises", "all"], "--premises: found C1 twice"),
        (["--profile", "B1"], "--suite premises: found --profile or --dut, wanted --premises"),
        (["--link", "exec:true"], "--suite premises: found --link exec:true, wanted direct:"),
        (["--on-request"], "--on-request: found the premises suite, wanted --suite server"),
        (["--defect", "D301"], "found D301, wanted a defect of --suite premises"),
        (["--defect", "D499"], "--defect: found D499, wanted a defect; did you mean D4"),
        (["-k", "no_such_case_at_all"], "-k no_such_case_at_all: no case matches"),
        (
            ["--premises", "C1", "-k", "low_battery_defers_one_bridge"],
            "low_battery_defers_one_bridge: no case matches: it wants a bridge on a battery, and",
        ),
    ],
)
def test_wrong_use_is_told(arguments: list[str], complaint: str) -> None:
    ran = run(*arguments)
    assert ran.exit_code == 2
    assert complaint in ran.stderr


def test_guide_shows_what_is_printed(tmp_path: Path) -> None:
    block = re.search(r"```\n\$ hanover run (.*?)\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert block is not None
    ran = hanover("run", *shlex.split(block[1]), "--out", str(tmp_path / "report"))
    assert ran.stdout.startswith(block[2])
    assert ran.exit_code == 1


def test_guide_names_every_topic() -> None:
    document = json.loads(run("--list", "--json").stdout)
    topics = {one["case"].partition("::")[0] for one in document["cases"]}
    text = GUIDE.read_text("utf-8")
    assert [one for one in sorted(topics) if f"| `{one}` |" not in text] == []
    assert set(re.findall(r"^\| `(home_\w+)` \|", text, re.MULTILINE)) == topics


def test_defects_are_planted_in_the_homes_that_are_named() -> None:
    said = ("killmatrix", "D402", "D431", "--premises", "C1", "--depth", "named", "--json")
    ran = hanover(*said)
    document = json.loads(ran.stdout)
    assert ran.exit_code == 0
    assert [(one["id"], one["profiles"]) for one in document["defects"]] == [("D431", ["C1"])]
    assert document["homeless"] == ["D402"]


def test_homes_go_with_no_other_suite() -> None:
    ran = hanover("run", "--premises", "C1")
    assert ran.exit_code == 2
    assert "--premises: found the client suite, wanted --suite premises" in ran.stderr
