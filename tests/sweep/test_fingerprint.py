"""A fingerprint covers everything but what is listed, and refuses what it does not know."""

from collections.abc import Iterator
from typing import Any

import pytest

from emulator.units import MINUTE, SECOND
from emulator.wire.aps import Datagram
from harness.sweep.fingerprint import (
    MASKS,
    ONLY_WITH,
    TIMES,
    UnknownStateError,
    Walker,
    datagram_likeness,
    fingerprint,
    fork_fingerprint,
)
from harness.sweep.lives import LIVES
from harness.sweep.promises import PROMISES
from harness.sweep.scene import Scene, Watcher
from tests.sweep.places import SIZE, small

OWED = frozenset(PROMISES)


def scene_at(operations: int, life: str = "upgrade") -> Scene:
    """Return a scene that has lived until so many flash operations."""
    made = Scene(small(), LIVES[life], SIZE)
    made.live()
    assert made.world.run(lambda: made.probe.count >= operations, 3 * 24 * 60 * MINUTE)
    return made


def walked(value: object, now: int = 0) -> list[object]:
    walker = Walker(now)
    walker.take(value)
    return walker.out


class Odd:
    """Be what nobody thought of: state out of reach of attributes."""

    __slots__ = ()


@pytest.mark.parametrize("value", [iter([1]), object(), (one for one in ()), [[iter("a")]], 1.5j])
def test_unknown_state_is_refused(value: object) -> None:
    with pytest.raises(UnknownStateError, match="no way to cover it"):
        walked(value)


@pytest.mark.parametrize("life", LIVES)
def test_every_state_of_a_life_is_known(life: str) -> None:
    """Walk the whole graph of the bridge's RAM after each stimulus of a life."""
    made = Scene(small(), LIVES[life], SIZE)
    seen = set()

    class Looker(Watcher):
        def acted(self) -> None:
            seen.add(fingerprint(made))

    made.live()
    made.watcher = Looker()
    assert made.run(10 * 24 * 60 * MINUTE, "settled")
    assert len(seen) > 25  # moments differ from one another


def test_a_listed_name_exists() -> None:
    """A mask or a time whose attribute was renamed would be one no more."""
    made = Scene(small(), LIVES["rollback"], SIZE)
    names: set[str] = set()

    class Looker(Watcher):
        def acted(self) -> None:
            names.update(f"{kind}.{name}" for kind, name in _attributes(made.probe.ram))

    made.live()
    made.watcher = Looker()
    assert made.run(10 * 24 * 60 * MINUTE, "settled")
    assert {*MASKS, *TIMES, *ONLY_WITH} - names == set()


def _attributes(root: object) -> Iterator[tuple[str, str]]:
    """Yield class and name of every attribute of a graph; of each base class too."""
    todo, seen = [root], set()
    while todo:
        one: Any = todo.pop()
        if id(one) in seen or not type(one).__module__.startswith("emulator"):
            continue
        seen.add(id(one))
        slots = [slot for cls in type(one).__mro__ for slot in getattr(cls, "__slots__", ())]
        for name in {*getattr(one, "__dict__", {}), *slots}:
            for cls in type(one).__mro__:
                yield cls.__name__, name
            todo.append(getattr(one, name, None))


def test_a_time_that_nobody_reads_does_not_count() -> None:
    made = scene_at(20)
    patience = made.probe.ram._patience
    assert patience.deadline is None
    before = fingerprint(made)
    patience._saved_at -= 5
    assert fingerprint(made) == before
    patience.deadline = made.world.now + MINUTE
    waiting = fingerprint(made)
    patience._saved_at -= 5
    assert len({before, waiting, fingerprint(made)}) == 3


def test_time_is_counted_from_now() -> None:
    """The same life, begun later, has the same fingerprints."""
    early, late = (Scene(small(), LIVES["upgrade"], SIZE) for _ in range(2))
    prints: list[list[bytes]] = []
    for made, days in ((early, 30), (late, 37)):
        made.world.now = days * 24 * 60 * MINUTE
        made.start = made.moment()
        made.live()
        marks: list[bytes] = []
        for count in (15, 22, 30):
            made.world.run(lambda: made.probe.count >= count, 60 * MINUTE)  # noqa: B023
            marks.append(fingerprint(made))
        prints.append(marks)
    assert prints[0] == prints[1]
    assert len(set(prints[0])) == 3


