"""Break a firmware file on purpose: ``hanover image mutate``."""

import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from harness.cli.image_files import U64, Flawed, WrongUse, read_file, refuse_existing, write_file

if TYPE_CHECKING:
    from emulator.image.edits import Edit, Keys


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.argument("out", type=click.Path(path_type=Path), required=False)
@click.option("--mutation", metavar="NAME", help="A mutation of --list.")
@click.option("--seed", type=U64, default="0", show_default=True, help="Where it strikes.")
@click.option("--edits", metavar="JSON", help="A list of edits; @FILE reads it from there.")
@click.option("--key", type=click.Path(path_type=Path), help='Key file; edits call it "key".')
@click.option("--list", "wanted_list", is_flag=True, help="Print all mutations.")
@click.option("--force", is_flag=True, help="Replace OUT if it is there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, the edits in it.")
def mutate(
    file: Path | None,
    out: Path | None,
    mutation: str | None,
    seed: int,
    edits: str | None,
    key: Path | None,
    wanted_list: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write into OUT what a mutation, or a list of edits, makes of FILE.

    The same file, mutation and seed give the same octets. Exits with 1 if FILE has not what should
    be broken.
    """
    if wanted_list:
        _print_list(as_json=as_json)
    if file is None or out is None or (mutation is None) == (edits is None):
        raise WrongUse("mutate: wanted FILE, OUT and either --mutation NAME or --edits JSON")
    what = _read_edits(edits or "") if mutation is None else mutation
    octets, keys = read_file(file), _keys(key)
    refuse_existing(out, force=force)
    made, mutated = _mutated(file, octets, what, seed, keys)
    write_file(out, mutated)
    names = click.format_filename(file), click.format_filename(out)
    if as_json:
        document = {"file": names[0], "out": names[1], "mutation": mutation, "seed": seed}
        click.echo(json.dumps({**document, "size": len(mutated), "edits": made}, indent=2))
    else:
        click.echo(f"{names[1]}: {len(mutated)} octets")
        for edit in made:
            click.echo(f"  {json.dumps(edit)}")


def _print_list(*, as_json: bool) -> NoReturn:
    from emulator.image.mutations import MUTATIONS

    rows = [
        {"name": one.name, "about": one.about, "clause": one.clause, "keyed": one.keyed}
        for one in MUTATIONS.values()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            needs = ", needs --key" if row["keyed"] else ""
            click.echo(f"{row['name']:<26} {row['about']} ({row['clause']}){needs}")
    raise SystemExit(0)


def _mutated(
    file: Path, octets: bytes, what: "str | list[Edit]", seed: int, keys: "Keys"
) -> "tuple[list[Edit], bytes]":
    """Return the edits and what they make of the file."""
    from emulator.errors import EditError
    from emulator.image.edits import apply
    from emulator.image.mutations import MUTATIONS, edits_of
    from emulator.image.mutations import mutate as mutate_image

    if isinstance(what, str) and what not in MUTATIONS:
        raise WrongUse(f"--mutation: found {what!r}, wanted a name of --list")
    if isinstance(what, str) and MUTATIONS[what].keyed and not keys:
        raise WrongUse(f"--mutation {what}: found no --key FILE, wanted one to sign with")
    try:
        if isinstance(what, str):
            made = list(edits_of(what, octets, random.Random(seed)))
            return made, mutate_image(what, octets, random.Random(seed), keys)
        return what, apply(octets, what, keys)
    except EditError as error:
        raise Flawed(f"{click.format_filename(file)}: {error}") from error


def _read_edits(text: str) -> "list[Edit]":
    if text.startswith("@"):
        text = read_file(Path(text[1:])).decode("utf-8-sig", "replace")
    try:
        edits = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongUse(f"--edits: found no JSON ({error}), wanted a list of edits") from error
    if not isinstance(edits, list) or not all(isinstance(edit, dict) for edit in edits):
        raise WrongUse("--edits: found other JSON, wanted a list of objects")
    if not edits:
        raise WrongUse("--edits: found an empty list, wanted one edit at least")
    return edits


def _keys(file: Path | None) -> "Keys":
    if file is None:
        return {}
    from emulator.image.damage import KEY
    from emulator.image.keys import Authority
    from harness.cli.image_keys import read_key_file

    key = read_key_file(file)
    if isinstance(key, Authority):
        raise WrongUse(f"{click.format_filename(file)}: found a CA's key, wanted a signer's")
    return {KEY: key}
