"""The bench of a Communications Hub: whom it judges, and that it measures by itself."""

import pytest

from emulator.profiles.load import load, names
from emulator.units import HOUR, SECOND
from emulator.wire import ota
from harness.hub.communications import CommunicationsHub
from harness.hub.server import Hub
from harness.lanes.servers import DirectServer
from harness.servers.home import Home
from harness.servers.reach import ServerOptions
from harness.verdict import Unsupported

PROFILE = load(names()[0])


def home() -> Home:
    return Home(PROFILE, DirectServer(PROFILE, CommunicationsHub(), 0), ServerOptions())


def test_somebody_elses_server_is_not_judged() -> None:
    reach = DirectServer(PROFILE, CommunicationsHub(), 0)
    reach.hub = None
    with pytest.raises(Unsupported, match="judges our own hub"):
        Home(PROFILE, reach, ServerOptions())


def test_hub_of_another_kind_is_a_mistake_of_ours() -> None:
    made = Home(PROFILE, DirectServer(PROFILE, Hub(), 0), ServerOptions())
    with pytest.raises(TypeError, match="found Hub, wanted CommunicationsHub"):
        _ = made.reports


def test_busiest_hour_is_any_hour_and_the_hubs_own() -> None:
    made = home()
    before_us = made.busiest_hour_us()
    notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
    made.wait(2 * HOUR)
    made._reach.announce(notify, broadcast=True)
    made.wait(HOUR // 2)
    made._reach.announce(notify, broadcast=True)
    made.wait(HOUR // 2 + SECOND)
    made._reach.announce(notify, broadcast=True)
    one_us = (len(notify.encode()) + 3 + 45 + 12) * 80
    assert 0 < before_us != 2 * one_us
    assert made.busiest_hour_us() == max(before_us, 2 * one_us)
    made.read_time()
    assert made.busiest_hour_us() == max(before_us, 2 * one_us)


def test_neighbours_and_newcomers_share_the_hub_and_its_trace() -> None:
    made = home()
    other = made.neighbour(made.eui64 + 1)
    assert other.hub is made.hub
    assert other.address != made.address
    assert other.trace.rows is made.trace.rows
    assert made.newcomer(made.eui64 + 2).player.admissions == []
    assert [made.eui64, made.eui64 + 1] == list(made.hub.members)
