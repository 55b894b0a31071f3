"""Wire real bridges into a home by hand: one hub, links between bridges, virtual time."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from heapq import heappop, heappush
from itertools import count

from emulator import Bridge
from emulator.actions import (
    Action,
    Content,
    Happening,
    Join,
    Leave,
    Left,
    Poll,
    Reboot,
    Report,
    Send,
    Tunnel,
    Tunnelled,
)
from emulator.device.parts import SOUND, Parts
from emulator.errors import PowerLost
from emulator.profiles.load import load
from emulator.profiles.model import Profile
from emulator.units import MILLISECOND, SECOND, Us
from emulator.wire import ota
from emulator.wire.aps import COORDINATOR, FIRST_BROADCAST, Datagram
from emulator.wire.manifest import Trait
from harness.firmware import FIRST_VERSION, NEXT_VERSION, built, identity_of
from harness.hub.images import served
from harness.hub.server import Hub

NEAR, FIRST, SECOND_REMOTE = 0x00124B00_00000001, 0x00124B00_00000002, 0x00124B00_00000003
#: An address in the zone of the first remote, and one in that of the second.
DISPLAY, METER = 0x4001, 0x4002
LATENCY_US = 5 * MILLISECOND
#: Link protocols of an image of yesterday, of one that speaks both, of one of tomorrow.
OLD, NEW, NEXT = (1, 1), (1, 2), (2, 2)
NO_TRAITS = Trait(0)
Stir = Callable[[Tunnel, int], Sequence[Us]]


def image(
    profile: Profile, version: int, speaks: tuple[int, int], traits: Trait = NO_TRAITS
) -> bytes:
    """Return an image that speaks these link protocols."""
    return built(profile, bytes(900), version, traits=traits, link_protocol=speaks)


def datagram(source: int, destination: int, number: int = 1) -> Datagram:
    """Return a datagram of the home that is no bridge's business."""
    return Datagram(
        source=source,
        destination=destination,
        source_endpoint=1,
        destination_endpoint=2,
        profile=0x0109,
        cluster=0x0702,
        payload=bytes((0x18, number & 0xFF, 0x0A)),
        options=3,
        aps_counter=number & 0xFF,
        key_id=0,
        frame_counter=1000 + number,
    )


def sent(actions: object) -> list[Datagram]:
    assert isinstance(actions, (list, tuple))
    return [one.datagram for one in actions if isinstance(one, Send)]


def tunnelled(actions: object) -> list[tuple[int, object]]:
    assert isinstance(actions, (list, tuple))
    return [(one.eui64, one.content) for one in actions if isinstance(one, Tunnel)]


