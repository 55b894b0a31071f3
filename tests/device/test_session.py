"""How two ends of a link come to agree, whatever the link does to their frames."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.actions import Choice, Echo, Happening, Hello, Renew, Report, Tunnel
from emulator.device.session import HANDSHAKE, Session
from emulator.units import MINUTE, SECOND, Us

NEAR, REMOTE = 1, 2
RANGES = {"old": (1, 1), "new": (1, 2), "next": (2, 2)}


def ends(near: tuple[int, int], remote: tuple[int, int]) -> tuple[Session, Session]:
    """Return the near end and the remote one."""
    retry_us = 5 * SECOND
    return (
        Session(REMOTE, near, retry_us, asks=False),
        Session(NEAR, remote, retry_us, asks=True),
    )


def common(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Return the highest protocol of both ranges, 0 for none, by counting."""
    both = set(range(one[0], one[1] + 1)) & set(range(other[0], other[1] + 1))
    return max(both, default=0)


def contents(actions: object) -> list[object]:
    assert isinstance(actions, (list, tuple))
    return [one.content for one in actions if isinstance(one, Tunnel)]


@pytest.mark.parametrize("near", RANGES)
@pytest.mark.parametrize("remote", RANGES)
def test_both_ends_hold_the_highest_protocol_that_both_speak(near: str, remote: str) -> None:
    left, right = ends(RANGES[near], RANGES[remote])
    (hello,) = contents(right.start(0))
    answer = left.negotiate(hello, 1)
    (choice,) = contents(answer)
    assert isinstance(choice, Choice)
    done = right.negotiate(choice, 2)
    wanted = common(RANGES[near], RANGES[remote])
    assert (left.protocol, right.protocol, choice.protocol) == (wanted, wanted, wanted)
    said = [one for one in (*answer, *done) if isinstance(one, Report)]
    assert [one.what for one in said] == [
        Happening.LINK_UP if wanted else Happening.LINK_REFUSED
    ] * 2


def test_a_refusal_names_both_ranges_and_is_said_once() -> None:
    left, right = ends((1, 1), (2, 2))
    first = left.negotiate(Hello(lowest=2, highest=2), 0)
    again = left.negotiate(Hello(lowest=2, highest=2), 5 * SECOND)
    (report,) = (one for one in first if isinstance(one, Report))
    assert report.details == (("peer", f"{REMOTE:016x}"), ("its", "2..2"), ("own", "1..1"))
    assert not [one for one in again if isinstance(one, Report)]
    assert contents(again) == [Choice(protocol=0, lowest=1, highest=1)]
    assert right.report(Happening.PEER_MISSED).details[1] == ("its", "unknown")


def test_each_end_hears_what_the_other_may_go_back_to_and_when_it_stays() -> None:
    left, right = ends((2, 2), (1, 2))
    left.back = right.back = (1, 1)
    for now in (0, 5 * SECOND):
        (hello,) = contents(right.renew(now))
        (choice,) = contents(left.negotiate(hello, now))
        right.negotiate(choice, now)
        # The one that reads 2 alone would be cut off; the other reads both images of its peer.
        assert (left.doubtful, right.doubtful) == (now == 0, False)
        if not now:
            assert (left.theirs_back, right.theirs_back) == ((1, 1), (1, 1))
            assert left.report(Happening.PEER_MISSED).details[1] == ("its", "1..1")
        right.back = None
    assert (left.theirs_back, right.theirs_back) == (None, (1, 1))


def test_a_refusal_after_a_link_is_said_again() -> None:
    left, _ = ends((1, 1), (2, 2))
    said = [
        one.what
        for highest in (2, 1, 2)
        for one in left.negotiate(Hello(lowest=highest, highest=highest), 0)
        if isinstance(one, Report)
    ]
    assert said == [Happening.LINK_REFUSED, Happening.LINK_UP, Happening.LINK_REFUSED]


def test_a_near_end_that_has_its_link_asks_once_for_what_does_not_fit() -> None:
    left, _ = ends((1, 1), (1, 1))
    left.start(0)
    left.negotiate(Hello(lowest=1, highest=1), 1)
    assert contents(left.renew(2 * SECOND)) == [Renew()]
    assert left.deadline is None


def test_a_remote_that_may_not_say_hello_yet_says_it_as_soon_as_it_may() -> None:
    _, right = ends((1, 1), (1, 1))
    right.start(0)
    right.negotiate(Choice(protocol=1, lowest=1, highest=1), 1)
    assert contents(right.renew(2 * SECOND)) == [Hello(lowest=1, highest=1)]
    right.negotiate(Choice(protocol=1, lowest=1, highest=1), 2 * SECOND)
    assert right.negotiate(Renew(), 2 * SECOND + 1) == ()
    assert right.deadline == 3 * SECOND
    assert contents(right.wake(3 * SECOND)) == [Hello(lowest=1, highest=1)]


def test_a_remote_refuses_a_choice_that_it_does_not_speak_and_asks_again() -> None:
    _, right = ends((1, 2), (1, 1))
    right.start(0)
    said = right.negotiate(Choice(protocol=2, lowest=1, highest=2), 1)
    assert right.protocol == HANDSHAKE
    assert [one.what for one in said if isinstance(one, Report)] == [Happening.LINK_REFUSED]
    assert contents(right.wake(1 + 5 * SECOND)) == [Hello(lowest=1, highest=1)]


