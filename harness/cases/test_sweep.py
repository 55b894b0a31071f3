"""A device that loses power anywhere in whole lives keeps its promises: a quick sweep."""

import pytest

from emulator.contract import Capability
from harness.cases.conftest import MakeBench
from harness.covers import covers
from harness.suite import options_of
from harness.sweep.sample import KINDS, PHASES, sample

#: Octets of each offered image.
_SIZE = 2048


@covers("GB-047", "GB-064", "GB-065", "GB-066", "GB-067", "GB-068")
def test_promises_outlive_power_cuts(make_bench: MakeBench, pytestconfig: pytest.Config) -> None:
    """A device keeps its promises wherever power fails in its life, and however.

    Attack: good, mute, crashing, spoilt, late and withdrawn images are offered; the supply is cut
    inside or between flash operations, once in each phase in each way.
    Expect: it boots what was verified, goes on where it stopped, keeps what was confirmed, undoes
    what cannot reach the hub, and never uses a frame counter twice.
    Source: design section 8; gb-alt-han section 5.
    """
    bench = make_bench()
    bench.need(Capability.PROBE)
    defect = options_of(pytestconfig).defect
    drawn = sample(bench.profile, _SIZE, seed=bench.seed, defect=defect)
    assert drawn.broken == ()

    assert drawn.phases >= PHASES  # control: there was something to cut in every phase
    assert drawn.kinds == KINDS
