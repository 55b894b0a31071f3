"""Give each case its home: every chosen one that it fits, off, with its bridges and its hub."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.lanes.seeds import bench_seed
from harness.premises.bench import HomeBench
from harness.premises.chosen import lacking
from harness.premises.defects import planted
from harness.premises.model import Premises
from harness.recorder import BENCHES, about, about_unmade, case_name
from harness.suite import PASSED_OVER, options_of

MakeHome = Callable[..., HomeBench]


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every case in all chosen homes that it fits; where it fits none, tell of it."""
    if "premises" not in metafunc.fixturenames:
        return
    case = metafunc.definition
    homes = options_of(metafunc.config).homes_for(case_name(case))
    fitting = [one for one in homes if not lacking(metafunc.function, one)]
    if not fitting:
        unmade = about_unmade(metafunc.function, case.path.stem, case.originalname)
        needs = ", ".join(
            dict.fromkeys(w for one in homes for w in lacking(metafunc.function, one))
        )
        unmade = replace(unmade, coverage=replace(unmade.coverage, needs=needs))
        metafunc.config.stash.setdefault(PASSED_OVER, []).append(unmade)
    metafunc.parametrize("premises", fitting, ids=[one.label for one in fitting])


@pytest.fixture
def make_home(request: pytest.FixtureRequest, premises: Premises) -> MakeHome:
    """Return a function that makes homes, on and linked: ``make_home(premises, offered=...)``.

    Without premises it is the home of the row; what else is given goes to ``HomeBench``. Each home
    of a case has a seed of its own.
    """
    options = options_of(request.config)
    case = about(request.node).case
    benches = request.node.stash.setdefault(BENCHES, [])

    def make(other: Premises | None = None, **more: Any) -> HomeBench:  # noqa: ANN401
        one = premises if other is None else other
        seed = bench_seed(options.seed, case, one.label, len(benches))
        made = HomeBench(one, seed=seed, **planted(options.defect, one), **more)
        benches.append(made)
        made.start()
        return made

    return make


@pytest.fixture
def home(make_home: MakeHome) -> HomeBench:
    """Return the home of a case: it is on and linked, and has a good image for every bridge."""
    return make_home()
