"""``hanover explain`` says what a requirement asks, and what here stands for it."""

import json
from typing import Any

import pytest

from emulator.profiles import load
from harness.cli.explain import _explain
from harness.cli.main import run_command
from harness.requirements import catalogue


@pytest.fixture(scope="module")
def uncovered() -> str:
    """Return a requirement that no case judges yet."""
    return next(one.id for one in catalogue.load().values() if one.uncovered)


def lines_of(capsys: pytest.CaptureFixture[str], *ids: str) -> list[str]:
    assert run_command(["explain", *ids]) == 0
    return capsys.readouterr().out.splitlines()


def documents(capsys: pytest.CaptureFixture[str], *ids: str) -> list[dict[str, Any]]:
    assert run_command(["explain", *ids, "--json"]) == 0
    made: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["requirements"]
    return made


def test_a_requirement_is_told_with_source_cases_and_defects(
    capsys: pytest.CaptureFixture[str],
) -> None:
    need = catalogue.find("OTA-C-051")
    lines = lines_of(capsys, "OTA-C-051")
    assert lines[0] == f"OTA-C-051  {need.title}"
    assert f"  level     {need.level}, evidence {need.evidence}; judges the device" in lines
    assert f"  source    {need.source}" in lines
    assert f"  stimulus  {need.stimulus}" in lines
    assert f"  expected  {need.expected}" in lines
    cases = [line for line in lines if line.startswith("  case      ")]
    names = [line.split()[1] for line in cases]
    assert len(names) == len(set(names)), "one line a case, however many parameters it has"
    told = next(line for line in cases if "wait::block_period_is_a_rate_limit:" in line)
    assert told.startswith("  case      wait::block_period_is_a_rate_limit: WAIT_FOR_DATA")
    assert any(line.startswith("  defect    D064: ") for line in lines)


def test_accept_set_and_switches_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    need = next(one for one in catalogue.load().values() if one.switches and one.accept)
    lines = lines_of(capsys, need.id)
    assert [f"  accepted  {one}" for one in need.accept] == [
        line for line in lines if line.startswith("  accepted  ")
    ]
    switches = [line for line in lines if line.startswith("  switch    ")]
    assert [line.split()[1] for line in switches] == [f"{key}:" for key in need.switches]
    for line in switches:
        assert [part.split()[0] for part in line.split(": ")[1].split(", ")] == list(load.names())


def test_every_switch_of_the_catalogue_is_a_key_of_a_profile() -> None:
    for one in _explain([each for each in catalogue.load().values() if each.switches]):
        assert set(one.switches) == set(one.row.requirement.switches)


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    (one,) = documents(capsys, "OTA-C-051")
    need = catalogue.find("OTA-C-051")
    assert {key: one[key] for key in ("id", "title", "level", "evidence", "source")} == {
        "id": "OTA-C-051",
        "title": need.title,
        "level": "mandatory",
        "evidence": "confirmed",
        "source": need.source,
    }
    assert "wait::block_period_is_a_rate_limit" in one["cases"]
    assert {"D064", "D065"} <= {defect["id"] for defect in one["defects"]}
    assert all(defect["title"] and defect["copies"] for defect in one["defects"])
    assert run_command(["trace", "OTA-C-051", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["requirements"]
    ids = [defect["id"] for defect in one["defects"]]
    assert {key: one[key] for key in row} | {"defects": ids} == row


def test_vectors_that_judge_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    lines = lines_of(capsys, "OTA-C-087")
    (told,) = [line for line in lines if "file_format::file_is_read_as_laid_out" in line]
    assert "vectors FF-002, FF-003" in told
    assert [line for line in lines if line.startswith("  defect    D107: ")]
    (one,) = documents(capsys, "OTA-C-087")
    assert {"FF-002", "FF-003"} <= set(one["vectors"])


def test_a_defect_that_other_vectors_catch_is_not_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (one,) = documents(capsys, "GB-007")  # judged by a vector of a case that catches many defects
    assert "image_verify::file_is_judged_as_expected" in one["cases"]
    assert "D102" not in {defect["id"] for defect in one["defects"]}


def test_several_are_told_in_the_order_of_asking(capsys: pytest.CaptureFixture[str]) -> None:
    assert [one["id"] for one in documents(capsys, "gb-066", "ota-c-051")] == [
        "GB-066",
        "OTA-C-051",
    ]
    lines = lines_of(capsys, "GB-066", "OTA-C-051")
    assert lines[lines.index("") + 1].startswith("OTA-C-051  ")


def test_a_requirement_without_a_case_says_so(
    capsys: pytest.CaptureFixture[str], uncovered: str
) -> None:
    lines = lines_of(capsys, uncovered)
    assert f"  case      none yet: {catalogue.find(uncovered).uncovered}" in lines
    assert not any(line.startswith("  defect ") for line in lines)
    (one,) = documents(capsys, uncovered)
    assert (one["cases"], one["defects"]) == ([], [])


@pytest.mark.parametrize(("id", "hint"), [("OTA-C-999", "did you mean OTA-C-0"), ("nonsense", "")])
def test_an_unknown_id_is_wrong_use(id: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["explain", "OTA-C-051", id]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"no requirement {id.upper()!r}" in said.err
    assert hint in said.err
    assert len(said.err.splitlines()) == 1
