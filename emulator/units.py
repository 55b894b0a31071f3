"""Name the units that the core counts in, and the only face of chance that it knows."""

from typing import Any, Protocol, TypeAlias

#: Virtual time, an integer of microseconds.
Us: TypeAlias = int

#: A size or an offset, in octets.
Octets: TypeAlias = int

MILLISECOND: Us = 1_000
SECOND: Us = 1_000_000
MINUTE: Us = 60 * SECOND
HOUR: Us = 60 * MINUTE
DAY: Us = 24 * HOUR


class Rng(Protocol):
    """Draw the numbers of one consumer of chance; ``random.Random`` is one."""

    def randrange(self, start: int, stop: int) -> int:
        """Return a uniform integer in ``[start, stop)``."""
        ...

    def getstate(self) -> Any:  # noqa: ANN401 - opaque by design, handed back to setstate
        """Return a value that ``setstate`` takes back."""
        ...

    def setstate(self, state: Any) -> None:  # noqa: ANN401 - as above
        """Go on from a state that ``getstate`` returned."""
        ...


class Chance(Protocol):
    """Open the stream of chance of one named consumer.

    The same name gives a stream in the same state each time, so that streams depend on the seed and
    the name alone, never on the order in which they are opened.
    """

    def __call__(self, name: str) -> Rng:
        """Return the stream called ``name``, at its start."""
        ...
