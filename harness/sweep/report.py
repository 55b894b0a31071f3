"""Count what a sweep judged, by life, phase and kind, and hold every broken promise."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from harness.sweep.engine import Ending
from harness.sweep.promises import PROMISES


class Spot(Protocol):
    """Be where a supply was cut; its text is what ``--replay`` takes."""

    @property
    def life(self) -> str: ...

    @property
    def phase(self) -> str: ...

    @property
    def kind(self) -> str: ...


class Judged(Protocol):
    """Be the verdict on one point of any sweep."""

    @property
    def point(self) -> Spot: ...

    @property
    def ending(self) -> Ending: ...

    @property
    def merged(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Be one broken promise, and the command that shows it alone."""

    profile: str
    life: str
    point: str
    phase: str
    kind: str
    promise: int
    found: str
    replay: str

    @property
    def text(self) -> str:
        """Return it as a line for people."""
        promise = f"promise {self.promise} ({PROMISES[self.promise]})"
        where = f"{self.profile} {self.point}, phase {self.phase or 'all'}"
        return f"{where}: {promise}: {self.found}"


@dataclass(slots=True)
class Tally:
    """Count points of one kind: all, those that took an earlier verdict, those that failed."""

    points: int = 0
    merged: int = 0
    failed: int = 0

    def add(self, other: "Tally") -> None:
        """Add another count."""
        self.points += other.points
        self.merged += other.merged
        self.failed += other.failed


#: Profile, life, phase, kind.
Key = tuple[str, str, str, str]


@dataclass(slots=True)
class Found:
    """Hold what some points brought; sums of parts are the whole, in any order."""

    tallies: dict[Key, Tally] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def count(self, profile: str, verdict: Judged, points: int, replay: str) -> None:
        """Add a verdict that stands for so many points."""
        point, ending = verdict.point, verdict.ending
        key = (profile, point.life, point.phase, point.kind)
        tally = self.tallies.setdefault(key, Tally())
        tally.add(Tally(points, points * verdict.merged, points * (not ending.good)))
        if not ending.good:
            self.failures.append(
                Failure(
                    profile=profile,
                    life=point.life,
                    point=str(point),
                    phase=point.phase,
                    kind=point.kind,
                    promise=ending.promise,
                    found=ending.found,
                    replay=f"{replay} --replay {point}",
                )
            )

    def add(self, other: "Found") -> None:
        """Add what other points brought."""
        for key, tally in other.tallies.items():
            self.tallies.setdefault(key, Tally()).add(tally)
        self.failures += other.failures

    @property
    def total(self) -> Tally:
        """Return the count of everything."""
        whole = Tally()
        for tally in self.tallies.values():
            whole.add(tally)
        return whole

    def by_phase(self) -> dict[tuple[str, str], Tally]:
        """Return the counts by phase and kind, over all profiles and lives."""
        made: dict[tuple[str, str], Tally] = {}
        for (_, _, phase, kind), tally in self.tallies.items():
            made.setdefault((phase, kind), Tally()).add(tally)
        return dict(sorted(made.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """Be the whole result of a sweep."""

    found: Found
    seed: int
    size: int
    workers: int
    seconds: float
    interrupted: bool
    planned: int

    @property
    def exit_code(self) -> int:
        """Return what the command ends with."""
        if self.interrupted:
            return 130
        if not self.found.total.points:
            return 2
        return 1 if self.found.failures else 0

    def as_document(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        total = self.found.total
        rows = [
            {"profile": profile, "life": life, "phase": phase, "kind": kind, **asdict(tally)}
            for (profile, life, phase, kind), tally in sorted(self.found.tallies.items())
        ]
        return {
            "schema": "sweep-1",
            "seed": self.seed,
            "size": self.size,
            "workers": self.workers,
            "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
            "planned": self.planned,
            **asdict(total),
            "rows": rows,
            "failures": [asdict(one) for one in self.ordered],
        }

    @property
    def ordered(self) -> Sequence[Failure]:
        """Return the failures in an order that no number of workers changes."""
        return sorted(self.found.failures, key=lambda one: (one.profile, one.life, one.point))

    def lines(self) -> Iterator[str]:
        """Yield the report for people: a table by phase and kind, then each failure."""
        yield f"{'phase':12}{'kind':12}{'points':>10}{'merged':>10}{'failed':>10}"
        for (phase, kind), tally in self.found.by_phase().items():
            counts = f"{tally.points:>10,}{tally.merged:>10,}{tally.failed:>10,}"
            yield f"{phase or '-':12}{kind:12}{counts}"
        total = self.found.total
        counts = f"{total.points:>10,}{total.merged:>10,}{total.failed:>10,}"
        rate = total.points / self.seconds if self.seconds else 0.0
        yield f"{'all':24}{counts}  in {self.seconds:.1f} s, {rate:,.0f} a second"
        for failure in self.ordered[:MOST_SHOWN]:
            yield ""
            yield failure.text
            yield f"  {failure.replay}"
        hidden = len(self.ordered) - MOST_SHOWN
        if hidden > 0:
            yield ""
            yield f"and {hidden:,} more: --json or --out has them all"


#: How many failures people are shown.
MOST_SHOWN = 10
