"""Write vectors: give the next free id, compute digests, lay the file out."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.data import vectors as shipped
from harness.vectors.check import document_problems, twins, vector_problems
from harness.vectors.layout import text_of
from harness.vectors.load import (
    PREFIXES,
    document_of,
    load_vectors,
    schema_name,
    shown,
    vector_files,
)
from harness.vectors.model import Vector, VectorError
from harness.vectors.recipes import digest
from harness.vectors.schema import families

#: Ids above this are for folders of users.
LAST_OF_OURS = 9000
#: Fields in the order in which a file has them; those of a family stand between.
_FIRST = ("id", "comment", "flags", "requirements", "needs", "image", "offer", "control")
_LAST = ("expect",)
_RECIPE = ("base", "build", "edits", "sha256")
#: The name of a file, without ``.json``.
_TOPIC = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Hold what somebody wants to add: vectors without id and digest, and notes of new flags."""

    about: str | None
    notes: Mapping[str, Any]
    vectors: tuple[Mapping[str, Any], ...]


def read_draft(document: object) -> Draft:
    """Read what somebody wants to add.

    Args:
        document: One vector, or ``{"about"?, "notes"?, "vectors": [...]}``.

    Raises:
        VectorError: It is neither.
    """
    if not isinstance(document, dict):
        raise VectorError("", "", "", shown(document), "a vector, or an object with vectors")
    if "vectors" not in document:
        row = {key: value for key, value in document.items() if key not in ("about", "notes")}
        document = {**{k: document[k] for k in ("about", "notes") if k in document}}
        document["vectors"] = [row]
    rows, notes = document["vectors"], document.get("notes", {})
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise VectorError("", "", "vectors", shown(rows), "a list of one vector or more")
    if not isinstance(notes, dict):
        raise VectorError("", "", "notes", shown(notes), "an object")
    for name in document.keys() - {"about", "notes", "vectors"}:
        raise VectorError("", "", name, "an unknown field", "about, notes, vectors")
    return Draft(about=document.get("about"), notes=notes, vectors=tuple(rows))


def add(family: str, topic: str, draft: Draft, folder: Path) -> tuple[Vector, ...]:
    """Add vectors to a file, which may be new, and return them.

    Nothing is written unless all of it is right.

    Args:
        family: Its family.
        topic: Its file, without ``.json``.
        draft: What to add.
        folder: The folder of the families.

    Raises:
        VectorError: A vector, or the file with it, would be wrong.
    """
    if family not in families():
        raise VectorError(family, "", "", "no family", f"one of {', '.join(families())}")
    if not _TOPIC.fullmatch(topic):
        wanted = "a topic of lower-case letters, digits and underscores"
        raise VectorError(family, "", "", shown(topic), wanted)
    path = folder / family / f"{topic}.json"
    document = document_of(path) if path.exists() else _new(path, draft)
    place = f"{family}/{path.name}"
    notes = dict(document["notes"])
    for flag, note in draft.notes.items():
        if notes.setdefault(flag, note) != note:
            wanted = "the note that the file has, or another flag"
            raise VectorError(place, "", f"notes.{flag}", shown(note), wanted)
    rows = list(document["vectors"])
    for row in draft.vectors:
        if "id" in row:
            wanted = "none: it is given the next free one"
            raise VectorError(place, "", "id", shown(row["id"]), wanted)
        rows.append({"id": "", **row})
    for row, id in zip((row for row in rows if not row["id"]), _ids(family, folder), strict=False):
        row["id"] = id
    document = {**document, "notes": notes, "vectors": [ordered(row) for row in rows]}
    added = _checked(path, document, len(draft.vectors), folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_of(document), "utf-8")
    return added


def format_files(folder: Path) -> list[Path]:
    """Lay out every file of vectors of a folder, and return those that changed.

    Raises:
        VectorError: A file is no JSON object.
    """
    changed = []
    for path in vector_files(folder):
        document = document_of(path)
        rows = document.get("vectors")
        if isinstance(rows, list):
            document["vectors"] = [ordered(row) if isinstance(row, dict) else row for row in rows]
        if (text := text_of(document)) != path.read_text("utf-8"):
            path.write_text(text, "utf-8")
            changed.append(path)
    return changed


def ordered(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a vector with its fields, and those of its recipe, in their order."""
    middle = [key for key in row if key not in (*_FIRST, *_LAST)]
    made = {key: row[key] for key in (*_FIRST, *middle, *_LAST) if key in row}
    image = made.get("image")
    if isinstance(image, dict) and "base" in image:
        more = [key for key in image if key not in _RECIPE]
        made["image"] = {key: image[key] for key in (*_RECIPE, *more) if key in image}
    return made


def _new(path: Path, draft: Draft) -> dict[str, Any]:
    if not draft.about:
        place = f"{path.parent.name}/{path.name}"
        raise VectorError(place, "", "about", "nothing", "what the new file is about")
    family = path.parent.name
    return {"schema": schema_name(family), "about": draft.about, "notes": {}, "vectors": []}


def _ids(family: str, folder: Path) -> Iterable[str]:
    """Return the free ids of a family, above all that are used: ours and a user's never meet."""
    prefix = PREFIXES[family]
    used = [
        int(vector.id.removeprefix(f"{prefix}-"))
        for vector in (*load_vectors(folder, family), *load_vectors(None, family))
        if vector.id.startswith(f"{prefix}-")
    ]
    if folder.resolve() != shipped().resolve():
        used.append(LAST_OF_OURS)
    start = max(used, default=0) + 1
    return (f"{prefix}-{number:03}" for number in range(start, start + 100_000))


def _checked(path: Path, document: dict[str, Any], count: int, folder: Path) -> tuple[Vector, ...]:
    """Compute the digests of the last vectors of a document, and see that all of it is right."""
    for row in document["vectors"][-count:]:
        image = row.get("image")
        if isinstance(image, dict) and "base" in image and "sha256" not in image:
            row["image"] = {**image, "sha256": "0" * 64}
    found, vectors = document_problems(path, document)
    if found:
        raise found[0]
    for row, vector in zip(document["vectors"][-count:], vectors[-count:], strict=True):
        image = row.get("image", {})
        if image.get("sha256") == "0" * 64:
            try:
                image["sha256"] = digest(image, folder)
            except VectorError as error:
                raise vector.error(f"image.{error.field}", error.found, error.wanted) from None
        for problem in vector_problems(vector):
            raise problem
    others = [one for one in load_vectors(folder, path.parent.name) if one.file != path.resolve()]
    for problem in twins([*others, *vectors]):
        raise problem
    return vectors[-count:]
