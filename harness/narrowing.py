"""Pass over the cases that a run cannot choose: they are told of, and never made.

Whoever names one case waits for that one. The others are still read, as the report says what stands
for each requirement; but pytest rewrites none of their files, and makes no row of theirs.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from harness.recorder import About, about_unmade
from harness.selection import vectors_named
from harness.vectors.load import PREFIXES, load_vectors
from harness.vectors.marks import family_of, speaks_of

#: How the files and the functions of cases begin, and what stands between their names in an id.
_PREFIX, _BETWEEN = "test_", "::"
_HARNESS = Path(__file__).parent

Case = Callable[..., object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Say which cases a run may choose: never fewer than it does.

    Args:
        ends: The end of a topic, and the beginning of a function's name behind it.
        families: Of the vectors that may be chosen, in whatever case.
    """

    ends: frozenset[tuple[str, str]]
    families: frozenset[str] = frozenset()

    def is_in(self, topic: str) -> bool:
        """Tell whether one of a topic's cases may be chosen by its name."""
        return any(topic.endswith(before) for before, _ in self.ends)

    def has(self, topic: str, name: str, case: Case) -> bool:
        """Tell whether a case may be chosen."""
        if family_of(case) in self.families:
            return True
        return any(topic.endswith(before) and name.startswith(after) for before, after in self.ends)


def choice_of(wishes: Sequence[str], only: frozenset[str] | None = None) -> Choice | None:
    """Return which cases a run may choose, None where it may be any.

    Args:
        wishes: What a user typed behind ``-k``; one without ``::`` may mean any case, if it is no
            vector.
        only: Ids of the rows that may run; None: all.
    """
    if only is not None:
        return Choice(ends=frozenset(map(_ends, only)))
    named = [wish for wish in wishes if _BETWEEN in wish]
    others = [wish for wish in wishes if _BETWEEN not in wish]
    prefixes = {id.partition("-")[0] for id in vectors_named(others)}
    if not wishes or (others and not prefixes):
        return None
    families = frozenset(family for family, prefix in PREFIXES.items() if prefix in prefixes)
    return Choice(ends=frozenset(map(_ends, named)), families=families)


def _ends(name: str) -> tuple[str, str]:
    before, _, after = name.strip().lower().partition(_BETWEEN)
    return before, after.partition("/")[0].partition("[")[0]


@dataclass(frozen=True, slots=True)
class Asked:
    """Be what a run by ids asks of one case: profiles by name, and rows by what is behind it."""

    profiles: frozenset[str]
    rows: frozenset[str]


@lru_cache(maxsize=8)
def asked_of(only: frozenset[str]) -> Mapping[str, Asked]:
    """Return what the ids of rows ask of each case that they name, ``topic::function``."""
    parts: defaultdict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for id in only:
        case, _, profile = id.partition("[")
        name, _, row = case.partition("/")
        parts[name][0].add(profile.removesuffix("]"))
        parts[name][1].add(row)
    return {name: Asked(*map(frozenset, found)) for name, found in parts.items()}


class Narrowing:
    """Keep pytest from what a run cannot choose, as a plugin of one run.

    Args:
        choice: What it may choose.
        vectors: Folder of a user's vectors: nothing else runs. None: those that Hanover ships.
        tell: Whether somebody wants to know what was passed over.

    Attributes:
        told: One row of each case that was passed over, and each that a vector would have driven.
    """

    def __init__(self, choice: Choice, vectors: Path | None, *, tell: bool = True) -> None:
        self.told: list[About] = []
        self._choice = choice
        self._vectors = vectors
        self._tell = tell

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Pass over a file none of whose cases may be chosen; one that has a fault is pytest's."""
        path = collection_path
        topic = path.stem.removeprefix(_PREFIX)
        if path.suffix != ".py" or topic == path.stem or self._choice.is_in(topic):
            return None
        try:
            cases = dict(_cases(path))
            if any(self._choice.has(topic, name, case) for name, case in cases.items()):
                return None
            told = [one for name, case in cases.items() for one in self._rows(topic, name, case)]
        except Exception:  # whatever it does: pytest says it better
            return None
        self.told += told
        return True

    def pytest_pycollect_makeitem(
        self, collector: pytest.Module | pytest.Class, name: str, obj: object
    ) -> list[pytest.Item] | None:
        """Pass over a case of a file that has another one which may be chosen."""
        if not (name.startswith(_PREFIX) and callable(obj)):
            return None
        topic, name = collector.path.stem.removeprefix(_PREFIX), name.removeprefix(_PREFIX)
        if self._choice.has(topic, name, obj):
            return None
        self.told += self._rows(topic, name, obj)
        return []

    def _rows(self, topic: str, name: str, case: Case) -> Iterator[About]:
        if not self._tell:
            return
        if (family := family_of(case)) is not None:
            for vector in load_vectors(self._vectors, family):
                if speaks_of(case, vector):
                    yield about_unmade(case, topic, name, vector)
        elif self._vectors is None:
            yield about_unmade(case, topic, name)


def _cases(path: Path) -> Iterator[tuple[str, Case]]:
    """Yield the cases of a file of ours by name, as Python reads it.

    It is not entered among the modules: a later run of this process has pytest rewrite it.
    """
    name = ".".join(("harness", *path.relative_to(_HARNESS).with_suffix("").parts))
    module = sys.modules.get(name)
    if module is None:
        spec = spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
    for found, value in vars(module).items():
        if found.startswith(_PREFIX) and callable(value):
            yield found.removeprefix(_PREFIX), value
