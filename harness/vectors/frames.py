"""Deliver the frames of the family ``frames`` to a device, and tell what it does about them.

A vector's octets are a whole ZCL frame for the reference identity; ``own`` says where the ids of
the device, or of what it is doing, stand in their place. A device is brought to a stage, gets the
octets, and is listened to for three times as long as it took to answer a control.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from emulator.errors import WireError
from emulator.units import HOUR, MINUTE, SECOND, Us
from emulator.wire import ota, zcl
from emulator.wire.aps import Datagram
from emulator.wire.codec import COMMANDS, CommandKey, Frame, pack_integer
from emulator.wire.ota import NotifyType, Status
from harness.bench import Bench
from harness.hub.images import served
from harness.hub.lies import Lie, Silence, Whole
from harness.vectors.fit import times_finer
from harness.vectors.model import Vector
from harness.verdict import Unsupported

#: Octets of each value that a device has of its own.
SIZES = {"sequence": 1, "manufacturer": 2, "image_type": 2, "file_offset": 4, "image_size": 4}
#: The value whose length each place says.
DATA = "data"
#: Which of these values a device has at each stage.
OWN_AT: Mapping[str, tuple[str, ...]] = {
    "idle": ("manufacturer", "image_type"),
    "querying": ("manufacturer", "image_type", "sequence", "image_size"),
    "downloading": ("manufacturer", "image_type", "sequence", "file_offset", DATA),
    "waiting": ("manufacturer", "image_type", "sequence"),
}
#: What a vector of each stage must say beside the answers.
JUDGED_AT: Mapping[str, tuple[str, ...]] = {
    "idle": (),
    "querying": (),
    "downloading": ("moves", "then"),
    "waiting": ("applies",),
}
#: Blocks that a device gets before the frame comes in place of the next.
_BLOCKS = 3
#: Octets of the payload of the image that is downloaded.
_PAYLOAD = 300
#: Longest wait that a device may be told, or may take for itself, in a vector.
_LONGEST_US: Us = 2 * HOUR
#: How much sooner than told a device is asked whether it still waits.
_SLACK_S = 10
#: Longest time to an activation that a vector may name, and the restart.
_APPLIED_US: Us = 2 * MINUTE
#: What a device repeats that gets no block.
_ASKING = ("ImageBlockRequest", "ImagePageRequest")
#: What is found and wanted where nothing differs.
AS_LISTED = "as listed"
#: The frame that is replaced by the octets.
_CARRIER = ota.ImageNotify(payload_type=NotifyType.JITTER, query_jitter=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """Say what a device did.

    Args:
        answers: What it sent, as ``answer_of`` names it, sorted; what its timers repeat is left
            out.
        moves: Octets by which the offset that it asks for moved; None: nothing was downloaded.
        then: ``continues`` if the download went on to its end, ``stops`` if not, else None.
        applies: Whether it applied the image that it held; None: it held none.
        waited_s: Seconds until it asked for a block again, or for as long as it is known not to
            have applied its image; None: it did neither.
        works: Whether it did its usual work afterwards: the control.
    """

    answers: list[str]
    moves: int | None = None
    then: str | None = None
    applies: bool | None = None
    waited_s: float | None = None
    works: bool

    def against(self, vector: Vector) -> tuple[str, str]:
        """Return what was found and what the vector wanted: the first that differs, else equal."""
        expect = vector.body["expect"]
        seen: dict[str, object] = {
            "answers": self.answers,
            "moves": self.moves,
            "then": self.then,
            "applies": self.applies,
        }
        for name, one in seen.items():
            if name in expect and one not in expect[name]:
                return f"{name} {_said(one)}", f"{name} {_choice(expect[name])}"
        least, most = expect.get("waits_s", (0, inf))
        if not least <= (self.waited_s or 0) <= most:
            return f"waits {self.waited_s or 0} s", f"waits {least} to {most} s"
        return AS_LISTED, AS_LISTED


def play(bench: Bench, vector: Vector) -> Played:
    """Bring a new device to the stage of a vector, deliver its octets, and tell what follows.

    Args:
        bench: Off, with nobody served.
        vector: Of the family ``frames``, with a ``device``.

    Raises:
        Inconclusive: The device did not answer the control that comes first.
    """
    device = vector.body["device"]
    bench.start()
    bench.provoke(ota.QueryNextImageRequest, bench.notify)
    return _STAGES[device["stage"]](bench, vector)


def octets_of(vector: Vector, own: Mapping[str, int | bytes]) -> bytes:
    """Return the frame of a vector for a device.

    Args:
        vector: Of the family ``frames``.
        own: Values by the name that the vector's ``own`` has for them; ``data`` is octets from the
            offset on that the device waits for.
    """
    made = bytearray.fromhex(vector.body["octets"])
    for place in vector.body.get("own", ()):
        name, at = place["is"], place["at"]
        value = own[name]
        if isinstance(value, int):
            made[at : at + SIZES[name]] = pack_integer(value, SIZES[name])
        else:
            made[at : at + place["octets"]] = value[: place["octets"]]
    return bytes(made)


def answer_of(datagram: Datagram, to: bytes) -> str:
    """Name what a datagram of the OTA cluster answers to a frame.

    ``default:0x80`` is a Default Response to this very frame: its command, its sequence number, the
    other direction. Any other frame is named, with its status where it begins with one, or with
    the status, and the type if there is one, of each of its records.
    """
    payload = datagram.payload
    try:
        header = zcl.split(payload)
        kind, word = _kind(header)
        if kind is None:
            return f"{word}:{header.command:#04x}"
        frame, _ = kind.decode_at(payload, header.offset)
    except WireError:
        return f"unreadable: {payload.hex()}"
    if isinstance(frame, zcl.DefaultResponse):
        return f"default:{frame.status:#04x}" + ("" if _is_to(header, frame, to) else " to another")
    return ":".join((kind.__name__, *_statuses(frame)))


def _kind(header: zcl.Split) -> tuple[type[Frame] | None, str]:
    """Return the frame that a header announces, None if it is none of ours; and its sort."""
    if header.control & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL:
        return zcl.GENERAL.get(header.command), "general"
    to_server = not header.control & zcl.FROM_SERVER
    return COMMANDS.get(CommandKey(ota.CLUSTER, to_server, header.command)), "command"


def _is_to(header: zcl.Split, default: zcl.DefaultResponse, to: bytes) -> bool:
    """Tell whether a Default Response is to a frame: its command and number, back to its sender."""
    try:
        asked = zcl.split(to)
    except WireError:
        return False
    told = (header.sequence, default.command, header.control & zcl.FROM_SERVER)
    return told == (asked.sequence, asked.command, ~asked.control & zcl.FROM_SERVER)


def _statuses(frame: Frame) -> Iterator[str]:
    """Yield the status of a frame, or those of all its records; nothing if it has none."""
    status = getattr(frame, "status", None)
    if status is not None:
        yield f"{status:#04x}"
    records = getattr(frame, "records", ())
    if any(hasattr(one, "status") for one in records):
        types = (getattr(one, "type", None) for one in records)
        yield ",".join(
            f"{one.status:#04x}" + ("" if type is None else f"/{type:#04x}")
            for one, type in zip(records, types, strict=True)
        )


def _choice(accepted: Sequence[object]) -> str:
    return " or ".join(map(_said, accepted))


def _said(one: object) -> str:
    return " and ".join(one) or "silence" if isinstance(one, list) else str(one)


# The stages.


def _idle(bench: Bench, vector: Vector) -> Played:
    answers = _deliver(bench, vector, _ids(bench), repeats=())
    works = bench.provoke(ota.QueryNextImageRequest, bench.notify)
    return Played(answers=answers, works=works)


def _querying(bench: Bench, vector: Vector) -> Played:
    """Deliver while a query waits for its answer; the hub is silent until it is judged."""
    image = bench.image(size=_PAYLOAD)
    settings = bench.hub.settings
    settings.silent = True
    bench.provoke(ota.QueryNextImageRequest, bench.notify)
    own = _ids(bench) | {
        "sequence": bench.last_datagram(ota.QueryNextImageRequest).payload[1],
        "image_size": len(image),
    }
    answers = _deliver(bench, vector, own, repeats=("QueryNextImageRequest",), once=_ASKING)
    settings.silent = False
    bench.hub.serve(served(image))
    bench.wait(HOUR)
    return Played(answers=answers, works=_upgrades(bench))


def _downloading(bench: Bench, vector: Vector) -> Played:
    """Deliver in place of a block that is lost."""
    image = bench.image(size=_PAYLOAD)
    whole = -(-len(image) // bench.block_octets)
    if whole <= _BLOCKS:
        raise Unsupported(f"needs an image of {_BLOCKS + 1} blocks, this one has {whole}")
    bench.hub.lies.append(Lie(ota.ImageBlockResponse, [Silence()], skip=_BLOCKS))
    stands = bench.start_download(image, blocks=_BLOCKS + 1)
    own = _ids(bench) | {
        "sequence": bench.last_datagram(ota.ImageBlockRequest).payload[1],
        "file_offset": stands,
        DATA: image[stands:],
    }
    asked, began_us = bench.count(ota.ImageBlockRequest), bench.now
    queries = bench.count(ota.QueryNextImageRequest)
    answers = _deliver(bench, vector, own, repeats=_ASKING)
    bench.hub.lies.clear()
    verdict = _verdict(bench)
    offsets = [one.file_offset for one in bench.heard(ota.ImageBlockRequest)[asked:]]
    times = [one.at for one in bench.heard_at(ota.ImageBlockRequest)[asked:]]
    went_on = verdict is Status.SUCCESS and bench.count(ota.QueryNextImageRequest) == queries
    return Played(
        answers=answers,
        moves=offsets[0] - stands if offsets else 0,
        then="continues" if went_on else "stops",
        waited_s=(times[0] - began_us) / SECOND if times else None,
        works=went_on or _upgrades(bench),
    )


def _verdict(bench: Bench) -> Status | int | None:
    """Wait for a verdict; of small blocks there are more, and each may take its time."""
    for _ in range(times_finer(bench.block_octets)):
        asked = bench.count(ota.ImageBlockRequest)
        verdict = bench.verdict(_LONGEST_US)
        if verdict is not None or bench.count(ota.ImageBlockRequest) == asked:
            return verdict
    return None


def _waiting(bench: Bench, vector: Vector) -> Played:
    """Deliver while a verified image waits for leave; the hub gives it afterwards."""
    bench.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER)
    bench.offer(bench.image(size=_PAYLOAD))
    sequence = bench.last_datagram(ota.UpgradeEndRequest).payload[1]
    own, began_us = _ids(bench) | {"sequence": sequence}, bench.now
    repeats = ("UpgradeEndRequest:0x00", "QueryNextImageRequest")  # the latter: it has restarted
    answers = _deliver(bench, vector, own, repeats=repeats)
    waited_s: float | None = None
    if (waits_s := vector.body["expect"].get("waits_s")) is not None:
        bench.wait(max(0, began_us + (waits_s[0] - _SLACK_S) * SECOND - bench.now))
        waited_s = 0 if bench.running_version() == bench.version(1) else waits_s[0]
    bench.wait(_APPLIED_US)
    applies = bench.running_version() == bench.version(1)
    bench.hub.settings.end_times_s = (0, 0)
    if not applies:
        _release(bench)
    works = bench.running_version() == bench.version(1) or _upgrades(bench)
    return Played(answers=answers, applies=applies, waited_s=waited_s, works=works)


_STAGES: dict[str, Callable[[Bench, Vector], Played]] = {
    "idle": _idle,
    "querying": _querying,
    "downloading": _downloading,
    "waiting": _waiting,
}


def _ids(bench: Bench) -> dict[str, int | bytes]:
    identity = bench.identity
    return {"manufacturer": identity.manufacturer, "image_type": identity.image_type}


def _deliver(
    bench: Bench,
    vector: Vector,
    own: Mapping[str, int | bytes],
    *,
    repeats: Sequence[str],
    once: Sequence[str] = (),
) -> list[str]:
    """Deliver the octets, listen, and return what came.

    What is in ``repeats`` is left out, as timers send it; of what is in ``once``, one is kept.
    """
    octets = octets_of(vector, own)
    broadcast = vector.body["device"]["delivery"] == "broadcast"
    mark = len(bench.sent_datagrams(ota.CLUSTER))
    bench.silence(Frame, lambda: bench.tell(_CARRIER, edits=[Whole(octets)], broadcast=broadcast))
    came = [answer_of(one, octets) for one in bench.sent_datagrams(ota.CLUSTER)[mark:]]
    kept = [one for one in came if one not in repeats and one not in once]
    return sorted([*kept, *(one for one in once if one in came)])


def _release(bench: Bench) -> None:
    bench.tell(
        ota.UpgradeEndResponse(
            manufacturer=bench.identity.manufacturer,
            image_type=bench.identity.image_type,
            file_version=bench.version(1),
            current_time_s=0,
            upgrade_time_s=0,
        )
    )
    bench.wait(_APPLIED_US)


def _upgrades(bench: Bench) -> bool:
    """Tell whether the device takes an honest image, as it should whatever was before."""
    image = bench.image(bench.version(2), size=_PAYLOAD)
    return bench.offer(image) is Status.SUCCESS
