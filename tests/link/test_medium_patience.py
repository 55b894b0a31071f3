"""Parents that do not hold for ever, nodes without supply, and reports that wait for the truth."""

import pytest

from emulator.actions import Delivered, Stimulus
from emulator.link.medium import Medium, Patience
from emulator.units import Us
from emulator.wire.aps import ApsOptions
from emulator.world import World
from tests.link.parties import DUT_ADDRESS, HUB_ADDRESS, OTHER_ADDRESS, Gate, Node, Tap, datagram

HOLD_US, LATENCY_US = 1000, 10


class Keeper:
    """Let the medium drop what was held for too long."""

    def __init__(self, medium: Medium) -> None:
        self.medium = medium

    def take(self, stimulus: Stimulus, now: Us) -> None:
        self.medium.expire()


class Air:
    """Be a medium with patience: a hub, a sleepy device, a node that may be off."""

    def __init__(self) -> None:
        self.world, self.tap, self.off = World(), Tap(), set[str]()
        self.medium = Medium(
            self.world,
            Gate(DUT_ADDRESS),
            self.tap,
            "",
            LATENCY_US,
            patience=Patience(HOLD_US, "keeper"),
            powered=lambda name: name not in self.off,
        )
        self.world.attach("keeper", Keeper(self.medium))
        self.nodes = {name: Node() for name in ("hub", "dut", "other")}
        for name, node in self.nodes.items():
            self.world.attach(name, node)
            self.medium.attach(name, None)
        self.medium.settle("hub", HUB_ADDRESS)
        self.medium.settle("other", OTHER_ADDRESS)
        self.medium.settle("dut", DUT_ADDRESS, sleepy=True)

    def send(self, to: int, counter: int = 1, **fields: int) -> None:
        made = datagram(destination=to, aps_counter=counter, **fields)
        self.medium.carry("hub", made, report=True)

    def run(self, limit_us: Us = 100) -> None:
        self.world.run(lambda: False, limit_us)

    @property
    def reports(self) -> list[tuple[Us, int, bool]]:
        """Return when what was said of which datagram to the hub."""
        return [
            (at, one.aps_counter, one.success)
            for at, one in self.nodes["hub"].taken
            if isinstance(one, Delivered)
        ]


def test_only_who_asks_or_sends_acknowledged_as_a_reporting_node_is_told() -> None:
    air = Air()
    air.medium.carry("hub", datagram(destination=OTHER_ADDRESS))
    acknowledged = datagram(destination=OTHER_ADDRESS, options=int(ApsOptions.ACKNOWLEDGE))
    air.medium.carry("hub", acknowledged)
    air.run()
    assert air.reports == []
    air.send(OTHER_ADDRESS, counter=3)
    air.run()
    assert air.reports == [(100 + 2 * LATENCY_US, 3, True)]


def test_a_node_without_supply_is_not_reached() -> None:
    air = Air()
    air.off.add("other")
    air.send(OTHER_ADDRESS)
    air.run()
    assert air.reports == [(2 * LATENCY_US, 1, False)]
    assert air.nodes["other"].taken == []
    assert air.tap.of("lost") == ["it has no supply"]
    air.off.clear()
    air.send(OTHER_ADDRESS, counter=2)
    air.run()
    assert len(air.nodes["other"].payloads) == 1


def test_a_report_waits_until_a_sleeper_has_fetched() -> None:
    air = Air()
    air.send(DUT_ADDRESS)
    air.run(500)
    assert air.reports == []
    assert air.medium.poll("dut")
    assert not air.medium.poll("dut")
    air.run(2 * HOLD_US)
    assert air.reports == [(500 + LATENCY_US, 1, True)]
    assert len(air.nodes["dut"].payloads) == 1


def test_what_nobody_fetches_is_dropped_in_time() -> None:
    air = Air()
    air.send(DUT_ADDRESS, counter=1)
    air.run(400)
    air.send(DUT_ADDRESS, counter=2)
    air.run(2 * HOLD_US)
    # To the parent, held, and the word of it back.
    assert air.reports == [
        (HOLD_US + 2 * LATENCY_US, 1, False),
        (400 + HOLD_US + 2 * LATENCY_US, 2, False),
    ]
    assert not air.medium.poll("dut")
    assert air.tap.of("lost") == ["the parent held it for too long"] * 2


@pytest.mark.parametrize("how", ["leaves", "rejoins", "is put off the network", "moves"])
def test_who_goes_loses_what_is_held_for_it(how: str) -> None:
    air = Air()
    air.send(DUT_ADDRESS)
    air.run()
    match how:
        case "leaves":
            air.medium.leave("dut")
        case "rejoins":
            air.medium.join("dut", 1, rejoin=True, sleepy=True)
        case "moves":
            air.medium.settle("dut", 0x1234, sleepy=True)
        case _:
            air.medium.settle("dut", None)
    air.run(2 * HOLD_US)
    assert air.reports == [(100 + LATENCY_US, 1, False)]
    assert air.nodes["dut"].payloads == []


def test_a_sender_that_is_gone_is_told_nothing() -> None:
    air = Air()
    air.send(DUT_ADDRESS)
    air.run()
    air.medium.settle("hub", None)
    air.medium.settle("hub", HUB_ADDRESS)
    air.medium.poll("dut")
    air.run(2 * HOLD_US)
    assert air.reports == []


def test_a_node_is_at_one_address_at_a_time() -> None:
    air = Air()
    air.medium.settle("other", 0x2222)
    air.send(OTHER_ADDRESS, counter=1)
    air.send(0x2222, counter=2)
    air.run()
    assert [report[1:] for report in air.reports] == [(1, False), (2, True)]


def test_what_never_leaves_its_sender_is_reported_too() -> None:
    air = Air()
    air.send(OTHER_ADDRESS, counter=1, source=0x7777)
    air.send(OTHER_ADDRESS, counter=2, key_id=0, frame_counter=5)
    air.send(OTHER_ADDRESS, counter=3, key_id=0, frame_counter=5)
    air.run()
    assert [report[1:] for report in air.reports] == [(1, False), (2, True), (3, False)]
