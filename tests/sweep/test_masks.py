"""What a fingerprint leaves out changes nothing, and all that it does not leave out changes it.

For each mask a state is copied with other values in the masked field alone: it has the same
fingerprint, and ends as the first one does. Then every other field of a moment is changed, one by
one: each change gives another fingerprint.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, NamedTuple, TypeAlias
from zlib import crc32

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from emulator.actions import Receive, Wake
from emulator.boot.record import RecordCheck, RecordHead, RecordLog
from emulator.device.nonvolatile import NonVolatile
from emulator.errors import WireError
from emulator.units import HOUR
from emulator.wire.codec import Frame
from harness.sweep.engine import Ending, Sweeper
from harness.sweep.fingerprint import (
    CONSTANT,
    MASKS,
    ONLY_WITH,
    TIMES,
    fingerprint,
    fork_fingerprint,
)
from harness.sweep.lives import LIVES
from harness.sweep.promises import Past
from harness.sweep.recording import Flashes, Place
from harness.sweep.scene import DUT, Flash, Scene
from tests.sweep.places import SIZE, small, sweeper

#: Examples are small as they are: to shrink them would take minutes of life after life.
PACE = settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate])
KEPT = {life: sweeper(life, merge=False) for life in ("upgrade", "rollback", "waiting")}


class Fork(NamedTuple):
    """Be a moment at which the supply has failed, and what that left of flash."""

    made: Sweeper
    place: Place
    flash: Flash

    def __repr__(self) -> str:
        return f"{self.made.life.name}:{self.place.cut}"

    def fingerprint(self, flash: Flash | None = None) -> bytes:
        scene, moment = self.made.scene, self.place.call.moment
        return fork_fingerprint(scene, moment, flash or self.flash, scene.judge.owed)

    def ending(self, flash: Flash | None = None) -> Ending:
        """Live on from there."""
        self.made.scene.fork(
            self.place.call.moment, flash or self.flash, self.made.scene.judge.owed
        )
        return self.made._finish()[0]


@st.composite
def forks(draw: st.DrawFn, kinds: tuple[str, ...] = ("before", "after", "torn")) -> Fork:
    """Draw a cut of a life."""
    made = KEPT[draw(st.sampled_from(sorted(KEPT)))]
    places = [place for place in made.places if place.cut.kind in kinds]
    place = draw(st.sampled_from(places))
    return Fork(made, place, Flashes(made.scene.probe).of(place))


# Records in flash.


Change: TypeAlias = Callable[[str, RecordHead], RecordHead]


def rewritten(made: Sweeper, flash: Flash, change: Change) -> Flash:
    """Return a flash whose valid records are changed, each with its own right check value."""
    page = made.scene.bridge.flash.geometry.page_octets
    pages = list(flash.content.pages)
    for name in ("boot_record", "data"):
        start, end = made.scene.profile.flash.areas[name]
        for number in range(start // page, end // page):
            pages[number] = _changed(pages[number], lambda head, name=name: change(name, head))
    return flash._replace(content=flash.content._replace(pages=tuple(pages)))


def _changed(octets: bytes, change: Callable[[RecordHead], RecordHead]) -> bytes:
    at = octets.find(b"HnvR")
    while at >= 0:
        after = at + 1
        try:
            head, end = RecordHead.decode_at(octets, at)
            check, behind = RecordCheck.decode_at(octets, end)
        except WireError:
            pass
        else:
            if check.crc == crc32(octets[at:end]):
                other = change(head).encode()
                other += RecordCheck(crc=crc32(other)).encode()
                assert len(other) == behind - at
                octets, after = octets[:at] + other + octets[behind:], behind
        at = octets.find(b"HnvR", after)
    return octets


def renumbered(by: dict[str, int]) -> Change:
    return lambda log, head: replace(head, sequence=head.sequence + by.get(log, 0))


def recounted(limit: Callable[[int], int]) -> Change:
    """Return a change of the frame counters' limit in every record that has one."""

    def change(log: str, head: RecordHead) -> RecordHead:
        if log != "data":
            return head
        record, rest = NonVolatile.decode(head.payload)
        other = replace(record, counter_limit=limit(record.counter_limit))
        return replace(head, payload=other.encode() + rest)

    return change


SHIFTS = st.integers(1, 1 << 30)


@PACE
@given(fork=forks(), boot=SHIFTS, data=SHIFTS)
def test_sequence_numbers_of_records_matter_by_their_distance(
    fork: Fork, boot: int, data: int
) -> None:
    other = rewritten(fork.made, fork.flash, renumbered({"boot_record": boot, "data": data}))
    assert other.content != fork.flash.content
    assert fork.fingerprint(other) == fork.fingerprint()
    assert fork.ending(other) == fork.ending()


