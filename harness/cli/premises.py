"""Upgrade a whole home of bridges in virtual time: ``hanover premises``."""

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.premises_images import Chosen, choose_images
from harness.cli.premises_options import (
    Asked,
    alone,
    charges,
    faults_of,
    find_home,
    home_options,
    planted_in,
    wish_of,
)
from harness.cli.premises_view import Pace, watching

if TYPE_CHECKING:
    from harness.premises.conductor import Conductor
    from harness.premises.household import Household
    from harness.premises.model import Premises
    from harness.premises.outcome import Outcome
    from harness.premises.plan import Plan


@click.command()
@click.argument("name", metavar="HOME", required=False)
@home_options
@click.option("--plan", "plan_only", is_flag=True, help="Only the plan, and why it is so.")
@click.option("--list", "list_only", is_flag=True, help="List the built-in homes.")
@click.pass_context
def premises(
    context: click.Context, name: str | None, asked: Asked, plan_only: bool, list_only: bool
) -> None:
    """Upgrade every bridge of a home, and say what the household saw.

    HOME is C1 to C7, C1-alternative and so on, or a TOML file (docs/premises.md). Everything is
    emulated, in virtual time: the hub, the bridges and the links between them, display and meter.

    \b
    hanover premises C6
    hanover premises C6 --image near=near.ota --image remote_gsme=gsme.ota --plan
    hanover premises C7 --battery remote_gsme=30 --fault near:cut@120s --seed 7 --out home-7
    hanover premises C6 --speaks near=2..2 --order near,remote_ihd,remote_gsme --anyway

    Exits with 0 if every bridge that was to take an image keeps it, with 1 if one does not or the
    plan is refused, with 130 after Ctrl-C: what was found is printed and kept.
    """
    if list_only:
        alone(context, "--list", "as_json")
        _list(as_json=asked.as_json)
        return
    if name is None:
        raise click.UsageError("HOME: found nothing, wanted one of --list, or a file (.toml)")
    if asked.traced and asked.out is None:
        raise click.UsageError("--trace: found no --out, wanted the folder for it")
    if plan_only:  # it runs nothing
        planning = ("name", "images", "size", "speaks", "order", "together", "anyway", "batteries")
        alone(context, "--plan", *planning, "seed", "as_json")
    errand = _Errand(name, asked)
    if plan_only:
        raise SystemExit(_show_plan(errand.plan, as_json=asked.as_json))
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    for note in () if asked.as_json else errand.chosen.notes:
        click.echo(f"note: {note}")
    command = ("hanover", *(context.find_root().obj or ("premises", name)))
    raise SystemExit(_perform(errand, command))


def _list(*, as_json: bool) -> None:
    from harness.premises import load
    from harness.premises.model import describe

    every = [load.load(name) for name in load.names()]
    if as_json:
        listed = [{"name": one.label, "about": one.about, **_inside(one)} for one in every]
        click.echo(json.dumps({"premises": listed}, indent=2))
        return
    for one in every:
        click.echo("\n".join(describe(one)))


def _inside(home: "Premises") -> dict[str, object]:
    bridges = [
        {"name": one.name, "type": one.type, "role": str(one.role), "serves": list(one.serves)}
        for one in home.bridges
    ]
    devices = [
        {"name": one.name, "kind": str(one.kind), "parent": one.parent} for one in home.devices
    ]
    return {"bridges": bridges, "devices": devices}


def _show_plan(plan: "Plan", *, as_json: bool) -> int:
    from harness.premises.outcome import plan_lines, plan_object

    if as_json:
        click.echo(json.dumps(plan_object(plan), indent=2))
    else:
        click.echo("\n".join(plan_lines(plan)))
    return 0 if plan.steps else 1


class _Errand:
    """Be what the command line asks for: a home that is off, and a plan for it."""

    def __init__(self, name: str, asked: Asked) -> None:
        from harness.premises.household import Household
        from harness.trace import Trace

        self.asked = asked
        home = find_home(name)
        wish, faults, cells = wish_of(asked, home), faults_of(asked, home), charges(asked, home)
        planted = planted_in(asked, home)
        self.chosen: Chosen = choose_images(asked, home)
        self.conductor: type[Conductor] = planted["conductor"]
        self.home: Household = Household(
            home,
            images=self.chosen.octets,
            seed=asked.seed,
            defects=planted["defects"],
            faults=faults,
            trace=Trace() if asked.traced else None,
            hub=planted["hub"],
            first=self.chosen.first,
        )
        for bridge, percent in cells.items():
            self.home.lane.charge(bridge, percent)
        self.plan: Plan = self.home.plan(wish)


def _perform(errand: _Errand, command: tuple[str, ...]) -> int:
    """Let the home live, say how it went, and return the exit code."""
    from harness.premises.outcome import HomeState

    pace = Pace(0)
    outcome = _live(errand, pace)
    asked = errand.asked
    if not asked.as_json:  # before the folder: a full disk takes nothing of it
        click.echo("\n".join(outcome.summary()))
    click.echo(pace.told(errand.home.now), err=True)
    sealed = {} if asked.out is None else {"seal": _write(asked.out, errand, outcome, command)}
    if asked.as_json:
        click.echo(json.dumps(outcome.to_json() | sealed, indent=2))
    elif sealed:
        more = ", trace.jsonl" if asked.traced else ""
        click.echo(f"written: {asked.out}/premises.html, premises.json{more}")
        click.echo(f"seal: {sealed['seal']}")
    if outcome.state is HomeState.INTERRUPTED:
        kept = "" if asked.out is None else f" and kept in {click.format_filename(asked.out)}"
        click.echo(f"hanover: interrupted: what was found so far is printed{kept}", err=True)
        return 130
    return 0 if outcome.good else 1


def _live(errand: _Errand, pace: Pace) -> "Outcome":
    """Return what became of the home, also if it did not even come up, or is interrupted."""
    from harness.coordinator.interruption import noted

    home = errand.home
    with noted(signal.SIGINT, signal.SIGTERM) as came, watching(pace) as show:

        def look(home: "Household") -> None:
            # Here nothing is half done: what is judged now is true.
            if came:
                raise KeyboardInterrupt
            show(home)

        conductor = errand.conductor(home, errand.plan, look)
        try:
            if not home.start() and (silent := home.silent()) and not came:
                click.echo(f"hanover: {', '.join(silent)}: found no answer at the start", err=True)
                return conductor.judged()
            look(home)
            return conductor.conduct()
        except KeyboardInterrupt:
            return conductor.judged(interrupted=True)


def _write(out: Path, errand: _Errand, outcome: "Outcome", command: tuple[str, ...]) -> str:
    """Write the folder of a home, and return its seal."""
    from harness.report import premises_folder
    from harness.report.premises_page import Setting

    asked = errand.asked
    setting = Setting(
        command=command,
        images=errand.chosen.digests(),
        faults=asked.faults,
        defects=tuple("=".join(one) for one in asked.defects),
    )
    return premises_folder.write(out, outcome, setting, errand.home.trace)
