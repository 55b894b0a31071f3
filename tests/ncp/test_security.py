"""Keys of a stick: what a host prepares, what forming and joining fix, whom the centre admits."""

from dataclasses import replace
from typing import Any

import pytest

from emulator.crypto.install_code import crc_of, link_key_of
from emulator.crypto.mmo import aes_mmo
from emulator.ncp.commands import VERSIONS
from emulator.ncp.fields import HashContext, KeyContext, NetworkParameters
from emulator.ncp.port import WELL_KNOWN_KEY, NodeKind
from emulator.ncp.radio import StickSpec, VirtualRadio
from emulator.ncp.security import ANYBODY, COUNTER_STEP, Initial, Security, Trust
from emulator.ncp.settings import Policy
from emulator.ncp.statuses import Status
from emulator.units import SECOND
from tests.ncp.desk import (
    BITMASK,
    EUI64,
    LINK_KEY,
    NETWORK_KEY,
    PARAMETERS,
    Desk,
    initial,
)

every_version = pytest.mark.parametrize("version", VERSIONS)

JOINER, STRANGER = 0x00124B00_00000001, 0x00124B00_00000002
OWN_KEY, ANY_KEY = bytes(range(0x40, 0x50)), bytes(range(0x50, 0x60))
CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505")
CODE += crc_of(CODE)
NETWORK, TRUST_CENTRE, TRANSIENT, APPLICATION = 1, 2, 3, 4


def stack(status: Status, version: int) -> int:
    """Return the number of a status of the stack."""
    return status.ember if version < 14 else status.sl


# What a host prepares.


@every_version
def test_forming_needs_a_security_state(version: int) -> None:
    desk = Desk(version)
    refused = desk.ask("formNetwork", parameters=PARAMETERS)
    assert refused == {"status": stack(Status.SECURITY_STATE_NOT_SET, version)}
    desk.form()
    late = desk.ask("setInitialSecurityState", state=initial())
    assert late == {"status": stack(Status.INVALID_STATE, version)}


@every_version
def test_the_current_state_follows_from_the_initial_one(version: int) -> None:
    desk = Desk(version)
    assert desk.ask("getCurrentSecurityState")["status"] == stack(Status.NOT_JOINED, version)
    desk.form()
    answer = desk.ask("getCurrentSecurityState")
    assert answer["status"] == 0
    assert answer["state"].bitmask == 0x94  # global, hashed, has a link key
    assert answer["state"].trust_centre == EUI64

    desk.ask("leaveNetwork", options=0)
    desk.run()
    assert desk.ask("getCurrentSecurityState")["status"] == stack(Status.NOT_JOINED, version)


@every_version
def test_keys_of_the_network_are_exported(version: int) -> None:
    desk = Desk(version)
    assert export(desk, NETWORK) is None
    assert export(desk, TRUST_CENTRE) is None
    assert desk.ask("getNetworkKeyInfo")["info"].is_set is False

    desk.ask("setValue", value_id=0x23, value=b"\x00\x10\x00\x00")
    desk.form()
    assert export(desk, NETWORK) == NETWORK_KEY
    assert export(desk, TRUST_CENTRE) == LINK_KEY
    assert export(desk, NETWORK, index=1) is None  # there is no alternate key
    assert export(desk, NETWORK, derived=1) is None
    assert export(desk, 6) is None
    info = desk.ask("getNetworkKeyInfo")["info"]
    assert (info.is_set, info.sequence, info.frame_counter) == (True, 3, 0x1000)
    assert not info.alternate_is_set


def export(desk: Desk, kind: int, **more: Any) -> bytes | None:  # noqa: ANN401
    """Return a key as ``exportKey`` gives it, None if it does not."""
    context = KeyContext(kind=kind, **more)
    checked = desk.ask("checkKeyContext", context=context)
    answer = desk.ask("exportKey", context=context)
    assert checked["status"] == answer["status"]
    if desk.version >= 14:
        assert answer["context"].kind == kind
    if answer["status"] != 0:
        assert answer["status"] == Status.NOT_FOUND.sl
        assert answer["key"] == bytes(16)
        return None
    key: bytes = answer["key"]
    return key


def test_keys_outlive_a_restart() -> None:
    desk = Desk()
    desk.form()
    desk.ask("importLinkKey", index=2, eui64=JOINER, key=OWN_KEY)
    again = desk.restart()

    assert again.ask("networkInit", bitmask=0) == {"status": 0}
    again.run()
    assert export(again, NETWORK) == NETWORK_KEY
    assert export(again, TRUST_CENTRE) == LINK_KEY
    assert again.ask("getCurrentSecurityState")["state"].bitmask == 0x94
    assert again.ask("findKeyTableEntry", eui64=JOINER, link_key=True) == {"index": 2}


