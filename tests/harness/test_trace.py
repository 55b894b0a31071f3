"""The trace: one JSON object a line, frames named and read, the same world the same octets."""

import json
from dataclasses import dataclass

import pytest

from emulator.actions import Happening, Report
from emulator.faults import DropFrame, FlipBit, Leg, Selector
from emulator.profiles.load import load
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import Datagram
from harness.bench import Bench
from harness.trace import Row, Trace, as_object, dissect, name_of, plain


def datagram(payload: bytes, **fields: int) -> Datagram:
    made = {
        "source": 0,
        "destination": 0x1A01,
        "source_endpoint": 1,
        "destination_endpoint": 2,
        "profile": 0x0109,
        "cluster": 0x0019,
        "options": 3,
        "aps_counter": 9,
        **fields,
    }
    return Datagram(payload=payload, **made)


BLOCK = ota.ImageBlockResponse(
    status=ota.Status.SUCCESS,
    manufacturer=1,
    image_type=2,
    file_version=3,
    file_offset=4,
    data=b"\xab\xcd",
)
BLOCK_OCTETS = b"\x19\x07\x05" + BLOCK.encode()


def written(what: str, subject: object) -> dict[str, object]:
    trace = Trace()
    trace(5, "hub", what, subject)
    (line,) = trace.lines()
    assert "\n" not in line
    made = json.loads(line)
    assert (made.pop("t_us"), made.pop("who"), made.pop("what")) == (5, "hub", what)
    return made


def test_a_datagram_is_written_with_octets_and_with_what_they_say() -> None:
    assert written("send", datagram(BLOCK_OCTETS, key_id=1, frame_counter=77)) == {
        "from": 0,
        "to": 0x1A01,
        "endpoints": [1, 2],
        "profile": 0x0109,
        "cluster": 0x0019,
        "options": 3,
        "aps": 9,
        "key": 1,
        "counter": 77,
        "octets": BLOCK_OCTETS.hex(),
        "frame": "ImageBlockResponse",
        "fields": {
            "status": "SUCCESS",
            "manufacturer": 1,
            "image_type": 2,
            "file_version": 3,
            "file_offset": 4,
            "data": "abcd",
        },
    }


@pytest.mark.parametrize("payload", [b"", b"\x19", BLOCK_OCTETS[:-1], b"\x19\x00\xee"])
def test_a_datagram_that_cannot_be_read_is_written_with_its_octets(payload: bytes) -> None:
    made = written("send", datagram(payload))
    assert made["octets"] == payload.hex()
    assert "frame" not in made
    assert "fields" not in made


def test_a_report_is_written_with_its_details() -> None:
    report = Report(what=Happening.BOOTED, details=(("version", 7), ("slot", 1)))
    assert written("report", report) == {"report": "booted", "version": 7, "slot": 1}


def test_a_fault_is_written_with_what_it_selects() -> None:
    made = written("fault", FlipBit(at=Selector(leg=Leg.TO_DEVICE, number=3, command=5), bit=9))
    assert made == {
        "fault": "FlipBit",
        "at": {"leg": "TO_DEVICE", "number": 3, "command": 5},
        "bit": 9,
    }


def test_a_text_is_written_if_there_is_one() -> None:
    assert written("power", "on") == {"text": "on"}
    assert written("reboot", "") == {}


def test_rows_keep_their_order_and_datagrams_are_found_among_them() -> None:
    trace = Trace()
    one, two = datagram(b"1"), datagram(b"2")
    trace(1, "hub", "power", "on")
    trace(2, "hub", "send", one)
    trace(2, "dut", "lost", "text")
    trace(3, "dut", "send", two)
    assert list(trace.datagrams()) == [(2, "hub", one), (3, "dut", two)]
    assert [json.loads(line)["t_us"] for line in trace.lines()] == [1, 2, 2, 3]


# Reading.

ANNOUNCE = zdo.DeviceAnnounce(sequence=1, address=2, eui64=3, capability=zdo.Capability(0x8E))
DEFAULT = zcl.DefaultResponse(command=3, status=ota.Status.ABORT)


@pytest.mark.parametrize(
    ("one", "frame"),
    [
        (datagram(BLOCK_OCTETS), BLOCK),
        (datagram(BLOCK_OCTETS + b"more"), BLOCK),
        (datagram(b"\x18\x00\x0b" + DEFAULT.encode()), DEFAULT),
        (datagram(b"\x10\x00\x0b" + DEFAULT.encode(), cluster=6), DEFAULT),
        (datagram(ANNOUNCE.encode(), profile=0, cluster=0x0013), ANNOUNCE),
        (datagram(b"\x01\x00\x05" + BLOCK.encode()), None),  # the wrong direction
        (datagram(BLOCK_OCTETS, cluster=6), None),
        (datagram(b"\x1d\x34\x12\x00\x05" + BLOCK.encode()), None),  # a maker's own command 5
        (datagram(ANNOUNCE.encode(), profile=0, cluster=0x7777), None),
        (datagram(b"\x01", profile=0, cluster=0x0013), None),
    ],
)
def test_octets_are_read_where_they_can_be(one: Datagram, frame: object) -> None:
    assert dissect(one) == frame


def test_every_datagram_has_a_name() -> None:
    assert name_of(datagram(BLOCK_OCTETS)) == "ImageBlockResponse"
    assert name_of(datagram(b"\x19\x00")) == "unreadable OTA frame 1900"
    assert name_of(datagram(b"\x19", cluster=6)) == "frame of cluster 0x0006"


@dataclass(frozen=True)
class Deep:
    pairs: tuple[object, ...]
    absent: int | None = None


def test_values_become_plain() -> None:
    value = Deep((ota.Status.ABORT, b"\x01", [1, "x"], Deep(())))
    assert plain(value) == {"pairs": ["ABORT", "01", [1, "x"], {"pairs": []}]}


def test_a_row_of_a_class_is_no_fault() -> None:
    assert as_object(Row(1, "a", "b", Deep))["text"].endswith("Deep'>")


# A whole life.


def test_the_same_world_gives_the_same_octets_and_each_line_is_json() -> None:
    def life() -> list[str]:
        bench = Bench(load("B1"))
        bench.start()
        bench.plan(DropFrame(at=Selector(leg=Leg.FROM_DEVICE, number=2)))
        bench.upgrade(bench.image(size=300))
        return list(bench.trace.lines())

    lines = life()
    assert lines == life()
    objects = [json.loads(line) for line in lines]
    times = [one["t_us"] for one in objects]
    assert times == sorted(times)
    assert all(one["who"] in ("hub", "dut") and one["what"] for one in objects)
    sends = [one for one in objects if one["what"] == "send"]
    assert all("frame" in one for one in sends)
    assert {one["what"] for one in objects} >= {
        "send",
        "fault",
        "report",
        "power",
        "reboot",
        "join",
    }
