"""Hold the defects of sessions: notifies, pages, policies, waits, strangers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from emulator.actions import Action, Event, Left
from emulator.device.application import Application
from emulator.device.defects.model import Defect, with_client, with_parts
from emulator.device.general import General
from emulator.ota import timing
from emulator.ota.client import OtaClient
from emulator.ota.stages import Stage
from emulator.units import HOUR, SECOND, Octets, Us
from emulator.wire import ota, zdo
from emulator.wire.aps import ZDO_PROFILE, Datagram
from emulator.wire.codec import KEYS
from emulator.wire.ota import ImageUpgradeStatus, Status

_NOTHING: tuple[Action, ...] = ()
_BLOCK_RESPONSE = KEYS[ota.ImageBlockResponse].command
_QUERY_RESPONSE = KEYS[ota.QueryNextImageResponse].command

# Notifies.


class _IgnoresNotifiesWithContents(OtaClient):
    def _on_notify(self, notify: ota.ImageNotify, now: Us) -> Sequence[Action]:
        if notify.payload_type != ota.NotifyType.JITTER:
            return self._ready(now + HOUR)
        return super()._on_notify(notify, now)


class _AsksWhileItWaits(OtaClient):
    def invited(self, notify: ota.ImageNotify) -> bool:
        offer, self._offer = self._offer, None
        try:
            return super().invited(notify)
        finally:
            self._offer = offer

    def _on_notify_busy(self, notify: ota.ImageNotify, now: Us) -> Sequence[Action]:
        if self.stage is Stage.WAITING:
            return self._query(now)
        return super()._on_notify_busy(notify, now)


class _WantsHigherVersionsOnly(OtaClient):
    def invited(self, notify: ota.ImageNotify) -> bool:
        version = notify.file_version
        return (version is None or version > self._version) and super().invited(notify)


class _HalvesTheJitter(OtaClient):
    def invited(self, notify: ota.ImageNotify) -> bool:
        return super().invited(replace(notify, query_jitter=notify.query_jitter // 2))


class _ThrowsNoDice(OtaClient):
    def invited(self, notify: ota.ImageNotify) -> bool:
        valid = 1 <= notify.query_jitter <= 100
        return super().invited(replace(notify, query_jitter=100) if valid else notify)


class _ChecksNoRange(OtaClient):
    def invited(self, notify: ota.ImageNotify) -> bool:
        known = min(int(notify.payload_type), int(ota.NotifyType.FILE_VERSION))
        honest = replace(notify, payload_type=ota.NotifyType(known), query_jitter=100)
        return super().invited(honest)


class _SilentAboutRubbish(General):
    def refuse(self, datagram: Datagram, status: Status) -> Sequence[Action]:
        return _NOTHING if status is Status.MALFORMED_COMMAND else super().refuse(datagram, status)


class _StartsAnewWhenNotified(OtaClient):
    def _on_notify_busy(self, notify: ota.ImageNotify, now: Us) -> Sequence[Action]:
        if self.stage is Stage.DOWNLOADING and self._offer is not None:
            return self._begin(self._offer, now)
        return super()._on_notify_busy(notify, now)


class _ReadsIdsOfTheLongestNotifyOnly(OtaClient):
    def invited(self, notify: ota.ImageNotify) -> bool:
        if notify.file_version is None:
            notify = replace(notify, manufacturer=None, image_type=None)
        return super().invited(notify)


# Pages.


class _AsksForPagesOfOneBlock(OtaClient):
    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - the client's own arguments
        profile = given["profile"]
        if profile.page_size_octets:
            given["profile"] = replace(profile, page_size_octets=profile.block_size_octets)
        super().__init__(**given)


class _StoresPagesAsTheyCome(OtaClient):
    def _on_other_offset(self, offset: Octets, data: bytes, now: Us) -> Sequence[Action]:
        page, offer = self._page, self._offer
        if page is None or offer is None or offset < self._store.offset:
            return super()._on_other_offset(offset, data, now)
        self._store.append(data[: offer.image_size - self._store.offset])
        return self._on_stored(page, offer, now)


class _InsistsOnPages(OtaClient):
    def _leave_pages(self, now: Us) -> Sequence[Action]:
        self._page, self.stage, self.deadline = None, Stage.PAUSED, now + 20 * SECOND
        return _NOTHING


# Policies.


class _LetsTheServerActivate(OtaClient):
    def _on_end_response(self, response: ota.UpgradeEndResponse, now: Us) -> Sequence[Action]:
        true = self._profile
        self._profile = replace(true, activation_policy=0)
        try:
            return super()._on_end_response(response, now)
        finally:
            self._profile = true


class _TakesOffenceAtAWait(OtaClient):
    def _on_end_response(self, response: ota.UpgradeEndResponse, now: Us) -> Sequence[Action]:
        told = super()._on_end_response(response, now)
        if self.stage is Stage.EXTERNAL:
            self.answer = Status.NOT_AUTHORIZED
        return told


class _AppliesAfterOneTry(OtaClient):
    def _announce(self, now: Us) -> Sequence[Action]:
        asked = self._tries < self._profile.end_tries
        if asked and self._profile.timeout_policy == timing.APPLY_AFTER_TIMEOUT:
            return self._apply_soon(now)
        return super()._announce(now)


# Other nodes.


class _TakesTheLastEndpoint(OtaClient):
    def _on_match(self, match: zdo.MatchDescriptorResponse, now: Us) -> Sequence[Action]:
        return super()._on_match(replace(match, endpoints=match.endpoints[::-1]), now)


class _ObeysAnybody(Application):
    """Look at no sender."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        server = self.client.server
        if server is not None:
            datagram = replace(datagram, source=server.address)
        return super()._on_ota(datagram, now)


