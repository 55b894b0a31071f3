"""Lives, points, places, workers, report."""

import json

import pytest

from emulator.errors import ProfileError
from emulator.profiles.load import load, names, overlay
from harness.sweep import workers
from harness.sweep.engine import owed_after
from harness.sweep.geometry import GeometryError, read_geometry, reshaped
from harness.sweep.lives import LIVES, LifeError, images_of, possible
from harness.sweep.points import (
    KINDS,
    Cut,
    Point,
    PointError,
    read_point,
    second_prefixes,
    torn_prefixes,
)
from harness.sweep.promises import PROMISES
from harness.sweep.recording import EmptyPhaseError, Flashes, check_phases
from harness.sweep.report import Found
from harness.sweep.scene import Scene
from harness.sweep.workers import Task
from tests.sweep.places import GEOMETRIES, SIZE, small, sweeper

# Points.


@pytest.mark.parametrize(
    "text",
    [
        "upgrade",
        "upgrade:0:before",
        "crash:12:torn:8",
        "waiting:3:idle:2",
        "change:1:after+9:torn:0",
    ],
)
def test_a_point_is_read_as_it_is_printed(text: str) -> None:
    assert str(read_point(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nothing:1:before", "found life 'nothing', wanted one of upgrade"),
        ("upgrade:x:before", "found operation 'x', wanted a number"),
        ("upgrade:1:sideways", "found kind 'sideways', wanted one of before"),
        ("upgrade:1:torn:-1", "found octets '-1', wanted a number"),
        ("upgrade:5:before+5:before", "found second cut at 5, wanted an operation above 5"),
        ("upgrade:1:before+2:before+3:before", "found 3 cuts, wanted two at most"),
    ],
)
def test_a_wrong_point_is_explained(text: str, why: str) -> None:
    with pytest.raises(PointError, match="point") as raised:
        read_point(text)
    assert why in str(raised.value)


def test_where_programs_are_torn() -> None:
    assert torn_prefixes(16, 16) == [0, 8]
    assert torn_prefixes(64, 16) == [0, 32, 63]
    assert torn_prefixes(1, 1) == [0]
    assert second_prefixes(16, 16) == [8]
    assert second_prefixes(64, 16) == [32, 56]


# Places.


def test_every_operation_is_cut_in_every_way() -> None:
    made = sweeper("upgrade")
    kinds: dict[int, set[str]] = {}
    for place in made.places:
        kinds.setdefault(place.cut.operation, set()).add(place.cut.kind)
    count = made.scene.probe.count
    assert [number for number in range(count) if "before" not in kinds.get(number, ())] == []
    inside = [number for number in range(count) if kinds[number] & {"torn", "half-erase"}]
    assert inside == list(range(count))


def test_after_and_before_are_one_cut_unless_a_frame_lies_between() -> None:
    places = sweeper("upgrade").places
    both = [place for place in places if place.cut.kind in ("before", "after")]
    assert len({str(place.cut) for place in places}) == len(places)
    for place in both:
        if place.cut.kind == "after":
            assert place.index == len(place.call.operations) - 1
    assert sum(place.cut.kind == "after" for place in both) < len(both) / 2


def test_a_trial_checkpoint_sends_nothing_and_is_cut_once() -> None:
    """Between two checkpoints of a mute image nothing is on the air."""
    places = [place for place in sweeper("rollback").places if place.phase == "trial"]
    checkpoints = {place.call.moment.happenings for place in places}
    assert len(places) > 20 * len(checkpoints)
    assert sum(place.cut.kind == "after" for place in places) <= len(checkpoints)


@pytest.mark.parametrize("kind", ["before", "after", "torn", "half-erase"])
def test_a_flash_that_is_built_is_the_flash_that_is_cut(kind: str) -> None:
    made, whole = sweeper("upgrade"), Scene(small(), LIVES["upgrade"], SIZE)
    flashes = Flashes(made.scene.probe)
    chosen = [place for place in made.places if place.cut.kind == kind][::5]
    assert chosen
    for place in chosen:
        power = place.cut.power
        assert power is not None
        whole.live([power])
        whole.world.run(lambda: whole.ear.lost, 10**12)
        assert whole.probe.flash() == flashes.of(place)


def test_an_empty_phase_is_an_error() -> None:
    with pytest.raises(EmptyPhaseError, match="phase boot: found no operation, wanted one"):
        check_phases(LIVES["upgrade"], small(), [])


# Lives.


@pytest.mark.parametrize("life", LIVES)
def test_images_have_the_size_that_was_asked_for(life: str) -> None:
    images = images_of(LIVES[life], small(), SIZE)
    assert {len(images[one.version]) for one in LIVES[life].offers} == {SIZE}
    assert len(set(images.values())) == len(images)


@pytest.mark.parametrize("size", [10, 1 << 30])
def test_a_size_that_cannot_be_is_refused(size: int) -> None:
    with pytest.raises(LifeError, match=f"--size: found {size}, wanted"):
        images_of(LIVES["upgrade"], small(), size)


