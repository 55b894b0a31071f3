"""Cut a home's supplies everywhere: honest homes keep all, broken ones are found."""

import json
from collections import Counter
from pathlib import Path

import pytest

from emulator.actions import Happening, Report
from harness.cli.main import run_command
from harness.premises.household import Household
from harness.premises.load import load
from harness.premises.model import WHOLE
from harness.sweep.engine import Ending
from harness.sweep.home import Ear, HomeSweeper, HomeVerdict, Survey, Trouble
from harness.sweep.home_points import KINDS, LIVES, HomePoint, read_home_point
from harness.sweep.home_workers import HomeTask, replay, sweep
from harness.sweep.points import Cut, PointError
from harness.sweep.promises import Broken
from harness.sweep.recording import EmptyPhaseError

SIZE = 600


def sweeper(life: str, name: str = "C1", **more: object) -> HomeSweeper:
    return HomeSweeper(load(name), LIVES[life], SIZE, **more)  # type: ignore[arg-type]


def task(life: str, **more: object) -> HomeTask:
    made = {"premises": load("C1"), "life": life, "size": SIZE, "command": "hanover sweep"}
    return HomeTask(**made | more)  # type: ignore[arg-type]


# Points.


def test_every_point_is_read_as_it_is_printed() -> None:
    premises = load("C6")
    for life in LIVES:
        points = sweeper(life, "C6").points
        assert len(points) == len(set(points)) > 300
        assert [read_home_point(str(one), premises) for one in points] == list(points)


def test_all_supplies_fail_in_every_way_and_phase() -> None:
    points = sweeper("upgrade", "C7").points
    bridges = [one.name for one in load("C7").bridges]
    assert {(one.who, one.kind) for one in points} >= {
        (who, kind) for who in bridges for kind in KINDS
    }
    whole = Counter(one.kind == "idle" for one in points if one.who == WHOLE)
    assert whole == {False: 96, True: 48}
    phases = {"boot", "download", "record", "staging", "swap", "trial"}
    assert {one.phase for one in points if one.phase} == phases


def test_seed_and_every_choose_the_points() -> None:
    every, some = sweeper("upgrade").points, sweeper("upgrade", every=7).points
    assert list(some) == list(every)[::7]
    assert list(sweeper("upgrade", every=7, seed=1).points) != list(some)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uprade/near/torn@1", "found life 'uprade', wanted one of upgrade, near-apart"),
        ("upgrade/neer/torn@1", "found 'neer', wanted one of near, remote_ihd, home"),
        ("upgrade/near/worn@1", "found kind 'worn', wanted one of before, after"),
        ("upgrade/near/idle@12", "found '12', wanted a moment, as 83000001us"),
        ("upgrade/near/torn@x", r"found 'x', wanted OPERATION\[:OCTETS\]"),
        ("upgrade/near/torn@near:1", r"found 'near:1', wanted OPERATION\[:OCTETS\]"),
        ("upgrade/near/torn@foo:1", r"found 'foo:1', wanted OPERATION\[:OCTETS\]"),
        ("upgrade/home/torn@1", r"found '1', wanted BRIDGE:OPERATION\[:OCTETS\]"),
        ("upgrade/home/torn@hub:1", r"found 'hub:1', wanted BRIDGE:OPERATION\[:OCTETS\]"),
    ],
)
def test_what_is_no_point_is_said(text: str, message: str) -> None:
    with pytest.raises(PointError, match=message):
        read_home_point(text, load("C1"))


def test_cut_at_an_operation_that_never_comes_is_a_mistake() -> None:
    with pytest.raises(PointError, match=r"found only \d+ operations of near, wanted one to cut"):
        replay(task("upgrade"), HomePoint("upgrade", "near", Cut(9999, "before"), "near"))


def test_idle_moment_behind_the_end_of_a_life_is_a_mistake() -> None:
    with pytest.raises(PointError, match=r"found a life of \d+ us, wanted a moment in it"):
        replay(task("upgrade"), HomePoint("upgrade", "near", at_us=10**12))


# Honest homes.


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("name", ["C1", "C7", "C7-alternative"])
def test_honest_home_keeps_every_promise(name: str, life: str) -> None:
    made = sweeper(life, name, every=149, seed=5)
    assert len(made.points) > 5
    for point in made.points:
        assert made.judge(point) == HomeVerdict(point, Ending())


