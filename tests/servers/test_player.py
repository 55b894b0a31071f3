"""The client of the server suite says what it is told, and nothing about firmware by itself."""

from itertools import pairwise

import pytest

from emulator.faults import DropFrame, Leg, Selector
from emulator.profiles.load import load, names
from emulator.units import HOUR, MILLISECOND, SECOND
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import ZDO_PROFILE, Datagram
from emulator.wire.ota import Status
from harness.hub.lies import Again, Cut, Late, Lie, OtherSequence, Silence
from harness.lanes.port import LaneOptions
from harness.lanes.servers import Servers
from harness.servers.bench import ServerBench
from harness.servers.reach import ServerOptions
from harness.servers.requests import block, fitting, page, query
from harness.verdict import Inconclusive, Unsupported

PROFILES = names()


def bench(options: ServerOptions | None = None, name: str = PROFILES[0]) -> ServerBench:
    options = options or ServerOptions()
    servers = Servers("direct:", options, LaneOptions(), None)
    profile = load(name)
    return ServerBench(profile, servers.open(profile, 7), options)


def said(server: ServerBench) -> list[Datagram]:
    return [one for _, who, one in server.trace.datagrams() if who == "client"]


@pytest.mark.parametrize("name", PROFILES)
def test_client_is_silent_about_firmware_until_a_case_speaks(name: str) -> None:
    server = bench(name=name)
    server.wait(26 * HOUR)
    spoken = said(server)
    assert [one for one in spoken if one.cluster == ota.CLUSTER] == []
    announced = zdo.CLUSTERS[zdo.DeviceAnnounce]
    asked = zdo.CLUSTERS[zdo.MatchDescriptorRequest]
    assert {one.cluster for one in spoken} == {announced, asked}
    assert len([one for one in spoken if one.cluster == asked]) == 1  # of the bench


@pytest.mark.parametrize("name", PROFILES)
def test_client_answers_an_interview(name: str) -> None:
    server = bench(name=name)
    hub, address = server.hub, server.address
    server.ask(fitting(server.session()))  # now the hub knows the client's endpoint
    mark = len(said(server))
    for frame in (
        zdo.NodeDescriptorRequest(sequence=1, address=address),
        zdo.ActiveEndpointsRequest(sequence=2, address=address),
    ):
        for action in hub.zdo(frame, address):
            server._reach.send(action.datagram)  # type: ignore[attr-defined]  # of the direct way
    for action in hub.general(zcl.ReadAttributes(attributes=(0x0002,)), address):
        server._reach.send(action.datagram)  # type: ignore[attr-defined]
    server.wait(SECOND)
    answers = said(server)[mark:]
    in_zdo = {one.cluster for one in answers if one.profile == ZDO_PROFILE}
    assert {0x8002, 0x8005} <= in_zdo
    read = [one for one in answers if one.cluster == ota.CLUSTER]
    assert [one.payload[2] for one in read] == [zcl.GeneralCommand.READ_ATTRIBUTES_RESPONSE]


def test_octets_go_out_as_they_are_told() -> None:
    server = bench()
    image = server.session()
    server.say(b"\x01\x02")
    server.say(block(image), Cut(3), sequence=0x99)
    server.say(fitting(image), OtherSequence(2), sequence=0x10)
    payloads = [one.payload for one in said(server) if one.cluster == ota.CLUSTER]
    assert payloads[0] == b"\x01\x02"
    assert payloads[1] == b"\x01\x99\x03" + block(image).encode()[:3]
    assert payloads[2] == b"\x01\x12\x01" + fitting(image).encode()


def test_ask_takes_no_notify_for_an_answer_and_no_late_answer_of_another() -> None:
    server = bench()
    image = server.session()
    server.hub.lies.append(Lie(ota.ImageBlockResponse, [Late(11 * SECOND)], count=1))
    assert server.ask(block(image, 40)) is None  # it comes a second after its time
    server.announce()
    heard = server.ask(query(image))
    assert heard is not None
    assert isinstance(heard.frame, ota.QueryNextImageResponse)
    server.hub.lies.append(Lie(ota.ImageBlockResponse, [Late(10_500 * MILLISECOND)], count=1))
    server.say(block(image, 80))
    server.wait(10 * SECOND)
    again = server.ask(block(image, 120))
    assert again is not None
    assert isinstance(again.frame, ota.ImageBlockResponse)
    assert again.frame.file_offset == 120


