"""Declare the Sub-GHz cluster (0x070B), by which a hub silences devices for a while.

Source: Smart Energy 1.4, 14.2.3.
"""

from emulator.wire.codec import U8, Frame, command

CLUSTER = 0x070B


@command(CLUSTER, to_server=False, number=0x00)
class SuspendZclMessages(Frame):
    """Tell a client to send no ZCL message for a while; 0: that it may send.

    Source: Smart Energy 1.4, 14.2.3.
    """

    period_min: U8


@command(CLUSTER, to_server=True, number=0x00)
class GetSuspendZclMessagesStatus(Frame):
    """Ask whether one is to be silent, and for how long.

    Source: Smart Energy 1.4, 14.2.3.
    """
