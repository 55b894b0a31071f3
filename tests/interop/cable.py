"""Run the cable that can be pulled, and the commands of ours at its end."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.interop.programs import HOSTS, Program, Radio

STEP_S = 60
_GREETING = "hanover: ezsp: serves devices on 2.4 GHz"


class Cable(Program):
    """Run ``hosts/cable.py`` between a host and a stick on TCP."""

    def __init__(self, folder: Path, stick: str, *options: str) -> None:
        """Start it, and wait until hosts find it at ``port``."""
        super().__init__(
            "cable", [sys.executable, str(HOSTS / "cable.py"), stick, *options], folder
        )
        self.port = str(self.wait_for("plugged", STEP_S)["port"])

    def order(self, text: str) -> None:
        """Let it do something; it says so when that is done."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n".encode())
        self._process.stdin.flush()

    def jerk(self) -> None:
        """Pull it out and plug it in again."""
        self.order("pull")
        self.wait_for("pulled", STEP_S)
        self.order("plug")
        self.wait_for("plugged", STEP_S)


class Command(Program):
    """Run a command of ours until it ends by itself or is told to."""

    def __init__(self, folder: Path, *words: str, name: str = "hanover") -> None:
        """Start it in ``folder``."""
        super().__init__(name, [sys.executable, "-m", "harness.cli.main", *words], folder)

    def end(self, within_s: float = STEP_S) -> int:
        """Wait for its end, and return the exit code."""
        return self._ended(within_s)

    def skip(self) -> None:
        """Pass over what it has said so far."""
        self.heard("end")
        self._read = len(self.said)

    @property
    def complaints(self) -> str:
        """Return what it said on stderr, but for what a lane says before the first case."""
        lines = self._log.read_text("utf-8").splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith(_GREETING))

    @property
    def text(self) -> str:
        """Return what it said on stdout."""
        return "\n".join(str(line["text"]) for line in self.heard("text"))


def two_sticks(folder: Path, *options: str) -> Radio:
    """Start a radio with two sticks on TCP, ``hub`` and ``dut``, and no bridge."""
    sticks = [("--radio", f"name={name},listen=tcp:127.0.0.1:0") for name in ("hub", "dut")]
    return Radio(folder, *(word for pair in sticks for word in pair), *options, listen="")


def results(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return what a run wrote of each case."""
    report = json.loads((folder / "hanover-report" / "report.json").read_text("utf-8"))
    return {one["case"]: one for one in report["results"]}
