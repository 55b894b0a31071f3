"""Carry datagrams between the nodes of one virtual network; the one place of frame faults."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, assert_never

from emulator.actions import Delivered, Joined, JoinRefused, Left, Receive, Wake
from emulator.faults import (
    DelayFrame,
    DropBurst,
    DropFrame,
    DuplicateFrame,
    FlipBit,
    FrameFault,
    Leg,
    OneWay,
    ReorderFrame,
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


@dataclass(frozen=True, slots=True)
class Patience:
    """Say how a parent treats what it holds: for how long, and who is woken when that is over.

    Without it a parent holds a datagram until it is fetched, and what it holds counts as delivered;
    with it a datagram counts as delivered when it is fetched, and as lost when its time is over.
    """

    hold_us: Us
    keeper: str  # the receiver in the world that calls ``Medium.expire``


class Gate(Protocol):
    """Admit devices: the trust centre's part of a hub."""

    def admit(self, eui64: int, rejoin: bool) -> Joined | None:
        """Return the address and key for a device, or None to refuse it."""
        ...


@dataclass(slots=True)
class _Watch:
    """Count the datagrams that one fault selects, and keep what it holds back."""

    fault: FrameFault
    seen: int = 0
    blocked_until: Us = -1
    held: list[tuple[int, Datagram]] = field(default_factory=list)  # behind how many more

    def hit(self, datagram: Datagram, now: Us) -> bool:
        """Tell whether the fault strikes this datagram."""
        if now < self.blocked_until:
            return True
        at = self.fault.at
        if at.cluster is not None and at.cluster != datagram.cluster:
            return False
        if at.command is not None and datagram.payload[2:3] != bytes((at.command,)):
            return False
        self.seen += 1
        behind = self.seen - 1 - at.number
        return behind >= 0 and self._strikes(behind, now)

    def _strikes(self, behind: int, now: Us) -> bool:
        match self.fault:
            case DropFrame(count=count):
                return behind < count
            case DropBurst(lose=lose, of=of, rounds=rounds):
                return behind < of * rounds and behind % of < lose
            case OneWay(for_us=for_us):
                if behind == 0:
                    self.blocked_until = now + for_us
                return behind == 0
            case DuplicateFrame() | DelayFrame() | ReorderFrame() | TruncateFrame() | FlipBit():
                return behind == 0
            case _:
                assert_never(self.fault)

    def release(self) -> Sequence[Datagram]:
        """Take out what the datagram that just went by has overtaken as the last one."""
        fewer = [(count - 1, datagram) for count, datagram in self.held]
        self.held = [one for one in fewer if one[0] > 0]
        return [datagram for count, datagram in fewer if count <= 0]


@dataclass(slots=True)
class Node:
    """Be the place of one machine on a medium."""

    name: str
    address: int | None
    voices: bool = False
    sleepy: bool = False
    reports: bool = False
    counter: tuple[int, int] = (-1, -1)  # key id, highest NWK frame counter heard
    held: list[tuple[Us, Datagram]] = field(default_factory=list)  # since when, at the parent
    owed: list[Datagram] = field(default_factory=list)  # sent, held somewhere, not reported yet
    towards: list[_Watch] = field(default_factory=list)  # faults of what comes to it
    away: list[_Watch] = field(default_factory=list)  # faults of what it sends


@dataclass(frozen=True, slots=True)
class NodeState:
    """Be a copy of one node; its values are shared, never changed."""

    name: str
    address: int | None
    sleepy: bool
    counter: tuple[int, int]
    held: tuple[tuple[Us, Datagram], ...]


