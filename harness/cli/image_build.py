"""Make a firmware file: ``hanover image build``."""

import json
import random
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.image_files import (
    LARGEST_FILE,
    U8,
    U16,
    U32,
    U64,
    WrongUse,
    read_file,
    refuse_existing,
    write_file,
)

if TYPE_CHECKING:
    from emulator.wire.ota_file import Element

TRAITS = ("mute", "deaf", "crashes")
CONTAINERS = ("zcl", "gbcs")


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--payload", type=click.Path(path_type=Path), help="File with the payload.")
@click.option("--size", type=U32, help="Octets of a payload drawn from --seed.")
@click.option("--seed", type=U64, default="0", show_default=True, help="Seed of --size.")
@click.option("--null", is_flag=True, help="No upgrade image at all: a null file.")
@click.option("--manufacturer", type=U16, required=True, help="Manufacturer code.")
@click.option("--type", "image_type", type=U16, required=True, help="Image type.")
@click.option("--version", type=U32, required=True, help="File version.")
@click.option("--hardware", type=U16, nargs=2, metavar="MIN MAX", help="Hardware range.")
@click.option("--destination", type=U64, help="EUI64 of the only device meant.")
@click.option("--credential-version", type=U8, help="Security credential version.")
@click.option("--stack-version", type=U16, default="2", show_default=True)
@click.option("--string", "header_string", default="", help="Header string, 32 octets at most.")
@click.option("--security-counter", type=U32, default="1", show_default=True)
@click.option("--link-protocol", type=U8, nargs=2, default=("1", "1"), metavar="MIN MAX")
@click.option("--traits", type=click.Choice(TRAITS), multiple=True, help="May be repeated.")
@click.option("--container", type=click.Choice(CONTAINERS), default="zcl", show_default=True)
@click.option("--element", "elements", multiple=True, metavar="TAG=FILE", help="After the image.")
@click.option("--manifest/--no-manifest", default=True, help="Put an image manifest first.")
@click.option("--integrity/--no-integrity", default=True, help="Close with an integrity code.")
@click.option("--force", is_flag=True, help="Replace OUT if it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def build(
    out: Path,
    payload: Path | None,
    size: int | None,
    seed: int,
    null: bool,
    elements: tuple[str, ...],
    traits: tuple[str, ...],
    container: str,
    force: bool,
    as_json: bool,
    **values: Any,  # noqa: ANN401 - as click read them, straight on to build()
) -> None:
    """Make a firmware file OUT from a payload and what it should say."""
    from emulator.image.build import build as build_image
    from emulator.image.flaws import Flaw
    from emulator.wire.manifest import Trait
    from emulator.wire.ota_file import Container
    from emulator.wire.ota_reader import read
    from harness.cli.image_view import FindingView

    code = None if null else _payload(payload, size, seed)
    if null and (payload, size) != (None, None):
        raise WrongUse("--null: found a payload as well, wanted one of the two")
    refuse_existing(out, force=force)
    bits = sum(Trait[name.upper()] for name in set(traits))
    parts = _elements(elements)
    try:
        octets = build_image(
            payload=code, traits=bits, container=Container(container), elements=parts, **values
        )
    except ValueError as error:
        raise WrongUse(str(error)) from error
    name, (_, findings) = click.format_filename(out), read(octets, Container(container))
    write_file(out, octets)
    if as_json:
        told = [asdict(FindingView.of(Flaw.of(one))) for one in findings]
        click.echo(json.dumps({"file": name, "size": len(octets), "findings": told}, indent=2))
        return
    for finding in findings:
        click.echo(f"{name}: {finding}", err=True)
    click.echo(f"{name}: {len(octets)} octets")


def _payload(file: Path | None, size: int | None, seed: int) -> bytes:
    if (file is None) == (size is None):
        raise WrongUse("payload: wanted either --payload FILE or --size N")
    if file is not None:
        return read_file(file)
    if size is None or size > LARGEST_FILE:
        raise WrongUse(f"--size: found {size} octets, wanted at most {LARGEST_FILE}")
    return random.Random(seed).randbytes(size)


def _elements(given: tuple[str, ...]) -> "tuple[Element, ...]":
    """Return the sub-elements that ``TAG=FILE`` options mean."""
    from emulator.wire.ota_file import Element

    parts = []
    for one in given:
        tag, equals, name = one.partition("=")
        if not equals:
            raise WrongUse(f"--element: found {one!r}, wanted TAG=FILE")
        parts.append(Element(U16.convert(tag, None, None), read_file(Path(name))))
    return tuple(parts)
