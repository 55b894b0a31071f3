"""Know the other bridges of a home, and whom an image on trial must have reached to stay.

A near bridge that reaches the hub and no remote any more has cut a home in two: only a site visit
mends that. So it confirms an image when the hub answered *and* each remote that it served before
did; what it served is kept in flash when the image is staged (gb-alt-han T2, T4; GB-062, GB-063).
"""

from collections.abc import Sequence
from contextlib import suppress

from emulator.actions import Happening, Report
from emulator.device.nonvolatile import Memory
from emulator.device.session import HANDSHAKE, Protocols, Session
from emulator.errors import WornError
from emulator.profiles.model import Profile
from emulator.profiles.switches import Requirement
from emulator.units import SECOND, Us


class Company:
    """Hold the ends of a bridge's links, and what a trial still lacks.

    Attributes:
        parent: The link towards the hub; None at a near bridge.
        children: The links to remote bridges, by EUI-64.
        sessions: All of them, by the peer's EUI-64.
        hub: Whether the hub has answered in this run.
        clock: Virtual time of the stimulus that is being taken, in microseconds.
        started_at: When this run began.
    """

    def __init__(
        self, session: type[Session], memory: Memory, profile: Profile, own: Protocols
    ) -> None:
        """Begin a run: no link is there, and nobody was reached.

        Args:
            session: What an end of a link is.
            memory: Where the home is known, and who was served.
            profile: What kind of bridge this is.
            own: Lowest and highest link protocol of the image that runs.
        """
        retry_us = profile.link.hello_retry_s * SECOND
        parent = memory.parent
        self.parent: Session | None = None
        self.children: dict[int, Session] = {
            child: session(child, own, retry_us, asks=False) for child in memory.children
        }
        self.sessions: dict[int, Session] = dict(self.children)
        if parent is not None:
            self.parent = self.sessions[parent] = session(parent, own, retry_us, asks=True)
        self.hub, self.clock = False, 0
        self.started_at: Us = 0
        self._memory = memory
        self._served_within_us = profile.link.served_within_s * SECOND
        self._wants_served = Requirement.SERVED in profile.boot.confirm_requires
        self._met: set[int] = set()  # asked for membership alone

    # What is lacking.

    def lacks(self, end: Session) -> bool:
        """Tell whether a trial waits for this child: it was served, and is not sure to be again.

        It did not answer yet, or is on trial itself and may go back to what this image cannot read.
        """
        served = self._wants_served and end.peer in self._memory.served
        return served and (end.peer not in self._met or end.doubtful)

    @property
    def complete(self) -> bool:
        """Tell whether everybody was reached who must be."""
        return self.hub and self.led and not any(map(self.lacks, self.children.values()))

    @property
    def led(self) -> bool:
        """Tell whether the way to the hub stays, even if the next bridge fails a trial."""
        parent = self.parent
        return parent is None or (parent.protocol != HANDSHAKE and not parent.doubtful)

    def on_trial(self, back: Protocols | None) -> None:
        """Let every peer know whether the own image is on trial.

        Args:
            back: What the image speaks that runs again if the trial fails; None: there is none.
        """
        for end in self.sessions.values():
            end.back = back

    def meet(self, peer: int) -> None:
        """Note that a peer answered an Echo of this run through the link that it has now."""
        self._met.add(peer)

    def part(self, peer: int) -> None:
        """Note that a peer has another link now, or none: what it answered before is void."""
        self._met.discard(peer)

    def missed(self) -> Sequence[Report]:
        """Name each peer for want of which a trial ends."""
        parent = self.parent
        silent = () if parent is None or self.led else (parent,)
        lacking = (*silent, *filter(self.lacks, self.children.values()))
        return tuple(end.report(Happening.PEER_MISSED) for end in lacking)

    # Whom the image before served.

    def serve(self) -> None:
        """Keep which children have a link, for the next trial; worn flash leaves it as it was.

        An image that is kept serves whoever has a link to it, if only since it is on trial.

        Raises:
            PowerLost: The supply was cut in writing it.
        """
        with suppress(WornError):
            linked = (end.peer for end in self._linked)
            self._memory.keep_served((*self._memory.served, *linked))

    @property
    def _linked(self) -> Sequence[Session]:
        return [end for end in self.children.values() if end.protocol != HANDSHAKE]

    @property
    def tends_every_us(self) -> Us:
        """Return after how long a silent child is asked if it is there, so that one is lost."""
        return self._served_within_us // 3

    def silent(self, now: Us) -> Sequence[Session]:
        """Return the children that have a link and were not heard for a while."""
        since = now - self.tends_every_us
        return [end for end in self._linked if end.heard_at is None or end.heard_at <= since]

    def keep_served(self) -> None:
        """Forget, before an image is staged, which children have been gone for long.

        One that was not heard in this run counts as gone since it began.

        Raises:
            PowerLost: The supply was cut in writing it.
            WornError: It cannot be written: the image must not be tried.
        """
        since = self.clock - self._served_within_us
        ends = [self.children[peer] for peer in self._memory.served]
        self._memory.keep_served(
            end.peer
            for end in ends
            if (self.started_at if end.heard_at is None else end.heard_at) >= since
        )
