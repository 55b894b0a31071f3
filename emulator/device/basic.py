"""Read the attributes of the Basic cluster's server side from where their values live.

Source: ZCL rev 8, 3.2.
"""

from emulator.device.attributes import Attributes, Reader, Sources
from emulator.profiles.model import Power
from emulator.wire.basic import CLUSTER_REVISION, Attribute, PowerSource
from emulator.wire.zcl import DataType

_POWER = {Power.MAINS: PowerSource.MAINS, Power.BATTERY: PowerSource.BATTERY}


def _model(sources: Sources) -> bytes:
    bridge = sources.bridge
    return (bridge.basic.model_identifier or bridge.name).encode()


def _application_version(sources: Sources) -> int:
    """Return the application release: the high octet of the file version (ZCL 11.4.2.7)."""
    return sources.running.file_version >> 24


def _build(sources: Sources) -> bytes:
    return f"0x{sources.running.file_version:08X}".encode()


BASIC: Attributes = {
    Attribute.ZCL_VERSION: Reader(DataType.UINT8, lambda s: s.bridge.basic.zcl_version),
    Attribute.APPLICATION_VERSION: Reader(DataType.UINT8, _application_version),
    Attribute.STACK_VERSION: Reader(DataType.UINT8, lambda s: s.profile.stack_version & 0xFF),
    Attribute.HARDWARE_VERSION: Reader(DataType.UINT8, lambda s: s.profile.hardware_version >> 8),
    Attribute.MANUFACTURER_NAME: Reader(
        DataType.CHARACTER_STRING, lambda s: s.bridge.basic.manufacturer_name.encode()
    ),
    Attribute.MODEL_IDENTIFIER: Reader(DataType.CHARACTER_STRING, _model),
    Attribute.DATE_CODE: Reader(
        DataType.CHARACTER_STRING, lambda s: s.bridge.basic.date_code.encode()
    ),
    Attribute.POWER_SOURCE: Reader(DataType.ENUM8, lambda s: _POWER[s.bridge.power]),
    Attribute.SOFTWARE_BUILD_ID: Reader(DataType.CHARACTER_STRING, _build),
    Attribute.CLUSTER_REVISION: Reader(DataType.UINT16, lambda s: CLUSTER_REVISION),
}
