"""Be the pytest plugin of one run: which cases, over which profiles, with which results.

It is the same in the process that runs everything and in xdist's workers; only the controller keeps
results, which it gets as a property of each report.
"""

import pickle
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from emulator.contract import Capability
from emulator.profiles import load
from emulator.profiles.model import Profile
from harness.assertions import Comparison, first_line, shown
from harness.dut.lane import OF_MADE
from harness.dut.model import Dut
from harness.known import Known
from harness.lanes.port import LaneOptions
from harness.lanes.schemes import release_lanes
from harness.narrowing import Asked, Narrowing, asked_of, choice_of
from harness.recorder import (
    BENCHES,
    About,
    about,
    judge,
    safe_name,
    subject_of,
    vector_of,
    write_datagrams,
    write_trace,
)
from harness.report.model import CaseResult
from harness.selection import select
from harness.servers.reach import ServerOptions
from harness.vectors.marks import family_of
from harness.verdict import Outcome

if TYPE_CHECKING:
    from harness.premises.chosen import Dwelling
    from harness.premises.model import Premises

#: The cases that Hanover ships.
CASES = Path(__file__).parent / "cases"
#: Those of them that judge a server, and each suite by its name.
SERVER_CASES = Path(__file__).parent / "servers" / "cases"
#: Those that judge a whole home.
HOME_CASES = Path(__file__).parent / "premises" / "cases"
SUITES = {"client": CASES, "server": SERVER_CASES, "premises": HOME_CASES}
#: Folders of traces and captures, in the folder that a run writes.
TRACES, CAPTURES = "traces", "captures"
#: A run of more cases than this keeps only the traces that somebody will look for; none keeps that
#: of a case that passed with more datagrams than this.
FEW, MANY = 100, 5_000

