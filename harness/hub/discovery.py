"""Answer ZDO requests as a hub does: who it is, where, and which endpoint serves the OTA cluster.

Source: ZigBee 05-3474, 2.4.3 and 2.4.4.
"""

from emulator.errors import WireError
from emulator.wire import ota, zdo
from emulator.wire.aps import FIRST_BROADCAST, Datagram
from emulator.wire.codec import Frame

#: Smart Energy device id of an energy service interface.
_ENERGY_SERVICE_INTERFACE = 0x0500
_OK = zdo.ZdoStatus.SUCCESS


def zdo_frame(datagram: Datagram) -> Frame | None:
    """Return the ZDO frame that a datagram carries, None if it cannot be read."""
    kind = zdo.COMMANDS_BY_CLUSTER.get(datagram.cluster)
    try:
        return None if kind is None else kind.decode_at(datagram.payload, 0)[0]
    except WireError:
        return None


def discovery_answer(
    request: Frame, *, address: int, eui64: int, endpoints: tuple[int, ...], profile: int
) -> Frame | None:
    """Return the answer of a node to a ZDO request, None if it has none to give.

    Args:
        request: What was asked.
        address: The node's NWK address.
        eui64: Its EUI-64.
        endpoints: Those with the OTA server.
        profile: The application profile on them.
    """
    match request:
        case zdo.MatchDescriptorRequest(sequence=sequence, address=asked):
            ours = asked == address or asked >= FIRST_BROADCAST
            if ours and ota.CLUSTER in request.input_clusters:
                return zdo.MatchDescriptorResponse(
                    sequence=sequence, status=_OK, address=address, endpoints=endpoints
                )
        case zdo.IeeeAddressRequest(sequence=sequence, address=asked) if asked == address:
            return zdo.IeeeAddressResponse(
                sequence=sequence, status=_OK, eui64=eui64, address=address
            )
        case zdo.NwkAddressRequest(sequence=sequence, eui64=sought) if sought == eui64:
            return zdo.NwkAddressResponse(
                sequence=sequence, status=_OK, eui64=eui64, address=address
            )
        case zdo.ActiveEndpointsRequest(sequence=sequence, address=asked) if asked == address:
            return zdo.ActiveEndpointsResponse(
                sequence=sequence, status=_OK, address=address, endpoints=endpoints
            )
        case zdo.SimpleDescriptorRequest(endpoint=endpoint) if endpoint in endpoints:
            return _simple_descriptor(request, address, profile)
        case _:
            pass
    return None


def _simple_descriptor(request: zdo.SimpleDescriptorRequest, address: int, profile: int) -> Frame:
    descriptor = zdo.SimpleDescriptor(
        endpoint=request.endpoint,
        profile=profile,
        device=_ENERGY_SERVICE_INTERFACE,
        device_version=0,
        input_clusters=(ota.CLUSTER,),
        output_clusters=(),
    )
    return zdo.SimpleDescriptorResponse(
        sequence=request.sequence, status=_OK, address=address, descriptor=descriptor.encode()
    )
