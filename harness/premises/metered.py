"""Count what a bridge takes out of its battery, and tell it: a real one measures its cell."""

from collections.abc import Callable, Sequence

from emulator.actions import Action, Battery, Event, Poll, Send, Tunnel, Tunnelled
from emulator.contract import Powered
from emulator.profiles.model import Profile
from emulator.units import MILLISECOND, Us
from emulator.wire.aps import Datagram
from harness.premises.charge import PROGRAM_UNIT, Charge

#: How many calls may pass until the charge is reckoned again: it falls by a percent in days.
_CALLS = 64


class Metered:
    """Be a bridge on a battery: pass everything on, and count.

    An operation of its flash, be it a page or a sector, counts as one unit of programming.
    """

    def __init__(
        self, device: Powered, profile: Profile, charge: Charge, operations: Callable[[], int]
    ) -> None:
        """Take a bridge that is off.

        Args:
            device: The bridge.
            profile: Its profile, which has the pace of its polls.
            charge: Where it is counted.
            operations: Counts the flash operations of its life.
        """
        self._device, self._charge, self._operations = device, charge, operations
        self._poll_us = 0 if profile.sleep is None else profile.sleep.poll_ms * MILLISECOND
        self._doze: Callable[[Us], None] | None = getattr(device, "doze", None)
        self._since: Us = 0
        self._programmed = operations()
        self._calls = 0
        self._told: int | None = None

    @property
    def deadline(self) -> Us | None:
        """Return when the bridge wants to be woken."""
        return self._device.deadline

    def power_on(self, now: Us) -> Sequence[Action]:
        """Boot, and hear how full the battery is."""
        self._since, self._told = now, None
        self._charge.boots += 1
        actions = self._device.power_on(now)
        return self._counted(actions, self._tell(now))

    def power_off(self, now: Us) -> None:
        """Lose the supply."""
        self._charge.rest_us += now - self._since
        self._since = now
        self._device.power_off(now)

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Take a datagram from the air."""
        self._charge.datagrams += 1
        told = self._due(now)
        actions = self._device.receive(datagram, now)
        return self._counted(told, actions) if told or actions else actions

    def wake(self, now: Us) -> Sequence[Action]:
        """Do what is due."""
        told = self._due(now)
        actions = self._device.wake(now)
        return self._counted(told, actions) if told or actions else actions

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Take an event; what came through a link counts as a datagram."""
        if type(what) is Tunnelled:
            self._charge.datagrams += 1
        told = self._due(now)
        return self._counted(told, self._device.event(what, now))

    def doze(self, until: Us) -> None:
        """Leave out polls that find nothing; the battery pays for them all the same."""
        if self._doze is None:
            return
        before = self._device.deadline
        self._doze(until)
        after = self._device.deadline
        if before is not None and after is not None and after > before and self._poll_us:
            self._charge.polls += (after - before) // self._poll_us

    def renew(self, percent: int, now: Us) -> None:
        """Count for another battery from now on; what is not reckoned yet, the old one paid.

        The bridge is not told: whoever changes the battery does that.

        Args:
            percent: How full the new one is, 0..100.
            now: Virtual time in microseconds.
        """
        charge = self._charge
        charge.first_percent = self._told = percent
        charge.datagrams = charge.polls = charge.octets = charge.boots = charge.rest_us = 0
        self._since, self._programmed = now, self._operations()

    def _counted(self, first: Sequence[Action], then: Sequence[Action]) -> Sequence[Action]:
        """Return what the bridge does, counted."""
        actions, charge = (*first, *then) if first else then, self._charge
        for action in actions:
            kind = type(action)
            if kind is Tunnel or kind is Send:
                charge.datagrams += 1
            elif kind is Poll:
                charge.polls += 1
        return actions

    def _due(self, now: Us) -> Sequence[Action]:
        """Tell the bridge its charge now and then."""
        self._calls += 1
        return self._tell(now) if self._calls >= _CALLS else ()

    def _tell(self, now: Us) -> Sequence[Action]:
        """Reckon the charge, and tell the bridge if it is another than it knows."""
        charge, self._calls = self._charge, 0
        charge.rest_us += now - self._since
        self._since = now
        programmed = self._operations()
        charge.octets += (programmed - self._programmed) * PROGRAM_UNIT
        self._programmed = programmed
        percent = charge.percent
        if percent == self._told:
            return ()
        self._told = percent
        return self._device.event(Battery(percent=percent), now)
