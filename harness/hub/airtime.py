"""Count the airtime of a hub on the sub-GHz band, and say what it may still send.

A duty cycle is the transmitter's own: what the hub sends counts, over any hour that ends now.

Source: gb-alt-han fact sheet 2.6 (duty cycle states, behaviour, GB868 PHY); GB-051 to GB-055.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from emulator.units import HOUR, MILLISECOND, MINUTE, SECOND, Octets, Us
from emulator.wire.aps import ApsOptions, Datagram

#: Time of one octet at 100 kb/s.
_OCTET_US: Us = 80
#: Octets of a GB868 frame around the PSDU: preamble 8, start of frame 2, PHY header 2.
_PHY: Octets = 12
#: Octets around the APS payload: MAC 9 and check 2, NWK 8 and its security 14 and 4, APS 8.
_HEADERS: Octets = 45
#: Octets that APS security adds: 5 in front, 4 behind.
_APS_SECURITY: Octets = 9
#: The longest frame: a PSDU of 127 octets.
_LONGEST_US: Us = (_PHY + 127) * _OCTET_US


class DutyCycle(IntEnum):
    """Say how much of its airtime a hub has used up."""

    NORMAL = 0
    LIMITED = 1  # the most talkative client is suspended; OTA goes on
    CRITICAL = 2  # everybody is; blocks are put off
    SUSPENDED = 3  # the hub itself sends nothing ("Regulated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Say from how much airtime in an hour on a state holds.

    The defaults are a vendor's example: 1.00, 1.80 and 2.50 % of an hour. The true ones are
    configured in each hub.

    Raises:
        ValueError: They do not rise, or there is no room for a frame before the last.
    """

    limited_us: Us = 36_000 * MILLISECOND
    critical_us: Us = 64_800 * MILLISECOND
    suspended_us: Us = 90_000 * MILLISECOND

    def __post_init__(self) -> None:
        limits = (self.limited_us, self.critical_us, self.suspended_us)
        if not 0 < limits[0] < limits[1] <= limits[2] - _LONGEST_US:
            raise ValueError(
                f"thresholds: found {limits} us, wanted them to rise, the last by {_LONGEST_US} us"
            )


def airtime_us(datagram: Datagram) -> Us:
    """Return how long a datagram is on the air, each octet of its one frame counted."""
    secured = _APS_SECURITY if datagram.options & ApsOptions.ENCRYPT else 0
    return (_PHY + _HEADERS + secured + len(datagram.payload)) * _OCTET_US


@dataclass(slots=True)
class Airtime:
    """Hold the books of one hub's airtime.

    Args:
        thresholds: From when on which state holds.
        suspend_min: For how many minutes a client is suspended, 1 to 255.
    """

    thresholds: Thresholds = Thresholds()
    suspend_min: int = 5
    _sent: deque[tuple[Us, Us]] = field(default_factory=deque)  # when, how long
    _used: Us = 0
    _heard: deque[tuple[Us, int]] = field(default_factory=deque)  # when, from which client
    _until: dict[int, Us] = field(default_factory=dict)  # end of each client's silence

    def used_us(self, now: Us) -> Us:
        """Return the airtime in the hour that ends now."""
        while self._sent and self._sent[0][0] <= now - HOUR:
            self._used -= self._sent.popleft()[1]
        return self._used

    def state(self, now: Us) -> DutyCycle:
        """Return how much of the airtime is used up; the last frame that fits is not sent."""
        used, limits = self.used_us(now), self.thresholds
        steps = (limits.limited_us, limits.critical_us, limits.suspended_us - _LONGEST_US)
        return DutyCycle(sum(used >= one for one in steps))

    def spend(self, datagram: Datagram, now: Us) -> bool:
        """Take a datagram into the books; False where the hub may send none."""
        if self.state(now) is DutyCycle.SUSPENDED:
            return False
        cost = airtime_us(datagram)
        self._sent.append((now, cost))
        self._used += cost
        return True

    def pause_s(self, now: Us) -> int:
        """Return in how many seconds the state is Normal again if nothing else is sent, at least 1.

        So a client that is told to wait finds room for many blocks, and not for one.
        """
        over = self.used_us(now) - self.thresholds.limited_us
        at = now
        for sent, cost in self._sent:
            if over < 0:
                break
            over, at = over - cost, sent + HOUR
        return max(1, -(-(at - now) // SECOND))

    # Who is silenced.

    def hear(self, client: int, now: Us) -> None:
        """Note a message of a client's."""
        self._heard.append((now, client))
        while self._heard[0][0] <= now - HOUR:
            self._heard.popleft()

    def silent_min(self, client: int, now: Us) -> int:
        """Return for how many more minutes a client is to be silent, begun ones counted."""
        return -(-max(0, self._until.get(client, now) - now) // MINUTE)

    def choose(self, now: Us) -> Sequence[int]:
        """Choose and return the clients that are to be silent from now on.

        Limited: the one that was heard most often in this hour, unless one is silent already.
        Critical: everybody who was heard.
        """
        state = self.state(now)
        if state in (DutyCycle.NORMAL, DutyCycle.SUSPENDED):  # the latter could not be told
            return ()
        silent = {one for one in self._until if self.silent_min(one, now)}
        if state is DutyCycle.LIMITED and silent:
            return ()
        talk = Counter(client for _, client in self._heard).most_common()
        loud = [client for client, _ in talk if client not in silent]
        chosen = loud[:1] if state is DutyCycle.LIMITED else loud
        for one in chosen:
            self._until[one] = now + self.suspend_min * MINUTE
        return chosen
