"""Cut at every place of a life, live on until the bridge rests, and judge what it kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from emulator.errors import PowerLost
from emulator.faults import WornSector
from emulator.profiles.model import Profile
from emulator.units import HOUR, Octets
from harness.sweep.fingerprint import fingerprint, fork_fingerprint
from harness.sweep.lives import Life
from harness.sweep.points import (
    IDLE,
    KINDS,
    WORN,
    Cut,
    Point,
    PointError,
    second_prefixes,
)
from harness.sweep.promises import OWED, PROMISES, Broken
from harness.sweep.recording import (
    FETCHING,
    Call,
    Flashes,
    Place,
    check_phases,
    patience_us,
    places,
    record,
)
from harness.sweep.scene import Flash, Scene, Watcher, is_unsteady

#: How a second cut strikes.
SECOND_KINDS = ("before", "torn", "half-erase")
#: Longest that a bridge takes to ask for a block after a unicast notify.
_NOTIFIED_US = 2 * HOUR
#: Of the moments of a download that could be compared, one in so many is; the units of flash that
#: are used up decide which, so that two recoveries that are alike choose alike.
ONE_IN = 8


@dataclass(frozen=True, slots=True)
class Ending:
    """Say how a recovery ended: the promise that broke and what was found, or the final slots."""

    promise: int = 0
    found: str = ""
    slots: bytes = b""

    @property
    def good(self) -> bool:
        """Tell whether every promise was kept."""
        return self.promise == 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Be the verdict on one point."""

    point: Point
    ending: Ending
    merged: bool = False


class _Merged(Exception):
    """A recovery is at a moment from which another one went on before."""

    def __init__(self, ending: Ending) -> None:
        super().__init__()
        self.ending = ending


