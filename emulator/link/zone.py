"""Carry datagrams in one zone of a home: a network in which a bridge stands for what lies behind.

A home is one network whose parts hear each other only through bridges. In the hub's part the near
bridge stands for its remote ones and for their devices; at a remote one's side that one stands for
all the rest. What a bridge passes on it sends as it came: source and frame counter are those of the
first sender, so counters are marked by source and not by node.
"""

from dataclasses import replace

from emulator.actions import JoinRefused, Left, Receive
from emulator.link.medium import LATENCY_US, Gate, Medium, Node, Tap
from emulator.link.quality import Flaws
from emulator.units import Us
from emulator.wire.aps import Datagram
from emulator.world import World

#: The mark of a sender that was never heard.
_NEVER = (-1, -1)


class Zone(Medium):
    """Be the air of one zone."""

    def __init__(self, world: World, gate: Gate, tap: Tap, latency_us: Us = LATENCY_US) -> None:
        """Make an empty zone; the arguments are those of a medium, which has more."""
        super().__init__(world, gate, tap, "", latency_us)
        #: EUI-64 of each bridge that stands for others, by its name.
        self._standing: dict[str, int] = {}
        #: Who gets what is for nobody here.
        self._way_out: Node | None = None
        #: Key id and highest NWK frame counter heard, by the address of the first sender.
        self._marks: dict[int, tuple[int, int]] = {}
        #: Address of each device that joined through a node, by its EUI-64.
        self._behind: dict[int, int] = {}
        #: The hops that are not as good as can be: by the node at whose end they are.
        self._hops: dict[str, Flaws] = {}

    def stand(self, name: str, eui64: int, *, beyond: bool = False) -> None:
        """Let a node, attached before, stand for addresses that are not in this zone.

        It may send under them and join for other devices; from then on it gets what is for them.

        Args:
            name: The node.
            eui64: Its own.
            beyond: It gets all that is for nobody here, and every broadcast, joined or not: it is
                this zone's way to the hub.
        """
        self._standing[name] = eui64
        if beyond:
            self._way_out = self._nodes[name]

    def hop(self, name: str, flaws: Flaws) -> None:
        """Say how good the way between a node and the rest of this zone is.

        Args:
            name: The node.
            flaws: Its quality, whose latency comes on top of the zone's.
        """
        self._hops[name] = flaws

    def join(self, name: str, eui64: int, *, rejoin: bool, sleepy: bool) -> None:
        """Let a node ask for admission, for itself or for a device behind it."""
        if self._standing.get(name, eui64) == eui64:
            super().join(name, eui64, rejoin=rejoin, sleepy=sleepy)
            return
        now, at = self._world.now, self._world.now + self._latency_us
        joined = self._gate.admit(eui64, rejoin)
        verdict = "refused" if joined is None else "admitted"
        self._tap(now, name, "join", f"{verdict} {eui64:016x}")
        if joined is None:
            self._world.post(at, name, JoinRefused(eui64=eui64))
            return
        self._behind[eui64] = joined.address
        self._by_address.setdefault(joined.address, self._nodes[name])
        self._world.post(at, name, replace(joined, eui64=eui64))

    def dismiss(self, name: str, eui64: int) -> None:
        """Take a device that joined through a node off the network, and tell that node."""
        address = self._behind.pop(eui64, None)
        if address is not None:
            self._by_address.pop(address, None)
        self._tap(self._world.now, name, "leave", f"{eui64:016x}")
        self._world.post(self._world.now + self._latency_us, name, Left(eui64=eui64))

    def _misfit(self, node: Node, datagram: Datagram) -> str:
        """Say why nobody takes a datagram from this sender, or nothing; mark its counter."""
        source, counter, marks = datagram.source, datagram.frame_counter, self._marks
        if source != node.address and not node.voices and not self._stands_for(node, source):
            return f"{source:#06x} is not its address"
        if counter is not None:
            mark = (datagram.key_id or 0, counter)
            if mark <= marks.get(source, _NEVER):
                return f"frame counter {counter} of {source:#06x} does not rise"
            marks[source] = mark
        return ""

    def _stands_for(self, node: Node, source: int) -> bool:
        """Tell whether a node may send under an address, and remember that this is the way."""
        if node.name not in self._standing:
            return False
        return self._by_address.setdefault(source, node) is node

    def _beyond(self, sender: str) -> Node | None:
        """Return the way to the hub, for all but this way itself."""
        way = self._way_out
        return None if way is None or way.name == sender else way

    def _hand(self, sender: str, node: Node, datagram: Datagram, at: Us) -> bool:
        """Let a datagram arrive at a node, over the hops of both that are not perfect."""
        if not self._hops:
            if node.sleepy or node.towards:
                return super()._hand(sender, node, datagram, at)
            self._world.post(at, node.name, Receive(datagram=datagram))  # the path of every block
            return True
        times, now, hand = [at], self._world.now, super()._hand
        for end in (sender, node.name):
            flaws = self._hops.get(end)
            if flaws is not None:
                later = [one + flaws.quality.latency_us for one in times]
                times = [when for one in later for when in flaws.arrivals(now, sender, one)]
        return any([hand(sender, node, datagram, one) for one in times])

    def _hears_all(self, node: Node) -> bool:
        """Tell whether broadcasts reach a node: it is here, or the way to the hub."""
        return node.address is not None or node is self._way_out
