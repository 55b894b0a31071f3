"""Live a life once, undisturbed, and keep what every cut in it needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from emulator import Probe
from emulator.errors import HanoverError
from emulator.profiles.flash import FlashProfile
from emulator.profiles.model import Profile
from emulator.units import DAY, SECOND, Us
from harness.sweep.lives import Life
from harness.sweep.points import IDLE, WORN, Cut, Prefixes, inside, torn_prefixes
from harness.sweep.scene import Flash, Moment, Scene, Watcher

#: Stages of the client in which it waits for somebody else, with an image in its hands.
_WAITING = frozenset({"PAUSED", "ENDING", "WAITING", "EXTERNAL", "COUNTING"})
#: Stages of the client in which it asks for blocks.
FETCHING = frozenset({"DOWNLOADING", "PAGING"})
#: What the firmware of today says of itself; anything else is a label of its own.
_PLAIN = frozenset({"", "run"})


class EmptyPhaseError(HanoverError, RuntimeError):
    """A life shows no operation of a phase that it must show: the sweep would test nothing."""


@dataclass(frozen=True, slots=True)
class Call:
    """Be one stimulus of the bridge: the moment before it, and its flash operations."""

    moment: Moment
    operations: Sequence[Any]  # of flash, as the front's ``Probe`` tells them
    phases: tuple[str, ...]
    idle: int = 0  # how many stimuli without an operation came since the last one with


@dataclass(frozen=True, slots=True)
class Place:
    """Be one cut of a recorded life: where it forks off and in which phase."""

    cut: Cut
    phase: str
    call: Call
    index: int  # of the operation in the call; for an idle cut 0


def patience_us(scene: Scene) -> Us:
    """Return after how much time a bridge that has not come to rest never will."""
    profile = scene.profile
    period_s = profile.ota.query_period_s + profile.ota.query_jitter_s
    trial_s = profile.boot.trial_boots * profile.boot.confirm_within_s
    waits_s = 20 * (profile.ota.wait_poll_s + profile.ota.end_retry_s)
    rests_s = (1 + profile.boot.retries) * (profile.boot.retry_after_s + trial_s)
    return (20 * period_s + 4 * (rests_s + trial_s) + waits_s) * SECOND + 2 * DAY


class Recorder(Watcher):
    """Keep each stimulus that reaches flash, and one of a kind among those that do not."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self.calls = scene, list[Call]()
        self._moment = scene.start
        self._idle = 0
        self._stages: set[str] = set()

    def before(self) -> None:
        """Copy the moment."""
        self._moment = self._scene.moment()

    def after(self, operations: int) -> None:
        """Keep the copy if flash changed, or if no other stands for this rest."""
        probe, moment = self._scene.probe, self._moment
        if operations:
            done = tuple(probe.operations[-operations:])
            phases = tuple(phase_of(probe, one, on_trial=moment.on_trial) for one in done)
            self.calls.append(Call(moment, done, phases))
            self._idle, self._stages = 0, set()
            return
        if moment.client and moment.client not in self._stages:
            self._stages.add(moment.client)
            self.calls.append(Call(moment, (), (_rest_of(moment),), self._idle))
        self._idle += 1


def phase_of(probe: Probe, operation: Any, *, on_trial: bool) -> str:  # noqa: ANN401 - of flash
    """Return in which phase of a life a flash operation falls."""
    area, said = probe.area(operation.address), str(operation.phase)
    if said not in _PLAIN:
        moves = said == "boot" and area not in ("boot_record", "data")
        return "swap" if moves else said
    if area == "data":
        return "record"
    if area == "boot_record":
        return "trial" if on_trial else "staging"
    return "download"


def _rest_of(moment: Moment) -> str:
    if moment.on_trial:
        return "trial"
    if moment.client in _WAITING:
        return "waiting"
    return "download" if moment.client in FETCHING else "rest"


def record(scene: Scene) -> tuple[Call, ...]:
    """Live the scene's life without a cut until the bridge comes to rest.

    Raises:
        Broken: A promise is, without any cut.
    """
    recorder = Recorder(scene)
    scene.probe.record(True)
    scene.live()
    scene.watcher = recorder
    try:
        if not scene.run(patience_us(scene), "settled"):
            scene.judge.restless("without a cut, it never comes to rest")
        scene.judge.settled()
    finally:
        scene.watcher = Watcher()
        scene.probe.record(False)
    return tuple(recorder.calls)


def check_phases(life: Life, profile: Profile, calls: Sequence[Call]) -> None:
    """Make sure that a recorded life shows what it is there for.

    Raises:
        EmptyPhaseError: A phase of it has no operation.
    """
    shown = {phase for call in calls for phase in call.phases}
    for phase in life.phases:
        if phase not in shown:
            raise EmptyPhaseError(
                f"life {life.name}, profile {profile.name}, phase {phase}:"
                " found no operation, wanted one at least"
            )


def places(
    calls: Sequence[Call],
    flash: FlashProfile,
    kinds: Sequence[str],
    at: Prefixes = torn_prefixes,
) -> Iterator[Place]:
    """Yield each distinct cut of recorded calls, in the order of their life.

    "After" an operation is the same cut as "before" the next one, unless something happened on the
    air in between.
    """
    busy = [call for call in calls if call.operations]
    following = {id(call): later for call, later in pairwise([*busy, None])}
    for call in calls:
        if call.operations:
            after = following[id(call)]
            apart = after is None or after.moment.happenings != call.moment.happenings
            yield from _places_in(call, flash, kinds, at, apart=apart)
        elif IDLE in kinds:
            yield Place(Cut(call.moment.operation, IDLE, call.idle), call.phases[0], call, 0)


def _places_in(
    call: Call, flash: FlashProfile, kinds: Sequence[str], at: Prefixes, *, apart: bool
) -> Iterator[Place]:
    """Yield the cuts of one call; ``apart``: what follows it is another cut than its end."""
    last = len(call.operations) - 1
    for index, (one, phase) in enumerate(zip(call.operations, call.phases, strict=True)):
        number, program = one.number, one.data is not None
        unit = flash.chip_of(one.address).program_size_octets
        if "before" in kinds:
            yield Place(Cut(number, "before"), phase, call, index)
        for cut in inside(number, one.length, unit, program=program, kinds=kinds, at=at):
            yield Place(cut, phase, call, index)
        if WORN in kinds and not program:
            yield Place(Cut(number, WORN, one.address), phase, call, index)
        if "after" in kinds and ((index == last and apart) or "before" not in kinds):
            yield Place(Cut(number, "after"), phase, call, index)


class Flashes:
    """Build what each cut leaves of flash, going through the places in their order.

    Args:
        probe: Of the bridge that is swept.
        seed: Draws the bits that a cut leaves half done.
    """

    def __init__(self, probe: Probe, seed: int = 0) -> None:
        self._probe, self._seed = probe, seed
        self._call: Call | None = None
        self._done = 0
        self._flash: Flash = None

    def of(self, place: Place) -> Flash:
        """Return the content of flash after the cut of a place."""
        call = place.call
        if call is not self._call or place.index < self._done:
            self._call, self._done, self._flash = call, 0, call.moment.flash
        for operation in call.operations[self._done : place.index]:
            self._flash = self._probe.after(self._flash, operation, None)
        self._done = place.index
        power = place.cut.power(self._seed)
        if power is None:
            return call.moment.flash
        return self._probe.after(self._flash, call.operations[place.index], power)
