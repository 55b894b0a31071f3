"""Defects of a bridge on battery: it spends its reserve, or waits for ever."""

from collections.abc import Callable, Sequence

from emulator.actions import Action
from emulator.device.attributes import Reader
from emulator.device.battery import POWER
from emulator.device.defects.model import Defect, with_client, with_parts
from emulator.ota.client import OtaClient
from emulator.ota.stages import Stage
from emulator.units import Us
from emulator.wire import ota
from emulator.wire.power import Attribute
from emulator.wire.zcl import DataType

_ON_BATTERY: dict[str, tuple[object, ...]] = {"power": ("battery",)}


class _Careless(OtaClient):
    """Do one thing without a look at the charge."""

    def _regardless(self, do: Callable[[], Sequence[Action]]) -> Sequence[Action]:
        short, self._short = self._short, False
        try:
            return do()
        finally:
            self._short = short


class _TakesOffers(_Careless):
    def _answered(self, response: ota.QueryNextImageResponse, now: Us) -> Sequence[Action]:
        answered = super()._answered
        return self._regardless(lambda: answered(response, now))


class _AsksForBlocks(_Careless):
    def _ask(self, now: Us) -> Sequence[Action]:
        ask = super()._ask
        return self._regardless(lambda: ask(now))


class _TriesImages(_Careless):
    def _apply_soon(self, now: Us) -> Sequence[Action]:
        apply_soon = super()._apply_soon
        return self._regardless(lambda: apply_soon(now))

    def _apply(self, now: Us) -> Sequence[Action]:
        apply = super()._apply
        return self._regardless(lambda: apply(now))


class _NeverGoesOn(OtaClient):
    def charge(self, percent: int, reserve: int, now: Us) -> Sequence[Action]:
        stage, deadline = self.stage, self.deadline
        self.stage = Stage.OFF  # and so nothing waits
        actions = super().charge(percent, reserve, now)
        self.stage, self.deadline = stage, deadline
        return actions


class _BeginsAnew(OtaClient):
    def charge(self, percent: int, reserve: int, now: Us) -> Sequence[Action]:
        paused = self.stage is Stage.PAUSED and self.deadline is None
        if paused and percent >= reserve and self._offer is not None:
            self._store.begin(self._offer)
        return super().charge(percent, reserve, now)


#: Whole percent where halves are meant.
_WHOLE_PERCENT = {
    **POWER,
    Attribute.BATTERY_PERCENTAGE_REMAINING: Reader(DataType.UINT8, lambda s: s.gauge.percent),
}

DEFECTS = (
    Defect(
        id="D391",
        title="takes an offer whatever its battery holds",
        copies="GB-073, T9",
        parts=with_client(_TakesOffers),
        caught_by=("low_battery_defers_a_download",),
        where=_ON_BATTERY,
    ),
    Defect(
        id="D392",
        title="goes on with a download that has emptied its battery",
        copies="GB-073, T9",
        parts=with_client(_AsksForBlocks),
        caught_by=("low_battery_pauses_a_download",),
        where=_ON_BATTERY,
    ),
    Defect(
        id="D393",
        title="begins a trial that it could not undo",
        copies="GB-073, T9: no trial without the reserve for a rollback",
        parts=with_client(_TriesImages),
        caught_by=("low_battery_tries_no_image",),
        where=_ON_BATTERY,
    ),
    Defect(
        id="D394",
        title="does not go on when its battery was changed",
        copies="GB-073: it defers, it does not give up",
        parts=with_client(_NeverGoesOn),
        caught_by=("low_battery_pauses_a_download", "low_battery_tries_no_image"),
        where=_ON_BATTERY,
    ),
    Defect(
        id="D395",
        title="begins a download anew that waited for charge",
        copies="GB-047 and GB-073: what is stored is paid for",
        parts=with_client(_BeginsAnew),
        caught_by=("low_battery_pauses_a_download",),
        where=_ON_BATTERY,
    ),
    Defect(
        id="D396",
        title="shows its charge in whole percent, so that half a battery reads as a quarter",
        copies="ZCL rev 8, 3.3.2.2.3: half a percent a step",
        parts=with_parts(power=_WHOLE_PERCENT),
        caught_by=("low_battery_defers_a_download",),
        where=_ON_BATTERY,
    ),
)
