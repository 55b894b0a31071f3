"""Cut a home's supplies at every flash operation of its bridges, live on, and judge all of it.

A home is lived again from its start for each point, with the cut planned in it: nothing is copied,
so nothing can be forgotten in a copy, and a point is replayed by living it once more. The promises
are those of a bridge, judged for each of the home's, and one of homes: nobody is out of reach in
the end.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any, NamedTuple

from emulator import Probe
from emulator.actions import Happening, Report, Stimulus, Tunnel, Wake
from emulator.units import HOUR, MINUTE, SECOND, Octets, Us
from emulator.wire import ota
from emulator.wire.aps import COORDINATOR, Datagram
from harness.hub.serving import REQUESTS
from harness.lanes.port import never
from harness.premises.defects import planted
from harness.premises.faults import on_mains
from harness.premises.household import Household
from harness.premises.model import WHOLE, Premises
from harness.sweep.engine import Ending
from harness.sweep.home_points import (
    KINDS,
    HomeLife,
    HomePoint,
    images_of,
    stories,
    wish_of,
)
from harness.sweep.points import IDLE, Cut, PointError, inside, torn_prefixes
from harness.sweep.promises import Broken, Judge
from harness.sweep.recording import EmptyPhaseError, phase_of
from harness.trace import Trace

#: How long the supply stays away after a cut.
OFF_US: Us = SECOND
#: How many idle moments of each bridge, and of the home, are drawn, and operations of the home.
IDLE_POINTS, WHOLE_POINTS = 48, 96
#: Until when a bridge that was told of an image again must have asked for a block of it.
NOTIFIED_US: Us = 2 * HOUR
#: A cluster's command from the client, not one of the whole profile.
_TO_CLUSTER = 0x01
_REACHED = 8


@dataclass(frozen=True, slots=True)
class HomeVerdict:
    """Be the verdict on one point; nothing is ever taken over from another one."""

    point: HomePoint
    ending: Ending
    merged: bool = False


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Say of which bridge a promise is that breaks."""
    try:
        yield
    except Broken as broken:
        raise Broken(broken.promise, f"{name}: {broken.found}") from None


