"""ASH between a host of this file and the radio: numbers, windows, losses, and hosts that err."""

from collections.abc import Iterable, Sequence
from random import Random

import pytest

from emulator.ncp.ash import (
    ACK_DELAY,
    ACK_TIMEOUTS,
    ACK_WAIT,
    CAPACITY,
    LONGEST_ACK_WAIT,
    NOT_READY,
    POWER_ON,
    RESERVE,
    RESET,
    SHORTEST_ACK_WAIT,
    SOFTWARE,
    WINDOW,
    AshLink,
)
from emulator.ncp.ash_frames import AshFrame, Damaged, Deframer, Kind
from emulator.units import MILLISECOND, SECOND, Us

RST = AshFrame(kind=Kind.RST)
NOISE = 2_000


class Line:
    """Be a host that says exactly what a test wants, at a time that the test counts."""

    def __init__(self, *, connected: bool = True, capacity: int = CAPACITY) -> None:
        self.now: Us = 0
        self.lines: list[str] = []
        self.link = AshLink(self.lines.append, capacity=capacity)
        if connected:
            assert self.says(RST) == [RESET]
            assert self.hears() == [AshFrame(kind=Kind.RSTACK, code=SOFTWARE)]

    def says(self, *frames: AshFrame | bytes) -> Sequence[object]:
        """Send frames or raw octets in one piece; return what the radio made of them."""
        octets = (each if isinstance(each, bytes) else each.encode() for each in frames)
        return list(self.link.receive(b"".join(octets), self.now))

    def hears(self) -> list[AshFrame | Damaged]:
        """Return the frames that the radio sends now."""
        return list(Deframer().feed(self.link.take()))

    def waits(self) -> Us:
        """Let time pass to the deadline, and return how long it was."""
        assert self.link.deadline is not None
        passed = self.link.deadline - self.now
        self.now += passed
        self.link.wake(self.now)
        return passed

    def sends(self, payloads: Iterable[bytes], *, callback: bool = False) -> None:
        """Let the radio queue payloads."""
        for each in payloads:
            self.link.send(each, self.now, callback=callback)


def data(number: int, payload: bytes, acknowledged: int = 0, *, resent: bool = False) -> AshFrame:
    return AshFrame(
        kind=Kind.DATA, number=number, acknowledged=acknowledged, payload=payload, resent=resent
    )


def ack(acknowledged: int, *, not_ready: bool = False) -> AshFrame:
    return AshFrame(kind=Kind.ACK, acknowledged=acknowledged, not_ready=not_ready)


def nak(acknowledged: int) -> AshFrame:
    return AshFrame(kind=Kind.NAK, acknowledged=acknowledged)


def test_nothing_is_said_before_the_host_resets() -> None:
    line = Line(connected=False)

    assert line.says(data(0, b"hello"), ack(0), b"\x0a3", b"\x25junk\x7e") == []
    assert line.hears() == []
    assert line.link.deadline is None
    assert len(line.lines) == 1  # and the log is not filled with it
    assert line.says(b"\x1a" * 32, RST) == [RESET]
    assert line.hears() == [AshFrame(kind=Kind.RSTACK, code=SOFTWARE)]


def test_an_answer_carries_the_acknowledgement() -> None:
    line = Line()

    assert line.says(data(0, b"question")) == [b"question"]
    line.sends([b"answer"])

    assert line.hears() == [data(0, b"answer", 1)]
    assert line.says(ack(1)) == []
    assert line.hears() == []
    assert line.link.deadline is None
    assert line.link.idle


def test_a_slow_answer_is_preceded_by_the_acknowledgement() -> None:
    line = Line()

    line.says(data(0, b"question"))
    assert line.hears() == []
    assert line.waits() == ACK_DELAY
    assert line.hears() == [ack(1)]
    assert line.link.deadline is None
    line.sends([b"answer"])
    assert line.hears() == [data(0, b"answer", 1)]


def test_a_duplicate_is_acknowledged_and_dropped() -> None:
    line = Line()
    line.says(data(0, b"question"))
    line.waits()
    line.hears()  # the host does not hear it

    assert line.says(data(0, b"question", resent=True)) == []
    assert line.hears() == [ack(1)]
    assert line.says(data(1, b"next")) == [b"next"]


