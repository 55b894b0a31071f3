"""The chart of a home is true to its outcome, and its page opens alone and reads without colour."""

import json
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.units import HOUR, MINUTE, SECOND
from harness.premises.outcome import (
    BridgeState,
    HomeState,
    Outcome,
    Rollback,
    StageKind,
)
from harness.report import manifest, premises_folder
from harness.report.premises_chart import BREAK, MOST_DRAWN, lay_out, stretches
from harness.report.premises_page import Setting, page
from harness.trace import Trace
from tests.harness.html_page import Page
from tests.premises.outcomes import bridge, device, outcome, stretch

SETTING = Setting(command=("hanover", "premises", "C1"), images={"near": "10 octets"})
HOSTILE = "<script>alert(1)</script>&\"'"


def rebooted() -> Outcome:
    """Return a home whose near bridge restarted, tried its image, and went back."""
    spans = (
        stretch("near", StageKind.UP, 0, 10 * SECOND),
        stretch("near", StageKind.REBOOTING, 10 * SECOND, 15 * SECOND),
        stretch("near", StageKind.TRIAL, 15 * SECOND, 20 * MINUTE),
        stretch("near", StageKind.UP, 20 * MINUTE, 2 * HOUR),
        stretch("remote_ihd", StageKind.UP, 0, 10 * SECOND),
        stretch("remote_ihd", StageKind.DARK, 10 * SECOND, 15 * SECOND),
        stretch("remote_ihd", StageKind.UP, 15 * SECOND, 2 * HOUR),
    )
    back = Rollback(at_us=20 * MINUTE, why="it did not reach remote_ihd", pair=("near 2", "it 1"))
    return outcome(
        bridges=(
            bridge("near", state=BridgeState.BACK, confirmed_us=None, rollbacks=(back,)),
            bridge("remote_ihd", confirmed_us=8 * SECOND),
        ),
        devices=(device("display", dark=((9 * SECOND, 16 * SECOND),)),),
        spans=spans,
        state=HomeState.PARTIAL,
    )


def test_every_lane_runs_from_the_offer_to_the_end_without_a_gap() -> None:
    chart = lay_out(rebooted())
    assert [one.name for one in chart.lanes] == ["near", "remote_ihd", "display"]
    ends = set()
    for lane in chart.lanes:
        for before, after in pairwise(lane.bars):
            assert after.x == pytest.approx(before.x + before.width, abs=0.2)
        ends.add((lane.bars[0].x, round(lane.bars[-1].x + lane.bars[-1].width)))
    assert len(ends) == 1
    assert ends.pop()[1] <= chart.width


def test_quiet_time_is_short_and_says_so() -> None:
    chart = lay_out(rebooted())
    last = chart.lanes[0].bars[-1]
    assert last.stage is StageKind.UP
    assert last.width <= BREAK
    (quiet,) = [one for one in chart.breaks if one.x == last.x]
    assert quiet.text == "1 h 40 min 0.0 s, drawn shorter than it was"


def test_five_seconds_beside_two_hours_can_be_seen() -> None:
    chart = lay_out(rebooted())
    rebooting = chart.lanes[0].bars[1]
    assert (rebooting.stage, rebooting.label) == (StageKind.REBOOTING, "")  # no room for the word
    assert rebooting.width >= 4
    assert rebooting.title == "near: rebooting from 10.0 s for 5.0 s"


def test_rollback_and_confirmation_stand_where_they_were() -> None:
    chart = lay_out(rebooted())
    (back,), (kept,) = chart.lanes[0].events, chart.lanes[1].events
    assert (back.sign, back.x) == ("↩", chart.lanes[0].bars[3].x)
    assert back.title == "near went back after 20 min 0.0 s: it did not reach remote_ihd"
    first = chart.lanes[1].bars[0]
    assert kept.sign == "✓"
    assert first.x < kept.x < first.x + first.width


