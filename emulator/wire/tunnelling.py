"""Declare how octets go through a tunnel between a device and its hub (cluster 0x0704).

How a tunnel is opened is not modelled: each device has one, number 0 [ASSUMED].

Source: Smart Energy 1.4, D.6; gb-alt-han fact sheet 2.6 for what goes through it.
"""

from enum import IntEnum
from typing import Annotated

from emulator.wire.codec import U16, Frame, Rest, command

CLUSTER = 0x0704
#: The tunnel that every device has.
TUNNEL = 0


class Order(IntEnum):
    """Begin what goes through a tunnel: a message is fetched, brought or handed in."""

    GET = 0x01
    GET_RESPONSE = 0x02  # behind it how many more wait (one octet), and a message, if there is one
    PUT = 0x03


@command(CLUSTER, to_server=True, number=0x02)
class TransferDataToServer(Frame):
    """Send octets to the hub.

    Source: Smart Energy 1.4, D.6.2.4.
    """

    tunnel: U16
    data: Annotated[bytes, Rest()]


@command(CLUSTER, to_server=False, number=0x01)
class TransferDataToClient(Frame):
    """Send octets to the device.

    Source: Smart Energy 1.4, D.6.2.5.
    """

    tunnel: U16
    data: Annotated[bytes, Rest()]
