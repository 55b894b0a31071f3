"""Hold every defect against every case: ``hanover killmatrix``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.progress import bar

if TYPE_CHECKING:
    from emulator import DefectFacts
    from harness.killmatrix import Matrix, Met

#: As ``harness.killmatrix.Depth`` has them.
DEPTHS = ("named", "turn", "all")


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--profile", "names", multiple=True, help="Name or TOML file; repeatable.")
@click.option(
    "--premises",
    "homes",
    multiple=True,
    metavar="NAME",
    help="Homes for the defects of homes: C1 to C7, all, or a TOML file; repeatable.",
)
@click.option(
    "--depth",
    type=click.Choice(DEPTHS),
    default=DEPTHS[1],
    show_default=True,
    help="What a defect meets: the cases that it names; each case on one bridge in turn, with every"
    " sixth vector; or everything everywhere.",
)
@click.option("-n", "workers", type=click.IntRange(1, 64), default=1, help="Processes.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File for the JSON.")
def killmatrix(
    ids: tuple[str, ...],
    names: tuple[str, ...],
    homes: tuple[str, ...],
    depth: str,
    workers: int,
    seed: int,
    as_json: bool,
    out: Path | None,
) -> None:
    """Plant each defect, or some, and say which cases catch it.

    Whatever the depth, the cases and vectors that a defect names run on every bridge on which it
    shows. Exits with 1 if a defect is caught by nobody, if a case that it names does not catch it,
    or if a case catches nothing at all; each is named.
    """
    from harness.cli.run import choose_profiles
    from harness.cli.run_homes import choose_homes
    from harness.killmatrix import Depth, hold, plan

    wanted = _wanted(ids)
    _check_subjects(wanted, names, homes)
    made = plan(wanted, choose_profiles(names), Depth(depth), seed=seed, homes=choose_homes(homes))
    for problem in made.broken:
        click.echo(f"hanover: {problem}", err=True)
    if made.broken:
        raise SystemExit(3)
    if not made.tasks:
        raise click.UsageError(f"none of these defects shows on {', '.join((*names, *homes))}")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)  # before the work, not after it
        out.touch()
    with bar("defect") as progress:
        matrix = hold(made, workers=workers, progress=progress)
    text = json.dumps(_document(matrix), indent=2)
    if out is not None:
        out.write_text(text + "\n", "utf-8")
    for line in [text] if as_json else _lines(matrix):
        click.echo(line)
    if matrix.interrupted:
        left = len(made.tasks) - len(matrix.met)
        click.echo(f"hanover: interrupted: {left} defects are not judged", err=True)
    raise SystemExit(matrix.exit_code)


def _wanted(ids: tuple[str, ...]) -> "dict[str, tuple[DefectFacts, ...]]":
    """Return the defects that were asked for, by suite; all of them for no id."""
    from harness.defects import SUITES, UnknownDefectError, find, known, suite_of

    if not ids:
        return {suite: known(suite) for suite in SUITES}
    try:
        found = {one.id: one for one in map(find, ids)}
    except UnknownDefectError as error:
        raise click.UsageError(str(error)) from None
    made: dict[str, tuple[DefectFacts, ...]] = {}
    for one in found.values():
        suite = suite_of(one.id)
        made[suite] = (*made.get(suite, ()), one)
    return made


def _check_subjects(
    wanted: "dict[str, tuple[DefectFacts, ...]]", names: tuple[str, ...], homes: tuple[str, ...]
) -> None:
    """Refuse bridges or homes that none of the defects could be planted in.

    Raises:
        click.UsageError: ``--profile`` or ``--premises`` counts for nothing.
    """
    of_homes = "premises" in wanted
    if homes and not of_homes:
        raise click.UsageError("--premises: found no defect of homes, wanted one")
    if names and of_homes and len(wanted) == 1:
        raise click.UsageError("--profile: found defects of homes only, wanted --premises")


def _lines(matrix: "Matrix") -> Iterator[str]:
    from harness.traceability import folded

    width = 1 + max((13, *(len(" ".join(one.profiles)) for one in matrix.met)))
    yield f"{'defect':8}{'shows on':{width}}{'rows':>6}{'failed':>8}  caught by"
    for one in matrix.met:
        failed = sum(one.caught_by.values())
        cases = f"{len(one.caught_by)} cases" if len(one.caught_by) != 1 else "1 case"
        row = f"{one.id:8}{' '.join(one.profiles):{width}}{one.rows:>6,}{failed:>8,}  {cases}"
        yield f"{row}, {one.errors:,} errors" if one.errors else row
    yield ""
    yield f"{'case':68}{'defects':>8}"
    for case, ids in matrix.catches.items():
        if ids or case in matrix.idle:
            yield f"{case:68}{len(ids):>8}  {folded(sorted(ids)) if len(ids) < 8 else ''}".rstrip()
    yield ""
    yield from _findings(matrix)
    caught = len(matrix.met) - len(matrix.uncaught)
    rows = sum(one.rows for one in matrix.met)
    able = sum(bool(ids) for ids in matrix.catches.values())
    yield f"{caught} of {len(matrix.plan.tasks)} defects are caught"
    if matrix.plan.whole:
        yield f"{able} of {len(matrix.plan.cases)} cases catch a defect"
    plan = matrix.plan
    if plan.homeless:
        yield f"shows on nothing that was chosen: {', '.join(plan.homeless)}"
    yield f"depth {plan.depth}, seed {plan.seed}, {rows:,} rows in {matrix.seconds:.0f} s"


def _findings(matrix: "Matrix") -> Iterator[str]:
    """Yield what must not be: each defect and each case by name."""
    found = [f"{id}: found no case that catches it, wanted one at least" for id in matrix.uncaught]
    for one in matrix.met:
        found += [f"{one.id}: found {each} not failing, wanted it to fail" for each in one.missed]
        found += [f"{one.id}: {each}" for each in one.broken]
    found += [f"{case}: found no defect that it catches, wanted one" for case in matrix.idle]
    yield from [*found, ""] if found else ()


def _document(matrix: "Matrix") -> dict[str, Any]:
    return {
        "schema": "killmatrix-1",
        "depth": matrix.plan.depth,
        "seed": matrix.plan.seed,
        "seconds": round(matrix.seconds, 3),
        "planned": len(matrix.plan.tasks),
        "whole": matrix.plan.whole,
        "homeless": list(matrix.plan.homeless),
        "interrupted": matrix.interrupted,
        "defects": [_met(one) for one in matrix.met],
        "cases": {case: list(ids) for case, ids in matrix.catches.items()},
        "uncaught": list(matrix.uncaught),
        "idle": list(matrix.idle),
        "findings": [line for line in _findings(matrix) if line],
    }


def _met(one: "Met") -> dict[str, Any]:
    return {
        "id": one.id,
        "profiles": list(one.profiles),
        "rows": one.rows,
        "caught_by": one.caught_by,
        "passed_by": list(one.passed_by),
        "vectors": list(one.vectors),
        "missed": list(one.missed),
        "errors": one.errors,
        "broken": list(one.broken),
    }
