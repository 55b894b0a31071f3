"""Compare every EZSP frame with bellows' tables, octet for octet, both ways, in every version."""

from collections.abc import Mapping
from dataclasses import astuple, is_dataclass
from typing import Any

import bellows.types as t
import pytest
from bellows.ezsp import EZSP
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.ncp.commands import COMMANDS, VERSIONS, Command, spoken
from emulator.ncp.ezsp import Dialect
from emulator.ncp.fields import RECORDS, Field, Layout, parse
from emulator.ncp.statuses import Status

#: bellows reads a list until the octets end, so it cannot read a request that has two of them.
UNREADABLE_TO_BELLOWS = {"addEndpoint"}

#: bellows reads one octet of a status that the firmware sends as four (command-handlers.c).
SHORT_IN_BELLOWS = {("startScan", 13)}

_SIZES = {"u8": 1, "u16": 2, "u32": 4, "eui": 8}


def values_of(kind: str) -> st.SearchStrategy[Any]:
    """Return the values that a field of a kind can have."""
    if kind in ("ember", "ember8", "ezsp", "sl"):
        return st.sampled_from(Status)
    if kind in _SIZES:
        return st.integers(0, 256 ** _SIZES[kind] - 1)
    if kind == "i8":
        return st.integers(-128, 127)
    if kind == "bool":
        return st.booleans()
    if kind in RECORDS:
        cls, kinds = RECORDS[kind]
        return st.tuples(*map(values_of, kinds.split())).map(
            lambda each: cls(**dict(zip(cls.__dataclass_fields__, each, strict=True)))
        )
    if kind.startswith("u16s"):
        return st.lists(st.integers(0, 0xFFFF), max_size=8).map(tuple)
    if kind.startswith("lv"):
        return st.binary(max_size=40)
    size = 16 if kind == "key" else int(kind.removeprefix("octets"))
    return st.binary(min_size=size, max_size=size)


@st.composite
def fields_of(draw: st.DrawFn, layout: tuple[Field, ...]) -> dict[str, Any]:
    """Draw the values of a frame; a field that counts another one agrees with it."""
    made = {one.name: draw(values_of(one.kind)) for one in layout}
    for one in layout:
        if one.counted_by:
            made[one.counted_by] = len(made[one.name])
    return made


def theirs(kind: Any, value: Any) -> Any:  # noqa: ANN401 - bellows' types are untyped
    """Return a value as bellows' type for it."""
    if is_dataclass(value) and not isinstance(value, type):
        fields = [each for each in kind.fields if each.name]
        pairs = zip(fields, astuple(value), strict=True)
        return kind(**{each.name: theirs(each.type, item) for each, item in pairs})
    if issubclass(kind, t.EUI64):
        octets = value if isinstance(value, bytes) else value.to_bytes(8, "little")
        return kind.deserialize(octets)[0]
    if isinstance(value, tuple):
        return kind(value)
    if isinstance(value, bytes):
        return kind(value) if issubclass(kind, bytes) else kind.deserialize(value)[0]
    if kind is t.uint8_t and value < 0:
        return kind(value + 256)  # bellows has the TX power of a network unsigned
    return kind(value)


def schema_of(schema: Any) -> list[tuple[str, Any, bool]]:  # noqa: ANN401
    """Return bellows' fields: name, type, and whether it may be absent."""
    if isinstance(schema, Mapping):
        return [(name, kind, False) for name, kind in schema.items()]
    return [(each.name, each.type, each.requires is not None) for each in schema.fields]


def compare(
    schema: Any,  # noqa: ANN401 - a mapping, or a class of bellows
    layout: Layout,
    values: Mapping[str, Any],
    *,
    readable: bool,
) -> None:
    """Compare the octets of one frame: ours against bellows', and bellows' read back."""
    octets = layout.encode(values)
    plain, end = layout.decode(octets)
    assert end == len(octets)
    codes = {
        one.name: plain[one.name] if isinstance(values[one.name], Status) else values[one.name]
        for one in layout.fields
    }
    assert plain == codes

    their_fields = schema_of(schema)
    assert len(their_fields) == len(layout.fields)
    typed = [
        theirs(kind, plain[one.name])
        for one, (_, kind, _) in zip(layout.fields, their_fields, strict=True)
    ]
    assert b"".join(each.serialize() for each in typed).hex() == octets.hex()
    if not readable:
        return
    rest = octets
    for one, (name, kind, conditional), wanted in zip(
        layout.fields, their_fields, typed, strict=True
    ):
        if conditional and values["status"] is not Status.OK:
            continue
        read, rest = kind.deserialize(rest)
        assert read == wanted, (one, name)
    if not any(conditional for _, _, conditional in their_fields):
        assert rest == b""


@pytest.mark.parametrize("version", VERSIONS)
def test_bellows_knows_every_command(version: int) -> None:
    theirs = EZSP._BY_VERSION[version].COMMANDS
    ours = {name: row.id for name, row in spoken(version).items()}

    assert ours == {name: theirs[name][0] for name in ours}
    assert len(set(ours.values())) == len(ours) > 140


