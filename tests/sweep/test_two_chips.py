"""Lives on two flash chips: a cut on either is survived, as is a worn sector of either."""

from collections import defaultdict
from collections.abc import Sequence

import pytest

from emulator.profiles.flash import Chip
from emulator.profiles.load import load, names
from harness.sweep.engine import Sweeper
from harness.sweep.geometry import TWO_CHIPS, Geometry, read_geometry, reshaped
from harness.sweep.lives import LIVES, hastened
from harness.sweep.recording import Place
from tests.sweep.places import SIZE


def sweeper(name: str, shape: Geometry) -> Sweeper:
    """Return a sweeper of a life that writes to both slots."""
    return Sweeper(reshaped(hastened(load(name)), shape, SIZE), LIVES["rollback"], SIZE)


def by_chip(made: Sweeper) -> dict[tuple[Chip, str], list[Place]]:
    """Return the cuts inside operations, by the chip that is at work and by their kind."""
    found = defaultdict(list)
    for place in made.places:
        if place.call.operations:
            address = place.call.operations[place.index].address
            found[made.scene.profile.flash.chip_of(address), place.cut.kind].append(place)
    return found


def broken(made: Sweeper, places: Sequence[Place]) -> list[str]:
    verdicts = [made.judge(place) for place in places]
    return [f"{one.point}: {one.ending}" for one in verdicts if not one.ending.good]


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("shape", TWO_CHIPS, ids=str)
def test_cuts_on_either_chip_are_survived(name: str, shape: Geometry) -> None:
    made = sweeper(name, shape)
    found = by_chip(made)
    assert {chip for chip, _ in found} == set(made.scene.profile.flash.chips)
    for chip in made.scene.profile.flash.chips:
        kinds = {kind for where, kind in found if where == chip}
        assert kinds >= {"before", "torn", "half-erase", "scattered", "weak", "worn"}
    for some in found.values():
        assert broken(made, (some[0], some[len(some) // 2], some[-1])) == []


def test_a_swap_needs_no_sector_that_only_the_other_chip_would() -> None:
    """Small sectors behind an image in slot A may be worn: a large one elsewhere asks for none."""
    made = sweeper("B4", read_geometry("512:256:00+4096:16:ff"))
    first = made.scene.profile.flash.chips[0]
    worn = by_chip(made)[first, "worn"]
    assert len(worn) > 20
    assert broken(made, worn) == []


def test_one_order_over_both_chips() -> None:
    made = sweeper("B4", TWO_CHIPS[0])
    flash = made.scene.profile.flash
    done = {
        one.number: flash.chip_of(one.address)
        for place in made.places
        for one in place.call.operations
    }
    assert sorted(done) == list(range(len(done)))
    changes = sum(done[number] != done[number - 1] for number in range(1, len(done)))
    assert changes >= 8  # a record between the parts of a download, of an exchange
