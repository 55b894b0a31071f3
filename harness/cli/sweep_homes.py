"""Sweep whole homes from the command line: ``hanover sweep --premises``."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from harness.cli.run_homes import choose_homes
from harness.cli.sweep_options import Output, chosen_kinds, chosen_lives, point_alone

if TYPE_CHECKING:
    from harness.premises.chosen import Dwelling
    from harness.sweep.home_workers import HomeTask

#: Octets of the firmware in an offered image: a whole home is lived for each point.
HOME_SIZE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Hold what the options say of a sweep of homes.

    Args:
        homes: Names or files.
        lives: None: all.
        bridges: Whose supplies fail; none: every bridge's, and the home's.
        kinds: With commas; None: all.
        size: Octets of the firmware in each image.
        seed: Decides all chance.
        every: One in so many points is judged.
        defect: Planted in every home; None: nothing.
    """

    homes: tuple[str, ...]
    lives: tuple[str, ...]
    bridges: tuple[str, ...]
    kinds: str | None
    size: int
    seed: int
    every: int
    defect: str | None


def sweep_homes(given: Given, replay: str | None, workers: int, output: Output) -> int:
    """Sweep homes, or live one point of the first, and return the exit code.

    Raises:
        click.UsageError: An option says what is not known.
        PointError: The point to replay is none.
        LifeError: An image does not fit.
    """
    from harness.sweep import home_workers as pool
    from harness.sweep.home_points import LIVES, read_home_point

    homes = choose_homes(given.homes)
    if replay is not None:
        home = homes[0]
        point = read_home_point(replay, home.premises)
        point_alone(point, given.lives, premises=[one.given for one in homes])
        verdict = pool.replay(next(_tasks(given, home, (point.life,))), point)
        return output.verdict("premises", home.name, point, verdict.ending)
    lives = chosen_lives(given.lives, tuple(LIVES))
    tasks = [task for home in homes for task in _tasks(given, home, lives)]
    output.prepare()
    return output.sweep(lambda progress: pool.sweep(tasks, workers, progress))


def _tasks(given: Given, home: "Dwelling", lives: tuple[str, ...]) -> "Iterator[HomeTask]":
    """Yield the tasks of some lives of a home."""
    from harness.sweep.home_points import KINDS, LIVES, images_of
    from harness.sweep.home_workers import HomeTask

    kinds, who = chosen_kinds(given.kinds, KINDS), _who(given.bridges, home)
    words = ["hanover", "sweep", "--premises", home.given, "--size", str(given.size)]
    words += ["--seed", str(given.seed)] if given.seed else []
    words += ["--defect", given.defect] if given.defect else []
    for life in lives:
        images_of(home.premises, LIVES[life], given.size)  # a wrong size is said before the work
        yield HomeTask(
            premises=home.premises,
            life=life,
            size=given.size,
            command=shlex.join(words),
            kinds=kinds,
            who=who,
            seed=given.seed,
            every=given.every,
            defect=given.defect,
        )


def _who(names: tuple[str, ...], home: "Dwelling") -> tuple[str, ...]:
    """Return whose supplies fail: those that ``--bridge`` names."""
    from harness.premises.model import WHOLE

    known = (*(one.name for one in home.premises.bridges), WHOLE)
    for name in names:
        if name not in known:
            wanted = f"one of {', '.join(known)}"
            raise click.UsageError(f"--bridge: found {name!r}, wanted {wanted} of {home.name}")
    return tuple(dict.fromkeys(names))
