"""Show which case runs on which lane: ``hanover dut lanes``."""

import json
from dataclasses import asdict

import click


@click.command()
@click.option("-k", "match", multiple=True, metavar="NAME", help="Only these cases; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def lanes(match: tuple[str, ...], as_json: bool) -> None:
    """Rehearse every case with what each lane can do, and print the table as Markdown.

    Takes half a minute or more. docs/lanes.md is what it prints.
    """
    from harness.dut.lanes import columns, page, table
    from harness.lanes.direct import DirectLane
    from harness.lanes.exec import with_program

    ways = columns(DirectLane.capabilities, with_program(frozenset()))
    found = table(ways, match)
    if not found:
        raise click.UsageError(f"-k {', '.join(match)}: no case matches")
    if as_json:
        titles = [way.title.replace("`", "") for way in ways]
        rows = {
            case: [{**asdict(cell), "runs": cell.runs} for cell in cells]
            for case, cells in found.items()
        }
        click.echo(json.dumps({"columns": titles, "cases": rows}, indent=2))
    else:
        click.echo(page(ways, found), nl=False)
