"""Offer Hanover's fixtures to a maker's own pytest, and be the door for ``hanover run``.

pytest loads this module in every run of everybody who installed Hanover: it imports nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator import Bridge
    from emulator.profiles.model import Profile
    from harness.bench import Bench
    from harness.hub.server import Hub

_KEY = "hanover"


def pytest_configure(config: pytest.Config) -> None:
    """Join the run, where this process is a worker of ``hanover run -n``."""
    given = getattr(config, "workerinput", {}).get(_KEY)
    if given is not None:
        import pickle

        from harness.suite import Suite

        suite = Suite(pickle.loads(given))
        config.pluginmanager.register(suite, "hanover-suite")


@pytest.fixture
def hanover_hub() -> Hub:
    """Return an honest hub: an OTA server that answers datagrams, with no image to serve yet."""
    from harness.hub.server import Hub

    return Hub()


@pytest.fixture
def hanover_bridge() -> Callable[..., Bridge]:
    """Return a function that makes emulated bridges.

    ``hanover_bridge("B3", seed=0)`` is a device by the contract of ``emulator.contract``: made in
    the factory with a small image of version 0x01000000, and not yet powered. Without a name it is
    of the first built-in type.
    """

    def make(name: str | None = None, *, seed: int = 0) -> Bridge:
        from harness.bench import Bench
        from harness.lanes.direct import DirectLane

        lane = Bench(_profile(name), seed=seed).lane
        if not isinstance(lane, DirectLane):
            raise TypeError(f"{type(lane).__name__} holds no emulated bridge")
        return lane.bridge

    return make


@pytest.fixture
def hanover_bench() -> Iterator[Callable[..., Bench]]:
    """Return a function that makes benches: a bridge and a hub on a virtual link.

    ``hanover_bench("B3", link="direct:", seed=0)``; what is given beyond the name goes to
    ``harness.bench.Bench``. The device is off: ``start()`` powers it. Every bench is closed at the
    end of the test.
    """
    from harness.bench import Bench

    made: list[Bench] = []

    def make(name: str | None = None, **more: Any) -> Bench:  # noqa: ANN401 - Bench's own
        bench = Bench(_profile(name), **more)
        made.append(bench)
        return bench

    yield make
    for bench in reversed(made):
        bench.close()


def _profile(name: str | None) -> Profile:
    from emulator.profiles import load

    return load.load(load.names()[0] if name is None else name)
