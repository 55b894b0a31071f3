"""Keep the account of one display or meter: how often it was answered, and when it was dark."""

from dataclasses import dataclass, field

from emulator.units import Us


@dataclass(slots=True)
class Account:
    """Count the cycles of a device that talks to its hub again and again.

    A cycle is one period's question with all its tries. One that is answered is never dark. Where
    one is not, the dark span runs from the last answer before it to the next answer: that long
    nobody could know that the device was reached.
    """

    cycles: int = 0  # that ended, answered or not
    missed: int = 0  # that ended without an answer
    missed_in_a_row: int = 0  # the longest run of missed ones
    last_us: Us | None = None  # of the last answer since the supply rose
    spans: list[tuple[Us, Us]] = field(default_factory=list)  # dark ones that ended
    from_us: Us = 0  # nothing before is of interest
    _row: int = 0
    _dark_from: Us | None = None

    def begin(self, now: Us) -> None:
        """Forget what was before now, the offer; who is dark stays so."""
        self.cycles = self.missed = self.missed_in_a_row = self._row = 0
        self.spans.clear()
        self.from_us = now
        if self._dark_from is not None:
            self._dark_from = now

    def answered(self, now: Us) -> None:
        """Note that a cycle ended with an answer."""
        self.cycles += 1
        self._row = 0
        self.last_us = now
        if self._dark_from is not None:
            self._end(now)

    def failed(self, asked: Us) -> None:
        """Note that a cycle, first asked at ``asked``, ended without an answer."""
        self.cycles += 1
        self.missed += 1
        self._row += 1
        self.missed_in_a_row = max(self.missed_in_a_row, self._row)
        if self._dark_from is None:
            self._dark_from = max(self.from_us, asked if self.last_us is None else self.last_us)

    def late(self, now: Us) -> None:
        """Note an answer to a cycle that had failed: it stays missed, but the dark is over."""
        self.last_us = now
        if self._dark_from is not None:
            self._end(now)

    def stopped(self, now: Us) -> None:
        """Note that the device lost its own supply: what it does not ask for, it does not miss."""
        if self._dark_from is not None:
            self._end(now)
        self.last_us = None

    def dark_us(self, now: Us) -> Us:
        """Return how long the device was dark, a span that lasts still counted up to ``now``."""
        return sum(end - start for start, end in self.dark_spans(now))

    def longest_dark_us(self, now: Us) -> Us:
        """Return the longest dark span, one that lasts still counted up to ``now``."""
        return max((end - start for start, end in self.dark_spans(now)), default=0)

    def dark_spans(self, now: Us) -> list[tuple[Us, Us]]:
        """Return from when to when the device was dark, one that lasts still up to ``now``."""
        return self.spans if self._dark_from is None else [*self.spans, (self._dark_from, now)]

    def _end(self, now: Us) -> None:
        if self._dark_from is not None:
            self.spans.append((self._dark_from, now))
        self._dark_from = None
