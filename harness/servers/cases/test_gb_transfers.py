"""What a Communications Hub reports of transfers: each end of each of them, in full.

What is judged is what the hub wrote down, which is what a CCS08 alert and its own log would say:
the wide area network that carries them is not modelled. When it reports is judged by the air.
"""

import pytest

from emulator.units import MINUTE, SECOND
from emulator.wire.ota import Status
from harness.covers import covers
from harness.hub.transfers import TRANSFER_FAIL, TRANSFER_SUCCESS, Ending, TransferResult
from harness.servers.home import Home
from harness.servers.reading import status_of
from harness.servers.requests import block, end, fitting, query


@covers("GB-036", "GB-084")
def test_completed_download_is_reported(home: Home) -> None:
    """Who sent an image learns that a device has it, which device, and which image.

    Attack: none: a device of the PPMID profile downloads an image and finds it good; it says so
        twice.
    Expect: nothing before the verdict; then one report that names the device, the version that it
        ran and the one that it has, every octet, one attempt and both times; alert 0x8F8A, code 0.
    Source: DCC test data for CCS08; SECMP0007 implementation approach.
    """
    image = home.session()
    began = home.now
    assert home.offer(fitting(image)) is Status.SUCCESS
    assert home.download(image, most=50, twice_each=1000) == image.octets
    assert home.reports == []

    home.ask(end(image))
    home.ask(end(image))

    assert [one.ending for one in home.reports] == [Ending.DELIVERED]
    report = home.reports[0]
    assert (report.alert, report.result) == (TRANSFER_SUCCESS, TransferResult.SUCCESS)
    assert report.eui64 == home.eui64
    assert (report.old_version, report.new_version) == (image.file_version - 1, image.file_version)
    assert (report.offset, report.attempts) == (len(image.octets), 1)
    assert began <= report.began < report.ended <= home.now


@covers("GB-015")
def test_unfit_hardware_is_reported(home: Home) -> None:
    """An image for other hardware is not offered, and its sender learns why nobody takes it.

    Attack: a device whose hardware version lies above the image's range asks twice.
    Expect: NO_IMAGE_AVAILABLE both times, and one report: alert 0x8F89 with code 2, for this device
        and this version. A device inside the range is offered the image, and nothing is reported.
    Source: DCC test data for CCS08; DUIS schema 5.4, FirmwareTransferAlert.
    """
    image = home.offering(ranged=True)
    _, highest = home.hardware(image)
    assert home.offer(query(image, hardware=highest)) is Status.SUCCESS
    assert home.reports == []

    offered = [home.offer(query(image, hardware=highest + 1)) for _ in range(2)]

    assert offered == [Status.NO_IMAGE_AVAILABLE] * 2
    assert [one.ending for one in home.reports] == [Ending.WRONG_HARDWARE]
    report = home.reports[0]
    assert (report.alert, report.result) == (TRANSFER_FAIL, TransferResult.HARDWARE_MISMATCH)
    assert (report.eui64, report.new_version) == (home.eui64, image.file_version)
    assert (report.offset, report.attempts) == (0, 0)


