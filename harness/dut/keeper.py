"""Keep a device at the version that the next case starts with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypedDict

from emulator.contract import Capability
from emulator.crypto.install_code import link_key_of
from emulator.errors import LinkError
from emulator.profiles import load
from emulator.profiles.model import Profile
from emulator.units import SECOND
from emulator.wire import ota
from emulator.wire.ota import Status
from harness.bench import Bench
from harness.covers import Coverage
from harness.dut.firmware import LadderFirmware
from harness.dut.lane import OF_MADE, FittedLane
from harness.dut.model import Dut, Ladder, Restore, Step
from harness.dut.rungs import Rungs
from harness.lanes.port import Lane, LaneOptions
from harness.power.command import run_command
from harness.power.switch import Switch, open_switch
from harness.vectors.image_verify import OFFERS
from harness.verdict import Unsupported

#: The lanes that make the device new for every bench, with the image they are given.
RENEWING = frozenset({"direct", "loopback", "exec"})
#: Longest that a restoring command may take.
_COMMAND_S = 1800
#: The families of vectors that may make do with the firmware of the ladder.
PLAYABLE = frozenset({"frames", "session", *OFFERS})


class Place(TypedDict):
    """Hold what a bench for a device under test is made with."""

    link: str
    eui64: int
    firmware: LadderFirmware
    fit: Callable[[Lane], Lane]
    options: LaneOptions
    first_image: None
    first_version: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Say how devices under test are reached.

    Args:
        link: The lane, for those whose file names none.
        power: The switch, for those whose file names none; None: the lane's own.
        withheld: What lanes may not do with them.
        options: What the user wants of lanes.
    """

    link: str = "direct:"
    power: str | None = None
    withheld: frozenset[Capability] = OF_MADE
    options: LaneOptions = LaneOptions()  # noqa: RUF009 - frozen


