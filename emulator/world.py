"""Keep virtual time: a heap of values, never of closures, so that a world can be copied."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import NamedTuple, Protocol

from emulator.actions import Stimulus
from emulator.units import Us


class Entry(NamedTuple):
    """Be one thing that will happen: when, in which order, to whom, what."""

    at: Us
    order: int
    receiver: str
    stimulus: Stimulus


class Receiver(Protocol):
    """Take what the world delivers."""

    def take(self, stimulus: Stimulus, now: Us) -> None:
        """Handle one stimulus at its time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldState:
    """Be a copy of a world's time and queue; its values are shared, never changed."""

    now: Us
    order: int
    queue: tuple[tuple[Us, int, str, Stimulus], ...]


class World:
    """Deliver stimuli to receivers in the order of time, then of posting."""

    def __init__(self) -> None:
        self.now: Us = 0
        self._order = 0
        #: Plain tuples in the order of ``Entry``: this is the path of every datagram.
        self._heap: list[tuple[Us, int, str, Stimulus]] = []
        self._receivers: dict[str, Receiver] = {}
        self._end: Us = -1  # of the run that is under way

    def attach(self, name: str, receiver: Receiver) -> None:
        """Name a receiver.

        Raises:
            ValueError: The name is taken.
        """
        if name in self._receivers:
            raise ValueError(f"{name} is attached already")
        self._receivers[name] = receiver

    def post(self, at: Us, receiver: str, stimulus: Stimulus) -> None:
        """Let ``stimulus`` happen to ``receiver`` at time ``at``.

        Raises:
            ValueError: ``at`` lies in the past.
        """
        if at < self.now:
            raise ValueError(f"{at} us is past: now is {self.now} us")
        self._order += 1
        heappush(self._heap, (at, self._order, receiver, stimulus))

    def discard(self, receiver: str, unwanted: Callable[[Stimulus], bool]) -> None:
        """Take back what is queued for ``receiver`` and ``unwanted``."""
        self._heap = [
            entry for entry in self._heap if entry[2] != receiver or not unwanted(entry[3])
        ]
        heapify(self._heap)

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let time pass until a condition holds, at most ``limit_us`` microseconds.

        The condition is asked before anything happens, then after each event. When it does not come
        true, time stands at the limit.

        Returns:
            Whether the condition holds.

        Raises:
            ValueError: ``limit_us`` is negative: time does not run back.
        """
        if limit_us < 0:
            raise ValueError(f"limit of {limit_us} us: time does not run back")
        if until():
            return True
        self._end = end = self.now + limit_us
        heap, receivers = self._heap, self._receivers
        try:
            while heap and heap[0][0] <= end:
                at, _, receiver, stimulus = heappop(heap)
                self.now = at
                receivers[receiver].take(stimulus, at)
                if until():
                    return True
                heap = self._heap
        finally:
            self._end = -1
        self.now = end
        return False

    @property
    def horizon(self) -> Us:
        """Return until when nothing will happen but what is posted now; before it, nothing does.

        That is when the next thing is due, or just behind the end of the run that is under way:
        then anything may be done to the world. Outside of a run it is past.
        """
        limit = self._end + 1
        return min(limit, self._heap[0][0]) if self._heap else limit

    @property
    def due(self) -> Us | None:
        """Return when the next thing will happen, None if nothing is queued."""
        return self._heap[0][0] if self._heap else None

    def pending(self) -> Sequence[Entry]:
        """Return what is queued, in the order in which it will happen."""
        return [Entry(*entry) for entry in sorted(self._heap)]

    def snapshot(self) -> WorldState:
        """Return a copy of time and queue."""
        return WorldState(now=self.now, order=self._order, queue=tuple(self._heap))

    def restore(self, state: WorldState) -> None:
        """Go back to a copy; receivers go back by themselves."""
        self.now, self._order = state.now, state.order
        self._heap[:] = state.queue
        heapify(self._heap)
