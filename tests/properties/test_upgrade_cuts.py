"""Cut the supply at every flash operation of a whole upgrade over the air; judge the promises.

Design, section 8. The world, the hub and the bridge are the real ones; the flash is small, so that
a life has few operations and every one of them can be cut in every way.
"""

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import pytest

from emulator.actions import Action, Happening, Report
from emulator.device.bridge import Bridge
from emulator.device.defects.catalogue import parts_of
from emulator.device.parts import Parts
from emulator.device.probe import Probe
from emulator.errors import FlashError
from emulator.faults import CutKind, CutPower
from emulator.flash.nor import OperationKind
from emulator.profiles.load import load, overlay
from emulator.units import MINUTE, SECOND, Us
from emulator.wire.manifest import Trait
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.hub.images import served
from harness.lanes.direct import DirectLane
from tests.properties.test_power_cuts import AppendsAfterReopening, ErasesInPlace, ReusesUnits

UNIT = 32
PROFILE = overlay(
    load("B1"),
    {
        "name": "small",
        "flash.size_octets": 0x3000,
        "flash.erase_size_octets": 0x400,
        "flash.program_size_octets": UNIT,
        "flash.slot_a": (0x0000, 0x0800),
        "flash.slot_b": (0x0800, 0x1000),
        "flash.boot_record": (0x1000, 0x1800),
        "flash.data": (0x1800, 0x2000),
        "radio.frame_counter_leap": 40,
        "ota.query_period_s": 900,
        "ota.query_jitter_s": 10,
        "boot.confirm_within_s": 300,
        "boot.trial_boots": 3,
    },
)
#: Power cycles after which a bridge that has not settled never will.
PATIENCE = 12
#: Longer than a query period, and than a trial with all its boots.
WHILE_US: Us = 20 * MINUTE
SIZE = 1000


GOOD, MUTE, CRASH = Trait(0), Trait.MUTE, Trait.CRASHES | Trait.DEAF
TRAITS = {"good image": GOOD, "mute image": MUTE, "crashing image": CRASH}
each_image = pytest.mark.parametrize("traits", TRAITS.values(), ids=TRAITS)


@cache
def images(traits: Trait) -> dict[int, bytes]:
    """Return the images of a life by their versions."""
    bench = Bench(PROFILE)
    return {
        FIRST_VERSION: bench.image(FIRST_VERSION, size=300),
        NEXT_VERSION: bench.image(NEXT_VERSION, size=SIZE, traits=traits),
    }


