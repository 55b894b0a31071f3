"""Lives, points, places, workers, report."""

import json
import re
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest

from emulator.errors import ProfileError
from emulator.faults import WornSector
from emulator.profiles.load import load, names, overlay
from harness.sweep import workers
from harness.sweep.engine import Ending, Sweeper, owed_after
from harness.sweep.geometry import (
    ERASED,
    ERASES,
    ONE_CHIP,
    PAIRWISE,
    TWO_CHIPS,
    UNITS,
    Geometry,
    GeometryError,
    read_geometries,
    read_geometry,
    reshaped,
)
from harness.sweep.lives import LIVES, LifeError, images_of, possible, suited
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
from harness.sweep.recording import EmptyPhaseError, Flashes, Place, check_phases
from harness.sweep.report import Found
from harness.sweep.scene import Scene
from harness.sweep.workers import Task
from tests.sweep.places import SIZE, small, sweeper

# Points.


@pytest.mark.parametrize(
    "text",
    [
        "upgrade",
        "upgrade:0:before",
        "crash:12:torn:8",
        "waiting:3:idle:2",
        "change:1:after+9:torn:0",
        "upgrade:3:scattered",
        "upgrade:3:weak:128",
        "upgrade:3:worn:4096",
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


def test_seed_and_operation_draw_the_bits_that_are_left_half_done() -> None:
    seeds = {
        power.seed
        for seed in range(3)
        for operation in range(3)
        for kind in ("scattered", "weak")
        if (power := Cut(operation, kind).power(seed)) is not None
    }
    assert len(seeds) == 9  # the kind is not in it
    assert Cut(5, "weak", 64).power(1) == Cut(5, "weak", 64).power(1)
    assert Cut(5, "idle").power(1) is Cut(5, "worn").power(1) is Cut(5, "weak").wear is None
    assert Cut(5, "worn", 4096).wear == WornSector(address=4096, since=5)


# Places.


def test_every_operation_is_cut_in_every_way() -> None:
    made = sweeper("upgrade")
    kinds: dict[int, set[str]] = {}
    for place in made.places:
        kinds.setdefault(place.cut.operation, set()).add(place.cut.kind)
    count = made.scene.probe.count
    assert [number for number in range(count) if "before" not in kinds.get(number, ())] == []
    whole = {"scattered", "weak"}
    inside = [kinds[n] & {"torn", "half-erase"} and whole <= kinds[n] for n in range(count)]
    assert all(inside)


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


@pytest.mark.parametrize("kind", ["before", "after", "torn", "half-erase", "scattered", "weak"])
def test_a_flash_that_is_built_is_the_flash_that_is_cut(kind: str) -> None:
    made, whole = sweeper("upgrade"), Scene(small(), LIVES["upgrade"], SIZE)
    flashes = Flashes(made.scene.probe)
    chosen = [place for place in made.places if place.cut.kind == kind][::5]
    assert chosen
    for place in chosen:
        power = place.cut.power(0)
        assert power is not None
        whole.live([power])
        whole.world.run(lambda: whole.ear.lost, 10**12)
        assert whole.probe.flash() == flashes.of(place)


def test_another_seed_leaves_other_bits() -> None:
    first, other = (
        Sweeper(small(), LIVES["upgrade"], SIZE, seed=seed, kinds=("scattered",)) for seed in (0, 1)
    )
    place = next(one for one in first.places if operation_of(one).data and one.phase == "download")
    left = [Flashes(made.scene.probe, made.seed).of(place).content for made in (first, other)]
    assert left[0] != left[1]


def test_each_erase_wears_its_sector_out_from_there_on() -> None:
    made = Sweeper(small(), LIVES["upgrade"], SIZE, kinds=("worn",))
    done = [operation_of(place) for place in made.places]
    assert [place.cut.wear for place in made.places] == [
        WornSector(address=one.address, since=one.number) for one in done
    ]
    assert len(done) == sum(one.data is None for call in calls_of(made) for one in call)
    assert {place.phase for place in made.places} >= {"download", "record", "staging"}


def calls_of(made: Sweeper) -> list[Any]:
    """Return the operations of each call, from a sweep in which each one is cut."""
    every = Sweeper(made.scene.profile, made.life, SIZE, kinds=("before",)).places
    return list({id(place.call): place.call.operations for place in every}.values())


def operation_of(place: Place) -> Any:  # noqa: ANN401 - of flash
    return place.call.operations[place.index]


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


def areas_of(made: Sweeper) -> set[str]:
    """Return the areas of flash in which a life of a sweeper is cut."""
    probe = made.scene.probe
    called = {id(place.call): place.call for place in made.places}.values()
    return {probe.area(one.address) for call in called for one in call.operations}


def test_a_second_image_is_cut_in_as_well() -> None:
    assert "extra" in areas_of(sweeper("several"))
    assert "extra" not in areas_of(sweeper("upgrade"))


def test_a_bridge_waits_for_what_is_outside() -> None:
    stages = {place.call.moment.client for place in sweeper("outside").places}
    assert "EXTERNAL" in stages
    assert "EXTERNAL" not in {place.call.moment.client for place in sweeper("waiting").places}


@pytest.mark.parametrize(
    ("life", "defect", "promise"), [("several", "D241", 2), ("outside", "D203", 3)]
)
def test_what_breaks_in_these_lives_is_found(life: str, defect: str, promise: int) -> None:
    assert promise in {ending.promise for ending in endings(sweeper(life, defect=defect))}


def endings(made: Sweeper) -> list[Ending]:
    return [made.judge(place).ending for place in made.places]


def test_a_life_takes_nothing_from_a_profile() -> None:
    """What a profile needs beside its own image stays, and so does the room for it."""
    own = suited(LIVES["several"], small())
    more = overlay(own, {"ota.more_image_types": [0x0102]})
    assert suited(LIVES["several"], more) == more
    assert suited(LIVES["upgrade"], more) == more
    assert own.ota.more_image_types == (0x0101,)


# The guide.


def test_the_guide_says_what_is_owed_and_lived() -> None:
    text = (Path(__file__).parents[2] / "docs" / "guides" / "sweep.md").read_text("utf-8")
    rows = dict[str, str]()
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 3:
            rows |= dict.fromkeys(re.findall(r"`([a-z-]+)`", cells[0]), cells[2])
    assert rows == {kind: owed_text(kind) for kind in KINDS}
    told = text.partition("## Lives")[2].partition("## Points")[0]
    assert set(re.findall(r"`([a-z]+)`", told)) == set(LIVES)


def owed_text(kind: str) -> str:
    missing = sorted(PROMISES.keys() - owed_after((Cut(0, kind),)))
    return "all but " + ", ".join(map(str, missing)) if missing else "all"


# Geometries.


@pytest.mark.parametrize(
    "text",
    [
        *("4096", "4096:16", "a:b:c", "256:16:ff", "4096:16:55", "1:2:3:4"),
        *("4096:16:ff+", "4096:16:ff+16", "4096:16:ff+512:16:ff+512:16:ff", "+512:16:ff"),
    ],
)
def test_a_wrong_geometry_is_explained(text: str) -> None:
    with pytest.raises(GeometryError, match="geometry: found"):
        read_geometry(text)


def test_geometries_are_pairwise() -> None:
    """Each two values of two columns meet in one of them, from the smallest to the largest."""
    rows = [(one.erase, one.unit, one.erased) for one in ONE_CHIP]
    columns = (ERASES, UNITS, ERASED)
    assert len(rows) >= 8
    for one, two in combinations(range(3), 2):
        assert {(row[one], row[two]) for row in rows} == set(product(columns[one], columns[two]))
    assert (min(ERASES), max(ERASES), min(UNITS), max(UNITS)) == (512, 65536, 1, 256)


@pytest.mark.parametrize("name", names())
def test_every_bridge_can_be_had_on_each_geometry(name: str) -> None:
    for shape in PAIRWISE:
        flash = reshaped(load(name), shape, SIZE).flash
        found = (flash.erase_size_octets, flash.program_size_octets, flash.erased_value)
        assert found == (shape.erase, shape.unit, shape.erased)
        far, chip = shape.second or shape, flash.chip_of(flash.slot_b[0])
        assert chip[2:] == (far.erase, far.unit, far.erased)
        assert (flash.second_start is None) == (shape.second is None)
        assert flash.chip_of(flash.slot_a[0]) == flash.chip_of(flash.data[0]) == flash.chips[0]
    with pytest.raises(ProfileError):
        reshaped(load(name), read_geometry("512:3:ff"), SIZE)


def test_of_two_chips_either_has_the_larger_pieces() -> None:
    assert (*ONE_CHIP, *TWO_CHIPS) == PAIRWISE
    pairs = [(one, one.second) for one in TWO_CHIPS if one.second is not None]
    assert len(pairs) == len(TWO_CHIPS) >= 3
    assert {one.erase < two.erase for one, two in pairs} == {True, False}
    assert {one.unit < two.unit for one, two in pairs} == {True, False}
    assert {(one.erased, two.erased) for one, two in pairs} >= {(0xFF, 0), (0, 0xFF)}
    for one in PAIRWISE:
        assert read_geometry(str(one)) == one


def test_geometries_are_read_once_each() -> None:
    assert read_geometries(["512:1:ff", "pairwise", "512:64:ff"]) == (
        *PAIRWISE,
        Geometry(512, 64, 0xFF),
    )


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
