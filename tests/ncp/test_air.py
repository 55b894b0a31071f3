"""The virtual network: who forms it, who is admitted, who leaves, and what is told of it."""

from dataclasses import replace

import pytest

from emulator import Bridge
from emulator.crypto.install_code import crc_of, link_key_of
from emulator.errors import InstallCodeError
from emulator.ncp.air import AUTO_AFTER_US
from emulator.ncp.bridges import What
from emulator.ncp.members import address_for
from emulator.ncp.port import Joining, NodeKind
from emulator.profiles.load import names
from emulator.units import SECOND
from emulator.wire import zdo
from emulator.wire.manifest import Trait
from harness.firmware import FIRST_VERSION, built
from tests.ncp.parties import (
    BRIDGE_EUI64,
    HUB_EUI64,
    NETWORK_KEY,
    OTHER_EUI64,
    PARAMETERS,
    Scene,
    Stick,
    make_bridge,
    profile_of,
)

CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")
ANNOUNCE = zdo.CLUSTERS[zdo.DeviceAnnounce]


# Forming and resuming.


def test_a_coordinator_forms_and_is_told_after_its_call() -> None:
    scene = Scene()
    assert scene.place.form(PARAMETERS, NETWORK_KEY)
    assert scene.stick.calls == []
    assert (scene.place.parameters, scene.place.network_key()) == (PARAMETERS, NETWORK_KEY)
    scene.run()
    assert scene.stick.calls == [("up", 0x0000)]


def test_a_stick_that_was_reset_is_not_there_until_it_resumes() -> None:
    scene = Scene()
    scene.form()
    scene.place.detach()
    assert (scene.place.parameters, scene.place.address) == (None, None)
    scene.add()
    scene.run(120)
    assert scene.whats() == [What.STARTED]
    assert scene.place.resume(PARAMETERS, NETWORK_KEY, NodeKind.COORDINATOR, 0)
    scene.place.permit(60)
    scene.run()
    assert scene.stick.of("up") == [("up", 0), ("up", 0)]
    assert scene.whats() == [What.STARTED, What.JOINED]


def test_a_reset_closes_the_window_of_a_stick() -> None:
    scene = Scene()
    scene.form(seconds=255)
    scene.place.detach()
    assert scene.place.resume(PARAMETERS, NETWORK_KEY, NodeKind.COORDINATOR, 0)
    scene.add()
    scene.run(70)
    assert scene.address() is None


def test_a_stick_may_be_given_another_eui64() -> None:
    scene = Scene()
    scene.form()
    scene.place.detach()
    scene.stick.eui64 = OTHER_EUI64
    assert scene.place.resume(PARAMETERS, NETWORK_KEY, NodeKind.COORDINATOR, 0)
    assert scene.place.eui64_of(0) == OTHER_EUI64
    assert scene.place.address_of(HUB_EUI64) is None
    assert scene.place.members() == []


def test_a_resumed_network_still_has_its_members() -> None:
    scene = Scene()
    scene.form()
    scene.add()
    scene.run()
    address = scene.address()
    scene.place.detach()
    assert scene.place.resume(PARAMETERS, NETWORK_KEY, NodeKind.COORDINATOR, 0)
    scene.run()
    assert scene.address() == address
    assert [one.name for one in scene.place.members()] == ["b1"]
    scene.send(address or 0)
    scene.run()
    assert scene.stick.reports == [(address, 1, True)]


@pytest.mark.parametrize("change", ["key", "name"])
def test_another_network_of_the_same_stick_frees_the_bridges(change: str) -> None:
    scene = Scene()
    scene.form()
    scene.add()
    scene.run()
    scene.place.detach()
    other = replace(PARAMETERS, extended_pan_id=bytes(8)) if change == "name" else PARAMETERS
    key = bytes(16) if change == "key" else NETWORK_KEY
    assert scene.place.resume(other, key, NodeKind.COORDINATOR, 0)
    assert scene.address() is None
    scene.run(10)
    assert scene.whats() == [What.STARTED, What.JOINED, What.LEFT]
    scene.place.permit(60)
    scene.run(10)
    assert scene.whats()[3:] == [What.JOINED]


