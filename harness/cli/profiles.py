"""Show the bridge types: all of them in a table, one of them with every key."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from emulator.errors import ProfileError
from emulator.profiles import load, model
from emulator.profiles.section import ranges

#: Far above any profile: a huge file is refused before it fills memory.
LARGEST_FILE_OCTETS = 1 << 20

_HEADINGS = ("name", "role", "power", "type", "hardware", "block", "slots", "scheme", "about")


@click.command()
@click.argument("name", required=False)
@click.option("--file", type=click.Path(path_type=Path), help="Check and show a profile of yours.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def profiles(name: str | None, file: Path | None, as_json: bool) -> None:
    """List the built-in bridge types, or show every key of one.

    What is shown of one is TOML: save it, change it, and give it to --profile.
    """
    if name is not None and file is not None:
        _stop("give NAME or --file, not both", 2)
    if name is None and file is None:
        _print_all([load.load(each) for each in load.names()], as_json=as_json)
    elif file is not None:
        _print_one(_of_file(file), as_json=as_json)
    else:
        _print_one(_built_in(name or ""), as_json=as_json)


def read_profile(path: Path) -> model.Profile:
    """Read a user's profile.

    Raises:
        OSError: The file cannot be read: wrong use.
        ProfileError: What it holds is no profile: wrong data.
    """
    with path.open("rb") as stream:
        octets = stream.read(LARGEST_FILE_OCTETS + 1)
    if len(octets) > LARGEST_FILE_OCTETS:
        raise ProfileError(f"{path}: more than {LARGEST_FILE_OCTETS} octets: no profile")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path}: not UTF-8 text at octet {error.start}") from None
    return load.parse(text, str(path))


def find_profile(name_or_path: str) -> model.Profile:
    """Return what ``--profile`` means: a built-in by its name, else a file.

    Raises:
        ProfileError: There is no such name or file, or the file holds no profile.
    """
    if name_or_path.upper() in load.names():
        return load.load(name_or_path)
    path = Path(name_or_path)
    if name_or_path == path.stem and not path.exists():
        return load.load(name_or_path)  # raises, and says which names there are
    try:
        return read_profile(path)
    except OSError as error:
        raise ProfileError(f"{name_or_path}: {_reason(error)}") from None


def as_toml(profile: model.Profile) -> str:
    """Write a profile as the TOML text that ``load.parse`` reads back."""
    document = load.plain(profile)
    lines = [f"{key} = {_toml(value)}" for key, value in document.items() if not _is_table(value)]
    for table, values in document.items():
        if not _is_table(values):
            continue
        bounds = ranges(type(getattr(profile, table)))
        lines += ["", f"[{table}]"]
        for key, value in values.items():
            bound = bounds.get(key)
            shown = bound.show(value) if bound else _toml(value)
            lines.append(f"{key} = {shown}")
    return "\n".join(lines)


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _toml(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, int) for item in value):
        return "[" + ", ".join(f"0x{item:06X}" for item in value) + "]"  # an area of the flash
    return json.dumps(value, ensure_ascii=False)  # TOML writes strings and booleans as JSON does


def _of_file(file: Path) -> model.Profile:
    try:
        return read_profile(file)
    except OSError as error:
        _stop(f"{file}: {_reason(error)}", 2)
    except ProfileError as error:
        _stop(str(error), 1)


def _built_in(name: str) -> model.Profile:
    try:
        return load.load(name)
    except ProfileError as error:
        _stop(str(error), 2)


def _print_all(every: Sequence[model.Profile], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"profiles": [load.plain(each) for each in every]}, indent=2))
        return
    rows = [_HEADINGS, *(_row(each) for each in every)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _row(profile: model.Profile) -> tuple[str, ...]:
    ota, flash = profile.ota, profile.flash
    slot = flash.slot_a[1] - flash.slot_a[0]
    return (
        profile.name,
        profile.role,
        profile.power + (", sleepy" if profile.sleep else ""),
        f"{ota.manufacturer_code:04X}-{ota.image_type:04X}",
        f"0x{ota.hardware_version:04X}",
        str(ota.block_size_octets),
        f"2 x {slot // 1024} KiB" if slot % 1024 == 0 else f"2 x {slot} octets",
        profile.boot.scheme,
        profile.about,
    )


def _print_one(profile: model.Profile, *, as_json: bool) -> None:
    click.echo(json.dumps(load.plain(profile), indent=2) if as_json else as_toml(profile))


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _stop(message: str, code: int) -> NoReturn:
    click.echo(f"hanover: {message}", err=True)
    raise SystemExit(code)
