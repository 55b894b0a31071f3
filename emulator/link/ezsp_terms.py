"""Say in bellows' terms what a device says in ours, and the other way round.

bellows is imported where it is used: nobody else pays for it.
"""

from typing import Any

from emulator.wire.aps import BROADCAST_RX_ON, ApsOptions, Datagram
from emulator.wire.codec import unpack_integer

#: Transmit power of a joiner.
_POWER_DBM = 8


def name_of(status: Any) -> str:  # noqa: ANN401 - one of three enums of bellows
    """Return what a status is called, whichever version it is of."""
    from bellows.types import sl_Status

    return str(sl_Status.from_ember_status(status).name).removeprefix("ZIGBEE_")


def joining_state(link_key: bytes) -> Any:  # noqa: ANN401 - of bellows
    """Return what a joiner starts with: a link key, and no network key."""
    import bellows.types as t

    bits = t.EmberInitialSecurityBitmask
    return t.EmberInitialSecurityState(
        bitmask=bits.HAVE_PRECONFIGURED_KEY
        | bits.TRUST_CENTER_GLOBAL_LINK_KEY
        | bits.REQUIRE_ENCRYPTED_KEY,
        preconfiguredKey=t.KeyData(link_key),
        networkKey=t.KeyData(bytes(16)),
        networkKeySequenceNumber=t.uint8_t(0),
        preconfiguredTrustCenterEui64=t.EUI64(bytes(8)),
    )


def parameters_of(network: Any, channels: int) -> Any:  # noqa: ANN401 - of bellows
    """Return what to join, of what a scan found."""
    import bellows.types as t

    return t.EmberNetworkParameters(
        extendedPanId=network.extendedPanId,
        panId=network.panId,
        radioTxPower=t.uint8_t(_POWER_DBM),
        radioChannel=t.uint8_t(network.channel),
        joinMethod=t.EmberJoinMethod.USE_MAC_ASSOCIATION,
        nwkManagerId=t.EmberNodeId(0),
        nwkUpdateId=t.uint8_t(network.nwkUpdateId),
        channels=t.Channels(channels),
    )


def extended_pan_id_of(network: Any) -> int:  # noqa: ANN401 - of bellows
    """Return the extended PAN id of what a scan found."""
    return unpack_integer(network.extendedPanId.serialize())


def frame_of(datagram: Datagram) -> Any:  # noqa: ANN401 - of bellows
    """Return how a stick is to send a datagram."""
    import bellows.types as t

    options = t.EmberApsOption.APS_OPTION_ENABLE_ROUTE_DISCOVERY
    if datagram.options & ApsOptions.ENCRYPT:
        options |= t.EmberApsOption.APS_OPTION_ENCRYPTION
    if datagram.options & ApsOptions.ACKNOWLEDGE and not datagram.broadcast:
        options |= t.EmberApsOption.APS_OPTION_RETRY
    return t.EmberApsFrame(
        profileId=datagram.profile,
        clusterId=datagram.cluster,
        sourceEndpoint=datagram.source_endpoint,
        destinationEndpoint=datagram.destination_endpoint,
        options=options,
        groupId=0,
        sequence=0,
    )


def datagram_of(values: list[Any], own: int, *, wide: bool) -> Datagram | None:
    """Return what a stick has heard, None if it is an echo of its own, or for a group.

    Args:
        values: Of an incomingMessageHandler.
        own: The NWK address of the device.
        wide: Whether it is of EZSP 14 or above.
    """
    from bellows.types import EmberApsOption
    from bellows.types import EmberIncomingMessageType as Kind

    kind, frame, sender = values[0], values[1], values[2] if wide else values[4]
    if kind not in (Kind.INCOMING_UNICAST, Kind.INCOMING_BROADCAST):
        return None
    options = ApsOptions.NONE
    if frame.options & EmberApsOption.APS_OPTION_RETRY:
        options |= ApsOptions.ACKNOWLEDGE
    if frame.options & EmberApsOption.APS_OPTION_ENCRYPTION:
        options |= ApsOptions.ENCRYPT
    return Datagram(
        source=int(sender),
        destination=own if kind == Kind.INCOMING_UNICAST else BROADCAST_RX_ON,
        source_endpoint=int(frame.sourceEndpoint),
        destination_endpoint=int(frame.destinationEndpoint),
        profile=int(frame.profileId),
        cluster=int(frame.clusterId),
        payload=bytes(values[-1]),
        options=int(options),
        aps_counter=int(frame.sequence),
    )


def end_of(error: BaseException | None) -> str:
    """Return what ended the line to a stick: the line itself, or that the stick has reset."""
    code = getattr(getattr(error, "code", None), "name", None)  # of bellows' NcpFailure
    if code is not None:
        return f"it has reset itself or failed ({code})"
    return str(error or "the port was closed") or type(error).__name__
