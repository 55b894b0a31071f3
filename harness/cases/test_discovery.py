"""A device finds the one OTA server of its network, and says what it is itself."""

from itertools import pairwise

import pytest

from emulator.contract import Capability
from emulator.units import HOUR, MINUTE, SECOND
from emulator.wire import ota, zdo
from emulator.wire.codec import Frame
from emulator.wire.ota import Attribute
from harness.bench import Bench
from harness.cases.conftest import MakeBench
from harness.covers import covers
from harness.dut.rungs import rungs
from harness.hub.settings import Instead, no_answer
from harness.verdict import Unsupported

#: What UpgradeServerID is before a server is known (ZCL rev 8, 11.10.1).
_NO_SERVER = 2**64 - 1
#: A node that is on no network here.
_ELSEWHERE, _SOMEBODY = 0x2B01, 0x00124B00_4E4F4E45


@rungs(end=0)
@covers("OTA-C-001")
def test_client_cluster_is_declared(bench: Bench) -> None:
    """A device declares the OTA cluster among its output clusters.

    Attack: none; its simple descriptor is read.
    Expect: cluster 0x0019 is an output cluster of an active endpoint, and no input cluster.
    Source: [SL-C], [EX-H].
    """
    active = bench.ask(
        zdo.ActiveEndpointsRequest(sequence=1, address=bench.address), zdo.ActiveEndpointsResponse
    )
    assert active is not None
    assert active.status is zdo.ZdoStatus.SUCCESS
    simple = bench.ask(
        zdo.SimpleDescriptorRequest(
            sequence=2, address=bench.address, endpoint=active.endpoints[0]
        ),
        zdo.SimpleDescriptorResponse,
    )
    assert simple is not None
    descriptor, _ = zdo.SimpleDescriptor.decode(simple.descriptor or b"")
    assert ota.CLUSTER in descriptor.output_clusters
    assert ota.CLUSTER not in descriptor.input_clusters

    # Control: an endpoint that does not exist is refused, so the descriptor was that endpoint's.
    other = bench.ask(
        zdo.SimpleDescriptorRequest(sequence=3, address=bench.address, endpoint=240),
        zdo.SimpleDescriptorResponse,
    )
    assert other is not None
    assert other.status is not zdo.ZdoStatus.SUCCESS


@rungs(end=0)
@covers("OTA-C-008", "OTA-C-010")
def test_server_is_discovered(bench: Bench) -> None:
    """A new device asks the network for an OTA server and keeps the one that answers.

    Attack: none; the device is new and the hub answers honestly.
    Expect: a match descriptor request for 0x0019 as input cluster; UpgradeServerID is the hub's.
    Source: ZCL rev 8, 11.10.1; [SL-C].
    """
    bench.need(Capability.FACTORY)  # one that was here before may know its server
    request = bench.last(zdo.MatchDescriptorRequest)
    assert ota.CLUSTER in request.input_clusters
    assert request.profile == bench.profile.ota.zigbee_profile
    assert bench.value(Attribute.UPGRADE_SERVER_ID) == bench.hub.eui64

    # Control: the server that was found is the one that is asked.
    assert bench.last_datagram(ota.QueryNextImageRequest).destination == bench.hub.address


@rungs(end=0)
@covers("OTA-C-011")
@pytest.mark.parametrize("unanswered", ["search", "address"])
def test_failed_discovery_does_not_storm(silent_bench: Bench, unanswered: str) -> None:
    """A device that finds no server tries again, but not in a storm.

    Attack: for an hour the hub answers no discovery, or says that it is a server and never which.
    Expect: more than one attempt in the hour, at least 60 s apart; the device still finds the hub.
    Source: [SL-C].
    """
    bench, settings = silent_bench, silent_bench.hub.settings
    bench.need(Capability.FACTORY)
    settings.silent = unanswered == "search"
    settings.instead.append(no_answer(zdo.IeeeAddressRequest))
    bench.lane.power(True)
    bench.wait(bench.lived(60 * MINUTE))
    if unanswered == "address" and bench.count(ota.QueryNextImageRequest):
        raise Unsupported("the device queries a server without knowing its IEEE address")
    attempts = [one.at for one in bench.heard_at(zdo.MatchDescriptorRequest)]
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert len(attempts) >= 2
    assert min(gaps) >= bench.lived(MINUTE)

    # Control: with the hub answering again the next attempt succeeds, so the device never gave up.
    settings.silent = False
    settings.instead.clear()
    assert bench.run(lambda: bench.count(ota.QueryNextImageRequest) > 0, 60 * MINUTE)


