"""Say what differs between two firmware files: ``hanover image diff``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.image_files import read_file

if TYPE_CHECKING:
    from emulator.image.difference import Difference


@click.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def diff(first: Path, second: Path, as_json: bool) -> None:
    """Show what differs between FIRST and SECOND: fields, elements, manifest, ranges of octets.

    Exits with 0 if the files are the same, 1 if they differ.
    """
    from dataclasses import asdict

    from emulator.image.difference import difference

    found = difference(read_file(first), read_file(second))
    names = click.format_filename(first), click.format_filename(second)
    if as_json:
        click.echo(json.dumps({"files": names, "same": found.same, **asdict(found)}, indent=2))
    else:
        _print(names, found)
    raise SystemExit(0 if found.same else 1)


def _print(names: tuple[str, str], found: "Difference") -> None:
    if found.same:
        click.echo(f"{names[0]} and {names[1]} are the same: {found.sizes[0]} octets")
        return
    click.echo(f"first: {names[0]}, {found.sizes[0]} octets")
    click.echo(f"second: {names[1]}, {found.sizes[1]} octets")
    for name, complaint in zip(names, found.unreadable, strict=True):
        if complaint is not None:
            click.echo(f"{name} is compared as octets only: {complaint}")
    for title, changes in (
        ("header", found.header),
        ("elements", found.elements),
        ("manifest", found.manifest),
    ):
        if changes:
            click.echo(title)
        for change in changes:
            click.echo(f"  {change}")
    click.echo(f"octets: {found.octets} differ at the same offset")
    for one in found.ranges:
        click.echo(f"  at {one.offset:<9} {one.size} octets")
    if found.more:
        click.echo(f"  and {found.more} more ranges")
