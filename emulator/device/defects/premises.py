"""Hold the defects of a bridge among the bridges of a home: relay, links, company, battery."""

from collections.abc import Sequence
from dataclasses import replace

from emulator.actions import Action, Content, Echo, Hello, Renew, Send, Tunnelled
from emulator.device.application import Application
from emulator.device.company import Company
from emulator.device.crossing import RADIO, Crossing
from emulator.device.defects.model import Defect, with_client, with_parts
from emulator.device.gauge import Gauge
from emulator.device.nonvolatile import Memory
from emulator.device.outbox import Outbox
from emulator.device.session import HANDSHAKE, Protocols, Session
from emulator.ota.client import OtaClient
from emulator.ota.machine import NOTHING
from emulator.ota.stages import Stage
from emulator.profiles.model import Profile
from emulator.units import MINUTE, Us
from emulator.wire import ota
from emulator.wire.aps import FIRST_BROADCAST, Datagram

#: What the impatient ones grant a trial behind its first half minute.
_FOR_THE_HUB_US: Us = 4 * MINUTE
_FOR_REMOTES_US: Us = 2 * MINUTE


class _DropsWhileBusy(Outbox):
    def put(self, peer: int, protocol: int, content: Content, now: Us) -> Sequence[Action]:
        return super().put(peer, protocol, content, now) if now >= self._free_at else NOTHING


class _LongestQueueFirst(Outbox):
    def wake(self, now: Us) -> Sequence[Action]:
        by_length = sorted(self._queues.items(), key=lambda one: len(one[1]), reverse=True)
        self._queues = dict(by_length)
        return super().wake(now)


class _NewestFirst(Outbox):
    def wake(self, now: Us) -> Sequence[Action]:
        for queue in self._queues.values():
            queue.rotate(1)
        actions = super().wake(now)
        for queue in self._queues.values():
            queue.rotate(-1)
        return actions


class _HubIsEnough(Company):
    @property
    def complete(self) -> bool:
        return self.hub


class _KeepsNobody(Company):
    def keep_served(self) -> None:
        self._memory.keep_served(())


class _ForgetsAfterOneBoot(Company):
    def __init__(
        self, session: type[Session], memory: Memory, profile: Profile, own: Protocols
    ) -> None:
        super().__init__(session, memory, profile, own)
        self._once = memory.served
        memory.keep_served(())

    def lacks(self, end: Session) -> bool:
        waits = self._wants_served and end.peer in self._once
        return waits and (end.protocol == HANDSHAKE or end.peer not in self._met)


class _TakesItsHighest(Session):
    def _choose(self, hello: Hello) -> int:
        return self.own[1]


class _TakesTheLowest(Session):
    def _choose(self, hello: Hello) -> int:
        agreed = super()._choose(hello)
        return max(hello.lowest, self.own[0]) if agreed != HANDSHAKE else agreed


class _NeverAsksForAHello(Session):
    def start(self, now: Us) -> Sequence[Action]:
        return super().start(now) if self.asks else NOTHING

    def renew(self, now: Us) -> Sequence[Action]:
        return NOTHING


class _AsksOnce(Session):
    def wake(self, now: Us) -> Sequence[Action]:
        self.deadline = None
        return NOTHING


class _TrustsTrials(Session):
    @property
    def doubtful(self) -> bool:
        return False


class _WaitsForThePartner(Crossing):
    """Do nothing for others before the own image is confirmed."""

    @property
    def _busy_with_itself(self) -> bool:
        return self._application.store.on_trial

    def _relay(self, end: Session, datagram: Datagram, now: Us) -> Sequence[Action]:
        if self._busy_with_itself and not end.asks:
            return NOTHING
        return super()._relay(end, datagram, now)

    def _obey(self, end: Session, content: Content, now: Us) -> Sequence[Action]:
        if self._busy_with_itself and isinstance(content, Echo) and not content.answer:
            return NOTHING
        return super()._obey(end, content, now)


class _KnowsDuplicates(Crossing):
    """Drop what looks like the frame before it: same source, same eight bits of a counter."""

    _last = (0, 0)

    def _to_air(self, datagram: Datagram) -> Sequence[Action]:
        before, self._last = self._last, (datagram.source, datagram.aps_counter)
        return NOTHING if before == self._last else super()._to_air(datagram)


class _ForgetsTheWays(Crossing):
    def _to_all(self, datagram: Datagram, side: int, now: Us) -> Sequence[Action]:
        if datagram.destination < FIRST_BROADCAST:
            return NOTHING
        return super()._to_all(datagram, side, now)


class _RepeatsToWhereItCameFrom(Crossing):
    def _repeat(self, datagram: Datagram, side: int, now: Us) -> Sequence[Action]:
        actions = super()._repeat(datagram, side, now)
        own = self._parent is None and side == RADIO
        return (*actions, Send(datagram=datagram)) if own else actions


