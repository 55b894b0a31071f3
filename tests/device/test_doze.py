"""Polls that find nothing are left out where nothing can come; nothing else changes by that."""

from collections.abc import Callable

import pytest

from emulator.actions import Poll
from emulator.faults import DelayFrame, DropBurst, Leg, Selector
from emulator.link.direct import DirectLink
from emulator.profiles.load import load, overlay
from emulator.units import DAY, HOUR, MINUTE, SECOND
from emulator.wire import ota
from harness.bench import Bench
from tests.device.benches import bridge_of

SLEEPY = "B4"


def upgraded(bench: Bench) -> None:
    bench.start()
    bench.upgrade(bench.image(size=700))
    bench.wait(3 * DAY)


def harmed(bench: Bench) -> None:
    bench.start()
    some, late = (Selector(leg=Leg.TO_DEVICE, number=number) for number in (3, 60))
    bench.plan(DropBurst(at=some, lose=2, of=5, rounds=9), DelayFrame(at=late, by_us=9 * SECOND))
    bench.offer(bench.image(size=700))
    bench.wait(2 * HOUR)


def interviewed(bench: Bench) -> None:
    """Speak at odd moments, while it dozes and while it lingers."""
    bench.start()
    for pause_us in (1, 6 * SECOND, 6 * SECOND - 5000, 61 * SECOND, 17 * MINUTE, 3):
        bench.wait(pause_us)
        bench.read(0x0002)
    bench.power_cycle()
    bench.wait(HOUR)


def trialled(bench: Bench) -> None:
    """Lose the hub in a trial: checkpoints, pauses and the end of it come between polls."""
    bench.start()
    bench.offer(bench.image(size=700))
    bench.hub.up = False
    bench.wait(3 * HOUR)


def life(lived: Callable[[Bench], None], **changes: object) -> Bench:
    profile = overlay(load(SLEEPY), {key.replace("__", "."): one for key, one in changes.items()})
    bench = Bench(profile)
    lived(bench)
    return bench


@pytest.fixture
def polls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the polls that are made."""
    count, perform = [0], DirectLink._perform

    def counted(link: DirectLink, action: object, now: int) -> bool:
        count[0] += type(action) is Poll
        return perform(link, action, now)  # type: ignore[arg-type]  # of the test alone

    monkeypatch.setattr(DirectLink, "_perform", counted)
    return count


@pytest.mark.parametrize("linger_ms", [0, 4000])
@pytest.mark.parametrize("lived", [upgraded, harmed, interviewed, trialled])
def test_a_life_is_the_same_without_idle_polls(
    lived: Callable[[Bench], None],
    linger_ms: int,
    polls: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changes: dict[str, object] = {"sleep__linger_ms": linger_ms}
    dozing = life(lived, **changes)
    few, polls[0] = polls[0], 0
    monkeypatch.setattr("emulator.device.bridge.Bridge.doze", lambda bridge, until: None)
    awake = life(lived, **changes)
    assert list(dozing.trace.lines()) == list(awake.trace.lines())
    assert dozing.now == awake.now
    assert bridge_of(dozing).flash.content() == bridge_of(awake).flash.content()
    assert bridge_of(dozing).deadline == bridge_of(awake).deadline
    assert few < polls[0] / 2


def test_what_comes_is_found_by_the_next_poll(polls: list[int]) -> None:
    bench = life(lambda bench: bench.start())
    bench.wait(HOUR)
    polls[0], queries = 0, bench.count(ota.QueryNextImageRequest)
    bench.wait(HOUR)
    assert polls[0] <= 2  # of 600
    bench.notify()
    bench.wait(7 * SECOND)  # a poll each 6 s, and some hops
    assert bench.count(ota.QueryNextImageRequest) == queries + 1