def test_a_program_that_starts_again_recalls_its_bridges() -> None:
    first = Scene()
    first.form()
    first.add()
    first.run()
    roll = first.air.roll
    second = Scene()
    second.air.recall(roll)
    assert second.place.resume(PARAMETERS, NETWORK_KEY, NodeKind.COORDINATOR, 0)
    second.add()
    second.run()
    assert second.whats() == [What.STARTED, What.REJOINED]
    assert second.address() == first.address()


def test_one_network_at_a_time() -> None:
    scene = Scene()
    other = scene.add_stick(Stick("dut", OTHER_EUI64))
    scene.form()
    assert not other.place.form(replace(PARAMETERS, pan_id=0x2222), NETWORK_KEY)
    assert not other.place.resume(PARAMETERS, NETWORK_KEY, NodeKind.COORDINATOR, 0)
    assert [one.line for one in scene.told if one.who == "dut"] == [
        "     1.000 s  dut: network not formed: that of hub is up on this air"
    ] * 2
    scene.place.leave()
    assert other.place.form(PARAMETERS, NETWORK_KEY)
    scene.run()
    assert (scene.stick.of("down"), other.of("up")) == ([("down",)], [("up", 0)])


def test_with_its_coordinator_the_network_ends() -> None:
    scene = Scene()
    scene.form()
    scene.add()
    scene.run()
    scene.place.leave()
    scene.run()
    assert scene.stick.calls[-1] == ("down",)
    assert scene.place.members() == []
    assert scene.place.parameters is None
    scene.form()
    scene.run()
    assert scene.whats() == [What.STARTED, What.JOINED, What.LEFT, What.JOINED]


# Admission.


@pytest.mark.parametrize("kind", names())
def test_a_bridge_joins_when_that_is_permitted(kind: str) -> None:
    scene = Scene()
    scene.form(seconds=0)
    scene.add(kind=kind)
    scene.run(20)
    assert scene.whats() == [What.STARTED]
    assert scene.address() is None
    scene.place.permit(60)
    scene.run()
    assert scene.whats() == [What.STARTED, What.JOINED]
    address = scene.address()
    assert address == address_for(BRIDGE_EUI64, set())
    assert scene.place.eui64_of(address) == BRIDGE_EUI64
    assert scene.stick.of("joined") == [("joined", "b1", Joining.UNSECURED_JOIN)]
    assert ("hear", address, ANNOUNCE) in scene.stick.calls
    assert scene.stick.calls.index(("joined", "b1", Joining.UNSECURED_JOIN)) < (
        scene.stick.calls.index(("hear", address, ANNOUNCE))
    )
    (member,) = scene.place.members()
    sleepy = kind == "B4"
    assert member.kind is (NodeKind.SLEEPY_END_DEVICE if sleepy else NodeKind.ROUTER)


def test_a_window_ends_in_time() -> None:
    scene = Scene()
    scene.form(seconds=30)
    scene.run(40)
    assert scene.stick.of("permit ended") == [("permit ended", 30 * SECOND)]
    scene.add()
    scene.run(100)
    assert scene.address() is None


def test_a_window_that_is_closed_or_opened_anew_does_not_end_twice() -> None:
    scene = Scene()
    scene.form(seconds=30)
    scene.place.permit(60)
    scene.run(35)
    assert scene.stick.of("permit ended") == []
    scene.place.permit(0)
    scene.run(100)
    assert scene.stick.of("permit ended") == []


def test_a_window_for_ever_stays_open() -> None:
    scene = Scene()
    scene.form(seconds=255)
    scene.run(1000)
    scene.add()
    scene.run()
    assert scene.address() is not None


