"""While a home is upgraded, ``hanover premises`` shows it, and can be stopped at any moment."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from emulator.units import MINUTE
from harness.cli import premises as command
from harness.cli.main import run_command
from harness.cli.premises_view import Pace, line_by_line, table
from harness.premises.household import Household, image_for
from harness.premises.load import load
from harness.premises.outcome import StageKind
from harness.report import manifest

SMALL = ("--size", "600")


class Stopping:
    """Send this process a signal at the third look, and see that nothing is torn by it."""

    def __init__(self, number: int) -> None:
        self._number, self._looks, self.untorn = number, 0, 0

    @contextmanager
    def __call__(self, pace: Pace) -> Iterator[Callable[[Household], None]]:
        yield self._show

    def _show(self, home: Household) -> None:
        self._looks += 1
        if self._looks == 3:
            signal.raise_signal(self._number)
            self.untorn += 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_prints_and_keeps_what_was_found(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    stopping = Stopping(number)
    monkeypatch.setattr(command, "watching", stopping)
    before = signal.getsignal(number)
    code = run_command(["premises", "C6", *SMALL, "--out", str(tmp_path)])
    said, err = capsys.readouterr()
    assert (code, stopping.untorn) == (130, 1)
    assert "C6 (smallest), seed 0: interrupted" in said
    assert f"hanover: interrupted: what was found so far is printed and kept in {tmp_path}" in err
    told = json.loads((tmp_path / "premises.json").read_text())
    assert told["state"] == "interrupted"
    near, first, second = told["bridges"]
    assert near["state"] == second["state"] == "unchanged"  # it was not their turn
    assert first["state"] != "confirmed"
    assert re.fullmatch(
        r"it was (rebooting|dark|trial) when nobody waited any longer", first["why"]
    )
    assert manifest.verify(tmp_path)[1] == ()
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("home", ["up", "silent"])
def test_ctrl_c_at_the_start_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: str
) -> None:
    start = Household.start

    def stopped(self: Household) -> bool:
        signal.raise_signal(signal.SIGINT)
        return start(self) and home == "up"

    monkeypatch.setattr(Household, "start", stopped)
    code = run_command(["premises", "C1", *SMALL, "--json"])
    assert code == 130
    assert json.loads(capsys.readouterr().out)["state"] == "interrupted"


def test_table_shows_where_each_bridge_stands() -> None:
    home = downloading()
    console = Console(file=StringIO(), width=100)
    console.print(table(home, Pace(0)))
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    (row,) = [line for line in text.splitlines() if "remote_gsme" in line]
    offset = home.offset("remote_gsme")
    assert offset
    cells = [one.strip() for one in row.strip("│ \n").split("│")]
    total = len(home.images["remote_gsme"].octets)
    assert cells == ["remote_gsme", "0x01000000", f"{offset}/{total}", "downloading", "99 %"]
    assert "virtual minutes in" in text


def test_lines_come_where_something_changed_and_seldom_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = downloading()
    show = line_by_line()
    show(home)
    show(home)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"remote_gsme downloading {home.offset('remote_gsme')}/" in line
    home.run(lambda: False, 29 * MINUTE)
    show(home)
    later = capsys.readouterr().err
    assert "remote_gsme" in later  # it does something else by now
    assert {one.stage for one in home.status()} == {StageKind.UP}
    home.run(lambda: False, 20 * MINUTE)
    show(home)
    assert capsys.readouterr().err == ""
    home.run(lambda: False, 10 * MINUTE)
    show(home)
    assert capsys.readouterr().err.count("\n") == 1


def downloading() -> Household:
    """Return a home whose remote bridge fetches an image."""
    premises = load("C3")
    one = premises.bridge("remote_gsme")
    home = Household(premises, images={one.name: image_for(one.profile, size=4000)})
    assert home.start()
    home.offer(one.name)
    assert home.run(lambda: (home.offset(one.name) or 0) > 1000, MINUTE)
    return home


def test_terminal_gets_a_table_on_stderr_and_the_outcome_on_stdout() -> None:
    words = [sys.executable, "-m", "harness.cli.main", "premises", "C1", *SMALL]
    ours, theirs = pty.openpty()
    try:
        ran = subprocess.run(words, stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=False)
        os.close(theirs)
        shown = os.read(ours, 1 << 20).decode()
    finally:
        os.close(ours)
    assert ran.returncode == 0
    assert b"C1 (smallest), seed 0: confirmed" in ran.stdout
    assert b"\x1b" not in ran.stdout
    assert "battery" in shown
    assert "\x1b[2K" in shown  # the table is gone in the end
