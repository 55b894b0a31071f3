"""Hold the defects of what a client makes of the server's answers."""

from collections.abc import Sequence
from dataclasses import replace

from emulator.actions import Action
from emulator.device.application import Application
from emulator.device.defects.model import Defect, with_client, with_parts
from emulator.device.general import General
from emulator.ota.client import OtaClient
from emulator.ota.stages import Stage
from emulator.profiles.switches import Consent
from emulator.units import SECOND, Us
from emulator.wire import ota, zcl
from emulator.wire.aps import ApsOptions, Datagram
from emulator.wire.codec import KEYS
from emulator.wire.ota import Status
from emulator.wire.zcl import DefaultResponse

_NOTHING: tuple[Action, ...] = ()
_BLOCK_RESPONSE = KEYS[ota.ImageBlockResponse].command
_QUERY_RESPONSE = KEYS[ota.QueryNextImageResponse].command
_END_RESPONSE = KEYS[ota.UpgradeEndResponse].command


class _OffendedForEver(OtaClient):
    def _answered(self, response: ota.QueryNextImageResponse, now: Us) -> Sequence[Action]:
        if response.status is Status.NOT_AUTHORIZED:
            self.stop()
            return _NOTHING
        return super()._answered(response, now)


class _DropsWhatItHolds(OtaClient):
    def _serve(self, now: Us, delay_us: Us) -> Sequence[Action]:
        if self._store.held is not None:
            self._store.discard()
        return super()._serve(now, delay_us)


class _SaysYesAndDoesNot(OtaClient):
    def _answered(self, response: ota.QueryNextImageResponse, now: Us) -> Sequence[Action]:
        if (response.file_version or self._version) < self._version:
            return self._rest(now)
        return super()._answered(response, now)


class _ForgetsThatItMustNot(OtaClient):
    def _answered(self, response: ota.QueryNextImageResponse, now: Us) -> Sequence[Action]:
        true = self._profile
        self._profile = replace(true, downgrade=Consent.ACCEPT)
        try:
            return super()._answered(response, now)
        finally:
            self._profile = true


class _GuessesTheRest(Application):
    """Fill a query response that is cut short with a likely size."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        payload = datagram.payload
        if payload[2:4] == bytes((_QUERY_RESPONSE, 0)) and len(payload) == 12:
            datagram = replace(datagram, payload=payload + b"\x00\x10\x00\x00")
        return super()._on_ota(datagram, now)


class _AsksEachSecond(OtaClient):
    def _query(self, now: Us) -> Sequence[Action]:
        asked = super()._query(now)
        self.deadline = now + SECOND
        return asked


class _HangsOnStrangeStatus(OtaClient):
    def _on_block_status(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        told = super()._on_block_status(block, now)
        if self.answer is Status.INVALID_VALUE:
            self.deadline = None
        return told


class _StoresOverTheEnd(OtaClient):
    def _on_block(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        offer, data = self._offer, block.data
        at = self._store.offset
        there = offer is not None and data is not None and block.file_offset == at
        if there and at + len(data or b"") > (0 if offer is None else offer.image_size):
            self._store.append(data or b"")
            return self._ask(now)
        return super()._on_block(block, now)


class _CountsWhatIsThere(Application):
    """Take the length of the frame for the length of the data."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        payload = datagram.payload
        if payload[2:4] == bytes((_BLOCK_RESPONSE, 0)) and len(payload) > 17:
            counted = payload[:16] + bytes((len(payload) - 17,)) + payload[17:]
            datagram = replace(datagram, payload=counted)
        return super()._on_ota(datagram, now)


class _CallsAPartWhole(OtaClient):
    def _give_up(self, now: Us) -> Sequence[Action]:
        end = self._end(Status.SUCCESS)
        return (*end, *self._stopped(now, "no block came"))


class _HangsOnThePast(OtaClient):
    def _on_past_time(self, now: Us) -> Sequence[Action]:
        self.stage, self.deadline = Stage.WAITING, None
        return _NOTHING


