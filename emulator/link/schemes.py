"""Make the link that a name asks for; a new link is one line here.

A stick is no link: whoever lives behind one lives in real time, in an event loop, and the stick
must be told of the device's endpoint, of which a device that keeps the contract says nothing.
"""

from collections.abc import Callable

from emulator.actions import Joined
from emulator.contract import Powered
from emulator.errors import LinkError
from emulator.link.direct import DirectLink
from emulator.link.medium import Medium, Tap
from emulator.link.port import Link
from emulator.units import Us
from emulator.world import World


class OpenGate:
    """Admit everybody, each at an address of its own."""

    def __init__(self) -> None:
        self._addresses: dict[int, int] = {}

    def admit(self, eui64: int, rejoin: bool) -> Joined | None:
        """Return the device's address."""
        return Joined(address=self._addresses.setdefault(eui64, 1 + len(self._addresses)))


def _ignore(now: Us, who: str, what: str, subject: object) -> None:
    """Be a tap that nobody listens to."""


def _direct(device: Powered, tap: Tap) -> Link:
    world = World()
    medium = Medium(world, OpenGate(), tap, dut="device")
    medium.attach("device", None)
    return DirectLink(world, medium, tap, "device", device)


SCHEMES: dict[str, Callable[[Powered, Tap], Link]] = {"direct": _direct}

#: What carries a device by another way, and which.
_ELSEWHERE = {
    "ezsp": "hanover emulate --link ezsp:PORT, or Stick of emulator.link.ezsp and its Host",
    "stdio": "hanover emulate --stdio, or serve of emulator.link.stdio",
}


def open_link(name: str, device: Powered, tap: Tap = _ignore) -> Link:
    """Open the link ``scheme:rest`` for a device.

    Raises:
        LinkError: The scheme is unknown, or the link cannot be opened.
    """
    scheme, _, _ = name.partition(":")
    if scheme in _ELSEWHERE:
        raise LinkError(f"link {name!r}: is no link of virtual time, wanted {_ELSEWHERE[scheme]}")
    if scheme not in SCHEMES:
        known = ", ".join(f"{one}:" for one in SCHEMES)
        raise LinkError(f"link {name!r}: unknown scheme, expected one of {known}")
    return SCHEMES[scheme](device, tap)
