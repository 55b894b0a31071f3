"""A lane whose device keeps its flash from one bench to the next, as one on a table does."""

from collections.abc import Sequence

from emulator import Bridge
from emulator.actions import Action, Event
from emulator.contract import Identity
from emulator.link.chance import stream
from emulator.units import SECOND, Us
from emulator.wire.aps import Datagram
from harness.lanes.direct import VirtualLane
from harness.lanes.port import Setup


class KeptDevice:
    """Be one bridge that is made once; each bench's time begins after that of the bench before."""

    def __init__(self) -> None:
        self._bridge: Bridge | None = None
        self._zero: Us = 0
        self._latest: Us = 0
        #: What was asked of it.
        self.benches = 0

    @property
    def bridge(self) -> Bridge:
        """Return the bridge."""
        assert self._bridge is not None
        return self._bridge

    @property
    def deadline(self) -> Us | None:
        """Return the bridge's deadline in the bench's time."""
        deadline = self.bridge.deadline
        return None if deadline is None else deadline - self._zero

    def open(self, setup: Setup) -> VirtualLane:
        """Put the device on a new bench, off."""
        if self._bridge is None:
            self._bridge = Bridge(setup.profile, stream)
            self._bridge.factory(setup.identity, setup.image, setup.version, setup.seed)
        self._zero = self._latest + SECOND
        self.benches += 1
        return VirtualLane(setup, self)

    def factory(self, identity: Identity, image: bytes, version: int, seed: int) -> None:
        """Stay as it is."""

    def _at(self, now: Us) -> Us:
        self._latest = max(self._latest, now + self._zero)
        return now + self._zero

    def power_on(self, now: Us) -> Sequence[Action]:
        """Boot."""
        return self.bridge.power_on(self._at(now))

    def power_off(self, now: Us) -> None:
        """Lose the supply."""
        self.bridge.power_off(self._at(now))

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Take a datagram."""
        return self.bridge.receive(datagram, self._at(now))

    def wake(self, now: Us) -> Sequence[Action]:
        """Do what is due."""
        return self.bridge.wake(self._at(now))

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Take an event."""
        return self.bridge.event(what, self._at(now))
