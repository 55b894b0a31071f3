"""The engine finds the defects of flash, boot and records, and says which promise they break."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from emulator.actions import Action, Happening, Report
from emulator.boot.loader import Choice, Loader
from emulator.boot.record import BootState
from emulator.device.application import Application
from emulator.device.parts import SOUND
from emulator.errors import BootError
from emulator.profiles.load import names, overlay
from emulator.units import Us
from emulator.wire.aps import Datagram
from harness.sweep.engine import Sweeper
from harness.sweep.lives import LIVES
from harness.sweep.points import KINDS, WORN
from harness.sweep.promises import OWED, PROMISES, Broken
from tests.sweep.places import SIZE, small, sweeper

#: Defect, a life that shows it, the promises that it breaks there.
CAUGHT = [
    ("D201", "upgrade", {3}),
    ("D202", "change", {3}),
    ("D203", "waiting", {3}),
    ("D204", "rollback", {5}),
    ("D205", "crash", {5}),
    ("D206", "rollback", {5}),
    ("D207", "rollback", {5}),
    ("D208", "upgrade", {4}),
    ("D209", "rollback", {6}),
    ("D210", "waiting", {3}),
]


def broken(life: str, defect: str | None, *, merge: bool) -> set[int]:
    """Return the promises that a whole sweep finds broken."""
    made = sweeper(life, defect=defect, merge=merge)
    try:
        verdicts = [made.judge(place) for place in made.places]
    except Broken as clean:
        return {clean.promise}
    return {verdict.ending.promise for verdict in verdicts} - {0}


@pytest.mark.parametrize("merge", [True, False], ids=["merged", "unmerged"])
@pytest.mark.parametrize(("defect", "life", "promises"), CAUGHT)
def test_a_defect_breaks_its_promise(
    defect: str, life: str, promises: set[int], merge: bool
) -> None:
    assert broken(life, defect, merge=merge) == promises


@pytest.mark.parametrize("life", LIVES)
def test_a_sound_bridge_keeps_all_of_them(life: str) -> None:
    assert broken(life, None, merge=True) == set()


@pytest.mark.parametrize("life", ["upgrade", "rollback"])
@pytest.mark.parametrize("name", names())
def test_every_built_in_bridge_keeps_them(name: str, life: str) -> None:
    made = Sweeper(small("512:64:ff", name), LIVES[life], SIZE)
    assert [one for place in made.places if not (one := made.judge(place)).ending.good] == []


class DiesInATrial(Loader):
    """Find nothing to boot once power failed in a trial."""

    def choose(self) -> Choice:
        if self.state is BootState.TRIAL:
            raise BootError("nothing to boot")
        return super().choose()


class StopsInATrial(Loader):
    """Run into an error of its own there."""

    def choose(self) -> Choice:
        if self.state is BootState.TRIAL:
            raise KeyError("trial")
        return super().choose()


@pytest.mark.parametrize(
    ("loader", "found"),
    [(DiesInATrial, "nothing to boot"), (StopsInATrial, "the bridge stops: KeyError")],
)
def test_a_bridge_that_does_not_boot_is_found(loader: type[Loader], found: str) -> None:
    made = sweeper("upgrade")
    made.scene.bridge.parts = replace(SOUND, loader=loader)
    endings = [made.judge(place).ending for place in made.places if place.phase == "trial"]
    assert {ending.promise for ending in endings} == {1, 0}
    assert all(found in ending.found for ending in endings if not ending.good)


def test_a_spoilt_image_that_boots_is_found() -> None:
    blind = overlay(small(), {"image.verify": ["header"]})
    with pytest.raises(Broken, match=r"promise 2 .*: the spoilt version 0x02000000 boots"):
        _ = Sweeper(blind, LIVES["refusal"], SIZE).places


def test_other_octets_that_boot_are_found() -> None:
    made = sweeper("upgrade")
    made.scene.images[LIVES["upgrade"].wanted] += b"!"
    with pytest.raises(Broken, match=r"promise 2 .* its slot holds other octets"):
        _ = made.places


def test_every_kind_of_cut_has_its_promises() -> None:
    assert all(owed <= PROMISES.keys() for owed in OWED.values())
    assert {kind.replace("-", " ") for kind in KINDS} == OWED.keys()
    assert OWED["worn"] == PROMISES.keys() - {3}


@pytest.mark.parametrize("life", ["upgrade", "rollback", "waiting"])
def test_a_bridge_lives_with_a_worn_sector_of_slot_or_memory(life: str) -> None:
    made = Sweeper(small(), LIVES[life], SIZE, kinds=(WORN,))
    chosen = [place for place in made.places if place.phase in ("download", "record")]
    assert {place.phase for place in chosen} == {"download", "record"}
    assert [one for place in chosen if not (one := made.judge(place)).ending.good] == []


class SaysNothing(Application):
    """Keep to itself that flash is worn."""

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        return _silent(super().receive(datagram, now))


def _silent(actions: Sequence[Action]) -> Sequence[Action]:
    return [
        one for one in actions if not (isinstance(one, Report) and one.what is Happening.FLASH_WORN)
    ]


def test_a_bridge_that_does_not_report_a_worn_sector_is_found() -> None:
    made = Sweeper(small(), LIVES["upgrade"], SIZE, kinds=(WORN,))
    place = next(place for place in made.places if place.phase == "download")
    assert made.judge(place).ending.good
    made.scene.bridge.parts = replace(SOUND, application=SaysNothing)
    ending = made.judge(place).ending
    assert (ending.promise, "did not report why" in ending.found) == (7, True)
