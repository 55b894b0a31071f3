"""What firmware a Communications Hub takes from those who send it, and for whom.

The request itself (DUIS) is not modelled: the hub's front end is given what one holds.
"""

import pytest

from emulator.wire.ota import Status
from harness.covers import covers
from harness.hub.products import ProductList, product_of
from harness.hub.transfers import Ending
from harness.servers.home import Home
from harness.servers.requests import fitting

#: The largest file whose base64 keeps the limit of 10 240 000 octets, and the most device ids.
_MOST_OCTETS = 7_680_000
_MOST_DEVICES = 50_000


@covers("GB-075")
def test_unlisted_image_is_refused(home: Home) -> None:
    """An image that the product list does not name, or names with other octets, is never offered.

    Attack: an image of a version that the list has not; one of a version that it has, an octet
        changed.
    Expect: each is refused with a reason that names what was found, and no device is offered
        anything; the image that is on the list is taken and offered.
    Source: MP231 consultation; gb-alt-han fact sheet 3.4.
    """
    home.hub.serve()
    good, unlisted = home.image(0x02000000), home.image(0x03000000)
    home.hub.products = ProductList([product_of(good)])
    changed = good.octets[:-1] + bytes([good.octets[-1] ^ 1])

    refusals = [
        home.request(unlisted.octets, version=0x03000000),
        home.request(changed, version=0x02000000),
    ]

    assert "version 0x03000000" in refusals[0]
    assert "digest" in refusals[1]
    assert home.offer(fitting(good)) is Status.NO_IMAGE_AVAILABLE
    assert home.request(good.octets, version=0x02000000) == ""
    assert home.offer(fitting(good)) is Status.SUCCESS


@covers("GB-075")
def test_image_waits_for_its_predecessor(home: Home) -> None:
    """An image that may only follow one version is not offered to a device that runs another.

    Attack: the list says that the image follows 0x01000001; a device that runs 0x01000000 asks.
    Expect: NO_IMAGE_AVAILABLE, and one report that says why; the device that runs the predecessor
        is offered the image.
    Source: MP231 consultation: upgrades in a set order, with their predecessors on the list.
    """
    home.hub.serve()
    image = home.image(0x02000000)
    home.hub.products = ProductList([product_of(image, 0x01000001)])
    assert home.request(image.octets, version=0x02000000) == ""

    offered = home.offer(fitting(image, version=0x01000000))

    assert offered is Status.NO_IMAGE_AVAILABLE
    assert [(one.ending, one.eui64) for one in home.reports] == [(Ending.NOT_LISTED, home.eui64)]
    assert home.offer(fitting(image, version=0x01000001)) is Status.SUCCESS


@covers("GB-083")
@pytest.mark.parametrize(
    ("octets", "devices", "field"),
    [(_MOST_OCTETS + 1, 1, "image"), (_MOST_OCTETS, _MOST_DEVICES + 1, "devices")],
    ids=["image", "devices"],
)
def test_request_above_the_limits_is_rejected(
    home: Home, octets: int, devices: int, field: str
) -> None:
    """A firmware request beyond the public limits is rejected whole; one at both limits is taken.

    Attack: an image one octet above what 10 240 000 octets of base64 hold; 50 001 device ids.
    Expect: rejected with a reason that names the field; nothing is offered. At both limits the
        request is taken and its image offered.
    Source: DUIS schema 5.4.
    """
    home.hub.serve()
    image = home.padded(octets)

    refusal = home.request(image.octets, version=image.file_version, devices=devices)

    assert refusal.startswith(f"{field}: found ")
    assert home.offer(fitting(image)) is Status.NO_IMAGE_AVAILABLE
    largest = home.padded(_MOST_OCTETS)
    taken = home.request(largest.octets, version=largest.file_version, devices=_MOST_DEVICES)
    assert taken == ""
    assert home.offer(fitting(largest)) is Status.SUCCESS
