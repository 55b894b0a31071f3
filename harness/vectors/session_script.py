"""Read a session vector: what the server does, step by step, and what a device may do next."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emulator.units import SECOND, Us
from emulator.wire.codec import Frame
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from emulator.wire.zcl import FrameControl
from harness.hub.lies import (
    Again,
    Append,
    Control,
    Cut,
    Edit,
    Envelope,
    Late,
    MakerCode,
    OtherSequence,
    Overwrite,
)
from harness.hub.settings import Offers, Pages, Paging
from harness.vectors.session_terms import (
    FROM_DEVICE,
    FROM_SERVER,
    VERSIONS,
    ScriptError,
    check_fields,
    refuse,
)

#: Where a script begins; ``{"block": n}`` is the n-th block request, from 0, or ``"last"``.
STARTS = ("off", "idle", "query", "page", "end", "waiting")
#: What is neither a frame nor an attribute's value: silence, no such attribute, no verdict.
NONE = "none"
_HONEST, _NOTHING = "honest", "nothing"
#: Versions that may run in the end: the first, the one offered, a later one served in a step.
_RUNNING = ("old", "new", "later")
_POWER = ("on", "off", "cycle")
#: Words that some attributes understand beside those that all do.
_READ_WORDS = {
    Attribute.CURRENT_FILE_VERSION.name: ("offered", "running"),
    Attribute.DOWNLOADED_FILE_VERSION.name: ("offered", "running"),
    Attribute.IMAGE_TYPE_ID.name: ("own",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """Be one frame of the server's, or of a stranger's."""

    kind: type[Frame]
    fields: Mapping[str, object]
    edits: tuple[Edit, ...] = ()
    stranger: bool = False
    broadcast: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Be what the server, or the world, does in a step."""

    verb: str
    speech: Speech | None = None  # of "answer" and "send"; None: honest, or nothing at all
    silent: bool = False  # of "answer": nothing
    word: str = ""  # of "power"
    version: str | None = None  # of "serve"; None: no image
    pause_us: Us = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Be one frame that a device may send next, or its silence; and whether the script ends so."""

    kind: type[Frame] | None  # None: silence
    fields: Mapping[str, object]
    ends: bool = False

    def __str__(self) -> str:
        if self.kind is None:
            return "silence"
        told = ", ".join(f"{name} {shown(value)}" for name, value in self.fields.items())
        return f"{self.kind.__name__}{f' ({told})' if told else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """Say what becomes of frames of one kind that come before the awaited one."""

    honest: bool
    most: int | None
    apart_us: Us


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Be one step: the server acts, then the device is judged."""

    act: Act | None
    wanted: tuple[Wanted, ...]
    may: tuple[Wanted, ...]
    over: Mapping[type[Frame], Over]
    within_us: Us | None
    not_before_us: Us
    reads: Mapping[Attribute, tuple[object, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Be a whole session vector."""

    id: str
    start: str
    block: int | None  # of start "block"; -1: the last
    size: int
    version: str
    block_sizes: tuple[int, ...] | None
    pages: Pages
    offers: Offers
    steps: tuple[Step, ...]
    running: tuple[str, ...]
    status: tuple[ImageUpgradeStatus, ...]
    end: tuple[Status | None, ...]


def shown(value: object) -> str:
    """Return a value of a script as a complaint shows it."""
    if isinstance(value, list):
        return " or ".join(shown(one) for one in value)
    if isinstance(value, Mapping):
        return " and ".join(f"{key} {shown(one)}" for key, one in value.items())
    return str(value)


def read_script(id: str, body: Mapping[str, Any]) -> Script:
    """Read the body of a session vector.

    Raises:
        ScriptError: Something in it is unknown or missing; the message begins with the id and, in
            a step, its number from 1.
    """
    try:
        return _script(id, body)
    except ScriptError as error:
        raise ScriptError(f"{id}: {error}") from None


def _script(id: str, body: Mapping[str, Any]) -> Script:
    start, block = _start(body.get("start", "idle"))
    image, hub, expect = body.get("image", {}), body.get("hub", {}), body.get("expect", {})
    _only("image", image, "size", "version")
    _only("hub", hub, "block_sizes", "pages", "offers")
    _only("expect", expect, "running", "status", "end")
    steps = []
    for number, one in enumerate(body.get("steps", ()), 1):
        try:
            steps += [_step(one)] * int(one.get("repeat", 1))
        except ScriptError as error:
            raise ScriptError(f"step {number}: {error}") from None
    sizes = hub.get("block_sizes")
    return Script(
        id=id,
        start=start,
        block=block,
        size=int(image.get("size", 400)),
        version=_word("image.version", image.get("version", "next"), VERSIONS),
        block_sizes=None if sizes is None else tuple(sizes),
        pages=_pages(hub.get("pages")),
        offers=Offers(_word("hub.offers", hub.get("offers", "upgrades"), tuple(Offers))),
        steps=tuple(steps),
        running=tuple(_word("expect.running", one, _RUNNING) for one in expect.get("running", ())),
        status=tuple(
            ImageUpgradeStatus[_word("expect.status", one, ImageUpgradeStatus.__members__)]
            for one in expect.get("status", ())
        ),
        end=tuple(_status("expect.end", one) for one in expect.get("end", ())),
    )


def _start(given: object) -> tuple[str, int | None]:
    if not isinstance(given, dict):
        return _word("start", given, STARTS), None
    _only("start", given, "block")
    number = given.get("block")
    if number == "last":
        return "block", -1
    if not isinstance(number, int) or number < 0:
        raise ScriptError(f'start.block: found {number!r}, wanted a number from 0 or "last"')
    return "block", number


def _pages(given: Mapping[str, Any] | None) -> Pages:
    if given is None:
        return Pages()
    _only("hub.pages", given, "paging", "missing", "shuffled")
    return Pages(
        paging=Paging(_word("hub.pages.paging", given.get("paging"), tuple(Paging))),
        missing=frozenset(given.get("missing", ())),
        shuffled=bool(given.get("shuffled", False)),
    )


# Steps.


def _step(given: Mapping[str, Any]) -> Step:
    keys = ("server", "device", "may", "over", "within_s", "not_before_s", "read", "repeat")
    _only("step", given, *keys)
    wanted = _wanted_all(given.get("device", ()))
    within = given.get("within_s")
    if any(one.kind is None for one in wanted) and within is None:
        raise ScriptError("within_s: found nothing, wanted seconds: silence has a length")
    if not wanted and {"may", "over", "within_s", "not_before_s"} & set(given):
        raise ScriptError("device: found nothing, wanted what the other keys of the step are about")
    return Step(
        act=_act(given["server"]) if "server" in given else None,
        wanted=wanted,
        may=tuple(_wanted(one) for one in given.get("may", ())),
        over={FROM_DEVICE[_name(name)]: _over(one) for name, one in given.get("over", {}).items()},
        within_us=None if within is None else _us(within),
        not_before_us=_us(given.get("not_before_s", 0)),
        reads={
            Attribute[_word("read", name, Attribute.__members__)]: _values(name, values)
            for name, values in given.get("read", {}).items()
        },
    )


def _wanted_all(given: object) -> tuple[Wanted, ...]:
    if given == NONE:
        return (Wanted(kind=None, fields={}),)
    if not isinstance(given, list | tuple):
        raise ScriptError(f'device: found {given!r}, wanted "none" or a list of frames')
    return tuple(_wanted(one) for one in given)


def _wanted(given: Mapping[str, Any]) -> Wanted:
    _only("device", given, "frame", "fields", "then")
    ends = _word("then", given["then"], ("end",)) == "end" if "then" in given else False
    if given.get("frame") == NONE:
        return Wanted(kind=None, fields={}, ends=ends)
    kind = FROM_DEVICE[_name(given.get("frame"))]
    fields = check_fields(kind, given.get("fields", {}), expected=True)
    return Wanted(kind=kind, fields=fields, ends=ends)


def _name(name: object) -> str:
    return _word("frame", name, FROM_DEVICE)


def _over(given: Mapping[str, Any]) -> Over:
    _only("over", given, "answer", "most", "apart_s")
    answer = _word("over.answer", given.get("answer"), (_HONEST, _NOTHING))
    most, apart = given.get("most"), _us(given.get("apart_s", 0))
    return Over(honest=answer == _HONEST, most=most, apart_us=apart)


def _values(name: str, given: object) -> tuple[object, ...]:
    if not isinstance(given, list) or not given:
        raise ScriptError(f"read.{name}: found {given!r}, wanted a list of values")
    if name == Attribute.IMAGE_UPGRADE_STATUS.name:
        members = ImageUpgradeStatus.__members__
        return tuple(int(members[_word(f"read.{name}", one, members)]) for one in given)
    words = {NONE, "same", "default", *_READ_WORDS.get(name, ())}
    for one in given:
        if not isinstance(one, int | dict) and not str(one).startswith("0x"):
            _word(f"read.{name}", one, words)
    return tuple(given)


# What the server does.


def _act(given: Mapping[str, Any]) -> Act:
    verbs = ("answer", "send", "serve", "power", "event", "pause_s")
    if not isinstance(given, dict) or len(given) != 1:
        raise ScriptError(f"server: found {given!r}, wanted one of {', '.join(verbs)}")
    verb, value = next(iter(given.items()))
    match _word("server", verb, verbs):
        case "answer" if value == _HONEST:
            return Act(verb=verb)
        case "answer" if value == _NOTHING:
            return Act(verb=verb, silent=True)
        case "answer" | "send":
            return Act(verb=verb, speech=_speech(value))
        case "serve" if value is None:
            return Act(verb=verb)
        case "serve":
            return Act(verb=verb, version=_word("serve", value, VERSIONS))
        case "power":
            return Act(verb=verb, word=_word("power", value, _POWER))
        case "event":
            return Act(verb=verb, word=_word("event", value, ("activate",)))
        case _:
            return Act(verb=verb, pause_us=_us(value))


def _speech(given: object) -> Speech:
    if not isinstance(given, dict):
        words = f'"{_HONEST}", "{_NOTHING}" or a frame'
        raise ScriptError(f"server: found {given!r}, wanted {words}")
    way = ("by", "broadcast", "late_s", "copies", "gap_s")
    head = ("sequence", "asks", "clear", "maker", "to_server")
    _only("server", given, "frame", "fields", "octets", *way, *head)
    kind = FROM_SERVER[_word("frame", given.get("frame"), FROM_SERVER)]
    fields = check_fields(kind, given.get("fields", {}), expected=False, data=True)
    if "data" in fields:
        _check_data(fields["data"])
    edits = (*(_edit(one) for one in given.get("octets", ())), *_of_head(given), *_of_time(given))
    stranger = "by" in given and _word("by", given["by"], ("stranger",)) == "stranger"
    broadcast = bool(given.get("broadcast", False))
    return Speech(kind=kind, fields=fields, edits=edits, stranger=stranger, broadcast=broadcast)


def _of_head(given: Mapping[str, Any]) -> Iterator[Edit]:
    """Yield the edits of what stands in front of a payload."""
    if "sequence" in given:
        yield OtherSequence(by=int(given["sequence"]))
    if given.get("asks"):
        yield Control(clear=FrameControl.NO_DEFAULT_RESPONSE)
    if given.get("to_server"):
        yield Control(clear=FrameControl.FROM_SERVER)
    if "maker" in given:
        yield MakerCode(code=int(given["maker"]))
    if given.get("clear"):
        yield Envelope(options=0)


def _of_time(given: Mapping[str, Any]) -> Iterator[Edit]:
    """Yield the edits of when a frame goes, and how often."""
    if "late_s" in given:
        yield Late(by_us=_us(given["late_s"]))
    if "copies" in given:
        yield Again(copies=int(given["copies"]), gap_us=_us(given.get("gap_s", 0)))


def _check_data(given: object) -> None:
    """Check what ``data`` of a block is: so many octets, or more than honest, or than asked."""
    ways = ("octets", "plus", "over")
    if not isinstance(given, dict) or len(given) != 1:
        raise ScriptError(f"fields.data: found {given!r}, wanted one of {', '.join(ways)}")
    _word("fields.data", next(iter(given)), ways)


def _edit(given: Mapping[str, Any]) -> Edit:
    """Read an edit of the payload: offsets count behind the ZCL header."""
    try:
        match given:
            case {"cut": int(octets), **rest} if not rest:
                return Cut(octets=octets)
            case {"append": str(octets), **rest} if not rest:
                return Append(bytes.fromhex(octets))
            case {"at": int(at), "put": str(octets), **rest} if not rest:
                return Overwrite(at, bytes.fromhex(octets))
            case _:
                pass
    except ValueError:
        pass
    raise ScriptError(f"octets: found {given!r}, wanted cut, append, or at and put, in hexadecimal")


# Words and numbers.


def _only(key: str, given: object, *known: str) -> None:
    if not isinstance(given, Mapping):
        raise ScriptError(f"{key}: found {given!r}, wanted an object")
    for name in given:
        if name not in known:
            refuse(key, name, known)


def _word(key: str, given: object, known: Any) -> str:  # noqa: ANN401 - any collection of words
    words = [str(one) for one in known]
    if not isinstance(given, str) or given not in words:
        refuse(key, given, words)
    return given


def _status(key: str, given: object) -> Status | None:
    word = _word(key, given, (NONE, *Status.__members__))
    return None if word == NONE else Status[word]


def _us(seconds: float) -> Us:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise ScriptError(f"found {seconds!r}, wanted seconds")
    return round(seconds * SECOND)
