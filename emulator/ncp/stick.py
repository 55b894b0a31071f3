"""Be a whole stick: ASH, EZSP and the stack behind them, for one host and one place in the air."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from emulator.ncp import coordinator, keys, nonvolatile
from emulator.ncp.addresses import Addresses
from emulator.ncp.ash import POWER_ON, AshLink, Reset
from emulator.ncp.complaints import Complaints
from emulator.ncp.ezsp import Dialect, EzspError
from emulator.ncp.fields import WIDE
from emulator.ncp.handlers import HANDLERS
from emulator.ncp.messaging import Incoming, Messages
from emulator.ncp.networking import Standing
from emulator.ncp.places import LQI, RSSI_DBM
from emulator.ncp.port import Joining, Member, Place
from emulator.ncp.security import Security
from emulator.ncp.settings import Settings
from emulator.ncp.statuses import Status
from emulator.ncp.surroundings import Polling, Routes
from emulator.ncp.tokens import Tokens
from emulator.units import Us
from emulator.wire.aps import Datagram
from emulator.wire.zdo import SimpleDescriptor

#: Modules that are needed for the handlers that they register alone.
ANSWERING = (coordinator, keys, nonvolatile)
#: Callbacks that wait for the host, at most; the oldest is lost beyond, as in a real stick.
MOST_CALLBACKS = 4096
#: EZSP frames that may wait below, in ASH: few, so that a callback is numbered when it goes out.
ASH_CAPACITY = 8
#: Subjects that are logged between two resets, at most: a host that babbles fills no disk.
MOST_SUBJECTS = 100


class Stick:
    """Answer one host's commands, and be the ears of one place in the virtual network.

    Every call may give ``take`` something to return and move ``deadline``. A reset by the host
    loses what a real stick keeps in RAM; tokens stay.

    Args:
        name: Its name in logs and events.
        version: EZSP protocol version that it speaks.
        tokens: What it keeps over resets and, if saved, over restarts.
        log: Takes one line about what a person should know.
    """

    #: Set by whoever puts the stick into an air.
    place: Place

    def __init__(self, name: str, version: int, tokens: Tokens, log: Callable[[str], None]) -> None:
        self.name, self.tokens = name, tokens
        self.log = Complaints(log, lambda: self.now)
        self.dialect = Dialect(version)
        self.wide = version >= WIDE  # statuses have four octets, and getters have one
        self.now: Us = 0
        self._link = AshLink(lambda line: self.log(f"{name}: {line}"), capacity=ASH_CAPACITY)
        self._callbacks: deque[tuple[str, Mapping[str, Any]]] = deque()
        self._start()

    def _start(self) -> None:
        """Make anew everything that a reset loses."""
        self.dialect.reset()
        self.settings = Settings(self.dialect.version)
        self.security = Security()
        self.endpoints: dict[int, SimpleDescriptor] = {}
        self.addresses, self.messages = Addresses(), Messages()
        self.standing, self.routes, self.polling = Standing(), Routes(), Polling()
        self._callbacks.clear()
        self._answered: int | None = None  # the sequence number of the last command answered
        self._noted: set[str] = set()

    @property
    def eui64(self) -> int:
        """Return who the stick is."""
        return self.tokens.eui64

    @property
    def version(self) -> int:
        """Return the version of EZSP that it speaks."""
        return self.dialect.version

    # The host's side.

    @property
    def deadline(self) -> Us | None:
        """Return when ``wake`` is needed, None while nothing is waited for."""
        link, poll = self._link.deadline, self.polling.deadline
        if link is None or poll is None:
            return poll if link is None else link
        return min(link, poll)

    def receive(self, octets: bytes, now: Us) -> None:
        """Take octets of the host, in any pieces."""
        self.now = now
        for payload in self._link.receive(octets, now):
            if isinstance(payload, Reset):
                self._reset()
            else:
                self._command(payload)
        if self._callbacks:
            self._flush()

    def acknowledge(self, octets: bytes, now: Us) -> bool:
        """Take octets if nothing follows from them but a new deadline, and tell."""
        return not self._callbacks and self._link.acknowledge(octets, now)

    def wake(self, now: Us) -> None:
        """Let time pass."""
        self.now = now
        self._link.wake(now)
        self.polling.wake(self, now)
        if self._callbacks:
            self._flush()

    def take(self) -> bytes:
        """Return what goes out on the line now, and forget it."""
        return self._link.take()

    def attach(self, now: Us) -> None:
        """Meet a new host: nothing of an earlier one's link is left."""
        self.detach(now)

    def detach(self, now: Us) -> None:
        """Lose the host; the stick stays on its network, and its tokens stay."""
        self.now = now
        self._link.detach()
        self._callbacks.clear()
        self._answered = None

    def greet(self, now: Us) -> None:
        """Tell a host on TCP, which waits for it, that the stick has just started."""
        self.now = now
        self._reset()
        self._link.restart(POWER_ON)

    def _reset(self) -> None:
        self.place.detach()
        self._start()

    def _command(self, payload: bytes) -> None:
        dialect = self.dialect
        try:
            request = dialect.decode(payload)
        except EzspError as error:
            self.note(str(error), f"refused a command: {error}")
            request, response = error.request, dialect.invalid(error.request, error.reason)
        else:
            handler = HANDLERS.get(request.name)
            if handler is None:
                self.note(request.name, f"no answer to {request.name}: it is not emulated")
                response = dialect.invalid(request, Status.INVALID_FRAME_ID)
            else:
                response = dialect.response(request, **handler(self, request))
        self._answered = request.sequence
        self._link.send(response, self.now)

    def _flush(self) -> None:
        """Hand callbacks to the link while it has room; they are numbered only now.

        Hosts pair answers by number: a callback must never bear that of a command to come.
        """
        callbacks, link, answered = self._callbacks, self._link, self._answered
        if answered is None or not link.connected:
            callbacks.clear()  # there is nobody who could read them
            return
        callback, now = self.dialect.callback, self.now
        for _ in range(min(link.room, len(callbacks))):
            name, values = callbacks.popleft()
            link.send(callback(name, answered, **values), now, callback=True)

    def emit(self, name: str, values: Mapping[str, Any]) -> None:
        """Send a callback, after the response to what the host asked, if it has."""
        callbacks = self._callbacks
        if len(callbacks) >= MOST_CALLBACKS:
            callbacks.popleft()
            self.note("callbacks", "the host reads too slowly: callbacks are lost")
        callbacks.append((name, values))

    def note(self, subject: str, line: str) -> None:
        """Log a line about a subject, once until the next reset."""
        if subject not in self._noted and len(self._noted) < MOST_SUBJECTS:
            self._noted.add(subject)
            self.log(f"{self.name}: {line}")

    # The network's side: what the air calls while the world runs.

    def hear(self, datagram: Datagram, lqi: int, rssi: int, now: Us) -> None:
        """Take a unicast or broadcast datagram from the air."""
        self.now = now
        self.messages.hear(self, datagram, lqi, rssi)
        self._flush()

    def hear_multicast(self, datagram: Datagram, group: int, lqi: int, rssi: int, now: Us) -> None:
        """Take a datagram for a group."""
        self.now = now
        if self.addresses.listens(group):
            self.messages.give(self, datagram, Incoming.MULTICAST, group, lqi, rssi)
            self._flush()

    def delivered(self, destination: int, aps_counter: int, success: bool, now: Us) -> None:
        """Hear what became of a unicast."""
        self.now = now
        self.messages.delivered(self, destination, aps_counter, success)
        self._flush()

    def up(self, address: int, now: Us) -> None:
        """Learn that the stick is on the network."""
        self.now = now
        self.standing.up(self)
        self._flush()

    def down(self, now: Us) -> None:
        """Learn that the stick is off the network."""
        self.now = now
        self.standing.down(self)
        self._flush()

    def join_failed(self, now: Us) -> None:
        """Learn that no network admitted the stick."""
        self.now = now
        self.standing.join_failed(self)
        self._flush()

    def member_joined(self, member: Member, how: Joining, now: Us) -> None:
        """Hear, as the trust centre, that a node joined or rejoined."""
        self.now = now
        self.standing.member_joined(self, member, how)
        self._flush()

    def member_left(self, member: Member, now: Us) -> None:
        """Hear, as the trust centre, that a node left."""
        self.now = now
        self.standing.member_left(self, member)
        self._flush()

    def routed(self, source: int, eui64: int, relays: Sequence[int], now: Us) -> None:
        """Hear a route record."""
        self.now = now
        self.routes.known[source] = tuple(relays)
        self.emit(
            "incomingRouteRecordHandler",
            {
                "source": source,
                "eui64": eui64,
                "lqi": LQI,
                "rssi": RSSI_DBM,
                "relays": self.routes.known[source],
            },
        )
        self._flush()

    def permit_ended(self, now: Us) -> None:
        """Learn that the time of the permit window is over."""
        self.now = now
        self.standing.closed(self)
        self._flush()

    def key_for(self, eui64: int, now: Us) -> bytes | None:
        """Return, as the trust centre, the link key that a joiner must hold; None: not admitted."""
        return self.security.key_for(self, eui64, now)
