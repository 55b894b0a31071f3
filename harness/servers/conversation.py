"""Talk to a server in exactly the octets that a case chooses, and hear what comes back."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from emulator.profiles.model import Profile
from emulator.units import MILLISECOND, SECOND, Us
from emulator.wire import ota, zcl
from emulator.wire.aps import ApsOptions, Datagram
from emulator.wire.codec import KEYS, Frame
from harness.absence import FACTOR, Absence
from harness.hub.drafts import Draft
from harness.hub.lies import Edit, edited
from harness.lanes.port import never
from harness.servers.player import Heard
from harness.servers.reach import Place, Reach, Said, ServerOptions
from harness.trace import Trace
from harness.verdict import Inconclusive, Unsupported

F = TypeVar("F", bound=Frame)

#: Frame control of what a client asks: cluster-specific, to the server.
ASKING = 0x01
#: Longest virtual time that an answer may take.
_VIRTUAL_ANSWER_US: Us = 10 * SECOND
#: More answers than these nobody asked for: the server does not stop by itself.
_MOST = 250
#: So long an answer may be on its way that nobody waits for any more; so many come before it.
_OWED_US: Us = 5 * SECOND
_REMEMBERED = 200
#: How late the latest answer counts at least: on the air a machine may be busy for a moment.
_LATE_US: Us = 100 * MILLISECOND


class Mark(NamedTuple):
    """Be a moment of a conversation: how much was heard before, and which answers were owed."""

    heard: int
    owed: frozenset[int] = frozenset()


class Conversation:
    """Be one client's side of what is said to a server in one case."""

    def __init__(self, profile: Profile, reach: Reach, options: ServerOptions) -> None:
        self.profile, self._reach, self._options = profile, reach, options
        self.trace = Trace()
        self.absences: list[Absence] = []
        self._latest_us: Us = 0  # how late the latest answer came
        reach.begin(self.trace)
        self._start = len(reach.player.heard)
        reach.said.clear()

    # Time, and what is heard.

    @property
    def now(self) -> Us:
        """Return the time in microseconds."""
        return self._reach.now

    @property
    def eui64(self) -> int:
        """Return the client's EUI-64."""
        return self._reach.identity.eui64

    @property
    def address(self) -> int:
        """Return the client's NWK address.

        Raises:
            Inconclusive: It is not on the network any more.
        """
        address = self._reach.player.address
        if address is None:
            raise Inconclusive("the client is not on the network")
        return address

    @property
    def heard(self) -> list[Heard]:
        """Return what the client heard of the OTA cluster in this case, in order."""
        return [one for one in self._everything if one.datagram.cluster == ota.CLUSTER]

    @property
    def _everything(self) -> list[Heard]:
        return self._reach.player.heard[self._start :]

    def heard_of(self, kind: type[F]) -> list[F]:
        """Return the frames of one kind that the client heard, in order."""
        return [one.frame for one in self._everything if isinstance(one.frame, kind)]

    @property
    def place(self) -> Place:
        """Return where the server is."""
        return self._reach.place

    @property
    def endpoints(self) -> tuple[int, int]:
        """Return the server's endpoint and the client's: where an answer comes from and goes to."""
        return self.place.endpoint, self.profile.ota.endpoint

    def wait(self, duration_us: Us) -> None:
        """Let time pass.

        Raises:
            Unsupported: It is more real time than the tester allows.
        """
        most_us = self._options.max_wait_us
        if not self._reach.virtual and duration_us > most_us:
            wanted, most = in_seconds(duration_us), in_seconds(most_us)
            raise Unsupported(f"needs {wanted} of real time, --max-wait is {most}")
        self._reach.run(never, duration_us)

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let time pass until a condition holds; tell whether it holds."""
        return self._reach.run(until, limit_us)

    # Speaking.

    def say(self, request: Frame | bytes, *edits: Edit, sequence: int | None = None) -> None:
        """Send a request, or octets that look like nothing.

        Args:
            request: An honest request, or all octets of what is sent in its place.
            edits: What is changed of it (``harness.hub.lies``).
            sequence: ZCL sequence number; None: a fresh one.
        """
        if sequence is None:
            sequence = self.next_sequence()
        self._reach.said.append(Said(self.now, sequence))
        for draft in edited(self._draft(request, sequence), edits):
            self._reach.say(self._datagram(draft))

    def next_sequence(self) -> int:
        """Return a fresh sequence number."""
        self._reach.counted = (self._reach.counted + 1) & 0xFF
        return self._reach.counted

    def _draft(self, request: Frame | bytes, sequence: int) -> Draft:
        if isinstance(request, bytes):
            kind, header, payload = Frame, b"", request
        else:
            kind, payload = type(request), request.encode()
            header = zcl.pack_header(ASKING, sequence, KEYS[kind].command)
        return Draft(
            kind=kind,
            header=header,
            payload=payload,
            to=self._reach.place.address,
            endpoint=self._reach.place.endpoint,
            own_endpoint=self.profile.ota.endpoint,
            profile=self.profile.ota.zigbee_profile,
        )

    def _datagram(self, draft: Draft) -> Datagram:
        options = draft.options
        if options is None:
            options = int(ApsOptions.ACKNOWLEDGE)
            if self.profile.ota.aps_encrypt:
                options |= int(ApsOptions.ENCRYPT)
        return Datagram(
            source=self.address if draft.source is None else draft.source,
            destination=draft.to,
            source_endpoint=draft.own_endpoint,
            destination_endpoint=draft.endpoint,
            profile=draft.profile,
            cluster=draft.cluster,
            payload=draft.header + draft.payload,
            options=options,
        )

    def ask(
        self, request: Frame | bytes, *edits: Edit, sequence: int | None = None
    ) -> Heard | None:
        """Send a request and return the first answer, None if none comes in time.

        An Image Notify is no answer.
        """
        number = self.next_sequence() if sequence is None else sequence
        mark, began = self._before(number), self.now
        self.say(request, *edits, sequence=number)
        if not self.run(lambda: bool(self._since(mark)), self._patience_us()):
            return None
        self._latest_us = max(self._latest_us, self.now - began)
        return self._since(mark)[0]

    def answers(
        self, request: Frame | bytes, *edits: Edit, sequence: int | None = None, gap_us: Us = 0
    ) -> list[Heard]:
        """Send a request and return all that comes of it, until nothing more does.

        Args:
            request: As of ``say``.
            edits: As of ``say``.
            sequence: As of ``say``.
            gap_us: Time that may lie between two answers, beside what they usually take.
        """
        number = self.next_sequence() if sequence is None else sequence
        mark = self._before(number)
        if self.ask(request, *edits, sequence=number) is None:
            return []
        return self.collect(mark, gap_us=gap_us)

    def collect(self, mark: Mark, *, gap_us: Us = 0) -> list[Heard]:
        """Wait until nothing more comes, or far too much, and return what came since a mark.

        Args:
            mark: ``bench.mark`` of that time.
            gap_us: Time that may lie between two of them, beside what answers usually take.
        """
        quiet_us = max(self._quiet_us(), FACTOR * gap_us)
        count = len(self._since(mark))
        while count < _MOST and self._more(mark, count, quiet_us):
            count = len(self._since(mark))
        return self._since(mark)

    def _more(self, mark: Mark, count: int, limit_us: Us) -> bool:
        return self.run(lambda: len(self._since(mark)) > count, limit_us)

    def drain(self) -> None:
        """Let what is still on its way arrive: it answers nothing that is asked from now on."""
        if not self._reach.virtual:
            self.run(never, _LATE_US)

    @property
    def mark(self) -> Mark:
        """Return where the case stands, for ``collect``."""
        return Mark(len(self._reach.player.heard), self._owed())

    def silence(self, kind: type[F]) -> list[F]:
        """Wait three times as long as the latest answer took, and return what came of a kind.

        What must not come ends the wait: it is the last frame that the report shows.

        Raises:
            Inconclusive: The server has answered nothing so far in this case.
        """
        if not self._latest_us:
            raise Inconclusive("the server answered no control, so its silence says nothing")
        before = len(self.heard_of(kind))
        wait_us = self._quiet_us()
        self.run(lambda: len(self.heard_of(kind)) > before, wait_us)
        came = self.heard_of(kind)[before:]
        self.absences.append(
            Absence(
                kind=kind.__name__,
                waited_us=wait_us,
                latest_us=self._latest_us,
                heard=len(came),
            )
        )
        return came

    def _since(self, mark: Mark) -> list[Heard]:
        """Return the answers since a mark; one that comes late, to what was asked before, is none.

        An Image Notify is no answer, nor is what has no header.
        """
        if len(self._reach.player.heard) == mark.heard:
            return []
        return [
            one
            for one in self._reach.player.heard[mark.heard :]
            if one.datagram.cluster == ota.CLUSTER
            and not isinstance(one.frame, ota.ImageNotify)
            and len(one.datagram.payload) > 2
            and one.sequence not in mark.owed
        ]

    def _before(self, number: int) -> Mark:
        """Return the mark of now, for a request of this number: its answer is owed to it alone."""
        mark = self.mark
        return Mark(mark.heard, mark.owed - {number})

    def _owed(self) -> frozenset[int]:
        """Return the numbers of requests of a moment ago that are not answered yet."""
        since = self.now - _OWED_US
        said = [one.sequence for one in self._reach.said[-_REMEMBERED:] if one.at > since]
        heard = self._reach.player.heard[-_REMEMBERED:]
        came = {one.sequence for one in heard if len(one.datagram.payload) > 2}
        return frozenset(said) - came

    def _patience_us(self) -> Us:
        return _VIRTUAL_ANSWER_US if self._reach.virtual else self._options.answer_us

    def _quiet_us(self) -> Us:
        return FACTOR * max(self._latest_us, _LATE_US)


def in_seconds(duration_us: Us) -> str:
    """Return a time for people."""
    return f"{duration_us / SECOND:g} s"
