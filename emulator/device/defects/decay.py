"""Hold the defects that show where flash forgets, or where RAM did."""

from collections.abc import Sequence

from emulator.actions import Action
from emulator.boot.loader import Choice, Loader
from emulator.boot.record import BootRecord, BootState, SlotFacts
from emulator.device.defects.model import Defect, with_client, with_parts
from emulator.ota.client import OtaClient
from emulator.units import Us


class _LooksOnce(Loader):
    """Check an image before its first boot, and at none after its confirmation."""

    def _run_active(self, record: BootRecord) -> Choice:
        return Choice(slot=record.active, trial=False, facts=record.images[record.active])


class _TrustsATrial(Loader):
    """Check the image on trial before its first boot only."""

    def _valid(self, record: BootRecord, slot: int) -> bool:
        tried = record.state is BootState.TRIAL and slot == record.candidate
        return tried or super()._valid(record, slot)


class _KnowsNoSpare(Loader):
    """Hold an image for none until it is to be tried."""

    def keep(self, slot: int, facts: SlotFacts) -> None:
        """Note nothing."""


class _BlamesTheDamaged(Loader):
    """Take an image that flash forgot for one that failed its trial."""

    def _begin(self, record: BootRecord) -> Choice:
        slot = record.candidate
        if record.swap_step == 0 and not self._valid(record, slot):
            return self._fall_back(record, record.images[slot])
        return super()._begin(record)


class _CountsNothing(Loader):
    """Run whatever is whole, whatever its security counter."""

    def _may_run(self, record: BootRecord, slot: int) -> bool:
        return self._valid(record, slot)


class _KeepsTheFirst(OtaClient):
    """Hold on to the first of several images when the upgrade is refused."""

    def _want(self, part: int) -> None:
        kept = self._kept
        super()._want(part)
        self._kept = kept


class _ForgetsTheOthers(OtaClient):
    """Need one image alone, where it was found in flash."""

    def _downloaded(self, now: Us) -> Sequence[Action]:
        if self._unasked:
            self._types = self._types[:1]
        return super()._downloaded(now)


DEFECTS = (
    Defect(
        id="D240",
        title="looks at an image before its first boot only",
        copies="GB-081; MCUboot without MCUBOOT_VALIDATE_PRIMARY_SLOT",
        parts=with_parts(loader=_LooksOnce),
        caught_by=("damaged_image_gives_way",),
    ),
    Defect(
        id="D241",
        title="takes the first of several images for all of them after a reset",
        copies="OTA-C-106; OTA-C-107",
        parts=with_client(_ForgetsTheOthers),
        caught_by=("reset_between_images",),
    ),
    Defect(
        id="D281",
        title="looks at an image on trial before its first boot only",
        copies="GB-081; GB-064",
        parts=with_parts(loader=_TrustsATrial),
        caught_by=("damaged_trial_image_goes_back",),
    ),
    Defect(
        id="D282",
        title="is dead where only a verified image that waits is whole",
        copies="GB-081",
        parts=with_parts(loader=_KnowsNoSpare),
        caught_by=("waiting_image_is_the_way_out",),
    ),
    Defect(
        id="D283",
        title="holds on to the first of several images when the server refuses the upgrade",
        copies="OTA-C-106",
        parts=with_client(_KeepsTheFirst),
        caught_by=("refused_upgrade_begins_anew",),
    ),
    Defect(
        id="D284",
        title="boots an image below the security counter where its policy forbids it",
        copies="GB-076; docs/profiles.md, boot.fallback_below_counter",
        parts=with_parts(loader=_CountsNothing),
        caught_by=("loader_holds_the_counter", "loader_tries_nothing_below_the_counter"),
    ),
    Defect(
        id="D293",
        title="takes an image that was damaged while it waited for one that failed its trial",
        copies="design section 8, promise 3",
        parts=with_parts(loader=_BlamesTheDamaged),
        caught_by=("damaged_waiting_image_is_fetched_anew",),
    ),
)