def test_cut_comes_where_it_was_planned_and_the_home_goes_on() -> None:
    premises = load("C6")
    calm = Survey(premises, LIVES["upgrade"], SIZE)
    assert calm.live() == Ending()
    for text in ("upgrade/near/torn@30:8", "upgrade/home/before@remote_ihd:60"):
        point = read_home_point(text, premises)
        cut = Survey(premises, LIVES["upgrade"], SIZE)
        cut.cut(point, 0)
        assert cut.live() == Ending()
        assert cut.struck
        for name, one in cut.home.chronicle.records.items():
            more = one.boots - calm.home.chronicle.records[name].boots
            mains = premises.bridge(name).profile.power == "mains"
            dark = name == point.bridge or (point.who == WHOLE and mains)
            assert more == int(dark), (text, name)


def reports_of(home: Household, name: str) -> list[Happening]:
    """Return a list that grows by what a bridge reports; who listened already still does."""
    heard: list[Happening] = []
    ear = home.trace
    assert isinstance(ear, Ear)
    judging = ear.listener

    def listen(now: int, who: str, what: str, subject: object) -> None:
        if who == name and isinstance(subject, Report):
            heard.append(subject.what)
        judging(now, who, what, subject)

    ear.listener = listen
    return heard


def test_bridge_that_is_cut_before_it_can_say_that_it_confirmed_counts_as_confirmed() -> None:
    points = sweeper("upgrade", who=("near", "remote_ihd"), kinds=("after",)).points
    last = [one for one in points if one.phase == "trial"]
    unsaid = 0
    for point in last:
        cut = Trouble(load("C1"), LIVES["upgrade"], SIZE)
        said = reports_of(cut.home, point.bridge)
        cut.cut(point, 0)
        assert cut.home.start()
        outcome = cut.home.upgrade()
        assert outcome.good, (point, outcome.summary())
        assert Happening.BOOTED in said
        unsaid += Happening.CONFIRMED not in said
    assert unsaid == 2  # one operation of each bridge makes the new image its own


def test_life_that_shows_nothing_of_a_phase_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made = sweeper("upgrade")
    monkeypatch.setattr("harness.sweep.home.phase_of", lambda *_, on_trial: "download")
    with pytest.raises(EmptyPhaseError, match="C1, life upgrade, near, phase boot: found no"):
        _ = made.points


# Broken homes: without a cut nobody would know.


def test_near_bridge_that_forgets_whom_it_served_strands_a_home_only_after_a_cut() -> None:
    made = sweeper("near-apart", who=("near",), kinds=("before",), defect="D405")
    points = made.points  # a life without a cut keeps every promise
    broken = next(each for each in map(made.judge, points[::-1]) if not each.ending.good)
    assert broken.point.phase == "trial"
    assert broken.ending.promise == 8
    assert broken.ending.found == "remote_ihd: nobody can read what it runs"
    assert replay(task("near-apart", defect="D405"), broken.point) == broken
    assert replay(task("near-apart"), broken.point).ending == Ending()


def test_download_that_begins_anew_when_the_near_bridge_was_away_is_found() -> None:
    more = {"who": ("near",), "kinds": ("idle",)}
    bad = HomeSweeper(load("C1"), LIVES["upgrade"], 12_000, defect="D414", **more)  # type: ignore[arg-type]
    good = HomeSweeper(load("C1"), LIVES["upgrade"], 12_000, **more)  # type: ignore[arg-type]
    ends = [bad.judge(one).ending for one in bad.points[::4]]
    assert {one.promise for one in ends} == {0, 3}
    assert "remote_ihd: goes on at 0, wanted " in next(one.found for one in ends if one.promise)
    assert all(good.judge(one).ending.good for one in good.points[::4])


def test_bridge_whose_code_fails_does_not_boot_and_a_judge_that_fails_is_no_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Survey(load("C1"), LIVES["upgrade"], SIZE)
    monkeypatch.setattr("emulator.device.outbox.FRAME_OCTETS", None)
    ending = made.live()
    assert (ending.promise, ending.found.partition(":")[0]) == (1, "a bridge stops")
    monkeypatch.undo()
    made = Survey(load("C1"), LIVES["upgrade"], SIZE)
    monkeypatch.setattr("harness.sweep.home.phase_of", None)
    with pytest.raises(TypeError):
        made.live()