def test_a_gap_is_refused_once_until_it_is_filled() -> None:
    line = Line()

    assert line.says(data(1, b"second"), data(2, b"third")) == []
    assert line.hears() == [nak(0)]
    assert line.says(data(3, b"fourth")) == []
    assert line.hears() == []
    assert line.says(data(0, b"first", resent=True)) == [b"first"]
    assert line.says(data(2, b"third")) == []
    assert line.hears() == [nak(1)]


def test_damage_is_refused_only_where_it_may_have_been_data() -> None:
    line = Line()

    assert line.says(b"\x81\x00\x00\x7e") == []  # a bad ACK
    assert line.hears() == []
    assert line.says(b"\x20\x00\x00\x7e", b"\x20\x00\x00\x7e") == []
    assert line.hears() == [nak(0)]
    assert line.says(data(0, b"again", resent=True)) == [b"again"]


def test_the_window_holds_the_rest_back() -> None:
    line = Line()
    payloads = [bytes((n,)) for n in range(WINDOW + 3)]

    line.sends(payloads)
    assert line.hears() == [data(n, payloads[n]) for n in range(WINDOW)]
    line.says(ack(2))
    assert line.hears() == [data(n, payloads[n]) for n in range(WINDOW, WINDOW + 2)]
    line.says(ack(7))
    assert line.hears() == [data(7, payloads[7])]
    line.says(ack(0))
    assert line.link.idle


def test_numbers_go_round() -> None:
    line = Line()
    for n in range(20):
        assert line.says(data(n % 8, b"q", n % 8)) == [b"q"]
        line.sends([b"a"])
        assert line.hears() == [data(n % 8, b"a", (n + 1) % 8)]


def test_what_is_acknowledged_by_data_out_of_order_counts() -> None:
    line = Line()
    line.sends([b"callback"])
    line.hears()

    line.says(data(5, b"lost my place", 1))
    assert line.link.idle
    assert line.hears() == [nak(0)]


@pytest.mark.parametrize("number", [2, 5, 7])
def test_an_acknowledgement_of_what_was_never_sent_is_ignored(number: int) -> None:
    line = Line()
    line.sends([b"callback"])
    line.hears()

    line.says(ack(number))
    assert not line.link.idle
    assert line.waits() == ACK_WAIT
    assert line.hears() == [data(0, b"callback", resent=True)]


def test_a_nak_has_all_sent_again_with_a_fresh_acknowledgement() -> None:
    line = Line()
    line.sends([b"a", b"b", b"c"])
    line.hears()

    assert line.says(data(0, b"question"), nak(1), nak(1)) == [b"question"]
    assert line.hears() == [data(1, b"b", 1, resent=True), data(2, b"c", 1, resent=True)]


def test_silence_is_waited_for_ever_longer_and_then_the_link_fails() -> None:
    line = Line()
    line.sends([b"callback"])

    waited = []
    for _ in range(4):
        assert line.hears() == [data(0, b"callback", resent=bool(waited))]
        waited.append(line.waits())

    assert waited == [ACK_WAIT, LONGEST_ACK_WAIT, LONGEST_ACK_WAIT, LONGEST_ACK_WAIT]
    error = AshFrame(kind=Kind.ERROR, code=ACK_TIMEOUTS)
    assert line.hears() == [error]
    assert line.lines == ["link failed: 4 waits for an acknowledgement in vain"]
    assert not line.link.connected
    assert line.link.deadline is None
    assert line.says(data(0, b"hello"), ack(1)) == []
    assert line.hears() == [error]
    assert line.says(RST) == [RESET]
    line.sends([b"works"])
    assert line.hears() == [AshFrame(kind=Kind.RSTACK, code=SOFTWARE), data(0, b"works")]


def test_the_wait_adapts_to_the_host() -> None:
    line = Line()
    for n in range(30):
        line.sends([b"callback"])
        line.hears()
        line.now += 10 * MILLISECOND
        line.says(ack((n + 1) % 8))
    line.sends([b"callback"])
    line.hears()
    assert line.waits() == SHORTEST_ACK_WAIT
    assert line.hears() == [data(6, b"callback", resent=True)]
    assert line.waits() == 2 * SHORTEST_ACK_WAIT


def test_a_host_that_is_not_ready_gets_answers_and_no_callbacks() -> None:
    line = Line()

    line.says(ack(0, not_ready=True))
    line.sends([b"callback"], callback=True)
    line.sends([b"answer"])
    assert line.hears() == [data(0, b"answer")]
    line.says(ack(1))
    assert line.hears() == [data(1, b"callback")]


