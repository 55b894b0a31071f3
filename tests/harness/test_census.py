"""Devices are asked who they are over the air, and those that keep silent are said to."""

from collections import deque
from typing import Any

import pytest

from emulator.device.bridge import Bridge
from emulator.units import SECOND, Us
from emulator.wire import zdo
from emulator.wire.aps import ZDO_PROFILE, Datagram
from harness.census import Census, Device
from harness.firmware import FIRST_VERSION
from tests.ncp.parties import Scene


class Line:
    """Be a stick of the virtual air, with the time of its world."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._seen = 0
        self.sent = 0
        self.news: deque[Any] = deque()

    @property
    def members(self) -> dict[int, int]:
        return {one.eui64: one.address for one in self._scene.place.members()}

    @property
    def clock_us(self) -> Us:
        return self._scene.world.now

    def wait(self, limit_us: Us) -> None:
        heard = self._scene.stick.heard
        self._scene.world.run(lambda: len(heard) > self._seen, limit_us)
        self.news.extend((self.clock_us, one) for one in heard[self._seen :])
        self._seen = len(heard)

    def send(self, datagram: Datagram) -> None:
        self.sent += 1
        self._scene.place.send(datagram, True)


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.form()
    return made


@pytest.mark.parametrize(("kind", "node"), [("B1", "router"), ("B4", "end device")])
def test_a_bridge_says_what_it_is(scene: Scene, kind: str, node: str) -> None:
    bridge = scene.add(kind=kind).device
    assert isinstance(bridge, Bridge)
    scene.run(10)
    found = Census(Line(scene), 30 * SECOND).ask(scene.eui64("b1"))
    profile = bridge.profile.ota
    assert found.eui64 == scene.eui64("b1")
    assert found.address == scene.address("b1")
    assert (found.kind, found.maker) == (node, profile.manufacturer_code)
    assert (found.endpoint, found.version) == (profile.endpoint, FIRST_VERSION)
    assert found.status == "normal"
    assert found.cells[6] == f"0x{FIRST_VERSION:08X}"
    assert found.plain["version"] == FIRST_VERSION


def test_a_device_that_is_off_is_silent(scene: Scene) -> None:
    link = scene.add()
    scene.run(10)
    link.power(False)
    line = Line(scene)
    began = line.clock_us
    found = Census(line, 5 * SECOND).ask(scene.eui64("b1"))
    assert found == Device(eui64=scene.eui64("b1"), address=scene.address("b1") or 0)
    assert found.cells[2:] == ("silent", "-", "-", "-", "-", "-")
    assert line.sent == 2  # it was asked twice
    assert line.clock_us - began == 10 * SECOND


def test_another_ones_answer_is_not_taken(scene: Scene) -> None:
    scene.add("b1", "B1")
    scene.add("b4", "B4")
    scene.run(10)
    line = Line(scene)
    other = zdo.NodeDescriptorResponse(
        sequence=1, status=zdo.ZdoStatus.DEVICE_NOT_FOUND, address=scene.address("b1") or 0
    )
    line.news.append(
        (
            0,
            Datagram(
                source=scene.address("b4") or 0,
                destination=0,
                source_endpoint=0,
                destination_endpoint=0,
                profile=ZDO_PROFILE,
                cluster=zdo.CLUSTERS[zdo.NodeDescriptorResponse],
                payload=other.encode(),
            ),
        )
    )
    assert Census(line, 30 * SECOND).ask(scene.eui64("b1")).kind == "router"
