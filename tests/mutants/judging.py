"""Judge mutants: run the cases on each, and unit tests where no case sees anything.

The cases are collected once, and each mutant is judged in a process that is forked from there. In
it the functions of the sound module get the mutant's code, which costs nothing; a change outside of
functions makes the process forget our modules and import the mutant. Limits are of processor time,
so that a busy machine judges the same.
"""

import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from functools import partial
from importlib.machinery import ModuleSpec
from io import StringIO
from typing import NoReturn

import pytest

from harness import runner
from harness.suite import CASES, RunOptions, Suite
from harness.verdict import Outcome
from tests.mutants.making import Mutant
from tests.mutants.transplant import transplant

#: Seconds of processor time: five times what a sound bridge takes.
LIMIT_S = 150
#: Memory that a judgement may take.
LIMIT_OCTETS = 4 << 30
#: Topics of cases that judge what files hold: they say nothing of a client or a loader that the
#: others do not.
OF_FILES = frozenset({"file_format", "image_verify", "frames"})
#: Those that take longest of the others: run on one profile of each boot scheme.
OF_VECTORS = frozenset({"session", "rollback_vectors", "sweep"})
#: Profiles in the order of asking: the first two have every boot scheme between them.
PROFILES = ("B1", "B4", "B2", "B3")
#: The unit tests of what is mutated.
UNIT_TESTS = {
    "emulator.ota": ("tests/ota", "tests/device"),
    "emulator.boot": ("tests/boot", "tests/device"),
    "emulator.image": (
        *("tests/image/test_verify.py", "tests/image/test_verify_digest.py"),
        *("tests/image/test_verify_signatures.py", "tests/image/test_verify_trailer.py"),
    ),
}
#: Packages that a process forgets to import a mutant.
OURS = frozenset({"emulator", "harness", "tests"})


@dataclass(frozen=True, slots=True)
class Judgement:
    """Say who noticed a mutant: ``cases``, ``tests``, ``limit`` (it never ended), or nobody."""

    who: str = ""
    by: str = ""  # the case or test that noticed first
    clause: str = ""  # the requirements that the case cites

    @property
    def survived(self) -> bool:
        """Tell whether nobody noticed."""
        return not self.who


Tell = Callable[[Mutant, Judgement], object]


def judge(mutants: Sequence[Mutant], tell: Tell) -> None:
    """Judge mutants one after the other, and tell of each as it is judged."""
    options = RunOptions()
    with runner._environment():
        pytest.main(runner._arguments(options), plugins=[_Court(options, mutants, tell)])


class _UntilNoticed(Suite):
    """Run the rows that judge a package until one fails."""

    package = ""
    noticed = Judgement()

    def _run(self, items: Iterable[pytest.Item]) -> Judgement:
        rows = list(items)
        for item, following in zip(rows, [*rows[1:], None], strict=True):
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            last = next(reversed(self.results.values()), None)
            if last is not None and last.verdict in (Outcome.FAILED, Outcome.ERROR):
                clause = ", ".join(one.id for one in last.requirements)
                return Judgement("cases", last.id, clause)
        return Judgement()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run what was collected, in the order of asking."""
        self.noticed = self._run(_in_order(session.items, self.package))
        return True


class _Court(_UntilNoticed):
    """Collect the cases, and run them on each mutant in a process of its own."""

    def __init__(self, options: RunOptions, mutants: Sequence[Mutant], tell: Tell) -> None:
        super().__init__(options)
        self._mutants, self._tell = mutants, tell

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Judge instead of running what was collected."""
        for mutant in self._mutants:
            self._tell(mutant, _in_process(partial(self._judged, mutant, session.items)))
        return True

    def _judged(self, mutant: Mutant, items: list[pytest.Item]) -> Judgement:
        """Be the process of one mutant."""
        package = ".".join(mutant.module.split(".")[:2])
        if transplant(mutant):
            found = self._run(_in_order(items, package))
        else:
            found = _imported(mutant, package)
        return found if not found.survived else _by_tests(UNIT_TESTS[package])


