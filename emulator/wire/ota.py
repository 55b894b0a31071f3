"""Declare the ten commands of the OTA Upgrade cluster (0x0019), their enums and their attributes.

Source: ZCL rev 8, chapter 11 (ZigBee OTA 095264 chapter 6). Offsets count from the ZCL payload.
"""

from enum import IntEnum, IntFlag
from typing import Annotated

from emulator.wire.codec import EUI64, U8, U16, U32, Counted, Frame, UInt, command, when
from emulator.wire.zcl import Status as Status  # offered here too: most of its values are OTA's

CLUSTER = 0x0019

#: Ids that match any value in an Upgrade End Response (ZCL 11.13.10, 095264 6.10.10.4).
ANY_MANUFACTURER = 0xFFFF
ANY_IMAGE_TYPE = 0xFFFF
ANY_VERSION = 0xFFFFFFFF

#: Upgrade time that means "wait for another response" (ZCL 11.16).
WAIT_FOR_ANOTHER = 0xFFFFFFFF


class NotifyType(IntEnum):
    """What an Image Notify carries behind the jitter (ZCL 11.13.3)."""

    JITTER = 0
    MANUFACTURER = 1
    IMAGE_TYPE = 2
    FILE_VERSION = 3


class QueryControl(IntFlag):
    """Optional fields of Query Next Image Request (ZCL 11.13.4)."""

    HARDWARE_VERSION = 0x01


class BlockControl(IntFlag):
    """Optional fields of Image Block Request and Image Page Request (ZCL 11.13.6, 11.13.7)."""

    NODE_ADDRESS = 0x01
    BLOCK_PERIOD = 0x02


class ImageUpgradeStatus(IntEnum):
    """Values of attribute 0x0006 (ZCL 11.10.7)."""

    NORMAL = 0
    DOWNLOAD_IN_PROGRESS = 1
    DOWNLOAD_COMPLETE = 2
    WAITING_TO_UPGRADE = 3
    COUNT_DOWN = 4
    WAIT_FOR_MORE = 5
    WAITING_FOR_EXTERNAL_EVENT = 6


class Attribute(IntEnum):
    """Attributes of the client side (ZCL 11.10)."""

    UPGRADE_SERVER_ID = 0x0000
    FILE_OFFSET = 0x0001
    CURRENT_FILE_VERSION = 0x0002
    CURRENT_ZIGBEE_STACK_VERSION = 0x0003
    DOWNLOADED_FILE_VERSION = 0x0004
    DOWNLOADED_ZIGBEE_STACK_VERSION = 0x0005
    IMAGE_UPGRADE_STATUS = 0x0006
    MANUFACTURER_ID = 0x0007
    IMAGE_TYPE_ID = 0x0008
    MINIMUM_BLOCK_PERIOD = 0x0009
    IMAGE_STAMP = 0x000A
    UPGRADE_ACTIVATION_POLICY = 0x000B
    UPGRADE_TIMEOUT_POLICY = 0x000C
    CLUSTER_REVISION = 0xFFFD


@command(CLUSTER, to_server=False, number=0x00)
class ImageNotify(Frame):
    """Tell clients that an image may be waiting; never authoritative.

    Source: ZCL rev 8, 11.13.3.
    """

    payload_type: Annotated[NotifyType, UInt(1)]
    query_jitter: U8  # 1 to 100: a client answers a broadcast if its draw is not above
    manufacturer: U16 | None = when("payload_type", at_least=1)
    image_type: U16 | None = when("payload_type", at_least=2)
    file_version: U32 | None = when("payload_type", at_least=3)


@command(CLUSTER, to_server=True, number=0x01)
class QueryNextImageRequest(Frame):
    """Ask the server whether it has an image for this device.

    Source: ZCL rev 8, 11.13.4.
    """

    control: Annotated[QueryControl, UInt(1)]
    manufacturer: U16
    image_type: U16
    file_version: U32  # the running version; no wildcard
    hardware_version: U16 | None = when("control", QueryControl.HARDWARE_VERSION)


