"""Be ``hanover image``: find the subcommand that makes, signs, judges or breaks a firmware file."""

import click

from harness.cli.lazy import LazyGroup

#: Each subcommand, what it is for, and the module that holds it under the same name.
COMMANDS: dict[str, tuple[str, str]] = {
    "build": ("harness.cli.image_build", "Make a firmware file."),
    "inspect": ("harness.cli.image_inspect", "Show what is in a file and what is wrong with it."),
    "lint": ("harness.cli.image_lint", "Explain every flaw of files, or of folders of them."),
    "mutate": ("harness.cli.image_mutate", "Break a file on purpose, by name or by edits."),
    "diff": ("harness.cli.image_diff", "Show what differs between two files."),
    "keys": ("harness.cli.image_keys", "Make keys and certificates, for tests only."),
    "sign": ("harness.cli.image_sign", "Sign a file with a test key."),
    "verify": ("harness.cli.image_verify", "Judge a file as a bridge would."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def image() -> None:
    """Make, sign, judge and break firmware files."""
