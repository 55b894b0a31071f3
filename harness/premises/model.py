"""Hold what a home is: bridges, what hangs on them, and what connects them, as data.

A home is a tree: the hub, the near bridge, one or two remote bridges, and a device at any of
them (gb-alt-han 1.3, 1.4). Code asks for roles and names; the type of a bridge is a label.
``docs/premises.md`` says what each key means; a test holds the page to this module.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NoReturn, TypeVar

from emulator.errors import HanoverError
from emulator.profiles.model import Power, Profile, Role
from emulator.units import Us

#: The address of a node: this, the number of its home, and its place in the home.
_ADDRESSES = 0x00124B48_00000000
MOST_HOMES = 1 << 24
#: What stands for all of a home, so no node has it as its name.
WHOLE = "home"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_LABEL = re.compile(r"[A-Za-z0-9._-]{1,32}")
#: Far more than a household has; a place in the home is one octet of an address.
MOST_DEVICES = 16
_REMOTE = (Role.REMOTE_IHD, Role.REMOTE_GSME)


class PremisesError(HanoverError, ValueError):
    """A description of a home is wrong; the message names file, key, found and wanted."""


class Assignment(StrEnum):
    """Name which types the roles of a home were given (gb-alt-han 1.3)."""

    SMALLEST = "smallest"
    ALTERNATIVE = "alternative"


class DeviceKind(StrEnum):
    """Name what a device of the household does."""

    DISPLAY = "display"
    GAS_METER = "gas_meter"


class LinkKind(StrEnum):
    """Name what carries datagrams between two neighbours."""

    ZIGBEE = "zigbee"  # a hop inside one ZigBee network
    BRIDGE = "bridge"  # between two bridges, in a protocol of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """Name a type, and the profile that it behaves by."""

    type: str
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """Be one bridge of a home; ``profile.role`` is the role that it has here."""

    name: str
    type: str  # a label for reports; nothing asks for it
    profile: Profile
    role: Role
    parent: str
    serves: tuple[str, ...]
    other: Hardware | None = None  # what the alternative assignment puts in its place

    @property
    def remote(self) -> bool:
        """Tell whether the hub reaches this one through the near bridge only."""
        return self.role is not Role.NEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Be a display or a gas meter, with the traffic that it makes."""

    name: str
    kind: DeviceKind
    parent: str
    period_us: Us
    tries: int  # in one period, the first one counted
    timeout_us: Us  # of each try
    sleepy: bool


_Node = TypeVar("_Node", bound=Bridge | Device)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Be what connects a node to its parent; ``between`` has the parent first."""

    between: tuple[str, str]
    kind: LinkKind
    latency_us: Us
    loss: float  # 0..1 of the datagrams, each way
    duplicates: float  # 0..1 of those that arrive come twice
    octets_per_s: int | None = None  # of a link between bridges
    protocol: int | None = None  # that the images of the factory speak on a link between bridges


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """Be one home: what is in it and how it hangs together, checked on construction.

    Raises:
        PremisesError: The parts make no home; the message names the key, found and wanted.
    """

    name: str
    about: str
    hub: str
    bridges: tuple[Bridge, ...]
    devices: tuple[Device, ...]
    links: tuple[Link, ...]
    assignment: Assignment = Assignment.SMALLEST

    def __post_init__(self) -> None:
        _check_names(self)
        _check_bridges(self)
        _check_devices(self)
        for at, bridge in enumerate(self.bridges):
            _check_service(self, f"bridge[{at}]", bridge)
        _check_links(self)

    @property
    def label(self) -> str:
        """Return the name by which ``load`` finds this home in this assignment."""
        if self.assignment is Assignment.SMALLEST:
            return self.name
        return f"{self.name}-{self.assignment}"

    @property
    def names(self) -> tuple[str, ...]:
        """Return every node's name: the hub, the bridges, the devices."""
        return (self.hub, *(one.name for one in self.nodes))

    @property
    def nodes(self) -> tuple[Bridge | Device, ...]:
        """Return every bridge, then every device."""
        return (*self.bridges, *self.devices)

    @property
    def near(self) -> Bridge:
        """Return the bridge that the hub hears."""
        return next(one for one in self.bridges if not one.remote)

    @property
    def remotes(self) -> tuple[Bridge, ...]:
        """Return the bridges behind the near one, in the order of the file."""
        return tuple(one for one in self.bridges if one.remote)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return the names of each near and remote bridge that must understand each other."""
        return tuple((self.near.name, one.name) for one in self.remotes)

    def bridge(self, name: str) -> Bridge:
        """Return a bridge by its name.

        Raises:
            KeyError: There is none.
        """
        return _named(self.bridges, name)

    def device(self, name: str) -> Device:
        """Return a device by its name.

        Raises:
            KeyError: There is none.
        """
        return _named(self.devices, name)

    def parent(self, name: str) -> str:
        """Return the name of the node that another one hangs on; of the hub, itself.

        Raises:
            KeyError: There is no such node.
        """
        return self.hub if name == self.hub else _named(self.nodes, name).parent

    def children(self, name: str) -> tuple[str, ...]:
        """Return the names of what hangs on a node, bridges first."""
        return tuple(one.name for one in self.nodes if one.parent == name)

    def link(self, one: str, other: str) -> Link:
        """Return the link between two neighbours, named in either order.

        Raises:
            KeyError: They are no neighbours.
        """
        for link in self.links:
            if set(link.between) == {one, other}:
                return link
        raise KeyError(f"{one}-{other}")

    def protocols(self, name: str) -> tuple[int, int]:
        """Return the lowest and the highest link protocol that a bridge's first image speaks."""
        spoken = [
            link.protocol
            for link in self.links
            if name in link.between and link.protocol is not None
        ]
        return min(spoken), max(spoken)

    def eui64(self, name: str, home: int = 0) -> int:
        """Return the address of a node; no two nodes of any two homes share one.

        Args:
            name: Of the node.
            home: The number of the home, 0..16,777,215, where one process has many.

        Raises:
            KeyError: There is no such node.
            ValueError: There is no such home.
        """
        if name not in self.names:
            raise KeyError(name)
        if not 0 <= home < MOST_HOMES:
            raise ValueError(f"home: found {home}, wanted 0..{MOST_HOMES - 1}")
        return _ADDRESSES | home << 8 | self.names.index(name) + 1

    def alternative(self) -> "Premises":
        """Return this home with the types of the alternative assignment (GB-060).

        Raises:
            PremisesError: A bridge does not say what stands in its place there.
        """
        made = []
        for at, one in enumerate(self.bridges):
            if one.other is None:
                _refuse(f"bridge[{at}].alternative", "nothing", f"the other type of {one.name}")
            made.append(replace(one, type=one.other.type, profile=one.other.profile, other=None))
        return replace(self, bridges=tuple(made), assignment=Assignment.ALTERNATIVE)


