"""Sweep the lives of homes at once: disjoint ranges of points, the same verdicts for all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from emulator.units import Octets
from harness.premises.model import Premises
from harness.processes import Spread
from harness.sweep.engine import Ending
from harness.sweep.home import HomeSweeper, HomeVerdict
from harness.sweep.home_points import KINDS, LIVES, HomePoint
from harness.sweep.promises import Broken
from harness.sweep.report import Found, SweepReport
from harness.sweep.workers import Progress, shared

#: Points that one range holds: about a second of work.
_RANGE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeTask:
    """Be one life of one home, and how it is swept; ``command`` is what replays a point."""

    premises: Premises
    life: str
    size: Octets
    command: str
    kinds: tuple[str, ...] = KINDS
    who: tuple[str, ...] = ()
    seed: int = 0
    every: int = 1
    defect: str | None = None


@dataclass(frozen=True, slots=True)
class _Range:
    task: HomeTask
    points: tuple[HomePoint, ...]

    def __len__(self) -> int:
        return len(self.points)


@lru_cache(maxsize=2)
def _sweeper(task: HomeTask) -> HomeSweeper:
    return HomeSweeper(
        task.premises,
        LIVES[task.life],
        task.size,
        kinds=task.kinds,
        who=task.who,
        seed=task.seed,
        every=task.every,
        defect=task.defect,
    )


def replay(task: HomeTask, point: HomePoint) -> HomeVerdict:
    """Live a life with one cut, and judge it.

    Raises:
        PointError: The life has no such operation.
    """
    return _sweeper(task).judge(point)


def _points(task: HomeTask) -> Sequence[HomePoint] | Ending:
    """Return the points of a task, or how its life fails without a cut."""
    try:
        return _sweeper(task).points
    except Broken as broken:
        return Ending(broken.promise, broken.found)


def _judge(part: _Range) -> Found:
    """Judge a range of points."""
    task, found = part.task, Found()
    for point in part.points:
        _count(found, task, _sweeper(task).judge(point))
    return found


def _count(found: Found, task: HomeTask, verdict: HomeVerdict) -> None:
    who = verdict.point.who
    subject = f"{task.premises.label}/{who}" if who else task.premises.label
    found.count(subject, verdict, 1, task.command)


def sweep(
    tasks: Sequence[HomeTask], workers: int = 1, progress: Progress | None = None
) -> SweepReport:
    """Sweep every task.

    Args:
        tasks: At least one, all of one seed and size.
        workers: How many processes share the work.
        progress: Called after each range.

    Returns:
        What was found; after Ctrl-C, or when it is told to end, what was found until then.

    Raises:
        EmptyPhaseError: A life shows no operation of a phase that it is there for.
    """

    def plan(spread: Spread, found: Found) -> Sequence[_Range]:
        return list(_ranges(tasks, list(spread(_points, tasks)), found))

    first = tasks[0]
    return shared(plan, _judge, workers, progress, seed=first.seed, size=first.size)


def _ranges(
    tasks: Sequence[HomeTask], made: Sequence[Sequence[HomePoint] | Ending], found: Found
) -> Iterator[_Range]:
    """Yield the ranges of all tasks; a task that fails without a cut is found and has none."""
    for task, points in zip(tasks, made, strict=True):
        if isinstance(points, Ending):
            _count(found, task, HomeVerdict(HomePoint(task.life), points))
            continue
        for start in range(0, len(points), _RANGE):
            yield _Range(task, tuple(points[start : start + _RANGE]))
