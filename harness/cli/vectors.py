"""Look into the test vectors, check them and add to them: ``hanover vectors``."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from harness.vectors.model import Vector

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_IN = click.option("--vectors", "folder", type=_FOLDER, help="A folder of vectors of your own.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def vectors() -> None:
    """Look into the test vectors, check them, add to them."""


@vectors.command("list")
@click.option("--family", help="Only this family.")
@click.option("--flag", help="Only vectors with this flag.")
@click.option("--requirement", metavar="ID", help="Only vectors that judge it.")
@click.option("-k", "text", help="Only ids or comments that contain this.")
@_IN
@_JSON
def show_list(
    family: str | None,
    flag: str | None,
    requirement: str | None,
    text: str | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """List vectors: id, family and topic, flags, comment.

    Exits with 2 if none is found.
    """
    from harness.vectors.load import PREFIXES, load_vectors

    tests: list[Callable[[Vector], bool]] = []
    if family is not None:
        if family not in PREFIXES:
            raise click.UsageError(f"--family: found {family}, wanted one of {', '.join(PREFIXES)}")
        tests.append(lambda one: one.family == family)
    if flag is not None:
        tests.append(lambda one: flag.lower() in (each.lower() for each in one.flags))
    if requirement is not None:
        tests.append(lambda one: requirement.upper() in one.requirements)
    if text is not None:
        tests.append(lambda one: text.lower() in f"{one.id} {one.comment}".lower())
    found = [one for one in load_vectors(folder) if all(test(one) for test in tests)]
    if not found:
        raise click.UsageError("there is no such vector")
    if as_json:
        click.echo(json.dumps({"vectors": [_row(one) for one in found]}, indent=2))
        return
    for one in found:
        flags = ", ".join(one.flags)
        click.echo(f"{one.id:7} {one.family}/{one.topic}  [{flags}]  {one.comment}")


@vectors.command()
@click.argument("id", metavar="ID")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the file that its recipe makes, for the device of bases/identity.json.",
)
@_IN
@_JSON
def show(id: str, out: Path | None, folder: Path | None, as_json: bool) -> None:
    """Show one vector: what it is about, its notes, its recipe, what it expects."""
    one = _find(id, folder)
    if out is not None:
        from harness.vectors.recipes import render_vector

        if "image" not in one.body:
            wanted = "a vector of one file: image_verify or file_format"
            raise click.UsageError(f"--out: found {one.id} of family {one.family}, wanted {wanted}")
        octets = render_vector(one)
        out.write_bytes(octets)
        click.echo(f"written: {out}, {len(octets)} octets", err=True)
    if as_json:
        click.echo(json.dumps({**_row(one), "notes": _notes(one), "vector": one.body}, indent=2))
        return
    for line in _lines(one):
        click.echo(line)


@vectors.command()
@click.argument("folder", required=False, type=_FOLDER, metavar="[DIR]")
@_JSON
def check(folder: Path | None, as_json: bool) -> None:
    """Check every vector of a folder, ours by default: schema, ids, notes, digests.

    Exits with 1 if anything is wrong, a line for each problem. A folder of your own need not keep
    the rules of our data set on layout and on the share of cheap vectors.
    """
    from harness.data import vectors as shipped
    from harness.vectors.check import problems
    from harness.vectors.load import load_vectors
    from harness.vectors.model import VectorError

    ours = folder is None or folder.resolve() == shipped().resolve()
    found = problems(folder, ours=ours, progress=_progress())
    if as_json:
        rows = [
            {"file": e.file, "id": e.id, "field": e.field, "found": e.found, "wanted": e.wanted}
            for e in found
        ]
        click.echo(json.dumps({"problems": rows}, indent=2))
    else:
        for error in found:
            click.echo(str(error))
    if found:
        click.echo(f"hanover: vectors check: found {len(found)} wrong, wanted none", err=True)
        raise SystemExit(1)
    try:
        count = len(load_vectors(folder))
    except VectorError as error:  # a rule that only the loader has
        click.echo(str(error))
        raise SystemExit(1) from None
    click.echo(f"vectors checked: {count}, nothing wrong", err=True)


@vectors.command()
@click.argument("family")
@click.argument("topic")
@click.argument("source", type=click.File("r", encoding="utf-8"), default="-", metavar="[FILE]")
@_IN
def add(family: str, topic: str, source: Any, folder: Path | None) -> None:  # noqa: ANN401 - click's file
    """Add vectors to FAMILY/TOPIC.json from JSON: FILE, or standard input.

    The JSON is one vector, or {"about", "notes", "vectors"}; neither has ids or digests: they are
    given here. "about" is needed for a new file, "notes" for flags that are new in it.
    """
    from harness.data import vectors as shipped
    from harness.vectors.author import add as write
    from harness.vectors.author import read_draft

    try:
        document = json.load(source)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"{source.name}: found no JSON ({error}), wanted JSON") from None
    for one in write(family, topic, read_draft(document), folder or shipped()):
        click.echo(f"{one.id} {one.place}")


@vectors.command()
@click.argument("folder", required=False, type=_FOLDER, metavar="[DIR]")
def fmt(folder: Path | None) -> None:
    """Lay out every file of a folder, ours by default, and print those that changed."""
    from harness.data import vectors as shipped
    from harness.vectors.author import format_files

    for path in format_files(folder or shipped()):
        click.echo(f"{path.parent.name}/{path.name}")


def _find(id: str, folder: Path | None) -> "Vector":
    from emulator.errors import did_you_mean
    from harness.vectors.load import load_vectors

    every = {one.id: one for one in load_vectors(folder)}
    if id.upper() not in every:
        raise click.UsageError(f"no vector {id}{did_you_mean(id, every)}")
    return every[id.upper()]


def _row(one: "Vector") -> dict[str, Any]:
    return {
        "id": one.id,
        "family": one.family,
        "topic": one.topic,
        "comment": one.comment,
        "flags": list(one.flags),
        "requirements": list(one.requirements),
    }


def _notes(one: "Vector") -> dict[str, dict[str, str]]:
    return {
        note.flag: {"kind": note.kind, "text": note.text, "source": note.source}
        for note in one.notes
    }


def _lines(one: "Vector") -> Iterator[str]:
    yield f"{one.id}  {one.comment}"
    yield f"  file         {one.place}"
    yield f"  requirements {', '.join(one.requirements)}"
    for note in one.notes:
        yield f"  {note.flag:12} {note.kind}: {note.text} ({note.source})"
    for name, value in one.body.items():
        if name not in ("id", "comment", "flags", "requirements"):
            yield from _field(name, value)


def _field(name: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the lines of one field of a vector: lists and objects one entry a line."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _field(f"{name}.{key}", each)
    elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        for at, each in enumerate(value):
            yield f"  {name}[{at}] {json.dumps(each, ensure_ascii=False)}"
    else:
        yield f"  {name} {json.dumps(value, ensure_ascii=False)}"


def _progress() -> Callable[[int, int], None] | None:
    """Return what counts vectors on the terminal, None where stderr is none."""
    if not sys.stderr.isatty():
        return None

    def count(done: int, total: int) -> None:
        end = "\r\x1b[K" if done == total else ""
        sys.stderr.write(f"\r{done} of {total}{end}")
        sys.stderr.flush()

    return count
