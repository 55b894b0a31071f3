"""Hold the datagram: what an APS layer carries, and all that a bridge or hub sees of the air."""

from enum import IntFlag

from emulator.wire.codec import value

#: Broadcast addresses of the NWK layer (ZigBee 05-3474, 3.6.5).
BROADCAST_ALL = 0xFFFF
BROADCAST_RX_ON = 0xFFFD
BROADCAST_ROUTERS = 0xFFFC
#: The first reserved or broadcast NWK address.
FIRST_BROADCAST = 0xFFF8

COORDINATOR = 0x0000
ZDO_PROFILE = 0x0000
ZDO_ENDPOINT = 0


class ApsOptions(IntFlag):
    """What the sender asks of the APS layer."""

    NONE = 0
    ACKNOWLEDGE = 0x01  # ask the receiver's APS layer for an acknowledgement
    ENCRYPT = 0x02  # secured with the APS link key


@value
class Datagram:
    """Carry octets from one endpoint to another.

    ``key_id`` and ``frame_counter`` are those of the NWK security that the sender applied, so that
    their growth is judged from outside; both are None where a radio owns them.

    Source: ZigBee 05-3474, 2.2 (APS); design section 4.
    """

    source: int  # NWK address
    destination: int  # NWK address, or a broadcast address
    source_endpoint: int
    destination_endpoint: int
    profile: int
    cluster: int
    payload: bytes
    options: int = 0  # bits of ApsOptions, plain on the hot path
    aps_counter: int = 0
    key_id: int | None = None
    frame_counter: int | None = None

    @property
    def broadcast(self) -> bool:
        """Tell whether the destination is a broadcast address."""
        return self.destination >= FIRST_BROADCAST
