"""Name every lane by its scheme; a new lane is one line here."""

from collections.abc import Callable
from dataclasses import replace

from emulator.contract import Capability
from emulator.errors import LinkError
from harness.lanes.direct import DirectLane, VirtualLane
from harness.lanes.exec import CONVERSATIONS, ExecLane, greet, with_program
from harness.lanes.ezsp import EzspLane
from harness.lanes.loopback import LoopbackLane
from harness.lanes.port import Lane, LaneOptions, Setup
from harness.lanes.sticks import SESSIONS

SCHEMES: dict[str, Callable[[Setup], Lane]] = {
    "direct": DirectLane,
    "loopback": LoopbackLane,
    "exec": ExecLane,
    "ezsp": EzspLane,
}
#: What the lanes can do that do not depend on a program.
_OWN: dict[str, frozenset[Capability]] = {
    "direct": DirectLane.capabilities,
    "loopback": LoopbackLane.capabilities,
    "ezsp": frozenset(),  # whoever switches the supply adds that
}
#: What stands behind the colon of a scheme, in words and as a user writes it.
_PLACES = {"exec": ("command", "COMMAND"), "ezsp": ("stick", "PORT")}
#: The schemes behind which nothing stands.
_PLACELESS = frozenset({"direct", "loopback"})
#: The schemes of lanes that can give the device a defect.
PLANTING = frozenset({"direct", "loopback"})


def mistaken(link: str) -> str | None:
    """Return what is wrong with a text that should name a lane, None if nothing is."""
    scheme, _, place = link.partition(":")
    if scheme not in SCHEMES:
        return f"unknown scheme, expected one of {', '.join(f'{name}:' for name in SCHEMES)}"
    if scheme in _PLACELESS and place:
        return f"found {place!r} behind {scheme}:, wanted nothing there"
    if scheme in _PLACES and not place.strip():
        what, word = _PLACES[scheme]
        return f"found no {what}, wanted {scheme}:{word}"
    return None


def spelled(link: str) -> str:
    """Return a link in the one spelling that reports have: a scheme alone has its colon."""
    return f"{link}:" if link in SCHEMES else link


def open_lane(link: str, setup: Setup) -> Lane:
    """Open the lane that a link names, ``scheme:rest``.

    Raises:
        LinkError: The scheme is unknown, or the lane cannot be opened.
    """
    if wrong := mistaken(link):
        raise LinkError(f"link {link!r}: {wrong}")
    scheme, _, place = link.partition(":")
    return SCHEMES[scheme](replace(setup, place=place))


def capabilities_before(link: str, options: LaneOptions) -> frozenset[Capability] | None:
    """Return what a device says that it can do before it is made; None where none says so.

    Raises:
        LinkError: It is a program that does not answer.
    """
    scheme, _, place = link.partition(":")
    return greet(place, options).capabilities if scheme == "exec" else None


def capabilities_of(link: str, options: LaneOptions) -> frozenset[Capability]:
    """Return what the lane of a link can do, before there is any device; a program is asked.

    Raises:
        LinkError: It is a program that does not answer.
    """
    offered = capabilities_before(link, options)
    if offered is not None:
        return with_program(offered)
    return _OWN.get(link.partition(":")[0], VirtualLane.capabilities)


def release_lanes() -> list[dict[str, str]]:
    """Give back what lanes keep from one bench to the next in this process.

    Returns:
        What each stick and each program said of itself, in words.
    """
    return [*CONVERSATIONS.close(), *SESSIONS.close()]
