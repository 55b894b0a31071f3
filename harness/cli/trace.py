"""Show what stands for each requirement, and each case for what: ``hanover trace``."""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from emulator.errors import did_you_mean

if TYPE_CHECKING:
    from harness.traceability import CaseRow, Matrix, RequirementRow


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID...]")
@click.option(
    "--uncovered", is_flag=True, help="Only requirements that nothing judges yet, and why."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def trace(ids: tuple[str, ...], uncovered: bool, as_json: bool) -> None:
    """Show the matrix of requirements, cases, vectors and defects, both ways.

    An ID is that of a requirement (OTA-C-051), a case, a vector or a defect: what it has to do with
    is shown; none: everything. Exits with 1 if anything stands alone: a requirement without a case
    and without a reason, a case without a requirement, a defect that nobody catches.
    """
    from harness.traceability import collect, matrix

    if ids and uncovered:
        raise click.UsageError("--uncovered: found IDs beside it, wanted one or the other")
    whole = matrix(collect())
    document = whole.plain()
    wanted = {each.upper() for each in ids}
    if unknown := sorted(wanted - {name.upper() for name in _names(whole)}):
        raise click.UsageError(_unknown(unknown[0], whole))
    needs = [one for one in whole.requirements if _is_meant(one, wanted, uncovered=uncovered)]
    cases = [] if uncovered else [one for one in whole.cases if _is_told(one, wanted)]
    if as_json:
        chosen = {need.requirement.id for need in needs}, {case.name for case in cases}
        click.echo(json.dumps(_narrowed(document, *chosen, whole=not ids), indent=2))
    else:
        click.echo("\n".join(_lines(needs, cases, document)))
    raise SystemExit(1 if document["problems"] else 0)


def _names(whole: "Matrix") -> Iterator[str]:
    """Yield everything that an ID can be."""
    yield from (one.requirement.id for one in whole.requirements)
    for case in whole.cases:
        yield from (case.name, case.name.partition("::")[2], *case.vectors)
    yield from (one.id for one in whole.defects)


def _unknown(id: str, whole: "Matrix") -> str:
    hint = did_you_mean(id, _names(whole), most=2)
    return f"no requirement, case, vector or defect {id!r}{hint}"


def _is_meant(one: "RequirementRow", wanted: set[str], *, uncovered: bool) -> bool:
    if uncovered:
        return not one.covered
    mine = {one.requirement.id, *(defect.id for defect in one.defects)}
    mine |= {vector for found in one.vectors.values() for vector in found}
    return not wanted or bool(wanted & (mine | {up for each in one.cases for up in _called(each)}))


def _is_told(one: "CaseRow", wanted: set[str]) -> bool:
    mine = {*_called(one), *one.requirements, *one.vectors, *one.defects}
    return not wanted or bool(wanted & mine)


def _called(one: "CaseRow") -> tuple[str, str]:
    name = one.name.upper()
    return name, name.partition("::")[2]


def _narrowed(
    document: dict[str, Any], needs: set[str], cases: set[str], *, whole: bool
) -> dict[str, Any]:
    """Return the document with the chosen rows; totals and problems are those of everything."""
    rows = [one for one in document["requirements"] if one["id"] in needs]
    told = [one for one in document["cases"] if one["case"] in cases]
    caught = {defect for one in (*rows, *told) for defect in one["defects"]}
    defects = [one for one in document["defects"] if whole or one["id"] in caught]
    return {**document, "requirements": rows, "cases": told, "defects": defects}


def _lines(
    needs: "Sequence[RequirementRow]", cases: "Sequence[CaseRow]", document: dict[str, Any]
) -> Iterator[str]:
    for need in needs:
        yield from _of_requirement(need)
    for case in cases:
        yield from _of_case(case)
    totals = document["totals"]
    yield ""
    yield (
        f"{totals['requirements']} requirements: {totals['covered']} covered,"
        f" {totals['not_covered_yet']} not covered yet;"
        f" {totals['cases']} cases, {totals['vectors']} vectors, {totals['defects']} defects"
    )
    if document["complete"]:
        yield "complete: every requirement is judged"
    yield from (f"problem: {one}" for one in document["problems"])


def _of_requirement(one: "RequirementRow") -> Iterator[str]:
    from harness.traceability import folded

    need = one.requirement
    yield f"{need.id}  {need.title} ({need.level}, {need.evidence}; {need.judge})"
    for case in one.cases:
        vectors = one.vectors.get(case.name, ())
        yield f"  case     {case.name}{f': {folded(vectors)}' if vectors else ''}"
    if one.defects:
        yield f"  catches  {folded([defect.id for defect in one.defects])}"
    if not one.covered:
        yield f"  not covered yet: {need.uncovered or 'no reason is written'}"


def _of_case(one: "CaseRow") -> Iterator[str]:
    from harness.traceability import folded

    yield one.name
    yield f"  judges   {folded(one.requirements) or 'nothing'}"
    if one.vectors:
        yield f"  vectors  {folded(one.vectors)}"
    yield f"  catches  {folded(one.defects) or 'nothing'}"
