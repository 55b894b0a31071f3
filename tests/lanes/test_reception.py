"""A device that says nothing is waited for once, and no longer than the user lets anything take."""

from collections.abc import Callable

import pytest

from emulator.faults import FrameFault
from emulator.profiles import load
from emulator.units import SECOND, Us
from emulator.wire.aps import Datagram
from harness.coordinator.register import Register
from harness.hub.server import Hub
from harness.lanes.reception import Reception
from harness.verdict import Inconclusive

ONE, ADDRESS = 0x00124B0044555441, 0x1234
PATIENCE_US = 8 * SECOND


class Silence:
    """Be a lane behind which nobody is."""

    patience_us = PATIENCE_US

    def __init__(self) -> None:
        """Begin at time 0."""
        self.now: Us = 0
        self.restarts = 0
        self.longest: Us = 0

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let time pass."""
        self.now += limit_us
        self.longest = max(self.longest, limit_us)
        return until()

    def restart(self) -> None:
        """Count."""
        self.restarts += 1

    def send(self, datagram: Datagram) -> None:
        """Lose it."""

    def refresh(self) -> None:
        """Do nothing."""

    def plan(self, faults: list[FrameFault]) -> None:
        """Do nothing."""


def received(register: Register) -> Silence:
    """Try to bring nobody to rest, and return the lane."""
    hub, lane = Hub(), Silence()
    hub.members[ONE] = ADDRESS
    reception = Reception(lane, hub, load.load("B1"), register)  # type: ignore[arg-type]
    with pytest.raises(Inconclusive, match=r"did not come to rest .*: no answer"):
        reception.rest()
    return lane


def test_who_says_nothing_is_waited_for_once() -> None:
    register = Register(None)
    first, second = received(register), received(register)
    assert register.mute == {ONE}
    assert (first.restarts, second.restarts) == (2, 0)
    assert first.now <= 3 * 5 * SECOND + 2 * (PATIENCE_US + SECOND)
    assert second.now <= 5 * SECOND
    assert first.longest <= PATIENCE_US
