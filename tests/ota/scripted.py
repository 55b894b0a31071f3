"""Drive one OTA client without a world: a voice that writes down, a store of plain values.

What the voice is told to send comes back as an action itself, so that a test sees frames and
reports in the order in which the client gives them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from emulator.actions import Report
from emulator.contract import Identity
from emulator.ota.client import ClientTable, OtaClient
from emulator.ota.ports import Offer, Refused, Server
from emulator.ota.stages import Stage
from emulator.ota.table import TABLE
from emulator.profiles.load import load
from emulator.profiles.model import OtaProfile
from emulator.units import SECOND
from emulator.wire import ota, zdo
from emulator.wire.codec import KEYS, Frame
from emulator.wire.ota import Status
from emulator.wire.zcl import DefaultResponse

MANUFACTURER, IMAGE_TYPE, HARDWARE = 0xFFF1, 0x0001, 0x0102
RUNNING, OFFERED = 0x01000000, 0x02000000
SIZE, BLOCK = 100, 40
#: Octets of a page in tests, and the type of the other image that an upgrade may need.
PAGE, MORE_TYPE = 80, 0x0101
#: Where the client begins; not 0, so that a forgotten ``now`` shows.
START_US = 1_000 * SECOND
HUB = Server(address=0x0000, endpoint=7, eui64=0x1122334455667788)
OFFER = Offer(
    manufacturer=MANUFACTURER, image_type=IMAGE_TYPE, file_version=OFFERED, image_size=SIZE
)


@dataclass(frozen=True)
class Sought:
    """Be the search for a server, as an action; ``only`` is the one node that is asked."""

    only: int | None = None


@dataclass(frozen=True)
class Resolved:
    """Be the request for a node's IEEE address, as an action."""

    address: int


class Voice:
    """Hand back what is said, and remember to whom."""

    def __init__(self) -> None:
        self.servers: list[Server] = []
        self.address: int | None = 0x4455

    def command(self, frame: Frame, server: Server) -> Sequence[Any]:
        self.servers.append(server)
        return (frame,)

    def seek_server(self, only: int | None) -> Sequence[Any]:
        return (Sought(only),)

    def resolve(self, address: int) -> Sequence[Any]:
        return (Resolved(address),)


class Store:
    """Keep an image in a plain field, and write down what is done to it."""

    def __init__(self) -> None:
        self.capacity = 1000
        self.server: Server | None = None
        self.held: Offer | None = None
        self.octets = b""
        self.refusal: Refused | None = None
        self.failed: Offer | None = None
        self.done: list[str] = []
        self.part = 0
        self.parts: dict[int, tuple[Offer | None, bytes]] = {}

    def select(self, part: int) -> None:
        self.parts[self.part] = (self.held, self.octets)
        if part != self.part:
            self.held, self.octets = self.parts[0] if part == 0 else (None, b"")
        self.part = part

    @property
    def offset(self) -> int:
        return len(self.octets)

    def remember_server(self, server: Server) -> None:
        self.server = server

    def reached_server(self) -> Sequence[Any]:
        self.done.append("reached")
        return ()

    def begin(self, offer: Offer) -> None:
        self.done.append("begin")
        self.held, self.octets = offer, b""

    def resume(self) -> None:
        self.done.append("resume")

    def append(self, octets: bytes) -> None:
        self.octets += octets

    def check(self) -> Refused | None:
        self.done.append("check")
        return self.refusal

    def discard(self) -> None:
        self.done.append("discard")
        self.held, self.octets = None, b""

    def stage(self) -> None:
        self.done.append("stage")

    def failed_before(self, offer: Offer) -> bool:
        return offer == self.failed

    def forgive(self) -> None:
        self.failed = None


class Dice:
    """Draw the numbers that a test wants, else the lowest; remember the limits of each draw."""

    def __init__(self) -> None:
        self.wanted: list[int] = []
        self.limits: list[tuple[int, int]] = []

    def randrange(self, start: int, stop: int) -> int:
        self.limits.append((start, stop))
        drawn = self.wanted.pop(0) if self.wanted else start
        assert start <= drawn < stop
        return drawn


