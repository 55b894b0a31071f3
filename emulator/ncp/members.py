"""Keep who is on the virtual network, who may come, and what it is called."""

from collections.abc import Container
from dataclasses import dataclass, field

from emulator.ncp.port import Beacon, Member, NetworkParameters, NodeKind
from emulator.units import SECOND, Us
from emulator.wire.aps import COORDINATOR, FIRST_BROADCAST

#: A permit window of this many seconds never ends by itself (ZigBee 05-3474, 2.4.3.3.7).
FOR_EVER = 0xFF

#: Mixes the octets of an EUI-64 into an address (Fibonacci hashing).
_MIX = 0x9E3779B97F4A7C15
_64_BITS = (1 << 64) - 1


def address_for(eui64: int, taken: Container[int]) -> int:
    """Return the NWK address of a new node: always the same for the same EUI-64, if it is free.

    A real parent draws it at random (05-3474, 3.6.1.7); here runs are to be alike.
    """
    address = 1 + (eui64 * _MIX & _64_BITS) % (FIRST_BROADCAST - 1)
    while address in taken:
        address = 1 + address % (FIRST_BROADCAST - 1)
    return address


@dataclass(slots=True)
class Network:
    """Be one network: its names, its key, its members by EUI-64 in the order of their joining."""

    parameters: NetworkParameters
    key: bytes
    coordinator: str  # the name of its stick
    members: dict[int, Member] = field(default_factory=dict)
    #: The key that each member joined with, by EUI-64; empty after a restart of the program.
    link_keys: dict[int, bytes] = field(default_factory=dict)
    #: Until when whom a stick lets in, by its name; None: for ever.
    windows: dict[str, Us | None] = field(default_factory=dict)
    #: Who was told to leave since joining was last permitted.
    expelled: set[int] = field(default_factory=set)
    up: bool = False  # whether its coordinator is there
    _by_address: dict[int, Member] = field(default_factory=dict)

    def admit(self, name: str, eui64: int, kind: NodeKind, parent: int = COORDINATOR) -> Member:
        """Return the member with this EUI-64, a new one at an address of its own if need be."""
        known = self.members.get(eui64)
        if known is None:
            address = address_for(eui64, self._by_address.keys())
            known = Member(name=name, eui64=eui64, address=address, kind=kind, parent=parent)
            self.enrol(known)
        return known

    def enrol(self, member: Member) -> None:
        """Put a member on the roll as it is."""
        self.members[member.eui64] = self._by_address[member.address] = member

    def at(self, address: int) -> Member | None:
        """Return the member at an address."""
        return self._by_address.get(address)

    def strike(self, name: str) -> Member | None:
        """Take the member of a name off the roll, and return it."""
        found = next((one for one in self.members.values() if one.name == name), None)
        if found is not None:
            del self.members[found.eui64], self._by_address[found.address]
        return found

    def permit(self, name: str, seconds: int, now: Us) -> Us | None:
        """Open or close the window of a stick; return when it ends, None if it never will."""
        if seconds == 0:
            self.windows.pop(name, None)
            return None
        self.expelled.clear()
        self.windows[name] = None if seconds == FOR_EVER else now + seconds * SECOND
        return self.windows[name]

    def ended(self, now: Us) -> list[str]:
        """Close the windows whose time is over; return whose they were."""
        over = [name for name, until in self.windows.items() if until is not None and until <= now]
        for name in over:
            del self.windows[name]
        return over

    def permits(self, now: Us) -> str | None:
        """Return the name of a stick that lets nodes in, the coordinator's first."""
        ready = [name for name, until in self.windows.items() if until is None or now < until]
        return self.coordinator if self.coordinator in ready else next(iter(ready), None)

    def beacon(self, now: Us, lqi: int, rssi: int) -> Beacon:
        """Return what a router of this network answers to a beacon request."""
        parameters = self.parameters
        return Beacon(
            pan_id=parameters.pan_id,
            extended_pan_id=parameters.extended_pan_id,
            channel=parameters.radio_channel,
            permits=self.permits(now) is not None,
            update_id=parameters.update_id,
            lqi=lqi,
            rssi=rssi,
        )

    def is_named(self, wanted: NetworkParameters) -> bool:
        """Tell whether this is the network that a joiner looks for.

        An extended PAN id of zeros is a wildcard: the PAN id decides then.
        """
        mine = self.parameters
        if wanted.radio_channel != mine.radio_channel:
            return False
        if any(wanted.extended_pan_id):
            return wanted.extended_pan_id == mine.extended_pan_id
        return wanted.pan_id == mine.pan_id