def test_a_refused_bridge_asks_again_by_its_profile() -> None:
    scene = Scene()
    scene.form()
    scene.stick.keys = {}
    scene.add()
    scene.run(59)
    assert scene.whats() == [What.STARTED, What.NOT_ADMITTED]
    scene.run(2)  # radio.rejoin_retry_s of this profile is 60
    assert scene.whats() == [What.STARTED, What.NOT_ADMITTED, What.NOT_ADMITTED]
    scene.stick.keys = {None: link_key_of(CODE)}
    scene.run(60)
    assert scene.whats().count(What.NOT_ADMITTED) == 3
    assert scene.address() is None


@pytest.mark.parametrize(
    ("code", "keys", "admitted"),
    [
        (CODE, {BRIDGE_EUI64: link_key_of(CODE)}, True),
        (CODE, {None: link_key_of(CODE)}, True),
        (None, {BRIDGE_EUI64: link_key_of(CODE)}, False),
        (CODE, {None: b"ZigBeeAlliance09"}, False),
        (CODE, {BRIDGE_EUI64: bytes(16)}, False),
        (None, {None: b"ZigBeeAlliance09"}, True),
        (None, {}, False),
    ],
)
def test_a_joiner_must_hold_the_key_that_the_trust_centre_has_for_it(
    code: bytes | None, keys: dict[int | None, bytes], admitted: bool
) -> None:
    scene = Scene()
    scene.form()
    scene.stick.keys = keys
    scene.add(install_code=code)
    scene.run()
    assert (scene.address() is not None) is admitted
    assert scene.whats()[-1] is (What.JOINED if admitted else What.NOT_ADMITTED)


def test_a_wrong_install_code_is_refused_at_once() -> None:
    with pytest.raises(InstallCodeError, match="CRC: found 0000"):
        Scene().add(install_code=CODE[:-2] + bytes(2))
    short = bytes(6)
    Scene().add(install_code=short + crc_of(short))


def test_bridges_join_by_themselves_once_the_coordinator_has_settled() -> None:
    scene = Scene(auto_join=True)
    scene.stick.keys = {}
    scene.add()
    scene.form(seconds=0)
    scene.run(AUTO_AFTER_US / SECOND - 2)
    assert scene.address() is None
    scene.place.detach()
    assert scene.place.resume(PARAMETERS, NETWORK_KEY, NodeKind.COORDINATOR, 0)
    scene.run(AUTO_AFTER_US / SECOND - 1)
    assert scene.address() is None
    scene.run(2)
    assert scene.address() is not None
    assert scene.stick.of("joined") == [("joined", "b1", Joining.UNSECURED_JOIN)]


def test_bridges_of_several_kinds_join_one_after_the_other() -> None:
    scene = Scene()
    for kind in names():
        scene.add(kind.lower(), kind)
    scene.run()
    scene.form()
    scene.run()
    assert [one.name for one in scene.place.members()] == [kind.lower() for kind in names()]
    assert len({one.address for one in scene.place.members()}) == len(names())
    joined = [one.at for one in scene.told if one.what is What.JOINED]
    assert len(set(joined)) == len(names())


def test_addresses_never_collide() -> None:
    taken: set[int] = {0}
    for eui64 in range(2000):
        address = address_for(eui64 % 20, taken)
        assert 0 < address < 0xFFF8
        assert address not in taken
        taken.add(address)


def test_names_and_eui64s_are_taken_once() -> None:
    scene = Scene()
    scene.add()
    with pytest.raises(ValueError, match="b1 is attached already"):
        scene.air.add_bridge("b1", make_bridge("B1", 7))
    with pytest.raises(ValueError, match="is on this air already"):
        scene.air.add_bridge("b2", make_bridge("B1", BRIDGE_EUI64))
    with pytest.raises(ValueError, match="is on this air already"):
        scene.add_stick(Stick("dut", HUB_EUI64))


# Leaving.


def test_a_removed_bridge_leaves_and_comes_again_only_when_that_is_permitted_anew() -> None:
    scene = Scene()
    scene.form()
    scene.add()
    scene.run()
    scene.place.remove(BRIDGE_EUI64)
    assert scene.stick.of("left") == []
    scene.run(200)
    assert scene.stick.of("left") == [("left", "b1")]
    assert scene.address() is None
    assert scene.whats() == [What.STARTED, What.JOINED, What.LEFT]
    scene.place.permit(60)
    scene.run(70)
    assert scene.whats()[3:] == [What.JOINED]


