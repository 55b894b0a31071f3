"""Let an emulated bridge live behind a stick of its own, on a network that zigpy formed on another.

Three programs that share nothing but two ports: ``hanover radio`` with two sticks and no bridge,
zigpy on the one, ``hanover emulate`` on the other. With real sticks only the ports are others.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interop.firmware import NEW, OLD, SPOILT, build, kinds, profile, spoil
from tests.interop.programs import Program, Radio, hanover, zigpy_host

STEP_S = 60
UPGRADE_S = 150

STICKS = ("--radio", "name=hub,listen=pty:./hub", "--radio", "name=dut,listen=tcp:127.0.0.1:0")


class Town:
    """Be the folder that all programs share, and start them there."""

    def __init__(self, folder: Path, *options: str) -> None:
        """Start the radio."""
        self.folder = folder
        self.radio = Radio(folder, *STICKS, *options, listen="")

    def __enter__(self) -> "Town":
        """Be there until the end."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the radio."""
        self.radio.kill()

    def bridge(self, name: str, *options: str) -> Program:
        """Make a bridge on the second stick; it is kept in the folder."""
        return self.again(name, "--version", f"{OLD:#x}", "--fast", *options)

    def again(self, name: str, *options: str) -> Program:
        """Start the bridge that the folder keeps, with nothing said of how it was made."""
        link = f"ezsp:{self.radio.port(name='dut')}"
        command = [sys.executable, "-m", "harness.cli.main", "emulate", name, "--link", link]
        return Program("bridge", [*command, "--state", "bridge", "--json", *options], self.folder)

    def host(self, image: Path | None = None, *options: str) -> Program:
        """Start zigpy on the first stick; it serves the images beside ``image``."""
        serve = [] if image is None else ["--images", str(image.parent)]
        return zigpy_host(self.folder, self.radio.port(name="hub"), *serve, *options)


