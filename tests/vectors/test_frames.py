"""Hold the frames of the vectors against our codec, and against the hub as server."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from emulator.actions import Send
from emulator.errors import TruncatedError, WireError
from emulator.image.build import build
from emulator.wire import ota, zcl
from emulator.wire.aps import Datagram
from emulator.wire.codec import COMMANDS, CommandKey, Frame, pack_integer
from harness.hub.images import served
from harness.hub.server import Hub
from harness.vectors.frames import AS_LISTED, DATA, SIZES, Played, answer_of, octets_of
from harness.vectors.load import load_vectors
from harness.vectors.model import Vector

VECTORS = load_vectors(None, "frames")
FOR_SERVERS = [one for one in VECTORS if "server" in one.body]
READABLE = [one for one in VECTORS if "reads" in one.body["expect"]]
#: Every command of the cluster, and the general ones that are modelled.
NAMES = {kind.__name__ for key, kind in COMMANDS.items() if key.cluster == ota.CLUSTER} | {
    kind.__name__ for kind in zcl.GENERAL.values()
}
REFERENCE: dict[str, int] = {"manufacturer": 0xFFF1, "image_type": 0x0001}


def each(vectors: list[Vector] | tuple[Vector, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=[one.id for one in vectors])


def read(octets: bytes) -> tuple[Frame, bytes, bytes]:
    """Return frame, header and what stands behind; KeyError: nobody defines such a command."""
    header = zcl.split(octets)
    general = header.control & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL
    if header.manufacturer is not None or header.control & zcl.FRAME_TYPE_MASK > 1:
        raise KeyError(header)
    to_server = not header.control & zcl.FROM_SERVER
    key = CommandKey(ota.CLUSTER, to_server, header.command)
    kind = zcl.GENERAL[header.command] if general else COMMANDS[key]
    frame, end = kind.decode_at(octets, header.offset)
    return frame, octets[: header.offset], octets[end:]


def plain(value: Any) -> Any:  # noqa: ANN401 - what a frame holds
    if isinstance(value, Frame):
        pairs = ((one.name, getattr(value, one.name)) for one in fields(value))  # type: ignore[arg-type]
        return {name: plain(item) for name, item in pairs if item is not None}
    if isinstance(value, bytes):
        return value.hex()
    return [plain(one) for one in value] if isinstance(value, tuple) else int(value)


@each(VECTORS)
def test_octets_say_what_is_listed(vector: Vector) -> None:
    expect, octets = vector.body["expect"], bytes.fromhex(vector.body["octets"])
    if (error := expect.get("error")) is not None:
        kinds: dict[str, type[Exception]] = {
            "truncated": TruncatedError,
            "form": WireError,
            "unknown": KeyError,
        }
        with pytest.raises(kinds[error]) as caught:
            read(octets)
        assert isinstance(caught.value, TruncatedError) == (error == "truncated")
        return

    frame, _, rest = read(octets)
    assert type(frame).__name__ == expect["reads"]["name"]
    assert plain(frame) == expect["reads"]["fields"]
    assert rest.hex() == expect["reads"].get("rest", "")


@each(READABLE)
def test_what_is_read_is_written_again(vector: Vector) -> None:
    frame, header, rest = read(octets := bytes.fromhex(vector.body["octets"]))
    if vector.body["expect"]["exact"]:
        assert header + frame.encode() + rest == octets
    else:
        with pytest.raises(ValueError, match=r"."):
            frame.encode()


@each(VECTORS)
def test_direction_is_that_of_the_octets(vector: Vector) -> None:
    octets = bytes.fromhex(vector.body["octets"])
    from_server = bool(octets[:1]) and bool(octets[0] & zcl.FROM_SERVER)
    assert vector.body["direction"] == ("to_client" if from_server else "to_server")


@each([one for one in VECTORS if "own" in one.body])
def test_own_values_stand_where_the_reference_has_them(vector: Vector) -> None:
    octets = bytes.fromhex(vector.body["octets"])
    taken: set[int] = set()
    for place in vector.body["own"]:
        at, name = place["at"], place["is"]
        size = SIZES.get(name) or place["octets"]
        assert at + size <= len(octets)
        assert not taken & set(range(at, at + size))
        taken |= set(range(at, at + size))
        if name in REFERENCE:
            assert octets[at : at + size] == pack_integer(REFERENCE[name], size)


def test_own_values_replace_those_of_the_reference() -> None:
    vector = next(one for one in VECTORS if len(one.body.get("own", ())) == 5)
    own: Mapping[str, int | bytes] = {
        "sequence": 0xEE,
        "manufacturer": 0x1111,
        "image_type": 0x2222,
        "file_offset": 0x33333333,
        DATA: b"\x44" * 60,
    }
    frame, header, _ = read(octets_of(vector, own))
    assert isinstance(frame, ota.ImageBlockResponse)
    assert (frame.manufacturer, frame.image_type, frame.file_offset) == (0x1111, 0x2222, 0x33333333)
    assert frame.data == b"\x44" * len(frame.data or b"")
    assert header[1] == 0xEE
    assert len(octets_of(vector, own)) == len(vector.body["octets"]) // 2


@each(VECTORS)
def test_accept_lists_are_in_order(vector: Vector) -> None:
    answers = vector.body["expect"]["answers"]
    assert all(one == sorted(one) for one in answers)
    assert answers == sorted(answers, key=lambda one: (len(one), one))
    stage = vector.body.get("device", {}).get("stage")
    assert ("moves" in vector.body["expect"]) == (stage == "downloading")
    assert ("then" in vector.body["expect"]) == (stage == "downloading")
    assert ("applies" in vector.body["expect"]) == (stage == "waiting")
    named = {name.partition(":")[0] for one in answers for name in one}
    assert named <= NAMES | {"default", "general"}


@each([one for one in VECTORS if one.body.get("device", {}).get("delivery") == "broadcast"])
def test_no_broadcast_may_be_answered_by_a_default_response(vector: Vector) -> None:
    named = {name for one in vector.body["expect"]["answers"] for name in one}
    assert not {name for name in named if name.startswith("default")}


def test_every_command_stands_there_in_good_and_in_bad() -> None:
    good = {one.body["expect"]["reads"]["name"] for one in READABLE}
    bad = {flag for one in VECTORS if "error" in one.body["expect"] for flag in one.flags}
    assert len(VECTORS) >= 120
    assert good == NAMES
    assert good <= bad


@pytest.mark.parametrize(
    ("played", "found", "wanted"),
    [
        (Played(answers=[], moves=0, then="continues", waited_s=10.5, works=True), AS_LISTED, None),
        (
            Played(answers=["default:0x01"], moves=0, then="continues", works=True),
            "answers default:0x01",
            "answers silence",
        ),
        (Played(answers=[], moves=8, then="continues", works=True), "moves 8", "moves 0"),
        (Played(answers=[], moves=0, then="stops", works=True), "then stops", "then continues"),
        (
            Played(answers=[], moves=0, then="continues", waited_s=2.0, works=True),
            "waits 2.0 s",
            "waits 10 to 12 s",
        ),
        (
            Played(answers=[], moves=0, then="continues", works=True),
            "waits 0 s",
            "waits 10 to 12 s",
        ),
    ],
)
def test_what_differs_is_said(played: Played, found: str, wanted: str | None) -> None:
    wait = next(one for one in VECTORS if one.body["expect"].get("waits_s") == [10, 12])
    assert played.against(wait) == (found, wanted or found)


@each(FOR_SERVERS)
def test_hub_answers_as_listed(vector: Vector) -> None:
    hub, octets = hub_of(vector), bytes.fromhex(vector.body["octets"])
    assert [answer_of(one, octets) for one in told(hub, octets)] in vector.body["expect"]["answers"]

    query = ota.QueryNextImageRequest(
        control=ota.QueryControl(0), **REFERENCE, file_version=0x01000000
    )
    asked = zcl.pack_header(0x01, 9, 1) + query.encode()
    answers = [answer_of(one, asked) for one in told(hub, asked)]
    assert answers == ["QueryNextImageResponse:0x00"]  # control: it still serves


def hub_of(vector: Vector) -> Hub:
    hub = Hub()
    images = []
    for one in vector.body["server"]["holds"]:
        ids = {"manufacturer": one["manufacturer"], "image_type": one["image_type"]}
        least = build(payload=b"", version=one["file_version"], **ids)
        payload = bytes(one["octets"] - len(least))
        images.append(build(payload=payload, version=one["file_version"], **ids))
    hub.serve(*map(served, images))
    return hub


def told(hub: Hub, octets: bytes) -> list[Datagram]:
    datagram = Datagram(
        source=0x1A01,
        destination=hub.address,
        source_endpoint=7,
        destination_endpoint=1,
        profile=0x0109,
        cluster=ota.CLUSTER,
        payload=octets,
    )
    return [one.datagram for one in hub.receive(datagram, 0) if isinstance(one, Send)]
