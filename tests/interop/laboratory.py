"""Set up what a tester has on the table: a stick, a bridge behind another one, a switch, a file.

Hub and bridge are processes that share two ports and the air between them. The bridge's supply is
a command that kills its process and starts it again on the same folder.
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from emulator.profiles import load
from emulator.wire.manifest import Trait
from harness.firmware import built, filler
from tests.interop import supply
from tests.interop.hasty import as_toml, hasty
from tests.interop.programs import Program, Radio, environment

#: The version of the n-th file of a ladder is n of these.
STEP = 0x01000000
STICKS = ("--radio", "name=hub,listen=pty:./hub", "--radio", "name=dut,listen=tcp:127.0.0.1:0")
#: How long a bridge may take to come up on a loaded machine, in seconds.
START_S = 60


class Laboratory(AbstractContextManager["Laboratory"]):
    """Be the folder of everything, with the radio and the bridge running.

    Args:
        folder: Where files are made.
        name: The built-in profile of the bridge, hastened.
        versions: How many images the ladder has.
        restore: As a DUT file has it.
        size: Octets of each image's payload.
        changes: Keys of the profile that are otherwise.
    """

    def __init__(
        self,
        folder: Path,
        name: str = "B1",
        *,
        versions: int = 4,
        restore: str = "downgrade",
        size: int = 1000,
        changes: Mapping[str, object] | None = None,
    ) -> None:
        self.folder, self._restore = folder, restore
        self._switch = [sys.executable, "-m", "tests.interop.supply", str(folder)]
        self.profile = load.overlay(hasty(name), changes or {})
        (folder / "base.toml").write_text(as_toml(self.profile), "utf-8")
        self.files = [self._build(f"fw{at}.ota", at * STEP, size) for at in range(1, versions + 1)]
        self._build("mute.ota", 2 * STEP, size, Trait.MUTE)
        self.radio = Radio(folder, *STICKS, listen="")
        self.hub = f"ezsp:{self.radio.port(name='hub')}"
        link = f"ezsp:{self.radio.port(name='dut')}"
        command = [sys.executable, "-m", "harness.cli.main", "emulate", "base.toml", "--strict"]
        command += ["--json", "--link", link, "--state", "state", "--image", "fw1.ota"]
        (folder / supply.COMMAND).write_text(json.dumps(command), "utf-8")
        #: What the bridge says, in all its lives.
        self.bridge = Program("tail", ["tail", "-n", "+1", "-F", supply.LOG], folder)

    def __enter__(self) -> "Laboratory":
        """Raise the supply, and write the DUT file of the bridge that comes up."""
        try:
            self.supply("on")
            opened = self.bridge.wait_for("opened", START_S)
        except BaseException:
            self.__exit__()
            raise
        (self.folder / "dut.toml").write_text(self._dut_file(opened["eui64"]), "utf-8")
        return self

    def __exit__(self, *error: object) -> None:
        """End the bridge and the radio."""
        self.supply("off")
        self.bridge.kill()
        self.radio.kill()

    def supply(self, state: str) -> None:
        """Raise or cut the bridge's supply: "on" or "off"."""
        subprocess.run([*self._switch, state], env=environment(), check=True)

    def _build(self, name: str, version: int, size: int, traits: Trait = Trait(0)) -> str:  # noqa: B008 - an enum value
        octets = built(self.profile, filler(size, version), version, traits=traits)
        (self.folder / name).write_bytes(octets)
        return name

    def _dut_file(self, eui64: str) -> str:
        switch = shlex.join([*self._switch, "{state}"])
        rungs = "".join(f'[[ladder.version]]\nfile = "{file}"\n' for file in self.files)
        return (
            f'name = "dut"\nbase = "base.toml"\neui64 = "{eui64}"\nlink = "{self.hub}"\n'
            f'power = "cmd:{switch}"\n[ladder]\nrestore = "{self._restore}"\n'
            'steps = ["up", "skip", "down"]\n'
            f'{rungs}[[ladder.special]]\nfile = "mute.ota"\ndoes = ["mute"]\n'
        )

    def run(self, *options: str, code: int = 0) -> dict[str, Any]:
        """Judge the bridge; return what ``hanover run --json`` prints, fail for another code."""
        command = [sys.executable, "-m", "harness.cli.main", "run", "--dut", "dut.toml", "--json"]
        made = subprocess.run(
            [*command, *options],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert made.returncode == code, f"{made.stderr}\n{made.stdout[-3000:]}"
        said: dict[str, Any] = json.loads(made.stdout)
        return said
