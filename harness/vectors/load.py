"""Read the vectors of a folder, quickly: what a run needs of them is checked, once.

A folder of vectors holds one folder a family, one file a topic; ``schema`` and ``bases`` are no
families. ``harness.vectors.check`` looks at everything else.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.data import vectors as shipped
from harness.vectors.model import Note, Vector, VectorError

#: Folders that hold no family.
OTHERS = frozenset({"schema", "bases"})
#: Prefix of the ids of each family.
PREFIXES = {
    "frames": "FR",
    "file_format": "FF",
    "image_verify": "IV",
    "session": "SE",
    "rollback": "RB",
}
_ID = re.compile(r"[A-Z]{2}-\d{3,}")
#: Characters of a found value that a message shows.
_LONGEST = 60


def load_vectors(folder: Path | None = None, family: str | None = None) -> tuple[Vector, ...]:
    """Return the vectors of a folder in the order of family, file and place.

    They are read again only after a file has changed.

    Args:
        folder: The folder of the families; None: the vectors that Hanover ships.
        family: Only this one; None: all.

    Raises:
        VectorError: A file is not what a file of vectors is, or an id stands twice.
        DataMissingError: There are no shipped vectors.
    """
    home = (shipped() if folder is None else folder).resolve()
    stamps = tuple((path, *_stamp(path)) for path in vector_files(home))
    every = _loaded(stamps)
    return every if family is None else tuple(one for one in every if one.family == family)


def vector_files(folder: Path) -> list[Path]:
    """Return the files of all families of a folder, in their order."""
    return [
        path
        for family in sorted(folder.iterdir())
        if family.is_dir() and family.name not in OTHERS and not family.name.startswith(".")
        for path in sorted(family.glob("*.json"))
    ]


def schema_name(family: str) -> str:
    """Return what the files of a family say that they are."""
    return f"{family.replace('_', '-')}-1"


def shown(value: object) -> str:
    """Return a value of a JSON document on one line, cut short where it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def document_of(path: Path) -> dict[str, Any]:
    """Return the JSON object of one file of vectors.

    Raises:
        VectorError: It is no JSON, no object, or has a key twice.
    """
    place = f"{path.parent.name}/{path.name}"
    try:
        document = json.loads(path.read_text("utf-8"), object_pairs_hook=_once)
    except OSError as error:
        raise VectorError(place, "", "", error.strerror or str(error), "a file") from None
    except (ValueError, RecursionError) as error:
        raise VectorError(place, "", "", f"no JSON: {error}", "JSON") from None
    if not isinstance(document, dict):
        raise VectorError(place, "", "", shown(document), "an object")
    return document


def read_vectors(path: Path, document: Mapping[str, Any] | None = None) -> tuple[Vector, ...]:
    """Return the vectors of one file.

    Args:
        path: The file.
        document: What it holds, or shall hold; None: what is on the disk.

    Raises:
        VectorError: A field that every vector has is missing or of another kind.
    """
    family, place = path.parent.name, f"{path.parent.name}/{path.name}"
    if document is None:
        document = document_of(path)
    if document.get("schema") != schema_name(family):
        found = shown(document.get("schema"))
        raise VectorError(place, "", "schema", found, shown(schema_name(family)))
    notes = {
        flag: _note(place, flag, value) for flag, value in _table(place, document, "notes").items()
    }
    rows = document.get("vectors")
    if not isinstance(rows, list) or not rows:
        raise VectorError(place, "", "vectors", shown(rows), "a list of one vector or more")
    return tuple(_vector(path, row, index, notes) for index, row in enumerate(rows))


def _stamp(path: Path) -> tuple[int, int]:
    facts = path.stat()
    return facts.st_mtime_ns, facts.st_size


@lru_cache(maxsize=8)
def _loaded(stamps: tuple[tuple[Path, int, int], ...]) -> tuple[Vector, ...]:
    made: dict[str, Vector] = {}
    for path, _, _ in stamps:
        for vector in read_vectors(path):
            if vector.id in made:
                found = f"{vector.id}, which is in {made[vector.id].place} too"
                raise vector.error("id", found, "an id of its own")
            made[vector.id] = vector
    return tuple(made.values())


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs; a key that stands twice hides a value."""
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"key {key!r} stands twice")
        made[key] = value
    return made


def _table(place: str, document: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = document.get(name)
    if not isinstance(value, dict):
        raise VectorError(place, "", name, shown(value), "an object")
    return value


def _note(place: str, flag: str, value: object) -> Note:
    keys = ("kind", "text", "source")
    if not isinstance(value, dict) or any(not isinstance(value.get(key), str) for key in keys):
        wanted = f"an object with the texts {', '.join(keys)}"
        raise VectorError(place, "", f"notes.{flag}", shown(value), wanted)
    return Note(flag=flag, **{key: value[key] for key in keys})


def _vector(path: Path, row: object, index: int, notes: Mapping[str, Note]) -> Vector:
    place = f"{path.parent.name}/{path.name}"
    if not isinstance(row, dict):
        raise VectorError(place, "", f"vectors[{index}]", shown(row), "an object")
    id = row.get("id")
    if not isinstance(id, str) or not _ID.fullmatch(id):
        wanted = f"an id like {PREFIXES.get(path.parent.name, 'XX')}-001"
        raise VectorError(place, "", f"vectors[{index}].id", shown(id), wanted)
    flags = tuple(_texts(place, id, row, "flags"))
    for flag in flags:
        if flag not in notes:
            wanted = f"one of the notes: {', '.join(notes)}"
            raise VectorError(place, id, "flags", shown(flag), wanted)
    if not isinstance(comment := row.get("comment"), str):
        raise VectorError(place, id, "comment", shown(comment), "a text")
    if not isinstance(needs := row.get("needs", {}), dict):
        raise VectorError(place, id, "needs", shown(needs), "an object")
    return Vector(
        id=id,
        family=path.parent.name,
        topic=path.stem,
        comment=comment,
        flags=flags,
        requirements=tuple(_texts(place, id, row, "requirements")),
        needs=needs,
        body=row,
        notes=tuple(notes[flag] for flag in flags),
        file=path,
    )


def _texts(place: str, id: str, row: Mapping[str, Any], name: str) -> Iterator[str]:
    value = row.get(name)
    if not isinstance(value, list) or not value:
        raise VectorError(place, id, name, shown(value), "a list of one text or more")
    for text in value:
        if not isinstance(text, str):
            raise VectorError(place, id, name, shown(text), "a text")
        yield text