def describe(premises: Premises) -> tuple[str, ...]:
    """Return what a list shows of a home: one line a bridge, then the devices at the hub."""
    lines = [f"{premises.label}: {premises.about}"]
    for one in premises.bridges:
        served = ", ".join(_shown(premises, name) for name in one.serves)
        lines.append(f"  {one.name}: {one.type}, {one.profile.power}, serves {served}")
    heard = [one.name for one in premises.devices if one.parent == premises.hub]
    if heard:
        lines.append(f"  {premises.hub}: hears {', '.join(heard)} itself")
    return tuple(lines)


def _shown(premises: Premises, name: str) -> str:
    link = premises.link(name, premises.parent(name))
    return name if link.protocol is None else f"{name} (link protocol {link.protocol})"


def _named(nodes: Sequence[_Node], name: str) -> _Node:
    for one in nodes:
        if one.name == name:
            return one
    raise KeyError(name)


def _check_names(home: Premises) -> None:
    if not _LABEL.fullmatch(home.name):
        _refuse("name", f'"{home.name}"', "1..32 letters, digits, '.', '_' or '-'")
    if not home.about.strip() or not home.about.isprintable():
        _refuse("about", f"{home.about!r}", "one line of printable text")
    if len(home.devices) > MOST_DEVICES:
        _refuse("device", f"{len(home.devices)} devices", f"at most {MOST_DEVICES}")
    keys = ["hub.name"]
    keys += [f"bridge[{at}].name" for at in range(len(home.bridges))]
    keys += [f"device[{at}].name" for at in range(len(home.devices))]
    taken: dict[str, str] = {WHOLE: "what stands for all of the home"}
    for key, name in zip(keys, home.names, strict=True):
        if not _NAME.fullmatch(name):
            wanted = "1..32 of a-z, 0-9 and '_' that begin with a letter"
            _refuse(key, f"{name!r}", wanted)
        if name in taken:
            _refuse(key, f'"{name}"', f"another name: it is that of {taken[name]}")
        taken[name] = key.removesuffix(".name")


def _check_bridges(home: Premises) -> None:
    if len(home.bridges) not in (2, 3):
        _refuse("bridge", f"{len(home.bridges)} of them", "2 or 3 (gb-alt-han 1.1)")
    if all(one.remote for one in home.bridges):
        _refuse("bridge", f'no role "{Role.NEAR}"', "one bridge that the hub hears")
    had: dict[Role, str] = {}
    for at, one in enumerate(home.bridges):
        key = f"bridge[{at}]"
        if one.role in had:
            _refuse(f"{key}.role", f'"{one.role}"', f"another role: {had[one.role]} has this one")
        had[one.role] = one.name
        wanted = home.near.name if one.remote else home.hub
        if one.parent != wanted:
            why = "it is a remote bridge" if one.remote else "it is the near bridge"
            _refuse(f"{key}.parent", f'"{one.parent}"', f'"{wanted}": {why}')
        for hardware, where in _hardware(one, key):
            _check_profile(one, hardware, where)