def is_of_firmware(error: BaseException) -> bool:
    """Tell whether an error comes out of the emulator's code, and not out of the judge's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals["__name__"].startswith("emulator.")


class Ear(Trace):
    """Keep no rows: tell who listens."""

    def __init__(self) -> None:
        super().__init__()
        self.listener: Callable[[Us, str, str, object], None] = lambda now, who, what, subject: None

    def __call__(self, now: Us, who: str, what: str, subject: object) -> None:
        """Pass a happening on."""
        self.listener(now, who, what, subject)


class Mains:
    """Cut supplies of a home at some moments, and bring them back: the world wakes it."""

    NAME = "(mains)"  # in the world of the home, where no node can have it

    def __init__(self, home: Household) -> None:
        self._home = home
        self._jobs: list[tuple[Us, tuple[str, ...], bool]] = []
        home.lane.attach(self.NAME, self)

    def plan(self, at: Us, names: Sequence[str], *, on: bool) -> None:
        """Raise or cut these supplies at a moment."""
        self._jobs.append((at, tuple(names), on))
        self._home.lane.world.post(at, self.NAME, Wake())

    def take(self, stimulus: Stimulus, now: Us) -> None:
        """Do what is due."""
        due = [job for job in self._jobs if job[0] <= now]
        self._jobs = [job for job in self._jobs if job[0] > now]
        for _, names, on in due:
            for name in names:
                self._home.power(name, on)


class Trouble:
    """Let one life of a home take its course, cut at one point, and hear whether it keeps all.

    Attributes:
        home: The home, new.
        probes: What counts and cuts the flash operations of each bridge.
        struck: Whether the cut came.
    """

    def __init__(
        self,
        premises: Premises,
        life: HomeLife,
        size: Octets,
        *,
        seed: int = 0,
        defect: str | None = None,
    ) -> None:
        """Make a home in which everything is off, and nothing is cut.

        Args:
            premises: What the home is.
            life: What is offered.
            size: Octets of the firmware in each image.
            seed: Decides all chance.
            defect: Planted in the home.

        Raises:
            LifeError: An image does not fit.
        """
        offered, known = images_of(premises, life, size)
        made, ear = planted(defect, premises), Ear()
        self._premises, self._wish = premises, wish_of(premises, life)
        self._stories, self._known = stories(premises, life), known
        self._conductor = made["conductor"]
        self.home = Household(
            premises,
            images=offered,
            seed=seed,
            defects=made["defects"],
            hub=made["hub"],
            trace=ear,
        )
        self.probes = {name: Probe(one) for name, one in self.home.lane.bridges.items()}
        self._judges = {
            one.name: Judge(self._stories[one.name], one.profile, known[one.name])
            for one in premises.bridges
        }
        self._mains = Mains(self.home)
        self._point: HomePoint | None = None
        self.struck = False
        ear.listener = self._hear

    def cut(self, point: HomePoint, seed: int) -> None:
        """Plan the cut of a point; before the home is switched on."""
        self._point = point
        if point.cut is not None:
            power = point.cut.power(seed)
            if power is not None:
                self.probes[point.bridge].cut(power)
        elif point.who:
            self._mains.plan(point.at_us, self._cut_with(point.who), on=False)
            self._mains.plan(point.at_us + OFF_US, self._cut_with(point.who), on=True)

    def _cut_with(self, who: str) -> tuple[str, ...]:
        return on_mains(self._premises) if who == WHOLE else (who,)

    # What is heard.

    def _hear(self, now: Us, who: str, what: str, subject: object) -> None:
        judge = self._judges.get(who)
        if judge is None:
            return
        if type(subject) is Datagram and what == "send":
            self._sent(who, judge, subject)
        elif type(subject) is Tunnel:
            content = subject.content
            if type(content) is Datagram and content.source == self._address(who):
                with naming(who):
                    judge.sent(content)
        elif type(subject) is Report:
            with naming(who):
                self._reported(who, judge, subject)
        elif what == "power lost":
            judge.cut()
            self._strike(now)
        elif (what, subject) == ("power", "off"):
            judge.cut()
        elif what == "dead":
            with naming(who):
                judge.dead(str(subject))

    def _address(self, name: str) -> int | None:
        return self.home.hub.members.get(self._premises.eui64(name))

    def _strike(self, now: Us) -> None:
        """Bring a supply back that failed in an operation; others may fail with it."""
        point = self._point
        if point is None:
            return
        self.struck = True
        dark: tuple[str, ...] = (point.bridge,)
        if point.who == WHOLE:
            dark = tuple(dict.fromkeys((*self._cut_with(WHOLE), point.bridge)))
            self._mains.plan(now, [name for name in dark if name != point.bridge], on=False)
        self._mains.plan(now + OFF_US, dark, on=True)

    def _sent(self, who: str, judge: Judge, datagram: Datagram) -> None:
        """Judge a counter at its first sender, and what the air of the hub hears of requests."""
        source = datagram.source
        if source == self._address(who):
            with naming(who):
                judge.sent(datagram)
        if datagram.destination != COORDINATOR or datagram.cluster != ota.CLUSTER:
            return
        payload = datagram.payload
        kind = REQUESTS.get(payload[2]) if payload[0] & 0x0F == _TO_CLUSTER else None
        if kind is None:
            return
        for name, one in self._judges.items():
            if source == self._address(name):
                with naming(name):
                    one.heard(kind.decode_at(payload, 3)[0])

    def _reported(self, who: str, judge: Judge, report: Report) -> None:
        if report.what is Happening.CONFIRMED:
            judge.answered()
        elif report.what is Happening.BOOTED:
            details = dict(report.details)
            version, slot = int(details["version"]), int(details["slot"])
            length = len(self._known[who].get(version, b""))
            octets = self.probes[who].slot(slot, length)
            judge.booted(version, bool(details["trial"]), octets)
            if who == self._premises.near.name:
                # A remote goes on where it stopped when the way to the hub comes back, too.
                for each in self._judges.values():
                    each.past.resumed = True

    # A life.

    def live(self) -> Ending:
        """Live the whole life, and say how it ended."""
        try:
            self._live()
        except Broken as broken:
            return Ending(broken.promise, broken.found)
        except Exception as error:
            if not is_of_firmware(error):
                raise
            return Ending(1, f"a bridge stops: {type(error).__name__}: {error}")
        return Ending()

    def _live(self) -> None:
        home = self.home
        up, plan = home.start(), home.plan(self._wish)
        asked = self._conductor(home, plan)
        if not up:  # a cut swallowed an answer, or somebody never came up
            self._reached({name: asked.search(name) for name in self._judges})
        outcome = home.upgrade(plan, conductor=self._conductor)
        self._settled(self._reached({one.name: one.version for one in outcome.bridges}))
        for name in self._premises.names:
            home.power(name, False)
        self._mains.plan(home.now + OFF_US, self._premises.names, on=True)
        home.run(never, MINUTE)
        self._settled(self._reached({name: asked.search(name) for name in self._judges}))
        for name, story in self._stories.items():
            if story.asked_again:
                self._ask_again(name)

    def _reached(self, versions: Mapping[str, int | None]) -> dict[str, int]:
        """Return what each bridge runs, as it was read over the air; nobody may be silent."""
        for name, version in versions.items():
            if version is None:
                raise Broken(_REACHED, f"{name}: nobody can read what it runs")
        return {name: version for name, version in versions.items() if version is not None}

    def _settled(self, versions: Mapping[str, int]) -> None:
        """Judge what each bridge runs when nothing more happens."""
        for name, version in versions.items():
            judge = self._judges[name]
            with naming(name):
                judge.past.version = version
                if judge.past.trial:
                    raise Broken(3, "what it runs is on trial still")
                judge.settled()

    def _ask_again(self, name: str) -> None:
        """See that an image that was undone is tried again when somebody asks for it."""
        home, judge = self.home, self._judges[name]
        judge.past.pardoned = True
        before = home.hub.blocks
        home.offer(name)
        if not home.run(lambda: home.hub.blocks > before, NOTIFIED_US):
            with naming(name):
                judge.forgotten()


class Done(NamedTuple):
    """Be one flash operation of a recorded life."""

    operation: Any  # as the front's ``Probe`` tells it
    phase: str
    stretch: int  # how many happenings came before it


class Survey(Trouble):
    """Live a life without a cut, and keep where each flash operation lies.

    Attributes:
        done: The operations of each bridge.
        moments: When something was on the air or a link, in order, while anything was written.
    """

    def __init__(
        self,
        premises: Premises,
        life: HomeLife,
        size: Octets,
        *,
        seed: int = 0,
        defect: str | None = None,
    ) -> None:
        super().__init__(premises, life, size, seed=seed, defect=defect)
        self.done: dict[str, list[Done]] = {name: [] for name in self.probes}
        self.moments: list[Us] = []
        self._on_trial = dict.fromkeys(self.probes, False)
        self._happenings = self._busy = 0
        self._over = False
        for probe in self.probes.values():
            probe.record(True)

    def _ask_again(self, name: str) -> None:
        self._over = True  # a cut in what follows would lose the very notify that is judged
        super()._ask_again(name)

    def _hear(self, now: Us, who: str, what: str, subject: object) -> None:
        if not self._over:
            self._note(now, who, subject)
        super()._hear(now, who, what, subject)

    def _note(self, now: Us, who: str, subject: object) -> None:
        self._happenings += 1
        if not self.moments or self.moments[-1] != now:
            self.moments.append(now)
        for name, probe in self.probes.items():
            done = self.done[name]
            for one in probe.operations[len(done) :]:
                phase = phase_of(probe, one, on_trial=self._on_trial[name])
                done.append(Done(one, phase, self._happenings))
                self._busy = len(self.moments)
        if type(subject) is Report and subject.what is Happening.BOOTED:
            self._on_trial[who] = bool(dict(subject.details)["trial"])
        elif type(subject) is Report and subject.what is Happening.CONFIRMED:
            self._on_trial[who] = False

    @property
    def busy(self) -> Sequence[Us]:
        """Return the moments up to the last operation of flash."""
        return self.moments[: self._busy]


class HomeSweeper:
    """Sweep one life of one home.

    Args:
        premises: The home.
        life: What is offered.
        size: Octets of the firmware in each image.
        kinds: Which cuts.
        who: Whose supply fails: bridges, or the home.
        seed: Decides all chance, draws the bits that a cut leaves half done, and what is drawn.
        every: One in so many places is a point.
        defect: Planted in the home.
    """

    def __init__(
        self,
        premises: Premises,
        life: HomeLife,
        size: Octets,
        *,
        kinds: Sequence[str] = KINDS,
        who: Sequence[str] = (),
        seed: int = 0,
        every: int = 1,
        defect: str | None = None,
    ) -> None:
        self._premises, self.life, self._size = premises, life, size
        self._kinds, self._seed, self._every, self._defect = tuple(kinds), seed, every, defect
        self._who = tuple(who) or (*(one.name for one in premises.bridges), WHOLE)

    @cached_property
    def points(self) -> Sequence[HomePoint]:
        """Return every cut that is made; the life is lived once for that.

        Raises:
            Broken: The life breaks a promise without any cut.
            EmptyPhaseError: A phase of it has no operation, though the home has no defect.
        """
        survey = Survey(self._premises, self.life, self._size, seed=self._seed, defect=self._defect)
        ending = survey.live()
        if not ending.good:
            raise Broken(ending.promise, ending.found)
        if self._defect is None:
            self._check_phases(survey)
        rng = Random(f"{self._seed} {self._premises.label} {self.life.name}")
        made: list[HomePoint] = []
        places = {name: list(self._places(name, done)) for name, done in survey.done.items()}
        for who in self._who:
            if who != WHOLE:
                made += [self._point(who, who, *place) for place in places[who]]
        if WHOLE in self._who:
            whole = [(name, *place) for name, found in places.items() for place in found]
            drawn = sorted(rng.sample(range(len(whole)), min(len(whole), WHOLE_POINTS)))
            made += [self._point(WHOLE, *whole[at]) for at in drawn]
        if IDLE in self._kinds:
            made += [one for who in self._who for one in self._idle(who, survey.busy, rng)]
        return tuple(made[self._seed % self._every :: self._every])

    def _check_phases(self, survey: Survey) -> None:
        """Make sure that the life shows of each bridge what it is there for."""
        for name, story in stories(self._premises, self.life).items():
            shown = {one.phase for one in survey.done[name]}
            for phase in story.phases:
                if phase not in shown:
                    where = f"{self._premises.label}, life {self.life.name}, {name}, phase {phase}"
                    raise EmptyPhaseError(f"{where}: found no operation, wanted one at least")

    def _point(self, who: str, bridge: str, cut: Cut, phase: str) -> HomePoint:
        return HomePoint(self.life.name, who, cut, bridge, phase=phase)

    def _idle(self, who: str, busy: Sequence[Us], rng: Random) -> Iterator[HomePoint]:
        """Yield moments just behind one at which somebody spoke, spread over all of them."""
        count = min(IDLE_POINTS, len(busy))
        for number in range(count):
            low, high = number * len(busy) // count, (number + 1) * len(busy) // count
            yield HomePoint(self.life.name, who, at_us=busy[rng.randrange(low, high)] + 1)

    def _places(self, name: str, done: Sequence[Done]) -> Iterator[tuple[Cut, str]]:
        """Yield the distinct cuts in the operations of one bridge."""
        flash = self._premises.bridge(name).profile.flash
        kinds = self._kinds
        for at, (one, phase, stretch) in enumerate(done):
            unit = flash.chip_of(one.address).program_size_octets
            if "before" in kinds:
                yield Cut(one.number, "before"), phase
            program = one.data is not None
            for cut in inside(
                one.number, one.length, unit, program=program, kinds=kinds, at=torn_prefixes
            ):
                yield cut, phase
            apart = at + 1 == len(done) or done[at + 1].stretch != stretch
            if "after" in kinds and (apart or "before" not in kinds):
                yield Cut(one.number, "after"), phase

    def judge(self, point: HomePoint) -> HomeVerdict:
        """Live the life from its start with this cut in it, and judge all of it.

        Raises:
            PointError: The life has no such operation, or is over before that moment.
        """
        trouble = Trouble(
            self._premises, self.life, self._size, seed=self._seed, defect=self._defect
        )
        trouble.cut(point, self._seed)
        ending = trouble.live()
        if ending.good and point.cut is not None and not trouble.struck:
            found = f"only {trouble.probes[point.bridge].count} operations of {point.bridge}"
            raise PointError(f"point {point}: found {found}, wanted one to cut at")
        if ending.good and trouble.home.now < point.at_us:
            found = f"a life of {trouble.home.now} us"
            raise PointError(f"point {point}: found {found}, wanted a moment in it")
        return HomeVerdict(point, ending)
