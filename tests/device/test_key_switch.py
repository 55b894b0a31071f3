"""A bridge whose network key is switched goes on under the new one, and joins no second time."""

import pytest

from emulator.profiles.load import load, names
from emulator.units import HOUR, MINUTE
from emulator.wire import ota, zdo
from harness.bench import Bench


def started(profile: str) -> Bench:
    bench = Bench(load(profile))
    bench.start()
    return bench


@pytest.mark.parametrize("profile", names())
def test_nothing_is_announced_and_the_new_key_is_used(profile: str) -> None:
    bench = started(profile)
    announced = bench.count(zdo.DeviceAnnounce)
    queries = bench.count(ota.QueryNextImageRequest)
    bench.switch_key()
    bench.wait(10 * MINUTE)
    assert bench.count(zdo.DeviceAnnounce) == announced
    assert bench.count(ota.QueryNextImageRequest) == queries
    bench.notify()
    bench.wait(MINUTE)
    assert bench.last_datagram(ota.QueryNextImageRequest).key_id == 1


def test_the_key_outlives_a_power_cut() -> None:
    bench = started("B1")
    bench.switch_key()
    counters = bench.frame_counters()
    bench.power_cycle()
    assert bench.last_datagram(ota.QueryNextImageRequest).key_id == 1
    assert bench.frame_counters() == sorted(set(bench.frame_counters()))
    assert len(bench.frame_counters()) > len(counters)


def test_the_same_key_again_is_a_join() -> None:
    bench = started("B1")
    announced = bench.count(zdo.DeviceAnnounce)
    joined = bench.hub.admit(bench.identity.eui64, True)
    assert joined is not None
    bench.lane.event(joined)
    bench.wait(MINUTE)
    assert bench.count(zdo.DeviceAnnounce) == announced + 1


def test_a_key_switched_while_the_bridge_is_away_is_learnt_when_it_rejoins() -> None:
    bench = started("B1")
    bench.expel()
    bench.hub.key_id += 1
    bench.readmit()
    queries = bench.count(ota.QueryNextImageRequest)
    bench.run(lambda: bench.count(ota.QueryNextImageRequest) > queries, HOUR)
    assert bench.last_datagram(ota.QueryNextImageRequest).key_id == 1
    assert bench.count(zdo.DeviceAnnounce) == 2
