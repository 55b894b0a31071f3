"""Upgrade one bridge, emulated or on the air, with a firmware file: ``hanover upgrade``."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.lane import greet, lane_options, reply_limit_option
from harness.cli.network import membership_options

if TYPE_CHECKING:
    from emulator.profiles.model import Profile
    from harness.adaptation import Plan
    from harness.bench import Bench
    from harness.lanes.port import LaneOptions
    from harness.upgrade import Progress, Tally, Upgrade

#: Without a terminal, progress is a line for each such part of the whole.
_PARTS = 10
_ON_AIR = "ezsp:"


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--profile", "name", help="Name or TOML file of the bridge; default: the first.")
@click.option("--strict", is_flag=True, help="Keep the bridge as it is, whatever the file says.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--link", default="direct:", show_default=True, help="What carries the datagrams.")
@reply_limit_option
@membership_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--capture", type=click.Path(path_type=Path), help="Write datagrams as pcapng.")
@click.option(
    "--trace", type=click.Path(path_type=Path), help="Write what happened, as JSON lines."
)
def upgrade(
    file: Path,
    name: str | None,
    strict: bool,
    seed: int,
    link: str,
    reply_limit: float,
    on_air: dict[str, Any],
    as_json: bool,
    capture: Path | None,
    trace: Path | None,
) -> None:
    """Upgrade one bridge with FILE, over the air.

    By default that is an emulated one, in virtual time: it takes manufacturer, type, hardware and
    container from the file, runs the version below, and says so. With --link ezsp:PORT it is a
    device on the network of the stick there, or one that joins: it is notified, served, and asked
    what it runs in the end. Exits with 0 if the new version runs and is confirmed, with 1 if the
    bridge refused it or went back.
    """
    from harness.cli.run import check_link

    link = check_link(link)
    lane = replace(lane_options(reply_limit), **on_air)
    fixed = greet(link, lane, ())
    plan = _plan(file, name, strict=strict or fixed, on_air=link.startswith(_ON_AIR))
    for path in (capture, trace):
        if path is not None:
            path.open("wb").close()  # before the work, not after it
    if not as_json:
        for remark in plan.remarks:
            click.echo(f"note: {remark}")
    result = _perform(plan, link, lane, seed, capture, trace)
    if as_json:
        click.echo(json.dumps(_as_document(click.format_filename(file), plan, result), indent=2))
    else:
        _print(plan, result, on_air=link.startswith(_ON_AIR))
    raise SystemExit(0 if result.good else 1)


def _plan(file: Path, name: str | None, *, strict: bool, on_air: bool) -> "Plan":
    from emulator.errors import ProfileError
    from emulator.profiles.load import names
    from harness.adaptation import UnfitError, adapt
    from harness.cli.image_files import WrongUse, read_file
    from harness.cli.profiles import find_profile

    data = read_file(file)
    profile = find_profile(name or names()[0])
    try:
        if on_air:
            return _plan_on_air(data, profile, strict=strict)
        return adapt(data, profile, strict=strict)
    except (UnfitError, ProfileError) as error:
        raise WrongUse(f"{click.format_filename(file)}: {error}") from None


def _plan_on_air(data: bytes, profile: "Profile", *, strict: bool) -> "Plan":
    """Return a plan for a device that is what it is: of the profile, only how it speaks counts."""
    from emulator.ncp.radio import at_home
    from harness.adaptation import adapt

    plan = adapt(data, profile, strict=False)
    header = f"0x{plan.image.manufacturer:04X}-0x{plan.image.image_type:04X}"
    remarks = [f"the file is version 0x{plan.file_version:08X} for {header}"]
    if strict:
        return replace(plan, remarks=tuple(remarks))
    remarks.append("profile 0x0104, no APS encryption (--strict keeps the profile as it is)")
    return replace(plan, profile=at_home(plan.profile), remarks=tuple(remarks))


def _perform(
    plan: "Plan",
    link: str,
    lane: "LaneOptions",
    seed: int,
    capture: Path | None,
    trace: Path | None,
) -> "Upgrade":
    from harness.bench import DUT_EUI64, Bench
    from harness.cli.image_files import Environment
    from harness.lanes.schemes import release_lanes
    from harness.upgrade import Session
    from harness.verdict import NoVerdict

    made: dict[str, Any] = {
        "first_image": plan.first_image,
        "first_version": plan.first_version,
        "eui64": plan.eui64,
    }
    if link.startswith(_ON_AIR):  # it is what it is
        made = {"eui64": None if plan.eui64 == DUT_EUI64 else plan.eui64}
    bench = None
    try:
        bench = Bench(plan.profile, link=link, options=lane, seed=seed, **made)
        with _progress() as progress:
            return Session(bench, plan, progress).run()
    except NoVerdict as error:
        raise Environment(f"{link}: {error}") from None
    finally:
        if bench is not None:
            _write(bench, capture, trace)
            bench.close()
        release_lanes()


def _write(bench: "Bench", capture: Path | None, trace: Path | None) -> None:
    """Write what was asked for, also of an upgrade that was interrupted."""
    from harness.recorder import write_datagrams, write_trace

    if capture is not None:
        write_datagrams(capture, [bench])
    if trace is not None:
        write_trace(trace, [bench])


@contextmanager
def _progress() -> "Iterator[Progress]":
    """Yield what shows progress on stderr: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _line_by_line()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TextColumn("{task.fields[pace]}"),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("download", total=None, pace="")

        def show(tally: "Tally") -> None:
            bars.update(task, completed=tally.done, total=tally.image_octets, pace=_pace(tally))

        yield show


