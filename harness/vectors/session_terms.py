"""Read the frames and values that a session script names, and say what they are on one bench.

A field of a frame is given as a number, as ``"0x1234"``, by the name of an enum's member, by a word
(``own``, ``offered``, ``same`` ...), or in relation to the last request: ``{"plus": 40}``.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import NoReturn, get_args, get_type_hints

from emulator.contract import Identity
from emulator.errors import HanoverError, did_you_mean
from emulator.wire import ota, zcl
from emulator.wire.codec import COMMANDS, KEYS, Frame, UInt


class ScriptError(HanoverError, ValueError):
    """A session script is wrong: names the vector, the step, what was found and wanted."""


#: What a device sends to the server, and what a server sends to a device, by name.
REQUESTS: dict[str, type[Frame]] = {
    kind.__name__: kind
    for key, kind in COMMANDS.items()
    if key.cluster == ota.CLUSTER and key.to_server
}
_RESPONSES: dict[str, type[Frame]] = {
    kind.__name__: kind
    for key, kind in COMMANDS.items()
    if key.cluster == ota.CLUSTER and not key.to_server
}
_NUMBERED = REQUESTS | _RESPONSES
_GENERAL: dict[str, type[Frame]] = {"DefaultResponse": zcl.DefaultResponse}
FROM_DEVICE = REQUESTS | _GENERAL
FROM_SERVER = _RESPONSES | _GENERAL


def _sizes(kind: type[Frame]) -> dict[str, int]:
    """Return the octets of each number of a frame."""
    made = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        for part in (hint, *get_args(hint)):  # an optional field is a union
            for mark in getattr(part, "__metadata__", ()):
                if isinstance(mark, UInt):
                    made[name] = mark.size
    return made


_SIZES = {name: _sizes(kind) for name, kind in (FROM_DEVICE | FROM_SERVER).items()}

#: Versions by the words that stand for them, counted from the one that runs at first.
VERSIONS = {"lower": -1, "running": 0, "next": 1, "later": 2}
#: The words that each field understands; ``same`` is the last request's value of any field.
_WORDS: dict[str, frozenset[str]] = {
    "manufacturer": frozenset({"own", "any"}),
    "image_type": frozenset({"own", "any"}),
    "file_version": frozenset({*VERSIONS, "offered", "any"}),
    "upgrade_time_s": frozenset({"forever"}),
    "image_size": frozenset({"whole"}),
    "node_address": frozenset({"own"}),
}
_ENUMS: dict[str, type[IntEnum]] = {"status": zcl.Status, "payload_type": ota.NotifyType}
_ANY = {
    "manufacturer": ota.ANY_MANUFACTURER,
    "image_type": ota.ANY_IMAGE_TYPE,
    "file_version": ota.ANY_VERSION,
}
_SAME = "same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Say what the words of a script mean on one bench, at one moment."""

    identity: Identity
    version: Callable[[int], int]  # of a number of ``VERSIONS``
    offered: int  # file version
    whole: int  # octets of the image
    last: Mapping[str, object]  # what the device's requests last had in each field

    def value(self, name: str, value: object) -> int | None:
        """Return what a field's value is.

        Raises:
            ScriptError: It refers to a request, and there was none with this field.
        """
        if value is None or isinstance(value, int):
            return value
        if isinstance(value, Mapping):
            return self._same(name) + int(value["plus"])
        word = str(value)
        number = self._word(name, word)
        return self._same(name) if number is None else number

    def _word(self, name: str, word: str) -> int | None:
        if word.startswith("0x"):
            return int(word, 16)
        if name in _ENUMS and word in _ENUMS[name].__members__:
            return int(_ENUMS[name][word])
        if name == "command" and word in _NUMBERED:
            return KEYS[_NUMBERED[word]].command
        own = {
            "manufacturer": self.identity.manufacturer,
            "image_type": self.identity.image_type,
            "node_address": self.identity.eui64,
        }
        plain = {"offered": self.offered, "whole": self.whole, "forever": ota.WAIT_FOR_ANOTHER}
        if word == "own":
            return own[name]
        if word == "any":
            return _ANY[name]
        return self.version(VERSIONS[word]) if word in VERSIONS else plain.get(word)

    def _same(self, name: str) -> int:
        found = self.last.get(name)
        if not isinstance(found, int):
            raise ScriptError(f"{name}: found no request with this field, wanted one before")
        return found

    def agrees(self, name: str, wanted: object, found: object) -> bool:
        """Tell whether what a device sent is one of the values that are accepted."""
        if isinstance(wanted, list):
            return any(self.agrees(name, one, found) for one in wanted)
        if isinstance(wanted, Mapping) and "plus" not in wanted:
            if not isinstance(found, int):
                return False
            least, most = (self.value(name, wanted.get(key)) for key in ("least", "most"))
            return (least is None or found >= least) and (most is None or found <= most)
        return found == self.value(name, wanted)


