"""Which image the server offers, to whom, and how it says that there is none."""

import pytest

from emulator.wire import ota
from emulator.wire.ota import Status
from harness.covers import covers
from harness.servers.bench import ServerBench
from harness.servers.reading import status_of
from harness.servers.requests import block, fitting, query

#: A query response that names no image: command 0x02, one octet.
_NONE = bytes((0x19, 0x41, 0x02, Status.NO_IMAGE_AVAILABLE))


@covers("OTA-S-003")
def test_no_image_is_said_in_one_octet(server: ServerBench) -> None:
    """A device that the server has nothing for is told so, as the query's own response.

    Attack: a query for an image type that the server does not hold.
    Expect: command 0x02 with NO_IMAGE_AVAILABLE and nothing else; no Default Response.
    Source: ZCL rev 8, 11.13.5; zsmartsystems PR 762 and 788.
    """
    image = server.offering()
    assert server.offer(fitting(image)) is Status.SUCCESS

    heard = server.query(fitting(image, image_type=image.image_type ^ 0x11), sequence=0x41)

    assert heard is not None
    assert heard.datagram.payload == _NONE


@covers("OTA-S-004")
def test_hardware_range_includes_its_ends(server: ServerBench) -> None:
    """An image is offered to the hardware that its header names, and to no other.

    Attack: queries with the hardware version below the range, above it, at either end.
    Expect: no image, no image, and the offer at both ends.
    Source: ZigBee OTA 095264, 6.10.4.4; zigpy 1566; herdsman-converters 9356.
    """
    image = server.offering(ranged=True)
    low, high = server.hardware(image)

    offered = {
        version: server.offer(query(image, hardware=version))
        for version in (low, high, low - 1, high + 1)
    }

    none = Status.NO_IMAGE_AVAILABLE
    assert offered == {low: Status.SUCCESS, high: Status.SUCCESS, low - 1: none, high + 1: none}


@covers("OTA-S-005")
def test_query_without_hardware_version_is_answered(server: ServerBench) -> None:
    """A device that names no hardware version gets one of the two answers that policies allow.

    Attack: a query with field control 0 for an image with a hardware range.
    Expect: the offer, or NO_IMAGE_AVAILABLE; nothing else.
    Source: ota-server-policy.c of the Simplicity SDK.
    """
    image = server.offering(ranged=True)
    assert server.offer(fitting(image)) is Status.SUCCESS

    heard = server.query(query(image, hardware=None))

    assert heard is not None
    assert isinstance(heard.frame, ota.QueryNextImageResponse)
    assert heard.frame.status in (Status.SUCCESS, Status.NO_IMAGE_AVAILABLE)


@covers("OTA-S-006")
def test_highest_version_is_offered(server: ServerBench) -> None:
    """Of several versions the newest is offered, not the first that is newer.

    Attack: a server that holds three versions; a device that runs one below all of them.
    Expect: the highest of them is offered, also to a device that runs one in between.
    Source: ZCL rev 8, 11.13.4.
    """
    image = server.offering(versions=3)

    first = server.query(fitting(image, version=image.file_version - 3))
    between = server.query(fitting(image, version=image.file_version - 2))

    for heard in (first, between):
        assert heard is not None
        assert isinstance(heard.frame, ota.QueryNextImageResponse)
        assert heard.frame.file_version == image.file_version


@covers("GB-016")
@pytest.mark.parametrize("whose", ["manufacturer", "image type"])
def test_nobody_elses_image_is_offered(server: ServerBench, whose: str) -> None:
    """An image is offered to the make and the type that it is for.

    Attack: the query of another manufacturer's device, and of another image type.
    Expect: NO_IMAGE_AVAILABLE; the device that it is for gets the offer before and after.
    Source: ZCL rev 8, 11.13.4.
    """
    image = server.offering()
    others = {
        "manufacturer": fitting(image, manufacturer=image.manufacturer ^ 0x11),
        "image type": fitting(image, image_type=image.image_type ^ 0x11),
    }

    assert server.offer(fitting(image)) is Status.SUCCESS
    assert server.offer(others[whose]) is Status.NO_IMAGE_AVAILABLE
    assert server.offer(fitting(image)) is Status.SUCCESS


@covers("GB-077")
def test_running_version_is_not_offered(server: ServerBench) -> None:
    """A device is not offered what it runs, so that nothing is installed in a loop.

    Attack: a query that names the version of the newest image as running.
    Expect: NO_IMAGE_AVAILABLE; one version below, the same device gets the offer.
    Source: ZCL rev 8, 11.13.5.4; zigbee2mqtt 26459.
    """
    image = server.offering()

    assert server.offer(fitting(image)) is Status.SUCCESS
    assert server.offer(fitting(image, version=image.file_version)) is Status.NO_IMAGE_AVAILABLE


@covers("OTA-S-002", "OTA-S-009")
def test_endless_restarts_wear_nothing_out(server: ServerBench) -> None:
    """A device that begins again and again, and never ends, is served like one that begins once.

    Attack: forty times a query and the first block, then nothing more of it.
    Expect: each time the offer and the first octets; the last time as the first.
    Source: ZCL rev 8, 11.13.6: the client owns the progress; zsmartsystems 1241.
    """
    image = server.offering()

    served = set()
    for _ in range(server.rounds(40)):
        offered = status_of(server.ask(fitting(image)))
        served.add((offered, server.octets(block(image, most=20))))

    assert served == {(Status.SUCCESS, image.octets[:20])}
