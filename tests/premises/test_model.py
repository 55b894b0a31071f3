"""A home is a tree of hub, bridges and devices; what is built in is the table of the fact sheet."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from emulator.profiles import load as profiles
from emulator.profiles.model import Power, Role
from harness.premises.load import load, names
from harness.premises.model import (
    MOST_HOMES,
    Assignment,
    Bridge,
    DeviceKind,
    LinkKind,
    Premises,
    PremisesError,
    describe,
)

#: gb-alt-han 1.3: out of range, together, supply at the gas meter, bridges; None: no matter.
TABLE = {
    "C1": ({"display"}, None, None, "B1+B2"),
    "C2": ({"meter"}, None, True, "B1+B3"),
    "C3": ({"meter"}, None, False, "B1+B4"),
    "C4": ({"display", "meter"}, True, True, "B1+B3"),
    "C5": ({"display", "meter"}, True, False, "B1+B2"),
    "C6": ({"display", "meter"}, False, True, "B1+B2+B3"),
    "C7": ({"display", "meter"}, False, False, "B1+B2+B4"),
}
#: The other assignment of 1.3: near for one, near for two, mains remote, battery remote.
OTHER = {
    "C1": "B1+B3",
    "C2": "B1+B3",
    "C3": "B1+B4",
    "C4": "B1+B3",
    "C5": "B1+B3",
    "C6": "B2+B3+B3",
    "C7": "B2+B3+B4",
}
C6 = load("C6")


def types(home: Premises) -> str:
    return "+".join(one.type for one in home.bridges)


@pytest.mark.parametrize("name", TABLE)
def test_a_built_in_home_is_a_row_of_the_table(name: str) -> None:
    far, together, supply, bridges = TABLE[name]
    home = load(name)
    assert types(home) == bridges
    assert {one.name for one in home.devices if one.parent != home.hub} == far
    if together is not None:
        assert (home.device("display").parent == home.device("meter").parent) is together
    if supply is not None:  # without it, no bridge at the gas meter draws from mains
        at_meter = [one.profile.power for one in home.remotes if one.role is Role.REMOTE_GSME]
        assert (Power.MAINS in at_meter) is supply
    # Each type is what its label says: no label hides another behaviour.
    assert all(one.profile.name == one.type for one in home.bridges)


def test_the_table_is_whole() -> None:
    """Seven configurations, five sets of hardware, two or three bridges, each type in use."""
    homes = [load(name) for name in names() if "-" not in name]
    assert [home.name for home in homes] == list(TABLE)
    assert len({types(home) for home in homes}) == 5
    assert {len(home.bridges) for home in homes} == {2, 3}
    assert {one.type for home in homes for one in home.bridges} == {"B1", "B2", "B3", "B4"}


@pytest.mark.parametrize("name", TABLE)
def test_the_alternative_swaps_names_and_keeps_the_home(name: str) -> None:
    home, other = load(name), load(f"{name}-alternative")
    assert types(other) == OTHER[name]
    assert (other.assignment, other.label) == (Assignment.ALTERNATIVE, f"{name}-alternative")
    assert (other.devices, other.links, other.names) == (home.devices, home.links, home.names)
    for ours, theirs in zip(home.bridges, other.bridges, strict=True):
        assert (ours.name, ours.role, ours.parent) == (theirs.name, theirs.role, theirs.parent)
        assert theirs.profile.role is theirs.role
        assert theirs.profile.power is ours.profile.power
    assert other.near.profile == profiles.load("B1")  # whatever its label


def test_an_alternative_has_no_other() -> None:
    with pytest.raises(PremisesError) as caught:
        load("C1-alternative").alternative()
    assert str(caught.value) == (
        "bridge[0].alternative: found nothing, wanted the other type of near"
    )


def test_a_remote_profile_takes_the_role_of_its_place() -> None:
    remote = load("C1-alternative").bridge("remote_ihd")
    assert remote.profile.role is Role.REMOTE_IHD
    assert profiles.load("B3").role is Role.REMOTE_GSME
    assert replace(remote.profile, role=Role.REMOTE_GSME) == profiles.load("B3")


def test_a_home_is_walked() -> None:
    assert C6.names == ("hub", "near", "remote_ihd", "remote_gsme", "display", "meter")
    assert C6.near.name == "near"
    assert [one.name for one in C6.remotes] == ["remote_ihd", "remote_gsme"]
    assert C6.pairs == (("near", "remote_ihd"), ("near", "remote_gsme"))
    assert C6.children("near") == ("remote_ihd", "remote_gsme")
    assert C6.children("hub") == ("near",)
    assert load("C1").children("hub") == ("near", "meter")
    assert C6.children("meter") == ()


def test_what_is_not_there_is_named() -> None:
    for ask in (C6.bridge, C6.device, C6.parent):
        with pytest.raises(KeyError, match="cellar"):
            ask("cellar")
    with pytest.raises(KeyError, match="hub-meter"):
        C6.link("hub", "meter")


def test_every_edge_has_its_link() -> None:
    for name in C6.names[1:]:
        parent = C6.parent(name)
        link = C6.link(parent, name)
        assert link is C6.link(name, parent)
        between_bridges = name.startswith("remote")
        assert link.kind is (LinkKind.BRIDGE if between_bridges else LinkKind.ZIGBEE)
        assert (link.protocol is not None) is between_bridges


def test_a_near_bridge_speaks_what_both_its_links_do() -> None:
    links = tuple(
        replace(one, protocol=3) if one.between[1] == "remote_gsme" else one for one in C6.links
    )
    home = replace(C6, links=links)
    assert home.protocols("near") == (1, 3)
    assert home.protocols("remote_gsme") == (3, 3)
    assert home.protocols("remote_ihd") == (1, 1)


def test_addresses_are_of_one_node_each() -> None:
    homes = [0, 1, 2, 255, 256, 999, 65_536, MOST_HOMES - 1]
    seen = {C6.eui64(name, home) for name, home in product(C6.names, homes)}
    assert len(seen) == len(C6.names) * len(homes)
    assert all(0 < one < 1 << 64 for one in seen)
    assert C6.eui64("near", 1) == C6.alternative().eui64("near", 1)
    # The addresses that every other bench gives to its hub and its bridges lie elsewhere.
    assert not {one >> 32 for one in seen} & {0x00124B00}
    for home in (-1, MOST_HOMES):
        with pytest.raises(ValueError, match=f"home: found {home}, wanted 0..16777215"):
            C6.eui64("near", home)
    with pytest.raises(KeyError, match="cellar"):
        C6.eui64("cellar")


def test_a_full_home_does_not_reach_into_the_next() -> None:
    first, home = C6.devices[0], load("C1")
    more = tuple(replace(first, name=f"display{number}", parent="hub") for number in range(14))
    hop = home.link("hub", "meter")
    links = tuple(replace(hop, between=("hub", one.name)) for one in more)
    full = replace(home, devices=(*home.devices, *more), links=(*home.links, *links))
    seen = [full.eui64(name, number) for name in full.names for number in range(3)]
    assert len(set(seen)) == len(seen) == 3 * 19


def test_a_home_is_described() -> None:
    assert describe(load("C3-alternative")) == (
        "C3-alternative: gas meter out of range, no supply beside it",
        "  near: B1, mains, serves remote_gsme (link protocol 1)",
        "  remote_gsme: B4, battery, serves meter",
        "  hub: hears display itself",
    )
    assert len(describe(C6)) == 4  # nothing hangs at the hub


def bridge(at: int, **changes: object) -> dict[str, object]:
    made = replace(C6.bridges[at], **changes)
    return {"bridges": (*C6.bridges[:at], made, *C6.bridges[at + 1 :])}


def device(at: int, **changes: object) -> dict[str, object]:
    made = replace(C6.devices[at], **changes)
    return {"devices": (*C6.devices[:at], made, *C6.devices[at + 1 :])}


def link(at: int, **changes: object) -> dict[str, object]:
    made = replace(C6.links[at], **changes)
    return {"links": (*C6.links[:at], made, *C6.links[at + 1 :])}


B4 = load("C7").bridge("remote_gsme").profile
NEAR, IHD, GSME = C6.bridges
NAME = "wanted 1..32 of a-z, 0-9 and '_' that begin with a letter"
BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": "C 6"}, "name: found \"C 6\", wanted 1..32 letters, digits, '.', '_' or '-'"),
    ({"about": "two\nlines"}, "about: found 'two\\nlines', wanted one line of printable text"),
    ({"hub": "Hub"}, f"hub.name: found 'Hub', {NAME}"),
    (device(0, name="di-splay"), f"device[0].name: found 'di-splay', {NAME}"),
    (device(0, name="\x1b[2J"), f"device[0].name: found '\\x1b[2J', {NAME}"),
    (
        device(1, name="display"),
        'device[1].name: found "display", wanted another name: it is that of device[0]',
    ),
    (
        {"hub": "home"},
        'hub.name: found "home", wanted another name: it is that of what stands for all of the '
        "home",
    ),
    (
        {"devices": tuple(replace(C6.devices[0], name=f"d{n}") for n in range(17))},
        "device: found 17 devices, wanted at most 16",
    ),
    ({"bridges": (NEAR,)}, "bridge: found 1 of them, wanted 2 or 3 (gb-alt-han 1.1)"),
    (
        {"bridges": (*C6.bridges, replace(IHD, name="fourth"))},
        "bridge: found 4 of them, wanted 2 or 3 (gb-alt-han 1.1)",
    ),
    (
        {"bridges": (IHD, GSME)},
        'bridge: found no role "near", wanted one bridge that the hub hears',
    ),
    (
        bridge(1, role=Role.NEAR),
        'bridge[1].role: found "near", wanted another role: near has this one',
    ),
    (
        bridge(2, role=Role.REMOTE_IHD),
        'bridge[2].role: found "remote_ihd", wanted another role: remote_ihd has this one',
    ),
    (
        bridge(0, parent="remote_ihd"),
        'bridge[0].parent: found "remote_ihd", wanted "hub": it is the near bridge',
    ),
    (
        bridge(1, parent="hub"),
        'bridge[1].parent: found "hub", wanted "near": it is a remote bridge',
    ),
    (
        bridge(2, parent="remote_ihd"),  # a chain, or half a circle
        'bridge[2].parent: found "remote_ihd", wanted "near": it is a remote bridge',
    ),
    (bridge(1, type=" "), "bridge[1].type: found ' ', wanted one line of printable text"),
    (
        bridge(0, profile=IHD.profile),
        'bridge[0].profile: found "B2", whose role is remote_ihd, wanted one whose role is near',
    ),
    (
        bridge(2, profile=NEAR.profile),
        'bridge[2].profile: found "B1", whose role is near, wanted one whose role is remote_ihd '
        "or remote_gsme",
    ),
    (
        bridge(1, profile=B4),
        'bridge[1].profile: found "B4", which runs on a battery, wanted one on mains: only '
        "remote_gsme may lack supply",
    ),
    (
        device(1, parent="near"),
        'device[1].parent: found "near", wanted one of hub, remote_ihd, remote_gsme',
    ),
    (
        device(1, parent="cellar"),
        'device[1].parent: found "cellar", wanted one of hub, remote_ihd, remote_gsme',
    ),
    (
        bridge(1, serves=("cellar",)),
        'bridge[1].serves: found "cellar", wanted names of what hangs on this bridge',
    ),
    (
        bridge(1, serves=("display", "hub")),
        'bridge[1].serves: found "hub", wanted names of what hangs on this bridge',
    ),
    (
        bridge(1, serves=("display", "meter")),  # served by two
        'bridge[1].serves: found "meter", wanted what hangs on remote_ihd: the parent of meter is '
        "remote_gsme",
    ),
    (
        bridge(1, serves=("display", "display")),
        'bridge[1].serves: found "display" twice, wanted each name once',
    ),
    (
        bridge(0, serves=("remote_ihd",)),
        "bridge[0].serves: found remote_ihd, wanted remote_gsme too: its parent is near",
    ),
    (
        {**device(1, parent="hub"), **bridge(2, serves=())},
        "bridge[2].serves: found nothing, wanted a bridge or a device that needs this one",
    ),
    (
        {**bridge(2, profile=B4), **device(1, kind=DeviceKind.DISPLAY)},
        "bridge[2].profile: found a battery, and meter, a display, to serve, wanted one on mains, "
        "or a gas_meter alone",
    ),
    (
        link(1, between=("near", "cellar")),
        'link[1].between: found "cellar", wanted two of hub, near, remote_ihd, remote_gsme, '
        "display, meter",
    ),
    (
        link(0, between=("near", "hub")),
        "link[0].between: found near-hub, wanted a node's parent and that node",
    ),
    (
        link(0, between=("hub", "hub")),
        "link[0].between: found hub-hub, wanted a node's parent and that node",
    ),
    (
        link(1, between=("remote_ihd", "remote_gsme")),
        "link[1].between: found remote_ihd-remote_gsme, wanted a node's parent and that node",
    ),
    (
        link(2, between=("near", "remote_ihd")),
        "link[2].between: found near-remote_ihd again, wanted each pair once",
    ),
    (
        link(1, kind=LinkKind.ZIGBEE),
        'link[1].kind: found "zigbee", wanted "bridge": both ends are bridges',
    ),
    (
        link(3, kind=LinkKind.BRIDGE),
        'link[3].kind: found "bridge", wanted "zigbee": an end is no bridge',
    ),
    (link(1, protocol=None), "link[1].protocol: found nothing, wanted a number"),
    (
        link(0, octets_per_s=9),
        "link[0].octets_per_s: found 9, wanted no such key in a zigbee hop",
    ),
    ({"links": C6.links[1:]}, "link: found none between hub and near, wanted one"),
]


@pytest.mark.parametrize(("changes", "message"), BAD, ids=lambda one: str(one)[:50])
def test_what_is_no_home_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PremisesError) as caught:
        replace(C6, **changes)
    assert str(caught.value) == message


def test_the_alternative_is_checked_too() -> None:
    other = replace(IHD.other, profile=NEAR.profile)  # type: ignore[type-var]  # it has one
    with pytest.raises(PremisesError, match=r"^bridge\[1\]\.alternative\.profile: found \"B1\""):
        replace(C6, **bridge(1, other=other))


def test_bridges_are_values() -> None:
    assert isinstance(hash(NEAR), int)
    assert {load("C6"), C6} == {C6}
    assert Bridge.__dataclass_params__.frozen  # type: ignore[attr-defined]
