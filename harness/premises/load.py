"""Build homes from TOML: the built-in ones by name, a user's by path.

Every complaint is a ``PremisesError`` of one line: file, key, found, wanted.
"""

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from emulator.errors import ProfileError
from emulator.profiles import load as profiles
from emulator.profiles.model import Profile, Role
from emulator.profiles.section import Range
from emulator.units import MILLISECOND, SECOND, Octets
from harness.dut.model import DutError
from harness.dut.table import Table, octets_of
from harness.premises.model import (
    Assignment,
    Bridge,
    Device,
    DeviceKind,
    Hardware,
    Link,
    LinkKind,
    Premises,
    PremisesError,
)

#: Far above any file of its kind: a huge one is refused before it fills memory.
LARGEST_FILE: Octets = 1 << 20
_DATA = "data"
_OTHER = f"-{Assignment.ALTERNATIVE}"
_PERIODS = Range(1, 86_400)
_TRIES = Range(1, 20)
_TIMEOUTS = Range(1, 60_000)
_LATENCIES = Range(1, 60_000)
_RATES = Range(1, 1_000_000_000)
_PROTOCOLS = Range(1, 255)


class _Traffic(NamedTuple):
    """Hold what a device does where its table does not say."""

    period_s: int
    tries: int
    timeout_ms: int
    sleepy: bool


#: docs/premises.md has the reasons.
USUAL_TRAFFIC = {
    DeviceKind.DISPLAY: _Traffic(period_s=10, tries=2, timeout_ms=3000, sleepy=False),
    DeviceKind.GAS_METER: _Traffic(period_s=1800, tries=3, timeout_ms=8000, sleepy=True),
}
USUAL_LATENCY_MS = 5
USUAL_RATE = 12_500
USUAL_PROTOCOL = 1


def names() -> tuple[str, ...]:
    """Return the names of the built-in homes: each, then each with the alternative types."""
    folder = resources.files(__package__).joinpath(_DATA)
    files = sorted(one.name for one in folder.iterdir() if one.name.endswith(".toml"))
    own = [name.removesuffix(".toml").upper() for name in files]
    return (*own, *(f"{name}{_OTHER}" for name in own))


@cache
def load(name: str) -> Premises:
    """Return a built-in home by its name, in any case.

    Raises:
        PremisesError: There is none of this name.
    """
    known = {one.lower(): one for one in names()}
    if name.lower() not in known:
        wanted = f"one of {', '.join(names())}, or a file (.toml)"
        raise PremisesError(f"{name}: found no such home, wanted {wanted}")
    plain = name.lower().removesuffix(_OTHER)
    if plain != name.lower():
        return load(plain).alternative()
    file = f"{plain}.toml"
    text = resources.files(__package__).joinpath(_DATA, file).read_text("utf-8")
    return parse(text, file)


def find(name_or_path: str) -> Premises:
    """Return the home that a user names: a built-in one, else a file.

    Raises:
        PremisesError: There is no such home or file, or the file describes none.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        return load(name_or_path)
    try:
        text = octets_of(path, LARGEST_FILE, name_or_path).decode("utf-8")
    except DutError as error:
        raise PremisesError(str(error)) from None
    except UnicodeDecodeError as error:
        where = f"no UTF-8 at octet {error.start}"
        raise PremisesError(f"{name_or_path}: found {where}, wanted a file of TOML") from None
    return parse(text, name_or_path, path.parent)


def parse(text: str, origin: str, folder: Path | None = None) -> Premises:
    """Build the home that a TOML text describes.

    Args:
        text: The whole document.
        origin: Where it came from; each message begins with it.
        folder: Where the files of its profiles lie; None: it names built-in profiles only.

    Raises:
        PremisesError: The text is no TOML, or a key is unknown, missing, of the wrong type or out
            of range, or the parts make no home.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # no TOML, or nested too deep
        raise PremisesError(_line(f"{origin}: found {error}, wanted a file of TOML")) from None
    try:
        return _premises(Table(document, ""), _Profiles(folder))
    except (DutError, PremisesError) as error:
        raise PremisesError(_line(f"{origin}: {error}")) from None