def test_a_stick_makes_a_network_key_if_it_is_given_none() -> None:
    desk = Desk()
    desk.form(BITMASK & ~Initial.HAVE_NETWORK_KEY)
    made = export(desk, NETWORK)
    assert made not in (NETWORK_KEY, bytes(16), None)
    other = Desk()
    other.form(BITMASK & ~Initial.HAVE_NETWORK_KEY)
    assert export(other, NETWORK) == made  # runs are alike


def test_a_stick_forms_with_the_well_known_link_key_if_it_is_given_none() -> None:
    desk = Desk()
    desk.form(BITMASK & ~Initial.HAVE_PRECONFIGURED_KEY)
    assert export(desk, TRUST_CENTRE) == WELL_KNOWN_KEY


# Frame counters.


def test_forming_keeps_the_frame_counter_only_if_told_to() -> None:
    for bitmask, wanted in ((BITMASK, 0x1000), (BITMASK & ~Initial.NO_FRAME_COUNTER_RESET, 0)):
        desk = Desk()
        desk.ask("setValue", value_id=0x23, value=b"\x00\x10\x00\x00")
        desk.form(bitmask)
        assert desk.ask("getNetworkKeyInfo")["info"].frame_counter == wanted


def test_a_frame_counter_never_goes_back() -> None:
    """After a restart it is above all that went on the air, and it is rarely written."""
    desk = Desk()
    desk.form()
    before = desk.stick.security.frame_counter(desk.stick)
    written = []
    for _ in range(COUNTER_STEP + 1):
        desk.stick.security.count(desk.stick)
        if not written or written[-1] is not desk.stick.tokens:
            written.append(desk.stick.tokens)
        used = desk.stick.security.frame_counter(desk.stick)
        assert desk.stick.tokens.network_frame_counter >= used
    used = desk.stick.security.frame_counter(desk.stick)

    assert used == before + COUNTER_STEP + 1
    assert len(written) <= 3
    assert desk.restart().ask("getNetworkKeyInfo")["info"].frame_counter >= used


def test_a_frame_counter_stops_at_its_end() -> None:
    desk = Desk()
    desk.ask("setValue", value_id=0x23, value=b"\xff\xff\xff\xff")
    desk.form()
    desk.stick.security.count(desk.stick)
    assert desk.ask("getNetworkKeyInfo")["info"].frame_counter == 0xFFFFFFFF


# The key table.


@every_version
def test_the_key_table(version: int) -> None:
    desk = Desk(version)
    desk.ask("setConfigurationValue", config_id=0x1E, value=3)
    empty = desk.ask("exportLinkKeyByIndex", index=0)
    assert empty["status"] == Status.NOT_FOUND.sl
    assert desk.ask("exportLinkKeyByIndex", index=3)["status"] == Status.INVALID_INDEX.sl
    assert desk.ask("findKeyTableEntry", eui64=JOINER, link_key=True) == {"index": 0xFF}

    assert desk.ask("importLinkKey", index=1, eui64=JOINER, key=OWN_KEY) == {"status": 0}
    assert desk.ask("findKeyTableEntry", eui64=JOINER, link_key=True) == {"index": 1}
    for found in (
        desk.ask("exportLinkKeyByIndex", index=1),
        desk.ask("exportLinkKeyByEui", eui64=JOINER),
    ):
        assert (found["status"], found["key"]) == (0, OWN_KEY)
        assert found["metadata"].bitmask == 0x0E
        if version >= 14:
            context = found["context"]
            assert (context.kind, context.index, context.eui64) == (APPLICATION, 1, JOINER)
    if version == 13:
        assert desk.ask("exportLinkKeyByIndex", index=1)["eui64"] == JOINER
        assert desk.ask("exportLinkKeyByEui", eui64=JOINER)["index"] == 1
    assert export(desk, APPLICATION, index=1, flags=1) == OWN_KEY
    assert export(desk, APPLICATION, eui64=JOINER, flags=2) == OWN_KEY
    assert export(desk, APPLICATION, eui64=STRANGER, flags=2) is None

    erased = desk.ask("eraseKeyTableEntry", index=3)
    assert erased == {"status": stack(Status.INVALID_INDEX, version)}
    assert desk.ask("eraseKeyTableEntry", index=1) == {"status": 0}
    assert desk.ask("exportLinkKeyByEui", eui64=JOINER)["status"] == Status.NOT_FOUND.sl
    assert desk.ask("importLinkKey", index=3, eui64=5, key=OWN_KEY)["status"] != 0


