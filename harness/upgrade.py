"""Do one upgrade of one bridge, and say what became of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from emulator.actions import Happening, Report
from emulator.contract import Capability
from emulator.units import HOUR, MINUTE, SECOND, Octets, Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame
from emulator.wire.ota import Attribute, Status
from harness.adaptation import Plan
from harness.bench import READ_US, SETTLE_US, Bench
from harness.lanes.port import never
from harness.trace import dissect


@dataclass(slots=True, kw_only=True)
class Tally:
    """Count what is seen of a download; times are the lane's."""

    image_octets: Octets
    #: Octets up to the place that was asked for last.
    done: Octets = 0
    #: Block requests; how many of them came again without having been told to wait.
    blocks: int = 0
    retries: int = 0
    #: How often the hub told the bridge to wait.
    waits: int = 0
    elapsed_us: Us = 0
    #: Whether somebody waits for it: time is real.
    real: bool = False

    @property
    def blocks_per_s(self) -> float:
        """Return the rate of block requests per second."""
        return self.blocks * SECOND / self.elapsed_us if self.elapsed_us else 0.0

    @property
    def left_us(self) -> Us | None:
        """Return how long the rest takes at this rate; None: unknown, or nobody waits for it."""
        if not self.real or not self.done:
            return None
        return self.elapsed_us * (self.image_octets - self.done) // self.done


#: Called whenever a block was asked for, and when all are there.
Progress = Callable[[Tally], None]

#: Command and status of an Image Block Response that tells to wait; read before the frame is.
_WAIT = bytes((0x05, Status.WAIT_FOR_DATA))
#: What ends the time after a verdict of success.
_ENDS = frozenset({Happening.CONFIRMED, Happening.ROLLED_BACK, Happening.DEAD})
#: How often a device on the air is asked what it runs, while it is not what it should be.
_LOOK_US: Us = 5 * SECOND
#: Longest that the whole download may take.
LONGEST_US: Us = 30 * 24 * HOUR


class Ending(StrEnum):
    """Say how an upgrade ended."""

    CONFIRMED = "confirmed"
    REFUSED = "refused"
    ROLLED_BACK = "rolled back"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """Say how one upgrade went.

    ``status`` is that of the last Upgrade End Request, None if none came; both versions were read
    over the air. Times are the lane's: virtual, or real on the air.
    """

    ending: Ending
    reason: str
    status: int | None
    version_before: int | None
    version_after: int | None
    version_offered: int
    image_octets: Octets
    blocks: int
    octets: Octets
    retries: int
    waits: int
    download_us: Us
    total_us: Us

    @property
    def good(self) -> bool:
        """Tell whether the new version runs and is confirmed."""
        return self.ending is Ending.CONFIRMED and self.version_after == self.version_offered

    @property
    def octets_per_s(self) -> float:
        """Return the rate of the download in octets per second."""
        return self.octets * SECOND / self.download_us if self.download_us else 0.0

    @property
    def blocks_per_s(self) -> float:
        """Return the rate of the download in block requests per second."""
        return self.blocks * SECOND / self.download_us if self.download_us else 0.0


