"""Offer Hanover's fixtures and cases to a maker's own pytest, and be the door for ``hanover run``.

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
#: Options of a maker's pytest: what the shipped cases, and benches that are not told, run on.
_PROFILE, _LINK, _SEED = "--hanover-profile", "--hanover-link", "--hanover-seed"
_USUAL: dict[str, object] = {_PROFILE: [], _LINK: "direct:", _SEED: 0}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what ``hanover run`` calls --profile, --link and --seed."""
    group = parser.getgroup(
        "hanover", "benches and cases of Hanover (pytest --pyargs harness.cases)"
    )
    group.addoption(
        _PROFILE, action="append", default=[], metavar="NAME", help="Name or TOML file; repeatable."
    )
    group.addoption(
        _LINK, default=_USUAL[_LINK], metavar="LINK", help="What carries the datagrams."
    )
    group.addoption(
        _SEED, type=int, default=_USUAL[_SEED], metavar="N", help="Every bench derives its own."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Join the run, where this process is a worker of ``hanover run -n``; else read the options."""
    given = getattr(config, "workerinput", {}).get(_KEY)
    if given is not None:
        import pickle

        from harness.suite import Suite

        suite = Suite(pickle.loads(given))
        config.pluginmanager.register(suite, "hanover-suite")
    elif any(config.getoption(name) != usual for name, usual in _USUAL.items()):
        _read(config)


def _read(config: pytest.Config) -> None:
    """Leave what the options say where the shipped cases look for it."""
    import click

    from emulator.errors import HanoverError
    from harness.cli.run import check_link, choose_profiles
    from harness.suite import OPTIONS, RunOptions

    given = config.getoption
    try:
        link = check_link(given(_LINK))
        profiles = choose_profiles(tuple(given(_PROFILE)))
    except (click.UsageError, HanoverError) as error:
        raise pytest.UsageError(f"--hanover: {error}") from None
    config.stash[OPTIONS] = RunOptions(profiles=profiles, link=link, seed=given(_SEED))


def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> None:
    """Show as skipped what has no verdict: the link cannot do it, or the device has it not.

    Under ``hanover run`` the suite reports before this is asked.
    """
    error = None if call.excinfo is None else call.excinfo.value
    if error is None or not type(error).__module__.startswith("harness."):
        return
    from harness.verdict import NoVerdict

    if isinstance(error, NoVerdict):
        skipped = pytest.skip.Exception(f"{error.outcome}: {error}", _use_item_location=True)
        trace = error.__traceback__
        call.excinfo = pytest.ExceptionInfo.from_exception(skipped.with_traceback(trace))


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
def hanover_bench(pytestconfig: pytest.Config) -> Iterator[Callable[..., Bench]]:
    """Return a function that makes benches: a bridge and a hub on a virtual link.

    ``hanover_bench("B3", link="direct:", seed=0)``; what is given beyond the name goes to
    ``harness.bench.Bench``, what is not given comes from the options ``--hanover-...``. The device
    is off: ``start()`` powers it. Every bench is closed at the end of the test.
    """
    from harness.bench import Bench

    made: list[Bench] = []

    def make(name: str | None = None, **more: Any) -> Bench:  # noqa: ANN401 - Bench's own
        given = pytestconfig.getoption
        name = next(iter(given(_PROFILE)), None) if name is None else name
        bench = Bench(_profile(name), **{"link": given(_LINK), "seed": given(_SEED), **more})
        made.append(bench)
        return bench

    yield make
    for bench in reversed(made):
        bench.close()


def _profile(name: str | None) -> Profile:
    from emulator.profiles import load
    from harness.cli.profiles import find_profile

    return find_profile(load.names()[0] if name is None else name)
