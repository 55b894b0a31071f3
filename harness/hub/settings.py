"""Hold what a test changes on a hub, as data: its policies, its pace, what it answers instead."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from emulator.units import Octets, Us
from emulator.wire import ota, zcl
from emulator.wire.codec import KEYS, Frame, pack_integer
from emulator.wire.ota import Status
from harness.hub.lies import Edit, Overwrite, has_turn

#: Octets of an image that fit a frame beside NWK security, with and without APS security.
ENCRYPTED_BLOCK = 40
CLEAR_BLOCK = 50
#: Octets before the data of a block: ZCL header, status, ids, version, offset, size.
_BLOCK_HEADERS = 3 + 1 + 2 + 2 + 4 + 4 + 1


class Offers(StrEnum):
    """Say which versions a hub offers to a device that runs another."""

    UPGRADES = "upgrades"  # the highest version, if it is above the running one
    REINSTALLS = "reinstalls"  # the running version too
    DOWNGRADES = "downgrades"  # lower ones too, but never the running one
    ANY = "any"  # the highest version held, whatever runs: reinstall and downgrade too


class Paging(StrEnum):
    """Say what a hub makes of Image Page Requests (ZCL 11.13.7)."""

    REFUSED = "refused"  # Default Response UNSUP_COMMAND
    IGNORED = "ignored"  # no answer at all, as some servers in the field
    SERVED = "served"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Say how pages are served."""

    paging: Paging = Paging.REFUSED
    #: Blocks of the session that are never sent, counted from 0 over all pages: what is asked for
    #: again has another number, and comes.
    missing: frozenset[int] = frozenset()
    #: Send the blocks of a page in an order that the hub's chance decides.
    shuffled: bool = False
    #: Shortest time between two blocks, whatever the device asks for [SL-S].
    least_spacing_ms: int = 10


@dataclass(slots=True)
class Instead:
    """Answer some requests of one kind with another frame: ``count`` of them after ``skip``.

    ``frame`` None is no answer. The sequence number and the way are those of the true answer, so
    that this is honest by default: any status, any form that a server may choose. ``edits`` make a
    lie of it.
    """

    command: type[Frame]
    frame: Frame | None
    edits: Sequence[Edit] = ()
    skip: int = 0
    count: int | None = None
    seen: int = 0

    def takes(self) -> bool:
        """Count a request, and tell whether it is one to answer so."""
        number, self.seen = self.seen, self.seen + 1
        return has_turn(number, self.skip, self.count)


def refuse(
    command: type[Frame], status: int, *, skip: int = 0, count: int | None = None
) -> Instead:
    """Answer requests of a kind with a Default Response of any status, known or not."""
    frame = zcl.DefaultResponse(command=KEYS[command].command, status=zcl.Status.FAILURE)
    edit = Overwrite(1, pack_integer(status, 1))
    return Instead(command, frame, (edit,), skip, count)


def wait(
    current_s: int,
    request_s: int,
    period: int | None = None,
    *,
    skip: int = 0,
    count: int | None = None,
) -> Instead:
    """Answer block requests with WAIT_FOR_DATA; without ``period`` that field is left out."""
    frame = ota.ImageBlockResponse(
        status=Status.WAIT_FOR_DATA,
        current_time_s=current_s,
        request_time_s=request_s,
        block_period=period,
    )
    return Instead(ota.ImageBlockRequest, frame, (), skip, count)


def abort(*, skip: int = 0, count: int | None = None) -> Instead:
    """Answer block requests with ABORT."""
    frame = ota.ImageBlockResponse(status=Status.ABORT)
    return Instead(ota.ImageBlockRequest, frame, (), skip, count)


def no_answer(command: type[Frame], *, skip: int = 0, count: int | None = None) -> Instead:
    """Answer nothing to requests of a kind."""
    return Instead(command, None, (), skip, count)


@dataclass(slots=True, kw_only=True)
class Settings:
    """Hold what a test changes on a hub, for all devices or for one of them."""

    endpoint: int = 1
    #: Endpoints that discovery names; None: ``endpoint`` alone.
    endpoints: tuple[int, ...] | None = None
    offers: Offers = Offers.UPGRADES
    #: Current and upgrade time of Upgrade End Responses; None: no response.
    end_times_s: tuple[int, int] | None = (0, 0)
    #: Answers to Image Block Requests instead of data: (current, request, period or None).
    wait: tuple[int, int, int | None] | None = None
    #: Minimum block period that a device must report before it gets data (OTA-S-015); None: any.
    block_period: int | None = None
    #: Largest blocks that are sent, used in turn; None: ``block_limit``.
    block_sizes: tuple[int, ...] | None = None
    #: Answer to a block request for an image that the hub does not hold, or beyond its end.
    unknown_image: Frame = field(
        default_factory=lambda: ota.ImageBlockResponse(status=Status.ABORT)
    )
    pages: Pages = field(default_factory=Pages)
    #: What is answered instead, the first that takes a request wins.
    instead: list[Instead] = field(default_factory=list)
    #: Every answer comes so much later, and up to ``jitter_us`` more by the hub's chance.
    delay_us: Us = 0
    jitter_us: Us = 0
    silent: bool = False
    encrypt: bool = True
    #: Octets of a message that the way to the device takes; None: as much as is usual.
    room: Octets | None = None
    #: EUI-64s that are admitted; None: all.
    whitelist: frozenset[int] | None = None

    @property
    def block_limit(self) -> int:
        """Return the octets of an image that fit one frame (ota-cluster section 7)."""
        usual = ENCRYPTED_BLOCK if self.encrypt else CLEAR_BLOCK
        return usual if self.room is None else min(usual, self.room - _BLOCK_HEADERS)
