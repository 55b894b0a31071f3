"""Declare the IEEE 802.15.4 data frame that carries NWK frames, without security.

Only the form that ZigBee uses between joined devices: 16-bit addresses and one PAN id for both.

Source: IEEE 802.15.4-2006, 7.2.2.2.
"""

from enum import IntEnum
from typing import Annotated

from emulator.wire.codec import U8, U16, Frame, Rest, UInt, frame

BROADCAST = 0xFFFF


class MacControl(IntEnum):
    """List the frame controls that fit the layout of ``MacData``; any other one has another layout.

    Frame type data, PAN id compression, both addresses of 16 bits, version of 2003.
    """

    DATA = 0x8841
    DATA_ACKNOWLEDGED = 0x8861  # the receiver is to acknowledge


@frame
class MacData(Frame):
    """Carry octets over one hop; the frame check sequence is not part of it."""

    control: Annotated[MacControl, UInt(2)]
    sequence: U8
    pan_id: U16
    destination: U16
    source: U16
    payload: Annotated[bytes, Rest()]
