"""The engine finds the defects of flash, boot and records, and says which promise they break."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import pytest

from emulator.actions import Action, Happening, Report
from emulator.boot.loader import Choice, Loader
from emulator.boot.record import BootState
from emulator.device.application import Application
from emulator.device.defects import boot, decay, records, trials, wear
from emulator.device.parts import SOUND
from emulator.errors import BootError
from emulator.profiles.load import names, overlay
from emulator.units import Us
from emulator.wire.aps import Datagram
from harness.sweep.engine import Sweeper
from harness.sweep.lives import LIVES
from harness.sweep.points import KINDS, WORN
from harness.sweep.promises import OWED, PROMISES, Broken
from harness.sweep.recording import Place
from tests.sweep.places import SIZE, small, sweeper

#: Where images run in place, and where they are exchanged.
IN_PLACE, EXCHANGED = names()[0], names()[-1]


class Row(NamedTuple):
    """Be a defect of flash, records, loader or trial, and a life in which a sweep sees it."""

    defect: str
    life: str
    promises: frozenset[int]  # that it breaks there, and no others
    shape: str = IN_PLACE


def row(defect: str, life: str, *promises: int, shape: str = IN_PLACE) -> Row:
    return Row(defect, life, frozenset(promises), shape)


CAUGHT = [
    row("D201", "upgrade", 3),
    row("D202", "change", 3),
    row("D203", "waiting", 3),
    row("D204", "rollback", 5),
    row("D205", "crash", 5),
    row("D206", "rollback", 5),
    row("D207", "rollback", 5),
    row("D208", "upgrade", 4),
    row("D209", "rollback", 6),
    row("D210", "waiting", 3),
    row("D216", "crash", 5),
    row("D219", "crash", 5),
    row("D220", "refusal", 3),
    row("D221", "rollback", 5, shape=EXCHANGED),
    row("D222", "rollback", 1),
    row("D223", "upgrade", 1),
    row("D224", "upgrade", 6),
    row("D225", "refusal", 2),
    row("D226", "upgrade", 1),
    row("D227", "upgrade", 1, 3),
    row("D228", "upgrade", 3),
    row("D229", "upgrade", 1),
    row("D230", "upgrade", 3),
    row("D231", "change", 1, 3),
    row("D232", "upgrade", 1, 3, shape=EXCHANGED),
    row("D233", "upgrade", 3, shape=EXCHANGED),
    row("D234", "upgrade", 3, shape=EXCHANGED),
    row("D241", "several", 2),
]

#: Those that a sweep sees where a sector wears out.
WORN_OUT = [
    row("D285", "upgrade", 7),
    row("D287", "upgrade", 7, shape=EXCHANGED),
    row("D288", "rollback", 5, shape=EXCHANGED),
    row("D290", "rollback", 5, shape=EXCHANGED),
    row("D291", "rollback", 2, shape=EXCHANGED),
]

#: Those that no life shows: what they need instead, which vectors and cases bring.
UNSEEN = {
    "D211": "two images that fail, one after the other",
    "D212": "a trial of more boots than a sweep's",
    "D213": "an image that is heard before it crashes",
    "D214": "a query that is refused in the trial",
    "D215": "a notify that asks in vain for what time alone should bring",
    "D217": "neighbours",
    "D218": "neighbours",
    "D240": "flash that decays at rest",
    "D281": "flash that decays in the trial",
    "D282": "flash that decays while an image waits",
    "D283": "two images of a set, refused at the end",
    "D284": "flash that decays, beside an image of a lower counter",
    "D293": "flash that decays while an image waits",
    "D286": "a boot record of which no sector takes an erase",
    "D289": "a boot record that is full, and takes no erase any more",
}

#: For each promise a defect that breaks it, and no other one in any life.
ONLY = {1: "D223", 2: "D225", 3: "D228", 4: "D208", 5: "D205", 6: "D224"}

#: Those that show only after a while: at the third trial boot, when a record area has been full.
LATE = [("D219", "crash", 5), ("D222", "rollback", 1)]


def made_of(life: str, defect: str | None, *, shape: str = IN_PLACE, merge: bool = True) -> Sweeper:
    return Sweeper(small(name=shape), LIVES[life], SIZE, merge=merge, defect=defect)


def failures(made: Sweeper) -> dict[int, list[Place | None]]:
    """Return where each broken promise breaks; None: in the life without a cut."""
    found: dict[int, list[Place | None]] = {}
    try:
        places = made.places
    except Broken as clean:
        return {clean.promise: [None]}
    for place in places:
        promise = made.judge(place).ending.promise
        if promise:
            found.setdefault(promise, []).append(place)
    return found


def broken(life: str, defect: str | None, *, shape: str = IN_PLACE) -> set[int]:
    """Return the promises that a whole sweep finds broken."""
    return set(failures(made_of(life, defect, shape=shape)))


@pytest.mark.parametrize("one", CAUGHT, ids=lambda one: one.defect)
def test_a_defect_breaks_its_promises_merged_and_not(one: Row) -> None:
    found = failures(made_of(one.life, one.defect, shape=one.shape))
    assert found.keys() == one.promises
    alone = made_of(one.life, one.defect, shape=one.shape, merge=False)
    for promise, where in found.items():
        for place in (where[0], where[-1]):
            if place is None:
                with pytest.raises(Broken, match=f"^promise {promise} "):
                    _ = alone.places
            else:
                assert alone.judge(place).ending.promise == promise


@pytest.mark.parametrize("one", WORN_OUT, ids=lambda one: one.defect)
def test_a_worn_sector_shows_a_defect(one: Row) -> None:
    shape = small(name=one.shape)
    made = Sweeper(shape, LIVES[one.life], SIZE, kinds=(WORN,), defect=one.defect)
    assert failures(made).keys() == one.promises
    sound = Sweeper(shape, LIVES[one.life], SIZE, kinds=(WORN,))
    assert failures(sound) == {}


def test_each_defect_of_flash_boot_and_records_is_in_the_table() -> None:
    tables = (boot.DEFECTS, trials.DEFECTS, records.DEFECTS, decay.DEFECTS, wear.DEFECTS)
    ids = {one.id for table in tables for one in table}
    caught = {one.defect for one in (*CAUGHT, *WORN_OUT)}
    assert caught | UNSEEN.keys() == ids
    assert caught & UNSEEN.keys() == set()
    assert len(CAUGHT) >= 20
    assert all(one.caught_by for table in tables for one in table if one.id in UNSEEN)


@pytest.mark.parametrize("promise", ONLY)
def test_each_promise_has_a_defect_that_breaks_it_alone(promise: int) -> None:
    shown = {one.life for one in CAUGHT if one.defect == ONLY[promise]}
    lives = shown.union(LIVES) - ({"crash"} - shown)  # a long one, and much like a rollback
    assert {found for life in sorted(lives) for found in broken(life, ONLY[promise])} == {promise}


@pytest.mark.parametrize(("defect", "life", "promise"), LATE)
def test_some_defects_show_only_late(defect: str, life: str, promise: int) -> None:
    brief, long = made_of("upgrade", defect), made_of(life, defect)
    assert failures(brief) == {}
    assert failures(long) == {promise: [None]}
    tries, operations = long.scene.judge.past.tries, long.scene.probe.count
    assert tries > 2 if defect == "D219" else operations > brief.scene.probe.count


@pytest.mark.parametrize("life", LIVES)
def test_a_sound_bridge_keeps_all_of_them(life: str) -> None:
    assert broken(life, None) == set()


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
