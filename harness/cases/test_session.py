"""A device keeps to a scripted exchange, answer by answer: vectors of the family session."""

from emulator.profiles.model import Profile
from harness.cases.conftest import MakeBench
from harness.dut.rungs import rungs
from harness.vectors.fit import settings_for
from harness.vectors.marks import from_vectors
from harness.vectors.model import Vector
from harness.vectors.session import CONTROL, play, upgrade_honestly
from harness.vectors.session_script import read_script


@rungs(end=3)
@from_vectors("session")
def test_session_goes_as_scripted(make_bench: MakeBench, profile: Profile, vector: Vector) -> None:
    """A device sends what the script accepts, at each step, and ends as it says.

    Attack: the server answers, or speaks unasked, as the vector's steps say.
    Expect: the next frame of the device is one of those accepted; version and status at the end.
    Source: the notes of the vector's flags.
    """
    script = read_script(vector.id, vector.body)
    bench = make_bench(settings_for(profile, vector))
    played = play(bench, script)
    assert played.found == played.wanted

    assert played.upgraded or upgrade_honestly(bench) == bench.version(CONTROL)  # control