@covers("GB-040", "GB-084")
def test_silent_device_is_given_up(home: Home) -> None:
    """A device that stops in the middle is reported within the hub's patience, and may come back.

    Attack: three blocks are asked for, then nothing; behind the report the device goes on.
    Expect: no report at half the patience; at its end one, code 3, with the offset that the device
        had reached. It is served when it goes on, and its success is reported as the second
        attempt.
    Source: DCC test data for CCS08, "file transfer failure"; the bound is the hub's own.
    """
    image = home.session()
    patience_us = home.hub.transfers.patience_us
    assert home.offer(fitting(image)) is Status.SUCCESS
    asked = [home.octets(block(image, at)) for at in (0, 40, 80)]
    home.wait(patience_us // 2)
    assert home.reports == []

    home.wait(patience_us // 2 + SECOND)

    assert [one.ending for one in home.reports] == [Ending.GIVEN_UP]
    report = home.reports[0]
    assert (report.alert, report.result) == (TRANSFER_FAIL, TransferResult.TRANSFER_FAILURE)
    assert (report.eui64, report.offset, report.attempts) == (home.eui64, 80, 1)
    assert home.octets(block(image, 80)) == asked[-1] != b""
    home.ask(end(image))
    assert [(one.ending, one.attempts) for one in home.reports[1:]] == [(Ending.DELIVERED, 2)]


@covers("GB-040", "GB-084")
@pytest.mark.parametrize("verdict", ["INVALID_IMAGE", "ABORT"])
def test_refused_image_is_reported(home: Home, verdict: str) -> None:
    """A device that gives up, or does not like what it got, is reported at once.

    Attack: two blocks, then Upgrade End Request with INVALID_IMAGE or ABORT.
    Expect: one report, code 3, with the offset reached, at the time of the verdict; no alert of
        success.
    Source: DCC test data for CCS08, "file transfer failure".
    """
    image = home.session()
    assert home.offer(fitting(image)) is Status.SUCCESS
    assert home.octets(block(image))
    assert home.octets(block(image, 40))
    home.wait(MINUTE)
    assert home.reports == []

    said_at = home.now
    home.say(end(image, Status[verdict]))
    home.wait(SECOND)

    assert [one.ending for one in home.reports] == [Ending.REFUSED]
    report = home.reports[0]
    assert (report.alert, report.result) == (TRANSFER_FAIL, TransferResult.TRANSFER_FAILURE)
    assert (report.eui64, report.offset, report.attempts) == (home.eui64, 40, 1)
    assert said_at <= report.ended < said_at + SECOND


@covers("GB-039", "GB-084")
def test_discarded_image_is_reported(home: Home) -> None:
    """An image that the hub throws away in the middle is reported as that.

    Attack: the hub discards the image behind the second block.
    Expect: the next block is refused with ABORT or NO_IMAGE_AVAILABLE; one report, code 1, for this
        device and this version, with the offset reached.
    Source: DCC test data for CCS08, "image discarded".
    """
    image = home.session()
    assert home.offer(fitting(image)) is Status.SUCCESS
    assert home.octets(block(image))
    assert home.octets(block(image, 40))
    assert home.reports == []

    home.hub.discard(image.file_version)

    answer = home.ask(block(image, 80))
    assert status_of(answer) in (Status.ABORT, Status.NO_IMAGE_AVAILABLE)
    assert [one.ending for one in home.reports] == [Ending.DISCARDED]
    report = home.reports[0]
    assert (report.alert, report.result) == (TRANSFER_FAIL, TransferResult.IMAGE_DISCARDED)
    assert (report.eui64, report.new_version) == (home.eui64, image.file_version)
    assert report.offset == 40


@covers("GB-084")
@pytest.mark.parametrize(
    ("ending", "runs"), [("INSTALLED", 0), ("WENT_BACK", -1)], ids=["installed", "went-back"]
)
def test_what_became_of_an_image_is_reported(home: Home, ending: str, runs: int) -> None:
    """Delivered is not installed: the device's next query says what it runs, and is reported.

    Attack: none: behind a delivered image the device asks again, running it, or what it ran before.
    Expect: a second report: installed, or gone back; both versions, the whole offset, and no
        transfer alert. A device that then begins anew is at its second attempt.
    Source: SECMP0007 implementation approach: users saw nothing for days.
    """
    image = home.session()
    assert home.offer(fitting(image)) is Status.SUCCESS
    assert home.octets(block(image))
    home.ask(end(image))
    assert [one.ending for one in home.reports] == [Ending.DELIVERED]
    home.wait(5 * MINUTE)

    home.ask(fitting(image, version=image.file_version + runs))

    assert [one.ending for one in home.reports] == [Ending.DELIVERED, Ending[ending]]
    report = home.reports[1]
    assert report.alert is None
    assert (report.old_version, report.new_version) == (image.file_version - 1, image.file_version)
    assert (report.eui64, report.offset, report.attempts) == (home.eui64, len(image.octets), 1)
    home.octets(block(image))
    home.say(end(image, Status.INVALID_IMAGE))
    home.wait(SECOND)
    assert [(one.ending, one.attempts) for one in home.reports[2:]] == [(Ending.REFUSED, 2)]
