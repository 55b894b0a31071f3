"""A whole stick: what it does with what is no command, with floods, with hosts that come and go."""

from random import Random
from typing import Any

import pytest

from emulator.ncp import stick as stick_module
from emulator.ncp.ash_frames import AshFrame, Kind
from emulator.ncp.commands import VERSIONS, spoken
from emulator.ncp.fields import Layout
from emulator.ncp.handlers import HANDLERS, answers
from emulator.ncp.port import NodeKind
from emulator.ncp.radio import StickSpec, VirtualRadio, at_home, eui64_of
from emulator.profiles.load import load, names
from emulator.units import SECOND
from emulator.wire.aps import Datagram
from tests.ncp.linked_desk import Desk, make_bridge, make_radio
from tests.ncp.parties import PARAMETERS

every_version = pytest.mark.parametrize("version", VERSIONS)

#: What a stick refuses on purpose: extensions of others, and the changes of keys and channel, which
#: the virtual network has not. No host that is tested against sends the rest.
REFUSED = {
    *("customFrame", "getXncpInfo"),
    *("broadcastNetworkKeySwitch", "broadcastNextNetworkKey", "unicastCurrentNetworkKey"),
    *("requestLinkKey", "sendTrustCenterLinkKey", "updateTcLinkKey"),
    *("setRadioChannel", "setLogicalAndRadioChannel"),
    *("delayTest", "getRandomNumber", "getTimer", "getTrueRandomEntropySource"),
    *("getToken", "setToken", "resetNode", "setPassiveAckConfig"),
}
INVALID_FRAME_ID, TRUNCATED, VERSION_NOT_SET = 0x31, 0x33, 0x30
RST = AshFrame(kind=Kind.RST).encode()
TOKEN = 0xE12A  # NVM3: the restored EUI-64


def test_every_command_of_the_table_is_answered_or_refused_on_purpose() -> None:
    known = {
        name for version in VERSIONS for name, row in spoken(version).items() if not row.callback
    }
    assert known - HANDLERS.keys() == REFUSED
    assert HANDLERS.keys() <= known


def test_a_command_has_one_handler() -> None:
    with pytest.raises(ValueError, match=r"nop: \w+ answers it already"):
        answers("nop")(lambda stick, request: {})


@every_version
def test_a_command_that_is_not_emulated_is_refused_and_logged_once(version: int) -> None:
    log: list[str] = []
    desk = Desk(VirtualRadio([StickSpec(name="hub", version=version)], log=log.append))
    for _ in range(2):
        number = spoken(version)["customFrame"].id
        assert desk.send(number, b"\x00") == ("invalidCommand", {"reason": INVALID_FRAME_ID})
        assert desk.send(0x7777, b"") == ("invalidCommand", {"reason": INVALID_FRAME_ID})
    assert [line for line in log if "customFrame" in line] == [
        "hub: no answer to customFrame: it is not emulated"
    ]
    assert len([line for line in log if "0x7777" in line]) == 1


@every_version
def test_a_command_that_is_cut_short_is_refused(version: int) -> None:
    desk = Desk(make_radio(version=version))
    for name, row in spoken(version).items():
        shortest = Layout(name, row.request or "", version).shortest
        if shortest:
            answer = desk.send(row.id, bytes(shortest - 1))
            assert answer == ("invalidCommand", {"reason": TRUNCATED}), name


@every_version
@pytest.mark.parametrize("place", ["alone", "coordinator", "router"])
def test_no_octets_make_a_stick_fail(version: int, place: str) -> None:
    """Every command with random fields, long and short, gets one answer and never an exception."""
    radio = make_radio("hub", "dut", version=version)
    desk, other = Desk(radio, "hub"), Desk(radio, "dut")
    chance = Random(f"{version}/{place}")
    rows = [row for row in spoken(version).values() if not row.callback]
    for _ in range(6):
        settle(desk, other, place)
        for row in rows:
            least = Layout(row.name, row.request or "", version).shortest
            size = chance.choice((0, least, least, least + chance.randrange(40)))
            answered, _ = desk.send(row.id, small(chance, size))
            assert answered in (row.name, "invalidCommand")
            desk.wait(chance.randrange(SECOND))
    desk.reset()
    assert desk.ask("echo", data=b"alive")["echo"] == b"alive"


def small(chance: Random, size: int) -> bytes:
    """Return random octets, small ones more often: they are indexes, kinds and sizes."""
    return bytes(chance.choice((0, 1, chance.randrange(256))) for _ in range(size))


def settle(desk: Desk, other: Desk, place: str) -> None:
    desk.reset()
    other.reset()
    first, second = (desk, other) if place == "coordinator" else (other, desk)
    if place == "alone":
        return
    for one in (first, second):
        one.ask("networkInit", bitmask=0)
        one.ask("leaveNetwork", options=0)
        one.wait(SECOND)
        one.ask("tokenFactoryReset", keep_frame_counters=False, keep_boot_counter=False)
        one.reset()
    first.form()
    first.ask("permitJoining", duration_s=255)
    second.secure()
    second.ask("joinNetwork", node_kind=NodeKind.ROUTER, parameters=PARAMETERS)
    second.wait(SECOND)
    assert desk.ask("networkState")["state"] == 2


@every_version
def test_nothing_is_answered_before_a_version_is_agreed_upon(version: int) -> None:
    desk = Desk(make_radio(version=version))
    desk.form()
    desk.radio.feed("hub", RST, desk.now)
    desk.radio.take("hub")
    desk._number = desk._expected = 0
    answer = desk.send(spoken(version)["networkState"].id, b"")
    assert answer == ("invalidCommand", {"reason": VERSION_NOT_SET})
    assert desk.ask("version", desired_version=version)["version"] == version


