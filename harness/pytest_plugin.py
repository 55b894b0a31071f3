"""Offer Hanover's fixtures to a maker's own pytest, and be the door for ``hanover run``.

pytest loads this module in every run of everybody who installed Hanover: it imports nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from emulator import Bridge
    from harness.bench import Bench
    from harness.hub.server import Hub

_KEY = "hanover"


def pytest_configure(config: pytest.Config) -> None:
    """Join the run, where this process is a worker of ``hanover run -n``."""
    given = getattr(config, "workerinput", {}).get(_KEY)
    if given is not None:
        import pickle

        from harness.suite import Suite

        suite = Suite(pickle.loads(given))  # noqa: S301 - from our own controller
        config.pluginmanager.register(suite, "hanover-suite")


@pytest.fixture
def hanover_hub() -> Hub:
    """Return an honest hub: an OTA server that answers datagrams, with no image to serve yet."""
    from harness.hub.server import Hub

    return Hub()


@pytest.fixture
def hanover_bridge() -> Callable[..., Bridge]:
    """Return a function that makes an emulated bridge by the name of a profile.

    ``hanover_bridge("B1", seed=0, image=...)`` is a device by the contract of ``emulator.contract``,
    made in the factory and not yet powered.
    """
    return _bridge


@pytest.fixture
def hanover_bench() -> Iterator[Callable[..., Bench]]:
    """Return a function that makes benches: a bridge and a hub on a virtual link.

    ``hanover_bench("B1", link="direct:", seed=0)``; what is given beyond the profile goes to
    ``harness.bench.Bench``. Every bench is closed at the end of the test.
    """
    from harness.bench import Bench

    made: list[Bench] = []

    def make(profile: str = "", **more: object) -> Bench:
        bench = Bench(_profile(profile), **more)  # type: ignore[arg-type]  # Bench checks them
        made.append(bench)
        return bench

    yield make
    for bench in reversed(made):
        bench.close()