CHANGES = {
    "an octet of flash": lambda made: made.bridge.flash.program(
        made.profile.flash.slot_b[1] - 64, bytes(64)
    ),
    "a unit used up": lambda made: made.bridge.flash.program(
        made.profile.flash.slot_b[1] - 64, b"\xff" * 64
    ),
    "a stage": lambda made: setattr(made.probe.ram.client, "deadline", made.world.now + 1),
    "tries": lambda made: setattr(made.probe.ram.client, "_tries", 1),
    "the offset": lambda made: setattr(made.probe.ram.store._writer, "offset", 1),
    "octets that wait": lambda made: setattr(made.probe.ram.store._writer, "_waiting", b"x"),
    "the script": lambda made: made.hub._take_turn(1),
    "who is known": lambda made: made.hub.peers.clear(),
    "chance": lambda made: made.bridge._rng.randrange(0, 1 << 30),
    "the queue": lambda made: made.world.post(made.world.now + SECOND, "hub", object()),
    "trial boots": lambda made: setattr(made.judge.past, "tries", 1),
    "the address": lambda made: setattr(made.probe.ram._radio, "address", 5),
    "the step of the end": lambda made: setattr(made, "step", 1),
    "a counter behind": lambda made: setattr(made.judge.past, "mark", (0, 1 << 30)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_matters_is_in_it(name: str) -> None:
    made = scene_at(20)
    before = fingerprint(made)
    if name == "the queue":
        made.medium.leave("dut")
    else:
        CHANGES[name](made)
    assert fingerprint(made) != before


SAME = {
    "frame counter": lambda made: setattr(made.probe.ram._radio, "_counter", 77),
    "ZCL sequence": lambda made: setattr(made.probe.ram._radio, "_sequence", 77),
    "APS counter": lambda made: setattr(made.probe.ram._radio, "_aps_counter", 77),
    "hub's counter": lambda made: setattr(made.hub._frames, "value", 1 << 20),
    "hub's sequence": lambda made: setattr(made.hub, "_sequence", 77),
}


@pytest.mark.parametrize("name", SAME)
def test_what_is_masked_is_not(name: str) -> None:
    made = scene_at(20)
    before = fingerprint(made)
    SAME[name](made)
    assert fingerprint(made) == before


@pytest.mark.parametrize("name", SAME)
def test_a_masked_field_changes_no_ending(name: str) -> None:
    """Live on with and without the change: what happens is the same but for these numbers."""
    ends = []
    for change in (SAME[name], lambda made: None):
        made = scene_at(20)
        change(made)
        assert made.run(10 * 24 * 60 * MINUTE, "settled")
        made.judge.settled()
        ends.append((made.world.now, made.slots(), made.judge.past.version, made.probe.count))
    assert ends[0] == ends[1]


def test_a_fork_is_known_by_flash_and_surroundings() -> None:
    made = scene_at(20)
    moment = made.moment()
    same = fork_fingerprint(made, moment, moment.flash, OWED)
    made.probe.ram.client._tries = 1  # RAM dies with the supply
    assert fork_fingerprint(made, made.moment(), moment.flash, OWED) == same
    assert fork_fingerprint(made, moment, made.start.flash, OWED) != same
    assert fork_fingerprint(made, moment, moment.flash, frozenset({1})) != same


def datagram(payload: bytes, *, frame_counter: int = 1, aps_counter: int = 1) -> Datagram:
    return Datagram(
        source=1,
        destination=2,
        source_endpoint=1,
        destination_endpoint=1,
        cluster=0x0019,
        profile=0x0109,
        payload=payload,
        frame_counter=frame_counter,
        aps_counter=aps_counter,
    )


def test_a_datagram_is_known_without_its_numbers() -> None:
    one = datagram_likeness(datagram(b"\x19\x07\x05data", frame_counter=9, aps_counter=3))
    assert one == datagram_likeness(datagram(b"\x19\x08\x05data", frame_counter=10))
    assert one != datagram_likeness(datagram(b"\x19\x07\x05date"))
    assert one != datagram_likeness(datagram(b"\x18\x07\x05data"))
    maker = datagram_likeness(datagram(b"\x1d\xaa\xbb\x07\x05"))
    assert maker == datagram_likeness(datagram(b"\x1d\xaa\xbb\x08\x05"))
    assert maker != datagram_likeness(datagram(b"\x1d\xaa\xbc\x07\x05"))
