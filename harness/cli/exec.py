"""Check device programs, and show what they speak: ``hanover exec``."""

import json
from typing import TYPE_CHECKING

import click

from harness.cli.lane import lane_options, reply_limit_option

if TYPE_CHECKING:
    from harness.conduct import Finding


@click.group()
def exec() -> None:
    """Check a device program of yours, and show the protocol that it speaks.

    docs/guides/exec.md describes both.
    """


@exec.command()
@click.argument("command")
@click.option("--profile", "name", help="Name or TOML file of what the device is.")
@reply_limit_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(command: str, name: str | None, reply_limit: float, as_json: bool) -> None:
    """Play a small script with the program COMMAND, and say which rules of the protocol it keeps.

    Exits with 0 if it keeps all of them, with 1 if not, with 3 if it cannot be started or does not
    say hello.
    """
    from harness import conduct
    from harness.cli.profiles import find_profile
    from harness.lanes.schemes import release_lanes
    from harness.suite import built_in

    profile = built_in()[0].profile if name is None else find_profile(name)
    found = []
    try:
        for finding in conduct.check(command, profile, lane_options(reply_limit)):
            found.append(finding)
            if not as_json:
                click.echo(_line(finding))
    finally:
        release_lanes()
    broken = [one for one in found if one.kept is conduct.Kept.NOT_OK]
    if as_json:
        click.echo(json.dumps(_document(command, profile.name, found), indent=2))
    else:
        click.echo(f"{len(found)} rules, {len(broken)} not kept")
    raise SystemExit(1 if broken else 0)


@exec.command()
def schema() -> None:
    """Print the JSON Schema of every line of the protocol."""
    from harness.lanes.exec import schema as protocol

    click.echo(json.dumps(protocol(), indent=2))


def _line(finding: "Finding") -> str:
    seen = f": {finding.seen}" if finding.seen else ""
    return f"{finding.kept:8}{finding.id}  {finding.title}{seen}"


def _document(command: str, profile: str, found: "list[Finding]") -> dict[str, object]:
    from dataclasses import asdict

    from harness.conduct import Kept

    good = all(one.kept is not Kept.NOT_OK for one in found)
    rules = [asdict(one) for one in found]
    return {"command": command, "profile": profile, "good": good, "rules": rules}
