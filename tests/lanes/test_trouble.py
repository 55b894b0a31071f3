"""What is said of a stick that does not do as it is told."""

from bellows.ash import NcpFailure
from bellows.types import NcpResetCode

from emulator.errors import LinkError
from harness.coordinator.trouble import cause, gone

CLOSED = NcpFailure("Transport is closed, cannot send frame")


def test_who_finds_out_first_that_a_stick_is_gone_says_so() -> None:
    assert cause(None, CLOSED) == cause(None, CLOSED, "cannot send: ") == gone(CLOSED)
    assert gone(CLOSED) == "the stick is gone: Transport is closed, cannot send frame"
    assert gone(None) == "the stick is gone: it closed the line"


def test_a_stick_that_resets_itself_is_gone() -> None:
    reset = NcpFailure(code=NcpResetCode.RESET_SOFTWARE)
    said = cause(None, reset, "the stick does not answer: ")
    assert said.startswith("the stick is gone: it has reset itself or failed (")


def test_an_error_that_nothing_explains_says_what_was_done() -> None:
    assert cause(None, TimeoutError(), "cannot send: ") == "cannot send: it does not answer"


def test_what_follows_from_a_trouble_does_not_hide_it() -> None:
    assert cause("it is gone", AttributeError("None"), "cannot send: ") == "it is gone"
    assert cause("it is gone", CLOSED) == "it is gone"
    assert cause("it is gone", LinkError("in use")) == "in use"
