"""State what a lane is: how the harness reaches the device under test, and who owns time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from emulator.actions import Event
from emulator.contract import Capability, Identity, Powered
from emulator.faults import FrameFault
from emulator.profiles.model import Profile
from emulator.units import Us
from emulator.wire.aps import Datagram
from harness.hub.server import Hub
from harness.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Say what a lane is opened for: whom it carries, from what it starts, which seed rules."""

    profile: Profile
    identity: Identity
    image: bytes
    version: int
    seed: int
    hub: Hub
    trace: Trace
    #: Id of the defect that the device has; only lanes with ``Capability.PROBE`` can plant one.
    defect: str | None = None
    #: What the device is called in the trace.
    name: str = "dut"


class Lane(Protocol):
    """Carry datagrams between hub and DUT, and let time pass."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Return what this lane can do."""
        ...

    @property
    def now(self) -> Us:
        """Return the lane's time in microseconds."""
        ...

    @property
    def powered(self) -> bool:
        """Tell whether the DUT has its supply, as far as the lane knows."""
        ...

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let time pass until a condition holds, at most ``limit_us``; tell whether it holds."""
        ...

    def send(self, datagram: Datagram) -> None:
        """Put a datagram of the hub's, or of a stranger's, on the network."""
        ...

    def refresh(self) -> None:
        """Look at the hub's deadline anew: something was done to it that was no stimulus."""
        ...

    def attach(self, name: str, address: int, machine: Powered) -> None:
        """Add a node of the harness to the network: a second hub, a stranger.

        Raises:
            LinkError: The lane has no node to give.
        """
        ...

    def beside(self, setup: Setup) -> "Lane":
        """Put another device under test into the same world, off, and return its lane.

        Raises:
            LinkError: The lane carries one device.
        """
        ...

    def dismiss(self) -> None:
        """Take the DUT off the network, as a trust centre does that removes it.

        Raises:
            LinkError: The lane cannot.
        """
        ...

    def power(self, on: bool) -> None:
        """Raise or cut the DUT's supply.

        Raises:
            LinkError: The lane has no means to (``Capability.POWER`` is missing).
        """
        ...

    def event(self, what: Event) -> None:
        """Tell the DUT something outside the network, as a button or a command would.

        Raises:
            LinkError: The lane cannot (``Capability.EVENTS`` is missing).
        """
        ...

    def plan(self, faults: Sequence[FrameFault]) -> None:
        """Replace the frame faults that are to come.

        Raises:
            LinkError: The lane cannot (``Capability.FRAME_FAULTS`` is missing).
        """
        ...

    def close(self) -> None:
        """Give back what the lane holds; safe to call twice."""
        ...
