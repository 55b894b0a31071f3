"""What no client should send: half commands, unknown ones, the wrong direction, no sense at all."""

import pytest

from emulator.wire import ota, zcl
from emulator.wire.ota import Status
from harness.covers import covers
from harness.hub.lies import Control, Cut, OtherCommand
from harness.servers.bench import ServerBench
from harness.servers.reading import status_of
from harness.servers.requests import block, end, fitting, own_file, page

_MALFORMED = (Status.MALFORMED_COMMAND, Status.INVALID_FIELD)


@covers("OTA-S-022")
@pytest.mark.parametrize(
    ("command", "octets"), [("query", 3), ("query", 8), ("block", 0), ("block", 13), ("end", 4)]
)
def test_half_a_command_is_called_malformed(server: ServerBench, command: str, octets: int) -> None:
    """A request that is cut short is answered with an error, and nothing is done for it.

    Attack: the first octets of a query, of a block request, of an Upgrade End Request.
    Expect: Default Response MALFORMED_COMMAND or INVALID_FIELD; the whole request is served.
    Source: ota-server.c of the Simplicity SDK; zigbee2mqtt 32168.
    """
    image = server.session()
    whole = {"query": fitting(image), "block": block(image), "end": end(image)}[command]

    speak = server.query if command == "query" else server.ask
    heard = speak(whole, Cut(octets))

    assert heard is not None
    assert isinstance(heard.frame, zcl.DefaultResponse)
    assert status_of(heard) in _MALFORMED
    assert server.offer(fitting(image)) is Status.SUCCESS


@covers("OTA-S-022")
def test_flood_of_halves_leaves_the_server_whole(server: ServerBench) -> None:
    """No prefix of any request makes the server mute, nor lets it serve what was not asked.

    Attack: every proper prefix of a query, of a block and of a page request, one after the other.
    Expect: no offer and no data for any of them; then the offer and the first block as ever.
    Source: ZCL rev 8, 2.5.12.
    """
    image = server.session()
    control = server.octets(block(image))
    assert len(control) > 0
    mark = server.mark

    for request in (fitting(image), block(image), page(image)):
        for octets in range(len(request.encode())):
            server.say(request, Cut(octets))

    served = [one for one in server.collect(mark) if status_of(one) is Status.SUCCESS]
    assert [one for one in served if not isinstance(one.frame, zcl.DefaultResponse)] == []
    assert server.offer(fitting(image)) is Status.SUCCESS
    assert server.octets(block(image)) == control


@covers("OTA-S-022")
@pytest.mark.parametrize(
    "octets",
    [b"", b"\x01", b"\x01\x42", b"\xff" * 3, bytes(60)],
    ids=["nothing", "one octet", "two octets", "three of ones", "sixty of zeros"],
)
def test_no_frame_at_all_does_no_harm(server: ServerBench, octets: bytes) -> None:
    """Octets that are no ZCL frame are dropped.

    Attack: nothing, one octet, two, three of 0xFF, sixty zeros on the OTA cluster.
    Expect: neither offer nor block; the next request is served.
    Source: ZCL rev 8, 2.4.1.
    """
    image = server.session()
    control = server.octets(block(image))
    assert len(control) > 0

    server.say(octets)

    assert server.silence(ota.ImageBlockResponse) == []
    assert server.silence(ota.QueryNextImageResponse) == []
    assert server.octets(block(image)) == control


@covers("OTA-S-022")
@pytest.mark.parametrize("command", [0x0A, 0x55, 0xFE])
def test_unknown_command_is_refused(server: ServerBench, command: int) -> None:
    """A command that the cluster does not have is answered as unsupported.

    Attack: a block request under a command id that nobody defined.
    Expect: Default Response UNSUP_COMMAND; no block.
    Source: ZCL rev 8, 2.5.12.
    """
    image = server.session()
    assert server.octets(block(image))

    heard = server.ask(block(image), OtherCommand(command))

    assert heard is not None
    assert isinstance(heard.frame, zcl.DefaultResponse)
    assert status_of(heard) is Status.UNSUP_COMMAND


@covers("OTA-S-023")
def test_own_file_is_refused_where_there_are_none(server: ServerBench) -> None:
    """A device that asks for a file of its own is told that there is none.

    Attack: Query Device Specific File Request for security credentials.
    Expect: Default Response UNSUP_COMMAND, or command 0x09 with NO_IMAGE_AVAILABLE or
        NOT_AUTHORIZED.
    Source: ota-server.c of the Simplicity SDK.
    """
    server.need_no_own_files()
    image = server.session()
    assert server.octets(block(image))

    heard = server.ask(own_file(image, server.eui64))

    assert heard is not None
    if isinstance(heard.frame, zcl.DefaultResponse):
        assert status_of(heard) is Status.UNSUP_COMMAND
    else:
        assert isinstance(heard.frame, ota.QueryDeviceSpecificFileResponse)
        assert status_of(heard) in (Status.NO_IMAGE_AVAILABLE, Status.NOT_AUTHORIZED)


@covers("OTA-S-023")
def test_file_of_one_device_is_offered_to_it_alone(server: ServerBench) -> None:
    """A server that has files for single devices hands each to the device that it names.

    Attack: Query Device Specific File Request for this device's file, under another EUI-64.
    Expect: command 0x09 with NO_IMAGE_AVAILABLE or NOT_AUTHORIZED; before and after, under the
        device's own EUI-64, SUCCESS with ids, version and size of the file.
    Source: ZCL rev 8, 11.13.11 and 11.4.2.12.
    """
    mine = server.own_file()
    offer = ota.QueryDeviceSpecificFileResponse(
        status=Status.SUCCESS,
        manufacturer=mine.manufacturer,
        image_type=mine.image_type,
        file_version=mine.file_version,
        image_size=len(mine.octets),
    )

    asked = (server.eui64, server.eui64 ^ 1, server.eui64)
    before, other, after = (server.ask(own_file(mine, one)) for one in asked)

    assert before is not None
    assert before.frame == offer
    assert other is not None
    assert isinstance(other.frame, ota.QueryDeviceSpecificFileResponse)
    assert status_of(other) in (Status.NO_IMAGE_AVAILABLE, Status.NOT_AUTHORIZED)
    assert after is not None
    assert after.frame == offer


@covers("OTA-S-022")
def test_default_response_is_not_answered(server: ServerBench) -> None:
    """Two sides that answer each other's Default Responses never stop.

    Attack: Default Response SUCCESS and FAILURE, about a frame of the server's.
    Expect: silence; the next request is served.
    Source: ZCL rev 8, 2.5.12.2.
    """
    image = server.session()
    control = server.octets(block(image))
    assert len(control) > 0

    server.complain(about=0x05, status=Status.SUCCESS)
    server.complain(about=0x05, status=Status.FAILURE)

    assert server.silence(zcl.DefaultResponse) == []
    assert server.octets(block(image)) == control


@covers("OTA-S-022")
def test_command_from_a_server_is_not_a_request(server: ServerBench) -> None:
    """A frame that says that it comes from a server asks a server for nothing.

    Attack: a block request with the direction bit of a server set.
    Expect: no block; without the bit the same request is served.
    Source: ZCL rev 8, 2.4.1.1.3.
    """
    image = server.session()
    control = server.octets(block(image))
    assert len(control) > 0

    server.say(block(image, 40), Control(set=zcl.FROM_SERVER))

    assert server.silence(ota.ImageBlockResponse) == []
    assert server.octets(block(image)) == control
