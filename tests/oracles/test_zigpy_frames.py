"""Let zigpy read every frame of the vectors: it agrees, or the difference is listed with a reason.

zigpy's header and schemas decide what octets say; how they are found follows its own
``Cluster.deserialize``: frame type and direction, whatever manufacturer code there is.
"""

from collections.abc import Mapping
from typing import Any

import pytest
import zigpy.types as t
from zigpy.zcl import foundation
from zigpy.zcl.clusters.general import Ota

from emulator.wire import ota, zcl
from emulator.wire.codec import COMMANDS, CommandKey
from harness.vectors.load import load_vectors
from harness.vectors.model import Vector
from tests.oracles.test_zigpy_ota import NAMES, NAMES_IN_ONE_COMMAND

VECTORS = load_vectors(None, "frames")
UNKNOWN, UNREADABLE = "unknown", "unreadable"

#: What zigpy makes of frames otherwise than the vectors, by the reason; laxer or stricter.
DIFFERENCES: dict[str, frozenset[str]] = {
    "laxer: a maker's command is read as the standard's (ZCL 2.4.1.1.2)": frozenset(
        {"FR-163", "FR-164", "FR-262", "FR-284", "FR-327", "FR-328", "FR-329"}
        | {"FR-338", "FR-339", "FR-342"}
    ),
    "laxer: the reserved frame types 2 and 3 are read as general (ZCL 2.4.1.1.1)": frozenset(
        {"FR-167", "FR-168", "FR-333", "FR-334"}
    ),
    "laxer: of an offer, what is missing is left out (ZCL 11.13.5, 11.13.12)": frozenset(
        {"FR-092", "FR-096", "FR-246"}
    ),
    "laxer: ids and size are read whatever the status is (ZCL 11.13.5)": frozenset(
        {"FR-080", "FR-081"}
    ),
    "stricter: WAIT_FOR_DATA must hold the period (against ZCL 11.13.8.2.9)": frozenset(
        {"FR-140", "FR-141"}
    ),
    "wider: it knows general commands that are not modelled here": frozenset(
        {"FR-166", "FR-312", "FR-313", "FR-314", "FR-315", "FR-316"}
    ),
    "wider: it knows arrays, which no attribute of this cluster is": frozenset({"FR-294"}),
}
_DIFFERENT = frozenset().union(*DIFFERENCES.values())


def each(vectors: list[Vector] | tuple[Vector, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=[one.id for one in vectors])


def theirs(octets: bytes) -> Any:  # noqa: ANN401 - a tuple, or the word for what went wrong
    """Return name, fields and rest as zigpy reads them, else why it does not."""
    try:
        header, body = foundation.ZCLHeader.deserialize(octets)
    except ValueError:
        return UNREADABLE
    clusters = header.frame_control.frame_type == foundation.FrameType.CLUSTER_COMMAND
    to_server = header.direction == foundation.Direction.Client_to_Server
    if clusters:
        commands = Ota.ServerCommandDefs if to_server else Ota.ClientCommandDefs
        known: Mapping[int, Any] = {one.id: one for one in commands}
        kind = COMMANDS.get(CommandKey(ota.CLUSTER, to_server, header.command_id))
    else:
        known = foundation.GENERAL_COMMANDS
        kind = zcl.GENERAL.get(header.command_id)
    if header.command_id not in known:
        return UNKNOWN
    try:
        read, rest = known[header.command_id].schema.deserialize(body)
    except (ValueError, KeyError):
        return UNREADABLE
    if kind is None:
        return f"a {type(read).__name__}"
    fields = _named(kind, read) if clusters else _general(read)
    return kind.__name__, fields, rest.hex()


def listed(vector: Vector) -> Any:  # noqa: ANN401 - the same
    expect = vector.body["expect"]
    if "error" in expect:
        return UNKNOWN if expect["error"] == "unknown" else UNREADABLE
    reads = expect["reads"]
    return reads["name"], reads["fields"], reads.get("rest", "")


def _named(kind: type, read: Any) -> dict[str, Any]:  # noqa: ANN401 - of zigpy's
    ours = {}
    for one in kind.__dataclass_fields__:  # type: ignore[attr-defined]
        name = NAMES_IN_ONE_COMMAND.get((kind, one)) or NAMES.get(one, one)
        value = getattr(read, name)
        if value is not None:
            ours[one] = _plain(value)
    return ours


def _plain(value: Any) -> Any:  # noqa: ANN401 - of zigpy's
    if isinstance(value, t.EUI64):
        return int(str(value).replace(":", ""), 16)
    return bytes(value).hex() if isinstance(value, bytes) else int(value)


def _general(read: Any) -> dict[str, Any]:  # noqa: ANN401 - of zigpy's
    match type(read).__name__:
        case "Read_Attributes":
            return {"attributes": [int(one) for one in read.attribute_ids]}
        case "ReadAttributesResponse":
            return {"records": [_record(one) for one in read.status_records]}
        case "Write_Attributes":
            return {"records": [_record(one) for one in read.attributes]}
        case "WriteAttributesResponseSchema":
            rows = ({"status": one.status, "attribute": one.attrid} for one in read.status_records)
            return {"records": [_there(row) for row in rows]}
        case "Discover_Attributes":
            return {"start": int(read.start_attribute_id), "maximum": int(read.max_attribute_ids)}
        case "Discover_Attributes_rsp":
            rows = ({"attribute": one.attrid, "type": one.datatype} for one in read.attribute_info)
            return {
                "complete": int(read.discovery_complete),
                "records": [_there(row) for row in rows],
            }
        case "DefaultResponse":
            return {"command": int(read.command_id), "status": int(read.status)}
    raise AssertionError(f"no comparison for {read}")


def _record(one: Any) -> dict[str, Any]:  # noqa: ANN401 - of zigpy's
    row = {"attribute": one.attrid, "status": getattr(one, "status", None)}
    value = one.value
    there = _there(row)
    if value is not None:
        there |= {"type": int(value.type), "value": value.value.serialize().hex()}
    return there


def _there(row: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(value) for name, value in row.items() if value is not None}


@each([one for one in VECTORS if one.id not in _DIFFERENT])
def test_zigpy_reads_the_frame_as_listed(vector: Vector) -> None:
    assert theirs(bytes.fromhex(vector.body["octets"])) == listed(vector)


@each([one for one in VECTORS if one.id in _DIFFERENT])
def test_zigpy_still_differs(vector: Vector) -> None:
    assert theirs(bytes.fromhex(vector.body["octets"])) != listed(vector)


def test_each_difference_has_one_reason_and_a_vector() -> None:
    assert len(_DIFFERENT) == sum(map(len, DIFFERENCES.values()))
    assert {one.id for one in VECTORS} >= _DIFFERENT
