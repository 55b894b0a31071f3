"""A trace is read back whole, and what is drawn of it is what it holds."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from emulator.units import SECOND
from harness.report import exchange, sequence
from harness.report.exchange import EVERYBODY, Exchange, Message, Remark
from harness.report.offsets import Offsets, chart_offsets
from harness.report.sequence import Chart, lay_out
from harness.runner import run_suite
from harness.suite import RunOptions, Traces
from tests.harness.planted import ONE

LOST = "download::lost_block_is_asked_for_again/5"
WAITED = "download::wait_for_data_is_obeyed/offset"
PAGED = "pages::page_with_gaps/blocks_missing"


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Return the trace of each of three shipped cases."""
    out = tmp_path_factory.mktemp("run")
    options = RunOptions(profiles=ONE, match=(LOST, WAITED, PAGED), out=out, traces=Traces.ALL)
    found = run_suite(options).results
    return {one.case: out / str(one.trace) for one in found}


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def only(found: tuple[Exchange, ...]) -> Exchange:
    (one,) = found
    return one


def drawn(read: Exchange) -> Chart:
    chart = lay_out(read)
    assert chart is not None
    return chart


def offsets(read: Exchange) -> Offsets:
    chart = chart_offsets(read)
    assert chart is not None
    return chart


# Read back.


def test_every_datagram_of_a_trace_is_read_with_its_octets(traces: Mapping[str, Path]) -> None:
    sent = [row for row in rows(traces[LOST]) if row["what"] == "send"]
    read = only(exchange.read(traces[LOST])).messages
    assert [one.octets for one in read] == [row["octets"] for row in sent]
    assert [one.at for one in read] == [row["t_us"] for row in sent]
    assert [one.number for one in read] == list(range(1, len(sent) + 1))
    assert {one.sender for one in read} == {"hub", "dut"}
    assert {one.receiver for one in read} == {"hub", "dut", EVERYBODY}


def test_a_fault_is_the_fate_of_the_datagram_before_it(traces: Mapping[str, Path]) -> None:
    read = only(exchange.read(traces[LOST]))
    lost = [one for one in read.messages if one.fate]
    assert [(one.name, one.fate) for one in lost] == [("ImageBlockResponse", "lost")] * 5
    assert not any(isinstance(one, Remark) and one.kind == "fault" for one in read.moments)


def test_what_a_frame_says_is_told_short_and_in_all(traces: Mapping[str, Path]) -> None:
    read = only(exchange.read(traces[LOST])).messages
    block = next(one for one in read if one.name == "ImageBlockResponse")
    assert block.short.startswith("SUCCESS, version 0x02000000, offset 0")
    assert "data 40 octets " in block.fields
    assert "manufacturer" in block.fields
    assert "manufacturer" not in block.short


def test_a_bench_begins_where_time_does(tmp_path: Path) -> None:
    lines = [{"t_us": at, "who": "dut", "what": "power", "text": "on"} for at in (0, 7, 7, 3, 5, 0)]
    path = tmp_path / "trace.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    assert [len(one.moments) for one in exchange.read(path)] == [3, 2, 1]


@pytest.mark.parametrize("text", ["{}\n", "[1]\n", "7\n", "x\n", '{"t_us": 0, "what": "send"}\n'])
def test_what_is_no_trace_is_said_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's own, or ours
        exchange.read(path)


# The sequence.


def test_what_is_drawn_and_what_is_counted_is_all_there_is(traces: Mapping[str, Path]) -> None:
    read = only(exchange.read(traces[LOST]))
    chart = drawn(read)
    arrows = [row for row in chart.rows if row.kind == "message"]
    folds = [int(row.text.split()[0]) for row in chart.rows if row.kind == "fold"]
    assert len(arrows) + sum(folds) == len(read.messages)
    assert sum(folds) > len(arrows)  # a download is mostly more of the same
    assert [row.is_lost for row in arrows].count(True) == 5
    assert len([row for row in chart.rows if row.kind == "remark"]) == len(read.moments) - len(
        read.messages
    )


def test_arrows_go_from_who_spoke_to_who_was_meant(traces: Mapping[str, Path]) -> None:
    read = only(exchange.read(traces[LOST]))
    chart = drawn(read)
    hub, dut = (lane.x for lane in chart.lanes)
    assert [lane.name for lane in chart.lanes] == ["hub", "dut"]
    by_number = {one.number: one for one in read.messages}
    for row in chart.rows:
        if row.kind == "message":
            from_hub = by_number[row.number].sender == "hub"
            assert (row.x1 < row.x2) is from_hub
            assert abs(row.x1 - (hub if from_hub else dut)) < 10


def test_rows_follow_one_another_inside_the_chart(traces: Mapping[str, Path]) -> None:
    chart = drawn(only(exchange.read(traces[WAITED])))
    ys = [row.y for row in chart.rows]
    assert ys == sorted(set(ys))
    assert ys[-1] < chart.height
    assert any(row.kind == "pause" and row.text.endswith(" pass") for row in chart.rows)


