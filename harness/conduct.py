"""Judge how a device program keeps the ``exec:`` protocol: a small script, rule by rule.

Source: docs/guides/exec.md. It says nothing of how good the device is; the cases do.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise, zip_longest
from typing import Any

import jsonschema

from emulator.actions import Delivered, Join, Joined
from emulator.contract import Capability
from emulator.errors import LinkError
from emulator.faults import CutKind, CutPower
from emulator.profiles.model import Profile
from emulator.units import HOUR, MINUTE, SECOND
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.ota import Status
from harness.bench import SETTLE_US, Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.lanes.exec import CONVERSATIONS, Conversation, ExecLane, schema
from harness.lanes.port import LaneOptions
from harness.verdict import NoVerdict

#: Octets of the payload of an offered image.
_SIZE = 600
#: ZDO cluster of Device_annce.
_DEVICE_ANNOUNCE = 0x0013
#: A call that no protocol has, and a key that no request has.
_UNKNOWN = "x_unknown"


class Kept(StrEnum):
    """Say how a program stands to a rule."""

    OK = "ok"
    NOT_OK = "not ok"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Say of one rule whether it is kept, and what was seen where it is not."""

    id: str
    title: str
    kept: Kept
    seen: str = ""


@dataclass(slots=True)
class Desk:
    """Hold a program to be tried: each bench of it is a new device, of one seed."""

    command: str
    profile: Profile
    options: LaneOptions
    #: Each line that went over, either way.
    heard: list[bytes] = field(default_factory=list)

    @contextmanager
    def bench(self, *, seed: int = 1) -> Iterator[Bench]:
        """Yield a bench whose device is new and off."""
        link = f"exec:{self.command}"
        made = Bench(self.profile, link=link, seed=seed, options=self.options)
        conversation_of(made).heard = self.heard.append
        try:
            yield made
        finally:
            made.close()

    def program(self) -> Conversation:
        """Return a conversation with a program of its own, which said hello."""
        made = CONVERSATIONS.open(self.command, self.options)
        made.heard = self.heard.append
        made.greet()
        return made


def conversation_of(bench: Bench) -> Conversation:
    """Return the conversation behind a bench."""
    assert isinstance(bench.lane, ExecLane)
    return bench.lane.conversation


@dataclass(frozen=True, slots=True)
class Rule:
    """Be one rule; ``judge`` returns what is wrong, empty for nothing."""

    id: str
    title: str
    judge: Callable[[Desk], str]
    needs: Capability | None = None


def check(command: str, profile: Profile, options: LaneOptions) -> Iterator[Finding]:
    """Try a program, and yield a finding for each rule.

    Args:
        command: Of the program.
        profile: What its device is.
        options: How long it may take.

    Raises:
        LinkError: It cannot be started, or does not say hello.
    """
    desk = Desk(command, profile, options)
    conversation = desk.program()
    hello = conversation.greet()
    CONVERSATIONS.leave(conversation)
    yield Finding(id="X01", title=f"says hello: {hello.name}", kept=Kept.OK)
    for rule in RULES:
        found = Finding(id=rule.id, title=rule.title, kept=Kept.OK)
        if rule.needs is not None and rule.needs not in hello.capabilities:
            yield replace(found, kept=Kept.SKIPPED, seen=f"no capability {rule.needs}")
            continue
        try:
            seen = rule.judge(desk)
        except (LinkError, NoVerdict, AssertionError) as error:
            seen = str(error)
        yield replace(found, kept=Kept.NOT_OK if seen else Kept.OK, seen=seen)


def _wanted(found: object, wanted: object) -> str:
    return "" if found == wanted else f"found {found}, wanted {wanted}"


def _version(found: int | None, wanted: int) -> str:
    shown = "no answer" if found is None else f"{found:#010x}"
    return _wanted(shown, f"{wanted:#010x}")


# The device's life.


def _boots(desk: Desk) -> str:
    with desk.bench() as bench:
        conversation, now = conversation_of(bench), 0
        reply = conversation.ask("power_on", now)
        for _ in range(100):
            if any(isinstance(each, Join) for each in reply.actions):
                return ""
            if reply.deadline_us is None or reply.deadline_us > SETTLE_US:
                break
            now = reply.deadline_us
            reply = conversation.ask("wake", now)
    return f"found no Join in {SETTLE_US // MINUTE} minutes, wanted one behind power_on"


