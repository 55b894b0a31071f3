"""Write a report as pages: a folder that opens without a network, and reads without colour.

The pages are plain HTML; the one script filters the matrix. The page of a case holds everything
about it, with the messages drawn wherever a trace was kept.
"""

import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2

from harness.report import exchange, terminal
from harness.report.characters import clean
from harness.report.clauses import source_keys
from harness.report.environment import environment
from harness.report.exchange import Exchange
from harness.report.folder import FIXED, page_of
from harness.report.model import HOME, SERVER, CaseResult, RunReport, State
from harness.report.offsets import Offsets, chart_offsets
from harness.report.sequence import Chart, lay_out
from harness.requirements.catalogue import Level
from harness.suite import FEW, MANY
from harness.traceability import folded
from harness.verdict import Outcome

#: How a verdict reads: a mark and a word.
SIGNS: Mapping[Outcome | None, str] = {
    Outcome.PASSED: "✓ pass",
    Outcome.FAILED: "✗ FAIL",
    Outcome.UNSUPPORTED: "- n/a",
    Outcome.INCONCLUSIVE: "? open",
    Outcome.ERROR: "! ERR",
    None: "· not run",
}
#: What the words mean that do not say it.
_MEANINGS = {
    Outcome.UNSUPPORTED: "unsupported",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.ERROR: "the harness or its environment had trouble",
}
_PAGES = (
    ("index.html", "Summary"),
    ("matrix.html", "Matrix"),
    ("requirements.html", "Requirements"),
    ("evidence.html", "Evidence"),
)
_BANNERS = {0: "passed", 1: "failed", 2: "inconclusive", 3: "error", 130: "inconclusive"}
#: Most cases of a family that are shown unfolded where all passed, and most troubles of page one.
_MOST_OPEN, _MOST_TROUBLES = 40, 50
#: Most images that a page lists; a report has thousands where vectors ran.
_MOST_IMAGES = 200
#: Most results of a run whose messages are drawn; those that did not pass come first.
MOST_DRAWN = 500
#: The schemes of lanes that nothing outside this process is part of.
_IN_MEMORY = frozenset({"direct", "loopback"})
#: Which verdict makes a state's colour.
_STYLES = {State.NOT_RUN: "none", State.NOT_COVERED: "inconclusive"}
_OUTCOMES = {State(outcome): outcome for outcome in Outcome}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Be one case of the matrix."""

    name: str
    page: str
    attack: str
    requirements: str
    level: str
    verdicts: str
    cells: tuple[Outcome | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Be the cases of one topic; ``open``: they are shown at once."""

    name: str
    rows: tuple[Row, ...]
    words: str
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Be one bench of a trace, with its charts."""

    exchange: Exchange
    chart: Chart | None
    offsets: Offsets | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Be what a case page shows of the air, or why it does not."""

    benches: tuple[Drawn, ...] = ()
    why_not: str = ""


def write_pages(folder: Path, report: RunReport) -> None:
    """Write the pages of a report into its folder, where the traces are already.

    Raises:
        OSError: They cannot be written.
    """
    pages = _environment(report)
    cases: defaultdict[str, list[CaseResult]] = defaultdict(list)
    for result in report.results:
        cases[result.case].append(result)
    views = {
        "index.html": _summary(report, cases),
        "matrix.html": _matrix(report, cases),
        "requirements.html": _traceability(report, cases),
        "evidence.html": _evidence(report),
    }
    for name, values in views.items():
        text = pages.get_template(name).render(here=name, root="", **values)
        _write(folder / name, text)
    (folder / "cases").mkdir(exist_ok=True)
    template = pages.get_template("case.html")
    drawn = _drawn(report)
    clauses = {one.id: one.source for one in report.requirements}
    for case, results in cases.items():
        text = template.render(
            here="",
            root="../",
            case=case,
            name=case.partition("::")[2],
            first=results[0],
            quiet=[one for one in results if _is_quiet(one)],
            loud=[one for one in results if not _is_quiet(one)],
            sent=any(one.datagrams for one in results),
            few=f"{FEW:,}",
            many=f"{MANY:,}",
            clauses=clauses,
            messages=lambda one: _messages(folder, one, drawn),
        )
        _write(folder / page_of(case), text)
    for name in FIXED:
        if name not in views:
            octets = resources.files("harness.report").joinpath("templates", name).read_bytes()
            (folder / name).write_bytes(octets)


def _environment(report: RunReport) -> jinja2.Environment:
    made = environment()
    made.globals.update(
        report=report,
        pages=_PAGES,
        sign=SIGNS.get,
        outcomes=tuple(Outcome),
        page_of=page_of,
        time=exchange.shown_time,
        command=shlex.join(report.command),
        coverage=terminal.coverage(report),
        replay=partial(terminal.replay, report),
        subject=partial(_subject, report),
    )
    return made


def _subject(report: RunReport, name: str) -> str:
    """Return of whom a verdict is, as a heading: a server's suite has kinds of clients."""
    if report.subject.kind == SERVER:
        return f"To a client like {name}"
    return name or "no profile"


def _write(file: Path, text: str) -> None:
    file.write_text(clean(text), "utf-8")


# Page one.


def _summary(report: RunReport, cases: Mapping[str, Sequence[CaseResult]]) -> dict[str, Any]:
    troubles = [one for one in report.results if one.verdict in terminal.TROUBLES]
    silent: defaultdict[tuple[Outcome, str], list[CaseResult]] = defaultdict(list)
    for one in report.results:
        if one.verdict in (Outcome.UNSUPPORTED, Outcome.INCONCLUSIVE):
            silent[one.verdict, one.reason].append(one)
    return {
        "heading": _heading(report),
        "conclusion": terminal.conclusion(report),
        "banner": _BANNERS[report.exit_code],
        "counted": _counted(report, len(cases)),
        "by_level": {**report.levels(), "all": report.verdicts()},
        "troubles": troubles[:_MOST_TROUBLES],
        "hidden": max(0, len(troubles) - _MOST_TROUBLES),
        "silent": [(outcome, reason, found) for (outcome, reason), found in silent.items()],
        "states": tuple(State),
    }


