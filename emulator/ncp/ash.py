"""Be the radio's end of ASH: octets and time in, EZSP payloads out, and the other way round.

Numbers, windows, acknowledgements and retransmissions are here; frames are in ``ash_frames``.
What is to go out is kept as state and written when it is asked for, so that a host that sends much
and reads nothing makes nothing grow. Source: Silicon Labs UG101, sections 4 to 6.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

from emulator.ncp.ash_frames import (
    ACKNOWLEDGEMENTS,
    NUMBERS,
    AshFrame,
    Damaged,
    Deframer,
    Kind,
    data_frame,
)
from emulator.units import MILLISECOND, SECOND, Us

#: Codes of RSTACK and ERROR.
POWER_ON, SOFTWARE, ACK_TIMEOUTS = 0x02, 0x0B, 0x51

#: DATA frames on their way, at most.
WINDOW = 5
#: How long an acknowledgement is waited for: at first, at least, at most.
ACK_WAIT: Us = 1_600 * MILLISECOND
SHORTEST_ACK_WAIT: Us = 400 * MILLISECOND
LONGEST_ACK_WAIT: Us = 3_200 * MILLISECOND
#: The link fails when so many waits in a row were in vain.
MOST_TIMEOUTS = 4
#: An acknowledgement waits for a DATA frame that can carry it, so long.
ACK_DELAY: Us = 20 * MILLISECOND
#: A host that takes no callbacks is taken at its word for so long.
NOT_READY: Us = SECOND

#: Octets in which acknowledgements alone are looked for: a window of them, stuffed.
_MOST_ACKNOWLEDGEMENTS = 48

#: Payloads that wait for the window, at most. A burst of 1,200 callbacks fits.
CAPACITY = 4096
#: Responses find room above the capacity, so many; the host's frames are refused beyond.
RESERVE = 64


@final
class Reset:
    """Be the mark that the host sent RST: the owner starts EZSP anew."""

    def __repr__(self) -> str:
        return "RESET"


RESET: Final = Reset()


@dataclass(slots=True)
class _Sent:
    """Be a DATA frame that is not acknowledged; ``due`` when it must go out, again if ``at``."""

    number: int
    payload: bytes
    at: Us | None = None
    resent: bool = False
    due: bool = True


@dataclass(frozen=True, slots=True)
class _Waiting:
    payload: bytes
    callback: bool


def _ignore(line: str) -> None:
    pass


class AshLink:
    """Speak ASH with one host.

    Every ``receive``, ``send``, ``wake`` and ``restart`` may give ``take`` something to return.

    Args:
        log: Takes one line about what is worth knowing; never one a frame.
        window: DATA frames on their way at most, 1 to 7.
        capacity: Payloads that may wait, at least 1.
    """

    def __init__(
        self,
        log: Callable[[str], None] = _ignore,
        *,
        window: int = WINDOW,
        capacity: int = CAPACITY,
    ) -> None:
        if not 1 <= window < NUMBERS:
            raise ValueError(f"window: found {window}, wanted 1 to {NUMBERS - 1}")
        if capacity < 1:
            raise ValueError(f"capacity: found {capacity}, wanted 1 or more")
        self._log, self._window, self._capacity = log, window, capacity
        self._now: Us = 0
        self._deframer = Deframer()
        self._deaf_noted = False
        self._greeting: AshFrame | None = None
        self._failure: int | None = None
        self._forget(connected=False)

    def _forget(self, *, connected: bool) -> None:
        self.connected = connected
        self._next = self._expected = 0
        self._sent: deque[_Sent] = deque()
        self._waiting: deque[_Waiting] = deque()
        self._rejecting = self._nak = self._ack = False
        self._ack_due: Us | None = None
        self._timer: Us | None = None
        self._ack_wait, self._timeouts = ACK_WAIT, 0
        self._held_until: Us | None = None

    @property
    def deadline(self) -> Us | None:
        """Return when ``wake`` is needed, None while nothing is waited for."""
        due = self._timer
        if self._ack_due is not None and (due is None or self._ack_due < due):
            due = self._ack_due
        held = self._held_until
        if held is not None and self._waiting and (due is None or held < due):
            due = held
        return due

    @property
    def room(self) -> int:
        """Return how many payloads may be queued; responses find a little more."""
        return max(0, self._capacity - len(self._waiting)) if self.connected else 0

    @property
    def idle(self) -> bool:
        """Tell whether all that was sent has been acknowledged."""
        return not self._sent and not self._waiting

    def receive(self, octets: bytes, now: Us) -> Sequence[bytes | Reset]:
        """Take octets of the host, in any pieces.

        Returns:
            EZSP payloads in order, and ``RESET`` where the host sent RST.
        """
        self._now = now
        taken: list[bytes | Reset] = []
        for each in self._deframer.feed(octets):
            if isinstance(each, Damaged):
                self._on_damage(each)
            elif each.kind is Kind.RST:
                taken.append(self._on_reset())
            elif self._failure is not None:
                self._greeting = AshFrame(kind=Kind.ERROR, code=self._failure)
            elif not self.connected:
                self._note_deaf("a frame before any RST")
            elif each.kind in (Kind.DATA, Kind.ACK, Kind.NAK):
                self._on_frame(each, taken)
        return taken

    def acknowledge(self, octets: bytes, now: Us) -> bool:
        """Take octets if they are acknowledgements from which nothing follows, and tell.

        Hosts acknowledge each frame by itself: most of what comes is such, and needs no more.
        """
        if not self.connected or self._waiting or self._held_until is not None:
            return False
        if not self._deframer.clean or len(octets) > _MOST_ACKNOWLEDGEMENTS:
            return False
        *frames, rest = octets.split(b"\x7e")
        if rest or not all(frame in ACKNOWLEDGEMENTS for frame in frames):
            return False
        self._now = now
        for frame in frames:
            self._on_acknowledged(ACKNOWLEDGEMENTS[frame])
        return True

    def send(self, payload: bytes, now: Us, *, callback: bool = False) -> None:
        """Queue one EZSP frame.

        Nothing is queued while no host is connected: there is nobody to read it.

        Args:
            payload: The EZSP frame, at most ``MOST_DATA`` octets.
            now: Time, in microseconds.
            callback: Whether the host may ask to hold it back (not ready).

        Raises:
            RuntimeError: There is no room, which the owner asks for first.
        """
        self._now = now
        if not self.connected:
            return
        if len(self._waiting) >= self._capacity + RESERVE:
            raise RuntimeError(f"ASH: {len(self._waiting)} payloads wait, ask for room first")
        self._waiting.append(_Waiting(payload, callback))

    def wake(self, now: Us) -> None:
        """Let time pass: acknowledge, send again, or give up."""
        self._now = now
        if self._ack_due is not None and now >= self._ack_due:
            self._ack, self._ack_due = True, None
        if self._held_until is not None and now >= self._held_until:
            self._held_until = None
        if self._timer is not None and now >= self._timer:
            self._on_timeout()

    def take(self) -> bytes:
        """Return what goes out on the line now, and forget it."""
        out: list[bytes] = []
        if self._greeting is not None:
            out.append(self._greeting.encode())
            self._greeting = None
        if not self.connected:
            return b"".join(out)
        if self._nak:
            out.append(AshFrame(kind=Kind.NAK, acknowledged=self._expected).encode())
            self._nak = False
        data = self._take_data()
        if self._ack and not data:
            out.append(AshFrame(kind=Kind.ACK, acknowledged=self._expected).encode())
        if self._ack or data:  # a DATA frame acknowledges as well
            self._ack, self._ack_due = False, None
        return b"".join((*out, *data))

    def restart(self, code: int) -> None:
        """Say that the radio has been reset by itself, and begin anew.

        Args:
            code: Why; ``POWER_ON`` is what a host on TCP waits for.
        """
        self._deframer.clear()
        self._failure = None
        self._forget(connected=True)
        self._greeting = AshFrame(kind=Kind.RSTACK, code=code)

    def fail(self, code: int) -> None:
        """Give up until the host sends RST: every other frame of it is answered with ERROR."""
        self._forget(connected=False)
        self._failure = code
        self._greeting = AshFrame(kind=Kind.ERROR, code=code)

    def detach(self) -> None:
        """Forget the host, which is gone."""
        self._deframer.clear()
        self._greeting = self._failure = None
        self._deaf_noted = False
        self._forget(connected=False)

    def _on_reset(self) -> Reset:
        self._failure, self._deaf_noted = None, False
        self._forget(connected=True)
        self._greeting = AshFrame(kind=Kind.RSTACK, code=SOFTWARE)
        return RESET

    def _on_damage(self, damage: Damaged) -> None:
        if not self.connected:
            self._note_deaf(damage.reason)
        elif damage.like_data:
            self._reject(damage.reason)

    def _note_deaf(self, what: str) -> None:
        if not self._deaf_noted:
            self._log(f"ignored until the host sends RST: {what}")
            self._deaf_noted = True

    def _on_frame(self, frame: AshFrame, taken: list[bytes | Reset]) -> None:
        # Each of them acknowledges, also a DATA frame that is out of order (UG101 5).
        self._on_acknowledged(frame.acknowledged)
        if frame.kind is Kind.DATA:
            self._on_data(frame, taken)
            return
        self._held_until = self._now + NOT_READY if frame.not_ready else None
        if frame.kind is Kind.NAK:
            self._send_again()

    def _on_data(self, frame: AshFrame, taken: list[bytes | Reset]) -> None:
        if frame.number != self._expected:
            if frame.resent:  # our acknowledgement was lost
                self._ack = True
            else:
                self._reject(f"found DATA {frame.number}, wanted {self._expected}")
        elif self._over_capacity() + len(taken) >= RESERVE:
            self._reject("no room for more commands before the host takes answers")
        else:
            self._expected = (self._expected + 1) % NUMBERS
            self._rejecting = False
            if self._ack_due is None:
                self._ack_due = self._now + ACK_DELAY
            taken.append(frame.payload)

    def _over_capacity(self) -> int:
        return max(0, len(self._waiting) - self._capacity)

    def _reject(self, why: str) -> None:
        """Ask once for what is missing; then be silent until it comes (UG101 5)."""
        if not self._rejecting:
            self._log(f"frame refused: {why}")
            self._rejecting = self._nak = True

    def _on_acknowledged(self, number: int) -> None:
        first = (self._next - len(self._sent)) % NUMBERS
        count = (number - first) % NUMBERS
        if not 0 < count <= len(self._sent):
            return
        for _ in range(count):
            last = self._sent.popleft()
            if last.at is not None and not last.resent:  # else which one was it that arrived
                self._adapt(7 * self._ack_wait // 8 + (self._now - last.at) // 2)
        self._timeouts = 0
        self._timer = self._now + self._ack_wait if self._sent else None

    def _adapt(self, wait: Us) -> None:
        self._ack_wait = max(SHORTEST_ACK_WAIT, min(wait, LONGEST_ACK_WAIT))

    def _send_again(self) -> None:
        self._timer = None  # runs again when they are out
        for sent in self._sent:
            sent.due = True

    def _on_timeout(self) -> None:
        self._timeouts += 1
        if self._timeouts >= MOST_TIMEOUTS:
            self._log(f"link failed: {self._timeouts} waits for an acknowledgement in vain")
            self.fail(ACK_TIMEOUTS)
            return
        self._adapt(2 * self._ack_wait)
        self._send_again()

    def _take_data(self) -> list[bytes]:
        while len(self._sent) < self._window and (waiting := self._next_waiting()) is not None:
            self._sent.append(_Sent(self._next, waiting.payload))
            self._next = (self._next + 1) % NUMBERS
        out = [self._write(sent) for sent in self._sent if sent.due]
        if out and self._timer is None:
            self._timer = self._now + self._ack_wait
        return out

    def _next_waiting(self) -> _Waiting | None:
        """Take what goes out next: what is no callback overtakes those that are held back."""
        waiting = self._waiting
        if self._held_until is None:
            return waiting.popleft() if waiting else None
        for index, each in enumerate(waiting):
            if not each.callback:
                del waiting[index]
                return each
        return None

    def _write(self, sent: _Sent) -> bytes:
        sent.resent = sent.at is not None
        sent.at, sent.due = self._now, False
        return data_frame(sent.number, sent.payload, self._expected, resent=sent.resent)
