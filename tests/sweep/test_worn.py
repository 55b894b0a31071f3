"""A sector that wears out, at every erase of a life: the bridge refuses, goes on, and says why."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from emulator.actions import Action, Happening, Report
from emulator.device.application import Application
from emulator.device.parts import SOUND
from emulator.faults import WornSector
from emulator.profiles.load import names
from emulator.profiles.model import BootScheme, Profile
from emulator.units import Us
from harness.sweep.engine import Ending, Sweeper
from harness.sweep.lives import LIVES, possible
from harness.sweep.points import WORN, Point
from harness.sweep.promises import Past
from tests.sweep.places import SIZE, small


def swapping() -> Profile:
    """Return the first small profile that has one place to run images from."""
    profiles = (small(name=name) for name in names())
    return next(one for one in profiles if one.boot.scheme is BootScheme.SWAP)


def stuck_at(made: Sweeper) -> list[tuple[Point, bool]]:
    """Return each point at a worn sector of slot A, and whether the old image needs that sector."""
    start = made.scene.profile.flash.slot_a[0]
    octets = len(made.scene.images[made.life.first])
    places = [one for one in made.places if one.phase == "swap" and one.cut.octets >= start]
    inside = [one for one in places if one.cut.octets < made.scene.profile.flash.slot_a[1]]
    return [
        (Point(made.life.name, (one.cut,), one.phase), one.cut.octets < start + octets)
        for one in inside
    ]


@pytest.mark.parametrize("life", ["upgrade", "rollback", "crash", "waiting", "refusal"])
@pytest.mark.parametrize("name", names())
def test_every_bridge_lives_with_a_worn_sector(name: str, life: str) -> None:
    profile = small(name=name)
    assert possible(LIVES[life], profile)
    made = Sweeper(profile, LIVES[life], SIZE, kinds=(WORN,))
    verdicts = [made.judge(place) for place in made.places]
    assert {one.point.phase for one in verdicts} >= {"download", "record", "staging"}
    assert [one for one in verdicts if not one.ending.good] == []


class SaysNothing(Application):
    """Keep to itself what the loader found worn."""

    def start(self, now: Us) -> Sequence[Action]:
        return [
            one
            for one in super().start(now)
            if not (isinstance(one, Report) and one.what is Happening.FLASH_WORN)
        ]


def endings(made: Sweeper, *, needed: bool) -> list[Ending]:
    return [made.replay(point).ending for point, needs in stuck_at(made) if needs is needed]


@pytest.mark.parametrize("life", ["rollback", "crash"])
def test_an_image_that_cannot_be_erased_may_stay_if_the_bridge_says_so(life: str) -> None:
    made = Sweeper(swapping(), LIVES[life], SIZE, kinds=(WORN,))
    assert {ending.good for ending in endings(made, needed=True)} == {True}
    made.scene.bridge.parts = replace(SOUND, application=SaysNothing)
    silent = endings(made, needed=True)
    assert {ending.promise for ending in silent} >= {5}
    assert any("is kept, which never reached the hub" in ending.found for ending in silent)


def test_only_a_sector_that_the_old_image_needs_excuses_the_new_one() -> None:
    made = Sweeper(swapping(), LIVES["rollback"], SIZE, kinds=(WORN,))
    flash = made.scene.profile.flash
    octets = len(made.scene.images[made.life.first])
    excused = {
        at: _excuses(made, at) for at in range(0, flash.size_octets, flash.erase_size_octets)
    }
    needed = range(flash.slot_a[0], flash.slot_a[0] + octets)
    assert [at for at, is_excused in excused.items() if is_excused] == [
        at for at in excused if at in needed
    ]
    assert any(excused.values())


def _excuses(made: Sweeper, address: int) -> bool:
    judge, worn = made.scene.judge, [WornSector(address=address)]
    for said, tried in ((False, 1), (True, 0)):  # it must have said so, and have been tried
        judge.begin(Past(worn=said, tries=tried), judge.owed, worn)
        assert not judge.is_stuck
    judge.begin(Past(worn=True, tries=1), judge.owed, worn)
    return judge.is_stuck
