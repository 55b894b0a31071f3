"""Show the defects that can be planted, and what must catch them: ``hanover defects``."""

import json
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from harness.defects import SUITES, UnknownDefectError, find, known, nearest, suite_of, told

if TYPE_CHECKING:
    from emulator import DefectFacts


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def defects(ids: tuple[str, ...], as_json: bool) -> None:
    """List the deliberate faults that the suite is proven with, or show some of them.

    A defect is a bridge, or a server, with one part replaced. Shown are the real bug or the broken
    rule that it copies, the cases and vectors that must catch it, and the command that plants it.
    """
    try:
        chosen = [find(one) for one in ids] or list(known())
    except UnknownDefectError as error:
        raise click.UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps({"defects": [_document(one) for one in chosen]}, indent=2))
        return
    for one in chosen:
        for line in _details(one) if ids else _short(one):
            click.echo(line)
    if not ids:
        click.echo(f"{len(chosen)} defects; hanover defects ID shows more of one")


def check_defect(suite: str, id: str) -> str:
    """Return the id behind ``--defect``, which may be in small letters, if a suite has the defect.

    Raises:
        click.UsageError: It has none; the message names the nearest.
    """
    ids, wanted = [one.id for one in known(suite)], id.strip().upper()
    if wanted in ids:
        return wanted
    others = [each for each in SUITES if any(one.id == wanted for one in known(each))]
    near = f" of --suite {suite}: it is one of --suite {others[0]}" if others else nearest(id, ids)
    raise click.UsageError(f"--defect: found {id}, wanted a defect{near}")


def _short(one: "DefectFacts") -> Iterator[str]:
    yield f"{one.id}  {one.title}"
    yield f"      copies {told(one.copies)}; caught by {', '.join(one.caught_by)}"


def _details(one: "DefectFacts") -> Iterator[str]:
    yield f"{one.id}  {one.title}"
    yield f"  copies     {told(one.copies)}"
    yield f"  replaces   {', '.join(one.replaces)}"
    if suite_of(one.id) == "client":
        yield f"  shows      {_conditions(one)}"
    for case in one.caught_by:
        yield f"  caught by  {case}"
    if one.vectors:
        yield f"  vectors    {', '.join(one.vectors)}"
    yield f"  try        {shlex.join(_command(one))}"


def _conditions(one: "DefectFacts") -> str:
    """Return on which bridges a defect shows, in words."""
    told = [
        f"{key} = {' or '.join(str(value) for value in values)}"
        for key, values in one.where.items()
    ]
    return f"where {', '.join(told)}" if told else "on every bridge"


def _command(one: "DefectFacts") -> list[str]:
    suite = suite_of(one.id)
    wanted = one.vectors or one.caught_by
    return [
        *("hanover", "run"),
        *(() if suite == "client" else ("--suite", suite)),
        *("--defect", one.id),
        *(word for name in wanted for word in ("-k", name)),
    ]


def _document(one: "DefectFacts") -> dict[str, Any]:
    return {
        "id": one.id,
        "suite": suite_of(one.id),
        "title": one.title,
        "copies": told(one.copies),
        "replaces": list(one.replaces),
        "where": {key: list(values) for key, values in one.where.items()},
        "caught_by": list(one.caught_by),
        "vectors": list(one.vectors),
        "command": _command(one),
    }
