"""Trace requirements to the cases, vectors and defects that stand for them, and back.

Nothing stands alone: a requirement has a case or a written reason, and not both; a case judges a
requirement and catches a defect; a vector names a requirement; a defect is caught.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.recorder import About
from harness.requirements import catalogue
from harness.requirements.catalogue import Requirement

if TYPE_CHECKING:
    from emulator import DefectFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """Be one case: what it judges, by which vectors, and which defects it catches."""

    name: str
    about: About  # of one of its rows
    requirements: tuple[str, ...]
    vectors: tuple[str, ...]
    defects: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementRow:
    """Be one requirement: the cases that judge it, and what stands behind them.

    ``vectors`` are those that name it, by case; a defect stands for it that such a case catches,
    where vectors drive the case by one of these.
    """

    requirement: Requirement
    cases: tuple[CaseRow, ...]
    vectors: dict[str, tuple[str, ...]]
    defects: "tuple[DefectFacts, ...]"

    @property
    def covered(self) -> bool:
        """Tell whether a case judges it."""
        return bool(self.cases)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON holds it; cases, vectors and defects by their ids."""
        need = self.requirement
        return {
            "id": need.id,
            "title": need.title,
            "level": need.level,
            "evidence": need.evidence,
            "judge": need.judge,
            "uncovered": need.uncovered,
            "cases": [case.name for case in self.cases],
            "vectors": sorted({vector for found in self.vectors.values() for vector in found}),
            "defects": [defect.id for defect in self.defects],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Hold both ways of the matrix; rows stand in the order of the catalogue, and by name."""

    requirements: tuple[RequirementRow, ...]
    cases: tuple[CaseRow, ...]
    defects: "tuple[DefectFacts, ...]"

    @property
    def uncovered(self) -> tuple[Requirement, ...]:
        """Return the requirements that nothing judges yet."""
        return tuple(one.requirement for one in self.requirements if not one.covered)

    def problems(self) -> tuple[str, ...]:
        """Return what stands alone, a line each."""
        return (*self._of_requirements(), *self._of_cases(), *self._of_defects())

    def _of_requirements(self) -> Iterator[str]:
        for one in self.requirements:
            need = one.requirement
            if not one.covered and not need.uncovered:
                yield f"{need.id}: found no case and no reason, wanted a case or `uncovered`"
            if one.covered and need.uncovered:
                yield f"{need.id}: found a case and a reason, wanted no `uncovered` beside a case"

    def _of_cases(self) -> Iterator[str]:
        for one in self.cases:
            if not one.requirements:
                yield f"{one.name}: found no requirement, wanted one that the case judges"
            if not one.defects:
                yield f"{one.name}: found no defect that it catches, wanted one"

    def _of_defects(self) -> Iterator[str]:
        functions = {_function(one.name) for one in self.cases}
        vectors = {vector for one in self.cases for vector in one.vectors}
        driven = {_function(one.name) for one in self.cases if one.vectors}
        for one in self.defects:
            if not one.caught_by:
                yield f"{one.id}: found no case that catches it, wanted one"
            for name in sorted({*one.caught_by} - functions):
                yield f"{one.id}: caught_by: found {name}, wanted the name of a case"
            for name in sorted({*one.vectors} - vectors):
                yield f"{one.id}: vectors: found {name}, wanted a vector that a case runs"
            if one.caught_by and not one.vectors and {*one.caught_by} <= driven:
                yield f"{one.id}: vectors: found none, wanted those of its cases that catch it"

    def plain(self) -> dict[str, Any]:
        """Return all of it as JSON holds it."""
        vectors = {vector for one in self.cases for vector in one.vectors}
        return {
            "requirements": [one.plain() for one in self.requirements],
            "cases": [_plain_case(one) for one in self.cases],
            "defects": [
                {
                    "id": one.id,
                    "title": one.title,
                    "cases": list(one.caught_by),
                    "vectors": list(one.vectors),
                }
                for one in self.defects
            ],
            "totals": {
                "requirements": len(self.requirements),
                "covered": len(self.requirements) - len(self.uncovered),
                "not_covered_yet": len(self.uncovered),
                "cases": len(self.cases),
                "vectors": len(vectors),
                "defects": len(self.defects),
            },
            "complete": not self.uncovered,
            "problems": list(self.problems()),
        }


def _plain_case(one: CaseRow) -> dict[str, Any]:
    return {
        "case": one.name,
        "requirements": list(one.requirements),
        "vectors": list(one.vectors),
        "defects": list(one.defects),
    }


def collect() -> tuple[About, ...]:
    """Return every row of every suite, on one profile: what it judges is the same on each.

    Raises:
        RuntimeError: Cases cannot be read; without them the matrix would be a lie.
    """
    from harness.runner import run_suite
    from harness.suite import SUITES, RunOptions, built_in

    one = built_in()[:1]
    runs = (RunOptions(list_only=True, profiles=one, cases=cases) for cases in SUITES.values())
    found = [run_suite(options).collected for options in runs]
    if broken := [line for each in found for line in each.broken]:
        raise RuntimeError("; ".join(broken))
    return tuple(row for each in found for row in each.every)


def matrix(every: Sequence[About], defects: "Sequence[DefectFacts] | None" = None) -> Matrix:
    """Return which requirement is judged by what, and what each case is there for.

    Args:
        every: The rows of cases, of one profile or of several.
        defects: Those that can be planted; None: all that there are.
    """
    if defects is None:
        from harness.defects import known

        defects = known()
    named: defaultdict[str, list[About]] = defaultdict(list)
    for one in every:
        named[_name(one)].append(one)
    catchers = _catchers(defects)
    cases = {name: _case_row(name, rows, catchers) for name, rows in sorted(named.items())}
    return Matrix(
        requirements=_requirement_rows(named, cases, defects),
        cases=tuple(cases.values()),
        defects=tuple(defects),
    )


def _name(one: About) -> str:
    """Return the name of the case that a row is of: topic and function."""
    return one.case.partition("/")[0]


def _function(name: str) -> str:
    return name.partition("::")[2]


def _catchers(defects: "Sequence[DefectFacts]") -> dict[str, list[str]]:
    """Return the ids of the defects that each function catches."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in defects:
        for name in one.caught_by:
            found[name].append(one.id)
    return found


def _case_row(name: str, rows: Sequence[About], catchers: dict[str, list[str]]) -> CaseRow:
    return CaseRow(
        name=name,
        about=rows[0],
        requirements=tuple(sorted({need.id for row in rows for need in row.coverage.requirements})),
        vectors=tuple(sorted({row.vector for row in rows if row.vector})),
        defects=tuple(catchers.get(_function(name), ())),
    )


def _requirement_rows(
    named: dict[str, list[About]], cases: dict[str, CaseRow], defects: "Sequence[DefectFacts]"
) -> tuple[RequirementRow, ...]:
    """Return a row for each requirement of the catalogue."""
    judging: defaultdict[str, dict[str, set[str]]] = defaultdict(dict)
    for name, rows in named.items():
        for row in rows:
            for need in row.coverage.requirements:
                found = judging[need.id].setdefault(name, set())
                if row.vector:
                    found.add(row.vector)
    named_by = [(one, frozenset((*one.caught_by, *one.vectors))) for one in defects]
    made = []
    for need in catalogue.load().values():
        vectors = {name: tuple(sorted(judging[need.id][name])) for name in sorted(judging[need.id])}
        told = {_function(name) for name, driving in vectors.items() if not driving}
        told |= {vector for driving in vectors.values() for vector in driving}
        made.append(
            RequirementRow(
                requirement=need,
                cases=tuple(cases[name] for name in vectors),
                vectors={name: driving for name, driving in vectors.items() if driving},
                defects=tuple(one for one, names in named_by if not told.isdisjoint(names)),
            )
        )
    return tuple(made)


def folded(ids: Sequence[str]) -> str:
    """Return ids for people: three or more that follow one another are told by first and last."""
    runs: list[list[str]] = []
    for each in ids:
        number = each[len(each.rstrip("0123456789")) :]
        follows = f"{each.removesuffix(number)}{int(number) - 1:0{len(number)}}"
        if runs and runs[-1][-1] == follows:
            runs[-1].append(each)
        else:
            runs.append([each])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs)
