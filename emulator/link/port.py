"""State what a link is: how one device reaches a network, and who owns its time."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from emulator.units import Us
from emulator.wire.aps import Datagram


class Capability(StrEnum):
    """Name what a lane or link can do beyond carrying datagrams."""

    POWER = "power"  # it can cut and raise the supply
    FRAME_FAULTS = "frame faults"  # it can lose, delay, change single datagrams
    VIRTUAL_TIME = "virtual time"  # waiting costs nothing
    PROBE = "probe"  # flash operations can be counted and cut
    FRAME_COUNTERS = "frame counters"  # datagrams show NWK frame counters


class Link(Protocol):
    """Carry one device's datagrams and let its time pass."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Return what this link can do."""
        ...

    def send(self, datagram: Datagram) -> None:
        """Put a datagram of the device on the network.

        Raises:
            LinkError: The link is down.
        """
        ...

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let time pass until a condition holds, at most ``limit_us``; tell whether it holds."""
        ...

    def power(self, on: bool) -> None:
        """Raise or cut the device's supply.

        Raises:
            LinkError: The link has no means to (``Capability.POWER`` is missing).
        """
        ...
