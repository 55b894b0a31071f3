"""The guide says what the code does: its lines fit the schema, its lists are whole."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema

from emulator.actions import Happening
from emulator.faults import CutKind
from emulator.link.json_form import KINDS, from_json
from emulator.link.stdio import OPTIONAL
from emulator.wire.ota import Attribute
from harness.lanes.exec import schema

GUIDE = (Path(__file__).resolve().parents[2] / "docs/guides/exec.md").read_text("utf-8")


def lines() -> Iterator[Any]:
    """Yield every line of JSON that the guide shows."""
    for block in re.findall(r"^```json\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL):
        yield from (json.loads(line) for line in block.splitlines())


def rows(heading: str) -> dict[str, str]:
    """Return the tables of a section: each first cell, and the rest of its row."""
    section = re.split(r"^## ", GUIDE.partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]
    cells = (line.strip("| ").split(" | ", 1) for line in section.splitlines() if line[:1] == "|")
    return {one[0].strip("`"): one[1] for one in cells if len(one) == 2}


def test_every_line_fits_the_schema() -> None:
    validator, seen = jsonschema.Draft202012Validator(schema()), 0
    for line in lines():
        if "kind" in line:
            assert from_json(line)
            continue
        seen += 1
        assert not list(validator.iter_errors(line)), line
    assert seen > 10


def test_every_call_is_described() -> None:
    declared = {one["properties"]["call"]["const"] for one in schema()["$defs"]["request"]["oneOf"]}
    assert declared == {*rows("Calls"), *rows("Capabilities")} & declared


def test_every_kind_is_described_with_its_fields() -> None:
    declared = schema()["$defs"]
    for heading, union in (("Actions", "action"), ("Events", "event")):
        described = rows(heading)
        for one in declared[union]["oneOf"]:
            name = one["properties"]["kind"]["const"]
            if name == "Announced":  # of hubs; a sentence says so
                continue
            assert all(f"`{each.name}`" in described[name] for each in fields(KINDS[name])), name


def test_the_lists_are_whole() -> None:
    assert {str(each) for each in OPTIONAL} <= rows("Capabilities").keys()
    words = [str(each) for each in (*Happening, *CutKind)]
    assert [each for each in words if f"`{each}`" not in GUIDE] == []
    shown = " ".join(rows("Frames"))
    assert [each.name for each in Attribute if f"0x{each:04X}" not in shown] == []
