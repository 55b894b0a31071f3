"""Declare the NWK data frame.

Security and source routes are not modelled: what they add stands at the front of ``payload``.

Source: ZigBee 05-3474 rev 21, 3.3.1.
"""

from enum import IntFlag
from typing import Annotated

from emulator.wire.codec import EUI64, U8, U16, Frame, Rest, UInt, frame, when


class NwkControl(IntFlag):
    """Describe a NWK frame (3.3.1.1)."""

    DATA = 0x0000  # frame type, bits 0 and 1
    PROTOCOL_PRO = 0x0008  # protocol version 2, bits 2 to 5
    DISCOVER_ROUTE = 0x0040
    MULTICAST = 0x0100
    SECURITY = 0x0200
    SOURCE_ROUTE = 0x0400
    DESTINATION_EUI64 = 0x0800
    SOURCE_EUI64 = 0x1000
    END_DEVICE_INITIATOR = 0x2000


@frame
class NwkData(Frame):
    """Carry octets from one device to another, over as many hops as the radius allows."""

    control: Annotated[NwkControl, UInt(2)]
    destination: U16
    source: U16
    radius: U8
    sequence: U8
    destination_eui64: EUI64 | None = when("control", NwkControl.DESTINATION_EUI64)
    source_eui64: EUI64 | None = when("control", NwkControl.SOURCE_EUI64)
    multicast_control: U8 | None = when("control", NwkControl.MULTICAST)
    payload: Annotated[bytes, Rest()]
