"""Let tshark read captures of ours, and compare what it finds with what was put in.

A missing tshark is a failure, never a skip: this is what the interop environment is for.
"""

import subprocess
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import ApsOptions, Datagram
from emulator.wire.codec import COMMANDS, KEYS, Frame
from harness.capture import PAN_ID, write_capture
from tests.strategies import cases, declared, frames

OTA_FRAMES = [cls for key, cls in COMMANDS.items() if key.cluster == ota.CLUSTER]
OTA_CASES = cases(OTA_FRAMES)

#: What tshark calls our fields, behind "zbee_zcl_general.ota.".
OTA_NAMES = {
    "payload_type": "payload.type",
    "query_jitter": "query_jitter",
    "manufacturer": "manufacturer_code",
    "image_type": "image.type",
    "file_version": "file.version",
    "hardware_version": "hw_ver",
    "status": "status",
    "image_size": "image.size",
    "file_offset": "file.offset",
    "maximum_data_size": "max_data_size",
    "node_address": "ieee_addr",
    "block_period": "min_block_period",
    "page_size": "page.size",
    "response_spacing_ms": "rsp_spacing",
    "data": "image.data",
    "current_time_s": "current_time",
    "request_time_s": "request_time",
    "upgrade_time_s": "upgrade_time",
    "stack_version": "zb_stack.ver",
}
CONTROL_NAMES: dict[type[Frame], str] = {
    ota.QueryNextImageRequest: "query_next_image_req.field_ctrl",
    ota.ImageBlockRequest: "image_block_req.field_ctrl",
    ota.ImagePageRequest: "image_page_req.field_ctrl",
}

#: What tshark 4.0.17 does not look at; one that does must find what we wrote.
NOT_DECODED = {(ota.ImageBlockResponse, "block_period")}

DESCRIPTOR = zdo.SimpleDescriptor(
    endpoint=1,
    profile=0x0109,
    device=0x0502,
    device_version=1,
    input_clusters=(0x0000, 0x0019),
    output_clusters=(0x0019,),
)

#: Few examples and no shrinking: each is a capture of many frames and a run of tshark.
captures = settings(max_examples=4, deadline=None, phases=[Phase.generate])

octet = st.integers(0, 0xFF)
addresses = st.builds(
    Datagram,
    source=st.integers(0, 0xFFF7),
    destination=st.integers(0, 0xFFF7) | st.just(0xFFFD),
    source_endpoint=st.integers(1, 240),
    destination_endpoint=st.integers(1, 240),
    profile=st.sampled_from([0x0104, 0x0109]),
    cluster=st.just(0),
    payload=st.just(b""),
    options=st.sampled_from([0, int(ApsOptions.ACKNOWLEDGE)]),
    aps_counter=octet,
)


@captures
@given(data=st.data())
def test_tshark_finds_every_field_of_every_ota_command(data: st.DataObject) -> None:
    sent = [data.draw(frames(cls, shape)) for cls, shape in OTA_CASES for _ in range(3)]
    sequences = data.draw(st.lists(octet, min_size=len(sent), max_size=len(sent)))
    names = [f"zbee_zcl_general.ota.{name}" for name in _ota_names()]

    rows = tshark(
        [
            _datagram(ota.CLUSTER, _zcl(frame, sequence))
            for frame, sequence in zip(sent, sequences, strict=True)
        ],
        ["zbee_zcl.cmd.tsn", "zbee_zcl.dir", *names],
    )

    assert len(rows) == len(sent)
    for frame, sequence, row in zip(sent, sequences, rows, strict=True):
        key = KEYS[type(frame)]
        command = "cmd.srv_rx.id" if key.to_server else "cmd.srv_tx.id"
        found = dict(zip(["sequence", "direction", *_ota_names()], row, strict=True))
        assert _number(found.pop("sequence")) == sequence
        assert _number(found.pop("direction")) == (0 if key.to_server else 1)
        assert _number(found.pop(command)) == key.command, frame
        for field in declared(type(frame)):
            name, ours = _ota_name(type(frame), field.name), getattr(frame, field.name)
            theirs = found.pop(name)
            if theirs == "" and (type(frame), field.name) in NOT_DECODED:
                continue
            assert _value(theirs, ours) == ours, (frame, field.name)
        assert not any(found.values()), (frame, found)  # nor does it find what we did not write


@captures
@given(sent=st.lists(addresses, min_size=30, max_size=60), data=st.data())
def test_tshark_finds_addresses_and_times(sent: list[Datagram], data: st.DataObject) -> None:
    times = sorted(
        data.draw(st.lists(st.integers(0, 1 << 40), min_size=len(sent), max_size=len(sent)))
    )

    rows = tshark(
        sent,
        [
            "frame.time_epoch",
            "wpan.dst_pan",
            "wpan.src16",
            "wpan.dst16",
            "wpan.seq_no",
            "zbee_nwk.src",
            "zbee_nwk.dst",
            "zbee_nwk.seqno",
            "zbee_aps.src",
            "zbee_aps.dst",
            "zbee_aps.profile",
            "zbee_aps.cluster",
            "zbee_aps.counter",
            "zbee_aps.ack_req",
            "zbee_aps.delivery",
        ],
        times,
    )

    count: dict[int, int] = {}
    for datagram, time_us, (time, *row) in zip(sent, times, rows, strict=True):
        nth = count[datagram.source] = count.get(datagram.source, -1) + 1
        assert time == f"{time_us // 1_000_000}.{time_us % 1_000_000:06}000"
        assert [_number(one) for one in row] == [
            PAN_ID,
            datagram.source,
            0xFFFF if datagram.broadcast else datagram.destination,
            nth,
            datagram.source,
            datagram.destination,
            nth,
            datagram.source_endpoint,
            datagram.destination_endpoint,
            datagram.profile,
            datagram.cluster,
            datagram.aps_counter,
            int(datagram.options == ApsOptions.ACKNOWLEDGE),
            2 if datagram.broadcast else 0,
        ]


