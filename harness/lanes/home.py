"""Put a home together from emulated bridges: its zones, the links between them, its hub."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from emulator import Bridge as Emulated
from emulator.actions import Battery, Stimulus, Wake
from emulator.contract import Powered
from emulator.link.chance import stream
from emulator.link.direct import DirectLink
from emulator.link.home import HomeLink
from emulator.link.medium import Tap
from emulator.link.quality import MILLION, Flaws, Quality
from emulator.link.spans import End, Span
from emulator.link.zone import Zone
from emulator.units import SECOND, Us
from emulator.wire.aps import Datagram
from emulator.world import Receiver, World
from harness.hub.server import Hub
from harness.lanes.direct import make_bridge, operations_of
from harness.lanes.port import Setup
from harness.premises.charge import Charge
from harness.premises.metered import Metered
from harness.premises.model import Bridge, LinkKind, Premises
from harness.premises.model import Link as LinkData

#: How long a bridge is away that restarts: its loader looks at the image, the stack comes up; a
#: public figure is not known [ASSUMED].
BOOT_US: Us = 5 * SECOND


class HomeLane:
    """Carry what the nodes of one home say to each other, in virtual time.

    Attributes:
        world: Its time.
        zones: The air around the hub and around each remote bridge, by their names.
        spans: The link between two bridges, by both names, the parent's first.
        bridges: The emulated bridges, by name: for a probe.
        charges: What is left in the battery of each bridge that has one.
    """

    def __init__(self, premises: Premises, hub: Hub, tap: Tap, *, seed: int, home: int = 0) -> None:
        """Make the home with its hub, and nothing else in it.

        Args:
            premises: What the home is.
            hub: Who plays its hub.
            tap: Who hears what happens.
            seed: Of the chance of its hops and links.
            home: The number of the home, where one process has many.
        """
        self.premises, self.hub, self.world = premises, hub, World()
        self._tap, self._seed, self._home = tap, seed, home
        self.zones = {
            name: Zone(self.world, hub, tap, self._latency_of(name))
            for name in (premises.hub, *(one.name for one in premises.remotes))
        }
        self.spans: dict[tuple[str, str], Span] = {}
        self.bridges: dict[str, Emulated] = {}
        self.charges: dict[str, Charge] = {}
        self._meters: dict[str, Metered] = {}
        self._nodes: dict[str, DirectLink] = {}
        self._flaws: dict[tuple[str, str], Flaws] = {}
        self._air = self.zones[premises.hub]
        self._air.attach(premises.hub, hub.address, voices=True)
        self._host(premises.hub, self._air, hub)

    def _latency_of(self, zone: str) -> Us:
        """Return the latency of a zone: that of its quickest hop."""
        hops = [one.latency_us for one in self._hops(zone)]
        return min(hops) if hops else Quality().latency_us

    def _hops(self, zone: str) -> Sequence[LinkData]:
        links = self.premises.links
        return [one for one in links if one.kind is LinkKind.ZIGBEE and one.between[0] == zone]

    def eui64(self, name: str) -> int:
        """Return the address of a node."""
        return self.premises.eui64(name, self._home)

    # Moving in.

    def add_bridges(self, setups: Mapping[str, Setup]) -> None:
        """Make every bridge as its setup says, tell it who its neighbours are, and connect them.

        Args:
            setups: What each is made from, by its name; all are off.
        """
        for one in self.premises.bridges:
            self._add_bridge(one, setups[one.name])
        for link in self.premises.links:
            if link.kind is LinkKind.BRIDGE:
                self._connect(link)

    def _add_bridge(self, one: Bridge, setup: Setup) -> None:
        bridge, profile = make_bridge(setup), setup.profile
        self.bridges[one.name] = bridge
        bridge.factory(setup.identity, setup.image, setup.version, setup.seed)
        peers = tuple(self.eui64(peer.name) for peer in self.premises.remotes)
        if one.remote:
            bridge.commission(self.eui64(one.parent))
        else:
            bridge.commission(None, peers)
        device: Powered = bridge
        if profile.battery is not None:
            charge = self.charges[one.name] = Charge(battery=profile.battery)
            device = Metered(bridge, profile, charge, operations_of(bridge))
            self._meters[one.name] = device
        zone = self.zones[one.name if one.remote else self.premises.hub]
        zone.attach(one.name, None)
        zone.stand(one.name, setup.identity.eui64, beyond=one.remote)
        host = HomeLink(self.world, zone, self._tap, one.name, device, boot_us=BOOT_US)
        self._nodes[one.name] = host

    def _connect(self, link: LinkData) -> None:
        near, remote = link.between
        sleepy = self.premises.bridge(remote).profile.sleep is not None
        ends = (
            End(name=near, eui64=self.eui64(near)),
            End(name=remote, eui64=self.eui64(remote), sleepy=sleepy),
        )
        rng = stream(self._seed, f"link {near}-{remote}")
        span = Span(self.world, self._tap, ends, _quality(link, 0), rng)
        self.spans[near, remote] = span
        for name, peer, polls in ((near, remote, False), (remote, near, sleepy)):
            host = self._nodes[name]
            if isinstance(host, HomeLink):
                host.connect(self.eui64(peer), span, polls=polls)

    def add_device(self, name: str, machine: Powered, address: int) -> None:
        """Let a display or meter move in, off, at an address that the hub gave it."""
        device = self.premises.device(name)
        zone = self.zones[device.parent]
        zone.attach(name, address)
        zone.settle(name, address, sleepy=device.sleepy)
        self._host(name, zone, machine)

    def _host(self, name: str, zone: Zone, machine: Powered) -> None:
        self._nodes[name] = DirectLink(self.world, zone, self._tap, name, machine)

    def begin(self) -> None:
        """Let the hops be as good as the premises say, once all have moved in."""
        for link in self.premises.links:
            if link.kind is LinkKind.ZIGBEE:
                quality = _quality(link, self._latency_of(link.between[0]))
                if quality.flawed or quality.latency_us:
                    self.set_quality(link.between, quality)

    # Time, and what the hub says.

    @property
    def now(self) -> Us:
        """Return virtual time."""
        return self.world.now

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let virtual time pass until a condition holds."""
        return self.world.run(until, limit_us)

    def send(self, datagram: Datagram) -> None:
        """Put a datagram of the hub's on the air around it."""
        self._air.carry(self.premises.hub, datagram)

    def refresh(self) -> None:
        """Look at the hub's deadline anew."""
        self._nodes[self.premises.hub].take(Wake(), self.world.now)

    def attach(self, name: str, receiver: Receiver) -> None:
        """Add somebody whom the world wakes: who makes things fail, in time."""
        self.world.attach(name, receiver)

    # What a person does in a home.

    def power(self, name: str, on: bool) -> None:
        """Raise or cut the supply of one node."""
        self._nodes[name].power(on)

    def powered(self, name: str) -> bool:
        """Tell whether a node has its supply."""
        return self._nodes[name].powered

    def tell(self, name: str, what: Stimulus) -> None:
        """Tell a node something outside the network."""
        self._nodes[name].take(what, self.world.now)

    def charge(self, name: str, percent: int) -> None:
        """Put another battery, of this charge, into a bridge that runs on one."""
        self._meters[name].renew(percent, self.world.now)
        self.tell(name, Battery(percent=percent))

    # How good the ways are.

    def quality(self, between: tuple[str, str]) -> Quality:
        """Return how good the link or hop between two neighbours is, the parent named first."""
        if between in self.spans:
            return self.spans[between].quality
        flaws = self._flaws.get(between)
        return Quality(latency_us=0) if flaws is None else flaws.quality

    def set_quality(self, between: tuple[str, str], quality: Quality) -> None:
        """Change how good a link or hop is from now on."""
        if between in self.spans:
            self.spans[between].quality = quality
        else:
            hop = self._hop(between)
            hop.change(quality, up=hop.up)

    def _hop(self, between: tuple[str, str]) -> Flaws:
        """Return the flaws of a hop, a perfect one so far if it has none."""
        flaws = self._flaws.get(between)
        if flaws is None:
            rng = stream(self._seed, f"hop {between[0]}-{between[1]}")
            flaws = self._flaws[between] = Flaws(Quality(latency_us=0), rng, self._tap)
            self.zones[between[0]].hop(between[1], flaws)
        return flaws

    def spoil(self, between: tuple[str, str], what: str, share: int) -> None:
        """Let chance have its way with a share of a million of what goes over a link or hop.

        Args:
            between: Its two ends, the parent first.
            what: What happens to them: "lost", "twice" or "late".
            share: Of a million.
        """
        self.set_quality(between, replace(self.quality(between), **{what: share}))

    def set_up(self, between: tuple[str, str], up: bool) -> None:
        """Let a link or hop carry everything or nothing."""
        if between in self.spans:
            self.spans[between].up = up
        else:
            hop = self._hop(between)
            hop.change(hop.quality, up=up)


def _quality(link: LinkData, base_us: Us) -> Quality:
    """Return the quality that the premises say; ``base_us`` of the latency is counted elsewhere."""
    rate = {} if link.octets_per_s is None else {"octets_per_s": link.octets_per_s}
    return Quality(
        latency_us=link.latency_us - base_us,
        lost=round(link.loss * MILLION),
        twice=round(link.duplicates * MILLION),
        **rate,
    )
