"""Decide what the OTA client does with each frame in each stage.

Every pair of a stage and a frame is either in ``ON`` or in ``IGNORED``, never in both (tested).

Source: ota-cluster fact sheet, sections 4.3 and 4.4.
"""

from emulator.ota.client import ClientTable, Handler, OtaClient, Waker
from emulator.ota.stages import Stage
from emulator.wire import ota, zdo
from emulator.wire.codec import Frame
from emulator.wire.zcl import DefaultResponse

_SEEKING = (Stage.DISCOVERING, Stage.RESOLVING)
_BUSY = (Stage.DOWNLOADING, Stage.PAUSED)
_VERIFIED = (Stage.ENDING, Stage.WAITING, Stage.EXTERNAL, Stage.COUNTING)
_IDLE = (Stage.UNSERVED, Stage.READY, Stage.QUERYING)
_UP = (*_SEEKING, *_IDLE, *_BUSY, *_VERIFIED, Stage.APPLYING)


def _all(stages: tuple[Stage, ...], frame: type[Frame], handler: Handler) -> dict[
    tuple[Stage, type[Frame]], Handler
]:
    return {(stage, frame): handler for stage in stages}


#: What the client does with each frame in each stage.
ON: dict[tuple[Stage, type[Frame]], Handler] = {
    # Informational, never authoritative: the full query follows (ZCL 11.13.3).
    (Stage.READY, ota.ImageNotify): OtaClient._on_notify,
    (Stage.UNSERVED, ota.ImageNotify): OtaClient._on_notify_early,
    **_all((*_BUSY, *_VERIFIED, Stage.APPLYING), ota.ImageNotify, OtaClient._on_notify_busy),
    (Stage.QUERYING, ota.QueryNextImageResponse): OtaClient._on_query_response,
    **_all(
        tuple(stage for stage in _UP if stage is not Stage.QUERYING),
        ota.QueryNextImageResponse,
        OtaClient._out_of_turn,
    ),
    (Stage.DOWNLOADING, ota.ImageBlockResponse): OtaClient._on_block,
    **_all(
        (*_SEEKING, *_IDLE, *_VERIFIED, Stage.APPLYING),
        ota.ImageBlockResponse,
        OtaClient._out_of_turn,
    ),
    **_all(_VERIFIED, ota.UpgradeEndResponse, OtaClient._on_end_response),
    # No verified image is held: nothing may be activated (OTA-C-099).
    **_all((*_SEEKING, *_IDLE, *_BUSY), ota.UpgradeEndResponse, OtaClient._out_of_turn),
    **_all(_UP, ota.QueryDeviceSpecificFileResponse, OtaClient._out_of_turn),
    (Stage.QUERYING, DefaultResponse): OtaClient._on_refused_query,
    (Stage.DOWNLOADING, DefaultResponse): OtaClient._on_refused_block,
    **_all((Stage.ENDING, Stage.WAITING), DefaultResponse, OtaClient._on_refused_end),
    (Stage.DISCOVERING, zdo.MatchDescriptorResponse): OtaClient._on_match,
    (Stage.RESOLVING, zdo.IeeeAddressResponse): OtaClient._on_address,
}

#: What the client passes over in silence, and why.
IGNORED: frozenset[tuple[Stage, type[Frame]]] = frozenset(
    {
        # Off the network nothing is heard; a frame in flight is lost.
        *((Stage.OFF, frame) for frame in (ota.ImageNotify, ota.QueryNextImageResponse)),
        *((Stage.OFF, frame) for frame in (ota.ImageBlockResponse, ota.UpgradeEndResponse)),
        *((Stage.OFF, frame) for frame in (ota.QueryDeviceSpecificFileResponse, DefaultResponse)),
        *((Stage.OFF, frame) for frame in (zdo.MatchDescriptorResponse, zdo.IeeeAddressResponse)),
        # A query follows anyway.
        *((stage, ota.ImageNotify) for stage in (*_SEEKING, Stage.QUERYING)),
        # A late duplicate of the block, or of the answer, that began the pause.
        (Stage.PAUSED, ota.ImageBlockResponse),
        # It says again what has begun: an image is applied once (ZCL 11.13.10).
        (Stage.APPLYING, ota.UpgradeEndResponse),
        # A Default Response is never answered; here nothing is asked that it could refuse.
        *(
            (stage, DefaultResponse)
            for stage in (
                *_SEEKING,
                Stage.UNSERVED,
                Stage.READY,
                Stage.PAUSED,
                Stage.EXTERNAL,
                Stage.COUNTING,
                Stage.APPLYING,
            )
        ),
        # The first responder was taken (OTA-C-009); later ones come too late.
        *((s, zdo.MatchDescriptorResponse) for s in _UP if s is not Stage.DISCOVERING),
        *((s, zdo.IeeeAddressResponse) for s in _UP if s is not Stage.RESOLVING),
    }
)

#: What the client does when the deadline of a stage is reached. OFF and EXTERNAL have none.
ON_DEADLINE: dict[Stage, Waker] = {
    Stage.DISCOVERING: OtaClient._undiscovered,
    Stage.UNSERVED: OtaClient._discover,
    Stage.RESOLVING: OtaClient._resolve,
    Stage.READY: OtaClient._query,
    Stage.QUERYING: OtaClient._query,
    Stage.DOWNLOADING: OtaClient._ask_again,
    Stage.PAUSED: OtaClient._ask,
    Stage.ENDING: OtaClient._announce,
    Stage.WAITING: OtaClient._remind,
    Stage.COUNTING: OtaClient._apply_soon,
    Stage.APPLYING: OtaClient._apply,
}

TABLE = ClientTable(on=ON, on_deadline=ON_DEADLINE)
