"""Run the radio and its hosts as processes, and read what they say, with hard time limits.

A program tells what it does in JSON lines. A test waits for a line, never for a time; where a line
does not come in time, or the program ends first, the test fails with what was said so far.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

HOSTS = Path(__file__).parent / "hosts"
CHECKOUT = Path(__file__).parents[2]

#: Folder that holds ``node_modules`` with what hosts/package-lock.json names.
NODE_FOLDER = "HANOVER_NODE_HOSTS"

Line = dict[str, Any]
#: What a program's output ends with.
END: Line = {"event": "end"}
#: How often a program that waits for one looks whether another still runs, in seconds.
LOOK_S = 1


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a program that finds our packages in the checkout."""
    return {**os.environ, "PYTHONPATH": str(CHECKOUT), **more}


class Program(AbstractContextManager["Program"]):
    """Run one program; read its lines as they come; leave nothing running."""

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        """Start the program in ``folder``, where its error output goes to a file too."""
        self.name = name
        self.said: list[Line] = []
        self._read = 0
        self._log = folder / f"{name}.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                list(command),
                cwd=folder,
                env=environment(PYTHONUNBUFFERED="1"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._lines: queue.Queue[Line] = queue.Queue()
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill what still runs."""
        self.kill()

    @property
    def pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def wait_for(
        self,
        event: str,
        within_s: float,
        while_runs: "Program | None" = None,
        **facts: object,
    ) -> Line:
        """Return the next line with this event and these facts; fail if it does not come.

        Lines before it are passed over; they stay in ``said``. It cannot come any more once the
        program ``while_runs`` has ended.
        """
        deadline = time.monotonic() + within_s
        while True:
            while self._read < len(self.said):
                line = self.said[self._read]
                self._read += 1
                if _fits(line, event, facts):
                    return line
            left_s = deadline - time.monotonic()
            try:
                line = self._lines.get(timeout=max(0, min(left_s, LOOK_S)))
            except queue.Empty:
                if while_runs is not None and while_runs.ended:
                    raise AssertionError(while_runs.story(f"no end before {event}")) from None
                if left_s > 0:
                    continue
                raise AssertionError(self.story(f"{event} {facts} in {within_s} s")) from None
            if line is END:
                self._lines.put(END)
                raise AssertionError(self.story(f"{event} {facts} before its end"))
            self.said.append(line)

    @property
    def ended(self) -> bool:
        """Tell whether the process is over."""
        return self._process.poll() is not None

    def heard(self, event: str, **facts: object) -> list[Line]:
        """Return all lines so far with this event and these facts, read or not."""
        while True:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                break
            if line is END:
                self._lines.put(END)
                break
            self.said.append(line)
        return [line for line in self.said if _fits(line, event, facts)]

    def finish(self, within_s: float) -> int:
        """Close the program's input and return its exit code; fail if it does not end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._ended(within_s)

    def stop(self, within_s: float) -> int:
        """Ask the program to end, as Ctrl-C does, and return its exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._ended(within_s)

    def kill(self) -> None:
        """End the program at once, with all that it started: as a crash."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._close()

    def _close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._reader.join()

    def _ended(self, within_s: float) -> int:
        try:
            code = self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(self.story(f"an end in {within_s} s")) from None
        self._close()
        return code

    def _collect(self) -> None:
        assert self._process.stdout is not None
        for octets in self._process.stdout:
            text = octets.decode("utf-8", "replace").rstrip("\n")
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            self._lines.put(line if isinstance(line, dict) else {"event": "text", "text": text})
        self._process.stdout.close()
        self._lines.put(END)

    def story(self, wanted: str) -> str:
        """Say what was wanted, and what there was."""
        log = self._log.read_text("utf-8", "replace").splitlines()[-30:]
        said = [json.dumps(line) for line in self.said[-30:]]
        ended = self._process.poll()
        return "\n".join(
            [f"{self.name}: wanted {wanted}; it said:", *said, f"exit code {ended}; log:", *log]
        )


def _fits(line: Line, event: str, facts: Mapping[str, object]) -> bool:
    return line.get("event") == event and all(line.get(k) == v for k, v in facts.items())


class Radio(Program):
    """Run ``hanover radio`` with one stick, or with what the options say."""

    def __init__(self, folder: Path, *options: str, listen: str = "pty:./stick") -> None:
        """Start it and wait until it listens; ``listen`` is for one stick without a name."""
        command = [sys.executable, "-m", "harness.cli.main", "radio", "--json", *options]
        if listen:
            command += ["--listen", listen]
        super().__init__("radio", command, folder)
        self.folder = folder

    def port(self, scheme: str = "socket", name: str | None = None) -> str:
        """Return what a host opens: the path of a pty, or host and port behind ``scheme``."""
        facts = {} if name is None else {"radio": name}
        line = next(iter(self.heard("listening", **facts)), None)
        if line is None:
            line = self.wait_for("listening", 20, **facts)
        kind, _, place = str(line["listen"]).partition(":")
        if kind == "tcp":
            return f"{scheme}://{place}"
        return str(self.folder / place)


def zigpy_host(folder: Path, port: str, *options: str, name: str = "zigpy") -> Program:
    """Start the zigpy host; its database is kept in ``folder``."""
    program = [sys.executable, str(HOSTS / "zigpy_host.py"), port]
    return Program(name, [*program, "--database", str(folder / "zigpy.db"), *options], folder)


def herdsman_host(folder: Path, port: str, *options: str, name: str = "herdsman") -> Program:
    """Start the zigbee-herdsman host; what it remembers is kept in ``folder``."""
    modules = os.environ.get(NODE_FOLDER, str(HOSTS))
    program = ["node", str(HOSTS / "herdsman_host.cjs"), port, "--modules", modules]
    return Program(name, [*program, "--folder", str(folder / "herdsman"), *options], folder)


def script(name: str) -> str:
    """Return the path of a program that was installed beside this Python."""
    return str(Path(sys.executable).with_name(name))


def hanover(folder: Path, *arguments: str) -> str:
    """Run a command of ours to its end and return its output; fail unless it ends with 0."""
    made = subprocess.run(
        [sys.executable, "-m", "harness.cli.main", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout
