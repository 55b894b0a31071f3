"""A device takes exactly the right files: the vectors of ``image_verify``, one row each."""

from emulator.units import MINUTE
from harness.cases.conftest import MakeTrial
from harness.vectors.image_verify import status_name
from harness.vectors.marks import from_vectors
from harness.vectors.model import Vector


@from_vectors("image_verify")
def test_file_is_judged_as_expected(make_trial: MakeTrial, vector: Vector) -> None:
    """A device judges a file as the vector says, and takes an honest one afterwards.

    Attack: the file that the vector makes, announced as it says.
    Expect: an end status of its accept list, and what it says boots.
    Source: ota-cluster 6.3, 6.4; gb-alt-han 2.3; the notes of the vector.
    """
    bench, trial = make_trial(vector, first=True)
    bench.hub.settings.offers = bench.hub.settings.offers.DOWNGRADES

    assert status_name(bench.offer(trial.offer)) in trial.statuses
    bench.wait(min(MINUTE, bench.trial_us))
    bench.hub.serve()  # or the power cycle would have it downloaded again
    bench.power_cycle()
    assert bench.running_version() == trial.version

    assert bench.upgrade(trial.control) == trial.control_version  # control: an honest file
