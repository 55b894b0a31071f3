"""Hold what the tests of homes share: candidates by protocol ranges, and documents to change."""

from harness.premises.load import load
from harness.premises.model import Premises
from harness.premises.plan import Candidate, Offered, Speech

OLD: Speech = (1, 1)
BOTH: Speech = (1, 2)
NEW: Speech = (2, 2)
FIRST, SECOND = 0x01000000, 0x02000000


def candidate(name: str, now: Speech, offered: Speech | None = None, **more: int) -> Candidate:
    """Return a bridge that runs the first version, and is offered the second."""
    image = None if offered is None else Offered(version=SECOND, speaks=offered)
    return Candidate(name=name, version=FIRST, speaks=now, offered=image, **more)


def c6(*candidates: Candidate) -> tuple[Premises, tuple[Candidate, ...]]:
    """Return a home of three bridges; those that are not given run the first version."""
    home = load("C6")
    given = {one.name: one for one in candidates}
    every = tuple(given.get(one.name, candidate(one.name, OLD)) for one in home.bridges)
    return home, every
