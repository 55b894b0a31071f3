"""State how a server is reached, and what its tester says of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from emulator.contract import Identity
from emulator.faults import FrameFault
from emulator.units import MINUTE, SECOND, Us
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame
from harness.hub.server import Hub
from harness.servers.player import Player
from harness.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Say what the tester says of the server under test.

    Args:
        images: The files that it holds, whole; none: the harness makes them, for its own hub.
        supports: PICS items that the server states.
        lacks: Items that it denies.
        on_request: It serves when it is told to, and begins with an Image Notify.
        answer_us: Longest real time that an answer may take.
        begin_us: Longest real time until it begins by itself.
        max_wait_us: Longest real time that a case may let pass.
        said: All of this, as words of a command line.
    """

    images: tuple[bytes, ...] = ()
    supports: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    on_request: bool = False
    answer_us: Us = 2 * SECOND
    begin_us: Us = MINUTE
    max_wait_us: Us = MINUTE
    said: tuple[str, ...] = ()

    def statements(self) -> Mapping[str, bool]:
        """Return each PICS item of which something is said."""
        said = {**dict.fromkeys(self.supports, True), **dict.fromkeys(self.lacks, False)}
        return dict(sorted(said.items()))


class Said(NamedTuple):
    """Be one request: when it was sent, and under which sequence number."""

    at: Us
    sequence: int


@dataclass(slots=True)
class Place:
    """Say where on the network the server is, as discovery found it."""

    address: int = 0
    endpoint: int = 1
    found: bool = False


class Reach(Protocol):
    """Carry what a client says to a server, and own time; the client is on the network."""

    #: Whether waiting costs nothing.
    virtual: bool
    #: The server itself, where it is our own hub; None: it is somebody else's.
    hub: Hub | None
    player: Player
    identity: Identity
    place: Place
    #: What was said in this case.
    said: list[Said]
    #: The sequence number that was counted last: hosts drop for seconds what looks like a
    #: duplicate, so no case begins to count anew.
    counted: int
    #: Whether a session of a server that serves on request is open.
    open: bool
    #: How much the client had heard when it last sent a query that was answered.
    queried: int

    @property
    def now(self) -> Us:
        """Return the time in microseconds."""
        ...

    def begin(self, trace: Trace) -> None:
        """Start a case: what happens from now on goes into this trace, at times from 0 on.

        Raises:
            LinkError: The client cannot join the server's network.
        """
        ...

    def join(self) -> bool:
        """Restart the client, and tell whether the network takes it in.

        Raises:
            Unsupported: The client is not restarted.
        """
        ...

    def neighbour(self, eui64: int) -> "Reach":
        """Put another client before the same server, off.

        Raises:
            Unsupported: There is room for one client.
        """
        ...

    def dismiss(self) -> None:
        """Put the client out of the network, as a trust centre does.

        Raises:
            Unsupported: The network is not ours.
        """
        ...

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let time pass until a condition holds, at most ``limit_us``; tell whether it holds.

        Raises:
            LinkError: The way to the server is gone.
        """
        ...

    def say(self, datagram: Datagram) -> None:
        """Put a datagram of the client's on the network."""
        ...

    def announce(self, frame: Frame, *, broadcast: bool) -> None:
        """Have our own hub send a command of its own accord, to the client or to all."""
        ...

    def refresh(self) -> None:
        """Look at the hub's deadline anew, where the server is our own."""
        ...

    def plan(self, faults: Sequence[FrameFault]) -> None:
        """Set the frame faults that are to come.

        Raises:
            Unsupported: The air cannot be told so.
        """
        ...

    def close(self) -> None:
        """Give back what it holds; safe to call twice."""
        ...
