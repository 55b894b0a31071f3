"""Listen on TCP for a host, one at a time: a new one takes the place of an old one."""

import asyncio
import os
import socket

from emulator.errors import LinkError
from emulator.ncp.line import End
from emulator.units import Octets

#: bellows waits 2 s for a stick on TCP to say that it has started. Said at once, it comes too early
#: for bellows; said to a host that speaks first, it would be a crash.
HINT_AFTER_S = 0.1
#: What waits in the program for a slow reader, about; more stays in the stick.
_MOST_UNREAD: Octets = 1 << 16
_CHUNK: Octets = 1 << 12


class TcpLine:
    """Listen on one port.

    Args:
        host: Name or address to listen on.
        port: 0 takes any that is free; ``where`` says which.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._client: _Client | None = None
        self._end: End | None = None

    @property
    def where(self) -> str:
        """Return where it listens, as ``--listen`` has it."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"tcp:{host}:{self._port}"

    @property
    def blocked(self) -> bool:
        """Tell whether the host reads too slowly."""
        return self._client is not None and self._client.paused

    async def open(self, end: End) -> None:
        """Listen.

        Raises:
            LinkError: The port is taken or not to be had, or there is no such host.
        """
        self._end = end
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: _Client(self, end), self._host, self._port, backlog=8
            )
        except (OSError, OverflowError) as error:
            raise LinkError(f"{self.where}: {_reason(error)}") from None
        self._server = server
        self._port = server.sockets[0].getsockname()[1]

    def write(self, octets: bytes) -> None:
        """Send octets; they are dropped where no host is."""
        if self._client is not None:
            self._client.transport.write(octets)

    def close(self) -> None:
        """Stop to listen, and leave the host."""
        if self._server is not None:
            self._server.close()
        client, self._client = self._client, None
        if client is not None:
            client.transport.abort()

    def accept(self, client: "_Client", end: End) -> None:
        """Let a new host take the place of an old one, which may be half dead."""
        old, self._client = self._client, client
        if old is not None:
            old.transport.abort()
            end.detached()
        end.attached()
        asyncio.get_running_loop().call_later(HINT_AFTER_S, self._hint, client, end)

    def _hint(self, client: "_Client", end: End) -> None:
        if client is self._client and not client.spoke:
            end.quiet()

    def has(self, client: "_Client") -> bool:
        """Tell whether this is the host that counts."""
        return client is self._client

    def lose(self, client: "_Client", end: End) -> None:
        """Forget a host that is gone."""
        if client is self._client:
            self._client = None
            end.detached()


class _Client(asyncio.BufferedProtocol):
    """Be one connection."""

    transport: asyncio.Transport

    def __init__(self, line: TcpLine, end: End) -> None:
        self._line, self._end = line, end
        self._buffer = bytearray(_CHUNK)  # one for all: a buffer for each read costs more than it
        self.spoke = self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the place of who was there."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=_MOST_UNREAD)
        raw: socket.socket = transport.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._line.accept(self, self._end)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Return where octets are put."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Hand on what came."""
        self.spoke = True
        if self._line.has(self):
            self._end.came(bytes(memoryview(self._buffer)[:nbytes]))

    def pause_writing(self) -> None:
        """Hold back: the host reads too slowly."""
        self.paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self.paused = False
        if self._line.has(self):
            self._end.writable()

    def connection_lost(self, exc: Exception | None) -> None:
        """Be forgotten."""
        self._line.lose(self, self._end)


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror) or not isinstance(error, OSError):
        return str(error.args[-1]) if error.args else type(error).__name__
    return os.strerror(error.errno) if error.errno else str(error)
