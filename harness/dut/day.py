"""Be the pytest plugin of a lab's day: cases in an order that restores little, until time is up."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field

import pytest

from harness.dut.journal import Journal
from harness.dut.rungs import Rungs, rungs_of
from harness.recorder import about
from harness.report.model import CaseResult

#: What a report carries that has a result; as ``harness.suite`` writes it.
_RESULT = "hanover-result"


@dataclass(slots=True, kw_only=True)
class Day:
    """Order the cases of devices under test, leave out what is settled, stop in time.

    Args:
        names: Names of the devices, in the order in which they are judged.
        earlier: Results of a run that was stopped, by id: these cases do not run again.
        journal: Takes every result as it comes.
        budget_s: Longest that the day may take, None: as long as it takes.
        clock: Seconds that only rise.
        estimates_s: What each case is thought to take, by id; where it is known.
    """

    names: tuple[str, ...]
    earlier: Mapping[str, CaseResult] = field(default_factory=dict)
    journal: Journal | None = None
    budget_s: float | None = None
    clock: Callable[[], float] = lambda: 0.0
    estimates_s: Mapping[str, float] = field(default_factory=dict)
    #: The cases for which there was no time.
    left: list[str] = field(default_factory=list)
    #: The versions of every case that is to run, in order.
    rungs: dict[str, Rungs] = field(default_factory=dict)
    _ends: float | None = None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        """Order what was chosen; drop what is settled."""
        yield
        kept = [item for item in items if about(item).id not in self.earlier]
        items[:] = sorted(kept, key=self._rank)
        self.rungs = {about(item).id: _rungs(item) for item in items}
        if self.budget_s is not None:
            self._ends = self.clock() + self.budget_s

    def _rank(self, item: pytest.Item) -> tuple[int, int, int, int]:
        profile = about(item).profile
        place = self.names.index(profile) if profile in self.names else len(self.names)
        rungs = _rungs(item)
        return (place, rungs.start, rungs.end, rungs.top)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Pass over a case for which there is no time left."""
        if self._ends is None:
            return None
        case = about(item).id
        if self.clock() + self.estimates_s.get(case, 0.0) < self._ends:
            return None
        self.left.append(case)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a result."""
        for name, value in report.user_properties:
            if name == _RESULT and isinstance(value, CaseResult) and self.journal is not None:
                self.journal.append(value)


def _rungs(item: pytest.Item) -> Rungs:
    return rungs_of(getattr(item, "function", None))
