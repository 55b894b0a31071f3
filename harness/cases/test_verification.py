"""A device refuses every file that is not the true one for it, and says so before it restarts."""

from contextlib import suppress

import pytest

from emulator.errors import WireError
from emulator.image.build import refit_integrity
from emulator.units import MINUTE, SECOND
from emulator.wire import ota
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from harness.bench import Bench
from harness.covers import covers
from harness.dut.rungs import rungs
from harness.hub.images import served


def _edited(image: bytes, at: int, octets: bytes) -> bytes:
    """Return an image with octets overwritten; a negative offset counts from the end."""
    at = at % len(image)
    return image[:at] + octets + image[at + len(octets) :]


@covers("OTA-C-080", "OTA-F-001", "GB-011")
@pytest.mark.parametrize(
    ("at", "octets"),
    [
        (0, b"\x1e\xf1\xee\x0c"),
        (10, b"\x34\x12"),
        (12, b"\x77\x07"),
        (14, b"\x77\x77\x77\x77"),
        (52, b"\xff\xff\x00\x00"),
    ],
    ids=["magic", "manufacturer", "image_type", "file_version", "total_size"],
)
def test_header_that_is_not_the_offered_one_is_refused(
    bench: Bench, at: int, octets: bytes
) -> None:
    """A device refuses a file whose header is not what the query response promised.

    Attack: one header field differs from the offer; the integrity code fits the edited file.
    Expect: Upgrade End INVALID_IMAGE (or ABORT); the old version runs; the true image is taken.
    Source: ZCL rev 8, 11.13.9; [TL].
    """
    good = bench.image()
    ids = served(good)
    bad = served(
        _refit(_edited(good, at, octets)),
        manufacturer=ids.manufacturer,
        image_type=ids.image_type,
        file_version=ids.file_version,
        any_hardware=True,
    )
    assert bench.offer(bad) in (Status.INVALID_IMAGE, Status.ABORT)
    bench.wait(MINUTE)
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(good) == bench.version(1)  # control: the refusal was about the edit


def _refit(image: bytes) -> bytes:
    """Make the integrity code fit, where there is one and the file can still be taken apart."""
    with suppress(ValueError, WireError):
        return refit_integrity(image)
    return image


@covers("OTA-C-080")
def test_image_of_another_version_is_refused(bench: Bench) -> None:
    """A device refuses a genuine image that is not the version it was promised.

    Attack: the query response offers a new version; what is served is a true, older image.
    Expect: INVALID_IMAGE (or ABORT); the old version runs; the promised image is taken.
    Source: ZCL rev 8, 11.13.5: SUCCESS authorises that exact version.
    """
    older = served(bench.image(bench.version(0)), file_version=bench.version(1))
    assert bench.offer(older) in (Status.INVALID_IMAGE, Status.ABORT)
    bench.wait(MINUTE)
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(bench.image()) == bench.version(1)  # control


@covers("OTA-C-081")
def test_image_for_another_device_is_refused(bench: Bench) -> None:
    """A device refuses a file whose header names another device as its destination.

    Attack: an otherwise perfect image with another EUI-64 as destination.
    Expect: INVALID_IMAGE; the old version runs; the image with this device's address is taken.
    Source: ZCL rev 8, 11.4.2.12.
    """
    assert bench.offer(bench.image(destination=0x1122334455667788)) is Status.INVALID_IMAGE
    bench.wait(MINUTE)
    assert bench.running_version() == bench.version(0)

    own = bench.image(destination=bench.identity.eui64)  # control
    assert bench.upgrade(own) == bench.version(1)


@covers("OTA-C-082")
@pytest.mark.parametrize("shift", [-1, 1], ids=["older_hardware", "newer_hardware"])
def test_image_for_other_hardware_is_refused(bench: Bench, shift: int) -> None:
    """A device refuses a file for hardware that it is not.

    Attack: the hardware range ends just below, or begins just above, the device's version.
    Expect: not applied; the image whose range has the device at its limit is taken.
    Source: ZCL rev 8, 11.4.2.13.
    """
    own = bench.profile.ota.hardware_version
    foreign = bench.image(hardware=(own + shift, own + shift))
    assert bench.offer(served(foreign, any_hardware=True)) in (Status.INVALID_IMAGE, None)
    bench.wait(MINUTE)
    assert bench.running_version() == bench.version(0)

    limit = bench.image(hardware=(min(own, own + shift), max(own, own + shift)))  # control
    assert bench.upgrade(limit) == bench.version(1)


