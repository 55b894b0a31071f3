"""Take what a user wants of a run's report, write it, and print it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from harness.report.model import RunReport
    from harness.runner import RunResult
    from harness.suite import RunOptions

TRACES = ("auto", "failed", "all")
FAIL_ON = ("mandatory-confirmed", "mandatory", "recommended", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Say what a report is to hold, where it goes, and in which forms."""

    out: Path
    no_html: bool = False
    operator: str | None = None
    traces: str = TRACES[0]
    as_json: bool = False
    fail_on: str = FAIL_ON[0]
    required: tuple[str, ...] = ()

    def requirements(self) -> tuple[str, ...]:
        """Return the ids behind ``--require``, which may be repeated and may hold commas.

        Raises:
            UsageError: One of them is in no catalogue, or there is none behind one.
        """
        from harness.requirements import catalogue

        read = [[each.strip() for each in text.split(",")] for text in self.required]
        for text, ids in zip(self.required, read, strict=True):
            if not any(ids):
                raise click.UsageError(f"--require: found {text!r}, wanted ids of requirements")
        try:
            return tuple(catalogue.find(each).id for ids in read for each in ids if each)
        except catalogue.UnknownRequirementError as error:
            raise click.UsageError(f"--require: {error}") from None


_OPTIONS = (
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=Path("hanover-report"),
        show_default=True,
        help="Folder for the report: pages, JSON, JUnit, traces, captures.",
    ),
    click.option("--no-html", is_flag=True, help="Write no pages."),
    click.option("--operator", metavar="NAME", help="Who runs it, for the report."),
    click.option(
        "--traces",
        type=click.Choice(TRACES),
        default=TRACES[0],
        show_default=True,
        help="Keep the trace of each case, or of those that did not pass; auto: all but"
        " very long ones of a run of up to 100 results.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object."),
    click.option(
        "--fail-on",
        type=click.Choice(FAIL_ON),
        default=FAIL_ON[0],
        show_default=f"{FAIL_ON[0]}; in homes {FAIL_ON[-1]}",
        help="Which failed cases fail the run.",
    ),
    click.option(
        "--require", "required", multiple=True, metavar="IDS", help="Must have a verdict."
    ),
)
_NAMES = ("out", "no_html", "operator", "traces", "as_json", "fail_on", "required")


def report_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command the options of a run's report, as its argument ``wanted``."""

    @wraps(command)
    def fitted(*args: object, **given: Any) -> None:  # noqa: ANN401 - click's
        own = {name: given.pop(name) for name in _NAMES}
        command(*args, wanted=Wanted(**own), **given)

    made: Callable[..., object] = fitted
    for option in reversed(_OPTIONS):
        made = option(made)
    return made


def now() -> str:
    """Return the time of day as a report says it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def publish(
    found: "RunResult",
    options: "RunOptions",
    wanted: Wanted,
    *,
    started: str,
    command: tuple[str, ...],
) -> "RunReport":
    """Write and print the report of a run, and return it.

    Args:
        found: What the suite found.
        options: What it was told.
        wanted: What the user wants of the report.
        started: When, as ``now`` said.
        command: What the user typed.

    Raises:
        OSError: The folder cannot be written.
    """
    from harness.report import folder, json_report
    from harness.report.compose import FailOn, compose

    report = compose(
        found,
        options,
        started=started,
        ended=now(),
        command=command,
        fail_on=FailOn(wanted.fail_on),
        required=wanted.requirements(),
        operator=wanted.operator,
    )
    seal = None
    if options.out is not None:
        seal = folder.write(options.out, report, pages=not wanted.no_html)
    if wanted.as_json:
        click.echo(json_report.as_text(report, seal), nl=False)
    else:
        _print(report, options.out, seal, pages=not wanted.no_html)
    return report


def _print(report: "RunReport", out: Path | None, seal: str | None, *, pages: bool) -> None:
    from harness.report import terminal

    paint = terminal.coloured if sys.stdout.isatty() else terminal.plain
    for line in terminal.lines(report, paint):
        click.echo(line)
    if out is not None:
        click.echo(f"written: {out}/{'index.html, ' if pages else ''}report.json, junit.xml")
        click.echo(f"seal: {seal}")
