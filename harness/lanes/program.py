"""Run device programs: a line to one, a line back, a limit of real time, and an end for certain."""

import hashlib
import os
import select
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from emulator.errors import LinkError
from emulator.units import SECOND, Us

#: The longest line that a program may answer with.
LONGEST_LINE = 1 << 20
#: What is kept of the end of a program's stderr.
LOG_OCTETS = 8 << 10
#: How long a program has to end by itself, and again when it was told to.
FAREWELL_US: Us = 2 * SECOND

_CHUNK = 1 << 16
_SHOWN = 80
_TICK_MS = 20
#: How often it is seen whether a silent program still runs.
_LOOK_MS = 200


class Program:
    """Be one running program that answers lines with lines.

    After any fault it is ended: what it says from then on belongs to nothing that was asked.

    Args:
        command: As a shell would split it; no shell runs it.
        limit_us: Longest real time for one reply.

    Raises:
        LinkError: It cannot be started.
    """

    def __init__(self, command: str, limit_us: Us) -> None:
        self.command, self.limit_us = command, limit_us
        self.replies = 0
        self.busy = False  # a request is not answered yet
        self.silent = False  # it took longer than it may
        self._buffer = bytearray()
        self._said = b""
        self._mute = False  # its stderr is closed
        words = _words(command)
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,  # Ctrl-C is ours to hear, and its children end with it
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise LinkError(f"exec:{command}: cannot be started: {why}") from None
        self.files: Mapping[str, str] = files_of(words)
        self._in, self._out, self._err = (
            stream.fileno()
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr)
            if stream is not None
        )
        os.set_blocking(self._in, False)
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._poll.register(self._err, select.POLLIN)

    @property
    def alive(self) -> bool:
        """Tell whether it can be asked."""
        return not self.busy and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Return the number of its process, which leads a group of its own."""
        return self._process.pid

    @property
    def log(self) -> str:
        """Return the end of what it wrote to stderr."""
        return self._said.decode("utf-8", "replace")

    def ask(self, line: bytes) -> bytes:
        """Send one line and return the line that answers it.

        Raises:
            LinkError: It ended, was silent for too long, or its line has no end.
        """
        if not self.alive:
            raise LinkError(f"exec:{self.command}: is no longer asked, it failed before")
        self.busy = True
        self.replies += 1
        try:
            rest = self._write(line)
            deadline = time.monotonic() + self.limit_us / SECOND
            while rest or b"\n" not in self._buffer:
                rest = self._wait(rest, deadline)
        except BrokenPipeError:
            self._fail_as_ended()
        answer, _, more = bytes(self._buffer).partition(b"\n")
        if more:
            self.replies += 1
            self.fail(f"found a second reply, {cut(more)}, wanted one line for each request")
        self._buffer.clear()
        self.busy = False
        return answer

    def fail(self, what: str) -> NoReturn:
        """End the program for what it did, and say so.

        Args:
            what: What was found, and what was wanted.

        Raises:
            LinkError: Always: the program, the number of its line, and ``what``.
        """
        self._listen()
        self.kill()
        said = self.log.rstrip()
        last = f"; its stderr ends with: {cut(_telling(said).encode())}" if said else ""
        error = LinkError(f"exec:{self.command}: line {self.replies}: {what}{last}")
        if said:
            error.add_note(f"The end of its stderr:\n{said}")
        raise error

    def end(self, farewell: bytes = b"") -> int | None:
        """Let it end by itself, then tell it to, then make it; nothing of it is left running.

        Args:
            farewell: The last line that it gets, if it can be asked.

        Returns:
            Its exit code where it ended by itself, None where it had to be told.
        """
        if farewell and self.alive:
            self.limit_us = min(self.limit_us, FAREWELL_US)
            with suppress(LinkError):
                self.ask(farewell)
        code: int | None = None
        if self._process.returncode is None:
            code = self._take_leave()
        self.kill()
        return code

    def kill(self) -> None:
        """End it and all that it started: TERM, then KILL."""
        if self._process.stdout is None or self._process.stdout.closed:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                self._signal(number)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(FAREWELL_US / SECOND)
        self._signal(signal.SIGKILL)  # what it started and left behind
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _take_leave(self) -> int | None:
        """Close its stdin, and wait for it a while."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        deadline = time.monotonic() + FAREWELL_US / SECOND
        while (code := self._process.poll()) is None and time.monotonic() < deadline:
            for number, _ in self._poll.poll(_TICK_MS):
                if not os.read(number, _CHUNK):
                    self._poll.unregister(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_TICK_MS / 1000)
        return code

    # A line out, a line in.

    def _write(self, line: bytes) -> bytes:
        """Write as much as the pipe takes, and return the rest."""
        try:
            rest = line[os.write(self._in, line) :]
        except BlockingIOError:
            rest = line
        if rest:
            self._poll.register(self._in, select.POLLOUT)
        return rest

    def _wait(self, rest: bytes, deadline: float) -> bytes:
        """Wait for anything to happen, take it, and return what is still to be written."""
        left_ms = (deadline - time.monotonic()) * 1000
        happened = self._poll.poll(min(left_ms, _LOOK_MS)) if left_ms > 0 else []
        if not happened and self._process.poll() is not None:
            self._fail_as_ended()  # somebody it started holds its stdout
        if left_ms <= 0:
            self.silent = True
            self.fail(f"found no reply in {self.limit_us / SECOND:g} s, wanted one")
        for number, _ in happened:
            if number == self._in:
                self._poll.unregister(self._in)
                rest = self._write(rest)
            elif number == self._err:
                self._listen()
            else:
                self._take(os.read(self._out, _CHUNK))
        return rest

    def _take(self, chunk: bytes) -> None:
        """Take octets of its answer."""
        if not chunk:
            self._fail_as_ended()
        self._buffer += chunk
        if len(self._buffer) > LONGEST_LINE and b"\n" not in self._buffer:
            found = cut(bytes(self._buffer))
            self.fail(f"found a line of more than {LONGEST_LINE} octets, {found}, wanted shorter")

    def _fail_as_ended(self) -> NoReturn:
        try:
            code = self._process.wait(FAREWELL_US / SECOND)
        except subprocess.TimeoutExpired:
            self.fail("found its stdout closed, wanted a reply")
        how = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        begun = f" behind {cut(bytes(self._buffer))}" if self._buffer else ""
        self.fail(f"found its end with {how}{begun}, wanted a reply")

    def _listen(self) -> None:
        """Take what it wrote to stderr, and keep the end of it."""
        while not self._mute and select.select([self._err], [], [], 0)[0]:
            chunk = os.read(self._err, _CHUNK)
            if not chunk:
                self._mute = True
                self._poll.unregister(self._err)
            self._said = (self._said + chunk)[-LOG_OCTETS:]
            if len(chunk) < _CHUNK:
                return