def _counted(report: RunReport, cases: int) -> str:
    """Return of what there are so many results."""
    subjects = len(report.profiles)
    if report.subject.kind == SERVER:
        clients = f"before {subjects} {'kind' if subjects == 1 else 'kinds'} of client"
        return f"{len(report.results)} results of {cases} cases, {clients}"
    where, subject = ("in", "home") if report.subject.kind == HOME else ("on", "subject")
    on = f"{where} {subjects} {subject if subjects == 1 else f'{subject}s'}"
    return f"{len(report.results)} results of {cases} cases {on}"


def _heading(report: RunReport) -> str:
    """Return of whose conformance the report is."""
    names = ", ".join(name for name in _subjects(report) if name)
    if report.subject.kind == SERVER:
        return (
            f"Conformance of the OTA server at {', '.join(report.links)}, to a client like {names}"
        )
    return f"Conformance of {names}" if names else "Conformance"


def _subjects(report: RunReport) -> list[str]:
    """Return the names of what was judged, in the order of the command line."""
    ran = {one.profile for one in report.results}
    names = [one.name for one in report.profiles if one.name in ran]
    return [*names, *sorted(ran - {*names})]


# The matrix.


def _matrix(report: RunReport, cases: Mapping[str, Sequence[CaseResult]]) -> dict[str, Any]:
    names = _subjects(report)
    families: defaultdict[str, list[Row]] = defaultdict(list)
    for case, results in cases.items():
        families[results[0].family].append(_row(case, results, names))
    return {
        "families": [_family(name, rows) for name, rows in sorted(families.items())],
        "subject_names": [_subject(report, name) for name in names],
        "levels": (*Level, "none"),
        "meanings": _MEANINGS,
    }


def _row(case: str, results: Sequence[CaseResult], names: Sequence[str]) -> Row:
    first = results[0]
    verdicts = {one.profile: one.verdict for one in results}
    cells = tuple(verdicts.get(name) for name in names)
    return Row(
        name=case.partition("::")[2],
        page=page_of(case),
        attack=first.attack,
        requirements=" ".join(one.id for one in first.requirements),
        level=str(first.level or "none"),
        verdicts=" ".join(dict.fromkeys(str(one or "none") for one in cells)),
        cells=cells,
    )


def _family(name: str, rows: list[Row]) -> Family:
    counts = Counter(cell for row in rows for cell in row.cells if cell is not None)
    words = ", ".join(f"{counts[one]} {one}" for one in Outcome if counts[one])
    green = set(counts) <= {Outcome.PASSED}
    return Family(
        name=name, rows=tuple(rows), words=words, open=not green or len(rows) <= _MOST_OPEN
    )


# Requirements, both ways.


def _traceability(report: RunReport, cases: Mapping[str, Sequence[CaseResult]]) -> dict[str, Any]:
    ran = {results[0].function for results in cases.values()}

    def place(function: str) -> str:
        """Return where a case is shown, nothing if it did not run."""
        if function in cases:
            return page_of(function)
        family, _, name = function.partition("::")
        query = urlencode({"family": family, "text": name})
        return f"matrix.html?{query}" if function in ran else ""

    return {
        "requirements": [
            {
                "one": one,
                "style": _STYLES.get(one.state, one.state),
                "stands": _stands(one.state),
            }
            for one in report.requirements
        ],
        "place": place,
        "folded": folded,
        "sources": source_keys(),
    }


def _stands(state: State) -> str:
    """Return where a requirement stands, as a mark and a word."""
    return SIGNS[_OUTCOMES[state]] if state in _OUTCOMES else f"· {state}"


# Evidence.


def _evidence(report: RunReport) -> dict[str, Any]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in report.results:
        for switch in one.switches:
            found[switch].append(one.profile)
    return {
        "switches": [
            (switch, tuple(dict.fromkeys(names)), len(names))
            for switch, names in sorted(found.items())
        ],
        "images": report.images(),
        "most": _MOST_IMAGES,
        "in_memory": all(link.partition(":")[0] in _IN_MEMORY for link in report.links),
    }


# A case.


def _is_quiet(result: CaseResult) -> bool:
    """Tell whether there is nothing to show of a result but that it passed."""
    return result.verdict is Outcome.PASSED and result.trace is None


def _drawn(report: RunReport) -> Set[str]:
    """Return the ids of the results whose messages are drawn."""
    traced = [one for one in report.results if one.trace is not None]
    traced.sort(key=lambda one: one.verdict is Outcome.PASSED)
    return {one.id for one in traced[:MOST_DRAWN]}


def _messages(folder: Path, result: CaseResult, drawn: Set[str]) -> Messages:
    """Return what the trace of a result holds, drawn."""
    if result.trace is None:
        return Messages()
    if result.id not in drawn:
        why = f"The messages of {MOST_DRAWN} other results are drawn. The trace has all of these,"
        return Messages(why_not=f"{why} and the command above draws them.")
    try:
        found = exchange.read(folder / result.trace)
    except (OSError, ValueError) as error:
        return Messages(why_not=f"The trace cannot be drawn: {error}")
    return Messages(
        benches=tuple(
            Drawn(exchange=one, chart=lay_out(one), offsets=chart_offsets(one)) for one in found
        )
    )
