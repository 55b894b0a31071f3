"""Hold the homes of a run, and which homes a case fits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from harness.premises import load
from harness.premises.model import Assignment, Bridge, Device, DeviceKind, Premises

F = TypeVar("F", bound=Callable[..., object])

#: Where a case function keeps which homes it fits.
ATTRIBUTE = "hanover_fits"
#: What stands for every home and every assignment on a command line.
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dwelling:
    """Be one home of a run, and how the user named it."""

    premises: Premises
    given: str

    @property
    def name(self) -> str:
        """Return the name by which a report speaks of it."""
        return self.premises.label

    @property
    def about(self) -> str:
        """Return in a line what it is."""
        return self.premises.about


@cache
def built_in(*, alternative: bool = False) -> tuple[Dwelling, ...]:
    """Return every built-in home.

    Args:
        alternative: Also each with the types of the alternative assignment.
    """
    every = (Dwelling(premises=load.load(name), given=name) for name in load.names())
    kept = {Assignment.SMALLEST, Assignment.ALTERNATIVE} if alternative else {Assignment.SMALLEST}
    return tuple(one for one in every if one.premises.assignment in kept)


@dataclass(frozen=True, slots=True)
class Fit:
    """Say what a home must have for a case to make sense in it."""

    wanted: str
    holds: Callable[[Premises], bool]


def meter_of(premises: Premises) -> Device:
    """Return the first gas meter of a home.

    Raises:
        KeyError: It has none.
    """
    for one in premises.devices:
        if one.kind is DeviceKind.GAS_METER:
            return one
    raise KeyError(f"{premises.label}: found no gas meter, wanted one")


def cell_of(premises: Premises) -> Bridge:
    """Return the first bridge of a home of whose battery its profile says something.

    Raises:
        KeyError: It has none.
    """
    for one in premises.bridges:
        if one.profile.battery is not None:
            return one
    raise KeyError(f"{premises.label}: found no bridge with a [battery], wanted one")


def _has_other_types(premises: Premises) -> bool:
    """Tell whether a home of the other assignment is known, and differs."""
    if premises.assignment is Assignment.ALTERNATIVE:
        return premises.label in load.names() and _has_other_types(load.load(premises.name))
    return any(one.other is not None and one.other.type != one.type for one in premises.bridges)


TWO_REMOTES = Fit("two remote bridges", lambda home: len(home.remotes) == 2)
BATTERY = Fit(
    "a bridge on a battery",
    lambda home: any(one.profile.battery is not None for one in home.bridges),
)
METER = Fit(
    "a gas meter", lambda home: any(one.kind is DeviceKind.GAS_METER for one in home.devices)
)
FAR_METER = Fit(
    "a gas meter behind a bridge",
    lambda home: METER.holds(home) and meter_of(home).parent != home.hub,
)
OTHER_TYPES = Fit("other types in the other assignment", _has_other_types)


def fits(*wanted: Fit) -> Callable[[F], F]:
    """Mark a case function with what a home must have; in other homes no row of it is made."""

    def mark(function: F) -> F:
        setattr(function, ATTRIBUTE, wanted)
        return function

    return mark


def lacking(function: object, premises: Premises) -> Sequence[str]:
    """Return what a home lacks for a case, nothing if it fits."""
    wanted: tuple[Fit, ...] = getattr(function, ATTRIBUTE, ())
    return [one.wanted for one in wanted if not one.holds(premises)]
