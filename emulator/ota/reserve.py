"""Wait for charge where a battery lacks the reserve for an upgrade and its rollback (GB-073).

Below the reserve no offer is taken, no block is asked for and no verified image is applied; what
is stored stays. The layers below ask ``_short`` where one of these begins; this one goes on when
the charge is back.
"""

from collections.abc import Sequence

from emulator.actions import Action
from emulator.ota.machine import NOTHING
from emulator.ota.queries import Queries
from emulator.ota.stages import Stage
from emulator.units import Us

#: Stages in which a verified image may be held back, and those in which a next query is due.
_HOLDING = frozenset({Stage.WAITING, Stage.EXTERNAL})
_RESTING = frozenset({Stage.READY, Stage.MORE})


class Reserve(Queries):
    """Put off what costs charge, and make up for it."""

    def charge(self, percent: int, reserve: int, now: Us) -> Sequence[Action]:
        """Take note of the charge, and go on with what only waited for it.

        Args:
            percent: What is left of the battery, 0..100.
            reserve: Below how much nothing is downloaded or tried, 0..100.
            now: Virtual time in microseconds.
        """
        self._percent, self._reserve, self._short = percent, reserve, percent < reserve
        if self._short:
            return NOTHING  # the next block, offer or leave finds out
        if self.stage is Stage.PAUSED and self.deadline is None:
            self._tries, self.deadline = self._profile.block_tries, now
            self._unasked = True  # the server may have another image by now
        elif self.stage in _RESTING and self._declined:
            self.deadline = now
        elif self.stage in _HOLDING and self._granted:
            return self._apply_soon(now)
        self._declined = False
        return NOTHING
