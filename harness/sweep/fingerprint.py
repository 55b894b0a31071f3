"""Tell whether two moments of a swept life will go on alike.

A fingerprint covers every octet of flash, everything in the bridge's RAM, the hub, the air, the
queue and the streams of chance, with times counted from now. What it leaves out is listed here,
each with its reason; what it does not know makes it fail, never guess.
"""

import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from hashlib import blake2b
from marshal import dumps
from operator import attrgetter
from random import Random
from typing import Any

from emulator.actions import Receive, Wake
from emulator.units import SECOND, Us
from emulator.wire.aps import ZDO_PROFILE, Datagram
from emulator.wire.codec import Frame
from harness.sweep.scene import DUT, Flash, Moment, Scene

#: Attributes that are left out, by class and name, with the reason.
MASKS: Mapping[str, str] = {
    "Radio._counter": "a frame counter: judged at each frame that is sent",
    "Radio._sequence": "a ZCL sequence number: echoed, never compared",
    "Radio._aps_counter": "an APS sequence number: nobody compares it",
    "NonVolatile.counter_limit": "a frame counter: it says when one more record is written",
    "RecordLog._newest": "what flash says; flash is in the fingerprint, its sequence is masked",
    "Machine._rng": "the stream of chance stands in the fingerprint beside the RAM",
    "Machine._on": "a table of code",
    "Machine._on_deadline": "a table of code",
    "General._attributes": "a table of code",
    "RecordLog._readers": "a table of code",
    "DownloadStore._verify": "code, with a memory of verdicts that are the same each time",
}

#: The longest time that a bridge counts from a moment that is past: a block period.
_LONGEST_US: Us = 0x10000 * SECOND

#: Attributes that are times, and how far back they matter: a time further past is as good as that.
TIMES: Mapping[str, Us] = {
    "Application._join_at": 0,
    "Application._poll_at": 0,
    "Application._linger_until": 0,
    "Application._crash_at": 0,
    "Application._alarm": 0,
    "Machine.deadline": 0,
    "Machine._earliest": 0,
    "Machine._asked_at": _LONGEST_US,
    "Machine._answer_by": 0,
    "Trial.deadline": 0,
    "Trial.proof_from": 0,
    "Trial._saved_at": _LONGEST_US,
    "Trial._pause_from": _LONGEST_US,
    "Trial._pause_until": _LONGEST_US,
    "Patience.deadline": 0,
    "Patience._saved_at": _LONGEST_US,
}

#: Attributes that nobody reads while another one of the same object is None.
ONLY_WITH: Mapping[str, str] = {"Patience._saved_at": "deadline"}

#: Classes whose objects are the same for the whole sweep, by name.
CONSTANT = frozenset({"Profile", "Section", "Parts", "Identity", "Nor", "Geometry", "ClientTable"})

_CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MappingProxyType,
    type,
)
_PLAIN = frozenset({int, str, bytes, bool, type(None)})

#: What to do with an object: read all attributes at once, and how far back each one matters
#: if it is a time (None: it is none).
_Plan = tuple[Callable[[Any], tuple[Any, ...]], tuple[Us | None, ...]]


class UnknownStateError(TypeError):
    """An object holds something that a fingerprint does not know how to cover."""


class Walker:
    """Write an object graph down as a flat list, the same for graphs that behave alike."""

    def __init__(self, now: Us) -> None:
        self._now = now
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []  # so that no id is used twice
        self.out: list[object] = []

    def take(self, value: object) -> None:
        """Write down one value and all it holds.

        Raises:
            UnknownStateError: It holds an object of a kind that was never thought of.
        """
        kind = type(value)
        if kind in _PLAIN:
            self.out.append(value)
        elif kind is tuple or kind is list:
            self._take_all(value)
        elif isinstance(value, Enum):
            self.out.append(value._name_ if value._name_ is not None else value.value)
        elif isinstance(value, _CODE):
            self.out.append(getattr(value, "__qualname__", kind.__name__))
        else:
            self._take_object(value, kind)

    def _take_all(self, values: Any) -> None:  # noqa: ANN401 - any sequence
        self.out.append(len(values))
        for one in values:
            self.take(one)

    def _take_object(self, value: Any, kind: type) -> None:  # noqa: ANN401 - anything
        if isinstance(value, Frame):
            self.out.append(_frame_likeness(value))
            return
        first = self._seen.get(id(value))
        if first is not None:
            self.out.append(("as", first))
            return
        self._seen[id(value)] = len(self._seen)
        self._kept.append(value)
        if isinstance(value, Random):
            self.out.append(stream_number(value.getstate()))
        elif isinstance(value, int | bytes | bytearray | memoryview):  # flags and the like
            self.out.append(bytes(value) if not isinstance(value, int) else int(value))
        elif isinstance(value, tuple):
            self._take_all(value)
        elif isinstance(value, dict):
            self._take_all([part for pair in value.items() for part in pair])
        elif isinstance(value, set | frozenset):
            self._take_all(sorted(value, key=repr))
        elif kind is Datagram:
            self._take_all(datagram_likeness(value))
        else:
            self._take_attributes(value, kind)

    def _take_attributes(self, value: object, kind: type) -> None:
        out, now = self.out, self._now
        out.append(kind.__qualname__)
        read, backs = plan_of(value, kind)
        for one, back in zip(read(value), backs, strict=True):
            if back is not None and one is not None:
                out.append(max(one - now, -back))
            elif type(one) in _PLAIN:
                out.append(one)
            else:
                self.take(one)


