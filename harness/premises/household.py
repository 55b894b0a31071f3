"""Let a whole home live in virtual time: hub, bridges, display and gas meter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.errors import WireError
from emulator.profiles.model import Profile
from emulator.units import HOUR, SECOND, Octets, Us
from emulator.wire import ota
from emulator.wire.manifest import read_manifest
from emulator.wire.ota import Attribute
from emulator.wire.ota_reader import read
from harness.firmware import FIRST_VERSION, NEXT_VERSION, built, filler, identity_of
from harness.hub.images import Served, served
from harness.inquiry import Inquiry, put
from harness.lanes.home import HomeLane
from harness.lanes.port import Setup
from harness.lanes.seeds import hub_chance, node_chance, node_seed
from harness.premises.charge import cost
from harness.premises.chronicle import Chronicle
from harness.premises.distributor import Distributor
from harness.premises.faults import Agenda, HomeFault
from harness.premises.model import Bridge, Device, DeviceKind, Premises
from harness.premises.outcome import Outcome, StageKind
from harness.premises.plan import FREE, Candidate, Offered, Plan, Speech, Wish, plan
from harness.premises.residents import Display, GasMeter, Habits
from harness.trace import Trace

if TYPE_CHECKING:
    from harness.premises.conductor import Conductor  # it conducts households

#: Payload of the images that bridges leave the factory with.
FACTORY_OCTETS: Octets = 2000
#: How long an answer to a read may take: two hops, a poll of a sleepy bridge, and some.
READ_US: Us = 20 * SECOND
#: Until when a home must have come up.
START_US: Us = 2 * HOUR
#: How often a bridge is asked what it runs before a home counts as one that does not come up.
START_TRIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Say where a bridge stands, for people who look on.

    Args:
        name: The bridge.
        version: That it booted last; None before.
        offset: Up to where it asked for its image, in octets; None: it did not.
        stage: What it does.
        battery_percent: What is left; None: it has no battery.
    """

    name: str
    version: int | None
    offset: Octets | None
    stage: StageKind
    battery_percent: int | None


