"""What a bridge answers to whoever asks: attributes, refusals, ZDO.

Source: ZCL rev 8, 2.4, 2.5, 11.10; ZigBee 05-3474, 2.4.
"""

from dataclasses import replace

import pytest

from emulator.profiles.load import load, names, overlay
from emulator.units import SECOND
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import BROADCAST_RX_ON, Datagram
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from emulator.wire.zcl import DataType
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.inquiry import Answer

HUB_EUI64 = 0x00124B00_48414E00
#: ZCL rev 8, 11.10, table of attributes: what must not change with the code.
TYPES = {
    0x0000: 0xF0,
    0x0001: 0x23,
    0x0002: 0x23,
    0x0003: 0x21,
    0x0004: 0x23,
    0x0005: 0x21,
    0x0006: 0x30,
    0x0007: 0x21,
    0x0008: 0x21,
    0x0009: 0x21,
    0x000A: 0x23,
    0x000B: 0x30,
    0x000C: 0x30,
    0xFFFD: 0x21,
}
#: What they are while no upgrade runs.
IDLE = {
    0x0000: HUB_EUI64,
    0x0001: 0xFFFFFFFF,
    0x0002: FIRST_VERSION,
    0x0003: 2,
    0x0004: 0xFFFFFFFF,
    0x0005: 0xFFFF,
    0x0006: 0,
    0x0007: 0xFFF1,
    0x0008: 0xFFFF,
    0x0009: 0,
    0x000B: 0,
    0x000C: 1,
    0xFFFD: 3,
}


def bench(name: str = "B1", **changes: object) -> Bench:
    made = Bench(overlay(load(name), {f"ota.{key}": value for key, value in changes.items()}))
    made.start()
    return made


def values(made: Bench) -> dict[int, object]:
    """Return every attribute by its id, the stamp left out."""
    answers = made.read(*TYPES)
    assert [(one.status, one.type) for one in answers] == [(0, kind) for kind in TYPES.values()]
    read = dict(zip(TYPES, (one.value for one in answers), strict=True))
    read.pop(0x000A)
    return read


# Attributes.


def test_an_idle_bridge_shows_the_defaults() -> None:
    assert values(bench()) == IDLE


def test_a_bridge_that_found_no_server_has_none() -> None:
    made = Bench(load("B1"))
    made.hub.settings.silent = True
    made.lane.power(True)
    made.wait(60 * SECOND)
    assert made.value(Attribute.UPGRADE_SERVER_ID) == 0xFFFFFFFFFFFFFFFF


def test_a_download_shows_how_far_it_is() -> None:
    made = bench()
    made.start_download(made.image(size=400), blocks=3)
    made.hub.settings.wait = (0, 600, 250)
    made.wait(SECOND)
    image_type = made.profile.ota.image_type
    assert values(made) == {
        **IDLE,
        0x0001: 120,
        0x0004: NEXT_VERSION,
        0x0006: ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS,
        0x0008: image_type,
        0x0009: 250,
    }


@pytest.mark.parametrize(
    ("times", "policy", "status"),
    [
        (None, 0, ImageUpgradeStatus.DOWNLOAD_COMPLETE),
        ((0, 0xFFFFFFFF), 0, ImageUpgradeStatus.WAITING_TO_UPGRADE),
        ((0, 600), 0, ImageUpgradeStatus.COUNT_DOWN),
        ((0, 600), 1, ImageUpgradeStatus.WAITING_FOR_EXTERNAL_EVENT),
    ],
)
def test_a_verified_image_shows_what_it_waits_for(
    times: tuple[int, int] | None, policy: int, status: int
) -> None:
    made = bench(activation_policy=policy)
    made.hub.settings.end_times_s = times
    image = made.image(size=300)
    assert made.offer(image) is Status.SUCCESS
    made.wait(SECOND)
    assert values(made) == {
        **IDLE,
        0x0001: len(image),
        0x0004: NEXT_VERSION,
        0x0005: 2,
        0x0006: status,
        0x0008: made.profile.ota.image_type,
        0x000B: policy,
    }


