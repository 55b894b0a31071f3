"""Be ``hanover dut``: find the subcommand that writes a DUT file, or says what it is worth."""

import click

from harness.cli.lazy import LazyGroup

#: Each subcommand, what it is for, and the module that holds it under the same name.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("harness.cli.dut_init", "Ask a device what it is, and write a first DUT file."),
    "check": ("harness.cli.dut_check", "Say what will run with a DUT file, and for how long."),
    "lanes": ("harness.cli.dut_lanes", "Show which case runs on which lane."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def dut() -> None:
    """Describe a device under test: what it is, what it can do, its firmware."""
