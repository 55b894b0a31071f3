"""Ask what answers at a serial port, as an EZSP host does that has just started."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from emulator.errors import LinkError
from emulator.link.claim import Claim

#: The settings of nearly every stick.
_BITS_PER_S = 115_200


def ask_radio(place: str, patience_s: float) -> str:
    """Return what the radio at a port says of itself; empty where nothing speaks EZSP there.

    Args:
        place: A device path, or ``socket://host:port``.
        patience_s: Longest time, in seconds.

    Raises:
        LinkError: bellows is not installed.
    """
    try:
        claim = Claim(place)  # a stick that is asked resets itself: whoever uses it would lose it
    except LinkError as error:
        return f"cannot be opened: {str(error).removeprefix(f'{place}: ')}"
    try:
        return _answer(place, patience_s)
    finally:
        claim.release()


def _answer(place: str, patience_s: float) -> str:
    try:
        from bellows.ezsp import EZSP
    except ImportError:
        raise LinkError("ports: found no bellows, wanted it (hanover[radio])") from None
    logging.getLogger("bellows").setLevel(logging.CRITICAL)
    ezsp = EZSP({"path": place, "baudrate": _BITS_PER_S, "flow_control": None})
    return asyncio.run(_asked(ezsp, patience_s))


async def _asked(ezsp: Any, patience_s: float) -> str:  # noqa: ANN401 - bellows has no types
    try:
        async with asyncio.timeout(patience_s):
            await ezsp.connect(use_thread=False)
            maker, board, version = await ezsp.get_board_info()
    except Exception as error:  # whatever else stands there may say anything
        return _reason(error)
    finally:
        with suppress(Exception):
            async with asyncio.timeout(1):
                await ezsp.disconnect()
    names = " ".join(str(one) for one in (maker, board) if one)
    about = f"EZSP {ezsp.ezsp_version}, firmware {version}"
    return f"{about}, {names}" if names else about


def _reason(error: Exception) -> str:
    """Return why a port could not be asked; empty where it was, and nothing came."""
    said = str(error)
    if "locked" in said or "busy" in said:
        return "cannot be opened: in use by another program"
    if isinstance(error, PermissionError) or "ermission" in said:
        return "cannot be opened: permission denied"
    return ""
