"""Carry datagrams to a device on the air, through a radio stick.

Time is real: what a case waits for is waited for. The stick is opened once and kept from bench to
bench. So is the device, which nobody makes new for a case: it is brought to rest first, then told
to leave, and admitted again. Nothing here imports zigpy or bellows until a stick is opened.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from emulator.actions import Action, Announced, Event, Send
from emulator.contract import Capability, Powered
from emulator.errors import LinkError
from emulator.faults import FrameFault
from emulator.units import SECOND, Octets, Us
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import BROADCAST_RX_ON, COORDINATOR, ZDO_PROFILE, ApsOptions, Datagram
from emulator.wire.codec import KEYS
from harness.hub.discovery import zdo_frame
from harness.hub.server import Hub
from harness.hub.settings import Settings
from harness.lanes.port import Found, Lane, Restart, Sealed, Setup, never
from harness.lanes.reception import Reception
from harness.lanes.sticks import SESSIONS
from harness.trace import Trace
from harness.verdict import Inconclusive, Unsupported

V = TypeVar("V")

#: ZDO requests that a stick answers by itself; the hub hears of them, and does not answer too.
_OF_THE_STICK = frozenset(
    {zdo.CLUSTERS[zdo.NwkAddressRequest], zdo.CLUSTERS[zdo.IeeeAddressRequest]}
)
#: Requests that show a download going on: a case that waits for its end does not wait in vain.
_PROGRESS = tuple(KEYS[kind].command for kind in (ota.ImageBlockRequest, ota.ImagePageRequest))
#: Octets that security of the application layer takes of a message: header and code.
_APS_SECURITY: Octets = 9
#: How long a device that is back may take to ask for an image, beside its own first delay; then it
#: is notified.
_NUDGE_US: Us = 8 * SECOND
#: How long a device may take to leave when it is told.
_LEAVE_US: Us = 5 * SECOND
#: How long a device that nobody has seen is waited for.
_JOIN_US: Us = 120 * SECOND


class EzspLane(Sealed):
    """Host one device on the air, and the hub at a stick.

    Raises:
        LinkError: The stick cannot be used, or the device is not there.
        Inconclusive: The device does not come to rest after what was before.
    """

    #: What can be done with a device whose supply no switch cuts.
    capabilities: frozenset[Capability] = frozenset()

    def __init__(self, setup: Setup) -> None:
        self._setup, self._options = setup, setup.options
        if setup.options.switched:
            self.capabilities = frozenset({Capability.POWER})
        self._supplied = True
        self._network = setup.options.network
        self._session = SESSIONS.open(setup)
        self._session.drop()
        self._eui64: int | None = None
        self._address: int | None = None
        self._on_network = True
        self._leave_until: Us | None = None
        self._left_at: Us | None = None  # when it left of its own accord
        self._dismissed = False
        self._nudge_at: Us | None = None
        self._moved_at: Us = 0  # when a download went on
        self._others = self._honest()
        self._begin(self._honest(), Trace())
        self._find()
        register = self._session.register
        reception = Reception(self, self._hub, setup.profile, register)
        version = reception.rest()
        assert self._eui64 is not None
        following = register.following(self._eui64, max(version, reception.begun))
        self.found: Found | None = Found(eui64=self._eui64, version=version, following=following)
        self._begin(setup.hub, setup.trace)

    def _honest(self) -> Hub:
        """Return a hub that has no image for anybody."""
        return Hub(settings=Settings(encrypt=self._setup.profile.ota.aps_encrypt))

    def _begin(self, hub: Hub, trace: Trace) -> None:
        """Let a hub take over, at time 0."""
        self._hub, self._trace = hub, trace
        self._zero = self._session.clock_us
        self._leave_until = self._nudge_at = self._left_at = None
        hub.eui64 = self._session.eui64
        hub.settings.room = self._room(hub.settings.encrypt)
        if self._eui64 is not None and self._address is not None:
            hub.members[self._eui64] = self._address
            self._introduce(self._address)

    def _room(self, encrypt: bool) -> Octets:
        return self._session.longest - (_APS_SECURITY if encrypt else 0)

    def _introduce(self, address: int) -> None:
        """Tell the hub which endpoint and profile the device uses, until it is heard."""
        profile = self._setup.profile.ota
        self._hub.peers.setdefault(address, (profile.endpoint, profile.zigbee_profile))

    # Who it is.

    def _find(self) -> None:
        """Find the device, or wait until it joins.

        Raises:
            LinkError: It is not there, or nobody said which of several it is.
        """
        session, setup = self._session, self._setup
        named = wanted = self._network.eui64 if setup.anyone else setup.identity.eui64
        if wanted is None:
            wanted = session.register.subject
        if wanted is None and session.members:
            if len(session.members) > 1:
                found = ", ".join(f"0x{one:016x}" for one in sorted(session.members))
                raise LinkError(
                    f"ezsp:{session.place}: found {len(session.members)} devices on the network"
                    f" ({found}), wanted to know which is the one: --eui64"
                )
            wanted = next(iter(session.members))
        self._eui64 = wanted
        if wanted is None or wanted not in session.members or wanted in session.register.gone:
            self._await_join()
        assert self._eui64 is not None
        if named is None:
            session.register.subject = self._eui64
        self._meet(session.members[self._eui64])

    def _await_join(self) -> None:
        limit_us = min(_JOIN_US, self._options.max_wait_us)
        whom = (self._eui64, self._network.link_key)
        if whom in self._session.register.absent:
            limit_us = 0  # it was waited for once
        self._on_network = False
        if self._eui64 is not None:
            self._ask_for(self._eui64)
        self.run(lambda: self._on_network, limit_us)
        if not self._on_network:
            who = "no device" if self._eui64 is None else f"nothing of {self._eui64:016x}"
            self._session.register.absent.add(whom)
            raise LinkError(
                f"ezsp:{self._session.place}: found {who} in {limit_us / SECOND:g} s, wanted one"
                " that joins: is it on, in range, not on another network, is its key right?"
            )
        self._session.register.absent.discard(whom)

    def _ask_for(self, eui64: int) -> None:
        """Ask the network where a device is that may be on it already."""
        request = zdo.NwkAddressRequest(
            sequence=self._hub.next_sequence(),
            eui64=eui64,
            request_type=zdo.RequestType.SINGLE,
            start_index=0,
        )
        self._put(self._hub.zdo(request, BROADCAST_RX_ON))

    def _meet(self, address: int) -> None:
        """Note where the device is; what was heard of it stays its own when that changes."""
        hub, before = self._hub, self._address
        if before is not None and before != address:
            _move(hub.logs, before, address)
            _move(hub.by_device, before, address)
            _move(hub.peers, before, address)
        self._address = address
        assert self._eui64 is not None
        hub.event(Announced(address=address, eui64=self._eui64), self.now)
        self._introduce(address)

    # Time.

    @property
    def now(self) -> Us:
        """Return the real time since the bench began."""
        return self._session.clock_us - self._zero

    @property
    def patience_us(self) -> Us:
        """Return the longest time that the user lets anything take."""
        return self._options.max_wait_us

    @property
    def powered(self) -> bool:
        """Tell whether the device has its supply, as far as is known."""
        return self._supplied

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let real time pass.

        Raises:
            Unsupported: It would take longer than the user allows.
            Inconclusive: The device left the network by itself, and is not back.
            LinkError: The stick is gone, or hangs.
        """
        if limit_us < 0:
            raise ValueError(f"limit of {limit_us} us: time does not run back")
        if until():
            return True
        most_us = self._options.max_wait_us
        if until is never and limit_us > most_us:
            raise self._too_long(limit_us)
        self._moved_at = self.now
        end = self._moved_at + limit_us
        while True:
            self._keep_gate()
            while self._step():
                if until():
                    return True
            now, patient_until = self.now, self._moved_at + most_us
            if now >= min(end, patient_until):
                self._session.probe()  # a stick that hangs is silent too
                if now < end:
                    raise self._too_long(limit_us)
                self._check_presence()
                return False
            due = (self._hub.deadline, self._others.deadline, self._nudge_at, self._leave_until)
            soonest = min((end, patient_until, *(at for at in due if at is not None)))
            self._session.wait(max(0, soonest - now))

    def _check_presence(self) -> None:
        if self._left_at is not None:
            raise Inconclusive(
                f"the device left the network by itself at {self._left_at / SECOND:.1f} s of the"
                f" case, and is not back at {self.now / SECOND:.1f} s"
            )

    def _too_long(self, limit_us: Us) -> Unsupported:
        most_s = self._options.max_wait_us / SECOND
        return Unsupported(
            f"needs {limit_us / SECOND:g} s of real time, --max-wait is {most_s:g} s"
        )

    def _step(self) -> bool:
        """Do the next thing that is due; tell whether there was one."""
        if self._session.news:
            at, news = self._session.news.popleft()
            self._take(max(0, at - self._zero), news)
            return True
        now = self.now
        for hub in (self._hub, self._others):
            if hub.deadline is not None and hub.deadline <= now:
                self._put(hub.wake(now))
                return True
        if self._leave_until is not None and self._leave_until <= now:
            self._leave_until, self._nudge_at = None, now  # it stays
            return True
        if self._nudge_at is not None and self._nudge_at <= now:
            self._nudge_at = None
            self._nudge()
            return True
        return False

    # What happens.

    def _take(self, at: Us, news: object) -> None:
        from harness.coordinator.session import Came, Refused, Sent, Undelivered, Went

        match news:
            case Datagram():
                self._hear(at, news)
            case Came():
                self._came(at, news.eui64, news.address)
            case Went() if news.eui64 == self._eui64:
                if self._leave_until is None and not self._dismissed:
                    self._left_at = at
                self._on_network, self._leave_until = False, None
                self._trace(at, self._setup.name, "leave", "")
            case Sent():
                self._trace(at, "hub", "send", news.datagram)
            case Undelivered():
                why = f"{news.destination:#06x} did not acknowledge APS {news.aps_counter}"
                self._trace(at, "hub", "lost", why)
            case Refused():
                if news.too_long:
                    raise Unsupported(f"needs a message that the stick does not send: {news.why}")
                raise LinkError(f"ezsp:{self._session.place}: {news.why}")
            case _:
                pass

    def _came(self, at: Us, eui64: int, address: int) -> None:
        if self._eui64 is None:
            self._eui64 = eui64
            self._session.refuse()  # it is found: nobody else is let in from now on
        if eui64 != self._eui64:
            return
        self._trace(at, self._setup.name, "join", "admitted")
        self._on_network, self._leave_until = True, None
        self._left_at, self._dismissed = None, False
        self._meet(address)
        if self._setup.profile.sleep is not None:
            self._session.patient(eui64)
        self._nudge_later()

    def _nudge_later(self) -> None:
        """Notify the device in a while, unless it asks for an image by itself."""
        first_us = self._setup.profile.ota.first_query_delay_s * SECOND
        self._nudge_at = self.now + first_us + _NUDGE_US

    def _hear(self, at: Us, datagram: Datagram) -> None:
        """Give a datagram to the hub as it came; those of other devices to another one."""
        if datagram.profile == ZDO_PROFILE:
            self._look(datagram)
        ours, name = datagram.source == self._address, self._setup.name
        if not ours:
            name = f"node {datagram.source:#06x}"
        elif self._is_left_over(datagram):
            ours, name = False, f"{name} of a case before"
        self._trace(at, name, "send", datagram)
        if ours:
            self._watch(datagram)
        hub = self._hub if ours else self._others
        answers = hub.receive(datagram, at)
        if datagram.profile != ZDO_PROFILE or datagram.cluster not in _OF_THE_STICK:
            self._put(answers)

    def _is_left_over(self, datagram: Datagram) -> bool:
        """Tell whether a request is of a download that this case did not begin.

        A device goes on with one by itself when it is back. Until it has asked the hub what there
        is, another one refuses that, and the case hears nothing of it.
        """
        payload = datagram.payload
        return (
            datagram.cluster == ota.CLUSTER
            and len(payload) >= 3
            and payload[0] & zcl.FRAME_TYPE_MASK == zcl.FrameType.CLUSTER
            and payload[2] in _PROGRESS
            and ota.QueryNextImageRequest not in self._hub.counts
        )

    def _look(self, datagram: Datagram) -> None:
        """See who is where, of an announcement or of an answer to our own question."""
        match zdo_frame(datagram):
            case zdo.DeviceAnnounce(eui64=eui64, address=address):
                pass
            case zdo.NwkAddressResponse(status=zdo.ZdoStatus.SUCCESS, eui64=eui64, address=address):
                pass
            case _:
                return
        known = self._session.members.get(eui64)
        if address != known or (eui64 == self._eui64 and not self._on_network):
            self._session.register.came(eui64, address)
            self._came(self.now, eui64, address)

    def _watch(self, datagram: Datagram) -> None:
        """Note what a request of the device means for waiting."""
        payload = datagram.payload
        if datagram.cluster != ota.CLUSTER or len(payload) < 3:
            return
        if payload[0] & zcl.FRAME_TYPE_MASK == zcl.FrameType.CLUSTER:
            self._nudge_at = None  # it is at it by itself
            if payload[2] in _PROGRESS:
                self._moved_at = self.now

    # What is done.

    def _put(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self.send(action.datagram)

    def send(self, datagram: Datagram) -> None:
        """Let the stick send a datagram of the hub's.

        Raises:
            Unsupported: It is another node's.
        """
        if datagram.source != COORDINATOR:
            raise Unsupported(
                f"needs a sender {datagram.source:#06x}, a stick speaks under its own address only"
            )
        most = self._room(bool(datagram.options & ApsOptions.ENCRYPT))
        if len(datagram.payload) > most:
            raise Unsupported(
                f"needs a message of {len(datagram.payload)} octets, the stick takes {most}"
            )
        self._session.send(datagram)

    def refresh(self) -> None:
        """Do nothing: deadlines are looked at in ``run``."""

    def attach(self, name: str, address: int, machine: Powered) -> None:
        """Refuse another node of the harness.

        Raises:
            LinkError: Always.
        """
        raise LinkError("needs another node of the harness, a stick is one")

    def beside(self, setup: Setup) -> Lane:
        """Refuse another device.

        Raises:
            LinkError: Always.
        """
        raise LinkError("needs a second device under test, this lane carries one")

    def dismiss(self) -> None:
        """Put the device off the network; it may come back when the hub's whitelist has it."""
        if self._eui64 is not None:
            self._dismissed = True
            self._session.remove(self._eui64)

    def power(self, on: bool) -> None:
        """Take note of what a switch did; without one, let the device begin anew.

        A device whose supply was cut comes back to its network by itself.

        Raises:
            LinkError: The supply is to be cut, and there is no switch.
        """
        if on and self._supplied:
            self.restart()
        elif on:
            self._supplied = True
            self._nudge_later()
        elif not self._options.switched:
            raise LinkError("needs a switch for the supply: --power")
        else:
            self._supplied = False
            self._leave_until = self._nudge_at = None

    def restart(self) -> None:
        """Tell the device to leave and admit it again, or notify it, as the user wants it."""
        if not self._on_network or self._eui64 is None or self._address is None:
            return  # it is let in as soon as it asks
        if self._network.restart is Restart.NOTIFY:
            self._nudge_at = self.now
            return
        if self._admits():
            self._session.permit(self._eui64, self._network.link_key)
        request = zdo.LeaveRequest(
            sequence=self._hub.next_sequence(), eui64=self._eui64, options=zdo.LeaveOptions(0)
        )
        self._put(self._hub.zdo(request, self._address))
        self._leave_until = self.now + _LEAVE_US

    def _nudge(self) -> None:
        """Notify the device, if the hub is one that speaks."""
        if self._address is None or self._hub.settings.silent or not self._hub.up:
            return
        notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
        self._put(self._hub.tell(notify, self._address, now=self.now))

    def _admits(self) -> bool:
        whitelist = self._hub.settings.whitelist
        return whitelist is None or self._eui64 is None or self._eui64 in whitelist

    def _keep_gate(self) -> None:
        """Let the device in while it is out, if the hub admits it; nobody while it does not."""
        if not self._admits():
            self._session.refuse()
        elif not self._on_network:
            self._session.permit(self._eui64, self._network.link_key)

    def event(self, what: Event) -> None:
        """Refuse to tell the device something outside the network.

        Raises:
            LinkError: Always.
        """
        raise LinkError(f"nobody here can tell the device of {type(what).__name__}")

    def plan(self, faults: Sequence[FrameFault]) -> None:
        """Refuse frame faults: the air does what it does.

        Raises:
            LinkError: There are some.
        """
        if faults:
            raise LinkError("nobody here can lose or change a frame")

    def close(self) -> None:
        """Forget what is not sent; the stick stays open for the next bench."""
        self._session.drop()


def _move(kept: dict[int, V], before: int, address: int) -> None:
    """Keep what is known of an address under another one as well."""
    if before in kept:
        kept[address] = kept[before]
