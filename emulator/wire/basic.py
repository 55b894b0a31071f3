"""Name the attributes of the Basic cluster, by which a device says what it is.

Source: ZCL rev 8 (07-5123), 3.2.
"""

from enum import IntEnum

CLUSTER = 0x0000
CLUSTER_REVISION = 3


class Attribute(IntEnum):
    """Name an attribute of the server side (ZCL 3.2.2.2)."""

    ZCL_VERSION = 0x0000
    APPLICATION_VERSION = 0x0001
    STACK_VERSION = 0x0002
    HARDWARE_VERSION = 0x0003
    MANUFACTURER_NAME = 0x0004
    MODEL_IDENTIFIER = 0x0005
    DATE_CODE = 0x0006
    POWER_SOURCE = 0x0007
    SOFTWARE_BUILD_ID = 0x4000
    CLUSTER_REVISION = 0xFFFD


class PowerSource(IntEnum):
    """Say where the supply comes from (ZCL 3.2.2.2.8)."""

    UNKNOWN = 0x00
    MAINS = 0x01
    BATTERY = 0x03
