"""A report says what was found, in every form the same, and the exit code follows from it."""

import json
import pickle
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import jsonschema
import pytest

from harness.report import folder, json_report, junit, terminal
from harness.report.compose import FailOn, exit_code
from harness.report.model import Cited, State, state_of
from harness.requirements import catalogue
from harness.requirements.catalogue import Evidence, Level
from harness.runner import RunResult, run_suite
from harness.suite import RunOptions, built_in
from harness.verdict import Outcome
from tests.harness.reports import (
    ERROR,
    FAILED,
    INCONCLUSIVE,
    MIXED,
    PASSED,
    UNSUPPORTED,
    cited,
    found,
    made,
    report,
    result,
)


def test_a_result_survives_the_way_from_a_worker() -> None:
    for one in MIXED:
        assert pickle.loads(pickle.dumps(one)) == one


# What it means.

STATES = [
    ([], True, State.NOT_RUN),
    ([], False, State.NOT_COVERED),
    ([PASSED, UNSUPPORTED], True, State.PASSED),
    ([UNSUPPORTED], True, State.UNSUPPORTED),
    ([PASSED, INCONCLUSIVE], True, State.INCONCLUSIVE),
    ([PASSED, ERROR, INCONCLUSIVE], True, State.ERROR),
    ([PASSED, ERROR, FAILED], True, State.FAILED),
]


@pytest.mark.parametrize(("verdicts", "covered", "state"), STATES)
def test_the_heaviest_verdict_makes_the_state(
    verdicts: list[Outcome], covered: bool, state: State
) -> None:
    assert state_of(verdicts, covered=covered) is state


def test_a_case_counts_at_its_most_binding_level() -> None:
    levels = report(*MIXED).levels()
    assert levels["mandatory"] == {
        PASSED: 1,
        FAILED: 1,
        UNSUPPORTED: 1,
        INCONCLUSIVE: 0,
        ERROR: 0,
    }
    assert levels["policy"][ERROR] == levels["policy"][INCONCLUSIVE] == 1
    assert "none" not in levels
    assert report(result("a::bare")).levels()["none"][PASSED] == 1


def test_requirements_without_a_case_keep_their_place() -> None:
    states = report(*MIXED).states()
    every = catalogue.load()
    assert sum(sum(counted.values()) for counted in states.values()) == len(every)
    uncovered = sum(bool(one.uncovered) for one in every.values())
    assert 0 < uncovered == sum(counted[State.NOT_COVERED] for counted in states.values())
    assert states["mandatory"][State.FAILED] == 1
    assert states["mandatory"][State.UNSUPPORTED] == 1
    assert report(*MIXED).covered == len(every) - uncovered


# The exit code.

CONFIRMED = made(Level.MANDATORY, Evidence.CONFIRMED)
DERIVED = made(Level.MANDATORY, Evidence.DERIVED)
RECOMMENDED = made(Level.RECOMMENDED, Evidence.CONFIRMED)
POLICY = made(Level.POLICY, Evidence.ASSUMED)
FAILS = [
    (CONFIRMED, (1, 1, 1, 1)),
    (DERIVED, (0, 1, 1, 1)),
    (RECOMMENDED, (0, 0, 1, 1)),
    (POLICY, (0, 0, 0, 1)),
    (POLICY + CONFIRMED, (1, 1, 1, 1)),
    ((), (1, 1, 1, 1)),
]


@pytest.mark.parametrize(("requirements", "codes"), FAILS)
def test_which_failures_count(requirements: tuple[Cited, ...], codes: tuple[int, ...]) -> None:
    ran = found(result("a::x", "B1", FAILED, requirements), result("a::x", "B2"))
    assert tuple(exit_code(ran, fail_on) for fail_on in FailOn) == codes


ENDS = [
    (found(result("a::x")), 0),
    (found(result("a::x"), result("a::y", verdict=UNSUPPORTED)), 0),
    (found(result("a::x", verdict=UNSUPPORTED)), 2),
    (found(result("a::x", verdict=UNSUPPORTED), result("a::y", verdict=INCONCLUSIVE)), 2),
    (found(), 2),
    (found(result("a::x", verdict=FAILED), result("a::y", verdict=ERROR)), 3),
    (found(result("a::x"), broken=["no disk"]), 3),
    (found(result("a::x", verdict=ERROR), interrupted=True), 130),
]


@pytest.mark.parametrize(("ran", "code"), ENDS)
def test_how_a_run_ends(ran: RunResult, code: int) -> None:
    assert exit_code(ran, FailOn.MANDATORY_CONFIRMED) == code