class _TiresOfWrongNumbers(Application):
    """Take a few responses with a wrong sequence number, then no more."""

    _wrong = 0

    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        payload = datagram.payload
        if payload[2:3] == bytes((_BLOCK_RESPONSE,)) and payload[1] != self._radio._sequence:
            self._wrong += 1
            if self._wrong > 5:
                return _NOTHING
        return super()._on_ota(datagram, now)


class _IgnoresRefusedBlocks(OtaClient):
    def _on_refused_block(self, default: DefaultResponse, now: Us) -> Sequence[Action]:
        return _NOTHING


class _IgnoresARefusedEnd(OtaClient):
    def _on_refused_end(self, default: DefaultResponse, now: Us) -> Sequence[Action]:
        return _NOTHING


class _AnswersEverything(Application):
    """Send a Default Response SUCCESS to every block, asked for or not."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        told = super()._on_ota(datagram, now)
        if datagram.payload[2:4] == bytes((_BLOCK_RESPONSE, 0)):
            asking = bytes((datagram.payload[0] & ~zcl.NO_DEFAULT_RESPONSE,)) + datagram.payload[1:]
            asked = replace(datagram, payload=asking)
            return (*told, *self._general.refuse(asked, Status.SUCCESS))
        return told


class _ObeysOtherMakers(Application):
    """Take a command under a manufacturer code for the standard's of the same id."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        payload = datagram.payload
        if len(payload) >= 5 and payload[0] & zcl.MANUFACTURER_SPECIFIC:
            plain = bytes((payload[0] & ~zcl.MANUFACTURER_SPECIFIC,)) + payload[3:]
            datagram = replace(datagram, payload=plain)
        return super()._on_ota(datagram, now)


class _BlindToDirection(Application):
    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        payload = datagram.payload
        if payload[:1] and payload[0] & zcl.FRAME_TYPE_MASK == zcl.FrameType.CLUSTER:
            turned = bytes((payload[0] | zcl.FROM_SERVER,)) + payload[1:]
            datagram = replace(datagram, payload=turned)
        return super()._on_ota(datagram, now)


class _AnswersBroadcasts(General):
    def refuse(self, datagram: Datagram, status: Status) -> Sequence[Action]:
        return super().refuse(replace(datagram, destination=0), status)


class _FillsWithZeroes(Application):
    """Read the fields that an Upgrade End Response lacks out of an empty buffer."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        payload = datagram.payload
        if payload[2:3] == bytes((_END_RESPONSE,)) and len(payload) > 3:
            datagram = replace(datagram, payload=payload.ljust(19, b"\0"))
        return super()._on_ota(datagram, now)


class _TakesWhatIsClear(Application):
    """Take a unicast without APS encryption for an encrypted one."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        secured = datagram.options | ApsOptions.ENCRYPT
        return super()._on_ota(replace(datagram, options=secured), now)


