"""docs/field-bugs.md is true: what it names exists and fits, and no real bug is missing from it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness.defects import known
from harness.killmatrix import function_of
from harness.requirements import catalogue
from harness.runner import run_suite
from harness.suite import SUITES, RunOptions, built_in
from tests.architecture.sources import CHECKOUT

PAGE = CHECKOUT / "docs" / "field-bugs.md"
#: Projects whose trackers are cited.
TRACKERS = (
    *("zigpy", "zigbee-OTA", "herdsman-converters", "zigbee-herdsman", "zigbee2mqtt", "core"),
    *("esp-zigbee-sdk", "arduino-esp32", "zsmartsystems", "Domoticz-Zigbee", "ZigbeeTLc"),
    *("zigbee-on-host", "deconz-ota-plugin", "Z-Stack-firmware"),
)
_NUMBERS = r"((?:(?:,| and)? (?:PR )?\d{2,}(?![.\d]))+)"
_CITED = re.compile(rf"\b({'|'.join(map(re.escape, TRACKERS))}){_NUMBERS}")
_NAMED = re.compile(r"KRKNWK-\d+|CVE-\d+-\d+")
#: What is in use without a number in a tracker.
STACKS = re.compile(
    r"\[(SL-C|SL-SEC|TL|EX-C|ZB-C|HM)\]|MCUboot|Simplicity SDK|zigpy|herdsman|makers"
)


@dataclass(frozen=True, slots=True)
class Row:
    """Be one bug of the page."""

    seen_in: str
    requirements: tuple[str, ...]
    cases: tuple[str, ...]
    defects: tuple[str, ...]
    none: str


#: The cases that run vectors, a row each.
DRIVEN = frozenset(
    {
        *("file_is_judged_as_expected", "file_is_read_as_laid_out", "frame_is_answered_as_listed"),
        *("session_goes_as_scripted", "what_boots_after"),
    }
)


def rows() -> Iterator[Row]:
    """Yield the rows of every table of the page."""
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or cells[0] in ("Seen in", "---"):
            continue
        assert len(cells) == 5, line
        named, _, none = cells[4].partition("none: ")
        yield Row(
            cells[0],
            tuple(re.findall(r"(?:OTA-[CSF]|GB)-\d{3}", cells[2])),
            tuple(re.findall(r"`(\w+)`", cells[3])),
            tuple(re.findall(r"D\d{3}", named)),
            none,
        )


def bugs(text: str) -> set[str]:
    """Return the bugs that a text cites: project and number, as one word."""
    cited = {
        f"{name} {number}"
        for name, numbers in _CITED.findall(text)
        for number in re.findall(r"\d+", numbers)
    }
    return cited | set(_NAMED.findall(text))


@pytest.fixture(scope="module")
def judged() -> dict[str, set[str]]:
    """Return every case of every suite, and every vector, with the requirements that it judges."""
    made: dict[str, set[str]] = {}
    for folder in SUITES.values():
        options = RunOptions(cases=folder, profiles=built_in(), list_only=True)
        for row in run_suite(options).collected.every:
            ids = {each.id for each in row.coverage.requirements}
            made.setdefault(function_of(row.case), set()).update(ids)
            if row.vector:
                made.setdefault(row.vector, set()).update(ids)
    return made


def test_what_a_row_names_exists_and_fits(judged: dict[str, set[str]]) -> None:
    facts = {one.id: one for one in known()}
    for row in rows():
        assert row.requirements, row
        for id in row.requirements:
            assert catalogue.find(id).id == id
        for case in row.cases:
            assert judged[case] & set(row.requirements), (row.seen_in, case)
        for id in row.defects:
            shown_by = set(facts[id].caught_by) & set(row.cases)
            assert shown_by, (row.seen_in, id)
            if shown_by <= DRIVEN:  # such a case judges nearly everything: the vector says what
                of_vectors = set[str]().union(*(judged[one] for one in facts[id].vectors))
                assert of_vectors & set(row.requirements), (row.seen_in, id, of_vectors)


def test_a_row_without_a_stand_in_says_why(judged: dict[str, set[str]]) -> None:
    covered = set[str]().union(*judged.values())
    for row in rows():
        assert row.defects or row.none, row
        assert row.cases or not covered & set(row.requirements), row


def test_every_real_bug_that_a_defect_copies_is_on_the_page() -> None:
    by_defect: dict[str, set[str]] = {}
    for row in rows():
        for id in row.defects:
            by_defect.setdefault(id, set()).update(bugs(row.seen_in))
    for one in known():
        assert bugs(one.copies) <= by_defect.get(one.id, set()), (one.id, one.copies)
        if STACKS.search(one.copies):
            assert one.id in by_defect, (one.id, one.copies)


def test_bugs_are_read_from_what_defects_say() -> None:
    assert bugs("zigpy 1557; herdsman-converters 6657: x") == {
        "zigpy 1557",
        "herdsman-converters 6657",
    }
    assert bugs("zsmartsystems PR 762 and 788: again") == {"zsmartsystems 762", "zsmartsystems 788"}
    assert bugs("zigpy 2.4.0, ota/manager.py") == set()
    assert bugs("nRF Connect KRKNWK-7723, turned round") == {"KRKNWK-7723"}


def test_the_page_has_its_tables() -> None:
    assert len(list(rows())) >= 60
    assert sum(bool(row.defects) for row in rows()) >= 50
