"""The hub: honest by default, any block of any image at once; its lies are edits of octets."""

from dataclasses import fields
from typing import Any

import pytest

from emulator.actions import Announced, Joined, Send
from emulator.image.build import build
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import ApsOptions, Datagram
from emulator.wire.codec import COMMANDS, KEYS, Frame
from emulator.wire.ota import Status
from harness.hub.images import Served, served
from harness.hub.lies import Append, Cut, Edit, Lie, Overwrite, Replace, Silence, field
from harness.hub.server import Hub
from harness.hub.settings import Offers

DEVICE, ENDPOINT, PROFILE = 0x1A01, 7, 0x0109
MANUFACTURER, IMAGE_TYPE, HARDWARE = 0xFFF1, 1, 0x0102


def image(version: int, *, hardware: tuple[int, int] | None = None, size: int = 200) -> Served:
    return served(
        build(
            payload=bytes(range(size)),
            manufacturer=MANUFACTURER,
            image_type=IMAGE_TYPE,
            version=version,
            hardware=hardware,
        )
    )


def hub(*images: Served, lies: tuple[Lie, ...] = (), **settings: object) -> Hub:
    made = Hub(lies=list(lies))
    for name, value in settings.items():
        setattr(made.settings, name, value)
    made.serve(*images)
    return made


def request(frame: Frame, sequence: int = 0x42) -> Datagram:
    number = KEYS[type(frame)].command
    return datagram(zcl.pack_header(0x01, sequence, number) + frame.encode())


def datagram(payload: bytes, **values: int) -> Datagram:
    made = {
        "source": DEVICE,
        "destination": 0,
        "source_endpoint": ENDPOINT,
        "destination_endpoint": 1,
        "profile": PROFILE,
        "cluster": ota.CLUSTER,
        **values,
    }
    return Datagram(payload=payload, **made)


def sent(made: Hub, one: Datagram) -> list[Datagram]:
    actions = made.receive(one, 5)
    assert all(isinstance(action, Send) for action in actions)
    return [action.datagram for action in actions if isinstance(action, Send)]


def answered(made: Hub, frame: Frame) -> Frame | None:
    """Return the one frame that the hub answers a request with; None for silence."""
    answers = sent(made, request(frame))
    if not answers:
        return None
    (answer,) = answers
    header = zcl.split(answer.payload)
    assert header.sequence == 0x42
    general = header.control & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL
    assert header.control == (0x18 if general else 0x19)
    kind = zcl.GENERAL[header.command] if general else _kind(header.command)
    read, end = kind.decode_at(answer.payload, header.offset)
    assert end == len(answer.payload)
    return read


def _kind(number: int) -> type[Frame]:
    kinds = {key.command: kind for key, kind in COMMANDS.items() if not key.to_server}
    return kinds[number]


def query(version: int = 1, *, hardware: int | None = HARDWARE, **values: int) -> Frame:
    made = {"manufacturer": MANUFACTURER, "image_type": IMAGE_TYPE, **values}
    control = ota.QueryControl(0 if hardware is None else 1)
    return ota.QueryNextImageRequest(
        control=control, file_version=version, hardware_version=hardware, **made
    )


def ask(version: int, offset: int, most: int = 40, **values: int) -> Frame:
    made = {"manufacturer": MANUFACTURER, "image_type": IMAGE_TYPE, **values}
    return ota.ImageBlockRequest(
        control=ota.BlockControl(0),
        file_version=version,
        file_offset=offset,
        maximum_data_size=most,
        **made,
    )


def end(status: Status = Status.SUCCESS) -> Frame:
    return ota.UpgradeEndRequest(
        status=status, manufacturer=MANUFACTURER, image_type=IMAGE_TYPE, file_version=2
    )


# What it offers.


def test_the_highest_version_is_offered_with_its_whole_size() -> None:
    images = [image(2), image(9), image(5)]
    assert answered(hub(*images), query()) == ota.QueryNextImageResponse(
        status=Status.SUCCESS,
        manufacturer=MANUFACTURER,
        image_type=IMAGE_TYPE,
        file_version=9,
        image_size=len(images[1].octets),
    )


NONE = ota.QueryNextImageResponse(status=Status.NO_IMAGE_AVAILABLE)


@pytest.mark.parametrize(
    "one", [query(5), query(6), query(manufacturer=1), query(image_type=2)], ids=repr
)
def test_without_a_fitting_newer_image_none_is_offered(one: Frame) -> None:
    assert answered(hub(image(5)), one) == NONE
    assert answered(hub(), one) == NONE


