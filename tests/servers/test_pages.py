"""The pages of a run of the server suite: whose they are, what they show, how large they are."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import octets_below
from harness.cli.main import run_command
from tests.harness.tables import tables_in

#: The folder of the whole suite before one kind of client; the largest trace alone has 5.7 MB.
LIMIT_OCTETS = 4_000_000
LARGE = "gb_airtime::transfer_keeps_the_air_budget"
BROKEN = "server_endings::failure_is_not_told_to_activate"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the whole suite, before a server that tells anybody to activate."""
    made = tmp_path_factory.mktemp("out")
    arguments = ("--suite", "server", "--profile", "B1", "--defect", "D336", "--out", str(made))
    assert run_command(["run", *arguments]) == 1
    return made


@pytest.fixture(scope="module")
def document(out: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((out / "report.json").read_text("utf-8"))
    return read


def page(out: Path, case: str) -> str:
    return (out / "cases" / f"{case.replace('::', '-').replace('/', '-')}.html").read_text("utf-8")


def text(html: str) -> str:
    """Return what a page says."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.replace("<wbr>", "")).split())


def test_page_one_says_what_was_judged(out: Path) -> None:
    said = text((out / "index.html").read_text("utf-8"))
    assert "Conformance of the OTA server at direct:, to a client like B1" in said
    assert "D336" in said
    assert "cases, before 1 kind of client." in said
    assert f"{BROKEN}/ABORT[B1]" in said


def test_every_case_has_a_page_and_every_verdict_is_counted(
    out: Path, document: dict[str, Any]
) -> None:
    cases = {one["case"] for one in document["results"]}
    assert len(list((out / "cases").iterdir())) == len(cases) > 80
    failed = {one["case"] for one in document["results"] if one["verdict"] == "failed"}
    assert {f"{BROKEN}/{one}" for one in ("INVALID_IMAGE", "ABORT")} <= failed
    assert document["totals"]["verdicts"]["failed"] == len(failed)
    assert sum(document["totals"]["verdicts"].values()) == len(document["results"])
    (families,) = [one for one in tables_in(out / "index.html") if one[0][0] == "Family"]
    assert sum(int(row[-1]) for row in families[1:]) == len(document["results"])


def test_the_page_of_a_failure_has_all_that_is_needed_to_show_it_to_a_maker(out: Path) -> None:
    html = page(out, f"{BROKEN}/ABORT")
    said = text(html)
    for wanted in (
        "OTA-S-021",
        "To a client like B1 ✗ FAIL",
        "Expected nothing Seen [UpgradeEndResponse(",
        "1 UpgradeEndResponse in 0.300000 s, wanted none;",
        "Last frame",
        "19 ",
        "--suite server",
        "--defect D336",
        "capture for Wireshark",
    ):
        assert wanted in said, wanted
    (shown,) = re.findall(r'href="\.\./(captures/[^"]+)"', html)
    assert (out / shown).read_bytes().startswith(b"\x0a\x0d\x0d\x0a")
    assert html.count("<svg") > 0


def test_a_very_long_trace_is_left_out_and_its_page_says_how_to_get_it(
    out: Path, document: dict[str, Any]
) -> None:
    (large,) = [one for one in document["results"] if one["case"] == LARGE]
    assert large["verdict"] == "passed"
    assert "trace" not in large
    said = text(page(out, LARGE))
    assert "keeps none of a case that passed with more than 5,000 datagrams" in said
    assert f"-k '{LARGE}[B1]' --suite server" in said.replace("&#39;", "'")
    assert "--traces all" in said
    others = [one for one in document["results"] if one is not large and one.get("datagrams")]
    assert [one["id"] for one in others if "trace" not in one] == []


def test_the_folder_is_small_enough_to_send(out: Path) -> None:
    assert octets_below(out) < LIMIT_OCTETS
