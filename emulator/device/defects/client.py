"""Hold the defects of the OTA client and of what stands around it."""

from collections.abc import Sequence
from dataclasses import replace

from emulator.actions import Action
from emulator.device.attributes import ATTRIBUTES, NO_SERVER, Reader
from emulator.device.defects.model import Defect, with_client, with_parts
from emulator.device.descriptors import Descriptors
from emulator.device.general import General
from emulator.ota.client import OtaClient
from emulator.ota.ports import Offer
from emulator.ota.stages import Stage
from emulator.units import MILLISECOND, MINUTE, SECOND, Us
from emulator.wire import ota, zcl, zdo
from emulator.wire.codec import Frame
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from emulator.wire.zcl import DataType

_NOTHING: tuple[Action, ...] = ()


class _InputCluster(Descriptors):
    def _simple(self, frame: zdo.SimpleDescriptorRequest) -> Frame:
        answer = super()._simple(frame)
        assert isinstance(answer, zdo.SimpleDescriptorResponse)
        descriptor, _ = zdo.SimpleDescriptor.decode(answer.descriptor or b"")
        turned = replace(descriptor, input_clusters=(ota.CLUSTER,), output_clusters=())
        return replace(answer, descriptor=turned.encode())


class _StormsForServers(OtaClient):
    def _undiscovered(self, now: Us) -> Sequence[Action]:
        super()._undiscovered(now)
        self.deadline = now + 5 * SECOND
        return _NOTHING


class _AsksAsVersionZero(OtaClient):
    def _query(self, now: Us) -> Sequence[Action]:
        true, self._version = self._version, 0
        try:
            return super()._query(now)
        finally:
            self._version = true


class _PollsEachFiveMinutes(OtaClient):
    def _rest(self, now: Us) -> Sequence[Action]:
        super()._rest(now)
        self.deadline = now + 5 * MINUTE
        return _NOTHING


class _TakesAnyOffer(OtaClient):
    def _weigh(self, offer: Offer) -> Status:
        return Status.SUCCESS


class _ReinstallsItsVersion(OtaClient):
    def _answered(self, response: ota.QueryNextImageResponse, now: Us) -> Sequence[Action]:
        true, self._version = self._version, 0xFFFFFFFE
        try:
            return super()._answered(response, now)
        finally:
            self._version = true


class _BusyWithNothing(OtaClient):
    _refused = False

    @property
    def upgrade_status(self) -> ImageUpgradeStatus:
        if self._refused and self.stage is Stage.READY:
            return ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS
        return super().upgrade_status

    def _answered(self, response: ota.QueryNextImageResponse, now: Us) -> Sequence[Action]:
        self._refused = response.status is Status.NO_IMAGE_AVAILABLE
        return super()._answered(response, now)


class _QueriesLate(OtaClient):
    def _on_notify(self, notify: ota.ImageNotify, now: Us) -> Sequence[Action]:
        self.deadline = now + 5 * self._profile.response_timeout_ms * MILLISECOND
        return _NOTHING


class _ObeysEveryBroadcast(OtaClient):
    def invited(self, notify: ota.ImageNotify) -> bool:
        return True


class _NamesTheNodeWrongly(OtaClient):
    def _ask(self, now: Us) -> Sequence[Action]:
        if self._node_address is not None:
            self._node_address = 0x1122334455667788
        else:  # announces the field where the profile has none
            self._control |= ota.BlockControl.NODE_ADDRESS
            self._node_address = 0x1122334455667788
        return super()._ask(now)


