"""Name the stages of the OTA client and the frames that it is handed."""

from collections.abc import Mapping
from enum import Enum

from emulator.wire import ota, zdo
from emulator.wire.codec import Frame
from emulator.wire.ota import ImageUpgradeStatus
from emulator.wire.zcl import DefaultResponse


class Stage(Enum):
    """Where the client stands; finer than attribute 0x0006."""

    OFF = "off the network"
    DISCOVERING = "waits for a server to answer"
    UNSERVED = "found no server, tries again later"
    RESOLVING = "waits for the server's IEEE address"
    READY = "waits for the next query"
    QUERYING = "waits for the query response"
    DOWNLOADING = "waits for a block"
    PAGING = "takes the blocks of a page"
    PAUSED = "waits before it asks for a block"
    MORE = "waits to ask for the next of its images"
    QUERYING_MORE = "waits for the query response about the next of its images"
    ENDING = "waits for the answer to its verdict"
    WAITING = "waits for leave to upgrade"
    EXTERNAL = "waits for an external event"
    COUNTING = "counts down to the upgrade"
    APPLYING = "is about to restart"

    # An enum hashes its name anew each time; the table is asked for every frame.
    __hash__ = object.__hash__


#: Attribute 0x0006 for each stage (ZCL 11.10.7); a profile may show ENDING as 0x03.
UPGRADE_STATUS: Mapping[Stage, ImageUpgradeStatus] = {
    Stage.OFF: ImageUpgradeStatus.NORMAL,
    Stage.DISCOVERING: ImageUpgradeStatus.NORMAL,
    Stage.UNSERVED: ImageUpgradeStatus.NORMAL,
    Stage.RESOLVING: ImageUpgradeStatus.NORMAL,
    Stage.READY: ImageUpgradeStatus.NORMAL,
    Stage.QUERYING: ImageUpgradeStatus.NORMAL,
    Stage.DOWNLOADING: ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS,
    Stage.PAGING: ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS,
    Stage.PAUSED: ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS,
    Stage.MORE: ImageUpgradeStatus.WAIT_FOR_MORE,
    Stage.QUERYING_MORE: ImageUpgradeStatus.WAIT_FOR_MORE,
    Stage.ENDING: ImageUpgradeStatus.DOWNLOAD_COMPLETE,
    Stage.WAITING: ImageUpgradeStatus.WAITING_TO_UPGRADE,
    Stage.EXTERNAL: ImageUpgradeStatus.WAITING_FOR_EXTERNAL_EVENT,
    Stage.COUNTING: ImageUpgradeStatus.COUNT_DOWN,
    Stage.APPLYING: ImageUpgradeStatus.COUNT_DOWN,
}

#: Every frame that a client is handed, whoever sends it.
FRAMES: tuple[type[Frame], ...] = (
    ota.ImageNotify,
    ota.QueryNextImageResponse,
    ota.ImageBlockResponse,
    ota.UpgradeEndResponse,
    ota.QueryDeviceSpecificFileResponse,
    DefaultResponse,
    zdo.MatchDescriptorResponse,
    zdo.IeeeAddressResponse,
)
