"""Check and compare what runs wrote: ``hanover report``."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from harness.report.difference import Difference

#: Lines that a text shows of one kind of change.
_MOST = 100
_DIGEST = re.compile("[0-9a-f]{64}")


def _seal(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    """Return a seal as it is compared; refuse what is none: half a seal proves nothing."""
    if given is None:
        return None
    seal = given.strip().lower()
    if not _DIGEST.fullmatch(seal):
        raise click.BadParameter(f"found {given!r}, wanted 64 hexadecimal digits")
    return seal


@click.group()
def report() -> None:
    """Check and compare what `hanover run` wrote.

    docs/guides/report.md says what is in the folder of a run.
    """


@report.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seal", metavar="SHA256", callback=_seal, help="The seal that the run printed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(folder: Path, seal: str | None, as_json: bool) -> None:
    """Tell whether the folder of a run is as it was written, octet for octet.

    Each file that was changed, removed or added is named. The manifest itself is only as good as
    its seal: write that down when the run prints it, and give it here.

    Exits with 0 if nothing differs, with 1 if something does, with 2 if it is no folder of a run.
    """
    from harness.report.manifest import FILE
    from harness.report.manifest import verify as verified

    found, problems = verified(folder)
    if seal is not None and seal != found:
        problems = (f"{FILE}: found seal {found}, wanted {seal}", *problems)
    if as_json:
        click.echo(json.dumps({"seal": found, "problems": problems}, indent=2))
    else:
        for problem in problems:
            click.echo(problem)
        count = f"{len(problems)} {'difference' if len(problems) == 1 else 'differences'}"
        click.echo(count if problems else f"unchanged, seal {found}")
    raise SystemExit(1 if problems else 0)


@report.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def diff(before: Path, after: Path, as_json: bool) -> None:
    """Compare two reports: what broke, what was mended, what is new, what is gone.

    BEFORE and AFTER are folders of runs, or report.json files.

    Exits with 1 if something broke, or if AFTER was cut short and lacks results; with 2 if there is
    nothing to compare.
    """
    from harness.report.characters import clean
    from harness.report.difference import Turn, compare, load

    found = compare(load(before), load(after))
    shared = len(found.changes) - len(found.of(Turn.NEW)) - len(found.of(Turn.GONE)) + found.same
    if not shared:
        raise click.UsageError(f"{after}: found no result that {before} has, wanted one or more")
    if as_json:
        click.echo(json.dumps(_document(found), indent=2))
    else:
        for line in _lines(found):
            click.echo(clean(line))
    raise SystemExit(1 if found.of(Turn.BROKE) or found.cut_short else 0)


def _lines(found: "Difference") -> Iterator[str]:
    from harness.report.difference import Turn

    for turn in Turn:
        changes = found.of(turn)
        if changes:
            yield f"{turn}: {len(changes)}"
        for one in changes[:_MOST]:
            verdicts = " -> ".join(each for each in (one.before, one.after) if each)
            reason = f": {one.reason}" if one.reason and turn is not Turn.GONE else ""
            yield f"  {one.id}  {verdicts}{reason}"
        if changes[_MOST:]:
            yield f"  and {len(changes) - _MOST} more (--json has all)"
    yield from (f"not alike: {term}" for term in found.terms)
    if found.cut_short:
        yield "the later run was cut short: what is gone was not judged"
    counts = ", ".join(f"{len(found.of(turn))} {turn}" for turn in Turn)
    yield f"{counts}, {found.same} as before"


def _document(found: "Difference") -> dict[str, Any]:
    from harness.report.difference import Turn

    return {
        **{
            str(turn): [
                {"id": one.id, "before": one.before, "after": one.after, "reason": one.reason}
                for one in found.of(turn)
            ]
            for turn in Turn
        },
        "as_before": found.same,
        "not_alike": list(found.terms),
        "cut_short": found.cut_short,
    }
