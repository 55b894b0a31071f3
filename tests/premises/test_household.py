"""Let whole homes live: they come up, are read, go dark, and can be many."""

from dataclasses import replace

import pytest

from emulator.actions import Happening
from emulator.units import HOUR, MINUTE, SECOND
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.premises.household import Household, image_for, speech_of
from harness.premises.load import load, names
from harness.premises.outcome import StageKind
from harness.trace import Trace


@pytest.mark.parametrize("name", names())
def test_every_home_comes_up_and_every_bridge_is_read_over_the_air(name: str) -> None:
    premises = load(name)
    home = Household(premises)
    assert home.start()
    assert home.now < 10 * SECOND
    near = home.chronicle.records[premises.near.name].links
    assert near == {one.name: 1 for one in premises.remotes}
    assert {one.name: home.read_version(one.name) for one in premises.bridges} == (
        home.first_versions
    )
    home.run(lambda: False, HOUR)
    for one in home.devices.values():
        assert one.account.cycles > 1
        assert one.account.missed == 0


def test_near_bridge_that_is_off_darkens_all_that_is_behind_it_and_nothing_else() -> None:
    home = Household(load("C1"))
    assert home.start()
    home.begin()
    home.power("near", False)
    assert home.read_version("near") is None
    assert home.read_version("remote_ihd") is None
    home.run(lambda: False, 10 * MINUTE)
    display, meter = home.devices["display"].account, home.devices["meter"].account
    assert display.dark_us(home.now) > 9 * MINUTE
    assert meter.dark_us(home.now) == 0
    shown = {one.name: one.stage for one in home.status()}
    assert shown == {"near": StageKind.OFF, "remote_ihd": StageKind.DARK}
    home.power("near", True)
    home.run(lambda: False, MINUTE)
    assert home.read_version("remote_ihd") == FIRST_VERSION
    missed = display.missed
    home.run(lambda: False, 10 * MINUTE)
    assert display.missed == missed
    assert {one.stage for one in home.status()} == {StageKind.UP}


def test_same_seed_gives_the_same_trace_and_another_home_other_addresses() -> None:
    lines = []
    for home_number, seed in ((0, 1), (0, 1), (0, 2), (7, 1)):
        premises, trace = load("C3"), Trace()
        home = Household(premises, seed=seed, trace=trace, home=home_number)
        assert home.start()
        home.run(lambda: False, HOUR)
        lines.append("\n".join(trace.lines()))
    assert lines[0] == lines[1]
    assert lines[0] != lines[2]
    assert f"{load('C3').eui64('near', 7):016x}" in lines[3]
    assert f"{load('C3').eui64('near', 7):016x}" not in lines[0]


def test_trace_changes_nothing_of_what_happens() -> None:
    premises = load("C7")
    images = {one.name: image_for(one.profile) for one in premises.bridges}
    told = []
    for trace in (None, Trace()):
        home = Household(premises, images=images, seed=3, trace=trace)
        assert home.start()
        told.append(home.upgrade().to_json())
    assert told[0] == told[1]


def test_memory_of_a_home_does_not_grow_with_blocks() -> None:
    premises = load("C1")
    images = {one.name: image_for(one.profile, size=16_000) for one in premises.bridges}
    home = Household(premises, images=images)
    assert home.start()
    assert home.upgrade().good
    assert home.hub.blocks > 700
    assert len(home.hub.heard) < 60


def test_status_shows_where_a_bridge_stands() -> None:
    premises = load("C3")
    name = premises.remotes[0].name
    home = Household(premises, images={name: image_for(premises.remotes[0].profile, size=9000)})
    assert home.start()
    home.offer(name)
    assert home.run(lambda: (home.offset(name) or 0) > 4000, HOUR)
    near, remote = home.status()
    assert (near.offset, near.stage, near.battery_percent) == (None, StageKind.UP, None)
    assert (remote.version, remote.stage) == (FIRST_VERSION, StageKind.DOWNLOADING)
    assert remote.battery_percent == 99


def test_image_for_nobody_here_and_upgrade_before_start_are_mistakes() -> None:
    with pytest.raises(KeyError, match="remote_gsme"):
        Household(load("C1"), images={"remote_gsme": b""})
    with pytest.raises(RuntimeError, match="upgrade before start"):
        Household(load("C1")).upgrade()


def test_home_is_started_once_and_says_if_it_does_not_come_up() -> None:
    home = Household(load("C1"))
    assert home.start()
    with pytest.raises(RuntimeError, match="start twice"):
        home.start()
    cut = Household(load("C1"))
    cut.lane.set_up(("near", "remote_ihd"), False)
    assert not cut.start()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_home_with_poor_links_comes_up(seed: int) -> None:
    premises = load("C7")
    poor = tuple(replace(one, loss=0.2, duplicates=0.1) for one in premises.links)
    home = Household(replace(premises, links=poor), seed=seed)
    assert home.start()


def test_two_images_that_a_block_request_cannot_tell_apart_are_not_mixed() -> None:
    premises = load("C6-alternative")
    one, other = (each.name for each in premises.remotes)
    profile = premises.bridge(one).profile
    assert profile.ota.image_type == premises.bridge(other).profile.ota.image_type
    images = {one: image_for(profile, size=2000), other: image_for(profile, size=2500)}
    trace = Trace()
    home = Household(premises, images=images, trace=trace)
    assert home.start()
    home.offer(one, other)
    home.run(lambda: False, HOUR)
    assert {name: home.read_version(name) for name in images} == dict.fromkeys(images, NEXT_VERSION)
    said = [one.what for _, _, what, one in trace.rows if what == "report"]
    assert Happening.IMAGE_ACCEPTED in said
    assert Happening.IMAGE_REFUSED not in said


def test_each_of_two_bridges_of_one_type_gets_its_own_image() -> None:
    premises = load("C6-alternative")
    one, other = (each.name for each in premises.remotes)
    versions = {one: NEXT_VERSION, other: NEXT_VERSION + 1}
    images = {
        name: image_for(premises.bridge(name).profile, version=version)
        for name, version in versions.items()
    }
    home = Household(premises, images=images)
    assert home.start()
    home.offer(one, other)
    home.run(lambda: False, 2 * HOUR)
    assert {name: home.read_version(name) for name in versions} == versions


def test_image_says_what_it_speaks() -> None:
    profile = load("C1").near.profile
    assert speech_of(image_for(profile, speaks=(2, 3)), profile) == (2, 3)
    assert speech_of(b"no image", profile) == tuple(profile.link.protocols)
