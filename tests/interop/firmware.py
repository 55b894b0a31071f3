"""Make the firmware files that the hosts serve, with ``hanover image`` as a user would."""

import json
import re
from pathlib import Path
from typing import NamedTuple

from tests.interop.programs import hanover

#: Versions: what bridges run, what they are upgraded to, and what must never run.
OLD, NEW, SPOILT = 0x01000000, 0x02000000, 0x03000000
SIZE = 20_000


class Kind(NamedTuple):
    """Hold what an image must say to fit one bridge type."""

    manufacturer: int
    image_type: int
    hardware: int


def kinds(folder: Path) -> dict[str, Kind]:
    """Return what fits each bridge type, as the command that lists them says."""
    shown = json.loads(hanover(folder, "profiles", "--json"))
    return {
        each["name"]: Kind(
            each["ota"]["manufacturer_code"],
            each["ota"]["image_type"],
            each["ota"]["hardware_version"],
        )
        for each in shown["profiles"]
    }


def build(folder: Path, name: str, kind: Kind, version: int, size: int = SIZE) -> Path:
    """Build an image in ``folder`` and return its path."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    hardware = hex(kind.hardware)
    made_for = ["--manufacturer", hex(kind.manufacturer), "--type", hex(kind.image_type)]
    what = ["--version", hex(version), "--hardware", hardware, hardware, "--size", str(size)]
    hanover(folder, "image", "build", str(file), *made_for, *what)
    return file


def spoil(file: Path, out: Path) -> Path:
    """Flip one bit of an image that hosts do not look at and bridges must find."""
    out.parent.mkdir(parents=True, exist_ok=True)
    hanover(out.parent, "image", "mutate", str(file), str(out), "--mutation", "flip-image-bit")
    return out


def profile(folder: Path, name: str, **changes: int) -> Path:
    """Write a bridge type of one's own: a built-in one with some of its keys changed."""
    text = hanover(folder, "profiles", name)
    for key, value in changes.items():
        text, found = re.subn(rf"(?m)^{key} = \S+", f"{key} = {value}", text)
        assert found == 1, f"{key}: found {found} times in {name}, wanted once"
    file = folder / f"{name}.toml"
    file.write_text(text, "utf-8")
    return file
