"""Read and write EZSP frames: forms, negotiation, refusals, and whatever octets come."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.ncp.commands import COMMANDS, VERSIONS, spoken
from emulator.ncp.ezsp import LONGEST, Dialect, EzspError
from emulator.ncp.fields import Layout, parse
from emulator.ncp.handlers import HANDLERS
from emulator.ncp.statuses import Status
from emulator.units import SECOND
from tests.ncp.desk import Desk, layout_of

every_version = pytest.mark.parametrize("version", VERSIONS)


def agreed(version: int = 13) -> Dialect:
    """Return a dialect whose version a host has accepted."""
    dialect = Dialect(version)
    dialect.decode(bytes((0, 0, 0, version)))
    assert dialect.negotiated
    return dialect


def refusal(dialect: Dialect, payload: bytes) -> tuple[Status, bytes]:
    """Return why a frame is refused, and the answer to it."""
    with pytest.raises(EzspError) as caught:
        dialect.decode(payload)
    return caught.value.reason, dialect.invalid(caught.value.request, caught.value.reason)


# Forms and negotiation.


def test_a_legacy_version_command_gets_a_legacy_answer() -> None:
    dialect = Dialect(13)
    request = dialect.decode(bytes.fromhex("07000004"))

    assert (request.name, request.values, request.legacy) == (
        "version",
        {"desired_version": 4},
        True,
    )
    assert not dialect.negotiated
    answer = dialect.response(request, version=13, stack_type=2, stack_version=0x7430)
    assert answer.hex() == "0780000d023074"


def test_an_extended_version_command_gets_an_extended_answer() -> None:
    dialect = Dialect(13)
    request = dialect.decode(bytes.fromhex("00000100000d"))

    assert dialect.negotiated
    answer = dialect.response(request, version=13, stack_type=2, stack_version=0x7430)
    assert answer.hex() == "00800100000d023074"


def test_the_stick_answers_the_version_command() -> None:
    for version, stack in ((13, 0x7430), (14, 0x8030)):
        answer = Desk(version).ask("version", desired_version=4)
        assert answer == {"version": version, "stack_type": 2, "stack_version": stack}


@every_version
def test_nothing_is_answered_before_a_version_is_agreed_on(version: int) -> None:
    dialect = Dialect(version)
    nop = bytes.fromhex("0500010500")
    reason, answer = refusal(dialect, nop)

    assert reason is Status.VERSION_NOT_SET
    width = "30" if version < 14 else "30000000"
    assert answer.hex() == "0580015800" + width

    dialect.decode(bytes((6, 0, 0, version)))
    assert dialect.decode(nop).name == "nop"
    dialect.reset()
    assert refusal(dialect, nop)[0] is Status.VERSION_NOT_SET


def test_a_host_may_start_over_with_the_legacy_version_command() -> None:
    dialect = agreed()
    assert dialect.decode(bytes.fromhex("00000004")).values == {"desired_version": 4}
    assert not dialect.negotiated
    assert dialect.decode(bytes.fromhex("00000100000d")).values == {"desired_version": 13}
    assert dialect.negotiated


@pytest.mark.parametrize("version", [0, 4, 12, 15, 20])
def test_a_version_that_nobody_speaks_is_refused(version: int) -> None:
    with pytest.raises(ValueError, match=rf"EZSP version: found {version}, wanted one of \(13,"):
        Dialect(version)


# Refusals.


@every_version
def test_an_unknown_command_is_invalid_in_the_width_of_the_version(version: int) -> None:
    reason, answer = refusal(agreed(version), bytes.fromhex("0900017f7f"))

    assert reason is Status.INVALID_FRAME_ID
    assert answer.hex() == "0980015800" + ("31" if version < 14 else "31000000")


def test_a_callback_is_no_command() -> None:
    assert refusal(agreed(), bytes.fromhex("010001190090"))[0] is Status.INVALID_FRAME_ID


def test_a_frame_towards_the_host_is_refused() -> None:
    reason, answer = refusal(agreed(), bytes.fromhex("0180010500"))
    assert reason is Status.WRONG_DIRECTION
    assert answer.hex() == "018001580032"


def test_a_legacy_command_is_refused_in_its_own_form() -> None:
    reason, answer = refusal(agreed(), bytes.fromhex("0300530c02"))
    assert reason is Status.INVALID_FRAME_ID
    assert answer.hex() == "03805831"


@pytest.mark.parametrize(
    "payload", [b"", b"\x05", b"\x05\x00", b"\x05\x00\x01", b"\x05\x00\x01\x05"]
)
def test_a_frame_without_a_whole_id_is_refused(payload: bytes) -> None:
    reason, answer = refusal(agreed(), payload)
    assert reason is Status.TRUNCATED
    assert answer == bytes((payload[0] if payload else 0, 0x80, 0x01, 0x58, 0x00, 0x33))


def test_a_frame_that_is_too_long_is_refused() -> None:
    dialect = agreed()
    assert dialect.decode(bytes.fromhex("0100010500") + bytes(LONGEST - 5)).extra == LONGEST - 5
    reason, _ = refusal(dialect, bytes.fromhex("0100010500") + bytes(LONGEST - 4))
    assert reason is Status.COMMAND_TOO_LONG


def test_octets_behind_the_last_field_are_left_alone() -> None:
    request = agreed().decode(bytes.fromhex("0100015200") + b"\x1e" + b"rest")
    assert request.values == {"config_id": 0x1E}
    assert request.extra == 4


@every_version
def test_a_field_that_may_be_left_out_is_zero(version: int) -> None:
    short = bytes.fromhex("0100011101") + bytes(8) + bytes(16)
    values = agreed(version).decode(short).values
    assert values["flags"] == 0
    assert agreed(version).decode(short + b"\x02").values["flags"] == 2


@every_version
def test_every_command_cut_short_is_refused(version: int) -> None:
    dialect = agreed(version)
    tried = 0
    for row in spoken(version).values():
        if row.request is None or row.name == "version":
            continue
        head = bytes((1, 0, 1, row.id & 0xFF, row.id >> 8))
        layout = Layout(row.name, row.request, version)
        whole = layout.encode(layout.filled({}))
        optional = sum(one.optional for one in layout.fields)  # of one octet each
        assert dialect.decode(head + whole).extra == 0
        for size in range(len(whole) - optional):
            if parse(row.request)[-1].kind == "u16s":
                continue
            reason, _ = refusal(dialect, head + whole[:size])
            assert reason is Status.TRUNCATED, (row.name, size)
            tried += 1
    assert tried > 500


# Answers.


def test_an_answer_for_all_versions_loses_what_a_version_has_not() -> None:
    request = agreed(13).decode(bytes.fromhex("0100017f00") + bytes(8))
    values = {"status": Status.OK, "extended": True}
    assert agreed(13).response(request, **values).hex() == "0180017f0001"
    assert agreed(14).response(request, **values).hex() == "0180017f0000000000"


def test_a_refusal_has_all_its_fields() -> None:
    request = agreed().decode(bytes.fromhex("0100012800"))
    answer = agreed().response(request, status=Status.NOT_JOINED)
    assert answer.hex() == "0180012800" + "93" + "00" + "00" * 20


def test_a_good_answer_must_be_whole() -> None:
    request = agreed().decode(bytes.fromhex("0100012800"))
    with pytest.raises(ValueError, match="getNetworkParameters: node_kind: found nothing, wanted"):
        agreed().response(request, status=Status.OK)


def test_an_answer_with_a_field_of_no_version_is_a_mistake() -> None:
    request = agreed().decode(bytes.fromhex("0100010500"))
    with pytest.raises(ValueError, match=r"nop: found \['status'\], which no version has"):
        agreed().response(request, status=Status.OK)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"source": 1 << 16}, "source: found 65536, wanted u16"),
        ({"rssi": -200}, "rssi: found -200, wanted i8"),
        ({"relays": (1, -1)}, r"relays: found \(1, -1\), wanted u16s8"),
        ({"relays": 4}, "relays: found 4, wanted u16s8"),
    ],
)
def test_a_value_that_does_not_fit_is_a_mistake(values: dict[str, object], why: str) -> None:
    good = {"source": 1, "eui64": 2, "lqi": 255, "rssi": -40, "relays": (1,)}
    with pytest.raises(ValueError, match=f"incomingRouteRecordHandler: {why}"):
        agreed().callback("incomingRouteRecordHandler", 0, **{**good, **values})


def test_a_callback_says_that_it_is_one() -> None:
    octets = agreed().callback("stackStatusHandler", 9, status=Status.NETWORK_UP)
    assert octets.hex() == "0990011900" + "90"
    assert agreed(14).callback("stackStatusHandler", 9, status=Status.NETWORK_UP)[5:] == (
        b"\x15\x00\x00\x00"
    )
    with pytest.raises(ValueError, match="nop: a command, wanted a callback"):
        agreed().callback("nop", 0)


@pytest.mark.parametrize("text", ["status", "a:u8 a:u8", ":u8", "a b:u8"])
def test_a_layout_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="layout"):
        parse(text)


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="found kind 'u7', wanted"):
        Layout("x", "a:u7", 13)


# Whatever octets come.


@every_version
@settings(max_examples=100, deadline=None)
@given(payloads=st.lists(st.binary(max_size=LONGEST + 20), max_size=4))
def test_any_octets_are_read_or_refused(version: int, payloads: list[bytes]) -> None:
    for dialect in (Dialect(version), agreed(version)):
        for payload in payloads:
            try:
                request = dialect.decode(payload)
            except EzspError as error:
                answer = dialect.invalid(error.request, error.reason)
                assert answer[0] == (payload[0] if payload else 0)
                assert answer[1] == 0x80
            else:
                assert request.sequence == payload[0]


@pytest.mark.parametrize("joined", [False, True], ids=["alone", "on a network"])
@every_version
@settings(max_examples=40, deadline=None)
@given(octets=st.binary(max_size=60), fill=st.integers(0, 255))
def test_every_command_answers_any_octets(
    version: int, joined: bool, octets: bytes, fill: int
) -> None:
    desk = Desk(version)
    if joined:
        desk.form()
    answered, refused = 0, set[Status]()
    for row in spoken(version).values():
        if row.request is None or row.name not in HANDLERS:
            continue
        shortest = layout_of(row.name, row.request, version).shortest
        fields = octets + bytes([fill]) * max(0, shortest - len(octets))
        payload = bytes((1, 0, 1, row.id & 0xFF, row.id >> 8)) + fields
        desk.dialect.negotiated = True
        try:
            answer = desk.put(payload)
        except EzspError as error:
            answer = desk.dialect.invalid(error.request, error.reason)
            refused.add(error.reason)
        else:
            assert answer[3:5] == payload[3:5]
            answered += 1
        assert answer[:3] == bytes((1, 0x80, 1))
    desk.run(SECOND)
    assert answered > 80
    assert refused <= {Status.TRUNCATED}


def test_every_handler_answers_a_command_of_the_table() -> None:
    assert HANDLERS.keys() <= {row.name for row in COMMANDS if row.request is not None}
