"""Play the script of a rollback vector on a bench, and judge what is seen of the device.

Nothing but what is on the air is looked at: verdicts, block requests, attributes, frame counters.
The player stops at the first thing that is not as the script says, and names the event.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any, TypeAlias

from emulator.contract import Capability
from emulator.units import HOUR, SECOND, Octets, Us
from emulator.wire import ota
from emulator.wire.codec import Frame
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from harness.assertions import shown
from harness.bench import READ_US, Bench
from harness.firmware import FIRST_VERSION, built, filler
from harness.hub.images import Served, served
from harness.hub.settings import Offers, Settings, refuse
from harness.vectors.recipes import render
from harness.vectors.rollback_script import NONE, OLD, Check, Event, Script

#: File version and security counter of the image that shows that a device is still to be upgraded.
LATER_VERSION, LATER_COUNTER = 0x7F000000, 1_000_000
_LATER_SIZE: Octets = 200
#: Activation policy 1: the hub may not start an image (ZCL 11.10.12).
_OUT_OF_BAND_ONLY = 1
#: How long a notify's query may need its answer to be taken and thought over.
_AFTER_QUERY_US: Us = 2 * SECOND
#: What an Upgrade End Response says: the current time and the time of the upgrade.
_NOW = (0, 0)


class Mismatch(AssertionError):
    """A device did something else than a script says: which event, what was found and wanted."""

    def __init__(self, script: Script, where: str, what: str, found: str, wanted: str) -> None:
        super().__init__(f"{script.id}, {where}: {what}: found {found}, wanted {wanted}")
        self.where, self.found, self.wanted = where, found, wanted


def play(script: Script, bench: Bench) -> None:
    """Do everything that a script says, and judge it.

    Args:
        script: What is done, in order, and what must be seen.
        bench: A bench on the script's profile, whose device is up.

    Raises:
        Mismatch: The device did something else.
        Unsupported: The lane cannot do what the script needs.
    """
    bench.need(Capability.FACTORY)  # the versions of a script begin with the one that it made
    for capability in script.capabilities:
        bench.need(capability)
    player = Player(script, bench)
    for event in script.events:
        player.do(event)
    player.judge("the end", script.expect)
    player.judge_counters()


def upgraded_once_more(bench: Bench) -> int | None:
    """Offer a good image of a version above all others, honestly, and return what runs then.

    Whatever a script made of the hub is over: it does again what every hub should.
    """
    bench.hub.settings = Settings(encrypt=bench.hub.settings.encrypt)
    bench.hub.restart()
    bench.lane.refresh()
    payload = filler(_LATER_SIZE, LATER_VERSION)
    bench.offer(built(bench.profile, payload, LATER_VERSION, security_counter=LATER_COUNTER))
    if bench.profile.ota.activation_policy == _OUT_OF_BAND_ONLY:
        bench.wait(SECOND)
        bench.activate()
    bench.settle()
    return bench.running_version()


class Player:
    """Be the hand on the switches of one bench."""

    def __init__(self, script: Script, bench: Bench) -> None:
        self._script, self._bench = script, bench
        self._images: dict[str, Served] = {
            name: served(render(recipe, bench.identity, script.folder), any_hardware=True)
            for name, recipe in script.recipes.items()
        }
        #: The place that complaints name.
        self._where = ""

    def do(self, event: Event) -> None:
        """Play one event."""
        self._where = str(event)
        _PLAYED[event.verb](self, event.value, event.more)

    def judge(self, where: str, check: Check) -> None:
        """Compare what is seen of the device with what a script says."""
        self._where, bench = where, self._bench
        if check.runs is not None:
            version = bench.running_version()
            wanted = self._version(check.runs)
            if version != wanted:
                self._wrong("running version", _hex(version), f"{_hex(wanted)} ({check.runs})")
        if check.status is not None:
            self._judge_one("status", bench.upgrade_status(), check.status)
        if check.downloaded is not None:
            self._judge_downloaded(bench.value(Attribute.DOWNLOADED_FILE_VERSION), check.downloaded)
        for name, counts in check.fetched.items():
            self._judge_one(f"downloads of {name} from octet 0", self._fetched(name), counts)

    def _judge_downloaded(self, found: object, names: tuple[str, ...]) -> None:
        """Compare attribute 0x0004; a device that does not have it shows no version."""
        version = None if found == ota.ANY_VERSION else found
        if version not in [None if one == NONE else self._version(one) for one in names]:
            self._wrong("downloaded version", _hex(version), " or ".join(names))

    def judge_counters(self) -> None:
        """See that no frame counter was used twice, where the lane shows them."""
        if Capability.FRAME_COUNTERS not in self._bench.lane.capabilities:
            return
        for before, after in pairwise(self._bench.frame_counters()):
            if after <= before:
                self._wrong("frame counter", str(after), f"above {before}")

    def _judge_one(self, what: str, found: Any, wanted: tuple[Any, ...]) -> None:  # noqa: ANN401 - as JSON has it
        if found not in wanted:
            self._wrong(what, _said(found), " or ".join(_said(one) for one in wanted))

    def _wrong(self, what: str, found: str, wanted: str) -> None:
        raise Mismatch(self._script, self._where, what, found, wanted)

    def _version(self, name: str) -> int:
        """Return the file version of an image that the script names."""
        return FIRST_VERSION if name == OLD else self._images[name].file_version

    def _fetched(self, name: str) -> int:
        """Return how often an image was downloaded from its first octet on."""
        version, count, last = self._version(name), 0, (-1, -1)
        for heard in self._bench.log.heard:
            frame = heard.frame
            if isinstance(frame, ota.ImageBlockRequest | ota.ImagePageRequest):
                asked = (frame.file_version, frame.file_offset)
                count += asked == (version, 0) and asked != last
                last = asked
        return count

    # The hub.

    def _offer(self, name: str, more: Mapping[str, Any]) -> None:
        found = self._bench.offer(self._images[name])
        self._judge_one("verdict", found, more["verdict"])

    def _download(self, name: str, more: Mapping[str, Any]) -> None:
        """Download so much of an image, whatever the size of the device's blocks."""
        image, octets, size = self._images[name], more["octets"], self._bench.block_octets
        blocks = -(-image.image_size // size) if octets < 0 else max(1, octets // size)
        if self._bench.start_download(image, blocks=blocks) < 0:
            self._wrong("block requests", "none", str(blocks))

    def _serve(self, names: tuple[str, ...], more: Mapping[str, Any]) -> None:
        self._bench.hub.serve(*(self._images[name] for name in names))

    def _notify(self, how: str, more: Mapping[str, Any]) -> None:
        bench = self._bench
        notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
        broadcast = how == "broadcast"
        queries = bench.count(ota.QueryNextImageRequest)
        bench.tell(notify, broadcast=broadcast)
        if not self._more_than(ota.QueryNextImageRequest, queries, READ_US):
            self._wrong("answer", "none", "a Query Next Image Request")
        bench.wait(_AFTER_QUERY_US)

    def _hub(self, how: str, more: Mapping[str, Any]) -> None:
        hub = self._bench.hub
        match how:
            case "silent":
                hub.settings.silent = True
            case "crashed":
                hub.crash()
            case "back":
                hub.settings.silent = False
                hub.restart()
            case _:
                hub.settings.silent = False
                hub.restart(memory=False)
        self._bench.lane.refresh()

    def _refuse_queries(self, count: int, more: Mapping[str, Any]) -> None:
        instead = refuse(ota.QueryNextImageRequest, Status.FAILURE, count=count)
        self._bench.hub.settings.instead.append(instead)

    def _refuse_end(self, count: int, more: Mapping[str, Any]) -> None:
        instead = refuse(ota.UpgradeEndRequest, Status.FAILURE, count=count)
        self._bench.hub.settings.instead.append(instead)

    def _upgrade_time(self, when: int | str, more: Mapping[str, Any]) -> None:
        times = {"now": _NOW, "wait": (0, ota.WAIT_FOR_ANOTHER), "unsaid": None}
        said = times[when] if isinstance(when, str) else (0, when)
        self._bench.hub.settings.end_times_s = said

    def _release(self, name: str, more: Mapping[str, Any]) -> None:
        image = self._images[name]
        self._bench.tell(
            ota.UpgradeEndResponse(
                manufacturer=image.manufacturer,
                image_type=image.image_type,
                file_version=image.file_version,
                current_time_s=_NOW[0],
                upgrade_time_s=_NOW[1],
            )
        )

    def _policy(self, name: str, more: Mapping[str, Any]) -> None:
        self._bench.hub.settings.offers = Offers(name)

    def _member(self, what: str, more: Mapping[str, Any]) -> None:
        if what == "expelled":
            self._bench.expel()
        else:
            self._bench.readmit()

    def _activate(self, how: str, more: Mapping[str, Any]) -> None:
        self._bench.activate()

    # The supply.

    def _cut(self, moment: str, more: Mapping[str, Any]) -> None:
        """Cut the supply, and raise it again; the device then comes up while the script goes on."""
        if moment == "at restart":
            self._until_restart()
        for number in range(more.get("times", 1)):
            if number:
                self._bench.wait(more.get("on_s", 1) * SECOND)
            self._bench.cut_power()
            self._bench.wait(more.get("off_s", 1) * SECOND)
            self._bench.lane.power(True)

    def _until_restart(self) -> None:
        """Let time pass until the device restarts of its own accord, off for a moment."""
        bench, trace = self._bench, self._bench.trace
        bench.need(Capability.VIRTUAL_TIME)
        mark = len(trace.rows)
        longest_us = bench.profile.boot.confirm_within_s * SECOND + HOUR

        def restarts() -> bool:
            nonlocal mark
            fresh, mark = trace.rows[mark:], len(trace.rows)
            return any(what == "reboot" for _, _, what, _ in fresh)

        if not bench.run(restarts, longest_us):
            self._wrong("restart", "none", f"one within {longest_us // SECOND} s")

    def _power_cycle(self, times: int, more: Mapping[str, Any]) -> None:
        for _ in range(times):
            self._bench.power_cycle(more.get("off_s", 1) * SECOND)

    # Time, and what is seen meanwhile.

    def _wait_s(self, seconds: int, more: Mapping[str, Any]) -> None:
        self._bench.wait(seconds * SECOND)

    def _wait_trial_percent(self, percent: int, more: Mapping[str, Any]) -> None:
        self._bench.wait(self._bench.profile.boot.confirm_within_s * SECOND * percent // 100)

    def _next_verdict(self, wanted: tuple[Status | None, ...], more: Mapping[str, Any]) -> None:
        self._judge_one("verdict", self._bench.verdict(6 * HOUR), wanted)

    def _query_within_s(self, seconds: int, more: Mapping[str, Any]) -> None:
        queries = self._bench.count(ota.QueryNextImageRequest)
        if not self._more_than(ota.QueryNextImageRequest, queries, seconds * SECOND):
            self._wrong("query", "none", f"one within {seconds} s")
        self._bench.wait(SECOND)

    def _quiet_s(self, seconds: int, more: Mapping[str, Any]) -> None:
        heard = self._bench.count(Frame)
        self._bench.wait(seconds * SECOND)
        self._judge_one("frames heard", self._bench.count(Frame) - heard, (0,))

    def _check(self, check: Check, more: Mapping[str, Any]) -> None:
        self.judge(self._where, check)

    def _more_than(self, kind: type[Frame], count: int, limit_us: Us) -> bool:
        return self._bench.run(lambda: self._bench.count(kind) > count, limit_us)


Played: TypeAlias = Callable[[Player, Any, Mapping[str, Any]], None]

_PLAYED: Mapping[str, Played] = MappingProxyType(
    {
        "offer": Player._offer,
        "download": Player._download,
        "serve": Player._serve,
        "notify": Player._notify,
        "hub": Player._hub,
        "refuse_queries": Player._refuse_queries,
        "refuse_end": Player._refuse_end,
        "upgrade_time": Player._upgrade_time,
        "release": Player._release,
        "policy": Player._policy,
        "member": Player._member,
        "activate": Player._activate,
        "cut": Player._cut,
        "power_cycle": Player._power_cycle,
        "wait_s": Player._wait_s,
        "wait_trial_percent": Player._wait_trial_percent,
        "next_verdict": Player._next_verdict,
        "query_within_s": Player._query_within_s,
        "quiet_s": Player._quiet_s,
        "check": Player._check,
    }
)


def _said(value: object) -> str:
    if value is None:
        return NONE
    if isinstance(value, Status | ImageUpgradeStatus):
        return shown(value)
    return str(value)


def _hex(version: object) -> str:
    return f"{version:#010x}" if isinstance(version, int) else NONE