def _frame_likeness(value: Frame) -> int:
    """Return a number that stands for a frame, which never changes and holds no time."""
    known = _frames.get(id(value))
    if known is None:
        if len(_frames) > _MOST_FRAMES:
            _frames.clear()
        walker = Walker(0)
        walker._take_attributes(value, type(value))
        number = _numbers.setdefault(dumps(walker.out, 2), len(_numbers))
        known = _frames[id(value)] = (value, number)
    return known[1]


#: Frames that were met, by identity and kept alive by it, and the number of each likeness.
_frames: dict[int, tuple[Frame, int]] = {}
_numbers: dict[bytes, int] = {}
_MOST_FRAMES = 5000

_plans: dict[tuple[object, ...], _Plan] = {}


def plan_of(value: object, kind: type) -> _Plan:
    """Return which attributes of an object are taken, and how.

    Raises:
        UnknownStateError: The object has no attributes that can be listed.
    """
    own = getattr(value, "__dict__", ())
    key = (kind, *own)
    plan = _plans.get(key)
    if plan is None:
        plan = _plans[key] = _new_plan(kind, tuple(own))
    return plan


def _new_plan(kind: type, own: tuple[str, ...]) -> _Plan:
    names = {one.__name__ for one in kind.__mro__}
    if names & CONSTANT:
        return _no_attributes, ()
    listed = [slot for one in kind.__mro__ for slot in _as_tuple(one.__dict__.get("__slots__"))]
    listed += [one.name for one in fields(kind)] if is_dataclass(kind) else []
    listed += own
    if not listed and kind.__module__.split(".")[0] not in ("emulator", "harness"):
        raise UnknownStateError(f"{kind.__module__}.{kind.__qualname__}: no way to cover it")
    taken, backs = list[str](), list[Us | None]()
    for name in sorted(set(listed) - {"__dict__", "__weakref__"}):
        keys = {f"{one}.{name}" for one in names}
        if not keys & MASKS.keys():
            taken.append(name)
            backs.append(next((TIMES[key] for key in keys if key in TIMES), None))
    if not taken:
        return _no_attributes, ()
    keepers = {name: _keeper(names, name) for name in taken}
    if len(taken) == 1 or any(keepers.values()):
        return partial(_attributes, keepers), tuple(backs)
    return attrgetter(*taken), tuple(backs)


def _no_attributes(value: object) -> tuple[Any, ...]:
    return ()


def _keeper(names: set[str], name: str) -> str:
    """Return the attribute without which another one is not read; empty: it always counts."""
    return next((ONLY_WITH[key] for one in names if (key := f"{one}.{name}") in ONLY_WITH), "")


def _attributes(keepers: Mapping[str, str], value: object) -> tuple[Any, ...]:
    return tuple(
        None if keeper and getattr(value, keeper) is None else getattr(value, name)
        for name, keeper in keepers.items()
    )


def _as_tuple(slots: str | Iterable[str] | None) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots or ())


_streams: dict[object, int] = {}


def stream_number(state: object) -> int:
    """Return a number that stands for a state of a stream of chance in this process."""
    return _streams.setdefault(state, len(_streams))


def datagram_likeness(datagram: Datagram) -> tuple[object, ...]:
    """Return a datagram without frame counter, APS counter and ZCL or ZDO sequence number."""
    payload, at = datagram.payload, 0
    if datagram.profile != ZDO_PROFILE and payload:
        at = 3 if payload[0] & 0x04 else 1
    return (
        *(datagram.source, datagram.destination, datagram.source_endpoint),
        *(datagram.destination_endpoint, datagram.profile, datagram.cluster, datagram.options),
        *(datagram.key_id, payload[:at], payload[at + 1 :]),
    )


def fork_fingerprint(scene: Scene, moment: Moment, flash: Flash, owed: frozenset[int]) -> bytes:
    """Return the fingerprint of a bridge that has just lost its supply: it has no RAM."""
    walker = Walker(moment.world.now)
    walker.out += sorted(owed)
    _take_surroundings(walker, moment, off=True)
    limit = scene.probe.counter_limit(flash)
    walker.out += ["off", scene.probe.likeness(flash), limit > moment.past.mark[1]]
    return _digest(walker)


def fingerprint(scene: Scene) -> bytes:
    """Return the fingerprint of this moment, between two stimuli."""
    moment = scene.moment()
    walker = Walker(moment.world.now)
    walker.out += sorted(scene.judge.owed)
    _take_surroundings(walker, moment, off=False)
    probe, ram = scene.probe, scene.probe.ram
    walker.out += [probe.likeness(), probe.counter_limit() > moment.past.mark[1]]
    walker.out += [scene.link.powered, scene.link.device.deadline is None]
    walker.take(ram)
    return _digest(walker)


def _digest(walker: Walker) -> bytes:
    return blake2b(dumps(walker.out, 2), digest_size=16).digest()


def _take_surroundings(walker: Walker, moment: Moment, *, off: bool) -> None:
    """Write down what is not the bridge: queue, air, hub, chance, and the judge's memory.

    Wakes are left out: a link wakes its device at the deadline or before, and what comes early
    changes nothing; the deadline is in the RAM.
    """
    now, out = moment.world.now, walker.out
    rest_us = -1 if moment.rest_since < 0 else now - moment.rest_since
    out += [moment.step, rest_us, stream_number(moment.chance)]
    for at, _, receiver, stimulus in sorted(moment.world.queue, key=lambda one: one[:2]):
        if type(stimulus) is Wake:
            continue
        if off and receiver == DUT and type(stimulus) is not Receive:
            continue  # it dies with the supply
        out += [at - now, receiver]
        walker.take(stimulus)
    for node in moment.nodes:
        out += [node.name, node.address, node.sleepy, node.counter[0], len(node.held)]
        for since, datagram in node.held:
            out.append(since - now)
            walker.take(datagram)
    for part in (moment.past.likeness(), moment.hub.likeness(now)):
        walker.take(part)