@pytest.mark.parametrize(
    ("hardware", "fits"),
    [
        (0x0100, False),
        (0x0101, True),
        (0x0102, True),
        (0x0103, True),
        (0x0104, False),
        (None, True),  # ota-cluster 2.3: no version on one side, no check
    ],
)
def test_the_hardware_range_is_inclusive(hardware: int | None, fits: bool) -> None:
    made = hub(image(5, hardware=(0x0101, 0x0103)))
    assert (answered(made, query(hardware=hardware)) != NONE) is fits


def test_an_image_without_a_range_fits_and_a_lower_version_that_fits_is_offered() -> None:
    assert answered(hub(image(5)), query()) != NONE
    made = hub(image(9, hardware=(0x0200, 0x0200)), image(5))
    offered = answered(made, query())
    assert isinstance(offered, ota.QueryNextImageResponse)
    assert offered.file_version == 5


@pytest.mark.parametrize("running", [5, 6])
def test_a_hub_may_be_told_to_offer_what_is_not_newer(running: int) -> None:
    offered = answered(hub(image(5), offers=Offers.ANY), query(running))
    assert isinstance(offered, ota.QueryNextImageResponse)
    assert offered.file_version == 5


# Blocks.


def test_any_block_is_served_at_once_within_the_maximum_and_to_the_end() -> None:
    made, one = hub(image(5)), image(5)
    size = len(one.octets)
    for offset in (0, 1, 57, size - 41, size - 40, size - 3, size - 1):
        for most in (1, 40):
            block = answered(made, ask(5, offset, most))
            assert block == ota.ImageBlockResponse(
                status=Status.SUCCESS,
                manufacturer=MANUFACTURER,
                image_type=IMAGE_TYPE,
                file_version=5,
                file_offset=offset,
                data=one.octets[offset : offset + most],
            )


@pytest.mark.parametrize("encrypt", [True, False])
def test_a_block_never_exceeds_what_was_asked_for_nor_a_frame(encrypt: bool) -> None:
    made = hub(image(5), encrypt=encrypt)
    for most in (1, 39, 40, 41, 64, 255):
        block = answered(made, ask(5, 0, most))
        assert isinstance(block, ota.ImageBlockResponse)
        assert 0 < len(block.data or b"") <= min(most, made.settings.block_limit)


@pytest.mark.parametrize(
    "one",
    [
        ask(6, 0),
        ask(5, 0, manufacturer=1),
        ask(5, 0, image_type=2),
        ask(5, len(image(5).octets)),
        ask(5, 0xFFFFFFFF),
    ],
    ids=repr,
)
def test_what_is_not_there_is_not_served(one: Frame) -> None:
    assert answered(hub(image(5)), one) == ota.ImageBlockResponse(status=Status.ABORT)


def test_a_whole_image_is_its_blocks() -> None:
    made, one = hub(image(5, size=250)), image(5, size=250)
    octets = b""
    while len(octets) < one.image_size:
        block = answered(made, ask(5, len(octets), 37))
        assert isinstance(block, ota.ImageBlockResponse)
        octets += block.data or b""
    assert octets == one.octets


@pytest.mark.parametrize("period", [None, 250])
def test_a_hub_may_ask_to_wait(period: int | None) -> None:
    made = hub(image(5), wait=(0, 60, period))
    assert answered(made, ask(5, 0)) == ota.ImageBlockResponse(
        status=Status.WAIT_FOR_DATA, current_time_s=0, request_time_s=60, block_period=period
    )


# The end.


def test_only_success_is_answered_with_a_time() -> None:
    assert answered(hub(end_times_s=(3, 9)), end()) == ota.UpgradeEndResponse(
        manufacturer=MANUFACTURER,
        image_type=IMAGE_TYPE,
        file_version=2,
        current_time_s=3,
        upgrade_time_s=9,
    )
    assert answered(hub(end_times_s=None), end()) is None
    for status in (Status.INVALID_IMAGE, Status.ABORT, Status.REQUIRE_MORE_IMAGE):
        assert answered(hub(), end(status)) == zcl.DefaultResponse(command=6, status=Status.SUCCESS)


# Everything else.


def test_what_a_hub_does_not_do_is_refused() -> None:
    page = ota.ImagePageRequest(
        control=ota.BlockControl(0),
        manufacturer=MANUFACTURER,
        image_type=IMAGE_TYPE,
        file_version=5,
        file_offset=0,
        maximum_data_size=40,
        page_size=400,
        response_spacing_ms=50,
    )
    refused = answered(hub(image(5)), page)
    assert refused == zcl.DefaultResponse(command=4, status=Status.UNSUP_COMMAND)


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (b"\x01\x42\x77", Status.UNSUP_COMMAND),
        (b"\x01\x42\x03\x00", Status.MALFORMED_COMMAND),
        (b"\x11\x42\x01", Status.MALFORMED_COMMAND),
    ],
)
def test_a_bad_request_gets_a_default_response(payload: bytes, status: int) -> None:
    (answer,) = sent(hub(image(5)), datagram(payload))
    assert answer.payload == bytes((0x18, 0x42, 0x0B, payload[2], status))