@pytest.mark.parametrize("how", ["stopped", "refused"])
def test_the_defaults_are_back_after_a_session_that_failed(how: str) -> None:
    made = bench(block_period=3)
    made.hub.settings.wait = (0, 1, 250)
    image = bytearray(made.image(size=300))
    image[-40] ^= how == "refused"
    made.start_download(bytes(image), blocks=2)
    made.hub.settings.wait = None
    if how == "stopped":
        made.hub.serve()
    made.wait(60 * SECOND)
    assert values(made) == {**IDLE, 0x0009: 3}


def test_an_upgrade_changes_the_version_and_the_stamp_and_nothing_else() -> None:
    made = bench()
    stamp = made.value(Attribute.IMAGE_STAMP)
    assert made.upgrade(made.image(size=300)) == NEXT_VERSION
    assert values(made) == {**IDLE, 0x0002: NEXT_VERSION}
    new = made.value(Attribute.IMAGE_STAMP)
    assert new != stamp
    made.power_cycle()
    assert made.value(Attribute.IMAGE_STAMP) == new
    twin = bench()
    assert twin.value(Attribute.IMAGE_STAMP) == stamp


@pytest.mark.parametrize("name", names())
def test_every_profile_shows_its_own_constants(name: str) -> None:
    made = bench(name)
    ota_profile = made.profile.ota
    read = values(made)
    assert read[0x0003] == ota_profile.stack_version
    assert read[0x0007] == ota_profile.manufacturer_code
    assert read[0x000B] == ota_profile.activation_policy
    assert read[0x000C] == ota_profile.timeout_policy
    assert read[0xFFFD] == ota_profile.cluster_revision


def test_what_a_bridge_does_not_have_is_said_beside_what_it_has() -> None:
    made = bench(block_sends_period=False)
    unsupported = Answer(Status.UNSUPPORTED_ATTRIBUTE, None, None)
    assert made.read(0x1234, 0x0002, 0x0009) == (
        unsupported,
        Answer(0, DataType.UINT32, FIRST_VERSION),
        unsupported,
    )


@pytest.mark.parametrize("attribute", TYPES)
def test_no_attribute_can_be_written(attribute: int) -> None:
    made = bench()
    before = made.read(attribute)
    response = made.write(attribute, TYPES[attribute], 1)
    assert response is not None
    (record,) = response.records
    assert (record.status, record.attribute) == (Status.READ_ONLY, attribute)
    assert made.read(attribute) == before


def test_writing_what_is_not_there_says_so() -> None:
    response = bench().write(0x1234, DataType.UINT8, 1)
    assert response is not None
    assert response.records[0].status is Status.UNSUPPORTED_ATTRIBUTE


@pytest.mark.parametrize(
    ("start", "maximum", "first", "count", "complete"),
    [
        (0, 255, 0, 14, 1),
        (0, 5, 0, 5, 0),
        (0x0A, 4, 0x0A, 4, 1),
        (0x0A, 3, 0x0A, 3, 0),
        (0xFFFE, 9, 0, 0, 1),
    ],
)
def test_attributes_are_discovered_in_order(
    start: int, maximum: int, first: int, count: int, complete: int
) -> None:
    made = bench()
    answer = general(made, zcl.DiscoverAttributes(start=start, maximum=maximum))
    assert isinstance(answer, zcl.DiscoverAttributesResponse)
    expected = [pair for pair in TYPES.items() if pair[0] >= first][:count]
    assert [(one.attribute, one.type) for one in answer.records] == expected
    assert answer.complete == complete


def general(made: Bench, frame: zcl.Frame) -> zcl.Frame | None:
    """Send a general command from the hub and return the bridge's answer."""
    mark = len(made.hub.heard)
    for action in made.hub.general(frame, made.address):
        made.lane.send(action.datagram)
    made.wait(SECOND)
    heard = made.hub.heard[mark:]
    return heard[0].frame if heard else None


# Refusals.


def answers(made: Bench, payload: bytes, **fields: int) -> list[Datagram]:
    """Send octets to the bridge's endpoint and return what it sends in the next second."""
    mark = sum(1 for _ in made.trace.datagrams())
    sequence = made.hub.next_sequence()
    (told,) = made.hub.general(zcl.ReadAttributes(attributes=()), made.address)
    assert sequence != 0x77
    made.lane.send(replace(told.datagram, payload=payload, **fields))
    made.wait(SECOND)
    sent = list(made.trace.datagrams())[mark:]
    return [datagram for _, who, datagram in sent if who == "dut"]