def test_collect_ends_where_a_server_does_not() -> None:
    server = bench()
    image = server.session()
    copies = Again(copies=5_000, gap_us=10 * MILLISECOND)
    server.hub.lies.append(Lie(ota.ImageBlockResponse, [copies]))
    assert 200 < len(server.answers(block(image))) < 300


def test_silence_needs_a_control_and_ends_with_what_must_not_come() -> None:
    server = bench()
    image = server.session()
    with pytest.raises(Inconclusive, match="answered no control"):
        server.silence(ota.ImageBlockResponse)
    control = server.ask(block(image))
    assert control is not None
    assert server.silence(ota.ImageBlockResponse) == []
    server.hub.lies.append(Lie(ota.ImageBlockResponse, [Again(copies=3, gap_us=SECOND)]))
    server.say(block(image))
    assert len(server.silence(ota.ImageBlockResponse)) == 1
    kept = [(one.kind, one.heard) for one in server.absences]
    assert kept == [("ImageBlockResponse", 0), ("ImageBlockResponse", 1)]


def test_a_page_of_a_server_that_counts_by_itself_is_heard() -> None:
    server = bench()
    server.need_pages(served=True)
    image = server.session()
    server.hub.lies.append(Lie(ota.ImageBlockResponse, [OtherSequence(9)]))
    assert len(server.answers(page(image, size=80))) == 2


def test_what_nobody_said_of_another_server_is_unsupported() -> None:
    server = bench(ServerOptions(supports=frozenset({"OTA.SERVER.PAGE"})))
    server._reach.hub = None
    with pytest.raises(Unsupported, match=r"nothing is said about OTA\.SERVER\.RATE"):
        server.need_rate(250)
    with pytest.raises(Unsupported, match=r"the server has OTA\.SERVER\.PAGE"):
        server.need_pages(served=False)
    server.need_pages(served=True)
    with pytest.raises(Unsupported, match="ours alone is one"):
        server.restart_server()


def test_a_server_that_serves_on_request_is_waited_for_and_asked_first() -> None:
    server = bench(ServerOptions(on_request=True, begin_us=5 * SECOND))
    with pytest.raises(Inconclusive, match=r"did not begin: no Image Notify in 5 s"):
        server.session()
    server.announce()
    image = server.session()
    heard = [type(one.frame) for one in server.hub.heard if one.source == server.address]
    assert heard[-1] is ota.QueryNextImageRequest
    with pytest.raises(Inconclusive, match="did not begin"):
        server.offer(fitting(image))  # the session is left first: a new one must begin
    left = server.hub.heard[-1].frame
    assert isinstance(left, ota.UpgradeEndRequest)
    assert left.status is Status.ABORT


def test_a_notify_that_is_claimed_and_does_not_come_is_a_failure() -> None:
    server = bench(ServerOptions(supports=frozenset({"OTA.SERVER.NOTIFY"})))
    server.session()
    assert server.notify().payload[2] == 0x00
    server.hub.lies.append(Lie(ota.ImageNotify, [Silence()]))
    with pytest.raises(AssertionError, match="no broadcast Image Notify in 60 s"):
        server.notify(broadcast=True)


def test_a_download_asks_for_each_so_manieth_block_twice_however_short_blocks_are() -> None:
    server = bench()
    image = server.session()
    server.hub.settings.block_sizes = (30,)
    assert server.download(image, most=48, twice_each=7) == image.octets
    asked = [
        one.file_offset for one in server.hub.log(server.address).since(0, ota.ImageBlockRequest)
    ]
    twice = [before for before, after in pairwise(asked) if before == after]
    assert twice == [
        30 * number for number in range(len(image.octets) // 30 + 1) if number % 7 == 6
    ]


def test_a_lost_answer_is_none() -> None:
    server = bench()
    image = server.session()
    server.plan(DropFrame(at=Selector(leg=Leg.TO_DEVICE, number=0, cluster=ota.CLUSTER)))
    assert server.ask(block(image)) is None
    assert server.octets(block(image, most=10)) == image.octets[:10]
