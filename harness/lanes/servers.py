"""Reach a server under test: our own hub in virtual time, or anybody's through a radio stick."""

import asyncio
from collections.abc import Callable, Sequence

from emulator import Bridge
from emulator.actions import Joined
from emulator.contract import Identity
from emulator.errors import LinkError
from emulator.faults import FrameFault
from emulator.link.chance import stream
from emulator.link.ezsp import ALL_CHANNELS, WELL_KNOWN_KEY, Stick, Wish
from emulator.link.realtime import Host
from emulator.profiles.model import Profile
from emulator.units import MINUTE, SECOND, Us
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame
from harness.bench import DUT_EUI64
from harness.firmware import FIRST_VERSION, built, filler
from harness.hub.images import served
from harness.hub.server import Hub
from harness.hub.settings import Settings
from harness.inquiry import put
from harness.lanes.direct import Air, VirtualLane
from harness.lanes.port import LaneOptions, NetworkOptions, Setup
from harness.lanes.seeds import hub_chance
from harness.servers.defects import hub_of
from harness.servers.player import Player
from harness.servers.reach import Place, Reach, Said, ServerOptions
from harness.trace import Trace
from harness.verdict import Unsupported

#: What the client is called in a trace, and a server that is not our hub.
CLIENT, SERVER = "client", "server"
#: Where the client begins to count.
FIRST_SEQUENCE = 0x40
#: Octets of the firmware that the client pretends to run.
_FIRST_SIZE = 256
#: Longest that a client may take to join, in virtual and in real time.
_JOIN_US: Us = 2 * MINUTE


def _identity(profile: Profile, eui64: int) -> Identity:
    own = profile.ota
    return Identity(
        eui64=eui64,
        manufacturer=own.manufacturer_code,
        image_type=own.image_type,
        hardware_version=own.hardware_version,
    )


def _first_image(profile: Profile) -> bytes:
    return built(profile, filler(_FIRST_SIZE, FIRST_VERSION), FIRST_VERSION)


class DirectServer(VirtualLane):
    """Put a client before our own hub, in memory and virtual time; each case has both anew."""

    virtual = True

    def __init__(
        self, profile: Profile, hub: Hub, seed: int, eui64: int = DUT_EUI64, air: Air | None = None
    ) -> None:
        self._profile, self._seed = profile, seed
        self.identity = _identity(profile, eui64)
        self.place, self.open, self.queried = Place(), False, 0
        self.said: list[Said] = []
        self.counted = FIRST_SEQUENCE
        self.player = Player(Bridge(profile, stream))
        self.hub: Hub | None = hub
        self._hub = hub
        self._first = air is None
        self._tap = Trace() if air is None else air.trace
        setup = Setup(
            profile=profile,
            identity=self.identity,
            image=_first_image(profile),
            version=FIRST_VERSION,
            seed=seed,
            hub=hub,
            trace=self._tap,
            name=CLIENT if air is None else f"{CLIENT} {eui64:016x}",
        )
        super().__init__(setup, self.player, air)

    def begin(self, trace: Trace) -> None:
        """Let the client join; the trace has it from here on, and what its neighbours do."""
        if self._first:
            self._tap.rows = trace.rows
        trace.rows = self._tap.rows
        if not self.join():
            raise LinkError("direct: the client did not join")

    def join(self) -> bool:
        """Restart the client, and tell whether the network takes it in."""
        player = self.player
        admitted, refused = len(player.admissions), player.refusals
        if self.powered:
            self.power(False)
        self.power(True)
        self.run(lambda: len(player.admissions) > admitted or player.refusals > refused, _JOIN_US)
        return len(player.admissions) > admitted

    def neighbour(self, eui64: int) -> "DirectServer":
        """Put another client before the same hub, off."""
        return DirectServer(self._profile, self._hub, self._seed, eui64, self._air)

    def say(self, datagram: Datagram) -> None:
        """Put a datagram of the client's on the network."""
        self._dut.send(datagram)

    def announce(self, frame: Frame, *, broadcast: bool) -> None:
        """Have the hub send a command of its own accord."""
        address = self.player.address or 0
        put(self, self._hub.tell(frame, address, broadcast=broadcast, now=self.now))


