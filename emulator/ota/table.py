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
_BUSY = (Stage.DOWNLOADING, Stage.PAGING, Stage.PAUSED)
_QUERYING = (Stage.QUERYING, Stage.QUERYING_MORE)
_VERIFIED = (Stage.ENDING, Stage.WAITING, Stage.EXTERNAL, Stage.COUNTING)
_IDLE = (Stage.UNSERVED, Stage.READY, Stage.MORE, *_QUERYING)
_UP = (*_SEEKING, *_IDLE, *_BUSY, *_VERIFIED, Stage.APPLYING)


def _all(
    stages: tuple[Stage, ...], frame: type[Frame], handler: Handler
) -> dict[tuple[Stage, type[Frame]], Handler]:
    return {(stage, frame): handler for stage in stages}


#: What the client passes over in silence, and why.
IGNORED: frozenset[tuple[Stage, type[Frame]]] = frozenset(
    {
        # Off the network nothing is heard; a frame in flight is lost.
        *((Stage.OFF, frame) for frame in (ota.ImageNotify, ota.QueryNextImageResponse)),
        *((Stage.OFF, frame) for frame in (ota.ImageBlockResponse, ota.UpgradeEndResponse)),
        *((Stage.OFF, frame) for frame in (ota.QueryDeviceSpecificFileResponse, DefaultResponse)),
        *((Stage.OFF, frame) for frame in (zdo.MatchDescriptorResponse, zdo.IeeeAddressResponse)),
        # A query follows anyway.
        *((stage, ota.ImageNotify) for stage in (*_SEEKING, *_QUERYING)),
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
                Stage.MORE,
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


def on(client: type[OtaClient]) -> dict[tuple[Stage, type[Frame]], Handler]:
    """Return what a client does with each frame in each stage, by that client's own methods."""
    return {
        # Informational, never authoritative: the full query follows (ZCL 11.13.3).
        **_all((Stage.READY, Stage.MORE), ota.ImageNotify, client._on_notify),
        (Stage.UNSERVED, ota.ImageNotify): client._on_notify_early,
        **_all((*_BUSY, *_VERIFIED, Stage.APPLYING), ota.ImageNotify, client._on_notify_busy),
        **_all(_QUERYING, ota.QueryNextImageResponse, client._on_query_response),
        **_all(
            tuple(stage for stage in _UP if stage not in _QUERYING),
            ota.QueryNextImageResponse,
            client._out_of_turn,
        ),
        **_all((Stage.DOWNLOADING, Stage.PAGING), ota.ImageBlockResponse, client._on_block),
        **_all(
            (*_SEEKING, *_IDLE, *_VERIFIED, Stage.APPLYING),
            ota.ImageBlockResponse,
            client._out_of_turn,
        ),
        **_all(_VERIFIED, ota.UpgradeEndResponse, client._on_end_response),
        # No verified image is held, or not every one: nothing may be activated (OTA-C-099).
        **_all((*_SEEKING, *_IDLE, *_BUSY), ota.UpgradeEndResponse, client._out_of_turn),
        **_all(_UP, ota.QueryDeviceSpecificFileResponse, client._out_of_turn),
        **_all(_QUERYING, DefaultResponse, client._on_refused_query),
        (Stage.DOWNLOADING, DefaultResponse): client._on_refused_block,
        (Stage.PAGING, DefaultResponse): client._on_refused_page,
        **_all((Stage.ENDING, Stage.WAITING), DefaultResponse, client._on_refused_end),
        (Stage.DISCOVERING, zdo.MatchDescriptorResponse): client._on_match,
        (Stage.RESOLVING, zdo.IeeeAddressResponse): client._on_address,
    }


def on_deadline(client: type[OtaClient]) -> dict[Stage, Waker]:
    """Return what a client does at the deadline of each stage; OFF and EXTERNAL have none."""
    return {
        Stage.DISCOVERING: client._undiscovered,
        Stage.UNSERVED: client._discover,
        Stage.RESOLVING: client._resolve,
        Stage.READY: client._query,
        Stage.QUERYING: client._query_again,
        Stage.MORE: client._query,
        Stage.QUERYING_MORE: client._query_again,
        Stage.DOWNLOADING: client._ask_again,
        Stage.PAGING: client._on_page_silence,
        Stage.PAUSED: client._ask,
        Stage.ENDING: client._announce,
        Stage.WAITING: client._remind,
        Stage.COUNTING: client._apply_soon,
        Stage.APPLYING: client._apply,
    }


def table_of(client: type[OtaClient]) -> ClientTable:
    """Return the whole table of a client, or of a variant of it."""
    return ClientTable(on=on(client), on_deadline=on_deadline(client))


ON = on(OtaClient)
ON_DEADLINE = on_deadline(OtaClient)
TABLE = table_of(OtaClient)
