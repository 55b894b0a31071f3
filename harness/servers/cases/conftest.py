"""Give each server case its bench: a client before the server under test."""

from collections.abc import Iterator
from typing import TypeVar

import pytest

from emulator.profiles.model import Profile
from harness.lanes.seeds import bench_seed
from harness.lanes.servers import Servers
from harness.recorder import BENCHES, about, case_name
from harness.servers.bench import ServerBench
from harness.servers.home import Home
from harness.suite import CARRIERS, options_of

B = TypeVar("B", bound=ServerBench)


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let every chosen profile be the client's."""
    if "profile" in metafunc.fixturenames:
        case = case_name(metafunc.definition)
        chosen = options_of(metafunc.config).profiles_for(case)
        metafunc.parametrize("profile", chosen, ids=[each.name for each in chosen])


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """Return what opens the way to the server, and keeps it open where that is dear."""
    options = options_of(request.config)
    opened = Servers(options.link, options.server, options.lane, options.defect)
    yield opened
    request.config.stash.setdefault(CARRIERS, []).extend(opened.close())


@pytest.fixture
def server(
    request: pytest.FixtureRequest, servers: Servers, profile: Profile
) -> Iterator[ServerBench]:
    """Return the bench of a case: the client is on the network and knows where the server is."""
    yield from _bench(ServerBench, request, servers, profile)


@pytest.fixture
def home(request: pytest.FixtureRequest, servers: Servers, profile: Profile) -> Iterator[Home]:
    """Return the bench of a case about a Communications Hub, which is our own."""
    yield from _bench(Home, request, servers, profile)


def _bench(
    kind: type[B], request: pytest.FixtureRequest, servers: Servers, profile: Profile
) -> Iterator[B]:
    options = options_of(request.config)
    seed = bench_seed(options.seed, about(request.node).case, profile.name)
    bench = kind(profile, servers.open(profile, seed), options.server)
    request.node.stash.setdefault(BENCHES, []).append(bench)
    yield bench
    bench.close()
