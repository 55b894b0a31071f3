"""Sweep many lives at once: disjoint ranges of places, the same verdicts for any number of workers.

A worker keeps the sweeper of the life that it works at, so that later ranges find the recoveries
of earlier ones known.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter

from emulator.profiles.model import Profile
from emulator.units import Octets
from harness.processes import processes
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
    began, found, planned, done, interrupted = perf_counter(), Found(), 0, 0, False
    with processes(workers) as spread:
        try:
            counts = list(spread(_count, tasks))
            ranges = list(_ranges(tasks, counts, found))
            planned = sum(part.stop - part.start for part in ranges)
            for part, brought in zip(ranges, spread(_judge, ranges), strict=True):
                found.add(brought)
                done += part.stop - part.start
                if progress is not None:
                    progress(done, planned)
        except KeyboardInterrupt:
            interrupted = True
    return SweepReport(
        found=found,
        seed=tasks[0].seed,
        size=tasks[0].size,
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
