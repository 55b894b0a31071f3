"""Give each case its bench: on the chosen link, once for every chosen profile."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from emulator.contract import Capability
from emulator.profiles import load
from emulator.profiles.model import Profile
from harness.bench import Bench
from harness.covers import Coverage
from harness.dut.keeper import Keeper, Means
from harness.dut.lane import FittedLane
from harness.dut.offers import damaged, refuse_unmade
from harness.dut.rungs import rungs_of
from harness.lanes.schemes import capabilities_before
from harness.lanes.seeds import bench_seed
from harness.recorder import BENCHES, about, about_unmade, case_name
from harness.selection import vectors_named
from harness.suite import PASSED_OVER, RunOptions, options_of
from harness.support import denied, statements
from harness.vectors.image_verify import Trial, trial_of
from harness.vectors.load import load_vectors
from harness.vectors.marks import PARAMETER, coverage_of_vector, family_of, speaks_of
from harness.vectors.model import Vector
from harness.verdict import Unsupported

MakeBench = Callable[..., Bench]
MakeTrial = Callable[..., tuple[Bench, Trial]]
#: Who keeps each device under test, by its name.
_KEEPERS = pytest.StashKey[dict[str, Keeper]]()


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every case that has a bench over all chosen profiles, and each vector of its family."""
    if "profile" in metafunc.fixturenames:
        case = case_name(metafunc.definition)
        chosen = options_of(metafunc.config).profiles_for(case)
        metafunc.parametrize("profile", chosen, ids=[each.name for each in chosen])
    if (family := family_of(metafunc.function)) is not None:
        every = load_vectors(options_of(metafunc.config).vectors, family)
        vectors = [each for each in every if speaks_of(metafunc.function, each)]
        for vector in vectors:
            coverage_of_vector(vector)  # an unknown requirement ends the collection here
        vectors = _asked_for(metafunc, vectors)
        metafunc.parametrize(PARAMETER, vectors, ids=[each.id for each in vectors])


def _asked_for(metafunc: pytest.Metafunc, vectors: list[Vector]) -> list[Vector]:
    """Return the vectors that a run needs; where it names a few, the others make no rows."""
    options = options_of(metafunc.config)
    if (asked := options.asked(case_name(metafunc.definition))) is not None:
        return [each for each in vectors if each.id in asked.rows]
    named = vectors_named(options.match)
    if not named or not named <= {each.id for each in load_vectors(options.vectors)}:
        return vectors
    case = metafunc.definition
    passed_over = metafunc.config.stash.setdefault(PASSED_OVER, [])
    passed_over += [
        about_unmade(metafunc.function, case.path.stem, case.originalname, each)
        for each in vectors
        if each.id not in named
    ]
    return [each for each in vectors if each.id in named]


@pytest.fixture
def make_bench(request: pytest.FixtureRequest, profile: Profile) -> Iterator[MakeBench]:
    """Return a function that makes benches: ``make_bench(changes, **more)``.

    ``changes`` are other values of the profile, as ``emulator.profiles.load.overlay`` takes them,
    or the changed profile itself; ``more`` goes to ``Bench`` (``first_image``, ...). Each bench of
    a case has a seed of its own.
    """
    options = options_of(request.config)
    what = about(request.node)
    case, coverage = what.case, what.coverage
    keeper = _keeper(request, profile)
    rungs = rungs_of(request.function)
    benches = request.node.stash.setdefault(BENCHES, [])

    def make(
        changes: Mapping[str, object] | Profile | None = None,
        **more: Any,  # noqa: ANN401
    ) -> Bench:
        usual = {
            "link": options.link,
            "seed": bench_seed(options.seed, case, profile.name, len(benches)),
            "defect": options.defect,
            "options": options.lane,
        }
        fitted = _fitted(profile, changes)
        if keeper is not None:
            more |= keeper.place(rungs, fitted, more.get("first_image"))
        else:
            _refuse_unstated(fitted, coverage)
            if options.rehearsed:
                more |= _rehearsed(options, more.get("first_image"))
            elif fitted != profile:
                can = capabilities_before(options.link, options.lane)
                if can is not None:  # a program may not even know the first image
                    _refuse_other_settings(fitted, profile, can)
        bench = Bench(fitted, **{**usual, **more})
        benches.append(bench)
        _refuse_other_settings(fitted, profile, bench.lane.capabilities)
        return bench

    yield make
    for bench in reversed(benches):
        if keeper is not None:
            keeper.left(bench)
        bench.close()


