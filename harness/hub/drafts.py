"""Hold what a hub is about to send, before it gets counters and becomes a datagram."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from emulator.units import Us
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import FIRST_BROADCAST, ZDO_ENDPOINT, ZDO_PROFILE, Datagram
from emulator.wire.codec import KEYS, Frame

#: Frame control: cluster-specific, from the server, no Default Response wanted.
FROM_SERVER = 0x19
#: The same, a Default Response wanted: unicast Image Notify as Silabs sends it.
FROM_SERVER_ASKING = 0x09
#: General command from the server's side; of the client's attributes, hence the direction.
GENERAL_FROM_SERVER = 0x18
#: Endpoint and profile of a device that was not heard yet.
UNHEARD = (1, 0x0109)
#: Destination endpoint of what is for every endpoint.
ANY_ENDPOINT = 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Be one frame on its way out: its octets, its addresses, and when it goes.

    ``kind`` is what an honest hub meant by it; octets may say something else by now.
    """

    kind: type[Frame]
    header: bytes  # of ZCL; empty in front of a ZDO frame
    payload: bytes
    to: int  # NWK address
    endpoint: int
    own_endpoint: int
    profile: int
    cluster: int = ota.CLUSTER
    source: int | None = None  # None: the hub's own address
    options: int | None = None  # None: as the hub's settings say
    delay_us: Us = 0
    overtaken_by: int = 0  # it goes out behind so many that come after it

    def aimed(self, cluster: int) -> "Draft":
        """Return it for the server side of another cluster than OTA, whose client side it is for.

        Args:
            cluster: Where it goes; that of OTA leaves it as it is.
        """
        if cluster == ota.CLUSTER:
            return self
        header = bytes((self.header[0] & ~zcl.FROM_SERVER, *self.header[1:]))
        return replace(self, cluster=cluster, header=header)


def answer_draft(frame: Frame, request: Datagram) -> Draft:
    """Return the answer to a request: its sequence number, its endpoints, its profile."""
    if request.profile == ZDO_PROFILE:
        draft = zdo_draft(frame, request.source)
        return replace(draft, payload=request.payload[:1] + draft.payload[1:])
    general = zcl.GENERAL_IDS.get(type(frame))
    if general is None:
        control, command = FROM_SERVER, KEYS[type(frame)].command
    else:
        control, command = GENERAL_FROM_SERVER, general
    return Draft(
        kind=type(frame),
        header=zcl.pack_header(control, request.payload[1], command),
        payload=frame.encode(),
        to=request.source,
        endpoint=request.source_endpoint,
        own_endpoint=request.destination_endpoint,
        profile=request.profile,
    )


def own_draft(
    frame: Frame, *, sequence: int, to: int, endpoint: int, own_endpoint: int, profile: int
) -> Draft:
    """Return a command that nobody asked for; a unicast one of the cluster wants an answer."""
    general = zcl.GENERAL_IDS.get(type(frame))
    if general is None:
        control = FROM_SERVER if to >= FIRST_BROADCAST else FROM_SERVER_ASKING
        command = KEYS[type(frame)].command
    else:
        control, command = GENERAL_FROM_SERVER, general
    return Draft(
        kind=type(frame),
        header=zcl.pack_header(control, sequence, command),
        payload=frame.encode(),
        to=to,
        endpoint=endpoint,
        own_endpoint=own_endpoint,
        profile=profile,
    )


def zdo_draft(frame: Frame, to: int) -> Draft:
    """Return a ZDO frame, which carries its own sequence number."""
    return Draft(
        kind=type(frame),
        header=b"",
        payload=frame.encode(),
        to=to,
        endpoint=ZDO_ENDPOINT,
        own_endpoint=ZDO_ENDPOINT,
        profile=ZDO_PROFILE,
        cluster=zdo.CLUSTERS[type(frame)],
    )


@dataclass(slots=True)
class Outbox:
    """Keep drafts that go out later: at a time, or behind others."""

    _timed: list[tuple[Us, int, Draft]] = field(default_factory=list)
    _overtaken: list[tuple[int, Draft]] = field(default_factory=list)
    _order: int = 0

    @property
    def deadline(self) -> Us | None:
        """Return when the next draft is due, in microseconds of virtual time."""
        return self._timed[0][0] if self._timed else None

    @property
    def holds_back(self) -> bool:
        """Tell whether a draft waits for others to overtake it."""
        return bool(self._overtaken)

    def keep(self, draft: Draft, at: Us) -> None:
        """Keep a draft until a time; those of one time go in the order of keeping."""
        self._order += 1
        heappush(self._timed, (at, self._order, draft))

    def hold_back(self, draft: Draft) -> None:
        """Keep a draft until as many as it says went out; without them it never goes."""
        self._overtaken.append((draft.overtaken_by, draft))

    def due(self, now: Us) -> Sequence[Draft]:
        """Take out what is due."""
        taken = []
        while self._timed and self._timed[0][0] <= now:
            taken.append(heappop(self._timed)[2])
        return taken

    def overtaken(self) -> Sequence[Draft]:
        """Take out what goes behind the draft that just went out."""
        fewer = [(count - 1, draft) for count, draft in self._overtaken]
        self._overtaken = [(count, draft) for count, draft in fewer if count > 0]
        return [draft for count, draft in fewer if count <= 0]

    def empty(self) -> None:
        """Forget everything."""
        self._timed.clear()
        self._overtaken.clear()
