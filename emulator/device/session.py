"""Agree with one peer on the protocol of the link, and say again what was lost.

The side behind asks (``Hello``), the side nearer to the hub chooses (``Choice``); one that missed
something asks for the question (``Renew``). All three are of protocol 0, which every image reads.
The handshake is Hanover's own: nothing is public about that of real bridges [ASSUMED].
"""

from collections.abc import Sequence
from typing import TypeAlias

from emulator.actions import Action, Choice, Happening, Hello, Renew, Report, Tunnel
from emulator.units import MINUTE, SECOND, Us

#: The protocol of the handshake itself, which stands for "no link" too.
HANDSHAKE = 0
#: What one side is sent at most this often, whatever comes from there.
_LEAST_PAUSE_US: Us = SECOND
#: Waits for a peer that stays silent grow up to this, so that a lost one costs little.
_LONGEST_PAUSE_US: Us = 10 * MINUTE
#: Lowest and highest link protocol.
Protocols: TypeAlias = tuple[int, int]
#: What stands for "on no trial" in a frame.
_NO_TRIAL: Protocols = (0, 0)
_NOTHING: tuple[Action, ...] = ()


class Session:
    """Be one end of the link to one peer; it lives in RAM, from boot to boot.

    Attributes:
        peer: EUI-64 of the bridge at the other end.
        protocol: What both speak, ``HANDSHAKE`` while there is no link.
        own: What the image that runs here speaks.
        theirs: What the peer's image speaks, as it last said.
        back: What the image speaks to which this end goes back if the one that runs fails its
            trial; None: it is on no trial.
        theirs_back: The same of the peer, as it last said.
        heard_at: When the peer last said anything that this end understood.
        deadline: When ``wake`` is wanted.
    """

    def __init__(self, peer: int, own: Protocols, retry_us: Us, *, asks: bool) -> None:
        """Begin without a link.

        Args:
            peer: Who is at the other end.
            own: What the image speaks.
            retry_us: How long to wait for an answer.
            asks: Whether this end says Hello: the peer is nearer to the hub.
        """
        self.peer, self.own, self.asks = peer, own, asks
        self.protocol = HANDSHAKE
        self.theirs: Protocols | None = None
        self.back: Protocols | None = None
        self.theirs_back: Protocols | None = None
        self.heard_at: Us | None = None
        self.deadline: Us | None = None
        self._retry_us = self._pause_us = retry_us
        self._spoke_at: Us | None = None
        self._refused: Protocols | None = None  # what was reported already

    @property
    def doubtful(self) -> bool:
        """Tell whether this end would be cut off if the peer's image failed its trial."""
        return self.theirs_back is not None and not _highest(self.own, self.theirs_back)

    def start(self, now: Us) -> Sequence[Action]:
        """Ask for a link, or to be asked for one."""
        return self._speak(now)

    def wake(self, now: Us) -> Sequence[Action]:
        """Ask again what was not answered."""
        due = self.deadline is not None and now >= self.deadline
        return self._speak(now) if due else _NOTHING

    def renew(self, now: Us) -> Sequence[Action]:
        """Speak because something does not fit: soon, and never more often than once a second."""
        if self._spoke_at is None or now >= self._spoke_at + _LEAST_PAUSE_US:
            return self._speak(now)
        if self.asks:
            soon = self._spoke_at + _LEAST_PAUSE_US
            self.deadline = soon if self.deadline is None else min(soon, self.deadline)
        return _NOTHING

    def negotiate(self, content: object, now: Us) -> Sequence[Action]:
        """Take a frame of the handshake; one that is for the other side is ignored."""
        match content:
            case Hello() if not self.asks:
                return self._on_hello(content, now)
            case Choice() if self.asks:
                return self._on_choice(content, now)
            case Renew() if self.asks:
                return self.renew(now)
            case _:
                return _NOTHING

    # Inside.

    def _speak(self, now: Us) -> Sequence[Action]:
        self._spoke_at = now
        if self.asks:
            self.deadline = now + self._retry_us
            (lowest, highest), (least, most) = self.own, self.back or _NO_TRIAL
            hello = Hello(lowest=lowest, highest=highest, lowest_back=least, highest_back=most)
            return (self._tunnel(hello),)
        if self.protocol == HANDSHAKE:
            self.deadline = now + self._pause_us
            self._pause_us = min(2 * self._pause_us, _LONGEST_PAUSE_US)
        return (self._tunnel(Renew()),)

    def _on_hello(self, hello: Hello, now: Us) -> Sequence[Action]:
        self._hear(hello, now)
        self.deadline, self._pause_us = None, self._retry_us
        chosen = self._choose(hello)
        (lowest, highest), (least, most) = self.own, self.back or _NO_TRIAL
        choice = Choice(
            protocol=chosen,
            lowest=lowest,
            highest=highest,
            lowest_back=least,
            highest_back=most,
        )
        return (self._tunnel(choice), *self._settle(chosen))

    def _hear(self, said: Hello | Choice, now: Us) -> None:
        """Take what the peer says that it speaks."""
        self.theirs, self.heard_at = (said.lowest, said.highest), now
        back = (said.lowest_back, said.highest_back)
        self.theirs_back = None if back == _NO_TRIAL else back

    def _choose(self, hello: Hello) -> int:
        """Return the highest protocol that both speak, ``HANDSHAKE`` for none."""
        return _highest(self.own, (hello.lowest, hello.highest))

    def _on_choice(self, choice: Choice, now: Us) -> Sequence[Action]:
        self._hear(choice, now)
        lowest, highest = self.own
        chosen = choice.protocol if lowest <= choice.protocol <= highest else HANDSHAKE
        self.deadline = now + self._retry_us if chosen == HANDSHAKE else None
        return self._settle(chosen)

    def _settle(self, protocol: int) -> Sequence[Action]:
        """Hold the link, or be without one; say so once."""
        before, self.protocol = self.protocol, protocol
        if protocol == HANDSHAKE:
            said, self._refused = self._refused, self.theirs
            return () if said == self.theirs else (self.report(Happening.LINK_REFUSED),)
        self._refused = None
        if protocol == before:
            return ()
        details = (("peer", f"{self.peer:016x}"), ("protocol", protocol))
        return (Report(what=Happening.LINK_UP, details=details),)

    def report(self, what: Happening) -> Report:
        """Name the pair: who the peer is, what it speaks or may go back to, what this one does."""
        its = self.theirs_back if self.doubtful else self.theirs
        theirs = "unknown" if its is None else f"{its[0]}..{its[1]}"
        own = f"{self.own[0]}..{self.own[1]}"
        details = (("peer", f"{self.peer:016x}"), ("its", theirs), ("own", own))
        return Report(what=what, details=details)

    def _tunnel(self, content: Hello | Choice | Renew) -> Tunnel:
        return Tunnel(eui64=self.peer, protocol=HANDSHAKE, content=content)


def _highest(one: Protocols, other: Protocols) -> int:
    """Return the highest protocol that two images have in common, ``HANDSHAKE`` for none."""
    highest = min(one[1], other[1])
    return highest if highest >= max(one[0], other[0]) else HANDSHAKE
