"""A host calls its device when it should, and does what the device wants until its RAM is gone."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from emulator.actions import (
    Action,
    Delivered,
    Event,
    Join,
    Joined,
    Leave,
    Left,
    Poll,
    Reboot,
    Renew,
    Send,
    Tunnel,
)
from emulator.errors import BootError, LinkError, PowerLost
from emulator.link.realtime import Host
from emulator.units import SECOND, Us
from emulator.wire.aps import Datagram
from tests.ncp.virtual_loop import run

DATAGRAM = Datagram(
    source=1,
    destination=0,
    source_endpoint=1,
    destination_endpoint=1,
    profile=0x0104,
    cluster=0x0019,
    payload=b"\x01",
)
SEND = Send(datagram=DATAGRAM)


class Scripted:
    """Be a device that answers each call as it was told, and writes the calls down."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Us]] = []
        self.answers: dict[str, Sequence[Action] | BaseException] = {}
        self.deadline: Us | None = None

    def _called(self, name: str, now: Us) -> Sequence[Action]:
        self.calls.append((name, now))
        answer = self.answers.pop(name, ())
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def power_on(self, now: Us) -> Sequence[Action]:
        return self._called("power on", now)

    def power_off(self, now: Us) -> None:
        self._called("power off", now)

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        return self._called("receive", now)

    def wake(self, now: Us) -> Sequence[Action]:
        self.deadline = None
        return self._called("wake", now)

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        return self._called(type(what).__name__, now)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


class Radio:
    """Be a radio that only writes down."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def join(self, *, rejoin: bool, sleepy: bool) -> None:
        self.asked.append(("join", rejoin, sleepy))

    def leave(self) -> None:
        self.asked.append("leave")

    def poll(self) -> None:
        self.asked.append("poll")

    def send(self, datagram: Datagram) -> None:
        self.asked.append(datagram)


class Stage:
    """Be a host with a scripted device and a radio that writes down."""

    def __init__(self) -> None:
        self.device, self.radio = Scripted(), Radio()
        self.kept: list[int] = []
        self.rows: list[str] = []
        self.host = Host(self.device, self.radio, self._tap, self._keep)

    def _tap(self, now: Us, who: str, what: str, subject: object) -> None:
        self.rows.append(what)

    def _keep(self) -> None:
        self.kept.append(len(self.radio.asked))

    async def until(self, condition: Callable[[], bool]) -> None:
        assert await self.host.until(condition, 100 * SECOND)


def play(scene: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        stage = Stage()
        await scene(stage)
        stage.host.close()

    run(main)


def test_a_device_that_is_alone_has_no_peer_to_send_anything_to() -> None:
    async def scene(stage: Stage) -> None:
        stage.device.answers["power on"] = (Tunnel(eui64=7, protocol=0, content=Renew()),)
        stage.host.power(True)
        with pytest.raises(LinkError, match="found a Tunnel to 0000000000000007, wanted none"):
            await stage.until(lambda: False)

    play(scene)


def test_what_a_device_wants_is_done_in_order() -> None:
    async def scene(stage: Stage) -> None:
        wanted = (Join(eui64=1, rejoin=True, sleepy=True), SEND, Poll(), Leave())
        stage.device.answers["power on"] = wanted
        stage.host.power(True)
        assert stage.radio.asked == [("join", True, True), DATAGRAM, "poll", "leave"]
        assert stage.kept == [0]  # before anything of it was done

    play(scene)


def test_a_device_that_is_off_is_not_called() -> None:
    async def scene(stage: Stage) -> None:
        stage.host.receive(DATAGRAM)
        stage.host.event(Joined(address=1))
        assert stage.device.calls == []
        stage.host.power(True)
        stage.host.receive(DATAGRAM)
        stage.host.event(Left())
        stage.host.event(Delivered(aps_counter=1, success=True))
        stage.host.power(False)
        stage.host.receive(DATAGRAM)
        assert stage.device.names == ["power on", "receive", "Left", "Delivered", "power off"]

    play(scene)


def test_what_a_device_wants_after_its_restart_dies_with_its_ram() -> None:
    async def scene(stage: Stage) -> None:
        stage.device.answers["power on"] = (SEND, Reboot(after_us=3 * SECOND), SEND)
        stage.host.power(True)
        assert stage.radio.asked == [DATAGRAM]
        assert not stage.host.powered
        await stage.until(lambda: stage.host.powered)
        assert stage.device.calls == [("power on", 0), ("power off", 0), ("power on", 3 * SECOND)]

    play(scene)


def test_a_restart_is_forgotten_when_the_supply_is_cut() -> None:
    async def scene(stage: Stage) -> None:
        stage.device.answers["power on"] = (Reboot(after_us=SECOND),)
        stage.host.power(True)
        stage.host.power(False)
        assert not await stage.host.until(lambda: stage.host.powered, 10 * SECOND)

    play(scene)


def test_a_deadline_is_kept_once() -> None:
    async def scene(stage: Stage) -> None:
        stage.device.deadline = 5 * SECOND
        stage.host.power(True)
        await stage.until(lambda: "wake" in stage.device.names)
        (_, (_, at)) = stage.device.calls
        assert 5 * SECOND <= at <= 5 * SECOND + 2
        assert not await stage.host.until(lambda: len(stage.device.calls) > 2, 60 * SECOND)

    play(scene)


def test_a_deadline_that_moves_is_kept_where_it_is_now() -> None:
    async def scene(stage: Stage) -> None:
        stage.device.deadline = 5 * SECOND
        stage.host.power(True)
        stage.device.deadline = 20 * SECOND
        stage.host.receive(DATAGRAM)
        await stage.until(lambda: "wake" in stage.device.names)
        assert stage.device.calls[-1][1] >= 20 * SECOND

    play(scene)


def test_power_that_is_lost_in_a_call_takes_what_the_call_wanted() -> None:
    async def scene(stage: Stage) -> None:
        stage.host.power(True)
        stage.device.answers["receive"] = PowerLost("cut")
        stage.host.receive(DATAGRAM)
        assert not stage.host.powered
        assert stage.device.names[-1] == "power off"
        assert stage.kept == [0, 0]  # what is in flash stays

    play(scene)


def test_a_device_that_cannot_boot_is_dead() -> None:
    async def scene(stage: Stage) -> None:
        stage.device.answers["power on"] = BootError("neither slot")
        stage.host.power(True)
        assert stage.host.dead == "neither slot"
        assert not stage.host.powered
        assert "dead" in stage.rows

    play(scene)


def test_a_fault_of_our_own_ends_the_wait() -> None:
    async def scene(stage: Stage) -> None:
        stage.host.power(True)
        stage.device.answers["receive"] = ZeroDivisionError("ours")
        stage.host.receive(DATAGRAM)
        with pytest.raises(ZeroDivisionError, match="ours"):
            await stage.host.until(lambda: True, SECOND)
        stage.host.receive(DATAGRAM)
        assert stage.device.names.count("receive") == 1

    play(scene)


def test_the_first_failure_counts() -> None:
    async def scene(stage: Stage) -> None:
        stage.host.fail(LinkError("first"))
        stage.host.fail(LinkError("second"))
        with pytest.raises(LinkError, match="first"):
            await stage.host.until(lambda: True, SECOND)

    play(scene)
