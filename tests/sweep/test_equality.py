"""Merged, unmerged and lived from the start: one verdict, the same final slots."""

import os
import random

import pytest

from harness.sweep.engine import Sweeper
from harness.sweep.lives import LIVES
from tests.sweep.places import GEOMETRIES, sweeper

#: Points that are drawn for each life and geometry; the full proof sets more.
POINTS = int(os.environ.get("HANOVER_SWEEP_POINTS", "3"))


def differences(life: str, geometry: str, points: int, defect: str | None = None) -> list[str]:
    """Return the drawn points whose three verdicts are not one."""
    more = {"geometry": geometry, "defect": defect}
    plain, merging, whole = (sweeper(life, merge=one, **more) for one in (False, True, True))
    rng = random.Random(f"{life} {geometry} {defect}")
    count = len(plain.places)
    found = []
    for number in sorted(rng.sample(range(count), min(points, count))):
        before = merging.places[max(number - 25, 0) : number]
        for place in rng.sample(before, min(6, len(before))):
            merging.judge(place)  # so that there is something to merge with
        alone = plain.judge(plain.places[number])
        merged = merging.judge(merging.places[number])
        lived = whole.replay(alone.point)
        if not alone.ending == merged.ending == lived.ending:
            found.append(f"{alone.point}: {alone.ending} {merged.ending} {lived.ending}")
    return found


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("life", LIVES)
def test_three_ways_have_one_verdict(life: str, geometry: str) -> None:
    assert differences(life, geometry, POINTS) == []


@pytest.mark.parametrize(("defect", "life"), [("D201", "upgrade"), ("D206", "rollback")])
def test_they_agree_on_a_bridge_that_breaks_promises(defect: str, life: str) -> None:
    assert differences(life, "512:64:ff", 25, defect) == []


def endings(made: Sweeper) -> list[object]:
    return [made.judge(place).ending for place in made.places]


@pytest.mark.parametrize(("defect", "life"), [(None, "waiting"), ("D210", "waiting")])
def test_every_point_of_a_life_merged_and_not(defect: str | None, life: str) -> None:
    assert endings(sweeper(life, defect=defect)) == endings(
        sweeper(life, merge=False, defect=defect)
    )


def test_merging_merges() -> None:
    made = sweeper("upgrade")
    verdicts = [made.judge(place) for place in made.places]
    merged = sum(verdict.merged for verdict in verdicts)
    assert len(verdicts) > 150
    assert merged > len(verdicts) // 3


def test_a_pair_ends_as_it_does_from_the_start() -> None:
    made, whole = sweeper("upgrade"), sweeper("upgrade")
    place = made.places[len(made.places) // 2]
    pairs = list(made.judge_pairs(place))
    assert len(pairs) > 20
    for verdict, points in pairs[::5]:
        assert points == 1
        assert len(verdict.point.cuts) == 2
        assert whole.replay(verdict.point).ending == verdict.ending
        assert verdict.ending.good


def test_pairs_of_a_like_recovery_are_not_made_again() -> None:
    made = sweeper("upgrade")
    first = [points for _, points in made.judge_pairs(made.places[30])]
    again = list(made.judge_pairs(made.places[30]))
    assert [(verdict.merged, points) for verdict, points in again] == [(True, sum(first))]
