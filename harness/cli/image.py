"""Make firmware files and look into them: ``hanover image build`` and ``hanover image inspect``."""

import os
import random
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import Any

import click

#: Files above this size are no bridge's firmware; they are refused without being read.
LARGEST_FILE = 64 * 1024 * 1024

TRAITS = ("mute", "deaf", "crashes")
CONTAINERS = ("zcl", "gbcs")


class WrongUse(click.ClickException):
    """Say in one line what was asked for wrongly; exit 2."""

    exit_code = 2


class Flawed(click.ClickException):
    """Say in one line why a file cannot even be shown; exit 1."""

    exit_code = 1


class Environment(click.ClickException):
    """Say in one line what the machine refused; exit 3."""

    exit_code = 3


class Number(click.ParamType[int]):
    """Take an unsigned integer of so many bits, decimal or 0x...; an EUI64 may have colons."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.name = f"u{bits}"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number, or fail with what was found and what was wanted."""
        text = str(value)
        try:
            number = int(text.replace(":", ""), 16) if ":" in text else int(text, 0)
        except ValueError:
            self.fail(f"found {text!r}, wanted a number, decimal or 0x...", param, ctx)
        if not 0 <= number < 1 << self.bits:
            self.fail(f"found {text}, wanted 0 to {(1 << self.bits) - 1:#x}", param, ctx)
        return number


U8, U16, U32, U64 = Number(8), Number(16), Number(32), Number(64)


@click.group()
def image() -> None:
    """Make firmware files and look into them."""


@image.command()
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


@image.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--payload", type=click.Path(path_type=Path), help="File with the payload.")
@click.option("--size", type=U32, help="Octets of a payload drawn from --seed.")
@click.option("--seed", type=U64, default="0", show_default=True, help="Seed of --size.")
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
@click.option("--manifest/--no-manifest", default=True, help="Put an image manifest first.")
@click.option("--integrity/--no-integrity", default=True, help="Close with an integrity code.")
@click.option("--force", is_flag=True, help="Replace OUT if it is there.")
def build(
    out: Path,
    payload: Path | None,
    size: int | None,
    seed: int,
    traits: tuple[str, ...],
    container: str,
    force: bool,
    **values: Any,  # noqa: ANN401 - as click read them, straight on to build()
) -> None:
    """Make a firmware file OUT from a payload and what it should say."""
    from emulator.image.build import build as build_image
    from emulator.wire.manifest import Trait
    from emulator.wire.ota_file import Container
    from emulator.wire.ota_reader import read

    code = _payload(payload, size, seed)
    refuse_existing(out, force=force)
    bits = sum(Trait[name.upper()] for name in set(traits))
    try:
        octets = build_image(payload=code, traits=bits, container=Container(container), **values)
    except ValueError as error:
        raise WrongUse(str(error)) from error
    for finding in read(octets, Container(container))[1]:
        click.echo(f"{click.format_filename(out)}: {finding}", err=True)
    write_file(out, octets)
    click.echo(f"{click.format_filename(out)}: {len(octets)} octets")


def _payload(file: Path | None, size: int | None, seed: int) -> bytes:
    if (file is None) == (size is None):
        raise WrongUse("payload: wanted either --payload FILE or --size N")
    if file is not None:
        return read_file(file)
    if size is None or size > LARGEST_FILE:
        raise WrongUse(f"--size: found {size} octets, wanted at most {LARGEST_FILE}")
    return random.Random(seed).randbytes(size)


def read_file(file: Path) -> bytes:
    """Return the octets of a regular file that is neither empty nor huge.

    Raises:
        WrongUse: There is no such file; says what is there instead.
        Environment: The machine does not let us read it.
    """
    name = click.format_filename(file)
    try:
        about = file.stat()
        if not S_ISREG(about.st_mode):
            what = "a directory" if file.is_dir() else "something else"
            raise WrongUse(f"{name}: found {what}, wanted a regular file")
        if about.st_size > LARGEST_FILE:
            raise WrongUse(f"{name}: found {about.st_size} octets, wanted at most {LARGEST_FILE}")
        with file.open("rb") as stream:
            octets = stream.read(LARGEST_FILE + 1)
    except FileNotFoundError as error:
        raise WrongUse(f"{name}: found nothing, wanted a file") from error
    except (OSError, ValueError) as error:
        raise Environment(f"{name}: cannot be read: {error}") from error
    if not 0 < len(octets) <= LARGEST_FILE:
        raise WrongUse(f"{name}: found {len(octets)} octets, wanted 1 to {LARGEST_FILE}")
    return octets


def refuse_existing(out: Path, *, force: bool) -> None:
    """Refuse to write over a file without ``force``, and over anything else at all.

    Raises:
        WrongUse: Something is in the way, or the directory is not there.
    """
    name = click.format_filename(out)
    if not out.parent.is_dir():
        raise WrongUse(f"{name}: found no directory {click.format_filename(out.parent)}")
    if out.is_dir():
        raise WrongUse(f"{name}: found a directory, wanted a file name")
    if not (out.exists() or out.is_symlink()):
        return
    if not out.is_file():
        raise WrongUse(f"{name}: found something that is no regular file")
    if not force:
        raise WrongUse(f"{name}: found a file, wanted none (--force replaces it)")


def write_file(out: Path, octets: bytes) -> None:
    """Write a file whole or not at all: a new file beside it takes its name at the end.

    Raises:
        Environment: The machine does not let us; nothing is left behind.
    """
    target = out.resolve()
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as stream:
            stream.write(octets)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise Environment(f"{click.format_filename(out)}: cannot be written: {error}") from error
