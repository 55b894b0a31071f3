"""Do one upgrade of one bridge, and say what became of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from emulator.actions import Happening, Report
from emulator.units import HOUR, MINUTE, SECOND, Octets, Us
from emulator.wire import ota
from emulator.wire.codec import Frame
from emulator.wire.ota import Status
from harness.adaptation import Plan
from harness.bench import READ_US, Bench

#: Called with octets downloaded, and octets of the whole image.
Progress = Callable[[Octets, Octets], None]

#: What ends the time after a verdict of success.
_ENDS = frozenset({Happening.CONFIRMED, Happening.ROLLED_BACK, Happening.DEAD})
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
    over the air. Times are virtual.
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
    download_us: Us
    total_us: Us

    @property
    def good(self) -> bool:
        """Tell whether the new version runs and is confirmed."""
        return self.ending is Ending.CONFIRMED and self.version_after == self.version_offered

    @property
    def octets_per_s(self) -> float:
        """Return the rate of the download in octets per virtual second."""
        return self.octets * SECOND / self.download_us if self.download_us else 0.0


class Session:
    """Drive a bench through one upgrade, and count what is seen of it."""

    def __init__(self, bench: Bench, plan: Plan, progress: Progress) -> None:
        self._bench, self._plan, self._progress = bench, plan, progress
        self._reports: list[Report] = []
        self._seen_rows = 0
        self._asked = -1

    def run(self) -> Upgrade:
        """Do the upgrade; nothing is judged before this returns.

        Raises:
            LinkError: The link failed; the bridge is not to blame.
        """
        bench = self._bench
        bench.start()
        before = bench.running_version()
        began = bench.now
        status = self._download()
        download_us = bench.now - began
        if status == Status.SUCCESS:
            self._wait_for_the_end()
        total_us = bench.now
        bench.wait(MINUTE)  # what was confirmed stays
        after = bench.running_version()
        ending, reason = self._judge(status, after)
        requests = bench.heard(ota.ImageBlockRequest)
        offsets = {one.file_offset: one.maximum_data_size for one in requests}
        size = self._plan.image.image_size
        furthest = max((at + count for at, count in offsets.items()), default=0)
        return Upgrade(
            ending=ending,
            reason=reason,
            status=status,
            version_before=before,
            version_after=after,
            version_offered=self._plan.file_version,
            image_octets=size,
            blocks=len(requests),
            octets=min(furthest, size),
            retries=len(requests) - len(offsets),
            download_us=download_us,
            total_us=total_us,
        )

    def _download(self) -> int | None:
        """Offer the image and wait for the verdict; None if the bridge falls silent before."""
        bench = self._bench
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

    def _seen(self, kind: type[Frame]) -> Callable[[], bool]:
        count = self._bench.count(kind)
        return lambda: self._bench.count(kind) > count

    def _ended(self) -> bool:
        """Show progress where there is any; tell whether the verdict is there."""
        counts = self._bench.hub.counts
        asked = counts.get(ota.ImageBlockRequest, 0)
        if asked != self._asked:
            self._asked = asked
            last = self._bench.hub.heard[-1].frame
            if isinstance(last, ota.ImageBlockRequest):
                self._progress(last.file_offset, self._plan.image.image_size)
        return ota.UpgradeEndRequest in counts

    def _wait_for_the_end(self) -> None:
        """Let the bridge activate, run its trial, and be confirmed or go back."""
        bench, size = self._bench, self._plan.image.image_size
        self._progress(size, size)
        trial_us = bench.profile.boot.confirm_within_s * SECOND
        bench.run(self._finished, trial_us + HOUR)

    def _finished(self) -> bool:
        """Read the new rows of the trace; tell whether one says that it is over."""
        rows = self._bench.trace.rows
        over = False
        for row in rows[self._seen_rows :]:
            if isinstance(row[3], Report):
                self._reports.append(row[3])
                over = over or row[3].what in _ENDS
        self._seen_rows = len(rows)
        return over

    def _judge(self, status: int | None, after: int | None) -> tuple[Ending, str]:
        self._finished()
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


def _why(report: Report | None, otherwise: str) -> str:
    if report is None:
        return otherwise
    return str(dict(report.details).get("why", otherwise))
