"""Say what a DUT file is worth: ``hanover dut check``."""

from dataclasses import replace
from pathlib import Path

import click

from harness.cli.lane import lane_options, reply_limit_option
from harness.cli.network import max_wait_option
from harness.cli.run import check_link
from harness.cli.run_day import choose_subjects, make_plans, show_plans, tell_limits


@click.command()
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@click.option("-k", "match", multiple=True, metavar="NAME", help="Only these cases; repeatable.")
@click.option("--link", default="direct:", show_default=True, help="How the device is reached.")
@click.option("--power", metavar="SWITCH", help="cmd:COMMAND, relay:PORT, ask or none.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@reply_limit_option
@max_wait_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def check(
    context: click.Context,
    files: tuple[Path, ...],
    match: tuple[str, ...],
    link: str,
    power: str | None,
    seed: int,
    reply_limit: float,
    max_wait: float,
    as_json: bool,
) -> None:
    """Rehearse the cases on an emulated bridge that is as FILE says; no device is touched.

    Says what will run, why the rest will not, and how long it takes. Exits with 1 if a file is
    wrong, with 2 if no case would run.
    """
    from emulator.units import SECOND
    from harness.dut.model import DutError
    from harness.power.switch import open_switch
    from harness.suite import RunOptions

    link = check_link(link)
    if power is not None:
        open_switch(power)
    try:
        chosen = choose_subjects(files)
    except DutError as error:
        click.echo(f"hanover: {error}", err=True)
        raise SystemExit(1) from None
    lane = replace(lane_options(reply_limit), max_wait_us=round(max_wait * SECOND))
    options = RunOptions(profiles=chosen, link=link, lane=lane, power=power, seed=seed, match=match)
    tell_limits(options)
    raise SystemExit(show_plans(make_plans(options), as_json=as_json, every=False))
