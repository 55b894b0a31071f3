"""Lead hosts to the sticks of a radio, in one process and in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from emulator.ncp.radio import VirtualRadio
from emulator.units import SECOND, Us
from tests.ncp.virtual_loop import run

__all__ = ["Lines", "connector", "run"]


class Lines:
    """Carry octets between a radio and the hosts at its sticks, and keep the radio's time."""

    def __init__(self, radio: VirtualRadio) -> None:
        self.radio = radio
        self._loop = asyncio.get_running_loop()
        self._hosts: dict[str, asyncio.Protocol] = {}
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def now(self) -> Us:
        """Return the loop's time."""
        return max(self.radio.world.now, round(self._loop.time() * SECOND))

    def attach(self, stick: str, host: asyncio.Protocol) -> "Wire":
        """Put a host at a stick."""
        self._hosts[stick] = host
        self.radio.sticks[stick].attach(self.now)
        return Wire(self, stick)

    def detach(self, stick: str) -> None:
        """Take the host of a stick away."""
        host = self._hosts.pop(stick, None)
        if host is not None:
            self.radio.sticks[stick].detach(self.now)
            self._loop.call_soon(host.connection_lost, None)

    def feed(self, stick: str, octets: bytes) -> None:
        """Carry octets of a host to its stick."""
        self.radio.feed(stick, octets, self.now)
        self.settle()

    def settle(self) -> None:
        """Carry what the sticks have to say, and be called when the radio wants it."""
        for stick, host in self._hosts.items():
            if octets := self.radio.take(stick):
                self._loop.call_soon(self._arrive, stick, host, octets)
        if self._alarm is not None:
            self._alarm.cancel()
        due = self.radio.deadline
        self._alarm = None if due is None else self._loop.call_at((due + 1) / SECOND, self._wake)

    def _arrive(self, stick: str, host: asyncio.Protocol, octets: bytes) -> None:
        if self._hosts.get(stick) is host:
            host.data_received(octets)

    def _wake(self) -> None:
        self.radio.run(self.now)
        self.settle()


class Wire(asyncio.Transport):
    """Be what a host writes to."""

    def __init__(self, lines: Lines, stick: str) -> None:
        super().__init__()
        self._lines, self._stick, self._closing = lines, stick, False

    def write(self, data: Any) -> None:  # noqa: ANN401 - as its parent
        """Carry octets to the stick, after what the host does now."""
        asyncio.get_running_loop().call_soon(self._lines.feed, self._stick, bytes(data))

    def is_closing(self) -> bool:
        """Tell whether the host has left."""
        return self._closing

    def close(self) -> None:
        """Leave."""
        if not self._closing:
            self._closing = True
            self._lines.detach(self._stick)


def connector(lines: Lines) -> Callable[..., Coroutine[Any, Any, tuple[Any, Any]]]:
    """Return what stands in for the opening of a serial port: its path is a stick's name."""

    async def connect(
        loop: asyncio.AbstractEventLoop,
        protocol_factory: Callable[[], asyncio.Protocol],
        url: str,
        **more: object,
    ) -> tuple[Wire, asyncio.Protocol]:
        host = protocol_factory()
        wire = lines.attach(url, host)
        host.connection_made(wire)
        return wire, host

    return connect
