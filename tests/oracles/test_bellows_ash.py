"""Compare ASH with bellows': every frame both ways, and both ends over a line that errs."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest
from bellows import ash as theirs
from bellows.types import NcpResetCode
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.errors import WireError
from emulator.ncp.ash import RESET, AshLink
from emulator.ncp.ash_frames import MOST_DATA, AshFrame, Damaged, Deframer, Kind, decode
from emulator.units import SECOND
from tests.ncp.virtual_loop import VirtualLoop

_CODES = [int(code) for code in NcpResetCode]
_NUMBERS = st.integers(0, 7)
_CLASSES = {
    Kind.DATA: theirs.DataFrame,
    Kind.ACK: theirs.AckFrame,
    Kind.NAK: theirs.NakFrame,
    Kind.RST: theirs.RstFrame,
    Kind.RSTACK: theirs.RStackFrame,
    Kind.ERROR: theirs.ErrorFrame,
}

frames = st.one_of(
    st.builds(
        AshFrame,
        kind=st.just(Kind.DATA),
        number=_NUMBERS,
        resent=st.booleans(),
        acknowledged=_NUMBERS,
        payload=st.binary(max_size=MOST_DATA),
    ),
    st.builds(
        AshFrame,
        kind=st.sampled_from([Kind.ACK, Kind.NAK]),
        acknowledged=_NUMBERS,
        not_ready=st.booleans(),
    ),
    st.just(AshFrame(kind=Kind.RST)),
    st.builds(
        AshFrame, kind=st.sampled_from([Kind.RSTACK, Kind.ERROR]), code=st.sampled_from(_CODES)
    ),
)


def as_theirs(frame: AshFrame) -> Any:  # noqa: ANN401 - bellows has no types that we read
    """Return the same frame in bellows' words."""
    made = _CLASSES[frame.kind]
    if frame.kind is Kind.DATA:
        return made(
            frm_num=frame.number,
            re_tx=frame.resent,
            ack_num=frame.acknowledged,
            ezsp_frame=frame.payload,
        )
    if frame.kind in (Kind.ACK, Kind.NAK):
        # bellows calls it ready and sends 0 when it is: the bit is "not ready" (UG101 3).
        return made(res=0, ncp_ready=frame.not_ready, ack_num=frame.acknowledged)
    if frame.kind is Kind.RST:
        return made()
    return made(version=2, reset_code=NcpResetCode(frame.code))


def sealed(frame: Any) -> bytes:  # noqa: ANN401 - as above
    """Return the octets that bellows puts on the line."""
    return bytes(theirs.AshProtocol._stuff_bytes(frame.to_bytes())) + b"\x7e"


@given(frames)
def test_every_frame_is_the_same_octets(frame: AshFrame) -> None:
    assert frame.encode() == sealed(as_theirs(frame))


@given(frames)
def test_bellows_reads_what_we_write(frame: AshFrame) -> None:
    plain = theirs.AshProtocol._unstuff_bytes(frame.encode()[:-1])

    assert theirs.parse_frame(bytes(plain)) == as_theirs(frame)


@given(frames)
def test_we_read_what_bellows_writes(frame: AshFrame) -> None:
    assert list(Deframer().feed(sealed(as_theirs(frame)))) == [frame]


@given(st.one_of(st.binary(min_size=1, max_size=40), frames.map(lambda each: each.encode()[:-1])))
def test_we_refuse_what_bellows_refuses(octets: bytes) -> None:
    """Ours is stricter only about a length that the kind does not have."""
    try:
        frame = theirs.parse_frame(octets)
    except Exception:  # bellows raises whatever it meets
        with pytest.raises(WireError):
            decode(octets)
        return
    if isinstance(frame, theirs.AckFrame | theirs.NakFrame) and len(octets) != 3:
        with pytest.raises(WireError, match="of data, wanted 0"):
            decode(octets)
        return
    assert as_theirs(decode(octets)) == frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Be one thing that happens to the octet at ``at`` of one direction's stream."""

    at: int
    kind: str
    octet: int


faults = st.lists(
    st.builds(
        Fault,
        at=st.integers(0, 400),
        kind=st.sampled_from(["flip", "drop", "insert", "drop frame"]),
        octet=st.integers(1, 255),
    ),
    max_size=3,
    unique_by=lambda fault: fault.at,
)


class Wire:
    """Carry one direction's octets, in pieces, with faults."""

    def __init__(self, planned: Sequence[Fault], pieces: Iterator[int]) -> None:
        self._faults: Mapping[int, Fault] = {fault.at: fault for fault in planned}
        self._pieces, self._at = pieces, 0

    def carry(self, octets: bytes) -> list[bytes]:
        """Return what arrives, in pieces."""
        arrived = bytearray()
        for octet in octets:
            fault = self._faults.get(self._at)
            self._at += 1
            if fault is not None and fault.kind == "drop frame":
                arrived.clear()
                continue
            if fault is not None and fault.kind == "insert":
                arrived.append(fault.octet)
            if fault is not None and fault.kind == "flip":
                octet ^= fault.octet
            if fault is None or fault.kind != "drop":
                arrived.append(octet)
        pieces = []
        while arrived:
            size = next(self._pieces)
            pieces.append(bytes(arrived[:size]))
            del arrived[:size]
        return pieces


