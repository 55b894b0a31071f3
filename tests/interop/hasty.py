"""Make profiles of bridges in a hurry, for runs in real time, and write them as TOML."""

from typing import Any

from emulator.profiles import load
from emulator.profiles.haste import hastened
from emulator.profiles.model import Profile

#: Beside what ``--fast`` shortens: how long a bridge waits for what does not come.
_SHORT = {
    "ota.block_timeout_ms": 300,
    "ota.response_timeout_ms": 300,
    "ota.block_tries": 4,
}


def hasty(name: str) -> Profile:
    """Return a built-in profile whose waits last at most seconds."""
    return load.overlay(hastened(load.load(name)), _SHORT)


def as_toml(profile: Profile) -> str:
    """Return a profile as a TOML document."""
    document = load.plain(profile)
    lines = [f"{key} = {_value(one)}" for key, one in document.items() if type(one) is not dict]
    for name, table in document.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]", *(f"{key} = {_value(one)}" for key, one in table.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:  # noqa: ANN401 - what TOML holds
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    assert isinstance(value, str), value
    return f'"{value}"'
