"""Choose cases by what a user typed behind ``-k``."""

import re
from collections.abc import Callable, Sequence

from emulator.errors import did_you_mean
from harness.recorder import About
from harness.vectors.load import PREFIXES

#: A wish that means the row of one vector and nothing else, if there is such a vector.
_VECTOR = re.compile(
    rf"(?:\w+::\w+/)?((?:{'|'.join(PREFIXES.values())})-\d{{3,}})(?:\[[^]]+\])?", re.IGNORECASE
)


def vectors_named(wanted: Sequence[str]) -> frozenset[str]:
    """Return the ids of vectors that all wishes together are about; empty: they mean more."""
    found = [_VECTOR.fullmatch(wish.strip()) for wish in wanted]
    ids = frozenset(one[1].upper() for one in found if one is not None)
    return ids if all(found) else frozenset()


def select(every: Sequence[About], wanted: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the indices of the chosen cases, and the wishes that chose none.

    A wish means, the first that fits: the id of a case with its profile, a case for all profiles,
    a vector, a requirement, a topic, a part of any of them. No wish at all chooses every case.
    """
    if not wanted:
        return list(range(len(every))), []
    chosen: set[int] = set()
    unmet = []
    for wish in wanted:
        found = _found(every, wish)
        chosen.update(found)
        if not found:
            unmet.append(wish)
    return sorted(chosen), unmet


def _found(every: Sequence[About], wish: str) -> list[int]:
    text = wish.strip().lower()
    tests: tuple[Callable[[About], bool], ...] = (
        lambda one: one.id.lower() == text,
        lambda one: one.case.lower() == text,
        lambda one: bool(text) and one.vector.lower() == text,
        lambda one: text in [each.id.lower() for each in one.coverage.requirements],
        lambda one: one.topic.lower() == text,
        lambda one: bool(text) and any(text in name for name in _names(one)),
    )
    for test in tests:
        found = [index for index, one in enumerate(every) if test(one)]
        if found:
            return found
    return []


def _names(one: About) -> list[str]:
    return [one.id.lower(), *(each.id.lower() for each in one.coverage.requirements)]


def hint(every: Sequence[About], wish: str) -> str:
    """Return the nearest names to a wish that chose nothing, as the end of a sentence."""
    names = {one.case for one in every} | {one.topic for one in every}
    names |= {one.vector for one in every if one.vector}
    names |= {each.id for one in every for each in one.coverage.requirements}
    return did_you_mean(wish, sorted(names), most=2)