class Household:
    """Be a home that lives.

    Attributes:
        premises: What it is.
        hub: Its hub.
        lane: Its bridges, its air and its links.
        devices: Its display and meter, by name.
        chronicle: What its bridges reported.
        trace: What happened, None if nobody wants it.
        images: The image that each bridge is to take, by name.
        offered_at: When the first image was offered, None before.
        started: Whether the home was switched on.
        first_versions: What each bridge ran first, by name.
    """

    def __init__(
        self,
        premises: Premises,
        *,
        images: Mapping[str, bytes] | None = None,
        seed: int = 0,
        defects: Mapping[str, str] | None = None,
        faults: Sequence[HomeFault] = (),
        trace: Trace | None = None,
        home: int = 0,
        hub: type[Distributor] = Distributor,
        speaks: Mapping[str, Speech] | None = None,
        first: Mapping[str, int] | None = None,
    ) -> None:
        """Make a home in which everything is off.

        Args:
            premises: What the home is.
            images: Firmware files, by the name of the bridge that each is for.
            seed: Decides all chance.
            defects: Ids of defects, by the name of the bridge that has each.
            faults: What fails, behind the offer.
            trace: Where everything is written down.
            home: The number of the home, where one process has many.
            hub: Who plays the hub.
            speaks: Link protocols of the images of the factory, by the name of the bridge, where
                they differ from those of the home's links.
            first: Their versions, by the name of the bridge, where they are not the usual one.

        Raises:
            KeyError: An image, a defect, a range or a version is for no bridge of the home, or no
                defect has the id.
            WireError: An image has no header.
        """
        for name in (*(images or {}), *(defects or {}), *(speaks or {}), *(first or {})):
            premises.bridge(name)
        self.premises, self.seed, self.trace = premises, seed, trace
        self._home, self._eui64 = home, {one: premises.eui64(one, home) for one in premises.names}
        self.images = {name: served(octets) for name, octets in (images or {}).items()}
        own = {one.name: premises.protocols(one.name) for one in premises.bridges}
        self._speaks: dict[str, Speech] = own | dict(speaks or {})
        self.first_versions = dict.fromkeys(own, FIRST_VERSION) | dict(first or {})
        self.hub = hub(seed=seed, rng=hub_chance(seed))
        written = {f"{self._eui64[one.name]:016x}": one.name for one in premises.bridges}
        self.chronicle = Chronicle(premises, written)
        tap = self._tap if trace is None else self._traced
        self.lane = HomeLane(premises, self.hub, tap, seed=seed, home=home)
        self.lane.add_bridges(
            {one.name: self._setup(one, (defects or {}).get(one.name)) for one in premises.bridges}
        )
        self.devices = {one.name: self._device(one) for one in premises.devices}
        self._agenda = Agenda(self.lane, faults, seed)
        self.offered_at: Us | None = None
        self.started = False

    def _setup(self, one: Bridge, defect: str | None) -> Setup:
        profile = one.profile
        return Setup(
            profile=profile,
            identity=identity_of(profile, self._eui64[one.name]),
            image=image_for(
                profile,
                version=self.first_versions[one.name],
                size=FACTORY_OCTETS,
                speaks=self._speaks[one.name],
            ),
            version=self.first_versions[one.name],
            seed=node_seed(self.seed, one.name),
            hub=self.hub,
            trace=self.trace or Trace(),
            defect=defect,
            name=one.name,
        )

    def _device(self, one: Device) -> Display | GasMeter:
        joined = self.hub.admit(self._eui64[one.name], False)
        if joined is None:
            raise KeyError(f"{one.name}: found no place on the network, wanted one")
        habits = Habits(
            period_us=one.period_us, tries=one.tries, timeout_us=one.timeout_us, sleepy=one.sleepy
        )
        kind = Display if one.kind is DeviceKind.DISPLAY else GasMeter
        rng = node_chance(self.seed, one.name)
        made = kind(self._eui64[one.name], joined.address, habits, rng, joined.key_id)
        self.lane.add_device(one.name, made, joined.address)
        return made

    def _tap(self, now: Us, who: str, what: str, subject: object) -> None:
        if what != "send" and what != "tunnel":
            self.chronicle.note(now, who, what, subject)

    def _traced(self, now: Us, who: str, what: str, subject: object) -> None:
        if self.trace is not None:
            self.trace(now, who, what, subject)
        self._tap(now, who, what, subject)

    # Life.

    @property
    def now(self) -> Us:
        """Return virtual time, in microseconds."""
        return self.lane.now

    def start(self) -> bool:
        """Raise every supply: first the bridges', then those of whom they serve.

        Returns:
            Whether every bridge has its link and answers the hub.

        Raises:
            RuntimeError: It was started before.
        """
        if self.started:
            raise RuntimeError("start twice")
        self.lane.begin()
        self.started = True
        for one in (self.premises.hub, *self.first_versions):
            self.lane.power(one, True)
        up = self.run(self._linked, START_US)
        for device in self.premises.devices:
            self.hub.register(
                self._eui64[device.name],
                self.address(device.name),
                period_us=device.period_us,
                now=self.now,
            )
            self.lane.power(device.name, True)
        return up and all(self._asked(name) == first for name, first in self.first_versions.items())

    def silent(self) -> tuple[str, ...]:
        """Return the bridges that do not answer the hub."""
        return tuple(name for name in self.first_versions if self._asked(name) is None)

    def _asked(self, name: str) -> int | None:
        """Return what a bridge runs, asked until it answers: a lossy way needs tries."""
        answers = (self.read_version(name) for _ in range(START_TRIES))
        return next((one for one in answers if one is not None), None)

    def _linked(self) -> bool:
        """Tell whether every bridge has found the hub."""
        seen = self.hub.counts.get(ota.QueryNextImageRequest, 0)
        if seen < len(self.first_versions):
            return False
        asked = {self.hub.members.get(self._eui64[name]) for name in self.first_versions}
        kind = ota.QueryNextImageRequest
        return all(one is not None and self.hub.log(one).count(kind) for one in asked)

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let virtual time pass until a condition holds, at most ``limit_us``."""
        return self.lane.run(until, limit_us)

    @property
    def restless_until(self) -> Us:
        """Return until when something is still to fail, or to be well again."""
        return self._agenda.last_us

    def power(self, name: str, on: bool) -> None:
        """Raise or cut the supply of one node."""
        self.lane.power(name, on)

    def address(self, name: str) -> int:
        """Return the NWK address of a bridge or device.

        Raises:
            KeyError: It has not joined.
        """
        return self.hub.members[self._eui64[name]]

    # What the hub asks, hears and says.

    def overdue(self) -> tuple[str, ...]:
        """Return each gas meter whose last report is a cycle old and more, all its tries counted.

        One that was never heard may be late once a trial has failed, for a trial can hide a cycle.
        """
        back = any(one.rollbacks for one in self.chronicle.records.values())
        late = []
        for one in self.premises.devices:
            heard_us = self.hub.last_heard.get(self.address(one.name))
            patience_us = one.period_us + one.tries * one.timeout_us
            old = back if heard_us is None else self.now > heard_us + patience_us
            if old and one.kind is DeviceKind.GAS_METER:
                late.append(one.name)
        return tuple(late)

    def read_version(self, name: str) -> int | None:
        """Return what a bridge runs, read over the air; None: it does not answer."""
        if self._eui64[name] not in self.hub.members:
            return None
        address = self.address(name)
        inquiry = Inquiry(self.hub, self.lane, lambda: self.hub.log(address), READ_US)
        answers = inquiry.read(address, (Attribute.CURRENT_FILE_VERSION,))
        value = answers[0].value if answers else None
        return value if isinstance(value, int) else None

    def offer(self, *names: str) -> None:
        """Serve these bridges their images, and no others; then tell them so.

        Raises:
            KeyError: One has no image, or has not joined.
        """
        self.begin()
        self.hub.assign({self.address(name): self.images[name] for name in names})
        for name in names:
            self.chronicle.records[name].forget_offer()
            self.notify(name)

    def begin(self) -> None:
        """Begin to count time for faults and outcome, at the first offer."""
        if self.offered_at is None:
            self.offered_at = self.now
            self.chronicle.begin(self.now)
            for device in self.devices.values():
                device.account.begin(self.now)
            self._agenda.begin(self.now)

    def notify(self, name: str) -> None:
        """Send one bridge the Image Notify that every reading obeys."""
        notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
        put(self.lane, self.hub.tell(notify, self.address(name), now=self.now))

    def offset(self, name: str) -> Octets | None:
        """Return up to where a bridge asked for its image; None: it never did."""
        address = self.hub.members.get(self._eui64[name])
        return None if address is None else self.hub.offsets.get(address)

    def status(self) -> tuple[Status, ...]:
        """Return where each bridge stands, for people who look on."""
        records = self.chronicle.records
        return tuple(
            Status(
                name=one.name,
                version=records[one.name].running,
                offset=self.offset(one.name),
                stage=records[one.name].shown,
                battery_percent=self.battery(one.name),
            )
            for one in self.premises.bridges
        )

    def battery(self, name: str) -> int | None:
        """Return the charge of a bridge's battery in percent; None: it has none."""
        charge = self.lane.charges.get(name)
        return None if charge is None else charge.percent

    # Plans.

    def candidates(self) -> tuple[Candidate, ...]:
        """Return what a plan must know of each bridge."""
        return tuple(self._candidate(one) for one in self.premises.bridges)

    def _candidate(self, one: Bridge) -> Candidate:
        image, battery = self.images.get(one.name), one.profile.battery
        running = self.chronicle.records[one.name].running
        offered = None if image is None else self._offered(one.profile, image)
        new = offered is not None and running == offered.version
        return Candidate(
            name=one.name,
            version=self.first_versions[one.name] if running is None else running,
            speaks=offered.speaks if new and offered else self._speaks[one.name],
            offered=offered,
            battery_percent=self.battery(one.name),
            cost_percent=0 if image is None else cost(one.profile, len(image.octets)),
            reserve_percent=0 if battery is None else battery.reserve_percent,
        )

    def _offered(self, profile: Profile, image: Served) -> Offered:
        return Offered(version=image.file_version, speaks=speech_of(image.octets, profile))

    def plan(self, wish: Wish = FREE) -> Plan:
        """Return the order in which the bridges take the images of this home.

        Raises:
            PremisesError: The wish does not fit the home.
        """
        return plan(self.premises, self.candidates(), wish)

    def upgrade(
        self,
        plan: Plan | None = None,
        *,
        conductor: "type[Conductor] | None" = None,
        progress: Callable[["Household"], None] | None = None,
    ) -> Outcome:
        """Carry out a plan, wait until it is settled what each bridge runs, and say how it went.

        Args:
            plan: What to do; None: the usual plan.
            conductor: Who does it; None: an honest one.
            progress: Called about once a virtual minute.

        Raises:
            RuntimeError: The home was not started.
        """
        from harness.premises.conductor import Conductor

        kind = conductor or Conductor
        return kind(self, self.plan() if plan is None else plan, progress).conduct()


def speech_of(octets: bytes, profile: Profile) -> Speech:
    """Return the link protocols that an image speaks: its manifest's, else its profile's."""
    try:
        file, _ = read(octets, profile.image.container)
        manifest, _ = read_manifest(file.image or b"")
    except WireError:
        low, high = profile.link.protocols
        return low, high
    return manifest.minimum_link, manifest.maximum_link


def image_for(
    profile: Profile,
    *,
    version: int = NEXT_VERSION,
    size: Octets = FACTORY_OCTETS,
    speaks: Speech = (1, 1),
    traits: int = 0,
) -> bytes:
    """Return a good image for a bridge of a profile.

    Args:
        profile: The bridge's.
        version: File version.
        size: Octets of its payload.
        speaks: Lowest and highest link protocol.
        traits: Bits of ``emulator.wire.manifest.Trait``.
    """
    payload = filler(size, version)
    return built(profile, payload, version, link_protocol=speaks, traits=traits)
