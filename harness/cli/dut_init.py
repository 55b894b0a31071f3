"""Ask a device what it is, and write a first DUT file: ``hanover dut init``."""

import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.run import check_link

if TYPE_CHECKING:
    from emulator.profiles.model import Profile
    from harness.dut.interview import Interview
    from harness.dut.model import Rung


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--link", default="direct:", show_default=True, help="How the device is reached.")
@click.option("--base", "given", required=True, help="Profile that is nearest: a name or a file.")
@click.option("--name", help="What reports call it; default: the name of OUT.")
@click.option("--eui64", metavar="HEX", help="Its address, 16 hexadecimal digits.")
@click.option(
    "--image",
    "images",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A firmware file of the device; repeatable, in any order.",
)
@click.option("--force", is_flag=True, help="Replace OUT if it is there.")
def init(
    out: Path,
    link: str,
    given: str,
    name: str | None,
    eui64: str | None,
    images: tuple[Path, ...],
    force: bool,
) -> None:
    """Interview a device over the air, and write the DUT file OUT.

    Exits with 3 if the device answers nothing.
    """
    from harness.cli.profiles import find_profile
    from harness.dut.interview import as_file, unlike

    link = check_link(link)
    if out.exists() and not force:
        raise click.UsageError(f"{out}: found a file, wanted none (--force replaces it)")
    if not out.parent.is_dir():
        raise click.UsageError(f"{out}: found no folder {out.parent}, wanted one that is there")
    base, rungs = find_profile(given), _rungs(images, out)
    name = _name(base, name or out.stem)
    wanted = None if eui64 is None else _address(eui64)
    found, address = _interview(base, link, wanted, rungs)
    for question in found.silent:
        click.echo(f"no answer: {question}", err=True)
    if found.version is None and not found.facts:
        click.echo("hanover: the device answered nothing: no file is written", err=True)
        raise SystemExit(3)
    for item in unlike(found, base):
        said = str(found.states[item]).lower()
        advice = "wanted a base that agrees: the file is written without it"
        click.echo(f"{item}: found {said} on the device, {advice}", err=True)
    base_given = given if not given.endswith(".toml") else _beside(Path(given), out)
    text = as_file(found, base, given=base_given, name=name, eui64=address, rungs=rungs)
    out.write_text(text, encoding="utf-8")
    version = "unknown" if found.version is None else f"{found.version:#010x}"
    click.echo(f"{out}: written; the device runs version {version}")
    if not rungs:
        click.echo("name its firmware under [ladder], then: hanover dut check")


def _name(base: "Profile", name: str) -> str:
    """Return the name of a device, which is that of its profile too."""
    from emulator.errors import ProfileError
    from emulator.profiles.load import overlay

    try:
        return overlay(base, {"name": name}).name
    except ProfileError as error:
        told = str(error).removeprefix(f"{base.name}: ").removeprefix("name: ")
        raise click.UsageError(f"--name: {told}") from None


def _address(text: str) -> int:
    try:
        octets = bytes.fromhex(text.removeprefix("0x").replace(":", ""))
    except ValueError:
        octets = b""
    if len(octets) != 8:
        raise click.UsageError(f"--eui64: found {text}, wanted 16 hexadecimal digits")
    return int(octets.hex(), 16)


def _rungs(images: tuple[Path, ...], out: Path) -> "list[Rung]":
    """Read firmware files, lowest version first."""
    from emulator.errors import WireError
    from emulator.wire.ota_reader import read
    from harness.cli.image_files import WrongUse, read_file
    from harness.dut.model import Rung

    made = []
    for path in images:
        octets = read_file(path)
        try:
            header = read(octets)[0].header
        except WireError as error:
            raise WrongUse(f"--image {path}: found {error}, wanted an OTA file") from None
        made.append(Rung(file=_beside(path, out), version=header.file_version, octets=octets))
    made.sort(key=lambda rung: rung.version)
    for low, high in itertools.pairwise(made):
        if low.version == high.version:
            told = f"version {low.version:#010x} in {low.file} and {high.file}"
            raise WrongUse(f"--image: found {told}, wanted each version once")
    return made


def _beside(path: Path, out: Path) -> str:
    """Return a path as a file beside ``out`` names it."""
    return os.path.relpath(path, out.resolve().parent).replace(os.sep, "/")


def _interview(
    base: "Profile", link: str, eui64: int | None, rungs: "list[Rung]"
) -> "tuple[Interview, int]":
    """Return what the device said, and its address."""
    from harness.bench import Bench
    from harness.dut.interview import interview
    from harness.dut.keeper import RENEWING
    from harness.lanes.schemes import release_lanes

    made = link.partition(":")[0] in RENEWING
    first = rungs[0] if rungs and made else None
    bench = Bench(
        base,
        link=link,
        eui64=eui64,
        first_image=None if first is None else first.octets,
        first_version=None if first is None else first.version,
    )
    try:
        bench.start()
        return interview(bench), bench.identity.eui64
    finally:
        bench.close()
        release_lanes()
