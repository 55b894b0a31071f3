"""A case that wears flash out runs where somebody reaches into it, and nowhere else."""

from collections.abc import Callable

import pytest

from emulator.contract import Capability
from emulator.errors import LinkError
from emulator.faults import WornSector
from emulator.profiles.load import load, names
from emulator.wire.ota import Status
from harness.bench import Bench
from harness.dut.lane import FittedLane
from harness.lanes.port import Lane
from harness.verdict import Unsupported

B = load(names()[0])
#: A sector that every download erases.
PLACE = B.flash.slot_b[0]


def fitted(*, described: bool) -> Callable[[Lane], Lane]:
    """Return what makes a lane one of a device that somebody describes, or that nobody does."""
    return lambda lane: FittedLane(lane, described=described)


def test_a_worn_sector_is_felt_until_flash_is_as_new() -> None:
    bench = Bench(B)
    bench.start()
    bench.wear(PLACE)
    assert bench.offer(bench.image()) is not Status.SUCCESS
    bench.wear()
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)
    bench.close()


@pytest.mark.parametrize("described", [True, False])
def test_a_lane_without_flash_makes_the_case_unsupported(described: bool) -> None:
    for bench in (Bench(B, link="loopback:"), Bench(B, fit=fitted(described=described))):
        assert Capability.WEAR not in bench.lane.capabilities
        with pytest.raises(Unsupported, match="this lane has no worn flash"):
            bench.wear(PLACE)
        bench.close()


def test_nobody_wears_out_a_device_under_test() -> None:
    sealed = Bench(B, link="loopback:").lane
    with pytest.raises(LinkError, match="this lane shows nothing of flash"):
        sealed.wear([WornSector(address=PLACE)])
    with pytest.raises(LinkError, match="nobody reaches into the flash of a device under test"):
        Bench(B, fit=fitted(described=True)).lane.wear([WornSector(address=PLACE)])


def test_a_made_device_behind_a_fitted_lane_wears_out() -> None:
    bench = Bench(B, fit=fitted(described=False))
    bench.start()
    bench.lane.wear([WornSector(address=PLACE)])
    assert bench.offer(bench.image()) is not Status.SUCCESS
    bench.close()
