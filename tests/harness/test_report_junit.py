"""JUnit files keep to the schema by which Jenkins' xunit plugin refuses or takes them.

The tables say in our words what junit-10.xsd of that plugin (2024) allows: for each element its
attributes, those that it must have, and what may stand in it. The order of children is free there.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from harness.known import Known, applied
from harness.report import junit
from tests.harness.reports import FAILED, MIXED, cited, report, result

#: Element: attributes that it may have, that it must have, and what may stand in it.
SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, set(), {"testsuite"}),
    "testsuite": (
        {
            *("name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp"),
            *("hostname", "id", "package", "file", "log", "url"),
        },
        {"name", "tests", "failures", "errors"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name", "time", "classname", "group"},
        {"name"},
        {
            *("skipped", "error", "failure", "rerunFailure", "rerunError", "flakyFailure"),
            *("flakyError", "system-out", "system-err"),
        },
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, {"name", "value"}, set()),
    "failure": ({"type", "message"}, set(), set()),
    "error": ({"type", "message"}, set(), set()),
    "skipped": ({"type", "message"}, set(), set()),
}
#: Elements that may hold text.
MIXED_CONTENT = {"failure", "error", "skipped"}
#: Form of the times of suites.
TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")


def flaws(element: Xml.Element) -> Iterator[str]:
    """Yield what the schema refuses of an element and of those in it."""
    name, given = element.tag, set(element.attrib)
    if name not in SCHEMA:
        yield f"{name}: unknown"
        return
    allowed, needed, children = SCHEMA[name]
    yield from (f"{name}: {one}: not allowed" for one in sorted(given - allowed))
    yield from (f"{name}: {one}: missing" for one in sorted(needed - given))
    if name != "testcase" and "time" in given and not TIME.fullmatch(element.attrib["time"]):
        yield f"{name}: time: {element.attrib['time']}"
    if name not in MIXED_CONTENT and (element.text or "").strip():
        yield f"{name}: text"
    for child in element:
        if child.tag not in children:
            yield f"{name}: {child.tag} in it"
        yield from flaws(child)


def written(folder: Path) -> Xml.Element:
    file = junit.write(folder, report(*MIXED, result("a::bare", "B3"), result("c::x", "", FAILED)))
    return Xml.parse(file).getroot()


def test_a_report_of_every_verdict_keeps_to_the_schema(tmp_path: Path) -> None:
    root = written(tmp_path)
    assert {each.tag for each in root.iter()} == set(SCHEMA)  # all that we write is looked at
    assert list(flaws(root)) == []


@pytest.mark.parametrize(
    ("path", "attribute", "value", "said"),
    [
        (".", "skipped", "2", "testsuites: skipped: not allowed"),
        ("testsuite", "time", "a while", "testsuite: time: a while"),
        ("testsuite/testcase", "requirement", "GB-001", "testcase: requirement: not allowed"),
    ],
)
def test_a_planted_flaw_is_found(
    tmp_path: Path, path: str, attribute: str, value: str, said: str
) -> None:
    root = written(tmp_path)
    found = root.find(path)
    assert found is not None
    found.set(attribute, value)
    assert list(flaws(root)) == [said]


def test_a_planted_element_is_found(tmp_path: Path) -> None:
    root = written(tmp_path)
    case = root.find("testsuite/testcase")
    assert case is not None
    Xml.SubElement(case, "properties")
    assert list(flaws(root)) == ["testcase: properties in it"]


def test_a_known_failure_is_skipped_and_an_unexpected_pass_is_a_failure(tmp_path: Path) -> None:
    reasons = {"known::bad": "answers anybody", "known::mended": "was so once"}
    bad = result("known::bad", "B1", FAILED, (cited("OTA-S-021"),))
    given = (bad, result("known::mended"), result("known::other", "B1", FAILED))
    marked, stale = applied(given, Known(file="known.toml", reasons=reasons))
    assert stale == ("known::mended[B1]",)
    root = Xml.parse(junit.write(tmp_path, report(*marked))).getroot()
    assert list(flaws(root)) == []
    found = {one.attrib["name"]: one[0] for one in root.iter("testcase")}
    assert {name: one.tag for name, one in found.items()} == {
        "bad[B1]": "skipped",
        "mended[B1]": "failure",
        "other[B1]": "failure",
    }
    assert found["bad[B1]"].attrib == {
        "type": "known",
        "message": "known: answers anybody (OTA-S-021)",
    }
    assert "seen: SUCCESS (0x00)" in (found["bad[B1]"].text or "")
    assert "take it off the list" in found["mended[B1]"].attrib["message"]
    (suite,) = root
    assert (suite.attrib["failures"], suite.attrib["skipped"]) == ("2", "1")


def test_counts_of_suites_add_up(tmp_path: Path) -> None:
    root = written(tmp_path)
    for name in ("tests", "failures", "errors"):
        assert int(root.attrib[name]) == sum(int(suite.attrib[name]) for suite in root)
    assert int(root.attrib["tests"]) == len(list(root.iter("testcase")))


def test_a_test_case_names_its_requirements(tmp_path: Path) -> None:
    cases = {one.attrib["name"]: one for one in written(tmp_path).iter("testcase")}
    assert cases["good[B2]"].attrib["group"] == "OTA-C-001 GB-068"
    assert "group" not in cases["bare[B3]"].attrib
