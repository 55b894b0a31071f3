"""Make small bridges and sweepers for the tests of this folder."""

from functools import cache

from emulator.profiles.load import load, names
from emulator.profiles.model import Profile
from harness.sweep.engine import Sweeper
from harness.sweep.geometry import PAIRWISE, read_geometry, reshaped
from harness.sweep.lives import LIVES, hastened

#: Octets of an offered image: a few blocks more than two sectors of the smallest geometry.
SIZE = 1500

#: Erase 512 to 64 Ki, unit 1 to 256, both erased values.
GEOMETRIES = tuple(str(one) for one in PAIRWISE)


@cache
def small(geometry: str = "512:64:ff", name: str | None = None) -> Profile:
    """Return a built-in profile on a small flash; without a name the first."""
    return reshaped(hastened(load(name or names()[0])), read_geometry(geometry), SIZE)


def sweeper(
    life: str,
    *,
    geometry: str = "512:64:ff",
    merge: bool = True,
    defect: str | None = None,
    size: int = SIZE,
) -> Sweeper:
    """Return a sweeper of one life on a small flash."""
    return Sweeper(small(geometry), LIVES[life], size, merge=merge, defect=defect)
