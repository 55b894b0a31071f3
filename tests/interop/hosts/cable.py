"""Be the cable between a host and a stick on TCP: one that can be pulled, and that plays tricks.

Hosts find it at a port of its own or at a pseudo terminal. What it is to do comes as lines on
standard input; what it did, and who comes and goes, is told as JSON lines on standard output. It
knows three frames of ASH by heart (UG101, 3), and nothing else of what it carries.
"""

import argparse
import asyncio
import binascii
import json
import sys
import threading
from contextlib import suppress
from pathlib import Path

from emulator.ncp.line import Line
from emulator.ncp.pty import PtyLine
from emulator.ncp.tcp import TcpLine

CHUNK = 4096
#: A host that waits for the air is silent so long; one that is opening a stick is not.
IDLE_S = 0.7
_CANCEL, _FLAG = b"\x1a", b"\x7e"


def _ash(octets: bytes) -> bytes:
    """Return a frame with its check value; none of ours has an octet to be escaped."""
    return octets + binascii.crc_hqx(octets, 0xFFFF).to_bytes(2, "big") + _FLAG


#: Resets a stick, which then says RSTACK: a host that did not ask hears it unasked.
RST = _CANCEL + _ash(b"\xc0")
#: Says that the stick has failed (version 2, code 0x51: too many retransmissions).
ERROR = _ash(b"\xc2\x02\x51")


def tell(event: str, **facts: object) -> None:
    """Print one event."""
    print(json.dumps({"event": event, **facts}), flush=True)


class Cable:
    """Carry octets both ways, as long as it is plugged in; the end of a line to a host."""

    def __init__(self, host: str, port: int, path: Path | None) -> None:
        """Lead to ``host`` and ``port``; ``path`` is where the terminal is linked, if it is one."""
        self._to = (host, port)
        self._path = path
        self._where = ""
        self._line: Line | None = None
        self._stick: asyncio.StreamWriter | None = None
        self._early = b""  # what a host said before the way to the stick was open
        self._tasks: set[asyncio.Task[None]] = set()
        self._mute = self._failed = False
        self._left: int | None = None  # pieces of the stick until it is pulled
        self._idle: asyncio.TimerHandle | None = None

    async def plug(self) -> None:
        """Let hosts find it, where they found it before."""
        line: Line
        if self._path is not None:
            line = PtyLine(self._path)
        else:
            line = TcpLine("127.0.0.1", int(self._where.rpartition(":")[2] or 0))
        await line.open(self)
        self._line = line
        self._where = line.where
        kind, _, place = line.where.partition(":")
        tell("plugged", port=f"socket://{place}" if kind == "tcp" else place)

    def pull(self) -> None:
        """Let nobody find it, and leave who has."""
        line, self._line = self._line, None
        if line is not None:
            line.close()
        self._part("host left")
        tell("pulled")

    # The End protocol.

    def attached(self) -> None:
        """Open the way to the stick for a host that has come."""
        tell("host came")
        self._early = b""
        task = asyncio.ensure_future(self._lead())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def quiet(self) -> None:
        """Leave it to the stick to speak first."""

    def came(self, octets: bytes) -> None:
        """Carry what the host says."""
        if self._failed and RST[1:] in octets:
            self._failed = False
        if self._mute or self._failed:
            return
        if self._stick is None:
            self._early += octets
        else:
            self._stick.write(octets)

    def writable(self) -> None:
        """Do nothing: lines keep what waits."""

    def detached(self) -> None:
        """Leave the stick."""
        self._part("host gone")

    def failed(self, error: BaseException) -> None:
        """End with a fault."""
        raise error

    async def _lead(self) -> None:
        reader, stick = await asyncio.open_connection(*self._to)
        self._stick = stick
        stick.write(self._early)
        with suppress(OSError):
            while octets := await reader.read(CHUNK):
                self._bring(octets)

    def _bring(self, octets: bytes) -> None:
        if self._line is not None and not self._mute and not self._failed:
            self._line.write(octets)
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(IDLE_S, tell, "idle")
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                self._left = None
                self.pull()

    def _part(self, why: str) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self._stick is not None:
            tell(why)
            self._stick.transport.abort()
            self._stick = None

    async def obey(self, order: str) -> None:
        """Do what a line says."""
        word, _, number = order.partition(" ")
        match word:
            case "pull" if number:
                self._left = int(number)
            case "pull":
                self.pull()
            case "plug":
                await self.plug()
            case "reset":
                assert self._stick is not None
                self._stick.write(RST)
            case "fail":
                assert self._line is not None
                self._line.write(ERROR)
                self._failed = True
            case "mute":
                self._mute = True
            case _:
                raise ValueError(f"found {order!r}, wanted pull [N], plug, reset, fail or mute")


async def run(options: argparse.Namespace) -> None:
    """Carry until standard input ends."""
    host, _, port = options.stick.removeprefix("socket://").rpartition(":")
    cable = Cable(host, int(port), options.pty)
    await cable.plug()
    loop = asyncio.get_running_loop()
    orders: asyncio.Queue[str] = asyncio.Queue()

    def listen() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(orders.put_nowait, line.strip())
        loop.call_soon_threadsafe(orders.put_nowait, "")

    threading.Thread(target=listen, daemon=True).start()
    while order := await orders.get():
        await cable.obey(order)


def main() -> None:
    """Read the command line and carry."""
    parser = argparse.ArgumentParser(description="A cable that can be pulled.")
    parser.add_argument("stick", help="socket://HOST:PORT")
    parser.add_argument("--pty", type=Path, help="link a pseudo terminal here; without it TCP")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
