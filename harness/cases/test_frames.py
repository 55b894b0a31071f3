"""A device takes every frame for what it is, well-formed or not: vectors of the family frames."""

from emulator.profiles.model import Profile
from harness.cases.conftest import MakeBench
from harness.dut.rungs import rungs
from harness.vectors.fit import settings_for
from harness.vectors.frames import play
from harness.vectors.marks import from_vectors
from harness.vectors.model import Vector


@rungs(end=2)
@from_vectors("frames", having="device")
def test_frame_is_answered_as_listed(
    make_bench: MakeBench, profile: Profile, vector: Vector
) -> None:
    """A device answers a frame in a way that the standard, or a stack in the field, has for it.

    Attack: the octets of the vector, at its stage, to the device alone or to all.
    Expect: an answer of the accept list and no other; no progress that it does not list.
    Source: the notes of the vector's flags.
    """
    played = play(make_bench(settings_for(profile, vector)), vector)
    found, wanted = played.against(vector)
    assert found == wanted

    assert played.works  # control: it goes on with its usual work
