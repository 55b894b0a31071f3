"""Carry what two bridges of a home say to each other: the link between them, with its flaws.

No public document says what that link is (gb-alt-han 1.2): radio, or the wiring. So it is numbers:
a latency, a rate, how much is lost, comes twice or late. An end that sleeps fetches what the other
end holds for it.
"""

from dataclasses import dataclass, field

from emulator.actions import Tunnel, Tunnelled
from emulator.device.outbox import octets_of
from emulator.link.medium import PARENT_BUFFER, Tap
from emulator.link.quality import Flaws, Quality
from emulator.units import SECOND, Rng, Us
from emulator.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Say which bridge stands at an end of a link.

    Args:
        name: Its name in the world.
        eui64: Its address.
        sleepy: The other end holds what is for it until it polls.
    """

    name: str
    eui64: int
    sleepy: bool = False


@dataclass(slots=True)
class _Way:
    """Be one direction: from whom, to whom, until when it is busy, what is held at its start."""

    origin: End
    target: End
    free_at: Us = 0
    held: list[tuple[Us, Tunnelled]] = field(default_factory=list)


class Span:
    """Be the link between two bridges."""

    def __init__(
        self, world: World, tap: Tap, ends: tuple[End, End], quality: Quality, rng: Rng
    ) -> None:
        """Make a link that is up.

        Args:
            world: Whose time it lives in.
            tap: Who hears what happens.
            ends: The two bridges.
            quality: How good it is.
            rng: Its stream of chance.
        """
        self._world, self._tap = world, tap
        self.ends = ends
        self._flaws = Flaws(quality, rng, tap)
        one, other = ends
        self._ways = {one.name: _Way(one, other), other.name: _Way(other, one)}

    @property
    def quality(self) -> Quality:
        """Return how good the link is."""
        return self._flaws.quality

    @quality.setter
    def quality(self, quality: Quality) -> None:
        self._flaws.change(quality, up=self.up)

    @property
    def up(self) -> bool:
        """Return whether the link carries anything."""
        return self._flaws.up

    @up.setter
    def up(self, up: bool) -> None:
        self._flaws.change(self.quality, up=up)

    def carry(self, sender: str, tunnel: Tunnel) -> None:
        """Take something at the end of one bridge, and let it arrive at the other, or not."""
        world, way = self._world, self._ways[sender]
        now, free_at = world.now, way.free_at
        self._tap(now, sender, "tunnel", tunnel)
        content, flaws = tunnel.content, self._flaws
        quality = flaws.quality
        lasts_us = octets_of(content) * SECOND // quality.octets_per_s
        way.free_at = free_at = (free_at if free_at > now else now) + lasts_us
        came = Tunnelled(eui64=way.origin.eui64, protocol=tunnel.protocol, content=content)
        at, target = free_at + quality.latency_us, way.target
        if not flaws.clear:
            for when in flaws.arrivals(now, sender, at):
                self._arrive(way, came, when)
        elif target.sleepy:
            self._arrive(way, came, at)
        else:
            world.post(at, target.name, came)  # the path of every block

    def _arrive(self, way: _Way, came: Tunnelled, at: Us) -> None:
        if not way.target.sleepy:
            self._world.post(at, way.target.name, came)
        elif len(way.held) < PARENT_BUFFER:
            way.held.append((at, came))
        else:
            self._tap(self._world.now, way.origin.name, "lost", "too much is held for its peer")

    # A sleepy end.

    def poll(self, name: str) -> None:
        """Deliver what is held by now for the sleepy bridge at one end."""
        way, now = self._way_to(name), self._world.now
        held = way.held
        if not held or not self.up:
            return
        if len(held) == 1 and held[0][0] <= now:  # the path of every block
            due, way.held = held, []
        else:
            due = sorted((one for one in held if one[0] <= now), key=lambda one: one[0])
            way.held = [one for one in held if one[0] > now]
        for _, came in due:
            self._world.post(now + self.quality.latency_us, name, came)

    def holds(self, name: str) -> bool:
        """Tell whether anything is held for a bridge, or will be in a moment."""
        return bool(self._way_to(name).held)

    def forget(self, name: str) -> None:
        """Lose what a bridge holds for the other one: its supply is cut."""
        self._ways[name].held.clear()

    def _way_to(self, name: str) -> _Way:
        one, other = self.ends
        return self._ways[other.name if name == one.name else one.name]
