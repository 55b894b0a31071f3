"""Fit a lane to a device that nobody here made: other power, and nothing that it cannot do."""

from collections.abc import Callable, Sequence

from emulator.actions import Event
from emulator.contract import Capability, Powered
from emulator.errors import LinkError
from emulator.faults import FrameFault, WornSector
from emulator.units import SECOND, Octets, Us
from emulator.wire.aps import Datagram
from harness.lanes.port import Found, Lane, Setup, never
from harness.power.switch import Switch
from harness.verdict import Unsupported

#: What a lane may do with a device that it makes itself, and not with one that a maker describes.
OF_MADE = frozenset({Capability.SETTINGS, Capability.PROBE, Capability.WEAR})
#: What a DUT file gives to any lane: it has firmware of such traits, or has not.
OF_FILE = frozenset({Capability.TRAITS})


class FittedLane:
    """Be another lane, with a switch for the supply and without some of its capabilities.

    Args:
        lane: The other lane.
        switch: What cuts the supply; None: the lane does, if it can.
        withheld: What the lane may not do here.
        most_us: Longest wait for one thing, as a lane of real time has it; None: any.
        described: Whether a DUT file describes the device; False: a profile alone does.
    """

    def __init__(
        self,
        lane: Lane,
        switch: Switch | None = None,
        withheld: frozenset[Capability] = OF_MADE,
        most_us: Us | None = None,
        *,
        described: bool = True,
    ) -> None:
        self._lane, self._switch, self._withheld = lane, switch, withheld
        self._most_us, self._described = most_us, described
        self._on = True

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Return what can be done with the device."""
        own = OF_FILE if self._described else frozenset()
        power = frozenset() if self._switch is None else frozenset({Capability.POWER})
        return (self._lane.capabilities - self._withheld) | own | power

    @property
    def found(self) -> Found | None:
        """Return the device that the lane found."""
        return self._lane.found

    @property
    def now(self) -> Us:
        """Return the lane's time."""
        return self._lane.now

    @property
    def powered(self) -> bool:
        """Tell whether the device has its supply, as far as is known."""
        return self._lane.powered and self._on

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let time pass until a condition holds.

        Raises:
            Unsupported: It would last longer than one thing may.
        """
        most_us = self._most_us
        if most_us is None or limit_us <= most_us:
            return self._lane.run(until, limit_us)
        if until is not never and self._lane.run(until, most_us):
            return True
        most_s = most_us / SECOND
        found = f"needs {limit_us / SECOND:g} s of real time"
        raise Unsupported(f"{found}, --max-wait is {most_s:g} s")

    def send(self, datagram: Datagram) -> None:
        """Put a datagram on the network."""
        self._lane.send(datagram)

    def refresh(self) -> None:
        """Look at the hub's deadline anew."""
        self._lane.refresh()

    def attach(self, name: str, address: int, machine: Powered) -> None:
        """Add a node of the harness to the network."""
        self._lane.attach(name, address, machine)

    def beside(self, setup: Setup) -> Lane:
        """Put another device into the same world, where nobody describes the one there is.

        Raises:
            LinkError: A DUT file describes one, or the lane carries one.
        """
        if self._described:
            raise LinkError("needs a second device of other settings, a DUT file describes one")
        if Capability.NODES not in self.capabilities:
            raise LinkError("needs a second device under test, this lane carries one")
        other = self._lane.beside(setup)
        return FittedLane(other, None, self._withheld, self._most_us, described=False)

    def dismiss(self) -> None:
        """Take the device off the network."""
        self._lane.dismiss()

    def power(self, on: bool) -> None:
        """Raise or cut the supply; a lane that cannot cut it is told when it is raised."""
        if self._switch is not None:
            self._switch.set(on)
            self._on = on
        if on or Capability.POWER in self._lane.capabilities:
            self._lane.power(on)

    def damage(self, offset: Octets, *, standby: bool = False) -> None:
        """Change the flash of a device that the lane made.

        Raises:
            LinkError: Nobody reaches into that of a device under test.
        """
        self._check_made()
        self._lane.damage(offset, standby=standby)

    def wear(self, sectors: Sequence[WornSector]) -> None:
        """Let sectors of a device that the lane made take no erase.

        Raises:
            LinkError: Nobody reaches into the flash of a device under test.
        """
        self._check_made()
        self._lane.wear(sectors)

    def _check_made(self) -> None:
        if self._described:
            raise LinkError("nobody reaches into the flash of a device under test")

    def event(self, what: Event) -> None:
        """Tell the device something outside the network."""
        self._lane.event(what)

    def plan(self, faults: Sequence[FrameFault]) -> None:
        """Replace the frame faults that are to come."""
        self._lane.plan(faults)

    def close(self) -> None:
        """End the other lane; the switch is its owner's."""
        self._lane.close()
