"""What a lab's day brings to the hub's stick: our own trouble is never a device's failure.

The stick, the cable to it, the device behind a stick of its own and ``hanover run`` are processes.
Each fault has a bound, which docs/guides/lab.md states; the network outlives all of them.
"""

import fcntl
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from emulator.errors import LinkError
from emulator.units import SECOND
from harness.bench import Bench
from harness.firmware import built, filler
from harness.lanes.greeting import ask_radio
from harness.lanes.schemes import release_lanes
from tests.interop.cable import STEP_S, Cable, Command, results, two_sticks
from tests.interop.hasty import as_toml, hasty
from tests.interop.programs import Radio

#: Real seconds that a run of these cases may last on a loaded machine.
LIMIT_S = 300
#: Cases that upgrade a device from beginning to end.
UPGRADES = ("image_is_applied_at_once", "status_after", "is_content", "wildcards_release")
STATE = "radio.json"


class Lab:
    """Be one folder with a radio, a cable to the hub's stick, and a bridge at the other one."""

    def __init__(self, folder: Path, *cable: str) -> None:
        """Start radio and cable."""
        self.folder = folder
        self.profile = folder / "hasty.toml"
        self.profile.write_text(as_toml(hasty("B1")), "utf-8")
        slow = ("--latency-ms", "3")  # so that there is a middle of a download
        self.radio = two_sticks(folder, "--state", str(folder / STATE), *slow)
        self.cable = Cable(folder, self.radio.port(name="hub"), *cable)
        self._runs = 0

    def __enter__(self) -> "Lab":
        """Be there until the end."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the radio and the cable."""
        self.cable.kill()
        self.radio.kill()

    def bridge(self) -> Command:
        """Start the device."""
        where = ["--link", f"ezsp:{self.radio.port(name='dut')}", "--state", "bridge"]
        return Command(
            self.folder, "emulate", str(self.profile), "--strict", "--json", *where, name="bridge"
        )

    def run(
        self, *options: str, cases: tuple[str, ...] = UPGRADES, max_wait_s: int = 30
    ) -> Command:
        """Start to judge the device."""
        where = ["--link", f"ezsp:{self.cable.port}", "--network", "network"]
        chosen = [word for name in cases for word in ("-k", name)]
        more = ["--profile", str(self.profile), "--max-wait", str(max_wait_s), *options]
        self._runs += 1
        return Command(self.folder, "run", *where, *chosen, *more, name=f"run{self._runs}")

    def stick(self) -> Mapping[str, Any]:
        """Return what the hub's stick keeps over a restart."""
        state: dict[str, Any] = json.loads((self.folder / STATE).read_text("utf-8"))
        kept: dict[str, Any] = state["sticks"]["hub"]
        return kept

    def formed(self, run: Command) -> Mapping[str, Any]:
        """Wait until there is a network and nothing happens; return what the stick keeps."""
        while True:
            self.cable.wait_for("idle", STEP_S, run)
            if self.stick()["network"] is not None:
                return self.stick()

    def check_network(self, before: Mapping[str, Any]) -> None:
        """Check that the network is the one it was, and its counter has grown."""
        now = self.stick()
        assert before["network"] is not None
        assert now["network"] == before["network"]
        assert now["link_keys"] == before["link_keys"]
        assert now["network_frame_counter"] > before["network_frame_counter"]


def check_verdicts(folder: Path, why: str, troubles: int) -> None:
    """Check that each fault made an error of one case, and the rest is as without any."""
    found = results(folder)
    counted = Counter(one["verdict"] for one in found.values())
    reasons = [one["reason"] for one in found.values() if one["verdict"] == "error"]
    assert counted == {"error": troubles, "passed": len(found) - troubles}, reasons
    assert all(why in reason for reason in reasons), reasons
    assert len(found) > troubles


def test_a_stick_that_is_pulled_out_at_each_phase(tmp_path: Path) -> None:
    """Forming, waiting for the join, in discovery, in the download, at its end, in the trial."""
    with Lab(tmp_path, "--pty", str(tmp_path / "stick")) as lab:
        lab.cable.order("pull 12")
        with lab.run("-k", "query_says") as run:
            lab.cable.wait_for("pulled", STEP_S, run)
            lab.cable.order("plug")
            before = lab.formed(run)
            lab.cable.jerk()
            with lab.bridge() as bridge:
                for phase in ("joined", "downloading", "verified", "rebooted"):
                    lab.cable.wait_for("host came", STEP_S, run)
                    bridge.skip()
                    bridge.wait_for(phase, STEP_S, run)
                    lab.cable.jerk()
                assert run.end(LIMIT_S) == 3
                assert len(bridge.heard("started")) == 1
        lab.check_network(before)
    check_verdicts(tmp_path, "the stick is gone", 6)
    assert run.complaints == ""


def test_a_stick_that_resets_itself_or_fails(tmp_path: Path) -> None:
    """In a download: that case is an error, the next begins with the stick opened anew."""
    with Lab(tmp_path, "--pty", str(tmp_path / "stick")) as lab, lab.bridge() as bridge:
        with lab.run("-k", "query_says", cases=("status_after", "is_content")) as run:
            bridge.wait_for("downloading", STEP_S, run, percent=40)
            before = lab.stick()
            lab.cable.order("reset")
            bridge.wait_for("no image", STEP_S, run)
            bridge.wait_for("downloading", STEP_S, run, percent=40)
            lab.cable.order("fail")
            assert run.end(LIMIT_S) == 3
        lab.check_network(before)
    check_verdicts(tmp_path, "it has reset itself or failed", 2)


