"""Say which versions a case starts and ends with, so that the next one on a device starts right."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])

#: Where a case function keeps what it declared.
ATTRIBUTE = "hanover_rungs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rungs:
    """Count versions of a ladder, from its lowest.

    Args:
        start: The version that the device runs before the case; so many must lie below it.
        end: The version that it runs afterwards.
        top: The highest version that the case offers.
    """

    start: int = 0
    end: int = 1
    top: int = 1

    @property
    def needed(self) -> int:
        """Return how many versions a ladder must have for the case."""
        return max(self.start, self.end, self.top) + 1


def rungs(*, start: int = 0, end: int = 1, top: int | None = None) -> Callable[[F], F]:
    """Mark a case function with its versions; one without a mark goes from 0 to 1.

    Args:
        start: Version that runs before, counted from the lowest that the case needs.
        end: Version that runs afterwards, counted alike.
        top: Highest version that is offered; None: the higher one of the others.

    Raises:
        ValueError: A number is negative.
    """
    marked = Rungs(start=start, end=end, top=max(start, end) if top is None else top)
    if min(marked.start, marked.end, marked.top) < 0:
        raise ValueError(f"rungs: {marked} counts from 0")

    def mark(function: F) -> F:
        setattr(function, ATTRIBUTE, marked)
        return function

    return mark


def rungs_of(function: object) -> Rungs:
    """Return what a case function declared; what is usual if it declared nothing."""
    found = getattr(function, ATTRIBUTE, None)
    return found if isinstance(found, Rungs) else Rungs()
