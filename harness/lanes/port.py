"""State what a lane is: how the harness reaches the device under test, and who owns time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from emulator.actions import Event
from emulator.contract import Capability, Identity, Powered
from emulator.errors import LinkError
from emulator.faults import FrameFault, WornSector
from emulator.profiles.model import Profile
from emulator.units import MINUTE, SECOND, Octets, Us
from emulator.wire.aps import Datagram
from harness.hub.server import Hub
from harness.trace import Trace


class Restart(StrEnum):
    """Say how a device on the air begins a case anew where nobody switches its supply."""

    LEAVE = "leave"  # it is told to leave, and admitted again: a new member, as from the factory
    NOTIFY = "notify"  # it stays as it is, and is notified


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOptions:
    """Say what the user wants of a network on the air.

    Args:
        folder: Where it is remembered; None: what the stick remembers is all.
        channel: Of a new network; None: the usual one.
        pan_id: Of a new network; None: any.
        extended_pan_id: Of a new network; None: any.
        eui64: The only device that is admitted; None: as the bench says.
        link_key: The key that it joins with, 16 octets; None: the well-known one.
        restart: How it begins a case.
        baudrate: Of a serial port; None: the usual one.
    """

    folder: Path | None = None
    channel: int | None = None
    pan_id: int | None = None
    extended_pan_id: int | None = None
    eui64: int | None = None
    link_key: bytes | None = None
    restart: Restart = Restart.LEAVE
    baudrate: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOptions:
    """Say what the user wants of lanes, beside where they lead.

    Args:
        reply_limit_us: Longest real time that a device program may take for one reply.
        max_wait_us: Longest real time that a case may wait for one thing.
        network: What the user wants of a network on the air.
        switched: Something beside the lane cuts and raises the device's supply.
    """

    reply_limit_us: Us = 10 * SECOND
    max_wait_us: Us = 10 * MINUTE
    network: NetworkOptions = NetworkOptions()
    switched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Say which device a lane found, where it made none.

    Args:
        eui64: Its address.
        version: What it runs.
        following: The lowest version above that which no case has offered it so far.
    """

    eui64: int
    version: int
    following: int


def never() -> bool:
    """Be the condition of a wait that only time ends."""
    return False


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
    #: Where the lane leads: what stands behind the scheme of its link.
    place: str = ""
    options: LaneOptions = LaneOptions()
    #: Nobody said which device it is: ``identity`` has a EUI-64 that only a made one takes.
    anyone: bool = False


class Carrier(Protocol):
    """Carry what a hub says, and let time pass."""

    @property
    def now(self) -> Us:
        """Return the time in microseconds."""
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


class Lane(Carrier, Protocol):
    """Carry datagrams between hub and DUT."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Return what this lane can do."""
        ...

    @property
    def found(self) -> Found | None:
        """Return what device was found; None: it is made as the setup says."""
        ...

    @property
    def powered(self) -> bool:
        """Tell whether the DUT has its supply, as far as the lane knows."""
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

    def damage(self, offset: Octets, *, standby: bool = False) -> None:
        """Change an octet of the image that the DUT runs, as flash does that forgets.

        Args:
            offset: Of the octet in the image.
            standby: Whether it is the image that does not run instead.

        Raises:
            LinkError: The lane cannot (``Capability.PROBE`` is missing; of an image that does not
                run, ``Capability.WEAR``).
        """
        ...

    def wear(self, sectors: Sequence[WornSector]) -> None:
        """Let sectors of the DUT's flash take no erase, and no others.

        Raises:
            LinkError: The lane cannot (``Capability.WEAR`` is missing).
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


class Sealed:
    """Be the part of a lane that reaches into no device's flash."""

    def damage(self, offset: Octets, *, standby: bool = False) -> None:
        """Refuse to change an octet of an image of the DUT's.

        Raises:
            LinkError: Always.
        """
        raise LinkError("this lane shows nothing of flash")

    def wear(self, sectors: Sequence[WornSector]) -> None:
        """Refuse to let sectors of the DUT's flash take no erase.

        Raises:
            LinkError: Always.
        """
        raise LinkError("this lane shows nothing of flash")
