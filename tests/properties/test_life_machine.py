"""A bridge's life in any order of events, beside a small model of what it may do.

The model knows what was offered, which version the hub has confirmed, how often a bad image may be
tried, and the last frame counter on the air. All it is shown is what passes between bridge and
link, and the octets of the slot that boots.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.reporting import with_reporter
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from emulator.actions import Action, Happening, Report, Send
from emulator.device.bridge import Bridge
from emulator.device.probe import Probe
from emulator.faults import CutKind, CutPower, DropFrame, DuplicateFrame, Leg, Selector
from emulator.profiles.load import overlay
from emulator.profiles.model import Profile
from emulator.units import HOUR, MILLISECOND, MINUTE, SECOND, Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.manifest import Trait
from emulator.wire.ota import Status
from harness.bench import Bench
from harness.firmware import FIRST_VERSION
from harness.hub.images import served
from harness.lanes.direct import DirectLane
from harness.trace import dissect
from tests.properties.test_upgrade_cuts import GOOD, PROFILE, UNIT

ROOT = Path(__file__).parents[2]

#: The same bridge with one slot that runs: images are exchanged through the sector at the end.
EXCHANGING = overlay(
    PROFILE, {"name": "exchanging", "boot.scheme": "swap", "flash.scratch": (0x2000, 0x2400)}
)
PROFILES = {"in place": PROFILE, "exchanged": EXCHANGING}

SIZE = 600
TIMES = st.sampled_from([20 * MILLISECOND, 200 * MILLISECOND, 2 * SECOND, 40 * SECOND, 10 * MINUTE])
#: The air loses or repeats one of the next frames; each number counts one leg's.
LEGS, NUMBERS = st.sampled_from(Leg), st.integers(0, 20)


class Model:
    """Say what a bridge may do, from what was offered and what was seen of it.

    Attributes:
        running: The version that booted last.
        confirmed: The highest version whose query was answered: nothing below may boot again.
        tries: How often each doomed version booted, and how often it may.
    """

    def __init__(self, profile: Profile, first: bytes) -> None:
        self._boots = profile.boot.trial_boots
        self._attempts = 1 + profile.boot.retries
        self.images, self.tries = {FIRST_VERSION: first}, dict[int, list[int]]()
        self.running = self.confirmed = FIRST_VERSION
        self.asked, self.counter = False, (-1, -1)

    def offer(self, version: int, octets: bytes, *, doomed: bool) -> None:
        """Note that an image was offered whole; a doomed one may run, and must not stay."""
        self.images[version] = octets
        if doomed:
            self.tries[version] = [0, self._boots * self._attempts]

    def forgive(self) -> None:
        """Note that the bridge may try once more what failed: it was told by name to ask."""
        for tries in self.tries.values():
            tries[1] += self._boots

    @property
    def wanted(self) -> int:
        """Return the version that runs in the end, if it is what the hub offers then."""
        return max(self.images.keys() - self.tries.keys())

    # What is seen.

    def boots(self, version: int, octets: bytes, *, trial: bool) -> None:
        """Hold a boot against what may run."""
        assert version in self.images, f"boots 0x{version:08X}, which was never offered whole"
        assert octets == self.images[version], f"boots 0x{version:08X} with other octets"
        assert version >= self.confirmed, "boots what is older than a confirmed image"
        assert not (trial and version == self.confirmed), "tries a confirmed image again"
        if version in self.tries:
            assert trial, "keeps an image that never reached the hub"
            self.tries[version][0] += 1
            assert self.tries[version][0] <= self.tries[version][1], "tries a bad image for ever"
        self.running, self.asked = version, False

    def sends(self, datagram: Datagram) -> None:
        """Hold a frame's counter against the last one, and a verdict against what was offered."""
        mark = (datagram.key_id or 0, datagram.frame_counter or 0)
        assert mark > self.counter, f"frame counter {mark[1]} after {self.counter[1]}"
        self.counter = mark
        frame = dissect(datagram)
        self.asked |= isinstance(frame, ota.QueryNextImageRequest)
        if isinstance(frame, ota.UpgradeEndRequest) and frame.status == Status.INVALID_IMAGE:
            assert frame.file_version not in self.images, "calls a good image invalid"

    def hears(self, datagram: Datagram) -> None:
        """Note the answer to a query of this run: what runs now is confirmed."""
        if self.asked and isinstance(dissect(datagram), ota.QueryNextImageResponse):
            self.confirmed = max(self.confirmed, self.running)


