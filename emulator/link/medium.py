"""Carry datagrams between the nodes of one virtual network; the one place of frame faults."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, assert_never

from emulator.actions import Delivered, Joined, JoinRefused, Left, Receive
from emulator.faults import (
    DelayFrame,
    DropFrame,
    DuplicateFrame,
    FlipBit,
    FrameFault,
    Leg,
    TruncateFrame,
)
from emulator.units import MILLISECOND, Us
from emulator.wire.aps import BROADCAST_ALL, FIRST_BROADCAST, ApsOptions, Datagram
from emulator.world import World

#: One hop of an unencrypted 2.4 GHz network with queues: a few milliseconds [ASSUMED].
LATENCY_US: Us = 5 * MILLISECOND

#: Datagrams that a parent holds for one sleepy child; ZigBee asks for at least one per child.
PARENT_BUFFER = 8


class Tap(Protocol):
    """Listen to what happens on a medium."""

    def __call__(self, now: Us, who: str, what: str, subject: object) -> None:
        """Note one happening; ``subject`` is a datagram, an action or a text."""
        ...


class Gate(Protocol):
    """Admit devices: the trust centre's part of a hub."""

    def admit(self, eui64: int, rejoin: bool) -> Joined | None:
        """Return the address and key for a device, or None to refuse it."""
        ...


@dataclass(slots=True)
class _Node:
    name: str
    address: int | None
    sleepy: bool = False
    reports: bool = False
    counter: tuple[int, int] = (-1, -1)  # key id, highest NWK frame counter heard
    held: list[tuple[Us, Datagram]] = field(default_factory=list)  # since when, at the parent


@dataclass(slots=True)
class _Watch:
    """Count the datagrams that one fault selects."""

    fault: FrameFault
    seen: int = 0

    def hit(self, datagram: Datagram) -> bool:
        at = self.fault.at
        if at.cluster is not None and at.cluster != datagram.cluster:
            return False
        if at.command is not None and datagram.payload[2:3] != bytes((at.command,)):
            return False
        self.seen += 1
        count = self.fault.count if isinstance(self.fault, DropFrame) else 1
        return at.number < self.seen <= at.number + count


