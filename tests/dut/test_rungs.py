"""Every case declares the versions that it takes its device through, and keeps to them."""

from collections import defaultdict

import pytest

from emulator.profiles.load import load, names
from harness.bench import Bench
from harness.dut.keeper import PLAYABLE
from harness.dut.rungs import Rungs, rungs, rungs_of
from harness.firmware import FIRST_VERSION, NEXT_VERSION, Made
from harness.runner import run_suite
from harness.suite import Chosen, RunOptions
from harness.vectors.marks import family_of
from harness.verdict import Outcome

#: A case that reaches into its own emulated bridges: no device under test runs it.
_OWN = frozenset({"promises_outlive_power_cuts"})


def step_of(version: int) -> int | None:
    """Return which step a made version is, None if it is between two."""
    if version <= FIRST_VERSION:
        return version - FIRST_VERSION
    return version - NEXT_VERSION + 1 if version >= NEXT_VERSION else None


class Watch:
    """Note what each case asks for, and what its device was told to run."""

    def __init__(self) -> None:
        self.case: object = None
        self.asked: dict[object, set[int]] = defaultdict(set)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Begin a case."""
        self.case = getattr(item, "function", None)
        self.asked[self.case] |= set()


@pytest.fixture(scope="module")
def watched() -> dict[object, set[int]]:
    """Run every case that a device under test could run, and return the steps it asks for."""
    patch, watch = pytest.MonkeyPatch(), Watch()
    image, number = Made.image, Made.version

    def counted(self: Made, step: int) -> int:
        watch.asked[watch.case].add(step)
        return number(self, step)

    def noted(self: Made, version: int, **wish: object) -> bytes:
        if (step := step_of(version)) is not None:
            watch.asked[watch.case].add(step)
        return image(self, version, **wish)  # type: ignore[arg-type]  # as it came

    main = pytest.main
    patch.setattr(Made, "image", noted)
    patch.setattr(Made, "version", counted)
    patch.setattr(pytest, "main", lambda given, plugins: main(given, plugins=[*plugins, watch]))
    try:
        usual = Chosen(profile=load(names()[0]), given=names()[0])
        found = list(run_suite(RunOptions(profiles=(usual,))).results)
        sleepy = next(one for one in map(load, names()) if one.sleep is not None)
        asleep = (Chosen(profile=sleepy, given=sleepy.name),)
        match = tuple(one.id for one in found if one.verdict is Outcome.UNSUPPORTED)
        match = tuple(one.partition("[")[0] for one in match)
        found += run_suite(RunOptions(profiles=asleep, match=match)).results
    finally:
        patch.undo()
    ran = {one.case for one in found if one.verdict is Outcome.PASSED}
    assert ran == {one.case for one in found}
    return watch.asked


def test_declared_versions_are_those_asked_for(watched: dict[object, set[int]]) -> None:
    wrong = {}
    for function, asked in watched.items():
        family, name = family_of(function), getattr(function, "__name__", "").removeprefix("test_")
        if family is not None or name in _OWN:
            continue
        declared = rungs_of(function)
        start = -min(asked | {0})
        needed = Rungs(start=start, end=declared.end, top=start + max(asked | {0}))
        if declared != needed:
            wrong[name] = (declared, needed)
    assert wrong == {}
    assert len(watched) > 90


def test_vectors_stay_within_what_is_declared(watched: dict[object, set[int]]) -> None:
    for function, asked in watched.items():
        if family_of(function) in PLAYABLE:
            assert max(asked | {0}) <= rungs_of(function).top


def test_case_without_a_mark_goes_one_up() -> None:
    assert rungs_of(test_case_without_a_mark_goes_one_up) == Rungs(start=0, end=1, top=1)


def test_negative_version_is_refused() -> None:
    with pytest.raises(ValueError, match="counts from 0"):
        rungs(start=-1)


def test_bench_counts_versions_from_the_first() -> None:
    bench = Bench(load(names()[0]))
    assert [bench.version(step) for step in (-1, 0, 1, 2)] == [
        *(FIRST_VERSION - 1, FIRST_VERSION),
        *(NEXT_VERSION, NEXT_VERSION + 1),
    ]
