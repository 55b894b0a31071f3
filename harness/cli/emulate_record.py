"""Remember how an emulated bridge was made, and hold a later start of it to that."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from emulator.errors import ProfileError, StateError
from emulator.link.ezsp import Wish
from emulator.link.storage import BASE
from emulator.profiles import load
from emulator.profiles.model import Profile

#: The file beside the flash, and the number of its layout.
RECORD, SCHEMA = "made.json", 1
#: Keys in which two profiles differ that a message shows.
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Say how a bridge was made.

    Args:
        base: The profile that was named.
        profile: What the bridge is: the same, fitted to a file, to hosts of Home Automation, to
            people who have no time.
        strict: It was not fitted to such hosts.
        fast: Its long waits were shortened.
        wish: Which network it may join, and with which key.
    """

    base: Profile
    profile: Profile
    strict: bool
    fast: bool
    wish: Wish

    def check(self, base: Profile, folder: Path, *, strict: bool, fast: bool) -> None:
        """Refuse a start that wants another bridge than the one that the folder keeps.

        Raises:
            StateError: It does; says what was found and wanted.
        """
        if base != self.base:
            raise _another(base.name, self.base, base, folder)
        for option, given, kept in (
            ("--strict", strict, self.strict),
            ("--fast", fast, self.fast),
        ):
            if given and not kept:
                raise StateError(
                    f"{option}: found it, wanted none: the bridge in {folder} was made without"
                )

    def check_fit(self, fitted: Profile, file: Path, folder: Path) -> None:
        """Refuse a file that would have made another bridge.

        Raises:
            StateError: It would.
        """
        if fitted != self.profile:
            raise _another(str(file), self.profile, fitted, folder)


def _another(what: str, kept: Profile, wanted: Profile, folder: Path) -> StateError:
    changed = load.changed_keys(kept, wanted)
    more = f" and {len(changed) - _SHOWN} more keys" if changed[_SHOWN:] else ""
    return StateError(
        f"{what}: found {', '.join(changed[:_SHOWN])}{more}, wanted what the bridge in {folder}"
        " was made of: another bridge wants another folder"
    )


def recall(folder: Path) -> Record | None:
    """Return how the bridge of a folder was made, None where the folder keeps no bridge.

    Raises:
        StateError: The record is missing or damaged.
    """
    if not (folder / BASE).exists():
        return None
    path = folder / RECORD
    try:
        kept = json.loads(path.read_bytes())
        if kept["schema"] != SCHEMA:
            raise ValueError(f"schema {kept['schema']}")
        wish = {**kept["wish"], "link_key": bytes.fromhex(kept["wish"]["link_key"])}
        return Record(
            base=_profile(kept["base"]),
            profile=_profile(kept["profile"]),
            strict=bool(kept["strict"]),
            fast=bool(kept["fast"]),
            wish=Wish(**wish),
        )
    except (OSError, ValueError, KeyError, TypeError, ProfileError) as error:
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise StateError(f"{path}: found {why}, wanted how the bridge there was made") from None


def remember(folder: Path, record: Record) -> None:
    """Write how a bridge was made, whole or not at all."""
    document = {
        "schema": SCHEMA,
        "base": load.plain(record.base),
        "profile": load.plain(record.profile),
        "strict": record.strict,
        "fast": record.fast,
        "wish": {**asdict(record.wish), "link_key": record.wish.link_key.hex()},
    }
    path = folder / RECORD
    part = path.with_suffix(".part")
    with part.open("wb") as stream:
        stream.write(json.dumps(document).encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def joining(kept: Wish | None, given: Mapping[str, Any]) -> Wish:
    """Return which network a bridge may join: as it was told last, each part by itself.

    Args:
        kept: What it was told earlier, None: nothing.
        given: What it is told now; a part that is None is left as it is.
    """
    return replace(kept or Wish(), **{key: one for key, one in given.items() if one is not None})


def _profile(document: Mapping[str, object]) -> Profile:
    """Return a profile of its plain form; any other one serves as the ground that is replaced."""
    ground = load.load(load.names()[0])
    return load.overlay(ground, {**dict.fromkeys(load.plain(ground)), **document})
