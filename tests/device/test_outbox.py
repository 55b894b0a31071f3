"""The one link radio of a bridge: at once while it is free, bounded and fair while it is not."""

from itertools import groupby

import pytest

from emulator.actions import Action, Renew, Tunnel
from emulator.device.outbox import FRAME_OCTETS, Outbox
from emulator.units import SECOND, Us
from emulator.wire.aps import Datagram

ONE, OTHER = 1, 2
#: One octet lasts a millisecond.
RATE = 1000


def datagram(number: int, octets: int = 68) -> Datagram:
    """Return a datagram that is on the link for a tenth of a second, by default."""
    return Datagram(
        source=number,
        destination=0,
        source_endpoint=1,
        destination_endpoint=1,
        profile=0x0109,
        cluster=0x0019,
        payload=bytes(octets),
    )


def outbox(most: int = 8) -> Outbox:
    return Outbox((ONE, OTHER), RATE, most)


def sources(actions: list[Action]) -> list[tuple[int, int]]:
    """Return peer and source of what was sent."""
    sent = [one for one in actions if isinstance(one, Tunnel)]
    return [(one.eui64, one.content.source) for one in sent if isinstance(one.content, Datagram)]


def drain(made: Outbox) -> list[tuple[Us, Action]]:
    sent = []
    while made.deadline is not None:
        now = made.deadline
        assert made.wake(now - 1) == ()
        sent += [(now, one) for one in made.wake(now)]
    return sent


def test_an_idle_link_takes_a_frame_at_once_and_wants_no_waking() -> None:
    made = outbox()
    for number in range(100):
        now = number * SECOND // 10
        sent = made.put(ONE, 1, datagram(number), now)
        assert sources([*sent]) == [(ONE, number)]
        assert made.deadline is None


def test_a_busy_link_sends_what_waits_when_it_is_free_in_order() -> None:
    made = outbox()
    assert made.put(ONE, 3, datagram(0), 0)
    for number in (1, 2, 3):
        assert made.put(ONE, 3, datagram(number), 1) == ()
    sent = drain(made)
    assert [at for at, _ in sent] == [SECOND // 10, 2 * SECOND // 10, 3 * SECOND // 10]
    assert sources([one for _, one in sent]) == [(ONE, 1), (ONE, 2), (ONE, 3)]
    assert {one.protocol for _, one in sent if isinstance(one, Tunnel)} == {3}


def test_a_frame_lasts_by_its_octets_and_those_around_it() -> None:
    made = outbox()
    made.put(ONE, 1, datagram(0, octets=0), 0)
    made.put(ONE, 1, Renew(), 0)
    assert made.deadline == FRAME_OCTETS * SECOND // RATE
    made.wake(made.deadline)
    made.put(ONE, 1, datagram(1, octets=200), made.deadline or 0)
    assert made.deadline == 2 * FRAME_OCTETS * SECOND // RATE


@pytest.mark.parametrize("most", [1, 8])
def test_a_queue_is_bounded_and_the_newest_are_dropped(most: int) -> None:
    made = outbox(most)
    for number in range(100):
        made.put(ONE, 1, datagram(number), 0)
    assert sources([one for _, one in drain(made)]) == [(ONE, at) for at in range(1, most + 1)]


def test_a_peer_that_floods_does_not_starve_the_other() -> None:
    made = outbox()
    made.put(ONE, 1, datagram(0), 0)
    for number in range(1, 9):
        made.put(ONE, 1, datagram(number), 1)
    for number in range(11, 15):
        made.put(OTHER, 1, datagram(number), 2)
    sent = sources([one for _, one in drain(made)])
    turns = [len(list(group)) for _, group in groupby(peer for peer, _ in sent[:8])]
    assert turns == [1] * 8
    assert [number for peer, number in sent if peer == OTHER] == [11, 12, 13, 14]
    assert [number for peer, number in sent if peer == ONE] == list(range(1, 9))


def test_what_comes_as_the_radio_gets_free_waits_behind_what_waited() -> None:
    made = outbox()
    made.put(ONE, 1, datagram(0), 0)
    made.put(ONE, 1, datagram(1), 1)
    free = made.deadline
    assert free is not None
    assert made.put(ONE, 1, datagram(2), free) == ()
    assert sources([one for _, one in drain(made)]) == [(ONE, 1), (ONE, 2)]


def test_what_is_forgotten_is_never_sent() -> None:
    made = outbox()
    for peer in (ONE, ONE, OTHER):
        made.put(peer, 1, datagram(peer), 0)
    made.forget(ONE)
    assert sources([one for _, one in drain(made)]) == [(OTHER, OTHER)]
    made.put(ONE, 1, datagram(5), SECOND)
    made.put(ONE, 1, datagram(6), SECOND)
    made.forget(ONE)
    assert made.deadline is None