def _line(text: str) -> str:
    """Return a message on one line, whatever the values in it hold."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


class _Profiles:
    """Find the profiles that one document names."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def of(self, table: Table, role: Role) -> Profile:
        """Return the profile that a table names, as it behaves in a role."""
        name = table.text("profile")
        known = name.upper() in profiles.names()
        try:
            found = profiles.load(name) if known else self._file(table, name)
            if Role.NEAR in (found.role, role):
                return found
            # One kind of remote bridge stands in for the other: it has the role of its place.
            return profiles.overlay(found, {"role": role})
        except ProfileError as error:
            table.blame("profile", str(error))

    def _file(self, table: Table, name: str) -> Profile:
        if self._folder is None or not name.endswith(".toml"):
            files = "" if self._folder is None else ", or a profile's file (.toml)"
            table.refuse("profile", f'"{name}"', f"one of {', '.join(profiles.names())}{files}")
        octets = octets_of(self._folder / name, LARGEST_FILE, f"{table.name('profile')}: {name}")
        try:
            return profiles.parse(octets.decode("utf-8"), name)
        except UnicodeDecodeError as error:
            table.refuse("profile", f"no UTF-8 at octet {error.start} of {name}", "a profile")


def _premises(top: Table, known: _Profiles) -> Premises:
    name, about = top.text("name"), top.text("about")
    hub_table = top.table("hub")
    hub = hub_table.text("name", "hub")
    hub_table.close()
    bridges = [_bridge(one, known) for one in top.tables("bridge")]
    devices = [_device(one) for one in top.tables("device")]
    kinds = {one.name for one in bridges}
    links = [_link(one, kinds) for one in top.tables("link")]
    top.close()
    told = {frozenset(one.between) for one in links}
    ends = [[one.parent, one.name] for one in bridges]
    ends += [[one.parent, one.name] for one in devices]
    links += [
        _link(Table({"between": each}, ""), kinds) for each in ends if frozenset(each) not in told
    ]
    return Premises(
        name=name,
        about=about,
        hub=hub,
        bridges=tuple(bridges),
        devices=tuple(devices),
        links=tuple(links),
    )


def _bridge(table: Table, known: _Profiles) -> Bridge:
    role = table.word("role", Role, table.text("role"))
    other = table.table("alternative") if "alternative" in table.names() else None
    made = Bridge(
        name=table.text("name", role),
        type=table.text("type"),
        profile=known.of(table, role),
        role=role,
        parent=table.text("parent"),
        serves=table.texts("serves"),
        other=None if other is None else _hardware(other, known, role),
    )
    table.close()
    return made


def _hardware(table: Table, known: _Profiles, role: Role) -> Hardware:
    made = Hardware(type=table.text("type"), profile=known.of(table, role))
    table.close()
    return made


def _device(table: Table) -> Device:
    kind = table.word("kind", DeviceKind, table.text("kind"))
    usual = USUAL_TRAFFIC[kind]
    period_s = table.whole("period_s", _PERIODS, usual.period_s)
    tries = table.whole("tries", _TRIES, usual.tries)
    timeout_ms = table.whole("timeout_ms", _TIMEOUTS, usual.timeout_ms)
    if tries * timeout_ms > period_s * 1000:
        wanted = f"at most {period_s * 1000}, as period_s says"
        table.refuse("timeout_ms", f"{tries} tries of {timeout_ms}", wanted)
    made = Device(
        name=table.text("name"),
        kind=kind,
        parent=table.text("parent"),
        period_us=period_s * SECOND,
        tries=tries,
        timeout_us=timeout_ms * MILLISECOND,
        sleepy=table.flag("sleepy", usual=usual.sleepy),
    )
    table.close()
    return made


def _link(table: Table, bridges: set[str]) -> Link:
    between = table.texts("between")
    if len(between) != 2:
        table.refuse("between", ", ".join(between) or "nothing", "two names, the parent's first")
    usual = LinkKind.BRIDGE if bridges.issuperset(between) else LinkKind.ZIGBEE
    kind = table.word("kind", LinkKind, table.text("kind", usual))
    # A hop of a ZigBee network has neither: where one is given, the home's own check says so.
    own = kind is LinkKind.BRIDGE
    made = Link(
        between=(between[0], between[1]),
        kind=kind,
        latency_us=table.whole("latency_ms", _LATENCIES, USUAL_LATENCY_MS) * MILLISECOND,
        loss=table.fraction("loss", 0.0),
        duplicates=table.fraction("duplicates", 0.0),
        octets_per_s=_number(table, "octets_per_s", _RATES, USUAL_RATE if own else None),
        protocol=_number(table, "protocol", _PROTOCOLS, USUAL_PROTOCOL if own else None),
    )
    table.close()
    return made


def _number(table: Table, key: str, bound: Range, usual: int | None) -> int | None:
    """Return a key that only some tables have."""
    if usual is None and key not in table.names():
        return None
    return table.whole(key, bound, usual)
