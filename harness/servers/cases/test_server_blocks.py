"""Blocks: the right octets, never more than was asked, at every offset, whoever asks how often."""

import pytest

from emulator.units import MILLISECOND
from emulator.wire import ota
from emulator.wire.ota import Status
from harness.covers import covers
from harness.hub.lies import Control, Overwrite
from harness.servers.bench import ServerBench
from harness.servers.reading import is_data_of, is_data_or_abort, is_refusal, offsets_of, status_of
from harness.servers.requests import block


@covers("OTA-S-008")
@pytest.mark.parametrize("most", [1, 10, 33])
def test_block_is_within_the_maximum(server: ServerBench, most: int) -> None:
    """A block never holds more octets than the client has room for.

    Attack: a request for at most 1, 10, 33 octets.
    Expect: SUCCESS with at most so many, and they are those of the file.
    Source: ZCL rev 8, 11.13.8; zigbee2mqtt 3010.
    """
    image = server.session()

    data = server.octets(block(image, 100, most=most))

    assert 0 < len(data) <= most
    assert data == image.octets[100 : 100 + len(data)]


@covers("OTA-S-009")
def test_block_needs_no_query(server: ServerBench) -> None:
    """Whoever asks for a block in the middle of the file gets it, or is told to stop.

    Attack: a request in mid file as the first thing that this client says, and one before it.
    Expect: the octets of the file there, or ABORT; never others. Behind a query, the file's begin.
    Source: ZCL rev 8, 11.13.6: the server keeps no state; espressif/esp-zigbee-sdk 793.
    """
    image = server.session()

    later, earlier = server.ask(block(image, 321)), server.ask(block(image, 17))

    assert is_data_or_abort(later, image, 321)
    assert is_data_or_abort(earlier, image, 17)
    begin = server.begin_download(image)
    assert len(begin) > 0
    assert begin == image.octets[: len(begin)]


@covers("OTA-S-009")
def test_restarted_server_goes_on(server: ServerBench) -> None:
    """A server that restarts in the middle of a download serves the rest of it, or ends it.

    Attack: the download begins, the server restarts, the client asks for the next block.
    Expect: the octets of the file there, or ABORT; never others.
    Source: ZCL rev 8, 11.13.6: the server keeps no state.
    """
    image = server.session()
    first = server.begin_download(image)
    assert len(first) > 0

    server.restart_server()

    assert is_data_or_abort(server.ask(block(image, len(first))), image, len(first))


@covers("OTA-S-010")
def test_last_block_ends_with_the_file(server: ServerBench) -> None:
    """The last block holds what is left, however much was asked for.

    Attack: a request for 50 octets, 3 before the end.
    Expect: these 3 octets.
    Source: ZCL rev 8, 11.13.8.
    """
    image = server.session()

    assert server.octets(block(image, len(image.octets) - 3)) == image.octets[-3:]


@covers("OTA-S-011")
@pytest.mark.parametrize("offset", ["size", "size + 1", "0x01000010", "0xFFFFFFFF"])
def test_nothing_is_behind_the_end(server: ServerBench, offset: str) -> None:
    """There are no octets at or behind the end of a file, and asking for them ends nothing else.

    Attack: a request at the size, one behind it, far behind it, at the highest offset there is.
    Expect: an answer with an error and no data; the first block is still served after it.
    Source: zigpy 2.4.0, ota/manager.py; ota-server.c of the Simplicity SDK.
    """
    image = server.session()
    size = len(image.octets)
    at = {"size": size, "size + 1": size + 1, "0x01000010": 0x0100_0010, "0xFFFFFFFF": 0xFFFF_FFFF}
    control = server.octets(block(image))
    assert len(control) > 0

    refused = server.ask(block(image, at[offset]))

    assert refused is not None
    assert is_refusal(refused)
    assert server.octets(block(image)) == control == image.octets[: len(control)]


@covers("OTA-S-012")
def test_unknown_image_is_refused(server: ServerBench) -> None:
    """Nobody gets the octets of one image under the version of another.

    Attack: a request for a version that the server does not hold.
    Expect: NO_IMAGE_AVAILABLE, ABORT or MALFORMED_COMMAND, in a Default Response or a block
        response; no data.
    Source: ota-server.c of the Simplicity SDK.
    """
    image = server.session()
    assert server.octets(block(image))

    heard = server.ask(block(image, version=image.file_version + 0x0100))

    assert heard is not None
    assert status_of(heard) in (
        Status.NO_IMAGE_AVAILABLE,
        Status.ABORT,
        Status.MALFORMED_COMMAND,
    )


@covers("OTA-S-013")
def test_address_and_period_are_read(server: ServerBench) -> None:
    """A request that names the client's address and its block period is understood.

    Attack: field control 3: EUI-64, then the period, in 24 octets.
    Expect: the octets of the file at the offset that was asked for.
    Source: ZCL rev 8, 11.13.6.
    """
    image = server.session()

    data = server.octets(block(image, 40, node_address=server.eui64, block_period=0))

    assert len(data) > 0
    assert data == image.octets[40 : 40 + len(data)]


