"""Hold what both sweeps take from the command line and print: of a bridge, and of a home."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.progress import bar

if TYPE_CHECKING:
    from harness.sweep.engine import Ending
    from harness.sweep.home_points import HomePoint
    from harness.sweep.points import Point
    from harness.sweep.report import SweepReport
    from harness.sweep.workers import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Say how the result is shown.

    Args:
        out: Folder for ``sweep.json``; None: nothing is written.
        as_json: Print one JSON object instead of lines for people.
    """

    out: Path | None
    as_json: bool

    def prepare(self) -> None:
        """Make the folder before the work, not after it."""
        if self.out is not None:
            self.out.mkdir(parents=True, exist_ok=True)

    def sweep(self, run: "Callable[[Progress | None], SweepReport]") -> int:
        """Carry out a sweep, show what it found, and return the exit code."""
        from harness.sweep.recording import EmptyPhaseError

        try:
            with bar("cut") as progress:
                report = run(progress)
        except EmptyPhaseError as error:  # the harness would prove nothing
            click.echo(f"hanover: {error}", err=True)
            return 3
        text = json.dumps(report.as_document(), indent=2)
        if self.out is not None:
            (self.out / "sweep.json").write_text(text + "\n", "utf-8")
        for line in [text] if self.as_json else report.lines():
            click.echo(line)
        if report.interrupted:
            click.echo("hanover: interrupted: what was judged is kept", err=True)
        return report.exit_code

    def verdict(self, what: str, subject: str, point: object, ending: "Ending") -> int:
        """Show the verdict on one point, and return the exit code.

        Args:
            what: What the subject is, the key of it in JSON.
            subject: Its name.
            point: Where it was cut.
            ending: How that ended.
        """
        if self.as_json:
            document = {
                "schema": "sweep-replay-1",
                what: subject,
                "point": str(point),
                "good": ending.good,
                "promise": ending.promise or None,
                "found": ending.found,
                "slots": ending.slots.hex(),
            }
            click.echo(json.dumps(document, indent=2))
        else:
            click.echo(f"{subject} {point}: {_told(ending)}")
        return 0 if ending.good else 1


def _told(ending: "Ending") -> str:
    from harness.sweep.promises import PROMISES

    if ending.good:
        return "every promise is kept"
    return f"promise {ending.promise} ({PROMISES[ending.promise]}): {ending.found}"


def chosen_kinds(text: str | None, known: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds that ``--kinds`` names, in the order of the table; None: all.

    Raises:
        click.UsageError: One is not known.
    """
    if text is None:
        return tuple(known)
    given = [each.strip() for each in text.split(",")]
    for each in given:
        if each not in known:
            raise click.UsageError(f"--kinds: found {each!r}, wanted some of {', '.join(known)}")
    return tuple(each for each in known if each in given)


def chosen_lives(given: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the lives that ``--life`` names, each once; none: all.

    Raises:
        click.UsageError: One is not known.
    """
    for each in given:
        if each not in known:
            raise click.UsageError(f"--life: found {each!r}, wanted one of {', '.join(known)}")
    return tuple(dict.fromkeys(given)) or tuple(known)


def refuse(beside: str, **given: object) -> None:
    """Refuse options that say something of another kind of sweep.

    Args:
        beside: What decides the kind, as "--premises".
        given: The options' values; one that is true was given.

    Raises:
        click.UsageError: One of them was given.
    """
    for name, value in given.items():
        if value:
            raise click.UsageError(f"--{name.replace('_', '-')}: found {beside} beside it")


def point_alone(point: "Point | HomePoint", lives: Sequence[str], **named: Sequence[str]) -> None:
    """Refuse options that disagree with the point of ``--replay``.

    Args:
        point: The one that is lived.
        lives: What ``--life`` names; none, or the point's.
        named: What other options name, of which a point has one at most.

    Raises:
        click.UsageError: They name another life, or more than one of the others.
    """
    for each in lives:
        if each != point.life:
            raise click.UsageError(f"--life: found {each}, wanted {point.life}, that of --replay")
    for name, given in named.items():
        if len(given) > 1:
            found = ", ".join(given)
            raise click.UsageError(f"--{name}: found {found}, wanted one at most beside --replay")
