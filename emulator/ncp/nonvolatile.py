"""Answer for what is in flash: manufacturing tokens, NVM3 objects, and their reset.

Source: UG100 (EZSP reference), EzspMfgTokenId; Simplicity SDK, ``token-stack.h``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from emulator.ncp.fields import TokenInfo
from emulator.ncp.handlers import answers
from emulator.ncp.statuses import Status
from emulator.ncp.tokens import RESTORED_EUI64, Tokens
from emulator.wire.codec import pack_integer, unpack_integer

if TYPE_CHECKING:
    from emulator.ncp.ezsp import Request
    from emulator.ncp.stick import Stick

Answer = Mapping[str, Any]


class MfgToken(IntEnum):
    """Name the manufacturing tokens that something here depends on."""

    STRING = 0x01
    BOARD_NAME = 0x02
    INSTALL_CODE = 0x0A
    CUSTOM_EUI64 = 0x0C


#: What was written in the factory, or the octets of a token that was not.
_FACTORY: Final[dict[int, bytes]] = {
    0x00: b"\xff\xff",
    MfgToken.STRING: b"Hanover".ljust(16, b"\xff"),
    MfgToken.BOARD_NAME: b"virtual radio".ljust(16, b"\xff"),
    0x03: b"\xff\xff",
    0x04: b"\xff\xff",
    0x05: b"\xff" * 16,
    0x06: b"\xff" * 40,
    0x07: b"\xff" * 8,
    0x08: b"\xff" * 4,
    0x09: b"\xff" * 92,
    MfgToken.INSTALL_CODE: b"\xff" * 20,
    0x0B: b"\xff",
    MfgToken.CUSTOM_EUI64: b"\xff" * 8,
    0x0D: b"\xff\xff",
}

#: NVM3 id of what the network manager decided: channels, its address, the update id, a spare octet.
NETWORK_MANAGEMENT: Final = 0x1E125

#: The NVM3 objects that a host can reach, with their octets.
_OBJECTS: Final = {RESTORED_EUI64: 8, NETWORK_MANAGEMENT: 8}


@answers("getMfgToken")
def _get_mfg_token(stick: Stick, request: Request) -> Answer:
    return {"data": manufacturing(stick, request.values["token"])}


def manufacturing(stick: Stick, token: int) -> bytes:
    """Return the octets of a manufacturing token: all 0xFF if never written, none if unknown."""
    return dict(stick.tokens.manufacturing).get(token, _FACTORY.get(token, b""))


@answers("setMfgToken")
def _set_mfg_token(stick: Stick, request: Request) -> Answer:
    token, data = request.values["token"], request.values["data"]
    old = manufacturing(stick, token)
    if not old or len(data) != len(old):
        return {"status": Status.INVALID_PARAMETER}
    if old.strip(b"\xff"):
        return {"status": Status.INVALID_STATE}  # user data flash is written once
    written = (*stick.tokens.manufacturing, (token, data))
    stick.tokens = replace(stick.tokens, manufacturing=written)
    return {"status": Status.OK}


@answers("getTokenCount")
def _get_token_count(_: Stick, __: Request) -> Answer:
    return {"count": len(_OBJECTS)}


@answers("getTokenInfo")
def _get_token_info(_: Stick, request: Request) -> Answer:
    index = request.values["index"]
    if index >= len(_OBJECTS):
        return {"status": Status.INVALID_INDEX}
    key, size = list(_OBJECTS.items())[index]
    info = TokenInfo(key=key, is_counter=False, is_indexed=False, size=size, array_size=1)
    return {"status": Status.OK, "info": info}


@answers("getTokenData")
def _get_token_data(stick: Stick, request: Request) -> Answer:
    token, index = request.values["token"], request.values["index"]
    if token not in _OBJECTS or index != 0:
        return {"status": Status.NOT_FOUND}
    if token == NETWORK_MANAGEMENT:
        data = _network_management(stick.tokens)
    else:
        data = stick.tokens.object(token, index) or b"\xff" * _OBJECTS[token]
    if data is None:
        return {"status": Status.NOT_FOUND}
    return {"status": Status.OK, "data": data}


def _network_management(tokens: Tokens) -> bytes | None:
    if tokens.network is None:
        return None
    parameters = tokens.network.parameters
    manager = pack_integer(parameters.network_manager, 2)
    return pack_integer(parameters.channels, 4) + manager + bytes((parameters.update_id, 0))


@answers("setTokenData")
def _set_token_data(stick: Stick, request: Request) -> Answer:
    token, index, data = (request.values[name] for name in ("token", "index", "data"))
    if token not in _OBJECTS or index != 0:
        return {"status": Status.NOT_FOUND}
    if len(data) != _OBJECTS[token]:
        return {"status": Status.INVALID_PARAMETER}
    if token == NETWORK_MANAGEMENT:
        return {"status": _manage(stick, data)}
    stick.tokens = stick.tokens.with_object(token, index, data)
    return {"status": Status.OK}


def _manage(stick: Stick, data: bytes) -> Status:
    """Write what the network manager decided; it counts from the next start on."""
    network = stick.tokens.network
    if network is None:
        return Status.NOT_FOUND
    parameters = replace(
        network.parameters,
        channels=unpack_integer(data[:4]),
        network_manager=unpack_integer(data[4:6]),
        update_id=data[6],
    )
    stick.tokens = replace(stick.tokens, network=replace(network, parameters=parameters))
    return Status.OK


@answers("tokenFactoryReset")
def _token_factory_reset(stick: Stick, request: Request) -> Answer:
    old = stick.tokens
    keep = request.values["keep_frame_counters"]
    stick.tokens = Tokens(
        factory_eui64=old.factory_eui64,
        network_frame_counter=stick.security.frame_counter(stick) if keep else 0,
        aps_frame_counter=old.aps_frame_counter if keep else 0,
        objects=old.objects,
        manufacturing=old.manufacturing,
    )
    stick.security.forget()
    return {}
