"""State the contract of every device and every machine: octets and time in, actions out.

A device is anything that keeps it: an emulated bridge, a program behind a pipe, a stand-in in a
test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from emulator.actions import Action, Event
from emulator.units import Us
from emulator.wire.aps import Datagram


class Capability(StrEnum):
    """Name what a lane or link can do beyond carrying datagrams."""

    POWER = "power"  # it can cut and raise the supply
    FRAME_FAULTS = "frame faults"  # it can lose, delay, change single datagrams
    VIRTUAL_TIME = "virtual time"  # waiting costs nothing
    PROBE = "probe"  # flash operations can be counted and cut
    WEAR = "worn flash"  # sectors can be made to take no erase, stored images to change
    EVENTS = "events"  # it can tell the device things outside the network, as a person would
    FRAME_COUNTERS = "frame counters"  # datagrams show NWK frame counters
    SETTINGS = "settings"  # a case can have a device of other settings made
    FACTORY = "factory"  # it makes its device new, with the image that it is given
    NODES = "other nodes"  # other nodes can be put on the network: a second hub, a stranger
    TRAITS = "traits"  # the device does what the traits of a test image say


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Say who a device is: what a factory writes into it once."""

    eui64: int
    manufacturer: int
    image_type: int
    hardware_version: int


class Machine(Protocol):
    """Take datagrams, events and time; return actions; ask for the next moment.

    ``deadline`` is the virtual time at which ``wake`` wants to be called, None for never. A call
    may come earlier or later than asked; the machine looks at ``now``.
    """

    @property
    def deadline(self) -> Us | None:
        """Return when ``wake`` is wanted, in microseconds of virtual time."""
        ...

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Take a datagram from the air."""
        ...

    def wake(self, now: Us) -> Sequence[Action]:
        """Do what the reached deadline asks for."""
        ...

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Take an event that is not a datagram."""
        ...


class Powered(Machine, Protocol):
    """Be a machine with a supply.

    ``power_on`` may raise ``PowerLost`` where a fault plan cuts the supply; so may every other
    call. Whoever calls then treats the machine as off; the actions of that call never happened.
    """

    def power_on(self, now: Us) -> Sequence[Action]:
        """Boot: run the loader, then the image it chose."""
        ...

    def power_off(self, now: Us) -> None:
        """Lose the supply: RAM is gone, flash stays."""
        ...


class Device(Powered, Protocol):
    """Be a device under test: a machine with a supply and a factory."""

    def factory(self, identity: Identity, image: bytes, version: int, seed: int) -> None:
        """Make the device new: identity, first image, erased records; the supply is off."""
        ...
