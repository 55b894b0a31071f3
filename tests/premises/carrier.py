"""Carry datagrams by hand between a home's hub and one device, in virtual time, without a medium.

What a parent holds for a sleepy device waits for its poll; a path that is cut loses what is on it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from emulator.actions import Action, Poll, Send
from emulator.units import MILLISECOND, MINUTE, SECOND, Us
from emulator.wire.aps import Datagram
from harness.premises.hub import PremisesHub
from harness.premises.residents import Display, GasMeter, Habits

LATENCY_US: Us = 5 * MILLISECOND
#: How the devices of these tests talk to their hub.
DISPLAY_HABITS = Habits(period_us=10 * SECOND, tries=3, timeout_us=2 * SECOND)
METER_HABITS = Habits(period_us=30 * MINUTE, tries=3, timeout_us=10 * SECOND, sleepy=True)

Loses = Callable[[Datagram, Us], bool]


@dataclass(slots=True)
class Carrier:
    """Let a hub and a device live until a time, and keep what went over the air."""

    hub: PremisesHub
    device: Display | GasMeter
    loses: Loses = lambda datagram, now: False
    sleepy: bool = False
    copies: int = 1
    now: Us = 0
    sent: list[tuple[Us, Datagram]] = field(default_factory=list)
    polls: list[Us] = field(default_factory=list)
    _held: list[Datagram] = field(default_factory=list)
    _flying: list[tuple[Us, int, Datagram]] = field(default_factory=list)
    _order: int = 0

    def run(self, until: Us) -> None:
        """Let everything happen that is due by ``until``."""
        while (at := self._due()) is not None and at <= until:
            self.now = max(self.now, at)
            self._step()
        self.now = until

    def _due(self) -> Us | None:
        flying = self._flying[0][0] if self._flying else None
        times = (flying, self.hub.deadline, self.device.deadline)
        return min((one for one in times if one is not None), default=None)

    def _step(self) -> None:
        now = self.now
        if self._flying and self._flying[0][0] <= now:
            datagram = heappop(self._flying)[2]
            if datagram.destination == self.hub.address:
                self._do(self.hub.receive(datagram, now))
            elif self.sleepy:
                self._held.append(datagram)
            else:
                self._do(self.device.receive(datagram, now))
            return
        for machine in (self.hub, self.device):
            if machine.deadline is not None and machine.deadline <= now:
                before = machine.deadline
                self._do(machine.wake(now))
                assert machine.deadline != before, f"{machine} asks for the same moment again"

    def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Poll):
                self.polls.append(self.now)
                held, self._held = self._held, []
                for datagram in held:
                    self._do(self.device.receive(datagram, self.now))
            else:
                assert isinstance(action, Send), action
                self._carry(action.datagram)

    def _carry(self, datagram: Datagram) -> None:
        self.sent.append((self.now, datagram))
        if not self.loses(datagram, self.now):
            for _ in range(self.copies):
                self._order += 1
                heappush(self._flying, (self.now + LATENCY_US, self._order, datagram))
