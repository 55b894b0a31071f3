"""Show which cases there are, and which requirements each of them judges."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from harness.recorder import About
from harness.requirements import catalogue


def lines(chosen: Sequence[About]) -> Iterator[str]:
    """Yield every case with its requirements, grouped by topic; last, how many there are."""
    cases = _cases(chosen)
    width = max(len(case.partition("::")[2]) for case in cases) + 2
    topic = None
    for case, runs in cases.items():
        if runs[0].topic != topic:
            topic = runs[0].topic
            yield topic
        ids = ", ".join(each.id for each in runs[0].coverage.requirements)
        yield f"  {case.partition('::')[2]:{width}}{ids}".rstrip()
    covered = {each.id for one in chosen for each in one.coverage.requirements}
    yield ""
    yield (
        f"{len(cases)} cases, {len(chosen)} runs;"
        f" {len(covered)} of {len(catalogue.load())} requirements"
    )


def as_document(chosen: Sequence[About]) -> dict[str, Any]:
    """Return the same as JSON holds it."""
    return {
        "cases": [
            {
                "case": case,
                "topic": runs[0].topic,
                "profiles": [run.profile for run in runs if run.profile],
                "requirements": [
                    {"id": each.id, "level": each.level, "evidence": each.evidence}
                    for each in runs[0].coverage.requirements
                ],
                "needs": runs[0].coverage.needs,
                "attack": runs[0].attack,
                "expect": runs[0].expect,
                "source": runs[0].source,
            }
            for case, runs in _cases(chosen).items()
        ],
        "runs": len(chosen),
    }


def _cases(chosen: Sequence[About]) -> dict[str, list[About]]:
    """Return the runs of each case, sorted by its name."""
    made: defaultdict[str, list[About]] = defaultdict(list)
    for each in chosen:
        made[each.case].append(each)
    return dict(sorted(made.items()))
