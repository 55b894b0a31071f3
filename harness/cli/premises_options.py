"""Read what the command line says of a home: which one, what it is given, what fails in it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from emulator.errors import did_you_mean
from harness.cli.typed import typed

if TYPE_CHECKING:
    from harness.premises.defects import Planted
    from harness.premises.faults import HomeFault
    from harness.premises.model import Premises
    from harness.premises.plan import Speech, Wish

#: Octets of the payload of a made image, where the user says nothing.
SIZE = 16 * 1024
_UNITS = {"": 1, "KiB": 1024, "MiB": 1024 * 1024}
_LARGEST = 64 * 1024 * 1024
#: What stands for the hub and who conducts it, or for every bridge, where a defect is planted.
_WHOLE = "home"


class Assigned(click.ParamType[tuple[str, str]]):
    """Take ``BRIDGE=VALUE``."""

    def __init__(self, value: str) -> None:
        self.name = f"bridge={value}"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return the bridge's name and the rest, or fail with what was found and wanted."""
        name, _, rest = str(value).partition("=")
        if not (name and rest):
            self.fail(f"found {value!r}, wanted {self.name.upper()}", param, ctx)
        return name, rest


class Size(click.ParamType[int]):
    """Take a number of octets, also as 16KiB or 1MiB."""

    name = "size"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the octets, or fail with what was found and wanted."""
        found = re.fullmatch(r"(\d{1,9})(KiB|MiB|)", str(value))
        octets = 0 if found is None else int(found[1]) * _UNITS[found[2]]
        if not 1 <= octets <= _LARGEST:
            self.fail(f"found {value!r}, wanted 1 to 64MiB, as 4096 or 16KiB", param, ctx)
        return octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Be what the user asks for, as typed."""

    images: tuple[tuple[str, str], ...]
    size: int | None
    speaks: tuple[tuple[str, str], ...]
    order: str | None
    together: bool
    anyway: bool
    faults: tuple[str, ...]
    seed: int
    defects: tuple[tuple[str, str], ...]
    batteries: tuple[tuple[str, str], ...]
    out: Path | None
    traced: bool
    as_json: bool


_OPTIONS = (
    click.option(
        "--image", "images", type=Assigned("file"), multiple=True,
        help="The image that a bridge takes; repeatable. Without any, each takes a made one.",
    ),
    click.option(
        "--size", type=Size(), help=f"Payload of a made image.  [default: {SIZE // 1024}KiB]"
    ),
    click.option(
        "--speaks", type=Assigned("low..high"), multiple=True,
        help="Link protocols of a made image; without, those of the links.",
    ),
    click.option(
        "--order", metavar="NAMES",
        help='Your own order: "," between steps, "+" between bridges of one step.',
    ),
    click.option("--both", "together", is_flag=True, help="Both remotes in one step."),
    click.option("--anyway", is_flag=True, help="Carry out --order even if a pair falls mute."),
    click.option(
        "--fault", "faults", metavar="TEXT", multiple=True,
        help="What fails, as near:cut@120s; repeatable; docs/guides/premises.md has all.",
    ),
    click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True),
    click.option(
        "--defect", "defects", type=Assigned("id"), multiple=True,
        help="Plant a defect in a bridge, or home=ID: in every bridge, or in the hub.",
    ),
    click.option(
        "--battery", "batteries", type=Assigned("percent"), multiple=True,
        help="Charge of a battery at the beginning; without, 100.",
    ),
    click.option(
        "--out", type=click.Path(file_okay=False, path_type=Path),
        help="Folder for premises.json and premises.html, with a seal.",
    ),
    click.option("--trace", "traced", is_flag=True, help="With --out: trace.jsonl, every frame."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
)  # fmt: skip


def home_options(command: Callable[..., object]) -> Callable[..., object]:
    """Give a command the options of a home, as its argument ``asked``."""

    @wraps(command)
    def fitted(*args: object, **given: Any) -> None:  # noqa: ANN401 - click's
        own = {name: given.pop(name) for name in Asked.__dataclass_fields__}
        command(*args, asked=Asked(**own), **given)

    made: Callable[..., object] = fitted
    for option in reversed(_OPTIONS):
        made = option(made)
    return made


def alone(context: click.Context, option: str, *others: str) -> None:
    """Refuse what counts for nothing beside an option.

    Args:
        context: Of the command, which has the option.
        option: As ``--list``.
        others: Parameters that may stand beside it.

    Raises:
        click.UsageError: Another was given too.
    """
    for name, shown in typed(context).items():
        if shown != option and name not in others:
            raise click.UsageError(f"{shown}: found {option} too, wanted one of them")