@PACE
@given(fork=forks(), log=st.sampled_from(["boot_record", "data"]), by=st.integers(1, 9))
def test_another_distance_of_two_records_is_another_state(fork: Fork, log: str, by: int) -> None:
    found: list[int] = []

    def newest_later(name: str, head: RecordHead) -> RecordHead:
        return replace(head, sequence=head.sequence + by) if head.sequence == max(found) else head

    def look(name: str, head: RecordHead) -> RecordHead:
        found.extend([head.sequence] if name == log else [])
        return head

    rewritten(fork.made, fork.flash, look)
    other = rewritten(
        fork.made, fork.flash, lambda name, head: newest_later(name, head) if name == log else head
    )
    assert (fork.fingerprint(other) != fork.fingerprint()) == (len(set(found)) > 1)


@PACE
@given(fork=forks(), by=SHIFTS)
def test_a_higher_limit_of_frame_counters_ends_alike(fork: Fork, by: int) -> None:
    other = rewritten(fork.made, fork.flash, recounted(lambda limit: limit + by))
    if fork.made.scene.probe.counter_limit(fork.flash) > fork.place.call.moment.past.mark[1]:
        assert fork.fingerprint(other) == fork.fingerprint()
    assert fork.ending(other) == fork.ending()


@PACE
@given(fork=forks(("before", "after")))
def test_a_limit_that_frames_have_reached_is_another_state(fork: Fork) -> None:
    """The judge is right not to merge these: one of them breaks promise 6."""
    sent = fork.place.call.moment.past.mark[1]
    limit = fork.made.scene.probe.counter_limit(fork.flash)
    if sent < 0 or limit < 0:
        return  # nothing was sent, or nothing saved
    other = rewritten(fork.made, fork.flash, recounted(lambda one: min(one, sent)))
    assert fork.fingerprint(other) != fork.fingerprint()
    assert (fork.ending(other).promise, fork.ending().promise) == (6, 0)


@PACE
@given(fork=forks(), at=st.integers(0, 1 << 20), bit=st.integers(0, 7))
def test_another_octet_of_flash_is_another_state(fork: Fork, at: int, bit: int) -> None:
    """Slots and unused units, octet by octet; in a record it spoils the check value too."""
    pages = list(fork.flash.content.pages)
    number, offset = divmod(at % (len(pages) * len(pages[0])), len(pages[0]))
    octets = bytearray(pages[number])
    octets[offset] ^= 1 << bit
    pages[number] = bytes(octets)
    other = fork.flash._replace(content=fork.flash.content._replace(pages=tuple(pages)))
    assert fork.fingerprint(other) != fork.fingerprint()
    masks = list(fork.flash.content.masks)
    masks[number] ^= 1 << bit
    used = fork.flash._replace(content=fork.flash.content._replace(masks=tuple(masks)))
    assert fork.fingerprint(used) != fork.fingerprint()


# A bridge that runs.


def living(life: str, stimuli: int) -> Scene:
    """Return a scene after so many events of its life, with the bridge on."""
    made = Scene(small(), LIVES[life], SIZE)
    made.live()
    left = iter(range(stimuli))
    made.world.run(lambda: next(left, None) is None, 30 * 24 * HOUR)
    made.world.run(lambda: made.link.powered and made.probe.ram is not None, HOUR)
    made.again()
    return made


def end_of(made: Scene) -> tuple[object, ...]:
    """Live on until all is judged, and return what happened but for masked numbers."""
    assert made.run(60 * 24 * HOUR, "settled")
    made.judge.settled()
    return (
        made.world.now,
        made.slots(),
        made.judge.past.likeness(),
        made.hub.snapshot().likeness(made.world.now),
    )


def renumber(made: Scene, rng: random.Random) -> None:
    """Draw every ZCL and APS sequence number anew, also of what is in the air."""
    radio: Any = made.probe.ram._radio  # type: ignore[attr-defined]
    radio._sequence, radio._aps_counter = rng.randrange(256), rng.randrange(256)
    made.hub._sequence = rng.randrange(256)
    _in_the_air(made, lambda one: {"aps_counter": rng.randrange(256)})


def count_on(made: Scene, rng: random.Random) -> None:
    """Raise the frame counters of both ends by any number."""
    radio: Any = made.probe.ram._radio  # type: ignore[attr-defined]
    radio._counter = made.judge.past.mark[1] + 1 + rng.randrange(1 << 20)
    made.hub._frames.value += rng.randrange(1 << 20)


