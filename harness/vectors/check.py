"""Find everything that is wrong with a folder of vectors, each digest computed anew."""

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.data import vectors as shipped
from harness.requirements import catalogue
from harness.vectors.bases import BASES, base_names, load_base
from harness.vectors.layout import text_of
from harness.vectors.load import document_of, load_vectors, read_vectors, shown, vector_files
from harness.vectors.marks import from_vectors
from harness.vectors.model import Vector, VectorError
from harness.vectors.playability import slips
from harness.vectors.recipes import digest
from harness.vectors.schema import SCHEMA, families, schema_errors

#: Flags of inputs that are cheap to make; at most one in so many of a family may have one.
CHEAP, SHARE = frozenset({"Truncated", "BitFlip"}), 3
#: The folder of the cases, which consume vectors.
_CASES = Path(__file__).parent.parent / "cases"


def problems(
    folder: Path | None = None,
    *,
    ours: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> list[VectorError]:
    """Return everything that is wrong with a folder of vectors.

    Args:
        folder: The folder of the families; None: the one that Hanover ships.
        ours: Whether it is held to the rules of our own data set too: its layout, every vector
            different in its flags, few that are cut or flipped only.
        progress: Called with how many vectors are done, and how many there are.
    """
    home = shipped() if folder is None else folder
    found = list(_folders(home))
    vectors: list[Vector] = []
    for path in vector_files(home):
        complaints, read = _file(path, ours=ours)
        found += complaints
        vectors += read
    found += _ids(vectors, home)
    found += _bases(home)
    for at, vector in enumerate(vectors):
        found += vector_problems(vector)
        if progress is not None:
            progress(at + 1, len(vectors))
    if ours:
        found += twins(vectors)
        found += _shares(vectors)
    return found


def consumed() -> frozenset[str]:
    """Return the families that some case runs over."""
    found = set()
    for path in sorted(_CASES.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == from_vectors.__name__:
                found |= {ast.literal_eval(each) for each in node.args}
    return frozenset(found)


def _folders(home: Path) -> Iterator[VectorError]:
    """Yield the folders that are no family, or that no case reads."""
    known, used = families(), consumed()
    present = sorted(
        path.name
        for path in home.iterdir()
        if path.is_dir() and path.name not in (BASES, SCHEMA) and not path.name.startswith(".")
    )
    if not present:
        yield VectorError("", "", "", "no folder of a family", f"one of {', '.join(known)}")
    for name in present:
        if name not in known:
            yield VectorError(name, "", "", "a folder without a schema", ", ".join(known))
        elif name not in used:
            wanted = f'a case that is marked from_vectors("{name}")'
            yield VectorError(name, "", "", "a family that no case reads", wanted)
        if not any((home / name).glob("*.json")):
            yield VectorError(name, "", "", "no file", "one <topic>.json or more")


def _file(path: Path, *, ours: bool) -> tuple[list[VectorError], tuple[Vector, ...]]:
    """Return what is wrong with a file by itself, and its vectors as far as they can be read."""
    if path.parent.name not in families():
        return [], ()
    try:
        document = document_of(path)
        found, vectors = document_problems(path, document)
    except VectorError as error:
        return [error], ()
    if ours and not found and path.read_text("utf-8") != text_of(document):
        place, wanted = f"{path.parent.name}/{path.name}", "that of hanover vectors fmt"
        found.append(VectorError(place, "", "", "another layout", wanted))
    return found, vectors


def document_problems(
    path: Path, document: Mapping[str, Any]
) -> tuple[list[VectorError], tuple[Vector, ...]]:
    """Return what is wrong with the form of a file of vectors, and its vectors if it has a form.

    Args:
        path: Where it lies, or shall lie; its folder is a family that has a schema.
        document: What it holds.
    """
    place = f"{path.parent.name}/{path.name}"
    found = list(schema_errors(place, path.parent.name, document))
    if found:
        return found, ()
    try:
        vectors = read_vectors(path, document)
    except VectorError as error:
        return [error], ()
    used = {flag for vector in vectors for flag in vector.flags}
    for flag in document["notes"]:
        if flag not in used:
            wanted = "a vector with this flag"
            found.append(VectorError(place, "", f"notes.{flag}", "a note of no use", wanted))
    return found, vectors


def _ids(vectors: Sequence[Vector], home: Path) -> Iterator[VectorError]:
    held: dict[str, str] = {}
    if home.resolve() != shipped().resolve():
        held = {each.id: f"Hanover's own {each.place}" for each in load_vectors()}
    for vector in vectors:
        if vector.id in held:
            found = f"{vector.id}, which {held[vector.id]} has"
            yield vector.error("id", found, "an id of its own")
        held.setdefault(vector.id, vector.place)


def _bases(home: Path) -> Iterator[VectorError]:
    if home.resolve() != shipped().resolve():
        ours = {path.stem for path in (shipped() / BASES).glob("*.json")}
        for path in sorted((home / BASES).glob("*.json")):
            if path.stem in ours:
                found = f"the name of one of Hanover's own, {path.stem}"
                yield VectorError(f"{BASES}/{path.name}", "", "", found, "a name of its own")
    for name in base_names(home):
        try:
            load_base(name, home)
        except VectorError as error:
            yield error


def vector_problems(vector: Vector) -> Iterator[VectorError]:
    """Yield what is wrong with a vector by itself: requirements, needs, script, digests."""
    for id in vector.requirements:
        try:
            catalogue.find(id)
        except catalogue.UnknownRequirementError as error:
            yield vector.error("requirements", str(error), "ids of the catalogue")
    if isinstance(base := vector.body.get("control"), str):
        try:
            load_base(base, vector.folder)
        except VectorError as error:
            yield vector.error("control", error.found, error.wanted)
    yield from slips(vector)
    for field, recipe in _recipes(vector.body, ""):
        try:
            made = digest(recipe, vector.folder)
        except VectorError as error:
            yield vector.error(f"{field}.{error.field}", error.found, error.wanted)
            continue
        if made != recipe["sha256"]:
            yield vector.error(f"{field}.sha256", shown(recipe["sha256"]), f'"{made}"')


def _recipes(value: Any, field: str) -> Iterator[tuple[str, Mapping[str, Any]]]:  # noqa: ANN401 - JSON
    """Yield every recipe in a vector, and the dotted name of where it stands."""
    if isinstance(value, dict):
        if "base" in value and "sha256" in value:
            yield field, value
        for name, each in value.items():
            yield from _recipes(each, f"{field}.{name}".lstrip("."))
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from _recipes(each, f"{field}[{at}]")


def twins(vectors: Sequence[Vector]) -> Iterator[VectorError]:
    """Yield the vectors that no note tells from another of their family."""
    first: dict[tuple[str, frozenset[str]], str] = {}
    for vector in vectors:
        key = (vector.family, frozenset(vector.flags))
        other = first.setdefault(key, vector.id)
        if other != vector.id:
            found = f"{', '.join(vector.flags)}, the flags of {other}"
            yield vector.error("flags", found, "a set of flags that no other vector has")


def _shares(vectors: Sequence[Vector]) -> Iterator[VectorError]:
    totals = Counter(each.family for each in vectors)
    cheap = Counter(each.family for each in vectors if CHEAP & set(each.flags))
    for family, count in cheap.items():
        if count * SHARE > totals[family]:
            found = f"{count} of {totals[family]} vectors with {' or '.join(sorted(CHEAP))}"
            yield VectorError(family, "", "", found, f"one in {SHARE} at most")
