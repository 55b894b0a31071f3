"""Be ``hanover image``: find the subcommand that makes, signs, judges or breaks a firmware file."""

from importlib import import_module

import click

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


class Commands(click.Group):
    """Import a subcommand only when it is asked for: ``--help`` must be quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(cls=Commands)
def image() -> None:
    """Make, sign, judge and break firmware files."""
