"""Hold what a stick keeps over resets and restarts, and its form as JSON.

A value of ``Tokens`` is never changed: who changes something puts a new one in its place, so that
"is it still the same object" says whether there is something to save.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

from emulator.errors import HanoverError
from emulator.ncp.port import NetworkParameters

#: The number of the JSON form; another one is refused, not guessed at.
SCHEMA: Final = 1

#: NVM3 id of the EUI-64 that replaces the one of the factory, as hosts write it: no domain.
RESTORED_EUI64: Final = 0xE12A

_BLANK: Final = b"\xff" * 8
#: What is written in hexadecimal, with as many digits; every other integer is a number.
_EUI_DIGITS: Final = 16


class TokenError(HanoverError, ValueError):
    """A state file cannot be used: names the field, what was found and what was wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkKey:
    """Be one line of the key table."""

    index: int
    eui64: int
    key: bytes
    outgoing_frame_counter: int = 0
    incoming_frame_counter: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NvToken:
    """Be one NVM3 object that a host wrote."""

    token: int
    index: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Say which network the stick belongs to, as what, and with which keys."""

    parameters: NetworkParameters
    node_kind: int
    address: int
    network_key: bytes
    network_key_sequence: int
    alternate_key: bytes | None
    alternate_sequence: int
    link_key: bytes  # the trust centre's link key
    bitmask: int  # EmberCurrentSecurityBitmask
    trust_centre: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Be everything that a stick keeps without power."""

    factory_eui64: int
    network: Network | None = None
    link_keys: tuple[LinkKey, ...] = ()  # in the order of their indexes
    network_frame_counter: int = 0  # never below what went on the air
    aps_frame_counter: int = 0
    objects: tuple[NvToken, ...] = ()
    manufacturing: tuple[tuple[int, bytes], ...] = ()  # written once, never erased

    @property
    def eui64(self) -> int:
        """Return the EUI-64 that the stick goes by: the restored one if there is one."""
        data = self.object(RESTORED_EUI64, 0)
        if data is None or data == _BLANK or len(data) != len(_BLANK):
            return self.factory_eui64
        return sum(octet << 8 * place for place, octet in enumerate(data))

    def object(self, token: int, index: int) -> bytes | None:
        """Return an NVM3 object, None if nobody wrote it."""
        for one in self.objects:
            if (one.token, one.index) == (token, index):
                return one.data
        return None

    def with_object(self, token: int, index: int, data: bytes) -> Self:
        """Return these tokens with one NVM3 object written."""
        others = [one for one in self.objects if (one.token, one.index) != (token, index)]
        new = NvToken(token=token, index=index, data=data)
        return replace(self, objects=(*others, new))

    def link_key(self, index: int) -> LinkKey | None:
        """Return the line of the key table at an index, None if it is free."""
        return next((one for one in self.link_keys if one.index == index), None)

    def link_key_of(self, eui64: int) -> LinkKey | None:
        """Return the line of the key table for a partner, None if it has none."""
        return next((one for one in self.link_keys if one.eui64 == eui64), None)

    def with_link_key(self, new: LinkKey) -> Self:
        """Return these tokens with one line of the key table written."""
        others = [one for one in self.link_keys if one.index != new.index]
        return replace(self, link_keys=tuple(sorted([*others, new], key=lambda one: one.index)))

    def without_link_key(self, index: int) -> Self:
        """Return these tokens with one line of the key table free."""
        return replace(self, link_keys=tuple(one for one in self.link_keys if one.index != index))


def to_json(tokens: Tokens) -> dict[str, Any]:
    """Return what ``json`` can write: octets and EUI-64s in hexadecimal, under a schema number."""
    return {"schema": SCHEMA, **_written(tokens)}


def _written(one: object) -> dict[str, Any]:
    return {name: _plain(name, value) for name, value in _items(one)}


def _items(one: object) -> list[tuple[str, Any]]:
    declared = fields(one)  # type: ignore[arg-type]  # tokens and their parts are dataclasses
    return [(each.name, getattr(one, each.name)) for each in declared]


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401 - any field of a token
    if isinstance(value, bytes):
        return value.hex()
    if name in _EUIS:
        return f"{value:0{_EUI_DIGITS}x}"
    if isinstance(value, tuple):
        return [_plain("", each) for each in value]
    return value if value is None or isinstance(value, int) else _written(value)


_EUIS: Final = frozenset({"factory_eui64", "eui64", "trust_centre"})


def from_json(document: object, where: str) -> Tokens:
    """Return the tokens that ``to_json`` wrote.

    Args:
        document: What ``json`` read.
        where: The file's name, for the error.

    Raises:
        TokenError: A field is missing, unknown or wrong; names file, field, found and wanted.
    """
    reader = _Reader(where)
    found = reader.mapping("", document)
    if found.get("schema") != SCHEMA:
        raise reader.error("schema", found.get("schema"), str(SCHEMA))
    return reader.tokens({name: value for name, value in found.items() if name != "schema"})