@pytest.fixture
def make_trial(
    request: pytest.FixtureRequest, make_bench: MakeBench, profile: Profile
) -> MakeTrial:
    """Return a function that makes a started bench and the one offer of a vector for its device.

    ``first``: the device begins with the image that the vector wants, where it is made at all. For
    a device under test the file is the maker's own, damaged.
    """
    dut = options_of(request.config).dut(profile.name)

    def make(vector: Vector, *, first: bool = False) -> tuple[Bench, Trial]:
        if dut is not None:
            refuse_unmade(vector, dut)
            bench = make_bench()
            bench.start()
            return bench, damaged(vector, dut, bench)
        trial = trial_of(vector, profile)
        more = {"first_image": trial.first_image, "first_version": trial.first_version}
        bench = make_bench(trial.profile, **(more if first else {}))
        bench.start()
        return bench, trial

    return make


def _keeper(request: pytest.FixtureRequest, profile: Profile) -> Keeper | None:
    """Return who keeps the device under test of a case, None where the harness makes a bridge.

    Raises:
        Unsupported: The device's own statements leave the case nothing to say.
    """
    options = options_of(request.config)
    dut = options.dut(profile.name)
    if dut is None:
        return None
    means = Means(
        link=options.link, power=options.power, withheld=options.withheld, options=options.lane
    )
    keepers = request.config.stash.setdefault(_KEEPERS, {})
    if (keeper := keepers.get(dut.name)) is None:
        keeper = keepers[dut.name] = Keeper(dut, means)
        request.config.add_cleanup(keeper.close)
    what = about(request.node)
    keeper.check(what.coverage, family_of(request.function), rungs_of(request.function))
    return keeper


def _fitted(profile: Profile, changes: Mapping[str, object] | Profile | None) -> Profile:
    """Return a profile with the changes of a case, or the one that the case has made of it."""
    if isinstance(changes, Profile):
        return changes
    return load.overlay(profile, changes) if changes else profile


def _rehearsed(options: RunOptions, first_image: bytes | None) -> dict[str, object]:
    """Return what makes a bridge's lane no better than the one that it stands for.

    Raises:
        Unsupported: The case makes its device with firmware of its own, and that lane does not.
    """
    withheld = options.withheld
    if first_image is not None and Capability.FACTORY in withheld:
        raise Unsupported("needs a device that is made with firmware of the case")
    most_us = options.lane.max_wait_us if Capability.VIRTUAL_TIME in withheld else None
    return {"fit": lambda lane: FittedLane(lane, None, withheld, most_us, described=False)}


def _refuse_unstated(fitted: Profile, coverage: Coverage) -> None:
    """Make the case unsupported where the bridge is none that its requirements speak of.

    A case that gives its bridge a feature claims that feature for it.
    """
    items = (each.pics for each in coverage.requirements)
    if (item := denied(items, statements(fitted))) is not None:
        raise Unsupported(f"the profile states no {item}")


def _refuse_other_settings(fitted: Profile, stock: Profile, can: frozenset[Capability]) -> None:
    """Make the case unsupported where it wants another device than there is."""
    if fitted != stock and Capability.SETTINGS not in can:
        wanted = ", ".join(load.changed_keys(stock, fitted))
        raise Unsupported(f"this device cannot be given other settings: {wanted}")


def blocks_within(bench: Bench, image: bytes, most: int) -> int:
    """Return after how many blocks a download is under way, and will not end for as many again.

    Args:
        bench: The device's, which tells the size of its blocks.
        image: What is downloaded; a maker's file may be small.
        most: The number for a large image; of one of fewer than twice as many blocks, it is half.

    Raises:
        Unsupported: The image is a single block.
    """
    size = bench.block_octets
    whole = -(-len(image) // size)
    if whole < 2:
        raise Unsupported(f"needs an image of 2 blocks of {size} octets, it has {len(image)}")
    return min(most, whole // 2)


@pytest.fixture
def bench(make_bench: MakeBench) -> Bench:
    """Return the bench of a case: its device is new, has joined, found the hub, and asked once."""
    made = make_bench()
    made.start()
    return made


@pytest.fixture
def silent_bench(make_bench: MakeBench) -> Bench:
    """Return a bench whose hub answers nothing; its device is new and off."""
    made = make_bench()
    made.hub.settings.silent = True
    return made