def _hardware(one: Bridge, key: str) -> list[tuple[Hardware, str]]:
    own = [(Hardware(type=one.type, profile=one.profile), key)]
    return own if one.other is None else [*own, (one.other, f"{key}.alternative")]


def _check_profile(one: Bridge, hardware: Hardware, where: str) -> None:
    profile = hardware.profile
    if not hardware.type.strip() or not hardware.type.isprintable():
        _refuse(f"{where}.type", f"{hardware.type!r}", "one line of printable text")
    if (profile.role is Role.NEAR) == one.remote:
        found = f'"{profile.name}", whose role is {profile.role}'
        wanted = " or ".join(_REMOTE) if one.remote else Role.NEAR
        _refuse(f"{where}.profile", found, f"one whose role is {wanted}")
    if profile.power is Power.BATTERY and one.role is not Role.REMOTE_GSME:
        found = f'"{profile.name}", which runs on a battery'
        _refuse(f"{where}.profile", found, f"one on mains: only {Role.REMOTE_GSME} may lack supply")


def _check_devices(home: Premises) -> None:
    places = (home.hub, *(one.name for one in home.remotes))
    for at, one in enumerate(home.devices):
        if one.parent not in places:
            _refuse(f"device[{at}].parent", f'"{one.parent}"', f"one of {', '.join(places)}")


def _check_service(home: Premises, key: str, bridge: Bridge) -> None:
    """See that a bridge and what hangs on it name each other."""
    known = home.names
    for name in bridge.serves:
        if name not in known or name in (home.hub, bridge.name):
            _refuse(f"{key}.serves", f'"{name}"', "names of what hangs on this bridge")
        if (parent := home.parent(name)) != bridge.name:
            wanted = f"what hangs on {bridge.name}: the parent of {name} is {parent}"
            _refuse(f"{key}.serves", f'"{name}"', wanted)
    if twice := sorted({name for name in bridge.serves if bridge.serves.count(name) > 1}):
        _refuse(f"{key}.serves", f'"{twice[0]}" twice', "each name once")
    if missing := [name for name in home.children(bridge.name) if name not in bridge.serves]:
        found = ", ".join(bridge.serves) or "nothing"
        _refuse(f"{key}.serves", found, f"{missing[0]} too: its parent is {bridge.name}")
    if not bridge.serves:
        _refuse(f"{key}.serves", "nothing", "a bridge or a device that needs this one")
    for hardware, where in _hardware(bridge, key):
        if hardware.profile.power is Power.BATTERY:
            _check_battery(home, bridge, where)


def _check_battery(home: Premises, bridge: Bridge, where: str) -> None:
    for name in bridge.serves:
        if (kind := home.device(name).kind) is not DeviceKind.GAS_METER:
            found = f"a battery, and {name}, a {kind}, to serve"
            _refuse(f"{where}.profile", found, f"one on mains, or a {DeviceKind.GAS_METER} alone")


def _check_links(home: Premises) -> None:
    seen: set[frozenset[str]] = set()
    bridges = {one.name for one in home.bridges}
    for at, link in enumerate(home.links):
        ends, key = frozenset(link.between), f"link[{at}]"
        shown = "-".join(link.between)
        for name in link.between:
            if name not in home.names:
                _refuse(f"{key}.between", f'"{name}"', f"two of {', '.join(home.names)}")
        if link.between[0] != home.parent(link.between[1]) or link.between[1] == home.hub:
            _refuse(f"{key}.between", shown, "a node's parent and that node")
        if ends in seen:
            _refuse(f"{key}.between", f"{shown} again", "each pair once")
        seen.add(ends)
        wanted = LinkKind.BRIDGE if ends <= bridges else LinkKind.ZIGBEE
        if link.kind is not wanted:
            why = "both ends are bridges" if ends <= bridges else "an end is no bridge"
            _refuse(f"{key}.kind", f'"{link.kind}"', f'"{wanted}": {why}')
        _check_rates(link, key)
    for name in home.names[1:]:
        if frozenset((home.parent(name), name)) not in seen:
            _refuse("link", f"none between {home.parent(name)} and {name}", "one")


def _check_rates(link: Link, key: str) -> None:
    """See that a link between bridges, and no hop, has what only such a link has."""
    own = {"octets_per_s": link.octets_per_s, "protocol": link.protocol}
    for name, value in own.items():
        if (value is None) == (link.kind is LinkKind.BRIDGE):
            found = "nothing" if value is None else str(value)
            wanted = "a number" if value is None else f"no such key in a {link.kind} hop"
            _refuse(f"{key}.{name}", found, wanted)


def _refuse(key: str, found: str, wanted: str) -> NoReturn:
    raise PremisesError(f"{key}: found {found}, wanted {wanted}")