@dataclass
class Life:
    """Be one life of one bridge, judged at each boot and at its end."""

    traits: Trait = GOOD
    parts: Parts | None = None
    boots: list[dict[str, int | str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bench = Bench(PROFILE, first_image=images(self.traits)[FIRST_VERSION])
        assert isinstance(self.bench.lane, DirectLane)
        self.bridge: Bridge = self.bench.lane.bridge
        if self.parts is not None:
            self.bridge.parts = self.parts
        self.probe = Probe(self.bridge)
        self.probe.record(True)
        self.bench.hub.serve(served(images(self.traits)[NEXT_VERSION]))
        self._power_on = self.bridge.power_on
        self.bridge.power_on = self._judged  # type: ignore[method-assign]

    def _judged(self, now: Us) -> Sequence[Action]:
        """Boot, and hold what boots against the images octet for octet (promise 2)."""
        actions = self._power_on(now)
        (booted,) = [dict(one.details) for one in actions if is_boot(one)]
        self.boots.append(booted)
        version, slot = int(booted["version"]), int(booted["slot"])
        whole = images(self.traits)[version]
        start = (PROFILE.flash.slot_a, PROFILE.flash.slot_b)[slot][0]
        assert self.bridge.flash.read(start, len(whole)) == whole
        if Happening.CONFIRMED in self.reports:  # promise 4
            assert version == NEXT_VERSION
        return actions

    @property
    def reports(self) -> list[Happening]:
        rows = self.bench.trace.rows
        return [row[3].what for row in rows if isinstance(row[3], Report)]

    def live(self, *cuts: CutPower) -> "Life":
        """Live with these cuts until nothing happens any more, then judge the end."""
        self.probe.cut(*cuts)
        bench = self.bench
        for _ in range(PATIENCE):
            bench.lane.power(True)
            assert not any(row[2] == "dead" for row in bench.trace.rows)  # promise 1
            if not bench.run(lambda: not bench.lane.powered, WHILE_US):
                break
            bench.wait(SECOND)
        else:
            raise AssertionError("the bridge never settles")
        lost = sum(row[2] == "power lost" for row in bench.trace.rows)
        assert min(len(cuts), 1) <= lost <= len(cuts)
        self.probe.cut()  # what has not come by now does not
        self._judge_end()
        return self

    def _judge_end(self) -> None:
        bench = self.bench
        assert not any("does not rise" in str(row[3]) for row in bench.trace.rows)  # promise 6
        bench.power_cycle()
        wanted = FIRST_VERSION if self.traits else NEXT_VERSION  # promises 3 and 5
        assert bench.running_version() == wanted
        assert self.boots[-1] == {"version": wanted, "slot": wanted != FIRST_VERSION, "trial": 0}
        trials = sum(int(boot["trial"]) for boot in self.boots)
        assert 1 <= trials <= PROFILE.boot.trial_boots
        if self.traits:
            assert Happening.CONFIRMED not in self.reports
            settled = len(self.boots)
            bench.wait(4 * WHILE_US)
            assert len(self.boots) == settled  # not installed in a loop


def is_boot(action: Action) -> bool:
    return isinstance(action, Report) and action.what is Happening.BOOTED


def cut_points(life: Life) -> Iterator[CutPower]:
    """Yield each way to cut each operation of a life that was lived without cuts."""
    for number, kind, _, length, *_ in life.probe.operations:
        yield CutPower(operation=number, kind=CutKind.BEFORE)
        yield CutPower(operation=number, kind=CutKind.AFTER)
        if kind is OperationKind.ERASE:
            yield CutPower(operation=number, kind=CutKind.HALF_ERASE)
            continue
        for octets in sorted({0, 1, UNIT // 2, length - 1}):
            yield CutPower(operation=number, kind=CutKind.TORN, octets=octets)


@cache
def clean_points(traits: Trait) -> tuple[CutPower, ...]:
    """Return every point at which an undisturbed life can be cut, up to its judgement."""
    life = Life(traits)
    life._judge_end = lambda: None  # type: ignore[method-assign]
    return tuple(cut_points(life.live()))


@each_image
def test_a_life_without_cuts_keeps_the_promises(traits: Trait) -> None:
    life = Life(traits).live()
    assert len(clean_points(traits)) > 250
    assert Happening.ROLLED_BACK in life.reports or not traits


@each_image
@pytest.mark.parametrize("part", range(4))
def test_every_cut_of_every_operation(part: int, traits: Trait) -> None:
    for cut in clean_points(traits)[part::4]:
        Life(traits).live(cut)


@each_image
def test_cuts_of_the_recovery_too(traits: Trait) -> None:
    rng = random.Random(7)
    points = clean_points(traits)
    for _ in range(400):
        first = rng.choice(points)
        kind = rng.choice(list(CutKind))
        at = first.operation + 1 + rng.choice([rng.randrange(3), rng.randrange(30)])
        Life(traits).live(first, CutPower(operation=at, kind=kind, octets=rng.randrange(UNIT)))


# The judge is shown to see each broken rule.


PLANTED: dict[str, tuple[Parts, Trait]] = {
    "boot record in one sector": (Parts(records=ErasesInPlace), GOOD),
    "boot record behind a torn one": (Parts(records=AppendsAfterReopening), GOOD),
    "units used twice": (Parts(writer=ReusesUnits), GOOD),
    "D204, mute": (parts_of("D204"), MUTE),
    "D205, crashing": (parts_of("D205"), CRASH),
    "D206, mute": (parts_of("D206"), MUTE),
    "D207, mute": (parts_of("D207"), MUTE),
    "D208, good": (parts_of("D208"), GOOD),
    "D209, mute": (parts_of("D209"), MUTE),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_broken_rule_is_seen(name: str) -> None:
    parts, traits = PLANTED[name]
    lives = ((), *((cut,) for cut in clean_points(traits)))
    with pytest.raises((AssertionError, FlashError)):
        deque((Life(traits, parts).live(*cuts) for cuts in lives), maxlen=0)
