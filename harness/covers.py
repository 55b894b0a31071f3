"""Say which requirements a case judges; an id that is not in the catalogue is an error at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from harness.requirements import catalogue

F = TypeVar("F", bound=Callable[..., object])

#: Where a case function keeps what it covers.
ATTRIBUTE = "hanover_covers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Hold what a case covers: requirements, in the order given, and what the DUT needs for it."""

    requirements: tuple[catalogue.Requirement, ...] = ()
    needs: str | None = None


def covers(*ids: str, needs: str | None = None) -> Callable[[F], F]:
    """Mark a case function with the requirements that it judges.

    Args:
        ids: Ids of requirements, one at least, each once.
        needs: What a DUT must have for the case to say anything, in a word or two.

    Raises:
        UnknownRequirementError: The catalogue has no such id; the message names the nearest.
        ValueError: No id is given, or one twice.
    """
    if not ids:
        raise ValueError("covers: a case judges one requirement at least")
    if len(set(ids)) < len(ids):
        raise ValueError(f"covers: an id stands twice in {', '.join(ids)}")
    coverage = Coverage(requirements=tuple(catalogue.find(each) for each in ids), needs=needs)

    def mark(function: F) -> F:
        setattr(function, ATTRIBUTE, coverage)
        return function

    return mark


def coverage_of(function: object) -> Coverage:
    """Return what a function covers; nothing if it is not marked."""
    found = getattr(function, ATTRIBUTE, None)
    return found if isinstance(found, Coverage) else Coverage()