@covers("OTA-C-083")
def test_altered_image_is_refused(bench: Bench) -> None:
    """A device refuses an image of which one bit changed, and forgets it.

    Attack: one bit of the payload differs; the integrity code fits the altered file.
    Expect: INVALID_IMAGE after the last block; DownloadedFileVersion is back; the old one runs.
    Source: ZCL rev 8, 11.13.9; zigbee2mqtt 32843.
    """
    good = bench.image()
    at = len(good) // 2
    altered = _refit(_edited(good, at, bytes((good[at] ^ 1,))))
    assert bench.offer(altered) is Status.INVALID_IMAGE
    assert bench.octets_asked() >= len(good)  # it read to the end: no early refusal
    assert bench.value(Attribute.DOWNLOADED_FILE_VERSION) in (0xFFFFFFFF, None)
    bench.hub.serve()  # or the power cycle would have it downloaded again
    bench.power_cycle()
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(good) == bench.version(1)  # control


@covers("OTA-C-086")
def test_wrong_integrity_code_is_refused(bench: Bench) -> None:
    """A device refuses a file whose integrity code does not fit.

    Attack: the last octet of the integrity code differs.
    Expect: INVALID_IMAGE; status Normal; the old version runs.
    Source: ZigBee OTA 095264r23 6.3.10.1.
    """
    good = bench.image()
    assert bench.offer(_edited(good, -1, bytes((good[-1] ^ 0x80,)))) is Status.INVALID_IMAGE
    bench.wait(SECOND)
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(good) == bench.version(1)  # control


@covers("GB-008", "GB-009")
@pytest.mark.parametrize(
    ("at", "octets"),
    [(14, b"\x00\x00\x00\x09"), (58, b"\xff\xff")],
    ids=["file_version", "hardware_range"],
)
def test_header_that_outbids_the_manifest_is_refused(bench: Bench, at: int, octets: bytes) -> None:
    """A device refuses a header that claims more than the image inside says of itself.

    Attack: the header's version is raised, or its hardware range widened; offer and integrity
    code agree with the edited header.
    Expect: INVALID_IMAGE; the old version runs; the unedited image is taken.
    Source: gb-alt-han 2.2 (the GB signature does not cover the header).
    """
    good = bench.image()
    edited = _refit(_edited(good, at, octets))
    assert bench.offer(edited) is Status.INVALID_IMAGE
    bench.wait(MINUTE)
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(good) == bench.version(1)  # control


@covers("GB-010", "OTA-F-006")
@pytest.mark.parametrize("more", [-1, 1], ids=["an_octet_short", "an_octet_long"])
def test_size_that_is_not_the_headers_is_refused(bench: Bench, more: int) -> None:
    """A device refuses a file that is longer or shorter than its header says.

    Attack: the hub offers and serves one octet less, or one more, than the header's total size.
    Expect: INVALID_IMAGE; the old version runs; the whole image is taken.
    Source: ZCL rev 8, 11.4.2.10.
    """
    good = bench.image()
    octets = good[:more] if more < 0 else good + bytes(more)
    assert bench.offer(served(octets)) is Status.INVALID_IMAGE
    bench.wait(MINUTE)
    assert bench.running_version() == bench.version(0)

    assert bench.upgrade(good) == bench.version(1)  # control


@rungs(end=2)
@covers("OTA-C-087")
def test_unknown_elements_are_skipped(bench: Bench) -> None:
    """A device passes over sub-elements that it does not know.

    Attack: elements with a vendor's tag and a reserved tag stand behind the image.
    Expect: SUCCESS; the new version runs.
    Source: ZCL rev 8, 11.4.4.
    """
    assert bench.upgrade(bench.image_with_unknown_elements()) == bench.version(1)
    assert bench.last(ota.UpgradeEndRequest).status is Status.SUCCESS

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control


@rungs(end=2)
@covers("OTA-C-105")
def test_refused_image_does_no_lasting_harm(bench: Bench) -> None:
    """A device that refused an image downloads the next one from the start.

    Attack: a corrupt image first, the true one of the same version after it.
    Expect: INVALID_IMAGE, then a download from offset 0 that is applied.
    Source: ZCL rev 8, 11.13.9; zigbee-OTA 328.
    """
    good = bench.image()
    assert bench.offer(_edited(good, -1, bytes((good[-1] ^ 1,)))) is Status.INVALID_IMAGE
    asked = bench.count(ota.ImageBlockRequest)
    assert bench.upgrade(good) == bench.version(1)
    assert bench.heard(ota.ImageBlockRequest)[asked].file_offset == 0

    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)  # control
