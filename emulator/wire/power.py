"""Name the attributes of the Power Configuration cluster that tell of a battery.

Source: ZCL rev 8 (07-5123), 3.3.
"""

from enum import IntEnum

CLUSTER = 0x0001
CLUSTER_REVISION = 2

#: Steps of BatteryPercentageRemaining: half a percent each (ZCL 3.3.2.2.3).
STEPS_A_PERCENT = 2
#: The invalid value of its type: the charge is not known (ZCL 2.6.2).
UNKNOWN = 0xFF


class Attribute(IntEnum):
    """Name an attribute of the server side (ZCL 3.3.2.2)."""

    BATTERY_PERCENTAGE_REMAINING = 0x0021
    CLUSTER_REVISION = 0xFFFD
