"""Run what a booted image does: stay on the network, speak ZDO and ZCL, upgrade, prove itself.

An application lives from one boot to the next; all that outlives it is in flash.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emulator.actions import (
    Action,
    Activate,
    Battery,
    Event,
    Happening,
    Join,
    Joined,
    JoinRefused,
    Left,
    Poll,
    Reboot,
    Report,
)
from emulator.boot.loader import Choice, Loader
from emulator.contract import Identity
from emulator.device.attributes import Sources
from emulator.device.company import Company
from emulator.device.descriptors import served
from emulator.device.gauge import Gauge
from emulator.device.general import General
from emulator.device.nonvolatile import Memory
from emulator.device.radio import Radio
from emulator.device.store import DownloadStore
from emulator.device.trial import Patience, Trial
from emulator.errors import WireError, WornError
from emulator.flash.area import Area
from emulator.flash.nor import Nor
from emulator.profiles.model import Profile
from emulator.profiles.scale import scaled
from emulator.profiles.switches import Stranger
from emulator.units import MILLISECOND, SECOND, Rng, Us
from emulator.wire import basic, ota, power, zcl
from emulator.wire.aps import (
    BROADCAST_RX_ON,
    COORDINATOR,
    FIRST_BROADCAST,
    ZDO_PROFILE,
    ApsOptions,
    Datagram,
)
from emulator.wire.codec import COMMANDS
from emulator.wire.manifest import Trait
from emulator.wire.ota import Status

if TYPE_CHECKING:
    from emulator.device.parts import Parts  # an application is itself a part

#: How long a crashing image runs before it restarts.
CRASH_AFTER_US = SECOND

#: What the server may send, by command id.
_FROM_SERVER = {
    key.command: kind
    for key, kind in COMMANDS.items()
    if key.cluster == ota.CLUSTER and not key.to_server
}
_ANY_ENDPOINT = 0xFF
_ENCRYPTED = int(ApsOptions.ENCRYPT)  # plain, for the path of a block
_NOTHING: tuple[Action, ...] = ()


class Application:
    """Be one run of one image."""

    def __init__(
        self,
        *,
        profile: Profile,
        identity: Identity,
        parts: "Parts",
        memory: Memory,
        loader: Loader,
        slots: Sequence[Area],
        choice: Choice,
        traits: Trait,
        rng: Rng,
        gauge: Gauge,
        company: Company | None = None,
    ) -> None:
        self._profile, self._memory, self._loader = profile, memory, loader
        self._choice, self._traits, self._identity = choice, traits, identity
        self._gauge, self._company = gauge, company
        mute = Trait.MUTE in traits
        self._radio = parts.radio(memory, profile.ota, profile.radio, mute=mute)
        self.store: DownloadStore = parts.store(
            profile=profile,
            identity=identity,
            verify=parts.verify,
            writer=parts.writer,
            memory=memory,
            loader=loader,
            slots=slots,
            extras=_extras(profile, slots[0].nor),
            on_trial=choice.trial,
            company=company,
        )
        self.client = parts.client(
            profile=scaled(profile.ota),
            identity=identity,
            version=choice.facts.file_version,
            voice=self._radio,
            store=self.store,
            rng=rng,
            table=parts.table,
        )
        sources = Sources(
            bridge=profile, running=choice.facts, client=self.client, store=self.store, gauge=gauge
        )
        self._general = parts.general(self._radio, parts.attributes, sources)
        self._servers = _servers(parts, self._radio, sources)
        self._descriptors = parts.descriptors(profile, identity, self._radio, gauge)
        self._endpoint, self._deaf = profile.ota.endpoint, bool(traits & Trait.DEAF)
        self._join_at: Us | None = None
        self._poll_at: Us | None = None
        self._linger_until: Us = 0  # a sleepy device stays awake till then
        self._crash_at: Us | None = None
        self._trial: Trial | None = None
        self._patience: Patience | None = None
        self._alarm: Us | None = None  # the earliest of what is due, but for the client's

    @property
    def deadline(self) -> Us | None:
        """Return when ``wake`` is wanted."""
        alarm, client = self._alarm, self.client.deadline
        if alarm is None:
            return client
        return alarm if client is None or alarm < client else client

    @property
    def slot(self) -> int:
        """Return the slot whose image this is."""
        return self._choice.slot

    @property
    def radio(self) -> Radio:
        """Return the sending half of the stack, which knows the bridge's address."""
        return self._radio

    @property
    def deaf(self) -> bool:
        """Tell whether the image hears nothing."""
        return self._deaf

    # Coming up.

    def start(self, now: Us) -> Sequence[Action]:
        """Begin to run: report the boot, go on the network, start the clock of a trial."""
        choice = self._choice
        booted = Report(
            what=Happening.BOOTED,
            details=(
                ("version", choice.facts.file_version),
                ("slot", choice.slot),
                ("trial", int(choice.trial)),
            ),
        )
        if self._traits & Trait.CRASHES:
            self._crash_at = now + CRASH_AFTER_US
        self._charged(now)  # it is known before anything is asked for
        if choice.trial:
            self._trial = Trial(self._loader, self._profile.boot, now)
        else:
            self._patience = Patience(self._loader, now)
        return (*choice.notes, booted, *self.join(now))

    def join(self, now: Us) -> Sequence[Action]:
        """Ask to be on the network, and again after a while."""
        self._join_at = now + self._profile.radio.rejoin_retry_s * SECOND
        self._set_alarm()
        if self._radio.mute:
            return _NOTHING
        join = Join(
            eui64=self._identity.eui64,
            rejoin=bool(self._memory.now.joined),
            sleepy=self._profile.sleep is not None,
        )
        return (join,)

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Take an event that is not a datagram."""
        match what:
            case Joined():
                return _NOTHING if self._deaf else self._joined(what, now)
            case JoinRefused():
                return _NOTHING  # the retry is set
            case Left():
                return self._left(now)
            case Activate():
                return self.client.activate(now)
            case Battery():
                return self._charged(now)
            case _:
                return _NOTHING

    def _charged(self, now: Us) -> Sequence[Action]:
        """Let the client know how full the battery is, once anybody does."""
        gauge = self._gauge
        if gauge.percent is None:
            return _NOTHING
        actions = self.client.charge(gauge.percent, gauge.reserve, now)
        self._plan_poll(now)
        return actions

    def _left(self, now: Us) -> Sequence[Action]:
        """Forget the network and look for one; a bridge that cannot forget says so."""
        self._radio.address, self._poll_at = None, None
        self.client.stop()
        try:
            self._memory.leave()
        except WornError as error:
            report = Report(what=Happening.FLASH_WORN, details=(("why", str(error)),))
            return (report, *self.join(now))
        return self.join(now)

    def _joined(self, joined: Joined, now: Us) -> Sequence[Action]:
        here = self._radio.address == joined.address and self._join_at is None
        switched = here and joined.key_id != self._memory.now.key_id
        self._memory.join(joined)
        if switched:
            return _NOTHING  # what is under way goes on under the new key (GB-069)
        self._radio.address = joined.address
        self._join_at = None
        announce = self._descriptors.announce(BROADCAST_RX_ON)
        proof_from = self._trial.proof_from if self._trial is not None else now
        started = self.client.start(now, hurry=self.store.on_trial, not_before=proof_from)
        self._linger(now)
        self._plan_poll(now)
        return (*announce, *started)

    # Time.

    def wake(self, now: Us) -> Sequence[Action]:
        """Do everything that is due."""
        actions: list[Action] = []
        if self._crash_at is not None and now >= self._crash_at:
            return (Reboot(),)
        if self._trial is not None and now >= self._trial.deadline and self._is_over(now):
            return (*self._missed(), Reboot())
        patience = self._patience
        if patience is not None and patience.deadline is not None and now >= patience.deadline:
            patience.save(now)
        if self._join_at is not None and now >= self._join_at:
            actions += self.join(now)
        if self._poll_at is not None and now >= self._poll_at:
            actions.append(Poll())
            self._poll_at = None
        deadline = self.client.deadline
        if deadline is not None and now >= deadline:
            actions += self.client.wake(now)
        self._plan_poll(now)
        return actions

    def _missed(self) -> Sequence[Action]:
        return _NOTHING if self._company is None else self._company.missed()

    def _is_over(self, now: Us) -> bool:
        """Save the powered time of the trial; when it is used up, go back to the old image."""
        trial = self._trial
        if trial is None or not self.store.on_trial:
            self._trial = None
            return False
        try:
            if not trial.save(now):
                return False
            self._loader.give_up()
        except WornError:  # what cannot be counted any more is over: the old image needs no record
            pass
        return True

    def _linger(self, now: Us) -> None:
        """Stay awake for a while: who spoke once has more to say (an interview)."""
        sleep = self._profile.sleep
        if sleep is not None and sleep.linger_ms:
            self._linger_until = now + sleep.linger_ms * MILLISECOND

    def _plan_poll(self, now: Us) -> None:
        """Set the next poll of a sleepy device: soon while an answer is awaited."""
        sleep = self._profile.sleep
        if sleep is not None and self._radio.address is not None:
            fast = self.client.expects_answer(now) or now < self._linger_until
            at = now + (sleep.fast_poll_ms if fast else sleep.poll_ms) * MILLISECOND
            if self._poll_at is None or at < self._poll_at:
                self._poll_at = at
        self._set_alarm()

    def doze(self, until: Us) -> None:
        """Leave out the polls before a moment up to which they find nothing.

        What is due beside them still comes, and the first poll after it at its own time.
        """
        sleep, at = self._profile.sleep, self._poll_at
        if sleep is None or at is None:
            return
        self._poll_at = None
        self._set_alarm()
        until = until if self.deadline is None else min(until, self.deadline)
        while at < until:
            if self.client.expects_answer(at) or at < self._linger_until:
                at += sleep.fast_poll_ms * MILLISECOND
            else:  # and so it stays: what is awaited is over one day
                period = sleep.poll_ms * MILLISECOND
                at += -(-(until - at) // period) * period
        self._poll_at = at
        self._set_alarm()

    def _set_alarm(self) -> None:
        trial = None if self._trial is None else self._trial.deadline
        patience = None if self._patience is None else self._patience.deadline
        alarm: Us | None = None
        for at in (self._join_at, self._poll_at, self._crash_at, trial, patience):
            if at is not None and (alarm is None or at < alarm):
                alarm = at
        self._alarm = alarm

    # Datagrams.

    def receive(self, datagram: Datagram, now: Us, *, proof: bool = True) -> Sequence[Action]:
        """Take a datagram from the air.

        Args:
            datagram: What came.
            now: Virtual time in microseconds.
            proof: Whether it came the way on which the hub is: then it proves that way.
        """
        if self._deaf or self._radio.address is None:
            return _NOTHING
        if self._trial is not None and proof:
            self._hear(self._trial, datagram, now)
        if datagram.cluster == ota.CLUSTER and datagram.destination_endpoint in (
            self._endpoint,
            _ANY_ENDPOINT,
        ):
            actions = self._on_ota(datagram, now)
        elif datagram.profile == ZDO_PROFILE and datagram.destination_endpoint == 0:
            actions = self._on_zdo(datagram, now)
        elif datagram.cluster in self._servers and datagram.destination_endpoint in (
            self._endpoint,
            _ANY_ENDPOINT,
        ):
            actions = self._servers[datagram.cluster].receive(datagram, None, now)
        else:
            actions = self._general.strange(datagram, self._endpoint)
        if self._profile.sleep is not None:
            self._linger(now)
            self._plan_poll(now)
        return actions

    def _hear(self, trial: Trial, datagram: Datagram, now: Us) -> None:
        """Let a trial know of a frame that is not the hub's, nor an echo of the bridge's own.

        Once the hub has answered, only a bridge of the home can be lacking: it is not away, and
        the devices behind it wait.
        """
        if self._company is not None and self._company.hub:
            return
        server = self.client.server or self.store.server
        hub = COORDINATOR if server is None else server.address
        if datagram.source not in (hub, COORDINATOR, self._radio.address):
            trial.hear(datagram, self._memory.now.key_id, now)

    def vouch(self, now: Us) -> None:
        """Let a trial know that the bridge nearer to the hub answers: it is the hub that is away.

        Only of a bridge that is on the network: one that is mute never gets there.
        """
        if self._trial is not None and self._radio.address is not None:
            self._trial.pause(now)

    def _on_zdo(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        answer = self._descriptors.receive(datagram)
        if isinstance(answer, Sequence):
            if any(isinstance(one, Join) for one in answer):
                self._join_at = now + self._profile.radio.rejoin_retry_s * SECOND
                self._set_alarm()
            return answer
        return self.client.receive(answer, now)

    def _on_ota(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        payload = datagram.payload
        # Cluster-specific, from the server, no manufacturer code; Disable Default Response or not.
        if len(payload) < 3 or payload[0] & 0x0F != 0x09:
            return self._general.receive(datagram, self.client, now)
        kind = _FROM_SERVER.get(payload[2])
        if kind is None:
            return self._general.refuse(datagram, Status.UNSUP_COMMAND)
        server = self.client.server
        if server is not None and datagram.source != server.address:
            if self._profile.ota.stranger is Stranger.IGNORE:
                return _NOTHING
            return self._general.refuse(datagram, Status.NOT_AUTHORIZED)
        broadcast = datagram.destination >= FIRST_BROADCAST
        secured = broadcast or datagram.options & _ENCRYPTED
        if self._profile.ota.aps_encrypt and not secured:
            return self._general.refuse(datagram, Status.NOT_AUTHORIZED)  # SE 5.4.6 [SL-SEC]
        if broadcast and kind not in (ota.ImageNotify, ota.UpgradeEndResponse):
            return _NOTHING  # unicast only, and a broadcast is never answered (ZCL 11.13.3.5.1)
        try:
            frame, end = kind.decode_at(payload, 3)
        except WireError:
            return self._general.refuse(datagram, Status.MALFORMED_COMMAND)
        if isinstance(frame, ota.ImageNotify):
            if broadcast:
                if end != len(payload) or not self.client.invited(frame):
                    return _NOTHING
            elif self.client.addressed(frame):
                self.store.forgive()  # whoever is told by name may try again what failed
            else:
                return self._general.refuse(datagram, Status.MALFORMED_COMMAND)
        actions = self.client.receive(frame, now)
        status = self.client.answer
        if status is Status.SUCCESS and (payload[0] & zcl.NO_DEFAULT_RESPONSE or actions):
            return actions
        return (*actions, *self._general.refuse(datagram, status))


def _servers(parts: "Parts", radio: Radio, sources: Sources) -> dict[int, General]:
    """Return who answers for each cluster that the bridge serves."""
    tables = {basic.CLUSTER: parts.basic, power.CLUSTER: parts.power}
    return {
        cluster: parts.general(radio, tables[cluster], sources, serves=True)
        for cluster in served(sources.bridge)
    }


def _extras(profile: Profile, nor: Nor) -> tuple[Area, ...]:
    """Return an area for each image that an upgrade needs beside the bridge's own."""
    limits = profile.flash.parts_of_extra(len(profile.ota.more_image_types))
    return tuple(Area(nor, start, end) for start, end in limits)