@covers("OTA-S-014")
def test_missing_period_is_tolerated(server: ServerBench) -> None:
    """A client that announces a block period and leaves it out gets its block.

    Attack: field control 2 in a request of 14 octets, as devices in the field send it.
    Expect: the octets of the file at the offset that was asked for.
    Source: zigbee2mqtt 28217, worked around in zigbee-herdsman.
    """
    image = server.session()

    data = server.octets(block(image, 40), Overwrite(0, b"\x02"))

    assert len(data) > 0
    assert data == image.octets[40 : 40 + len(data)]


@covers("OTA-S-015")
def test_rate_is_changed_before_data_goes_out(server: ServerBench) -> None:
    """A server with a rate of its own tells it, and serves who keeps it.

    Attack: a request that reports another period than the server's policy; then one that reports
        the period that the server answered.
    Expect: WAIT_FOR_DATA with the period, then the octets of the file.
    Source: ota-server-policy.c of the Simplicity SDK.
    """
    server.need_rate(250)
    image = server.session()

    told = server.ask(block(image, block_period=0))

    assert told is not None
    assert status_of(told) is Status.WAIT_FOR_DATA
    assert isinstance(told.frame, ota.ImageBlockResponse)
    assert told.frame.block_period
    data = server.octets(block(image, block_period=told.frame.block_period))
    assert len(data) > 0
    assert data == image.octets[: len(data)]


@covers("OTA-S-016")
def test_duplicate_request_is_answered_twice(server: ServerBench) -> None:
    """A request that comes twice in a moment gets its answer twice: one may be lost.

    Attack: the same request again, under the same sequence number, before it is answered.
    Expect: two answers with the same octets.
    Source: zigbee-herdsman 1852, PR 1846.
    """
    image = server.session()
    mark = server.mark

    server.say(block(image, 80), sequence=0x77)
    server.say(block(image, 80), sequence=0x77)

    answers = server.collect(mark)
    assert len(answers) == 2
    assert answers[0].datagram.payload == answers[1].datagram.payload
    assert offsets_of(answers) == [80, 80]
    assert is_data_of(answers[0], image)


@covers("OTA-S-009")
def test_storm_is_weathered(server: ServerBench) -> None:
    """A client that asks for everything at once does not make the server mute.

    Attack: sixty requests in one moment, each for another place of the file.
    Expect: every answer that comes holds the octets of its own offset; after the storm a request is
        answered as before it.
    Source: zigbee2mqtt 15139; zigbee-herdsman 1852.
    """
    image = server.session()
    step = len(image.octets) // 60
    mark = server.mark

    for number in range(60):
        server.say(block(image, number * step, most=10))

    answers = server.collect(mark, gap_us=300 * MILLISECOND)
    assert len(answers) > 0
    assert all(is_data_of(one, image) for one in answers)
    assert server.octets(block(image, 80, most=10)) == image.octets[80:90]


@covers("OTA-S-009")
def test_whole_file_is_the_file(server: ServerBench) -> None:
    """Block by block the client gets the file, octet for octet.

    Attack: an honest download with requests of 48 octets; every seventh block is asked for twice.
    Expect: what comes together is the file that was given to the server.
    Source: ZCL rev 8, 11.13.8.
    """
    image = server.session()

    octets = server.download(image, most=48, twice_each=7)

    assert octets == image.octets


@covers("OTA-S-022", "OTA-S-009")
def test_complaint_of_a_client_ends_nothing(server: ServerBench) -> None:
    """A client that calls a block malformed may ask for it again.

    Attack: Default Response MALFORMED_COMMAND to the first block, then a request for it.
    Expect: the block again; the server does not hang.
    Source: zigbee2mqtt 32168: a server hung when a device complained during its update.
    """
    image = server.session()
    first = server.octets(block(image))
    assert len(first) > 0

    server.complain(about=0x05, status=Status.MALFORMED_COMMAND)
    server.wait(300 * MILLISECOND)

    assert server.octets(block(image)) == first == image.octets[: len(first)]


@covers("OTA-S-022")
def test_reserved_frame_type_is_no_request(server: ServerBench) -> None:
    """A frame of a type that ZCL reserves is not taken for a command of the cluster.

    Attack: a block request whose header says frame type 2, which is reserved.
    Expect: no block; the next honest request is served.
    Source: ZCL rev 8, 2.4.1.1.1.
    """
    image = server.session()
    control = server.octets(block(image))
    assert len(control) > 0

    server.say(block(image, 40), Control(set=0x02, clear=0x01))

    assert server.silence(ota.ImageBlockResponse) == []
    assert server.octets(block(image)) == control
