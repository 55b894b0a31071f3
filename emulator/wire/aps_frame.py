"""Declare the APS data frame as it stands on the air; ``aps.Datagram`` is what remains of it above.

Security, fragments and groups are not modelled.

Source: ZigBee 05-3474 rev 21, 2.2.5.
"""

from enum import IntFlag
from typing import Annotated

from emulator.wire.codec import U8, U16, Frame, Rest, UInt, frame


class ApsControl(IntFlag):
    """Describe an APS frame (2.2.5.1.1)."""

    UNICAST_DATA = 0x00  # frame type data in bits 0 and 1, unicast delivery in bits 2 and 3
    BROADCAST = 0x08
    SECURITY = 0x20
    ACKNOWLEDGE = 0x40  # the receiver's APS layer is to acknowledge
    EXTENDED_HEADER = 0x80


@frame
class ApsData(Frame):
    """Carry octets from one endpoint to another, by unicast or broadcast delivery."""

    control: Annotated[ApsControl, UInt(1)]
    destination_endpoint: U8
    cluster: U16
    profile: U16
    source_endpoint: U8
    counter: U8
    payload: Annotated[bytes, Rest()]