class Session:
    """Drive a bench through one upgrade, and count what is seen of it."""

    def __init__(self, bench: Bench, plan: Plan, progress: Progress) -> None:
        self._bench, self._plan, self._progress = bench, plan, progress
        self._reports: list[Report] = []
        self._seen_rows = self._seen_frames = 0
        self._began: Us = 0
        self._virtual = Capability.VIRTUAL_TIME in bench.lane.capabilities
        self._tally = Tally(image_octets=plan.image.image_size, real=not self._virtual)
        self._ran = False  # a device on the air said that it runs the new version
        self._furthest: Octets = 0
        #: When each offset was asked for last, and when the hub told to wait.
        self._asked_at: dict[Octets, Us] = {}
        self._told_at: list[Us] = []

    def run(self) -> Upgrade:
        """Do the upgrade; nothing is judged before this returns.

        Raises:
            LinkError: The link failed; the bridge is not to blame.
        """
        bench = self._bench
        bench.start()
        before = bench.running_version()
        self._began = bench.now
        status = self._download()
        download_us = bench.now - self._began
        if status == Status.SUCCESS:
            self._wait_for_the_end()
        total_us = bench.now
        if self._virtual:
            bench.wait(MINUTE)  # what was confirmed stays
        after = bench.running_version()
        judge = self._judge if self._virtual else self._judge_from_the_air
        ending, reason = judge(status, after)
        tally, size = self._tally, self._plan.image.image_size
        return Upgrade(
            ending=ending,
            reason=reason,
            status=status,
            version_before=before,
            version_after=after,
            version_offered=self._plan.file_version,
            image_octets=size,
            blocks=tally.blocks,
            octets=min(self._furthest, size),
            retries=tally.retries,
            waits=tally.waits,
            download_us=download_us,
            total_us=total_us,
        )

    def _download(self) -> int | None:
        """Offer the image and wait for the verdict; None if the bridge falls silent before."""
        bench = self._bench
        if self._is_pointless():
            return None
        bench.hub.serve(self._plan.image)
        bench.notify()
        bench.run(self._seen(ota.QueryNextImageRequest), READ_US)
        deadline = bench.now + LONGEST_US
        while bench.now < deadline:
            heard = len(bench.hub.heard)
            if bench.run(self._ended, bench.quiet_us()):
                return int(bench.last(ota.UpgradeEndRequest).status)
            if len(bench.hub.heard) == heard:
                return None
        return None

    def _is_pointless(self) -> bool:
        """Tell whether a device on the air has said already that the file is not for it."""
        bench, image = self._bench, self._plan.image
        if self._virtual or not bench.count(ota.QueryNextImageRequest):
            return False
        query = bench.last(ota.QueryNextImageRequest)
        mine = image.fits(query.manufacturer, query.image_type, query.hardware_version)
        return not mine or query.file_version >= image.file_version

    def _seen(self, kind: type[Frame]) -> Callable[[], bool]:
        count = self._bench.count(kind)
        return lambda: self._bench.count(kind) > count

    def _ended(self) -> bool:
        """Show progress where there is any; tell whether the verdict is there."""
        self._read_rows()
        if self._count_requests():
            self._tally.elapsed_us = self._bench.now - self._began
            self._progress(self._tally)
        return ota.UpgradeEndRequest in self._bench.hub.counts

    def _count_requests(self) -> bool:
        """Count the new block requests; tell whether there is one."""
        tally, heard = self._tally, self._bench.hub.heard
        before = tally.blocks
        for at, _, frame, _ in heard[self._seen_frames :]:
            if isinstance(frame, ota.ImageBlockRequest):
                offset = frame.file_offset
                last = self._asked_at.get(offset)
                tally.blocks += 1
                tally.retries += last is not None and not self._was_told(last, at)
                tally.done = offset
                self._asked_at[offset] = at
                self._furthest = max(self._furthest, offset + frame.maximum_data_size)
        self._seen_frames = len(heard)
        return tally.blocks > before

    def _was_told(self, after: Us, before: Us) -> bool:
        """Tell whether the hub told to wait between two requests; the second's answer is not it."""
        return any(after <= told < before for told in self._told_at[-2:])

    def _wait_for_the_end(self) -> None:
        """Let the bridge activate, run its trial, and be confirmed or go back."""
        bench, tally = self._bench, self._tally
        tally.done = tally.image_octets
        self._progress(tally)
        trial_us = bench.profile.boot.confirm_within_s * SECOND
        if self._virtual:
            bench.run(self._finished, trial_us + HOUR)
        else:
            self._look(bench.now + trial_us + SETTLE_US)

    def _look(self, deadline: Us) -> None:
        """Ask the device what it runs until that is new and it has asked the hub, or is old again.

        To ask the hub is what confirms a new version; a notify makes it do so.
        """
        bench = self._bench
        while bench.now < deadline:
            version = bench.value(Attribute.CURRENT_FILE_VERSION)
            if version == self._plan.file_version:
                self._ran = True
                if bench.provoke(ota.QueryNextImageRequest, bench.notify):
                    return
            elif self._ran and version is not None:
                return
            else:
                bench.run(never, _LOOK_US)

    def _finished(self) -> bool:
        """Tell whether a new row of the trace says that it is over."""
        seen = len(self._reports)
        self._read_rows()
        return any(report.what in _ENDS for report in self._reports[seen:])

    def _read_rows(self) -> None:
        """Read the new rows of the trace: what the bridge reports, and when it is told to wait."""
        rows = self._bench.trace.rows
        for at, who, what, subject in rows[self._seen_rows :]:
            if isinstance(subject, Report):
                self._reports.append(subject)
            elif what == "send" and who == "hub" and _says_wait(subject):
                self._tally.waits += 1
                self._told_at.append(at)
        self._seen_rows = len(rows)

    def _judge(self, status: int | None, after: int | None) -> tuple[Ending, str]:
        self._read_rows()
        last = {report.what: report for report in self._reports}
        refused, stopped = last.get(Happening.IMAGE_REFUSED), last.get(Happening.DOWNLOAD_STOPPED)
        if status is None or (status == Status.ABORT and refused is None):
            return Ending.UNFINISHED, _why(stopped, "the bridge asked for no block any more")
        if status != Status.SUCCESS:
            return Ending.REFUSED, _why(refused, "no reason given")
        if Happening.ROLLED_BACK in last:
            return Ending.ROLLED_BACK, "the new version was not confirmed in its trial"
        if Happening.CONFIRMED in last and after == self._plan.file_version:
            return Ending.CONFIRMED, ""
        return Ending.UNFINISHED, "the new version was neither confirmed nor undone"

    def _judge_from_the_air(self, status: int | None, after: int | None) -> tuple[Ending, str]:
        """Judge by what the device said: its reports are for those who have it in hand."""
        runs = "nothing that answers" if after is None else f"version 0x{after:08X}"
        if status is None or status == Status.ABORT:
            return Ending.UNFINISHED, self._why_nothing()
        if status != Status.SUCCESS:
            return Ending.REFUSED, f"it runs {runs}"
        if after == self._plan.file_version:
            return Ending.CONFIRMED, ""
        if self._ran:
            return Ending.ROLLED_BACK, f"it ran the new version, and now {runs}"
        return Ending.UNFINISHED, f"it took the image, and runs {runs}"

    def _why_nothing(self) -> str:
        """Say why a device took no image, as far as its query tells."""
        if self._tally.blocks:
            return "the device asked for no block any more"
        if not self._bench.count(ota.QueryNextImageRequest):
            return "the device did not ask for an image when it was notified"
        query, image = self._bench.last(ota.QueryNextImageRequest), self._plan.image
        found = f"0x{query.manufacturer:04X}-0x{query.image_type:04X}"
        wanted = f"0x{image.manufacturer:04X}-0x{image.image_type:04X}"
        if found != wanted:
            return f"the device is {found}, the file is for {wanted}"
        if not image.fits(query.manufacturer, query.image_type, query.hardware_version):
            return (
                f"the device is hardware 0x{query.hardware_version:04X}, which the file is not for"
            )
        return f"the device runs 0x{query.file_version:08X}, the file is 0x{image.file_version:08X}"


def _why(report: Report | None, otherwise: str) -> str:
    if report is None:
        return otherwise
    return str(dict(report.details).get("why", otherwise))


def _says_wait(subject: object) -> bool:
    if not isinstance(subject, Datagram) or subject.payload[2:4] != _WAIT:
        return False
    frame = dissect(subject)
    return isinstance(frame, ota.ImageBlockResponse) and frame.status == Status.WAIT_FOR_DATA
