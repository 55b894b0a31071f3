"""Run the conformance suite: ``hanover run``."""

import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from harness.cli.defects import check_defect
from harness.cli.lane import greet, lane_options, reply_limit_option
from harness.cli.network import check_air, network_options
from harness.cli.run_day import (
    Lab,
    begin_day,
    choose_subjects,
    lab_options,
    links_of,
    make_plans,
    show_plans,
    tell_limits,
    tell_what_is_left,
)
from harness.cli.run_homes import misfit
from harness.cli.run_report import Wanted, now, publish, report_options
from harness.cli.run_servers import Judged, server_options, with_server

if TYPE_CHECKING:
    from harness.dut.day import Day
    from harness.runner import RunResult
    from harness.suite import Chosen, RunOptions

_BOOTH = "a case, a requirement, a topic, or a part of a name"


@click.command()
@click.option("-k", "match", multiple=True, metavar="NAME", help=f"Only {_BOOTH}; repeatable.")
@click.option("--profile", "names", multiple=True, help="Name or TOML file; repeatable.")
@lab_options
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@report_options
@click.option("--list", "list_only", is_flag=True, help="List the cases, run nothing.")
@click.option("-n", "workers", type=click.IntRange(1, 64), default=1, help="Processes.")
@click.option("--link", default="direct:", show_default=True, help="What carries the datagrams.")
@reply_limit_option
@network_options
@server_options
@click.option(
    "--vectors",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Run the vectors of this folder, and nothing else.",
)
@click.option("--defect", metavar="ID", help="Plant a defect in every bridge, or in our hub.")
@click.option(
    "--capture",
    type=click.Path(path_type=Path),
    help="Write datagrams as pcapng: a file for one case, a folder for several.",
)
@click.pass_context
def run(
    context: click.Context,
    match: tuple[str, ...],
    names: tuple[str, ...],
    lab: Lab,
    seed: int,
    wanted: Wanted,
    list_only: bool,
    workers: int,
    link: str,
    reply_limit: float,
    on_air: dict[str, Any],
    judged: Judged,
    vectors: Path | None,
    defect: str | None,
    capture: Path | None,
) -> None:
    """Run the conformance suite on emulated bridges, on an OTA server, or in homes (--suite).

    Exits with 1 if a case fails that counts (--fail-on), with 2 if nothing was found to judge, with
    3 if the harness or its environment broke. A failed case is printed with the command that runs
    it alone.
    """
    from harness.suite import RunOptions, Traces

    link = check_link(link)
    lab.check(context, names, workers)
    options = RunOptions(
        profiles=choose_subjects(lab.duts) or choose_profiles(names),
        power=lab.power,
        seed=seed,
        link=link,
        lane=replace(lane_options(reply_limit), **on_air),
        match=match,
        workers=workers,
        out=None if list_only else lab.resume or wanted.out,
        traces=Traces(wanted.traces),
        vectors=None if vectors is None else _checked(vectors),
        capture=capture,
        list_only=list_only,
    )
    options = with_server(options, judged, names)
    if defect is not None:
        options = replace(options, defect=_checked_defect(options, judged.suite, defect))
    check_air(context, links_of(options), duts=len(lab.duts), workers=workers)
    if options.of_homes and context.get_parameter_source("fail_on") is ParameterSource.DEFAULT:
        wanted = replace(wanted, fail_on="all")  # no public text demands anything of a whole home
    if not list_only and judged.suite == "client":
        tell_limits(options)
    if lab.plan:
        raise SystemExit(show_plans(make_plans(options), as_json=wanted.as_json, every=True))
    if not list_only and not lab.duts:
        greet(link, options.lane, options.profiles)
    wanted.requirements()  # a wrong one is told before anything runs
    if list_only:
        raise SystemExit(_list(options, as_json=wanted.as_json))
    day = begin_day(options, lab.resume, lab.budget_s) if lab.duts else None
    command = ("hanover", *(context.find_root().obj or ("run",)))
    raise SystemExit(_run(options, wanted, day, command))


