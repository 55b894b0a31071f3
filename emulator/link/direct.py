"""Host machines in a world of virtual time, on a virtual network: the link of CI."""

from collections.abc import Callable, Sequence
from typing import assert_never

from emulator.actions import (
    Action,
    Join,
    Leave,
    Poll,
    PowerOff,
    PowerOn,
    Reboot,
    Receive,
    Report,
    Send,
    Stimulus,
    Tunnel,
    Tunnelled,
    Wake,
)
from emulator.contract import Capability, Powered
from emulator.errors import BootError, LinkError, PowerLost
from emulator.link.medium import Medium, Tap
from emulator.units import HOUR, Us
from emulator.wire.aps import Datagram
from emulator.world import World

#: A machine that asks to be woken at once this often, without time passing, hangs.
WAKES_AT_ONCE = 10_000
#: A machine that restarts by itself this often within an hour does nothing else: it is dead, as one
#: that boots nothing. A sound one restarts to install, to go back, and when it is stuck.
REBOOTS_AN_HOUR = 200

_WAKE = Wake()


class DirectLink:
    """Run one device in a world: stimuli in, its actions out, its deadline kept.

    A device with a method ``doze(until)`` is told when nothing will reach it before a moment: it
    may leave out what would find nothing, the polls of a sleepy one.
    """

    capabilities = frozenset(
        {
            Capability.POWER,
            Capability.FRAME_FAULTS,
            Capability.VIRTUAL_TIME,
            Capability.EVENTS,
            Capability.FRAME_COUNTERS,
            Capability.NODES,
        }
    )

    def __init__(self, world: World, medium: Medium, tap: Tap, name: str, device: Powered) -> None:
        self._world, self._medium, self._tap = world, medium, tap
        self.name, self.device = name, device
        self.powered = False
        self._wake_at: Us | None = None
        self._wakes = (0, 0)  # time of the last wake, how many at that time
        self._reboots = (0, 0)  # since when they are counted, how many
        self._doze: Callable[[Us], None] | None = getattr(device, "doze", None)
        world.attach(name, self)

    # The Link protocol.

    def send(self, datagram: Datagram) -> None:
        """Put a datagram of this device on the network."""
        self._medium.carry(self.name, datagram)

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let virtual time pass until a condition holds."""
        return self._world.run(until, limit_us)

    def power(self, on: bool) -> None:
        """Raise or cut the supply now; a restart that is under way is forgotten."""
        self._world.discard(self.name, lambda stimulus: isinstance(stimulus, PowerOn))
        self.take(PowerOn() if on else PowerOff(), self._world.now)

    def forget(self) -> None:
        """Be powered, with nothing owed: the world and the device went back to another moment."""
        self.powered, self._wake_at, self._wakes, self._reboots = True, None, (0, 0), (0, 0)

    # The Receiver protocol.

    def take(self, stimulus: Stimulus, now: Us) -> None:
        """Hand a stimulus to the device and do what it answers."""
        try:
            if type(stimulus) is Receive:  # this one and the next: the path of every block
                if not self.powered:
                    return
                actions = self.device.receive(stimulus.datagram, now)
            elif type(stimulus) is Tunnelled:
                if not self.powered:
                    return
                actions = self.device.event(stimulus, now)
            else:
                actions = self._ask(stimulus, now)
        except PowerLost:
            self._tap(now, self.name, "power lost", "")
            self._off(now)
            return
        except BootError as error:
            self._tap(now, self.name, "dead", str(error))
            self._off(now)
            return
        for action in actions:
            if type(action) is Send:
                self._medium.carry(self.name, action.datagram)
            elif not self._perform(action, now):
                return
        if type(stimulus) is Wake and self._doze is not None and not self._awaited():
            self._doze(self._world.horizon)
        deadline = self.device.deadline if self.powered else None
        if deadline is not None and (self._wake_at is None or deadline < self._wake_at):
            self._wake_at = deadline if deadline > now else now
            self._world.post(self._wake_at, self.name, _WAKE)

    def _ask(self, stimulus: Stimulus, now: Us) -> Sequence[Action]:
        match stimulus:
            case PowerOn():
                if self.powered:
                    return ()
                self.powered = True
                self._tap(now, self.name, "power", "on")
                return self.device.power_on(now)
            case PowerOff():
                self._tap(now, self.name, "power", "off")
                self._off(now)
                return ()
            case Wake():
                return self._wake(now)
            case Receive() | Tunnelled():  # handled by type in take
                return ()
            case _:
                return self.device.event(stimulus, now) if self.powered else ()

    def _wake(self, now: Us) -> Sequence[Action]:
        if now != self._wake_at:
            return ()  # a later wish replaced this one
        self._wake_at = None
        deadline = self.device.deadline if self.powered else None
        if deadline is None or deadline > now:
            return ()
        at, count = self._wakes
        self._wakes = (now, count + 1 if at == now else 1)
        if self._wakes[1] > WAKES_AT_ONCE:
            raise LinkError(f"{self.name} asks to be woken at {now} us for ever")
        return self.device.wake(now)

    def _perform(self, action: Action, now: Us) -> bool:
        """Do what a device wants; False if its RAM is lost, and with it what else it wanted."""
        match action:
            case Send():  # handled by type in take: this is the path of every datagram
                pass
            case Join(eui64=eui64, rejoin=rejoin, sleepy=sleepy):
                self._medium.join(self.name, eui64, rejoin=rejoin, sleepy=sleepy)
            case Leave():
                self._medium.leave(self.name)
            case Poll():
                self._medium.poll(self.name)
            case Reboot(after_us=after_us):
                self._tap(now, self.name, "reboot", "")
                self._off(now)
                if self._is_worth_another(now):
                    self._world.post(now + after_us, self.name, PowerOn())
            case Report():
                self._tap(now, self.name, "report", action)
            case Tunnel(eui64=eui64):
                raise LinkError(f"{self.name}: found a Tunnel to {eui64:016x}, wanted none here")
            case _:
                assert_never(action)
        return self.powered

    def _is_worth_another(self, now: Us) -> bool:
        """Count a restart; False if there were so many within an hour that no more shall be."""
        since, count = self._reboots
        since, count = (now, 1) if now - since > HOUR else (since, count + 1)
        self._reboots = (since, count)
        if count <= REBOOTS_AN_HOUR:
            return True
        self._reboots = (0, 0)
        self._tap(now, self.name, "dead", f"it restarts for ever: {count} times within an hour")
        return False

    def _awaited(self) -> bool:
        """Tell whether somebody holds something for the device, or will in a moment."""
        return self._medium.holds(self.name)

    def _off(self, now: Us) -> None:
        if self.powered:
            self.powered = False
            self._wake_at = None
            self.device.power_off(now)
            # What was on its way to the dead life; a datagram still meets whoever is there.
            self._world.discard(self.name, lambda stimulus: not isinstance(stimulus, Receive))