def test_not_ready_lapses() -> None:
    line = Line()

    line.says(ack(0, not_ready=True))
    assert line.link.deadline is None
    line.sends([b"callback"], callback=True)
    assert line.hears() == []
    assert line.waits() == NOT_READY
    assert line.hears() == [data(0, b"callback")]


def test_a_reset_drops_what_was_on_its_way() -> None:
    line = Line()
    line.says(data(0, b"old"))
    line.sends([b"stale"] * 9)
    line.hears()

    assert line.says(data(1, b"older"), RST, data(0, b"new")) == [b"older", RESET, b"new"]
    line.sends([b"fresh"])
    assert line.hears() == [
        AshFrame(kind=Kind.RSTACK, code=SOFTWARE),
        data(0, b"fresh", 1),
    ]


def test_a_power_on_hint_connects() -> None:
    line = Line(connected=False)

    line.link.restart(POWER_ON)
    assert line.hears() == [AshFrame(kind=Kind.RSTACK, code=POWER_ON)]
    assert line.says(data(0, b"question")) == [b"question"]


def test_a_host_that_is_gone_is_sent_nothing() -> None:
    line = Line()
    line.sends([b"callback"] * 9)
    line.hears()

    line.link.detach()
    assert line.link.deadline is None
    assert line.link.room == 0
    line.sends([b"callback"] * (CAPACITY + RESERVE + 1))
    assert line.hears() == []
    assert line.says(data(0, b"no RST")) == []
    assert line.says(RST) == [RESET]


def test_room_ends_and_more_is_a_mistake() -> None:
    line = Line(capacity=10)

    assert line.link.room == 10
    line.sends([b"callback"] * 10, callback=True)
    assert line.link.room == 0
    line.sends([b"answer"] * RESERVE)
    with pytest.raises(RuntimeError, match="74 payloads wait, ask for room first"):
        line.sends([b"answer"])
    line.hears()
    assert line.link.room == 0


def test_a_flood_of_commands_is_refused_and_then_served() -> None:
    line = Line(capacity=10)
    flood = [data(n % 8, b"question") for n in range(1000)]

    taken = 0
    for _ in range(5):
        commands = line.says(*flood[taken:])
        taken += len(commands)
        line.sends([b"answer"] * len(commands))
    assert 10 < taken <= WINDOW + 10 + 2 * RESERVE
    sent = line.hears()
    assert nak(taken % 8) in sent
    assert len(sent) == 1 + WINDOW

    acknowledged = WINDOW
    while not line.link.idle:
        line.says(ack(acknowledged % 8))
        acknowledged += len(line.hears())
    assert acknowledged == taken
    assert line.says(data(taken % 8, b"more", resent=True)) == [b"more"]


def test_a_host_that_reads_nothing_makes_nothing_grow() -> None:
    line = Line()
    line.sends([b"callback"] * 3)
    line.hears()

    for _ in range(NOISE):
        line.says(nak(0), data(0, b"x", resent=True), data(5, b"y"), b"\x20\x00\x00\x7e")
    assert len(line.hears()) <= 1 + 3
    assert len(line.lines) <= 2


def test_random_octets_crash_nothing_and_a_proper_host_works_after() -> None:
    line, rng = Line(), Random(6)
    line.sends([b"callback"] * 20, callback=True)
    for step in range(NOISE):
        line.link.receive(rng.randbytes(rng.randrange(1, 400)), line.now)
        if step % 3 == 0:
            assert len(line.link.take()) < 2 * WINDOW * 230
        line.now += 30 * MILLISECOND
        if line.link.deadline is not None and line.link.deadline <= line.now:
            line.link.wake(line.now)
    assert line.now == 60 * SECOND
    assert len(line.lines) < 20

    assert line.says(b"\x1a", RST)[-1] is RESET
    assert line.hears()[-1] == AshFrame(kind=Kind.RSTACK, code=SOFTWARE)
    assert line.says(data(0, b"question")) == [b"question"]


@pytest.mark.parametrize("size", range(1, 12))
def test_half_a_frame_and_then_a_reset(size: int) -> None:
    line = Line()

    line.says(data(0, b"question").encode()[:size])
    assert line.says(b"\x1a", RST) == [RESET]
    assert line.hears() == [AshFrame(kind=Kind.RSTACK, code=SOFTWARE)]


@pytest.mark.parametrize(("window", "capacity"), [(0, 1), (8, 1), (5, 0)])
def test_what_no_link_can_be(window: int, capacity: int) -> None:
    with pytest.raises(ValueError, match="found"):
        AshLink(window=window, capacity=capacity)