def test_each_row_holds_in_some_version_and_no_two_at_once() -> None:
    held = [(row.name, version) for row in COMMANDS for version in VERSIONS if row.holds(version)]

    assert len(held) == len(set(held))
    assert {name for name, _ in held} == {row.name for row in COMMANDS}
    assert all(any(row.holds(version) for version in VERSIONS) for row in COMMANDS)


def test_only_lists_in_the_middle_are_not_read_back() -> None:
    counted = {row.name for row in COMMANDS for one in parse(row.request or "") if one.counted_by}

    assert counted == UNREADABLE_TO_BELLOWS


@pytest.mark.parametrize("row", COMMANDS, ids=[f"{row.name}-{row.first}" for row in COMMANDS])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_octets_are_those_of_bellows(row: Command, data: st.DataObject) -> None:
    request = None if row.request is None else data.draw(fields_of(parse(row.request)))
    response = data.draw(fields_of(parse(row.response)))
    for version in VERSIONS:
        if not row.holds(version):
            continue
        _, their_request, their_response = EZSP._BY_VERSION[version].COMMANDS[row.name]
        layout = Layout(row.name, row.response, version)
        if (row.name, version) in SHORT_IN_BELLOWS:
            (kind,) = their_response.values()
            assert kind.deserialize(layout.encode(response))[0] == response["status"].sl & 0xFF
        else:
            compare(their_response, layout, response, readable=True)
        if request is None or row.request is None:
            assert not schema_of(their_request)
            continue
        readable = row.name not in UNREADABLE_TO_BELLOWS
        layout = Layout(row.name, row.request, version)
        compare(their_request, layout, request, readable=readable)


class Gateway:
    """Be what bellows sends through: nothing goes anywhere."""


def host(version: int, heard: list[tuple[str, list[Any]]]) -> Any:  # noqa: ANN401
    """Return bellows' side of one version; callbacks go into ``heard``."""
    return EZSP._BY_VERSION[version](lambda name, values: heard.append((name, values)), Gateway())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_frame_of_bellows_is_read_and_answered(version: int) -> None:
    heard: list[tuple[str, list[Any]]] = []
    bellows, dialect = host(version, heard), Dialect(version)
    dialect.decode(bytes((0, 0, 0, version)))
    frame = bellows._ezsp_frame("getConfigurationValue", t.EzspConfigId.CONFIG_KEY_TABLE_SIZE)

    request = dialect.decode(frame)
    assert (request.name, request.values) == ("getConfigurationValue", {"config_id": 0x1E})
    assert request.extra == 0

    answer = dialect.response(request, status=Status.OK, value=0x1234)
    sequence, number, octets = bellows._ezsp_frame_rx(answer)
    name, _, schema = bellows.COMMANDS_BY_ID[number]
    read, rest = t.deserialize_dict(octets, schema)
    assert (sequence, name, rest) == (request.sequence, "getConfigurationValue", b"")
    assert list(read.values()) == [0, 0x1234]


@pytest.mark.parametrize("version", VERSIONS)
def test_bellows_hears_a_callback(version: int) -> None:
    heard: list[tuple[str, list[Any]]] = []
    octets = Dialect(version).callback("stackStatusHandler", 7, status=Status.NETWORK_UP)
    host(version, heard)(octets)

    ((name, values),) = heard
    assert name == "stackStatusHandler"
    assert t.sl_Status.from_ember_status(values[0]) is t.sl_Status.NETWORK_UP


@pytest.mark.parametrize("version", VERSIONS)
def test_bellows_reads_a_refusal(version: int) -> None:
    heard: list[tuple[str, list[Any]]] = []
    dialect = Dialect(version)
    dialect.decode(bytes((0, 0, 0, version)))
    request = dialect.decode(host(version, heard)._ezsp_frame("nop"))
    host(version, heard)(dialect.invalid(request, Status.INVALID_FRAME_ID))

    assert [name for name, _ in heard] == ["invalidCommand"]
    assert heard[0][1][0] == 0x31


#: Why a frame is no command: no stack status, so nothing to translate.
REASONS = {
    "VERSION_NOT_SET",
    "INVALID_FRAME_ID",
    "WRONG_DIRECTION",
    "TRUNCATED",
    "COMMAND_TOO_LONG",
}
#: What bellows has in both widths, under one name, and does not translate: it says FAIL.
UNTRANSLATED = {
    "INCORRECT_SCAN_TYPE": t.sl_Status.MAC_INCORRECT_SCAN_TYPE,
    "BAD_SCAN_DURATION": t.sl_Status.BAD_SCAN_DURATION,
}


@pytest.mark.parametrize("status", [each for each in Status if each.name not in REASONS])
def test_both_widths_of_a_status_say_the_same_to_bellows(status: Status) -> None:
    translated = t.sl_Status.from_ember_status(t.EmberStatus(status.ember))
    assert UNTRANSLATED.get(status.name, translated) == status.sl
    if status.name in UNTRANSLATED:
        assert status.name in t.EmberStatus(status.ember).name


@pytest.mark.parametrize("name", sorted(REASONS))
def test_a_reason_has_bellows_number(name: str) -> None:
    assert t.EzspStatus(Status[name].ezsp).name == f"ERROR_{name}"
    assert Status[name].sl == Status[name].ezsp
