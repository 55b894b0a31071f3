"""Put a server on a real line, with a radio of this file behind it and hosts before it."""

import asyncio
import os
import select
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from emulator.ncp.line import Line
from emulator.ncp.serve import Listeners, Server, Visit
from emulator.ncp.tcp import TcpLine
from emulator.units import Us

needs_pty = pytest.mark.skipif(not hasattr(select, "epoll"), reason="pty: needs Linux")
#: Far longer than anything here lasts: only a failure waits for it.
PATIENCE_S = 10


class Shouter:
    """Be a stick that shouts back, and writes down what happens to it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.out = b""
        self.changed = asyncio.Event()

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self.changed.set()

    def attach(self, now: Us) -> None:
        self._note("attach")

    def detach(self, now: Us) -> None:
        self.out = b""
        self._note("detach")

    def greet(self, now: Us) -> None:
        self.out += b"HELLO"
        self._note("greet")

    def receive(self, octets: bytes, now: Us) -> None:
        if octets == b"fall":
            raise RuntimeError("fallen")
        self.out += octets.upper()
        self._note("receive")

    def acknowledge(self, octets: bytes, now: Us) -> bool:
        return octets == b"fine"

    @property
    def deadline(self) -> Us | None:
        return None

    def take(self) -> bytes:
        taken, self.out = self.out, b""
        return taken


class Radio:
    """Be a radio with one stick, and deadlines that a test sets."""

    def __init__(self) -> None:
        self.stick = Shouter()
        self.sticks = {"it": self.stick}
        self.deadlines: list[Us] = []
        self.kept: list[tuple[Us, Us]] = []  # each deadline, and when it was kept
        self.runs = 0

    @property
    def deadline(self) -> Us | None:
        return self.deadlines[0] if self.deadlines else None

    def run(self, now: Us) -> None:
        self.runs += 1
        while self.deadlines and self.deadlines[0] <= now:
            self.kept.append((self.deadlines.pop(0), now))
            self.stick.changed.set()


class Setting:
    """Be a server on one line, with what it told."""

    def __init__(self, line: Line, radio: Any = None) -> None:  # noqa: ANN401 - any radio
        self.line = line
        self.radio = Radio() if radio is None else radio
        self.visits: list[Visit] = []
        self.octets: list[tuple[bool, bytes]] = []
        listeners = Listeners(
            visit=lambda now, name, visit: self.visits.append(visit),
            octets=lambda now, name, mine, octets: self.octets.append((mine, octets)),
        )
        self.server = Server(self.radio, {next(iter(self.radio.sticks)): line}, listeners)

    async def __aenter__(self) -> "Setting":
        await self.server.open()
        return self

    async def __aexit__(self, *error: object) -> None:
        self.server.close()
        self.server.stop()
        await self.server.run()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that the stick takes note of."""
        changed = self.radio.stick.changed
        while not condition():
            changed.clear()
            await soon(changed.wait())


async def soon(what: Awaitable[Any]) -> Any:  # noqa: ANN401 - whatever it returns
    """Wait, but not for ever."""
    return await asyncio.wait_for(what, PATIENCE_S)


def run(body: Coroutine[Any, Any, None]) -> None:
    """Run a test in a loop of its own."""
    asyncio.run(body)


class Terminal:
    """Be a program with the serial port open."""

    def __init__(self, path: Path) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def write(self, octets: bytes) -> None:
        assert os.write(self.descriptor, octets) == len(octets)

    async def read(self, size: int) -> bytes:
        loop, found = asyncio.get_running_loop(), b""
        while len(found) < size:
            ready = loop.create_future()
            loop.add_reader(self.descriptor, lambda it=ready: it.done() or it.set_result(None))
            await soon(ready)
            loop.remove_reader(self.descriptor)
            found += os.read(self.descriptor, size - len(found))
        return found

    def close(self) -> None:
        os.close(self.descriptor)


async def dial(it: Setting) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    _, host, port = it.line.where.split(":")
    return await asyncio.open_connection(host, int(port))


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):  # the radio was first
        await soon(writer.wait_closed())


def any_port() -> TcpLine:
    return TcpLine("127.0.0.1", 0)
