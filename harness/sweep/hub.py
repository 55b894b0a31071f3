"""Be a hub that follows a life's script, keeps no ledger, and can be copied at any moment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from emulator.actions import Action
from emulator.units import SECOND, Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame
from emulator.wire.ota import Status
from harness.hub.images import Served
from harness.hub.ledger import Heard
from harness.hub.server import Hub
from harness.hub.settings import Offers
from harness.sweep.lives import Life


class Counter:
    """Count NWK frames; unlike an iterator of the library it can be set."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def __iter__(self) -> "Counter":
        return self

    def __next__(self) -> int:
        self.value += 1
        return self.value


@dataclass(frozen=True, slots=True)
class HubState:
    """Be a copy of a scripted hub: where the script stands, and what an honest hub remembers."""

    turn: int
    ends: int
    blocks: int
    away_until: Us
    peers: tuple[tuple[int, tuple[int, int]], ...]
    members: tuple[tuple[int, int], ...]
    now: Us
    sequence: int
    counter: int

    def likeness(self, now: Us) -> tuple[object, ...]:
        """Return what decides what the hub will do, with times counted from ``now``.

        Its ZCL sequence numbers and frame counters are left out: a bridge echoes the first and
        only ever compares the second with those that came before.
        """
        away_us = max(self.away_until - now, -1)
        return (self.turn, self.ends, self.blocks, away_us, self.peers, self.members)


class ScriptedHub(Hub):
    """Offer what a life offers, and do what its script says to what is heard.

    Attributes:
        listener: Called with each frame that is heard and its time, before it is answered.
    """

    def __init__(self, life: Life, catalogue: Sequence[Sequence[Served]], *, encrypt: bool) -> None:
        self._frames = Counter()
        Hub.__init__(self, counter=self._frames)
        self._life, self._catalogue = life, tuple(catalogue)
        self.settings.encrypt = encrypt
        self.settings.offers = Offers.DOWNGRADES if life.downgrades else Offers.UPGRADES
        self.listener: Callable[[Frame, Us], Any] = lambda frame, now: None
        self._turn = self._ends = self._blocks = 0
        self._blocks_counted = life.blocks_counted
        self._away_until: Us = -1
        self._take_turn(0)

    # The script.

    def _take_turn(self, turn: int) -> None:
        self._turn = turn
        self.serve(*(one for offer in self._catalogue[turn : turn + 1] for one in offer))

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Answer a datagram, unless the hub is gone."""
        return () if now < self._away_until else Hub.receive(self, datagram, now)

    def _hear(self, heard: Heard) -> None:
        self.listener(heard.frame, heard.at)
        match heard.frame:
            case ota.ImageBlockRequest():
                self._on_asked()
            case ota.UpgradeEndRequest(status=status, file_version=version):
                self._on_told(status, version, heard.at)
            case _:
                pass

    def _on_asked(self) -> None:
        life, number = self._life, self._blocks
        if number > self._blocks_counted:
            return
        self._blocks = number + 1
        first, count, seconds = life.waits
        waiting = first <= number < first + count
        self.settings.wait = (0, seconds, None) if waiting else None
        if self._turn < len(life.offers):
            limit = life.offers[self._turn].withdrawn_after
            if limit is not None and number >= limit:
                self._take_turn(self._turn + 1)

    def _on_told(self, status: int, version: int, now: Us) -> None:
        """Note a verdict: what is refused is offered no more, what is taken gets leave in time."""
        life = self._life
        offered = self._turn < len(life.offers) and life.offers[self._turn].version == version
        if status == Status.INVALID_IMAGE and offered:
            self._take_turn(self._turn + 1)
        if status == Status.SUCCESS:
            last = len(life.ends) - 1
            self.settings.end_times_s = life.ends[self._ends]
            if self._ends == last and life.absent_s:
                self._away_until = now + life.absent_s * SECOND
            self._ends = min(self._ends + 1, last)

    # A copy.

    def snapshot(self) -> HubState:
        """Return a copy of what changes in a life."""
        return HubState(
            turn=self._turn,
            ends=self._ends,
            blocks=self._blocks,
            away_until=self._away_until,
            peers=tuple(self.peers.items()),
            members=tuple(self.members.items()),
            now=self._now,
            sequence=self._sequence,
            counter=self._frames.value,
        )

    def restore(self, state: HubState) -> None:
        """Go back to a copy."""
        self._ends, self._blocks, self._away_until = state.ends, state.blocks, state.away_until
        self.peers, self.members = dict(state.peers), dict(state.members)
        self._now, self._sequence, self._frames.value = state.now, state.sequence, state.counter
        if self._turn != state.turn:
            self._take_turn(state.turn)
