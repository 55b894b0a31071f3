"""What is logged of a host that does nothing right."""

from emulator.ncp.ash_frames import AshFrame, Kind
from emulator.ncp.complaints import MOST, WINDOW_US, Complaints
from emulator.ncp.radio import StickSpec, VirtualRadio
from emulator.units import MILLISECOND, Us


def test_a_few_pass_and_the_rest_is_counted() -> None:
    lines: list[str] = []
    now: Us = 5
    complain = Complaints(lines.append, lambda: now)

    for number in range(MOST + 7):
        complain(str(number))
    assert lines == [str(number) for number in range(MOST)]

    now = WINDOW_US
    complain("later")
    assert lines[MOST:] == ["7 more lines were left out", "later"]


def test_a_host_that_resets_and_errs_for_an_hour_is_two_lines_a_second_at_most() -> None:
    lines: list[str] = []
    radio = VirtualRadio([StickSpec(name="hub")], log=lines.append)
    nonsense = AshFrame(kind=Kind.RST).encode() + b"\x20\x00\x00\x7e"

    for step in range(3600):
        radio.feed("hub", nonsense * 3, step * 100 * MILLISECOND)
        radio.take("hub")
    assert 36 < len(lines) <= 37 * (MOST + 1)
    assert all(line.startswith("hub: ") or "left out" in line for line in lines)