@command(CLUSTER, to_server=False, number=0x02)
class QueryNextImageResponse(Frame):
    """Name the image to install, or say why there is none.

    Source: ZCL rev 8, 11.13.5.
    """

    status: Annotated[Status, UInt(1)]
    manufacturer: U16 | None = when("status", equals=Status.SUCCESS)
    image_type: U16 | None = when("status", equals=Status.SUCCESS)
    file_version: U32 | None = when("status", equals=Status.SUCCESS)
    image_size: U32 | None = when("status", equals=Status.SUCCESS)  # octets, header included


@command(CLUSTER, to_server=True, number=0x03)
class ImageBlockRequest(Frame):
    """Ask the server for one block of an image.

    Source: ZCL rev 8, 11.13.6.
    """

    control: Annotated[BlockControl, UInt(1)]
    manufacturer: U16
    image_type: U16
    file_version: U32
    file_offset: U32  # octets from the first octet of the OTA file
    maximum_data_size: U8  # octets the client takes in one response
    node_address: EUI64 | None = when("control", BlockControl.NODE_ADDRESS)
    block_period: U16 | None = when("control", BlockControl.BLOCK_PERIOD)  # ms or s: 11.10.10


@command(CLUSTER, to_server=True, number=0x04)
class ImagePageRequest(Frame):
    """Ask the server for a run of blocks.

    Source: ZCL rev 8, 11.13.7.
    """

    control: Annotated[BlockControl, UInt(1)]
    manufacturer: U16
    image_type: U16
    file_version: U32
    file_offset: U32
    maximum_data_size: U8
    page_size: U16  # octets wanted in all
    response_spacing_ms: U16
    node_address: EUI64 | None = when("control", BlockControl.NODE_ADDRESS)


@command(CLUSTER, to_server=False, number=0x05)
class ImageBlockResponse(Frame):
    """Carry one block, or ask the client to wait, or stop it.

    With WAIT_FOR_DATA the period may be missing and then counts as 0 (ZCL 11.13.8.2.9).

    Source: ZCL rev 8, 11.13.8.
    """

    status: Annotated[Status, UInt(1)]
    manufacturer: U16 | None = when("status", equals=Status.SUCCESS)
    image_type: U16 | None = when("status", equals=Status.SUCCESS)
    file_version: U32 | None = when("status", equals=Status.SUCCESS)
    file_offset: U32 | None = when("status", equals=Status.SUCCESS)
    data: Annotated[bytes, Counted(1)] | None = when("status", equals=Status.SUCCESS)
    current_time_s: U32 | None = when("status", equals=Status.WAIT_FOR_DATA)
    request_time_s: U32 | None = when("status", equals=Status.WAIT_FOR_DATA)
    block_period: U16 | None = when("status", equals=Status.WAIT_FOR_DATA, tail=True)


@command(CLUSTER, to_server=True, number=0x06)
class UpgradeEndRequest(Frame):
    """Tell the server the verdict on the downloaded image.

    Source: ZCL rev 8, 11.13.9.
    """

    status: Annotated[Status, UInt(1)]
    manufacturer: U16
    image_type: U16
    file_version: U32


@command(CLUSTER, to_server=False, number=0x07)
class UpgradeEndResponse(Frame):
    """Tell the client when to apply the image; may be unsolicited or broadcast.

    Source: ZCL rev 8, 11.13.10.
    """

    manufacturer: U16
    image_type: U16
    file_version: U32
    current_time_s: U32  # UTC since 2000-01-01, or 0: upgrade_time_s is an offset
    upgrade_time_s: U32


@command(CLUSTER, to_server=True, number=0x08)
class QueryDeviceSpecificFileRequest(Frame):
    """Ask for a file meant for this device alone.

    Source: ZCL rev 8, 11.13.11.
    """

    node_address: EUI64
    manufacturer: U16
    image_type: U16  # 0xFFC0 to 0xFFFE
    file_version: U32
    stack_version: U16


@command(CLUSTER, to_server=False, number=0x09)
class QueryDeviceSpecificFileResponse(Frame):
    """Name the device's own file, or say why there is none.

    Source: ZCL rev 8, 11.13.12.
    """

    status: Annotated[Status, UInt(1)]
    manufacturer: U16 | None = when("status", equals=Status.SUCCESS)
    image_type: U16 | None = when("status", equals=Status.SUCCESS)
    file_version: U32 | None = when("status", equals=Status.SUCCESS)
    image_size: U32 | None = when("status", equals=Status.SUCCESS)
