"""Be a bridge among the bridges of a home: pass on what is for others, through the links to them.

A crossing stands between the application and the outside. A near bridge has the hub's network on
its radio and remote bridges behind it; a remote one has one link towards the hub, and the devices
that it serves on its radio. The links are tunnels: a datagram leaves them as it came, its source
and its counters untouched, so that a duplicate stays one and the order to each peer is kept.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from emulator.actions import (
    Action,
    Content,
    Echo,
    Event,
    Join,
    Joined,
    JoinRefused,
    Leave,
    Left,
    Poll,
    Send,
    Tunnelled,
)
from emulator.device.company import Company
from emulator.device.outbox import Outbox
from emulator.device.session import HANDSHAKE, Session
from emulator.ota.stages import Stage
from emulator.profiles.model import Profile, SleepProfile
from emulator.units import MILLISECOND, MINUTE, SECOND, Us
from emulator.wire.aps import COORDINATOR, FIRST_BROADCAST, Datagram

if TYPE_CHECKING:
    from emulator.device.application import Application  # which is told of its company

#: The side of a bridge's own radio, beside those of its peers, which have EUI-64s.
RADIO = 0
#: How many broadcasts are remembered, to know them when they come back another way.
_BROADCASTS = 16
#: How many addresses a near bridge remembers the way to.
_MOST_BEHIND = 256
#: How long a sleepy bridge listens for the answer to a Hello or a Join.
_LISTEN_US: Us = 5 * SECOND
#: Stages in which the running image prepares its own end: whom it serves is found out then.
_UPGRADING = frozenset(
    {
        *(Stage.DOWNLOADING, Stage.PAGING, Stage.PAUSED, Stage.MORE, Stage.QUERYING_MORE),
        *(Stage.ENDING, Stage.WAITING, Stage.EXTERNAL, Stage.COUNTING, Stage.APPLYING),
    }
)
_NOTHING: tuple[Action, ...] = ()


class Crossing:
    """Run an application that has other bridges around it; a machine as the application is one."""

    def __init__(
        self, application: "Application", company: Company, outbox: type[Outbox], profile: Profile
    ) -> None:
        """Begin a run without any link.

        Args:
            application: What runs.
            company: The ends of the links.
            outbox: What shares the link radio between the peers.
            profile: What kind of bridge this is.
        """
        self._application, self._company = application, company
        self._radio, self._deaf = application.radio, application.deaf
        self._sessions, self._parent = company.sessions, company.parent
        link = profile.link
        self._outbox = outbox(self._sessions, link.octets_per_s, link.queue_datagrams)
        self._sleep: SleepProfile | None = profile.sleep
        #: From where the hub is heard.
        self._upstream = RADIO if self._parent is None else self._parent.peer
        #: On which side the sources of datagrams from below are.
        self._behind: dict[int, int] = {}
        #: From which side the last broadcasts came, by source and counters.
        self._broadcasts: dict[tuple[int, int, int | None], int] = {}
        self._joins: dict[int, Join] = {}  # of children, until this bridge is on the network
        self._echo_at: Us | None = None
        self._tend_at: Us | None = None
        self._poll_at: Us | None = None
        self._listen_until: Us = 0
        self._alarm: Us | None = None  # the earliest of what is due, but for application and outbox
        #: When ``wake`` is wanted; planned behind all that moves it, not for what is passed on.
        self.deadline: Us | None = None

    @property
    def links(self) -> dict[int, int]:
        """Return the protocol of the link to each peer, 0 where there is none."""
        return {peer: end.protocol for peer, end in self._sessions.items()}

    # The machine.

    def start(self, now: Us) -> Sequence[Action]:
        """Begin to run: the application, and the handshake with every peer."""
        self._company.clock = self._company.started_at = now
        actions = [*self._own(self._application.start(now), now)]
        for end in self._sessions.values():
            actions += end.start(now)
        self._listen(now)
        if self._company.children:
            self._tend_at = now + self._company.tends_every_us
        self._set_alarm()
        return actions

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Take a datagram from the air around this bridge."""
        self._company.clock = now
        parent, address = self._parent, self._radio.address
        if address is None:  # nor is a deaf image ever on the network
            return _NOTHING
        destination = datagram.destination
        if destination >= FIRST_BROADCAST:
            return self._repeat(datagram, RADIO, now)
        if parent is not None:
            self._learn(datagram.source, RADIO)
        if destination == address:
            proof = parent is None
            return self._own(self._application.receive(datagram, now, proof=proof), now)
        if parent is not None:
            return self._carry(parent, datagram, now)
        child = self._sessions.get(self._behind.get(destination, RADIO))
        if child is not None:
            return self._carry(child, datagram, now)
        return self._to_all(datagram, RADIO, now)  # after a boot nobody knows who is where

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Take an event that is not a datagram."""
        self._company.clock = now
        if type(what) is Tunnelled:
            return self._tunnelled(what, now)
        if isinstance(what, Joined | JoinRefused | Left) and what.eui64:
            return self._answer_child(what, now)
        actions = self._own(self._application.event(what, now), now)
        if isinstance(what, Joined):
            waiting, self._joins = tuple(self._joins.values()), {}
            actions = (*actions, *waiting)
        self._plan()
        return actions

    def wake(self, now: Us) -> Sequence[Action]:
        """Do everything that is due."""
        self._company.clock = now
        actions: list[Action] = []
        at = self._application.deadline
        if at is not None and now >= at:
            actions += self._own(self._application.wake(now), now)
        actions += self._outbox.wake(now)
        if self._alarm is not None and now >= self._alarm:
            actions += self._on_alarm(now)
        self._plan()
        return actions

    def doze(self, until: Us) -> None:
        """Leave out the application's polls before a moment up to which they find nothing."""
        self._application.doze(until)
        self._plan()

    def _plan(self) -> None:
        """Set when ``wake`` is wanted."""
        first, outbox, alarm = self._application.deadline, self._outbox.deadline, self._alarm
        if outbox is not None and (first is None or outbox < first):
            first = outbox
        if alarm is not None and (first is None or alarm < first):
            first = alarm
        self.deadline = first

    # From a peer.

    def _tunnelled(self, frame: Tunnelled, now: Us) -> Sequence[Action]:
        end = self._sessions.get(frame.eui64)
        if end is None:
            return _NOTHING  # a stranger: no installer ever named it
        protocol = frame.protocol
        if protocol == HANDSHAKE:
            return self._negotiate(end, frame.content, now)
        if protocol != end.protocol:
            actions = end.renew(now)
            self._set_alarm()
            return actions
        end.heard_at = now
        content = frame.content
        if type(content) is Datagram:
            return self._relay(end, content, now)
        actions = self._obey(end, content, now)
        self._plan()
        return actions

    def _negotiate(self, end: Session, content: Content, now: Us) -> Sequence[Action]:
        before = end.protocol
        actions = [*end.negotiate(content, now)]
        if end.protocol != before:
            self._outbox.forget(end.peer)
            self._company.part(end.peer)
            if end.protocol != HANDSHAKE:
                actions += self._linked(end, now)
        actions += self._application.store.confirm()  # the peer may be on trial no more
        self._set_alarm()
        return actions

    def _linked(self, end: Session, now: Us) -> Sequence[Action]:
        """Use a new link for what waited for it."""
        if end.asks:
            on_network = self._radio.address is not None
            return _NOTHING if on_network else self._own(self._application.join(now), now)
        if not self._application.store.on_trial:
            self._company.serve()
        return self._ask(end, now) if self._wonders(end) else _NOTHING

    def _relay(self, end: Session, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Pass on what came through a link, or take it."""
        destination = datagram.destination
        if destination >= FIRST_BROADCAST:
            return self._repeat(datagram, end.peer, now)
        if not end.asks and self._behind.get(datagram.source) != end.peer:
            self._learn(datagram.source, end.peer)
        if destination == self._radio.address:
            proof = end.asks
            return self._own(self._application.receive(datagram, now, proof=proof), now)
        if not end.asks and destination in self._behind:
            other = self._sessions.get(self._behind[destination])
            if other is not None:  # never back to where it came from
                return _NOTHING if other is end else self._carry(other, datagram, now)
        return self._to_air(datagram)

    def _obey(self, end: Session, content: Content, now: Us) -> Sequence[Action]:
        """Do what a peer asks beside datagrams; what is not its to ask is ignored."""
        match content:
            case Echo(answer=False):
                return self._carry(end, replace(content, answer=True), now)
            case Echo() if content.number >= self._company.started_at:
                return self._answered(end, now)
            case Join() if not end.asks:
                return self._join_for(end, content)
            case Leave() if not end.asks:
                return (Leave(eui64=end.peer),)
            case Joined() | JoinRefused() | Left() if end.asks:
                return self._own(self._application.event(content, now), now)
            case _:
                return _NOTHING

    def _answered(self, end: Session, now: Us) -> Sequence[Action]:
        """Take an answer to an Echo of this run for what it proves."""
        if end.asks:
            if not self._company.hub:
                self._application.vouch(now)
            return _NOTHING
        self._company.meet(end.peer)
        return self._application.store.confirm()

    def _join_for(self, child: Session, join: Join) -> Sequence[Action]:
        """Ask the hub's network to admit a child, once this bridge is on it itself."""
        asked = replace(join, eui64=child.peer)
        if self._radio.mute:
            return _NOTHING
        if self._radio.address is None:
            self._joins[child.peer] = asked
            return _NOTHING
        return (asked,)

    def _answer_child(self, what: Joined | JoinRefused | Left, now: Us) -> Sequence[Action]:
        """Hand a child what the hub's network said of it."""
        child = self._company.children.get(what.eui64)
        if child is None or self._deaf:
            return _NOTHING
        if isinstance(what, Joined):
            self._learn(what.address, child.peer)
        return self._carry(child, replace(what, eui64=0), now)

    # To a peer, and to the air.

    def _carry(self, end: Session, content: Content, now: Us) -> Sequence[Action]:
        """Send something through a link; without one it is lost."""
        protocol, outbox = end.protocol, self._outbox
        if protocol == HANDSHAKE:
            return _NOTHING
        actions = outbox.put(end.peer, protocol, content, now)
        if outbox.deadline is not None:
            self._plan()
        return actions

    def _to_all(self, datagram: Datagram, side: int, now: Us) -> Sequence[Action]:
        """Send a datagram to every peer but the one on the side from which it came."""
        actions: list[Action] = []
        for peer, end in self._sessions.items():
            if peer != side:
                actions += self._carry(end, datagram, now)
        return actions

    def _to_air(self, datagram: Datagram) -> Sequence[Action]:
        """Send a datagram of another node on the air around this bridge."""
        if self._radio.mute or self._radio.address is None:
            return _NOTHING
        return (Send(datagram=datagram),)

    def _repeat(self, datagram: Datagram, side: int, now: Us) -> Sequence[Action]:
        """Take a broadcast, and pass it on to all sides but its own; one that comes back is old."""
        if datagram.source == self._radio.address:
            return _NOTHING
        key = (datagram.source, datagram.aps_counter, datagram.frame_counter)
        if self._broadcasts.setdefault(key, side) != side:
            return _NOTHING
        if len(self._broadcasts) > _BROADCASTS:
            del self._broadcasts[next(iter(self._broadcasts))]
        proof = side == self._upstream
        if not proof:
            self._learn(datagram.source, side)
        on_air = _NOTHING if side == RADIO else self._to_air(datagram)
        return (
            *on_air,
            *self._to_all(datagram, side, now),
            *self._own(self._application.receive(datagram, now, proof=proof), now),
        )

    def _learn(self, source: int, side: int) -> None:
        """Remember the way to a source; the hub is never behind a bridge, whatever is heard."""
        behind = self._behind
        if source == COORDINATOR:
            return
        if source not in behind and len(behind) >= _MOST_BEHIND:
            del behind[next(iter(behind))]
        behind[source] = side

    def _own(self, actions: Sequence[Action], now: Us) -> Sequence[Action]:
        """Send what the application itself wants to where it leaves this bridge."""
        if self._echo_at is None and (self._parent is None or self._application.store.on_trial):
            wondering = [end for end in self._sessions.values() if self._wonders(end)]
            if wondering:
                actions = (*actions, *(one for end in wondering for one in self._ask(end, now)))
                self._set_alarm()
        self._plan()
        if not actions or (self._parent is None and not self._behind):
            return actions
        if len(actions) == 1:
            return self._depart(actions[0], now)
        leaving: list[Action] = []
        for action in actions:
            leaving += self._depart(action, now)
        return leaving

    def _depart(self, action: Action, now: Us) -> Sequence[Action]:
        """Return what one action of the application comes to."""
        parent = self._parent
        if type(action) is Send:
            datagram = action.datagram
            side = self._behind.get(datagram.destination, self._upstream)
            return (action,) if side == RADIO else self._carry(self._sessions[side], datagram, now)
        if parent is not None and isinstance(action, Join | Leave):
            self._listen(now)
            return self._carry(parent, action, now)
        return (action,)

    # Asking peers whether they are there.

    def _wonders(self, end: Session) -> bool:
        """Tell whether it matters now if a peer answers: to an upgrade, or to a trial.

        A trial that lacks the hub wants to know if all is well up to the next bridge (GB-067); one
        that lacks a child wants to hear it; and an upgrade, which of the children are there.
        """
        if self._application.store.on_trial:
            company = self._company
            return not (company.hub and company.led) if end.asks else company.lacks(end)
        return not end.asks and self._application.client.stage in _UPGRADING

    def _ask(self, end: Session, now: Us) -> Sequence[Action]:
        """Ask a peer for an answer, and again in a minute; one on trial also if it is still."""
        self._echo_at = now + MINUTE
        asked = self._carry(end, Echo(number=now), now)
        return (*asked, *end.renew(now)) if end.doubtful else asked

    # Time.

    def _on_alarm(self, now: Us) -> Sequence[Action]:
        actions: list[Action] = []
        for end in self._sessions.values():
            said = end.wake(now)
            if said and end.asks:
                self._listen(now)
            actions += said
        if self._echo_at is not None and now >= self._echo_at:
            self._echo_at = None
            for end in self._sessions.values():
                if self._wonders(end):
                    actions += self._ask(end, now)
        if self._tend_at is not None and now >= self._tend_at:
            self._tend_at = now + self._company.tends_every_us
            for end in self._company.silent(now):
                actions += self._carry(end, Echo(number=now), now)
        if self._poll_at is not None and now >= self._poll_at:
            actions.append(Poll())
            self._plan_poll(now)
        self._set_alarm()
        return actions

    def _listen(self, now: Us) -> None:
        """Poll fast for a while where the answer to the own Hello or Join must be fetched."""
        if self._parent is not None and self._sleep is not None:
            self._listen_until = now + _LISTEN_US
            if self._poll_at is None:
                self._plan_poll(now)
                self._set_alarm()

    def _plan_poll(self, now: Us) -> None:
        """Set the next poll of a sleepy remote that the application would not send."""
        awaits = self._parent is not None and (
            self._parent.protocol == HANDSHAKE or self._radio.address is None
        )
        self._poll_at = None
        if self._sleep is not None and awaits and now < self._listen_until:
            self._poll_at = now + self._sleep.fast_poll_ms * MILLISECOND

    def _set_alarm(self) -> None:
        due = [
            self._echo_at,
            self._tend_at,
            self._poll_at,
            *(end.deadline for end in self._sessions.values()),
        ]
        self._alarm = min((at for at in due if at is not None), default=None)
        self._plan()
