"""Hold the defects that show where a sector of flash takes no more erases."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from emulator.actions import Action
from emulator.boot.loader import Loader
from emulator.boot.placement import Swap, Write
from emulator.boot.record import NO_IMAGE, BootRecord, BootState, RecordLog
from emulator.device.defects.model import Defect, with_client, with_parts
from emulator.errors import WornError
from emulator.flash.area import Area
from emulator.ota.client import OtaClient
from emulator.units import Octets, Us
from emulator.wire.codec import F


class _AsksNoMore(OtaClient):
    """Rest for good once something could not be stored."""

    def _worn(self, error: WornError, now: Us) -> Sequence[Action]:
        actions = super()._worn(error, now)
        self.deadline = None
        return actions


class _BelievesItsRecord(RecordLog[F]):
    """Take a record for written that found no sector."""

    def write(self, record: F) -> None:
        """Write it, and look at no error."""
        with suppress(WornError):
            super().write(record)


class _GoesOn(Swap):
    """Do the next step of an exchange, whatever became of the one before."""

    def _step(self, step: int, slots: Sequence[Area], start: Octets, length: Octets) -> None:
        with suppress(WornError):
            super()._step(step, slots, start, length)


class _StaysWhereItIs(Swap):
    """Keep the image on trial where the exchange cannot be done backwards."""

    def bring_back(self, record: BootRecord, slots: Sequence[Area], write: Write) -> BootRecord:
        """Give up the way back with the exchange."""
        turned = replace(record, active=record.candidate, candidate=record.active)
        return super().bring_back(record if self._is_sound(slots) else turned, slots, write)

    def _is_sound(self, slots: Sequence[Area]) -> bool:
        try:
            self._scratch.erase(0, self._scratch.geometry.erase_size_octets)
        except WornError:
            return False
        return True


class _PutsTogether(Swap):
    """Put an image together without a look at whether it is whole, and run that."""

    def _give_up(self, record: BootRecord, slots: Sequence[Area]) -> BootRecord | None:
        images = (record.images[0], NO_IMAGE, record.images[2])
        for area, at, start, length in self._pieces(record, slots, 0):
            if area is not slots[0]:
                octets = area.read(at, length)
                slots[0].erase(start, length)
                slots[0].program(start, octets)
        return replace(record, images=images, swap_step=0)


class _TrustsTheWayBack(Loader):
    """Look at no image that it went back to."""

    def _valid(self, record: BootRecord, slot: int) -> bool:
        return record.state is BootState.REVERT or super()._valid(record, slot)


class _MakesNoRoom(RecordLog[F]):
    """Erase a sector when a record needs it, and not before."""

    def make_room(self) -> None:
        """Leave it for later."""


#: Bridges that exchange their images; those that run one where it lies have nothing to give up.
_EXCHANGING = {"boot.scheme": ("swap",)}

DEFECTS = (
    Defect(
        id="D285",
        title="asks for no image any more once flash failed",
        copies="design section 8, promise 7",
        parts=with_client(_AsksNoMore),
        caught_by=("worn_slot_is_no_room",),
    ),
    Defect(
        id="D286",
        title="takes a boot record for written that flash refused",
        copies="design section 8, promise 7",
        parts=with_parts(records=_BelievesItsRecord),
        caught_by=("worn_record_costs_no_image",),
    ),
    Defect(
        id="D287",
        title="goes on with an exchange of images when a step of it failed",
        copies="design section 8, promise 1",
        parts=with_parts(swap=_GoesOn),
        caught_by=("exchange_is_given_up_whole",),
        where=_EXCHANGING,
    ),
    Defect(
        id="D288",
        title="keeps a bad image where the exchange cannot be done backwards",
        copies="GB-064",
        parts=with_parts(swap=_StaysWhereItIs),
        caught_by=("way_back_is_open",),
        where=_EXCHANGING,
    ),
    Defect(
        id="D289",
        title="erases room for the confirmation only when it is due",
        copies="design section 8, promise 4",
        parts=with_parts(records=_MakesNoRoom),
        caught_by=("confirmation_needs_no_erase",),
        where={"flash.erase_size_octets": (512,)},
    ),
    Defect(
        id="D290",
        title="puts its old image together again though it is not whole",
        copies="GB-081",
        parts=with_parts(swap=_PutsTogether),
        caught_by=("given_up_exchange_keeps_what_is_whole",),
        where=_EXCHANGING,
    ),
    Defect(
        id="D291",
        title="looks at no image that it went back to",
        copies="GB-066; GB-081",
        parts=with_parts(loader=_TrustsTheWayBack),
        caught_by=("closed_way_back_is_no_end",),
        where=_EXCHANGING,
    ),
)
