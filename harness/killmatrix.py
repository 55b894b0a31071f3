"""Hold defects against cases: which case catches which defect, and who is caught by nobody.

A defect that no case catches shows a hole in the suite; a case that catches none may be unable to
fail. Both are findings.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from time import perf_counter
from typing import TYPE_CHECKING, TypeAlias

from harness.defects import known
from harness.processes import processes
from harness.recorder import About
from harness.report.model import CaseResult
from harness.runner import run_suite
from harness.suite import SUITES, Chosen, RunOptions
from harness.verdict import Outcome

if TYPE_CHECKING:
    from emulator import DefectFacts
    from harness.premises.chosen import Dwelling

Subject: TypeAlias = "Chosen | Dwelling"
#: Of so many vectors a defect meets one in its turn, beside those that it names. No verdict of the
#: matrix rests on them, they show what else would notice; a third instead costs half as much again.
_LAPS = 6

#: Told how many defects are judged, and how many there are.
Progress = Callable[[int, int], None]


class Depth(StrEnum):
    """Say which rows a defect meets: each step has those of the one before."""

    NAMED = "named"  # the cases and vectors that it names, on every bridge on which it shows
    TURN = "turn"  # every case, and every sixth vector, on one of these bridges, in turn
    ALL = "all"  # everything on all of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Be one defect, the bridges or homes where it must be caught, and the rows that it meets."""

    facts: "DefectFacts"
    subjects: "tuple[Subject, ...]"
    rows: tuple[About, ...]
    seed: int = 0
    suite: str = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """Say what one defect met: what caught it, and what it names that did not.

    Args:
        id: The defect's id.
        profiles: The bridges or homes in which it was planted.
        rows: How many rows ran.
        caught_by: Each case that failed, with how many of its rows did.
        passed_by: Each case of which no row failed.
        vectors: The vectors whose rows failed, on some bridge.
        missed: What it names that did not fail as it should, one line each.
        errors: How many rows broke the harness: they catch nothing.
        broken: What the harness or its environment could not do.
    """

    id: str
    profiles: tuple[str, ...]
    rows: int
    caught_by: dict[str, int]
    passed_by: tuple[str, ...]
    vectors: tuple[str, ...]
    missed: tuple[str, ...]
    errors: int
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Say which defects meet which rows.

    Args:
        tasks: One a defect.
        cases: Every case of the suites, ``topic::function``.
        whole: Whether every defect of the suites has its task: only then a case can be idle.
        depth: Which rows each defect meets.
        seed: The run's.
        homeless: The defects that show on none of the bridges.
        broken: Why rows could not be collected: then there is nothing to run.
    """

    tasks: tuple[Task, ...]
    cases: tuple[str, ...]
    whole: bool
    depth: Depth
    seed: int
    homeless: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Be all that a run found."""

    plan: Plan
    met: tuple[Met, ...]
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def uncaught(self) -> tuple[str, ...]:
        """Return the defects that no case caught."""
        return tuple(one.id for one in self.met if not one.caught_by)

    @property
    def catches(self) -> dict[str, tuple[str, ...]]:
        """Return for each case the defects that it caught."""
        return {
            case: tuple(one.id for one in self.met if case in one.caught_by)
            for case in self.plan.cases
        }

    @property
    def idle(self) -> tuple[str, ...]:
        """Return the cases that caught nothing; none where not every defect was met."""
        if self.interrupted or not self.plan.whole:
            return ()
        return tuple(case for case, ids in self.catches.items() if not ids)

    @property
    def exit_code(self) -> int:
        """Return what the command ends with."""
        if self.interrupted:
            return 130
        if any(one.broken for one in self.met):
            return 3
        missed = any(one.missed for one in self.met)
        return 1 if missed or self.uncaught or self.idle else 0


# Planning.


def names_row(facts: "DefectFacts", row: About) -> bool:
    """Tell whether a defect names a row: by its case, or by its vector where it names vectors."""
    if row.vector and facts.vectors:
        return row.vector in facts.vectors
    return function_of(row.case) in facts.caught_by


def function_of(case: str) -> str:
    """Return the name of a case's function: ``topic::function/row`` without the rest."""
    return case.partition("::")[2].partition("/")[0]


def plan(
    wanted: "Mapping[str, Sequence[DefectFacts]]",
    profiles: tuple[Chosen, ...],
    depth: Depth,
    *,
    seed: int = 0,
    homes: "tuple[Dwelling, ...]" = (),
) -> Plan:
    """Plan a task for each defect that shows on some of the profiles, or in some of the homes.

    Args:
        wanted: The defects of each suite.
        profiles: The bridges that may be given them.
        depth: Which rows each defect meets.
        seed: The run's.
        homes: The homes whose bridges and hub may; none: the built-in ones.
    """
    tasks: list[Task] = []
    cases: dict[str, None] = {}
    broken: list[str] = []
    for suite, defects in wanted.items():
        # A server is judged by one client: which bridge that is says nothing of the server.
        clients = profiles if suite == "client" else profiles[:1]
        options = RunOptions(cases=SUITES[suite], profiles=clients, homes=homes, list_only=True)
        subjects = options.subjects
        found = run_suite(options).collected
        every, broken = found.every, broken + found.broken
        cases |= dict.fromkeys(row.case.partition("/")[0] for row in every)
        tasks += _tasks(suite, defects, subjects, every, depth, seed)
    planned = {task.facts.id for task in tasks}
    return Plan(
        tasks=tuple(tasks),
        cases=tuple(sorted(cases)),
        whole=all(one.id in planned for suite in wanted for one in known(suite)),
        depth=depth,
        seed=seed,
        homeless=tuple(
            one.id for defects in wanted.values() for one in defects if one.id not in planned
        ),
        broken=tuple(broken),
    )