@pytest.mark.parametrize(
    ("verdict", "required", "code"),
    [
        (UNSUPPORTED, (), 0),
        (UNSUPPORTED, ("GB-068",), 0),
        (UNSUPPORTED, ("OTA-C-001",), 1),
        (INCONCLUSIVE, ("OTA-C-001",), 1),
        (PASSED, ("OTA-C-001",), 0),
        (PASSED, ("OTA-C-002",), 1),
    ],
)
def test_a_required_requirement_needs_a_verdict(
    verdict: Outcome, required: tuple[str, ...], code: int
) -> None:
    one = result("a::x", "B1", verdict, (cited("OTA-C-001"),))
    ran = found(one, result("a::y", "B1", PASSED, (cited("GB-068"),)))
    assert exit_code(ran, FailOn.ALL, required) == code


# JSON.


def test_the_schema_is_one_and_a_report_keeps_to_it() -> None:
    jsonschema.Draft202012Validator.check_schema(json_report.schema())
    for each in (report(*MIXED), report(), report(*MIXED, interrupted=True)):
        jsonschema.validate(json.loads(json_report.as_text(each)), json_report.schema())


SPOILT = [
    ("verdict", "skipped"),
    ("reason", ""),
    ("seen", None),
    ("frame", 7),
    ("traec", "x"),
    ("datagrams", -1),
]


@pytest.mark.parametrize(("key", "value"), SPOILT)
def test_the_schema_refuses_another_report(key: str, value: object) -> None:
    document = json.loads(json_report.as_text(report(*MIXED)))
    failed = next(each for each in document["results"] if each["verdict"] == "failed")
    failed[key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_report.schema())


def test_json_says_totals_and_where_it_comes_from() -> None:
    document = json_report.as_document(report(*MIXED, seed=7))
    assert document["schema"] == "hanover-report-2"
    assert document["seed"] == 7
    assert document["totals"]["results"] == 5
    assert document["totals"]["covered"] < document["totals"]["requirements"]
    assert document["totals"]["families"]["b"]["error"] == 1
    assert (
        document["totals"]["requirements"] == len(document["requirements"]) == len(catalogue.load())
    )
    assert [each["name"] for each in document["profiles"]] == ["B1", "B2", "B3", "B4"]
    assert document["provenance"]["product"] == "hanover"
    assert set(document["pics"]) == {"B1", "B2", "B3", "B4"}
    assert document["pics"]["B1"]["OTA.CLIENT.SLEEPY"] is False


# JUnit.


def test_junit_maps_every_verdict() -> None:
    root = junit.as_element(report(*MIXED))
    assert root.attrib["tests"] == "5"
    assert (root.attrib["failures"], root.attrib["errors"]) == ("1", "1")
    assert sum(int(suite.attrib["skipped"]) for suite in root) == 2
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    assert cases["good[B1]"].find("failure") is None
    failure = cases["good[B2]"].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "OTA-C-001, GB-068: failed: it is so"
    assert "expected: INVALID_IMAGE (0x96)" in (failure.text or "")
    skipped = cases["other[B1]"].find("skipped")
    assert skipped is not None
    assert skipped.attrib["type"] == "unsupported"
    assert cases["third[B1]"].find("error") is not None
    assert [suite.attrib["name"] for suite in root] == ["B1", "B2"]


def test_junit_is_xml_whatever_a_reason_holds(tmp_path: Path) -> None:
    hostile = result("a::x", verdict=ERROR, reason="\x00\x1b]0;<&>\"'\ud800\ufffe]]>")
    file = junit.write(tmp_path, report(hostile))
    (error,) = Xml.parse(file).getroot().iter("error")
    assert error.attrib["message"].startswith("error: ")
    assert "<&>\"'" in error.attrib["message"]


# The terminal.


def test_the_matrix_reads_without_colour() -> None:
    lines = list(terminal.matrix(report(*MIXED)))
    assert lines == [
        "         B1    B2",
        "a",
        "  good   pass  FAIL",
        "  other  n/a   -",
        "b",
        "  third  ERR   ?",
    ]


def test_colours_change_nothing_but_colours() -> None:
    coloured = "\n".join(terminal.lines(report(*MIXED), terminal.coloured))
    stripped = re.sub("\x1b\\[[0-9;]*m", "", coloured)
    assert stripped == "\n".join(terminal.lines(report(*MIXED)))
    assert stripped != coloured


def test_a_failure_that_was_known_is_told_and_counted_apart() -> None:
    known = replace(result("a::x", verdict=FAILED, requirements=(cited("OTA-C-001"),)), known="old")
    other = result("a::y", verdict=FAILED, requirements=made(Level.POLICY, Evidence.ASSUMED))
    assert report(known).exit_code == 0
    text = "\n".join(terminal.lines(report(known, other)))
    assert "  known        old\n" in text
    assert (
        "Good; failures that do not count (--fail-on mandatory-confirmed): 1;"
        " failures that were known before: 1." in text
    )


