"""Read the attributes of the Power Configuration cluster's server side; only a battery has it.

A hub that asks why nothing is downloaded finds the charge here (GB-073).

Source: ZCL rev 8, 3.3.
"""

from emulator.device.attributes import Attributes, Reader, Sources
from emulator.wire.power import CLUSTER_REVISION, STEPS_A_PERCENT, UNKNOWN, Attribute
from emulator.wire.zcl import DataType


def _remaining(sources: Sources) -> int:
    percent = sources.gauge.percent
    return UNKNOWN if percent is None else percent * STEPS_A_PERCENT


POWER: Attributes = {
    Attribute.BATTERY_PERCENTAGE_REMAINING: Reader(DataType.UINT8, _remaining),
    Attribute.CLUSTER_REVISION: Reader(DataType.UINT16, lambda s: CLUSTER_REVISION),
}
