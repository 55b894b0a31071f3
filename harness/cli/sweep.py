"""Cut power at every flash operation of a bridge's life: ``hanover sweep``."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.defects import check_defect
from harness.cli.sweep_homes import HOME_SIZE, Given, sweep_homes
from harness.cli.sweep_options import Output, chosen_kinds, chosen_lives, point_alone, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.profiles.model import Profile
    from harness.sweep.geometry import Geometry
    from harness.sweep.workers import Task

#: Octets of an offered image: one sector, or a few, of most parts.
_SIZE = 4096


@click.command()
@click.option("--profile", "names", multiple=True, help="Name or TOML file; repeatable.")
@click.option("--premises", "homes", multiple=True, help="A whole home, name or TOML; repeatable.")
@click.option("--bridge", "bridges", multiple=True, help="Of a home: whose supply, or home.")
@click.option(
    "--every", type=click.IntRange(min=1), default=1, help="Of a home: 1 point in so many."
)
@click.option("--life", "lives", multiple=True, help="Only this life; repeatable.")
@click.option("--size", type=click.IntRange(min=1), help=f"Usual: {_SIZE}; of a home {HOME_SIZE}.")
@click.option("--kinds", help="Comma-separated; default: all.")
@click.option("--pairs", is_flag=True, help="Cut a second time, at each operation of the recovery.")
@click.option(
    "--geometry",
    "shapes",
    multiple=True,
    metavar="ERASE:UNIT:ERASED[+...]",
    help='Other flash, after "+" its second chip; "pairwise": 13 of them.',
)
@click.option("-n", "workers", type=click.IntRange(1, 64), default=1, help="Processes.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--replay", metavar="POINT", help="Live one life from its start with these cuts.")
@click.option("--no-merge", is_flag=True, help="Live every recovery to its end.")
@click.option("--defect", metavar="ID", help="Plant a defect in every bridge.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for sweep.json.")
def sweep(
    names: tuple[str, ...],
    homes: tuple[str, ...],
    bridges: tuple[str, ...],
    every: int,
    lives: tuple[str, ...],
    size: int | None,
    kinds: str | None,
    pairs: bool,
    shapes: tuple[str, ...],
    workers: int,
    seed: int,
    replay: str | None,
    no_merge: bool,
    defect: str | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Cut power at every flash operation of whole lives, and judge what each bridge keeps.

    A life is lived once; from each operation a bridge then comes back from flash alone and goes on
    until it rests. With --premises the supply of one bridge of a home is cut while the others live
    on, or that of the whole home. Exits with 1 if a promise is broken, with 2 if there was nothing
    to cut, with 3 if a life shows no operation of a phase.
    """
    output = Output(out=out, as_json=as_json)
    if defect is not None:
        defect = check_defect("premises" if homes else "client", defect)
    if replay is not None:
        beside = {"bridge": bridges, "every": every > 1, "kinds": kinds, "pairs": pairs, "out": out}
        refuse("--replay", **beside)
    if homes:
        refuse("--premises", profile=names, geometry=shapes, pairs=pairs, no_merge=no_merge)
        given = Given(
            homes=homes,
            lives=lives,
            bridges=bridges,
            kinds=kinds,
            size=size or HOME_SIZE,
            seed=seed,
            every=every,
            defect=defect,
        )
        raise SystemExit(sweep_homes(given, replay, workers, output))
    refuse("no --premises", bridge=bridges, every=every > 1)
    plan = _Plan(size or _SIZE, kinds, seed, defect, merge=not no_merge, pairs=pairs)
    raise SystemExit(_sweep_bridges(plan, names, lives, shapes, replay, workers, output))


def _sweep_bridges(
    plan: "_Plan",
    names: tuple[str, ...],
    lives: tuple[str, ...],
    shapes: tuple[str, ...],
    replay: str | None,
    workers: int,
    output: Output,
) -> int:
    """Sweep bridges, or live one point of the first, and return the exit code."""
    from harness.sweep import workers as pool
    from harness.sweep.geometry import read_geometries
    from harness.sweep.lives import LIVES
    from harness.sweep.points import read_point

    point = None if replay is None else read_point(replay)
    if point is not None:
        point_alone(point, lives, profile=names, geometry=shapes)
    wanted = (point.life,) if point is not None else chosen_lives(lives, tuple(LIVES))
    tasks = [
        task
        for given, profile in _profiles(names, one=point is not None)
        for shape in (read_geometries(shapes) or (None,))
        for life in wanted
        for task in plan.tasks(given, profile, shape, life)
    ]
    if not tasks:
        raise click.UsageError("no bridge of these profiles can live any of these lives")
    if point is not None:
        verdict = pool.replay(tasks[0], point)
        return output.verdict("profile", tasks[0].profile.name, point, verdict.ending)
    output.prepare()
    return output.sweep(lambda progress: pool.sweep(tasks, workers, progress))


class _Plan:
    """Make tasks from what the options say."""

    def __init__(
        self,
        size: int,
        kinds: str | None,
        seed: int,
        defect: str | None,
        *,
        merge: bool,
        pairs: bool,
    ) -> None:
        from harness.sweep.points import KINDS

        self._size, self._seed, self.defect = size, seed, defect
        self._kinds = chosen_kinds(kinds, KINDS)
        self._merge, self._pairs = merge, pairs

    def tasks(
        self, given: str, profile: "Profile", shape: "Geometry | None", life: str
    ) -> "Iterator[Task]":
        """Yield the tasks of one life: single cuts, then pairs where they are wanted."""
        from harness.sweep.geometry import reshaped
        from harness.sweep.lives import LIVES, hastened, images_of, possible
        from harness.sweep.workers import Task

        if not possible(LIVES[life], profile):
            return
        size = self._size
        words = ["hanover", "sweep", "--profile", given, "--life", life, "--size", str(size)]
        profile = hastened(profile)
        if shape is not None:
            profile = reshaped(profile, shape, size)
            words += ["--geometry", str(shape)]
        images_of(LIVES[life], profile, size)  # a wrong size is said before the work
        words += ["--seed", str(self._seed)] if self._seed else []
        words += ["--defect", self.defect] if self.defect else []
        for pairs in (False, True) if self._pairs else (False,):
            yield Task(
                profile=profile,
                life=life,
                size=size,
                command=shlex.join(words),
                kinds=self._kinds,
                seed=self._seed,
                defect=self.defect,
                merge=self._merge,
                pairs=pairs,
            )


def _profiles(names: tuple[str, ...], *, one: bool) -> "list[tuple[str, Profile]]":
    """Return the profiles that are swept, each with what was given for it."""
    from harness.cli.run import choose_profiles

    chosen = [(each.given, each.profile) for each in choose_profiles(names)]
    return chosen[:1] if one else chosen