class EzspServer:
    """Put a client on the network of somebody's server, through a stick, in real time.

    The stick joins once; every case of a run speaks through it.

    Args:
        place: Where the stick is: a serial port, a pty or ``socket://HOST:PORT``.
        profile: What the client plays.
        wish: Which network it may join.
        join_us: Longest real time until it has joined.

    Raises:
        LinkError: There is no stick.
    """

    virtual = False
    hub: Hub | None = None

    def __init__(self, place: str, profile: Profile, wish: Wish, join_us: Us) -> None:
        self._port, self._profile, self._join_us = place, profile, join_us
        self._loop = asyncio.new_event_loop()
        self._stick = Stick(place, wish, self._note)
        self._host: Host | None = None
        self._trace, self._zero = Trace(), 0
        self._said = "nothing is said about why"
        self._broken: LinkError | None = None
        self.place, self.open, self.queried = Place(), False, 0
        self.said: list[Said] = []
        self.counted = FIRST_SEQUENCE
        self.player = Player(Bridge(profile, stream))
        try:
            self._loop.run_until_complete(self._stick.open())
            self.identity = _identity(profile, self._stick.eui64)
            self._loop.run_until_complete(self._serve())
        except BaseException:
            self.close()
            raise

    async def _serve(self) -> None:
        profile = self._profile
        self.player.factory(self.identity, _first_image(profile), FIRST_VERSION, 0)
        self._host = Host(self.player, self._stick, self._heard, _nothing)
        await self._stick.serve(self._host, profile)
        self._host.power(True)

    def _note(self, line: str) -> None:
        self._said = line

    def _heard(self, now: Us, who: str, what: str, subject: object) -> None:
        """Write down what the client sends and does, and what comes as the server's own."""
        at = now - self._zero
        if what == "receive":
            self._trace(at, SERVER, "send", subject)
        elif not isinstance(subject, Joined):
            self._trace(at, CLIENT, what, subject)

    @property
    def said_of_itself(self) -> dict[str, str]:
        """Return who the stick is, in words, for the record."""
        eui64, ezsp = f"{self._stick.eui64:016x}", str(self._stick.version)
        return {"kind": "stick", "port": self._port, "eui64": eui64, "ezsp": ezsp}

    @property
    def now(self) -> Us:
        """Return the real time since the case began."""
        return self._clock() - self._zero

    def _clock(self) -> Us:
        return 0 if self._host is None else self._host.now

    def begin(self, trace: Trace) -> None:
        """See that the client is on the network."""
        if self._broken is not None:
            raise self._broken
        self._trace, self._zero = trace, self._clock()
        if not self.run(lambda: self.player.address is not None, self._join_us):
            self._broken = LinkError(
                f"ezsp:{self._port}: found no network in {self._join_us // SECOND} s"
                f" ({self._said}), wanted one that lets devices join"
            )
            raise self._broken

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let real time pass."""
        if self._host is None:
            raise LinkError(f"ezsp:{self._port}: the stick was given back")
        try:
            return self._loop.run_until_complete(self._host.until(until, limit_us))
        except LinkError as error:
            self._broken = error
            raise

    def say(self, datagram: Datagram) -> None:
        """Put a datagram of the client's on the air."""
        self._heard(self._clock(), CLIENT, "send", datagram)
        self._stick.send(datagram)

    def join(self) -> bool:
        """Refuse: the stick stays on the network."""
        raise Unsupported("needs a client that can be restarted: a stick stays on its network")

    def neighbour(self, eui64: int) -> Reach:
        """Refuse: a stick is one client."""
        raise Unsupported("needs a second client: a stick is one")

    def dismiss(self) -> None:
        """Refuse: the network is somebody else's."""
        raise Unsupported("needs a network that the harness rules")

    def announce(self, frame: Frame, *, broadcast: bool) -> None:
        """Refuse: this server speaks for itself."""
        raise Unsupported("needs a server that the harness can set: ours alone is one")

    def refresh(self) -> None:
        """Do nothing: the server has its own clock."""

    def plan(self, faults: Sequence[FrameFault]) -> None:
        """Refuse: nobody rules this air."""
        raise Unsupported("this lane has no frame faults")

    def close(self) -> None:
        """Let go of the stick; it stays on the network."""
        if not self._loop.is_closed():
            if self._host is not None:
                self._host.close()
                self._host = None
            self._loop.run_until_complete(self._stick.close())
            self._loop.close()


def _nothing() -> None:
    """Keep nothing: the client's flash is nobody's business."""


#: The schemes of links that lead to a server.
SERVER_SCHEMES = ("direct", "ezsp")


class Servers:
    """Open the way to the server of a run: anew for each case, or once where a stick joins.

    Args:
        link: ``direct:`` or ``ezsp:PORT``.
        server: What the tester said of the server.
        lane: What the user wants of a network on the air.
        defect: Id of the defect that our own hub has.
    """

    def __init__(
        self, link: str, server: ServerOptions, lane: LaneOptions, defect: str | None
    ) -> None:
        self._scheme, _, self._place = link.partition(":")
        self._server, self._lane, self._defect = server, lane, defect
        self._kept: dict[str, EzspServer] = {}
        self._failed: str | None = None

    def open(self, profile: Profile, seed: int) -> Reach:
        """Return the way to the server for one case.

        Raises:
            LinkError: The scheme leads to no server, or there is no stick.
        """
        if self._scheme == "direct":
            hub = hub_of(self._defect)(rng=hub_chance(seed), seed=seed)
            hub.settings = Settings(encrypt=profile.ota.aps_encrypt)
            hub.serve(*(served(one) for one in self._server.images))
            return DirectServer(profile, hub, seed)
        if self._scheme != "ezsp":
            wanted = " or ".join(f"{scheme}:" for scheme in SERVER_SCHEMES)
            raise LinkError(f"link {self._scheme}: found no way to a server, wanted {wanted}")
        if self._failed is not None:
            raise LinkError(self._failed)  # to wait for a stick again and again helps nobody
        kept = self._kept.get(profile.name)
        if kept is None:
            try:
                longest_us = min(_JOIN_US, self._lane.max_wait_us)
                kept = EzspServer(self._place, profile, _wish(self._lane.network), longest_us)
            except LinkError as error:
                self._failed = str(error)
                raise
            self._kept[profile.name] = kept
        return kept

    def close(self) -> list[dict[str, str]]:
        """Give back every stick.

        Returns:
            What each of them said of itself, in words.
        """
        said = [one.said_of_itself for one in self._kept.values()]
        for one in self._kept.values():
            one.close()
        self._kept.clear()
        return said


def _wish(network: NetworkOptions) -> Wish:
    return Wish(
        channels=ALL_CHANNELS if network.channel is None else 1 << network.channel,
        pan_id=network.pan_id,
        extended_pan_id=network.extended_pan_id,
        link_key=network.link_key or WELL_KNOWN_KEY,
    )