def check_fields(
    kind: type[Frame], given: object, *, expected: bool, data: bool = False
) -> dict[str, object]:
    """Return the fields that a script gives a frame, once each is one that can be read.

    Args:
        kind: The frame.
        given: What the script has under ``fields``.
        expected: Whether it is what a device may send: lists and bounds are then values too.
        data: Whether ``data`` is described, not given: it is left to the caller.

    Raises:
        ScriptError: No such field, or no such value.
    """
    if not isinstance(given, dict):
        raise ScriptError(f"fields: found {given!r}, wanted an object")
    known = [one.name for one in fields(kind)]  # type: ignore[arg-type]  # a dataclass
    for name, value in given.items():
        if name not in known:
            refuse("fields", name, known)
        if data and name == "data":
            continue
        _check_value(name, value, expected=expected)
        _check_number(kind, name, value, expected=expected)
    return given


def _check_number(kind: type[Frame], name: str, value: object, *, expected: bool) -> None:
    """Check that a number fits its field, and that a server says no status that nobody defines."""
    for one in value if isinstance(value, list) else (value,):
        number = int(one, 16) if isinstance(one, str) and one.startswith("0x") else one
        if not isinstance(number, int):
            continue
        size = _SIZES[kind.__name__].get(name, 8)
        if not 0 <= number < 1 << 8 * size:
            raise ScriptError(f"fields.{name}: found {one!r}, wanted a number of {size} octets")
        if not expected and name in _ENUMS and number not in tuple(_ENUMS[name]):
            wanted = f"a value of {_ENUMS[name].__name__}, or an edit of octets"
            raise ScriptError(f"fields.{name}: found {one!r}, wanted {wanted}")


def _check_value(name: str, value: object, *, expected: bool) -> None:
    if expected and isinstance(value, list) and value:
        for one in value:
            _check_value(name, one, expected=False)
        return
    keys = set(value) if isinstance(value, Mapping) else set()
    if expected and isinstance(value, Mapping) and keys and keys <= {"least", "most"}:
        for one in value.values():
            _check_value(name, one, expected=False)
        return
    if isinstance(value, Mapping):
        if keys != {"plus"} or not isinstance(value["plus"], int):
            raise ScriptError(f'fields.{name}: found {value!r}, wanted {{"plus": octets}}')
        return
    if isinstance(value, str):
        _check_word(name, value)
    elif isinstance(value, bool) or not (value is None or isinstance(value, int)):
        raise ScriptError(f"fields.{name}: found {value!r}, wanted a number or a word")


def _check_word(name: str, word: str) -> None:
    if word.startswith("0x") and word[2:] and not word[2:].strip("0123456789abcdefABCDEF"):
        return
    words = {_SAME, *_WORDS.get(name, ())}
    if name in _ENUMS:
        words |= set(_ENUMS[name].__members__)
    if name == "command":
        words |= set(_NUMBERED)
    if word not in words:
        refuse(f"fields.{name}", word, words)


def refuse(key: str, found: object, known: Collection[str]) -> NoReturn:
    """Raise the error of a name that nobody knows, with a close one."""
    wanted = f"one of {', '.join(sorted(known))}{did_you_mean(str(found), known)}"
    raise ScriptError(f"{key}: found {found!r}, wanted {wanted}")