@pytest.mark.parametrize(
    ("asks", "content"),
    [
        (False, Choice(protocol=1, lowest=1, highest=1)),
        (False, Renew()),
        (True, Hello(lowest=1, highest=1)),
        (True, Echo(number=1)),
    ],
)
def test_what_is_for_the_other_side_changes_nothing(asks: bool, content: object) -> None:
    end = Session(7, (1, 1), SECOND, asks=asks)
    end.start(0)
    deadline = end.deadline
    assert end.negotiate(content, 1) == ()
    assert (end.protocol, end.deadline) == (HANDSHAKE, deadline)


def test_a_remote_without_an_answer_says_hello_again_and_again() -> None:
    _, right = ends((1, 1), (1, 1))
    now: Us = 0
    right.start(now)
    for _ in range(50):
        assert right.deadline == now + 5 * SECOND
        assert right.wake(right.deadline - 1) == ()
        now = right.deadline
        assert contents(right.wake(now)) == [Hello(lowest=1, highest=1)]


def test_a_near_end_asks_a_silent_remote_less_and_less_often_and_never_gives_up() -> None:
    left, _ = ends((1, 1), (1, 1))
    now: Us = 0
    left.start(now)
    waits = []
    for _ in range(12):
        assert left.deadline is not None
        waits.append(left.deadline - now)
        now = left.deadline
        assert contents(left.wake(now)) == [Renew()]
    assert waits[:4] == [5 * SECOND, 10 * SECOND, 20 * SECOND, 40 * SECOND]
    assert waits[-1] == waits[-2] == 10 * MINUTE


@pytest.mark.parametrize("asks", [False, True])
def test_frames_that_do_not_fit_are_answered_once_a_second(asks: bool) -> None:
    left, right = ends((1, 1), (1, 1))
    end = right if asks else left
    end.start(0)
    said = [now for now in range(0, 3 * SECOND, SECOND // 10) if contents(end.renew(now))]
    assert said == [SECOND, 2 * SECOND]
    assert end.deadline is not None


# Whatever the link does.


class Pair:
    """Two ends, what is under way to each, and a clock that a test turns."""

    def __init__(self, near: tuple[int, int], remote: tuple[int, int]) -> None:
        self.ends = dict(zip("nr", ends(near, remote), strict=True))
        self.way: dict[str, list[tuple[int, object]]] = {"n": [], "r": []}
        self.now: Us = 0

    def put(self, sender: str, actions: object) -> None:
        for one in actions if isinstance(actions, (list, tuple)) else ():
            if isinstance(one, Tunnel):
                self.way["r" if sender == "n" else "n"].append((one.protocol, one.content))

    def restart(self, who: str, speaks: tuple[int, int]) -> None:
        made = ends(speaks, speaks)
        self.ends[who] = made[0] if who == "n" else made[1]
        self.put(who, self.ends[who].start(self.now))

    def arrive(self, who: str, at: int = 0) -> None:
        protocol, content = self.way[who].pop(at)
        end = self.ends[who]
        if protocol == HANDSHAKE:
            self.put(who, end.negotiate(content, self.now))
        elif protocol != end.protocol:
            self.put(who, end.renew(self.now))
        self.check()

    def speak(self, who: str) -> None:
        """Send something over the link, if this end has one."""
        if self.ends[who].protocol != HANDSHAKE:
            frame = Tunnel(
                eui64=0, protocol=self.ends[who].protocol, content=Echo(number=0, answer=True)
            )
            self.put(who, (frame,))

    def settle(self, rounds: int = 6) -> None:
        """Let everything pass, in order, with something to say in between."""
        for _ in range(rounds):
            self.now += 11 * MINUTE
            for who in "nr":
                self.put(who, self.ends[who].wake(self.now))
                self.speak(who)
            while any(self.way.values()):
                for who in "nr":
                    if self.way[who]:
                        self.arrive(who)
                self.now += 2 * SECOND

    def check(self) -> None:
        for end in self.ends.values():
            assert end.protocol == HANDSHAKE or end.own[0] <= end.protocol <= end.own[1]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), st.sampled_from("nr"), st.integers(0, 5)),
        st.tuples(st.just("lose"), st.sampled_from("nr"), st.integers(0, 5)),
        st.tuples(st.just("double"), st.sampled_from("nr"), st.integers(0, 5)),
        st.tuples(st.just("wake"), st.sampled_from("nr"), st.integers(0, 700)),
        st.tuples(st.just("speak"), st.sampled_from("nr"), st.just(0)),
        st.tuples(st.just("restart"), st.sampled_from("nr"), st.integers(0, 2)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(RANGES)), st.sampled_from(list(RANGES)), STEPS)
def test_whatever_is_lost_doubled_or_late_both_agree_once_frames_pass(
    near: str, remote: str, steps: list[tuple[str, str, int]]
) -> None:
    pair = Pair(RANGES[near], RANGES[remote])
    for who, end in pair.ends.items():
        pair.put(who, end.start(0))
    for what, who, number in steps:
        way = pair.way[who]
        match what:
            case "arrive" if way:
                pair.arrive(who, number % len(way))
            case "lose" if way:
                way.pop(number % len(way))
            case "double" if way:
                way.append(way[number % len(way)])
            case "wake":
                pair.now += number * SECOND
                pair.put(who, pair.ends[who].wake(pair.now))
            case "speak":
                pair.speak(who)
            case "restart":
                pair.restart(who, list(RANGES.values())[number])
        pair.check()
    pair.settle()
    left, right = pair.ends["n"], pair.ends["r"]
    assert left.protocol == right.protocol == common(left.own, right.own)
