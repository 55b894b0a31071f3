"""Nothing stands alone: requirements, cases, vectors and defects are held against one another."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from emulator import DefectFacts
from harness.covers import Coverage
from harness.recorder import About
from harness.requirements import catalogue
from harness.suite import SUITES
from harness.traceability import Matrix, collect, folded, matrix


@pytest.fixture(scope="module")
def shipped() -> Matrix:
    return matrix(collect())


def row(case: str, *requirements: str, vector: str = "") -> About:
    found = tuple(catalogue.find(each) for each in requirements)
    return About(
        id=f"{case}[B1]",
        case=case,
        topic=case.partition("::")[0],
        profile="B1",
        coverage=Coverage(requirements=found),
        attack="",
        expect="",
        source="",
        vector=vector,
    )


def defect(id: str, *cases: str, vectors: tuple[str, ...] = ()) -> DefectFacts:
    return DefectFacts(
        id=id, title="t", copies="c", caught_by=cases, vectors=vectors, where={}, replaces=()
    )


def problems(rows: Sequence[About], *defects: DefectFacts) -> list[str]:
    """Return the problems, but for the requirements that these few rows leave without a case."""
    return [one for one in matrix(rows, defects).problems() if "found no case and" not in one]


# What is shipped.


def test_nothing_that_is_shipped_stands_alone(shipped: Matrix) -> None:
    assert shipped.problems() == ()


def test_both_ways_say_the_same(shipped: Matrix) -> None:
    one_way = {
        (need.requirement.id, case.name) for need in shipped.requirements for case in need.cases
    }
    other_way = {(need, case.name) for case in shipped.cases for need in case.requirements}
    assert one_way == other_way
    assert len(one_way) > 200


def test_every_requirement_keeps_its_place_in_the_totals(shipped: Matrix) -> None:
    totals = shipped.plain()["totals"]
    assert totals["requirements"] == len(catalogue.load())
    assert totals["covered"] + totals["not_covered_yet"] == totals["requirements"]
    reasons = [one.id for one in catalogue.load().values() if one.uncovered]
    assert [one.id for one in shipped.uncovered] == reasons
    assert totals["not_covered_yet"] == len(reasons)
    assert shipped.plain()["complete"] is not bool(reasons)


def test_cases_of_every_suite_are_there(shipped: Matrix) -> None:
    names = {one.name for one in shipped.cases}
    assert "wait::block_period_is_a_rate_limit" in names
    assert any(name.startswith("server_") for name in names)


def test_cases_that_cannot_be_read_are_no_matrix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "test_broken.py").write_text("import nothing_of_this_name\n", encoding="utf-8")
    monkeypatch.setitem(SUITES, "client", tmp_path)
    with pytest.raises(RuntimeError, match=r"test_broken\.py: .*nothing_of_this_name"):
        collect()


# What is planted.


def test_a_requirement_without_case_and_reason_is_found() -> None:
    found = matrix([], []).problems()
    need = "OTA-C-051: found no case and no reason, wanted a case or `uncovered`"
    assert need in found
    assert not [one for one in found if one.startswith("GB-020:")]  # it has a reason


def test_a_requirement_with_case_and_reason_is_found() -> None:
    assert catalogue.find("GB-020").uncovered
    found = problems([row("a::b", "GB-020")], defect("D1", "b"))
    assert found == ["GB-020: found a case and a reason, wanted no `uncovered` beside a case"]


def test_a_case_without_requirement_is_found() -> None:
    found = problems([row("a::b")], defect("D1", "b"))
    assert found == ["a::b: found no requirement, wanted one that the case judges"]


def test_a_case_that_catches_nothing_is_found() -> None:
    found = problems([row("a::b", "OTA-C-051"), row("a::c", "OTA-C-051")], defect("D1", "b"))
    assert found == ["a::c: found no defect that it catches, wanted one"]


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        (defect("D2"), "D2: found no case that catches it, wanted one"),
        (defect("D2", "x"), "D2: caught_by: found x, wanted the name of a case"),
        (
            defect("D2", "b", vectors=("IV-999",)),
            "D2: vectors: found IV-999, wanted a vector that a case runs",
        ),
    ],
)
def test_a_defect_that_nobody_catches_is_found(planted: DefectFacts, complaint: str) -> None:
    assert problems([row("a::b", "OTA-C-051")], defect("D1", "b"), planted) == [complaint]


def test_a_defect_of_vectors_that_names_none_is_found() -> None:
    rows = [row("a::b/IV-001", "OTA-C-051", vector="IV-001")]
    named = defect("D1", "b", vectors=("IV-001",))
    wanted = "D2: vectors: found none, wanted those of its cases that catch it"
    assert problems(rows, named, defect("D2", "b")) == [wanted]
    assert problems([*rows, row("a::c", "OTA-C-051")], named, defect("D2", "b", "c")) == []


def test_a_vector_stands_for_what_it_names() -> None:
    rows = [
        row("a::b/IV-001", "OTA-C-051", vector="IV-001"),
        row("a::b/IV-002", "GB-007", vector="IV-002"),
    ]
    made = matrix(rows, [defect("D1", "b", vectors=("IV-001",))])
    needs = {one.requirement.id: one for one in made.requirements}
    assert needs["OTA-C-051"].vectors == {"a::b": ("IV-001",)}
    assert [one.id for one in needs["OTA-C-051"].defects] == ["D1"]
    assert needs["GB-007"].vectors == {"a::b": ("IV-002",)}
    assert needs["GB-007"].defects == ()  # the other vector tells that defect
    (case,) = made.cases
    assert (case.requirements, case.vectors) == (("GB-007", "OTA-C-051"), ("IV-001", "IV-002"))


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        ([], ""),
        (["IV-009"], "IV-009"),
        (["IV-009", "IV-010"], "IV-009, IV-010"),
        (["IV-009", "IV-010", "IV-011", "IV-013"], "IV-009 to IV-011, IV-013"),
        (["FF-002", "IV-001", "IV-002", "IV-003"], "FF-002, IV-001 to IV-003"),
        (["IV-999", "IV-1000", "IV-1001"], "IV-999, IV-1000, IV-1001"),
        (["D099", "D100", "D101"], "D099 to D101"),
    ],
)
def test_ids_in_a_row_are_folded(ids: list[str], told: str) -> None:
    assert folded(ids) == told