@every_version
def test_a_partner_has_one_line_and_0xff_is_a_free_one(version: int) -> None:
    desk = Desk(version)
    desk.ask("setConfigurationValue", config_id=0x1E, value=2)
    assert desk.ask("importLinkKey", index=0xFF, eui64=JOINER, key=OWN_KEY) == {"status": 0}
    assert desk.ask("importLinkKey", index=1, eui64=JOINER, key=ANY_KEY) == {"status": 0}
    assert desk.ask("exportLinkKeyByIndex", index=0)["status"] == Status.NOT_FOUND.sl
    assert desk.ask("importLinkKey", index=0xFF, eui64=STRANGER, key=OWN_KEY) == {"status": 0}
    full = desk.ask("importLinkKey", index=0xFF, eui64=5, key=OWN_KEY)
    assert full == {"status": Status.TABLE_FULL.sl}
    assert desk.ask("importLinkKey", index=0xFF, eui64=JOINER, key=OWN_KEY) == {"status": 0}
    assert desk.ask("exportLinkKeyByEui", eui64=JOINER)["key"] == OWN_KEY

    assert desk.ask("clearKeyTable") == {"status": 0}
    assert [desk.ask("exportLinkKeyByIndex", index=each)["status"] for each in (0, 1)] == [
        Status.NOT_FOUND.sl
    ] * 2


@every_version
def test_keys_are_imported_by_context(version: int) -> None:
    desk = Desk(version)

    def put(kind: int, **more: Any) -> int:  # noqa: ANN401
        context = KeyContext(kind=kind, **more)
        status: int = desk.ask("importKey", context=context, key=OWN_KEY)["status"]
        return status

    assert put(APPLICATION, index=1, eui64=JOINER) == 0
    assert export(desk, APPLICATION, index=1, flags=1) == OWN_KEY
    assert put(TRANSIENT, eui64=JOINER) == 0
    assert export(desk, TRANSIENT, eui64=JOINER, flags=2) == OWN_KEY
    assert put(TRUST_CENTRE) == Status.NOT_JOINED.sl
    assert put(NETWORK) == Status.INVALID_PARAMETER.sl
    assert put(APPLICATION, derived=1) == Status.INVALID_PARAMETER.sl
    desk.form()
    assert put(TRUST_CENTRE) == 0
    assert export(desk, TRUST_CENTRE) == OWN_KEY


@every_version
def test_what_is_known_of_a_key(version: int) -> None:
    desk = Desk(version)
    desk.form()
    desk.ask("importLinkKey", index=0, eui64=JOINER, key=OWN_KEY)
    link = desk.ask("getApsKeyInfo", context=KeyContext(kind=APPLICATION, index=0, flags=1))
    assert (link["status"], link["metadata"].bitmask) == (0, 0x0E)
    if version == 13:
        assert link["eui64"] == JOINER
    centre = desk.ask("getApsKeyInfo", context=KeyContext(kind=TRUST_CENTRE))
    assert (centre["status"], centre["metadata"].bitmask) == (0, 0x02)
    network = desk.ask("getApsKeyInfo", context=KeyContext(kind=NETWORK))
    assert network["status"] == Status.NOT_FOUND.sl


# Transient keys.


@every_version
def test_transient_keys_lapse(version: int) -> None:
    desk = Desk(version)
    desk.ask("setConfigurationValue", config_id=0x36, value=10)
    assert desk.ask("importTransientKey", eui64=JOINER, key=OWN_KEY, flags=0) == {"status": 0}
    desk.run(4 * SECOND)
    assert desk.ask("importTransientKey", eui64=ANYBODY, key=ANY_KEY, flags=0) == {"status": 0}

    first = desk.ask("exportTransientKeyByIndex", index=0)
    assert (first["status"], first["key"], first["context"].eui64) == (0, OWN_KEY, JOINER)
    assert first["metadata"].ttl_s == 6
    assert desk.ask("exportTransientKeyByEui", eui64=ANYBODY)["metadata"].ttl_s == 10
    assert desk.ask("exportTransientKeyByIndex", index=2)["status"] == Status.NOT_FOUND.sl

    desk.run(6 * SECOND - 1)
    assert desk.ask("exportTransientKeyByEui", eui64=JOINER)["metadata"].ttl_s == 1
    desk.run(1)
    assert desk.ask("exportTransientKeyByEui", eui64=JOINER)["status"] == Status.NOT_FOUND.sl
    assert desk.ask("exportTransientKeyByIndex", index=0)["key"] == ANY_KEY
    desk.ask("clearTransientLinkKeys")
    assert desk.ask("exportTransientKeyByIndex", index=0)["status"] == Status.NOT_FOUND.sl


