"""Measure AES-MMO over 1 MiB against zigpy's, in one process.

zigpy's padding is another from 8,192 octets on, so only the rates are compared here; and it is
given a view, since it copies the rest of plain octets at each block. Run it as
``python -m benchmarks.hash``; 1 if ours is not ``WANTED`` times as fast.
"""

import gc
from collections.abc import Callable
from statistics import median
from time import process_time

from zigpy.util import aes_mmo_hash

from emulator.crypto.mmo import aes_mmo

SIZE = 1 << 20
ROUNDS = 5
WANTED = 2.0
DATA = bytes(range(256)) * (SIZE // 256)


def rate(work: Callable[[], object]) -> float:
    """Return octets a second of the processor."""
    gc.collect()
    start = process_time()
    work()
    return SIZE / (process_time() - start)


def main() -> int:
    """Print both rates and their ratio; the two take turns, so that both meet the same load."""
    rounds = [
        (rate(lambda: aes_mmo(DATA)), rate(lambda: aes_mmo_hash(memoryview(DATA))))
        for _ in range(ROUNDS + 1)
    ][1:]
    for name, rates in zip(("hanover", "zigpy"), zip(*rounds, strict=True), strict=True):
        print(f"{name:8} {median(rates) / SIZE:6.2f} MiB/s")
    ratio = median(ours / theirs for ours, theirs in rounds)
    print(f"ratio    {ratio:6.2f} (wanted {WANTED})")
    return int(ratio < WANTED)


if __name__ == "__main__":
    raise SystemExit(main())
