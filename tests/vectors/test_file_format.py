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
