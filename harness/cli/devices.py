"""List the devices on the network of a radio stick: ``hanover devices``."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from harness.cli.image_files import Environment, WrongUse
from harness.cli.lane import Seconds
from harness.cli.network import membership_options

if TYPE_CHECKING:
    from harness.census import Device
    from harness.lanes.port import LaneOptions

_SCHEME = "ezsp:"
_HEADINGS = ("EUI-64", "address", "kind", "maker", "endpoint", "image", "version", "status")


@click.command()
@click.option("--link", required=True, metavar="ezsp:PORT", help="The stick that coordinates.")
@click.option(
    "--patience",
    type=Seconds(0.1, 600),
    default=10,
    show_default=True,
    metavar="S",
    help="How long each question waits for its answer; sleepy devices take long.",
)
@membership_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def devices(link: str, patience: float, on_air: dict[str, Any], as_json: bool) -> None:
    """List the devices on a network, and what their OTA clients run.

    Every device is asked over the air; one that does not answer is listed as silent. The stick
    forms a network if it has none. Exits with 2 if nobody is on the network.
    """
    from harness.lanes.port import LaneOptions

    place = link.removeprefix(_SCHEME)
    if place == link or not place:
        raise WrongUse(f"--link {link}: found no stick, wanted ezsp:PORT")
    options = replace(LaneOptions(), **on_air)
    found, network = _found(place, options, patience)
    if as_json:
        click.echo(json.dumps({"network": network, "devices": [one.plain for one in found]}))
    else:
        _print(found, network)
    if not found:
        click.echo("hanover: found no device on the network, wanted one that has joined", err=True)
    raise SystemExit(0 if found else 2)


def _found(
    place: str, options: "LaneOptions", patience_s: float
) -> "tuple[list[Device], dict[str, object]]":
    from emulator.units import SECOND

    try:
        from harness.census import Census
        from harness.lanes.sticks import open_stick
    except ImportError as error:
        raise Environment(
            f"ezsp:{place}: found no {error.name}, wanted it installed: pip install"
            " 'hanover[radio]'"
        ) from None
    session = open_stick(place, options.network, _HOME_AUTOMATION)
    try:
        census = Census(session, round(patience_s * SECOND))
        only = options.network.eui64
        members = [one for one in sorted(session.members) if only in (None, one)]
        return [census.ask(one) for one in members], session.facts
    finally:
        session.close()


_HOME_AUTOMATION = 0x0104


def _print(found: "list[Device]", network: dict[str, object]) -> None:
    pan_id = network.get("pan_id")
    click.echo(
        f"network 0x{pan_id:04X} on channel {network.get('channel')}, EZSP {network.get('ezsp')},"
        f" firmware {network.get('firmware')}"
    )
    rows = [_HEADINGS, *(one.cells for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS))]
    for row in rows if found else ():
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
