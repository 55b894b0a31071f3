"""Show a home while it is upgraded: a live table on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from emulator.units import Us
    from harness.premises.household import Household, Status

#: Real time between two looks of the live table.
_LOOK_S = 0.1
#: Virtual minutes between two lines: at least where something changed, at most where nothing did.
_SOON, _LATE = 1, 30
_HEAD = ("bridge", "version", "octets", "stage", "battery")


class Pace:
    """Measure how fast virtual time passes, from now on."""

    def __init__(self, now: "Us") -> None:
        self._began, self._from = time.monotonic(), now

    def elapsed_s(self) -> float:
        """Return the real time that passed."""
        return time.monotonic() - self._began

    def told(self, now: "Us") -> str:
        """Return what passed, and how fast, for people."""
        from emulator.units import MINUTE

        minutes, real = (now - self._from) / MINUTE, self.elapsed_s()
        rate = minutes / max(real, 1e-6)
        return f"{minutes:.1f} virtual minutes in {real:.2f} s, {rate:.0f} a second"


@contextmanager
def watching(pace: Pace) -> "Iterator[Callable[[Household], None]]":
    """Yield what shows a home on stderr whenever it is called."""
    if not sys.stderr.isatty():
        yield line_by_line()
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
        shown = -_LOOK_S

        def show(home: "Household") -> None:
            nonlocal shown
            if pace.elapsed_s() - shown >= _LOOK_S:
                shown = pace.elapsed_s()
                live.update(table(home, pace), refresh=True)

        yield show


def table(home: "Household", pace: Pace) -> "Table":
    """Return where each bridge stands, as a table for a terminal."""
    from rich.table import Table

    made = Table(title=_since(home), caption=pace.told(home.now))
    for name in _HEAD:
        made.add_column(name, justify="right" if name in ("octets", "battery") else "left")
    for one in home.status():
        version = "-" if one.version is None else f"0x{one.version:08X}"
        battery = "-" if one.battery_percent is None else f"{one.battery_percent} %"
        made.add_row(one.name, version, _octets(home, one), str(one.stage), battery)
    return made


def line_by_line() -> "Callable[[Household], None]":
    """Return what writes a line where a stage changed, and now and then where none did."""
    from emulator.units import MINUTE

    before: tuple[object, ...] = ()
    written = -_LATE * MINUTE

    def show(home: "Household") -> None:
        nonlocal before, written
        every = home.status()
        stages = tuple(one.stage for one in every)
        wait = _SOON if stages != before else _LATE
        if home.now < written + wait * MINUTE:
            return
        before, written = stages, home.now
        said = [" ".join([one.name, str(one.stage), *_loading(home, one)]) for one in every]
        click.echo(f"{_since(home)}: {', '.join(said)}", err=True)

    return show


def _loading(home: "Household", one: "Status") -> list[str]:
    from harness.premises.outcome import StageKind

    return [_octets(home, one)] if one.stage is StageKind.DOWNLOADING else []


def _octets(home: "Household", one: "Status") -> str:
    """Return how much of its image a bridge asked for; nothing asks behind the last block."""
    image = home.images.get(one.name)
    if image is None or one.offset is None:
        return "-"
    return f"{one.offset}/{len(image.octets)}"


def _since(home: "Household") -> str:
    from harness.premises.outcome import shown_span

    return f"{home.premises.label}, {shown_span(home.now - (home.offered_at or 0))}"
