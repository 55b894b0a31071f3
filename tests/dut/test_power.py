"""Every switch raises and cuts the supply, or says in one line why it did not."""

import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from emulator.contract import Capability
from emulator.errors import LinkError
from emulator.profiles.load import load, names
from harness.bench import Bench
from harness.dut.lane import FittedLane
from harness.dut.load import load_dut
from harness.power.person import PersonSwitch
from harness.power.relay import OFF, ON, RelaySwitch
from harness.power.switch import SwitchError, open_switch
from harness.runner import run_suite
from harness.suite import Chosen, RunOptions
from harness.verdict import Outcome
from tests.dut.files import write_dut

NOTE = "import sys\nwith open(sys.argv[1], 'a') as out: print(sys.argv[2], file=out)\n"


def noting(folder: Path) -> str:
    """Return a command that notes each state in ``states.txt``."""
    script = folder / "note.py"
    script.write_text(NOTE, "utf-8")
    return f"cmd:{sys.executable} {script} {folder / 'states.txt'} {{state}}"


def test_command_gets_the_state(tmp_path: Path) -> None:
    switch = open_switch(noting(tmp_path))
    assert switch is not None
    switch.set(False)
    switch.set(True)
    switch.close()
    assert (tmp_path / "states.txt").read_text("utf-8").split() == ["off", "on"]


FAILING = [
    (f"cmd:{sys.executable} -c \"raise SystemExit('no relay')\"", "exit code 1, wanted 0 (no rel"),
    ("cmd:/nowhere/relay {state}", "found No such file or directory, wanted a command that runs"),
    ('cmd:relay "', "found No closing quotation"),
]


@pytest.mark.parametrize(("text", "said"), FAILING, ids=["code", "missing", "words"])
def test_failing_command_says_why(text: str, said: str) -> None:
    switch = open_switch(text)
    assert switch is not None
    with pytest.raises(LinkError) as caught:
        switch.set(True)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["", "cmd", "cmd:", "relay:", "ask:me", "lamp:1", "none:"])
def test_unknown_switch_is_refused(text: str) -> None:
    with pytest.raises(SwitchError, match="wanted cmd:COMMAND, relay:PORT, ask or none"):
        open_switch(text)


def test_none_is_no_switch() -> None:
    assert open_switch("none") is None


@pytest.fixture
def pty() -> Iterator[Sequence[int]]:
    """Return both ends of a pseudo terminal: ours, and the one with a name."""
    ours, theirs = os.openpty()
    yield (ours, theirs)
    os.close(ours)
    os.close(theirs)


def test_relay_is_set_by_four_octets(pty: Sequence[int]) -> None:
    ours, theirs = pty
    switch = RelaySwitch(os.ttyname(theirs))
    switch.set(True)
    assert os.read(ours, 16) == ON == bytes.fromhex("a00101a2")
    switch.set(False)
    assert os.read(ours, 16) == OFF == bytes.fromhex("a00100a1")
    assert all(sum(octets[:3]) & 0xFF == octets[3] for octets in (ON, OFF))
    switch.close()
    switch.close()


def test_missing_relay_is_named() -> None:
    with pytest.raises(LinkError, match="power: relay /dev/no-relay: found "):
        RelaySwitch("/dev/no-relay").set(True)


def test_person_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", said)
    monkeypatch.setattr(sys, "__stdin__", io.StringIO("\n"))
    PersonSwitch().set(False)
    assert said.getvalue() == "power off, then press Enter: "
    with pytest.raises(LinkError, match="found the end of standard input, wanted Enter"):
        PersonSwitch().set(True)


class Lamp:
    """Be a switch that notes."""

    def __init__(self) -> None:
        self.seen: list[bool] = []

    def set(self, on: bool) -> None:
        """Note it."""
        self.seen.append(on)

    def close(self) -> None:
        """Hold nothing."""


def test_fitted_lane_switches_and_tells_its_lane() -> None:
    lamp = Lamp()
    bench = Bench(load(names()[0]), fit=lambda lane: FittedLane(lane, lamp))
    bench.start()
    assert lamp.seen == [True]
    assert bench.lane.powered
    bench.cut_power()
    assert lamp.seen == [True, False]
    assert not bench.lane.powered
    assert Capability.PROBE not in bench.lane.capabilities


def test_lane_without_power_gets_it_from_a_switch() -> None:
    profile, withheld = load(names()[0]), frozenset({Capability.POWER})
    without = Bench(profile, fit=lambda lane: FittedLane(lane, None, withheld))
    assert Capability.POWER not in without.lane.capabilities
    switched = Bench(profile, fit=lambda lane: FittedLane(lane, Lamp(), withheld))
    assert Capability.POWER in switched.lane.capabilities


def test_power_cases_use_the_switch(tmp_path: Path) -> None:
    dut = load_dut(write_dut(tmp_path))
    chosen = Chosen(profile=dut.profile, given="", dut=dut)
    match = ("power_fails_in_the_trial",)
    found = run_suite(RunOptions(profiles=(chosen,), power=noting(tmp_path), match=match))
    assert [one.verdict for one in found.results] == [Outcome.PASSED]
    states = (tmp_path / "states.txt").read_text("utf-8").split()
    assert states == ["on", *["off", "on"] * 3]


def test_broken_switch_is_our_trouble(tmp_path: Path) -> None:
    dut = load_dut(write_dut(tmp_path, top='power = "relay:/dev/no-relay"\n'))
    chosen = Chosen(profile=dut.profile, given="", dut=dut)
    found = run_suite(RunOptions(profiles=(chosen,), match=("idle_attributes",)))
    (result,) = found.results
    assert result.verdict is Outcome.ERROR
    assert "relay /dev/no-relay" in result.reason