class Rig:
    """Drive one client; each call returns its actions."""

    def __init__(self, table: ClientTable = TABLE, **changes: object) -> None:
        self.profile: OtaProfile = replace(load("B1").ota, block_size_octets=BLOCK, **changes)
        self.voice, self.store, self.dice = Voice(), Store(), Dice()
        self.now = START_US
        self.client = OtaClient(
            profile=self.profile,
            identity=Identity(
                eui64=0xAABBCCDDEEFF0011,
                manufacturer=MANUFACTURER,
                image_type=IMAGE_TYPE,
                hardware_version=HARDWARE,
            ),
            version=RUNNING,
            voice=self.voice,
            store=self.store,
            rng=self.dice,
            table=table,
        )

    @property
    def stage(self) -> Stage:
        return self.client.stage

    @property
    def left_us(self) -> int | None:
        """Return how long the client wants to be left alone."""
        deadline = self.client.deadline
        return None if deadline is None else deadline - self.now

    def start(self, *, hurry: bool = False) -> list[Any]:
        return list(self.client.start(self.now, hurry=hurry))

    def hear(self, frame: Frame) -> list[Any]:
        return list(self.client.receive(frame, self.now))

    def heard(self, frame: Frame) -> tuple[list[Any], Status]:
        """Return the actions with the Default Response that the frame deserves."""
        return self.hear(frame), self.client.answer

    def wait(self) -> list[Any]:
        """Let time pass to the deadline, which must be there, and wake the client."""
        assert self.client.deadline is not None
        self.now = max(self.now, self.client.deadline)
        return list(self.client.wake(self.now))

    def rest(self, duration_us: int) -> None:
        """Let time pass without a wake."""
        self.now += duration_us


# Frames that a server sends.


def matched(address: int = HUB.address, *endpoints: int, status: int = 0) -> Frame:
    return zdo.MatchDescriptorResponse(
        sequence=1,
        status=zdo.ZdoStatus(status),
        address=address,
        endpoints=endpoints or (HUB.endpoint,),
    )


def resolved(address: int = HUB.address, status: int = 0) -> Frame:
    return zdo.IeeeAddressResponse(
        sequence=1, status=zdo.ZdoStatus(status), eui64=HUB.eui64, address=address
    )


def notify(**fields: object) -> ota.ImageNotify:
    made = {"payload_type": ota.NotifyType.JITTER, "query_jitter": 100, **fields}
    return ota.ImageNotify(**made)


def offered(**fields: object) -> Frame:
    made = {
        "status": Status.SUCCESS,
        "manufacturer": MANUFACTURER,
        "image_type": IMAGE_TYPE,
        "file_version": OFFERED,
        "image_size": SIZE,
        **fields,
    }
    return ota.QueryNextImageResponse(**made)


def refused_query(status: int = Status.NO_IMAGE_AVAILABLE) -> Frame:
    return ota.QueryNextImageResponse(status=status)


def block(offset: int, data: bytes | None = None, **fields: object) -> Frame:
    made = {
        "status": Status.SUCCESS,
        "manufacturer": MANUFACTURER,
        "image_type": IMAGE_TYPE,
        "file_version": OFFERED,
        "file_offset": offset,
        "data": content(offset) if data is None else data,
        **fields,
    }
    return ota.ImageBlockResponse(**made)


def content(offset: int, size: int = BLOCK) -> bytes:
    """Return the true octets of the image from an offset on."""
    return bytes(range(SIZE))[offset : offset + size]


def hold(current: int, request: int, period: int | None = None) -> Frame:
    return ota.ImageBlockResponse(
        status=Status.WAIT_FOR_DATA,
        current_time_s=current,
        request_time_s=request,
        block_period=period,
    )


def may_upgrade(current: int = 0, upgrade: int = 0, **fields: object) -> Frame:
    made = {
        "manufacturer": MANUFACTURER,
        "image_type": IMAGE_TYPE,
        "file_version": OFFERED,
        "current_time_s": current,
        "upgrade_time_s": upgrade,
        **fields,
    }
    return ota.UpgradeEndResponse(**made)


def default(command: type[Frame], status: int) -> Frame:
    return DefaultResponse(command=KEYS[command].command, status=status)


# Frames that the client sends.


def query(image_type: int = IMAGE_TYPE) -> Frame:
    return ota.QueryNextImageRequest(
        control=ota.QueryControl.HARDWARE_VERSION,
        manufacturer=MANUFACTURER,
        image_type=image_type,
        file_version=RUNNING,
        hardware_version=HARDWARE,
    )


