"""Turn the fields of EZSP frames into octets and back, by layouts that are written as text.

A layout names its fields in the order of the wire: ``"status:ember value:lv8"``. The kinds are

* ``u8 u16 u32 eui i8 bool``: little-endian integers (``eui`` has 8 octets) and a flag;
* ``ember ezsp sl``: a status; the first two have one octet up to version 13, four from 14 on,
  ``sl`` always has four, ``ember8`` always one;
* ``octets7``: seven octets; ``key``: 16 of them;
* ``lv8 lv32``: octets behind their count of one or four octets;
* ``u16s8``: a tuple of u16 behind a count of one octet; ``u16s``: all that are left;
* ``u16s@count``: as many u16 as the earlier field ``count`` says;
* a record of ``RECORDS``, by its name.

A kind with ``?`` behind it may be left out by the sender, and is zero then.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, NamedTuple

from emulator.errors import TruncatedError
from emulator.ncp.port import NetworkParameters
from emulator.ncp.statuses import Status
from emulator.wire.codec import value

#: The first version whose statuses have four octets.
WIDE: Final = 14


@value
class ApsFrame:
    """Say how the APS layer carries a message."""

    profile: int
    cluster: int
    source_endpoint: int
    destination_endpoint: int
    options: int
    group: int
    sequence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialSecurityState:
    """Say with which keys a node forms or joins."""

    bitmask: int
    preconfigured_key: bytes
    network_key: bytes
    network_key_sequence: int
    trust_centre: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentSecurityState:
    """Say how a node is secured now."""

    bitmask: int
    trust_centre: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MulticastEntry:
    """Be one line of the multicast table; ``endpoint`` 0 says that it is free."""

    group: int
    endpoint: int
    network_index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyContext:
    """Name a key to the security manager."""

    kind: int
    index: int = 0
    derived: int = 0
    eui64: int = 0
    network_index: int = 0
    flags: int = 0
    algorithm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkKeyInfo:
    """Say what is known of the network keys, but for the keys themselves."""

    is_set: bool
    alternate_is_set: bool
    sequence: int
    alternate_sequence: int
    frame_counter: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMetadata:
    """Say what is known of a link key, but for the key itself."""

    bitmask: int
    outgoing_frame_counter: int
    incoming_frame_counter: int
    ttl_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildData:
    """Be one line of the child table."""

    eui64: int
    kind: int
    address: int
    phy: int = 0
    power: int = 0
    timeout: int = 0
    timeout_remaining: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNetwork:
    """Be a network that an active scan found."""

    channel: int
    pan_id: int
    extended_pan_id: bytes
    permits: bool
    stack_profile: int
    update_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingEntry:
    """Be one line of the binding table; ``kind`` 0 says that it is free."""

    kind: int
    local_endpoint: int
    cluster: int
    remote_endpoint: int
    identifier: int
    network_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborEntry:
    """Be one line of the neighbour table."""

    address: int
    average_lqi: int
    in_cost: int
    out_cost: int
    age: int
    eui64: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteEntry:
    """Be one line of the route table; ``status`` 3 says that it is free."""

    destination: int
    next_hop: int
    status: int
    age: int
    concentrator: int
    record_state: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    """Describe one token of the NVM3 store."""

    key: int
    is_counter: bool
    is_indexed: bool
    size: int
    array_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HashContext:
    """Be the state of an AES-MMO hash between two commands."""

    result: bytes
    length: int


#: The layout of each record; its fields are those of the class, in that order.
RECORDS: dict[str, tuple[type[Any], str]] = {
    "ApsFrame": (ApsFrame, "u16 u16 u8 u8 u16 u16 u8"),
    "NetworkParameters": (NetworkParameters, "octets8 u16 i8 u8 u8 u16 u8 u32"),
    "InitialSecurityState": (InitialSecurityState, "u16 key key u8 eui"),
    "CurrentSecurityState": (CurrentSecurityState, "u16 eui"),
    "MulticastEntry": (MulticastEntry, "u16 u8 u8"),
    "KeyContext": (KeyContext, "u8 u8 u16 eui u8 u8 u32"),
    "NetworkKeyInfo": (NetworkKeyInfo, "bool bool u8 u8 u32"),
    "KeyMetadata": (KeyMetadata, "u16 u32 u32 u16"),
    "ChildData": (ChildData, "eui u8 u16 u8 u8 u8 u32"),
    "FoundNetwork": (FoundNetwork, "u8 u16 octets8 bool u8 u8"),
    "BindingEntry": (BindingEntry, "u8 u8 u16 u8 eui u8"),
    "NeighborEntry": (NeighborEntry, "u16 u8 u8 u8 u8 eui"),
    "RouteEntry": (RouteEntry, "u16 u16 u8 u8 u8 u8"),
    "TokenInfo": (TokenInfo, "u32 bool bool u8 u8"),
    "TokenInfo19": (TokenInfo, "u32 bool bool u32 u8"),
    "HashContext": (HashContext, "octets16 u32"),
}

_CODES = {"u8": "B", "i8": "b", "u16": "H", "u32": "I", "eui": "Q", "bool": "?"}
_STATUSES = {"ember": 0, "ember8": 0, "ezsp": 1, "sl": 2}
_COUNTS = {"lv8": "<B", "lv32": "<I"}


class Field(NamedTuple):
    """Be one field of a layout."""

    name: str
    kind: str
    optional: bool

    @property
    def counted_by(self) -> str | None:
        """Return the name of the field that counts this one's items."""
        return self.kind.partition("@")[2] or None


