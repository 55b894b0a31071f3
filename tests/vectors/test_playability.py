"""``check`` reads a vector as its case will: what no case could play is an error of the data."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.vectors.check import problems
from harness.vectors.frames import JUDGED_AT, OWN_AT
from harness.vectors.load import load_vectors
from tests.vectors.own_vectors import write

Row = dict[str, Any]
SHIPPED = {one.id: one for one in load_vectors()}
#: A vector of ours for each family, and the id that a copy of it has.
COPIED = {"session": ("SE-039", "SE-9001"), "rollback": ("RB-041", "RB-9001")}
BLOCK, QUERY = ("FR-122", "FR-9001"), ("FR-073", "FR-9001")


def said(folder: Path, ids: tuple[str, str], spoil: Callable[[Row], object]) -> list[str]:
    """Return what is wrong with a spoilt copy of a vector of ours, in a folder of its own."""
    ours, own = ids
    vector = SHIPPED[ours]
    row = copy.deepcopy(dict(vector.body)) | {"id": own}
    spoil(row)
    document = json.loads(vector.file.read_text("utf-8"))
    notes = {flag: document["notes"][flag] for flag in vector.flags}
    write(folder, {**document, "notes": notes, "vectors": [row]}, vector.family)
    return [str(error) for error in problems(folder, ours=False)]


@pytest.mark.parametrize("ids", [*COPIED.values(), BLOCK, QUERY], ids=lambda ids: ids[0])
def test_an_honest_copy_has_no_problem(tmp_path: Path, ids: tuple[str, str]) -> None:
    assert said(tmp_path, ids, lambda row: None) == []


def _step(**step: object) -> Callable[[Row], object]:
    return lambda row: row["steps"].append(step)


def _speech(frame: str, **fields: object) -> Callable[[Row], object]:
    return _step(server={"send": {"frame": frame, "fields": fields}})


@pytest.mark.parametrize(
    ("spoil", "wanted"),
    [
        (_speech("ImageNotify", file_offset=3), "step 3: fields: found 'file_offset', wanted one"),
        (_speech("ImageNotify", file_version="ofered"), "; did you mean offered?"),
        (_speech("UpgradeEndResponse", manufacturer=0x12345), "found 74565, wanted a number of 2"),
        (_speech("UpgradeEndResponse", manufacturer="0x12345"), "found '0x12345', wanted a number"),
        (
            _speech("QueryNextImageResponse", status="0x77"),
            "found '0x77', wanted a value of Status",
        ),
        (_step(device="none"), "step 3: within_s: found nothing, wanted seconds"),
        (_step(read={"FILE_OFFSET": ["running"]}), "read.FILE_OFFSET: found 'running', wanted one"),
        (lambda row: row.update(needs={"ota.mood": 1}), "needs: found B1: ota.mood: unknown key"),
        (lambda row: row.update(image={"size": 10**12}), "image.size: found 1000000000000, wanted"),
        (lambda row: row["steps"][0].update(repeat=10**9), "repeat: found 1000000000, wanted 1000"),
    ],
)
def test_a_session_that_cannot_be_played(
    tmp_path: Path, spoil: Callable[[Row], object], wanted: str
) -> None:
    (line,) = said(tmp_path, COPIED["session"], spoil)
    assert line.startswith("session/own.json: SE-9001: ")
    assert wanted in line


@pytest.mark.parametrize(
    ("spoil", "wanted"),
    [
        (
            lambda row: row["events"].append({"offer": "odd", "verdict": ["SUCCESS"]}),
            'offer: found "odd", wanted one of ',
        ),
        (lambda row: row["expect"].update(runs="odd"), 'expect.runs: found "odd", wanted one of '),
        (
            lambda row: row["images"].update(spare=next(iter(row["images"].values()))),
            'images.spare: found "spare", wanted an image that an event serves',
        ),
        (
            lambda row: row["needs"].update(changes={"boot.mood": 1}),
            "needs: found B1: boot.mood: unknown key",
        ),
        (
            lambda row: row["needs"].update(capabilities=["probe"]),
            "needs.capabilities: found ",
        ),
        (
            lambda row: next(iter(row["images"].values())).update(edits=[{"keep": 10**6}]),
            "edits: found edit 0: keep",
        ),
    ],
)
def test_a_rollback_that_cannot_be_played(
    tmp_path: Path, spoil: Callable[[Row], object], wanted: str
) -> None:
    (line,) = said(tmp_path, COPIED["rollback"], spoil)
    assert line.startswith("rollback/own.json: RB-9001: ")
    assert wanted in line


@pytest.mark.parametrize(
    ("ids", "spoil", "wanted"),
    [
        (
            BLOCK,
            lambda row: row["expect"].update(answers=[["Blocks"]]),
            'expect.answers[0]: found "Blocks", wanted the name of a command',
        ),
        (
            BLOCK,
            lambda row: row["expect"].update(answers=[["general:0x07", "default:0x80"]]),
            'found ["general:0x07", "default:0x80"], wanted ["default:0x80", "general:0x07"]',
        ),
        (
            BLOCK,
            lambda row: row["own"].append({"is": "manufacturer", "at": 5000}),
            "found a place that ends at 5002, wanted ",
        ),
        (
            BLOCK,
            lambda row: row["own"].append({"is": "image_size", "at": 3}),
            'is: found "image_size", wanted one of manufacturer, image_type, sequence, file_offset',
        ),
        (BLOCK, lambda row: row["expect"].pop("moves"), "moves: found nothing, wanted moves, then"),
        (
            QUERY,
            lambda row: row["expect"].update(then=["stops"]),
            'then: found ["stops"], wanted nothing of the kind, for stage querying',
        ),
        (
            BLOCK,
            lambda row: row["expect"].update(waits_s=[12, 3]),
            "expect.waits_s: found 12 before 3, wanted the least first",
        ),
        (
            BLOCK,
            lambda row: row.update(needs={"ota.mood": 1}),
            "needs: found B1: ota.mood: unknown",
        ),
        (
            BLOCK,
            lambda row: row.update(needs={"block_octets": {"least": 9, "most": 8}}),
            "needs.block_octets: found 9 before 8, wanted the least first",
        ),
    ],
)
def test_a_frame_that_cannot_be_played(
    tmp_path: Path, ids: tuple[str, str], spoil: Callable[[Row], object], wanted: str
) -> None:
    (line,) = said(tmp_path, ids, spoil)
    assert line.startswith("frames/own.json: FR-9001: ")
    assert wanted in line


def test_the_stages_are_those_of_the_vectors() -> None:
    stages = {one.body["device"]["stage"] for one in SHIPPED.values() if "device" in one.body}
    assert set(OWN_AT) == set(JUDGED_AT) == stages
