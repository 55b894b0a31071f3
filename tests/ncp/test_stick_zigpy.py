"""Let zigpy with bellows, as ZHA runs it, live with a virtual radio in one process."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import bellows.uart
import pytest
import zigpy.types
from bellows.zigbee.application import ControllerApplication
from zigpy.device import Device

from emulator.ncp.bridges import Occurrence, What
from emulator.ncp.commands import VERSIONS
from emulator.ncp.radio import StickSpec, VirtualRadio, at_home
from emulator.profiles.load import load
from tests.ncp.lines import Lines, connector, run
from tests.ncp.linked_desk import make_bridge

every_version = pytest.mark.parametrize("version", VERSIONS)
CHANNEL = 20
CONFIG: dict[str, Any] = {
    "database_path": None,
    "device": {"path": "hub"},
    "use_thread": False,
    "topology_scan_enabled": False,
    "ota": {"enabled": False},
    "network": {"channel": CHANNEL},
}
Start = Callable[[], Coroutine[Any, Any, ControllerApplication]]
Scene = Callable[["Start", list[Occurrence]], Coroutine[Any, Any, None]]


class Ready:
    """Collect the devices whose interview ended."""

    def __init__(self, app: ControllerApplication) -> None:
        self.devices: list[Device] = []
        self._app = app
        app.add_listener(self)

    def device_initialized(self, device: Device) -> None:
        if device.nwk:
            self.devices.append(device)

    async def wait(self, number: int) -> list[Device]:
        deadline = asyncio.get_running_loop().time() + 120
        while len(self.devices) < number:
            assert asyncio.get_running_loop().time() < deadline, [
                (each.model, each.status) for each in self._app.devices.values()
            ]
            await turn()
        return sorted(self.devices, key=lambda one: str(one.model))


async def turn() -> None:
    """Let a quarter of a second of virtual time pass."""
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.25, done.set_result, None)
    await done


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return what runs a scene with a radio and as many applications as it starts."""

    def start(scene: Scene, *kinds: str, version: int = 13) -> None:
        async def main() -> None:
            told: list[Occurrence] = []
            bridges = [make_bridge(kind, kind, profile=at_home(load(kind))) for kind in kinds]
            specs = [StickSpec(name="hub", version=version)]
            radio = VirtualRadio(specs, bridges, tap=told.append, log=lambda line: None)
            monkeypatch.setattr(
                bellows.uart.zigpy.serial, "create_serial_connection", connector(Lines(radio))
            )

            async def application() -> ControllerApplication:
                return await ControllerApplication.new(CONFIG, auto_form=True, start_radio=True)

            await scene(application, told)

        run(main)

    return start


@every_version
def test_bridges_are_interviewed(play: Callable[..., None], version: int) -> None:
    async def scene(start: Start, told: list[Occurrence]) -> None:
        app = await start()
        assert app.state.network_info.channel == CHANNEL
        ready = Ready(app)
        await app.permit(60)
        mains, sleepy = await ready.wait(2)
        assert [(one.manufacturer, one.model) for one in (mains, sleepy)] == [
            ("Hanover", "B1"),
            ("Hanover", "B4"),
        ]
        assert mains.node_desc.is_router
        assert sleepy.node_desc.is_end_device
        assert not sleepy.node_desc.is_receiver_on_when_idle
        for one in (mains, sleepy):
            (endpoint,) = one.non_zdo_endpoints
            assert endpoint.profile_id == 0x0104
            assert 0x0000 in endpoint.in_clusters
            assert 0x0019 in endpoint.out_clusters
        assert {one.what for one in told} >= {What.JOINED, What.QUERY}
        await app.shutdown()

    play(scene, "B1", "B4", version=version)


def test_the_network_is_there_for_the_next_program(play: Callable[..., None]) -> None:
    async def scene(start: Start, told: list[Occurrence]) -> None:
        first = await start()
        ready = Ready(first)
        await first.permit(60)
        (bridge,) = await ready.wait(1)
        before = first.state.network_info
        await first.shutdown()

        second = await start()
        after = second.state.network_info
        assert (after.pan_id, after.extended_pan_id) == (before.pan_id, before.extended_pan_id)
        assert after.network_key.key == before.network_key.key
        known = second.add_device(bridge.ieee, bridge.nwk)
        status, _, address = (await known.zdo.IEEE_addr_req(bridge.nwk, 0, 0))[:3]
        assert (status, address) == (0, bridge.nwk)
        await second.shutdown()

    play(scene, "B1")


def test_a_bridge_that_is_told_to_leave_is_gone(play: Callable[..., None]) -> None:
    async def scene(start: Start, told: list[Occurrence]) -> None:
        app = await start()
        ready = Ready(app)
        await app.permit(60)
        (bridge,) = await ready.wait(1)
        await app.permit(0)
        await app.remove(bridge.ieee)
        for _ in range(40):
            await turn()
        assert bridge.ieee not in app.devices
        assert What.LEFT in [one.what for one in told]
        await app.shutdown()

    play(scene, "B1")


def test_a_backup_is_read_and_put_back(play: Callable[..., None]) -> None:
    """Another host's network goes onto the stick: keys, parameters, counters, the EUI-64."""

    async def scene(start: Start, told: list[Occurrence]) -> None:
        app = await start()
        backup = await app.backups.create_backup(load_devices=True)
        changed = backup.replace(
            network_info=backup.network_info.replace(pan_id=zigpy.types.PanId(0x2B2B))
        )
        await app.backups.restore_backup(changed)
        await app.load_network_info(load_devices=True)
        info = app.state.network_info
        assert info.pan_id == 0x2B2B
        assert info.network_key.key == backup.network_info.network_key.key
        assert info.network_key.tx_counter > backup.network_info.network_key.tx_counter
        assert app.state.node_info.ieee == backup.node_info.ieee
        await app.shutdown()

    play(scene)


def test_a_scan_for_energy_and_for_networks(play: Callable[..., None]) -> None:
    async def scene(start: Start, told: list[Occurrence]) -> None:
        app = await start()
        channels = zigpy.types.Channels.ALL_CHANNELS
        energy = await app.energy_scan(channels=channels, duration_exp=2, count=1)
        assert max(energy, key=lambda one: energy[one]) == CHANNEL
        assert sorted(energy) == list(range(11, 27))
        found = [one async for one in app.network_scan(channels=channels, duration_exp=2)]
        assert found == []  # a coordinator does not hear itself
        await app.shutdown()

    play(scene)
