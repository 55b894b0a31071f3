"""Hold the defects that show where flash forgets, or where RAM did."""

from collections.abc import Sequence

from emulator.actions import Action
from emulator.boot.loader import Choice, Loader
from emulator.boot.record import BootRecord
from emulator.device.defects.model import Defect, with_client, with_parts
from emulator.ota.client import OtaClient
from emulator.units import Us


class _LooksOnce(Loader):
    """Check an image before its first boot, and at none after its confirmation."""

    def _run_active(self, record: BootRecord) -> Choice:
        return Choice(slot=record.active, trial=False, facts=record.images[record.active])


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
)
