"""Decide what a request gets: which image, which wait, which answer in place of the usual one."""

from collections.abc import Iterable
from typing import TypeVar

from emulator.errors import WireError
from emulator.wire import ota, zcl
from emulator.wire.codec import COMMANDS, Frame
from emulator.wire.ota import BlockControl, Status
from harness.hub.images import Served
from harness.hub.settings import Instead, Offers, Settings

Answer = TypeVar("Answer", ota.QueryNextImageResponse, ota.QueryDeviceSpecificFileResponse)
#: The requests of a client, by their command.
REQUESTS = {
    key.command: kind
    for key, kind in COMMANDS.items()
    if key.cluster == ota.CLUSTER and key.to_server
}
#: Where the control of a block request stands, behind three octets of ZCL header.
_CONTROL_AT = 3


def best_image(
    images: Iterable[Served], query: ota.QueryNextImageRequest, offers: Offers
) -> Served | None:
    """Return the highest version that fits the device and that the policy lets it have.

    The own file of one device is nobody's next image.
    """
    fitting = (
        one
        for one in images
        if not one.of_one_device
        and one.fits(query.manufacturer, query.image_type, query.hardware_version)
        and _offered(one.file_version, query.file_version, offers)
    )
    return max(fitting, key=lambda one: one.file_version, default=None)


def _offered(version: int, running: int, offers: Offers) -> bool:
    return (
        offers is Offers.ANY
        or version > running
        or (version == running and offers is Offers.REINSTALLS)
        or (version < running and offers is Offers.DOWNGRADES)
    )


def offer_of(image: Served | None) -> ota.QueryNextImageResponse:
    """Return the answer to a query that gets this image, or none."""
    return _naming(ota.QueryNextImageResponse, image)


def own_file_of(
    images: Iterable[Served], query: ota.QueryDeviceSpecificFileRequest
) -> ota.QueryDeviceSpecificFileResponse | None:
    """Return the answer to a device that asks for its own file; None: nobody has one here."""
    own = [one for one in images if one.of_one_device]
    asked = (query.node_address, query.manufacturer, query.image_type)
    fitting = (
        one
        for one in own
        if (one.destination, one.manufacturer, one.image_type) == asked
        and one.file_version > query.file_version
    )
    best = max(fitting, key=lambda one: one.file_version, default=None)
    return _naming(ota.QueryDeviceSpecificFileResponse, best) if own else None


def _naming(kind: type[Answer], image: Served | None) -> Answer:
    """Return one of the two answers of one layout: what is offered, or that there is nothing."""
    if image is None:
        return kind(status=Status.NO_IMAGE_AVAILABLE)
    return kind(
        status=Status.SUCCESS,
        manufacturer=image.manufacturer,
        image_type=image.image_type,
        file_version=image.file_version,
        image_size=image.image_size,
    )


def held_back(request: ota.ImageBlockRequest, settings: Settings) -> Frame | None:
    """Return the WAIT_FOR_DATA that the settings ask for, None where data may go out."""
    period: int | None
    if settings.wait is not None:
        current_s, request_s, period = settings.wait
    elif request.block_period not in (None, settings.block_period):
        current_s, request_s, period = 0, 0, settings.block_period  # OTA-S-015
    else:
        return None
    return ota.ImageBlockResponse(
        status=Status.WAIT_FOR_DATA,
        current_time_s=current_s,
        request_time_s=request_s,
        block_period=period,
    )


def block_of(image: Served, offset: int, size: int) -> ota.ImageBlockResponse:
    """Return ``size`` octets of an image at an offset, fewer at its end."""
    return ota.ImageBlockResponse(
        status=Status.SUCCESS,
        manufacturer=image.manufacturer,
        image_type=image.image_type,
        file_version=image.file_version,
        file_offset=offset,
        data=image.octets[offset : offset + size],
    )


def taker(settings: Settings, kind: type[Frame]) -> Instead | None:
    """Count a request and return what answers it in place of the usual answer."""
    return next((one for one in settings.instead if one.command is kind and one.takes()), None)


def general_frame(payload: bytes) -> Frame | None:
    """Return the general command that octets carry, None if they carry none that can be read."""
    try:
        header = zcl.split(payload)
        kind = zcl.GENERAL.get(header.command)
        general = header.control & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL
        if kind is None or not general or header.manufacturer is not None:
            return None
        return kind.decode_at(payload, header.offset)[0]
    except WireError:
        return None


def without_period(kind: type[Frame], payload: bytes) -> Frame | None:
    """Read a block request that announces a period and ends before it, as some devices send it.

    Source: OTA-S-014; zigbee2mqtt 28217. The octets stay as they came: the control is read as if it
    announced none.
    """
    if kind is not ota.ImageBlockRequest or len(payload) <= _CONTROL_AT:
        return None
    control = payload[_CONTROL_AT] & ~BlockControl.BLOCK_PERIOD
    octets = bytes((control,)) + payload[_CONTROL_AT + 1 :]
    try:
        return kind.decode_at(octets, 0)[0]
    except WireError:
        return None