class _TakesAnyProtocol(Crossing):
    def _tunnelled(self, frame: Tunnelled, now: Us) -> Sequence[Action]:
        end = self._sessions.get(frame.eui64)
        if end is not None and HANDSHAKE not in (frame.protocol, end.protocol):
            frame = replace(frame, protocol=end.protocol)
        return super()._tunnelled(frame, now)


class _TrustsItsOwnSide(Crossing):
    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        trial = self._application._trial
        if trial is not None and self._parent is not None:
            self._application._hear(trial, datagram, now)
        return super().receive(datagram, now)


class _BeginsAnewOnANewLink(Crossing):
    def _negotiate(self, end: Session, content: Content, now: Us) -> Sequence[Action]:
        client, store = self._application.client, self._application.store
        if isinstance(content, Renew) and client.stage is Stage.DOWNLOADING and client.offer:
            store.begin(client.offer)
        return super()._negotiate(end, content, now)


class _TakesNoComfort(Crossing):
    def _answered(self, end: Session, now: Us) -> Sequence[Action]:
        return NOTHING if end.asks else super()._answered(end, now)


class _GivesUpForGood(OtaClient):
    _gave_up = False

    def _stopped(self, now: Us, why: str) -> Sequence[Action]:
        actions = super()._stopped(now, why)
        self._gave_up, self.deadline = True, None
        return actions

    def _on_notify(self, notify: ota.ImageNotify, now: Us) -> Sequence[Action]:
        return NOTHING if self._gave_up else super()._on_notify(notify, now)


class _Impatient(Application):
    """Give a trial up before its time is over."""

    def _has_waited(self, now: Us, for_us: Us) -> bool:
        trial = self._trial
        return trial is not None and self.store.on_trial and now >= trial.proof_from + for_us

    def _is_hopeless(self, now: Us) -> bool:
        raise NotImplementedError

    def _is_over(self, now: Us) -> bool:
        if super()._is_over(now):
            return True
        if not self._is_hopeless(now):
            return False
        self._loader.give_up()
        return True


class _ImpatientWithTheHub(_Impatient):
    def _is_hopeless(self, now: Us) -> bool:
        company = self._company
        away = company is not None and not company.hub
        return away and self._has_waited(now, _FOR_THE_HUB_US)


class _ImpatientWithRemotes(_Impatient):
    def _is_hopeless(self, now: Us) -> bool:
        company = self._company
        away = company is not None and company.hub and not company.complete
        return away and self._has_waited(now, _FOR_REMOTES_US)


class _AlwaysFull(Gauge):
    def tell(self, percent: int) -> None:
        super().tell(100)


