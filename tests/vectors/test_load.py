"""Vectors are read once, in their order, and what a run needs of them is checked."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from harness.data import vectors as shipped
from harness.vectors.load import PREFIXES, load_vectors
from harness.vectors.marks import coverage_of_vector, told
from harness.vectors.model import VectorError
from harness.vectors.schema import families
from tests.vectors.own_vectors import good, write


def test_shipped_vectors_have_unique_ids_of_their_family() -> None:
    every = load_vectors()
    assert len({one.id for one in every}) == len(every) > 30
    assert {one.id.partition("-")[0] for one in every if one.family == "image_verify"} == {"IV"}
    assert all(one.id.startswith(PREFIXES[one.family]) for one in every)
    assert {one.family for one in every} <= set(families()) == set(PREFIXES)


def test_a_vector_is_what_its_file_says(tmp_path: Path) -> None:
    path = write(tmp_path, good())
    first, second = load_vectors(tmp_path)
    assert (first.id, first.family, first.topic) == ("IV-9001", "image_verify", "own")
    assert (second.flags, second.requirements) == (("Plain", "Text"), ("OTA-F-029", "OTA-C-085"))
    assert second.body == good()["vectors"][1]
    assert second.needs == {"container": "zcl", "verify": ["structure"]}
    assert second.source == "ZCL rev 8, 11.4; ota-cluster 5.1"
    assert (second.folder, second.place) == (tmp_path.resolve(), "image_verify/own.json")
    assert path.resolve() == second.file


def test_one_family_alone(tmp_path: Path) -> None:
    write(tmp_path, good())
    assert len(load_vectors(tmp_path, "image_verify")) == 2
    assert load_vectors(tmp_path, "frames") == ()


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    document = good()
    write(tmp_path, document)
    before = load_vectors(tmp_path)
    assert load_vectors(tmp_path) is before
    document["vectors"][0]["comment"] = "a longer comment than before"
    write(tmp_path, document)
    assert load_vectors(tmp_path)[0].comment == "a longer comment than before"


def test_order_is_that_of_family_file_and_place(tmp_path: Path) -> None:
    one, two = good(), good()
    for number, row in enumerate(two["vectors"]):
        row["id"] = f"IV-90{number + 10}"
    write(tmp_path, one, topic="b")
    write(tmp_path, two, topic="a")
    ids = [one.id for one in load_vectors(tmp_path)]
    assert ids == ["IV-9010", "IV-9011", "IV-9001", "IV-9002"]


def test_folders_of_schemas_and_bases_are_no_families() -> None:
    assert (shipped() / "schema" / "image-verify-1.json").is_file()
    assert {one.family for one in load_vectors()} & {"schema", "bases"} == set()


def spoil(document: dict[str, Any], where: str, value: object) -> dict[str, Any]:
    """Put a value at a dotted place of the second vector, or of the file (``/name``)."""
    if where.startswith("/"):
        document[where[1:]] = value
    else:
        document["vectors"][1][where] = value
    return document


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("/schema", "frames-1", 'schema: found "frames-1", wanted "image-verify-1"'),
        ("/vectors", [], "vectors: found [], wanted a list of one vector or more"),
        ("/vectors", [7], "vectors[0]: found 7, wanted an object"),
        ("/notes", [], "notes: found [], wanted an object"),
        ("/notes", {"Plain": {"kind": "x"}}, "notes.Plain: found"),
        ("id", "IV9", 'vectors[1].id: found "IV9", wanted an id like IV-001'),
        ("id", "IV-9001", "IV-9001: id: found IV-9001, which is in image_verify/own.json too"),
        ("flags", ["Plian"], 'IV-9002: flags: found "Plian", wanted one of the notes: Plain, Text'),
        ("flags", [], "IV-9002: flags: found [], wanted a list of one text or more"),
        ("comment", None, "IV-9002: comment: found null, wanted a text"),
        ("requirements", [1], "IV-9002: requirements: found 1, wanted a text"),
        ("needs", "zcl", 'IV-9002: needs: found "zcl", wanted an object'),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, where: str, value: object, said: str) -> None:
    write(tmp_path, spoil(good(), where, value))
    with pytest.raises(VectorError) as caught:
        load_vectors(tmp_path)
    assert str(caught.value).startswith("image_verify/own.json: ")
    assert said in str(caught.value)
    assert caught.value.found
    assert caught.value.wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "found no JSON"), ("[]", "wanted an object"), ('{"a": 1, "a": 2}', "'a' stands twice")],
)
def test_a_file_that_is_no_object_is_refused(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, good()).write_text(text, "utf-8")
    with pytest.raises(VectorError, match=said):
        load_vectors(tmp_path)


def test_an_error_survives_the_way_from_a_worker() -> None:
    error = VectorError("a.json", "IV-1", "needs", "1", "2")
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.field) == ("a.json: IV-1: needs: found 1, wanted 2", "needs")


def test_coverage_is_that_of_the_vector(tmp_path: Path) -> None:
    write(tmp_path, spoil(good(), "requirements", ["OTA-F-029", "OTA-X-001"]))
    first, second = load_vectors(tmp_path)
    assert [each.id for each in coverage_of_vector(first).requirements] == ["OTA-C-085"]
    with pytest.raises(VectorError, match="IV-9002: requirements: found no requirement"):
        coverage_of_vector(second)


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        (None, ""),
        ({"end_status": ["ABORT", "none"], "boots": "old"}, "end_status ABORT or none; boots old"),
        ({"findings": [], "version": 7}, "findings none; version 7"),
        ({"device": {"boots": "old"}}, 'device {"boots": "old"}'),
        ("anything", "anything"),
    ],
)
def test_what_a_vector_expects_is_told_in_a_line(expect: object, said: str) -> None:
    assert told(json.loads(json.dumps(expect))) == said


def test_the_readme_shows_a_vector_as_it_is() -> None:
    page = (shipped() / "README.md").read_text("utf-8")
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])
    (held,) = [one.body for one in load_vectors() if one.id == shown["id"]]
    assert shown == held
