"""Log what hosts do wrong, but no more than a person can read: a babbling host fills no disk."""

from collections.abc import Callable

from emulator.units import SECOND, Us

#: Lines within one window, at most.
MOST = 20
WINDOW_US: Us = 10 * SECOND


class Complaints:
    """Pass lines on; beyond so many in a window, only say how many were left out.

    Args:
        log: Takes the lines.
        clock: Tells the time, in microseconds.
    """

    def __init__(self, log: Callable[[str], None], clock: Callable[[], Us]) -> None:
        self._log, self._clock = log, clock
        self._since: Us = 0
        self._passed = self._left_out = 0

    def __call__(self, line: str) -> None:
        """Log one line, if it is not one too many."""
        now = self._clock()
        if now >= self._since + WINDOW_US:
            if self._left_out:
                self._log(f"{self._left_out} more lines were left out")
            self._since, self._passed, self._left_out = now, 0, 0
        if self._passed < MOST:
            self._passed += 1
            self._log(line)
        else:
            self._left_out += 1
