"""``check`` finds what is wrong with a folder of vectors, and says where and what was wanted."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.vectors.check import consumed, problems
from harness.vectors.load import load_vectors
from harness.vectors.schema import families
from tests.vectors.own_vectors import good, write

Document = dict[str, Any]


def said(folder: Path, *, ours: bool = False) -> list[str]:
    return [str(error) for error in problems(folder, ours=ours)]


def test_nothing_is_wrong_with_the_shipped_vectors() -> None:
    seen: list[tuple[int, int]] = []
    assert [str(one) for one in problems(progress=lambda *at: seen.append(at))] == []
    assert seen[-1] == (len(load_vectors()), len(load_vectors()))


def test_every_family_is_consumed_by_a_case() -> None:
    assert set(families()) == consumed()


def test_a_good_folder_has_no_problem(tmp_path: Path) -> None:
    write(tmp_path, good())
    assert said(tmp_path, ours=True) == []


def _row(name: str, value: object) -> Callable[[Document], None]:
    return lambda document: document["vectors"][1].update({name: value})


def _without(name: str) -> Callable[[Document], None]:
    return lambda document: document["vectors"][1].pop(name)


def _image(**more: object) -> Callable[[Document], None]:
    return lambda document: document["vectors"][1]["image"].update(more)


def _note(flag: str, **more: object) -> Callable[[Document], None]:
    return lambda document: document["notes"].setdefault(flag, {}).update(more)


SPOILT: list[tuple[str, Callable[[Document], None], str]] = [
    ("unknown field", _row("colour", 1), "IV-9002: colour: found an unknown field, wanted one of"),
    ("missing field", _without("expect"), "IV-9002: expect: found nothing, wanted a value"),
    ("unknown in file", lambda d: d.update(x=1), "own.json: x: found an unknown field, wanted one"),
    (
        "status",
        _row("expect", {"end_status": ["MAYBE"], "boots": "old"}),
        'expect.end_status[0]: found "MAYBE", wanted one of SUCCESS, INVALID_IMAGE, ABORT, none',
    ),
    (
        "empty accept list",
        _row("expect", {"end_status": [], "boots": "old"}),
        "expect.end_status: found [], wanted at least 1 of them",
    ),
    ("step", _row("needs", {"container": "zcl", "verify": ["mood"]}), 'found "mood", wanted one'),
    ("wrong digest", _image(sha256="0" * 64), "IV-9002: image.sha256: found "),
    ("no such fit", _row("needs", {"container": "gbcs", "verify": ["integrity"]}), "needs: found"),
    (
        "no such key",
        _row("needs", {"container": "zcl", "verify": [], "changes": {"ota.mood": 1}}),
        "IV-9002: needs: found B1: ota.mood: unknown key",
    ),
    ("offer", _row("offer", {"image_size": "big"}), 'offer.image_size: found "big", wanted'),
    ("no digest", lambda d: d["vectors"][1]["image"].pop("sha256"), "image.sha256: found nothing"),
    ("two verbs", _image(edits=[{"keep": 1, "append": "00"}]), "image.edits[0]: found"),
    ("unknown verb", _image(edits=[{"shake": 1}]), "image.edits[0].shake: found an unknown field"),
    ("edit that fits nothing", _image(edits=[{"keep": 99999}]), "image.edits: found edit 0: keep"),
    ("unknown base", _image(base="nothing"), 'image.base: found "nothing", wanted one of'),
    ("unknown control", _row("control", "nothing"), 'control: found "nothing", wanted one of'),
    (
        "unused note",
        _note("More", kind="a", text="Some text.", source="abc"),
        "notes.More: found a",
    ),
    ("unknown flag", _row("flags", ["Odd"]), 'flags: found "Odd", wanted one of the notes'),
    ("note without source", lambda d: d["notes"]["Text"].pop("source"), "notes.Text.source: found"),
    (
        "requirement",
        _row("requirements", ["GB-999"]),
        "requirements: found no requirement 'GB-999'",
    ),
    ("twice", _row("id", "IV-9001"), "IV-9001, which image_verify/own.json has, wanted an id of"),
    ("ours", _row("id", "IV-001"), "IV-001, which Hanover's own image_verify/"),
    ("prefix", _row("id", "FF-9001"), 'FF-9001: id: found "FF-9001", wanted a text like'),
]


@pytest.mark.parametrize(
    ("spoil", "wanted"), [row[1:] for row in SPOILT], ids=[r[0] for r in SPOILT]
)
def test_what_is_wrong_is_found(
    tmp_path: Path, spoil: Callable[[Document], None], wanted: str
) -> None:
    document = good()
    spoil(document)
    write(tmp_path, document)
    found = said(tmp_path)
    assert [line for line in found if wanted in line and "image_verify/own.json: " in line], found


def _all(*lists: list[str]) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        for row, flags in zip(document["vectors"], lists, strict=True):
            row["flags"] = flags

    return change


@pytest.mark.parametrize(
    ("spoil", "wanted"),
    [
        (
            _all(["Plain", "Text"], ["Text", "Plain"]),
            "IV-9002: flags: found Text, Plain, the flags",
        ),
        (
            lambda d: d["vectors"][0]["flags"].append("BitFlip"),
            "image_verify: found 1 of 2 vectors with BitFlip or Truncated, wanted one in 3 at most",
        ),
    ],
    ids=["twins", "share"],
)
def test_rules_of_our_own_data_set(
    tmp_path: Path, spoil: Callable[[Document], None], wanted: str
) -> None:
    document = good()
    document["notes"]["BitFlip"] = {"kind": "a", "text": "One bit differs.", "source": "abc"}
    spoil(document)
    if not any("BitFlip" in row["flags"] for row in document["vectors"]):
        del document["notes"]["BitFlip"]
    write(tmp_path, document)
    assert said(tmp_path) == []
    assert [line for line in said(tmp_path, ours=True) if wanted in line]


def test_another_layout_is_found(tmp_path: Path) -> None:
    write(tmp_path, good()).write_text(json.dumps(good()), "utf-8")
    assert said(tmp_path) == []
    (line,) = said(tmp_path, ours=True)
    assert line.endswith("found another layout, wanted that of hanover vectors fmt")


def test_a_folder_that_is_no_family_is_found(tmp_path: Path) -> None:
    write(tmp_path, good())
    (tmp_path / "imagine").mkdir()
    (line,) = [line for line in said(tmp_path) if "schema" in line]
    assert line.startswith("imagine: found a folder without a schema, wanted file_format, frames,")


def test_a_family_without_a_case_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, good())
    monkeypatch.setattr("harness.vectors.check.consumed", lambda: frozenset({"frames"}))
    (line,) = said(tmp_path)
    assert line.startswith("image_verify: found a family that no case reads")


def test_an_empty_folder_is_found(tmp_path: Path) -> None:
    (line,) = said(tmp_path)
    assert line.startswith("found no folder of a family")


def test_a_base_of_the_name_of_ours_is_found(tmp_path: Path) -> None:
    write(tmp_path, good())
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases" / "zcl-plain.json").write_text("{}", "utf-8")
    assert "bases/zcl-plain.json: found the name of one of Hanover's own" in said(tmp_path)[0]


def test_every_note_says_where_it_is_written() -> None:
    """A source has a number or the mark of a stack in it: a word alone can be looked up nowhere."""
    sources = {note.source for vector in load_vectors() for note in vector.notes}
    assert [one for one in sources if not re.search(r"\d|\[|docs/", one)] == []
