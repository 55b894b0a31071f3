"""Host one bridge of a home: its zone, its links, its restarts."""

from random import Random

import pytest

from emulator.actions import Echo, Join, Leave, Poll, Reboot, Send, Tunnel, Tunnelled
from emulator.errors import LinkError
from emulator.link.home import HomeLink
from emulator.link.quality import Quality
from emulator.link.spans import End, Span
from emulator.link.zone import Zone
from emulator.units import SECOND
from emulator.world import World
from tests.link.parties import DUT_ADDRESS, Gate, Machine, Node, Tap, datagram

OWN, PEER, CHILD = 1, 2, 3
ECHO = Tunnel(eui64=PEER, protocol=1, content=Echo(number=7))


class House:
    """Be one hosted bridge, and a peer that writes down what reaches it."""

    def __init__(
        self, *, sleepy: bool = False, boot_us: int = 0, machine: Machine | None = None
    ) -> None:
        self.world, self.tap, self.machine = World(), Tap(), machine or Machine()
        self.zone = Zone(self.world, Gate(DUT_ADDRESS), self.tap, 100)
        self.zone.attach("own", None)
        self.zone.stand("own", OWN)
        self.link = HomeLink(self.world, self.zone, self.tap, "own", self.machine, boot_us=boot_us)
        self.peer = Node()
        self.world.attach("peer", self.peer)
        ends = (End(name="own", eui64=OWN, sleepy=sleepy), End(name="peer", eui64=PEER))
        quality = Quality(latency_us=100, octets_per_s=SECOND)
        self.span = Span(self.world, self.tap, ends, quality, Random(1))
        self.link.connect(PEER, self.span, polls=sleepy)

    def boot(self, *actions: object) -> None:
        self.machine.answers["power_on"] = [actions]
        self.link.power(True)

    def run(self) -> None:
        self.world.run(lambda: False, SECOND)

    @property
    def calls(self) -> list[str]:
        return [call for call, _ in self.machine.calls]


def test_what_is_for_a_peer_goes_over_the_link_to_it() -> None:
    house = House()
    house.boot(ECHO)
    house.run()
    contents = [one.content for _, one in house.peer.taken if isinstance(one, Tunnelled)]
    assert contents == [Echo(number=7)]


def test_peer_without_a_link_is_a_mistake_of_ours() -> None:
    house = House()
    with pytest.raises(LinkError, match="own has no link to 0000000000000003"):
        house.boot(Tunnel(eui64=CHILD, protocol=1, content=Echo(number=7)))


def test_what_a_peer_sent_is_an_event_while_there_is_a_supply() -> None:
    house = House()
    house.span.carry("peer", Tunnel(eui64=OWN, protocol=1, content=Echo(number=1)))
    house.run()
    assert house.calls == []
    house.boot()
    house.span.carry("peer", Tunnel(eui64=OWN, protocol=1, content=Echo(number=2)))
    house.run()
    assert house.calls == ["power_on", "Tunnelled"]


def test_restart_takes_its_time() -> None:
    house = House(boot_us=5000)
    house.boot(Reboot(after_us=200))
    house.run()
    assert house.machine.calls == [("power_on", 0), ("power_off", 0), ("power_on", 5200)]


def test_leave_of_a_child_is_not_its_own() -> None:
    house = House()
    house.boot(
        Join(eui64=OWN, rejoin=False),
        Leave(eui64=PEER),
        Send(datagram=datagram(source=DUT_ADDRESS, destination=0x2B01)),
    )
    house.run()
    assert house.calls == ["power_on", "Joined", "Left"]
    assert "nobody has address 0x2b01" in house.tap.of("lost")


class Sleeper(Machine):
    """Be a machine that polls when it is woken, and says how far it was told to doze."""

    def __init__(self) -> None:
        super().__init__()
        self.dozed: list[int] = []

    def wake(self, now: int) -> list[Poll]:
        self.deadline = None
        self._do("wake", now)
        return [Poll()]

    def doze(self, until: int) -> None:
        self.dozed.append(until)


@pytest.mark.parametrize("held", [False, True])
def test_sleepy_bridge_fetches_what_its_link_holds_and_dozes_only_if_that_is_nothing(
    held: bool,
) -> None:
    house = House(sleepy=True, machine=(sleeper := Sleeper()))
    house.machine.deadline = 1000
    house.boot()
    if held:
        # One thing is there when it polls; the other one comes behind the poll.
        house.span.carry("peer", Tunnel(eui64=OWN, protocol=1, content=Echo(number=1)))
        house.world.run(lambda: False, 990)
        house.span.carry("peer", Tunnel(eui64=OWN, protocol=1, content=Echo(number=2)))
    house.run()
    assert house.calls.count("Tunnelled") == int(held)
    assert bool(sleeper.dozed) is not held


def test_what_a_bridge_held_for_a_sleepy_peer_dies_with_its_supply() -> None:
    house = House()
    house.boot()
    sleepy = End(name="peer", eui64=PEER, sleepy=True)
    quality = Quality(latency_us=100, octets_per_s=SECOND)
    ends = (End(name="own", eui64=OWN), sleepy)
    span = Span(house.world, house.tap, ends, quality, Random(1))
    house.link.connect(PEER, span)
    span.carry("own", ECHO)
    assert span.holds("peer")
    house.link.power(False)
    assert not span.holds("peer")
