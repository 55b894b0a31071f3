"""Write small device programs that keep the protocol, but for one fault."""

import os
import shlex
import sys
import time
from pathlib import Path

#: A device that does nothing; {fault} stands where a reply to any call but hello is ready.
_PROGRAM = """
import json, os, signal, subprocess, sys, time
out = sys.stdout
last = None
for line in sys.stdin:
    request = json.loads(line)
    call, now = request["call"], request.get("now_us")
    reply = {{"id": request["id"], "actions": [], "deadline_us": None}}
    if call == "hello":
        reply |= {{"protocol": 1, "name": "a test's", "capabilities": {capabilities}}}
        {hello}
    elif call == {at!r}:
        {fault}
    if reply is not None:
        out.write(json.dumps(reply) + "\\n")
        out.flush()
    last = reply
    if call == "bye":
        break
"""


def write_program(
    folder: Path,
    fault: str = "pass",
    *,
    at: str = "power_on",
    hello: str = "pass",
    capabilities: tuple[str, ...] = (),
    before: str = "",
) -> str:
    """Write a program, and return the command that starts it.

    Args:
        folder: Where it is written.
        fault: A statement in one line that changes ``reply``, or does worse.
        at: The call at which it is done.
        hello: The same at hello.
        capabilities: What it says that it can do.
        before: Statements before the first line is read.
    """
    file = folder / "device.py"
    body = _PROGRAM.format(fault=fault, hello=hello, at=at, capabilities=list(capabilities))
    file.write_text(before + "\n" + body, "utf-8")
    return shlex.join([sys.executable, "-I", "-S", str(file)])


def emulated(name: str) -> str:
    """Return the command of an emulated bridge behind a pipe."""
    return shlex.join([sys.executable, "-m", "harness.cli.main", "emulate", name, "--stdio"])


def gone(pid: int, within_s: float = 10) -> bool:
    """Tell whether a process ends within a time: what was killed may need a moment."""
    limit = time.monotonic() + within_s
    while not _ended(pid):
        if time.monotonic() > limit:
            return False
        os.sched_yield()
    return True


def _ended(pid: int) -> bool:
    """Tell whether a process has ended; one that nobody has buried yet has."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
    except FileNotFoundError:
        return True
    return stat.rpartition(")")[2].split()[0] in ("Z", "X")
