"""Read what the command line says of lanes, and try a device program before the first case."""

import math
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.lanes.port import LaneOptions
    from harness.suite import Chosen

    Decorated = Callable[..., object]

_PROGRAM = "exec:"


class Seconds(click.FloatRange):
    """Be a range of seconds; what is no number (nan) is in none."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the seconds."""
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"found {value}, wanted a number", param, ctx)
        return seconds


def reply_limit_option(function: "Decorated") -> "Decorated":
    """Add ``--reply-limit`` to a command."""
    return click.option(
        "--reply-limit",
        type=Seconds(0.01, 3600),
        default=10,
        show_default=True,
        metavar="S",
        help="Longest real time for one reply of a device program (exec:).",
    )(function)


def lane_options(reply_limit_s: float) -> "LaneOptions":
    """Return what the options say."""
    from emulator.units import SECOND
    from harness.lanes.port import LaneOptions

    return LaneOptions(reply_limit_us=round(reply_limit_s * SECOND))


def greet(link: str, options: "LaneOptions", chosen: "Sequence[Chosen]") -> bool:
    """See that the device program of a link answers, and can be what is asked for.

    Returns:
        Whether the device is one that can only be what it is.

    Raises:
        LinkError: It cannot be started, or does not keep the protocol.
        click.UsageError: It is one device, and several are asked for.
    """
    if not link.startswith(_PROGRAM):
        return False
    from emulator.contract import Capability
    from harness.lanes import exec as programs

    hello = programs.greet(link.removeprefix(_PROGRAM), options)
    fixed = Capability.SETTINGS not in hello.capabilities
    if fixed and len(chosen) > 1:
        found = ", ".join(each.profile.name for each in chosen)
        raise click.UsageError(
            f"--profile: found {found}, wanted the one that describes {hello.name}"
        )
    return fixed
