"""State what a power switch is, and make the one that a text names."""

from collections.abc import Callable
from typing import Protocol

from emulator.errors import HanoverError
from harness.power.command import CommandSwitch
from harness.power.person import PersonSwitch
from harness.power.relay import RelaySwitch


class SwitchError(HanoverError, ValueError):
    """A text names no power switch."""


class Switch(Protocol):
    """Raise and cut the supply of one device."""

    def set(self, on: bool) -> None:
        """Raise or cut the supply, and come back when that is done.

        Raises:
            LinkError: The supply could not be switched.
        """
        ...

    def close(self) -> None:
        """Give back what the switch holds; the supply stays as it is. Safe to call twice."""
        ...


#: Each kind of switch, and what makes one of what stands behind the colon.
KINDS: dict[str, Callable[[str], Switch]] = {
    "cmd": CommandSwitch,
    "relay": RelaySwitch,
    "ask": lambda rest: PersonSwitch(),
}
#: The kinds that need something behind the colon; the others take nothing there.
_PLACED = frozenset({"cmd", "relay"})


def mistaken(text: str) -> str | None:
    """Return what is wrong with a text that should name a power switch, None if nothing is."""
    kind, _, rest = text.partition(":")
    if text == "none" or (kind in KINDS and (kind in _PLACED) is bool(rest.strip())):
        return None
    return f'found "{text}", wanted cmd:COMMAND, relay:PORT, ask or none'


def open_switch(text: str) -> Switch | None:
    """Return the switch that a text names: cmd:COMMAND, relay:PORT or ask; None for none.

    Raises:
        SwitchError: It names none.
    """
    if wrong := mistaken(text):
        raise SwitchError(f"power: {wrong}")
    if text == "none":
        return None
    kind, _, rest = text.partition(":")
    return KINDS[kind](rest.strip())