#: Properties of a pytest report: a result, from a worker as octets; a complaint about what came
#: after it.
_RESULT, _NOTE = "hanover-result", "hanover-note"
#: Key under which a worker gets the options, and gives back what it collected.
WORKER_KEY = "hanover"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Be one profile of a run, and how the user named it."""

    profile: Profile
    given: str
    #: The device under test that the profile describes; None: an emulated bridge is made of it.
    dut: Dut | None = None

    @property
    def name(self) -> str:
        """Return the name by which a report speaks of it."""
        return self.profile.name

    @property
    def about(self) -> str:
        """Return in a line what it is."""
        return self.profile.about


class Traces(StrEnum):
    """Say of which cases a run keeps the trace; the seed makes any other again."""

    AUTO = "auto"  # of every case where there are few and it is small, else of what did not pass
    FAILED = "failed"  # of those that did not pass
    ALL = "all"


@cache
def built_in() -> tuple[Chosen, ...]:
    """Return every built-in profile."""
    return tuple(Chosen(profile=load.load(name), given=name) for name in load.names())


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Say which cases run, on what, and what is written meanwhile.

    Args:
        profiles: The bridges, each with a name of its own.
        seed: Every bench derives its own from it.
        link: The lane, ``scheme:rest``.
        lane: What the user wants of it beside.
        defect: Id of the defect that every bridge has.
        match: What chooses cases, see ``harness.selection``; none: all.
        workers: Processes; 1 runs everything in this one.
        out: Folder for ``traces/``; None writes nothing.
        traces: Of which cases the trace is kept.
        capture: File for the datagrams of one case, folder for those of several.
        cases: Folder of the cases.
        only: Ids of the rows that may run; None: all that ``match`` chooses.
        vectors: Folder of a user's vectors: they run instead of everything else. None: those that
            Hanover ships run beside the other cases.
        list_only: Collect, and run nothing.
        power: What switches the supply of devices under test; None: the lane, or their own files.
        withheld: What lanes may not do with devices under test.
        rehearsed: The lane stands for another one: it may not do that with bridges either.
        known: The failures that are known, and fail no run.
        server: What is said of a server under test, where the cases are a server's.
        homes: The homes, where the cases judge homes; none: the built-in ones.
    """

    profiles: tuple[Chosen, ...] = field(default_factory=built_in)
    seed: int = 0
    link: str = "direct:"
    lane: LaneOptions = field(default_factory=LaneOptions)
    defect: str | None = None
    match: tuple[str, ...] = ()
    workers: int = 1
    out: Path | None = None
    traces: Traces = Traces.ALL
    capture: Path | None = None
    cases: Path = field(default_factory=lambda: CASES)
    only: frozenset[str] | None = None
    vectors: Path | None = None
    list_only: bool = False
    power: str | None = None
    withheld: frozenset[Capability] = OF_MADE
    rehearsed: bool = False
    known: Known | None = None
    server: ServerOptions = field(default_factory=ServerOptions)
    homes: "tuple[Dwelling, ...]" = ()

    @property
    def of_homes(self) -> bool:
        """Tell whether the cases judge whole homes."""
        return self.cases == HOME_CASES

    @property
    def subjects(self) -> "tuple[Chosen, ...] | tuple[Dwelling, ...]":
        """Return what is judged: profiles, or homes."""
        if not self.of_homes:
            return self.profiles
        from harness.premises.chosen import built_in

        return self.homes or built_in()

    @property
    def of_server(self) -> bool:
        """Tell whether the cases judge an OTA server."""
        return self.cases == SERVER_CASES

    def asked(self, case: str) -> Asked | None:
        """Return what ``only`` asks of a case, None where that may be any row."""
        return None if self.only is None else asked_of(self.only).get(case)

    def profiles_for(self, case: str) -> list[Profile]:
        """Return the profiles on which a case may run."""
        asked = self.asked(case)
        every = [each.profile for each in self.profiles]
        return [each for each in every if asked is None or each.name in asked.profiles]

    def homes_for(self, case: str) -> "list[Premises]":
        """Return the homes in which a case may run, whether it fits them or not."""
        asked, every = self.asked(case), (self.subjects if self.of_homes else ())
        homes = [each.premises for each in every if not isinstance(each, Chosen)]
        return [each for each in homes if asked is None or each.label in asked.profiles]

    def dut(self, name: str) -> Dut | None:
        """Return the device under test that a profile describes, None if it describes none."""
        return next((one.dut for one in self.profiles if one.profile.name == name), None)


#: Where fixtures find the options of a run.
OPTIONS = pytest.StashKey[RunOptions]()
#: What carried the datagrams of a run beside its lanes, as it said of itself.
CARRIERS = pytest.StashKey[list[dict[str, str]]]()
#: The rows that were not made as the run asks for others.
PASSED_OVER = pytest.StashKey[list[About]]()


def options_of(config: pytest.Config) -> RunOptions:
    """Return the options of the run; those of a plain one where pytest was started by hand."""
    return config.stash.get(OPTIONS, None) or RunOptions()


@dataclass(slots=True)
class Collected:
    """Hold what a worker tells at its end."""

    #: Every case that there is, before the selection; of one that could not be chosen, one row.
    every: list[About] = field(default_factory=list)
    chosen: list[About] = field(default_factory=list)
    #: What chose no case.
    unmet: list[str] = field(default_factory=list)
    #: What the harness or its environment could not do, a line each.
    broken: list[str] = field(default_factory=list)
    interrupted: bool = False
    #: What carried the datagrams, as it said of itself.
    carriers: list[dict[str, str]] = field(default_factory=list)


