"""Put one bridge and one hub into a world that can be copied at each stimulus, cut and judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, TypeAlias

from emulator import Bridge, Probe
from emulator.actions import Action, Activate, Event, Happening, PowerOn, Report, Send
from emulator.contract import Identity
from emulator.errors import BootError, LinkError
from emulator.faults import CutPower, WornSector
from emulator.profiles.model import Profile
from emulator.units import MINUTE, SECOND, Octets, Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.codec import KEYS, Frame
from emulator.world import WorldState
from harness.bench import DUT_EUI64
from harness.lanes.direct import HUB, Air, make_bridge
from harness.lanes.port import Setup
from harness.sweep.hub import HubState, ScriptedHub
from harness.sweep.lives import Life, images_of, others_of, rest_us, served_of, suited
from harness.sweep.promises import Judge, Past
from harness.trace import Trace

#: Content of a flash and the count of its operations, as the front's ``Probe`` copies them.
Flash: TypeAlias = Any

DUT = "dut"
#: How long the supply stays away after a cut.
OFF_US: Us = SECOND
#: Time between a verdict and the event of a device that is activated out of band.
_ACTIVATION_US: Us = MINUTE
#: Cluster-specific frame from the server, and the command that answers a query.
_ANSWER = KEYS[ota.QueryNextImageResponse].command


def is_unsteady(flash: Flash) -> bool:
    """Tell whether some octets of a flash read otherwise each time.

    What they read as next depends on all that was done before: no two such moments are alike.
    """
    return bool(flash.content.weak)


class Stopped(Exception):
    """The bridge's own code failed: in a real one a watchdog bites, or nothing does."""


class Ear(Trace):
    """Keep no rows: count what goes on, and note what only the link knows."""

    def __init__(self) -> None:
        super().__init__()
        self.happenings = 0
        self.dead = ""
        self.lost = False
        self.restarting = False  # by itself: who dies so boots, and does nothing else

    def __call__(self, now: Us, who: str, what: str, subject: object) -> None:
        """Count a happening."""
        self.happenings += 1
        if what == "dead":
            self.dead = str(subject)
        elif what == "reboot" or what == "power":
            self.restarting = what == "reboot"
        elif what == "power lost":
            self.lost = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Be all that outlives the bridge's RAM, as it was before one stimulus."""

    world: WorldState
    nodes: Any  # of the medium
    hub: HubState
    past: Past
    chance: object
    flash: Flash
    operation: int
    happenings: int
    client: str
    on_trial: bool
    step: int
    rest_since: Us  # -1: the bridge was at work since its last query


class Watched:
    """Stand between a link and a bridge: note what it does, never change it."""

    def __init__(self, scene: "Scene", bridge: Bridge) -> None:
        self._scene, self._bridge = scene, bridge

    @property
    def deadline(self) -> Us | None:
        """Return when the bridge wants to be woken."""
        return self._bridge.deadline

    def factory(self, identity: Identity, image: bytes, version: int, seed: int) -> None:
        """Make the bridge new."""
        self._bridge.factory(identity, image, version, seed)

    def power_off(self, now: Us) -> None:
        """Lose RAM."""
        self._bridge.power_off(now)

    def power_on(self, now: Us) -> Sequence[Action]:
        """Boot."""
        self._scene.before()
        actions = self._ask(self._bridge.power_on, now)
        return self._scene.after(actions)

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Take a datagram."""
        self._scene.before()
        actions = self._ask(self._bridge.receive, datagram, now)
        answered = datagram.cluster == ota.CLUSTER and datagram.payload[2:3] == bytes((_ANSWER,))
        return self._scene.after(actions, answered=answered)

    def wake(self, now: Us) -> Sequence[Action]:
        """Do what is due."""
        self._scene.before()
        actions = self._ask(self._bridge.wake, now)
        return self._scene.after(actions)

    def doze(self, until: Us) -> None:
        """Leave out what finds nothing: no stimulus, so none is counted."""
        self._bridge.doze(until)

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Take an event."""
        self._scene.before()
        actions = self._ask(self._bridge.event, what, now)
        return self._scene.after(actions)

    def _ask(self, call: Callable[..., Sequence[Action]], *given: object) -> Sequence[Action]:
        """Return what the bridge does; whatever its firmware raises is for the judge to hear."""
        try:
            return call(*given)
        except BootError:
            raise
        except Exception as error:
            raise Stopped(f"{type(error).__name__}: {error}") from error