class LifeMachine(RuleBasedStateMachine):
    """Be hub, air, supply and time, in any order."""

    profile: ClassVar[Profile] = PROFILE
    defect: ClassVar[str | None] = None

    @initialize()
    def begin(self) -> None:
        """Take a bridge from the factory to its first query."""
        first = FIRST[self.profile.name]
        self.bench = Bench(self.profile, defect=self.defect, first_image=first)
        assert isinstance(self.bench.lane, DirectLane)
        self.model, self.newest = Model(self.profile, first), FIRST_VERSION
        self.probe, self.over = Probe(self.bench.lane.bridge), False
        self._watch(self.bench.lane.bridge)
        self.bench.start()

    def _watch(self, bridge: Bridge) -> None:
        """Show the model all that passes between the bridge and its link."""
        receive = bridge.receive

        def heard(datagram: Datagram, now: Us) -> Sequence[Action]:
            actions = self._show(receive(datagram, now))
            self.model.hears(datagram)
            return actions

        bridge.receive = self._held(heard)  # type: ignore[method-assign]
        for name in ("power_on", "wake", "event"):
            call = getattr(bridge, name)
            shown = self._held(lambda *given, call=call: self._show(call(*given)))
            setattr(bridge, name, shown)

    def _held(self, call: Callable[..., Sequence[Action]]) -> Callable[..., Sequence[Action]]:
        """Let the first thing that must not happen be the last: no end is judged after it."""

        def held(*given: object) -> Sequence[Action]:
            try:
                return call(*given)
            except Exception:  # a rule of the model, or the bridge's own fault
                self.over = True
                raise

        return held

    def _show(self, actions: Sequence[Action]) -> Sequence[Action]:
        for one in actions:
            if isinstance(one, Send):
                self.model.sends(one.datagram)
            elif isinstance(one, Report) and one.what is Happening.BOOTED:
                said = dict(one.details)
                version, slot = int(said["version"]), int(said["slot"])
                octets = self.probe.slot(slot, len(self.model.images.get(version, b"")))
                self.model.boots(version, octets, trial=bool(said["trial"]))
        return actions

    # The hub.

    @rule(size=st.integers(10, SIZE))
    def offer(self, size: int) -> None:
        """Offer a good image."""
        self._offer(self._next_image(size), doomed=False)

    @rule(trait=st.sampled_from([Trait.MUTE, Trait.CRASHES | Trait.DEAF]))
    def offer_doomed(self, trait: Trait) -> None:
        """Offer an image that is whole and never reaches the hub."""
        self._offer(self._next_image(SIZE, trait), doomed=True)

    @rule(at=st.integers(1, 16) | st.integers(23, SIZE))
    def offer_spoilt(self, at: int) -> None:
        """Offer an image that was corrupted on its way to the hub: the model never hears of it."""
        octets = bytearray(self._next_image(SIZE))
        octets[-at] ^= 0x40
        self.bench.hub.serve(served(bytes(octets)))
        self.notify()

    def _next_image(self, size: int, traits: Trait = GOOD) -> bytes:
        self.newest += 1
        return self.bench.image(self.newest, size=size, traits=traits)

    def _offer(self, octets: bytes, *, doomed: bool) -> None:
        self.model.offer(self.newest, octets, doomed=doomed)
        self.bench.hub.serve(served(octets))
        self.notify()

    @rule()
    def notify(self) -> None:
        """Tell the bridge by name to ask."""
        self.model.forgive()
        self.bench.notify()

    @rule()
    def hub_goes(self) -> None:
        """Let the hub fall silent."""
        self.bench.hub.settings.silent = True

    @rule()
    def hub_is_back(self) -> None:
        """Let it answer again."""
        self.bench.hub.settings.silent = False

    @rule(limit=TIMES)
    def confirm(self, limit: Us) -> None:
        """Let the running image have an answer of the hub's, if it asks in time."""
        self.hub_is_back()
        end = self.bench.now + limit
        while self.bench.now < end and self.model.confirmed != self.model.running:
            self.wait(min(SECOND, end - self.bench.now))

    # Air, supply, time.

    @rule(leg=LEGS, number=NUMBERS, count=st.integers(1, 4))
    def lose(self, leg: Leg, number: int, count: int) -> None:
        """Lose some of the frames to come."""
        self.bench.plan(DropFrame(at=Selector(leg=leg, number=number), count=count))

    @rule(leg=LEGS, number=NUMBERS, after=st.sampled_from([0, 30 * MILLISECOND, SECOND]))
    def duplicate(self, leg: Leg, number: int, after: Us) -> None:
        """Carry one of the frames to come twice; it may be a notify."""
        self.model.forgive()
        self.bench.plan(DuplicateFrame(at=Selector(leg=leg, number=number), after_us=after))

    @rule(skip=st.integers(0, 40), kind=st.sampled_from(CutKind), octets=st.integers(0, UNIT - 1))
    def cut(self, skip: int, kind: CutKind, octets: int) -> None:
        """Plan a cut at a flash operation to come."""
        at = self.probe.count + skip
        self.probe.cut(CutPower(operation=at, kind=kind, octets=octets, seed=at))

    @rule()
    def cut_now(self) -> None:
        """Cut the supply between two operations, and raise it again."""
        self.bench.cut_power()
        self.wait(2 * SECOND)

    @rule(us=TIMES)
    def wait(self, us: Us) -> None:
        """Let time pass; after a cut the supply is back in a second."""
        lane, end = self.bench.lane, self.bench.now + us
        while self.bench.now < end:
            if self.bench.run(lambda: not lane.powered, end - self.bench.now):
                self.bench.wait(SECOND)  # a restart by itself comes sooner
                lane.power(True)

    # What must come in the end.

    def teardown(self) -> None:
        """Let all be well again: then what was offered last and is good runs."""
        if self.over:
            return
        bench = self.bench
        bench.plan()
        self.probe.cut()
        self.hub_is_back()
        bench.hub.serve(served(self.model.images[self.model.wanted]))
        for _ in range(ROUNDS):
            self.notify()
            self.wait(HOUR)
            if self.model.running == self.model.wanted:
                break
        assert bench.running_version() == self.model.wanted, "an offered update is lost"
        self.cut_now()
        self.wait(HOUR)
        assert bench.running_version() == self.model.wanted


