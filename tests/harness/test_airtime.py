"""The books of a hub's airtime: never more than allowed in any hour, whatever is asked of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.units import HOUR, MINUTE, SECOND, Us
from emulator.wire.aps import ApsOptions, Datagram
from harness.hub.airtime import Airtime, DutyCycle, Thresholds, airtime_us
from harness.servers.home import on_air_us

#: The longest frame, 127 octets behind 12 of the PHY, at 80 us an octet.
LONGEST_US = 11_120


def datagram(octets: int, options: int = 0) -> Datagram:
    return Datagram(
        source=0,
        destination=0x1A01,
        source_endpoint=1,
        destination_endpoint=1,
        profile=0x0109,
        cluster=0x0019,
        payload=bytes(octets),
        options=options,
    )


@pytest.mark.parametrize("octets", [0, 1, 57, 73])
@pytest.mark.parametrize("options", [0, int(ApsOptions.ENCRYPT)])
def test_airtime_is_that_of_the_frame_on_the_air(octets: int, options: int) -> None:
    one = datagram(octets, options)
    assert airtime_us(one) == on_air_us(one)


def test_longest_frame_takes_what_the_fact_sheet_says() -> None:
    assert airtime_us(datagram(127 - 45)) == LONGEST_US


@given(st.lists(st.tuples(st.integers(0, 20 * MINUTE), st.integers(0, 73)), max_size=200))
def test_no_hour_has_more_than_the_last_threshold(asked: list[tuple[Us, int]]) -> None:
    most = 10 * LONGEST_US
    books = Airtime(Thresholds(limited_us=1, critical_us=2, suspended_us=most))
    now, sent = 0, list[tuple[Us, Us]]()
    for pause_us, octets in asked:
        now += pause_us
        if books.spend(datagram(octets), now):
            sent.append((now, airtime_us(datagram(octets))))
    for end, _ in sent:
        assert sum(cost for at, cost in sent if end - HOUR < at <= end) <= most


def test_an_hour_of_silence_gives_everything_back() -> None:
    books = Airtime(Thresholds(limited_us=1, critical_us=2, suspended_us=LONGEST_US + 3))
    assert books.state(0) is DutyCycle.NORMAL
    assert books.spend(datagram(10), 0)
    assert books.state(HOUR - 1) is DutyCycle.SUSPENDED
    assert not books.spend(datagram(10), HOUR - 1)
    assert books.state(HOUR) is DutyCycle.NORMAL
    assert books.spend(datagram(10), HOUR)


def test_states_follow_the_thresholds() -> None:
    cost = airtime_us(datagram(10))
    limits = Thresholds(limited_us=cost, critical_us=2 * cost, suspended_us=3 * cost + LONGEST_US)
    books, seen = Airtime(limits), []
    for number in range(4):
        seen.append(books.state(number))
        books.spend(datagram(10), number)
    assert seen == list(DutyCycle)


@given(st.lists(st.integers(0, 50 * MINUTE), min_size=1, max_size=30))
def test_pause_ends_when_the_state_is_normal(pauses: list[Us]) -> None:
    books = Airtime(Thresholds(limited_us=2 * LONGEST_US))
    now = 0
    for pause_us in pauses:
        now += pause_us
        books.spend(datagram(73), now)
    after = now + books.pause_s(now) * SECOND
    assert now < after <= now + HOUR + SECOND
    assert books.state(after) is DutyCycle.NORMAL


def test_pause_reaches_below_the_threshold_and_not_only_to_it() -> None:
    cost = airtime_us(datagram(10))
    books = Airtime(Thresholds(limited_us=2 * cost))
    books.spend(datagram(10), 0)
    books.spend(datagram(10), 10 * MINUTE)
    assert books.pause_s(10 * MINUTE) == 50 * 60
    assert books.state(HOUR) is DutyCycle.NORMAL


def test_nobody_is_silenced_who_cannot_be_told() -> None:
    books = Airtime(Thresholds(limited_us=1, critical_us=2, suspended_us=12_000))
    books.hear(3, 0)
    books.spend(datagram(10), 0)
    assert books.state(0) is DutyCycle.SUSPENDED
    assert books.choose(0) == ()
    assert books.silent_min(3, 0) == 0


def test_in_critical_everybody_is_silenced_once() -> None:
    books = Airtime(Thresholds(limited_us=1, critical_us=2), suspend_min=2)
    for client in (3, 4, 3):
        books.hear(client, 0)
    assert books.choose(0) == ()
    books.spend(datagram(10), 0)
    assert set(books.choose(0)) == {3, 4}
    assert books.choose(MINUTE) == []
    assert (books.silent_min(3, MINUTE), books.silent_min(5, MINUTE)) == (1, 0)
    assert set(books.choose(2 * MINUTE)) == {3, 4}


def test_who_was_not_heard_for_an_hour_is_left_alone() -> None:
    books = Airtime(Thresholds(limited_us=1))
    books.hear(3, 0)
    books.hear(3, 1)
    books.hear(4, HOUR + 1)
    books.spend(datagram(10), HOUR + 1)
    assert books.choose(HOUR + 1) == [4]


@pytest.mark.parametrize("limits", [(0, 1, 90_000), (2, 1, 90_000), (1, 2, 2), (1, 2, LONGEST_US)])
def test_thresholds_that_do_not_rise_are_refused(limits: tuple[Us, Us, Us]) -> None:
    first, second, last = limits
    with pytest.raises(ValueError, match="wanted them to rise"):
        Thresholds(limited_us=first, critical_us=second, suspended_us=last)
