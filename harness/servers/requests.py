"""Make the requests that a client sends about one image: honest ones, for cases to edit."""

from emulator.wire import ota
from emulator.wire.ota import BlockControl, QueryControl, Status
from emulator.wire.ota_file import SpecialType
from harness.hub.images import Served

#: The most that a client asks for in one block, where a case says nothing else.
MOST = 50


def query(
    image: Served,
    *,
    version: int | None = None,
    manufacturer: int | None = None,
    image_type: int | None = None,
    hardware: int | None = None,
) -> ota.QueryNextImageRequest:
    """Return the query of a device that an image is for.

    Args:
        image: Gives the ids, where nothing else does.
        version: What the device runs; None: one below the image's.
        manufacturer: Of the device.
        image_type: Of what it runs.
        hardware: Its hardware version; None: it names none.
    """
    return ota.QueryNextImageRequest(
        control=QueryControl(0) if hardware is None else QueryControl.HARDWARE_VERSION,
        manufacturer=image.manufacturer if manufacturer is None else manufacturer,
        image_type=image.image_type if image_type is None else image_type,
        file_version=image.file_version - 1 if version is None else version,
        hardware_version=hardware,
    )


def fitting(image: Served, **other: int) -> ota.QueryNextImageRequest:
    """Return the query of a device whose hardware the image is for, with ``other`` ids of it."""
    return query(image, hardware=image.minimum_hardware, **other)


def block(
    image: Served,
    offset: int = 0,
    *,
    most: int = MOST,
    version: int | None = None,
    node_address: int | None = None,
    block_period: int | None = None,
) -> ota.ImageBlockRequest:
    """Return a request for octets of an image, from an offset on, ``most`` of them at most."""
    control = BlockControl(0)
    if node_address is not None:
        control |= BlockControl.NODE_ADDRESS
    if block_period is not None:
        control |= BlockControl.BLOCK_PERIOD
    return ota.ImageBlockRequest(
        control=control,
        manufacturer=image.manufacturer,
        image_type=image.image_type,
        file_version=image.file_version if version is None else version,
        file_offset=offset,
        maximum_data_size=most,
        node_address=node_address,
        block_period=block_period,
    )


def page(
    image: Served, offset: int = 0, *, size: int = 512, most: int = 40, spacing_ms: int = 100
) -> ota.ImagePageRequest:
    """Return a request for a run of blocks, ``size`` octets in all."""
    return ota.ImagePageRequest(
        control=BlockControl(0),
        manufacturer=image.manufacturer,
        image_type=image.image_type,
        file_version=image.file_version,
        file_offset=offset,
        maximum_data_size=most,
        page_size=size,
        response_spacing_ms=spacing_ms,
    )


def end(image: Served, status: Status = Status.SUCCESS) -> ota.UpgradeEndRequest:
    """Return the verdict of a client on an image."""
    return ota.UpgradeEndRequest(
        status=status,
        manufacturer=image.manufacturer,
        image_type=image.image_type,
        file_version=image.file_version,
    )


def own_file(image: Served, eui64: int) -> ota.QueryDeviceSpecificFileRequest:
    """Return the query for a file that is meant for one device alone.

    Args:
        image: The file, or an image of the device's own make: then for its credentials.
        eui64: The device that the query names.
    """
    return ota.QueryDeviceSpecificFileRequest(
        node_address=eui64,
        manufacturer=image.manufacturer,
        image_type=image.image_type if image.of_one_device else SpecialType.CLIENT_CREDENTIALS,
        file_version=max(0, image.file_version - 1),
        stack_version=2,
    )
