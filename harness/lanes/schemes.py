"""Name every lane by its scheme; a new lane is one line here."""

from collections.abc import Callable

from emulator.errors import LinkError
from harness.lanes.direct import DirectLane
from harness.lanes.loopback import LoopbackLane
from harness.lanes.port import Lane, Setup

SCHEMES: dict[str, Callable[[Setup], Lane]] = {
    "direct": DirectLane,
    "loopback": LoopbackLane,
}


def open_lane(link: str, setup: Setup) -> Lane:
    """Open the lane that a link names, ``scheme:rest``.

    Raises:
        LinkError: The scheme is unknown, or the lane cannot be opened.
    """
    scheme, _, _ = link.partition(":")
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}:" for name in SCHEMES)
        raise LinkError(f"link {link!r}: unknown scheme, expected one of {known}")
    return SCHEMES[scheme](setup)