def default(payload: bytes, status: int, *, to_server: bool = True) -> bytes:
    """Return the Default Response that a frame should get."""
    control = 0x10 if to_server else 0x18
    return bytes((control, payload[1], 0x0B, payload[2], status))


CLUSTER, GENERAL = 0x09, 0x08  # from the server, a Default Response wanted
MALFORMED = {
    "notify without jitter": bytes((CLUSTER, 0x77, 0x00, 0x00)),
    "notify cut in a field": bytes((CLUSTER, 0x77, 0x00, 0x01, 100, 0xF1)),
    "query response cut": bytes((0x19, 0x77, 0x02, 0x00, 0xF1)),
    "query response empty": bytes((0x19, 0x77, 0x02)),
    "block shorter than it says": bytes((0x19, 0x77, 0x05, 0)) + bytes(12) + b"\x09\x01",
    "wait without times": bytes((0x19, 0x77, 0x05, 0x97, 0, 0)),
    "end response cut": bytes((0x19, 0x77, 0x07)) + bytes(15),
    "default response cut": bytes((GENERAL | 0x10, 0x77, 0x02, 0x00, 0x00, 0x23, 0x01)),
    "read of half an attribute": bytes((GENERAL, 0x77, 0x00, 0x01)),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_frame_is_refused_and_a_broadcast_one_passed_over(name: str) -> None:
    made, payload = bench(), MALFORMED[name]
    (answer,) = answers(made, payload)
    assert answer.payload == default(payload, Status.MALFORMED_COMMAND)
    assert (answer.destination, answer.destination_endpoint) == (0, 1)
    assert answers(made, payload, destination=BROADCAST_RX_ON, destination_endpoint=0xFF) == []
    assert made.upgrade_status() is ImageUpgradeStatus.NORMAL


@pytest.mark.parametrize("payload", [b"", b"\x09", b"\x09\x77", b"\x0d\x77\x34\x12", b"\x0c"])
def test_what_is_no_header_gets_silence(payload: bytes) -> None:
    assert answers(bench(), payload) == []


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (bytes((CLUSTER, 0x77, 0x0A)), Status.UNSUP_COMMAND),
        (bytes((0x19, 0x77, 0xFF, 1, 2)), Status.UNSUP_COMMAND),
        (bytes((CLUSTER, 0x77, 0x03)), Status.UNSUP_COMMAND),  # a command of the other direction
        (bytes((GENERAL, 0x77, 0x16)), Status.UNSUP_GENERAL_COMMAND),
        (bytes((0x19, 0x77, 0x02, 0x98)), Status.FAILURE),  # nobody asked
        (bytes((0x19, 0x77, 0x05, 0x95)), Status.FAILURE),
        (bytes((0x19, 0x77, 0x09, 0x98)), Status.FAILURE),
    ],
)
def test_what_a_bridge_does_not_do_is_refused(payload: bytes, status: int) -> None:
    made = bench()
    (answer,) = answers(made, payload)
    assert answer.payload == default(payload, status)
    assert answers(made, payload, destination=BROADCAST_RX_ON, destination_endpoint=0xFF) == []


@pytest.mark.parametrize("control", [0x01, 0x00])
def test_the_client_side_serves_no_client(control: int) -> None:
    payload = bytes((control, 0x77, 0x01))
    (answer,) = answers(bench(), payload)
    assert answer.payload == default(payload, Status.UNSUP_COMMAND, to_server=False)


@pytest.mark.parametrize(
    ("control", "status"),
    [
        (0x0D, Status.UNSUP_MANUFACTURER_CLUSTER_COMMAND),
        (0x0C, Status.UNSUP_MANUFACTURER_GENERAL_COMMAND),
    ],
)
def test_a_makers_command_is_refused_under_the_makers_code(control: int, status: int) -> None:
    """ZCL 2.5.12.1: the Default Response to such a command is manufacturer-specific too."""
    made = bench()
    payload = bytes((control, 0x34, 0x12, 0x77, 0x05))
    (answer,) = answers(made, payload)
    assert answer.payload == bytes((0x14, 0x34, 0x12, 0x77, 0x0B, 0x05, status))
    assert answers(made, payload, destination=BROADCAST_RX_ON, destination_endpoint=0xFF) == []


