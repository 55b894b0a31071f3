"""A virtual radio says what it is when it is asked politely; what is no radio says nothing."""

import fcntl
import os
from pathlib import Path

from harness.lanes.greeting import ask_radio
from tests.interop.programs import Radio


def test_radio_says_its_version(tmp_path: Path) -> None:
    with Radio(tmp_path, "--ezsp", "13", listen="pty:./stick") as radio:
        said = ask_radio(radio.port(), 20.0)
        again = ask_radio(radio.port(), 20.0)
    assert said.startswith("EZSP 13, firmware ")
    assert again == said


def test_what_is_no_radio_says_nothing() -> None:
    ours, theirs = os.openpty()
    try:
        assert ask_radio(os.ttyname(theirs), 1.0) == ""
    finally:
        os.close(ours)
        os.close(theirs)


def test_what_another_program_has_locked_is_said_to_be_in_use() -> None:
    """A driver tells a locked port from a forbidden one, and so do we."""
    ours, theirs = os.openpty()
    try:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        place = os.ttyname(theirs)
        assert ask_radio(place, 5.0) == "cannot be opened: in use by another program"
    finally:
        os.close(ours)
        os.close(theirs)
