"""Make streams of chance: the one place of the emulator that imports ``random``."""

from random import Random

from emulator.units import Rng


def stream(seed: int, name: str) -> Rng:
    """Return the stream of chance of one named consumer under one seed.

    The state depends on the seed and the name alone (SHA-512 of both), never on the order in which
    streams are opened nor on hash randomisation.
    """
    return Random(f"{seed}/{name}")


def derive(seed: int, *names: str) -> int:
    """Return the seed of a part (a case, a profile) under a seed."""
    return Random("/".join([str(seed), *names])).getrandbits(63)
