"""Serve sticks to hosts in real time: the radio's clock is kept at the machine's.

Nothing is polled: the loop sleeps until octets come, or until the moment that the radio asks for.
What one moment brings goes out in one write a host.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from emulator.ncp.line import Line
from emulator.units import SECOND, Us


class Stick(Protocol):
    """Be what a host talks to: ``emulator.ncp.stick.Stick`` is one."""

    def attach(self, now: Us) -> None:
        """Meet a host."""
        ...

    def detach(self, now: Us) -> None:
        """Lose the host."""
        ...

    def greet(self, now: Us) -> None:
        """Tell the host that the stick has just started."""
        ...

    def receive(self, octets: bytes, now: Us) -> None:
        """Take octets of the host."""
        ...

    def acknowledge(self, octets: bytes, now: Us) -> bool:
        """Take octets if nothing follows from them but a new deadline, and tell."""
        ...

    @property
    def deadline(self) -> Us | None:
        """Return what it waits for, None for nothing."""
        ...

    def take(self) -> bytes:
        """Return what goes out to the host now."""
        ...


class Radio(Protocol):
    """Be what is served: ``emulator.ncp.radio.VirtualRadio`` is one."""

    @property
    def sticks(self) -> Mapping[str, Stick]:
        """Return the sticks by name."""
        ...

    @property
    def deadline(self) -> Us | None:
        """Return when ``run`` is needed next."""
        ...

    def run(self, now: Us) -> None:
        """Let everything happen that is due by ``now``."""
        ...


class Visit(StrEnum):
    """Name what a host does."""

    ATTACHED = "host attached"
    DETACHED = "host detached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Say who hears what: each takes the time in microseconds and the stick's name first.

    ``settled`` is called with the time after each moment in which something happened; it returns
    when it wants to be called again, if it does.
    """

    visit: Callable[[Us, str, Visit], None]
    octets: Callable[[Us, str, bool, bytes], None] | None = None  # True: from the host
    settled: Callable[[Us], Us | None] | None = None


class Server:
    """Let hosts and a radio meet.

    Args:
        radio: What is served; its time begins when the server does.
        lines: Where each stick is served, by its name.
        listeners: Who hears what happens.
    """

    def __init__(self, radio: Radio, lines: Mapping[str, Line], listeners: Listeners) -> None:
        self._radio, self.listeners = radio, listeners
        self._ports = [_Port(self, name, radio.sticks[name], line) for name, line in lines.items()]
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self._now: Us = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._stopped: asyncio.Future[None] = self._loop.create_future()

    async def open(self) -> None:
        """Listen everywhere, or nowhere.

        Raises:
            LinkError: One of the lines cannot be opened.
        """
        try:
            for port in self._ports:
                await port.line.open(port)
        except BaseException:
            self.close()
            raise
        self.moment()

    async def run(self) -> None:
        """Serve until ``stop``.

        Raises:
            Exception: A fault of our own, wherever it happened.
        """
        await self._stopped

    def stop(self) -> None:
        """End ``run``."""
        if not self._stopped.done():
            self._stopped.set_result(None)

    def fail(self, error: BaseException) -> None:
        """End ``run`` with a fault."""
        if not self._stopped.done():
            self._stopped.set_exception(error)

    def close(self) -> None:
        """Leave every host, and nothing behind."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for port in self._ports:
            port.line.close()

    def moment(self, act: Callable[[Us], None] | None = None) -> None:
        """Bring the radio to the present, let something happen, and send out what came of it."""
        if self._stopped.done():  # after a fault nothing is what it should be
            return
        try:
            now = self._look()
            self._radio.run(now)
            if act is not None:
                act(now)
            self._settle()
        except Exception as error:  # the loop that calls this would only print it
            self.fail(error)

    def stands_still(self, stick: Stick, octets: bytes) -> bool:
        """Let a stick take octets from which nothing follows but what it waits for.

        Returns:
            Whether it did; otherwise they make a moment.
        """
        if self._stopped.done() or not stick.acknowledge(octets, self._look()):
            return False
        due = stick.deadline
        if due is not None:
            self._set_alarm(due)
        return True

    @property
    def now(self) -> Us:
        """Return when something happened last."""
        return self._now

    def _look(self) -> Us:
        """Look at the clock, which never goes back."""
        self._now = max(self._now, round((self._loop.time() - self._start) * SECOND))
        return self._now

    def _settle(self) -> None:
        self._radio.run(self._now)  # what was done just now has effects just now
        for port in self._ports:
            port.flush(self._now)
        settled = self.listeners.settled
        wishes = (self._radio.deadline, settled(self._now) if settled is not None else None)
        due = min((at for at in wishes if at is not None), default=None)
        if due is not None:
            self._set_alarm(due)

    def _set_alarm(self, due: Us) -> None:
        """Be called at a time; an alarm that is earlier is left, one that is later is not."""
        at = self._start + (due + 1) / SECOND  # a clock of floats must not be early
        if self._alarm is not None:
            if self._alarm.when() <= at:
                return
            self._alarm.cancel()
        self._alarm = self._loop.call_at(at, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        self.moment()


class _Port:
    """Be one stick and its line: the end of a line, and what the server keeps in time."""

    def __init__(self, server: Server, name: str, stick: Stick, line: Line) -> None:
        self._server, self.name, self.stick, self.line = server, name, stick, line

    def flush(self, now: Us) -> None:
        """Send what the stick has to say, unless the host reads too slowly to be told."""
        if self.line.blocked:
            return
        octets = self.stick.take()
        if octets:
            self._log(now, False, octets)
            self.line.write(octets)

    def _log(self, now: Us, from_host: bool, octets: bytes) -> None:
        if self._server.listeners.octets is not None:
            self._server.listeners.octets(now, self.name, from_host, octets)

    # The End protocol.

    def attached(self) -> None:
        """Let the stick meet a host."""

        def act(now: Us) -> None:
            self.stick.attach(now)
            self._server.listeners.visit(now, self.name, Visit.ATTACHED)

        self._server.moment(act)

    def quiet(self) -> None:
        """Let the stick say that it has started."""
        self._server.moment(self.stick.greet)

    def came(self, octets: bytes) -> None:
        """Hand octets to the stick."""
        if self._server.stands_still(self.stick, octets):
            self._log(self._server.now, True, octets)
            return

        def act(now: Us) -> None:
            self._log(now, True, octets)
            self.stick.receive(octets, now)

        self._server.moment(act)

    def writable(self) -> None:
        """Send what waited."""
        self._server.moment()

    def detached(self) -> None:
        """Let the stick lose its host."""

        def act(now: Us) -> None:
            self.stick.detach(now)
            self._server.listeners.visit(now, self.name, Visit.DETACHED)

        self._server.moment(act)

    def failed(self, error: BaseException) -> None:
        """End the server with a fault."""
        self._server.fail(error)


async def serve(server: Server, ready: Callable[[], None]) -> bool:
    """Serve until a signal ends it.

    Args:
        server: What is served.
        ready: Called once every line listens.

    Returns:
        Whether it was Ctrl-C, which is an interruption; SIGTERM and SIGHUP are an end.

    Raises:
        LinkError: A line cannot be opened.
        Exception: A fault of our own.
    """
    loop = asyncio.get_running_loop()
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = True
        server.stop()

    loop.add_signal_handler(signal.SIGINT, interrupt)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, server.stop)
    await server.open()
    try:
        ready()
        await server.run()
    finally:
        server.close()
    return interrupted
