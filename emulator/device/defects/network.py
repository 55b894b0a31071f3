"""Hold the defects of a device on its network: bad air, security, a hub that changes or hushes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from emulator.actions import Action, Send
from emulator.device.application import Application
from emulator.device.defects.model import Defect, with_client, with_parts
from emulator.device.radio import Radio
from emulator.ota import timing
from emulator.ota.client import OtaClient
from emulator.ota.machine import NOTHING
from emulator.ota.ports import Server
from emulator.ota.stages import Stage
from emulator.units import Us
from emulator.wire import ota, zdo
from emulator.wire.aps import ApsOptions, Datagram
from emulator.wire.codec import Frame

#: The endpoint that most servers have.
_USUAL_ENDPOINT = 1
#: Searches that the one that gives up makes.
_SEARCHES = 12


class _CountsEveryLoss(OtaClient):
    def _on_block(self, block: ota.ImageBlockResponse, now: Us) -> Sequence[Action]:
        left = self._tries
        actions = super()._on_block(block, now)
        self._tries = min(self._tries, left)
        return actions


class _KeepsItsFirstKey(Radio):
    def send(self, payload: bytes, **given: Any) -> Sequence[Action]:  # noqa: ANN401 - as sent
        return tuple(
            Send(datagram=replace(one.datagram, key_id=0)) if isinstance(one, Send) else one
            for one in super().send(payload, **given)
        )


class _GivesUpTheSearch(OtaClient):
    _searches = 0

    def _discover(self, now: Us) -> Sequence[Action]:
        self._searches += 1
        if self._searches <= _SEARCHES:
            return super()._discover(now)
        self.stage, self.deadline = Stage.UNSERVED, None
        return NOTHING


class _TakesAnyAnswerToItsSearch(OtaClient):
    def _on_match(self, match: zdo.MatchDescriptorResponse, now: Us) -> Sequence[Action]:
        endpoints = match.endpoints or (_USUAL_ENDPOINT,)
        said = replace(match, status=zdo.ZdoStatus.SUCCESS, endpoints=endpoints)
        return super()._on_match(said, now)


class _TakesAnyAddressForItsServers(OtaClient):
    def _on_address(self, found: zdo.IeeeAddressResponse, now: Us) -> Sequence[Action]:
        if self.server is None:
            return NOTHING
        said = replace(found, status=zdo.ZdoStatus.SUCCESS, address=self.server.address)
        return super()._on_address(said, now)


class _AsksEverybody(OtaClient):
    @property
    def _only(self) -> int | None:
        return None


class _TakesSilenceForLeave(OtaClient):
    def _announce(self, now: Us) -> Sequence[Action]:
        if self._tries == 0 and self._profile.timeout_policy == timing.APPLY_AFTER_TIMEOUT:
            return self._apply_soon(now)
        return super()._announce(now)


class _EndsInClear(Radio):
    def command(self, frame: Frame, server: Server) -> Sequence[Action]:
        encrypted = self._options
        if isinstance(frame, ota.UpgradeEndRequest):
            self._options &= ~int(ApsOptions.ENCRYPT)
        try:
            return super().command(frame, server)
        finally:
            self._options = encrypted


class _DeafToClearBroadcasts(Application):
    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        clear = not datagram.options & ApsOptions.ENCRYPT
        if self._profile.ota.aps_encrypt and datagram.broadcast and clear:
            return NOTHING
        return super()._on_ota(datagram, now)


class _TakesLossForLeave(Application):
    def _left(self, now: Us) -> Sequence[Action]:
        if self.client.stage is Stage.WAITING:
            return self.client._apply(now)
        return super()._left(now)


class _CountsWholeQueries(OtaClient):
    def _query_again(self, now: Us) -> Sequence[Action]:
        return self._query_failed(now) if self._tries == 0 else self._query(now)


class _AsksLessAndLess(OtaClient):
    _rests = 0

    def _rest(self, now: Us) -> Sequence[Action]:
        actions = super()._rest(now)
        self._rests += 1
        if self.deadline is not None:
            self.deadline = now + (self.deadline - now) * self._rests
        return actions


DEFECTS: tuple[Defect, ...] = (
    Defect(
        id="D270",
        title="gives up after so many losses in all, however far apart",
        copies="GB-049: a count of retries that no block that comes sets back",
        parts=with_client(_CountsEveryLoss),
        caught_by=("download_survives_bad_air",),
    ),
    Defect(
        id="D271",
        title="sends under its first network key for ever",
        copies="GB-069: the key's number is read when the network is joined, and never again",
        parts=with_parts(radio=_KeepsItsFirstKey),
        caught_by=("download_survives_a_new_network_key",),
    ),
    Defect(
        id="D272",
        title="gives up the search for a server after a dozen attempts",
        copies="GB-078: a bounded count of attempts where a period is meant",
        parts=with_client(_GivesUpTheSearch),
        caught_by=("hub_without_updates_does_no_harm",),
    ),
    Defect(
        id="D292",
        title="counts a query that was sent five times in vain as one error",
        copies="docs/profiles.md, ota.errors_before_discovery",
        parts=with_client(_CountsWholeQueries),
        caught_by=("lost_server_is_sought_in_time",),
    ),
    Defect(
        id="D277",
        title="takes whatever answers its search for a server",
        copies="05-3474, 2.4.4.1.7: a status other than SUCCESS has no endpoints",
        parts=with_client(_TakesAnyAnswerToItsSearch),
        caught_by=("useless_answer_names_no_server",),
    ),
    Defect(
        id="D278",
        title="takes whatever EUI-64 it is told for its server's",
        copies="ZCL rev 8, 11.10.1; OTA-C-010",
        parts=with_client(_TakesAnyAddressForItsServers),
        caught_by=("useless_answer_names_no_server",),
    ),
    Defect(
        id="D279",
        title="takes any node for its server where the coordinator alone may be",
        copies="WWAH; OTA-C-009",
        parts=with_client(_AsksEverybody),
        caught_by=("coordinator_alone_may_be_the_server",),
    ),
    Defect(
        id="D280",
        title="applies after a timeout although only an event from outside may activate",
        copies="ZCL rev 8, 11.10.12 beside 11.10.13",
        parts=with_client(_TakesSilenceForLeave),
        caught_by=("silence_activates_nothing",),
    ),
    Defect(
        id="D273",
        title="sends Upgrade End Requests without APS security",
        copies="Smart Energy 5.4.6; OTA-C-109",
        parts=with_parts(radio=_EndsInClear),
        caught_by=("device_encrypts_what_it_sends",),
    ),
    Defect(
        id="D274",
        title="wants APS security on broadcasts too, which have none",
        copies="OTA-C-111",
        parts=with_parts(application=_DeafToClearBroadcasts),
        caught_by=("broadcast_notify_needs_no_encryption",),
    ),
    Defect(
        id="D275",
        title="takes the loss of its network for leave to upgrade",
        copies="GB-079; ZCL rev 8, 11.10.13, turned round",
        parts=with_parts(application=_TakesLossForLeave),
        caught_by=("replaced_hub_is_taken",),
    ),
    Defect(
        id="D276",
        title="asks later each time that there is nothing",
        copies="GB-046: a pause that grows where a period is meant",
        parts=with_client(_AsksLessAndLess),
        caught_by=("device_asks_at_join_daily_and_when_told",),
    ),
)