class Medium:
    """Be the air of a virtual network: addresses, latency, faults, a parent for sleepy nodes.

    Datagrams whose NWK frame counter does not rise are dropped, as every receiver on a real network
    would drop them, and so are those that a node sends under an address that is not its own; the
    tap says so.
    """

    def __init__(
        self,
        world: World,
        gate: Gate,
        tap: Tap,
        dut: str,
        latency_us: Us = LATENCY_US,
        *,
        patience: Patience | None = None,
        powered: Callable[[str], bool] | None = None,
    ) -> None:
        """Make the air.

        Args:
            world: Whose time it lives in.
            gate: Who admits nodes.
            tap: Who hears what happens.
            dut: The node that a plan of faults means.
            latency_us: How long a datagram is on its way.
            patience: How parents hold datagrams; None: for ever.
            powered: Whether a node has its supply; what reaches one without is lost, and so
                reported. None: nobody asks.
        """
        self._world, self._gate, self._tap, self._dut = world, gate, tap, dut
        self._latency_us, self._patience, self._powered = latency_us, patience, powered
        self._nodes: dict[str, Node] = {}
        self._by_address: dict[int, Node] = {}

    def attach(
        self, name: str, address: int | None, *, reports: bool = False, voices: bool = False
    ) -> None:
        """Add a node; without an address it must join first.

        Args:
            name: Its name in the world and in the trace.
            address: Its NWK address.
            reports: Whether it hears what became of its acknowledged datagrams.
            voices: Whether it may speak under other addresses than its own: a hub that lies.
        """
        self._nodes[name] = Node(name, address, reports=reports, voices=voices)
        if address is not None:
            self._by_address[address] = self._nodes[name]

    def settle(self, name: str, address: int | None, *, sleepy: bool = False) -> None:
        """Put a node at an address, or off the network, without asking anybody or telling it."""
        node = self._nodes[name]
        self._unseat(node)
        node.sleepy = sleepy
        if address is not None:
            node.address = address
            self._by_address[address] = node

    def _unseat(self, node: Node) -> None:
        if node.address is not None:
            self._by_address.pop(node.address, None)
            node.address = None
        held, node.held = node.held, []
        for _, datagram in held:
            self._settle_report(datagram, success=False)
        node.owed.clear()

    def plan(self, faults: Sequence[FrameFault], device: str | None = None) -> None:
        """Replace the plan of frame faults of a device, or of the one under test.

        Each counts from now, what comes to the device and what it sends apart.
        """
        node = self._nodes[self._dut if device is None else device]
        node.towards = [_Watch(one) for one in faults if one.at.leg is Leg.TO_DEVICE]
        node.away = [_Watch(one) for one in faults if one.at.leg is Leg.FROM_DEVICE]

    def snapshot(self) -> tuple[NodeState, ...]:
        """Return a copy of every node; the plan of faults is no part of it."""
        return tuple(
            NodeState(one.name, one.address, one.sleepy, one.counter, tuple(one.held))
            for one in self._nodes.values()
        )

    def restore(self, state: Sequence[NodeState]) -> None:
        """Put the nodes back to a copy; nodes that were added since stay, without an address."""
        self._by_address.clear()
        for node in self._nodes.values():
            node.address = None
        for one in state:
            node = self._nodes[one.name]
            node.address, node.sleepy, node.counter = one.address, one.sleepy, one.counter
            node.held = list(one.held)
            if one.address is not None:
                self._by_address[one.address] = node

    def join(self, name: str, eui64: int, *, rejoin: bool, sleepy: bool) -> None:
        """Let a node ask for admission; the answer comes one latency later."""
        node, at = self._nodes[name], self._world.now + self._latency_us
        joined = self._gate.admit(eui64, rejoin)
        self._tap(self._world.now, name, "join", "refused" if joined is None else "admitted")
        self._unseat(node)
        if joined is None:
            self._world.post(at, name, JoinRefused())
            return
        node.address, node.sleepy = joined.address, sleepy
        self._by_address[joined.address] = node
        self._world.post(at, name, joined)

    def leave(self, name: str) -> None:
        """Take a node off the network."""
        node = self._nodes[name]
        if node.address is not None:
            self._unseat(node)
            self._tap(self._world.now, name, "leave", "")
            self._world.post(self._world.now + self._latency_us, name, Left())

    def holds(self, name: str) -> bool:
        """Tell whether the parent of a node holds anything for it, or will in a moment."""
        return bool(self._nodes[name].held)

    def poll(self, name: str) -> bool:
        """Deliver what the parent holds for a sleepy node by now; tell whether it held anything."""
        node, now = self._nodes[name], self._world.now
        if not node.held:
            return False
        due = sorted((one for one in node.held if one[0] <= now), key=lambda one: one[0])
        node.held = [one for one in node.held if one[0] > now]
        for _, datagram in due:
            self._world.post(now + self._latency_us, name, Receive(datagram=datagram))
            self._settle_report(datagram, success=True)
        return bool(due)

    def expire(self) -> None:
        """Drop what parents have held for too long."""
        if self._patience is None:
            return
        oldest = self._world.now - self._patience.hold_us
        for node in self._nodes.values():
            stale = [datagram for since, datagram in node.held if since <= oldest]
            node.held = [one for one in node.held if one[0] > oldest]
            for datagram in stale:
                self._tap(self._world.now, node.name, "lost", "the parent held it for too long")
                self._settle_report(datagram, success=False)

    def _settle_report(self, datagram: Datagram, *, success: bool) -> None:
        """Tell the sender of a held datagram what became of it, once, if it is owed that."""
        sender = self._by_address.get(datagram.source)
        if sender is None or datagram not in sender.owed:
            return
        sender.owed.remove(datagram)
        report = Delivered(aps_counter=datagram.aps_counter, success=success)
        self._world.post(self._world.now + self._latency_us, sender.name, report)

    def carry(self, sender: str, datagram: Datagram, *, report: bool = False) -> None:
        """Take a datagram from a node and deliver it, or not.

        Args:
            sender: The node.
            datagram: What it sends.
            report: Whether it hears what became of this one, acknowledged or not.
        """
        now = self._world.now
        self._tap(now, sender, "send", datagram)
        node = self._nodes[sender]
        at = now + self._latency_us
        if misfit := self._misfit(node, datagram):
            self._tap(now, sender, "lost", misfit)
            if report:
                self._report(node, datagram, False, at)
            return
        if node.away and (watches := _touching(node.away, datagram, now)):
            arrivals = self._spoil(watches, sender, datagram, at)
            reached = any([self._deliver(sender, one, when) for when, one in arrivals])
        else:
            reached = self._deliver(sender, datagram, at)
        if report or (node.reports and datagram.options & ApsOptions.ACKNOWLEDGE):
            self._report(node, datagram, reached, at)

    def _misfit(self, node: Node, datagram: Datagram) -> str:
        """Say why nobody takes a datagram from this sender, or nothing; mark its counter."""
        if datagram.source != node.address and not node.voices:
            return f"{datagram.source:#06x} is not its address"
        counter = datagram.frame_counter
        if counter is not None:
            mark = (datagram.key_id or 0, counter)
            if mark <= node.counter:
                return f"frame counter {counter} does not rise"
            node.counter = mark
        return ""

    def _report(self, node: Node, datagram: Datagram, reached: bool, at: Us) -> None:
        """Tell a sender what became of its datagram, or owe it that while a parent holds it."""
        target = self._by_address.get(datagram.destination)
        if reached and self._patience is not None and target is not None and target.sleepy:
            node.owed.append(datagram)
            return
        report = Delivered(aps_counter=datagram.aps_counter, success=reached)
        self._world.post(at + self._latency_us, node.name, report)

    def _deliver(self, sender: str, datagram: Datagram, at: Us) -> bool:
        """Hand a datagram to whom it is for; tell whether anybody got it."""
        destination = datagram.destination
        target = self._by_address.get(destination)
        if target is None and destination < FIRST_BROADCAST:
            target = self._beyond(sender)
        if target is not None:
            return self._hand(sender, target, datagram, at)
        if destination < FIRST_BROADCAST:
            self._tap(self._world.now, sender, "lost", f"nobody has address {destination:#06x}")
            return False
        reached = False
        for node in self._nodes.values():
            awake_only = node.sleepy and destination != BROADCAST_ALL
            if node.name != sender and self._hears_all(node) and not awake_only:
                reached |= self._hand(sender, node, datagram, at)
        return reached

    def _beyond(self, sender: str) -> Node | None:
        """Return who gets what a node sends to an address that nobody has here."""
        return None

    def _hears_all(self, node: Node) -> bool:
        """Tell whether broadcasts reach a node: it is on the network."""
        return node.address is not None

    def _hand(self, sender: str, node: Node, datagram: Datagram, at: Us) -> bool:
        """Let a datagram arrive at a node, with the faults on its way; tell whether it did."""
        watches = node.towards and _touching(node.towards, datagram, self._world.now)
        if watches:
            arrivals = self._spoil(watches, sender, datagram, at)
            return any([self._arrive(node, one, when) for when, one in arrivals])
        if node.sleepy or self._powered is not None:
            return self._arrive(node, datagram, at)
        self._world.post(at, node.name, Receive(datagram=datagram))  # the path of every block
        return True

    def _arrive(self, node: Node, datagram: Datagram, at: Us) -> bool:
        if not node.sleepy:
            if self._powered is not None and not self._powered(node.name):
                self._tap(self._world.now, node.name, "lost", "it has no supply")
                return False
            self._world.post(at, node.name, Receive(datagram=datagram))
        elif len(node.held) < PARENT_BUFFER:
            node.held.append((at, datagram))
            if self._patience is not None:
                self._world.post(at + self._patience.hold_us, self._patience.keeper, Wake())
        else:
            self._tap(self._world.now, node.name, "lost", "the parent's buffer is full")
            return False
        return True

    def _spoil(
        self, watches: Sequence[tuple[_Watch, bool]], sender: str, datagram: Datagram, at: Us
    ) -> list[tuple[Us, Datagram]]:
        """Apply every fault that strikes this datagram, in the plan's order.

        Returns:
            When what arrives: this datagram or not, and what it overtook.
        """
        now, arrivals, held = self._world.now, [at], []
        behind = [one for watch, _ in watches for one in watch.release()]
        for watch in [watch for watch, strikes in watches if strikes]:
            fault = watch.fault
            self._tap(now, sender, "fault", fault)
            match fault:
                case DropFrame() | DropBurst() | OneWay():
                    arrivals = []
                case DuplicateFrame(after_us=after_us):
                    arrivals += [one + after_us for one in arrivals[:1]]
                case DelayFrame(by_us=by_us):
                    arrivals = [one + by_us for one in arrivals]
                case ReorderFrame(behind=count):
                    held += [(watch, count)] if arrivals else []
                    arrivals = []
                case TruncateFrame(octets=octets):
                    datagram = replace(datagram, payload=datagram.payload[:octets])
                case FlipBit(bit=bit):
                    datagram = replace(datagram, payload=_flipped(datagram.payload, bit))
                case _:
                    assert_never(fault)
        for watch, count in held:
            watch.held.append((count, datagram))
        return [*((one, datagram) for one in arrivals), *((at, one) for one in behind)]


def _touching(watches: Sequence[_Watch], datagram: Datagram, now: Us) -> list[tuple[_Watch, bool]]:
    """Return the faults that strike a datagram, or that hold back what it may overtake."""
    struck = [(watch, watch.hit(datagram, now)) for watch in watches]
    return [one for one in struck if one[1] or one[0].held]


def _flipped(octets: bytes, bit: int) -> bytes:
    index = bit // 8
    if index >= len(octets):
        return octets
    return octets[:index] + bytes((octets[index] ^ (1 << bit % 8),)) + octets[index + 1 :]
