"""A lane that proves that actions, events and datagrams are data: each passes through JSON.

What stands here between bridge and world is what a program behind a pipe will get.
"""

import json
from collections.abc import Sequence
from typing import TypeVar

from emulator.actions import Action, Event
from emulator.contract import Device, Identity
from emulator.link.json_form import from_json, to_json
from emulator.units import Us
from emulator.wire.aps import Datagram
from harness.lanes.direct import OF_EMULATED, Air, VirtualLane, make_bridge
from harness.lanes.port import Setup

T = TypeVar("T")


class JsonDevice:
    """Hand everything to another device, and back, as JSON text."""

    def __init__(self, device: Device) -> None:
        self._device = device

    @property
    def deadline(self) -> Us | None:
        """Return the other's deadline, through JSON."""
        deadline: Us | None = json.loads(json.dumps(self._device.deadline))
        return deadline

    def factory(self, identity: Identity, image: bytes, version: int, seed: int) -> None:
        """Make the other device new."""
        octets = bytes.fromhex(json.loads(json.dumps(image.hex())))
        self._device.factory(_through(identity, Identity), octets, version, seed)

    def power_on(self, now: Us) -> Sequence[Action]:
        """Boot the other device."""
        return _back(self._device.power_on(now))

    def power_off(self, now: Us) -> None:
        """Cut the other's supply."""
        self._device.power_off(now)

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Deliver a datagram."""
        return _back(self._device.receive(_through(datagram, Datagram), now))

    def wake(self, now: Us) -> Sequence[Action]:
        """Wake the other device."""
        return _back(self._device.wake(now))

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Deliver an event."""
        return _back(self._device.event(_through(what, type(what)), now))


def _through(value: T, kind: type[T]) -> T:
    made = from_json(json.loads(json.dumps(to_json(value))))
    if type(made) is not kind:
        raise TypeError(f"{kind.__name__} came back as {type(made).__name__}")
    return made


def _back(actions: Sequence[Action]) -> Sequence[Action]:
    return tuple(_through(action, type(action)) for action in actions)


class LoopbackLane(VirtualLane):
    """Carry datagrams to an emulated bridge of this process, all of them through JSON."""

    capabilities = VirtualLane.capabilities | OF_EMULATED

    def __init__(self, setup: Setup, air: Air | None = None) -> None:
        super().__init__(setup, JsonDevice(make_bridge(setup)), air)

    def beside(self, setup: Setup) -> "LoopbackLane":
        """Put another emulated bridge into the same world, off."""
        return LoopbackLane(setup, self._air)
