"""Tell what was typed on a command line from what has its usual value."""

import click
from click.core import ParameterSource


def typed(context: click.Context) -> dict[str, str]:
    """Return each parameter that was typed, by its name, as it is written: ``--out``, ``HOME``."""
    return {
        str(one.name): one.opts[0] if isinstance(one, click.Option) else one.make_metavar(context)
        for one in context.command.params
        if context.get_parameter_source(str(one.name)) is ParameterSource.COMMANDLINE
    }
