"""Explain a requirement, a case or a defect: ``hanover explain OTA-C-051``."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from emulator import DefectFacts
    from harness.recorder import About
    from harness.requirements.catalogue import Requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Hold one requirement with all that stands for it."""

    requirement: "Requirement"
    cases: "tuple[About, ...]"
    vectors: dict[str, list[str]]  # those that drive a case, by its name
    defects: "tuple[DefectFacts, ...]"
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
    from harness.lanes.direct import known_defects
    from harness.runner import run_suite
    from harness.suite import RunOptions

    every = run_suite(RunOptions(list_only=True)).collected.every
    made = []
    for requirement in wanted:
        rows = [
            one
            for one in every
            if requirement.id in [each.id for each in one.coverage.requirements]
        ]
        judging = {one.case.partition("/")[0]: one for one in rows}
        names = {name.partition("::")[2] for name, one in judging.items() if not one.vector}
        names |= {one.vector for one in rows if one.vector}
        made.append(
            Explained(
                requirement=requirement,
                cases=tuple(judging.values()),
                vectors={name: _vectors_of(rows, name) for name in judging},
                defects=tuple(
                    one for one in known_defects() if names & {*one.caught_by, *one.vectors}
                ),
                switches={
                    key: {name: _value(load.load(name), key) for name in load.names()}
                    for key in requirement.switches
                },
            )
        )
    return made


def _vectors_of(rows: "Sequence[About]", name: str) -> list[str]:
    """Return the ids of the vectors among the rows of a case, each once."""
    return sorted({row.vector for row in rows if row.vector and row.case.partition("/")[0] == name})


def folded(ids: Sequence[str]) -> str:
    """Return ids for people: three or more that follow one another are told by first and last."""
    runs: list[list[str]] = []
    for each in ids:
        prefix, _, number = each.rpartition("-")
        follows = f"{prefix}-{int(number) - 1:0{len(number)}}"
        if runs and runs[-1][-1] == follows:
            runs[-1].append(each)
        else:
            runs.append([each])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs)


def _value(profile: Any, key: str) -> Any:  # noqa: ANN401 - the values of a profile
    value = profile
    for part in key.split("."):
        value = getattr(value, part)
    return getattr(value, "value", value)


def _lines(one: Explained) -> Iterator[str]:
    need = one.requirement
    yield f"{need.id}  {need.title}"
    yield f"  level     {need.level}, evidence {need.evidence}; judges the {need.judge}"
    yield f"  source    {need.source}"
    yield f"  stimulus  {need.stimulus}"
    yield f"  expected  {need.expected}"
    yield from (f"  accepted  {option}" for option in need.accept)
    if need.note:
        yield f"  note      {need.note}"
    yield f"  applies   where {need.pics} is stated"
    for case in one.cases:
        name = case.case.partition("/")[0]
        attack = f"vectors {folded(one.vectors[name])}" if case.vector else case.attack
        yield f"  case      {name}: {' '.join(attack.split())}"
    if not one.cases:
        yield "  case      none yet: not covered"
    for defect in one.defects:
        yield f"  defect    {defect.id}: {defect.title} ({defect.copies})"
    for key, values in one.switches.items():
        shown = ", ".join(f"{name} {value}" for name, value in values.items())
        yield f"  switch    {key}: {shown}"


def _document(one: Explained) -> dict[str, Any]:
    need = one.requirement
    return {
        "id": need.id,
        "title": need.title,
        "level": need.level,
        "evidence": need.evidence,
        "judge": need.judge,
        "source": need.source,
        "stimulus": need.stimulus,
        "expected": need.expected,
        "accept": list(need.accept),
        "pics": need.pics,
        "note": need.note,
        "cases": [case.case.partition("/")[0] for case in one.cases],
        "vectors": sorted(id for ids in one.vectors.values() for id in ids),
        "defects": [
            {"id": defect.id, "title": defect.title, "copies": defect.copies}
            for defect in one.defects
        ],
        "switches": one.switches,
    }