def test_a_reset_loses_ram_and_keeps_tokens() -> None:
    desk = Desk(make_radio())
    desk.ask("setConfigurationValue", config_id=5, value=30)
    desk.ask("setManufacturerCode", code=0x1234)
    written = desk.ask("setTokenData", token=TOKEN, index=0, data=b"keepsake")
    assert written["status"] == 0
    desk.reset()
    assert desk.ask("getConfigurationValue", config_id=5)["value"] != 30
    assert desk.stick.settings.manufacturer != 0x1234
    assert desk.stick.endpoints == {}
    assert desk.ask("getTokenData", token=TOKEN, index=0)["data"] == b"keepsake"


def datagram(number: int = 0) -> Datagram:
    return Datagram(
        source=0x1234,
        destination=0,
        source_endpoint=1,
        destination_endpoint=1,
        profile=0x0104,
        cluster=6,
        payload=number.to_bytes(4, "little"),
    )


def test_a_burst_of_callbacks_arrives_in_order() -> None:
    desk = Desk(make_radio())
    desk.form()
    desk.heard.clear()
    for number in range(1200):
        desk.stick.hear(datagram(number), 255, -40, desk.now)
    desk.wait(0)
    heard = [one["payload"] for one in desk.of("incomingMessageHandler")]
    assert heard == [number.to_bytes(4, "little") for number in range(1200)]


def test_a_host_that_never_reads_makes_nothing_grow() -> None:
    log: list[str] = []
    radio = VirtualRadio([StickSpec(name="hub")], log=log.append)
    desk = Desk(radio)
    desk.form()
    for number in range(10_000):
        desk.stick.hear(datagram(number), 255, -40, desk.now)
    assert len(desk.stick._callbacks) == stick_module.MOST_CALLBACKS
    assert len([line for line in log if "too slowly" in line]) == 1
    radio.take("hub")
    deadline = radio.deadline
    while deadline is not None and deadline < desk.now + 120 * SECOND:
        radio.run(deadline)
        radio.take("hub")
        deadline = radio.deadline
    desk.stick.hear(datagram(), 255, -40, desk.now)
    assert not desk.stick._callbacks  # the link has failed: there is nobody to tell
    desk.reset()
    assert desk.ask("networkState")["state"] == 0


def test_a_host_that_goes_leaves_no_callbacks_for_the_next() -> None:
    desk = Desk(make_radio(bridges=[make_bridge()]))
    desk.form()
    desk.ask("permitJoining", duration_s=60)
    desk.stick.detach(desk.now)
    desk.radio.run(desk.now + SECOND)
    assert desk.radio.take("hub") == b""
    assert desk.stick.deadline is None
    assert len(desk.stick.place.members()) == 1  # the stick stayed on the network
    desk.stick.attach(desk.now)
    desk.heard.clear()
    desk.reset()
    desk.wait(SECOND)
    assert desk.heard == []
    assert desk.ask("networkInit", bitmask=0)["status"] == 0
    assert len(desk.stick.place.members()) == 1


def test_a_stick_greets_a_host_on_tcp() -> None:
    radio = make_radio()
    radio.sticks["hub"].attach(0)
    radio.sticks["hub"].greet(0)
    assert radio.take("hub") == AshFrame(kind=Kind.RSTACK, code=0x02).encode()
    desk = Desk(radio)
    assert desk.ask("networkState")["state"] == 0


def test_rubbish_before_a_reset_gets_no_answer() -> None:
    radio = make_radio()
    chance = Random(7)
    for _ in range(200):
        radio.feed("hub", chance.randbytes(chance.randrange(100)), radio.world.now)
        assert radio.take("hub") == b""
    radio.feed("hub", b"\x1a" * 32, radio.world.now)
    assert Desk(radio).ask("echo", data=b"x")["echo"] == b"x"


# The composition.


def test_the_same_seed_gives_the_same_devices() -> None:
    first, again, other = (make_radio(bridges=[make_bridge()], seed=seed) for seed in (1, 1, 2))
    assert first.sticks["hub"].eui64 == again.sticks["hub"].eui64 == eui64_of(1, "hub")
    assert first.sticks["hub"].eui64 != other.sticks["hub"].eui64
    assert eui64_of(1, "hub") != eui64_of(1, "bridge")


@pytest.mark.parametrize(
    ("sticks", "bridges", "why"),
    [
        ((), (), "at least one"),
        (("hub", "hub"), (), "'hub' twice"),
        (("hub",), ("bridge", "bridge"), "'bridge' twice"),
        (("hub",), ("hub",), "'hub' twice"),
    ],
)
def test_names_are_unique(sticks: tuple[str, ...], bridges: tuple[str, ...], why: str) -> None:
    specs = [StickSpec(name=name) for name in sticks]
    with pytest.raises(ValueError, match=why):
        VirtualRadio(specs, [make_bridge(name=name) for name in bridges], log=_ignore)


def _ignore(line: str) -> None:
    pass


@pytest.mark.parametrize("kind", names())
def test_bridges_at_home_speak_home_automation(kind: str) -> None:
    profile = at_home(load(kind))
    assert (profile.ota.zigbee_profile, profile.ota.aps_encrypt) == (0x0104, False)
    assert profile.sleep is None or profile.sleep.linger_ms == 10_000


def test_two_radios_of_one_seed_say_the_same() -> None:
    def life() -> list[Any]:
        desk = Desk(make_radio(bridges=[make_bridge(), make_bridge("B4", "other")], seed=3))
        desk.form()
        desk.ask("permitJoining", duration_s=60)
        desk.wait(30 * SECOND)
        return desk.heard

    first = life()
    assert len(first) > 5
    assert first == life()
