"""Look into a firmware file: ``hanover image inspect``."""

from pathlib import Path

import click

from harness.cli.image_files import Flawed, read_file

CONTAINERS = ("zcl", "gbcs")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--container", type=click.Choice(CONTAINERS), help="Layout; default: detected.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect(file: Path, container: str | None, as_json: bool) -> None:
    """Show what is in a firmware FILE and what is wrong with it.

    Exits with 0 if the file is sound, 1 if it is flawed, 2 if there is no such file to read.
    """
    from emulator.errors import WireError
    from emulator.wire.ota_file import Container
    from harness.cli.image_view import look, print_json, print_text

    octets = read_file(file)
    try:
        view = look(octets, Container(container) if container else None)
    except WireError as error:
        raise Flawed(f"{click.format_filename(file)}: {error}") from error
    if as_json:
        print_json(click.format_filename(file), view)
    else:
        print_text(click.format_filename(file), view)
    raise SystemExit(1 if view.flawed else 0)
