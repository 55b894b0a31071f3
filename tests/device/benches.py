"""Make a bench whose bridge is up, and reach into the bridge."""

from emulator import Bridge
from emulator.profiles.load import load, overlay
from harness.bench import Bench
from harness.lanes.direct import DirectLane


def bench(name: str = "B1", **changes: object) -> Bench:
    """Return a started bench of a profile with other values: ``table__key=value``."""
    made = Bench(overlay(load(name), {key.replace("__", "."): one for key, one in changes.items()}))
    made.start()
    return made


def bridge_of(made: Bench) -> Bridge:
    """Return the emulated bridge of a bench."""
    assert isinstance(made.lane, DirectLane)
    return made.lane.bridge
