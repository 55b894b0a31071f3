"""Judge ``hanover run --suite server`` as a user sees it."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from emulator.image.build import build
from harness.bench import DUT_EUI64
from harness.report.json_report import schema
from harness.requirements import catalogue
from tests.harness import command
from tests.harness.command import Ran, hanover

KNOWN = "server_endings::failure_is_not_told_to_activate"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Return a file of a maker's own."""
    octets = build(
        payload=bytes(range(256)) * 3,
        manufacturer=0x1234,
        image_type=0x0042,
        version=0x0700,
        hardware=(0x0003, 0x0005),
    )
    file = tmp_path / "image.ota"
    file.write_bytes(octets)
    return file


def run(*arguments: str) -> Ran:
    return hanover("run", "--suite", "server", *arguments)


def report_of(tmp_path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    return command.report_of(tmp_path, "--suite", "server", *arguments)


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {one["case"]: one["verdict"] for one in document["results"]}


def test_our_hub_is_judged_by_default_and_passes(tmp_path: Path) -> None:
    code, document = report_of(tmp_path)
    assert code == 0
    assert document["schema"] == schema()["$id"]
    assert document["subject"] == {"kind": "OTA server", "defect": None}
    assert set(verdicts(document).values()) == {"passed"}
    covered = {id for one in document["cases"] for id in one["requirements"]}
    assert {id for id in catalogue.load() if id.startswith("OTA-S-")} <= covered


def test_cases_are_listed_without_running(tmp_path: Path) -> None:
    ran = run("--list", "--out", str(tmp_path / "report"))
    assert ran.exit_code == 0
    assert "server_blocks" in ran.stdout
    assert not (tmp_path / "report").exists()


def test_a_defect_is_caught_with_clause_frame_and_both_sides(tmp_path: Path) -> None:
    code, document = report_of(tmp_path, "--defect", "D336", "-k", "OTA-S-021")
    failed = [one for one in document["results"] if one["verdict"] == "failed"]
    assert code == 1
    assert len(failed) == 3
    for one in failed:
        assert one["case"].startswith("server_endings::failure_is_not_told_to_activate/")
        assert one["frame"].startswith("UpgradeEndResponse from hub at ")
        assert one["expected"] == "nothing"
        assert "UpgradeEndResponse" in one["seen"]


def test_a_makers_file_is_what_our_hub_serves(tmp_path: Path, image: Path) -> None:
    wanted = ("-k", "server_offers", "-k", "whole_file_is_the_file")
    code, document = report_of(tmp_path, "--image", str(image), *wanted)
    found = verdicts(document)
    assert code == 0
    assert found.pop("server_offers::highest_version_is_offered") == "unsupported"
    assert set(found.values()) == {"passed"}
    assert {one["image_type"] for one in document["images"]} == {0x0042}


def test_file_of_one_device_is_judged_by_whose_it_is(tmp_path: Path, image: Path) -> None:
    """The client's own file is asked for; the others of the tester's files are judged as ever."""
    refused = "server_nonsense::own_file_is_refused_where_there_are_none"
    alone = "server_nonsense::file_of_one_device_is_offered_to_it_alone"
    whole = "server_blocks::whole_file_is_the_file"
    found = []
    for destination in (DUT_EUI64, DUT_EUI64 + 1):
        own, first = tmp_path / "own.ota", tmp_path / "first.ota"
        for file, version in ((own, 0x0800), (first, 0)):
            file.write_bytes(
                build(
                    payload=b"a secret",
                    manufacturer=0x1234,
                    image_type=0xFFC0,
                    version=version,
                    destination=destination,
                )
            )
        files = [f"--image={one}" for one in (own, first, image)]
        code, document = report_of(tmp_path, *files, "-k", "OTA-S-023", "-k", whole)
        said = verdicts(document)
        assert (code, said[refused], said[whole]) == (0, "unsupported", "passed")
        found.append(said[alone])
    assert found == ["passed", "unsupported"]
    ran = run("--image", str(own), "-k", whole, "--out", str(tmp_path / "report"))
    assert "needs an image for every device of a kind: --image one" in ran.stdout


def test_a_failure_is_replayed_by_its_command(tmp_path: Path, image: Path) -> None:
    said = ("--image", str(image), "--lacks", "OTA.SERVER.PAGE", "--defect", "D336")
    ran = run("--no-html", "--out", str(tmp_path / "report"), *said, "-k", f"{KNOWN}/ABORT")
    (line,) = [one for one in ran.stdout.splitlines() if one.startswith("  replay ")]
    program, verb, *again = shlex.split(line.removeprefix("  replay "))
    assert (program, verb) == ("hanover", "run")
    ran_again = hanover("run", *again, "--no-html", "--out", str(tmp_path / "again"))
    assert ran_again.exit_code == ran.exit_code == 1
    frame = [one for one in ran.stdout.splitlines() if one.startswith("  frame ")]
    assert [one for one in ran_again.stdout.splitlines() if one.startswith("  frame ")] == frame
    assert len(frame) == 1


def test_statements_choose_among_the_cases(tmp_path: Path) -> None:
    pages = ("-k", "server_pages")
    served = "server_pages::page_is_streamed_at_its_pace"
    refused = "server_pages::page_is_refused_where_there_are_none"
    _, has = report_of(tmp_path, *pages, "--supports", "OTA.SERVER.PAGE")
    assert (verdicts(has)[served], verdicts(has)[refused]) == ("passed", "unsupported")
    assert has["pics"] == {"B1": {"OTA.SERVER.PAGE": True}}
    _, has_not = report_of(tmp_path, *pages, "--lacks", "OTA.SERVER.PAGE")
    assert (verdicts(has_not)[served], verdicts(has_not)[refused]) == ("unsupported", "passed")


def test_the_client_plays_each_profile_that_is_named(tmp_path: Path) -> None:
    both = ("--profile", "B2", "--profile", "B4", "-k", "OTA-S-002")
    code, document = report_of(tmp_path, *both)
    assert code == 0
    assert {one["profile"] for one in document["results"]} == {"B2", "B4"}


def test_seed_and_order_change_no_verdict(tmp_path: Path) -> None:
    topics = ("server_endings", "server_offers", "server_discovery")
    one = report_of(tmp_path, *(word for name in topics for word in ("-k", name)))[1]
    two = report_of(
        tmp_path, "--seed", "12345", *(word for name in topics[::-1] for word in ("-k", name))
    )[1]
    assert verdicts(one) == verdicts(two)
    assert len(verdicts(one)) > 20


def test_workers_find_the_same(tmp_path: Path) -> None:
    _, one = report_of(tmp_path, "-k", "server_endings")
    _, two = report_of(tmp_path, "-k", "server_endings", "-n", "2")
    assert one["results"] == two["results"]


def test_known_failures_fail_no_run_and_are_shown_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(f'about = "x"\n[failures]\n"{KNOWN}" = "answers anybody"\n', "utf-8")
    only = ("--defect", "D336", "-k", "OTA-S-021", "--known", str(file))
    code, document = report_of(tmp_path, *only)
    failed = [one for one in document["results"] if one["verdict"] == "failed"]
    assert code == 0
    assert [one["known"] for one in failed] == ["answers anybody"] * 3


@pytest.mark.parametrize("listed", [KNOWN, f"{KNOWN}/ABORT", f"{KNOWN}[B1]", f"{KNOWN}/ABORT[B1]"])
def test_a_known_failure_that_passes_fails_the_run(tmp_path: Path, listed: str) -> None:
    file = tmp_path / "known.toml"
    file.write_text(f'[failures]\n"{listed}" = "it was so once"\n', "utf-8")
    code, document = report_of(tmp_path, "-k", f"{KNOWN}/ABORT", "--known", str(file))
    (result,) = document["results"]
    assert (code, result["verdict"]) == (1, "failed")
    assert "it was so once" in result["expected"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("= 1", "found Invalid"),
        ("", "failures: found none, wanted a table of cases and reasons"),
        ("[failures]\n", "failures: found none, wanted a table of cases and reasons"),
        ('about = 3\n[failures]\n"x" = "y"\n', "about: found 3, wanted a text"),
        ("fails = 1\n", "fails: found an unknown key, wanted about, failures"),
        (f'[failures]\n"{KNOWN}" = " "\n', f"failures: {KNOWN}: found ' ', wanted a reason"),
        ('[failures]\n"nobody" = "x"\n', "nobody: found no such case, wanted one that runs"),
    ],
)
def test_a_wrong_list_is_wrong_use(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "known.toml"
    file.write_text(text, "utf-8")
    ran = run("--known", str(file), "-k", "OTA-S-002")
    assert ran.exit_code == 2
    assert f"{file}: {complaint}" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--link", "exec:true"], "--suite server: found --link exec:true, wanted ezsp:PORT"),
        (["--link", "ezsp:nowhere"], "--image: found none, wanted the files that the server holds"),
        (["--link", "ezsp:"], "--link ezsp:: found no stick, wanted ezsp:PORT"),
        (["--on-request"], "--on-request: found --link direct:, wanted ezsp:PORT"),
        (["--strict"], "--strict: found --link direct:, wanted ezsp:PORT"),
        (["--answer-limit", "1"], "--answer-limit: found --link direct:, wanted ezsp:PORT"),
        (["--lacks", "OTA.SERVER"], "--lacks: found OTA.SERVER, wanted an item of a server"),
        (
            ["--lacks", "OTA.SERVER", "--supports", "OTA.SERVER.PAGE"],
            "--lacks OTA.SERVER: found it beside --supports OTA.SERVER.PAGE, which implies it",
        ),
        (["--supports", "OTA.SERVER.PAGES"], "did you mean OTA.SERVER.PAGE?"),
        (["--supports", "OTA.CLIENT"], "--supports: found OTA.CLIENT, wanted one of OTA.SERVER"),
        (
            ["--supports", "OTA.SERVER.PAGE", "--lacks", "OTA.SERVER.PAGE"],
            "OTA.SERVER.PAGE: found --supports and --lacks, wanted one of them",
        ),
        (["--defect", "D017"], "--defect: found D017, wanted a defect"),
        (["-k", "no_such_case_at_all"], "-k no_such_case_at_all: no case matches"),
    ],
)
def test_wrong_use_is_told(arguments: list[str], complaint: str) -> None:
    ran = run(*arguments)
    assert ran.exit_code == 2
    assert complaint in ran.stderr


def test_what_is_no_firmware_file_is_wrong_use(tmp_path: Path) -> None:
    file = tmp_path / "text.ota"
    file.write_text("no file of firmware", "utf-8")
    ran = run("--image", str(file))
    assert ran.exit_code == 2
    assert f"--image {file}: " in ran.stderr
    assert "wanted an OTA file" in ran.stderr


@pytest.mark.parametrize("option", ["--on-request", "--strict", "--supports=OTA.SERVER"])
def test_what_is_of_servers_goes_with_no_other_suite(option: str) -> None:
    ran = hanover("run", option, "-k", "OTA-C-016")
    assert ran.exit_code == 2
    assert "found the client suite, wanted --suite server" in ran.stderr


def test_a_stick_that_is_not_there_is_no_failure_of_the_server(tmp_path: Path, image: Path) -> None:
    pytest.importorskip("bellows")
    where = ("--link", f"ezsp:{tmp_path}/nothing", "--image", str(image), "-k", "OTA-S-002")
    code, document = report_of(tmp_path, *where)
    assert code == 3
    assert set(verdicts(document).values()) == {"error"}
