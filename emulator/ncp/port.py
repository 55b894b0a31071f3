"""State what a stick and the virtual network call on each other; addresses are NWK addresses.

Time is the world's. Calls on ``Ears`` come while the world runs, never from within a call on
``Place``: a host reads the answer to its command before what the command set off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from emulator.units import Us
from emulator.wire.aps import Datagram

#: The link key that every ZigBee 3.0 device knows: ``ZigBeeAlliance09`` (ZigBee 05-3474, 4.4.3).
WELL_KNOWN_KEY = bytes.fromhex("5a6967426565416c6c69616e63653039")


class NodeKind(IntEnum):
    """Say what a node is, with the numbers of EZSP (EmberNodeType)."""

    UNKNOWN = 0
    COORDINATOR = 1
    ROUTER = 2
    END_DEVICE = 3
    SLEEPY_END_DEVICE = 4


class Joining(IntEnum):
    """Say how a member came, with the numbers of EZSP (EmberDeviceUpdate)."""

    SECURED_REJOIN = 0
    UNSECURED_JOIN = 1
    LEFT = 2
    UNSECURED_REJOIN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkParameters:
    """Say which network: what forming or joining sets, in the order of EZSP."""

    extended_pan_id: bytes  # 8 octets as on the wire
    pan_id: int
    radio_tx_power: int  # dBm, -128..127
    radio_channel: int  # 11..26
    join_method: int
    network_manager: int  # NWK address
    update_id: int
    channels: int  # bit n: channel n


@dataclass(frozen=True, slots=True, kw_only=True)
class Beacon:
    """Be what an active scan hears of one network."""

    pan_id: int
    extended_pan_id: bytes
    channel: int
    permits: bool
    stack_profile: int = 2  # ZigBee PRO
    update_id: int = 0
    lqi: int = 255
    rssi: int = -40


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Be one node of the network."""

    name: str
    eui64: int
    address: int
    kind: NodeKind
    parent: int = 0  # NWK address


class Ears(Protocol):
    """Be what the network calls on a stick."""

    @property
    def name(self) -> str:
        """Return its name in the world; no other stick or bridge has it."""
        ...

    @property
    def eui64(self) -> int:
        """Return its address for ever."""
        ...

    def hear(self, datagram: Datagram, lqi: int, rssi: int, now: Us) -> None:
        """Take a unicast or broadcast datagram from the air."""
        ...

    def hear_multicast(self, datagram: Datagram, group: int, lqi: int, rssi: int, now: Us) -> None:
        """Take a datagram for a group."""
        ...

    def delivered(self, destination: int, aps_counter: int, success: bool, now: Us) -> None:
        """Hear what became of a unicast that was sent with ``acknowledge``."""
        ...

    def up(self, address: int, now: Us) -> None:
        """Learn that it is on the network, at this address (formed, resumed or joined)."""
        ...

    def down(self, now: Us) -> None:
        """Learn that it is off the network: it left, or was told to."""
        ...

    def join_failed(self, now: Us) -> None:
        """Learn that no network admitted it."""
        ...

    def member_joined(self, member: Member, how: Joining, now: Us) -> None:
        """Hear, as the trust centre, that a node joined or rejoined."""
        ...

    def member_left(self, member: Member, now: Us) -> None:
        """Hear, as the trust centre, that a node left."""
        ...

    def routed(self, source: int, eui64: int, relays: Sequence[int], now: Us) -> None:
        """Hear a route record; only after ``Place.concentrate``."""
        ...

    def permit_ended(self, now: Us) -> None:
        """Learn that the time of its permit window is over."""
        ...

    def key_for(self, eui64: int, now: Us) -> bytes | None:
        """Return, as the trust centre, the link key that a joiner must hold; None: not admitted.

        This is the transient key for that node, else the wildcard, both by policy.
        """
        ...


class Place(Protocol):
    """Be what a stick calls on the network.

    What follows a call (``up``, ``down``, ``hear`` ...) comes through the world, after it returned.
    """

    @property
    def parameters(self) -> NetworkParameters | None:
        """Return those of the network that this stick is on, None off the network."""
        ...

    @property
    def address(self) -> int | None:
        """Return the NWK address of this stick, None off the network."""
        ...

    def form(self, parameters: NetworkParameters, network_key: bytes) -> bool:
        """Start a network as its coordinator; False if another one is up on this air."""
        ...

    def resume(
        self,
        parameters: NetworkParameters,
        network_key: bytes,
        node_kind: NodeKind,
        address: int,
    ) -> bool:
        """Go back to the network that the tokens name, in the role that it had there.

        Returns:
            False if that cannot be: another network is up, or nobody is there to rejoin.
        """
        ...

    def join(
        self,
        parameters: NetworkParameters,
        link_key: bytes,
        node_kind: NodeKind,
        rejoin: bool,
    ) -> None:
        """Ask to join the network of these PAN ids; ``up`` or ``join_failed`` follows."""
        ...

    def network_key(self) -> bytes | None:
        """Return the network key that forming or joining gave, None off the network."""
        ...

    def leave(self) -> None:
        """Leave; ``down`` follows. With its coordinator the network ends for everybody.

        Members that a real coordinator leaves stay behind until a hand resets them; there is no
        hand here, so they are free to join another network at once.
        """
        ...

    def detach(self) -> None:
        """Go silent, as a stick that was reset: nothing is heard until ``resume``; none is told."""
        ...

    def permit(self, seconds: int) -> None:
        """Let nodes join for a time: 0 ends it at once and silently, 255 is for ever."""
        ...

    def scan(self, channels: int) -> Sequence[Beacon]:
        """Return the beacons of the networks on these channels (bit n: channel n)."""
        ...

    def send(self, datagram: Datagram, acknowledge: bool) -> None:
        """Send a unicast or broadcast; ``delivered`` follows a unicast with ``acknowledge``."""
        ...

    def multicast(self, datagram: Datagram, group: int) -> None:
        """Send to a group; bridges are in none."""
        ...

    def concentrate(self, on: bool) -> None:
        """Ask for route records: each node sends one before what it next sends here."""
        ...

    def members(self) -> Sequence[Member]:
        """Return the other nodes of the network, in the order of their joining."""
        ...

    def address_of(self, eui64: int) -> int | None:
        """Return the NWK address of a node, None if it is not on the network."""
        ...

    def eui64_of(self, address: int) -> int | None:
        """Return the EUI-64 of the node at an address, None if there is none."""
        ...

    def remove(self, eui64: int) -> None:
        """Tell a node to leave (the trust centre's removal); an unknown one is left alone."""
        ...

    def poll(self) -> bool:
        """Fetch what the parent holds, as a sleepy end device; False if it held nothing."""
        ...
