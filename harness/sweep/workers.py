"""Sweep many lives at once: disjoint ranges of places, the same verdicts for any number of workers.

A worker keeps the sweeper of the life that it works at, so that later ranges find the recoveries
of earlier ones known.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Protocol, TypeVar

from emulator.profiles.model import Profile
from emulator.units import Octets
from harness.processes import Spread, processes
from harness.sweep.engine import Ending, Sweeper, Verdict
from harness.sweep.lives import LIVES
from harness.sweep.points import KINDS, Point
from harness.sweep.promises import Broken
from harness.sweep.report import Found, SweepReport

#: Places that one range holds at most: more, and progress jumps; fewer, and little is known.
_RANGE, _RANGE_OF_PAIRS = 400, 12

#: Told how many places are judged, and how many there are.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Be one life of one profile, and how it is swept; ``command`` is what replays a point."""

    profile: Profile
    life: str
    size: Octets
    command: str
    kinds: tuple[str, ...] = KINDS
    seed: int = 0
    defect: str | None = None
    merge: bool = True
    pairs: bool = False


@dataclass(frozen=True, slots=True)
class _Range:
    task: Task
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@lru_cache(maxsize=2)
def _sweeper(task: Task) -> Sweeper:
    return Sweeper(
        task.profile,
        LIVES[task.life],
        task.size,
        kinds=task.kinds,
        seed=task.seed,
        defect=task.defect,
        merge=task.merge,
    )


def replay(task: Task, point: Point) -> Verdict:
    """Live a life from its start with real cuts, and judge it.

    Raises:
        PointError: The life has no such operation.
    """
    return _sweeper(task).replay(point)


def _count(task: Task) -> int | Ending:
    """Return how many places a task has, or how it fails without a cut."""
    try:
        return len(_sweeper(task).places)
    except Broken as broken:
        return Ending(broken.promise, broken.found)


def _judge(part: _Range) -> Found:
    """Judge a range of places."""
    task, sweeper, found = part.task, _sweeper(part.task), Found()
    for place in sweeper.places[part.start : part.stop]:
        if task.pairs:
            for verdict, points in sweeper.judge_pairs(place):
                found.count(task.profile.name, verdict, points, task.command)
        else:
            found.count(task.profile.name, sweeper.judge(place), 1, task.command)
    return found


def sweep(tasks: Sequence[Task], workers: int = 1, progress: Progress | None = None) -> SweepReport:
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
        return list(_ranges(tasks, list(spread(_count, tasks)), found))

    first = tasks[0]
    return shared(plan, _judge, workers, progress, seed=first.seed, size=first.size)


class Part(Protocol):
    """Be some work; its length is how many points it holds."""

    def __len__(self) -> int: ...


P = TypeVar("P", bound=Part)


def shared(
    plan: Callable[[Spread, Found], Sequence[P]],
    judge: Callable[[P], Found],
    workers: int,
    progress: Progress | None,
    *,
    seed: int,
    size: Octets,
) -> SweepReport:
    """Share the work of a sweep among processes.

    Args:
        plan: Returns the parts, in order, and adds what it found already.
        judge: Judges one part, in any process.
        workers: How many processes there are.
        progress: Called after each part.
        seed: Told in the report.
        size: Told in the report, in octets.

    Returns:
        What was found; after Ctrl-C, or when it is told to end, what was found until then.
    """
    began, found, planned, done, interrupted = perf_counter(), Found(), 0, 0, False
    with processes(workers) as spread:
        try:
            parts = plan(spread, found)
            planned = sum(map(len, parts))
            for part, brought in zip(parts, spread(judge, parts), strict=True):
                found.add(brought)
                done += len(part)
                if progress is not None:
                    progress(done, planned)
        except KeyboardInterrupt:
            interrupted = True
    return SweepReport(
        found=found,
        seed=seed,
        size=size,
        workers=workers,
        seconds=perf_counter() - began,
        interrupted=interrupted,
        planned=planned,
    )


def _ranges(
    tasks: Sequence[Task], counts: Sequence[int | Ending], found: Found
) -> Iterator[_Range]:
    """Yield the ranges of all tasks; a task that fails without a cut is found and has none."""
    for task, count in zip(tasks, counts, strict=True):
        if isinstance(count, Ending):
            found.count(task.profile.name, Verdict(Point(task.life), count), 1, task.command)
            continue
        step = _RANGE_OF_PAIRS if task.pairs else _RANGE
        for start in range(0, count, step):
            yield _Range(task, start, min(start + step, count))