def _announces(desk: Desk) -> str:
    with desk.bench() as bench:
        bench.start()
        sent = [one for one in bench.sent_datagrams(_DEVICE_ANNOUNCE) if one.broadcast]
        return "" if sent else "found no Device_annce, wanted a broadcast one behind Joined"


def _queries(desk: Desk) -> str:
    with desk.bench() as bench:
        bench.start()
        if not bench.count(ota.QueryNextImageRequest):
            return "found no Query Next Image Request, wanted one behind the first delay"
        found = bench.last(ota.QueryNextImageRequest).file_version
        return _version(found, FIRST_VERSION)


def _reads(desk: Desk) -> str:
    with desk.bench() as bench:
        bench.start()
        return _version(bench.running_version(), FIRST_VERSION)


def _upgrades(desk: Desk) -> str:
    with desk.bench() as bench:
        bench.start()
        status = bench.offer(bench.image(size=_SIZE))
        if status is not Status.SUCCESS:
            return f"found verdict {status!r}, wanted an Upgrade End Request with SUCCESS"
        bench.settle()
        return _version(bench.running_version(), NEXT_VERSION)


def _keeps_flash(desk: Desk) -> str:
    with desk.bench() as bench:
        bench.start()
        bench.upgrade(bench.image(size=_SIZE))
        bench.power_cycle()
        return _version(bench.running_version(), NEXT_VERSION)


def _begins_anew(desk: Desk) -> str:
    with desk.bench() as bench:
        bench.start()
        bench.upgrade(bench.image(size=_SIZE))
    with desk.bench() as bench:
        bench.start()
        return _version(bench.running_version(), FIRST_VERSION)


def _repeats(desk: Desk) -> str:
    lives = []
    for _ in range(2):
        with desk.bench(seed=7) as bench:
            bench.start()
            bench.power_cycle()
            bench.wait(2 * HOUR)
            lives.append(list(bench.trace.lines()))
    return first_difference(*lives)


def first_difference(before: Sequence[str], again: Sequence[str]) -> str:
    """Say of two lives of one seed which happening is the first that differs; empty for none."""
    pairs = zip_longest(before, again, fillvalue="its end")
    for number, (one, other) in enumerate(pairs, start=1):
        if one != other:
            wanted = f"as in the life before, of the same seed: {one}"
            return f"happening {number}: found {other}, wanted {wanted}"
    return ""


# What does not fit.


def _odd_datagrams(bench: Bench) -> Sequence[Datagram]:
    """Return datagrams that no sound node sends."""
    usual: dict[str, Any] = {
        "source": bench.hub.address,
        "destination": bench.address,
        "source_endpoint": 1,
        "destination_endpoint": bench.profile.ota.endpoint,
        "profile": bench.profile.ota.zigbee_profile,
        "cluster": ota.CLUSTER,
        "options": 0,
    }
    payloads = (
        b"",
        b"\x09",
        b"\x09\x01",
        b"\xff" * 3,
        b"\x09\x01\x05",
        b"\x09\x01\xfe",
        bytes(200),
    )
    made = [Datagram(**usual, payload=each) for each in payloads]
    made.append(Datagram(**{**usual, "cluster": 0xFC01, "payload": b"\x11\x01\x00"}))
    made.append(
        Datagram(**{**usual, "destination_endpoint": 239, "payload": b"\x09\x01\x00\x00\x64"})
    )
    zdo_datagram = {**usual, "destination_endpoint": 0, "profile": 0, "cluster": 0x0004}
    return [*made, *(Datagram(**{**zdo_datagram, "payload": each}) for each in (b"", b"\x01\x02"))]


def _takes_nonsense(desk: Desk) -> str:
    with desk.bench() as bench:
        bench.start()
        for datagram in _odd_datagrams(bench):
            bench.lane.send(datagram)
            bench.wait(SECOND)
        return _version(bench.running_version(), FIRST_VERSION)


def _takes_events(desk: Desk) -> str:
    with desk.bench() as bench:
        bench.start()
        for event in (Delivered(aps_counter=251, success=False), Joined(address=bench.address)):
            bench.lane.event(event)
            bench.wait(SECOND)
        return _version(bench.running_version(), FIRST_VERSION)


def _wakes_in_vain(desk: Desk) -> str:
    with desk.bench() as bench:
        bench.start()
        conversation, now = conversation_of(bench), bench.now
        deadline = conversation.ask("wake", now).deadline_us
        again = conversation.ask("wake", now).deadline_us
        return (
            ""
            if again == deadline or again is not None
            else f"found no deadline, wanted {deadline}"
        )


