"""A quick sweep: what is drawn, and what it finds."""

import pytest

from emulator.profiles.load import load, names
from harness.sweep.lives import LIVES
from harness.sweep.sample import KINDS, PHASES, sample
from tests.sweep.places import SIZE, small


def test_each_phase_and_kind_and_life_is_drawn() -> None:
    drawn = sample(small(), SIZE)
    assert drawn.broken == ()
    assert drawn.phases >= PHASES | {"rest"}
    assert drawn.kinds == KINDS
    assert len({one.point.life for one in drawn.verdicts}) == len(LIVES)
    assert not any(one.merged for one in drawn.verdicts)


def test_the_same_points_are_drawn_each_time() -> None:
    one, two = (sample(small(), SIZE, seed=3) for _ in range(2))
    assert one == two


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize(("defect", "promise"), [("D201", 3), ("D208", 4), ("D205", 5)])
def test_a_defect_is_found(name: str, defect: str, promise: int) -> None:
    drawn = sample(load(name), 2048, defect=defect)
    assert any(f": promise {promise} (" in line for line in drawn.broken)