def test_there_is_an_end_of_transient_keys() -> None:
    security = Security()
    taken = [security.admit(eui64, OWN_KEY, 0, 1) for eui64 in range(100)]
    assert taken.count(Status.OK) == 64
    assert taken[-1] is Status.TABLE_FULL
    assert security.admit(0, ANY_KEY, 0, 1) is Status.OK  # a new key for one that has one
    assert security.admit(99, OWN_KEY, SECOND, 1) is Status.OK  # the others have lapsed


# Hashing.


@every_version
def test_a_host_makes_a_link_key_of_an_install_code(version: int) -> None:
    answer = Desk(version).ask(
        "aesMmoHash", context=HashContext(result=bytes(16), length=0), finalize=True, data=CODE
    )
    # The code and the key are those of the specification (13-0402-13, 10.1.1).
    key = bytes.fromhex("66B6900981E1EE3CA4206B6B861C02BB")
    assert (answer["status"], answer["context"].result) == (0, key)


@pytest.mark.parametrize("cuts", [(16, 16, 5), (32, 0), (0, 37), (16, 16)])
def test_a_hash_in_pieces_is_one_hash(cuts: tuple[int, ...]) -> None:
    desk, data = Desk(), bytes(range(sum(cuts)))
    context, at = HashContext(result=bytes(16), length=0), 0
    for number, size in enumerate(cuts, 1):
        piece, at = data[at : at + size], at + size
        last = number == len(cuts)
        answer = desk.ask("aesMmoHash", context=context, finalize=last, data=piece)
        assert answer["status"] == 0
        context = answer["context"]
    assert context == HashContext(result=aes_mmo(data), length=len(data))


@pytest.mark.parametrize(
    ("length", "size", "last"), [(0, 5, False), (5, 16, True), (2**29 - 16, 16, True)]
)
def test_pieces_that_make_no_hash_are_refused(length: int, size: int, last: bool) -> None:
    context = HashContext(result=bytes(16), length=length)
    answer = Desk().ask("aesMmoHash", context=context, finalize=last, data=bytes(size))
    assert answer == {"status": Status.INVALID_PARAMETER.ember, "context": context}


# Whom the trust centre admits.


def admitting(policy: int, *, own: bool = False, anybody: bool = False) -> Desk:
    """Return a coordinator with a policy and transient keys."""
    desk = Desk()
    desk.form()
    assert desk.ask("setPolicy", policy=Policy.TRUST_CENTRE, decision=policy) == {"status": 0}
    if own:
        desk.ask("importTransientKey", eui64=JOINER, key=OWN_KEY, flags=0)
    if anybody:
        desk.ask("importTransientKey", eui64=ANYBODY, key=ANY_KEY, flags=0)
    return desk


JOINS = int(Trust.ALLOW_JOINS)
CODES = int(Trust.ALLOW_JOINS | Trust.ONLY_INSTALL_CODES)


@pytest.mark.parametrize(
    ("policy", "own", "anybody", "joiner", "stranger"),
    [
        (JOINS, False, False, None, None),
        (JOINS, False, True, ANY_KEY, ANY_KEY),
        (JOINS, True, False, OWN_KEY, None),
        (JOINS, True, True, OWN_KEY, ANY_KEY),
        (CODES, False, True, None, None),
        (CODES, True, True, OWN_KEY, None),
        (int(Trust.ALLOW_UNSECURED_REJOINS), True, True, None, None),
        (int(Trust.ALLOW_JOINS | Trust.DEFER_JOINS), True, True, None, None),
        (0, True, True, None, None),
    ],
)
def test_who_is_admitted(
    policy: int, own: bool, anybody: bool, joiner: bytes | None, stranger: bytes | None
) -> None:
    desk = admitting(policy, own=own, anybody=anybody)
    assert desk.stick.key_for(JOINER, desk.stick.now) == joiner
    assert desk.stick.key_for(STRANGER, desk.stick.now) == stranger


def test_nobody_is_admitted_with_a_key_that_lapsed() -> None:
    desk = admitting(JOINS, own=True)
    key = desk.stick.security.transient(JOINER, desk.stick.now)
    assert key is not None
    # The network asks at its own time: the stick may have heard nothing since the key came.
    assert desk.stick.key_for(JOINER, key.until - 1) == OWN_KEY
    assert desk.stick.key_for(JOINER, key.until) is None


