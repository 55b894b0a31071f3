"""Answer for single keys: the key table, transient keys, and the security manager's exports.

Source: UG100 (EZSP reference), security frames; Simplicity SDK, ``sl_zigbee_security_manager.h``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from emulator.crypto.mmo import BLOCK_SIZE, TOO_LONG, finish, run_blocks
from emulator.ncp.fields import HashContext, KeyContext, KeyMetadata
from emulator.ncp.handlers import answers
from emulator.ncp.security import Flags, KeyKind, TransientKey
from emulator.ncp.settings import Config
from emulator.ncp.statuses import Status
from emulator.ncp.tokens import LinkKey
from emulator.units import SECOND

if TYPE_CHECKING:
    from emulator.ncp.ezsp import Request
    from emulator.ncp.stick import Stick

Answer = Mapping[str, Any]

#: Bits of a key's metadata: counters of both directions, and a partner.
_LINK_KEY_METADATA: Final = 0x02 | 0x04 | 0x08
_TRANSIENT_METADATA: Final = 0x08 | 0x40

_NO_INDEX: Final = 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Be a key that a context names, with what is known of it."""

    key: bytes
    context: KeyContext
    metadata: KeyMetadata

    @property
    def answer(self) -> dict[str, Any]:
        """Return the fields that the answers of all versions take from."""
        return {
            "status": Status.OK,
            "eui64": self.context.eui64,
            "index": self.context.index,
            "key": self.key,
            "context": self.context,
            "metadata": self.metadata,
        }


_NO_METADATA: Final = KeyMetadata(
    bitmask=0, outgoing_frame_counter=0, incoming_frame_counter=0, ttl_s=0
)


def _of_line(line: LinkKey) -> _Found:
    return _Found(
        key=line.key,
        context=KeyContext(
            kind=KeyKind.APPLICATION_LINK,
            index=line.index,
            eui64=line.eui64,
            flags=Flags.INDEX | Flags.EUI64,
        ),
        metadata=KeyMetadata(
            bitmask=_LINK_KEY_METADATA,
            outgoing_frame_counter=line.outgoing_frame_counter,
            incoming_frame_counter=line.incoming_frame_counter,
            ttl_s=0,
        ),
    )