def choose_profiles(names: tuple[str, ...]) -> "tuple[Chosen, ...]":
    """Return the profiles that ``--profile`` names, all built-in ones for no name."""
    from harness.cli.profiles import find_profile
    from harness.suite import Chosen, built_in

    chosen = tuple(Chosen(profile=find_profile(name), given=name) for name in names)
    found = [each.profile.name for each in chosen]
    for name in found:
        if found.count(name) > 1:
            raise click.UsageError(f"--profile: two profiles have the name {name}")
    return chosen or built_in()


def check_link(link: str) -> str:
    """Return a link in its one spelling; refuse one that names no lane, or leads nowhere."""
    from harness.lanes.schemes import mistaken, spelled

    if wrong := mistaken(link):
        raise click.UsageError(f"--link {link}: {wrong}")
    return spelled(link)


def _checked(vectors: Path) -> Path:
    """Return a folder of vectors in which nothing is wrong."""
    from harness.vectors.check import problems

    found = problems(vectors, ours=False)
    if found:
        more = f" (and {len(found) - 1} more: hanover vectors check)" if found[1:] else ""
        raise click.UsageError(f"--vectors: {found[0]}{more}")
    return vectors


def _checked_defect(options: "RunOptions", suite: str, defect: str) -> str:
    """Return the id of a defect that the suite has, where the link can plant it."""
    from harness.lanes.schemes import PLANTING

    if options.link.partition(":")[0] not in PLANTING:
        wanted = ", ".join(f"{scheme}:" for scheme in sorted(PLANTING))
        raise click.UsageError(f"--defect: found --link {options.link}, wanted one of {wanted}")
    return check_defect(suite, defect)


def _list(options: "RunOptions", *, as_json: bool) -> int:
    import json

    from harness.report import listing
    from harness.runner import run_suite

    found = run_suite(options)
    if code := _nothing(found, options):
        return code
    if as_json:
        click.echo(json.dumps(listing.as_document(found.collected.chosen), indent=2))
    else:
        for line in listing.lines(found.collected.chosen):
            click.echo(line)
    return 0


def _nothing(found: "RunResult", options: "RunOptions") -> int:
    """Say why there is no case to speak of, and return the exit code; 0: there are cases."""
    from harness.narrowing import choice_of
    from harness.runner import run_suite
    from harness.selection import hint

    collected = found.collected
    if collected.unmet:
        every = collected.every
        if choice_of(options.match) is not None:
            # What was passed over has one row, and the nearest name may be that of another.
            every = run_suite(replace(options, match=(), list_only=True, out=None)).collected.every
        for wish in collected.unmet:
            why = (options.of_homes and misfit(every, wish)) or hint(every, wish)
            _complain(f"-k {wish}: no case matches{why}")
        return 2
    if found.interrupted and not found.results:
        _complain("interrupted, no case has a result")
        return 130
    if collected.broken and not found.results:
        for problem in collected.broken:
            _complain(problem)
        return 3
    if not collected.chosen and not found.results:
        _complain("there is no case to run")
        return 2
    return 0


def _run(options: "RunOptions", wanted: Wanted, day: "Day | None", command: tuple[str, ...]) -> int:
    from harness.coordinator.interruption import noted
    from harness.runner import run_suite

    started = now()
    found = run_suite(options, _progress(), day)
    if code := _nothing(found, options):
        return code
    with noted(signal.SIGINT, signal.SIGTERM) as came:  # what was found is to be told, and sealed
        report = publish(found, options, wanted, started=started, command=command)
    if found.interrupted or came:
        going_on = found.interrupted and day is not None
        more = f", the same command with --resume {options.out} goes on" if going_on else ""
        _complain(f"interrupted: {len(report.results)} results are kept in {options.out}{more}")
    tell_what_is_left(found.left, options.out)
    return 130 if came else report.exit_code


def _progress() -> Callable[[int, int], None] | None:
    """Return what counts cases on the terminal, None where stderr is none."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        text = f"{done} of {total}" if total else f"{done}"
        end = "\r\x1b[K" if done == total else ""
        sys.stderr.write(f"\r{text}{end}")
        sys.stderr.flush()

    return show


def _complain(message: str) -> None:
    click.echo(f"hanover: {message}", err=True)