class _TakesAnyBlock(OtaClient):
    def _on_block(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        """Store what comes, whatever offset it is of."""
        if block.status is Status.SUCCESS:
            block = replace(block, file_offset=self._store.offset)
        return super()._on_block(block, now)


class _TakesForeignBlocks(OtaClient):
    def _on_block(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        """Store a block of the right offset, whatever image it is of."""
        offer = self._offer
        if block.status is Status.SUCCESS and offer is not None:
            block = replace(
                block,
                manufacturer=offer.manufacturer,
                image_type=offer.image_type,
                file_version=offer.file_version,
            )
        return super()._on_block(block, now)


class _TakesLongBlocks(OtaClient):
    def _on_block(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        """Store a block of any length."""
        offer, data = self._offer, block.data
        size = self._profile.block_size_octets
        if offer is None or data is None or len(data) <= size or block.status is not Status.SUCCESS:
            return super()._on_block(block, now)
        if block.file_offset == self._store.offset:
            self._store.append(data[: offer.image_size - self._store.offset])
            return self._ask(now)
        return _NOTHING


class _PadsShortBlocks(OtaClient):
    def _on_block(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        """Count a short block as a whole one: pad it."""
        offer, data = self._offer, block.data
        if offer is not None and data is not None and block.file_offset == self._store.offset:
            left = offer.image_size - self._store.offset
            wanted = min(32, left)
            if len(data) < wanted:
                block = replace(block, data=data + bytes(wanted - len(data)))
        return super()._on_block(block, now)


class _IgnoresAbort(OtaClient):
    def _on_block(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        return _NOTHING if block.status is Status.ABORT else super()._on_block(block, now)


class _StartsAnewAfterALoss(OtaClient):
    def _ask_again(self, now: Us) -> Sequence[Action]:
        if self._offer is not None:
            self._store.begin(self._offer)
        return super()._ask_again(now)


class _AsksInAHurry(OtaClient):
    def _ask(self, now: Us) -> Sequence[Action]:
        actions = super()._ask(now)
        if self.stage is Stage.DOWNLOADING:
            self.deadline = now + 100 * MILLISECOND
        return actions


class _AsksForEver(OtaClient):
    def _ask_again(self, now: Us) -> Sequence[Action]:
        self._tries = self._profile.block_tries
        return super()._ask_again(now)


class _WaitsTooLittle(OtaClient):
    def _on_block(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        if block.status is Status.WAIT_FOR_DATA:
            block = replace(block, current_time_s=0, request_time_s=2)
        return super()._on_block(block, now)


class _EndsWithAWildcard(OtaClient):
    def _end(self, status: Status) -> Sequence[Action]:
        offer = self._offer
        if offer is None:
            return super()._end(status)
        self._offer = replace(offer, file_version=ota.ANY_VERSION)
        try:
            return super()._end(status)
        finally:
            self._offer = offer


class _AppliesBeforeItMay(OtaClient):
    def _announce(self, now: Us) -> Sequence[Action]:
        told = super()._announce(now)
        self.stage, self.deadline = Stage.APPLYING, now + 5 * SECOND
        return told


class _AppliesAtOnce(OtaClient):
    def _on_end_response(self, response: ota.UpgradeEndResponse, now: Us) -> Sequence[Action]:
        if response.upgrade_time_s != ota.WAIT_FOR_ANOTHER:
            response = replace(response, current_time_s=0, upgrade_time_s=0)
        return super()._on_end_response(response, now)


class _RemindsEachMinute(OtaClient):
    def _on_end_response(self, response: ota.UpgradeEndResponse, now: Us) -> Sequence[Action]:
        told = super()._on_end_response(response, now)
        if self.stage is Stage.WAITING:
            self.deadline = now + MINUTE
        return told


class _KnowsNoWildcards(OtaClient):
    def _meant(self, response: ota.UpgradeEndResponse) -> bool:
        wild = (ota.ANY_MANUFACTURER, ota.ANY_VERSION)
        ids = (response.manufacturer, response.image_type, response.file_version)
        return super()._meant(response) and not any(one in wild for one in ids)


class _MeansEverybody(OtaClient):
    def _meant(self, response: ota.UpgradeEndResponse) -> bool:
        return self._offer is not None


class _EndsADownload(OtaClient):
    def _out_of_turn(self, frame: Frame, now: Us) -> Sequence[Action]:
        if isinstance(frame, ota.UpgradeEndResponse) and self.stage is Stage.DOWNLOADING:
            return self._rest(now)
        return super()._out_of_turn(frame, now)


class _AppliesUnasked(OtaClient):
    def _announce(self, now: Us) -> Sequence[Action]:
        return self._apply_soon(now) if self._tries == 0 else super()._announce(now)


class _Writable(General):
    def _write(self, attribute: int) -> zcl.WriteStatusRecord:
        return zcl.WriteStatusRecord(status=Status.SUCCESS)


class _SilentAboutTheUnknown(General):
    def _read(self, attribute: int) -> zcl.ReadAttributeRecord:
        record = super()._read(attribute)
        if record.status is Status.SUCCESS:
            return record
        return zcl.ReadAttributeRecord(
            attribute=attribute, status=Status.SUCCESS, type=DataType.UINT8, value=b"\0"
        )


def _attribute(number: int, reader: Reader) -> dict[int, Reader]:
    return {**ATTRIBUTES, number: reader}


DEFECTS: tuple[Defect, ...] = (
    Defect(
        id="D001",
        title="every query says that version 0 runs",
        copies="espressif/esp-zigbee-sdk 100",
        parts=with_client(_AsksAsVersionZero),
        caught_by=("query_says_what_runs", "upgraded_device_is_content"),
    ),
    Defect(
        id="D002",
        title="a block is stored whatever offset it is of",
        copies="espressif/esp-zigbee-sdk 892",
        parts=with_client(_TakesAnyBlock),
        caught_by=("block_of_another_offset_is_ignored", "duplicate_block_is_stored_once"),
    ),
    Defect(
        id="D003",
        title="a lost block sends the download back to the first octet",
        copies="espressif/esp-zigbee-sdk 833",
        parts=with_client(_StartsAnewAfterALoss),
        caught_by=("lost_block_is_asked_for_again",),
    ),
    Defect(
        id="D004",
        title="a short block counts as a whole one",
        copies="zigbee-OTA 328 (Legrand)",
        parts=with_client(_PadsShortBlocks),
        caught_by=("short_blocks_are_stored",),
    ),
    Defect(
        id="D005",
        title="a lost block is asked for ten times a second",
        copies="OTA-C-071; [SL-C] backs off",
        parts=with_client(_AsksInAHurry),
        caught_by=("lost_block_is_asked_for_again",),
    ),
    Defect(
        id="D006",
        title="declares that it serves the OTA cluster, not that it is a client",
        copies="zigpy 154",
        parts=with_parts(descriptors=_InputCluster),
        caught_by=("client_cluster_is_declared",),
    ),
    Defect(
        id="D007",
        title="UpgradeServerID is never set",
        copies="ZCL rev 8, 11.10.1",
        parts=with_parts(
            attributes=_attribute(
                Attribute.UPGRADE_SERVER_ID, Reader(DataType.EUI64, lambda sources: NO_SERVER)
            )
        ),
        caught_by=("server_is_discovered",),
    ),
    Defect(
        id="D008",
        title="looks for a server every few seconds",
        copies="GB-078; [SL-C] waits ten minutes",
        parts=with_client(_StormsForServers),
        caught_by=("failed_discovery_does_not_storm",),
    ),
    Defect(
        id="D009",
        title="polls every five minutes whatever its period",
        copies="pvvx/ZigbeeTLc 289",
        parts=with_client(_PollsEachFiveMinutes),
        caught_by=("device_polls_by_itself",),
    ),
    Defect(
        id="D010",
        title="a unicast notify is not followed by a query while it is quiet",
        copies="espressif/esp-zigbee-sdk 859",
        parts=with_client(_QueriesLate),
        caught_by=("unicast_notify_is_followed_by_a_query",),
    ),
    Defect(
        id="D011",
        title="every broadcast notify is followed by a query",
        copies="espressif/esp-zigbee-sdk 859",
        parts=with_client(_ObeysEveryBroadcast),
        caught_by=("broadcast_notify_for_others_is_ignored",),
    ),
    Defect(
        id="D012",
        title="shows a download in progress after being told that there is no image",
        copies="ZCL rev 8, 11.10.7",
        parts=with_client(_BusyWithNothing),
        caught_by=("no_image_means_no_download",),
    ),
    Defect(
        id="D013",
        title="downloads the version that it runs",
        copies="zigbee2mqtt 26459",
        parts=with_client(_ReinstallsItsVersion),
        caught_by=("running_version_is_not_downloaded",),
    ),
    Defect(
        id="D014",
        title="takes an offer for another device",
        copies="[EX-C] accepts foreign ids",
        parts=with_client(_TakesAnyOffer),
        caught_by=("impossible_offer_is_not_taken",),
    ),
    Defect(
        id="D015",
        title="FileOffset does not move",
        copies="ZCL rev 8, 11.10.2",
        parts=with_parts(
            attributes=_attribute(Attribute.FILE_OFFSET, Reader(DataType.UINT32, lambda sources: 0))
        ),
        caught_by=("download_starts_at_the_first_octet",),
    ),
    Defect(
        id="D016",
        title="block requests name another node",
        copies="ZCL rev 8, 11.13.6",
        parts=with_client(_NamesTheNodeWrongly),
        caught_by=("block_request_has_the_fields_it_announces",),
    ),
    Defect(
        id="D017",
        title="stores blocks of another image",
        copies="ota-cluster section 4.4, wrong ids",
        parts=with_client(_TakesForeignBlocks),
        caught_by=("bad_block_is_not_stored",),
    ),
    Defect(
        id="D018",
        title="stores more octets than it asked for",
        copies="[EX-C] checks its buffer only",
        parts=with_client(_TakesLongBlocks),
        caught_by=("block_larger_than_asked_is_not_stored",),
    ),
    Defect(
        id="D019",
        title="asks a vanished server for ever",
        copies="zigbee2mqtt 15139",
        parts=with_client(_AsksForEver),
        caught_by=("vanished_server_is_given_up",),
    ),
    Defect(
        id="D020",
        title="goes on after ABORT",
        copies="ZCL rev 8, 11.13.8",
        parts=with_client(_IgnoresAbort),
        caught_by=("abort_stops_the_download",),
    ),
    Defect(
        id="D021",
        title="waits two seconds whatever WAIT_FOR_DATA says",
        copies="ZCL rev 8, 11.13.8.4",
        parts=with_client(_WaitsTooLittle),
        caught_by=("wait_for_data_is_obeyed",),
    ),
    Defect(
        id="D022",
        title="Upgrade End Request names any version",
        copies="ZCL rev 8, 11.13.9",
        parts=with_client(_EndsWithAWildcard),
        caught_by=("image_is_applied_at_once",),
    ),
    Defect(
        id="D023",
        title="applies the image without leave",
        copies="zsmartsystems 1217",
        parts=with_client(_AppliesBeforeItMay),
        caught_by=("status_after_the_download", "image_waits_for_leave"),
    ),
    Defect(
        id="D024",
        title="applies at once whatever the upgrade time",
        copies="ZCL rev 8, 11.13.10",
        parts=with_client(_AppliesAtOnce),
        caught_by=("image_is_applied_later",),
    ),
    Defect(
        id="D025",
        title="reminds the hub every minute while it waits",
        copies="ZCL rev 8, 11.16",
        parts=with_client(_RemindsEachMinute),
        caught_by=("image_waits_for_leave",),
    ),
    Defect(
        id="D026",
        title="knows no wildcards",
        copies="espressif/esp-zigbee-sdk 466",
        parts=with_client(_KnowsNoWildcards),
        caught_by=("wildcards_release_the_image",),
    ),
    Defect(
        id="D027",
        title="starts its image when another one is released",
        copies="ZigBee OTA 095264 6.10.10.4",
        parts=with_client(_MeansEverybody),
        caught_by=("response_for_another_image_is_discarded",),
    ),
    Defect(
        id="D028",
        title="an Upgrade End Response ends a download",
        copies="OTA-C-099",
        parts=with_client(_EndsADownload),
        caught_by=("incomplete_image_is_never_applied",),
    ),
    Defect(
        id="D029",
        title="a silent hub is taken for leave, whatever the timeout policy",
        copies="[SL-C], [TL] apply after their tries",
        parts=with_client(_AppliesUnasked),
        caught_by=("silent_hub_is_not_leave",),
    ),
    Defect(
        id="D030",
        title="ImageTypeID is the device's type while nothing is downloaded",
        copies="ZCL rev 8, 11.10.9",
        parts=with_parts(
            attributes=_attribute(
                Attribute.IMAGE_TYPE_ID,
                Reader(DataType.UINT16, lambda sources: sources.profile.image_type),
            )
        ),
        caught_by=("idle_attributes",),
    ),
    Defect(
        id="D031",
        title="says that a write was done",
        copies="ZCL rev 8, 11.10",
        parts=with_parts(general=_Writable),
        caught_by=("attributes_are_read_only",),
    ),
    Defect(
        id="D032",
        title="answers for attributes that it does not have",
        copies="ZCL rev 8, 2.5.2",
        parts=with_parts(general=_SilentAboutTheUnknown),
        caught_by=("unknown_attribute_is_refused_properly",),
    ),
)
