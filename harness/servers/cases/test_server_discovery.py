"""The server is found, and says what it is to answer as."""

import pytest

from emulator.wire import ota
from emulator.wire.zdo import ZdoStatus
from harness.covers import covers
from harness.servers.bench import ServerBench
from harness.servers.requests import block, end, fitting


@covers("OTA-S-001")
@pytest.mark.parametrize("broadcast", [True, False], ids=["broadcast", "unicast"])
def test_match_descriptor_is_answered(server: ServerBench, broadcast: bool) -> None:
    """A client finds the server by the cluster that it serves.

    Attack: Match_Desc_req for the server side of cluster 0x0019, to all or to the server alone.
    Expect: Match_Desc_rsp with SUCCESS and an endpoint at which OTA is spoken.
    Source: ZigBee 05-3474, 2.4.3.1.7; ota-cluster fact sheet, 4.3.
    """
    answer = server.discover(broadcast=broadcast)

    assert answer is not None
    assert answer.status == ZdoStatus.SUCCESS
    assert len(answer.endpoints) > 0
    assert all(0 < endpoint <= 240 for endpoint in answer.endpoints)


@covers("OTA-S-007")
@pytest.mark.parametrize("request_kind", ["query", "no image", "block", "end"])
def test_answer_goes_back_the_way_the_request_came(server: ServerBench, request_kind: str) -> None:
    """An answer carries the number, the endpoints and the profile of its request.

    Attack: each kind of request, under a sequence number that no counter would reach next.
    Expect: the same number, frame control 0x19, from the endpoint that was asked, to the one that
        asked, in the same profile.
    Source: ota-server.c of the Simplicity SDK; zigpy 154; zsmartsystems 1217.
    """
    image = server.session()
    asked = {
        "query": fitting(image),
        "no image": fitting(image, image_type=image.image_type ^ 1),
        "block": block(image),
        "end": end(image),
    }[request_kind]

    speak = server.ask if request_kind in ("block", "end") else server.query
    heard = speak(asked, sequence=0xA5)

    assert heard is not None
    one = heard.datagram
    assert heard.sequence == 0xA5
    assert one.payload[0] == 0x19
    assert (one.source_endpoint, one.destination_endpoint) == server.endpoints
    assert one.profile == server.profile.ota.zigbee_profile
    assert one.source == server.place.address


@covers("OTA-S-002")
def test_offer_names_what_is_served(server: ServerBench) -> None:
    """A query for an image that the server holds is answered with the offer.

    Attack: the query of a device that runs the version below.
    Expect: SUCCESS in 13 octets, the same ids, the version and the size of the file's header.
    Source: ZCL rev 8, 11.13.5.
    """
    image = server.offering()

    heard = server.query(fitting(image))

    assert heard is not None
    assert len(heard.datagram.payload) - 3 == 13
    assert heard.frame == ota.QueryNextImageResponse(
        status=ota.Status.SUCCESS,
        manufacturer=image.manufacturer,
        image_type=image.image_type,
        file_version=image.file_version,
        image_size=len(image.octets),
    )
