"""Read what the command line says of the suite, and of a server under test."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.lane import Seconds
from harness.cli.run_homes import with_homes

if TYPE_CHECKING:
    from harness.suite import Chosen, RunOptions

_SUITES = ("client", "server", "premises")
_ITEMS = "OTA.SERVER"
#: How long an answer may take on the air, where the user says nothing else, in seconds.
_ANSWER_S = 2
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Say which suite runs, and what the tester says of a server."""

    suite: str
    homes: tuple[str, ...]
    images: tuple[Path, ...]
    supports: tuple[str, ...]
    lacks: tuple[str, ...]
    on_request: bool
    strict: bool
    answer_limit: float
    known: Path | None

    @property
    def of_server(self) -> bool:
        """Tell whether it is a server that is judged."""
        return self.suite == "server"

    def words(self) -> tuple[str, ...]:
        """Return what is said of the server as words of a command line, for a replay."""
        return (
            *(word for file in self.images for word in ("--image", str(file))),
            *(word for item in self.supports for word in ("--supports", item)),
            *(word for item in self.lacks for word in ("--lacks", item)),
            *(("--on-request",) if self.on_request else ()),
            *(("--strict",) if self.strict else ()),
            *(
                ()
                if self.answer_limit == _ANSWER_S
                else ("--answer-limit", f"{self.answer_limit:g}")
            ),
        )


_OPTIONS = (
    click.option(
        "--suite", type=click.Choice(_SUITES), default="client", show_default=True,
        help="Judge devices (client), an OTA server with a hostile client (server), or whole homes"
        " of emulated bridges (premises).",
    ),
    click.option(
        "--premises", "homes", multiple=True, metavar="NAME",
        help="C1 to C7, C1-alternative and so on, all, or a TOML file; repeatable (premises).",
    ),
    click.option(
        "--image", "images", type=_FILE, multiple=True,
        help="A file that the server under test holds; repeatable (server).",
    ),
    click.option(
        "--supports", multiple=True, metavar="ITEM",
        help="A PICS item that the server states, as OTA.SERVER.PAGE; repeatable (server).",
    ),
    click.option(
        "--lacks", multiple=True, metavar="ITEM", help="One that it denies; repeatable (server)."
    ),
    click.option(
        "--on-request", is_flag=True,
        help="The server serves when it is told to, and notifies first (server).",
    ),
    click.option(
        "--strict", is_flag=True,
        help="The client on the air speaks Smart Energy, encrypted (server).",
    ),
    click.option(
        "--answer-limit", type=Seconds(0.05, 60), default=_ANSWER_S,
        show_default=True, metavar="S", help="Longest real time for an answer on the air (server).",
    ),
    click.option(
        "--known", type=_FILE, help="TOML of failures that are known: they must still fail."
    ),
)  # fmt: skip