@pytest.mark.parametrize("payload", [b"", b"\x01\x42", b"\x10\x00\x0b", b"\x10\x00\x01\x00\x00"])
def test_what_cannot_be_answered_is_not(payload: bytes) -> None:
    assert sent(hub(image(5)), datagram(payload)) == []


def test_answers_go_where_the_question_came_from_and_counters_rise() -> None:
    made = hub(image(5))
    answers = [*sent(made, request(query())), *sent(made, request(ask(5, 0)))]
    first, second = answers
    for one in answers:
        assert (one.source, one.destination) == (0, DEVICE)
        assert (one.source_endpoint, one.destination_endpoint) == (1, ENDPOINT)
        assert (one.profile, one.cluster) == (PROFILE, ota.CLUSTER)
        assert one.options == ApsOptions.ACKNOWLEDGE | ApsOptions.ENCRYPT
    assert first.frame_counter is not None
    assert second.frame_counter == first.frame_counter + 1
    assert second.aps_counter != first.aps_counter


def test_a_silent_hub_hears_and_says_nothing() -> None:
    made = hub(image(5), silent=True)
    assert sent(made, request(query())) == []
    assert made.counts[ota.QueryNextImageRequest] == 1


def test_what_is_heard_is_kept_with_time_and_datagram() -> None:
    made = hub(image(5))
    one = request(ask(5, 0))
    made.receive(one, 99)
    (heard,) = made.heard
    assert (heard.at, heard.source, heard.datagram) == (99, DEVICE, one)
    assert heard.frame == ask(5, 0)


# Its own account.


def test_a_notify_goes_to_one_or_to_all() -> None:
    made = hub()
    made.receive(request(query()), 0)
    notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
    (alone,) = (action.datagram for action in made.tell(notify, DEVICE))
    (to_all,) = (action.datagram for action in made.tell(notify, DEVICE, broadcast=True))
    assert (alone.destination, alone.destination_endpoint) == (DEVICE, ENDPOINT)
    assert to_all.broadcast
    assert to_all.destination_endpoint == 0xFF
    assert (alone.payload[0], to_all.payload[0]) == (0x09, 0x19)
    assert alone.payload[2:] == to_all.payload[2:] == b"\x00\x00\x64"
    assert alone.payload[1] != to_all.payload[1]  # a fresh sequence number each
    assert not to_all.options


def test_attributes_are_read_from_the_clients_side() -> None:
    made = hub()
    made.receive(request(query()), 0)
    (one,) = (a.datagram for a in made.general(zcl.ReadAttributes(attributes=(2,)), DEVICE))
    assert one.payload[0] == 0x18
    assert one.payload[2:] == b"\x00\x02\x00"


# Admission and discovery.


def test_a_device_keeps_its_address_and_a_stranger_is_refused() -> None:
    made = hub()
    first, second = made.admit(1, rejoin=False), made.admit(2, rejoin=False)
    assert isinstance(first, Joined)
    assert isinstance(second, Joined)
    assert first.address != second.address
    assert made.admit(1, rejoin=True) == first
    made.settings.whitelist = frozenset({1})
    assert made.admit(1, rejoin=True) == first
    assert made.admit(2, rejoin=True) is None
    assert made.admit(3, rejoin=False) is None


def test_who_announces_itself_is_a_member() -> None:
    made = hub()
    made.event(Announced(address=0x77, eui64=5), 0)
    announce = zdo.DeviceAnnounce(
        sequence=1, address=0x78, eui64=6, capability=zdo.Capability(0x8E)
    )
    assert sent(made, datagram(announce.encode(), profile=0, cluster=0x0013)) == []
    assert made.members == {5: 0x77, 6: 0x78}


def zdo_answer(made: Hub, frame: Frame, cluster: int) -> Datagram | None:
    answers = sent(made, datagram(frame.encode(), profile=0, cluster=cluster))
    return answers[0] if answers else None


def test_the_hub_is_found_as_a_server_and_resolved() -> None:
    made = hub(endpoint=3)
    seek: dict[str, Any] = {"sequence": 8, "address": 0xFFFD, "profile": PROFILE}
    wanted = zdo.MatchDescriptorRequest(**seek, input_clusters=(0x19,), output_clusters=())
    answer = zdo_answer(made, wanted, 0x0006)
    assert answer is not None
    match, _ = zdo.MatchDescriptorResponse.decode(answer.payload)
    assert (match.sequence, match.status, match.address, match.endpoints) == (8, 0, 0, (3,))
    assert (answer.cluster, answer.profile, answer.options) == (0x8006, 0, 0)
    other = zdo.MatchDescriptorRequest(**seek, input_clusters=(6,), output_clusters=(0x19,))
    assert zdo_answer(made, other, 0x0006) is None
    who: dict[str, Any] = {"request_type": zdo.RequestType.SINGLE, "start_index": 0}
    answer = zdo_answer(made, zdo.IeeeAddressRequest(sequence=9, address=0, **who), 0x0001)
    assert answer is not None
    found, _ = zdo.IeeeAddressResponse.decode(answer.payload)
    assert (found.sequence, found.eui64, found.address) == (9, made.eui64, 0)
    assert zdo_answer(made, zdo.IeeeAddressRequest(sequence=9, address=5, **who), 0x0001) is None