class Merger(Watcher):
    """Compare each moment at which flash has changed with those of earlier recoveries."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.known: dict[bytes, Ending] = {}
        self.passed: list[bytes] = []
        self._fresh = False

    def meets(self, print_: bytes) -> Ending | None:
        """Return how it ends from a moment on, if that is known; else remember the moment."""
        ending = self.known.get(print_)
        if ending is None:
            self.passed.append(print_)
        return ending

    def forked(self) -> None:
        """Skip what comes first, the marks of a boot: hardly two recoveries meet there."""
        self._fresh = True

    def acted(self) -> None:
        """Stop here if an earlier recovery stood here."""
        probe = self._scene.probe
        content = probe.flash().content
        skipped = probe.stage in FETCHING and hash(content.masks) % ONE_IN
        if self._fresh or skipped or content.weak:
            self._fresh = False
            return
        ending = self.meets(fingerprint(self._scene))
        if ending is not None:
            raise _Merged(ending)

    def ended(self, ending: Ending) -> None:
        """Write down how every moment that was passed ends."""
        for print_ in self.passed:
            self.known[print_] = ending
        self.passed.clear()


class Tail(Watcher):
    """Keep the stimuli of a recovery that reach flash, for a second cut in each.

    Attributes:
        calls: Those up to the moment at which the bridge rests, or an earlier recovery stood.
        covered: How many second cuts were made from there on in the earlier recovery.
    """

    def __init__(self, scene: Scene, known: dict[bytes, int]) -> None:
        self._scene, self._known = scene, known
        self._moment = scene.start
        self.calls: list[Call] = []
        self.covered = 0
        self._passed: list[tuple[int, bytes]] = []

    def meets(self, print_: bytes) -> bool:
        """Tell whether an earlier recovery stood here; else remember the moment."""
        covered = self._known.get(print_)
        if covered is None:
            self._passed.append((len(self.calls), print_))
            return False
        self.covered = covered
        return True

    def before(self) -> None:
        """Copy the moment."""
        self._moment = self._scene.moment()

    def after(self, operations: int) -> None:
        """Keep the copy if flash changed."""
        if operations and self._scene.step == 0:
            done = tuple(self._scene.probe.operations[-operations:])
            self.calls.append(Call(self._moment, done, ("recovery",) * operations))

    def acted(self) -> None:
        """Stop where an earlier recovery stood."""
        if self._scene.step or self._scene.unsteady:
            return
        if self.meets(fingerprint(self._scene)):
            raise _Merged(Ending())

    def ended(self, cuts: Sequence[int]) -> None:
        """Write down how many second cuts were made behind each moment that was passed.

        Args:
            cuts: For each of ``calls``, how many were made in it.
        """
        for at, print_ in self._passed:
            self._known[print_] = self.covered + sum(cuts[at:])


class Sweeper:
    """Sweep one life of one profile.

    Args:
        profile: Which bridge.
        life: What happens to it.
        size: Octets of each offered image.
        kinds: Which cuts.
        seed: Seeds the bridge's streams of chance, and draws the bits that a cut leaves half done.
        defect: Planted in the bridge.
        merge: Whether a recovery takes the verdict of one that stood where it stands.
    """

    def __init__(
        self,
        profile: Profile,
        life: Life,
        size: Octets,
        *,
        kinds: Sequence[str] = KINDS,
        seed: int = 0,
        defect: str | None = None,
        merge: bool = True,
    ) -> None:
        self.life, self._merge, self._sound = life, merge, defect is None
        self.scene = Scene(profile, life, size, seed=seed, defect=defect)
        self._patience_us = patience_us(self.scene)
        self._flash, self._kinds = self.scene.profile.flash, tuple(kinds)
        self._first, self._second = Merger(self.scene), Merger(self.scene)
        self._tails: dict[bytes, int] = {}
        self.seed = seed
        self._flashes = Flashes(self.scene.probe, seed)

    @cached_property
    def places(self) -> Sequence[Place]:
        """Return every distinct cut of the life, which is lived once for that.

        Raises:
            Broken: The life breaks a promise without any cut.
            EmptyPhaseError: A phase of the life has no operation, though the bridge has no defect.
        """
        calls = record(self.scene)
        if self._sound:
            check_phases(self.life, self.scene.profile, calls)
        return tuple(places(calls, self._flash, self._kinds))

    # Single cuts.

    def judge(self, place: Place) -> Verdict:
        """Cut at one place and judge the recovery; a sector that wears out is lived with."""
        if place.cut.kind == WORN:
            return self.replay(Point(self.life.name, (place.cut,), place.phase))
        flash = self._flashes.of(place)
        ending, merged = self._recover(place, flash, (place.cut,), self._first)
        return Verdict(Point(self.life.name, (place.cut,), place.phase), ending, merged)

    def _recover(
        self, place: Place, flash: Flash, cuts: Sequence[Cut], merger: Merger
    ) -> tuple[Ending, bool]:
        scene, moment, owed = self.scene, place.call.moment, owed_after(cuts)
        if self._merge and not is_unsteady(flash):
            known = merger.meets(fork_fingerprint(scene, moment, flash, owed))
            if known is not None:
                return known, True
        merger.forked()
        scene.watcher = merger if self._merge else Watcher()
        scene.fork(moment, flash, owed)
        ending, merged = self._finish()
        merger.ended(ending)
        return ending, merged

    def _finish(self) -> tuple[Ending, bool]:
        """Live on until all is judged."""
        scene = self.scene
        try:
            return Ending(slots=self._to_the_end()), False
        except _Merged as known:
            return known.ending, True
        except Broken as broken:
            return Ending(broken.promise, broken.found), False
        finally:
            scene.watcher = Watcher()

    def _to_the_end(self) -> bytes:
        """Wait for rest, cycle the power once more, and see whether a notify is obeyed.

        Returns:
            A digest of both slots.
        """
        scene, judge = self.scene, self.scene.judge
        if not scene.run(self._patience_us, "settled"):
            judge.restless("it never comes to rest")
        judge.settled()
        scene.step = 1
        scene.again()
        scene.power_cycle()
        if not scene.run(self._patience_us, "settled"):
            judge.restless("it does not come to rest after one more power cycle")
        judge.settled()
        slots = scene.slots()
        if self.life.asked_again:
            scene.step = 2
            scene.again()
            scene.notify()
            if not scene.run(_NOTIFIED_US, "attempted"):
                judge.forgotten()
        return slots

    # Two cuts.

    def judge_pairs(self, place: Place) -> Iterator[tuple[Verdict, int]]:
        """Cut at one place, then at every operation of the recovery, and judge what follows.

        Yields:
            A verdict, and how many cuts it stands for: a recovery that goes on as an earlier one
            did is not swept again from there. Nothing for a worn sector: there is no recovery.
        """
        if place.cut.kind == WORN:
            return
        flash, first = self._flashes.of(place), place.cut
        tail = self._tail(place, flash)
        made = [0] * len(tail.calls)
        where = {id(call): number for number, call in enumerate(tail.calls)}
        flashes = Flashes(self.scene.probe, self.seed)
        for second in places(tail.calls, self._flash, SECOND_KINDS, second_prefixes):
            made[where[id(second.call)]] += 1
            cuts = (first, second.cut)
            ending, merged = self._recover(second, flashes.of(second), cuts, self._second)
            yield Verdict(Point(self.life.name, cuts, second.phase), ending, merged), 1
        tail.ended(made)
        if tail.covered:
            yield Verdict(Point(self.life.name, (first,), "recovery"), Ending(), True), tail.covered

    def _tail(self, place: Place, flash: Flash) -> Tail:
        """Live through the recovery from a first cut, as far as it is new."""
        scene, moment, owed = self.scene, place.call.moment, owed_after((place.cut,))
        tail = Tail(scene, self._tails if self._merge else {})
        if not is_unsteady(flash) and tail.meets(fork_fingerprint(scene, moment, flash, owed)):
            return tail
        scene.probe.record(True)
        scene.watcher = tail
        scene.fork(moment, flash, owed)
        self._finish()  # judged as a single cut already
        scene.probe.record(False)
        return tail

    # From the start, with real cuts.

    def replay(self, point: Point) -> Verdict:
        """Live the life from its start with these cuts in it, and judge all of it.

        Raises:
            PointError: The life has no such operation.
        """
        scene, cuts = self.scene, point.cuts
        powers = [power for cut in cuts if (power := cut.power(self.seed)) is not None]
        scene.worn = self._worn(point)
        scene.live(powers, owed_after(cuts))
        scene.watcher = Blackout(scene, [cut for cut in cuts if cut.kind == IDLE])
        ending, _ = self._finish()
        missed = scene.cuts < len(cuts) - len(scene.worn)
        missed |= any(wear.since >= scene.probe.count for wear in scene.worn)
        scene.worn = ()
        if ending.good and missed:
            found = f"only {scene.probe.count} operations"
            raise PointError(f"point {point}: found {found}, wanted one to cut at")
        scene.probe.cut()
        return Verdict(point, ending)

    def _worn(self, point: Point) -> tuple[WornSector, ...]:
        """Return the sectors that wear out; ``PointError`` for one that the flash has not."""
        size = self.scene.profile.flash.size_octets
        worn = tuple(wear for cut in point.cuts if (wear := cut.wear) is not None)
        for wear in worn:
            if wear.address >= size:
                wanted = f"one below {size}, the flash's octets"
                raise PointError(f"point {point}: found address {wear.address}, wanted {wanted}")
        return worn


class Blackout(Watcher):
    """Cut the supply between flash operations, counted in stimuli since the last one."""

    def __init__(self, scene: Scene, cuts: Sequence[Cut]) -> None:
        self._scene, self._cuts = scene, list(cuts)
        self._at, self._idle = -1, 0

    def before(self) -> None:
        """Cut if it is time to."""
        count = self._scene.probe.count
        if count != self._at:
            self._at, self._idle = count, 0
        if self._cuts and self._cuts[0] == Cut(count, IDLE, self._idle):
            del self._cuts[0]
            raise PowerLost(f"idle cut before operation {count}")

    def after(self, operations: int) -> None:
        """Count a stimulus that did nothing to flash."""
        self._idle += 1


def owed_after(cuts: Sequence[Cut]) -> frozenset[int]:
    """Return which promises are owed after some cuts: those that each of them leaves."""
    kinds = (OWED[cut.kind.replace("-", " ")] for cut in cuts)
    return frozenset(PROMISES).intersection(*kinds)
