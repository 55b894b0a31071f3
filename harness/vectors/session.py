"""Play a session vector on a bench: be the server that it scripts, and judge what the device does.

Every request of the device is held until the script's next step says what answers it; frames of a
kind that a step passes over are answered at once. Behind the last step the hub is honest again.
Only what is on the air is judged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from emulator.units import HOUR, MINUTE, SECOND, Us
from emulator.wire import ota
from emulator.wire.codec import Frame
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from emulator.wire.zcl import DefaultResponse
from harness.bench import Bench
from harness.hub.images import served
from harness.hub.ledger import Heard
from harness.hub.settings import Settings
from harness.vectors.fit import times_finer
from harness.vectors.session_script import NONE, Act, Over, Script, Speech, Step, Wanted, shown
from harness.vectors.session_server import ScriptedServer
from harness.vectors.session_terms import REQUESTS, VERSIONS, ScriptError, Terms
from harness.verdict import Unsupported

#: What a script judges; attributes that are read, ZDO frames and the like are no part of it.
_JUDGED = (*REQUESTS.values(), DefaultResponse)
#: The version that the honest upgrade behind a script installs, counted from the first.
CONTROL = 3
#: Longest that a device may take for what no requirement limits, where its profile says no more.
_PATIENCE_US: Us = 10 * MINUTE
#: How long a version must go on running that must not be replaced.
_STEADY_US: Us = 30 * SECOND
#: What attributes hold that say nothing.
_SAY_NOTHING = {Attribute.IMAGE_TYPE_ID: 0xFFFF, Attribute.DOWNLOADED_ZIGBEE_STACK_VERSION: 0xFFFF}
#: The field of a request that an attribute is compared with.
_FIELDS = {
    Attribute.FILE_OFFSET: "file_offset",
    Attribute.CURRENT_FILE_VERSION: "file_version",
    Attribute.DOWNLOADED_FILE_VERSION: "file_version",
    Attribute.IMAGE_TYPE_ID: "image_type",
    Attribute.MINIMUM_BLOCK_PERIOD: "block_period",
}
#: Leave to upgrade at once, to whatever the device holds.
_LEAVE = ota.UpgradeEndResponse(
    manufacturer=ota.ANY_MANUFACTURER,
    image_type=ota.ANY_IMAGE_TYPE,
    file_version=ota.ANY_VERSION,
    current_time_s=0,
    upgrade_time_s=0,
)
_OUT_OF_BAND_ONLY = 1
_BLOCKS = (ota.ImageBlockRequest, ota.ImagePageRequest)
AS_SCRIPTED = "as scripted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """Say how a session went: what was found and what was wanted, the same if all went well.

    Args:
        found: What the device did where it left the script, or ``as scripted``.
        wanted: What it should have done there, or ``as scripted``.
        upgraded: Whether the session itself ended in an upgrade, and nothing else would have done.
    """

    found: str
    wanted: str
    upgraded: bool


class _Left(Exception):
    """The device left the script."""

    def __init__(self, where: str, found: object, wanted: object) -> None:
        super().__init__(where)
        self.found, self.wanted = f"{where}: {found}", f"{where}: {wanted}"


def play(bench: Bench, script: Script) -> Played:
    """Play a script on a new bench and tell how it went.

    Args:
        bench: Off, with nobody served.
        script: What to play.

    Raises:
        ScriptError: The script answers where nothing was asked.
        Unsupported: The lane cannot do a step.
    """
    player = _Player(bench, script)
    try:
        player.play()
    except _Left as left:
        return Played(found=left.found, wanted=left.wanted, upgraded=False)
    except ScriptError as error:
        raise ScriptError(f"{script.id}: {player.where}: {error}") from None
    upgraded = script.running == ("new",) and script.version == "next"
    return Played(found=AS_SCRIPTED, wanted=AS_SCRIPTED, upgraded=upgraded)


def upgrade_honestly(bench: Bench) -> int | None:
    """Be an honest hub and upgrade the device to version ``CONTROL``: the control of a script.

    A device that a script left in a wait gets time to end that, one that holds an image gets leave.

    Returns:
        The version that runs then.
    """
    settings = Settings(encrypt=bench.hub.settings.encrypt)
    bench.hub.settings = settings
    bench.hub.by_device.clear()
    bench.hub.lies.clear()
    bench.lane.power(True)
    wanted = bench.version(CONTROL)
    image = bench.image(wanted, size=400)
    held = [one for one in bench.hub.images if one.file_version != wanted]
    for _ in range(3):
        bench.offer(image)
        bench.settle()
        version = bench.running_version()
        if version == wanted:
            return version
        bench.hub.serve(served(image), *held)
        bench.tell(_LEAVE)
        if bench.profile.ota.activation_policy == _OUT_OF_BAND_ONLY:
            bench.activate()
        bench.wait(HOUR + MINUTE)
    return bench.running_version()


class _Player:
    """Be the server of one script."""

    def __init__(self, bench: Bench, script: Script) -> None:
        self._bench, self._script = bench, script
        self._server = ScriptedServer(bench, script)
        self._mark = 0  # frames of the log that are behind us
        self.where = "start"

    def play(self) -> None:
        """Play it all."""
        script, settings = self._script, self._bench.hub.settings
        settings.block_sizes, settings.pages = script.block_sizes, script.pages
        settings.offers = script.offers
        if script.start != "off":
            self._bench.start()
        self._bench.hub.serve(served(self._server.image))
        self._mark = len(self._bench.log.heard)
        self._reach(script.start, script.block)
        for number, step in enumerate(script.steps, 1):
            self.where = f"step {number}"
            if self._play(step):
                break
        self.where = "end"
        self._finish()

    # The beginning.

    def _reach(self, start: str, block: int | None) -> None:
        """Bring the session to where the script begins; its last request stays open."""
        server = self._server
        server.hold()
        if start in ("off", "idle"):
            return
        self._bench.notify()
        self._ask_for(ota.QueryNextImageRequest)
        if start == "query":
            return
        whole = -(-len(server.image) // self._bench.block_octets)
        if block is not None and block >= whole:
            raise Unsupported(f"needs an image of {block + 1} blocks, this one has {whole}")
        if start in ("end", "waiting"):
            server.hold(passing=_BLOCKS)
        server.answer_honestly()
        if start == "page":
            self._ask_for(ota.ImagePageRequest)
        elif block is not None:
            self._ask_for(ota.ImageBlockRequest)
            while block > 0 or (block < 0 and not self._at_last_block()):
                server.answer_honestly()
                self._ask_for(ota.ImageBlockRequest)
                block -= 1
        else:
            self._ask_for(ota.UpgradeEndRequest, passing=_BLOCKS)
        if start == "waiting":
            server.answer(Speech(kind=ota.UpgradeEndResponse, fields={"upgrade_time_s": "forever"}))
            self._bench.wait(10 * SECOND)  # a sleepy device hears it at its next poll

    def _at_last_block(self) -> bool:
        offset = self._server.terms.value("file_offset", "same") or 0
        return offset + self._bench.block_octets >= len(self._server.image)

    def _ask_for(self, kind: type[Frame], passing: Sequence[type[Frame]] = ()) -> None:
        over = {one: Over(honest=True, most=None, apart_us=0) for one in passing}
        may = Wanted(kind=DefaultResponse, fields={"status": "SUCCESS"})
        self._judge(_step((Wanted(kind=kind, fields={}),), (may,), over), self._bench.now)

    # Steps.

    def _play(self, step: Step) -> bool:
        """Play a step, and tell whether the script ends with it."""
        began = self._bench.now
        self._server.hold(passing=_answered(step))
        if step.act is not None:
            self._do(step.act)
        if step.wanted and self._judge(step, began).ends:
            return True
        self._read(step.reads)
        return False

    def _do(self, act: Act) -> None:
        match act.verb:
            case "answer" if act.speech is not None:
                self._server.answer(act.speech)
            case "answer" if act.silent:
                self._server.take()
            case "answer":
                self._server.answer_honestly()
            case "send" if act.speech is not None:
                self._server.tell(act.speech)
            case "serve":
                self._server.serve(act.version)
            case "power":
                self._power(act.word)
            case "event":
                self._bench.activate()
            case _:
                self._bench.wait(act.pause_us)

    def _power(self, word: str) -> None:
        """Cut the supply, raise it, or both with a second between; the open request is lost."""
        if word != "on":
            self._bench.cut_power()
            self._server.open = None
            self._mark = len(self._bench.log.heard)
        if word == "cycle":
            self._bench.wait(SECOND)
        if word != "off":
            self._bench.lane.power(True)

    # What the device does.

    def _judge(self, step: Step, began: Us) -> Wanted:
        """Wait for the device's next frame, and return what of the wanted it is."""
        patience_us = step.within_us
        if patience_us is None:
            patience_us = max(self._bench.quiet_us(), _PATIENCE_US) * self._finer
        deadline = began + patience_us
        passed: dict[type[Frame], list[Us]] = {}
        told = f"{' or '.join(map(str, step.wanted))} within {patience_us / SECOND:g} s"
        while (heard := self._next(deadline)) is not None:
            match = next((one for one in step.wanted if self._is(one, heard)), None)
            if match is not None:
                after_us = heard.at - began
                if after_us < step.not_before_us:
                    found = f"{_said(heard.frame)} after {after_us / SECOND:g} s"
                    raise _Left(self.where, found, f"not before {step.not_before_us / SECOND:g} s")
                self._server.hear(heard)
                return match
            kind = type(heard.frame)
            if kind in step.over:
                self._pass(heard, step, passed.setdefault(kind, []))
            elif not any(self._is(one, heard) for one in step.may):
                raise _Left(self.where, _said(heard.frame), told)
        silence = next((one for one in step.wanted if one.kind is None), None)
        if silence is None:
            raise _Left(self.where, "silence", told)
        return silence

    def _next(self, deadline: Us) -> Heard | None:
        """Return the device's next frame that a script is about, None if none comes in time."""
        bench = self._bench
        while True:
            heard = bench.log.heard
            while self._mark < len(heard):
                one = heard[self._mark]
                if one.at > deadline:
                    return None
                self._mark += 1
                if isinstance(one.frame, _JUDGED):
                    return one
            if not bench.run(self._more, max(deadline - bench.now, 0)):
                return None

    def _more(self) -> bool:
        return len(self._bench.log.heard) > self._mark

    def _is(self, wanted: Wanted, heard: Heard) -> bool:
        if wanted.kind is not type(heard.frame):
            return False
        terms = self._server.terms
        return all(
            terms.agrees(name, value, getattr(heard.frame, name))
            for name, value in wanted.fields.items()
        )

    def _pass(self, heard: Heard, step: Step, before: list[Us]) -> None:
        """Let a frame go by, if there are not too many of them and not too close together."""
        kind = type(heard.frame)
        over, name = step.over[kind], kind.__name__
        if before and heard.at - before[-1] < over.apart_us:
            gap = f"{name} {(heard.at - before[-1]) / SECOND:g} s after the last"
            raise _Left(self.where, gap, f"{over.apart_us / SECOND:g} s at least")
        before.append(heard.at)
        finer = self._finer if kind is ota.ImageBlockRequest else 1
        most = None if over.most is None else over.most * self._longer * finer
        if most is not None and len(before) > most:
            raise _Left(self.where, f"{len(before)} of {name}", f"{most} at most")
        self._server.hear(heard)
        if over.honest and kind not in _answered(step):
            self._server.answer_honestly()
        else:
            self._server.open = None

    # Attributes, and the end.

    @property
    def _longer(self) -> int:
        """Return how many times longer than its script the session is: files may be large."""
        return -(-len(self._server.image) // (2 * self._script.size))

    @property
    def _finer(self) -> int:
        return times_finer(self._bench.block_octets)

    def _read(self, reads: Mapping[Attribute, tuple[object, ...]]) -> None:
        terms = self._server.terms
        for attribute, accepted in reads.items():
            found = self._bench.value(attribute)
            if not any(_has(attribute, found, one, terms) for one in accepted):
                wanted = " or ".join(_shown(attribute, one) for one in accepted)
                what = _shown(attribute, NONE if found is None else found)
                raise _Left(self.where, f"{attribute.name} {what}", wanted)

    def _finish(self) -> None:
        """Be honest again, let the device come to its end, and look at what is left."""
        bench, script = self._bench, self._script
        self._server.hold(passing=tuple(REQUESTS.values()))
        if self._server.open is not None:
            self._server.answer_honestly()
        self._until_quiet()
        if script.end:
            ends = bench.heard(ota.UpgradeEndRequest)
            found = _status(ends[-1].status if ends else None)
            if found not in (wanted := [_status(one) for one in script.end]):
                raise _Left(self.where, f"last end status {found}", " or ".join(wanted))
        if set(script.running) - {"old"}:
            bench.settle()
        else:
            bench.wait(_STEADY_US)
        self._compare_version()
        status = bench.upgrade_status() if script.status else None
        if script.status and status not in script.status:
            wanted = [one.name for one in script.status]
            found = NONE if status is None else status.name
            raise _Left(self.where, f"ImageUpgradeStatus {found}", " or ".join(wanted))

    def _until_quiet(self) -> None:
        bench = self._bench
        quiet_us, progress = bench.quiet_us(), -1
        while progress != len(bench.log.heard):
            progress = len(bench.log.heard)
            if bench.run(lambda: bench.count(ota.UpgradeEndRequest) > 0, quiet_us):
                return

    def _compare_version(self) -> None:
        steps = {**VERSIONS, "old": 0, "new": VERSIONS[self._script.version]}
        versions = {one: self._bench.version(steps[one]) for one in self._script.running}
        found = self._bench.running_version()
        if found not in [versions[one] for one in self._script.running]:
            what = NONE if found is None else f"{found:#010x}"
            wanted = [f"{one} ({versions[one]:#010x})" for one in self._script.running]
            raise _Left(self.where, f"running version {what}", " or ".join(wanted))


def _step(
    wanted: tuple[Wanted, ...], may: tuple[Wanted, ...], over: Mapping[type[Frame], Over]
) -> Step:
    """Return a step in which the server does nothing."""
    silent: dict[str, Any] = {"act": None, "within_us": None, "not_before_us": 0, "reads": {}}
    return Step(wanted=wanted, may=may, over=over, **silent)


def _answered(step: Step) -> tuple[type[Frame], ...]:
    """Return the kinds that the hub may answer by itself in a step."""
    awaited = {one.kind for one in step.wanted}
    return tuple(kind for kind, one in step.over.items() if one.honest and kind not in awaited)


def _has(attribute: Attribute, found: object, accepted: object, terms: Terms) -> bool:
    if accepted == NONE:
        return found is None
    if accepted == "default":
        return found == _SAY_NOTHING.get(attribute, 0xFFFFFFFF)
    return terms.agrees(_FIELDS.get(attribute, ""), accepted, found)


def _said(frame: Frame) -> str:
    """Return a frame as a complaint shows it."""
    values = {one.name: getattr(frame, one.name) for one in fields(frame)}  # type: ignore[arg-type]  # a dataclass
    told = [
        f"{name} {getattr(value, 'name', None) or shown(value)}"
        for name, value in values.items()
        if value is not None
    ]
    return f"{type(frame).__name__} ({', '.join(told)})"


def _shown(attribute: Attribute, value: object) -> str:
    if attribute is Attribute.IMAGE_UPGRADE_STATUS and isinstance(value, int):
        return ImageUpgradeStatus(value).name
    return f"{value:#x}" if isinstance(value, int) else shown(value)


def _status(status: Status | int | None) -> str:
    return NONE if status is None else getattr(status, "name", f"{status:#04x}")
