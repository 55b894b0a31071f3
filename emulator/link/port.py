"""State what a link is: how one device reaches a network, and who owns its time."""

from collections.abc import Callable
from typing import Protocol

from emulator.contract import Capability
from emulator.units import Us
from emulator.wire.aps import Datagram


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
