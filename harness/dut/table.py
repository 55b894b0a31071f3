"""Read a user's file, and a TOML table key by key; refuse what nobody asked for."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from emulator.errors import did_you_mean
from emulator.profiles.section import Range
from emulator.units import Octets
from harness.dut.model import DutError

_Member = TypeVar("_Member", bound=StrEnum)
#: Characters of a found value that a message shows.
_LONGEST = 60


class Table:
    """Be one table; each key is asked for once, and ``close`` refuses the others."""

    def __init__(self, document: Mapping[str, Any], prefix: str) -> None:
        self._document, self._prefix = document, prefix
        self._known: list[str] = []

    def name(self, key: str) -> str:
        """Return a key with the table's own name before it."""
        return f"{self._prefix}{key}"

    def names(self) -> tuple[str, ...]:
        """Return the keys that are there."""
        return tuple(self._document)

    def text(self, key: str, usual: str | None = None) -> str:
        """Return a text that is not empty; ``usual`` where the key is not there."""
        value = self._take(key, usual, "a text")
        if not isinstance(value, str) or (key in self._document and not value.strip()):
            self.refuse(key, _shown(value), "a text that is not empty")
        return value

    def texts(self, key: str, usual: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self._take(key, usual, "a list of texts")
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            self.refuse(key, _shown(value), "a list of texts")
        return tuple(value)

    def flag(self, key: str, *, usual: bool | None = None) -> bool:
        """Return true or false; ``usual`` where the key is not there."""
        value = self._take(key, usual, "true or false")
        if not isinstance(value, bool):
            self.refuse(key, _shown(value), "true or false")
        return value

    def number(self, key: str, usual: int | None) -> int | None:
        """Return an integer, ``usual`` where the key is not there."""
        self._known.append(key)
        value = self._document.get(key, usual)
        if value is not None and type(value) is not int:
            self.refuse(key, _shown(value), "an integer")
        return value

    def whole(self, key: str, bound: Range, usual: int | None = None) -> int:
        """Return an integer within bounds; ``usual`` where the key is not there."""
        value = self._take(key, usual, f"an integer in {bound}")
        if type(value) is not int or not bound.least <= value <= bound.most:
            self.refuse(key, _shown(value), f"an integer in {bound}")
        return value

    def fraction(self, key: str, usual: float | None = None) -> float:
        """Return a number from 0 to 1; ``usual`` where the key is not there."""
        value = self._take(key, usual, "a number in 0..1")
        if isinstance(value, int | float) and type(value) is not bool and 0 <= value <= 1:
            return float(value)  # neither nan nor infinity comes here
        self.refuse(key, _shown(value), "a number in 0..1")

    def hexadecimal(self, key: str, size: int) -> bytes:
        """Return octets that are written as hexadecimal digits."""
        text = self.text(key)
        try:
            octets = bytes.fromhex(text.removeprefix("0x").replace(":", ""))
        except ValueError:
            octets = b""
        if len(octets) != size:
            self.refuse(key, _shown(text), f"{2 * size} hexadecimal digits")
        return octets

    def word(self, key: str, kind: type[_Member], value: str) -> _Member:
        """Return the member of an enumeration that a text is."""
        if value not in tuple(kind):
            self.refuse(key, _shown(value), f"one of {', '.join(kind)}")
        return kind(value)

    def table(self, key: str, *, needed: bool = False) -> "Table":
        """Return a table inside this one; an empty one where it is not there."""
        return Table(self.plain(key, needed=needed), f"{self._prefix}{key}.")

    def plain(self, key: str, *, needed: bool = False) -> Mapping[str, Any]:
        """Return a table inside this one as it was read."""
        value = self._take(key, None if needed else {}, "a table")
        if not isinstance(value, dict):
            self.refuse(key, _shown(value), "a table")
        return value

    def tables(self, key: str) -> "list[Table]":
        """Return an array of tables; none where it is not there."""
        value = self._take(key, (), "tables")
        if not isinstance(value, list | tuple) or not all(isinstance(one, dict) for one in value):
            self.refuse(key, _shown(value), f"tables [[{self._prefix}{key}]]")
        return [Table(one, f"{self._prefix}{key}[{at}].") for at, one in enumerate(value)]

    def close(self) -> None:
        """Refuse the first key that nobody asked for.

        Raises:
            DutError: There is one.
        """
        for key in self._document:
            if key not in self._known:
                self.unknown(key, self._known)

    def unknown(self, key: str, known: Iterable[str]) -> NoReturn:
        """Refuse a key by its name."""
        known = list(known)
        wanted = f"one of {', '.join(known)}" if len(known) <= 12 else "a known one"
        self.refuse(key, "an unknown key", f"{wanted}{did_you_mean(key, known)}")

    def refuse(self, key: str, found: str, wanted: str) -> NoReturn:
        """Raise the error of one key."""
        raise DutError(f"{self._prefix}{key}: found {found}, wanted {wanted}")

    def blame(self, key: str, message: str) -> NoReturn:
        """Raise the error of one key that is worded already."""
        raise DutError(f"{self._prefix}{key}: {message}")

    def _take(self, key: str, usual: object, what: str) -> object:
        self._known.append(key)
        if key in self._document:
            return self._document[key]
        if usual is None:
            self.refuse(key, "nothing", what)
        return usual


def octets_of(path: Path, most: Octets, what: str) -> bytes:
    """Read a file that a user named.

    Args:
        path: Where it lies.
        most: Octets that no file of its kind has more of.
        what: How a message names it.

    Raises:
        DutError: It cannot be read, or is larger.
    """
    try:
        with path.open("rb") as stream:
            octets = stream.read(most + 1)
    except (OSError, ValueError) as error:  # a path with a null character is a ValueError
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise DutError(f"{what}: found {reason}, wanted a file that can be read") from None
    if len(octets) > most:
        raise DutError(f"{what}: found more than {most} octets, wanted at most that")
    return octets


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a table"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
