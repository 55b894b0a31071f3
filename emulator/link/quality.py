"""Say how good a hop or a link is, and draw what becomes of what goes over it."""

from collections.abc import Sequence
from dataclasses import dataclass

from emulator.link.medium import Tap
from emulator.units import MILLISECOND, Rng, Us

#: Chances are counted in parts of this.
MILLION = 1_000_000
#: How much later than it should something comes that others overtake [ASSUMED].
LATE_US: Us = 50 * MILLISECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Say how good a way is, each direction.

    Args:
        latency_us: How long anything is on its way, beside its own length.
        octets_per_s: How much a link carries; a hop of ZigBee has no rate of its own here.
        lost: Of a million things, how many never arrive.
        twice: Of a million, how many arrive twice.
        late: Of a million, how many come so late that others overtake them.

    Raises:
        ValueError: A value is out of its range.
    """

    latency_us: Us = 10 * MILLISECOND
    octets_per_s: int = 10_000
    lost: int = 0
    twice: int = 0
    late: int = 0

    def __post_init__(self) -> None:
        for name in ("lost", "twice", "late"):
            if not 0 <= getattr(self, name) <= MILLION:
                raise ValueError(f"{name}: found {getattr(self, name)}, wanted 0..{MILLION}")
        if self.latency_us < 0 or self.octets_per_s < 1:
            found = f"{self.latency_us} us, {self.octets_per_s} octets/s"
            raise ValueError(f"found {found}, wanted 0 us and 1 octet/s or more")

    @property
    def flawed(self) -> bool:
        """Tell whether anything is left to chance."""
        return bool(self.lost or self.twice or self.late)


class Flaws:
    """Let chance have its way with what goes over one way.

    Attributes:
        quality: How good it is.
        up: Whether it carries anything.
        clear: Whether all that goes over it arrives, once and in time.
    """

    def __init__(self, quality: Quality, rng: Rng, tap: Tap) -> None:
        self._rng, self._tap = rng, tap
        self.change(quality, up=True)

    def change(self, quality: Quality, *, up: bool) -> None:
        """Change how good the way is from now on."""
        self.quality, self.up = quality, up
        self.clear = up and not quality.flawed

    def arrivals(self, now: Us, sender: str, at: Us) -> Sequence[Us]:
        """Draw when something arrives that should at ``at``: not at all, once or twice."""
        quality = self.quality
        if not self.up:
            self._tap(now, sender, "lost", "the way is down")
            return ()
        if self._strikes(quality.lost):
            self._tap(now, sender, "lost", "on the way")
            return ()
        if self._strikes(quality.late):
            self._tap(now, sender, "late", "on the way")
            at += LATE_US
        if self._strikes(quality.twice):
            self._tap(now, sender, "twice", "on the way")
            return (at, at + quality.latency_us)
        return (at,)

    def _strikes(self, chance: int) -> bool:
        return bool(chance) and self._rng.randrange(0, MILLION) < chance
