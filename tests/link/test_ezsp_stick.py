"""A bridge behind a stick: joins, upgrades, goes back, loses its supply and its network."""

import asyncio
import sys
from pathlib import Path

import pytest

from emulator.actions import Delivered, Happening
from emulator.crypto.install_code import crc_of, link_key_of
from emulator.errors import LinkError
from emulator.link.ezsp import Stick, Wish
from emulator.ncp.commands import VERSIONS
from emulator.ncp.port import NodeKind
from emulator.units import HOUR, MINUTE, SECOND
from emulator.wire import ota, zdo
from emulator.wire.aps import ZDO_PROFILE, ApsOptions, Datagram
from emulator.wire.manifest import Trait
from harness.firmware import FIRST_VERSION
from tests.link.residents import Play, Town, make_play  # noqa: F401 - a fixture
from tests.ncp.parties import NETWORK_KEY, PARAMETERS

NEW = FIRST_VERSION + 1
CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505")
INSTALL_CODE = CODE + crc_of(CODE)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_bridge_joins_and_upgrades(play: Play, version: int) -> None:
    async def scene(town: Town) -> None:
        town.form()
        town.serve("B1", NEW)
        bridge = await town.settle()
        await bridge.until_told(Happening.CONFIRMED)
        assert bridge.versions == [FIRST_VERSION, NEW]
        assert town.address
        assert town.hub.counts[ota.UpgradeEndRequest] == 1
        assert len(bridge.of("joined")) == 2  # anew, and again after its reboot
        asked = [one for one in town.ears.heard if one.cluster == ota.CLUSTER]
        assert all(one.options & ApsOptions.ACKNOWLEDGE for one in asked)
        told = [one for one in bridge.of("delivered") if isinstance(one, Delivered)]
        assert len(told) > 40
        assert all(one.success for one in told)
        assert not bridge.log
        await bridge.move_out()

    play(scene, version=version)


def test_a_question_has_one_answer(play: Play) -> None:
    async def scene(town: Town) -> None:
        town.form()
        bridge = await town.settle()
        await bridge.until(lambda: bridge.of("joined"))
        address = town.address
        assert address is not None
        node = zdo.NodeDescriptorRequest(sequence=7, address=address)
        power = zdo.PowerDescriptorRequest(sequence=8, address=address)
        for frame in (node, power):  # the stick answers the first, the bridge the second
            cluster = zdo.CLUSTERS[type(frame)]
            more = {"cluster": cluster, "profile": ZDO_PROFILE, "payload": frame.encode()}
            ends = {"source_endpoint": 0, "destination_endpoint": 0}
            datagram = Datagram(source=0, destination=address, aps_counter=1, **ends, **more)
            town.act(town.ears.place.send, datagram, True)
            answers = cluster | zdo.RESPONSE
            heard = town.ears.heard
            await bridge.host.until(lambda: False, SECOND)
            (answer,) = [one for one in heard if one.cluster == answers]
            assert answer.payload[:2] == bytes((frame.sequence, zdo.ZdoStatus.SUCCESS))
        await bridge.move_out()

    play(scene)


def test_a_sleepy_bridge_upgrades_by_polls(play: Play) -> None:
    async def scene(town: Town) -> None:
        town.form()
        town.serve("B4", NEW, 600)
        bridge = await town.settle("B4")
        await bridge.until_told(Happening.CONFIRMED)
        assert bridge.versions == [FIRST_VERSION, NEW]
        (member,) = [one for one in town.ears.place.members() if one.address == town.address]
        assert member.kind is NodeKind.SLEEPY_END_DEVICE
        await bridge.move_out()

    play(scene)


def test_a_mute_image_is_undone(play: Play) -> None:
    async def scene(town: Town) -> None:
        town.form()
        town.serve("B1", NEW, traits=Trait.MUTE)
        bridge = await town.settle()
        await bridge.until_told(Happening.ROLLED_BACK)
        assert bridge.versions == [FIRST_VERSION, NEW, FIRST_VERSION]
        await bridge.until(lambda: len(bridge.of("joined")) == 2)  # the mute one never asked
        await bridge.move_out()

    play(scene)


@pytest.mark.parametrize("blocks", [1, 20, 45])
def test_a_power_cut_in_the_download_costs_nothing(play: Play, tmp_path: Path, blocks: int) -> None:
    async def scene(town: Town) -> None:
        town.form()
        town.serve("B1", NEW)
        bridge = await town.settle(folder=tmp_path)
        heard = town.hub.counts
        await bridge.until(lambda: heard.get(ota.ImageBlockRequest, 0) >= blocks, 24 * HOUR)
        await bridge.move_out()
        town.act(town.ears.place.permit, 0)  # it comes back as who it was

        again = await town.settle(folder=tmp_path)
        assert again.bridge.identity == bridge.bridge.identity
        await again.until_told(Happening.CONFIRMED)
        assert again.versions == [FIRST_VERSION, NEW]
        (resumed,) = again.reports(Happening.DOWNLOAD_RESUMED) or again.reports(
            Happening.DOWNLOAD_STARTED
        )
        offset = dict(resumed.details)["offset"]
        assert isinstance(offset, int)
        assert offset <= blocks * bridge.profile.ota.block_size_octets
        assert offset > 0 or blocks == 1
        await again.move_out()

        kept = await town.settle(folder=tmp_path)
        await kept.until(lambda: kept.of("joined"))
        assert kept.versions == [NEW]
        await kept.move_out()

    play(scene)


