"""Host one bridge of a home: on the air of its zone, and at its ends of the links to its peers."""

from emulator.actions import Action, Leave, Poll, Reboot, Tunnel
from emulator.contract import Powered
from emulator.errors import LinkError
from emulator.link.direct import DirectLink
from emulator.link.medium import Tap
from emulator.link.spans import Span
from emulator.link.zone import Zone
from emulator.units import Us
from emulator.world import World


class HomeLink(DirectLink):
    """Run one bridge of a home in a world."""

    def __init__(
        self,
        world: World,
        zone: Zone,
        tap: Tap,
        name: str,
        device: Powered,
        *,
        boot_us: Us = 0,
    ) -> None:
        """Host a bridge that has no peers yet.

        Args:
            world: Whose time it lives in.
            zone: The air around it.
            tap: Who hears what happens.
            name: Its name in the world.
            device: The bridge.
            boot_us: How long it is away when it restarts by itself.
        """
        super().__init__(world, zone, tap, name, device)
        self._zone, self._boot_us = zone, boot_us
        #: The link to each peer, by its EUI-64, and the one that a sleepy bridge polls.
        self._spans: dict[int, Span] = {}
        self._polled: Span | None = None

    def connect(self, peer: int, span: Span, *, polls: bool = False) -> None:
        """Put the bridge at one end of a link; what it polls, as a sleepy one, is this link."""
        self._spans[peer] = span
        if polls:
            self._polled = span

    def _perform(self, action: Action, now: Us) -> bool:
        if type(action) is Tunnel:  # the path of a block
            span = self._spans.get(action.eui64)
            if span is None:
                raise LinkError(f"{self.name} has no link to {action.eui64:016x}")
            span.carry(self.name, action)
            return True  # what it carries arrives later
        if type(action) is Poll and self._polled is not None:
            self._polled.poll(self.name)
            return self.powered
        if type(action) is Leave and action.eui64:
            self._zone.dismiss(self.name, action.eui64)
            return self.powered
        if type(action) is Reboot:
            return super()._perform(Reboot(after_us=action.after_us + self._boot_us), now)
        return super()._perform(action, now)

    def _awaited(self) -> bool:
        return super()._awaited() or (self._polled is not None and self._polled.holds(self.name))

    def _off(self, now: Us) -> None:
        if self.powered:
            for span in self._spans.values():
                span.forget(self.name)
        super()._off(now)