class Medium:
    """Be the air of a virtual network: addresses, latency, faults, a parent for sleepy nodes.

    Datagrams whose NWK frame counter does not rise are dropped, as every receiver on a real network
    would drop them, and so are those that a node sends under an address that is not its own; the
    tap says so.
    """

    def __init__(
        self, world: World, gate: Gate, tap: Tap, dut: str, latency_us: Us = LATENCY_US
    ) -> None:
        self._world, self._gate, self._tap, self._dut = world, gate, tap, dut
        self._latency_us = latency_us
        self._nodes: dict[str, _Node] = {}
        self._by_address: dict[int, _Node] = {}
        self._to_dut: list[_Watch] = []
        self._from_dut: list[_Watch] = []

    def attach(self, name: str, address: int | None, *, reports: bool = False) -> None:
        """Add a node; without an address it must join first."""
        self._nodes[name] = _Node(name, address, reports=reports)
        if address is not None:
            self._by_address[address] = self._nodes[name]

    def plan(self, faults: Sequence[FrameFault]) -> None:
        """Replace the plan of frame faults; each counts from now."""
        self._to_dut = [_Watch(one) for one in faults if one.at.leg is Leg.TO_DEVICE]
        self._from_dut = [_Watch(one) for one in faults if one.at.leg is Leg.FROM_DEVICE]

    def join(self, name: str, eui64: int, *, rejoin: bool, sleepy: bool) -> None:
        """Let a node ask for admission; the answer comes one latency later."""
        node, at = self._nodes[name], self._world.now + self._latency_us
        joined = self._gate.admit(eui64, rejoin)
        self._tap(self._world.now, name, "join", "refused" if joined is None else "admitted")
        if node.address is not None:
            self._by_address.pop(node.address, None)
        node.held.clear()
        if joined is None:
            node.address = None
            self._world.post(at, name, JoinRefused())
            return
        node.address, node.sleepy = joined.address, sleepy
        self._by_address[joined.address] = node
        self._world.post(at, name, joined)

    def leave(self, name: str) -> None:
        """Take a node off the network."""
        node = self._nodes[name]
        if node.address is not None:
            self._by_address.pop(node.address, None)
            node.address = None
            self._tap(self._world.now, name, "leave", "")
            self._world.post(self._world.now + self._latency_us, name, Left())

    def poll(self, name: str) -> None:
        """Deliver what the parent holds for a sleepy node by now."""
        node, now = self._nodes[name], self._world.now
        for since, datagram in sorted(node.held, key=lambda one: one[0]):
            if since <= now:
                self._world.post(now + self._latency_us, name, Receive(datagram=datagram))
        node.held = [one for one in node.held if one[0] > now]

    def carry(self, sender: str, datagram: Datagram) -> None:
        """Take a datagram from a node and deliver it, or not."""
        now = self._world.now
        self._tap(now, sender, "send", datagram)
        node = self._nodes[sender]
        if datagram.source != node.address:
            self._tap(now, sender, "lost", f"{datagram.source:#06x} is not its address")
            return
        counter = datagram.frame_counter
        if counter is not None:
            mark = (datagram.key_id or 0, counter)
            if mark <= node.counter:
                self._tap(now, sender, "lost", f"frame counter {counter} does not rise")
                return
            node.counter = mark
        at = now + self._latency_us
        watches = self._from_dut if sender == self._dut else self._to_dut
        if watches and (faults := [watch.fault for watch in watches if watch.hit(datagram)]):
            reached = self._spoil(sender, datagram, at, faults)
        else:
            reached = self._deliver(sender, datagram, at)
        if node.reports and datagram.options & ApsOptions.ACKNOWLEDGE:
            report = Delivered(aps_counter=datagram.aps_counter, success=reached)
            self._world.post(at + self._latency_us, sender, report)

    def _deliver(self, sender: str, datagram: Datagram, at: Us) -> bool:
        """Hand a datagram to whom it is for; tell whether anybody got it."""
        destination = datagram.destination
        target = self._by_address.get(destination)
        if target is not None:
            return self._hand(target, datagram, at)
        if destination < FIRST_BROADCAST:
            self._tap(self._world.now, sender, "lost", f"nobody has address {destination:#06x}")
            return False
        reached = False
        for node in self._nodes.values():
            awake_only = node.sleepy and destination != BROADCAST_ALL
            if node.name != sender and node.address is not None and not awake_only:
                reached |= self._hand(node, datagram, at)
        return reached

    def _hand(self, node: _Node, datagram: Datagram, at: Us) -> bool:
        if not node.sleepy:
            self._world.post(at, node.name, Receive(datagram=datagram))
        elif len(node.held) < PARENT_BUFFER:
            node.held.append((at, datagram))
        else:
            self._tap(self._world.now, node.name, "lost", "the parent's buffer is full")
            return False
        return True

    def _spoil(self, sender: str, datagram: Datagram, at: Us, faults: list[FrameFault]) -> bool:
        """Apply every fault that selects this datagram, in the plan's order, and deliver it."""
        arrivals = [at]
        for fault in faults:
            self._tap(self._world.now, sender, "fault", fault)
            match fault:
                case DropFrame():
                    arrivals = []
                case DuplicateFrame(after_us=after_us):
                    arrivals += [one + after_us for one in arrivals[:1]]
                case DelayFrame(by_us=by_us):
                    arrivals = [one + by_us for one in arrivals]
                case TruncateFrame(octets=octets):
                    datagram = replace(datagram, payload=datagram.payload[:octets])
                case FlipBit(bit=bit):
                    datagram = replace(datagram, payload=_flipped(datagram.payload, bit))
                case _:
                    assert_never(fault)
        return any([self._deliver(sender, datagram, one) for one in arrivals])


def _flipped(octets: bytes, bit: int) -> bytes:
    index = bit // 8
    if index >= len(octets):
        return octets
    return octets[:index] + bytes((octets[index] ^ (1 << bit % 8),)) + octets[index + 1 :]