class _Reader:
    """Read one document, and say where in it something is wrong."""

    def __init__(self, where: str) -> None:
        self.where = where

    def error(self, field: str, found: object, wanted: str) -> TokenError:
        shown = "nothing" if found is None else repr(found)
        at = f"{self.where}: {field}" if field else self.where
        return TokenError(f"{at}: found {shown}, wanted {wanted}")

    def mapping(self, field: str, found: object) -> Mapping[str, Any]:
        if not isinstance(found, dict):
            raise self.error(field, found, "an object")
        return found

    def sequence(self, field: str, found: object) -> list[Any]:
        if not isinstance(found, list):
            raise self.error(field, found, "a list")
        return found

    def number(self, field: str, found: object, least: int, most: int) -> int:
        if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
            raise self.error(field, found, f"an integer from {least} to {most}")
        return found

    def octets(self, field: str, found: object, size: int | None) -> bytes:
        wanted = "octets in hexadecimal" if size is None else f"{size} octets in hexadecimal"
        try:
            made = bytes.fromhex(found) if isinstance(found, str) else None
        except ValueError:
            made = None
        if made is None or (size is not None and len(made) != size):
            raise self.error(field, found, wanted)
        return made

    def eui64(self, field: str, found: object) -> int:
        octets = self.octets(field, found, _EUI_DIGITS // 2)
        return int(octets.hex(), 16)

    def members(self, field: str, found: object, cls: type[Any]) -> Mapping[str, Any]:
        """Return the fields of an object, which must be those of the class."""
        given = self.mapping(field, found)
        names = [each.name for each in fields(cls)]
        for name in names:
            if name not in given:
                raise self.error(_join(field, name), None, "a value")
        if unknown := sorted(given.keys() - names):
            raise self.error(_join(field, unknown[0]), given[unknown[0]], "no such field")
        return given

    def record(self, field: str, found: object, cls: type[Any], sizes: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Return a value of a flat class; ``sizes`` has a range, a size of octets, or a reader."""
        given = self.members(field, found, cls)
        made = {}
        for name, size in sizes.items():
            at, value = _join(field, name), given[name]
            if callable(size):
                made[name] = size(self, at, value)
            elif isinstance(size, range):
                made[name] = self.number(at, value, size.start, size.stop - 1)
            else:
                made[name] = self.octets(at, value, size)
        return cls(**made)

    def tokens(self, found: Mapping[str, Any]) -> Tokens:
        made: Tokens = self.record("", found, Tokens, _TOKENS)
        return made


def _join(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _optional(reader: _Reader, field: str, found: object) -> bytes | None:
    return None if found is None else reader.octets(field, found, 16)


def _network(reader: _Reader, field: str, found: object) -> Network | None:
    if found is None:
        return None
    made: Network = reader.record(field, found, Network, _NETWORK)
    return made


def _parameters(reader: _Reader, field: str, found: object) -> NetworkParameters:
    made: NetworkParameters = reader.record(field, found, NetworkParameters, _PARAMETERS)
    return made


def _link_keys(reader: _Reader, field: str, found: object) -> tuple[LinkKey, ...]:
    lines = [
        reader.record(f"{field}[{place}]", each, LinkKey, _LINK_KEY)
        for place, each in enumerate(reader.sequence(field, found))
    ]
    return tuple(lines)


def _objects(reader: _Reader, field: str, found: object) -> tuple[NvToken, ...]:
    lines = [
        reader.record(f"{field}[{place}]", each, NvToken, _NV_TOKEN)
        for place, each in enumerate(reader.sequence(field, found))
    ]
    return tuple(lines)


def _manufacturing(reader: _Reader, field: str, found: object) -> tuple[tuple[int, bytes], ...]:
    made = []
    for place, each in enumerate(reader.sequence(field, found)):
        at = f"{field}[{place}]"
        pair = reader.sequence(at, each)
        if len(pair) != 2:
            raise reader.error(at, each, "a token id and its octets")
        made.append((reader.number(at, pair[0], 0, 0xFF), reader.octets(at, pair[1], None)))
    return tuple(made)


_OCTET, _SHORT, _LONG = range(0x100), range(0x10000), range(0x1_0000_0000)
_PARAMETERS: Final[Mapping[str, Any]] = {
    "extended_pan_id": 8,
    "pan_id": _SHORT,
    "radio_tx_power": range(-128, 128),
    "radio_channel": _OCTET,
    "join_method": _OCTET,
    "network_manager": _SHORT,
    "update_id": _OCTET,
    "channels": _LONG,
}
_NETWORK: Final[Mapping[str, Any]] = {
    "parameters": _parameters,
    "node_kind": _OCTET,
    "address": _SHORT,
    "network_key": 16,
    "network_key_sequence": _OCTET,
    "alternate_key": _optional,
    "alternate_sequence": _OCTET,
    "link_key": 16,
    "bitmask": _SHORT,
    "trust_centre": _Reader.eui64,
}
_LINK_KEY: Final[Mapping[str, Any]] = {
    "index": _OCTET,
    "eui64": _Reader.eui64,
    "key": 16,
    "outgoing_frame_counter": _LONG,
    "incoming_frame_counter": _LONG,
}
_NV_TOKEN: Final[Mapping[str, Any]] = {"token": _LONG, "index": _LONG, "data": None}
_TOKENS: Final[Mapping[str, Any]] = {
    "factory_eui64": _Reader.eui64,
    "network": _network,
    "link_keys": _link_keys,
    "network_frame_counter": _LONG,
    "aps_frame_counter": _LONG,
    "objects": _objects,
    "manufacturing": _manufacturing,
}
