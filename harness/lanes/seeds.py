"""Derive seeds: a case's chance depends on what it is, never on when it runs."""

from emulator.link.chance import derive, stream
from emulator.units import Rng


def bench_seed(seed: int, case: str, profile: str, number: int = 0) -> int:
    """Return the seed of one bench.

    Args:
        seed: The run's seed.
        case: The case's name, without the profile.
        profile: The profile's name.
        number: Which bench of the case it is, counted from 0.
    """
    more = (str(number),) if number else ()
    return derive(seed, case, profile, *more)


def hub_chance(seed: int) -> Rng:
    """Return the stream of chance of a bench's hub."""
    return stream(seed, "hub")


def node_seed(seed: int, name: str) -> int:
    """Return the seed of one bridge of a home."""
    return derive(seed, "home", name)


def node_chance(seed: int, name: str) -> Rng:
    """Return the stream of chance of one part of a home: a device, an agenda of faults."""
    return stream(seed, f"home {name}")