def test_a_failure_is_told_with_the_command_that_repeats_it() -> None:
    text = "\n".join(terminal.lines(report(*MIXED, seed=9)))
    title = catalogue.find("OTA-C-001").title
    assert f"requirement  OTA-C-001 (mandatory, confirmed): {title}" in text
    assert "expected     INVALID_IMAGE (0x96)" in text
    assert "seen         SUCCESS (0x00)" in text
    assert "frame        X: 01 02" in text
    assert "hanover run -k 'a::good[B2]' --profile B2 --seed 0" in text
    assert "n/a  a::other [B1]: unsupported: it is so" in text
    assert f" of {len(catalogue.load())} requirements have a case; 0 passed" in text


def test_the_command_names_link_defect_and_file() -> None:
    one = result("a::x", "mine", FAILED)
    odd = replace(report(one), link="loopback:", subject=replace(report().subject, defect="D001"))
    used = replace(odd.profiles[0], name="mine", given="my files/mine.toml")
    command = terminal.replay(replace(odd, profiles=(used,)), one)
    assert command == (
        "hanover run -k 'a::x[mine]' --profile 'my files/mine.toml' --seed 0"
        " --link loopback: --defect D001"
    )


def test_the_command_names_the_folder_of_vectors() -> None:
    one = result("a::x", "B1", FAILED)
    command = terminal.replay(replace(report(one), vectors="my vectors"), one)
    assert command == "hanover run -k 'a::x[B1]' --profile B1 --seed 0 --vectors 'my vectors'"


def test_one_command_repeats_a_case_on_several_profiles() -> None:
    several = (result("a::x", "B1"), result("a::x", "B3"))
    command = terminal.replay(report(*several), *several)
    assert command == "hanover run -k a::x --profile B1 --profile B3 --seed 0"


def test_many_vectors_that_pass_are_one_row() -> None:
    rows = [
        result(
            f"a::x/IV-{number:03}", profile, FAILED if (number, profile) == (7, "B2") else PASSED
        )
        for number in range(40)
        for profile in ("B1", "B2")
    ]
    lines = list(terminal.matrix(report(*rows, result("a::y/0", "B1"), result("a::y/0", "B2"))))
    assert [line.split() for line in lines[1:]] == [
        ["a"],
        ["x/IV-*:", "39", "vectors", "pass", "pass"],
        ["x/IV-007", "pass", "FAIL"],
        ["y/0", "pass", "pass"],
    ]


def test_few_vectors_are_told_one_by_one() -> None:
    rows = [result(f"a::x/IV-{number:03}") for number in range(5)]
    assert len(list(terminal.matrix(report(*rows)))) == 2 + len(rows)


def test_an_empty_report_is_told_too() -> None:
    assert any("Nothing was judged." in line for line in terminal.lines(report()))


# The folder.


def test_the_former_runs_traces_go_and_nothing_else(tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    traces.mkdir()
    for name in ("old.jsonl", "new.jsonl", "mine.jsonl"):
        (traces / name).write_text("{}\n", "utf-8")
    (tmp_path / "precious.jsonl").write_text("{}\n", "utf-8")
    old = result("a::x", trace="traces/old.jsonl")
    evil = result("a::evil", trace="traces/../precious.jsonl")
    new = result("a::y", trace="traces/new.jsonl")
    folder.write(tmp_path, report(old, evil, new))
    assert (traces / "old.jsonl").exists()
    folder.write(tmp_path, report(new))
    assert sorted(path.name for path in traces.iterdir()) == ["mine.jsonl", "new.jsonl"]
    assert (tmp_path / "precious.jsonl").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "another"}', "\x00"])
def test_a_strange_report_in_the_folder_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_text(text, "utf-8")
    folder.write(tmp_path, report(*MIXED))
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["exit_code"] == 3


def test_a_result_names_its_switches_and_silences() -> None:
    made = run_suite(
        RunOptions(match=("OTA-C-016", "OTA-C-034"), profiles=(built_in()[0],))
    ).results
    by_name = {one.case.partition("::")[2]: one for one in made}
    notified = by_name["unicast_notify_is_followed_by_a_query"]
    assert any("no QueryNextImageRequest in" in line for line in notified.absences)
    assert by_name["running_version_is_not_downloaded"].switches == ("ota.reinstall = refuse",)
    assert pickle.loads(pickle.dumps(notified)) == notified


def test_good_run_says_how_much_of_it_is_inconclusive() -> None:
    made = report(
        result("a::good", "B1", PASSED),
        result("a::other", "B1", INCONCLUSIVE),
        result("a::other", "B2", INCONCLUSIVE),
    )
    assert made.exit_code == 0
    assert terminal.conclusion(made) == "Good; inconclusive: 2 of 3."
    assert terminal.conclusion(report(result("a::good", "B1", PASSED))) == "Good."
