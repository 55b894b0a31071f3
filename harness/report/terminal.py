"""Show a report as text: it reads the same in a pipe, colours only repeat what words say."""

import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from harness.report.model import DUT, HOME, SERVER, CaseResult, Judged, RunReport, State
from harness.verdict import Outcome

Paint = Callable[[str, Outcome], str]

#: How a verdict looks in the matrix.
SIGNS = {
    Outcome.PASSED: "pass",
    Outcome.FAILED: "FAIL",
    Outcome.UNSUPPORTED: "n/a",
    Outcome.INCONCLUSIVE: "?",
    Outcome.ERROR: "ERR",
}
#: The verdicts that somebody must look into.
TROUBLES = frozenset({Outcome.FAILED, Outcome.ERROR})
_NOT_RUN = "-"
#: The option that names what a run judged, by its kind; of all others a profile.
_OPTIONS = {DUT: "--dut", HOME: "--premises"}
_COLOURS = {
    Outcome.PASSED: "32",
    Outcome.FAILED: "31;1",
    Outcome.UNSUPPORTED: "2",
    Outcome.INCONCLUSIVE: "33",
    Outcome.ERROR: "35;1",
}
#: A row of a case that a vector drives: case, then the vector's id.
_VECTOR = re.compile(r"(.+)/([A-Z]{2})-\d+")
#: Vectors of one case that pass everywhere are shown one by one up to so many.
_MOST_VECTORS = 24
_CELL = max(len(sign) for sign in SIGNS.values())


def plain(text: str, outcome: Outcome) -> str:
    """Paint nothing."""
    return text


def coloured(text: str, outcome: Outcome) -> str:
    """Paint a text in its verdict's colour, for a terminal."""
    return f"\x1b[{_COLOURS[outcome]}m{text}\x1b[0m"


def lines(report: RunReport, paint: Paint = plain) -> Iterator[str]:
    """Yield the report line by line: matrix, what is not green, totals."""
    if report.results:
        yield from matrix(report, paint)
        yield ""
    for result in report.results:
        if result.verdict in TROUBLES:
            yield from _trouble(result, report, paint)
            yield ""
    silent = list(_without_verdict(report))
    yield from [*silent, ""] if silent else ()
    yield from _notes(report)
    yield from totals(report)


def matrix(report: RunReport, paint: Paint = plain) -> Iterator[str]:
    """Yield cases x profiles, grouped by topic."""
    cells: defaultdict[str, dict[str, Outcome]] = defaultdict(dict)
    for result in report.results:
        cells[result.case][result.profile] = result.verdict
    cells = _folded(cells)
    ran = {result.profile for result in report.results}
    names = [each.name for each in report.profiles if each.name in ran]
    names += ["" for _ in ran if "" in ran][:1]
    width = max(len(case.partition("::")[2]) for case in cells) + 2
    widths = [max(len(name), _CELL) for name in names]
    head = "  ".join(name.ljust(size) for name, size in zip(names, widths, strict=True))
    yield f"{'':{width}}  {head}".rstrip()
    topic = None
    for case in sorted(cells):
        this, _, name = case.partition("::")
        if this != topic:
            topic = this
            yield topic
        signs = [
            _cell(cells[case].get(profile), size, paint)
            for profile, size in zip(names, widths, strict=True)
        ]
        yield f"  {name:{width - 2}}  {'  '.join(signs)}".rstrip()


def _folded(
    cells: Mapping[str, dict[str, Outcome]],
) -> "defaultdict[str, dict[str, Outcome]]":
    """Return the rows with one in the place of many vectors of a case that pass everywhere."""
    green: defaultdict[tuple[str, str, frozenset[str]], list[str]] = defaultdict(list)
    for case, row in cells.items():
        found = _VECTOR.fullmatch(case)
        if found is not None and set(row.values()) == {Outcome.PASSED}:
            green[(found[1], found[2], frozenset(row))].append(case)
    made = defaultdict(dict, cells)
    for (case, prefix, _), rows in green.items():
        if len(rows) > _MOST_VECTORS:
            made[f"{case}/{prefix}-*: {len(rows)} vectors"] = cells[rows[0]]
            for each in rows:
                del made[each]
    return made


def _cell(outcome: Outcome | None, size: int, paint: Paint) -> str:
    if outcome is None:
        return _NOT_RUN.ljust(size)
    sign = SIGNS[outcome]
    return paint(sign, outcome) + " " * (size - len(sign))


def _trouble(result: CaseResult, report: RunReport, paint: Paint) -> Iterator[str]:
    """Yield why a case failed, and the command that runs it alone."""
    yield f"{paint(SIGNS[result.verdict], result.verdict)} {result.id}"
    for cited in result.requirements:
        yield f"  requirement  {cited.id} ({cited.level}, {cited.evidence}): {cited.title}"
    if result.verdict is Outcome.FAILED:
        yield f"  expected     {result.expected}"
        yield f"  seen         {result.seen}"
    else:
        yield f"  reason       {result.reason}"
    if result.known:
        yield f"  known        {result.known}"
    yield f"  frame        {result.frame or 'none of the OTA cluster'}"
    yield from (f"  switch       {switch}" for switch in result.switches)
    yield from (f"  silence      {absence}" for absence in result.absences)
    if result.trace is not None:
        yield f"  trace        {result.trace}"
    yield f"  replay       {replay(report, result)}"


