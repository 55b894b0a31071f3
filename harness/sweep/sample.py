"""Judge a few points of every life of one bridge: each phase in each way, in a second or so."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from emulator.profiles.model import Profile
from emulator.units import Octets
from harness.sweep import points
from harness.sweep.engine import Ending, Sweeper, Verdict
from harness.sweep.lives import LIVES, hastened, possible
from harness.sweep.points import Point
from harness.sweep.promises import PROMISES, Broken
from harness.sweep.recording import Place

#: The phases that every bridge shows in its lives, whatever its scheme.
PHASES = frozenset(phase for life in LIVES.values() for phase in life.phases)
#: The kinds of cut that are drawn.
KINDS = frozenset(points.KINDS)

#: Draws the points, the same ones for every seed of a bridge.
_DRAW = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """Be the verdicts on the points that were drawn."""

    verdicts: tuple[Verdict, ...]

    @property
    def broken(self) -> tuple[str, ...]:
        """Return a line for each point at which a promise is broken."""
        return tuple(
            f"{one.point}, phase {one.point.phase or 'all'}: promise {one.ending.promise}"
            f" ({PROMISES[one.ending.promise]}): {one.ending.found}"
            for one in self.verdicts
            if not one.ending.good
        )

    @property
    def phases(self) -> frozenset[str]:
        """Return the phases that a point was drawn from."""
        return frozenset(one.point.phase for one in self.verdicts)

    @property
    def kinds(self) -> frozenset[str]:
        """Return the kinds of cut that were drawn."""
        return frozenset(one.point.kind for one in self.verdicts)


def sample(profile: Profile, size: Octets, *, seed: int = 0, defect: str | None = None) -> Sample:
    """Draw a point of each phase and kind, and of each life, and judge it to the end.

    Args:
        profile: Which bridge.
        size: Octets of each offered image.
        seed: Seeds the bridge's streams of chance.
        defect: Planted in the bridge.

    Raises:
        LifeError: The size cannot be.
        EmptyPhaseError: A phase of a life has no operation, though the bridge has no defect.
    """
    hasty = hastened(profile)
    drawn, verdicts = _Draw(), list[Verdict]()
    for life in LIVES.values():
        if possible(life, hasty):
            one = Sweeper(hasty, life, size, seed=seed, defect=defect, merge=False)
            try:
                drawn.add(one, one.places)
            except Broken as broken:
                verdicts.append(Verdict(Point(life.name), Ending(broken.promise, broken.found)))
    verdicts += [sweeper.judge(place) for sweeper, place in drawn.points()]
    return Sample(tuple(verdicts))


class _Draw:
    """Draw from places that come life by life."""

    def __init__(self) -> None:
        self._rng = random.Random(_DRAW)
        self._alike: dict[tuple[str, str], list[tuple[Sweeper, Place]]] = {}
        self._lives: list[tuple[Sweeper, Place]] = []

    def add(self, sweeper: Sweeper, places: Sequence[Place]) -> None:
        """Take the places of a life: one of each phase and kind, and one more."""
        mine: dict[tuple[str, str], list[Place]] = {}
        for place in places:
            mine.setdefault((place.phase, place.cut.kind), []).append(place)
        for key, them in mine.items():
            self._alike.setdefault(key, []).append((sweeper, self._rng.choice(them)))
        self._lives.append((sweeper, self._rng.choice(places)))

    def points(self) -> Iterator[tuple[Sweeper, Place]]:
        """Yield one point of each phase and kind, from any life, then one of each life."""
        for key in sorted(self._alike):
            yield self._rng.choice(self._alike[key])
        yield from self._lives
