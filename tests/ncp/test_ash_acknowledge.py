"""Hold the short way that lone acknowledgements take against the long one."""

from hypothesis import given
from hypothesis import strategies as st

from emulator.ncp.ash import AshLink
from emulator.ncp.ash_frames import NUMBERS, AshFrame, Kind
from emulator.units import MILLISECOND

RST = AshFrame(kind=Kind.RST).encode()


def ack(number: int, *, not_ready: bool = False) -> bytes:
    return AshFrame(kind=Kind.ACK, acknowledged=number, not_ready=not_ready).encode()


def connected() -> AshLink:
    link = AshLink()
    link.receive(RST, 0)
    link.take()
    return link


FROM_HOST = st.one_of(
    st.lists(st.integers(0, NUMBERS - 1).map(ack), min_size=1, max_size=3).map(b"".join),
    st.integers(0, NUMBERS - 1).map(lambda number: ack(number, not_ready=True)),
    st.integers(0, NUMBERS - 1).map(lambda number: ack(number)[:2]),
    st.integers(0, NUMBERS - 1).map(
        lambda number: AshFrame(kind=Kind.NAK, acknowledged=number).encode()
    ),
    st.sampled_from([b"\x7e", b"\x18", b"\x1a", b"", RST]),
    st.binary(max_size=6),
)
STEPS = st.lists(st.tuples(st.sampled_from(["send", "hear", "wake"]), FROM_HOST), max_size=40)


@given(steps=STEPS)
def test_the_short_way_ends_where_the_long_one_does(steps: list[tuple[str, bytes]]) -> None:
    short, long = connected(), connected()
    for number, (what, octets) in enumerate(steps, 1):
        now = number * 150 * MILLISECOND
        if what == "send" and long.room:
            for link in (short, long):
                link.send(b"\x00\x90\x01\x19\x00\x90", now, callback=True)
        elif what == "hear":
            said = long.receive(octets, now)
            if short.acknowledge(octets, now):
                assert not said
                assert short.take() == b""
            else:
                assert list(short.receive(octets, now)) == list(said)
        else:
            for link in (short, long):
                link.wake(now)
        assert short.take() == long.take()
        assert (short.deadline, short.room, short.idle) == (long.deadline, long.room, long.idle)


def test_acknowledgements_alone_take_the_short_way() -> None:
    link = connected()
    link.send(b"one", 0)
    link.send(b"two", 0)
    assert link.take()
    assert link.acknowledge(ack(1) + ack(2), 10)
    assert link.idle
    assert link.deadline is None


def test_what_else_comes_takes_the_long_way() -> None:
    link = connected()
    assert not AshLink().acknowledge(ack(0), 0)  # no host has said RST
    assert not link.acknowledge(ack(0, not_ready=True), 0)
    assert not link.acknowledge(ack(0)[:-1], 0)  # no flag yet
    assert not link.acknowledge(RST, 0)
    link.receive(b"\x81", 0)
    assert not link.acknowledge(ack(0), 0)  # the end of a frame that has begun
