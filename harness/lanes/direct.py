"""The lane of CI: an emulated bridge in this process, in virtual time, datagrams in memory."""

from collections.abc import Callable, Sequence

from emulator import Bridge, Probe
from emulator.actions import Stimulus
from emulator.contract import Capability, Device
from emulator.faults import FrameFault
from emulator.link.chance import stream
from emulator.link.direct import DirectLink
from emulator.link.medium import Medium
from emulator.profiles.model import Profile
from emulator.units import Us
from emulator.wire.aps import Datagram
from emulator.world import World
from harness.lanes.port import Setup

DUT = "dut"
HUB = "hub"


def make_bridge(setup: Setup) -> Bridge:
    """Return the emulated bridge that a lane is opened for, with its defect if it has one."""
    bridge = Bridge(setup.profile, stream)
    if setup.defect is not None:
        Probe(bridge).plant(setup.defect)
    return bridge


class Bystander:
    """Be a node that only hears: a stranger, whose datagrams a case makes."""

    def take(self, stimulus: Stimulus, now: Us) -> None:
        """Do nothing; the trace has what was sent to it."""


def check_defect(profile: Profile, defect: str) -> None:
    """Find out whether a defect can be planted in a bridge.

    Raises:
        KeyError: No defect has this id; the message names a close one.
    """
    Probe(Bridge(profile, stream)).plant(defect)


class VirtualLane:
    """Host any device that keeps the contract in a world of its own, beside the hub."""

    capabilities = DirectLink.capabilities

    def __init__(self, setup: Setup, device: Device) -> None:
        self._world = World()
        self._medium = Medium(self._world, setup.hub, setup.trace, dut=DUT)
        self._hub_address = setup.hub.address
        self._strangers: set[str] = set()
        self._medium.attach(HUB, setup.hub.address)
        self._medium.attach(DUT, None)
        hub = DirectLink(self._world, self._medium, setup.trace, HUB, setup.hub)
        self._dut = DirectLink(self._world, self._medium, setup.trace, DUT, device)
        device.factory(setup.identity, setup.image, setup.version, setup.seed)
        hub.power(True)

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
        self._medium.carry(self._sender(datagram.source), datagram)

    def _sender(self, address: int) -> str:
        """Return the name of the node at an address; who is not there yet comes as a stranger."""
        if address == self._hub_address:
            return HUB
        name = f"stranger {address:#06x}"
        if name not in self._strangers:
            self._strangers.add(name)
            self._medium.attach(name, address)
            self._world.attach(name, Bystander())
        return name

    def power(self, on: bool) -> None:
        """Raise or cut the DUT's supply."""
        self._dut.power(on)

    def plan(self, faults: Sequence[FrameFault]) -> None:
        """Replace the frame faults that are to come."""
        self._medium.plan(faults)

    def close(self) -> None:
        """Cut the supply; everything else is memory."""
        if self._dut.powered:
            self._dut.power(False)


class DirectLane(VirtualLane):
    """Carry datagrams to an emulated bridge of this process."""

    capabilities = DirectLink.capabilities | {Capability.PROBE}

    def __init__(self, setup: Setup) -> None:
        self.bridge = make_bridge(setup)
        super().__init__(setup, self.bridge)