def _in_the_air(made: Scene, change: Callable[[Receive], dict[str, int]]) -> None:
    for number, (at, order, receiver, stimulus) in enumerate(made.world._heap):
        if isinstance(stimulus, Receive):
            datagram = replace(stimulus.datagram, **change(stimulus))  # type: ignore[arg-type]
            made.world._heap[number] = (at, order, receiver, Receive(datagram=datagram))


def wake_often(made: Scene, rng: random.Random) -> None:
    """Wake the bridge early, late and in vain."""
    now, deadline = made.world.now, made.link.device.deadline
    ahead = HOUR if deadline is None else max(deadline - now, 1)
    for _ in range(3):
        made.world.post(now + rng.randrange(2 * ahead), DUT, Wake())
    if deadline is not None:
        early = now + rng.randrange(ahead)
        made.link.forget()
        made.link._wake_at = early
        made.world.post(early, DUT, Wake())


MASKED = {"sequence numbers": renumber, "frame counters": count_on, "wakes": wake_often}


@pytest.mark.parametrize("mask", MASKED)
@settings(PACE, max_examples=20)
@given(
    life=st.sampled_from(["upgrade", "rollback", "refusal", "waiting"]),
    stimuli=st.integers(5, 300),
    seed=st.integers(0, 1 << 30),
)
def test_what_is_masked_in_ram_ends_alike(mask: str, life: str, stimuli: int, seed: int) -> None:
    plain, other = living(life, stimuli), living(life, stimuli)
    before = fingerprint(plain)
    assert fingerprint(other) == before
    MASKED[mask](other, random.Random(seed))
    assert fingerprint(other) == before
    assert end_of(other) == end_of(plain)


# Everything else, one by one.


def graph(root: object) -> Iterator[object]:
    """Yield each object of a graph once that has attributes of its own."""
    todo, seen = [root], set[int]()
    while todo:
        one: Any = todo.pop()
        if id(one) in seen or isinstance(one, type | Frame | Enum):
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, tuple | list | set | frozenset):
            todo += list(one)
        elif type(one).__module__.startswith("emulator") and not _names(one) & CONSTANT:
            yield one
            todo += [getattr(one, name) for name in attributes(one)]


def _names(one: object) -> set[str]:
    return {cls.__name__ for cls in type(one).__mro__}


def attributes(one: object) -> list[str]:
    """Return the names of an object's own attributes that are not left out."""
    slots = [slot for cls in type(one).__mro__ for slot in getattr(cls, "__slots__", ())]
    names = {*getattr(one, "__dict__", {}), *slots} - {"__dict__", "__weakref__"}
    masked = {mask for name in names for cls in _names(one) if (mask := f"{cls}.{name}") in MASKS}
    return sorted(names - {mask.partition(".")[2] for mask in masked})


#: What stands for "nothing to change here".
_NONE = object()


def other_than(value: Any) -> Any:  # noqa: ANN401 - any field
    """Return another value of the same kind, ``_NONE`` for an object that is walked itself."""
    match value:
        case bool():
            return not value
        case Enum():
            others = [one for one in type(value) if one is not value]
            return others[0] if others else _NONE
        case int():
            return value + 1
        case bytes() | str():
            return value[:-1] if value else type(value)() + value[:0].ljust(1)
        case None:
            return 1
        case tuple():
            return (*value, 1)
        case list():
            return [*value, 1]
        case dict():
            return {**value, "one more": 1}
        case Frame():
            return _other_frame(value)
        case _:
            return _NONE


def _other_frame(value: Frame) -> Any:  # noqa: ANN401
    for one in fields(value):  # type: ignore[arg-type]
        held = getattr(value, one.name)
        if type(held) is int:
            return replace(value, **{one.name: held ^ 1})  # type: ignore[type-var]
    return _NONE


def counts(one: object, name: str, now: int) -> bool:
    """Tell whether another value of an attribute may matter: long past times do not."""
    for cls in _names(one):
        key = f"{cls}.{name}"
        value = getattr(one, name)
        keeper = ONLY_WITH.get(key)
        if keeper is not None and getattr(one, keeper) is None:
            return False
        if key in TIMES and value is not None and value - now < -TIMES[key]:
            return False
    return True