class _NeverLeaves(Application):
    """Overhear that the network sent it away."""

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        return _NOTHING if isinstance(what, Left) else super().event(what, now)


class _MindsNewcomers(Application):
    """Give up a download because another device joins."""

    def receive(self, datagram: Datagram, now: Us, *, proof: bool = True) -> Sequence[Action]:
        joins = datagram.cluster == zdo.CLUSTERS[zdo.DeviceAnnounce]
        if joins and datagram.profile == ZDO_PROFILE and self.client.stage is Stage.DOWNLOADING:
            return self.client._stopped(now, "somebody joined")
        return super().receive(datagram, now, proof=proof)


# Several images, and sleep.


class _BelievesOneIsAll(OtaClient):
    def _require_more(self, now: Us) -> Sequence[Action]:
        self._tries = self._profile.end_tries
        return self._announce(now)


class _DawdlesOverBlocks(OtaClient):
    def _on_block(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        offset = self._store.offset
        told = super()._on_block(block, now)
        if self.stage is Stage.DOWNLOADING and self._store.offset > offset:
            self.stage, self.deadline = Stage.PAUSED, now + 2 * SECOND
            return _NOTHING
        return told


# Waits.


class _KnowsNoPeriod(OtaClient):
    def _on_wait(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        return super()._on_wait(replace(block, block_period=0), now)


class _KeepsThePeriod(OtaClient):
    def _rest(self, now: Us) -> Sequence[Action]:
        period = self.block_period
        rested = super()._rest(now)
        self.block_period = period
        return rested


class _HangsOnAPastWait(OtaClient):
    def _on_wait(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        told = super()._on_wait(block, now)
        if (block.request_time_s or 0) < (block.current_time_s or 0):
            self.deadline = None
        return told


class _LosesPatience(OtaClient):
    def _on_wait(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        if (block.request_time_s or 0) - (block.current_time_s or 0) > HOUR // SECOND:
            self._store.discard()
            return self._stopped(now, "the wait is too long")
        return super()._on_wait(block, now)


class _RestsInAWait(OtaClient):
    @property
    def upgrade_status(self) -> ImageUpgradeStatus:
        if self.stage is Stage.PAUSED:
            return ImageUpgradeStatus.NORMAL
        return super().upgrade_status


DEFECTS: tuple[Defect, ...] = (
    Defect(
        id="D033",
        title="a unicast notify with contents gets neither a query nor an error",
        copies="espressif/esp-zigbee-sdk 859",
        parts=with_client(_IgnoresNotifiesWithContents),
        caught_by=("unicast_notify_with_contents",),
    ),
    Defect(
        id="D034",
        title="asks for the image that it holds, because of a broadcast",
        copies="ZigBee OTA 095264 6.10.3.4",
        parts=with_client(_AsksWhileItWaits),
        caught_by=("broadcast_of_the_waiting_version_is_ignored",),
    ),
    Defect(
        id="D035",
        title="a broadcast of a lower version is ignored",
        copies="ZigBee OTA 095264 6.10.3.4",
        parts=with_client(_WantsHigherVersionsOnly),
        caught_by=("broadcast_of_a_lower_version_is_followed",),
    ),
    Defect(
        id="D036",
        title="answers half as often as the jitter says",
        copies="ZCL rev 8, 11.13.3",
        parts=with_client(_HalvesTheJitter),
        caught_by=("full_jitter_is_always_answered", "jitter_is_a_probability"),
    ),
    Defect(
        id="D037",
        title="answers every broadcast, whatever its jitter",
        copies="ZCL rev 8, 11.13.3",
        parts=with_client(_ThrowsNoDice),
        caught_by=("jitter_is_a_probability",),
    ),
    Defect(
        id="D038",
        title="takes invalid jitters and payload types for valid ones",
        copies="ZCL rev 8, 11.13.3.5.1",
        parts=with_client(_ChecksNoRange),
        caught_by=("invalid_broadcast_notify_is_ignored",),
    ),
    Defect(
        id="D039",
        title="says nothing to a malformed unicast",
        copies="ZCL rev 8, 11.13.3.5.1",
        parts=with_parts(general=_SilentAboutRubbish),
        caught_by=("truncated_unicast_notify_is_refused",),
    ),
    Defect(
        id="D040",
        title="a notify in a download begins it anew",
        copies="[ZB-C] has no state check",
        parts=with_client(_StartsAnewWhenNotified),
        caught_by=("notify_does_not_disturb_a_download",),
    ),
    Defect(
        id="D071",
        title="looks at the ids of a broadcast of payload type 3 only",
        copies="OTA-C-018, OTA-C-019",
        parts=with_client(_ReadsIdsOfTheLongestNotifyOnly),
        caught_by=("broadcast_notify_for_others_is_ignored",),
    ),
    Defect(
        id="D041",
        title="asks for pages of one block",
        copies="Domoticz-Zigbee 1301",
        parts=with_client(_AsksForPagesOfOneBlock),
        caught_by=("page_request_layout",),
    ),
    Defect(
        id="D042",
        title="stores the blocks of a page in the order in which they come",
        copies="OTA-C-077",
        parts=with_client(_StoresPagesAsTheyCome),
        caught_by=("page_with_gaps",),
    ),
    Defect(
        id="D043",
        title="asks for pages for ever where there are none",
        copies="zigpy PR 1431",
        parts=with_client(_InsistsOnPages),
        caught_by=("server_without_pages",),
    ),
    Defect(
        id="D044",
        title="lets the server activate under activation policy 1",
        copies="ZCL rev 8, 11.10.12",
        parts=with_client(_LetsTheServerActivate),
        caught_by=("server_may_not_activate",),
    ),
    Defect(
        id="D045",
        title="answers NOT_AUTHORIZED to a wait under activation policy 1",
        copies="ZCL rev 8, 11.10.12",
        parts=with_client(_TakesOffenceAtAWait),
        caught_by=("server_may_tell_to_wait",),
    ),
    Defect(
        id="D046",
        title="applies after one unanswered request",
        copies="[TL] applies after two",
        parts=with_client(_AppliesAfterOneTry),
        caught_by=("device_asks_thrice_before_it_applies",),
    ),
    Defect(
        id="D060",
        title="uses the last endpoint that a server names",
        copies="[SL-C] takes the first",
        parts=with_client(_TakesTheLastEndpoint),
        caught_by=("first_responder_is_the_server",),
    ),
    Defect(
        id="D061",
        title="obeys any node",
        copies="[ZB-C] does not check the sender",
        parts=with_parts(application=_ObeysAnybody),
        caught_by=("answers_of_a_stranger_are_ignored", "stranger_may_not_release_the_image"),
    ),
    Defect(
        id="D062",
        title="does not notice that it was sent off the network",
        copies="GB-045",
        parts=with_parts(application=_NeverLeaves),
        caught_by=("expelled_device_stops",),
    ),
    Defect(
        id="D063",
        title="gives up its download when another device joins",
        copies="zsmartsystems 1241",
        parts=with_parts(application=_MindsNewcomers),
        caught_by=("two_devices_download_at_once",),
        where={"power": ("mains",)},
    ),
    Defect(
        id="D064",
        title="does not keep to the minimum block period",
        copies="nRF Connect KRKNWK-11465",
        parts=with_client(_KnowsNoPeriod),
        caught_by=("block_period_is_a_rate_limit",),
    ),
    Defect(
        id="D065",
        title="keeps the block period after the session",
        copies="nRF Connect KRKNWK-11465",
        parts=with_client(_KeepsThePeriod),
        caught_by=("block_period_is_a_rate_limit",),
    ),
    Defect(
        id="D066",
        title="hangs when it is told to wait until a time that is past",
        copies="OTA-C-053",
        parts=with_client(_HangsOnAPastWait),
        caught_by=("wait_into_the_past_does_no_harm",),
    ),
    Defect(
        id="D067",
        title="gives the download up when the wait is long",
        copies="OTA-C-054",
        parts=with_client(_LosesPatience),
        caught_by=("very_long_wait_is_not_the_end",),
    ),
    Defect(
        id="D068",
        title="shows Normal while it waits for data",
        copies="ZCL rev 8, 11.10.7",
        parts=with_client(_RestsInAWait),
        caught_by=("waiting_device_is_still_downloading",),
    ),
    Defect(
        id="D072",
        title="takes the first of several images for all of them",
        copies="OTA-C-106",
        parts=with_client(_BelievesOneIsAll),
        caught_by=("device_asks_for_more_images",),
    ),
    Defect(
        id="D073",
        title="fetches a block only every other second",
        copies="pvvx/ZigbeeTLc 289, turned round",
        parts=with_client(_DawdlesOverBlocks),
        caught_by=("answers_are_collected_soon",),
        where={"power": ("battery",)},
    ),
)