def test_a_run_that_was_killed_is_run_again(tmp_path: Path) -> None:
    """The device is still on the network, and no version is offered twice."""
    with Lab(tmp_path, "--pty", str(tmp_path / "stick")) as lab, lab.bridge() as bridge:
        with lab.run(cases=("status_after",)) as run:
            bridge.wait_for("downloading", STEP_S, run, percent=40)
            before = lab.stick()
            run.kill()
        (killed,) = bridge.heard("download")
        with lab.run("-k", "query_says", cases=("status_after",)) as run:
            assert run.end(LIMIT_S) == 0
        lab.check_network(before)
        last = bridge.heard("download")[-1]
        assert last["version"] > killed["version"]
        assert last["offset"] == 0
    assert {one["verdict"] for one in results(tmp_path).values()} == {"passed"}


def test_a_stick_that_hangs_is_no_silence_of_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is to be heard, and nothing is; yet the wait does not end well."""
    monkeypatch.setattr("harness.coordinator.session.ALIVE_S", 2)
    profile = tmp_path / "hasty.toml"
    profile.write_text(as_toml(hasty("B1")), "utf-8")
    with Radio(tmp_path, "--strict", "--bridge", str(profile), listen="pty:./stick") as radio:
        try:
            bench = Bench(hasty("B1"), link=f"ezsp:{radio.port()}")
            bench.start()
            bench.wait(SECOND)
            os.kill(radio.pid, signal.SIGSTOP)
            with pytest.raises(LinkError, match="the stick does not answer"):
                bench.wait(SECOND)
        finally:
            release_lanes()


def test_a_port_that_another_run_has(tmp_path: Path) -> None:
    """Whoever comes second is told who is there, and takes nothing away; Ctrl-C ends the first."""
    with Lab(tmp_path) as lab, lab.run(cases=("query_says",), max_wait_s=60) as first:
        lab.cable.wait_for("host came", STEP_S, first)
        begun = time.monotonic()
        image = built(hasty("B1"), filler(300, 2), 2)
        (tmp_path / "new.ota").write_bytes(image)
        seconds = [
            lab.run("--out", "second", cases=("query_says",)),
            Command(tmp_path, "upgrade", "new.ota", "--link", f"ezsp:{lab.cable.port}", name="up"),
            Command(tmp_path, "devices", "--link", f"ezsp:{lab.cable.port}", name="devices"),
            Command(tmp_path, "emulate", "B1", "--link", f"ezsp:{lab.cable.port}", name="bridge"),
        ]
        said = [one for one in seconds if one.end() == 3]
        assert said == seconds
        assert time.monotonic() - begun < 30
        wanted = f"in use: found another hanover on it (process {first.pid}), wanted it free"
        assert all(wanted in one.text + one.complaints for one in seconds)
        assert all("Traceback" not in one.complaints for one in seconds)
        asked = ask_radio(lab.cable.port, 5)
        assert asked.startswith("cannot be opened: in use: found another hanover on it (process ")
        assert len(lab.cable.heard("host came")) == 1
        assert not lab.cable.heard("host gone")
        assert first.stop(20) == 130
        lab.cable.wait_for("host gone", STEP_S)


def test_a_port_that_another_program_has_locked(tmp_path: Path) -> None:
    """A driver's lock is seen by each command that opens a stick: one line, and soon."""
    profile = tmp_path / "hasty.toml"
    profile.write_text(as_toml(hasty("B1")), "utf-8")
    (tmp_path / "new.ota").write_bytes(built(hasty("B1"), filler(300, 2), 2))
    ours, theirs = os.openpty()
    try:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        where = ["--link", f"ezsp:{os.ttyname(theirs)}"]
        judging = ["--profile", str(profile), "-k", "query_says"]
        commands = [
            Command(tmp_path, "run", *where, *judging, name="run"),
            Command(tmp_path, "upgrade", "new.ota", *where, name="upgrade"),
            Command(tmp_path, "devices", *where, name="devices"),
            Command(tmp_path, "emulate", "B1", *where, name="bridge"),
        ]
        said = [one for one in commands if one.end() == 3]
    finally:
        os.close(ours)
        os.close(theirs)
    assert said == commands
    assert all("locked by another application" in one.text + one.complaints for one in said)
    assert all("Traceback" not in one.complaints for one in said)


def test_ctrl_c_while_a_stick_is_opened_and_while_it_is_away(tmp_path: Path) -> None:
    """It ends with 130 and one line, and soon."""
    with Lab(tmp_path, "--pty", str(tmp_path / "stick")) as lab, lab.bridge() as bridge:
        with lab.run("-k", "query_says", cases=("status_after",)) as run:
            bridge.wait_for("downloading", STEP_S, run, percent=40)
            lab.cable.order("pull")
            lab.cable.wait_for("pulled", STEP_S)
            assert run.stop(20) == 130
            assert run.complaints.count("\n") == 1
        lab.cable.order("plug")
        lab.cable.wait_for("plugged", STEP_S)
        lab.cable.order("mute")
        with lab.run(cases=("query_says",)) as run:
            lab.cable.wait_for("host came", STEP_S, run)
            assert run.stop(20) == 130
            assert run.complaints.count("\n") == 1