def ask_page(offset: int, **fields: object) -> Frame:
    made = {
        "control": ota.BlockControl(0),
        "manufacturer": MANUFACTURER,
        "image_type": IMAGE_TYPE,
        "file_version": OFFERED,
        "file_offset": offset,
        "maximum_data_size": BLOCK,
        "page_size": PAGE,
        "response_spacing_ms": 50,
        **fields,
    }
    return ota.ImagePageRequest(**made)


def ask(offset: int, period: int | None = 0, size: int = BLOCK) -> Frame:
    return ota.ImageBlockRequest(
        control=ota.BlockControl(0 if period is None else ota.BlockControl.BLOCK_PERIOD),
        manufacturer=MANUFACTURER,
        image_type=IMAGE_TYPE,
        file_version=OFFERED,
        file_offset=offset,
        maximum_data_size=size,
        block_period=period,
    )


def end(status: Status = Status.SUCCESS, **fields: int) -> Frame:
    made = {
        "manufacturer": MANUFACTURER,
        "image_type": IMAGE_TYPE,
        "file_version": OFFERED,
        **fields,
    }
    return ota.UpgradeEndRequest(status=status, **made)


# Ways into each stage.


def _discovering(rig: Rig) -> None:
    rig.start()


def _unserved(rig: Rig) -> None:
    rig.start()
    rig.wait()


def _resolving(rig: Rig) -> None:
    rig.start()
    rig.hear(matched())


def _ready(rig: Rig) -> None:
    _resolving(rig)
    rig.hear(resolved())


def _querying(rig: Rig) -> None:
    _ready(rig)
    rig.wait()


def _downloading(rig: Rig) -> None:
    _querying(rig)
    rig.hear(offered())


def _more(rig: Rig) -> None:
    _querying_more(rig)
    rig.hear(refused_query())


def _querying_more(rig: Rig) -> None:
    _downloading(rig)
    for offset in range(0, SIZE, BLOCK):
        rig.hear(block(offset))
    rig.wait()


def _paused(rig: Rig) -> None:
    _downloading(rig)
    rig.hear(hold(0, 60))


def _ending(rig: Rig) -> None:
    _downloading(rig)
    for offset in range(0, SIZE, BLOCK):
        rig.hear(block(offset))


def _waiting(rig: Rig) -> None:
    _ending(rig)
    rig.hear(may_upgrade(0, ota.WAIT_FOR_ANOTHER))


def _external(rig: Rig) -> None:
    _ending(rig)
    rig.hear(may_upgrade(0, ota.WAIT_FOR_ANOTHER))


def _counting(rig: Rig) -> None:
    _ending(rig)
    rig.hear(may_upgrade(0, 60))


def _applying(rig: Rig) -> None:
    _ending(rig)
    rig.hear(may_upgrade(0, 0))


_WAYS: dict[Stage, Callable[[Rig], None]] = {
    Stage.OFF: lambda rig: None,
    Stage.DISCOVERING: _discovering,
    Stage.UNSERVED: _unserved,
    Stage.RESOLVING: _resolving,
    Stage.READY: _ready,
    Stage.QUERYING: _querying,
    Stage.DOWNLOADING: _downloading,
    Stage.PAGING: _downloading,
    Stage.PAUSED: _paused,
    Stage.MORE: _more,
    Stage.QUERYING_MORE: _querying_more,
    Stage.ENDING: _ending,
    Stage.WAITING: _waiting,
    Stage.EXTERNAL: _external,
    Stage.COUNTING: _counting,
    Stage.APPLYING: _applying,
}


#: What a profile must say for a stage to be reached.
_NEEDS: dict[Stage, dict[str, object]] = {
    Stage.EXTERNAL: {"activation_policy": 1},
    Stage.PAGING: {"page_size_octets": PAGE},
    Stage.MORE: {"more_image_types": (MORE_TYPE,)},
    Stage.QUERYING_MORE: {"more_image_types": (MORE_TYPE,)},
}


def at(stage: Stage, **changes: object) -> Rig:
    """Return a rig whose client stands in a stage, with what of a profile that stage needs."""
    rig = Rig(**{**_NEEDS.get(stage, {}), **changes})
    _WAYS[stage](rig)
    assert rig.stage is stage
    return rig


def whats(actions: Sequence[Any]) -> list[Any]:
    """Return reports as what they report, everything else as it is."""
    return [one.what if isinstance(one, Report) else one for one in actions]
