"""``hanover defects`` shows every deliberate fault, what it copies, and what must catch it."""

import json

import pytest

from harness.cli import sweep
from harness.cli.defects import check_defect
from harness.cli.main import run_command
from harness.defects import SUITES, known, told


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run_command(["defects", *arguments]) == 0
    return capsys.readouterr().out


def test_every_defect_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    said = shown(capsys)
    for one in known():
        assert f"{one.id}  {one.title}\n" in said
        assert f"copies {told(one.copies)}; caught by {', '.join(one.caught_by)}\n" in said
    assert said.endswith(f"{len(known())} defects; hanover defects ID shows more of one\n")


def test_one_is_shown_with_what_it_replaces_and_how_it_is_planted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = shown(capsys, "d232", "D010")
    assert "D232  begins to exchange images anew after a power cut\n" in said
    assert "  replaces   swap\n" in said
    assert "  shows      where boot.scheme = swap\n" in said
    assert "  try        hanover run --defect D232 -k promises_outlive_power_cuts\n" in said
    assert "  shows      on every bridge\n" in said


def test_a_source_is_told_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert "  copies     ota.c of the Telink SDK applies after two\n" in shown(capsys, "D046")
    assert not [one.id for one in known() if "[" in told(one.copies)]


def test_json_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(shown(capsys, "--json"))["defects"]
    assert [one["id"] for one in found] == [one.id for one in known()]
    assert {one["suite"] for one in found} == set(SUITES)
    assert all(one["copies"] and one["replaces"] and one["caught_by"] for one in found)
    (one,) = [each for each in found if each["id"] == "D106"]
    assert one["replaces"] == ["steps (size)"]
    assert one["command"][:4] == ["hanover", "run", "--defect", "D106"]


def test_a_verification_defect_says_which_steps_it_replaces() -> None:
    (one,) = [each for each in known("client") if each.id == "D109"]
    assert one.replaces == ("steps (all of them)",)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["defects", "D0O17"], "found D0O17, wanted a defect; did you mean D017?"),
        (["defects", "xyz"], "found xyz, wanted a defect of D001 to D"),
        (
            ["run", "--defect", "D0O17"],
            "--defect: found D0O17, wanted a defect; did you mean D017?",
        ),
        (["run", "--defect", "xyz"], "--defect: found xyz, wanted a defect of D001 to D"),
        (
            ["run", "--defect", "D305"],
            "wanted a defect of --suite client: it is one of --suite server",
        ),
        (["run", "--suite", "server", "--defect", "d001"], "it is one of --suite client"),
        (["sweep", "--defect", "D0204"], "--defect: found D0204, wanted a defect; did you mean"),
    ],
)
def test_an_unknown_id_is_refused_with_the_nearest(
    command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(command) == 2
    streams = capsys.readouterr()
    assert (streams.out, said in streams.err) == ("", True)
    assert len(streams.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("suite", "id"), [("client", "d017"), ("server", " d336"), ("premises", "d403")]
)
def test_an_id_may_be_in_small_letters(suite: str, id: str) -> None:
    assert check_defect(suite, id) == id.strip().upper()


def test_a_sweep_plants_the_defect_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    planted: list[str | None] = []
    monkeypatch.setattr(sweep, "_sweep_bridges", lambda plan, *_: planted.append(plan.defect) or 0)
    monkeypatch.setattr(sweep, "sweep_homes", lambda given, *_: planted.append(given.defect) or 0)
    assert run_command(["sweep", "--defect", "d017"]) == 0
    assert run_command(["sweep", "--premises", "C1", "--defect", "d403"]) == 0
    assert planted == ["D017", "D403"]