def server_options(function: Callable[..., object]) -> Callable[..., object]:
    """Add the options to a command, which gets them as ``judged``."""

    @wraps(function)
    def command(*args: Any, **given: Any) -> object:  # noqa: ANN401 - click's
        names = Judged.__dataclass_fields__
        judged = Judged(**{name: given.pop(name) for name in names})
        return function(*args, judged=judged, **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def with_server(options: "RunOptions", judged: Judged, names: tuple[str, ...]) -> "RunOptions":
    """Return the options of a run with what was said of a server, and of known failures.

    Args:
        options: Of the run so far.
        judged: What was said.
        names: The profiles that the user named.

    Raises:
        click.UsageError: It contradicts itself, or goes with the other suite.
    """
    from harness.hub.images import served
    from harness.servers.reach import ServerOptions
    from harness.suite import SUITES

    options = replace(options, cases=SUITES[judged.suite])
    if judged.homes and not options.of_homes:
        raise click.UsageError(
            f"--premises: found the {judged.suite} suite, wanted --suite premises"
        )
    if options.of_homes:
        options = with_homes(options, judged.homes, profiles=names)
    if judged.of_server:
        air = options.link.startswith("ezsp:")
        images = tuple(_whole(file) for file in judged.images)
        supports, lacks = _items("--supports", judged.supports), _items("--lacks", judged.lacks)
        _check_items(supports, lacks)
        server = ServerOptions(
            images=images,
            supports=supports,
            lacks=lacks,
            on_request=judged.on_request,
            answer_us=round(judged.answer_limit * 1_000_000),
            max_wait_us=options.lane.max_wait_us,
            said=judged.words(),
        )
        chosen = options.profiles if names else options.profiles[:1]
        firmware = tuple(one for one in images if not served(one).of_one_device)
        played = tuple(_played(one, firmware, strict=judged.strict or not air) for one in chosen)
        options = replace(options, server=server, profiles=played)
        _check(options)
    elif found := _of_servers(judged):
        raise click.UsageError(f"{found}: found the {judged.suite} suite, wanted --suite server")
    return options if judged.known is None else _with_known(options, judged.known)


def _of_servers(judged: Judged) -> str | None:
    """Return the first option given that only the server suite has."""
    given = {
        "--image": judged.images,
        "--supports": judged.supports,
        "--lacks": judged.lacks,
        "--on-request": judged.on_request,
        "--strict": judged.strict,
    }
    return next((name for name, value in given.items() if value), None)


def _check(options: "RunOptions") -> None:
    """Refuse what leads to no server."""
    scheme, _, _ = options.link.partition(":")
    if scheme not in ("direct", "ezsp"):
        raise click.UsageError(f"--suite server: found --link {options.link}, wanted ezsp:PORT")
    if options.vectors is not None or any(one.dut is not None for one in options.profiles):
        raise click.UsageError("--suite server: found --dut or --vectors, wanted neither")
    if scheme == "ezsp" and not options.server.images and not options.list_only:
        raise click.UsageError("--image: found none, wanted the files that the server holds")


def _items(option: str, given: tuple[str, ...]) -> frozenset[str]:
    """Return PICS items of a server; one that nobody knows is wrong use."""
    from emulator.errors import did_you_mean
    from harness.requirements import catalogue

    items = [one for one in catalogue.items() if one.startswith(_ITEMS)]
    for one in given:
        if one not in items:
            wanted = f"one of {', '.join(items)}{did_you_mean(one, items)}"
            raise click.UsageError(f"{option}: found {one}, wanted {wanted}")
    return frozenset(given)


def _check_items(supports: frozenset[str], lacks: frozenset[str]) -> None:
    """Refuse statements that contradict one another, and a server that is none."""
    from harness.requirements import catalogue

    for item in sorted(supports & lacks):
        raise click.UsageError(f"{item}: found --supports and --lacks, wanted one of them")
    for item in sorted(supports):
        for needed in catalogue.implications().get(item, ()):
            if needed in lacks:
                found = f"found it beside --supports {item}, which implies it"
                raise click.UsageError(f"--lacks {needed}: {found}, wanted one of them")
    if _ITEMS in lacks:
        wanted = "an item of a server: who has no server cluster has nothing to judge"
        raise click.UsageError(f"--lacks: found {_ITEMS}, wanted {wanted}")


def _whole(file: Path) -> bytes:
    """Return the octets that a server serves of a file."""
    from emulator.profiles import load
    from harness.adaptation import UnfitError, adapt, whole
    from harness.cli.image_files import read_file
    from harness.hub.images import served

    data = read_file(file)
    try:
        if not served(octets := whole(data)[1]).of_one_device:  # one of that kind runs on no bridge
            adapt(data, load.load(load.names()[0]), strict=False)
        return octets
    except UnfitError as error:
        raise click.UsageError(f"--image {file}: {error}") from None


def _played(chosen: "Chosen", images: tuple[bytes, ...], *, strict: bool) -> "Chosen":
    """Return the profile that the client plays: one that the files are for."""
    from emulator.ncp.radio import at_home
    from emulator.profiles.haste import hastened
    from harness.adaptation import adapt

    profile = chosen.profile
    if images:
        profile = adapt(images[0], profile, strict=False).profile
    if not strict:
        profile = hastened(at_home(profile))
    return replace(chosen, profile=profile)


def _with_known(options: "RunOptions", file: Path) -> "RunOptions":
    from harness.known import KnownError, read
    from harness.runner import run_suite

    try:
        known = read(file)
    except KnownError as error:
        raise click.UsageError(f"--known {error}") from None
    every = run_suite(replace(options, match=(), list_only=True, out=None)).collected.every
    for name in known.strangers(every):
        raise click.UsageError(f"--known {file}: {name}: found no such case, wanted one that runs")
    return replace(options, known=known)
