"""Be a group of commands that imports none of them before it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """Import a subcommand only when it is asked for: ``--help`` must be quick.

    Args:
        table: Each subcommand, the module that holds it under the same name, and what it is for.
        given: What ``click.Group`` takes.
    """

    def __init__(
        self,
        table: Mapping[str, tuple[str, str]],
        **given: Any,  # noqa: ANN401 - click's own arguments
    ) -> None:
        super().__init__(**given)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        if cmd_name not in self._table:
            return None
        command: click.Command = getattr(import_module(self._table[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in self._table.items()])
