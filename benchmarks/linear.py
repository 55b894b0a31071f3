"""Measure what a download costs from 4 KiB to 4 MiB: linear in blocks, or it says so.

Run it as ``python -m benchmarks.linear``; 1 if a block of the largest image costs more than
``LIMIT`` times one of the middle of the curve.
"""

import gc
from time import process_time

from benchmarks.memory import roomy
from emulator.units import HOUR
from emulator.wire import ota
from emulator.wire.ota import Status
from harness.bench import Bench
from harness.hub.images import served

KIBIBYTE = 1 << 10
SIZES = tuple(4 * KIBIBYTE << shift for shift in range(0, 11, 2))
SLOT = 6 << 20
#: How much dearer a block of the largest image may be than one of 64 KiB.
LIMIT = 1.3
ROUNDS = 3
_BAR = 40


def download(size: int) -> tuple[int, float]:
    """Return how many blocks an image took, and the seconds of the processor for all of them.

    Building the image and verifying it are not the download: the clock runs from the query to the
    last block.
    """
    bench = Bench(roomy(SLOT))
    bench.start()
    bench.hub.serve(served(bench.image(size=size)))
    heard, total = bench.hub.counts, len(bench.hub.images[0].octets)
    blocks = -(-total // bench.block_octets)
    gc.collect()
    bench.notify()
    start = process_time()
    bench.run(lambda: heard.get(ota.ImageBlockRequest, 0) >= blocks, 100 * HOUR)
    took = process_time() - start
    if bench.verdict() is not Status.SUCCESS:
        raise RuntimeError(f"an image of {size} octets was not taken")
    return blocks, took


def main() -> int:
    """Print the curve: blocks, seconds, microseconds a block."""
    download(SIZES[0])
    costs = {}
    for size in SIZES:
        runs = [download(size) for _ in range(ROUNDS)]
        blocks, took = runs[0][0], min(seconds for _, seconds in runs)
        costs[size] = took / blocks * 1e6
        bar = "#" * round(_BAR * costs[size] / max(costs.values()))
        print(
            f"{size // KIBIBYTE:5} KiB {blocks:7} blocks {took:8.3f} s {costs[size]:6.1f} us {bar}"
        )
    ratio = costs[SIZES[-1]] / costs[64 * KIBIBYTE]
    print(f"a block of 4 MiB costs {ratio:.2f} times one of 64 KiB (limit {LIMIT})")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
