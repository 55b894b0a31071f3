"""Carry things between two bridges: late, twice, not at all, or when a sleepy one asks."""

from random import Random

import pytest

from emulator.actions import Echo, Hello, Tunnel, Tunnelled
from emulator.device.outbox import FRAME_OCTETS, octets_of
from emulator.link.medium import PARENT_BUFFER
from emulator.link.quality import LATE_US, Quality
from emulator.link.spans import End, Span
from emulator.units import SECOND
from emulator.world import World
from tests.link.parties import Node, Tap, datagram

NEAR, REMOTE = 0xA, 0xB
SWIFT = Quality(latency_us=100, octets_per_s=SECOND)


class Pair:
    """Be two bridges that write down what reaches them, and the link between them."""

    def __init__(self, quality: Quality = SWIFT, *, sleepy: bool = False, seed: int = 1) -> None:
        self.world, self.tap = World(), Tap()
        self.near, self.remote = Node(), Node()
        self.world.attach("near", self.near)
        self.world.attach("remote", self.remote)
        ends = (End(name="near", eui64=NEAR), End(name="remote", eui64=REMOTE, sleepy=sleepy))
        self.span = Span(self.world, self.tap, ends, quality, Random(seed))

    def down(self, number: int = 0) -> None:
        self.span.carry("near", Tunnel(eui64=REMOTE, protocol=1, content=Echo(number=number)))

    def run(self, limit_us: int = SECOND) -> None:
        self.world.run(lambda: False, limit_us)

    @property
    def numbers(self) -> list[int]:
        """Return which echoes reached the remote, in order."""
        contents = [one.content for _, one in self.remote.taken if isinstance(one, Tunnelled)]
        return [one.number for one in contents if isinstance(one, Echo)]


def test_peer_gets_what_was_sent_under_the_senders_name() -> None:
    pair = Pair()
    pair.span.carry("remote", Tunnel(eui64=NEAR, protocol=0, content=Hello(lowest=1, highest=2)))
    pair.run()
    assert pair.near.taken == [
        (
            100 + FRAME_OCTETS,
            Tunnelled(eui64=REMOTE, protocol=0, content=Hello(lowest=1, highest=2)),
        )
    ]
    assert not pair.remote.taken


def test_rate_lets_one_thing_wait_for_the_other_each_way_apart() -> None:
    pair = Pair(Quality(latency_us=100, octets_per_s=1000))
    carried = datagram(payload=bytes(100 - FRAME_OCTETS))
    assert octets_of(carried) == 100
    for _ in range(2):
        pair.span.carry("near", Tunnel(eui64=REMOTE, protocol=1, content=carried))
    pair.span.carry("remote", Tunnel(eui64=NEAR, protocol=1, content=carried))
    pair.run()
    assert [at for at, _ in pair.remote.taken] == [100_100, 200_100]
    assert [at for at, _ in pair.near.taken] == [100_100]


def test_link_that_is_down_carries_nothing_and_forgets_nothing_under_way() -> None:
    pair = Pair()
    pair.down(1)
    pair.span.up = False
    pair.down(2)
    pair.span.up = True
    pair.down(3)
    pair.run()
    assert pair.numbers == [1, 3]
    assert pair.tap.of("lost") == ["the way is down"]


def test_flaws_strike_as_often_as_said_and_by_the_seed_alone() -> None:
    flawed = Quality(latency_us=100, octets_per_s=SECOND, lost=100_000, twice=50_000, late=20_000)
    heard = []
    for seed in (1, 1, 2):
        pair = Pair(flawed, seed=seed)
        for number in range(2000):
            pair.down(number)
        pair.run()
        heard.append(pair.numbers)
    assert heard[0] == heard[1] != heard[2]
    lost = 2000 - len(set(heard[0]))
    twice = len(heard[0]) - len(set(heard[0]))
    assert 150 < lost < 250
    assert 60 < twice < 130
    assert heard[0] != sorted(heard[0])


def test_all_late_is_all_late_alike() -> None:
    pair = Pair(Quality(latency_us=100, octets_per_s=SECOND, late=1_000_000))
    pair.down(1)
    pair.run()
    assert [at for at, _ in pair.remote.taken] == [100 + FRAME_OCTETS + LATE_US]


def test_sleepy_end_gets_what_is_held_when_it_polls() -> None:
    pair = Pair(sleepy=True)
    for number in range(PARENT_BUFFER + 1):
        pair.down(number)
    pair.run()
    assert not pair.remote.taken
    assert pair.span.holds("remote")
    assert not pair.span.holds("near")
    assert pair.tap.of("lost") == ["too much is held for its peer"]
    pair.span.poll("remote")
    pair.run()
    assert pair.numbers == list(range(PARENT_BUFFER))
    assert not pair.span.holds("remote")


def test_poll_over_a_link_that_is_down_fetches_nothing_and_loses_nothing() -> None:
    pair = Pair(sleepy=True)
    for number in (1, 2):
        pair.down(number)
    pair.run()
    pair.span.up = False
    pair.span.poll("remote")
    pair.run()
    assert not pair.remote.taken
    pair.span.up = True
    pair.span.poll("remote")
    pair.run()
    assert pair.numbers == [1, 2]


def test_what_is_still_under_way_is_not_fetched() -> None:
    pair = Pair(sleepy=True)
    pair.down(1)
    pair.span.poll("remote")
    pair.run()
    assert not pair.remote.taken
    pair.span.poll("remote")
    pair.run()
    assert pair.numbers == [1]


def test_what_a_bridge_holds_is_lost_with_its_supply() -> None:
    pair = Pair(sleepy=True)
    pair.down(1)
    pair.span.forget("remote")
    assert pair.span.holds("remote")
    pair.span.forget("near")
    pair.run()
    pair.span.poll("remote")
    pair.run()
    assert not pair.remote.taken


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lost": 1_000_001}, "lost: found 1000001, wanted 0..1000000"),
        ({"twice": -1}, "twice: found -1, wanted 0..1000000"),
        ({"octets_per_s": 0}, "found 10000 us, 0 octets/s, wanted 0 us and 1 octet/s or more"),
    ],
)
def test_impossible_quality_is_refused(fields: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Quality(**fields)
