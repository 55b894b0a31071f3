"""The virtual air: faults, frame counters, broadcasts, sleepy nodes, joining and leaving."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.actions import Delivered, Joined, JoinRefused, Left
from emulator.faults import (
    DelayFrame,
    DropFrame,
    DuplicateFrame,
    FlipBit,
    FrameFault,
    Leg,
    Selector,
    TruncateFrame,
)
from emulator.link.medium import LATENCY_US, PARENT_BUFFER
from emulator.wire.aps import BROADCAST_ALL, BROADCAST_ROUTERS, BROADCAST_RX_ON, ApsOptions
from emulator.wire.zcl import pack_header
from tests.link.parties import DUT_ADDRESS, OTHER_ADDRESS, Air, datagram


def frame(command: int, rest: bytes = b"") -> bytes:
    return pack_header(0x19, 0, command) + rest


def to_device(number: int = 0, **fields: int) -> Selector:
    return Selector(leg=Leg.TO_DEVICE, number=number, **fields)


def send(air: Air, *payloads: bytes, gap_us: int = 0) -> None:
    for payload in payloads:
        air.medium.carry("hub", datagram(payload))
        air.run(gap_us)


def test_a_datagram_arrives_one_latency_later() -> None:
    air = Air(latency_us=LATENCY_US)
    send(air, b"one", gap_us=10)
    send(air, b"two")
    air.run()
    assert air.heard("dut") == [(LATENCY_US, b"one"), (10 + LATENCY_US, b"two")]
    assert air.heard("hub") == air.heard("other") == []
    assert [one.payload for one in air.tap.of("send")] == [b"one", b"two"]


# Each fault.

ORIGINAL = [frame(n) for n in range(4)]
AT = [(100 + 10 * n, ORIGINAL[n]) for n in range(4)]


@pytest.mark.parametrize(
    ("fault", "heard"),
    [
        (DropFrame(at=to_device(1)), [AT[0], AT[2], AT[3]]),
        (DropFrame(at=to_device(1), count=2), [AT[0], AT[3]]),
        (DropFrame(at=to_device(0), count=99), []),
        (DropFrame(at=to_device(4)), AT),
        (DuplicateFrame(at=to_device(1)), [AT[0], AT[1], AT[1], AT[2], AT[3]]),
        (
            DuplicateFrame(at=to_device(1), after_us=15),
            [AT[0], AT[1], AT[2], (125, ORIGINAL[1]), AT[3]],
        ),
        (DelayFrame(at=to_device(0), by_us=15), [AT[1], (115, ORIGINAL[0]), AT[2], AT[3]]),
        (TruncateFrame(at=to_device(2), octets=2), [*AT[:2], (120, b"\x19\x00"), AT[3]]),
        (TruncateFrame(at=to_device(2), octets=99), AT),
        (FlipBit(at=to_device(0), bit=0), [(100, b"\x18\x00\x00"), *AT[1:]]),
        (FlipBit(at=to_device(0), bit=23), [(100, b"\x19\x00\x80"), *AT[1:]]),
        (FlipBit(at=to_device(0), bit=24), AT),
        (DropFrame(at=to_device(0, command=2)), [*AT[:2], AT[3]]),
        (DropFrame(at=to_device(0, command=9)), AT),
        (DropFrame(at=to_device(1, command=2)), AT),
        (DropFrame(at=to_device(0, cluster=0x0019)), AT[1:]),
        (DropFrame(at=to_device(0, cluster=0x0006)), AT),
        (DropFrame(at=Selector(leg=Leg.FROM_DEVICE, number=0)), AT),
    ],
    ids=repr,
)
def test_a_fault_hits_what_it_selects_and_nothing_else(
    fault: FrameFault, heard: list[tuple[int, bytes]]
) -> None:
    air = Air()
    air.medium.plan([fault])
    send(air, *ORIGINAL, gap_us=10)
    air.run()
    assert air.heard("dut") == heard
    assert [one.payload for one in air.tap.of("send")] == ORIGINAL
    assert set(air.tap.of("fault")) <= {fault}
    assert bool(air.tap.of("fault")) == (heard != AT or isinstance(fault, TruncateFrame | FlipBit))


def test_what_the_device_sends_is_the_other_leg() -> None:
    air = Air()
    air.medium.plan([DropFrame(at=Selector(leg=Leg.FROM_DEVICE, number=0))])
    for _ in range(2):
        air.medium.carry("dut", datagram(source=DUT_ADDRESS, destination=0))
        air.medium.carry("hub", datagram())
    air.run()
    assert (len(air.heard("hub")), len(air.heard("dut"))) == (1, 2)


def test_faults_count_apart_and_act_together() -> None:
    air = Air()
    air.medium.plan(
        [
            DuplicateFrame(at=to_device(0), after_us=5),
            DuplicateFrame(at=to_device(0), after_us=7),
            DelayFrame(at=to_device(0), by_us=1),
            DropFrame(at=to_device(1)),
        ]
    )
    send(air, b"one", b"two", b"six")
    air.run()
    assert air.heard("dut") == [(100, b"six"), (101, b"one"), (106, b"one"), (108, b"one")]


def test_a_new_plan_counts_from_now() -> None:
    air = Air()
    air.medium.plan([DropFrame(at=to_device(1))])
    send(air, b"one")
    air.medium.plan([DropFrame(at=to_device(1))])
    send(air, b"two", b"lost")
    air.medium.plan([])
    send(air, b"end")
    air.run()
    assert [payload for _, payload in air.heard("dut")] == [b"one", b"two", b"end"]


SELECTORS = st.builds(to_device, st.integers(0, 6))
FAULTS = st.one_of(
    st.builds(DropFrame, at=SELECTORS, count=st.integers(1, 3)),
    st.builds(DuplicateFrame, at=SELECTORS, after_us=st.integers(0, 300)),
    st.builds(DelayFrame, at=SELECTORS, by_us=st.integers(0, 300)),
    st.builds(TruncateFrame, at=SELECTORS, octets=st.integers(0, 3)),
    st.builds(FlipBit, at=SELECTORS, bit=st.integers(0, 40)),
)


@given(st.lists(FAULTS, max_size=6))
def test_a_plan_touches_only_the_datagrams_it_names(plan: list[FrameFault]) -> None:
    air = Air()
    air.medium.plan(plan)
    payloads = [frame(n, bytes([n])) for n in range(10)]
    send(air, *payloads, gap_us=10_000)
    air.run()
    named = set[int]()
    for fault in plan:
        count = fault.count if isinstance(fault, DropFrame) else 1
        named |= set(range(fault.at.number, fault.at.number + count))
    clean = [(10_000 * n + 100, payloads[n]) for n in range(10) if n not in named]
    assert [one for one in air.heard("dut") if one in clean] == clean
    strange = [one for one in air.heard("dut") if one not in clean]
    assert len(strange) <= len(plan) + len(named)
    assert all(at // 10_000 in named for at, _ in strange)


# Frame counters.


@pytest.mark.parametrize(
    ("counters", "carried"),
    [
        ([(0, 5), (0, 5)], [5]),
        ([(0, 5), (0, 4)], [5]),
        ([(0, 0), (0, 1), (0, 9)], [0, 1, 9]),
        ([(0, 9), (1, 0), (0, 10)], [9, 0]),  # a new key begins anew, an old one is over
        ([(0, 9), (0, None), (0, 9), (0, 10)], [9, None, 10]),
    ],
)
def test_a_counter_that_does_not_rise_is_dropped(
    counters: list[tuple[int, int | None]], carried: list[int | None]
) -> None:
    air = Air()
    for key, counter in counters:
        one = replace(datagram(), key_id=key, frame_counter=counter)
        air.medium.carry("hub", one)
    air.run()
    heard = [one.datagram.frame_counter for _, one in air.nodes["dut"].taken]
    assert heard == carried
    assert len(air.tap.of("lost")) == len(counters) - len(carried)


def test_each_sender_has_a_counter_of_its_own_and_keeps_it_over_a_rejoin() -> None:
    air = Air()
    air.add("late", None)
    for eui64, name in ((1, "late"), (2, "late")):
        air.medium.join(name, eui64, rejoin=False, sleepy=False)
        address = (DUT_ADDRESS, OTHER_ADDRESS)[eui64 - 1]
        one = replace(datagram(source=address, destination=0), frame_counter=7)
        air.medium.carry(name, one)
    air.medium.carry("hub", replace(datagram(destination=OTHER_ADDRESS), frame_counter=3))
    air.run()
    assert len(air.heard("hub")) == len(air.heard("late")) == 1
    assert air.tap.of("lost") == ["frame counter 7 does not rise"]


def test_a_node_sends_only_as_itself_and_only_on_the_network() -> None:
    air = Air()
    air.add("outside", None)
    air.medium.carry("other", datagram(source=DUT_ADDRESS, destination=0))
    air.medium.carry("outside", datagram(source=0x7777, destination=0))
    air.run()
    assert air.heard("hub") == []
    assert len(air.tap.of("lost")) == 2


# Addresses.


@pytest.mark.parametrize(
    ("destination", "reached"),
    [
        (BROADCAST_ALL, {"dut", "other", "sleepy"}),
        (BROADCAST_RX_ON, {"dut", "other"}),
        (BROADCAST_ROUTERS, {"dut", "other"}),
        (DUT_ADDRESS, {"dut"}),
        (0x7777, set()),
    ],
)
def test_who_hears_what(destination: int, reached: set[str]) -> None:
    air = Air()
    air.add("sleepy", None)
    air.medium.join("sleepy", 3, rejoin=False, sleepy=True)
    air.medium.carry("hub", datagram(destination=destination))
    air.run()
    air.medium.poll("sleepy")
    air.run()
    assert {name for name in air.nodes if air.heard(name)} == reached
    assert bool(air.tap.of("lost")) == (not reached)


def asleep() -> Air:
    air = Air()
    air.medium.join("dut", 1, rejoin=False, sleepy=True)
    air.run()
    air.nodes["dut"].taken.clear()
    return air


def test_a_parent_keeps_datagrams_until_they_are_fetched_in_order() -> None:
    air = asleep()
    start = air.world.now
    send(air, b"one", b"two")
    air.run()
    assert air.heard("dut") == []
    air.medium.poll("dut")
    air.medium.poll("dut")
    air.run()
    assert air.heard("dut") == [(start + 1_000_100, b"one"), (start + 1_000_100, b"two")]


def test_what_is_on_its_way_to_the_parent_cannot_be_fetched_yet() -> None:
    air = asleep()
    air.medium.plan([DelayFrame(at=to_device(0), by_us=1000)])
    send(air, b"late", b"soon")
    air.medium.poll("dut")
    air.run(100)
    air.medium.poll("dut")
    air.run(100)
    assert [payload for _, payload in air.heard("dut")] == [b"soon"]
    air.run(1000)
    air.medium.poll("dut")
    air.run()
    assert [payload for _, payload in air.heard("dut")] == [b"soon", b"late"]


def test_a_parent_has_room_for_some_and_loses_the_rest_aloud() -> None:
    air = asleep()
    send(air, *(bytes([n]) for n in range(PARENT_BUFFER + 2)))
    air.run()
    air.medium.poll("dut")
    air.run()
    assert [payload for _, payload in air.heard("dut")] == [
        bytes([n]) for n in range(PARENT_BUFFER)
    ]
    assert air.tap.of("lost") == ["the parent's buffer is full"] * 2
    send(air, b"again")
    air.run()
    air.medium.poll("dut")
    air.run()
    assert air.heard("dut")[-1][1] == b"again"


def test_a_rejoin_empties_the_parents_buffer() -> None:
    air = asleep()
    send(air, b"old")
    air.run()
    air.medium.join("dut", 1, rejoin=True, sleepy=True)
    air.medium.poll("dut")
    air.run()
    assert air.heard("dut") == []


# Joining and leaving.


def test_a_join_is_answered_one_latency_later() -> None:
    air = Air()
    node = air.add("new", None)
    air.medium.join("new", 1, rejoin=False, sleepy=False)
    assert node.taken == []
    air.run()
    assert node.taken == [(100, Joined(address=DUT_ADDRESS))]
    air.medium.carry("hub", datagram(b"hi!"))
    air.run()
    assert [payload for _, payload in air.heard("new")] == [b"hi!"]


def test_who_is_refused_is_off_the_network() -> None:
    air = Air()
    air.medium.join("dut", 99, rejoin=True, sleepy=False)
    air.medium.carry("hub", datagram())
    air.run()
    assert air.nodes["dut"].taken == [(100, JoinRefused())]
    assert air.tap.of("join") == ["refused"]
    assert air.tap.of("lost") == [f"nobody has address {DUT_ADDRESS:#06x}"]


def test_who_leaves_is_told_once_and_reached_no_more() -> None:
    air = Air()
    air.medium.leave("dut")
    air.medium.leave("dut")
    air.medium.carry("hub", datagram())
    air.run()
    assert air.nodes["dut"].taken == [(100, Left())]
    assert air.tap.of("leave") == [""]


# Delivery reports.


@pytest.mark.parametrize(
    ("options", "destination", "plan", "reports"),
    [
        (ApsOptions.ACKNOWLEDGE, OTHER_ADDRESS, (), [True]),
        (ApsOptions.NONE, OTHER_ADDRESS, (), []),
        (ApsOptions.ACKNOWLEDGE, 0x7777, (), [False]),
        (ApsOptions.ACKNOWLEDGE, DUT_ADDRESS, (DropFrame(at=to_device(0)),), [False]),
        (ApsOptions.ACKNOWLEDGE, DUT_ADDRESS, (DuplicateFrame(at=to_device(0)),), [True]),
    ],
)
def test_a_sender_hears_once_what_became_of_its_datagram(
    options: int, destination: int, plan: tuple[FrameFault, ...], reports: list[bool]
) -> None:
    air = Air()
    node = air.add("asking", 0x1A03, reports=True)
    air.medium.plan(plan)
    one = datagram(source=0x1A03, destination=destination, options=int(options), aps_counter=77)
    air.medium.carry("asking", one)
    air.run()
    assert node.taken == [(200, Delivered(aps_counter=77, success=one)) for one in reports]
