"""Be one emulated bridge, for another program or on a ZigBee network: ``hanover emulate``."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.image_files import EUI64, U16, U32, Flawed, WrongUse

if TYPE_CHECKING:
    from harness.cli.emulate_ezsp import Make
    from harness.cli.radio_options import BridgeOption
    from harness.cli.radio_output import Voice

_SCHEME = "ezsp:"
#: A path that is written.
_FILE = click.Path(path_type=Path, dir_okay=False)
_CHANNELS = range(11, 27)


@click.command()
@click.argument("name")
@click.option("--stdio", is_flag=True, help="Speak the exec: protocol on stdin and stdout.")
@click.option("--link", metavar="ezsp:PORT", help="Live on a network, behind the stick there.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the bridge in a folder, and go on from there; what it was made with counts.",
)
@click.option("--image", type=_FILE, help="What a new bridge runs; it takes its ids from the file.")
@click.option("--for", "accepts", type=_FILE, help="A file that the bridge is made to accept.")
@click.option("--version", type=U32, help="The version of what a new bridge runs.")
@click.option("--fast", is_flag=True, help="Shorten its long waits to seconds.")
@click.option("--strict", is_flag=True, help="Keep it as it is: Smart Energy, encrypted.")
@click.option("--install-code", metavar="HEX", help="Join with it; default: the well-known key.")
@click.option(
    "--channel",
    type=click.IntRange(_CHANNELS[0], _CHANNELS[-1]),
    multiple=True,
    help="Look for a network there; default: everywhere.",
)
@click.option("--pan-id", type=U16, help="Join this network only.")
@click.option("--extended-pan-id", type=EUI64, help="Join this network only.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--trace", type=_FILE, help="Write what happens, as JSON lines.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def emulate(
    name: str,
    stdio: bool,
    link: str | None,
    state: Path | None,
    image: Path | None,
    accepts: Path | None,
    version: int | None,
    fast: bool,
    strict: bool,
    install_code: str | None,
    channel: tuple[int, ...],
    pan_id: int | None,
    extended_pan_id: int | None,
    seed: int,
    trace: Path | None,
    as_json: bool,
) -> None:
    """Be an emulated bridge, a built-in profile or one of a TOML file.

    With --stdio it answers JSON lines, as a device program behind a link of "exec:COMMAND" does:
    hanover run --profile B3 --link "exec:hanover emulate B3 --stdio". It ends with the line "bye",
    or where its stdin ends.

    With --link ezsp:PORT (a serial port, a pty or socket://HOST:PORT) it joins the network that
    lets devices join, lives there in real time, and upgrades from any OTA server there. It prints
    one line an event. Ctrl-C cuts its power; with --state it goes on from there, as the bridge that
    the first start made: --for, --fast and the like need not be said again.
    """
    if stdio == (link is not None):
        found = "both" if stdio else "neither"
        raise WrongUse(f"found {found}, wanted --stdio or --link ezsp:PORT")
    if link is None:
        _serve(name)
        return
    port = link.removeprefix(_SCHEME)
    if port == link or not port:
        raise WrongUse(f"--link {link}: found no stick, wanted ezsp:PORT")
    option = _option(name, image, accepts, version)
    join = _join(install_code, channel, pan_id, extended_pan_id)
    order = _Order(option=option, join=join, strict=strict, fast=fast, seed=seed)
    _live(port, order, state, trace, as_json=as_json)


def _serve(name: str) -> None:
    from emulator.link.stdio import Servant, serve
    from harness.cli.profiles import find_profile
    from harness.report.provenance import product_version

    profile = find_profile(name)
    serve(Servant(profile, product_version()), sys.stdin.buffer, sys.stdout.buffer)


def _option(
    name: str, image: Path | None, accepts: Path | None, version: int | None
) -> "BridgeOption":
    from harness.cli.radio_options import BridgeOption

    given = {"--image": image, "--for": accepts, "--version": version}
    firsts = [key for key, value in given.items() if value is not None]
    if len(firsts) > 1:
        raise WrongUse(f"found {' and '.join(firsts)}, wanted one of them")
    return BridgeOption(profile=name, image=image, accepts=accepts, version=version)


def _join(
    install_code: str | None,
    channels: tuple[int, ...],
    pan_id: int | None,
    extended_pan_id: int | None,
) -> Mapping[str, Any]:
    """Return the parts of a ``Wish`` that were given, None for each other."""
    from emulator.crypto.install_code import link_key_of, read_install_code

    return {
        "channels": sum(1 << one for one in set(channels)) or None,
        "pan_id": pan_id,
        "extended_pan_id": extended_pan_id,
        "link_key": None if install_code is None else link_key_of(read_install_code(install_code)),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """Hold what the command line says of the bridge."""

    option: "BridgeOption"
    join: Mapping[str, Any]
    strict: bool
    fast: bool
    seed: int


def _live(
    port: str, order: _Order, state: Path | None, trace: Path | None, *, as_json: bool
) -> None:
    from emulator.errors import ProfileError, StateError
    from harness.adaptation import UnfitError
    from harness.cli.emulate_ezsp import live
    from harness.cli.radio_output import Voice, trace_log

    voice = Voice(as_json=as_json, sticks=frozenset())
    option = order.option
    try:
        make = _made(order, state, voice)
        with ExitStack() as stack:
            tap = None if trace is None else trace_log(trace, stack)
            live(port, make, state, voice, tap)
    except ProfileError as error:
        raise WrongUse(str(error)) from None
    except UnfitError as error:
        raise WrongUse(f"{option.image or option.accepts}: {error}") from None
    except StateError as error:
        raise Flawed(str(error)) from None


def _made(order: _Order, state: Path | None, voice: "Voice") -> "Make":
    """Return how the bridge is made: as it was at its first start, if the folder keeps one."""
    from harness.cli.emulate_ezsp import Make
    from harness.cli.emulate_record import Record, joining, recall
    from harness.cli.profiles import find_profile
    from harness.cli.radio_options import prepared

    option, base = order.option, find_profile(order.option.profile)
    kept = None if state is None else recall(state)
    wish = joining(None if kept is None else kept.wish, order.join)
    if kept is not None and state is not None:
        kept.check(base, state, strict=order.strict, fast=order.fast)
        if (file := option.image or option.accepts) is not None:
            fitted, _, _ = prepared(option, {}, strict=kept.strict, fast=kept.fast)
            kept.check_fit(fitted, file, state)
        return Make(record=replace(kept, wish=wish), seed=order.seed)
    remarks: dict[str, None] = {}
    profile, first, version = prepared(option, remarks, strict=order.strict, fast=order.fast)
    for remark in remarks:
        voice.note(remark)
    record = Record(base=base, profile=profile, strict=order.strict, fast=order.fast, wish=wish)
    return Make(record=record, image=first, version=version, seed=order.seed)
