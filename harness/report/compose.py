"""Make the report of a run from what the suite found, and decide how the run ended."""

from collections import defaultdict
from collections.abc import Callable
from enum import StrEnum

from harness.report.model import BRIDGE, DUT, CaseResult, Judged, RunReport, Subject, Used, state_of
from harness.report.provenance import profile_digest, provenance
from harness.requirements import catalogue
from harness.requirements.catalogue import Evidence, Level
from harness.runner import RunResult
from harness.suite import RunOptions
from harness.verdict import Outcome


class FailOn(StrEnum):
    """Say which failed cases make a run fail."""

    MANDATORY_CONFIRMED = "mandatory-confirmed"
    MANDATORY = "mandatory"
    RECOMMENDED = "recommended"
    ALL = "all"


#: Whether a case with such a requirement counts.
_COUNTS: dict[FailOn, Callable[[Level, Evidence], bool]] = {
    FailOn.MANDATORY_CONFIRMED: lambda level, evidence: (
        level is Level.MANDATORY and evidence is Evidence.CONFIRMED
    ),
    FailOn.MANDATORY: lambda level, evidence: level is Level.MANDATORY,
    FailOn.RECOMMENDED: lambda level, evidence: level is not Level.POLICY,
    FailOn.ALL: lambda level, evidence: True,
}
_WITHOUT_VERDICT = frozenset({Outcome.UNSUPPORTED, Outcome.INCONCLUSIVE})


def counts(result: CaseResult, fail_on: FailOn) -> bool:
    """Tell whether a failure of this case fails the run; one that cites nothing always does."""
    weighs = _COUNTS[fail_on]
    cited = result.requirements
    return not cited or any(weighs(each.level, each.evidence) for each in cited)


def exit_code(run: RunResult, fail_on: FailOn, required: tuple[str, ...] = ()) -> int:
    """Return the exit code of a run (design section 10): 130 beats 3, 3 beats 1, 1 beats 2.

    A requirement that is required fails the run where a case of it has no verdict, or none ran.
    """
    verdicts = {result.verdict for result in run.results}
    if run.interrupted:
        return 130
    if run.collected.broken or Outcome.ERROR in verdicts:
        return 3
    if not run.results:
        return 2
    for result in run.results:
        if result.verdict is Outcome.FAILED and counts(result, fail_on):
            return 1
        if result.verdict in _WITHOUT_VERDICT and _is_required(result, required):
            return 1
    judged = {each.id for result in run.results for each in result.requirements}
    if not judged.issuperset(required):
        return 1
    return 2 if verdicts <= _WITHOUT_VERDICT or run.left else 0


def _is_required(result: CaseResult, required: tuple[str, ...]) -> bool:
    return any(each.id in required for each in result.requirements)


def compose(
    run: RunResult,
    options: RunOptions,
    *,
    started: str,
    ended: str,
    command: tuple[str, ...],
    fail_on: FailOn = FailOn.MANDATORY_CONFIRMED,
    required: tuple[str, ...] = (),
) -> RunReport:
    """Return the report of a run.

    Args:
        run: What the suite found.
        options: What it was told.
        started: When, as text; nothing below the command line looks at a clock.
        ended: When it was over.
        command: What the user typed.
        fail_on: Which failures fail the run.
        required: Requirements that must come to a verdict.
    """
    return RunReport(
        started=started,
        ended=ended,
        command=command,
        seed=options.seed,
        link=options.link,
        vectors=None if options.vectors is None else str(options.vectors),
        fail_on=fail_on,
        required=required,
        complete=not run.interrupted and not run.collected.broken and not run.left,
        exit_code=exit_code(run, fail_on, required),
        subject=Subject(kind=_kind(options), defect=options.defect),
        pics=_statements(options),
        provenance=provenance(),
        profiles=tuple(
            Used(
                name=each.profile.name,
                about=each.profile.about,
                given=each.given,
                sha256=profile_digest(each.profile),
            )
            for each in options.profiles
        ),
        results=run.results,
        requirements=_judged(run),
        problems=tuple(run.collected.broken),
    )


def _kind(options: RunOptions) -> str:
    """Return what is judged: bridges that the harness makes, or devices that others describe."""
    tested = any(each.dut is not None for each in options.profiles)
    return DUT if tested else BRIDGE


def _statements(options: RunOptions) -> dict[str, bool]:
    """Return the statements of support that all devices under test make alike."""
    every = [each.dut.statements() for each in options.profiles if each.dut is not None]
    first = every[0] if every else {}
    return {
        item: said
        for item, said in sorted(first.items())
        if all(one.get(item) is said for one in every)
    }


def _judged(run: RunResult) -> tuple[Judged, ...]:
    """Return every requirement of the catalogue, with a case or without."""
    cases: defaultdict[str, set[str]] = defaultdict(set)
    for each in run.collected.every:
        for requirement in each.coverage.requirements:
            cases[requirement.id].add(each.case)
    verdicts: defaultdict[str, list[Outcome]] = defaultdict(list)
    for result in run.results:
        for cited in result.requirements:
            cases[cited.id].add(result.case)
            verdicts[cited.id].append(result.verdict)
    return tuple(
        Judged(
            id=each.id,
            title=each.title,
            level=each.level,
            evidence=each.evidence,
            judge=each.judge,
            pics=each.pics,
            state=state_of(verdicts[each.id], has_case=bool(cases[each.id])),
            cases=tuple(sorted(cases[each.id])),
        )
        for each in catalogue.load().values()
    )
