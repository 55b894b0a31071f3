"""Find out which case runs on which lane, by rehearsing all of them with what a lane can do.

What a lane can do is what the lane itself states, and what a case needs is what it asks for when it
runs: nothing here knows a case by its name.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from emulator.contract import Capability
from emulator.profiles.load import load, names
from harness.dut.day import Day
from harness.dut.example import example
from harness.dut.lane import OF_MADE
from harness.dut.rehearsal import plan, withheld_for
from harness.report.model import CaseResult
from harness.runner import run_suite
from harness.suite import Chosen, RunOptions
from harness.verdict import Outcome

#: What of a reason differs from case to case, and what stands for it.
_VAGUE = (
    (re.compile(r"(given other settings|cannot be damaged so): .*"), r"\1"),
    (re.compile(r"needs a file of (tags|no sub-elements).*"), "needs a file of other parts"),
    (re.compile(r"needs the key \S+,"), "needs a key,"),
    (re.compile(r"needs a device whose (image\.\w+) is .*"), r"needs a device of another \1"),
    (
        re.compile(r"(needs) version \d+ (above|below) .*"),
        r"\1 more versions \2 than the ladder has",
    ),
    (re.compile(r"version 0x[0-9a-f]{8}"), "a version"),
    (re.compile(r"needs (\d+) versions, .*"), "needs more versions than the ladder has"),
    (re.compile(r"(needs )[0-9.e+]+( s of real time)"), r"\1more\2"),
    (re.compile(r"(needs an image of )\d+( octets), .*"), r"\1more\2 than the ladder has"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Be one way to reach a device.

    Args:
        title: Options of ``hanover run``.
        can: What the lane can do by itself.
        dut: Whether a DUT file describes the device.
        switched: Whether ``--power`` is given; only beside a DUT file.
        key: Whether the DUT file has the maker's test key.
    """

    title: str
    can: frozenset[Capability]
    dut: bool = False
    switched: bool = False
    key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Count the rows of a case that run there; ``reasons`` say why the others do not."""

    rows: int
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def runs(self) -> int:
        """Return how many rows run."""
        return self.rows - sum(self.reasons.values())


#: For each case, in order, its cell in each column.
Table = Mapping[str, tuple[Cell, ...]]


def columns(every: frozenset[Capability], program: frozenset[Capability]) -> tuple[Column, ...]:
    """Return the ways that the table shows.

    Args:
        every: What the direct lane can do.
        program: What the lane of a program can do that offers nothing beside the protocol.
    """
    air: frozenset[Capability] = frozenset()
    return (
        Column(title="`direct:`", can=every),
        Column(title="`exec:`", can=program),
        Column(title="`exec:` `--dut`", can=program, dut=True),
        Column(title="`ezsp:`", can=air),
        Column(title="`ezsp:` `--dut`", can=air, dut=True),
        Column(title="`ezsp:` `--dut` `--power`", can=air, dut=True, switched=True),
        Column(title="... with a test key", can=air, dut=True, switched=True, key=True),
    )


def table(ways: Sequence[Column], match: tuple[str, ...] = ()) -> Table:
    """Return the table, a row a case function.

    Args:
        ways: Its columns.
        match: Only these cases, as ``hanover run -k`` takes them; none: all.
    """
    made: dict[str, list[Cell]] = {}
    for way in ways:
        for case, cell in _column(way, match).items():
            made.setdefault(case, []).append(cell)
    return {case: tuple(cells) for case, cells in sorted(made.items())}


def _column(way: Column, match: tuple[str, ...]) -> dict[str, Cell]:
    found: dict[str, list[str]] = {}
    for result, reason in _rehearsed(way, match):
        found.setdefault(result.case.partition("/")[0], []).append(_vague(reason))
    return {
        case: Cell(rows=len(reasons), reasons=dict(Counter(filter(None, reasons)).most_common()))
        for case, reasons in found.items()
    }


def _rehearsed(way: Column, match: tuple[str, ...]) -> Iterable[tuple[CaseResult, str]]:
    """Yield every result of a rehearsal, and why the case does not run there; empty: it does."""
    options = RunOptions(
        profiles=(Chosen(profile=load(names()[0]), given=names()[0]),),
        match=match,
        withheld=withheld_for(way.can, switched=way.switched),
        rehearsed=True,
    )
    if not way.dut:
        for result in run_suite(options).results:
            yield result, _why(result)
        return
    dut = example(key=way.key)
    chosen = Chosen(profile=dut.profile, given=dut.file, dut=dut)
    options = replace(options, profiles=(chosen,), withheld=options.withheld | OF_MADE)
    day = Day(names=(dut.name,))
    by_id = {one.id: one for one in run_suite(options, None, day).results}
    rows = [(by_id[one], rungs) for one, rungs in day.rungs.items()]
    turns = plan(dut, rows, renewed=Capability.FACTORY in way.can, restore_us=0).turns
    for turn in turns:
        yield by_id[turn.id], turn.reason or _why(by_id[turn.id])


def _why(result: CaseResult) -> str:
    """Return why a case has no verdict there; empty: it has one."""
    if result.verdict is Outcome.PASSED:
        return ""
    return result.reason if result.verdict is Outcome.UNSUPPORTED else f"{result.verdict}"


def _vague(reason: str) -> str:
    for pattern, plain in _VAGUE:
        reason = pattern.sub(plain, reason)
    return reason


# As a page.


def page(ways: Sequence[Column], found: Table) -> str:
    """Return the table as Markdown, each reason once, below it."""
    notes: dict[str, int] = {}
    lines = [_HEAD, _line(["Case", *(way.title for way in ways)])]
    lines.append(_line(["---"] * (len(ways) + 1)))
    for case, cells in found.items():
        lines.append(_line([f"`{case}`", *(_shown(cell, notes) for cell in cells)]))
    sums = [(sum(row[at].runs for row in found.values())) for at in range(len(ways))]
    every = sum(row[0].rows for row in found.values())
    lines.append(_line([f"rows, of {every}", *map(str, sums)]))
    lines += ["", "## Why not", ""]
    lines += [f"{number}. {reason}" for reason, number in notes.items()]
    return "\n".join(lines) + "\n"


_HEAD = f"""# Which case runs where

Written by `hanover dut lanes`; a test compares it. Every case was rehearsed in virtual time on an
emulated {names()[0]} that may do no more than the lane can. `--dut` stands for a DUT file with four
signed versions and a mute one, without `[keys]` but for the last column. `exec:` is a program that
offers nothing beside the protocol: one that offers everything is as `direct:`. What a stick does
not send, as it is too long, only the air shows. `hanover dut check FILE` says the same of your own
device.

A number is a reason below. `7 of 20` rows run where a case has rows of data.
"""


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(cell: Cell, notes: dict[str, int]) -> str:
    numbers = [notes.setdefault(reason, len(notes) + 1) for reason in cell.reasons]
    if not numbers:
        return "runs"
    said = f"{cell.runs} of {cell.rows}; " if cell.runs else ""
    return f"{said}{', '.join(str(number) for number in sorted(numbers))}"
