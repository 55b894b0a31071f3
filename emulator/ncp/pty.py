"""Listen on a pseudo terminal for a host: a link in the file system leads to it. Linux only.

The side of the host is not kept open here: only so can its going be seen. A terminal without a
host is always "ready", with an error; so, until one comes, readiness is asked for in edges (epoll),
which cost nothing while nothing changes.
"""

import asyncio
import errno
import fcntl
import os
import re
import select
import termios
import tty
from pathlib import Path

from emulator.errors import LinkError
from emulator.ncp.line import End
from emulator.units import Octets

#: A link to such a thing was made by a radio; one whose target is gone was left by one.
_TERMINAL = re.compile(r"/dev/pts/\d+")
_CHUNK: Octets = 1 << 12
#: ``ioctl`` that says whether a terminal was taken for itself by a host; Python has no name for it.
_TIOCGEXCL = 0x80045440


class PtyLine:
    """Be a serial port for programs on this machine.

    Args:
        path: Where the link to it is made; nothing else may be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end: End | None = None
        self._master: int | None = None
        self._target = self._linked = ""  # the host's side, and what our link leads to
        self._edges: select.epoll | None = None
        self._attached = False
        self._unsent = b""

    @property
    def where(self) -> str:
        """Return where it listens, as ``--listen`` has it."""
        return f"pty:{self._path}"

    @property
    def blocked(self) -> bool:
        """Tell whether the host reads too slowly."""
        return bool(self._unsent)

    async def open(self, end: End) -> None:
        """Make the terminal and the link to it.

        Raises:
            LinkError: Something else is at the path, or it cannot be made there.
        """
        if not hasattr(select, "epoll"):
            raise LinkError(f"{self.where}: found no epoll, wanted Linux; tcp: works everywhere")
        self._end = end
        self._check()
        try:
            self._make()
        except OSError as error:
            self.close()
            raise LinkError(f"{self.where}: {error.strerror}") from None
        except LinkError:
            self.close()
            raise

    def _check(self) -> str | None:
        """Return the target of a link that an ended radio left, None if nothing is there."""
        path = self._path
        if not os.path.lexists(path):
            return None
        target = str(path.readlink()) if path.is_symlink() else ""
        if not _TERMINAL.fullmatch(target):
            what = f"a link to {target}" if target else "a file"
            raise LinkError(f"{self.where}: found {what}, wanted nothing there")
        if Path(target).exists() and target not in (self._target, self._linked):
            raise LinkError(f"{self.where}: found a link to {target}, which is in use")
        return target

    def _make(self) -> None:
        self._master, host_side = os.openpty()
        try:
            tty.setraw(host_side)
            self._target = os.ttyname(host_side)
        finally:
            os.close(host_side)
        os.set_blocking(self._master, False)
        self._link()
        self._edges = select.epoll()
        self._edges.register(self._master, select.EPOLLIN | select.EPOLLET)
        asyncio.get_running_loop().add_reader(self._edges.fileno(), self._on_edge)

    def _link(self) -> None:
        if self._check() is None:
            self._path.symlink_to(self._target)
        else:
            new = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            new.symlink_to(self._target)
            new.replace(self._path)
        self._linked = self._target

    def _unmake(self) -> None:
        loop = asyncio.get_running_loop()
        if self._edges is not None:
            loop.remove_reader(self._edges.fileno())
            self._edges.close()
            self._edges = None
        if self._master is not None:
            loop.remove_reader(self._master)
            loop.remove_writer(self._master)
            os.close(self._master)
            self._master = None
        self._attached, self._unsent = False, b""

    def close(self) -> None:
        """Take the link away, if it is still ours, and the terminal."""
        self._unmake()
        try:
            if self._linked and str(self._path.readlink()) == self._linked:
                self._path.unlink()
        except OSError:  # somebody else has taken it away
            pass
        self._target = self._linked = ""

    def write(self, octets: bytes) -> None:
        """Send octets; they are dropped where no host is."""
        if not self._attached or self._master is None:
            return
        waited, self._unsent = bool(self._unsent), self._unsent + octets
        self._drain(self._master)
        if self._unsent and not waited:
            asyncio.get_running_loop().add_writer(self._master, self._on_writable)

    def _drain(self, master: int) -> None:
        while self._unsent:
            try:
                count = os.write(master, self._unsent)
            except BlockingIOError:
                return
            except OSError:
                self._unsent = b""  # the host is gone; reading will say so
                return
            self._unsent = self._unsent[count:]

    def _on_writable(self) -> None:
        assert self._master is not None
        assert self._end is not None
        self._drain(self._master)
        if not self._unsent:
            asyncio.get_running_loop().remove_writer(self._master)
            self._end.writable()

    def _on_edge(self) -> None:
        """See whether a host has come: it has when it says something."""
        assert self._edges is not None
        assert self._end is not None
        assert self._master is not None
        try:
            self._edges.poll(0)
            octets = self._read(self._master)
        except OSError as error:
            self._end.failed(error)
            return
        if not octets:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._edges.fileno())  # from here on levels are cheaper
        loop.add_reader(self._master, self._on_readable)
        self._attached = True
        self._end.attached()
        self._end.came(octets)

    def _on_readable(self) -> None:
        assert self._master is not None
        assert self._end is not None
        try:
            octets = self._read(self._master)
            if octets:
                self._end.came(octets)
            elif octets is not None:
                self._on_gone()
        except Exception as error:  # the loop that calls this would only print it
            self._end.failed(error)

    def _read(self, master: int) -> bytes | None:
        """Return what came, None if that was nothing, and no octets if no host is there."""
        try:
            return os.read(master, _CHUNK)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return b""

    def _on_gone(self) -> None:
        assert self._edges is not None
        assert self._end is not None
        assert self._master is not None
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._master)
        loop.remove_writer(self._master)
        self._attached, self._unsent = False, b""
        self._end.detached()
        if self._is_taken():
            self._unmake()
            self._make()
        else:
            loop.add_reader(self._edges.fileno(), self._on_edge)

    def _is_taken(self) -> bool:
        """Tell whether a host took the terminal for itself, which outlives the host.

        What it left unread is taken away: the next host should not find it.
        """
        try:
            host_side = os.open(self._target, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            return error.errno == errno.EBUSY
        try:
            termios.tcflush(host_side, termios.TCIFLUSH)
            return any(fcntl.ioctl(host_side, _TIOCGEXCL, bytes(4)))
        except (OSError, termios.error):
            return False
        finally:
            os.close(host_side)