FIRST = {one.name: Bench(one).image(FIRST_VERSION, size=300) for one in PROFILES.values()}
#: An hour each: more than a trial with all its boots, and than four query periods.
ROUNDS = 8

PACE = settings(max_examples=250, stateful_step_count=20, deadline=None, derandomize=True)
#: A planted bug is found in more examples where it is rare, and then made small.
HUNT = settings(
    PACE,
    max_examples=1200,
    stateful_step_count=8,  # what is short is made small for certain
    phases=[Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
)


def machine(shape: str, planted: str | None = None) -> type[LifeMachine]:
    """Return the machine for a bridge of one of the profiles, with a defect if one is named."""

    class Machine(LifeMachine):
        profile = PROFILES[shape]
        defect = planted

    return Machine


@pytest.mark.parametrize("shape", PROFILES)
def test_no_order_of_events_breaks_a_promise(shape: str) -> None:
    run_state_machine_as_test(machine(shape), settings=PACE)


#: A defect, the bridge that has it, and what the model says of it.
PLANTED = [
    ("D201", "in place", "calls a good image invalid"),
    ("D204", "in place", "keeps an image that never reached the hub"),
    ("D205", "exchanged", "tries a bad image for ever"),
    ("D208", "in place", "tries a confirmed image again"),
    ("D209", "exchanged", "frame counter [0-9]+ after"),
]


def hunt(planted: str, shape: str) -> tuple[str, list[str]]:
    """Return what the model says of a bridge with a defect, and the smallest steps to it."""
    said: list[str] = []
    with with_reporter(said.append), pytest.raises(AssertionError) as raised:
        run_state_machine_as_test(machine(shape, planted), settings=HUNT)
    text = "\n".join([*said, *getattr(raised.value, "__notes__", ())])
    return str(raised.value), re.findall(r"^state\.(\w+)\(", text, re.MULTILINE)


@pytest.mark.parametrize(("planted", "shape", "found"), PLANTED)
def test_a_planted_bug_shrinks_to_a_few_steps(planted: str, shape: str, found: str) -> None:
    # Hypothesis draws from the constants of every module that is loaded: a process of its own
    # makes the hunt the same whatever else was tested before.
    command = [sys.executable, "-m", "tests.properties.test_life_machine", planted, shape]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    message, steps = json.loads(done.stdout)
    assert re.search(found, message)
    assert (steps[0], steps[-1]) == ("begin", "teardown")
    assert 1 <= len(steps[1:-1]) <= 4, steps


if __name__ == "__main__":
    print(json.dumps(hunt(*sys.argv[1:])))