def _of_transient(stick: Stick, index: int, one: TransientKey) -> _Found:
    left = -(-(one.until - stick.now) // SECOND)
    return _Found(
        key=one.key,
        context=KeyContext(
            kind=KeyKind.TRANSIENT,
            index=index,
            eui64=one.eui64,
            flags=Flags.INDEX | Flags.EUI64,
        ),
        metadata=replace(_NO_METADATA, bitmask=_TRANSIENT_METADATA, ttl_s=min(left, 0xFFFF)),
    )


def _transient_at(stick: Stick, index: int) -> _Found | None:
    keys = stick.security.transients(stick.now)
    return _of_transient(stick, index, keys[index]) if index < len(keys) else None


def _transient_of(stick: Stick, eui64: int) -> _Found | None:
    keys = stick.security.transients(stick.now)
    for index, one in enumerate(keys):
        if one.eui64 == eui64:
            return _of_transient(stick, index, one)
    return None


def _find(stick: Stick, context: KeyContext) -> _Found | None:
    """Return the key that a context names, None if there is none."""
    if context.derived:
        return None
    network = stick.tokens.network
    by_partner = bool(context.flags & Flags.EUI64) and not context.flags & Flags.INDEX
    match context.kind:
        case KeyKind.NETWORK if network is not None:
            key = network.alternate_key if context.index else network.network_key
            if key is not None:
                return _Found(key=key, context=context, metadata=_NO_METADATA)
        case KeyKind.TRUST_CENTRE_LINK if network is not None:
            counter = stick.tokens.aps_frame_counter
            metadata = replace(_NO_METADATA, bitmask=0x02, outgoing_frame_counter=counter)
            return _Found(key=network.link_key, context=context, metadata=metadata)
        case KeyKind.TRANSIENT:
            if by_partner:
                return _transient_of(stick, context.eui64)
            return _transient_at(stick, context.index)
        case KeyKind.APPLICATION_LINK:
            tokens = stick.tokens
            partner = tokens.link_key_of(context.eui64)
            line = partner if by_partner else tokens.link_key(context.index)
            return None if line is None else _of_line(line)
    return None


def _size(stick: Stick) -> int:
    return stick.settings.config(Config.KEY_TABLE_SIZE)


# The security manager.


@answers("exportKey")
def _export_key(stick: Stick, request: Request) -> Answer:
    found = _find(stick, request.values["context"])
    if found is None:
        return {"status": Status.NOT_FOUND, "context": request.values["context"]}
    return {"status": Status.OK, "key": found.key, "context": found.context}


@answers("checkKeyContext")
def _check_key_context(stick: Stick, request: Request) -> Answer:
    found = _find(stick, request.values["context"])
    return {"status": Status.NOT_FOUND if found is None else Status.OK}


@answers("getApsKeyInfo")
def _get_aps_key_info(stick: Stick, request: Request) -> Answer:
    context: KeyContext = request.values["context"]
    found = None if context.kind == KeyKind.NETWORK else _find(stick, context)
    if found is None:
        return {"status": Status.NOT_FOUND, "context": context}
    answer = found.answer
    return {name: answer[name] for name in ("status", "eui64", "context", "metadata")}


@answers("importKey")
def _import_key(stick: Stick, request: Request) -> Answer:
    context: KeyContext = request.values["context"]
    key: bytes = request.values["key"]
    network = stick.tokens.network
    status = Status.INVALID_PARAMETER
    if context.derived:
        pass
    elif context.kind == KeyKind.APPLICATION_LINK:
        status = _write_line(stick, context.index, context.eui64, key)
    elif context.kind == KeyKind.TRANSIENT:
        status = _admit(stick, context.eui64, key)
    elif context.kind == KeyKind.TRUST_CENTRE_LINK:
        status = Status.NOT_JOINED
        if network is not None:
            stick.tokens = replace(stick.tokens, network=replace(network, link_key=key))
            status = Status.OK
    return {"status": status, "context": context}


# The key table.


@answers("importLinkKey")
def _import_link_key(stick: Stick, request: Request) -> Answer:
    values = request.values
    return {"status": _write_line(stick, values["index"], values["eui64"], values["key"])}


def _write_line(stick: Stick, index: int, eui64: int, key: bytes) -> Status:
    """Write a line of the key table; index 0xFF is the partner's own line, or a free one."""
    tokens = stick.tokens
    old = tokens.link_key_of(eui64)
    if index == _NO_INDEX:
        free = [each for each in range(_size(stick)) if tokens.link_key(each) is None]
        if old is None and not free:
            return Status.TABLE_FULL
        index = free[0] if old is None else old.index
    if index >= _size(stick):
        return Status.INVALID_INDEX
    if old is not None:
        tokens = tokens.without_link_key(old.index)  # a partner has one line
    stick.tokens = tokens.with_link_key(LinkKey(index=index, eui64=eui64, key=key))
    return Status.OK


@answers("exportLinkKeyByIndex")
def _export_link_key_by_index(stick: Stick, request: Request) -> Answer:
    index = request.values["index"]
    if index >= _size(stick):
        return {"status": Status.INVALID_INDEX}
    line = stick.tokens.link_key(index)
    return {"status": Status.NOT_FOUND} if line is None else _exported(_of_line(line), "eui64")


@answers("exportLinkKeyByEui")
def _export_link_key_by_eui(stick: Stick, request: Request) -> Answer:
    line = stick.tokens.link_key_of(request.values["eui64"])
    return {"status": Status.NOT_FOUND} if line is None else _exported(_of_line(line), "index")


def _exported(found: _Found, *more: str) -> Answer:
    answer = found.answer
    return {name: answer[name] for name in ("status", "context", "key", "metadata", *more)}


@answers("findKeyTableEntry")
def _find_key_table_entry(stick: Stick, request: Request) -> Answer:
    line = stick.tokens.link_key_of(request.values["eui64"])
    return {"index": _NO_INDEX if line is None else line.index}


@answers("eraseKeyTableEntry")
def _erase_key_table_entry(stick: Stick, request: Request) -> Answer:
    index = request.values["index"]
    if index >= _size(stick):
        return {"status": Status.INVALID_INDEX}
    stick.tokens = stick.tokens.without_link_key(index)
    return {"status": Status.OK}


@answers("clearKeyTable")
def _clear_key_table(stick: Stick, _: Request) -> Answer:
    stick.tokens = replace(stick.tokens, link_keys=())
    return {"status": Status.OK}


# Transient keys.


@answers("importTransientKey")
def _import_transient_key(stick: Stick, request: Request) -> Answer:
    return {"status": _admit(stick, request.values["eui64"], request.values["key"])}


def _admit(stick: Stick, eui64: int, key: bytes) -> Status:
    seconds = stick.settings.config(Config.TRANSIENT_KEY_TIMEOUT_S)
    return stick.security.admit(eui64, key, stick.now, seconds)


@answers("exportTransientKeyByIndex")
def _export_transient_key_by_index(stick: Stick, request: Request) -> Answer:
    found = _transient_at(stick, request.values["index"])
    return {"status": Status.NOT_FOUND} if found is None else _exported(found)


@answers("exportTransientKeyByEui")
def _export_transient_key_by_eui(stick: Stick, request: Request) -> Answer:
    found = _transient_of(stick, request.values["eui64"])
    return {"status": Status.NOT_FOUND} if found is None else _exported(found)


@answers("clearTransientLinkKeys")
def _clear_transient_link_keys(stick: Stick, _: Request) -> Answer:
    stick.security.clear_transients()
    return {}


# Hashing, by which hosts make link keys of install codes.


@answers("aesMmoHash")
def _aes_mmo_hash(_: Stick, request: Request) -> Answer:
    context: HashContext = request.values["context"]
    data: bytes = request.values["data"]
    length = context.length + len(data)
    last = bool(request.values["finalize"])
    if context.length % BLOCK_SIZE or (len(data) % BLOCK_SIZE and not last) or length >= TOO_LONG:
        return {"status": Status.INVALID_PARAMETER, "context": context}
    if last:
        result = finish(data, context.result, context.length)
    else:
        result = run_blocks(data, context.result)
    return {"status": Status.OK, "context": HashContext(result=result, length=length)}
