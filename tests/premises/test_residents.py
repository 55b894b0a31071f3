"""The display and the gas meter: what they ask, what they miss, how long they are dark."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.actions import Joined, Left, Poll, Send
from emulator.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Us
from emulator.wire import metering, ota, tunnelling, zcl
from emulator.wire.aps import ApsOptions, Datagram
from harness.firmware import FIRST_VERSION
from harness.premises.hub import PremisesHub
from harness.premises.residents import Display, Firmware, GasMeter, Habits
from tests.premises.carrier import DISPLAY_HABITS, LATENCY_US, METER_HABITS, Carrier, Loses

EUI64, ADDRESS = 0x00124B00_0000D15B, 0x2B01
TRIP_US = 2 * LATENCY_US


def home(
    device: Display | GasMeter, *, loses: Loses = lambda datagram, now: False, copies: int = 1
) -> Carrier:
    hub = PremisesHub()
    hub.register(EUI64, ADDRESS, period_us=device.habits.period_us)
    hub.power_on(0)
    device.power_on(0)
    sleepy = device.habits.sleepy
    return Carrier(hub=hub, device=device, loses=loses, sleepy=sleepy, copies=copies)


def display(habits: Habits = DISPLAY_HABITS, **more: object) -> Display:
    return Display(EUI64, ADDRESS, habits, **more)  # type: ignore[arg-type]


def meter(habits: Habits = METER_HABITS, **more: object) -> GasMeter:
    return GasMeter(EUI64, ADDRESS, habits, **more)  # type: ignore[arg-type]


def dark_between(start: Us, end: Us) -> Loses:
    return lambda datagram, now: start <= now < end


def answer_to(device: Display | GasMeter, actions: object, *, address: int = 0) -> Datagram:
    """Return what an honest hub answers to the one thing that a device sends."""
    hub = PremisesHub()
    hub.register(device.eui64, ADDRESS, period_us=device.habits.period_us)
    (send,) = actions  # type: ignore[misc]
    (reply,) = hub.receive(send.datagram, 0)
    assert isinstance(reply, Send)
    return replace(reply.datagram, source=address)


# The display.


def test_a_display_that_is_always_answered_is_never_dark() -> None:
    carrier = home(display())
    carrier.run(HOUR - 1)

    account = carrier.device.account
    assert (account.cycles, account.missed, account.dark_us(HOUR)) == (360, 0, 0)
    assert len(carrier.sent) == 720


def test_what_it_is_told_rises_with_time() -> None:
    carrier = home(display())
    carrier.run(HOUR - 1)

    told = [one.payload[-6:] for _, one in carrier.sent if one.destination == ADDRESS]
    assert [int.from_bytes(each, "little") for each in told] == [*range(360)]


@pytest.mark.parametrize("periods", [1, 2, 7])
def test_an_outage_of_n_periods_is_dark_from_the_answer_before_to_the_answer_behind(
    periods: int,
) -> None:
    period = DISPLAY_HABITS.period_us
    start = 3 * period - SECOND  # between two periods
    carrier = home(display(), loses=dark_between(start, start + periods * period))
    carrier.run(20 * period - 1)

    account = carrier.device.account
    assert account.spans == [(2 * period + TRIP_US, (3 + periods) * period + TRIP_US)]
    assert (account.missed, account.missed_in_a_row) == (periods, periods)
    assert account.longest_dark_us(carrier.now) == (periods + 1) * period


def test_a_period_whose_second_try_is_answered_is_not_dark() -> None:
    lost = iter([True])
    carrier = home(display(), loses=lambda datagram, now: next(lost, False))
    carrier.run(DISPLAY_HABITS.period_us - 1)

    tries = [at for at, one in carrier.sent if one.source == ADDRESS]
    assert tries == [0, DISPLAY_HABITS.timeout_us]
    assert (carrier.device.account.missed, carrier.device.account.cycles) == (0, 1)


def test_it_asks_as_often_as_its_habits_say_and_then_gives_the_period_up() -> None:
    habits = Habits(period_us=60, tries=4, timeout_us=10)
    carrier = home(display(habits), loses=lambda datagram, now: True)
    carrier.run(99)

    assert [at for at, _ in carrier.sent] == [0, 10, 20, 30, 60, 70, 80, 90]
    assert carrier.device.account.missed == 1  # the second one still waits for its last answer
    assert carrier.device.account.dark_us(99) == 99


def test_tries_that_fill_a_period_are_given_up_at_its_end() -> None:
    habits = Habits(period_us=60, tries=3, timeout_us=20)
    carrier = home(display(habits), loses=lambda datagram, now: True)
    carrier.run(179)

    assert [at for at, _ in carrier.sent] == [0, 20, 40, 60, 80, 100, 120, 140, 160]
    assert (carrier.device.account.missed, carrier.device.account.cycles) == (2, 2)


def test_a_late_answer_ends_the_dark_but_not_the_miss() -> None:
    made = display()
    made.power_on(0)
    answer = answer_to(made, made.wake(0))
    for at in (2 * SECOND, 4 * SECOND, 6 * SECOND):
        made.wake(at)
    assert made.account.missed == 1

    made.receive(answer, 7 * SECOND)
    made.receive(answer, 8 * SECOND)

    assert (made.account.spans, made.account.cycles) == ([(0, 7 * SECOND)], 1)


def test_only_the_hubs_own_answer_to_this_question_counts() -> None:
    made = display()
    made.power_on(0)
    answer = answer_to(made, made.wake(0))
    octets = answer.payload
    for wrong in (
        replace(answer, source=ADDRESS + 1),
        replace(answer, cluster=ota.CLUSTER),
        replace(answer, payload=octets[:1] + b"\x55" + octets[2:]),
        replace(answer, payload=octets[:5] + b"\x86"),
        replace(answer, payload=octets + b"\x00"),
        replace(answer, payload=b""),
    ):
        made.receive(wrong, 5)
        assert made.account.cycles == 0

    made.receive(answer, 6)
    assert made.account.cycles == 1


def test_each_copy_of_an_answer_counts_once() -> None:
    carrier = home(display(), copies=3)
    carrier.run(10 * DISPLAY_HABITS.period_us - 1)

    assert (carrier.device.account.cycles, carrier.device.account.missed) == (10, 0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_phase_comes_from_the_seed(seed: int) -> None:
    phases = [(display(rng=Random(one)), meter(rng=Random(one))) for one in (seed, seed, seed + 10)]

    shown, metered = ([one[kind].phase_us for one in phases] for kind in (0, 1))
    assert shown[0] == shown[1] != shown[2]
    assert metered[0] == metered[1] != metered[2]
    assert all(0 <= one < DISPLAY_HABITS.period_us for one in shown)
    assert all(0 <= one < METER_HABITS.period_us for one in metered)
    phases[0][1].power_on(5)
    assert phases[0][1].deadline == 5 + metered[0]


@settings(max_examples=60)
@given(
    start=st.integers(0, 5 * MINUTE),
    length=st.integers(0, 10 * MINUTE),
    tries=st.integers(1, 4),
    phase=st.integers(0, 2**32),
)
def test_dark_time_follows_the_outage(start: Us, length: Us, tries: int, phase: int) -> None:
    habits = Habits(period_us=10 * SECOND, tries=tries, timeout_us=2 * SECOND)
    made = Display(EUI64, ADDRESS, habits, Random(phase))
    carrier = home(made, loses=dark_between(start, start + length))
    carrier.run(20 * MINUTE)

    period = habits.period_us
    spread = (tries - 1) * habits.timeout_us + TRIP_US  # an answer on the last try is no miss
    dark = made.account.dark_us(carrier.now)
    assert length - period - spread <= dark <= length + 2 * period + spread
    assert made.account.longest_dark_us(carrier.now) == dark  # one outage is one span
    assert bool(dark) == bool(made.account.missed)


def test_without_supply_it_asks_nothing_and_misses_nothing() -> None:
    carrier = home(display())
    carrier.run(MINUTE + SECOND)
    carrier.device.power_off(carrier.now)
    before = len(carrier.sent)
    carrier.run(HOUR)
    assert (carrier.device.deadline, len(carrier.sent)) == (None, before)

    carrier.device.power_on(carrier.now)
    carrier.run(HOUR + MINUTE - 1)
    assert len(carrier.sent) == before + 12
    assert carrier.device.account.dark_us(carrier.now) == 0


def test_a_display_that_sleeps_polls_while_it_waits_and_only_then() -> None:
    habits = replace(DISPLAY_HABITS, sleepy=True, poll_us=700 * MILLISECOND)
    lost = iter([True])
    carrier = home(display(habits), loses=lambda datagram, now: next(lost, False))
    carrier.run(20 * SECOND - 1)

    first = [700, 1400, 2700]  # the first try is lost at 0, the second one is sent at 2 s
    assert carrier.polls == [at * MILLISECOND for at in (*first, 10_700)]
    assert (carrier.device.account.cycles, carrier.device.account.missed) == (2, 0)


def test_a_display_that_was_off_in_the_middle_of_a_try_asks_at_once() -> None:
    made = display()
    made.power_on(0)
    assert len(made.wake(0)) == 1
    made.power_off(SECOND)
    made.power_on(SECOND + 1)
    (said,) = made.wake(SECOND + 1)

    assert isinstance(said, Send)
    assert made.account.cycles == 0


# What both do.


@pytest.mark.parametrize("make", [display, meter])
def test_the_dark_ends_where_the_devices_own_supply_does(make: type) -> None:
    device = make()
    carrier = home(device, loses=lambda datagram, now: True)
    carrier.run(HOUR)
    assert device.account.dark_us(HOUR) == HOUR
    device.power_off(HOUR)

    assert device.account.spans == [(0, HOUR)]
    assert device.account.dark_us(2 * HOUR) == HOUR


@pytest.mark.parametrize("make", [display, meter])
def test_frame_counters_rise_over_power_cycles_under_the_key_in_use(make: type) -> None:
    device = make(key_id=3)
    carrier = home(device)
    carrier.run(2 * HOUR)
    device.power_off(carrier.now)
    device.power_on(carrier.now)
    carrier.run(4 * HOUR)
    device.event(Joined(address=ADDRESS, key_id=4), carrier.now)
    carrier.run(6 * HOUR)

    own = [(at, one) for at, one in carrier.sent if one.source == ADDRESS]
    counters = [one.frame_counter for _, one in own]
    assert counters == sorted(set(counters))
    assert len(counters) >= 12
    assert {one.key_id for at, one in own if at <= 4 * HOUR} == {3}
    assert {one.key_id for at, one in own if at > 4 * HOUR} == {4}
    assert {one.options for _, one in own} == {int(ApsOptions.ACKNOWLEDGE | ApsOptions.ENCRYPT)}


@pytest.mark.parametrize("make", [display, meter])
def test_a_device_that_left_is_silent_and_misses_its_cycles(make: type) -> None:
    device = make()
    carrier = home(device)
    device.event(Left(), 0)
    carrier.run(2 * HOUR - 1)
    missed = device.account.missed
    assert missed == 2 * HOUR // device.habits.period_us
    assert carrier.sent == []

    device.event(Joined(address=ADDRESS), carrier.now)
    carrier.run(4 * HOUR - 1)
    assert (device.account.missed, device.account.cycles) == (missed, 2 * missed)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tries": 0}, "tries: found 0, wanted at least 1"),
        ({"period_us": 0}, "period_us: found 0"),
        ({"poll_us": 0}, "poll_us: found 0"),
        ({"timeout_us": 4 * SECOND}, "timeout_us: found 3 tries of 4000000 us"),
    ],
)
def test_habits_that_cannot_be_are_refused(changed: dict[str, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(DISPLAY_HABITS, **changed)


# The gas meter.


def test_a_meter_wakes_every_half_hour_and_collects_its_answer_soon() -> None:
    carrier = home(meter())
    carrier.run(DAY - 1)

    account = carrier.device.account
    assert (account.cycles, account.missed, account.missed_in_a_row) == (48, 0, 0)
    assert carrier.polls == [n * 30 * MINUTE + 250 * MILLISECOND for n in range(48)]
    assert len(carrier.sent) == 96
    reports = [one for _, one in carrier.sent if one.source == ADDRESS]
    assert reports[-1].payload[-6:] == (47).to_bytes(6, "little")


def test_a_meter_on_mains_does_not_poll() -> None:
    carrier = home(meter(replace(METER_HABITS, sleepy=False)))
    carrier.run(DAY - 1)

    assert (carrier.device.account.cycles, carrier.device.account.missed) == (48, 0)
    assert (carrier.polls, len(carrier.sent)) == ([], 96)


@pytest.mark.parametrize(("cycles", "row"), [(1, 1), (2, 2), (5, 5)])
def test_missed_cycles_are_counted(cycles: int, row: int) -> None:
    start = 3 * HOUR - MINUTE
    carrier = home(meter(), loses=dark_between(start, start + cycles * 30 * MINUTE))
    carrier.run(12 * HOUR)

    account = carrier.device.account
    assert (account.missed, account.missed_in_a_row, account.cycles) == (cycles, row, 25 - 1)
    assert account.longest_dark_us(carrier.now) == (cycles + 1) * 30 * MINUTE


def test_a_short_outage_within_a_wake_costs_no_cycle() -> None:
    carrier = home(meter(), loses=dark_between(HOUR, HOUR + 15 * SECOND))
    carrier.run(2 * HOUR - 1)

    account = carrier.device.account
    assert (account.missed, account.cycles, account.spans) == (0, 4, [])
    tries = [at for at, one in carrier.sent if one.source == ADDRESS and HOUR <= at < 2 * HOUR]
    assert tries[:3] == [HOUR, HOUR + 10 * SECOND, HOUR + 20 * SECOND]


def test_an_answer_of_the_cycle_before_is_none_of_this_one() -> None:
    made = meter()
    made.power_on(0)
    stale = answer_to(made, made.wake(0))
    for number in range(1, 4):
        made.wake(number * METER_HABITS.timeout_us)
    assert made.account.missed == 1

    at = METER_HABITS.period_us
    fresh = answer_to(made, made.wake(at))
    made.receive(stale, at + 1)
    assert (made.account.cycles, made.deadline) == (1, at + METER_HABITS.poll_us)
    made.receive(fresh, at + 2)
    assert (made.account.cycles, made.account.missed) == (2, 1)


def test_only_the_hub_answers_a_meter() -> None:
    made = meter()
    made.power_on(0)
    answer = answer_to(made, made.wake(0))
    assert made.receive(replace(answer, source=ADDRESS + 1), 1) == ()
    assert made.account.cycles == 0
    made.receive(answer, 2)
    assert made.account.cycles == 1


def test_what_an_earlier_wake_was_told_is_forgotten() -> None:
    made = meter()
    made.power_on(0)
    answer = answer_to(made, made.wake(0))
    flagged = metering.FunctionalFlags.TUNNEL_MESSAGE.to_bytes(4, "little")
    made.receive(replace(answer, payload=answer.payload[:4] + flagged), 1)
    while made.deadline != METER_HABITS.period_us:
        made.wake(made.deadline or 0)  # the tunnel stays mute

    answer = answer_to(made, made.wake(METER_HABITS.period_us))
    body = zcl.DefaultResponse(command=metering.REPORT_ATTRIBUTES, status=zcl.Status.SUCCESS)
    plain = bytes((0x10, answer.payload[1], 0x0B)) + body.encode()
    assert made.receive(replace(answer, payload=plain), made.deadline or 0) == ()
    assert made.deadline == 2 * METER_HABITS.period_us


def test_an_offer_that_answers_another_question_is_none() -> None:
    made = meter()
    made.power_on(0)
    answer = answer_to(made, made.wake(0))
    flagged = metering.FunctionalFlags.NEW_FIRMWARE.to_bytes(4, "little")
    query = made.receive(replace(answer, payload=answer.payload[:4] + flagged), 1)
    offer = answer_to(made, query)
    octets = offer.payload
    made.receive(replace(offer, payload=octets[:1] + b"\x55" + octets[2:]), 2)
    assert made.offers == []
    made.receive(offer, 3)
    assert made.offers == [(3, None)]


def test_a_refusal_is_no_answer_and_a_default_response_is_one() -> None:
    made = meter()
    made.power_on(0)
    answer = answer_to(made, made.wake(0))
    for status, cycles in ((zcl.Status.FAILURE, 0), (zcl.Status.SUCCESS, 1)):
        body = zcl.DefaultResponse(command=metering.REPORT_ATTRIBUTES, status=status).encode()
        made.receive(replace(answer, payload=bytes((0x10, answer.payload[1], 0x0B)) + body), 9)
        assert made.account.cycles == cycles
    assert made.deadline == METER_HABITS.period_us


def test_asleep_it_hears_nothing_and_polls_nothing() -> None:
    made = meter()
    made.power_on(0)
    answer = answer_to(made, made.wake(0))
    assert made.receive(answer, 1) == ()

    assert made.wake(2) == ()
    assert made.receive(answer, 3) == ()
    assert made.account.cycles == 1
    assert Poll() not in made.wake(made.deadline or 0)


def test_it_queries_for_firmware_that_is_flagged_within_its_cycle() -> None:
    """GB-056: the sleeping meter sees the flag within 30 minutes, and asks."""
    carrier = home(meter(rng=Random(5)))
    carrier.run(HOUR)
    carrier.hub.flag_firmware(EUI64)
    flagged = carrier.now
    carrier.run(5 * HOUR)

    ((at, version),) = carrier.device.offers
    assert version is None  # the hub holds no image for it
    assert flagged < at <= flagged + 30 * MINUTE + SECOND
    (query,) = [one for _, one in carrier.sent if one.payload[2] == 1 and one.cluster == 0x0019]
    frame, _ = ota.QueryNextImageRequest.decode_at(query.payload, 3)
    own = Firmware()
    assert (frame.manufacturer, frame.image_type) == (own.manufacturer, own.image_type)
    assert frame.file_version == own.version == FIRST_VERSION


def test_it_fetches_every_message_in_one_wake_and_in_order() -> None:
    carrier = home(meter())
    carrier.run(MINUTE)
    for text in (b"first", b"second", b"third"):
        carrier.hub.keep_message(EUI64, text, carrier.now)
    carrier.hub.flag_firmware(EUI64)
    carrier.run(30 * MINUTE + 10 * SECOND)

    assert [text for _, text in carrier.device.messages] == [b"first", b"second", b"third"]
    assert len(carrier.device.offers) == 1
    assert carrier.hub.deadline is None  # it keeps nothing any more
    assert carrier.device.deadline == HOUR
    assert carrier.hub.alerts == []


@settings(max_examples=40)
@given(lost=st.lists(st.integers(0, 30), max_size=6), copies=st.integers(1, 3))
def test_messages_come_once_and_in_order_whatever_is_lost(lost: list[int], copies: int) -> None:
    numbers = iter(range(10_000))
    carrier = home(meter(), loses=lambda datagram, now: next(numbers) in lost, copies=copies)
    texts = [bytes((65 + number,)) * 20 for number in range(4)]
    for text in texts:
        carrier.hub.keep_message(EUI64, text, 0)
    carrier.run(6 * HOUR)

    assert [text for _, text in carrier.device.messages] == texts
    assert carrier.hub.deadline is None  # it keeps nothing any more


def test_a_tunnel_that_stays_mute_is_given_up_and_is_no_missed_cycle() -> None:
    carrier = home(meter(), loses=lambda one, now: one.cluster == tunnelling.CLUSTER)
    carrier.hub.keep_message(EUI64, b"text", 0)
    carrier.run(30 * MINUTE - 1)

    assert [one.cluster for _, one in carrier.sent].count(tunnelling.CLUSTER) == METER_HABITS.tries
    assert (carrier.device.account.cycles, carrier.device.account.missed) == (1, 0)
    assert carrier.device.deadline == 30 * MINUTE