def find_home(name: str) -> "Premises":
    """Return the home of a name or a file.

    Raises:
        click.UsageError: There is none; the message names the nearest.
    """
    from harness.premises import load
    from harness.premises.model import PremisesError

    try:
        return load.find(name)
    except PremisesError as error:
        hint = "" if name.endswith(".toml") else did_you_mean(name, load.names())
        raise click.UsageError(f"{error}{hint}") from None


def by_bridge(
    option: str, pairs: Iterable[tuple[str, str]], known: Sequence[str]
) -> dict[str, str]:
    """Return what an option gives to each bridge.

    Raises:
        click.UsageError: A name is unknown, or stands twice; the message names the nearest.
    """
    made: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            wanted = f"one of {', '.join(known)}" if known else "nothing: no bridge has one"
            wanted += did_you_mean(name, known)
            raise click.UsageError(f"{option}: found {name}, wanted {wanted}")
        if name in made:
            raise click.UsageError(f"{option}: found {name} twice, wanted it once")
        made[name] = value
    return made


def speeches(asked: Asked, premises: "Premises") -> "dict[str, Speech]":
    """Return the link protocols that each made image speaks.

    Raises:
        click.UsageError: A range is none, or there are no made images.
    """
    if asked.speaks and asked.images:
        raise click.UsageError("--speaks: found --image too, whose manifest says it; wanted one")
    names = [one.name for one in premises.bridges]
    made: dict[str, Speech] = {}
    for name, text in by_bridge("--speaks", asked.speaks, names).items():
        found = re.fullmatch(r"(\d{1,3})\.\.(\d{1,3})", text)
        low, high = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= low <= high <= 255:
            raise click.UsageError(
                f"--speaks {name}: found {text!r}, wanted LOW..HIGH, as 1..2, of 1 to 255"
            )
        made[name] = (low, high)
    return {name: premises.protocols(name) for name in names} | made


def charges(asked: Asked, premises: "Premises") -> dict[str, int]:
    """Return the percent of each battery that the user names.

    Raises:
        click.UsageError: A bridge has none, or the number is no percentage.
    """
    cells = [one.name for one in premises.bridges if one.profile.battery is not None]
    made: dict[str, int] = {}
    for name, text in by_bridge("--battery", asked.batteries, cells).items():
        if not re.fullmatch(r"\d{1,3}", text) or int(text) > 100:
            raise click.UsageError(f"--battery {name}: found {text!r}, wanted 0 to 100")
        made[name] = int(text)
    return made


def wish_of(asked: Asked, premises: "Premises") -> "Wish":
    """Return what the user wants of the plan.

    Raises:
        click.UsageError: Two options contradict each other.
        PremisesError: The order cannot be read.
    """
    from harness.premises.plan import Wish, read_order

    if asked.order is None and asked.anyway:
        raise click.UsageError("--anyway: found no --order, wanted one to carry out")
    if asked.order is not None and asked.together:
        raise click.UsageError('--both: found --order too, wanted "+" in it')
    if asked.together and len(premises.remotes) < 2:
        found = f"one remote in {premises.label}"
        raise click.UsageError(f"--both: found {found}, wanted two")
    order = None if asked.order is None else read_order(asked.order)
    return Wish(order=order, together=asked.together, anyway=asked.anyway)


def faults_of(asked: Asked, premises: "Premises") -> "tuple[HomeFault, ...]":
    """Return what fails.

    Raises:
        FaultError: A text is no fault of this home.
    """
    from harness.premises.faults import parse_fault

    return tuple(parse_fault(one, premises) for one in asked.faults)


def planted_in(asked: Asked, premises: "Premises") -> "Planted":
    """Return what the home is made with, defects and all.

    Raises:
        click.UsageError: There is no such defect, or no bridge can have it.
    """
    from harness.defects import known, nearest
    from harness.premises.defects import HOME_DEFECTS, planted

    names = [one.name for one in premises.bridges]
    given = by_bridge("--defect", asked.defects, [*names, _WHOLE])
    every = [one.id for one in (*known("client"), *known("premises"))]
    for name, id in given.items():
        if id.upper() not in every:
            raise click.UsageError(
                f"--defect {name}: found {id}, wanted a defect{nearest(id, every)}"
            )
        if name != _WHOLE and id.upper() in HOME_DEFECTS:
            raise click.UsageError(
                f"--defect {name}: found {id}, which is of the hub, wanted {_WHOLE}={id}"
            )
    whole = given.pop(_WHOLE, None)
    own = {name: id.upper() for name, id in given.items()}
    if whole is not None and whole.upper() not in HOME_DEFECTS:
        return planted(None, premises) | {"defects": dict.fromkeys(names, whole.upper()) | own}
    found = planted(None if whole is None else whole.upper(), premises)
    return found | {"defects": own}