def _line_by_line() -> "Progress":
    shown = 0

    def show(tally: "Tally") -> None:
        nonlocal shown
        done, total = tally.done, tally.image_octets
        part = done * _PARTS // total if total else 0
        if part > shown:
            shown = part
            percent = part * 100 // _PARTS
            click.echo(f"{percent:3} % ({done} of {total} octets), {_pace(tally)}", err=True)

    return show


def _pace(seen: "Tally | Upgrade") -> str:
    from emulator.units import SECOND

    left_us = getattr(seen, "left_us", None)
    left = "" if left_us is None else f", {left_us / SECOND:.0f} s left"
    return (
        f"{_count(seen.waits, 'wait')}, {_count(seen.retries, 'retry', 'retries')},"
        f" {seen.blocks_per_s:.1f} blocks/s{left}"
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _as_document(file: str, plan: "Plan", result: "Upgrade") -> dict[str, object]:
    from dataclasses import asdict

    return {
        "file": file,
        "profile": plan.profile.name,
        "remarks": list(plan.remarks),
        "good": result.good,
        **asdict(result),
        "octets_per_s": round(result.octets_per_s, 1),
        "blocks_per_s": round(result.blocks_per_s, 1),
    }


def _print(plan: "Plan", result: "Upgrade", *, on_air: bool) -> None:
    from emulator.units import SECOND

    reason = f": {result.reason}" if result.reason else ""
    about = "a device on the air" if on_air else plan.profile.about
    lines = {
        "bridge": f"{plan.profile.name}, {about}",
        "verdict": _verdict(result.status),
        "ending": f"{result.ending}{reason}",
        "before": _version(result.version_before),
        "after": _version(result.version_after),
        "download": (
            f"{result.octets} of {result.image_octets} octets in {result.blocks} blocks,"
            f" {_pace(result)}"
        ),
        "time": (
            f"{result.total_us / SECOND:.3f} s of {'real' if on_air else 'virtual'} time,"
            f" {result.download_us / SECOND:.3f} s of it the download"
            f" ({result.octets_per_s:.0f} octets/s)"
        ),
    }
    for name, text in lines.items():
        click.echo(f"{name:10}{text}")


def _verdict(status: int | None) -> str:
    from emulator.wire.ota import Status

    if status is None:
        return "none came"
    try:
        return f"{Status(status).name} (0x{status:02X}) in its Upgrade End Request"
    except ValueError:
        return f"0x{status:02X} in its Upgrade End Request"


def _version(version: int | None) -> str:
    return "unknown" if version is None else f"0x{version:08X}"
