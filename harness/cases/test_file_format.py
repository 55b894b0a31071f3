"""A device reads files as the standard lays them out: the vectors of ``file_format``."""

from emulator.units import MINUTE
from harness.cases.conftest import MakeTrial
from harness.vectors.image_verify import status_name
from harness.vectors.marks import from_vectors
from harness.vectors.model import Vector


@from_vectors("file_format")
def test_file_is_read_as_laid_out(make_trial: MakeTrial, vector: Vector) -> None:
    """A device runs a file of unusual layout, or refuses it, as the vector says.

    Attack: the file that the vector makes.
    Expect: an end status of its accept list, and what it says boots.
    Source: ota-cluster 5; the notes of the vector.
    """
    bench, trial = make_trial(vector)

    assert status_name(bench.offer(trial.offer)) in trial.statuses
    bench.wait(min(MINUTE, bench.trial_us))
    bench.hub.serve()  # or the power cycle would have it downloaded again
    bench.power_cycle()
    assert bench.running_version() == trial.version

    assert bench.upgrade(trial.control) == trial.control_version  # control: an honest file
