"""Be the place of one stick on the virtual network: what it calls there, and what reaches it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from emulator.actions import Delivered, Joined, JoinRefused, Left, Receive, Stimulus, Wake
from emulator.link.medium import Medium
from emulator.ncp.members import Network
from emulator.ncp.port import Beacon, Ears, Joining, Member, NetworkParameters, NodeKind
from emulator.units import Us
from emulator.wire.aps import COORDINATOR, Datagram
from emulator.world import World

#: One hop over a few metres [ASSUMED].
LQI, RSSI_DBM = 255, -40


@dataclass(frozen=True, slots=True)
class _Up:
    address: int


@dataclass(frozen=True, slots=True)
class _Down:
    pass


@dataclass(frozen=True, slots=True)
class _JoinFailed:
    pass


@dataclass(frozen=True, slots=True)
class _Came:
    member: Member
    how: Joining


@dataclass(frozen=True, slots=True)
class _Gone:
    member: Member


@dataclass(frozen=True, slots=True)
class _Group:
    datagram: Datagram
    group: int


@dataclass(frozen=True, slots=True)
class _PermitEnded:
    pass


_News: TypeAlias = _Up | _Down | _JoinFailed | _Came | _Gone | _Group | _PermitEnded


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Be a stick that asks to be admitted."""

    wanted: NetworkParameters
    link_key: bytes
    kind: NodeKind


class Ground(Protocol):
    """Be what places stand on: the air."""

    world: World
    medium: Medium
    network: Network | None

    def found(self, place: "StickPlace", parameters: NetworkParameters, key: bytes) -> bool:
        """Start a network whose coordinator stands here."""
        ...

    def reopen(self, place: "StickPlace", parameters: NetworkParameters, key: bytes) -> bool:
        """Put the coordinator of a network back."""
        ...

    def silence(self, place: "StickPlace") -> None:
        """Take note that a stick is not there for now."""
        ...

    def quit(self, place: "StickPlace") -> None:
        """Let a stick leave."""
        ...

    def permit(self, place: "StickPlace", seconds: int) -> None:
        """Open or close the window of a stick."""
        ...

    def expel(self, eui64: int) -> None:
        """Take a member off the network."""
        ...

    def spread(self, sender: "StickPlace", datagram: Datagram, group: int) -> None:
        """Carry a datagram for a group to the other sticks."""
        ...

    def beacons(self, asking: "StickPlace", channels: int) -> Sequence[Beacon]:
        """Return the beacons that a stick hears."""
        ...