class Host:
    """Be bellows' end: what it is given, and the transport that it writes to."""

    def __init__(self, pair: "Pair") -> None:
        self.taken: list[bytes] = []
        self.resets: list[int] = []
        self.errors: list[int] = []
        self._pair = pair
        self.ash = theirs.AshProtocol(self)
        self.ash.connection_made(cast(asyncio.Transport, self))

    def connection_made(self, protocol: object) -> None:
        pass

    def data_received(self, payload: bytes) -> None:
        self.taken.append(bytes(payload))

    def reset_received(self, code: int) -> None:
        self.resets.append(int(code))

    def error_received(self, code: int) -> None:
        self.errors.append(int(code))

    def write(self, octets: bytes) -> None:
        self._pair.to_radio(bytes(octets))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass


class Pair:
    """Be both ends and the line between them, in virtual time."""

    def __init__(self, out: Sequence[Fault], back: Sequence[Fault], pieces: Sequence[int]) -> None:
        self.loop = VirtualLoop()
        self.link = AshLink()
        self.taken: list[object] = []
        sizes = _endless(pieces)
        self._out, self._back = Wire([], sizes), Wire([], sizes)
        self._timer: asyncio.TimerHandle | None = None
        self.host = Host(self)
        self.host.ash.send_reset()
        self.loop.run_until_complete(self.until(lambda: bool(self.host.resets)))
        self._out, self._back = Wire(out, sizes), Wire(back, sizes)

    @property
    def now(self) -> int:
        return round(self.loop.time() * SECOND)

    def to_radio(self, octets: bytes) -> None:
        for piece in self._out.carry(octets):
            self.loop.call_soon(self._arrive, piece)

    def _arrive(self, piece: bytes) -> None:
        self.taken += self.link.receive(piece, self.now)
        self.flush()

    def flush(self) -> None:
        """Carry what the radio has to say, and set its alarm."""
        octets = self.link.take()
        for piece in self._back.carry(octets):
            self.loop.call_soon(self.host.ash.data_received, piece)
        if self._timer is not None:
            self._timer.cancel()
        due = self.link.deadline
        self._timer = None if due is None else self.loop.call_at(due / SECOND, self._wake)

    def _wake(self) -> None:
        self.link.wake(max(self.now, self.link.deadline or 0))
        self.flush()

    async def until(self, condition: Any) -> None:  # noqa: ANN401 - a callable
        """Let time pass until something holds, at most a minute."""
        end = self.loop.time() + 60
        while not condition():
            assert self.loop.time() < end, "a minute passed"
            again = self.loop.create_future()
            self.loop.call_later(0.01, again.set_result, None)
            await again

    def close(self) -> None:
        """End what is still running."""
        if self._timer is not None:
            self._timer.cancel()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


def _endless(pieces: Sequence[int]) -> Iterator[int]:
    while True:
        yield from pieces


async def _talk(pair: Pair, questions: Sequence[bytes], callbacks: Sequence[bytes]) -> None:
    for payload in callbacks:
        pair.link.send(payload, pair.now)
    pair.flush()
    for payload in questions:
        await pair.host.ash.send_data(payload)
    await pair.until(lambda: pair.link.idle)


payloads = st.lists(st.binary(min_size=1, max_size=30), max_size=10)


@settings(max_examples=60, deadline=None)
@given(payloads, payloads, faults, faults, st.lists(st.integers(1, 64), min_size=1, max_size=4))
def test_all_arrives_once_and_in_order_over_a_line_that_errs(
    questions: list[bytes],
    callbacks: list[bytes],
    out: list[Fault],
    back: list[Fault],
    pieces: list[int],
) -> None:
    pair = Pair(out, back, pieces)
    try:
        pair.loop.run_until_complete(_talk(pair, questions, callbacks))
    finally:
        pair.close()

    assert pair.taken == [RESET, *questions]
    assert pair.host.taken == callbacks
    assert pair.host.errors == []


def test_a_line_of_single_octets_and_a_fault_at_every_place() -> None:
    """Each octet of a short talk is lost once, in either direction."""
    questions, callbacks = [b"\x00\x7e\x7d", b"abc"], [b"\x11\x13\x18\x1a", b"xyz"]
    lost = 0
    for at in range(40):
        fault = Fault(at=at, kind="drop", octet=1)
        for out, back in (([fault], []), ([], [fault])):
            pair = Pair(out, back, [1])
            try:
                pair.loop.run_until_complete(_talk(pair, questions, callbacks))
            finally:
                pair.close()
            assert pair.taken == [RESET, *questions]
            assert pair.host.taken == callbacks
            lost += pair.now > 0
    assert lost > 20  # the faults did cost time: they did happen


def test_a_radio_that_gives_up_is_heard_by_bellows() -> None:
    pair = Pair([], [], [64])
    try:
        pair.link.fail(0x51)
        pair.flush()
        pair.loop.run_until_complete(pair.until(lambda: bool(pair.host.errors)))
    finally:
        pair.close()
    assert pair.host.errors == [0x51]


def test_damage_between_flags_is_damage_to_both() -> None:
    assert all(isinstance(each, Damaged) for each in Deframer().feed(b"\x25\x18\x42\x7e"))