def test_life_that_breaks_a_promise_without_a_cut_is_found_and_has_no_points() -> None:
    with pytest.raises(Broken, match=r"promise 8 .*: remote_ihd: nobody can read what it runs"):
        _ = sweeper("near-apart", defect="D403").points
    report = sweep([task("near-apart", defect="D403"), task("remote-apart", every=500)])
    assert report.exit_code == 1
    assert [one.point for one in report.found.failures] == ["near-apart"]
    assert report.found.failures[0].profile == "C1"


def test_workers_change_nothing() -> None:
    tasks = [task(life, every=200, defect="D405") for life in LIVES]
    one, two = sweep(tasks, 1), sweep(tasks, 2)
    assert one.found == two.found
    assert one.planned == two.planned == one.found.total.points
    assert not one.interrupted


# The command.


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = run_command(["sweep", "--premises", "C1", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_command_counts_and_ends_with_0(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wanted = ("--every", "300", "--size", "600", "--out", str(tmp_path / "made"))
    code, text, err = run(capsys, *wanted)
    assert (code, err) == (0, "")
    assert text.startswith("phase ")
    document = json.loads((tmp_path / "made" / "sweep.json").read_text("utf-8"))
    assert document["failed"] == 0
    assert document["points"] == document["planned"] > 10
    assert {row["life"] for row in document["rows"]} == set(LIVES)
    assert {row["profile"].partition("/")[0] for row in document["rows"]} == {"C1"}


def test_command_finds_a_broken_promise_and_says_how_to_see_it_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    only = ("--life", "near-apart", "--bridge", "near", "--kinds", "after", "--every", "5")
    code, text, _ = run(capsys, *only, "--defect", "D405", "--json")
    document = json.loads(text)
    assert code == 1
    first = document["failures"][0]
    assert (first["profile"], first["promise"], first["phase"]) == ("C1/near", 8, "trial")
    words = first["replay"].split()
    assert words[:4] == ["hanover", "sweep", "--premises", "C1"]
    code, text, _ = run(capsys, *words[4:])
    assert code == 1
    assert text.startswith(f"C1 {first['point']}: promise 8 ")
    code, text, _ = run(capsys, "--replay", first["point"], "--json")
    assert (code, json.loads(text)["premises"]) == (0, "C1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--profile", "B1"), "--profile: found --premises beside it"),
        (("--pairs",), "--pairs: found --premises beside it"),
        (("--geometry", "4096:16:ff"), "--geometry: found --premises beside it"),
        (("--no-merge",), "--no-merge: found --premises beside it"),
        (("--bridge", "hub"), "--bridge: found 'hub', wanted one of near, remote_ihd, home of C1"),
        (("--life", "crash"), "--life: found 'crash', wanted one of upgrade, near-apart"),
        (("--kinds", "worn"), "--kinds: found 'worn', wanted some of before, after"),
        (("--defect", "D210"), "--defect: found D210, wanted a defect of --suite premises"),
        (("--replay", "upgrade/near"), "point upgrade/near: found kind '', wanted one of before"),
        (
            ("--life", "near-apart", "--replay", "upgrade"),
            "--life: found near-apart, wanted upgrade, that of --replay",
        ),
        (
            ("--premises", "C2", "--replay", "upgrade"),
            "--premises: found C1, C2, wanted one at most beside --replay",
        ),
        (("--bridge", "near", "--replay", "upgrade"), "--bridge: found --replay beside it"),
        (("--every", "2", "--replay", "upgrade"), "--every: found --replay beside it"),
        (("--size", "900000"), "--size: found 900000, wanted at most "),
        (("--size", str(10**12)), "--size: found 1000000000000, wanted at most "),
        (("--premises", "C8"), "--premises: "),
    ],
)
def test_wrong_use_ends_with_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, text, err = run(capsys, *arguments)
    assert (code, text) == (2, "")
    assert message in err


@pytest.mark.parametrize("option", [("--bridge", "near"), ("--every", "2")])
def test_options_of_homes_need_a_home(
    capsys: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    assert run_command(["sweep", *option]) == 2
    assert f"{option[0]}: found no --premises beside it" in capsys.readouterr().err