@pytest.fixture
def image(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that builds an image for one type, alone in a folder."""
    known = kinds(tmp_path)

    def make(bridge: str, version: int = NEW, **more: int) -> Path:
        folder = tmp_path / f"{bridge}-{version:08x}"
        return build(folder, "image.ota", known[bridge], version, **more)

    return make


@pytest.mark.parametrize(("name", "ezsp"), [("B1", "18"), ("B4", "13")])
def test_a_bridge_is_interviewed_upgraded_and_found_again(
    image: Callable[..., Path], tmp_path: Path, name: str, ezsp: str
) -> None:
    with Town(tmp_path, "--ezsp", ezsp) as town:
        with town.bridge(name) as bridge:
            assert bridge.wait_for("opened", STEP_S)["ezsp"] == int(ezsp)
            with town.host(image(name, size=4000)) as host:
                found = host.wait_for("bridge", STEP_S)
                assert (found["model"], found["version"]) == (name, OLD)
                done = host.wait_for("upgraded", UPGRADE_S)
                assert (done["status"], done["version"]) == ("SUCCESS", NEW)
                bridge.wait_for("confirmed", STEP_S, host)
                assert host.finish(STEP_S) == 0
            assert bridge.heard("joined")[0]["address"] == found["address"]
            assert [line["version"] for line in bridge.heard("rebooted")] == [NEW]
            assert bridge.stop(STEP_S) == 130
        with town.again(name) as bridge, town.host() as host:  # nobody is admitted any more
            assert bridge.wait_for("started", STEP_S)["version"] == NEW
            assert bridge.wait_for("rejoined", STEP_S)["address"] == found["address"]
            bridge.wait_for("query", STEP_S / 2)  # in a hurry, as it was made
            assert host.wait_for("bridge", STEP_S)["version"] == NEW
            assert not host.heard("permitted")
            assert host.finish(STEP_S) == 0


@pytest.mark.parametrize("end", [Program.stop, Program.kill])
def test_a_bridge_that_loses_its_power_goes_on(
    image: Callable[..., Path], tmp_path: Path, end: Callable[..., object]
) -> None:
    new = image("B1")
    slow = ("--latency-ms", "5")  # so that there is a middle
    hasty = {"query_period_s": 5, "query_jitter_s": 1}
    name = str(profile(tmp_path, "B1", **hasty))
    with Town(tmp_path, *slow) as town, town.host(new) as host:
        host.wait_for("permitted", STEP_S)
        with town.bridge(name) as bridge:
            bridge.wait_for("downloading", UPGRADE_S, percent=40)
            end(bridge, *([STEP_S] if end is Program.stop else []))
        with town.again(name) as bridge:
            assert bridge.wait_for("started", STEP_S)["version"] == OLD
            resumed = bridge.wait_for("download", UPGRADE_S)
            assert resumed["offset"] >= 0.3 * new.stat().st_size  # what it had it kept
            done = host.wait_for("upgraded", UPGRADE_S)
            assert (done["status"], done["version"]) == ("SUCCESS", NEW)
            bridge.wait_for("confirmed", STEP_S)
            assert host.finish(STEP_S) == 0


def test_a_refused_image_is_told(image: Callable[..., Path], tmp_path: Path) -> None:
    bad = spoil(image("B1", SPOILT), tmp_path / "bad" / "image.ota")
    with Town(tmp_path) as town, town.bridge("B1") as bridge:
        with town.host(bad) as host:
            done = host.wait_for("upgraded", UPGRADE_S)
            assert "INVALID_IMAGE" in done["status"]
            assert done["version"] == OLD
            assert host.finish(STEP_S) == 0
        assert bridge.heard("image refused")
        assert not bridge.heard("rebooted")


def test_a_mute_image_is_rolled_back(tmp_path: Path) -> None:
    kind = kinds(tmp_path)["B1"]
    mute = tmp_path / "mute" / "image.ota"
    mute.parent.mkdir()
    made_for = ["--manufacturer", hex(kind.manufacturer), "--type", hex(kind.image_type)]
    what = ["--version", hex(NEW), "--hardware", hex(kind.hardware), hex(kind.hardware)]
    hanover(
        tmp_path,
        "image",
        "build",
        str(mute),
        *made_for,
        *what,
        "--size",
        "2000",
        "--traits",
        "mute",
    )
    trial = {"confirm_after_s": 1, "confirm_within_s": 15, "trial_checkpoint_s": 5}
    name = str(profile(tmp_path, "B1", **trial))
    with Town(tmp_path) as town, town.bridge(name) as bridge:
        with town.host(mute) as host:  # it waits in vain for the new version to speak
            bridge.wait_for("rebooted", UPGRADE_S, version=NEW)
            host.kill()
        bridge.wait_for("rolled back", UPGRADE_S)
        with town.host() as host:
            bridge.wait_for("rejoined", STEP_S)
            assert host.wait_for("bridge", STEP_S)["version"] == OLD
            assert host.finish(STEP_S) == 0


def test_our_own_hub_upgrades_it_on_the_air(image: Callable[..., Path], tmp_path: Path) -> None:
    new = image("B1", size=4000)
    with Town(tmp_path) as town, town.bridge("B1") as bridge:
        hub = ["--link", f"ezsp:{town.radio.port(name='hub')}", "--network", "network"]
        bridge.wait_for("opened", STEP_S)
        told = json.loads(hanover(tmp_path, "upgrade", str(new), *hub, "--json"))
        assert (told["ending"], told["good"]) == ("confirmed", True)
        assert (told["version_before"], told["version_after"]) == (OLD, NEW)
        bridge.wait_for("confirmed", STEP_S)
        shown = json.loads(hanover(tmp_path, "devices", *hub, "--json"))
        (device,) = shown["devices"]
        assert (device["kind"], device["version"], device["status"]) == ("router", NEW, "normal")
        address = bridge.heard("joined")[0]["address"]
        assert device["address"] == address
        assert len(bridge.heard("joined")) == 1  # it was left where it is