def messages(count: int, name: str = "ReadAttributes", **more: object) -> Exchange:
    """Return a bench in which the hub says the same over and over."""
    said = [
        Message(
            number=number,
            at=number,
            sender="hub",
            receiver="dut",
            name=name,
            short="attributes [2]",
            fields="",
            octets="00",
            values=dict(more),
        )
        for number in range(1, count + 1)
    ]
    return Exchange(moments=[*said], names=["hub", "dut"])


def test_a_short_run_is_drawn_whole_and_a_long_one_is_not() -> None:
    assert len(drawn(messages(11)).rows) == 11
    assert [row.kind for row in drawn(messages(12)).rows] == [
        *("message", "message", "fold", "message", "message")
    ]


def test_a_block_asked_for_again_and_again_is_drawn_each_time() -> None:
    asked = messages(30, "ImageBlockRequest", file_offset=240)
    assert len(drawn(asked).rows) == 30


def test_a_chart_has_a_limit_and_says_so() -> None:
    many = messages(2 * sequence.MOST_ROWS)
    for one in many.messages:
        one.short = f"attributes [{one.number}]"
    chart = drawn(many)
    assert len(chart.rows) == sequence.MOST_ROWS + 1
    assert chart.rows[-1].text.startswith(f"{sequence.MOST_ROWS} more rows are not drawn")


def test_a_node_that_is_alone_and_one_that_nobody_drew() -> None:
    assert lay_out(Exchange()) is None
    alone = messages(1)
    alone.names = ["hub"]
    alone.messages[0].receiver = EVERYBODY
    alone.moments.append(Remark(at=2, who="bench", kind="absence", text="nothing came"))
    arrow, remark = drawn(alone).rows
    assert arrow.x2 > arrow.x1
    assert remark.text == "bench: absence: nothing came"


# The offset.


def test_each_request_is_on_the_chart_and_retries_stand_out(traces: Mapping[str, Path]) -> None:
    read = only(exchange.read(traces[LOST]))
    chart = offsets(read)
    asked = [one for one in read.messages if one.name == "ImageBlockRequest"]
    assert len(chart.asked) + len(chart.again) == len(asked)
    assert len(chart.again) == 5
    assert len({mark.y for mark in chart.again}) == 1  # one offset, five times
    assert len(chart.lines) == 2  # two images
    assert "5 of an offset that was there before; 0 waits" in chart.words


def test_a_wait_is_as_long_as_the_device_waited(traces: Mapping[str, Path]) -> None:
    read = only(exchange.read(traces[WAITED]))
    chart = offsets(read)
    answers = [one for one in read.messages if one.values.get("status") == "WAIT_FOR_DATA"]
    (wait,) = chart.waits
    after = next(
        one.at
        for one in read.messages
        if one.name == "ImageBlockRequest" and one.at > answers[0].at
    )
    assert wait.text == f"waits {exchange.shown_time(after - answers[0].at)}"
    assert after - answers[0].at > SECOND
    assert wait.x < wait.x2
    assert any("drawn shorter" in one.text for one in chart.pauses)


def test_blocks_of_a_page_are_on_the_chart_though_nobody_asked_for_them(
    traces: Mapping[str, Path],
) -> None:
    read = only(exchange.read(traces[PAGED]))
    chart = offsets(read)
    asked = Counter(one.name for one in read.messages)
    assert len(chart.asked) + len(chart.again) == (
        asked["ImagePageRequest"] + asked["ImageBlockRequest"]
    )
    assert len(chart.paged) == asked["ImageBlockResponse"] - asked["ImageBlockRequest"]
    assert len(chart.paged) > len(chart.asked)
    assert f"{len(chart.paged)} blocks of pages" in chart.words


def test_an_answer_that_nobody_asked_for_is_no_block_of_a_page() -> None:
    asked = messages(6, "ImageBlockRequest", file_offset=240)
    asked.moments += messages(2, "ImageBlockResponse", status="SUCCESS", file_offset=480).moments
    chart = offsets(asked)
    assert (len(chart.asked), len(chart.again), chart.paged) == (1, 5, ())


def test_time_runs_to_the_right_inside_the_frame(traces: Mapping[str, Path]) -> None:
    for path in traces.values():
        chart = offsets(only(exchange.read(path)))
        for line in chart.lines:
            xs = [float(point.split(",")[0]) for point in line.split()]
            assert xs == sorted(xs)
            assert 0 < xs[0] <= xs[-1] <= chart.right
        for mark in (*chart.asked, *chart.again):
            assert 0 < mark.y <= chart.bottom


def test_a_bench_without_a_download_has_no_such_chart() -> None:
    assert chart_offsets(messages(9)) is None