def test_a_line_of_the_key_table_admits_its_partner() -> None:
    desk = admitting(JOINS, anybody=True)
    desk.ask("importLinkKey", index=0, eui64=JOINER, key=OWN_KEY)
    assert desk.stick.key_for(JOINER, desk.stick.now) == OWN_KEY
    assert desk.stick.key_for(STRANGER, desk.stick.now) == ANY_KEY


@pytest.mark.parametrize(("bits", "wanted"), [(0x0004, LINK_KEY), (0x0084, None), (0x0000, None)])
def test_a_global_link_key_that_is_not_hashed_is_everybodys(
    bits: int, wanted: bytes | None
) -> None:
    desk = Desk()
    desk.form(BITMASK & ~0x0084 | bits)
    assert desk.stick.key_for(STRANGER, desk.stick.now) == wanted


# A joiner's side.


def pair(state: Any, *, code: bytes = b"") -> tuple[Desk, Desk]:  # noqa: ANN401
    """Return a coordinator that lets in, and a stick that is about to join with a state."""
    hub, joiner = Desk(), Desk()
    specs = [StickSpec(name="hub"), StickSpec(name="dut")]
    radio = VirtualRadio(specs, log=hub.log.append)
    hub.radio = joiner.radio = radio
    hub.stick, joiner.stick = radio.sticks["hub"], radio.sticks["dut"]
    hub.form()
    hub.ask("permitJoining", duration_s=255)
    if code:
        token = b"\x06\x00" + code
        assert joiner.ask("setMfgToken", token=0x0A, data=token) == {"status": 0}
    assert joiner.ask("setInitialSecurityState", state=state) == {"status": 0}
    return hub, joiner


def join(joiner: Desk) -> int:
    """Join the network, and return the state that the stick is in then."""
    wanted = replace(PARAMETERS, radio_tx_power=0)
    assert joiner.ask("joinNetwork", node_kind=NodeKind.ROUTER, parameters=wanted) == {"status": 0}
    joiner.run(SECOND)
    state: int = joiner.ask("networkState")["state"]
    return state


def test_a_joiner_gets_the_network_key_and_keeps_its_link_key() -> None:
    hub, joiner = pair(initial(0x0104, preconfigured_key=WELL_KNOWN_KEY))
    hub.ask("importTransientKey", eui64=ANYBODY, key=WELL_KNOWN_KEY, flags=0)
    assert join(joiner) == 2

    kept = joiner.stick.tokens.network
    assert kept is not None
    assert kept.network_key == NETWORK_KEY
    assert kept.link_key == WELL_KNOWN_KEY
    assert kept.trust_centre == hub.stick.eui64
    assert (kept.node_kind, kept.address) == (NodeKind.ROUTER, joiner.ask("getNodeId")["address"])
    assert isinstance(kept.parameters, NetworkParameters)
    assert export(joiner, NETWORK) == NETWORK_KEY
    state = joiner.ask("getCurrentSecurityState")["state"]
    assert (state.bitmask, state.trust_centre) == (0x14, hub.stick.eui64)


def test_a_joiner_with_another_key_stays_out() -> None:
    hub, joiner = pair(initial(0x0104, preconfigured_key=OWN_KEY))
    hub.ask("importTransientKey", eui64=ANYBODY, key=WELL_KNOWN_KEY, flags=0)
    assert join(joiner) == 0
    assert joiner.stick.tokens.network is None


def test_a_joiner_uses_its_install_code() -> None:
    state = initial(int(Initial.KEY_FROM_INSTALL_CODE), preconfigured_key=OWN_KEY)
    hub, joiner = pair(state, code=CODE)
    hub.ask("setPolicy", policy=Policy.TRUST_CENTRE, decision=CODES)
    hub.ask("importTransientKey", eui64=joiner.stick.eui64, key=link_key_of(CODE), flags=0)
    assert join(joiner) == 2
    assert joiner.stick.tokens.network is not None
    assert joiner.stick.tokens.network.link_key == link_key_of(CODE)


@pytest.mark.parametrize(
    "token",
    [None, b"\x06\x00" + CODE[:-1] + b"\x00", b"\x05\x00" + CODE],
    ids=["none", "wrong CRC", "unknown size"],
)
def test_a_joiner_without_a_good_install_code_is_told(token: bytes | None) -> None:
    desk = Desk()
    if token is not None:
        desk.ask("setMfgToken", token=0x0A, data=token)
    state = initial(int(Initial.KEY_FROM_INSTALL_CODE))
    refused = desk.ask("setInitialSecurityState", state=state)
    assert refused == {"status": Status.INVALID_CONFIGURATION.ember}
    assert "install code" in desk.log[-1]
    assert desk.stick.security.initial is None
