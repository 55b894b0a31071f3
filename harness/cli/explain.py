"""Explain a requirement: ``hanover explain OTA-C-051``."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from harness.defects import told

if TYPE_CHECKING:
    from harness.requirements.catalogue import Requirement
    from harness.traceability import RequirementRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Hold one requirement with all that stands for it, and the profile keys that it depends on."""

    row: "RequirementRow"
    switches: dict[str, dict[str, Any]]


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explain(ids: tuple[str, ...], as_json: bool) -> None:
    """Say what a requirement asks, where it comes from, and what here stands for it.

    An ID is a requirement's (OTA-C-051, GB-064). Printed are its source, its accept set, the cases
    that judge it, the defects that those cases catch, and the profile keys that it depends on.
    """
    from harness.requirements.catalogue import UnknownRequirementError, find

    try:
        wanted = [find(one.upper()) for one in ids]
    except UnknownRequirementError as error:
        raise click.UsageError(str(error)) from None
    explained = _explain(wanted)
    if as_json:
        click.echo(json.dumps({"requirements": [_document(one) for one in explained]}, indent=2))
        return
    for number, one in enumerate(explained):
        click.echo("\n".join(([""] if number else []) + list(_lines(one))))


def _explain(wanted: "Sequence[Requirement]") -> list[Explained]:
    from emulator.profiles import load
    from harness.traceability import collect, matrix

    rows = {one.requirement.id: one for one in matrix(collect()).requirements}
    return [
        Explained(
            row=rows[requirement.id],
            switches={
                key: {name: _value(load.load(name), key) for name in load.names()}
                for key in requirement.switches
            },
        )
        for requirement in wanted
    ]


def _value(profile: Any, key: str) -> Any:  # noqa: ANN401 - the values of a profile
    value = profile
    for part in key.split("."):
        value = getattr(value, part)
    return getattr(value, "value", value)


def _lines(one: Explained) -> Iterator[str]:
    from harness.traceability import folded

    row, need = one.row, one.row.requirement
    yield f"{need.id}  {need.title}"
    yield f"  level     {need.level}, evidence {need.evidence}; judges the {need.judge}"
    yield f"  source    {need.source}"
    yield f"  stimulus  {need.stimulus}"
    yield f"  expected  {need.expected}"
    yield from (f"  accepted  {option}" for option in need.accept)
    if need.note:
        yield f"  note      {need.note}"
    yield f"  applies   where {need.pics} is stated"
    for case in row.cases:
        vectors = row.vectors.get(case.name)
        attack = f"vectors {folded(vectors)}" if vectors else case.about.attack
        yield f"  case      {case.name}: {' '.join(attack.split())}"
    if not row.covered:
        yield f"  case      none yet: {need.uncovered or 'not covered'}"
    for defect in row.defects:
        yield f"  defect    {defect.id}: {defect.title} ({told(defect.copies)})"
    for key, values in one.switches.items():
        shown = ", ".join(f"{name} {value}" for name, value in values.items())
        yield f"  switch    {key}: {shown}"


def _document(one: Explained) -> dict[str, Any]:
    need = one.row.requirement
    return {
        **one.row.plain(),
        "source": need.source,
        "stimulus": need.stimulus,
        "expected": need.expected,
        "accept": list(need.accept),
        "pics": need.pics,
        "note": need.note,
        "defects": [
            {"id": defect.id, "title": defect.title, "copies": told(defect.copies)}
            for defect in one.row.defects
        ],
        "switches": one.switches,
    }
