"""Ctrl-C waits until what must be whole is whole, and is not forgotten."""

import signal
from collections.abc import Callable

import pytest

from harness.coordinator.interruption import put_off


def interrupted(then: Callable[[], object]) -> None:
    """Press Ctrl-C in the middle."""
    with put_off():
        signal.raise_signal(signal.SIGINT)
        then()


def test_an_interruption_follows_what_it_must_not_interrupt() -> None:
    before, done = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt):
        interrupted(lambda: done.append(True))
    assert done == [True]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interruption_counts_also_where_something_fails() -> None:
    def fail() -> None:
        raise ValueError("inside")

    with pytest.raises(KeyboardInterrupt) as caught:
        interrupted(fail)
    assert isinstance(caught.value.__context__, ValueError)


def test_without_one_an_error_inside_is_what_is_raised() -> None:
    with pytest.raises(ValueError, match="inside"), put_off():
        raise ValueError("inside")