def replay(report: RunReport, *results: CaseResult, traced: bool = False) -> str:
    """Return the one command that runs just these results of one case again, by the same chance.

    Args:
        report: What they are of.
        results: Of one case, one or more.
        traced: Whether their traces are to be kept, however large.
    """
    first = results[0]
    words = ["hanover", "run", "-k", first.id if len(results) == 1 else first.case]
    if report.subject.kind == SERVER:
        words += ["--suite", "server", *report.said]
    if report.subject.kind == HOME:
        words += ["--suite", "premises"]
    used = {each.name: each for each in report.profiles}
    option = _OPTIONS.get(report.subject.kind, "--profile")
    for name in (one.profile for one in results if one.profile):
        words += [option, used[name].given if name in used else name]
    words += ["--seed", str(first.seed)]
    device = used[first.profile].device if first.profile in used else None
    link = report.link if device is None else device.link
    if link != "direct:":
        words += ["--link", link]
    if device is not None and device.power is not None:
        words += ["--power", device.power]
    if report.vectors is not None:
        words += ["--vectors", report.vectors]
    if report.subject.defect is not None:
        words += ["--defect", report.subject.defect]
    if traced:
        words += ["--traces", "all"]
    return shlex.join(words)


def _without_verdict(report: RunReport) -> Iterator[str]:
    """Yield why cases have no verdict; profiles that share a case and a reason share a line."""
    grouped: defaultdict[tuple[Outcome, str, str], list[str]] = defaultdict(list)
    for result in report.results:
        if result.verdict in (Outcome.UNSUPPORTED, Outcome.INCONCLUSIVE):
            grouped[result.verdict, result.case, result.reason].append(result.profile)
    for (outcome, case, reason), profiles in grouped.items():
        yield f"{SIGNS[outcome]:{_CELL}} {case} [{', '.join(profiles)}]: {outcome}: {reason}"


def _notes(report: RunReport) -> Iterator[str]:
    noted = [f"note: {result.id}: {note}" for result in report.results for note in result.notes]
    problems = [f"problem: {problem}" for problem in report.problems]
    yield from [*noted, *problems, ""] if noted or problems else ()


def totals(report: RunReport) -> Iterator[str]:
    """Yield how many results there are of each verdict and level, and what has a case at all."""
    yield f"{'':12}" + "".join(f"{outcome:>14}" for outcome in Outcome)
    for level, counted in report.levels().items():
        yield _row(level, counted)
    yield _row("all", report.verdicts())
    yield ""
    yield from (f"required: {one.id} lacks a verdict: {one.state}" for one in _missed(report))
    yield conclusion(report)
    yield coverage(report)
    yield f"seed {report.seed}, link {', '.join(report.links)}"


def coverage(report: RunReport) -> str:
    """Return in a sentence how much of the catalogue has a case, and whether all of it."""
    said = (
        f"{report.covered} of {len(report.requirements)} requirements have a case;"
        f" {_count(report.requirements, State.PASSED)} passed in this run"
    )
    if report.uncovered:
        return f"{said}; not complete: {len(report.uncovered)} are not covered yet"
    return f"{said}; {'complete' if report.complete else 'the run did not come to its end'}"


def conclusion(report: RunReport) -> str:
    """Return in a sentence how the run ended, as its exit code says."""
    if report.exit_code == 0:
        known = sum(bool(one.known) for one in report.results if one.verdict is Outcome.FAILED)
        failed = report.verdicts()[Outcome.FAILED] - known
        but = (
            f"; failures that do not count (--fail-on {report.fail_on}): {failed}" if failed else ""
        )
        also = f"; failures that were known before: {known}" if known else ""
        open_ends = report.verdicts()[Outcome.INCONCLUSIVE]
        yet = f"; inconclusive: {open_ends} of {len(report.results)}" if open_ends else ""
        return f"Good{but}{also}{yet}."
    if report.exit_code == 1:
        also = ", --require" if _missed(report) else ""
        return f"Failed (--fail-on {report.fail_on}{also})."
    if report.exit_code == 2:
        return "Nothing was judged."
    if report.exit_code == 130:
        return "Interrupted: this is what was found until then."
    return "The harness or its environment broke: see what has ERR, and the problems."


def _missed(report: RunReport) -> list[Judged]:
    """Return the requirements of ``--require`` of which a case has no verdict, or none ran."""
    open_ids = {
        cited.id
        for result in report.results
        if result.verdict in (Outcome.UNSUPPORTED, Outcome.INCONCLUSIVE)
        for cited in result.requirements
    }
    seen = {cited.id for result in report.results for cited in result.requirements}
    wanted = (one for one in report.requirements if one.id in report.required)
    return [one for one in wanted if one.id in open_ids or one.id not in seen]


def _row(name: str, counted: Mapping[Outcome, int]) -> str:
    return f"{name:12}" + "".join(f"{counted[outcome]:>14}" for outcome in Outcome)


def _count(requirements: tuple[Judged, ...], state: State) -> int:
    return sum(each.state == state for each in requirements)
