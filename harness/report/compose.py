"""Make the report of a run from what the suite found, and decide how the run ended."""

from collections import defaultdict
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.dut.model import Dut
from harness.report.model import (
    BRIDGE,
    DUT,
    HOME,
    SERVER,
    CaseResult,
    Device,
    Judged,
    RunReport,
    Subject,
    Traced,
    Used,
    state_of,
)
from harness.report.provenance import image_of, premises_digest, profile_digest, provenance
from harness.requirements.catalogue import Evidence, Level
from harness.runner import RunResult
from harness.suite import Chosen, RunOptions
from harness.support import statements
from harness.traceability import Matrix, matrix
from harness.verdict import Outcome

if TYPE_CHECKING:
    from harness.premises.chosen import Dwelling


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
    """Tell whether a failure of this case fails the run; one that cites nothing always does.

    One that was known before does not.
    """
    if result.known:
        return False
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
    if run.stale:
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
    operator: str | None = None,
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
        operator: Who ran it, where somebody said so.
    """
    trace = matrix(run.collected.every)
    return RunReport(
        started=started,
        ended=ended,
        command=command,
        seed=options.seed,
        link=options.link,
        vectors=None if options.vectors is None else str(options.vectors),
        said=options.server.said,
        fail_on=fail_on,
        required=required,
        finished=not run.interrupted and not run.collected.broken and not run.left,
        exit_code=exit_code(run, fail_on, required),
        subject=Subject(kind=_kind(options), defect=options.defect),
        pics=_statements(options),
        provenance=provenance(options.vectors),
        profiles=tuple(_used(each, options) for each in options.subjects),
        operator=operator,
        carriers=tuple(run.collected.carriers),
        results=run.results,
        requirements=_judged(run, trace),
        traced=_traced(trace),
        problems=tuple(run.collected.broken),
    )


def _used(chosen: "Chosen | Dwelling", options: RunOptions) -> Used:
    """Return a home of the run, or a profile with the device under test that it describes."""
    if isinstance(chosen, Chosen):
        digest, dut = profile_digest(chosen.profile), chosen.dut
    else:
        digest, dut = premises_digest(chosen.premises), None
    return Used(
        name=chosen.name,
        about=chosen.about,
        given=chosen.given,
        sha256=digest,
        device=None if dut is None else _device(dut, options),
    )


def _device(dut: Dut, options: RunOptions) -> Device:
    ladder, ota = dut.ladder, dut.profile.ota
    return Device(
        file=dut.file,
        sha256=dut.sha256,
        eui64=f"{dut.eui64:016x}",
        link=dut.link or options.link,
        power=dut.power or options.power,
        images=tuple(
            image_of(rung.octets, rung.version, ota.manufacturer_code, ota.image_type)
            for rung in (*ladder.rungs, *ladder.special)
        ),
    )


def _kind(options: RunOptions) -> str:
    """Return what is judged: what the harness makes, or what others describe."""
    if options.of_homes:
        return HOME
    if options.of_server:
        return SERVER
    tested = any(each.dut is not None for each in options.profiles)
    return DUT if tested else BRIDGE


def _statements(options: RunOptions) -> dict[str, dict[str, bool]]:
    """Return what each subject states, by PICS item; a home states nothing."""
    if options.of_homes:
        return {}
    if options.of_server:
        return {one.profile.name: dict(options.server.statements()) for one in options.profiles}
    return {
        one.profile.name: dict(
            sorted(statements(one.profile, None if one.dut is None else one.dut.stated).items())
        )
        for one in options.profiles
    }


def _traced(trace: Matrix) -> tuple[Traced, ...]:
    return tuple(
        Traced(
            case=one.name,
            requirements=one.requirements,
            vectors=one.vectors,
            defects=one.defects,
        )
        for one in trace.cases
    )


def _judged(run: RunResult, trace: Matrix) -> tuple[Judged, ...]:
    """Return every requirement of the catalogue, with a case or without."""
    ran: defaultdict[str, set[str]] = defaultdict(set)
    verdicts: defaultdict[str, list[Outcome]] = defaultdict(list)
    for result in run.results:
        for cited in result.requirements:
            ran[cited.id].add(result.function)
            verdicts[cited.id].append(result.verdict)
    made = []
    for row in trace.requirements:
        each = row.requirement
        cases = {*ran[each.id], *(case.name for case in row.cases)}
        made.append(
            Judged(
                id=each.id,
                title=each.title,
                level=each.level,
                evidence=each.evidence,
                judge=each.judge,
                pics=each.pics,
                source=each.source,
                uncovered="" if cases else each.uncovered,
                state=state_of(verdicts[each.id], covered=bool(cases) or not each.uncovered),
                cases=tuple(sorted(cases)),
                vectors=tuple(sorted({one for found in row.vectors.values() for one in found})),
                defects=tuple(one.id for one in row.defects),
            )
        )
    return tuple(made)
