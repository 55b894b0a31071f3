"""Share the one link radio of a bridge between its peers: queues that are bounded, and turns."""

from collections import deque
from collections.abc import Iterable, Sequence

from emulator.actions import Action, Content, Tunnel
from emulator.units import SECOND, Octets, Us
from emulator.wire.aps import Datagram

#: Octets of a frame on the link beside the payload of a datagram: addresses, counters, codes, as
#: ZigBee's layers have them [ASSUMED].
FRAME_OCTETS: Octets = 32
_NOTHING: tuple[Action, ...] = ()


class Outbox:
    """Send at once while the link radio is free; keep the rest, and let no peer starve another.

    Attributes:
        deadline: When the radio is free for what waits; None while nothing does.
    """

    def __init__(self, peers: Iterable[int], octets_per_s: int, most: int) -> None:
        """Begin empty.

        Args:
            peers: EUI-64 of each; their order is that of the turns.
            octets_per_s: How fast the radio is.
            most: How many frames wait for each peer at most; the newest beyond it are dropped.
        """
        self._queues: dict[int, deque[Tunnel]] = {peer: deque() for peer in peers}
        self._octets_per_s, self._most = octets_per_s, most
        self._free_at: Us = 0
        self.deadline: Us | None = None

    def put(self, peer: int, protocol: int, content: Content, now: Us) -> Sequence[Action]:
        """Send a frame to a peer, now or when its turn comes."""
        tunnel = Tunnel(eui64=peer, protocol=protocol, content=content)
        if self.deadline is None and now >= self._free_at:
            self._free_at = now + octets_of(content) * SECOND // self._octets_per_s
            return (tunnel,)
        queue = self._queues[peer]
        if len(queue) < self._most:
            queue.append(tunnel)
            self.deadline = self._free_at
        return _NOTHING

    def wake(self, now: Us) -> Sequence[Action]:
        """Send what is next, if the radio is free."""
        if self.deadline is None or now < self.deadline:
            return _NOTHING
        peer = next(peer for peer, queue in self._queues.items() if queue)
        queue = self._queues.pop(peer)
        tunnel = queue.popleft()
        self._queues[peer] = queue  # behind the others: it is their turn now
        self._free_at = now + octets_of(tunnel.content) * SECOND // self._octets_per_s
        self._plan()
        return (tunnel,)

    def forget(self, peer: int) -> None:
        """Drop what waits for a peer: it is of a protocol that is not spoken any more."""
        self._queues[peer].clear()
        self._plan()

    def _plan(self) -> None:
        self.deadline = self._free_at if any(self._queues.values()) else None


def octets_of(content: Content) -> Octets:
    """Return how many octets something has on the link."""
    return FRAME_OCTETS + (len(content.payload) if type(content) is Datagram else 0)