def _tasks(
    suite: str,
    defects: "Sequence[DefectFacts]",
    subjects: "tuple[Subject, ...]",
    every: Sequence[About],
    depth: Depth,
    seed: int,
) -> Iterator[Task]:
    for facts in defects:
        named = {row.profile for row in every if names_row(facts, row)}
        shows = tuple(one for one in subjects if _shows(facts, one, named))
        if not shows:
            continue
        lap, place = divmod(_number(facts.id), len(shows))
        turn = shows[place].name
        names = [one.name for one in shows]
        rows = tuple(
            row
            for row in every
            if (depth is Depth.ALL and row.profile in names)
            or (row.profile in names and names_row(facts, row))
            or (depth is Depth.TURN and row.profile == turn and _turns(row, lap))
        )
        yield Task(facts=facts, subjects=shows, rows=rows, seed=seed, suite=suite)


def _shows(facts: "DefectFacts", subject: "Subject", named: set[str]) -> bool:
    """Tell whether a defect shows: on which bridges it says, in every home that its cases fit."""
    if isinstance(subject, Chosen):
        return facts.shows_on(subject.profile)
    return subject.name in named


def _turns(row: About, lap: int) -> bool:
    """Tell whether it is a row's turn: a case's always, a vector's once in so many laps."""
    return not row.vector or _number(row.vector) % _LAPS == lap % _LAPS


def _number(id: str) -> int:
    return int(re.sub(r"\D", "", id))


# Judging.


def judge(task: Task) -> Met:
    """Run the rows of a defect, and say who caught it.

    Raises:
        KeyboardInterrupt: Somebody pressed Ctrl-C.
    """
    profiles = tuple(one for one in task.subjects if isinstance(one, Chosen))
    options = RunOptions(
        cases=SUITES[task.suite],
        profiles=profiles,
        homes=tuple(one for one in task.subjects if not isinstance(one, Chosen)),
        defect=task.facts.id,
        only=frozenset(row.id for row in task.rows),
        seed=task.seed,
    )
    found = run_suite(options)
    if found.interrupted:
        raise KeyboardInterrupt
    vectors = {row.id: row.vector for row in task.rows if row.vector}
    failed = [one for one in found.results if one.verdict is Outcome.FAILED]
    caught = Counter(one.case.partition("/")[0] for one in failed)
    every = {row.case.partition("/")[0] for row in task.rows}
    return Met(
        id=task.facts.id,
        profiles=tuple(one.name for one in task.subjects),
        rows=len(found.results),
        caught_by=dict(sorted(caught.items())),
        passed_by=tuple(sorted(every - set(caught))),
        vectors=tuple(sorted({vectors[one.id] for one in failed if one.id in vectors})),
        missed=tuple(_missed(task, failed)),
        errors=sum(one.verdict is Outcome.ERROR for one in found.results),
        broken=tuple(found.collected.broken),
    )


def _missed(task: Task, failed: Iterable[CaseResult]) -> Iterator[str]:
    """Yield what a defect names that did not fail: a case on some bridge, a vector on all.

    A home that a case does not fit has no row of it.
    """
    facts = task.facts
    made = {(function_of(row.case), row.profile) for row in task.rows}
    by_vector = {function_of(row.case) for row in task.rows if row.vector and names_row(facts, row)}
    seen = {(function_of(one.case), one.profile) for one in failed}
    failing = {one.id for one in failed}
    for name in facts.caught_by:
        if facts.vectors and name in by_vector:
            continue  # its vectors answer for it
        for subject in task.subjects:
            due = isinstance(subject, Chosen) or (name, subject.name) in made
            if due and (name, subject.name) not in seen:
                yield f"{name} on {subject.name}"
    for vector in facts.vectors:
        if not any(row.id in failing for row in task.rows if row.vector == vector):
            yield f"vector {vector}"


def hold(plan: Plan, *, workers: int = 1, progress: Progress | None = None) -> Matrix:
    """Judge every task of a plan, and put the matrix together.

    Args:
        plan: Which defects meet which rows.
        workers: How many processes share the work.
        progress: Called after each defect.

    Returns:
        The matrix; after Ctrl-C, or when it is told to end, what was found until then.
    """
    began, interrupted = perf_counter(), False
    met: list[Met] = []
    with processes(workers) as spread:
        try:
            for one in spread(judge, plan.tasks):
                met.append(one)
                if progress is not None:
                    progress(len(met), len(plan.tasks))
        except KeyboardInterrupt:
            interrupted = True
    return Matrix(
        plan=plan,
        met=tuple(met),
        interrupted=interrupted,
        seconds=perf_counter() - began,
    )
