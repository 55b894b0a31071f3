"""Virtual time: order, limits, copies."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.actions import Battery, Stimulus, Wake
from emulator.units import Us
from emulator.world import World


class Listener:
    """Write down what it is handed, and post what it is told to."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.taken: list[tuple[Us, int]] = []
        self.then: list[tuple[Us, str, Stimulus]] = []
        world.attach(name, self)

    def take(self, stimulus: Stimulus, now: Us) -> None:
        assert isinstance(stimulus, Battery)
        self.taken.append((now, stimulus.percent))
        while self.then:
            delay, receiver, posted = self.then.pop()
            self.world.post(now + delay, receiver, posted)


def never() -> bool:
    return False


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=20))
def test_time_orders_and_then_posting(posts: list[tuple[int, bool]]) -> None:
    world = World()
    both = [Listener(world, "a"), Listener(world, "b")]
    for number, (at, second) in enumerate(posts):
        world.post(at, "b" if second else "a", Battery(percent=number))
    assert not world.run(never, 10)
    everything = sorted((number, at) for listener in both for at, number in listener.taken)
    assert everything == [(number, at) for number, (at, _) in enumerate(posts)]
    for second, listener in enumerate(both):
        mine = [(at, n) for n, (at, other) in enumerate(posts) if other == bool(second)]
        assert listener.taken == sorted(mine)


def test_what_is_posted_for_now_happens_after_what_is_queued_for_now() -> None:
    world = World()
    first = Listener(world, "a")
    first.then = [(0, "a", Battery(percent=3))]
    world.post(5, "a", Battery(percent=1))
    world.post(5, "a", Battery(percent=2))
    world.run(never, 5)
    assert first.taken == [(5, 1), (5, 2), (5, 3)]


def test_the_past_is_refused() -> None:
    world = World()
    Listener(world, "a")
    world.run(never, 10)
    world.post(10, "a", Battery(percent=1))
    with pytest.raises(ValueError, match="9 us is past: now is 10 us"):
        world.post(9, "a", Battery(percent=1))


def test_time_stands_at_the_limit_when_the_condition_fails() -> None:
    world = World()
    listener = Listener(world, "a")
    for at in (10, 11):
        world.post(at, "a", Battery(percent=at))
    assert not world.run(never, 10)
    assert (world.now, listener.taken) == (10, [(10, 10)])
    assert not world.run(never, 0)
    assert (world.now, listener.taken) == (10, [(10, 10)])
    assert not world.run(never, 100)
    assert (world.now, listener.taken[1:]) == (110, [(11, 11)])


def test_time_does_not_run_back() -> None:
    world = World()
    world.run(never, 10)
    with pytest.raises(ValueError, match="does not run back"):
        world.run(never, -1)
    assert world.now == 10


def test_the_condition_is_asked_before_anything_and_after_each_event() -> None:
    world = World()
    listener = Listener(world, "a")
    for at in (1, 2, 3):
        world.post(at, "a", Battery(percent=at))
    assert world.run(lambda: True, 10)
    assert (world.now, listener.taken) == (0, [])
    assert world.run(lambda: len(listener.taken) == 2, 10)
    assert (world.now, listener.taken) == (2, [(1, 1), (2, 2)])


def test_a_name_is_taken_once() -> None:
    world = World()
    Listener(world, "a")
    with pytest.raises(ValueError, match="a is attached already"):
        Listener(world, "a")


def test_what_is_unwanted_is_taken_back_even_while_time_runs() -> None:
    world = World()
    other = Listener(world, "b")

    class Regretful:
        def take(self, stimulus: Stimulus, now: Us) -> None:
            world.discard("b", lambda one: one != Battery(percent=7))

    world.attach("a", Regretful())
    world.post(1, "a", Wake())
    for percent in (6, 7, 8):
        world.post(2, "b", Battery(percent=percent))
    world.run(never, 5)
    assert other.taken == [(2, 7)]
    assert world.pending() == []


@given(st.lists(st.integers(0, 20), max_size=30), st.integers(0, 20), st.integers(0, 99))
def test_a_copy_goes_on_as_the_original_did(times: list[int], stop: int, seed: int) -> None:
    world = World()
    listener = Listener(world, "a")
    for number, at in enumerate(times):
        world.post(at, "a", Battery(percent=number))
    world.run(never, stop)
    state = world.snapshot()
    pending = world.pending()
    before = len(listener.taken)

    def live() -> list[tuple[Us, int]]:
        rng = random.Random(seed)
        for number in range(5):
            world.post(world.now + rng.randrange(10), "a", Battery(percent=100 + number))
        world.run(never, 30)
        return listener.taken[before:]

    first = live()
    assert world.now == stop + 30
    world.restore(state)
    assert (world.now, world.pending()) == (stop, pending)
    del listener.taken[before:]
    assert live() == first


def test_the_horizon_is_the_next_event_or_the_end_of_the_run() -> None:
    world, seen = World(), list[Us]()

    class Looker:
        def take(self, stimulus: Stimulus, now: Us) -> None:
            seen.append(world.horizon)

    world.attach("a", Looker())
    assert world.horizon <= world.now  # outside of a run anything may happen at any time
    for at in (3, 7):
        world.post(at, "a", Wake())
    world.run(never, 10)
    assert seen == [7, 11]
    assert world.horizon <= world.now
    world.post(12, "a", Wake())
    world.run(lambda: len(seen) == 3, 10)
    assert seen[2:] == [21]
    assert world.horizon <= world.now
