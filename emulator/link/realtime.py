"""Host one device in real time: call it when something comes, and when its deadline is reached."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, assert_never

from emulator.actions import (
    Action,
    Delivered,
    Event,
    Join,
    Joined,
    Leave,
    Left,
    Poll,
    PowerOff,
    PowerOn,
    Reboot,
    Receive,
    Report,
    Send,
    Stimulus,
    Tunnel,
    Wake,
)
from emulator.contract import Powered
from emulator.errors import BootError, LinkError, PowerLost
from emulator.link.medium import Tap
from emulator.units import SECOND, Us
from emulator.wire.aps import Datagram


class Transceiver(Protocol):
    """Be the radio of a hosted device; nothing here waits, what comes of it is told to the host."""

    def join(self, *, rejoin: bool, sleepy: bool) -> None:
        """Look for a network, or go back to the one whose keys the radio holds."""
        ...

    def leave(self) -> None:
        """Leave the network."""
        ...

    def poll(self) -> None:
        """Fetch what the parent holds."""
        ...

    def send(self, datagram: Datagram) -> None:
        """Put a datagram on the air."""
        ...


class Host:
    """Run one device behind a radio, in the running event loop and by its clock.

    Args:
        device: Whose calls are made; off at first.
        radio: What it reaches the network by.
        tap: Who hears what happens.
        keep: Called after each call of the device, before what the device wants is done: whoever
            keeps its flash on a disk does so there.
    """

    def __init__(
        self, device: Powered, radio: Transceiver, tap: Tap, keep: Callable[[], None]
    ) -> None:
        self._device, self._radio, self._tap, self._keep = device, radio, tap, keep
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        self._now: Us = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._restart: asyncio.TimerHandle | None = None
        self._news: asyncio.Future[None] | None = None
        self._failure: BaseException | None = None
        self.powered = False
        self.dead = ""  # why the device cannot boot; empty while it can

    @property
    def now(self) -> Us:
        """Look at the clock, which never goes back."""
        self._now = max(self._now, round((self._loop.time() - self._start) * SECOND))
        return self._now

    def power(self, on: bool) -> None:
        """Raise or cut the supply now; a restart that is under way is forgotten."""
        self._forget_restart()
        self.take(PowerOn() if on else PowerOff())

    def close(self) -> None:
        """Call the device no more; its supply is not cut, it just ends."""
        self._forget_restart()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    async def until(self, condition: Callable[[], bool], limit_us: Us) -> bool:
        """Wait until a condition holds, at most ``limit_us``; tell whether it holds.

        Raises:
            LinkError: The radio failed.
            Exception: A fault of our own, wherever it happened.
        """
        end = self._loop.time() + limit_us / SECOND
        while True:
            if self._failure is not None:
                raise self._failure
            if condition():
                return True
            if self._loop.time() >= end:
                return False
            self._news = self._loop.create_future()
            await asyncio.wait([self._news], timeout=end - self._loop.time())

    def nudge(self) -> None:
        """Let ``until`` look again."""
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def fail(self, error: BaseException) -> None:
        """End ``until`` with an error; the first one counts, and the device is called no more."""
        if self._failure is None:
            self._failure = error
            self.close()
        self.nudge()

    # What the radio brings.

    def event(self, what: Event) -> None:
        """Tell the device something that is no datagram."""
        match what:
            case Joined():
                self._tap(self.now, "device", "joined", what)
            case Left():
                self._tap(self.now, "device", "left", what)
            case Delivered():
                self._tap(self.now, "device", "delivered", what)
            case _:
                pass
        self.take(what)

    def receive(self, datagram: Datagram) -> None:
        """Hand the device a datagram from the air."""
        self._tap(self.now, "device", "receive", datagram)
        self.take(Receive(datagram=datagram))

    def take(self, stimulus: Stimulus) -> None:
        """Hand the device a stimulus, and do what it answers."""
        if self._failure is not None:
            return
        try:
            self._step(stimulus, self.now)
        except Exception as error:  # it would end in a callback of somebody's loop
            self.fail(error)
        self.nudge()

    def _step(self, stimulus: Stimulus, now: Us) -> None:
        try:
            actions = self._ask(stimulus, now)
        except PowerLost:
            self._tap(now, "device", "power lost", "")
            self._off(now)
            actions = ()
        except BootError as error:
            self.dead = str(error)
            self._tap(now, "device", "dead", self.dead)
            self._off(now)
            actions = ()
        self._keep()
        for action in actions:
            self._perform(action, now)
            if not self.powered:
                break
        self._set_alarm()

    def _ask(self, stimulus: Stimulus, now: Us) -> Sequence[Action]:
        match stimulus:
            case PowerOn():
                if self.powered:
                    return ()
                self.powered, self.dead = True, ""
                self._tap(now, "device", "power", "on")
                return self._device.power_on(now)
            case PowerOff():
                self._tap(now, "device", "power", "off")
                self._off(now)
                return ()
            case _ if not self.powered:
                return ()
            case Receive(datagram=datagram):
                return self._device.receive(datagram, now)
            case Wake():
                deadline = self._device.deadline
                return self._device.wake(now) if deadline is not None and deadline <= now else ()
            case _:
                return self._device.event(stimulus, now)

    def _perform(self, action: Action, now: Us) -> None:
        match action:
            case Send(datagram=datagram):
                self._tap(now, "device", "send", datagram)
                self._radio.send(datagram)
            case Join(rejoin=rejoin, sleepy=sleepy):
                self._tap(now, "device", "join", "again" if rejoin else "anew")
                self._radio.join(rejoin=rejoin, sleepy=sleepy)
            case Leave():
                self._radio.leave()
            case Poll():
                self._radio.poll()
            case Reboot(after_us=after_us):
                self._tap(now, "device", "reboot", "")
                self._off(now)
                self._restart = self._loop.call_later(after_us / SECOND, self.power, True)
            case Report():
                self._tap(now, "device", "report", action)
            case Tunnel(eui64=eui64):
                raise LinkError(f"device: found a Tunnel to {eui64:016x}, wanted none here")
            case _:
                assert_never(action)

    def _off(self, now: Us) -> None:
        if self.powered:
            self.powered = False
            self._device.power_off(now)

    def _forget_restart(self) -> None:
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        deadline = self._device.deadline if self.powered else None
        if deadline is not None:
            at = self._start + (deadline + 1) / SECOND  # a clock of floats must not be early
            self._alarm = self._loop.call_at(at, self.take, Wake())
