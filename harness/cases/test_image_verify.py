"""A device takes exactly the right files: the vectors of ``image_verify``, one row each."""

from emulator.profiles.model import Profile
from emulator.units import MINUTE
from harness.cases.conftest import MakeBench
from harness.vectors.image_verify import status_name, trial_of
from harness.vectors.marks import from_vectors
from harness.vectors.model import Vector


@from_vectors("image_verify")
def test_file_is_judged_as_expected(
    make_bench: MakeBench, profile: Profile, vector: Vector
) -> None:
    """A device judges a file as the vector says, and takes an honest one afterwards.

    Attack: the file that the vector makes, announced as it says.
    Expect: an end status of its accept list, and what it says boots.
    Source: ota-cluster 6.3, 6.4; gb-alt-han 2.3; the notes of the vector.
    """
    trial = trial_of(vector, profile)
    first = {"first_image": trial.first_image, "first_version": trial.first_version}
    bench = make_bench(trial.profile, **first)
    bench.start()
    bench.hub.settings.offers = bench.hub.settings.offers.DOWNGRADES

    assert status_name(bench.offer(trial.offer)) in trial.statuses
    bench.wait(MINUTE)
    bench.hub.serve()  # or the power cycle would have it downloaded again
    bench.power_cycle()
    assert bench.running_version() == trial.version

    assert bench.upgrade(trial.control) == trial.control_version  # control: an honest file