@pytest.mark.parametrize("life", ["upgrade", "rollback", "waiting", "several"])
@pytest.mark.parametrize("stimuli", [12, 60, 150, 260])
def test_every_other_attribute_of_ram_is_covered(life: str, stimuli: int) -> None:
    made = living(life, stimuli)
    before, now, changed, blind = fingerprint(made), made.world.now, 0, []
    for one in list(graph(made.probe.ram)):
        for name in attributes(one):
            held = getattr(one, name)
            other = other_than(held)
            if other is _NONE or not counts(one, name, now):
                continue
            object.__setattr__(one, name, other)
            changed += 1
            if fingerprint(made) == before:
                blind.append(f"{type(one).__name__}.{name}")
            object.__setattr__(one, name, held)
    assert blind == []
    assert changed > 60
    assert fingerprint(made) == before


@pytest.mark.parametrize("life", ["upgrade", "rollback", "waiting"])
def test_every_field_of_judge_and_hub_is_covered(life: str) -> None:
    made = living(life, 60)
    fork, moment = made.probe.flash(), made.moment()
    before = fork_fingerprint(made, moment, fork, made.judge.owed)
    past = {one.name for one in fields(Past)} - {"mark"}
    hub = {one.name for one in fields(moment.hub)} - {"now", "sequence", "counter"}
    for part, names in (("past", past), ("hub", hub)):
        for name in sorted(names):
            held = getattr(moment, part)
            if name == "away_until":
                other = moment.world.now + 5
            else:
                other = other_than(getattr(held, name))
            changed = replace(moment, **{part: replace(held, **{name: other})})
            assert fork_fingerprint(made, changed, fork, made.judge.owed) != before, name
    assert is_dataclass(moment.hub)
    assert len(past) > 8


@pytest.mark.parametrize("life", ["upgrade", "rollback", "waiting"])
def test_the_queue_and_the_clock_are_covered(life: str) -> None:
    made = living(life, 61)
    before, heap = fingerprint(made), list(made.world._heap)
    shown = [number for number, entry in enumerate(heap) if type(entry[3]) is not Wake]
    for number in shown:
        at, order, receiver, stimulus = heap[number]
        for other in ([], [(at + 1, order, receiver, stimulus)], [(at, order, "x", stimulus)]):
            made.world._heap = [*heap[:number], *other, *heap[number + 1 :]]
            assert fingerprint(made) != before
    made.world._heap = heap
    assert fingerprint(made) == before
    made.world.now += 1
    assert fingerprint(made) != before


# The masks themselves.


#: What shows that each mask is right: a property above, or one of the two tests below.
SHOWN = {
    "Radio._counter": "frame counters",
    "Radio._sequence": "sequence numbers",
    "Radio._aps_counter": "sequence numbers",
    "NonVolatile.counter_limit": "a higher limit of frame counters",
    "RecordLog._newest": "flash",
    "Machine._rng": "chance",
    "Machine._on": "code",
    "Machine._on_deadline": "code",
    "General._attributes": "code",
    "RecordLog._readers": "code",
    "DownloadStore._verify": "code",
}


def test_each_mask_is_shown_to_be_right() -> None:
    assert SHOWN.keys() == MASKS.keys()


def masked(made: Scene, how: str) -> dict[str, Any]:
    """Return the values of the masks that are shown in one way, from the bridge's RAM."""
    wanted = [name for name, way in SHOWN.items() if way == how]
    found = {}
    for one in graph(made.probe.ram):
        for name in wanted:
            cls, attribute = name.split(".")
            if cls in _names(one):
                found[f"{type(one).__name__}.{attribute}"] = getattr(one, attribute)
    return found


@pytest.mark.parametrize("life", ["upgrade", "rollback", "waiting"])
def test_masked_code_is_the_same_whatever_happened(life: str) -> None:
    early, late = masked(living(life, 12), "code"), masked(living(life, 260), "code")
    assert early.keys() == late.keys()
    assert len(early) == 5
    for name, held in early.items():
        other = late[name]
        if isinstance(held, dict):
            assert _code(held) == _code(other)
        else:
            assert getattr(held, "__func__", held) == getattr(other, "__func__", other), name


def _code(table: dict[Any, Any]) -> dict[Any, Any]:
    return {key: getattr(one, "__func__", one) for key, one in table.items()}


@pytest.mark.parametrize("stimuli", [12, 60, 150, 260])
def test_the_newest_record_and_chance_are_in_it_by_other_ways(stimuli: int) -> None:
    made = living("rollback", stimuli)
    logs = [one for one in graph(made.probe.ram) if isinstance(one, RecordLog)]
    assert len(logs) == 2
    for log in logs:
        assert log._newest == type(log)(log._area, log._kind)._newest
    before, rng = fingerprint(made), made.bridge._rng
    assert set(map(id, masked(made, "chance").values())) == {id(rng)}
    rng.randrange(0, 1 << 30)  # type: ignore[union-attr]
    assert fingerprint(made) != before
