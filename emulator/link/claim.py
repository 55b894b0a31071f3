"""Claim a port for one program: two that talk to one stick would take it from each other.

A serial port can be locked; a TCP port gives way to whoever comes last, and a stick that is asked
who it is resets itself. So whoever opens a port claims it first, in a folder of the user's.
"""

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path

from emulator.errors import LinkError

_SOCKET = "socket://"


class Claim:
    """Hold a port until ``release``, or until the program ends however it does.

    Args:
        place: A serial port, a pseudo terminal, or ``socket://HOST:PORT``.

    Raises:
        LinkError: Another program holds it, or there is no place for claims.
    """

    def __init__(self, place: str) -> None:
        name = place.lower() if place.startswith(_SOCKET) else str(Path(place).resolve())
        folder = Path(tempfile.gettempdir(), f"hanover-{os.getuid()}")
        path = folder / hashlib.sha256(name.encode()).hexdigest()[:16]
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._file = path.open("a+")
        except OSError as error:
            raise LinkError(
                f"{path}: {error.strerror}, wanted a file that says who uses {place}"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            who = self._file.read().strip() or "unknown"
            self._file.close()
            raise LinkError(
                f"{place}: in use: found another hanover on it (process {who}), wanted it free"
            ) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let others have the port; safe to call twice."""
        self._file.close()