DEFECTS: tuple[Defect, ...] = (
    Defect(
        id="D047",
        title="NOT_AUTHORIZED ends every wish for updates",
        copies="ZCL rev 8, 11.13.5",
        parts=with_client(_OffendedForEver),
        caught_by=("not_authorized_starts_no_download",),
    ),
    Defect(
        id="D048",
        title="downloads again what it holds",
        copies="ZCL rev 8, 11.13.5.4",
        parts=with_client(_DropsWhatItHolds),
        caught_by=("held_version_is_not_downloaded_again", "download_goes_on_where_it_was"),
    ),
    Defect(
        id="D049",
        title="guesses what a cut query response would have said",
        copies="OTA-C-040",
        parts=with_parts(application=_GuessesTheRest),
        caught_by=("truncated_offer_is_not_taken",),
    ),
    Defect(
        id="D050",
        title="repeats an unanswered query every second",
        copies="zigbee-herdsman PR 1823",
        parts=with_client(_AsksEachSecond),
        caught_by=("unanswered_queries_do_not_flood",),
    ),
    Defect(
        id="D051",
        title="hangs when a block response has a status that it does not know",
        copies="zigbee2mqtt 32168",
        parts=with_client(_HangsOnStrangeStatus),
        caught_by=("strange_block_status_does_not_hang",),
    ),
    Defect(
        id="D052",
        title="stores what comes behind the end of the image",
        copies="OTA-C-066",
        parts=with_client(_StoresOverTheEnd),
        caught_by=("block_over_the_end_is_not_stored",),
    ),
    Defect(
        id="D053",
        title="takes octets behind a block for data",
        copies="OTA-C-067",
        parts=with_parts(application=_CountsWhatIsThere),
        caught_by=("octets_behind_a_block_do_no_harm",),
    ),
    Defect(
        id="D054",
        title="says SUCCESS for a part of an image",
        copies="OTA-C-074",
        parts=with_client(_CallsAPartWhole),
        caught_by=("partial_image_is_never_applied",),
    ),
    Defect(
        id="D055",
        title="hangs when the upgrade time is past",
        copies="OTA-C-098; [ZB-C] rejects it",
        parts=with_client(_HangsOnThePast),
        caught_by=("upgrade_time_in_the_past",),
    ),
    Defect(
        id="D056",
        title="takes some responses with a wrong sequence number, and then no more",
        copies="OTA-C-113",
        parts=with_parts(application=_TiresOfWrongNumbers),
        caught_by=("wrong_sequence_number_does_no_harm",),
    ),
    Defect(
        id="D057",
        title="goes on when a block request is refused",
        copies="OTA-C-058",
        parts=with_client(_IgnoresRefusedBlocks),
        caught_by=("refused_block_request_ends_the_download",),
    ),
    Defect(
        id="D058",
        title="goes on when the upgrade is refused",
        copies="zsmartsystems 1217",
        parts=with_client(_IgnoresARefusedEnd),
        caught_by=("refused_upgrade_is_not_applied",),
    ),
    Defect(
        id="D059",
        title="sends a Default Response SUCCESS that nobody wants",
        copies="zsmartsystems 1217, 1078",
        parts=with_parts(application=_AnswersEverything),
        caught_by=("default_response_is_disabled",),
    ),
    Defect(
        id="D069",
        title="passes a lower version over without a word",
        copies="OTA-C-036",
        parts=with_client(_SaysYesAndDoesNot),
        caught_by=("lower_version_is_taken_or_refused",),
    ),
    Defect(
        id="D070",
        title="goes back to a lower version where that is forbidden",
        copies="GB-076; [SL-C] under WWAH",
        parts=with_client(_ForgetsThatItMustNot),
        caught_by=("downgrade_can_be_forbidden",),
    ),
    Defect(
        id="D074",
        title="takes the commands of a maker for those of the standard",
        copies="zigpy's Cluster.deserialize; ZCL rev 8, 2.4.1.1.2",
        parts=with_parts(application=_ObeysOtherMakers),
        caught_by=("frame_is_answered_as_listed",),
        vectors=("FR-163", "FR-327"),
    ),
    Defect(
        id="D075",
        title="obeys frames that say they go to the server",
        copies="ZCL rev 8, 2.4.1.1.3",
        parts=with_parts(application=_BlindToDirection),
        caught_by=("frame_is_answered_as_listed",),
        vectors=("FR-330", "FR-340"),
    ),
    Defect(
        id="D076",
        title="answers a malformed broadcast",
        copies="ZCL rev 8, 11.13.3.5.1",
        parts=with_parts(general=_AnswersBroadcasts),
        caught_by=("frame_is_answered_as_listed",),
        vectors=("FR-044", "FR-226", "FR-320"),
    ),
    Defect(
        id="D077",
        title="takes missing times for zero, which means now",
        copies="a decoder that reads on in a zeroed buffer",
        parts=with_parts(application=_FillsWithZeroes),
        caught_by=("frame_is_answered_as_listed",),
        vectors=("FR-223", "FR-224"),
    ),
    Defect(
        id="D078",
        title="takes a unicast that is not encrypted, where Smart Energy requires it",
        copies="OTA-C-110; SE 5.4.6 [SL-SEC]",
        parts=with_parts(application=_TakesWhatIsClear),
        caught_by=("session_goes_as_scripted",),
        vectors=("SE-097",),
    ),
)
