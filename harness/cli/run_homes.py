"""Read what the command line says of the homes that a suite judges."""

from dataclasses import replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.premises.chosen import Dwelling
    from harness.recorder import About
    from harness.suite import RunOptions


def with_homes(
    options: "RunOptions", names: tuple[str, ...], *, profiles: tuple[str, ...]
) -> "RunOptions":
    """Return the options of a run that judges homes.

    Args:
        options: Of the run so far.
        names: The homes that the user named; none: those that are built in.
        profiles: The profiles that the user named: a home has its own.

    Raises:
        click.UsageError: There is no such home, one is named twice, or something goes with another
            suite.
    """
    if profiles or any(one.dut is not None for one in options.profiles):
        raise click.UsageError("--suite premises: found --profile or --dut, wanted --premises")
    if options.vectors is not None:
        raise click.UsageError("--suite premises: found --vectors, wanted none")
    if not options.link.startswith("direct:"):
        raise click.UsageError(f"--suite premises: found --link {options.link}, wanted direct:")
    return replace(options, homes=choose_homes(names))


def choose_homes(names: tuple[str, ...]) -> "tuple[Dwelling, ...]":
    """Return the homes that ``--premises`` names; those of the smallest assignment for no name.

    Raises:
        click.UsageError: There is no such home, or one is named twice.
    """
    from harness.premises import load
    from harness.premises.chosen import ALL, Dwelling, built_in
    from harness.premises.model import PremisesError

    made: list[Dwelling] = []
    for name in names:
        if name.lower() == ALL:
            made += built_in(alternative=True)
            continue
        try:
            made.append(Dwelling(premises=load.find(name), given=name))
        except PremisesError as error:
            raise click.UsageError(f"--premises: {error}") from None
    found = [one.name for one in made]
    for name in found:
        if found.count(name) > 1:
            raise click.UsageError(f"--premises: found {name} twice, wanted each home once")
    return tuple(made) or built_in()


def misfit(every: "Sequence[About]", wish: str) -> str:
    """Return what the cases of a wish want of a home, as the end of a sentence; "": there is none.

    Args:
        every: The cases, those with it that fit none of the homes.
        wish: What a user typed, for which no row was made.
    """
    from harness.selection import select

    wanted = [every[index].coverage.needs for index in select(every, (wish,))[0]]
    told = ", ".join(dict.fromkeys(one for one in wanted if one))
    return f": it wants {told}, and none of these homes has that" if told else ""
