"""The end of a download: who is told to activate, when, and who is not."""

import pytest

from emulator.units import MINUTE
from emulator.wire import ota
from emulator.wire.ota import Status
from harness.covers import covers
from harness.hub.lies import Cut
from harness.servers.bench import ServerBench
from harness.servers.requests import block, end


@covers("OTA-S-020")
def test_success_is_answered_with_ids_and_times(server: ServerBench) -> None:
    """A client that has the image is told when to activate it.

    Attack: Upgrade End Request SUCCESS behind the last block.
    Expect: Upgrade End Response of 16 octets with the ids of the file, and a time that is now, a
        moment, or "wait"; no other ids, no wildcards.
    Source: ZCL rev 8, 11.13.10; espressif/esp-zigbee-sdk 466.
    """
    image = server.session()
    server.octets(block(image, len(image.octets) - 3))

    heard = server.ask(end(image))

    assert heard is not None
    assert len(heard.datagram.payload) == 3 + 16
    assert isinstance(heard.frame, ota.UpgradeEndResponse)
    ids = (heard.frame.manufacturer, heard.frame.image_type, heard.frame.file_version)
    assert ids == (image.manufacturer, image.image_type, image.file_version)
    assert heard.frame.upgrade_time_s >= heard.frame.current_time_s


@covers("OTA-S-021")
@pytest.mark.parametrize("verdict", ["INVALID_IMAGE", "ABORT", "REQUIRE_MORE_IMAGE"])
def test_failure_is_not_told_to_activate(server: ServerBench, verdict: str) -> None:
    """Nobody is told to activate an image that it refused.

    Attack: Upgrade End Request with INVALID_IMAGE, ABORT or REQUIRE_MORE_IMAGE.
    Expect: silence or a Default Response; no Upgrade End Response.
    Source: ZCL rev 8, 11.13.10; zigpy 2.4.0 answers 0x07 to any status.
    """
    image = server.session()
    assert server.octets(block(image))

    server.say(end(image, Status[verdict]))

    assert server.silence(ota.UpgradeEndResponse) == []


@covers("OTA-S-021", "OTA-S-022")
@pytest.mark.parametrize("octets", [0, 1, 3, 8])
def test_half_a_verdict_is_none(server: ServerBench, octets: int) -> None:
    """An Upgrade End Request that is cut short tells nobody to activate anything.

    Attack: the first octets of an Upgrade End Request SUCCESS, and nothing behind them.
    Expect: no Upgrade End Response; the whole request is answered with one.
    Source: ZCL rev 8, 11.13.9: the command has 9 octets.
    """
    image = server.session()
    assert server.octets(block(image))

    server.say(end(image), Cut(octets))

    came = server.silence(ota.UpgradeEndResponse)
    assert came == []
    whole = server.ask(end(image))
    assert whole is not None
    assert isinstance(whole.frame, ota.UpgradeEndResponse)


@covers("OTA-S-024")
def test_late_verdict_is_answered(server: ServerBench) -> None:
    """A client that verifies for five minutes is still told when to activate.

    Attack: Upgrade End Request SUCCESS five minutes behind the last block.
    Expect: Upgrade End Response.
    Source: zigpy 1557; herdsman-converters 6657: devices verify for minutes.
    """
    image = server.session()
    server.octets(block(image, len(image.octets) - 3))

    server.wait(5 * MINUTE)
    heard = server.ask(end(image))

    assert heard is not None
    assert isinstance(heard.frame, ota.UpgradeEndResponse)