class Keeper:
    """Know what one device runs, and bring it where a case needs it."""

    def __init__(self, dut: Dut, means: Means) -> None:
        self._dut, self._means = dut, means
        self._link = dut.link or means.link
        power = dut.power or means.power
        self._switch: Switch | None = None if power is None else open_switch(power)
        self._running: int | None = None
        #: The version of a download that a case began and did not end.
        self._begun: int | None = None
        #: Whether the device has its supply; None: nobody knows yet.
        self._supplied: bool | None = None
        options = replace(means.options, switched=self._switch is not None)
        self._options = _admitting(dut, options)

    def _fit(self, lane: Lane) -> Lane:
        withheld = self._means.withheld
        real = Capability.VIRTUAL_TIME in withheld
        most_us = self._options.max_wait_us if real else None
        return FittedLane(lane, self._switch, withheld, most_us)

    @property
    def renewed(self) -> bool:
        """Tell whether every bench gets a new device."""
        return self._link.partition(":")[0] in RENEWING

    def close(self) -> None:
        """Give back what is held for the device."""
        if self._switch is not None:
            self._switch.close()

    # Before a case.

    def check(self, coverage: Coverage, family: str | None, rungs: Rungs) -> None:
        """Find out from statements alone whether a case can run.

        Raises:
            Unsupported: It cannot.
        """
        items = tuple(each.pics for each in coverage.requirements)
        if (item := self._dut.unstated(items)) is not None:
            raise Unsupported(f"the device states no {item}")
        if family is not None and family not in PLAYABLE:
            raise Unsupported(
                f"vectors of the family {family} need firmware that the harness makes"
            )
        there = len(self._dut.ladder.rungs)
        if rungs.needed > there:
            raise Unsupported(f"needs {rungs.needed} versions, the ladder has {there}")

    def place(self, rungs: Rungs, wanted: Profile, first_image: bytes | None) -> Place:
        """Bring the device to where a case starts, and say how its bench is made.

        Args:
            rungs: The versions of the case.
            wanted: The profile that it wants of the device.
            first_image: The image that it wants the device to begin with, None: the ladder's.

        Raises:
            Unsupported: The device is not so, or cannot be brought there.
            LinkError: It should have got there, and did not.
        """
        if wanted != self._dut.profile:
            changed = ", ".join(load.changed_keys(self._dut.profile, wanted))
            raise Unsupported(f"this device cannot be given other settings: {changed}")
        if first_image is not None:
            raise Unsupported("needs a device that begins with firmware that the harness makes")
        self._supply()
        start = rungs.start if self.renewed else self._reached(rungs)
        return self._place(start)

    def _supply(self) -> None:
        """Raise the supply where a case left it cut, or nobody knows: a lane looks for the device.

        Raises:
            LinkError: The supply could not be switched.
        """
        if self._switch is not None and not self._supplied and not self.renewed:
            self._switch.set(True)
            self._supplied = True

    def _place(self, start: int) -> Place:
        return Place(
            link=self._link,
            eui64=self._dut.eui64,
            firmware=LadderFirmware(self._dut, start),
            fit=self._fit,
            options=self._options,
            first_image=None,
            first_version=None,
        )

    def _bench(self, start: int) -> Bench:
        bench = Bench(self._dut.profile, **self._place(start))
        bench.start()
        return bench

    # After a case.

    def left(self, bench: Bench) -> None:
        """Note what the device runs at the end of a case, when all it was told has happened."""
        self._running, self._supplied = None, bench.lane.powered
        if self.renewed or not bench.hub.members:
            return
        self._begun = begun(bench)
        if self._begun is not None or not bench.lane.powered:
            return
        bench.hub.lies.clear()
        bench.hub.settings.silent = False
        ends = bench.heard(ota.UpgradeEndRequest)
        version = bench.running_version()
        if ends and ends[-1].status is Status.SUCCESS and ends[-1].file_version != version:
            bench.settle()
            version = bench.running_version()
        self._running = version

    # Restoring.

    def _reached(self, rungs: Rungs) -> int:
        """Bring the device to the start of a case, and return its place on the ladder."""
        ladder = self._dut.ladder
        start = self._start(rungs, ladder.at(self._running))
        if self._running is None or ladder.rungs[start].version != self._running:
            bench = self._bench(start)
            try:
                self._finish(bench)
                self._running = bench.running_version()
                start = self._start(rungs, ladder.at(self._running))
                if self._running != ladder.rungs[start].version:
                    self._restore(bench, start)
            finally:
                bench.close()
        return start

    def _finish(self, bench: Bench) -> None:
        """Let the device end a download that a case began: it would go on with it in the next one.

        What it has may be of a file that the case spoilt: then it is refused, and fetched anew.
        """
        at, self._begun = self._dut.ladder.at(self._begun), None
        if at is not None:
            rung = self._dut.ladder.rungs[at]
            if bench.upgrade(rung.octets) != rung.version:
                bench.upgrade(rung.octets)

    def _start(self, rungs: Rungs, running: int | None) -> int:
        """Return the place on the ladder that a case starts from, where the device runs one."""
        ladder = self._dut.ladder
        start = start_of(ladder, rungs, running)
        if start is None:
            above = f"above {ladder.rungs[running or 0].version:#010x}, where the device stands"
            raise Unsupported(f"needs {rungs.top - rungs.start} versions {above}")
        return start

    def _restore(self, bench: Bench, start: int) -> None:
        """Bring the device to a place on the ladder.

        Raises:
            LinkError: It did not get there.
        """
        dut, found = self._dut, self._running
        wanted = dut.ladder.rungs[start]
        if dut.ladder.restore is Restore.COMMAND:
            values = {"file": wanted.file, "version": f"{wanted.version:#010x}"}
            eui64 = f"{dut.eui64:016x}"
            command = dut.ladder.command
            run_command(command, "restore", limit_s=_COMMAND_S, eui64=eui64, **values)
            bench.wait(SECOND)
        else:
            for at in self._way(found, start):
                bench.hub.settings.offers = bench.hub.settings.offers.ANY
                bench.upgrade(dut.ladder.rungs[at].octets)
        bench.trace(bench.now, "bench", "restored", wanted.version)
        self._running = bench.running_version()
        if self._running != wanted.version:
            runs = "nothing" if self._running is None else f"{self._running:#010x}"
            raise LinkError(
                f"{dut.name}: restore: found {runs} running, wanted {wanted.version:#010x}"
            )

    def _way(self, found: int | None, start: int) -> range | tuple[int, ...]:
        """Return the places on the ladder that are installed one after the other."""
        at = self._dut.ladder.at(found)
        if at is None or start < at or Step.SKIP in self._dut.ladder.steps:
            return (start,)
        return range(at + 1, start + 1)


def begun(bench: Bench) -> int | None:
    """Return the version whose download a device began and did not end, None if there is none."""
    for one in reversed(bench.log.heard):
        if isinstance(one.frame, ota.UpgradeEndRequest):
            return None
        if isinstance(one.frame, ota.ImageBlockRequest | ota.ImagePageRequest):
            return one.frame.file_version
    return None


def start_of(ladder: Ladder, rungs: Rungs, running: int | None) -> int | None:
    """Return the place on a ladder that a case starts from: where the device stands, if it can.

    Args:
        ladder: The device's.
        rungs: The versions of the case.
        running: The place of the version that runs; None: it is none of the ladder's.

    Returns:
        None where the case has no place above, and nothing brings the device down.
    """
    if running is None:
        return rungs.start
    here = max(rungs.start, running)
    if here + rungs.top - rungs.start < len(ladder.rungs):
        return here
    return None if ladder.restore is Restore.LADDER else rungs.start


def _admitting(dut: Dut, options: LaneOptions) -> LaneOptions:
    """Return lane options by which a network admits this device with its own key."""
    key, code = dut.join.link_key, dut.join.install_code
    if code is not None:
        key = link_key_of(code)
    network = replace(options.network, eui64=dut.eui64)
    return replace(options, network=network if key is None else replace(network, link_key=key))
