"""A case says which requirements it judges, and an id that does not exist is an error at once."""

from pathlib import Path

import pytest

from harness.covers import coverage_of, covers
from harness.requirements.catalogue import UnknownRequirementError
from tests.harness import planted


def test_ids_are_kept_in_their_order() -> None:
    @covers("OTA-C-002", "OTA-C-001", needs="signature")
    def case() -> None:
        """Be one."""

    coverage = coverage_of(case)
    assert [each.id for each in coverage.requirements] == ["OTA-C-002", "OTA-C-001"]
    assert coverage.requirements[0].title == "UpgradeServerID is readable and of type EUI64"
    assert coverage.needs == "signature"


def test_a_function_without_a_mark_covers_nothing() -> None:
    assert coverage_of(test_ids_are_kept_in_their_order).requirements == ()


def test_an_unknown_id_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(UnknownRequirementError, match=r"OTA-C-0O2.*did you mean.*OTA-C-102"):
        covers("OTA-C-0O2")


@pytest.mark.parametrize("ids", [(), ("OTA-C-001", "OTA-C-001")])
def test_no_id_or_one_twice_is_an_error(ids: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="covers: "):
        covers(*ids)


def test_a_case_with_an_unknown_id_breaks_the_run(tmp_path: Path) -> None:
    code = '@covers("OTA-X-1")\ndef test_a(bench):\n    pass\n'
    found = planted.run(planted.plant(tmp_path, code))
    assert found.results == ()
    (problem,) = found.collected.broken
    assert "no requirement 'OTA-X-1'" in problem