class Watcher:
    """Be told of each stimulus of the bridge; a sweep overrides what it needs."""

    def before(self) -> None:
        """Note that a stimulus is about to be handled; ``PowerLost`` from here is a cut."""

    def after(self, operations: int) -> None:
        """Note that one was handled, and how many flash operations it took."""

    def acted(self) -> None:
        """Note that its actions are done, and that flash changed in it."""


class Scene:
    """Hold one life's world, from the factory on.

    Attributes:
        step: Where the script of the end stands: 0 until the bridge came to rest.
        settled: Whether the bridge queried for a while, and neither fetched nor booted anything.
        cuts: How often the plan cut the supply since ``live`` or ``fork``.
        attempted: Whether it asked for a block since ``settled`` was set back.
        worn: Sectors that take no erase, in a life that begins or goes on from now.
    """

    def __init__(
        self,
        profile: Profile,
        life: Life,
        size: Octets,
        *,
        seed: int = 0,
        defect: str | None = None,
    ) -> None:
        self.profile = profile = suited(life, profile)
        self.life, self.size = life, size
        self.images = images_of(life, profile, size)
        self.judge = Judge(life, profile, self.images)
        encrypt = profile.ota.aps_encrypt
        self.others = others_of(life, profile, size // 2)
        catalogue = served_of(life, self.images, self.others)
        self.hub = ScriptedHub(life, catalogue, encrypt=encrypt)
        self.hub.listener = self._heard
        self.ear = Ear()
        self.watcher = Watcher()
        self.step, self.settled, self.attempted = 0, False, False
        self._rest_since: Us = -1
        self._rest_us = rest_us(life, profile)
        self._touched = False
        self.cuts = 0
        self.worn: tuple[WornSector, ...] = ()
        setup = self._setup(seed, defect)
        self.bridge = make_bridge(setup)
        self.probe = Probe(self.bridge)
        self.air = Air(setup)
        self.world, self.medium = self.air.world, self.air.medium
        self.link = self.air.add(setup, Watched(self, self.bridge))
        self.start = self.moment()

    def _setup(self, seed: int, defect: str | None) -> Setup:
        ota_profile, life = self.profile.ota, self.life
        identity = Identity(
            eui64=DUT_EUI64,
            manufacturer=ota_profile.manufacturer_code,
            image_type=ota_profile.image_type,
            hardware_version=ota_profile.hardware_version,
        )
        return Setup(
            profile=self.profile,
            identity=identity,
            image=self.images[life.first],
            version=life.first,
            seed=seed,
            hub=self.hub,
            trace=self.ear,
            defect=defect,
            name=DUT,
        )

    # What a bridge does.

    def before(self) -> None:
        """Take note that a stimulus comes."""
        self.watcher.before()
        self._count = self.probe.count

    def after(self, actions: Sequence[Action], *, answered: bool = False) -> Sequence[Action]:
        """Take note of what a stimulus brought; its actions come next."""
        operations = self.probe.count - self._count
        if operations:
            self._touched = True
        self.watcher.after(operations)
        for action in actions:
            if type(action) is Send:
                self.judge.sent(action.datagram)
            elif type(action) is Report and action.what is Happening.BOOTED:
                self._booted(dict(action.details))
            elif type(action) is Report and action.what is Happening.FLASH_WORN:
                self.judge.past.worn = True
        if answered and self.link.powered:
            self.judge.answered()
        return actions

    def _booted(self, details: dict[str, int | str]) -> None:
        version = int(details["version"])
        length = len(self.images.get(version, b""))
        octets = self.probe.slot(int(details["slot"]), length)
        self._rest_since = -1
        trial = bool(details["trial"])
        self.judge.booted(version, trial, octets)
        for number, other in enumerate(self.others.get(version, ()) if trial else ()):
            self.judge.beside(version, self.probe.beside(number, len(other)) == other)
        self.settled |= self.judge.is_stuck  # what runs now may never say a word

    def _heard(self, frame: Frame, now: Us) -> None:
        self.judge.heard(frame)
        match frame:
            case ota.QueryNextImageRequest():
                if self._rest_since < 0:
                    self._rest_since = now
                self.settled = now - self._rest_since >= self._rest_us
            case ota.ImageBlockRequest():
                self.attempted = True
                self._rest_since = -1
            case ota.UpgradeEndRequest() if self.profile.ota.activation_policy:
                self.world.post(now + _ACTIVATION_US, DUT, Activate())
            case _:
                pass

    # Time.

    def run(self, limit_us: Us, wanted: str) -> bool:
        """Let time pass until ``settled`` or ``attempted`` is true, at most ``limit_us``.

        Raises:
            Broken: The bridge died, or stopped with an error of its own, or a promise is broken.
        """
        ear = self.ear

        def until() -> bool:
            if ear.lost:
                ear.lost = False
                self.cuts += 1
                self.judge.cut()
                self.world.post(self.world.now + OFF_US, DUT, PowerOn())
            if ear.dead:
                return True
            if self._touched:
                self._touched = False
                self.watcher.acted()
            return bool(getattr(self, wanted))

        try:
            done = self.world.run(until, limit_us)
        except (Stopped, LinkError) as error:
            self.judge.dead(f"the bridge stops: {error}")
            return False
        if ear.dead:
            text, ear.dead = ear.dead, ""
            if not (ear.restarting and self.judge.is_stuck):  # what stays may be what crashes
                self.judge.dead(text)
            return False
        return done

    def again(self) -> None:
        """Forget what ``settled`` and ``attempted`` say, to wait for them anew."""
        self.settled, self.attempted, self._rest_since = False, False, -1

    @property
    def unsteady(self) -> bool:
        """Tell whether some octets of flash read otherwise each time."""
        return is_unsteady(self.probe.flash())

    # What the end of a life asks for.

    def power_cycle(self) -> None:
        """Cut the supply and raise it again."""
        self.link.power(False)
        self.world.post(self.world.now + OFF_US, DUT, PowerOn())

    def notify(self) -> None:
        """Send the bridge a unicast Image Notify: it may try again what failed."""
        self.judge.past.pardoned = True
        frame = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
        for action in self.hub.tell(frame, self.hub.members[DUT_EUI64], now=self.world.now):
            if isinstance(action, Send):
                self.medium.carry(HUB, action.datagram)

    def slots(self) -> bytes:
        """Return a digest of what both slots hold, up to the size of the largest image."""
        length = max(len(octets) for octets in self.images.values())
        whole = blake2b(digest_size=16)
        for number in range(2):
            whole.update(self.probe.slot(number, length))
        return whole.digest()

    # Copies.

    def moment(self) -> Moment:
        """Return a copy of all but the bridge's RAM."""
        return Moment(
            world=self.world.snapshot(),
            nodes=self.medium.snapshot(),
            hub=self.hub.snapshot(),
            past=self.judge.remember(),
            chance=self.probe.chance(),
            flash=self.probe.flash(),
            operation=self.probe.count,
            happenings=self.ear.happenings,
            client=self.probe.stage,
            on_trial=self.probe.on_trial,
            step=self.step,
            rest_since=self._rest_since,
        )

    def fork(self, moment: Moment, flash: Flash, owed: frozenset[int]) -> None:
        """Go back to a moment at which the supply fails, with what that leaves of flash.

        What the interrupted stimulus would have done never happens; the supply comes back in
        ``OFF_US``.
        """
        self._go_to(moment, flash, owed)
        if moment is not self.start:
            self.judge.cut()
        self.world.post(self.world.now + OFF_US, DUT, PowerOn())

    def live(self, cuts: Sequence[CutPower] = (), owed: frozenset[int] | None = None) -> None:
        """Begin the life, with these cuts planned."""
        owed = self.judge.owed if owed is None else owed
        self._go_to(self.start, self.start.flash, owed)
        self.probe.cut(*cuts)
        self.world.post(self.world.now, DUT, PowerOn())

    def _go_to(self, moment: Moment, flash: Flash, owed: frozenset[int]) -> None:
        self.probe.put(flash, moment.chance)
        self.probe.wear(*self.worn)
        self.world.restore(moment.world)
        self.medium.restore(moment.nodes)
        self.hub.restore(moment.hub)
        self.link.forget()
        self.link.power(False)
        self.judge.begin(moment.past, owed, self.worn)
        self.ear.dead, self.ear.lost = "", False
        self._touched = self.settled = self.attempted = False
        self.cuts = 0
        self.step, self._rest_since = moment.step, moment.rest_since
