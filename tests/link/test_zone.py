"""Let a bridge stand for what lies behind it, in a zone of a home."""

from dataclasses import replace
from random import Random

import pytest

from emulator.actions import Joined, JoinRefused, Left
from emulator.link.quality import Flaws, Quality
from emulator.link.zone import Zone
from emulator.wire.aps import BROADCAST_ALL, BROADCAST_RX_ON
from emulator.world import World
from tests.link.parties import DUT_ADDRESS, HUB_ADDRESS, OTHER_ADDRESS, Gate, Node, Tap, datagram

NEAR_EUI64, REMOTE_EUI64, STRANGER_EUI64 = 1, 2, 3
BEHIND = 0x2B01


class Street:
    """Be the hub's zone: hub, near bridge, and a device; what lies behind comes from the near."""

    def __init__(self, *, beyond: bool = False) -> None:
        self.world, self.tap = World(), Tap()
        gate = Gate(DUT_ADDRESS, OTHER_ADDRESS)
        self.zone = Zone(self.world, gate, self.tap, 100)
        self.nodes: dict[str, Node] = {}
        for name, address in (("hub", HUB_ADDRESS), ("near", None), ("device", 0x3C01)):
            self.zone.attach(name, address, voices=name == "hub")
            self.nodes[name] = Node()
            self.world.attach(name, self.nodes[name])
        self.zone.stand("near", NEAR_EUI64, beyond=beyond)

    def run(self) -> None:
        self.world.run(lambda: False, 1000)

    def count(self, name: str) -> int:
        return len(self.nodes[name].payloads)

    def events(self, name: str) -> list[object]:
        return [one for _, one in self.nodes[name].taken]


def joined_street() -> Street:
    street = Street()
    street.zone.join("near", NEAR_EUI64, rejoin=False, sleepy=False)
    street.run()
    street.nodes["near"].taken.clear()
    return street


def test_own_join_and_that_of_a_device_behind_differ_in_the_address_named() -> None:
    street = Street()
    street.zone.join("near", NEAR_EUI64, rejoin=False, sleepy=False)
    street.zone.join("near", REMOTE_EUI64, rejoin=False, sleepy=True)
    street.zone.join("near", STRANGER_EUI64, rejoin=False, sleepy=False)
    street.run()
    assert street.events("near") == [
        Joined(address=DUT_ADDRESS),
        Joined(address=OTHER_ADDRESS, eui64=REMOTE_EUI64),
        JoinRefused(eui64=STRANGER_EUI64),
    ]


def test_what_is_for_a_joined_device_behind_goes_to_who_stands_for_it() -> None:
    street = joined_street()
    street.zone.join("near", REMOTE_EUI64, rejoin=False, sleepy=True)
    street.zone.carry("hub", datagram(destination=OTHER_ADDRESS))
    street.zone.carry("hub", datagram(destination=0x4D01))
    street.run()
    assert street.count("near") == 1
    assert street.tap.of("lost") == ["nobody has address 0x4d01"]


def test_source_of_what_comes_up_is_learned() -> None:
    street = joined_street()
    street.zone.carry("hub", datagram(destination=BEHIND))
    assert street.tap.of("lost") == ["nobody has address 0x2b01"]
    street.zone.carry("near", datagram(source=BEHIND, destination=HUB_ADDRESS))
    street.zone.carry("hub", datagram(destination=BEHIND))
    street.run()
    assert (street.count("hub"), street.count("near")) == (1, 1)


@pytest.mark.parametrize("source", [0x3C01, HUB_ADDRESS])
def test_nobody_stands_for_an_address_that_is_here(source: int) -> None:
    street = joined_street()
    street.zone.carry("near", datagram(source=source, destination=HUB_ADDRESS))
    street.run()
    assert street.count("hub") == 0
    assert street.tap.of("lost") == [f"{source:#06x} is not its address"]


def test_node_that_stands_for_nobody_has_its_own_address_only() -> None:
    street = joined_street()
    street.zone.carry("device", datagram(source=BEHIND, destination=HUB_ADDRESS))
    street.run()
    assert street.count("hub") == 0


def test_counters_are_marked_by_source() -> None:
    street = joined_street()
    up = datagram(source=BEHIND, destination=HUB_ADDRESS, key_id=0, frame_counter=7)
    street.zone.carry("near", up)
    street.zone.carry("near", replace(up, source=DUT_ADDRESS, frame_counter=3))
    street.zone.carry("near", up)
    street.zone.carry("near", replace(up, frame_counter=8))
    street.run()
    assert street.count("hub") == 3
    assert street.tap.of("lost") == ["frame counter 7 of 0x2b01 does not rise"]


def test_removed_device_behind_is_told_through_who_stands_for_it() -> None:
    street = joined_street()
    street.zone.join("near", REMOTE_EUI64, rejoin=False, sleepy=False)
    street.zone.dismiss("near", REMOTE_EUI64)
    street.run()
    assert street.events("near")[-1] == Left(eui64=REMOTE_EUI64)
    street.zone.carry("hub", datagram(destination=OTHER_ADDRESS))
    street.run()
    assert street.count("near") == 0


def test_way_to_the_hub_gets_all_that_is_for_nobody_here() -> None:
    street = Street(beyond=True)
    street.zone.carry("device", datagram(source=0x3C01, destination=0x4D01))
    street.zone.carry("device", datagram(source=0x3C01, destination=BROADCAST_ALL))
    street.zone.carry("device", datagram(source=0x3C01, destination=HUB_ADDRESS))
    street.run()
    assert (street.count("near"), street.count("hub")) == (2, 2)
    street.zone.carry("near", datagram(source=BEHIND, destination=0x5E01))
    street.run()
    assert street.tap.of("lost") == ["nobody has address 0x5e01"]
    assert street.count("near") == 2


def test_broadcast_reaches_who_stands_for_others_once_and_never_its_sender() -> None:
    street = joined_street()
    street.zone.carry("near", datagram(source=BEHIND, destination=BROADCAST_RX_ON))
    street.zone.carry("hub", datagram(destination=BROADCAST_RX_ON))
    street.run()
    assert [street.count(name) for name in ("hub", "near", "device")] == [1, 1, 2]


def test_flawed_hop_loses_repeats_and_delays_both_ways_and_no_other_does() -> None:
    street = joined_street()
    quality = Quality(latency_us=50, lost=500_000, twice=250_000)
    street.zone.hop("device", Flaws(quality, Random(1), street.tap))
    for _ in range(400):
        street.zone.carry("hub", datagram(destination=0x3C01))
        street.zone.carry("hub", datagram(destination=DUT_ADDRESS))
    street.run()
    assert street.count("near") == 400
    assert {at for at, _ in street.nodes["device"].payloads} == {1150, 1200}
    assert 150 < len(street.tap.of("lost")) < 250
    assert street.count("device") == 400 - len(street.tap.of("lost")) + len(street.tap.of("twice"))
    before = street.count("hub")
    for _ in range(400):
        street.zone.carry("device", datagram(source=0x3C01, destination=HUB_ADDRESS))
    street.run()
    assert 150 < street.count("hub") - before < 350
