"""Keep what sticks remember in a file: tokens by the stick's name, and who is on the network."""

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from emulator.ncp.port import Member, NodeKind
from emulator.ncp.radio import VirtualRadio
from emulator.ncp.tokens import Tokens, from_json, to_json
from emulator.units import MILLISECOND, Us
from harness.cli.image_files import Flawed, read_file, write_file

#: The number of this layout; another one is refused.
SCHEMA = 1
#: Forming a network changes ten things in a row; the disk is not asked for each.
BETWEEN_WRITES_US: Us = 200 * MILLISECOND

_MEMBER = {"name": str, "eui64": str, "address": int, "kind": int, "parent": int}
_EUI64 = re.compile(r"[0-9a-f]{16}")


@dataclass(slots=True, kw_only=True)
class Kept:
    """Be what a file held: tokens by name of the stick, and the bridges of the network."""

    tokens: dict[str, Tokens] = field(default_factory=dict)
    roll: tuple[Member, ...] = ()


def read_state(file: Path) -> Kept:
    """Return what a file holds; nothing where there is no file yet.

    Raises:
        Flawed: The file is damaged, or of another layout.
        TokenError: The tokens of a stick are.
        Environment: The machine does not let us read it.
    """
    if not file.exists():
        return Kept()
    name = str(file)
    try:
        document = json.loads(read_file(file))
    except (ValueError, RecursionError) as error:
        raise Flawed(f"{name}: found no JSON ({error}), wanted a state file") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else type(document).__name__
        raise Flawed(f"{name}: schema: found {found!r}, wanted {SCHEMA}")
    sticks = document.get("sticks")
    if not isinstance(sticks, dict):
        raise Flawed(f"{name}: sticks: found {type(sticks).__name__}, wanted an object")
    tokens = {key: from_json(value, f"{name}: sticks.{key}") for key, value in sticks.items()}
    return Kept(tokens=tokens, roll=_roll(name, document.get("members")))


def _roll(name: str, found: object) -> tuple[Member, ...]:
    if not isinstance(found, list):
        raise Flawed(f"{name}: members: found {type(found).__name__}, wanted a list")
    return tuple(_member(f"{name}: members[{at}]", each) for at, each in enumerate(found))


def _member(where: str, found: object) -> Member:
    if not isinstance(found, dict) or found.keys() != _MEMBER.keys():
        raise Flawed(f"{where}: found {found!r}, wanted {', '.join(_MEMBER)}")
    for key, kind in _MEMBER.items():
        if type(found[key]) is not kind:
            raise Flawed(f"{where}.{key}: found {found[key]!r}, wanted {kind.__name__}")
    if found["kind"] not in list(NodeKind):
        raise Flawed(f"{where}.kind: found {found['kind']}, wanted 0 to {max(NodeKind)}")
    if not _EUI64.fullmatch(found["eui64"]):
        raise Flawed(f"{where}.eui64: found {found['eui64']!r}, wanted 16 hexadecimal digits")
    for key in ("address", "parent"):
        if not 0 <= found[key] <= 0xFFFF:
            raise Flawed(f"{where}.{key}: found {found[key]}, wanted 0 to 65535")
    eui64 = int(found["eui64"], 16)
    return Member(**{**found, "kind": NodeKind(found["kind"]), "eui64": eui64})


class Saver:
    """Write the file when something that it holds has changed, but not again and again.

    Args:
        file: Where; its old content is replaced in one step or not at all.
        kept: What it held; tokens of sticks that are not there now stay in it.
        radio: Whose sticks they are.
    """

    def __init__(self, file: Path, kept: Kept, radio: VirtualRadio) -> None:
        self._file, self._kept, self._radio = file, kept, radio
        self._next_at: Us = 0

    def settled(self, now: Us) -> Us | None:
        """Write what is new, if the last time was long enough ago.

        Returns:
            When to be called again: there is something that waits.

        Raises:
            Environment: The machine does not let us write.
        """
        if not self._is_new():
            return None
        if now < self._next_at:
            return self._next_at
        self._next_at = now + BETWEEN_WRITES_US
        self.save()
        return None

    def save(self) -> None:
        """Write what is new."""
        if not self._is_new():
            return
        kept, radio = self._kept, self._radio
        kept.tokens |= {name: stick.tokens for name, stick in radio.sticks.items()}
        kept.roll = self._roll()
        document = {
            "schema": SCHEMA,
            "sticks": {name: to_json(one) for name, one in sorted(kept.tokens.items())},
            "members": [{**asdict(one), "eui64": f"{one.eui64:016x}"} for one in kept.roll],
        }
        write_file(self._file, json.dumps(document, indent=1).encode() + b"\n")

    def _is_new(self) -> bool:
        tokens, radio = self._kept.tokens, self._radio
        if any(tokens.get(name) is not stick.tokens for name, stick in radio.sticks.items()):
            return True
        return self._roll() != self._kept.roll

    def _roll(self) -> tuple[Member, ...]:
        """Return who is on the network; one that sticks go back to later has whom it had."""
        radio = self._radio
        if radio.air.network is not None:
            return radio.air.roll
        asleep = any(stick.tokens.network is not None for stick in radio.sticks.values())
        return self._kept.roll if asleep else ()
