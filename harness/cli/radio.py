"""Be a radio stick with bridges behind it: ``hanover radio``."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.image_files import WrongUse
from harness.cli.radio_options import (
    EZSP_VERSIONS,
    bridge_option,
    bridge_specs,
    is_exposed,
    line_of,
    radio_options,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from emulator.link.medium import Tap
    from emulator.ncp.line import Line
    from emulator.ncp.radio import BridgeSpec, VirtualRadio
    from emulator.units import Us
    from harness.cli.radio_options import RadioOption
    from harness.cli.radio_output import OctetLog, Voice
    from harness.cli.radio_state import Kept, Saver

_EXPOSED = "{}: whoever reaches this address can use the stick, EZSP asks for no password"
#: A path that is written.
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option(
    "--bridge",
    "bridges",
    multiple=True,
    metavar="NAME[,KEY=VALUE...]",
    help="A bridge: a profile's name or file, and image=FILE or version=N that it starts with, or"
    " for=FILE that it is made to accept; eui64=, install-code=HEX, name=, count=N.",
)
@click.option("--listen", metavar="pty:PATH|tcp:HOST:PORT", help="Where the one stick is found.")
@click.option(
    "--radio",
    "radios",
    multiple=True,
    metavar="name=NAME,listen=WHERE[,ezsp=N]",
    help="A stick of several that share the network.",
)
@click.option(
    "--ezsp",
    type=click.Choice([str(each) for each in EZSP_VERSIONS]),
    default="13",
    show_default=True,
    help="EZSP version that sticks speak.",
)
@click.option(
    "--join",
    type=click.Choice(["permit", "auto"]),
    default="permit",
    show_default=True,
    help="Bridges join when the host permits it, or as soon as there is a network.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--state", type=_FILE, help="Keep tokens, keys and counters of sticks in a file.")
@click.option("--trace", type=_FILE, help="Write what happens on the network, as JSON lines.")
@click.option("--ash-log", type=_FILE, help="Write the octets of hosts and sticks, with times.")
@click.option("--strict", is_flag=True, help="Keep bridges as they are: Smart Energy, encrypted.")
@click.option("--fast", is_flag=True, help="Shorten the long waits of bridges to seconds.")
@click.option(
    "--latency-ms",
    type=click.IntRange(0, 10_000),
    default=0,
    show_default=True,
    help="How long a datagram is on its way.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def radio(
    bridges: tuple[str, ...],
    listen: str | None,
    radios: tuple[str, ...],
    ezsp: str,
    join: str,
    seed: int,
    state: Path | None,
    trace: Path | None,
    ash_log: Path | None,
    strict: bool,
    fast: bool,
    latency_ms: int,
    as_json: bool,
) -> None:
    """Be a ZigBee radio stick in software, with emulated bridges on its network.

    Programs that talk EZSP to a Silicon Labs stick (bellows and zigpy, zigbee-herdsman and
    Zigbee2MQTT) open it by the link in the file system or by TCP. Prints where it listens and one
    line an event; Ctrl-C ends it.
    """
    from asyncio import run

    from emulator.units import MILLISECOND
    from harness.cli.radio_output import Voice, octet_log, trace_log
    from harness.cli.radio_state import Kept, Saver, read_state

    options = radio_options(radios, listen, int(ezsp))
    lines = {one.name: line_of(one.listen) for one in options}
    specs, remarks = bridge_specs(
        [bridge_option(each) for each in bridges], strict=strict, fast=fast, taken=lines
    )
    kept = Kept() if state is None else read_state(state)
    voice = Voice(as_json=as_json, sticks=frozenset(lines))
    exposed = [one.listen for one in options if is_exposed(one.listen)]
    for remark in (*remarks, *(_EXPOSED.format(each) for each in exposed)):
        voice.note(remark)
    with ExitStack() as stack:
        made = _compose(
            options,
            specs,
            kept,
            seed=seed,
            latency_us=latency_ms * MILLISECOND,
            auto_join=join == "auto",
            voice=voice,
            trace=None if trace is None else trace_log(trace, stack),
        )
        octets = None if ash_log is None else octet_log(ash_log, stack)
        saver = None if state is None else Saver(state, kept, made)
        if run(_session(made, lines, voice, saver, octets)):
            raise KeyboardInterrupt


def _compose(
    options: "Sequence[RadioOption]",
    specs: "Sequence[BridgeSpec]",
    kept: "Kept",
    *,
    seed: int,
    latency_us: "Us",
    auto_join: bool,
    voice: "Voice",
    trace: "Tap | None",
) -> "VirtualRadio":
    from emulator.ncp.radio import StickSpec, VirtualRadio

    sticks = [
        StickSpec(name=one.name, version=one.ezsp, tokens=kept.tokens.get(one.name))
        for one in options
    ]
    try:
        made = VirtualRadio(
            sticks,
            specs,
            seed=seed,
            latency_us=latency_us,
            auto_join=auto_join,
            tap=voice.happened,
            trace=trace,
            log=voice.log,
        )
    except ValueError as error:
        raise WrongUse(str(error)) from None
    made.air.recall(kept.roll)
    return made


async def _session(
    made: "VirtualRadio",
    lines: "Mapping[str, Line]",
    voice: "Voice",
    saver: "Saver | None",
    octets: "OctetLog | None",
) -> bool:
    """Serve until a signal; return whether it was Ctrl-C."""
    from emulator.ncp.serve import Listeners, Server, serve

    listeners = Listeners(
        visit=voice.visited, octets=octets, settled=None if saver is None else saver.settled
    )
    server = Server(made, lines, listeners)

    def ready() -> None:
        for name, line in lines.items():
            voice.listening(name, line.where)

    try:
        return await serve(server, ready)
    finally:
        if saver is not None:
            saver.save()
