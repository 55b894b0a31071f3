"""Make reports out of few words, for the tests of what is written of them."""

from collections.abc import Sequence
from dataclasses import replace

from harness.report.compose import compose
from harness.report.model import CaseResult, Cited, RunReport
from harness.requirements import catalogue
from harness.requirements.catalogue import Evidence, Level
from harness.runner import RunResult
from harness.suite import Collected, RunOptions
from harness.verdict import Outcome

PASSED, FAILED, ERROR = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR
UNSUPPORTED, INCONCLUSIVE = Outcome.UNSUPPORTED, Outcome.INCONCLUSIVE


def cited(id: str) -> Cited:
    found = catalogue.find(id)
    return Cited(id=id, title=found.title, level=found.level, evidence=found.evidence)


def made(level: Level, evidence: Evidence) -> tuple[Cited, ...]:
    return (Cited(id="OTA-C-001", title="it is so", level=level, evidence=evidence),)


BASE = CaseResult(id="", case="", profile="", verdict=PASSED)


def result(
    case: str,
    profile: str = "B1",
    verdict: Outcome = PASSED,
    requirements: tuple[Cited, ...] = (),
    **more: str,
) -> CaseResult:
    said = {} if verdict is PASSED else {"reason": "it is so"}
    if verdict is FAILED:
        said |= {"expected": "INVALID_IMAGE (0x96)", "seen": "SUCCESS (0x00)", "frame": "X: 01 02"}
    return replace(
        BASE,
        id=f"{case}[{profile}]",
        case=case,
        profile=profile,
        verdict=verdict,
        requirements=requirements,
        **{**said, **more},  # type: ignore[arg-type]  # texts only
    )


def found(*results: CaseResult, interrupted: bool = False, broken: Sequence[str] = ()) -> RunResult:
    collected = Collected(broken=list(broken))
    ordered = tuple(sorted(results, key=lambda one: one.id))
    return RunResult(results=ordered, collected=collected, interrupted=interrupted)


def report(*results: CaseResult, seed: int = 0, **more: bool) -> RunReport:
    return compose(
        found(*results, **more),
        RunOptions(seed=seed),
        started="2026-01-01T00:00:00+00:00",
        ended="2026-01-01T00:00:01+00:00",
        command=("hanover", "run"),
    )


MIXED = (
    result("a::good", "B1", PASSED, (cited("OTA-C-001"),)),
    result("a::good", "B2", FAILED, (cited("OTA-C-001"), cited("GB-068"))),
    result("a::other", "B1", UNSUPPORTED, (cited("OTA-C-002"),)),
    result("b::third", "B1", ERROR, (cited("GB-065"),), traceback="Traceback: \x00 <&>"),
    result("b::third", "B2", INCONCLUSIVE, (cited("GB-065"),)),
)