class StickPlace:
    """Implement ``emulator.ncp.port.Place`` for one stick; be its receiver in the world."""

    def __init__(self, ground: Ground, ears: Ears) -> None:
        self._ground, self.ears = ground, ears
        self.name = ears.name
        self.address: int | None = None
        self.candidate: Candidate | None = None
        self._news: deque[_News] = deque()
        self._asked: list[tuple[int, int]] = []  # APS counter and destination, oldest first
        self._concentrates = False
        self._routed: set[int] = set()  # whose route record has come
        ground.world.attach(self.name, self)
        ground.medium.attach(self.name, None)

    @property
    def eui64(self) -> int:
        """Return the stick's own, which a host may have given it."""
        return self.ears.eui64

    @property
    def parameters(self) -> NetworkParameters | None:
        """Return those of the network that this stick is on, None off the network."""
        network = self._network
        return None if network is None else network.parameters

    @property
    def _network(self) -> Network | None:
        return None if self.address is None else self._ground.network

    # What the stick calls.

    def form(self, parameters: NetworkParameters, network_key: bytes) -> bool:
        """Start a network as its coordinator; False if another one is up on this air."""
        return self._ground.found(self, parameters, network_key)

    def resume(
        self,
        parameters: NetworkParameters,
        network_key: bytes,
        node_kind: NodeKind,
        address: int,
    ) -> bool:
        """Go back to the network that the tokens name, in the role that it had there."""
        if node_kind is NodeKind.COORDINATOR:
            return self._ground.reopen(self, parameters, network_key)
        network = self._ground.network
        if network is None or network.key != network_key or not network.is_named(parameters):
            return False
        known = network.members.get(self.eui64)
        if known is None or known.address != address:
            return False
        self.sit(address, sleepy=known.kind is NodeKind.SLEEPY_END_DEVICE)
        return True

    def join(
        self,
        parameters: NetworkParameters,
        link_key: bytes,
        node_kind: NodeKind,
        rejoin: bool,
    ) -> None:
        """Ask to join the network of these PAN ids; ``up`` or ``join_failed`` follows."""
        self.candidate = Candidate(wanted=parameters, link_key=link_key, kind=node_kind)
        sleepy = node_kind is NodeKind.SLEEPY_END_DEVICE
        self._ground.medium.join(self.name, self.eui64, rejoin=rejoin, sleepy=sleepy)

    def network_key(self) -> bytes | None:
        """Return the network key that forming or joining gave, None off the network."""
        network = self._network
        return None if network is None else network.key

    def leave(self) -> None:
        """Leave; ``down`` follows. With its coordinator the network ends for everybody."""
        self._ground.quit(self)

    def detach(self) -> None:
        """Go silent, as a stick that was reset: nothing is heard until ``resume``; none is told."""
        self.rise()
        self._ground.silence(self)

    def permit(self, seconds: int) -> None:
        """Let nodes join for a time: 0 ends it at once and silently, 255 is for ever."""
        self._ground.permit(self, seconds)

    def scan(self, channels: int) -> Sequence[Beacon]:
        """Return the beacons of the networks on these channels (bit n: channel n)."""
        return self._ground.beacons(self, channels)

    def send(self, datagram: Datagram, acknowledge: bool) -> None:
        """Send a unicast or broadcast; ``delivered`` follows a unicast with ``acknowledge``."""
        report = acknowledge and not datagram.broadcast
        if report:
            self._asked.append((datagram.aps_counter, datagram.destination))
        self._ground.medium.carry(self.name, datagram, report=report)

    def multicast(self, datagram: Datagram, group: int) -> None:
        """Send to a group; bridges are in none."""
        self._ground.spread(self, datagram, group)

    def concentrate(self, on: bool) -> None:
        """Ask for route records: each node sends one before what it next sends here."""
        self._concentrates = on
        self._routed.clear()

    def members(self) -> Sequence[Member]:
        """Return the other nodes of the network, in the order of their joining."""
        network = self._network
        members = () if network is None else network.members.values()
        return [one for one in members if one.eui64 != self.eui64]

    def address_of(self, eui64: int) -> int | None:
        """Return the NWK address of a node, None if it is not on the network."""
        network = self._network
        member = None if network is None else network.members.get(eui64)
        return None if member is None else member.address

    def eui64_of(self, address: int) -> int | None:
        """Return the EUI-64 of the node at an address, None if there is none."""
        network = self._network
        member = None if network is None else network.at(address)
        return None if member is None else member.eui64

    def remove(self, eui64: int) -> None:
        """Tell a node to leave (the trust centre's removal); an unknown one is left alone."""
        self._ground.expel(eui64)

    def poll(self) -> bool:
        """Fetch what the parent holds, as a sleepy end device; False if it held nothing."""
        return self.address is not None and self._ground.medium.poll(self.name)

    # What the air calls.

    def sit(self, address: int, *, sleepy: bool = False) -> None:
        """Be at an address from now on, and say so."""
        self.address = address
        self._ground.medium.settle(self.name, address, sleepy=sleepy)
        self.tell(_Up(address))

    def rise(self) -> None:
        """Be off the network, silently; what was on its way here is lost."""
        self.address = None
        self._news.clear()
        self._asked.clear()
        self.concentrate(False)
        self._ground.medium.settle(self.name, None)

    def dismiss(self) -> None:
        """Be off the network, and say so."""
        self.rise()
        self.tell(_Down())

    def came(self, member: Member, how: Joining) -> None:
        """Tell the trust centre of a node that joined."""
        self._routed.discard(member.address)
        self.tell(_Came(member, how))

    def gone(self, member: Member) -> None:
        """Tell the trust centre of a node that left."""
        self.tell(_Gone(member))

    def reach(self, datagram: Datagram, group: int) -> None:
        """Let a datagram for a group arrive."""
        self.tell(_Group(datagram, group))

    def permit_ended(self) -> None:
        """Tell that the time of the permit window is over."""
        self.tell(_PermitEnded())

    def tell(self, news: _News) -> None:
        """Let the stick hear of something as soon as the world runs on."""
        self._news.append(news)
        self._ground.world.post(self._ground.world.now, self.name, Wake())

    # The Receiver protocol.

    def take(self, stimulus: Stimulus, now: Us) -> None:
        """Hand the stick what the world brings."""
        ears = self.ears
        match stimulus:
            case Receive(datagram=datagram):
                if self.address is not None:
                    self._record_route(datagram.source, now)
                    ears.hear(datagram, LQI, RSSI_DBM, now)
            case Delivered(aps_counter=counter, success=success):
                self._delivered(counter, success, now)
            case Joined(address=address):
                self.address = address
                ears.up(address, now)
            case JoinRefused():
                self.address = None
                ears.join_failed(now)
            case Left():
                if self.address is not None:
                    self.rise()
                    ears.down(now)
            case Wake():
                if self._news:
                    self._relate(self._news.popleft(), now)
            case _:
                pass  # a stick has no supply, no battery and no image to activate

    def _relate(self, news: _News, now: Us) -> None:
        ears = self.ears
        match news:
            case _Up(address=address):
                ears.up(address, now)
            case _Down():
                ears.down(now)
            case _JoinFailed():
                ears.join_failed(now)
            case _Came(member=member, how=how):
                ears.member_joined(member, how, now)
            case _Gone(member=member):
                ears.member_left(member, now)
            case _Group(datagram=datagram, group=group):
                ears.hear_multicast(datagram, group, LQI, RSSI_DBM, now)
            case _PermitEnded():
                ears.permit_ended(now)

    def _record_route(self, source: int, now: Us) -> None:
        """Let the route record of a node come before its first datagram (05-3474, 3.6.3.5.4)."""
        if not self._concentrates or source in self._routed or source == self.address:
            return
        eui64 = self.eui64_of(source)
        if eui64 is not None:
            self._routed.add(source)
            self.ears.routed(source, eui64, (), now)

    def _delivered(self, counter: int, success: bool, now: Us) -> None:
        asked = next((one for one in self._asked if one[0] == counter), None)
        if asked is not None:
            self._asked.remove(asked)
            self.ears.delivered(asked[1], counter, success, now)


def is_coordinator(place: StickPlace) -> bool:
    """Tell whether a stick is up as the coordinator."""
    return place.address == COORDINATOR
