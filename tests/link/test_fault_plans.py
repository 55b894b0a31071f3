"""Faults of several datagrams: bursts, one way, disorder, and plans of several devices."""

import pytest

from emulator.faults import (
    DelayFrame,
    DropBurst,
    DropFrame,
    FrameFault,
    Leg,
    OneWay,
    ReorderFrame,
    Selector,
)
from emulator.wire.aps import BROADCAST_ALL
from tests.link.parties import DUT_ADDRESS, OTHER_ADDRESS, Air, datagram


def towards(number: int, command: int | None = None) -> Selector:
    return Selector(leg=Leg.TO_DEVICE, number=number, command=command)


def heard(air: Air, count: int, name: str = "dut", gap_us: int = 1000) -> list[int]:
    """Send numbered datagrams to the device, one each millisecond; return who came, in order."""
    for number in range(count):
        air.medium.carry("hub", datagram(bytes((0x19, 0, number))))
        air.run(gap_us)
    air.run()
    return [payload[2] for _, payload in air.heard(name)]


@pytest.mark.parametrize(
    ("fault", "came"),
    [
        (DropBurst(at=towards(1), lose=2, of=3, rounds=2), [0, 3, 6, 7, 8, 9]),
        (DropBurst(at=towards(0), lose=1, of=1, rounds=4), [4, 5, 6, 7, 8, 9]),
        (DropBurst(at=towards(8), lose=1, of=2, rounds=9), [0, 1, 2, 3, 4, 5, 6, 7, 9]),
        (OneWay(at=towards(2), for_us=3500), [0, 1, 6, 7, 8, 9]),
        (OneWay(at=towards(0, command=4), for_us=1), [0, 1, 2, 3, 5, 6, 7, 8, 9]),
        (OneWay(at=towards(2), for_us=0), [0, 1, 3, 4, 5, 6, 7, 8, 9]),
        (ReorderFrame(at=towards(2)), [0, 1, 3, 2, 4, 5, 6, 7, 8, 9]),
        (ReorderFrame(at=towards(2), behind=3), [0, 1, 3, 4, 5, 2, 6, 7, 8, 9]),
        (ReorderFrame(at=towards(8), behind=2), [0, 1, 2, 3, 4, 5, 6, 7, 9]),
    ],
    ids=repr,
)
def test_a_fault_of_several_datagrams_hits_what_it_says(fault: FrameFault, came: list[int]) -> None:
    air = Air()
    air.medium.plan([fault])
    assert heard(air, 10) == came


def test_disorder_and_loss_together() -> None:
    air = Air()
    air.medium.plan([ReorderFrame(at=towards(0)), DropFrame(at=towards(1))])
    assert heard(air, 3) == [0, 2]  # what overtakes may itself be lost
    air.medium.plan([DelayFrame(at=towards(1), by_us=5000), ReorderFrame(at=towards(0))])
    air.nodes["dut"].taken.clear()
    assert heard(air, 3) == [0, 2, 1]


def test_each_device_has_a_plan_of_its_own() -> None:
    air = Air()
    air.medium.plan([DropFrame(at=towards(0), count=99)], "other")
    for destination in (DUT_ADDRESS, OTHER_ADDRESS, BROADCAST_ALL):
        air.medium.carry("hub", datagram(destination=destination))
    air.run()
    assert (len(air.heard("dut")), len(air.heard("other"))) == (2, 0)


def test_who_may_speak_for_others_does() -> None:
    air = Air()
    air.medium.attach("liar", 0x2B01, voices=True)
    for name in ("liar", "other"):
        air.medium.carry(name, datagram(source=0x7777))
    air.run()
    assert len(air.heard("dut")) == 1
    assert air.tap.of("lost") == ["0x7777 is not its address"]
