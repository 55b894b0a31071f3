"""Rehearse a run on an emulated bridge that is as a DUT file says: what runs, and for how long.

The bridge has the device's profile and its firmware, the lane no more than the real one. Virtual
time then is what the device would take; nothing of it says how the device itself will do.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from emulator.contract import Capability
from emulator.units import SECOND, Us
from harness.bench import Bench
from harness.dut.keeper import Keeper, Means, start_of
from harness.dut.model import Dut
from harness.dut.rungs import Rungs
from harness.report.model import CaseResult
from harness.verdict import Outcome

#: What a bench costs in real time beside what its device does: to open and close a lane.
OVERHEAD_US: Us = 2 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Be one case of a plan: how long it takes, and whether the device is restored before it.

    ``reason`` says why it will not run; empty: it will.
    """

    id: str
    duration_us: Us
    restores: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Hold what will be done with one device, in order."""

    dut: str
    turns: tuple[Turn, ...]
    restore_us: Us
    #: Whether the device lives in virtual time, which passes at once.
    virtual: bool
    #: Cases in which the emulated bridge did not pass: the file may contradict itself there.
    doubtful: tuple[str, ...] = ()

    @property
    def runs(self) -> tuple[Turn, ...]:
        """Return the cases that will run."""
        return tuple(one for one in self.turns if not one.reason)

    @property
    def restores(self) -> int:
        """Return how often the device is brought to another version between cases."""
        return sum(one.restores for one in self.runs)

    @property
    def total_us(self) -> Us:
        """Return how long everything takes."""
        return sum(one.duration_us for one in self.runs) + self.restores * self.restore_us

    def reasons(self) -> list[tuple[str, int]]:
        """Return why cases will not run, the commonest reason first."""
        return Counter(one.reason for one in self.turns if one.reason).most_common()


def rehearsed(dut: Dut) -> Dut:
    """Return a device under test as it is rehearsed: no lane and no switch of its own."""
    return replace(dut, link=None, power=None)


def withheld_for(can: frozenset[Capability], *, switched: bool) -> frozenset[Capability]:
    """Return what the rehearsal of a lane may not do, as that lane cannot.

    Args:
        can: What the real lane can do by itself.
        switched: Whether something switches the device's power there.
    """
    power = frozenset({Capability.POWER}) if switched else frozenset()
    return frozenset(Capability) - can - power


def restore_time(dut: Dut) -> Us:
    """Return how long it takes to bring the device to another version: one upgrade."""
    keeper = Keeper(rehearsed(dut), Means())
    bench = Bench(dut.profile, **keeper.place(Rungs(), dut.profile, None))
    try:
        bench.start()
        began = bench.now
        if len(dut.ladder.rungs) > 1:
            bench.upgrade(dut.ladder.rungs[1].octets)
        return bench.now - began + OVERHEAD_US
    finally:
        bench.close()


def plan(
    dut: Dut, results: Sequence[tuple[CaseResult, Rungs]], *, renewed: bool, restore_us: Us
) -> Plan:
    """Return the plan that follows from a rehearsal.

    Args:
        dut: The device.
        results: Its results, in the order in which the cases will run, with their versions.
        renewed: Whether every case gets a new device.
        restore_us: How long a restore takes.
    """
    turns: list[Turn] = []
    running = 0
    for result, rungs in results:
        reason = result.reason if result.verdict is Outcome.UNSUPPORTED else ""
        start = rungs.start if renewed else start_of(dut.ladder, rungs, running)
        if start is None and not reason:
            reason = "the ladder is climbed, and nothing brings the device back (ladder.restore)"
        if reason or start is None:
            turns.append(Turn(id=result.id, duration_us=0, restores=False, reason=reason))
            continue
        took = result.duration_us + (0 if renewed else OVERHEAD_US)
        restores = not renewed and start != running
        turns.append(Turn(id=result.id, duration_us=took, restores=restores))
        running = start + rungs.end - rungs.start
    odd = (Outcome.FAILED, Outcome.ERROR)
    return Plan(
        dut=dut.name,
        turns=tuple(turns),
        restore_us=restore_us,
        virtual=renewed,
        doubtful=tuple(result.id for result, _ in results if result.verdict in odd),
    )
