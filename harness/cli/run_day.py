"""Plan a run on devices under test, keep it to a time, and go on with one that was stopped."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.typed import typed

if TYPE_CHECKING:
    from harness.dut.day import Day
    from harness.dut.model import Dut
    from harness.dut.rehearsal import Plan
    from harness.suite import Chosen, RunOptions

_PARTS = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
#: Lines of reasons that a plan shows for each device.
_MOST_REASONS = 20


class Span(click.ParamType):  # type: ignore[type-arg]  # click 8.3 made it generic
    """Be a span of time as people write it: ``2h``, ``90m``, ``1h30m``, ``45s``."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return seconds."""
        found = _PARTS.fullmatch(str(value))
        parts = [int(each or 0) for each in found.groups()] if found else [0]
        seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
        if seconds == 0:
            self.fail(f"found {value}, wanted a time such as 2h, 90m, 1h30m or 45s", param, ctx)
        return float(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """Hold what a command line says of devices under test."""

    duts: tuple[Path, ...] = ()
    power: str | None = None
    plan: bool = False
    budget_s: float | None = None
    resume: Path | None = None

    def check(self, context: click.Context, names: tuple[str, ...], workers: int) -> None:
        """Refuse what does not go together.

        Raises:
            UsageError: Something does not.
            SwitchError: ``--power`` names no switch.
        """
        given = ("power", "plan", "budget_s", "resume")
        if not self.duts:
            for name in given:
                if getattr(self, name):
                    option = _OPTIONS[name]
                    raise click.UsageError(f"{option}: found no --dut, wanted one beside it")
            return
        if names:
            wanted = "one of the two: a device has its own profile"
            raise click.UsageError(f"--profile: found beside --dut, wanted {wanted}")
        if workers > 1:
            raise click.UsageError(f"-n: found {workers}, wanted 1 beside --dut: a device is one")
        if self.resume and "out" in typed(context):
            raise click.UsageError("--out: found beside --resume, wanted one of them")
        if self.power is not None:
            from harness.power.switch import open_switch

            open_switch(self.power)


_OPTIONS = {
    "power": "--power",
    "plan": "--plan",
    "budget_s": "--time-budget",
    "resume": "--resume",
}


def lab_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command the options of devices under test, as its argument ``lab``."""
    options = (
        click.option(
            "--dut",
            "duts",
            multiple=True,
            type=click.Path(path_type=Path),
            help="Judge the device that this file describes; repeatable.",
        ),
        click.option("--power", metavar="SWITCH", help="cmd:COMMAND, relay:PORT, ask or none."),
        click.option("--plan", is_flag=True, help="With --dut: say what would run, and how long."),
        click.option("--time-budget", "budget_s", type=Span(), help="With --dut: stop in time."),
        click.option(
            "--resume",
            type=click.Path(file_okay=False, path_type=Path),
            help="With --dut: go on with the run in this folder.",
        ),
    )

    @wraps(command)
    def fitted(*args: object, **given: Any) -> None:  # noqa: ANN401 - click's
        own = {name: given.pop(name) for name in ("duts", *_OPTIONS)}
        command(*args, lab=Lab(**own), **given)

    made: Callable[..., object] = fitted
    for option in reversed(options):
        made = option(made)
    return made


def choose_subjects(files: tuple[Path, ...]) -> "tuple[Chosen, ...]":
    """Return the devices of DUT files, each with its name and address once."""
    if not files:
        return ()
    from harness.dut.load import load_dut
    from harness.dut.model import DutError
    from harness.lanes.schemes import mistaken, spelled
    from harness.suite import Chosen

    read = [load_dut(path) for path in files]
    for dut in read:
        if dut.link is not None and (wrong := mistaken(dut.link)):
            raise DutError(f"{dut.file}: link: {dut.link}: {wrong}")
    read = [one if one.link is None else replace(one, link=spelled(one.link)) for one in read]
    for what in ("name", "eui64"):
        found = [getattr(each, what) for each in read]
        if twice := next((one for one in found if found.count(one) > 1), None):
            shown = twice if what == "name" else f"{twice:016x}"
            raise click.UsageError(f"--dut: found {what} {shown} twice, wanted each device once")
    return tuple(Chosen(profile=each.profile, given=each.file, dut=each) for each in read)


def tell_limits(options: "RunOptions") -> None:
    """Say what the lane on the air serves, before a device is waited for that it does not.

    Raises:
        LinkError: A device demands what the lane does not have.
    """
    from harness.dut.reach import limits

    links = [(_link(options, each.dut), each.dut) for each in options.profiles]
    for line in limits(links):
        click.echo(f"hanover: {line}", err=True)


def links_of(options: "RunOptions") -> tuple[str, ...]:
    """Return the link by which each subject is reached."""
    return tuple(_link(options, one.dut) for one in options.profiles)


def _link(options: "RunOptions", dut: "Dut | None") -> str:
    return options.link if dut is None or dut.link is None else dut.link


def begin_day(options: "RunOptions", resume: Path | None, budget_s: float | None) -> "Day":
    """Return the day of a run on devices under test; its journal lies in the run's folder."""
    from harness.dut.day import Day
    from harness.dut.journal import JOURNAL, Journal, Terms, read_journal
    from harness.report.provenance import product_version

    duts = {one.dut.name: one.dut for one in options.profiles if one.dut is not None}
    terms = Terms(
        product=product_version(),
        seed=options.seed,
        link=options.link,
        power=options.power,
        defect=options.defect,
        duts={name: dut.sha256 for name, dut in duts.items()},
    )
    earlier = {} if resume is None else read_journal(resume / JOURNAL, terms)
    estimates: dict[str, float] = {}
    if budget_s is not None and any(not _is_virtual(options, name) for name in duts):
        for each in make_plans(options):
            estimates |= {turn.id: turn.duration_us / 1e6 for turn in each.turns}
    journal = None
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        journal = Journal(options.out / JOURNAL, terms, earlier.values())
    return Day(
        names=tuple(duts),
        earlier=earlier,
        journal=journal,
        budget_s=budget_s,
        clock=time.monotonic,
        estimates_s=estimates,
    )


def _is_virtual(options: "RunOptions", name: str) -> bool:
    from harness.dut.keeper import RENEWING

    link = _link(options, options.dut(name))
    return link.partition(":")[0] in RENEWING


def make_plans(options: "RunOptions") -> "tuple[Plan, ...]":
    """Rehearse a run and return the plan of each device, in the order of the command line."""
    from harness.dut.day import Day
    from harness.dut.lane import OF_MADE
    from harness.dut.rehearsal import plan, rehearsed, restore_time, withheld_for
    from harness.lanes.schemes import capabilities_of
    from harness.runner import run_suite

    made = []
    for chosen in options.profiles:
        dut = chosen.dut
        if dut is None:
            continue
        link = _link(options, dut)
        can = capabilities_of(link, options.lane)
        switched = (dut.power or options.power or "none") != "none"
        alone = replace(
            options,
            profiles=(replace(chosen, dut=rehearsed(dut)),),
            link="direct:",
            power=None,
            withheld=OF_MADE | withheld_for(can, switched=switched),
            rehearsed=True,
            workers=1,
            out=None,
            capture=None,
            defect=None,
        )
        day = Day(names=(dut.name,))
        found = run_suite(alone, None, day)
        if found.collected.unmet:
            raise click.UsageError(f"-k {found.collected.unmet[0]}: no case matches")
        by_id = {result.id: result for result in found.results}
        results = [(by_id[one], rungs) for one, rungs in day.rungs.items() if one in by_id]
        renewed = _is_virtual(options, dut.name)
        restore_us = restore_time(rehearsed(dut))
        made.append(plan(dut, results, renewed=renewed, restore_us=restore_us))
    return tuple(made)


def show_plans(plans: "tuple[Plan, ...]", *, as_json: bool, every: bool) -> int:
    """Print plans, each case of them with ``every``; return the exit code: 2 if nothing runs."""
    if as_json:
        click.echo(json.dumps({"plans": [_as_document(each) for each in plans]}, indent=2))
    else:
        for each in plans:
            _print(each, every=every)
        real = sum(each.total_us for each in plans if not each.virtual)
        if real:
            click.echo(f"all devices: about {spoken(real / 1e6)}, one after the other")
    return 0 if any(each.runs for each in plans) else 2


def _print(plan: "Plan", *, every: bool) -> None:
    if every:
        for turn in plan.runs:
            mark = "restore, then " if turn.restores else ""
            click.echo(f"{spoken(turn.duration_us / 1e6):>12}  {mark}{turn.id}")
    total = spoken(plan.total_us / 1e6) + (" of virtual time" if plan.virtual else "")
    click.echo(
        f"{plan.dut}: {len(plan.runs)} of {len(plan.turns)} cases will run, with"
        f" {plan.restores} restores of {spoken(plan.restore_us / 1e6)}: about {total}"
    )
    reasons = plan.reasons()
    for reason, count in reasons[:_MOST_REASONS]:
        click.echo(f"  {count:5} not: {reason}")
    if more := reasons[_MOST_REASONS:]:
        click.echo(f"  {sum(count for _, count in more):5} not: {len(more)} other reasons (--json)")
    for case in plan.doubtful:
        click.echo(f"  doubtful: a bridge as the file says does not pass {case}")


def _as_document(plan: "Plan") -> dict[str, object]:
    return {
        "dut": plan.dut,
        "runs": len(plan.runs),
        "cases": len(plan.turns),
        "restores": plan.restores,
        "restore_s": plan.restore_us / 1e6,
        "total_s": plan.total_us / 1e6,
        "virtual": plan.virtual,
        "not_run": dict(plan.reasons()),
        "doubtful": list(plan.doubtful),
        "order": [
            {"id": one.id, "s": one.duration_us / 1e6, "restores": one.restores}
            for one in plan.runs
        ],
    }


def spoken(seconds: float) -> str:
    """Return a span of time in two units at most."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {left} s" if minutes else f"{whole} s"


def tell_what_is_left(left: tuple[str, ...], out: Path | None) -> None:
    """Say how many cases found no time, if there are any."""
    if left:
        click.echo(
            f"hanover: the time is up: {len(left)} cases have no result,"
            f" the same command with --resume {out} goes on",
            err=True,
        )
