"""Declare what a meter, a display and a hub say on the Metering cluster (0x0702).

Source: Smart Energy 1.4, annex D.3; ZCL rev 8, 10.4; gb-alt-han fact sheet 2.6 for the flags.
"""

from enum import IntFlag
from typing import Annotated

from emulator.wire.codec import U8, Frame, Many, Series, command, frame
from emulator.wire.zcl import WriteAttributeRecord

CLUSTER = 0x0702
#: The attribute that displays read and meters report; an UINT48.
CURRENT_SUMMATION_DELIVERED = 0x0000
#: The general command Report Attributes (ZCL 2.5.11). No bridge takes it, hence it is not in
#: ``zcl.GENERAL``: whatever stands there is what a bridge knows.
REPORT_ATTRIBUTES = 0x0A
#: The notification scheme in which the functional flags come alone ("predefined scheme A").
SCHEME_A = 0x01


class FunctionalFlags(IntFlag):
    """Tell a sleepy meter what waits for it; the other bits mean nothing here."""

    NEW_FIRMWARE = 1 << 0
    TUNNEL_MESSAGE = 1 << 21


@frame
class ReportAttributes(Frame):
    """Tell the values of attributes unasked.

    Source: ZCL rev 8, 2.5.11.
    """

    records: Annotated[tuple[WriteAttributeRecord, ...], Many(WriteAttributeRecord)]


@command(CLUSTER, to_server=True, number=0x09)
class MirrorReportAttributeResponse(Frame):
    """Answer a meter's report, and tell it what waits for it.

    Source: Smart Energy 1.4, D.3.3.3.1.
    """

    scheme: U8
    flags: Annotated[tuple[int, ...], Series(4)]
