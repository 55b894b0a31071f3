"""Turn actions, events and datagrams into JSON and back: the form of the ``exec:`` protocol.

An object names its kind and its fields; octets are hex, enums their values, what is absent is null.
An EUI-64 is hex too: readers of JSON may keep no more than 53 bits of a number.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from emulator import actions
from emulator.actions import Happening
from emulator.contract import Identity
from emulator.errors import LinkError
from emulator.wire.aps import Datagram

#: Every kind of value that crosses the line, by its name.
KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        *(made for made in vars(actions).values() if isinstance(made, type) and is_dataclass(made)),
        Identity,
        Datagram,
    )
}

#: The largest number that every reader of JSON keeps (RFC 7493, 2.2).
LARGEST = (1 << 53) - 1
#: The largest value of a field, where it is not that; the smallest is 0.
_LIMITS: dict[str, int] = {
    **dict.fromkeys(("source", "destination", "profile", "cluster", "address"), 0xFFFF),
    **dict.fromkeys(("source_endpoint", "destination_endpoint", "options", "aps_counter"), 0xFF),
    **dict.fromkeys(("manufacturer", "image_type", "hardware_version"), 0xFFFF),
    **dict.fromkeys(("protocol", "lowest", "highest", "key_id"), 0xFF),
    **{"frame_counter": 0xFFFFFFFF, "percent": 100},
}
#: Digits of an EUI-64.
_EUI64_DIGITS = 16
#: Characters of a found value that a message shows.
_LONGEST = 60


class _Field(NamedTuple):
    """Say how one field of one kind is read."""

    types: frozenset[type[Any]]
    read: Callable[[Any], Any] | None  # None: as it is
    largest: int
    required: bool


def to_json(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return a value as ``json.dumps`` takes it."""
    names = _NAMES.get(type(value))
    if names is not None:
        made = {"kind": type(value).__name__}
        for name in names:
            item = getattr(value, name)
            if item is not None and type(item) not in _PLAIN:
                item = to_json(item)
            elif name == "eui64":
                item = f"{item:0{_EUI64_DIGITS}x}"
            made[name] = item
        return made
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def from_json(value: Any) -> Any:  # noqa: ANN401 - as above
    """Return the value that ``to_json`` was given.

    Raises:
        LinkError: No such kind, a field too many or too few, or one that holds no such value.
    """
    if type(value) is not dict:
        raise LinkError(f"found {shown(value)}, wanted an object with a kind")
    kind = KINDS.get(str(value.get("kind")))
    if kind is None:
        known = ", ".join(sorted(KINDS))
        raise LinkError(f"kind {shown(value.get('kind'))}: expected one of {known}")
    declared, read = _FIELDS[kind], {}
    for name, item in value.items():
        if name == "kind":
            continue
        field = declared.get(name)
        if field is None:
            raise LinkError(f"{kind.__name__}: {name}: unknown, wanted {', '.join(declared)}")
        read[name] = _read(kind, name, item, field)
    if len(read) < len(declared):
        for name, field in declared.items():
            if field.required and name not in read:
                raise LinkError(f"{kind.__name__}: {name}: found nothing, wanted a value")
    try:
        return kind(**read)
    except ValueError as error:
        raise LinkError(f"{kind.__name__}: {error}") from None


def shown(value: object) -> str:
    """Show a found value on one line, cut short where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _read(kind: type[Any], name: str, item: object, field: _Field) -> object:
    """Return the value of one field, or say what was found in it and what was wanted."""
    made = item
    if field.read is not None and item is not None:
        try:
            made = field.read(item)
        except LinkError as error:
            raise LinkError(f"{kind.__name__}: {name}: {error}") from None
        except (TypeError, ValueError):
            made = _Field  # of no type that is wanted
    if type(made) not in field.types:
        wanted = " or ".join(sorted(_words(one, name) for one in field.types))
        raise LinkError(f"{kind.__name__}: {name}: found {shown(item)}, wanted {wanted}")
    if type(made) is int and not 0 <= made <= field.largest:
        raise LinkError(f"{kind.__name__}: {name}: found {made}, wanted 0 to {field.largest}")
    return made


def _words(kind: type[Any], name: str) -> str:
    """Say what a type of a field looks like in JSON."""
    if name == "eui64":
        return f"{_EUI64_DIGITS} hex digits"
    if kind is Happening:
        return f"one of {', '.join(Happening)}"
    words = {bytes: "octets in hex", int: "a number", bool: "true or false", tuple: "pairs"}
    return "null" if kind is type(None) else words.get(kind, kind.__name__)


def _eui64(text: str) -> int:
    if type(text) is not str or len(text) != _EUI64_DIGITS:
        raise ValueError(text)
    return int(text, 16)


def _details(pairs: Any) -> tuple[tuple[str, int | str], ...]:  # noqa: ANN401 - of JSON
    made = tuple((name, value) for name, value in pairs)
    for name, value in made:
        if type(name) is not str or type(value) not in (int, str):
            raise TypeError(name)
    return made


#: How the fields that are no plain JSON come back.
_READERS: dict[str, Callable[[Any], Any]] = {
    "datagram": from_json,
    "content": from_json,
    "payload": bytes.fromhex,
    "network_key": bytes.fromhex,
    "link_key": bytes.fromhex,
    "eui64": _eui64,
    "what": Happening,
    "details": _details,
}
#: The types that JSON takes as they are.
_PLAIN = frozenset({int, str, bool})


def _types(hint: Any) -> frozenset[type[Any]]:  # noqa: ANN401 - an annotation
    """Return the exact types of the values that an annotation admits."""
    choices = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return frozenset(get_origin(one) or one for one in choices)


def _declared(kind: type[Any]) -> Mapping[str, _Field]:
    hints = get_type_hints(kind)
    return {
        one.name: _Field(
            types=_types(hints[one.name]),
            read=_READERS.get(one.name),
            largest=(1 << 64) - 1 if one.name == "eui64" else _LIMITS.get(one.name, LARGEST),
            required=one.default is MISSING,
        )
        for one in fields(kind)
    }


#: Another process may send anything: what each field of each kind may hold.
_FIELDS: dict[type[Any], Mapping[str, _Field]] = {kind: _declared(kind) for kind in KINDS.values()}
_NAMES: dict[type[Any], tuple[str, ...]] = {kind: tuple(_FIELDS[kind]) for kind in KINDS.values()}
