"""The vectors of ``file_format`` say what the reader says: parse, findings, and the same octets."""

import pytest

from emulator.errors import WireError
from emulator.wire.ota_file import Container
from emulator.wire.ota_findings import FindingCode
from emulator.wire.ota_reader import read
from harness.vectors.load import load_vectors
from harness.vectors.model import Vector
from harness.vectors.recipes import render_vector

EVERY = load_vectors(None, "file_format")


def found(vector: Vector) -> tuple[str, list[str]]:
    """Return what the reader says of a vector's octets."""
    octets = render_vector(vector)
    try:
        file, findings = read(octets, Container(vector.needs["container"]))
    except WireError:
        return "reject", []
    assert file.encode() == octets
    return "accept", sorted({finding.code.value for finding in findings})


@pytest.mark.parametrize("vector", EVERY, ids=lambda one: one.id)
def test_the_reader_finds_what_the_vector_says(vector: Vector) -> None:
    expect = vector.body["expect"]
    assert found(vector) == (expect["parse"], expect["findings"])


@pytest.mark.parametrize("vector", EVERY, ids=lambda one: one.id)
def test_findings_are_known_and_a_fatal_one_is_refused(vector: Vector) -> None:
    expect = vector.body["expect"]
    codes = [FindingCode(code) for code in expect["findings"]]
    if expect["parse"] == "reject" or any(code.fatal for code in codes):
        assert expect["device"]["boots"] == "old"
        assert "SUCCESS" not in expect["device"]["end_status"]


#: What no vector shows: the limit on elements, as a file with so many is no reading for a reviewer.
UNSEEN = {FindingCode.TOO_MANY_ELEMENTS}
#: What only keys can tell, and the family image_verify does.
ELSEWHERE = {"OTA-F-017", "OTA-F-018", "OTA-F-019", "OTA-F-020", "OTA-F-023"}
#: What no file of a bridge can show: published numbers of the primitives.
PUBLISHED = {"OTA-F-024", "OTA-F-025"}


def test_every_finding_has_a_vector() -> None:
    seen = {FindingCode(code) for one in EVERY for code in one.body["expect"]["findings"]}
    assert set(FindingCode) - seen == UNSEEN


def test_every_requirement_on_the_layout_has_a_vector() -> None:
    wanted = {f"OTA-F-{number:03}" for number in range(1, 31)}
    judged = {id for one in EVERY for id in one.requirements}
    assert wanted - judged == ELSEWHERE | PUBLISHED


def test_every_field_control_is_taken() -> None:
    """OTA-F-004: all eight have an honest file, and each has a header length that is refused."""
    taken, refused = set(), set()
    for one in EVERY:
        if one.topic == "options" and one.body["expect"]["parse"] == "accept":
            octets = render_vector(one)
            control = octets[8] | octets[9] << 8
            if not one.body["expect"]["findings"]:
                taken.add(control)
            elif one.body["expect"]["findings"] == ["header-length"]:
                refused.add(control)
    assert taken == refused == set(range(8))