class _Part(NamedTuple):
    """Say how to read and write one field, whatever its length."""

    name: str
    optional: bool
    read: Callable[[bytes, int, dict[str, Any]], tuple[Any, int]]
    write: Callable[[Any], bytes]
    zero: Any
    least: int  # octets of its shortest form


def parse(text: str) -> tuple[Field, ...]:
    """Return the fields of a layout.

    Raises:
        ValueError: A field is not ``name:kind``, or two have one name.
    """
    made = []
    for word in text.split():
        name, colon, kind = word.partition(":")
        if not (name.isidentifier() and colon and kind):
            raise ValueError(f"layout {text!r}: found {word!r}, wanted name:kind")
        made.append(Field(name, kind.removesuffix("?"), kind.endswith("?")))
    if len({one.name for one in made}) != len(made):
        raise ValueError(f"layout {text!r}: a name occurs twice")
    return tuple(made)


class Layout:
    """Read and write the fields of one frame in one version."""

    def __init__(self, name: str, text: str, version: int) -> None:
        """Compile a layout.

        Args:
            name: What errors call the frame.
            text: The fields; see the module.
            version: The EZSP version, which sets the width of statuses.

        Raises:
            ValueError: The text is no layout.
        """
        self.name = name
        self.fields = parse(text)
        self._parts = tuple(_part(one, version) for one in self.fields)
        self._zeros = {part.name: part.zero for part in self._parts}
        self.shortest = sum(part.least for part in self._parts if not part.optional)

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """Return the octets of a frame; what ``values`` has besides its fields is left alone.

        Raises:
            ValueError: A field has no value, or one that does not fit it: a bug of ours.
        """
        try:
            return b"".join([part.write(values[part.name]) for part in self._parts])
        except (KeyError, TypeError, AttributeError, struct.error, ValueError) as error:
            raise ValueError(f"{self.name}: {self._complaint(values) or error}") from error

    def _complaint(self, values: Mapping[str, Any]) -> str | None:
        for part, one in zip(self._parts, self.fields, strict=True):
            if part.name not in values:
                return f"{part.name}: found nothing, wanted {one.kind}"
            try:
                part.write(values[part.name])
            except (TypeError, AttributeError, struct.error, ValueError) as error:
                return f"{part.name}: found {values[part.name]!r}, wanted {one.kind}: {error}"
        return None

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values with zeros for the fields that they lack."""
        return {**self._zeros, **values}

    def decode(self, data: bytes, offset: int = 0) -> tuple[dict[str, Any], int]:
        """Read a frame at ``offset`` and return its values with the offset behind it.

        Statuses come as plain integers.

        Raises:
            TruncatedError: The octets end inside the frame.
        """
        made: dict[str, Any] = {}
        at, end = offset, len(data)
        try:
            for part in self._parts:
                if part.optional and at == end:
                    made[part.name] = part.zero
                else:
                    made[part.name], at = part.read(data, at, made)
        except struct.error:
            at = max(end + 1, offset + self.shortest)
        if at > end:
            raise TruncatedError(self.name, at - offset, end - offset)
        return made, at


def _part(one: Field, version: int) -> _Part:
    kind = one.kind
    if kind in _STATUSES:
        wide = kind == "sl" or (version >= WIDE and kind != "ember8")
        return _status(one, wide=wide)
    if kind in RECORDS:
        return _record(one, *RECORDS[kind])
    if kind in _CODES:
        return _number(one, struct.Struct("<" + _CODES[kind]), False if kind == "bool" else 0)
    if kind.startswith("octets") or kind == "key":
        return _octets(one, _size(kind))
    if kind in _COUNTS:
        return _counted(one, struct.Struct(_COUNTS[kind]))
    if kind.startswith("u16s"):
        return _integers(one)
    raise ValueError(f"{one.name}: found kind {kind!r}, wanted one of the module's")


def _size(kind: str) -> int:
    return 16 if kind == "key" else int(kind.removeprefix("octets"))


def _number(one: Field, code: struct.Struct, zero: int) -> _Part:
    unpack, size = code.unpack_from, code.size

    def read(data: bytes, at: int, _: dict[str, Any]) -> tuple[Any, int]:
        return unpack(data, at)[0], at + size

    return _Part(one.name, one.optional, read, code.pack, zero, size)


def _status(one: Field, *, wide: bool) -> _Part:
    number = _number(one, struct.Struct("<I" if wide else "<B"), 0)
    family = 2 if wide else _STATUSES[one.kind]
    packed = {status: number.write(status.value[family]) for status in Status}

    def write(status: Status | int) -> bytes:
        return packed[status] if isinstance(status, Status) else number.write(status)

    return number._replace(write=write, zero=Status.OK)


def _octets(one: Field, size: int) -> _Part:
    def read(data: bytes, at: int, _: dict[str, Any]) -> tuple[Any, int]:
        return data[at : at + size], at + size

    def write(octets: bytes) -> bytes:
        if len(octets) != size:
            raise ValueError(f"found {len(octets)} octets, wanted {size}")
        return bytes(octets)

    return _Part(one.name, one.optional, read, write, bytes(size), size)


def _counted(one: Field, count: struct.Struct) -> _Part:
    unpack, size = count.unpack_from, count.size

    def read(data: bytes, at: int, _: dict[str, Any]) -> tuple[Any, int]:
        start = at + size
        end = start + unpack(data, at)[0]
        return data[start:end], end

    def write(octets: bytes) -> bytes:
        return count.pack(len(octets)) + octets

    return _Part(one.name, one.optional, read, write, b"", size)


def _integers(one: Field) -> _Part:
    """Make the part of a tuple of u16, in one of the three ways of knowing how many there are."""
    counted, by = one.kind == "u16s8", one.counted_by

    def read(data: bytes, at: int, values: dict[str, Any]) -> tuple[Any, int]:
        if counted:
            number, at = struct.unpack_from("<B", data, at)[0], at + 1
        else:
            number = values[by] if by else (len(data) - at) // 2
        return struct.unpack_from(f"<{number}H", data, at), at + 2 * number

    def write(numbers: tuple[int, ...]) -> bytes:
        count = struct.pack("<B", len(numbers)) if counted else b""
        return count + struct.pack(f"<{len(numbers)}H", *numbers)

    return _Part(one.name, one.optional, read, write, (), int(counted))


def _compiled(cls: type[Any], kinds: str) -> tuple[struct.Struct, tuple[str, ...]]:
    names = tuple(one.name for one in fields(cls))
    sized = [_CODES.get(kind) or f"{_size(kind)}s" for kind in kinds.split()]
    if len(names) != len(sized):
        raise ValueError(f"{cls.__name__}: {len(names)} fields, {len(sized)} kinds")
    return struct.Struct("<" + "".join(sized)), names


def _record(one: Field, cls: type[Any], kinds: str) -> _Part:
    code, names = _compiled(cls, kinds)
    sizes = [None if kind in _CODES else _size(kind) for kind in kinds.split()]
    widths = [(name, size) for name, size in zip(names, sizes, strict=True) if size is not None]
    unpack, pack, size = code.unpack_from, code.pack, code.size

    def read(data: bytes, at: int, _: dict[str, Any]) -> tuple[Any, int]:
        return cls(**dict(zip(names, unpack(data, at), strict=True))), at + size

    def write(record: Any) -> bytes:  # noqa: ANN401 - any class of RECORDS
        if not isinstance(record, cls):
            raise TypeError(f"found {type(record).__name__}, wanted {cls.__name__}")
        for name, wanted in widths:
            if len(getattr(record, name)) != wanted:
                raise ValueError(f"{name}: found {len(getattr(record, name))}, wanted {wanted}")
        return pack(*[getattr(record, name) for name in names])

    zero = read(bytes(size), 0, {})[0]
    return _Part(one.name, one.optional, read, write, zero, size)