def test_a_network_that_is_closed_is_tried_again(play: Play) -> None:
    async def scene(town: Town) -> None:
        town.form(permit_s=0)
        bridge = await town.settle()
        await bridge.until(lambda: len(bridge.log) >= 2)
        assert set(bridge.log) == {"no network lets devices join"}
        assert town.address is None
        town.act(town.ears.place.permit, 255)
        await bridge.until(lambda: bridge.of("joined"))
        assert town.address
        await bridge.move_out()

    play(scene)


@pytest.mark.parametrize("right", [True, False])
def test_an_install_code_is_the_way_in(play: Play, right: bool) -> None:
    async def scene(town: Town) -> None:
        town.form()
        eui64 = town.radio.sticks["dut"].eui64
        town.ears.keys = {eui64: link_key_of(INSTALL_CODE)}
        bridge = await town.settle(
            wish=Wish(link_key=link_key_of(INSTALL_CODE)) if right else Wish()
        )
        await bridge.until(lambda: bridge.of("joined") or bridge.log)
        if right:
            assert town.address
        else:
            assert town.address is None
            assert bridge.log[0] == "network 0x1A62 on channel 15: NOT_JOINED"
        await bridge.move_out()

    play(scene)


@pytest.mark.parametrize(
    "wish",
    [
        Wish(channels=1 << 20),
        Wish(pan_id=0x1A63),
        Wish(extended_pan_id=1),
    ],
)
def test_another_network_is_left_alone(play: Play, wish: Wish) -> None:
    async def scene(town: Town) -> None:
        town.form()
        bridge = await town.settle(wish=wish)
        await bridge.until(lambda: bridge.log)
        assert not bridge.of("joined")
        await bridge.move_out()

    play(scene)


def test_the_network_that_is_wished_for_is_joined(play: Play) -> None:
    async def scene(town: Town) -> None:
        town.form()
        extended = int.from_bytes(PARAMETERS.extended_pan_id, "little")
        wish = Wish(channels=1 << 15, pan_id=PARAMETERS.pan_id, extended_pan_id=extended)
        bridge = await town.settle(wish=wish)
        await bridge.until(lambda: bridge.of("joined"))
        await bridge.move_out()

    play(scene)


def test_a_bridge_that_is_told_to_leave_begins_anew(play: Play) -> None:
    async def scene(town: Town) -> None:
        town.form()
        bridge = await town.settle()
        await bridge.until(lambda: bridge.of("joined"))
        town.act(town.ears.place.remove, bridge.stick.eui64)
        await bridge.until(lambda: bridge.of("left"))
        assert town.address is None
        await bridge.until(lambda: bridge.log)
        town.act(town.ears.place.permit, 255)
        await bridge.until(lambda: len(bridge.of("joined")) == 2)
        assert bridge.of("join")[-1] == "anew"
        assert town.address
        await bridge.move_out()

    play(scene)


def test_a_network_that_is_away_is_waited_for(play: Play, tmp_path: Path) -> None:
    async def scene(town: Town) -> None:
        town.form()
        bridge = await town.settle(folder=tmp_path)
        await bridge.until(lambda: bridge.of("joined"))
        address = town.address
        await bridge.move_out()
        air = town.radio.air
        air.recall(air.roll)  # as if the radio had been started anew
        air.network = None

        again = await town.settle(folder=tmp_path)
        await again.until(lambda: again.log)
        assert again.log[0] == "the network is not resumed: FAIL"
        assert air.reopen(town.ears.place, PARAMETERS, NETWORK_KEY)  # type: ignore[arg-type]
        town.lines.settle()
        await again.until(lambda: again.of("joined"), 10 * MINUTE)
        assert town.address == address
        assert set(again.of("join")) == {"again"}
        await again.move_out()

    play(scene)


def test_a_stick_that_knows_no_network_makes_its_bridge_begin_anew(
    play: Play, tmp_path: Path
) -> None:
    async def scene(town: Town) -> None:
        town.form()
        bridge = await town.settle(folder=tmp_path)
        await bridge.until(lambda: bridge.of("joined"))
        await bridge.stick.close()
        await bridge.move_out()
        town.act(town.radio.sticks["dut"].security.left, town.radio.sticks["dut"])

        again = await town.settle(folder=tmp_path)
        await again.until(lambda: again.of("joined"))
        assert again.of("join") == ["again", "anew"]
        assert "knows no network" in again.log[0]
        await again.move_out()

    play(scene)


def test_a_stick_that_is_pulled_out_is_the_links_fault(play: Play) -> None:
    async def scene(town: Town) -> None:
        town.form()
        bridge = await town.settle()
        await bridge.until(lambda: bridge.of("joined"))
        town.lines.detach("dut")
        with pytest.raises(LinkError, match="dut: the stick is gone"):
            await bridge.host.until(lambda: False, HOUR)
        seen = len(bridge.rows)
        with pytest.raises(LinkError):  # and it stays so: the bridge is called no more
            await bridge.host.until(lambda: False, SECOND)
        assert len(bridge.rows) == seen
        await bridge.move_out()

    play(scene)


def test_a_stick_that_resets_itself_is_the_links_fault(play: Play) -> None:
    async def scene(town: Town) -> None:
        town.form()
        bridge = await town.settle()
        await bridge.until(lambda: bridge.of("joined"))
        town.act(town.radio.sticks["dut"].greet, town.lines.now)
        with pytest.raises(LinkError, match="dut: the stick is gone"):
            await bridge.host.until(lambda: False, HOUR)
        await bridge.move_out()

    play(scene)


def test_without_bellows_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bellows.ezsp", None)
    stick = Stick("./stick", Wish(), lambda line: None)
    with pytest.raises(LinkError, match=r"^\./stick: found no bellows.*pip install 'hanover\["):
        asyncio.run(stick.open())