def test_a_bridge_that_takes_no_older_image_has_no_downgrade() -> None:
    strict = overlay(small(), {"ota.downgrade": "refuse"})
    assert possible(LIVES["downgrade"], small())
    assert [life for life in LIVES if not possible(LIVES[life], strict)] == ["downgrade"]


# Geometries.


@pytest.mark.parametrize("text", ["4096", "4096:16", "a:b:c", "256:16:ff", "4096:16:55", "1:2:3:4"])
def test_a_wrong_geometry_is_explained(text: str) -> None:
    with pytest.raises(GeometryError, match="geometry: found"):
        read_geometry(text)


def test_geometries_span_what_they_must() -> None:
    shapes = [read_geometry(text) for text in GEOMETRIES]
    assert len(shapes) >= 8
    assert {min(s.erase for s in shapes), max(s.erase for s in shapes)} == {512, 65536}
    assert {min(s.unit for s in shapes), max(s.unit for s in shapes)} == {1, 256}
    assert {s.erased for s in shapes} == {0x00, 0xFF}
    for shape in shapes:
        assert reshaped(load(names()[0]), shape, SIZE).flash.erase_size_octets == shape.erase
    with pytest.raises(ProfileError):
        reshaped(load(names()[0]), read_geometry("512:3:ff"), SIZE)


# Workers and report.


def task(**more: object) -> Task:
    facts = {"profile": small(), "life": "waiting", "size": SIZE, "command": "hanover sweep"}
    return Task(**{**facts, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("defect", [None, "D210"])
def test_any_number_of_workers_finds_the_same(
    defect: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_RANGE", 40)
    tasks = [task(defect=defect), task(defect=defect, life="refusal")]
    one, two = (workers.sweep(tasks, number) for number in (1, 2))
    assert {key: (row.points, row.failed) for key, row in one.found.tallies.items()} == {
        key: (row.points, row.failed) for key, row in two.found.tallies.items()
    }
    assert one.ordered == two.ordered
    assert one.exit_code == two.exit_code == (1 if defect else 0)
    assert one.planned == one.found.total.points


def test_a_failure_says_how_to_see_it_again() -> None:
    report = workers.sweep([task(defect="D210")])
    failure = report.ordered[0]
    assert failure.replay == f"hanover sweep --replay {failure.point}"
    verdict = workers.replay(task(defect="D210"), read_point(failure.point))
    assert (verdict.ending.promise, verdict.ending.found) == (failure.promise, failure.found)
    text = "\n".join(report.lines())
    assert failure.text in text
    assert f"promise {failure.promise} ({PROMISES[failure.promise]})" in text
    document = json.loads(json.dumps(report.as_document()))
    assert document["failed"] == len(document["failures"]) == len(report.found.failures)


def test_a_life_that_fails_without_a_cut_is_one_failure() -> None:
    report = workers.sweep([task(life="crash", defect="D205")])
    (failure,) = report.ordered
    assert (failure.point, failure.promise, report.exit_code) == ("crash", 5, 1)
    assert not workers.replay(task(life="crash", defect="D205"), Point("crash")).ending.good


def test_ctrl_c_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_RANGE", 40)

    def stop(done: int, planned: int) -> None:
        if done >= 80:
            raise KeyboardInterrupt

    report = workers.sweep([task()], 1, stop)
    assert (report.found.total.points, report.exit_code) == (80, 130)


def test_nothing_to_cut_is_no_success() -> None:
    report = workers.sweep([task(kinds=())])
    assert (report.found.total.points, report.exit_code) == (0, 2)


def test_pairs_count_what_a_like_recovery_covers() -> None:
    report = workers.sweep([task(life="upgrade", size=900, pairs=True)])
    total, rows = report.found.total, report.found.by_phase()
    assert {phase for phase, _ in rows} == {"recovery"}
    assert total.failed == 0
    assert total.merged > total.points // 2


def test_counts_add_up_in_any_order() -> None:
    parts = [workers._judge(workers._Range(task(), at, at + 30)) for at in (0, 30, 60)]
    sums = []
    for order in (parts, parts[::-1]):
        whole = Found()
        for part in order:
            whole.add(part)
        sums.append(whole.tallies)
    assert sums[0] == sums[1]


def test_what_a_kind_does_not_owe_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        __import__("harness.sweep.promises", fromlist=["OWED"]).OWED, "idle", frozenset({1, 2})
    )
    assert owed_after((Cut(1, "before"),)) == frozenset(PROMISES)
    assert owed_after((Cut(1, "before"), Cut(2, "idle"))) == frozenset({1, 2})
    report = workers.sweep([task(defect="D210", kinds=("idle",))])
    assert report.found.failures == []


def test_every_kind_can_be_asked_for() -> None:
    assert {place.cut.kind for place in sweeper("waiting").places} == set(KINDS)