class Home:
    """Carry by hand what the bridges of a home and its hub say.

    Attributes:
        stir: When what goes through a link arrives: latencies, none for a loss. By default one.
        on: Those whose supply is on.
        cut: Those whose supply a planned fault has cut, once.
        reports: What bridges said of themselves, and when.
        tunnels: What they put into their links, and when.
        aired: What each sent in its own zone; that of the near one is the hub's.
    """

    def __init__(
        self, *speaks: tuple[int, int], profiles: Sequence[Profile] = (), **given: Parts
    ) -> None:
        """Make a near bridge and its remotes, off.

        Args:
            speaks: Link protocols of each first image, the near one's first.
            profiles: Of each, in the same order.
            given: Parts of single bridges, by ``near``, ``first``, ``second``.
        """
        names = ("near", "first", "second")[: len(speaks)]
        made = profiles or [load("B1"), load("B2"), load("B3")][: len(speaks)]
        self.who = dict(zip((NEAR, FIRST, SECOND_REMOTE), names, strict=False))
        self.hub = Hub(rng=random.Random(1))
        self.hub.settings.silent = False
        self.bridges: dict[int, Bridge] = {}
        for peer, name, profile, range_ in zip(self.who, names, made, speaks, strict=True):
            bridge = Bridge(profile, lambda seed, _: random.Random(seed), given.get(name, SOUND))
            bridge.factory(
                identity_of(profile, peer),
                image(profile, FIRST_VERSION, range_),
                FIRST_VERSION,
                peer & 7,
            )
            self.bridges[peer] = bridge
        remotes = tuple(self.bridges)[1:]
        self.bridges[NEAR].commission(None, remotes)
        for remote in remotes:
            self.bridges[remote].commission(NEAR)
        self.now: Us = 0
        self.on: set[int] = set()
        self.cut: set[int] = set()
        self.stir: Stir = lambda tunnel, sender: (LATENCY_US,)
        self.reports: list[tuple[Us, int, Report]] = []
        self.tunnels: list[tuple[Us, int, Tunnel]] = []
        self.aired: dict[int, list[Datagram]] = {peer: [] for peer in self.bridges}
        self._queue: list[tuple[Us, int, Callable[[], None]]] = []
        self._order = count()
        self._held: dict[int, list[Tunnelled]] = {peer: [] for peer in self.bridges}

    # The supply.

    def start(self) -> "Home":
        """Switch everybody on, the near one last, and let them settle."""
        for peer in reversed(self.bridges):
            self.power(peer)
        self.run(10 * SECOND)
        return self

    def power(self, peer: int, on: bool = True) -> None:
        """Switch one bridge on or off."""
        if on:
            self.on.add(peer)
            self._do(peer, self.bridges[peer].power_on)
        else:
            self.on.discard(peer)
            self.bridges[peer].power_off(self.now)

    def is_near_cut(self) -> bool:
        """Tell whether a planned fault has cut the supply of the near bridge."""
        return NEAR in self.cut

    def restart(self, peer: int) -> None:
        """Cut the supply of a bridge and raise it."""
        self.power(peer, False)
        self.power(peer)

    # Time.

    def run(self, for_us: Us, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass, until something holds."""
        end = self.now + for_us
        while not until():
            at = min([end, *(one[0] for one in self._queue[:1]), *self._deadlines()])
            self.now = max(self.now, at)
            if self._queue and self._queue[0][0] <= self.now:
                heappop(self._queue)[2]()
                continue
            due = [peer for peer in self.on if (self.deadline(peer) or end + 1) <= self.now]
            for peer in sorted(due):
                self._do(peer, self.bridges[peer].wake)
            if not due and self.now >= end:
                return until()
        return True

    def deadline(self, peer: int) -> Us | None:
        """Return when a bridge wants to be woken."""
        return self.bridges[peer].deadline

    def _deadlines(self) -> list[Us]:
        deadlines = [self.deadline(peer) for peer in self.on]
        return [at for at in deadlines if at is not None]

    def later(self, after_us: Us, what: Callable[[], None]) -> None:
        """Do something in a while."""
        heappush(self._queue, (self.now + after_us, next(self._order), what))

    # What is said.

    def links(self, peer: int) -> dict[int, int]:
        """Return what a bridge speaks with each peer."""
        crossing = self.bridges[peer].crossing
        return {} if crossing is None else crossing.links

    def told(self, what: Happening, peer: int | None = None) -> list[Report]:
        """Return the reports of a kind, of one bridge or of all."""
        return [one for _, who, one in self.reports if one.what is what and peer in (None, who)]

    def tell(self, sender: int, peer: int, protocol: int, content: Content) -> Sequence[Action]:
        """Hand a bridge something as if it came through a link; return what it does at once."""
        frame = Tunnelled(eui64=sender, protocol=protocol, content=content)
        return self._do(peer, lambda now: self.bridges[peer].event(frame, now))

    def hear(self, peer: int, datagram: Datagram) -> Sequence[Action]:
        """Let a bridge hear a datagram in its own zone; return what it does at once."""
        return self._do(peer, lambda now: self.bridges[peer].receive(datagram, now))

    def offer(
        self,
        peer: int,
        speaks: tuple[int, int],
        traits: Trait = NO_TRAITS,
        version: int = NEXT_VERSION,
    ) -> None:
        """Serve a new image for a bridge, and tell it."""
        profile = self.bridges[peer].profile
        self.hub.serve(served(image(profile, version, speaks, traits)))
        notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
        self._answer(self.hub.tell(notify, self.hub.members[peer], now=self.now))

    def version(self, peer: int) -> int:
        """Return what a bridge last said that it booted."""
        booted = self.told(Happening.BOOTED, peer)[-1]
        return int(dict(booted.details)["version"])

    def passed(self, sender: int, peer: int) -> list[Datagram]:
        """Return the datagrams that one bridge sent to another, in order."""
        found = [one for _, who, one in self.tunnels if (who, one.eui64) == (sender, peer)]
        return [one.content for one in found if isinstance(one.content, Datagram)]

    def _do(self, peer: int, call: Callable[[Us], Sequence[Action]]) -> Sequence[Action]:
        try:
            actions = call(self.now)
        except PowerLost:
            self.cut.add(peer)
            self.power(peer, False)
            return ()
        for action in actions:
            if not self._perform(peer, action):
                break
        return actions

    def _perform(self, peer: int, action: Action) -> bool:
        match action:
            case Send(datagram=datagram):
                self.aired[peer].append(datagram)
                if peer == NEAR:
                    self.later(LATENCY_US, lambda: self._to_hub(datagram))
            case Join(eui64=eui64, rejoin=rejoin):
                assert peer == NEAR, "a remote joins through its link"
                self._admit(eui64, rejoin)
            case Leave(eui64=eui64):
                assert peer == NEAR
                self.later(LATENCY_US, lambda: self._event(Left(eui64=eui64)))
            case Tunnel():
                self.tunnels.append((self.now, peer, action))
                self._through(peer, action)
            case Report():
                self.reports.append((self.now, peer, action))
            case Reboot():
                self.power(peer, False)
                self.later(2 * SECOND, lambda: self.power(peer))
                return False
            case Poll():
                held, self._held[peer] = self._held[peer], []
                for frame in held:
                    self._deliver(peer, frame)
        return True

    def _through(self, sender: int, tunnel: Tunnel) -> None:
        peer = tunnel.eui64
        frame = Tunnelled(eui64=sender, protocol=tunnel.protocol, content=tunnel.content)
        for after_us in self.stir(tunnel, sender):
            if self.bridges[peer].profile.sleep is None:
                self.later(after_us, lambda: self._deliver(peer, frame))
            else:
                self.later(after_us, lambda: self._held[peer].append(frame))

    def _deliver(self, peer: int, frame: Tunnelled) -> None:
        if peer in self.on:
            self._do(peer, lambda now: self.bridges[peer].event(frame, now))

    # The hub.

    def _admit(self, eui64: int, rejoin: bool) -> None:
        joined = self.hub.admit(eui64, rejoin)
        assert joined is not None
        told = joined if eui64 == NEAR else replace(joined, eui64=eui64)
        self.later(LATENCY_US, lambda: self._event(told))

    def _event(self, what: object) -> None:
        if NEAR in self.on:
            self._do(NEAR, lambda now: self.bridges[NEAR].event(what, now))  # type: ignore[arg-type]

    def _to_hub(self, datagram: Datagram) -> None:
        if datagram.destination in (COORDINATOR,) or datagram.destination >= FIRST_BROADCAST:
            self._answer(self.hub.receive(datagram, self.now))

    def _answer(self, actions: Sequence[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self.later(LATENCY_US, partial(self._from_hub, action.datagram))

    def _from_hub(self, datagram: Datagram) -> None:
        if NEAR in self.on:
            self._do(NEAR, lambda now: self.bridges[NEAR].receive(datagram, now))
