"""Read what the command line says of a network on the air, and of waiting for it."""

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

import click

from harness.cli.image_files import EUI64, U16
from harness.cli.lane import Seconds
from harness.cli.typed import typed

_SCHEME = "ezsp:"
#: Parameters of a run that count for nothing where no link leads to a network on the air. A limit
#: of waiting is none: virtual time never comes to it.
_OF_AIR = frozenset(
    {
        *("folder", "channel", "pan_id", "extended_pan_id", "eui64", "install_code"),
        *("baudrate", "restart", "strict", "on_request", "answer_limit"),
    }
)
#: How long a lane of real time waits; every command that judges or rehearses one has it.
max_wait_option = click.option(
    "--max-wait",
    type=Seconds(1, 7 * 86400),
    default=600,
    show_default=True,
    metavar="S",
    help="Longest real time that a case waits for one thing (ezsp:).",
)
_OPTIONS = (
    max_wait_option,
    click.option(
        "--network",
        "folder",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder that keeps the network (ezsp:).",
    ),
    click.option("--channel", type=click.IntRange(11, 26), help="Of a new network (ezsp:)."),
    click.option("--pan-id", type=U16, metavar="N", help="Of a new network (ezsp:)."),
    click.option("--extended-pan-id", type=EUI64, metavar="N", help="Of a new network (ezsp:)."),
    click.option("--eui64", type=EUI64, help="The only device that is admitted (ezsp:)."),
    click.option("--install-code", metavar="HEX", help="What it joins with (ezsp:)."),
    click.option("--baudrate", type=click.IntRange(9600, 3_000_000), help="Of a serial port."),
)
_RESTART = click.option(
    "--restart",
    type=click.Choice(["leave", "notify"]),
    default="leave",
    show_default=True,
    help="How a device begins a case: it leaves and joins, or is notified (ezsp:).",
)


def network_options(function: Callable[..., object]) -> Callable[..., object]:
    """Add the options to a command, which gets them as ``on_air``: changes of ``LaneOptions``."""
    return _RESTART(membership_options(function))


def membership_options(function: Callable[..., object]) -> Callable[..., object]:
    """Add those of a command that leaves devices where they are: they are only notified."""

    @wraps(function)
    def command(*args: Any, **given: Any) -> object:  # noqa: ANN401 - click's
        return function(*args, on_air=_read(given), **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _read(given: dict[str, Any]) -> dict[str, Any]:
    """Take the options out of what click gives, and return the fields that they are."""
    from emulator.units import SECOND
    from harness.lanes.port import NetworkOptions, Restart

    taken = {
        name: given.pop(name)
        for name in ("folder", "channel", "pan_id", "extended_pan_id", "eui64", "baudrate")
    }
    pan_id = taken["pan_id"]
    if pan_id is not None and not 0 < pan_id < 0xFFFF:
        raise click.UsageError(f"--pan-id: found {pan_id:#x}, wanted 0x0001 to 0xFFFE")
    return {
        "max_wait_us": round(given.pop("max_wait") * SECOND),
        "network": NetworkOptions(
            **taken,
            link_key=_link_key(given.pop("install_code"), taken["eui64"]),
            restart=Restart(given.pop("restart", Restart.NOTIFY)),
        ),
    }


def _link_key(code: str | None, eui64: int | None) -> bytes | None:
    from emulator.crypto.install_code import link_key_of, read_install_code
    from emulator.errors import InstallCodeError

    if code is None:
        return None
    if eui64 is None:
        raise click.UsageError("--install-code: found no --eui64, wanted the device that has it")
    try:
        return link_key_of(read_install_code(code))
    except InstallCodeError as error:
        raise click.UsageError(f"--install-code: {error}") from None


def check_air(context: click.Context, links: Sequence[str], *, duts: int, workers: int) -> None:
    """Refuse what a network on the air cannot be asked for, and what is said of one without one.

    Args:
        context: Of the command, which knows what was typed.
        links: By which each subject is reached.
        duts: How many of them are devices under test.
        workers: How many processes share the work.

    Raises:
        click.UsageError: Several profiles for one device, several processes for one stick, or an
            option that counts for nothing.
    """
    if not any(link.startswith(_SCHEME) for link in links):
        _refuse_wishes(context, links)
        return
    if not duts and len(links) > 1:
        raise click.UsageError(
            f"--profile: found {len(links)}, wanted the one that describes the device on the air"
        )
    if workers > 1:
        raise click.UsageError(f"-n: found {workers}, wanted 1: one process has the stick")


def _refuse_wishes(context: click.Context, links: Sequence[str]) -> None:
    """Refuse options of a network where no link leads to one."""
    for name, shown in typed(context).items():
        if name in _OF_AIR:
            found = ", ".join(dict.fromkeys(links))
            raise click.UsageError(f"{shown}: found --link {found}, wanted {_SCHEME}PORT")