def test_device_that_was_dark_before_the_offer_is_dark_from_the_offer_on() -> None:
    dark = ((-9 * SECOND, -SECOND), (-SECOND // 2, 3 * SECOND), (MINUTE, 2 * HOUR))
    one = outcome(bridges=(), devices=(device("meter", dark=dark),), spans=())
    assert stretches(one)["meter"] == [
        stretch("meter", StageKind.DARK, 0, 3 * SECOND),
        stretch("meter", StageKind.UP, 3 * SECOND, MINUTE),
        stretch("meter", StageKind.DARK, MINUTE, 2 * HOUR),
    ]


def test_device_without_supply_is_off_and_not_dark() -> None:
    one = replace(device("display", dark=((MINUTE, 2 * MINUTE),)), off=((2 * MINUTE, HOUR),))
    assert stretches(outcome(devices=(one,)))["display"] == [
        stretch("display", StageKind.UP, 0, MINUTE),
        stretch("display", StageKind.DARK, MINUTE, 2 * MINUTE),
        stretch("display", StageKind.OFF, 2 * MINUTE, HOUR),
        stretch("display", StageKind.UP, HOUR, 2 * HOUR),
    ]


def test_labels_of_the_axis_do_not_overlap() -> None:
    chart = lay_out(rebooted())
    assert chart.ticks[0].text == "0:00:00"
    assert chart.ticks[-1].text == "2:00:00"
    assert all(after.x - before.x >= 60 for before, after in pairwise(chart.ticks))


def test_home_that_was_stopped_at_once_has_a_chart() -> None:
    chart = lay_out(outcome(bridges=(bridge("near"),), devices=(), spans=(), virtual_us=0))
    assert chart.lanes[0].bars == ()


def test_more_stretches_than_an_eye_can_take_are_counted() -> None:
    many = MOST_DRAWN + 5
    spans = tuple(
        stretch("near", (StageKind.UP, StageKind.OFF)[at % 2], at * SECOND, (at + 1) * SECOND)
        for at in range(many)
    )
    one = outcome(bridges=(bridge("near"),), spans=spans, virtual_us=many * SECOND)
    (lane,) = lay_out(one).lanes
    assert (len(lane.bars), lane.hidden) == (MOST_DRAWN, 5)
    assert "5 more stretches of near are not drawn" in page(one, SETTING)


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_time_never_runs_back_on_the_chart(seed: int, count: int) -> None:
    rng = random.Random(seed)
    at, spans = 0, []
    for _ in range(count):
        length = rng.choice((1, SECOND, MINUTE, 5 * HOUR)) * rng.randrange(1, 9)
        spans.append(stretch("near", rng.choice(list(StageKind)), at, at + length))
        at += length
    chart = lay_out(outcome(bridges=(bridge("near"),), spans=tuple(spans), virtual_us=at))
    (lane,) = chart.lanes
    assert len(lane.bars) == count
    assert all(one.width > 0 for one in lane.bars)
    assert all(before.x < after.x for before, after in pairwise(lane.bars))
    assert lane.bars[-1].x + lane.bars[-1].width <= chart.width


# The page.


def test_page_is_one_file_that_loads_nothing(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(rebooted(), SETTING), "utf-8")
    read = Page(file)
    assert {one for one in read.references if not one.startswith("#")} == set()
    assert (read.tags["script"], read.tags["link"], read.handlers) == (0, 0, [])
    assert "url(http" not in file.read_text("utf-8")
    assert len(read.ids) == len(set(read.ids))


def test_page_says_what_the_outcome_says(tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(rebooted(), SETTING), "utf-8")
    text = Page(file).text
    for said in (
        "C1 (smallest): partial",
        "near went back after 20 min 0.0 s: it did not reach remote_ihd (near 2, it 1)",
        "display remote_ihd 7.0 s 7.0 s 12 1 1",
        "remote_ihd near remotes first",
        "hanover premises C1",
        "near rebooting 10.0 s 5.0 s",  # the table under the chart
    ):
        assert said in text, said


def test_each_stage_of_the_chart_has_a_word_and_a_pattern(tmp_path: Path) -> None:
    spans = tuple(
        stretch("near", stage, at * MINUTE, (at + 1) * MINUTE) for at, stage in enumerate(StageKind)
    )
    every = outcome(bridges=(bridge("near"),), spans=spans, virtual_us=len(spans) * MINUTE)
    file = tmp_path / "page.html"
    file.write_text(page(every, SETTING), "utf-8")
    read = Page(file)
    assert {*map(str, StageKind)} <= set(read.ids)
    assert all(f"{stage}: " in read.text for stage in StageKind)
    assert read.tags["pattern"] == len(StageKind)
    plain = file.read_text("utf-8")
    bodies = [
        part.split("</pattern>")[0].split("<rect", 1)[1] for part in plain.split("<pattern")[1:]
    ]
    drawn = [body.partition("/>")[2] for body in bodies]
    assert len(set(drawn)) == len(StageKind) - 1  # "up" and "off" are bare; "off" is dashed
    assert ".s-off { stroke-dasharray" in plain


@pytest.mark.parametrize("state", HomeState)
def test_every_ending_has_words_and_a_sign(state: HomeState) -> None:
    bridges = tuple(bridge(str(ended), state=ended) for ended in BridgeState)
    text = page(outcome(bridges=bridges, state=state), SETTING)
    assert f"C1 (smallest): {state}</h1>" in text
    assert all(f" {ended}</td>" in text for ended in BridgeState)


def test_what_a_file_says_is_text_and_nothing_else(tmp_path: Path) -> None:
    one = outcome(bridges=(bridge("near", type=HOSTILE, why=HOSTILE),), alerts=(HOSTILE,))
    setting = Setting(command=("hanover", HOSTILE), images={"near": HOSTILE}, faults=(HOSTILE,))
    file = tmp_path / "page.html"
    file.write_text(page(one, setting), "utf-8")
    assert Page(file).tags["script"] == 0


# The folder.


def test_folder_is_sealed_and_a_change_is_found(tmp_path: Path) -> None:
    one = rebooted()
    trace = Trace()
    trace(5, "near", "power", "on")
    seal = premises_folder.write(tmp_path, one, SETTING, trace)
    assert manifest.verify(tmp_path) == (seal, ())
    assert json.loads((tmp_path / "premises.json").read_text()) == one.to_json()
    (line,) = (tmp_path / "trace.jsonl").read_text().splitlines()
    assert json.loads(line) == {"t_us": 5, "who": "near", "what": "power", "text": "on"}
    page_file = tmp_path / "premises.html"
    page_file.write_text(page_file.read_text().replace("partial", "confirmed"))
    _, problems = manifest.verify(tmp_path)
    assert [one.partition(":")[0] for one in problems] == ["premises.html"]


def test_trace_of_an_earlier_home_goes_and_strangers_files_stay(tmp_path: Path) -> None:
    (tmp_path / "trace.jsonl").write_text("mine")
    premises_folder.write(tmp_path, rebooted(), SETTING, None)
    assert (tmp_path / "trace.jsonl").read_text() == "mine"  # there was no home before
    premises_folder.write(tmp_path, rebooted(), SETTING, Trace())
    premises_folder.write(tmp_path, replace(rebooted(), seed=2), SETTING, None)
    assert not (tmp_path / "trace.jsonl").exists()
    assert manifest.verify(tmp_path)[1] == ()


def test_outcome_of_a_device_tells_when_it_was_dark() -> None:
    (told,) = rebooted().to_json()["devices"]
    assert told["dark"] == [[9 * SECOND, 16 * SECOND]]
