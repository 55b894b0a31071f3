"""Hold the defects of what a trial counts, of what failed, and of exchanging images."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from emulator.actions import Action
from emulator.boot.loader import Choice, Loader
from emulator.boot.placement import Swap, Write
from emulator.boot.record import BootRecord, RecordLog, SlotFacts, Standing
from emulator.device.application import Application
from emulator.device.defects.model import Defect, with_client, with_parts
from emulator.device.store import DownloadStore
from emulator.device.trial import Trial
from emulator.flash.area import Area
from emulator.ota.client import OtaClient
from emulator.ota.ports import Refused
from emulator.units import Us
from emulator.wire.aps import Datagram


class _AsksAtOnce(OtaClient):
    """Ask the hub as soon as the new image is on the network."""

    def start(self, now: Us, *, hurry: bool, not_before: Us = 0) -> Sequence[Action]:
        return super().start(now, hurry=hurry, not_before=now)


class _SearchesAtLeisure(OtaClient):
    """Wait between two searches in a trial as long as at other times."""

    def _undiscovered(self, now: Us) -> Sequence[Action]:
        self._hurried = False
        return super()._undiscovered(now)


class _GivesUpForEver(Loader):
    """Refuse an image that failed once, until somebody asks for it by name."""

    @property
    def retry_in_s(self) -> int | None:
        wait_s = super().retry_in_s
        return None if self.last_failure is not None else wait_s


class _NeverGivesUp(Loader):
    """Count one failure, however often an image fails."""

    def _roll_back(self, record: BootRecord) -> Choice:
        choice = super()._roll_back(record)
        self._records.write(replace(self._record(), failures=1))
        return choice


class _NeverPauses(Application):
    """Count the time of a trial whatever is heard."""

    def _hear(self, trial: Trial, datagram: Datagram, now: Us) -> None:
        pass


class _PausesForEver(Loader):
    """Count no time of a trial as long as anybody is heard."""

    def spend(self, powered_s: int, paused_s: int = 0) -> None:
        super().spend(powered_s)

    @property
    def pause_left_s(self) -> int:
        return self._limits.confirm_pause_max_s


class _TiresAtTheThird(Loader):
    """Keep an image at its third trial boot, as a counter of two bits would."""

    def _try(self, record: BootRecord) -> Choice:
        choice = super()._try(record)
        if choice.trial and self.trial_boots_used == 3:
            self.confirm()
            return replace(choice, trial=False)
        return choice


class _BlamesWhatIsInvalid(DownloadStore):
    """Remember an image that verification refused as one that failed its trial."""

    def check(self) -> Refused | None:
        refused = super().check()
        now = self._memory.now
        if refused is not None and self._extra is None:
            failed = SlotFacts(
                standing=Standing.FAILED,
                manufacturer=now.manufacturer,
                image_type=now.image_type,
                file_version=now.file_version,
                size=now.image_size,
                digest=bytes(32),
            )
            records, record = self._loader._records, self._loader._record()
            records.write(replace(record, images=(*record.images[:2], failed), failures=9))
        return refused


class _KeepsNoCopy(Swap):
    """Write the new image over the old one."""

    def bring_in(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        moved, _ = self.bring_over(record, slots, 1)
        return replace(moved, active=1, candidate=0)


class _StopsWhenFull(RecordLog[Any]):
    """Write no more once every sector of the log was used."""

    def write(self, record: Any) -> None:  # noqa: ANN401 - any frame
        _, octets = self._framed(record, 1)
        if self.sequence < self._area.size // len(octets) * 4:
            super().write(record)


DEFECTS: tuple[Defect, ...] = (
    Defect(
        id="D213",
        title="lets an answer in its first second confirm an image that then crashes",
        copies="GB-065",
        parts=with_client(_AsksAtOnce),
        caught_by=("what_boots_after",),
        vectors=("RB-144",),
    ),
    Defect(
        id="D214",
        title="uses up a short trial with one refused query",
        copies="GB-067",
        parts=with_client(_SearchesAtLeisure),
        caught_by=("what_boots_after",),
        vectors=("RB-145",),
    ),
    Defect(
        id="D215",
        title="refuses an image for ever that failed for want of a hub",
        copies="design section 8, promise 5",
        parts=with_parts(loader=_GivesUpForEver),
        caught_by=("what_boots_after",),
        vectors=("RB-147",),
    ),
    Defect(
        id="D216",
        title="tries a bad image again for ever",
        copies="design section 8, promise 5",
        parts=with_parts(loader=_NeverGivesUp),
        caught_by=("what_boots_after",),
        vectors=("RB-146",),
    ),
    Defect(
        id="D217",
        title="counts the time of a trial though others show that its radio works",
        copies="GB-067",
        parts=with_parts(application=_NeverPauses),
        caught_by=("neighbours_stop_the_clock_of_a_trial",),
    ),
    Defect(
        id="D218",
        title="lets neighbours keep a bad image in its trial for ever",
        copies="GB-064; GB-067",
        parts=with_parts(loader=_PausesForEver),
        caught_by=("neighbours_do_not_keep_a_bad_image",),
    ),
    Defect(
        id="D219",
        title="keeps an image at its third trial boot",
        copies="GB-065; a counter of two bits",
        parts=with_parts(loader=_TiresAtTheThird),
        caught_by=("crashing_image_goes_back", "what_boots_after"),
        vectors=("RB-015",),
    ),
    Defect(
        id="D220",
        title="takes an image that was damaged on the way for one that failed its trial",
        copies="design section 8, promise 3",
        parts=with_parts(store=_BlamesWhatIsInvalid),
        caught_by=("what_boots_after",),
        vectors=("RB-114",),
    ),
    Defect(
        id="D221",
        title="keeps no copy of the old image where images are exchanged",
        copies="MCUboot's overwrite-only mode",
        parts=with_parts(swap=_KeepsNoCopy),
        caught_by=("mute_image_goes_back", "what_boots_after"),
        vectors=("RB-006",),
        where={"boot.scheme": ("swap",)},
    ),
    Defect(
        id="D222",
        title="stops to write records when their area has been full",
        copies="gb-alt-han T3; a log without a way round",
        parts=with_parts(records=_StopsWhenFull),
        caught_by=("mute_image_goes_back", "what_boots_after"),
        vectors=("RB-080",),
        where={"flash.erase_size_octets": (512, 2048)},
    ),
)
