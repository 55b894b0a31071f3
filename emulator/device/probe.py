"""Look inside an emulated bridge: for the sweep and the direct lane, never for a case."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from emulator.device.bridge import Bridge
from emulator.device.defects.catalogue import DEFECTS, parts_of
from emulator.faults import CutPower
from emulator.flash.nor import Operation, Snapshot


class ProbeState(NamedTuple):
    """Be all of a bridge that outlives its RAM; pages are shared, never copied."""

    flash: Snapshot
    chance: object


class DefectFacts(NamedTuple):
    """Be what is told of a defect: what it is, what it copies, which cases must catch it."""

    id: str
    title: str
    copies: str
    caught_by: tuple[str, ...]


class Probe:
    """Count and cut a bridge's flash operations; copy it and put it back.

    A copy holds no RAM, which dies with the supply: restore it to a bridge that is off.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    @staticmethod
    def defects() -> tuple[DefectFacts, ...]:
        """Return every defect that can be planted."""
        return tuple(
            DefectFacts(one.id, one.title, one.copies, one.caught_by) for one in DEFECTS.values()
        )

    def plant(self, defect: str) -> None:
        """Replace the part that a defect is made of; call before ``factory``.

        Raises:
            KeyError: No defect has this id.
        """
        self._bridge.parts = parts_of(defect)

    @property
    def operations(self) -> Sequence[Operation]:
        """Return the operation log of the bridge's whole life."""
        return self._bridge.flash.log

    def cut(self, *cuts: CutPower) -> None:
        """Cut the supply at operations that are to come, in order."""
        self._bridge.flash.arm(*cuts)

    def snapshot(self) -> ProbeState:
        """Copy flash and streams of chance."""
        return ProbeState(self._bridge.flash.snapshot(), self._bridge.chance_state())

    def restore(self, state: ProbeState) -> None:
        """Put a copy back; the bridge must be off."""
        self._bridge.power_off(0)
        self._bridge.flash.restore(state.flash)
        self._bridge.set_chance_state(state.chance)

    def fingerprint(self) -> bytes:
        """Return a digest of every octet of flash and of the streams of chance."""
        content = self._bridge.flash.content().digest()
        return hashlib.sha256(content + repr(self._bridge.chance_state()).encode()).digest()