def _telling(said: str) -> str:
    """Return the last line that is not indented: a trace of calls may follow the complaint."""
    lines = [line for line in said.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if not line[0].isspace()), lines[-1])


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise LinkError(f"exec:{command}: {error}, wanted a command line") from None
    if not words:
        raise LinkError("exec: found no command, wanted exec:COMMAND")
    return words


def files_of(words: list[str]) -> dict[str, str]:
    """Return what tells the program of a command from another one of the same name, in words.

    Its first word leads to a file: ``file``, its ``octets`` and ``sha256``. Of an interpreter that
    says little, so each further word that is a file has a ``sha256 of WORD`` too. What is no file,
    or cannot be read, is left out.
    """
    found = shutil.which(words[0])
    made = {} if found is None else {"file": found, **_digest(Path(found))}
    for word in words[1:]:
        if known := _digest(Path(word)):
            made[f"sha256 of {word}"] = known["sha256"]
    return made


def _digest(path: Path) -> dict[str, str]:
    try:
        if not path.is_file():
            return {}
        about = path.stat()
        sha256 = _sha256(path.resolve(), about.st_mtime_ns, about.st_size)
    except (OSError, ValueError):  # a word may be anything, too long for a name or with a null
        return {}
    return {"octets": str(about.st_size), "sha256": sha256}


@lru_cache(maxsize=16)
def _sha256(path: Path, changed_ns: int, size: int) -> str:
    """Digest a file once, and again when it was changed: a run starts its program many times."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cut(octets: bytes) -> str:
    """Show what a program wrote, cut short where it is long."""
    text = repr(octets.decode("utf-8", "replace"))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