def _knows_its_limits(desk: Desk) -> str:
    conversation = desk.program()
    try:
        line = conversation.raw(_UNKNOWN)
    finally:
        CONVERSATIONS.leave(conversation)
    found = json.loads(line)
    return "" if set(found) == {"id", "error"} else f"found {line!r}, wanted id and error"


def _goes_on(desk: Desk) -> str:
    conversation = desk.program()
    try:
        conversation.raw(_UNKNOWN)
        conversation.greet(**{_UNKNOWN: [1, {"a": None}]})
    finally:
        CONVERSATIONS.leave(conversation)
    return ""


def _fits_the_schema(desk: Desk) -> str:
    validator = jsonschema.Draft202012Validator(schema())
    for line in desk.heard:
        document = json.loads(line)
        if document.get("call") == _UNKNOWN:
            continue
        error = jsonschema.exceptions.best_match(validator.iter_errors(document))
        if error is not None:
            return f"found {line[:200]!r}: {error.message[:200]}"
    return ""


# The end.


def _ends(desk: Desk, *, politely: bool) -> str:
    conversation = desk.program()
    code = conversation.part() if politely else conversation.program.end()
    if code is None:
        return "found it running still, wanted its end within 2 s"
    return _wanted(f"exit code {code}", "exit code 0") if politely else ""


# Capabilities.


def _counts(desk: Desk) -> str:
    with desk.bench() as bench:
        bench.start()
        bench.upgrade(bench.image(size=_SIZE))
        bench.power_cycle()
        found = bench.frame_counters()
    if len(found) < 2:
        return f"found {len(found)} datagrams with frame_counter, wanted it in each"
    for one, other in pairwise(found):
        if other <= one:
            return f"found frame_counter {other} behind {one}, wanted it to rise"
    return ""


def _operations(desk: Desk) -> str:
    with desk.bench() as bench:
        assert isinstance(bench.lane, ExecLane)
        bench.start()
        before = bench.lane.device.operations()
        bench.upgrade(bench.image(size=_SIZE))
        after = bench.lane.device.operations()
        return (
            "" if after > before else f"found {after} behind an upgrade, wanted more than {before}"
        )


def _cuts(desk: Desk) -> str:
    with desk.bench() as bench:
        assert isinstance(bench.lane, ExecLane)
        bench.start()
        device = bench.lane.device
        device.cut_at(CutPower(operation=device.operations() + 1, kind=CutKind.BEFORE))
        bench.hub.serve()
        bench.offer(bench.image(size=_SIZE), limit_us=HOUR)
        if bench.lane.powered:
            return "found no power_lost in an upgrade, wanted it at the second flash operation"
        bench.start()
        found = bench.running_version()
        return "" if found in (FIRST_VERSION, NEXT_VERSION) else _version(found, FIRST_VERSION)


RULES = (
    Rule("X02", "asks to join when the supply comes", _boots),
    Rule("X03", "announces itself on the network", _announces),
    Rule("X04", "finds the server and queries it, with the version of its factory", _queries),
    Rule("X05", "shows its running version as attribute 0x0002", _reads),
    Rule("X06", "takes an upgrade, and runs it", _upgrades),
    Rule("X07", "keeps its flash over a loss of power", _keeps_flash),
    Rule("X08", "is new after factory", _begins_anew),
    Rule("X09", "does the same again with the same seed", _repeats),
    Rule("X10", "outlives datagrams that no sound node sends", _takes_nonsense),
    Rule("X11", "outlives events that it did not wait for", _takes_events),
    Rule("X12", "outlives a wake when nothing is due", _wakes_in_vain),
    Rule("X13", "answers an unknown call with error", _knows_its_limits),
    Rule("X14", "goes on after an unknown call, and ignores unknown keys", _goes_on),
    Rule("X15", "lets frame counters rise", _counts, Capability.FRAME_COUNTERS),
    Rule("X16", "counts flash operations", _operations, Capability.PROBE),
    Rule("X17", "loses power at a flash operation, and boots again", _cuts, Capability.PROBE),
    Rule("X18", "ends with exit code 0 after bye", lambda desk: _ends(desk, politely=True)),
    Rule("X19", "ends where its stdin ends", lambda desk: _ends(desk, politely=False)),
    Rule("X20", "writes only what the schema knows", _fits_the_schema),
)