def test_who_is_not_there_cannot_be_removed() -> None:
    scene = Scene()
    scene.form()
    scene.place.remove(0x1234)
    scene.place.remove(HUB_EUI64)
    scene.run()
    assert scene.place.address == 0
    assert scene.stick.of("left") == []


def test_a_bridge_that_was_removed_while_it_was_off_learns_it() -> None:
    scene = Scene()
    scene.form()
    link = scene.add()
    scene.run()
    link.power(False)
    scene.place.remove(BRIDGE_EUI64)
    scene.run()
    link.power(True)
    scene.run(200)
    assert scene.address() is None
    scene.place.permit(60)
    scene.run()
    assert scene.whats()[-1] is What.JOINED


@pytest.mark.parametrize("rejoins", [False, True])
def test_a_bridge_leaves_when_zdo_says_so(rejoins: bool) -> None:
    scene = Scene()
    scene.form()
    scene.add()
    scene.run()
    address = scene.address()
    scene.stick.heard.clear()
    options = zdo.LeaveOptions.REJOIN if rejoins else zdo.LeaveOptions(0)
    request = zdo.LeaveRequest(sequence=7, eui64=BRIDGE_EUI64, options=options)
    zdo_fields = {"source_endpoint": 0, "destination_endpoint": 0, "profile": 0}
    scene.place.permit(0)
    scene.send(address or 0, cluster=0x0034, payload=request.encode(), **zdo_fields)
    scene.run(100)
    answer = next(one for one in scene.stick.heard if one.cluster == 0x8034)
    assert answer.payload == bytes((7, 0))
    assert scene.address() == (address if rejoins else None)
    assert len(scene.stick.of("left")) == (not rejoins)
    if rejoins:
        assert scene.stick.of("joined")[-1] == ("joined", "b1", Joining.SECURED_REJOIN)


# Reboots.


def test_after_a_reboot_a_bridge_rejoins_at_its_address() -> None:
    scene = Scene()
    scene.form()
    link = scene.add()
    scene.run()
    address = scene.address()
    scene.place.permit(0)
    link.power(False)
    link.power(True)
    scene.run()
    assert scene.address() == address
    assert scene.stick.of("joined") == [
        ("joined", "b1", Joining.UNSECURED_JOIN),
        ("joined", "b1", Joining.SECURED_REJOIN),
    ]
    assert scene.stick.calls.count(("hear", address, ANNOUNCE)) == 2
    assert scene.whats() == [What.STARTED, What.JOINED, What.REBOOTED, What.REJOINED]


def test_a_bridge_that_comes_back_while_the_coordinator_is_away_waits_for_it() -> None:
    scene = Scene()
    scene.form()
    link = scene.add()
    scene.run()
    scene.place.detach()
    link.power(False)
    link.power(True)
    scene.run(10)
    assert scene.place.resume(PARAMETERS, NETWORK_KEY, NodeKind.COORDINATOR, 0)
    scene.run()
    assert scene.whats()[-1] is What.REJOINED


def test_an_image_whose_radio_is_mute_never_joins() -> None:
    """What its last life wanted is forgotten: the bridge asked before, and cannot now."""
    scene = Scene()
    scene.form(seconds=0)
    link = scene.add()
    scene.run()
    assert isinstance(link.device, Bridge)
    link.power(False)
    mute = built(profile_of("B1"), bytes(256), FIRST_VERSION, traits=Trait.MUTE)
    assert link.device.identity is not None
    link.device.factory(link.device.identity, mute, FIRST_VERSION, seed=1)
    link.power(True)
    scene.place.permit(60)
    scene.run(100)
    assert scene.whats() == [What.STARTED, What.REBOOTED]
    assert scene.place.members() == []
