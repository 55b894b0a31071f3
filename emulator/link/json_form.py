"""Turn actions, events and datagrams into JSON and back: the form of the ``exec:`` protocol.

An object names its kind and its fields; octets are hex, enums their values, what is absent is null.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

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


def _types(hint: Any) -> frozenset[type[Any]]:  # noqa: ANN401 - an annotation
    """Return the exact types of the values that an annotation admits."""
    choices = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return frozenset(get_origin(one) or one for one in choices)


#: The types that each field of each kind may have: another process may send anything.
_TYPES: dict[type[Any], dict[str, frozenset[type[Any]]]] = {
    kind: {name: _types(hint) for name, hint in get_type_hints(kind).items()}
    for kind in KINDS.values()
}

#: How the fields that are no plain JSON come back.
_READERS: dict[str, Callable[[Any], Any]] = {
    "payload": bytes.fromhex,
    "network_key": bytes.fromhex,
    "link_key": bytes.fromhex,
    "what": Happening,
    "details": lambda pairs: tuple((name, value) for name, value in pairs),
}


def to_json(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return a value as ``json.dumps`` takes it."""
    if is_dataclass(value) and not isinstance(value, type):
        named = {one.name: to_json(getattr(value, one.name)) for one in fields(value)}
        return {"kind": type(value).__name__, **named}
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
    if not isinstance(value, dict):
        return value
    kind = KINDS.get(str(value.get("kind")))
    if kind is None:
        raise LinkError(f"kind {value.get('kind')!r}: expected one of {', '.join(sorted(KINDS))}")
    given = {name: item for name, item in value.items() if name != "kind"}
    try:
        read = {name: _READERS.get(name, from_json)(item) for name, item in given.items()}
        made = kind(**read)
    except (TypeError, ValueError) as error:
        raise LinkError(f"{kind.__name__}: {error}") from error
    for name, types in _TYPES[kind].items():
        if type(getattr(made, name)) not in types:
            raise LinkError(f"{kind.__name__}: {name} cannot be {getattr(made, name)!r}")
    return made
