"""Mark the cases that test data drives: one row a vector, and the row is the vector's."""

from collections.abc import Callable
from typing import Any, TypeVar

from harness.covers import Coverage
from harness.requirements import catalogue
from harness.vectors.load import shown
from harness.vectors.model import Vector

F = TypeVar("F", bound=Callable[..., object])

#: Where a case function keeps the family that drives it.
ATTRIBUTE = "hanover_vectors"
#: Where it keeps the field that a vector must have.
FIELD = "hanover_vectors_having"
#: The parameter that takes a vector.
PARAMETER = "vector"


def from_vectors(family: str, *, having: str | None = None) -> Callable[[F], F]:
    """Mark a case function that judges every vector of a family; it takes one as ``vector``.

    Args:
        family: The folder of the vectors.
        having: Only vectors with this field say something of a device; None: all do.
    """

    def mark(function: F) -> F:
        setattr(function, ATTRIBUTE, family)
        setattr(function, FIELD, having)
        return function

    return mark


def family_of(function: object) -> str | None:
    """Return the family that drives a case function, None if none does."""
    found = getattr(function, ATTRIBUTE, None)
    return found if isinstance(found, str) else None


def speaks_of(function: object, vector: Vector) -> bool:
    """Tell whether a case function judges this vector of its family."""
    having = getattr(function, FIELD, None)
    return having is None or having in vector.body


def coverage_of_vector(vector: Vector) -> Coverage:
    """Return what a row covers: the requirements of its vector.

    Raises:
        VectorError: The catalogue has no such requirement.
    """
    found = []
    for id in vector.requirements:
        try:
            found.append(catalogue.find(id))
        except catalogue.UnknownRequirementError as error:
            raise vector.error("requirements", str(error), "ids of the catalogue") from None
    return Coverage(requirements=tuple(found))


def told(expect: object) -> str:
    """Return what a vector expects, in one line: ``end_status INVALID_IMAGE; boots old``."""
    if not isinstance(expect, dict):
        return "" if expect is None else _plain(expect)
    return "; ".join(f"{key} {_plain(value)}" for key, value in expect.items())


def _plain(value: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        return " or ".join(map(str, value)) or "none"
    return shown(value)