# Lies.


def told(*edits: Edit, **turns: int) -> list[list[bytes]]:
    """Return the payloads of the answers to four block requests, behind the ZCL header."""
    made = hub(image(5), lies=(Lie(ota.ImageBlockResponse, edits, **turns),))
    assert answered(made, query()) is not None  # an answer of another kind is left alone
    return [[one.payload[3:] for one in sent(made, request(ask(5, 0, 2)))] for _ in range(4)]


TRUE = b"\x00" + bytes.fromhex("f1ff 0100 05000000 00000000 02") + image(5).octets[:2]


@pytest.mark.parametrize(
    ("edits", "payloads"),
    [
        ((), [TRUE]),
        ((Overwrite(1, b"\xaa\xbb"),), [b"\x00\xaa\xbb" + TRUE[3:]]),
        ((Cut(5),), [TRUE[:5]]),
        ((Cut(0),), [b""]),
        ((Append(b"\x01\x02"),), [TRUE + b"\x01\x02"]),
        ((Replace(b"\x95"),), [b"\x95"]),
        ((Silence(),), []),
        ((Silence(), Append(b"x")), []),
        ((Cut(5), Append(b"x"), Overwrite(0, b"\x01")), [b"\x01" + TRUE[1:5] + b"x"]),
    ],
    ids=repr,
)
def test_each_edit_changes_what_it_says(edits: tuple[Edit, ...], payloads: list[bytes]) -> None:
    assert told(*edits) == [payloads] * 4


@pytest.mark.parametrize(
    ("turns", "lied"),
    [
        ({}, [1, 1, 1, 1]),
        ({"skip": 1}, [0, 1, 1, 1]),
        ({"count": 2}, [1, 1, 0, 0]),
        ({"skip": 1, "count": 1}, [0, 1, 0, 0]),
        ({"count": 0}, [0, 0, 0, 0]),
    ],
)
def test_a_lie_has_its_turns(turns: dict[str, int], lied: list[int]) -> None:
    assert told(Replace(b"\x95"), **turns) == [[b"\x95"] if one else [TRUE] for one in lied]


SAMPLES: tuple[Frame, ...] = (
    ota.ImageNotify(
        payload_type=ota.NotifyType.FILE_VERSION,
        query_jitter=1,
        manufacturer=2,
        image_type=3,
        file_version=4,
    ),
    ota.QueryNextImageResponse(
        status=Status.SUCCESS, manufacturer=1, image_type=2, file_version=3, image_size=4
    ),
    ota.ImageBlockResponse(
        status=Status.SUCCESS,
        manufacturer=1,
        image_type=2,
        file_version=3,
        file_offset=4,
        data=b"12345",
    ),
    ota.UpgradeEndResponse(
        manufacturer=1, image_type=2, file_version=3, current_time_s=4, upgrade_time_s=5
    ),
    zcl.DefaultResponse(command=1, status=Status.SUCCESS),
)


@pytest.mark.parametrize("frame", SAMPLES, ids=lambda one: type(one).__name__)
def test_a_field_is_found_where_the_codec_has_it(frame: Frame) -> None:
    """Each plain field of a frame is changed by its name, and no other field is."""
    octets, changed = frame.encode(), 0
    for one in fields(frame):  # type: ignore[arg-type]  # every frame is a dataclass
        old = getattr(frame, one.name)
        if one.name in ("status", "payload_type") or not isinstance(old, int):
            continue
        edit = field(type(frame), one.name, 0x51)
        edited = octets[: edit.at] + edit.octets + octets[edit.at + len(edit.octets) :]
        read, end = type(frame).decode_at(edited, 0)
        assert end == len(octets)
        values = {each.name: getattr(read, each.name) for each in fields(read)}  # type: ignore[arg-type]
        before = {each.name: getattr(frame, each.name) for each in fields(frame)}  # type: ignore[arg-type]
        assert values == {**before, one.name: 0x51}
        changed += 1
    assert changed >= 1


@pytest.mark.parametrize("name", ["no_such_field", "records"])
def test_a_field_without_a_fixed_place_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"no integer field {name}"):
        field(zcl.ReadAttributesResponse, name, 1)
