"""What boots after what: the vectors of the family ``rollback``, one row each."""

from emulator.profiles.model import Profile
from harness.cases.conftest import MakeBench
from harness.vectors.marks import from_vectors
from harness.vectors.model import Vector
from harness.vectors.rollback import LATER_VERSION, play, upgraded_once_more
from harness.vectors.rollback_script import changes_for, read_script


@from_vectors("rollback")
def test_what_boots_after(make_bench: MakeBench, profile: Profile, vector: Vector) -> None:
    """A device boots after a script of offers, trials, cuts and refusals what the vector says.

    Attack: the events of the vector, in order.
    Expect: what the vector says; every frame counter above those before it.
    Source: design section 8; gb-alt-han section 5; the notes of the vector.
    """
    script = read_script(vector)
    bench = make_bench(changes_for(vector, profile))
    bench.start()
    play(script, bench)

    assert upgraded_once_more(bench) == LATER_VERSION  # control: an old version is no dead device