def test_a_default_response_is_never_answered() -> None:
    made = bench()
    for control in (0x08, 0x18, 0x0C, 0x00):
        code = b"\x34\x12" if control & 0x04 else b""
        assert answers(made, bytes((control,)) + code + b"\x77\x0b\x01\x86") == []
        assert answers(made, bytes((control,)) + code + b"\x77\x0b") == []


def test_success_is_told_only_to_who_asks() -> None:
    made = bench()
    made.hub.settings.end_times_s = (0, 0xFFFFFFFF)
    made.offer(made.image(size=300))
    made.wait(SECOND)
    wait = ota.UpgradeEndResponse(
        manufacturer=0xFFFF,
        image_type=0xFFFF,
        file_version=0xFFFFFFFF,
        current_time_s=0,
        upgrade_time_s=0xFFFFFFFF,
    ).encode()
    assert answers(made, b"\x19\x77\x07" + wait) == []
    (answer,) = answers(made, b"\x09\x77\x07" + wait)
    assert answer.payload == default(b"\x09\x77\x07", Status.SUCCESS)


def test_a_strange_cluster_is_refused_on_our_endpoint_and_passed_over_elsewhere() -> None:
    made, payload = bench(), b"\x01\x77\x00"
    (answer,) = answers(made, payload, cluster=0x0006)
    assert answer.payload == default(payload, Status.UNSUPPORTED_CLUSTER, to_server=False)
    assert answer.cluster == 0x0006
    assert answers(made, payload, cluster=0x0006, destination_endpoint=99) == []
    assert answers(made, payload, destination_endpoint=99) == []
    assert answers(made, payload, cluster=0x0006, destination=BROADCAST_RX_ON) == []


STRANGER = 0x4444


@pytest.mark.parametrize(
    "payload",
    [
        b"\x09\x77\x00\x00\x64",
        b"\x19\x77\x05\x95",
        b"\x19\x77\x07" + bytes.fromhex("ffffffffffffffff0000000000000000"),
    ],
)
def test_a_stranger_is_not_authorized(payload: bytes) -> None:
    made = bench()
    made.hub.settings.end_times_s = (0, 0xFFFFFFFF)
    made.offer(made.image(size=300))
    (answer,) = answers(made, payload, source=STRANGER, key_id=None, frame_counter=None)
    assert answer.payload == default(payload, Status.NOT_AUTHORIZED)
    assert answer.destination == STRANGER
    assert made.upgrade_status() is ImageUpgradeStatus.WAITING_TO_UPGRADE
    stop = b"\x18\x77\x0b\x06\x95"  # a Default Response that would end the upgrade
    assert answers(made, stop, source=STRANGER, key_id=None, frame_counter=None) == []
    assert made.upgrade_status() is ImageUpgradeStatus.WAITING_TO_UPGRADE


def test_anybody_may_read() -> None:
    made = bench()
    payload = b"\x18\x77\x00\x02\x00"
    (answer,) = answers(made, payload, source=STRANGER, key_id=None, frame_counter=None)
    assert answer.payload[:3] == b"\x10\x77\x01"
    assert answer.payload[3:] == bytes.fromhex("02000023") + FIRST_VERSION.to_bytes(4, "little")


@pytest.mark.parametrize(
    ("payload", "asks"),
    [
        (b"\x19\x77\x00\x00\x64", True),
        (b"\x19\x77\x00\x00\x64\x00", False),  # a broadcast must have its exact length
        (b"\x19\x77\x00\x01\x64\xf1\xff", True),
        (b"\x19\x77\x00\x01\x64\x34\x12", False),
        (b"\x19\x77\x00\x00\x00", False),
        (b"\x19\x77\x00\x04\x64" + bytes(8), False),
    ],
)
def test_a_broadcast_notify_is_obeyed_or_passed_over_in_silence(payload: bytes, asks: bool) -> None:
    made = bench()
    queries = made.count(ota.QueryNextImageRequest)
    sent = answers(made, payload, destination=BROADCAST_RX_ON, destination_endpoint=0xFF)
    assert len(sent) == asks
    assert made.count(ota.QueryNextImageRequest) - queries == asks


