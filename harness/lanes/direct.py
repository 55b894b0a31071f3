"""The lane of CI: an emulated bridge in this process, in virtual time, datagrams in memory."""

from collections.abc import Callable, Sequence

from emulator import Bridge, DefectFacts, Probe
from emulator.actions import Event, Stimulus, Wake
from emulator.contract import Capability, Device, Powered
from emulator.errors import LinkError
from emulator.faults import FrameFault, WornSector
from emulator.link.chance import stream
from emulator.link.direct import DirectLink
from emulator.link.medium import Medium
from emulator.units import Octets, Us
from emulator.wire.aps import Datagram
from emulator.world import World
from harness.lanes.port import Found, Sealed, Setup

HUB = "hub"
#: What every lane can do that makes its bridges itself.
OF_EMULATED = frozenset({Capability.SETTINGS, Capability.TRAITS})


def make_bridge(setup: Setup) -> Bridge:
    """Return the emulated bridge that a lane is opened for, with its defect if it has one."""
    bridge = Bridge(setup.profile, stream)
    if setup.defect is not None:
        Probe(bridge).plant(setup.defect)
    return bridge


def operations_of(bridge: Bridge) -> Callable[[], int]:
    """Return what counts the flash operations of a bridge's life."""
    probe = Probe(bridge)
    return lambda: probe.count


class Bystander:
    """Be a node that only hears: a stranger, whose datagrams a case makes."""

    def take(self, stimulus: Stimulus, now: Us) -> None:
        """Do nothing; the trace has what was sent to it."""


def known_defects() -> Sequence[DefectFacts]:
    """Return every defect that a bridge can be given."""
    return Probe.defects()


def known_home_defects() -> Sequence[DefectFacts]:
    """Return every defect that a bridge can be given and that shows in a home only."""
    return Probe.home_defects()


class Air:
    """Be the network that every device of one world shares: its hub, its strangers, its time."""

    def __init__(self, setup: Setup) -> None:
        self.world, self.trace = World(), setup.trace
        self.medium = Medium(self.world, setup.hub, setup.trace, dut=setup.name)
        self._names: dict[int, str] = {}
        self._machines: list[DirectLink] = []
        self.host(HUB, setup.hub.address, setup.hub)

    def host(self, name: str, address: int, machine: Powered) -> None:
        """Add a node of the harness: a machine that is on from now, at an address of its own."""
        self._names[address] = name
        self.medium.attach(name, address, voices=True)
        link = DirectLink(self.world, self.medium, self.trace, name, machine)
        self._machines.append(link)
        link.power(True)

    def add(self, setup: Setup, device: Device) -> DirectLink:
        """Add a device as it leaves the factory, off and not on the network."""
        self.medium.attach(setup.name, None)
        link = DirectLink(self.world, self.medium, self.trace, setup.name, device)
        device.factory(setup.identity, setup.image, setup.version, setup.seed)
        return link

    def refresh(self) -> None:
        """Look at the deadlines of the harness's nodes anew."""
        for link in self._machines:
            link.take(Wake(), self.world.now)

    def sender(self, address: int) -> str:
        """Return the name of the node at an address; who is not there yet comes as a stranger."""
        name = self._names.get(address)
        if name is None:
            name = self._names[address] = f"stranger {address:#06x}"
            self.medium.attach(name, address)
            self.world.attach(name, Bystander())
        return name


class VirtualLane(Sealed):
    """Host any device that keeps the contract in a world of virtual time, beside the hub."""

    capabilities: frozenset[Capability] = DirectLink.capabilities | {Capability.FACTORY}
    #: The device is made as the setup says.
    found: Found | None = None

    def __init__(self, setup: Setup, device: Device, air: Air | None = None) -> None:
        self._air = Air(setup) if air is None else air
        self._world, self._medium = self._air.world, self._air.medium
        self._dut = self._air.add(setup, device)

    @property
    def now(self) -> Us:
        """Return virtual time."""
        return self._world.now

    @property
    def powered(self) -> bool:
        """Tell whether the DUT has its supply."""
        return self._dut.powered

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let virtual time pass."""
        return self._world.run(until, limit_us)

    def send(self, datagram: Datagram) -> None:
        """Put a datagram of the hub's, or of a stranger's, on the network."""
        self._medium.carry(self._air.sender(datagram.source), datagram)

    def refresh(self) -> None:
        """Let what was done to the hub from outside be seen."""
        self._air.refresh()

    def attach(self, name: str, address: int, machine: Powered) -> None:
        """Add a node of the harness to the network: a second hub, a stranger."""
        self._air.host(name, address, machine)

    def beside(self, setup: Setup) -> "VirtualLane":
        """Put another device into the same world, off."""
        raise LinkError("this lane carries one device")

    def dismiss(self) -> None:
        """Take the DUT off the network, as a trust centre does that removes it."""
        self._medium.leave(self._dut.name)

    def power(self, on: bool) -> None:
        """Raise or cut the DUT's supply."""
        self._dut.power(on)

    def event(self, what: Event) -> None:
        """Tell the DUT something outside the network."""
        self._dut.take(what, self._air.world.now)

    def plan(self, faults: Sequence[FrameFault]) -> None:
        """Replace the frame faults of this device that are to come."""
        self._medium.plan(faults, self._dut.name)

    def close(self) -> None:
        """Cut the supply; everything else is memory."""
        if self._dut.powered:
            self._dut.power(False)


class DirectLane(VirtualLane):
    """Carry datagrams to an emulated bridge of this process."""

    capabilities = VirtualLane.capabilities | OF_EMULATED | {Capability.PROBE, Capability.WEAR}

    def __init__(self, setup: Setup, air: Air | None = None) -> None:
        self.bridge = make_bridge(setup)
        super().__init__(setup, self.bridge, air)

    def beside(self, setup: Setup) -> "DirectLane":
        """Put another emulated bridge into the same world, off."""
        return DirectLane(setup, self._air)

    def damage(self, offset: Octets, *, standby: bool = False) -> None:
        """Change an octet of an image of the bridge's."""
        Probe(self.bridge).damage(offset, standby=standby)

    def wear(self, sectors: Sequence[WornSector]) -> None:
        """Let sectors of the bridge's flash take no erase."""
        Probe(self.bridge).wear(*sectors)
