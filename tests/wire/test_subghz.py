"""The Sub-GHz cluster: two commands, by the octets of Smart Energy 1.4, 14.2.3."""

import pytest

from emulator.errors import TruncatedError
from emulator.wire import subghz
from emulator.wire.codec import COMMANDS, CommandKey


def test_suspension_is_one_octet_of_minutes() -> None:
    for minutes in (0, 5, 255):
        frame = subghz.SuspendZclMessages(period_min=minutes)
        assert frame.encode() == bytes([minutes])
        assert subghz.SuspendZclMessages.decode_at(bytes([minutes]), 0) == (frame, 1)


def test_suspension_without_its_minutes_is_refused() -> None:
    with pytest.raises(TruncatedError):
        subghz.SuspendZclMessages.decode_at(b"", 0)


def test_a_question_has_no_payload() -> None:
    assert subghz.GetSuspendZclMessagesStatus().encode() == b""


@pytest.mark.parametrize(
    ("to_server", "kind"),
    [(False, subghz.SuspendZclMessages), (True, subghz.GetSuspendZclMessagesStatus)],
)
def test_both_are_command_0_of_their_direction(to_server: bool, kind: type) -> None:
    assert COMMANDS[CommandKey(0x070B, to_server, 0x00)] is kind
