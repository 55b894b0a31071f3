"""Keep the powered time that the boot record counts: of a trial, and until a failed image's next.

Both are saved now and then: a power cut forgets what was not saved yet.
"""

from emulator.boot.loader import Loader
from emulator.errors import WornError
from emulator.profiles.model import BootProfile
from emulator.units import HOUR, SECOND, Us
from emulator.wire.aps import Datagram

#: How often the time until another attempt is saved: it is counted in days.
_COARSE_US: Us = HOUR


class Trial:
    """Count the powered time of a trial, without what a working radio takes out of it.

    While another member of the network than the hub is heard, the bridge's own radio works, and it
    is the hub that is away: that time does not count, as far as the boot record allows it (GB-067).

    Attributes:
        deadline: When ``save`` is wanted.
        proof_from: When the image has run long enough for an answer of the hub to confirm it.
    """

    def __init__(self, loader: Loader, profile: BootProfile, now: Us) -> None:
        self._loader, self._step_s = loader, profile.trial_checkpoint_s
        self._hold_us = profile.confirm_pause_hold_s * SECOND
        self.proof_from: Us = now + profile.confirm_after_s * SECOND
        self._saved_at = now
        #: The newest pause, and how long those before it were that are not saved yet.
        self._pause_from, self._pause_until, self._paused_us = now, now, 0
        #: Highest frame counter heard in this run, by the member that sent it.
        self._heard: dict[int, int] = {}
        self.deadline: Us = self._next(now)

    def hear(self, datagram: Datagram, key_id: int, now: Us) -> None:
        """Take a frame of another member than the hub for what it proves, if it is authentic.

        It must be secured with the current network key, its counter must be above the last one of
        that member. The first broadcast of a member could be a replay from before: it proves
        nothing, and only tells its counter.

        Args:
            datagram: The frame; one without key and counter, which a radio kept, proves nothing.
            key_id: Sequence number of the current network key.
            now: Virtual time in microseconds.
        """
        counter, last = datagram.frame_counter, self._heard.get(datagram.source)
        if counter is None or datagram.key_id != key_id or (last is not None and counter <= last):
            return
        self._heard[datagram.source] = counter
        if last is None and datagram.broadcast:
            return
        self.pause(now)

    def pause(self, now: Us) -> None:
        """Count no time for a while: it is proven that the bridge's own radio works."""
        if now > self._pause_until:
            self._paused_us += self._pause_until - self._pause_from
            self._pause_from = now
        self._pause_until = now + self._hold_us

    def save(self, now: Us) -> bool:
        """Save the time since the last call.

        Returns:
            Whether the trial's time is used up.

        Raises:
            PowerLost: The supply was cut in writing the record.
        """
        paused_us = self._paused_us + min(self._pause_until, now) - self._pause_from
        paused_s, powered_s = paused_us // SECOND, (now - self._saved_at) // SECOND
        self._loader.spend(powered_s - paused_s, paused_s)
        self._saved_at, self._pause_from, self._paused_us = now, now, 0
        self._pause_until = max(now, self._pause_until)
        self.deadline = self._next(now)
        return self._loader.trial_time_left_s == 0

    def _next(self, now: Us) -> Us:
        """Return when to save: in a while, and not after the trial's time can be used up."""
        hold_s = (self._pause_until - now) // SECOND
        left_s = self._loader.trial_time_left_s + min(hold_s, self._loader.pause_left_s)
        return now + min(self._step_s, left_s) * SECOND


class Patience:
    """Count the powered time until an image that failed its trial may be fetched again.

    Attributes:
        deadline: When ``save`` is wanted, None when there is nothing to wait for.
    """

    def __init__(self, loader: Loader, now: Us) -> None:
        self._loader = loader
        self._saved_at = now
        self.deadline: Us | None = self._next(now)

    def save(self, now: Us) -> None:
        """Save the time since the last call.

        Raises:
            PowerLost: The supply was cut in writing the record.
        """
        try:
            self._loader.wait((now - self._saved_at) // SECOND)
        except WornError:  # then it waits for somebody to ask
            self.deadline = None
            return
        self._saved_at = now
        self.deadline = self._next(now)

    def _next(self, now: Us) -> Us | None:
        left_s = self._loader.retry_in_s
        return now + min(_COARSE_US, left_s * SECOND) if left_s else None