class Suite:
    """Select cases, judge them, keep their results."""

    def __init__(
        self, options: RunOptions, progress: Callable[[int, int], None] | None = None
    ) -> None:
        self.options = options
        self.collected = Collected()
        self.results: dict[str, CaseResult] = {}
        self._progress = progress
        self._compared: Comparison | None = None
        self._is_worker = False
        self._narrowing: Narrowing | None = None

    # Beginning and end.

    def pytest_configure(self, config: pytest.Config) -> None:
        """Leave the options where fixtures find them, and pass over what they do not choose."""
        config.stash[OPTIONS] = self.options
        self._is_worker = hasattr(config, "workerinput")
        choice = choice_of(self.options.match, self.options.only)
        if choice is not None and self.options.cases in SUITES.values():
            by_wish = self.options.only is None  # by ids: whoever has them knows the other cases
            self._narrowing = Narrowing(choice, self.options.vectors, tell=by_wish)
            config.pluginmanager.register(self._narrowing, "hanover-narrowing")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:  # noqa: ANN401 - xdist's, untyped
        """Hand the options to a worker."""
        node.workerinput[WORKER_KEY] = pickle.dumps(self.options)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Give back what this worker collected, and what its lanes hold."""
        self.collected.carriers += release_lanes() + session.config.stash.get(CARRIERS, [])
        if self._is_worker:
            session.config.workeroutput[WORKER_KEY] = pickle.dumps(self.collected)  # type: ignore[attr-defined]  # xdist's

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:  # noqa: ANN401 - xdist's
        """Take what a worker collected: the controller of workers collects nothing itself."""
        given = getattr(node, "workeroutput", {}).get(WORKER_KEY)
        if given is None:
            return
        theirs, ours = pickle.loads(given), self.collected
        ours.every, ours.chosen, ours.unmet = theirs.every, theirs.chosen, theirs.unmet
        ours.interrupted = ours.interrupted or theirs.interrupted
        ours.broken += [line for line in theirs.broken if line not in ours.broken]
        ours.carriers += [one for one in theirs.carriers if one not in ours.carriers]

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that somebody pressed Ctrl-C; pytest stops itself by the same road."""
        if not isinstance(excinfo.value, pytest.Session.Interrupted):
            self.collected.interrupted = True

    # Collecting.

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file of cases that cannot be read."""
        if report.failed:
            lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
            last = lines[-1].removeprefix("E ").strip() if lines else "no reason given"
            self.collected.broken.append(f"{report.nodeid}: {last}")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Keep the cases that were asked for."""
        items[:] = [item for item in items if self._has_data(item)]
        every = [about(item) for item in items]
        files: dict[str, str] = {}
        for each in every:
            other = files.setdefault(safe_name(each.id), each.id)
            if other is not each.id:
                self.collected.broken.append(f"two cases share a name: {other}, {each.id}")
        indices, unmet = select(every, self.options.match)
        if unmet or not self._prepared(len(indices)):
            indices = []
        if self.options.only is not None:
            indices = [index for index in indices if every[index].id in self.options.only]
        kept = set(indices)
        dropped = [item for index, item in enumerate(items) if index not in kept]
        self.collected.every = every + config.stash.get(PASSED_OVER, [])
        self.collected.every += [] if self._narrowing is None else self._narrowing.told
        self.collected.unmet = unmet
        self.collected.chosen = [every[index] for index in indices]
        items[:] = [items[index] for index in indices]
        if dropped:
            config.hook.pytest_deselected(items=dropped)

    def _has_data(self, item: pytest.Item) -> bool:
        """Tell whether a row has its vector, or home; with vectors of a user nothing else runs."""
        if self.options.of_homes:
            return subject_of(item) != ""
        if family_of(getattr(item, "function", None)) is None:
            return self.options.vectors is None
        return vector_of(item) is not None

    def _prepared(self, cases: int) -> bool:
        """Make the folders that so many cases write to; tell whether that went well."""
        wanted = []
        if self.options.out is not None and cases:
            wanted += [self.options.out / TRACES, self.options.out / CAPTURES]
        if self.options.capture is not None and cases > 1:
            wanted.append(self.options.capture)
        try:
            for folder in wanted:
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._complain(error)
            return False
        return True

    def _complain(self, error: OSError) -> None:
        line = f"{error.filename}: cannot be written: {error.strerror}"
        if line not in self.collected.broken:
            self.collected.broken.append(line)

    # Running.

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run a case, and pass on what says something of it: most reports are of nothing."""
        runner: Any = item.config.pluginmanager.get_plugin("runner")  # pytest's own
        for report in runner.runtestprotocol(item, log=False, nextitem=nextitem):
            if report.user_properties or report.failed:
                item.ihook.pytest_runtest_logreport(report=report)
        return True

    def pytest_runtest_setup(self) -> None:
        """Forget what the case before compared."""
        self._compared = None

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> list[str]:
        """Note a comparison that does not hold, and explain it on one line."""
        self._compared = Comparison(operator=op, left=left, right=right)
        return [f"{shown(left)} {op} {shown(right)}"]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: "pytest.CallInfo[None]"
    ) -> pytest.TestReport:
        """Judge a case before anything is torn down; pytest's own report is ten times slower."""
        error = None if call.excinfo is None else call.excinfo.value
        properties: list[tuple[str, object]] = []
        if call.when == "call" or (call.when == "setup" and error is not None):
            seed, comparison = self.options.seed, self._compared
            result = judge(item, error, seed=seed, comparison=comparison)
            result = self._written(item, result)
            properties.append((_RESULT, pickle.dumps(result) if self._is_worker else result))
        elif call.when == "teardown":
            if error is not None:
                note = f"{type(error).__name__} after the verdict: {first_line(error)}"
                properties.append((_NOTE, [about(item).id, note]))
            if BENCHES in item.stash:
                del item.stash[BENCHES]
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="passed" if error is None else "failed",
            longrepr=None if error is None else first_line(error),
            when=call.when,  # type: ignore[arg-type]  # never "collect" here
            user_properties=properties,
            duration=call.duration,
            start=call.start,
            stop=call.stop,
        )

    def _written(self, item: pytest.Item, result: CaseResult) -> CaseResult:
        """Write trace and captures of a case, and name them in its result."""
        benches = item.stash.get(BENCHES, [])
        name = safe_name(result.id)
        try:
            if self.options.out is not None and benches and self._keeps_trace(result):
                trace, datagrams = f"{TRACES}/{name}.jsonl", f"{CAPTURES}/{name}.pcapng"
                write_trace(self.options.out / trace, benches)
                write_datagrams(self.options.out / datagrams, benches)
                result = replace(result, trace=trace, capture=datagrams)
            if self.options.capture is not None and benches:
                several = len(self.collected.chosen) > 1
                capture = self.options.capture
                write_datagrams(capture / f"{name}.pcapng" if several else capture, benches)
        except OSError as error:
            self._complain(error)
        return result

    def _keeps_trace(self, result: CaseResult) -> bool:
        kept = self.options.traces
        if kept is Traces.AUTO:
            small = len(self.collected.chosen) <= FEW and result.datagrams <= MANY
            kept = Traces.ALL if small else Traces.FAILED
        return kept is Traces.ALL or result.verdict is not Outcome.PASSED

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a result; where a worker died, keep that."""
        if self._is_worker:
            return
        for name, value in report.user_properties:
            if name == _RESULT:
                result = pickle.loads(value) if isinstance(value, bytes) else value
                assert isinstance(result, CaseResult)
                self.results[result.id] = result
                if self._progress is not None:
                    self._progress(len(self.results), len(self.collected.chosen))
            elif name == _NOTE:
                self._note(*value)  # type: ignore[misc]  # as written above
        if report.when not in ("setup", "call", "teardown"):
            with suppress(IndexError):
                line = str(report.longrepr).strip().splitlines()[-1]
                self.collected.broken.append(f"{report.nodeid}: {line}")

    def _note(self, id: str, note: str) -> None:
        if id in self.results:
            result = self.results[id]
            self.results[id] = replace(result, notes=(*result.notes, note))
