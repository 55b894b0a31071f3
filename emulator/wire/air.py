"""Turn a datagram into the octets that a sniffer would have seen of it.

The frames are not secured, neither by the NWK nor by the APS layer, whatever the datagram says:
security below the datagram is not modelled yet. A real sniffer's capture of the same exchange has
security headers and needs keys. A datagram is shown as one hop from its source to its destination.
"""

from emulator.wire.aps import ApsOptions, Datagram
from emulator.wire.aps_frame import ApsControl, ApsData
from emulator.wire.mac import BROADCAST, MacControl, MacData
from emulator.wire.nwk import NwkControl, NwkData

#: Twice the greatest depth of a ZigBee PRO network: the usual radius of a first hop.
RADIUS = 30


def air_octets(datagram: Datagram, pan_id: int, mac_sequence: int, nwk_sequence: int) -> bytes:
    """Return the 802.15.4 frame of a datagram, without its frame check sequence.

    A capture declares such frames as link type 230 (IEEE802_15_4_NOFCS), which spares the reader
    the guess, of several kinds, at what the last two octets mean.

    Raises:
        ValueError: A value does not fit its field.
    """
    aps_control = ApsControl.BROADCAST if datagram.broadcast else ApsControl.UNICAST_DATA
    if datagram.options & ApsOptions.ACKNOWLEDGE:
        aps_control |= ApsControl.ACKNOWLEDGE
    nwk_control = NwkControl.DATA | NwkControl.PROTOCOL_PRO
    if not datagram.broadcast:
        nwk_control |= NwkControl.DISCOVER_ROUTE
    aps = ApsData(
        control=aps_control,
        destination_endpoint=datagram.destination_endpoint,
        cluster=datagram.cluster,
        profile=datagram.profile,
        source_endpoint=datagram.source_endpoint,
        counter=datagram.aps_counter,
        payload=datagram.payload,
    )
    nwk = NwkData(
        control=nwk_control,
        destination=datagram.destination,
        source=datagram.source,
        radius=RADIUS,
        sequence=nwk_sequence,
        payload=aps.encode(),
    )
    mac = MacData(
        control=MacControl.DATA if datagram.broadcast else MacControl.DATA_ACKNOWLEDGED,
        sequence=mac_sequence,
        pan_id=pan_id,
        destination=BROADCAST if datagram.broadcast else datagram.destination,
        source=datagram.source,
        payload=nwk.encode(),
    )
    return mac.encode()
