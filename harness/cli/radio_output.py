"""Say what a virtual radio does: lines or JSON on stdout, a trace, the octets of its hosts."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO, TypeAlias

import click

from emulator.link.medium import Tap
from emulator.ncp.bridges import Occurrence
from emulator.ncp.serve import Visit
from emulator.units import SECOND, Us
from harness.trace import Row, as_object

#: Takes time, stick, whether they are the host's, and octets.
OctetLog: TypeAlias = Callable[[Us, str, bool, bytes], None]


class Voice:
    """Say what happens, to a person or to a program.

    Args:
        as_json: Print one JSON object a line; ``event`` says what it is about.
        sticks: Names of the sticks: everything else that something happens to is a bridge.
    """

    def __init__(self, *, as_json: bool, sticks: frozenset[str]) -> None:
        self._as_json, self._sticks = as_json, sticks

    def listening(self, name: str, where: str) -> None:
        """Say where a stick is to be found."""
        self._say({"event": "listening", "radio": name, "listen": where}, f"{name}: on {where}")

    def opened(self, port: str, eui64: int, version: int) -> None:
        """Say which stick was opened, and the EZSP version that it speaks."""
        made = {"event": "opened", "port": port, "eui64": f"{eui64:016x}", "ezsp": version}
        self._say(made, f"{port}: stick {eui64:016X}, EZSP {version}")

    def note(self, text: str) -> None:
        """Say what a person should know before it begins."""
        self._say({"event": "note", "text": text}, f"note: {text}")

    def log(self, text: str) -> None:
        """Say what a stick finds strange; people read it on stderr."""
        if self._as_json:
            self._say({"event": "log", "text": text}, "")
        else:
            click.echo(text, err=True)

    def happened(self, occurrence: Occurrence) -> None:
        """Say what happened on the network."""
        role = "radio" if occurrence.who in self._sticks else "bridge"
        made = {"event": str(occurrence.what), "t_us": occurrence.at, role: occurrence.who}
        self._say({**made, **dict(occurrence.details)}, occurrence.line)

    def visited(self, now: Us, name: str, visit: Visit) -> None:
        """Say that a host came or went."""
        text = f"{now / SECOND:10.3f} s  {name}: {visit}"
        self._say({"event": str(visit), "t_us": now, "radio": name}, text)

    def _say(self, made: dict[str, object], line: str) -> None:
        click.echo(json.dumps(made) if self._as_json else line)


def octet_log(file: Path, stack: ExitStack) -> OctetLog:
    """Return what writes the octets of both directions: time, stick, direction, hexadecimal.

    Args:
        file: Where; it is made anew.
        stack: Closes the file in the end.
    """
    stream = _opened(file, stack)

    def write(now: Us, name: str, from_host: bool, octets: bytes) -> None:
        direction = "host >" if from_host else "host <"
        stream.write(f"{now / SECOND:.6f} {name} {direction} {octets.hex(' ')}\n")

    return write


def trace_log(file: Path, stack: ExitStack) -> Tap:
    """Return what writes everything that happens on the network, one JSON object a line."""
    stream = _opened(file, stack)
    as_text = json.JSONEncoder(separators=(",", ":")).encode

    def write(now: Us, who: str, what: str, subject: object) -> None:
        stream.write(as_text(as_object(Row(now, who, what, subject))) + "\n")

    return write


def _opened(file: Path, stack: ExitStack) -> TextIO:
    """Open a log whose lines are on disk at once: it is read when something has gone wrong."""
    return stack.enter_context(file.open("w", encoding="utf-8", buffering=1))