DEFECTS: tuple[Defect, ...] = (
    Defect(
        id="D401",
        title="drops what it should pass on while its link radio is busy",
        copies="zigpy/bellows 522: MAX_MESSAGE_LIMIT_REACHED, and the message was gone",
        parts=with_parts(outbox=_DropsWhileBusy),
        caught_by=("two_remotes_download_at_once",),
    ),
    Defect(
        id="D402",
        title="sends to the remote bridge with the longest queue until it is empty",
        copies="GB-071: both finish, so neither may starve the other",
        parts=with_parts(outbox=_LongestQueueFirst),
        caught_by=("busy_remote_starves_no_other",),
    ),
    Defect(
        id="D403",
        title="confirms as soon as the hub answers, whomever it served before",
        copies="gb-alt-han fact sheet 5, T2: it is the pair that must work",
        parts=with_parts(company=_HubIsEnough),
        caught_by=("mute_near_goes_back", "cut_in_trial_forgets_nobody"),
    ),
    Defect(
        id="D404",
        title="does not keep over its restart whom it served",
        copies="gb-alt-han fact sheet 5, T3: what was known before a restart is known behind it",
        parts=with_parts(company=_KeepsNobody),
        caught_by=("mute_near_goes_back", "cut_in_trial_forgets_nobody"),
    ),
    Defect(
        id="D405",
        title="knows whom it served in the first boot of a trial only",
        copies="gb-alt-han fact sheet 5, T3: the supply fails in the trial",
        parts=with_parts(company=_ForgetsAfterOneBoot),
        caught_by=("cut_in_trial_forgets_nobody",),
    ),
    Defect(
        id="D406",
        title="chooses the highest link protocol that it speaks, whatever was offered",
        copies="kanflo/opendps 198: old and new must work in all permutations",
        parts=with_parts(session=_TakesItsHighest),
        caught_by=("every_pair_talks", "both_protocols_keep_remotes_in_reach"),
    ),
    Defect(
        id="D407",
        title="chooses the lowest link protocol that both speak",
        copies="gb-alt-han fact sheet 5, T2: the link is never upgraded",
        parts=with_parts(session=_TakesTheLowest),
        caught_by=("every_pair_talks",),
    ),
    Defect(
        id="D408",
        title="never asks for the handshake that its own restart made necessary",
        copies="gb-alt-han fact sheet 5, T5: a restart of the near bridge hides the remotes",
        parts=with_parts(session=_NeverAsksForAHello),
        caught_by=("home_is_dark_while_near_is_off", "every_pair_talks"),
    ),
    Defect(
        id="D409",
        title="does nothing for its partner before its own image is confirmed",
        copies="gb-alt-han fact sheet, GB-067: a pair on trial would wait for each other",
        parts=with_parts(crossing=_WaitsForThePartner),
        caught_by=("trials_at_once_wait_for_nobody",),
    ),
    Defect(
        id="D410",
        title="knows no way to a remote bridge that has not spoken since its restart",
        copies="gb-alt-han fact sheet 5, T5: a restart of the near bridge hides the remotes",
        parts=with_parts(crossing=_ForgetsTheWays),
        caught_by=("home_is_dark_while_near_is_off",),
    ),
    Defect(
        id="D411",
        title="repeats a broadcast on the air from which it came",
        copies="openthread 8441, telstra/open-kilda 2595: packets sent to and fro for ever",
        parts=with_parts(crossing=_RepeatsToWhereItCameFrom),
        caught_by=("broadcast_goes_everywhere_once",),
    ),
    Defect(
        id="D412",
        title="takes frames of any link protocol for those of the agreed one",
        copies="gb-alt-han fact sheet 5, T2: the protocol is negotiated",
        parts=with_parts(crossing=_TakesAnyProtocol),
        caught_by=("frame_of_another_protocol_is_dropped",),
    ),
    Defect(
        id="D413",
        title="stops the clock of its trial for what it hears at its own side",
        copies="gb-alt-han fact sheet 5, T1: not the radio, the way to the hub must work",
        parts=with_parts(crossing=_TrustsItsOwnSide),
        caught_by=("mute_remote_goes_back",),
    ),
    Defect(
        id="D414",
        title="begins its download anew when the near bridge is back",
        copies="espressif/esp-zigbee-sdk 833; nRF Connect KRKNWK-7723: back to offset 0",
        parts=with_parts(crossing=_BeginsAnewOnANewLink),
        caught_by=(
            "near_restarts_while_remote_downloads",
            "near_restarts_into_its_image_while_remote_downloads",
        ),
    ),
    Defect(
        id="D415",
        title="gives an upgrade up for good when the near bridge is away for long",
        copies="espressif/esp-zigbee-sdk 833: the client stays idle, and asks no more",
        parts=with_client(_GivesUpForGood),
        caught_by=("near_restarts_while_remote_downloads",),
    ),
    Defect(
        id="D416",
        title="goes back when the hub is silent for some minutes of its trial",
        copies="gb-alt-han fact sheet, GB-067: the hub may be restarting",
        parts=with_parts(application=_ImpatientWithTheHub),
        caught_by=("hub_away_in_trial_undoes_nothing", "partner_away_in_trial_undoes_nothing"),
    ),
    Defect(
        id="D417",
        title="goes back when a remote bridge is silent for some minutes of its trial",
        copies="gb-alt-han fact sheet, GB-067: the other side may be restarting",
        parts=with_parts(application=_ImpatientWithRemotes),
        caught_by=("partner_away_in_trial_undoes_nothing",),
    ),
    Defect(
        id="D418",
        title="takes its battery for full",
        copies="BasedHardware/omi 3822: an update on an empty battery bricked the device",
        parts=with_parts(gauge=_AlwaysFull),
        caught_by=("battery_that_falls_stops_a_download", "weak_battery_tries_no_image"),
    ),
    Defect(
        id="D419",
        title="goes back while the hub is away, though the near bridge vouches for the way there",
        copies="gb-alt-han fact sheet, GB-067: the window pauses when other peers are heard",
        parts=with_parts(crossing=_TakesNoComfort),
        caught_by=("hub_away_for_long_costs_no_remote",),
    ),
    Defect(
        id="D420",
        title="asks for a link once, and waits for ever if that was lost",
        copies="gb-alt-han fact sheet 5, T2: rejoin works for every pair",
        parts=with_parts(session=_AsksOnce),
        caught_by=("lost_handshake_is_repeated",),
    ),
    Defect(
        id="D421",
        title="passes on first what came last",
        copies="gb-alt-han fact sheet 1.4: a relay is a hop, and a hop keeps the order",
        parts=with_parts(outbox=_NewestFirst),
        caught_by=("order_and_octets_are_kept",),
    ),
    Defect(
        id="D422",
        title="drops what it takes for a duplicate",
        copies="gb-alt-han fact sheet 1.4: eight bits of a counter tell no duplicate by themselves",
        parts=with_parts(crossing=_KnowsDuplicates),
        caught_by=("duplicate_stays_one",),
    ),
    Defect(
        id="D423",
        title="confirms through an image of its partner that is on trial itself",
        copies="gb-alt-han fact sheet 5, T2: the pair must work, whichever of its images runs",
        parts=with_parts(session=_TrustsTrials),
        caught_by=("no_trial_vouches_for_another",),
    ),
)
