"""ASH frames: what Silicon Labs printed, and what a line does to octets."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import WireError
from emulator.ncp.ash_frames import (
    MOST_DATA,
    RESERVED,
    AshFrame,
    Damaged,
    Deframer,
    Kind,
    decode,
    seal,
)

#: Printed in UG101, chapter 3.
PUBLISHED = [
    (AshFrame(kind=Kind.RST), "C0 38 BC 7E"),
    (AshFrame(kind=Kind.RSTACK, code=2), "C1 02 02 9B 7B 7E"),
    (
        AshFrame(kind=Kind.DATA, number=2, acknowledged=5, payload=bytes.fromhex("00000002")),
        "25 42 21 A8 56 A6 09 7E",
    ),
    (
        AshFrame(kind=Kind.DATA, number=5, acknowledged=3, payload=bytes.fromhex("00800002021130")),
        # UG101 prints the CRC 96 23 here, which is of A9 as the last octet; bellows has this one.
        "53 42 A1 A8 56 28 04 82 03 2A 7E",
    ),
    (AshFrame(kind=Kind.ACK, acknowledged=1), "81 60 59 7E"),
    (AshFrame(kind=Kind.NAK, acknowledged=6), "A6 34 DC 7E"),
]

numbers = st.integers(0, 7)
frames = st.one_of(
    st.builds(
        AshFrame,
        kind=st.just(Kind.DATA),
        number=numbers,
        resent=st.booleans(),
        acknowledged=numbers,
        payload=st.binary(max_size=MOST_DATA),
    ),
    st.builds(
        AshFrame,
        kind=st.sampled_from([Kind.ACK, Kind.NAK]),
        acknowledged=numbers,
        not_ready=st.booleans(),
    ),
    st.just(AshFrame(kind=Kind.RST)),
    st.builds(AshFrame, kind=st.sampled_from([Kind.RSTACK, Kind.ERROR]), code=st.integers(0, 255)),
)
GOOD = AshFrame(kind=Kind.DATA, number=1, payload=b"\x7e\x7d\x11\x13\x18\x1a some")


def found(*pieces: bytes) -> list[AshFrame | Damaged]:
    deframer = Deframer()
    return [each for piece in pieces for each in deframer.feed(piece)]


@pytest.mark.parametrize(("frame", "octets"), PUBLISHED)
def test_published_frames(frame: AshFrame, octets: str) -> None:
    assert frame.encode() == bytes.fromhex(octets)
    assert found(bytes.fromhex(octets)) == [frame]


@pytest.mark.parametrize(
    ("octets", "number"),
    [("25 00 00 00 02 1A AD", 2), ("53 00 80 00 02 02 11 30 63 16", 5)],
)
def test_the_crc_of_published_frames_that_are_not_scrambled(octets: str, number: int) -> None:
    assert decode(bytes.fromhex(octets)).number == number


@given(frames)
def test_every_frame_comes_back_and_hides_what_is_reserved(frame: AshFrame) -> None:
    octets = frame.encode()

    assert octets.endswith(b"\x7e")
    assert not (RESERVED - {0x7D}) & set(octets[:-1])
    assert found(octets) == [frame]


@given(st.lists(frames, min_size=1, max_size=5), st.lists(st.integers(0, 1500), max_size=8))
def test_pieces_of_any_size_make_the_same_frames(sent: list[AshFrame], cuts: list[int]) -> None:
    octets = b"".join(frame.encode() for frame in sent)
    edges = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]

    assert found(*(octets[start:end] for start, end in pairwise(edges))) == sent


def test_a_split_at_every_octet() -> None:
    octets = GOOD.encode() * 2
    for cut in range(len(octets) + 1):
        assert found(octets[:cut], octets[cut:]) == [GOOD, GOOD]
    assert found(*(bytes((octet,)) for octet in octets)) == [GOOD, GOOD]


@given(frames, st.data())
def test_one_wrong_bit_is_never_a_frame(frame: AshFrame, data: st.DataObject) -> None:
    plain = bytearray(_plain(frame))
    at = data.draw(st.integers(0, 8 * len(plain) - 1))
    plain[at // 8] ^= 1 << at % 8

    with pytest.raises(WireError, match="CRC"):
        decode(bytes(plain))


def _plain(frame: AshFrame) -> bytes:
    """Undo the stuffing, octet by octet."""
    octets, plain, flip = frame.encode()[:-1], bytearray(), 0
    for octet in octets:
        if octet == 0x7D:
            flip = 0x20
        else:
            plain.append(octet ^ flip)
            flip = 0
    return bytes(plain)


RUBBISH = [
    pytest.param(b"\x0a3\x1a", [GOOD], id="cancelled"),
    pytest.param(b"\x18 damage \x1a", [GOOD], id="cancelled after damage"),
    pytest.param(b"\x7e\x7e\x7e", [GOOD], id="lone flags"),
    pytest.param(b"\xff\xff", [GOOD], id="wake octets"),
    pytest.param(b"\x11\x13\x11", [GOOD], id="flow control"),
]


@pytest.mark.parametrize(("before", "expected"), RUBBISH)
def test_what_may_stand_before_a_frame(before: bytes, expected: list[AshFrame]) -> None:
    assert found(before + GOOD.encode()) == expected
    assert found(*(bytes((octet,)) for octet in before + GOOD.encode())) == expected


def test_flow_control_inside_a_frame_is_no_part_of_it() -> None:
    octets = GOOD.encode()
    for at in range(len(octets)):
        assert found(octets[:at] + b"\x11\x13" + octets[at:]) == [GOOD]


def test_substitute_spoils_to_the_flag_only() -> None:
    octets = GOOD.encode()
    for at in range(len(octets) - 1):
        spoilt, then = found(octets[:at] + b"\x18" + octets[at:] + octets)
        assert isinstance(spoilt, Damaged)
        assert spoilt.like_data or at == 0  # the first octet may have been anything
        assert then == GOOD


@pytest.mark.parametrize(
    ("octets", "reason", "like_data"),
    [
        (b"\x25\x7e", "found 1 octets, wanted at least 3", True),
        (b"\x7d\x7e", "an escape before an octet that needs none", True),
        (b"\x25\x7d\x42\x11\x22\x33\x7e", "an escape before", True),
        (b"\x25\x42\x21\x00\x00\x7e", "found CRC 0x0000, wanted 0x", True),
        (b"\x81\x00\x00\x7e", "found CRC 0x0000, wanted 0x6059", False),
        (seal(b"\x81\x00"), "ASH ACK: found 1 octets of data, wanted 0", False),
        (seal(b"\xc0\x00"), "ASH RST: found 1 octets of data, wanted 0", False),
        (seal(b"\xc1\x02"), "ASH RSTACK: found 1 octets of data, wanted 2", False),
        (seal(b"\xc2\x01\x52"), "ASH ERROR: found version 1, wanted 2", False),
        (seal(b"\xc3"), "control octet 0xC3", False),
        (seal(bytes(1 + MOST_DATA + 1)), "found 221 octets, wanted at most 220", True),
        (bytes(5000) + b"\x7e", "octets without a flag", True),
    ],
)
def test_what_is_no_frame(octets: bytes, reason: str, like_data: bool) -> None:
    (damaged, then) = found(octets + GOOD.encode())

    assert isinstance(damaged, Damaged)
    assert reason in damaged.reason
    assert damaged.like_data is like_data
    assert then == GOOD


def test_endless_octets_keep_no_more_than_a_frame() -> None:
    deframer = Deframer()
    for _ in range(1000):
        assert list(deframer.feed(b"\x20" * 1000)) == []
    kept: Any = deframer._part  # what grows, if anything does
    assert len(kept) <= 2 * (MOST_DATA + 3)
    damaged, then = deframer.feed(b"\x7e" + GOOD.encode())
    assert isinstance(damaged, Damaged)
    assert then == GOOD


def test_too_much_to_send_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="found 221 octets, wanted at most 220"):
        AshFrame(kind=Kind.DATA, payload=bytes(221)).encode()
