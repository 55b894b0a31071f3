"""Cut power at every flash operation of a bridge's life: ``hanover sweep``."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.defects import check_defect
from harness.cli.progress import bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.profiles.model import Profile
    from harness.sweep.engine import Verdict
    from harness.sweep.geometry import Geometry
    from harness.sweep.points import Point
    from harness.sweep.report import SweepReport
    from harness.sweep.workers import Task

#: Octets of an offered image: one sector, or a few, of most parts.
_SIZE = 4096


@click.command()
@click.option("--profile", "names", multiple=True, help="Name or TOML file; repeatable.")
@click.option("--life", "lives", multiple=True, help="Only this life; repeatable.")
@click.option("--size", type=click.IntRange(min=1), default=_SIZE, show_default=True)
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
    lives: tuple[str, ...],
    size: int,
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
    until it rests. Exits with 1 if a promise is broken, with 2 if there was nothing to cut, with 3
    if a life shows no operation of a phase.
    """
    from harness.sweep.points import KINDS, read_point

    point = None if replay is None else read_point(replay)
    chosen = KINDS if kinds is None else _kinds(kinds, KINDS)
    wanted = (point.life,) if point is not None else _lives(lives)
    plan = _Plan(size, chosen, seed, defect, merge=not no_merge, pairs=pairs)
    tasks = [
        task
        for given, profile in _profiles(names, defect, one=point is not None)
        for shape in (_shapes(shapes) or (None,))
        for life in wanted
        for task in plan.tasks(given, profile, shape, life)
    ]
    if not tasks:
        raise click.UsageError("no bridge of these profiles can live any of these lives")
    if point is not None:
        raise SystemExit(_replay(tasks[0], point, as_json=as_json))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    raise SystemExit(_sweep(tasks, workers, out, as_json=as_json))


class _Plan:
    """Make tasks from what the options say."""

    def __init__(
        self,
        size: int,
        kinds: tuple[str, ...],
        seed: int,
        defect: str | None,
        *,
        merge: bool,
        pairs: bool,
    ) -> None:
        self._size, self._kinds, self._seed, self._defect = size, kinds, seed, defect
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
        words += ["--defect", self._defect] if self._defect else []
        for pairs in (False, True) if self._pairs else (False,):
            yield Task(
                profile=profile,
                life=life,
                size=size,
                command=shlex.join(words),
                kinds=self._kinds,
                seed=self._seed,
                defect=self._defect,
                merge=self._merge,
                pairs=pairs,
            )


def _kinds(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the kinds that ``--kinds`` names, in the order of the table."""
    given = [each.strip() for each in text.split(",")]
    for each in given:
        if each not in known:
            raise click.UsageError(f"--kinds: found {each!r}, wanted some of {', '.join(known)}")
    return tuple(each for each in known if each in given)


def _lives(given: tuple[str, ...]) -> tuple[str, ...]:
    from harness.sweep.lives import LIVES

    for each in given:
        if each not in LIVES:
            raise click.UsageError(f"--life: found {each!r}, wanted one of {', '.join(LIVES)}")
    return tuple(dict.fromkeys(given)) or tuple(LIVES)


def _profiles(
    names: tuple[str, ...], defect: str | None, *, one: bool
) -> "list[tuple[str, Profile]]":
    """Return the profiles that are swept, each with what was given for it."""
    from harness.cli.run import choose_profiles

    chosen = [(each.given, each.profile) for each in choose_profiles(names)]
    if defect is not None:
        check_defect("client", defect)
    return chosen[:1] if one else chosen


def _shapes(given: tuple[str, ...]) -> "tuple[Geometry, ...]":
    from harness.sweep.geometry import read_geometries

    return read_geometries(given)


def _sweep(tasks: "list[Task]", workers: int, out: Path | None, *, as_json: bool) -> int:
    from harness.sweep import workers as pool
    from harness.sweep.recording import EmptyPhaseError

    try:
        with bar("cut") as progress:
            report = pool.sweep(tasks, workers, progress)
    except EmptyPhaseError as error:  # the harness would prove nothing
        click.echo(f"hanover: {error}", err=True)
        return 3
    text = json.dumps(report.as_document(), indent=2)
    if out is not None:
        (out / "sweep.json").write_text(text + "\n", "utf-8")
    if as_json:
        click.echo(text)
    else:
        _print(report)
    if report.interrupted:
        click.echo("hanover: interrupted: what was judged is kept", err=True)
    return report.exit_code


def _print(report: "SweepReport") -> None:
    for line in report.lines():
        click.echo(line)


def _replay(task: "Task", point: "Point", *, as_json: bool) -> int:
    from harness.sweep.workers import replay

    verdict = replay(task, point)
    if as_json:
        click.echo(json.dumps(_as_document(task, verdict), indent=2))
    else:
        click.echo(f"{task.profile.name} {point}: {_ending(verdict)}")
    return 0 if verdict.ending.good else 1


def _ending(verdict: "Verdict") -> str:
    from harness.sweep.promises import PROMISES

    ending = verdict.ending
    if ending.good:
        return "every promise is kept"
    return f"promise {ending.promise} ({PROMISES[ending.promise]}): {ending.found}"


def _as_document(task: "Task", verdict: "Verdict") -> dict[str, object]:
    ending = verdict.ending
    return {
        "schema": "sweep-replay-1",
        "profile": task.profile.name,
        "point": str(verdict.point),
        "good": ending.good,
        "promise": ending.promise or None,
        "found": ending.found,
        "slots": ending.slots.hex(),
    }