# ZDO.


def test_a_bridge_describes_itself() -> None:
    made = bench()
    address, eui64, profile = made.address, made.identity.eui64, made.profile.ota
    nwk = made.ask(
        zdo.NwkAddressRequest(
            sequence=9, eui64=eui64, request_type=zdo.RequestType.SINGLE, start_index=0
        ),
        zdo.NwkAddressResponse,
    )
    assert nwk is not None
    assert (nwk.sequence, nwk.status, nwk.address, nwk.eui64) == (9, 0, address, eui64)
    ieee = made.ask(
        zdo.IeeeAddressRequest(
            sequence=10, address=address, request_type=zdo.RequestType.SINGLE, start_index=0
        ),
        zdo.IeeeAddressResponse,
    )
    assert ieee is not None
    assert (ieee.sequence, ieee.address, ieee.eui64) == (10, address, eui64)
    endpoints = made.ask(
        zdo.ActiveEndpointsRequest(sequence=11, address=address), zdo.ActiveEndpointsResponse
    )
    assert endpoints is not None
    assert endpoints.endpoints == (profile.endpoint,)
    simple = made.ask(
        zdo.SimpleDescriptorRequest(sequence=12, address=address, endpoint=profile.endpoint),
        zdo.SimpleDescriptorResponse,
    )
    assert simple is not None
    descriptor, _ = zdo.SimpleDescriptor.decode(simple.descriptor or b"")
    assert (descriptor.profile, descriptor.device) == (profile.zigbee_profile, profile.device_id)
    assert descriptor.input_clusters == (0x0000,)
    assert descriptor.output_clusters == (ota.CLUSTER,)


@pytest.mark.parametrize("name", names())
def test_the_node_descriptor_says_whether_the_bridge_sleeps(name: str) -> None:
    made = bench(name)
    node = made.ask(
        zdo.NodeDescriptorRequest(sequence=1, address=made.address), zdo.NodeDescriptorResponse
    )
    assert node is not None
    sleepy = made.profile.sleep is not None
    assert bool(node.capability & zdo.Capability.RX_ON_WHEN_IDLE) is not sleepy
    mains = made.profile.power.value == "mains"
    assert bool(node.capability & zdo.Capability.MAINS_POWERED) is mains
    assert node.manufacturer == made.profile.ota.manufacturer_code


def test_questions_about_others_get_no_false_answer() -> None:
    made = bench()
    endpoints = made.ask(
        zdo.ActiveEndpointsRequest(sequence=1, address=0x9999), zdo.ActiveEndpointsResponse
    )
    assert endpoints is not None
    assert (endpoints.status, endpoints.endpoints) == (zdo.ZdoStatus.DEVICE_NOT_FOUND, ())
    request = zdo.NwkAddressRequest(
        sequence=1, eui64=7, request_type=zdo.RequestType.SINGLE, start_index=0
    )
    assert made.ask(request, zdo.NwkAddressResponse) is None


def test_a_client_of_the_cluster_is_found_and_a_server_is_not() -> None:
    made = bench()
    for clusters, found in (((), (ota.CLUSTER,)), True), (((ota.CLUSTER,), ()), False):
        request = zdo.MatchDescriptorRequest(
            sequence=1,
            address=BROADCAST_RX_ON,
            profile=made.profile.ota.zigbee_profile,
            input_clusters=clusters[0],
            output_clusters=clusters[1],
        )
        match = made.ask(request, zdo.MatchDescriptorResponse)
        assert (match is not None) is found


@pytest.mark.parametrize("cluster", [0x0000, 0x0004, 0x0006, 0x8006, 0x7FFF])
def test_a_malformed_zdo_frame_gets_silence(cluster: int) -> None:
    made = bench()
    fields = {"profile": 0, "destination_endpoint": 0, "source_endpoint": 0, "cluster": cluster}
    assert answers(made, b"\x01", **fields) == []
    assert answers(made, b"", **fields) == []
