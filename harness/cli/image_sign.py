"""Sign a firmware file with a test key: ``hanover image sign``."""

import json
from pathlib import Path

import click

from harness.cli.image_files import Flawed, WrongUse, read_file, refuse_existing, write_file
from harness.cli.image_keys import read_key_file


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--key", type=click.Path(path_type=Path), required=True, help="Key file of who signs."
)
@click.option("--force", is_flag=True, help="Replace OUT if it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def sign(file: Path, out: Path, key: Path, force: bool, as_json: bool) -> None:
    """Sign FILE into OUT with a test key.

    A signer of a suite adds certificate and signature elements; FILE must have no integrity code
    (build it with --no-integrity). A GB signer closes a raw container with its trailer. Exits with
    1 if FILE cannot be signed, 2 if the key is none.
    """
    from emulator.errors import ImageError
    from emulator.image.keys import Authority
    from emulator.image.sign import sign as sign_image

    octets, signer = read_file(file), read_key_file(key)
    if isinstance(signer, Authority):
        raise WrongUse(f"{click.format_filename(key)}: found a CA's key, wanted a signer's")
    refuse_existing(out, force=force)
    try:
        signed = sign_image(octets, signer)
    except ImageError as error:
        raise Flawed(f"{click.format_filename(file)}: {error}") from error
    write_file(out, signed)
    names, who = (click.format_filename(file), click.format_filename(out)), f"0x{signer.eui64:016X}"
    if as_json:
        told = {"file": names[0], "out": names[1], "size": len(signed), "signer": who}
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(f"{names[1]}: {len(signed)} octets, signed by {who}, for tests only")