def _in_order(items: Iterable[pytest.Item], package: str) -> Iterator[pytest.Item]:
    """Yield the rows that judge a package: profile by profile, the likeliest topics first.

    Those are the ones of files for the verifier; for client and loader all that are quick.
    """
    of_files = package == "emulator.image"
    rows: dict[tuple[str, bool], list[pytest.Item]] = {}
    for item in items:
        topic = item.path.stem.removeprefix("test_")
        if topic in OF_FILES and not of_files:
            continue
        late = topic not in OF_FILES if of_files else topic in OF_VECTORS
        rows.setdefault((item.callspec.params["profile"].name, late), []).append(item)
    for number, profile in enumerate(PROFILES):
        yield from rows.get((profile, False), ())
        if number < 2 and not of_files:
            yield from rows.get((profile, True), ())
    if of_files:
        for profile in PROFILES:
            yield from rows.get((profile, True), ())


def _imported(mutant: Mutant, package: str) -> Judgement:
    """Run the cases after everything of ours was imported anew, the mutant among it."""
    for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
        del sys.modules[name]
    for forget in typing._cleanups:  # or annotations would be of the classes of before
        forget()
    sys.meta_path.insert(0, _Finder(mutant))
    judging = importlib.import_module("tests.mutants.judging")
    return Judgement(*judging.noticed_by_cases(package))


def noticed_by_cases(package: str) -> tuple[str, str, str]:
    """Return who notices what is imported now; plain texts, as the asker has other classes."""
    options = RunOptions(cases=CASES)
    suite = _UntilNoticed(options)
    suite.package = package
    with runner._environment():
        code = pytest.main(runner._arguments(options), plugins=[suite])
    if suite.noticed.survived and (suite.collected.broken or not suite.results):
        return ("cases", f"nothing runs: pytest ends with {int(code)}", "")
    return (suite.noticed.who, suite.noticed.by, suite.noticed.clause)


def _by_tests(paths: Sequence[str]) -> Judgement:
    """Run unit tests until one fails."""

    class Noting:
        noticed = Judgement()

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed and self.noticed.survived:
                self.noticed = Judgement("tests", report.nodeid)

    noting = Noting()
    os.environ.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
    arguments = ["-o", "addopts=", "--import-mode=importlib", "-x", "--hypothesis-seed=0"]
    arguments += ["-p", "no:cacheprovider", "-p", "no:terminal", "--assert=plain"]
    code = pytest.main([*arguments, *paths], plugins=[noting])
    if noting.noticed.survived and code != pytest.ExitCode.OK:
        return Judgement("tests", f"pytest ends with {int(code)}")
    return noting.noticed


def _in_process(ask: Callable[[], Judgement]) -> Judgement:
    """Ask in a process of its own; one that dies of its limits has noticed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _answer(ask, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stream:
        said = stream.read()
    _, status = os.waitpid(child, 0)
    if said:
        return Judgement(*json.loads(said).values())
    died = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "an exit"
    return Judgement("limit", died)


def _answer(ask: Callable[[], Judgement], writing: int) -> NoReturn:
    """Be the process: ask, write what is found, and end."""
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S + 1))
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_OCTETS, LIMIT_OCTETS))
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            found = ask()
    except BaseException as error:  # what cannot even be run is noticed
        found = Judgement("cases", f"{type(error).__name__}: {error}"[:200])
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        json.dump(asdict(found), stream)
    os._exit(0)


class _Finder(importlib.abc.MetaPathFinder):
    """Find the mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """Return where the mutant is, None for every other module."""
        if name != self._mutant.module:
            return None
        return importlib.util.spec_from_loader(name, _Loader(self._mutant.source))


class _Loader(importlib.abc.InspectLoader):
    """Load a module from its source."""

    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, fullname: str) -> str:
        """Return the source."""
        return self._source