@captures
@given(data=st.data())
def test_tshark_reads_general_commands_and_zdo_to_their_end(data: st.DataObject) -> None:
    general = [data.draw(frames(*case)) for case in cases([*zcl.GENERAL.values()])]
    drawn = [data.draw(frames(*case)) for case in cases([*zdo.COMMANDS_BY_CLUSTER.values()])]
    discovery = [_as_tshark_reads_it(frame) for frame in drawn]

    rows = tshark(
        [
            *(_datagram(ota.CLUSTER, _general(frame)) for frame in general),
            *(_datagram(zdo.CLUSTERS[type(frame)], frame.encode(), 0) for frame in discovery),
        ],
        ["zbee_zcl.cmd.id", "zbee_zdp.seqno", "zbee_aps.zdp_cluster", "_ws.malformed"],
    )

    for frame, (command, *_, malformed) in zip(general, rows, strict=False):
        assert (_number(command), malformed) == (zcl.GENERAL_IDS[type(frame)], ""), frame
    for frame, (_, sequence, cluster, malformed) in zip(
        discovery, rows[len(general) :], strict=True
    ):
        assert (_number(cluster), malformed) == (zdo.CLUSTERS[type(frame)], ""), frame
        assert _number(sequence) == frame.sequence


def test_tshark_has_a_name_for_every_ota_field() -> None:
    fields = {field.name for cls in OTA_FRAMES for field in declared(cls)}

    assert fields - {"control"} == OTA_NAMES.keys()
    assert {cls for cls in OTA_FRAMES if declared(cls)[0].name == "control"} == set(CONTROL_NAMES)


def tshark(
    datagrams: list[Datagram], fields: list[str], times: list[int] | None = None
) -> list[list[str]]:
    """Return what tshark says of each field of each datagram's frame, "" for nothing."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "capture.pcapng")
        written = write_capture(path, zip(times or range(len(datagrams)), datagrams, strict=False))
        assert written == len(datagrams)
        shown = [argument for field in fields for argument in ("-e", field)]
        run = subprocess.run(
            ["tshark", "-n", "-r", str(path), "-T", "fields", *shown],
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 0, run.stderr
    rows = [line.split("\t") for line in run.stdout.splitlines()]
    assert len(rows) == len(datagrams)
    return rows


def _datagram(cluster: int, payload: bytes, profile: int = 0x0109) -> Datagram:
    endpoint = 0 if profile == 0 else 1
    return Datagram(
        source=0x1234,
        destination=0,
        source_endpoint=endpoint,
        destination_endpoint=endpoint,
        profile=profile,
        cluster=cluster,
        payload=payload,
    )


def _zcl(frame: Frame, sequence: int) -> bytes:
    key = KEYS[type(frame)]
    control = zcl.FrameControl.CLUSTER_SPECIFIC
    if not key.to_server:
        control |= zcl.FrameControl.FROM_SERVER
    return zcl.pack_header(int(control), sequence, key.command) + frame.encode()


def _general(frame: Frame) -> bytes:
    return zcl.pack_header(0, 1, zcl.GENERAL_IDS[type(frame)]) + frame.encode()


def _as_tshark_reads_it(frame: Frame) -> Frame:
    """Return a frame whose counts are true: a drawn one is octets in the right layout only."""
    if isinstance(frame, zdo.NwkAddressResponse | zdo.IeeeAddressResponse) and frame.children:
        return replace(frame, child_count=len(frame.children))
    if isinstance(frame, zdo.NwkAddressResponse | zdo.IeeeAddressResponse) and frame.child_count:
        return replace(frame, child_count=1, children=(0x1234,))
    if isinstance(frame, zdo.SimpleDescriptorResponse):
        success = frame.status == zdo.ZdoStatus.SUCCESS
        return replace(frame, descriptor=DESCRIPTOR.encode() if success else b"")
    return frame


def _ota_names() -> list[str]:
    return [*OTA_NAMES.values(), *CONTROL_NAMES.values(), "cmd.srv_rx.id", "cmd.srv_tx.id"]


def _ota_name(cls: type[Frame], name: str) -> str:
    return CONTROL_NAMES[cls] if name == "control" else OTA_NAMES[name]


def _number(text: str) -> int | None:
    return int({"True": "1", "False": "0"}.get(text, text), 0) if text else None


def _value(text: str, ours: object) -> int | bytes | None:
    if isinstance(ours, bytes):
        return b"" if text == "<MISSING>" else bytes.fromhex(text.replace(":", ""))
    return _number(text)