#: What says nothing of where a server is.
_USELESS: dict[str, Frame] = {
    "no_match": zdo.MatchDescriptorResponse(
        sequence=0, status=zdo.ZdoStatus.NO_DESCRIPTOR, address=0, endpoints=(1,)
    ),
    "no_endpoint": zdo.MatchDescriptorResponse(
        sequence=0, status=zdo.ZdoStatus.SUCCESS, address=0, endpoints=()
    ),
    "no_device": zdo.IeeeAddressResponse(
        sequence=0, status=zdo.ZdoStatus.DEVICE_NOT_FOUND, eui64=_SOMEBODY, address=0
    ),
    "another_device": zdo.IeeeAddressResponse(
        sequence=0, status=zdo.ZdoStatus.SUCCESS, eui64=_SOMEBODY, address=_ELSEWHERE
    ),
}


@covers("OTA-C-010")
@pytest.mark.parametrize("what", _USELESS)
def test_useless_answer_names_no_server(make_bench: MakeBench, what: str) -> None:
    """A device learns nothing of its server from an answer that says no, or is about another node.

    Attack: the first answer to the discovery, or to the question for the hub's EUI-64, is a
    refusal, has no endpoint, or names another node.
    Expect: UpgradeServerID is the hub's or unset, nobody else's; queries go to the hub's endpoint.
    Source: ZCL rev 8, 11.10.1; ZigBee 05-3474, 2.4.4.
    """
    bench = make_bench()
    bench.need(Capability.FACTORY)
    answer = _USELESS[what]
    match = isinstance(answer, zdo.MatchDescriptorResponse)
    asked = zdo.MatchDescriptorRequest if match else zdo.IeeeAddressRequest
    endpoint = bench.hub.settings.endpoint = 3
    useless = Instead(asked, answer, count=1)
    bench.hub.settings.instead.append(useless)
    bench.lane.power(True)
    assert bench.run(lambda: bench.count(ota.QueryNextImageRequest) > 0, 2 * HOUR)
    assert bench.value(Attribute.UPGRADE_SERVER_ID) in (bench.hub.eui64, _NO_SERVER)
    assert bench.last_datagram(ota.QueryNextImageRequest).destination_endpoint == endpoint

    assert useless.seen > 0  # control: the answer was given, and did no harm
    assert bench.upgrade(bench.image()) == bench.version(1)


@covers("OTA-C-041")
def test_lost_server_is_sought_in_time(make_bench: MakeBench) -> None:
    """A device that holds its server for lost after two errors searches after the second.

    Attack: two errors make a server lost, a query may be sent five times; the hub falls silent.
    Expect: two queries, then a search; the hub is found when it speaks again.
    Source: docs/profiles.md, ota.errors_before_discovery.
    """
    bench = make_bench({"ota.errors_before_discovery": 2, "ota.request_tries": 5})
    bench.start()
    bench.hub.settings.silent = True
    queries, searches = (
        bench.count(kind) for kind in (ota.QueryNextImageRequest, zdo.MatchDescriptorRequest)
    )
    longest_us = 3 * bench.profile.ota.query_period_s * SECOND
    assert bench.run(lambda: bench.count(zdo.MatchDescriptorRequest) > searches, longest_us)
    assert bench.count(ota.QueryNextImageRequest) == queries + 2

    bench.hub.settings.silent = False  # control
    assert bench.run(lambda: bench.count(ota.QueryNextImageRequest) > queries + 2, 2 * HOUR)
    assert bench.upgrade(bench.image()) == bench.version(1)
