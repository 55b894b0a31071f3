"""Read the attributes of the OTA cluster's client side from where their values live.

Source: ZCL rev 8, 11.10.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from emulator.boot.record import SlotFacts
from emulator.device.gauge import Gauge
from emulator.device.store import DownloadStore
from emulator.ota.client import OtaClient
from emulator.profiles.model import OtaProfile, Profile
from emulator.wire.codec import unpack_integer
from emulator.wire.ota import Attribute
from emulator.wire.zcl import DataType

NO_SERVER = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Hold what attributes are read from."""

    bridge: Profile
    running: SlotFacts
    client: OtaClient
    store: DownloadStore
    gauge: Gauge

    @property
    def profile(self) -> OtaProfile:
        """Return what the bridge's profile says of the OTA cluster."""
        return self.bridge.ota


@dataclass(frozen=True, slots=True)
class Reader:
    """Say an attribute's type and how its value is read; None: not supported by this profile."""

    type: DataType
    read: Callable[[Sources], int | bytes | None]


Attributes: TypeAlias = Mapping[int, Reader]


def _server(sources: Sources) -> int:
    server = sources.client.server
    return NO_SERVER if server is None or server.eui64 is None else server.eui64


def _file_offset(sources: Sources) -> int:
    return 0xFFFFFFFF if sources.client.offer is None else sources.store.offset


def _downloaded_version(sources: Sources) -> int:
    offer = sources.client.offer
    return 0xFFFFFFFF if offer is None else offer.file_version


def _downloaded_stack(sources: Sources) -> int:
    return sources.profile.stack_version if sources.store.verified else 0xFFFF


def _image_type(sources: Sources) -> int:
    """Return the type of the file that is downloaded or held, 0xFFFF when neither (11.10.9)."""
    offer = sources.client.offer
    return 0xFFFF if offer is None else offer.image_type


def _block_period(sources: Sources) -> int | None:
    return sources.client.block_period if sources.profile.block_sends_period else None


def _image_stamp(sources: Sources) -> int:
    """Return the first octets of the running image's SHA-256: constant for a build (11.10.11)."""
    return unpack_integer(sources.running.digest[:4])


ATTRIBUTES: Attributes = {
    Attribute.UPGRADE_SERVER_ID: Reader(DataType.EUI64, _server),
    Attribute.FILE_OFFSET: Reader(DataType.UINT32, _file_offset),
    Attribute.CURRENT_FILE_VERSION: Reader(DataType.UINT32, lambda s: s.running.file_version),
    Attribute.CURRENT_ZIGBEE_STACK_VERSION: Reader(
        DataType.UINT16, lambda s: s.profile.stack_version
    ),
    Attribute.DOWNLOADED_FILE_VERSION: Reader(DataType.UINT32, _downloaded_version),
    Attribute.DOWNLOADED_ZIGBEE_STACK_VERSION: Reader(DataType.UINT16, _downloaded_stack),
    Attribute.IMAGE_UPGRADE_STATUS: Reader(DataType.ENUM8, lambda s: s.client.upgrade_status),
    Attribute.MANUFACTURER_ID: Reader(DataType.UINT16, lambda s: s.profile.manufacturer_code),
    Attribute.IMAGE_TYPE_ID: Reader(DataType.UINT16, _image_type),
    Attribute.MINIMUM_BLOCK_PERIOD: Reader(DataType.UINT16, _block_period),
    Attribute.IMAGE_STAMP: Reader(DataType.UINT32, _image_stamp),
    Attribute.UPGRADE_ACTIVATION_POLICY: Reader(
        DataType.ENUM8, lambda s: s.profile.activation_policy
    ),
    Attribute.UPGRADE_TIMEOUT_POLICY: Reader(DataType.ENUM8, lambda s: s.profile.timeout_policy),
    Attribute.CLUSTER_REVISION: Reader(DataType.UINT16, lambda s: s.profile.cluster_revision),
}
