"""A lab's day: cases in an order that restores little, within a time, and on after a stop."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.contract import Capability
from emulator.link.stdio import OPTIONAL
from harness.dut.day import Day
from harness.dut.journal import JOURNAL, Journal, Terms, read_journal
from harness.dut.load import load_dut
from harness.dut.model import DutError
from harness.dut.rehearsal import Plan, plan, withheld_for
from harness.dut.rungs import Rungs
from harness.lanes.port import LaneOptions
from harness.lanes.schemes import capabilities_of, release_lanes
from harness.report.model import CaseResult, Cited
from harness.requirements.catalogue import Evidence, Level
from harness.runner import RunResult, run_suite
from harness.suite import Chosen, RunOptions
from harness.verdict import Outcome
from tests.dut.files import write_dut
from tests.dut.programs import program_of

TERMS = Terms(
    product="1.2",
    seed=0,
    link="direct:",
    power="ask",
    defect=None,
    duts={"my-bridge": "12ab"},
)
MATCH = ("short_blocks_are_stored", "idle_attributes", "client_cluster_is_declared")


def result(id: str, verdict: Outcome = Outcome.PASSED, **more: object) -> CaseResult:
    cited = Cited(id="OTA-C-001", title="x", level=Level.MANDATORY, evidence=Evidence.CONFIRMED)
    return CaseResult(
        id=id,
        case=id,
        profile="my-bridge",
        verdict=verdict,
        requirements=(cited,),
        notes=("one",),
        **more,  # type: ignore[arg-type]  # as the test says
    )


def options(tmp_path: Path, match: tuple[str, ...] = MATCH) -> RunOptions:
    dut = load_dut(write_dut(tmp_path))
    return RunOptions(profiles=(Chosen(profile=dut.profile, given=dut.file, dut=dut),), match=match)


def cases(found: RunResult) -> list[str]:
    return [one.case.partition("::")[2] for one in found.results]


# Journal.


def test_journal_gives_back_what_was_settled(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    journal = Journal(path, TERMS)
    written = [
        result("a"),
        result("b", Outcome.FAILED, reason="expected 1, seen 2", expected="1", seen="2"),
        result("c", Outcome.UNSUPPORTED, reason="no"),
        result("d", Outcome.ERROR),
        result("e", Outcome.INCONCLUSIVE),
    ]
    for one in written:
        journal.append(one)
    assert list(read_journal(path, TERMS).values()) == written[:3]


def test_last_result_of_a_case_counts(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    journal = Journal(path, TERMS)
    journal.append(result("a"))
    journal.append(result("a", Outcome.ERROR))
    assert read_journal(path, TERMS) == {}


def test_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    journal = Journal(path, TERMS)
    journal.append(result("a"))
    journal.append(result("b"))
    path.write_bytes(path.read_bytes()[:-40])
    assert list(read_journal(path, TERMS)) == ["a"]


def test_stop_while_a_run_is_taken_up_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / JOURNAL
    Journal(path, TERMS).append(result("a"))
    earlier = read_journal(path, TERMS)

    def stopped(one: Path, other: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            Journal(path, TERMS, earlier.values())
    assert list(read_journal(path, TERMS)) == ["a"]

    Journal(path, TERMS, earlier.values()).append(result("b"))
    assert list(read_journal(path, TERMS)) == ["a", "b"]


def spoilt(path: Path) -> Iterator[tuple[str, str]]:
    good = path.read_text("utf-8").splitlines()
    yield "", "line 1: found no hanover-journal-2"
    yield "{}\n", "line 1: found no hanover-journal-2"
    yield "\n".join([good[0], "{", good[1]]), "line 2: found no JSON, wanted an object"
    yield "\n".join([good[0], "[]"]), "line 2: found no object"
    yield "\n".join([good[0], '{"id": 1}']), "found no result ("
    yield "\n".join([good[0].replace('"seed": 0', '"seed": 7')]), "seed: found 7, wanted 0"
    yield "\n".join([good[0], good[1].replace(": 0", ': "x"', 1)]), "(duration_us is 'x')"
    yield good[0].replace('"1.2"', '"1.1"'), 'product: found "1.1", wanted "1.2"'
    yield good[0].replace('"ask"', "null"), 'power: found nothing, wanted "ask"'
    yield good[0].replace("12ab", "77"), 'duts: found {"my-bridge": "77"}, wanted {"my-bridge": '


@pytest.mark.parametrize("number", range(10))
def test_spoilt_journal_is_refused(tmp_path: Path, number: int) -> None:
    path = tmp_path / JOURNAL
    Journal(path, TERMS).append(result("a"))
    text, said = list(spoilt(path))[number]
    path.write_text(text, "utf-8")
    with pytest.raises(DutError) as caught:
        read_journal(path, TERMS)
    assert said in str(caught.value)


# The day itself.


def test_cases_come_in_the_order_of_their_versions(tmp_path: Path) -> None:
    day = Day(names=("my-bridge",))
    run_suite(options(tmp_path), None, day)
    names = [one.partition("::")[2].partition("[")[0] for one in day.rungs]
    assert names == ["client_cluster_is_declared", "idle_attributes", "short_blocks_are_stored"]
    assert [one.end for one in day.rungs.values()] == [0, 1, 2]


def test_settled_cases_do_not_run_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / JOURNAL, TERMS)
    given = options(tmp_path)
    first = run_suite(given, None, Day(names=("my-bridge",), journal=journal))
    earlier = read_journal(tmp_path / JOURNAL, TERMS)
    assert list(earlier.values()) == sorted(
        first.results, key=lambda one: list(earlier).index(one.id)
    )
    lost = next(iter(earlier))
    del earlier[lost]
    day = Day(names=("my-bridge",), earlier=earlier)
    second = run_suite(given, None, day)
    assert list(day.rungs) == [lost]
    assert second.results == first.results


def test_time_that_is_up_starts_no_case(tmp_path: Path) -> None:
    ticks = iter(range(0, 1000, 10))
    day = Day(names=("my-bridge",), budget_s=15, clock=lambda: next(ticks))
    found = run_suite(options(tmp_path), None, day)
    # The clock says 0 at the start, 10 at the first case, 20 at the second.
    assert cases(found) == ["client_cluster_is_declared"]
    assert len(found.left) == 2


def test_case_that_would_take_too_long_is_left(tmp_path: Path) -> None:
    given = options(tmp_path)
    ids = {one.id for one in run_suite(given).results}
    long = next(one for one in ids if "idle" in one)
    day = Day(names=("my-bridge",), budget_s=60, estimates_s={long: 61})
    found = run_suite(given, None, day)
    assert found.left == (long,)
    assert len(found.results) == 2


# Plans.


def planned(tmp_path: Path, *, restore: str = "downgrade", renewed: bool = False) -> Plan:
    dut = load_dut(write_dut(tmp_path, restore=restore))
    rows = [
        (result("a", duration_us=1_000_000), Rungs(start=0, end=0, top=0)),
        (result("b", duration_us=2_000_000), Rungs()),
        (result("c", Outcome.UNSUPPORTED, reason="no"), Rungs()),
        (result("d", duration_us=3_000_000), Rungs()),
        (result("e", Outcome.FAILED, duration_us=4_000_000), Rungs(end=2, top=2)),
    ]
    return plan(dut, rows, renewed=renewed, restore_us=10_000_000)


def test_plan_counts_restores(tmp_path: Path) -> None:
    found = planned(tmp_path)
    assert [one.id for one in found.runs] == ["a", "b", "d", "e"]
    assert [one.restores for one in found.runs] == [False, False, False, True]
    assert found.total_us == (1 + 2 + 3 + 4 + 4 * 2 + 10) * 1_000_000
    assert found.reasons() == [("no", 1)]
    assert found.doubtful == ("e",)


def test_plan_of_made_devices_restores_nothing(tmp_path: Path) -> None:
    found = planned(tmp_path, renewed=True)
    assert (found.restores, found.total_us) == (0, 10_000_000)


def test_plan_says_where_the_ladder_ends(tmp_path: Path) -> None:
    found = planned(tmp_path, restore="ladder")
    assert [one.id for one in found.runs] == ["a", "b", "d"]
    assert "the ladder is climbed" in found.turns[-1].reason


def test_rehearsal_may_do_what_the_lane_can() -> None:
    virtual, real, program = (
        withheld_for(capabilities_of(link, LaneOptions()), switched=False)
        for link in ("direct:", "ezsp:x", "exec:" + program_of("[]"))
    )
    assert virtual == frozenset()
    assert real == frozenset(Capability)
    assert virtual < program < real
    assert program == frozenset(OPTIONAL)
    assert real - withheld_for(frozenset(), switched=True) == {Capability.POWER}
    release_lanes()


def test_rehearsal_believes_what_a_program_offers() -> None:
    link = "exec:" + program_of('["events", "frame counters"]')
    withheld = withheld_for(capabilities_of(link, LaneOptions()), switched=False)
    offered = {Capability.EVENTS, Capability.FRAME_COUNTERS}
    assert withheld == frozenset(OPTIONAL) - offered
    release_lanes()


def test_journal_is_json_lines(tmp_path: Path) -> None:
    Journal(tmp_path / JOURNAL, TERMS).append(result("a"))
    lines = (tmp_path / JOURNAL).read_text("utf-8").splitlines()
    assert [json.loads(one).get("id") for one in lines] == [None, "a"]
