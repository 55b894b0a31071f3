"""Measure the linter against zigpy's parser on one file of 1 MiB, both in the same run.

Run it as ``python -m benchmarks.lint``; 1 if the linter takes more than ``LIMIT`` times as long
as zigpy takes to parse the file. The file has a manifest, whose digest the linter computes, and no
integrity code: hashing that one with AES-MMO is measured for itself.
"""

import gc
from collections.abc import Callable
from random import Random
from statistics import median
from time import perf_counter

from zigpy.ota.image import parse_ota_image

from emulator.image.build import build
from emulator.image.lint import lint

SIZE = 1 << 20
#: How much longer than zigpy's parse the linter may take.
LIMIT = 2.0
ROUNDS = 15
REPEATS = 20


def _seconds(work: Callable[[bytes], object], data: bytes, repeats: int) -> float:
    start = perf_counter()
    for _ in range(repeats):
        work(data)
    return (perf_counter() - start) / repeats


def _file(*, integrity: bool) -> bytes:
    payload = Random(0).randbytes(SIZE)
    data = build(payload=payload, manufacturer=0xFFF1, image_type=1, version=2, integrity=integrity)
    if lint(data):
        raise RuntimeError("the file is not clean")
    return data


def main() -> int:
    """Print milliseconds and the median of the rounds' ratios."""
    data = _file(integrity=False)
    gc.collect()
    rounds = []
    for number in range(ROUNDS + 1):
        theirs = _seconds(parse_ota_image, data, REPEATS)
        ours = _seconds(lint, data, REPEATS)
        if number:  # the first round warms both up
            rounds.append((ours / theirs, ours, theirs))
    ratio, ours, theirs = median(rounds)
    whole = _seconds(lint, _file(integrity=True), 1)
    print(f"zigpy's parse              {theirs * 1e3:8.3f} ms")
    print(f"lint, no integrity code    {ours * 1e3:8.3f} ms, {ratio:.2f} times (limit {LIMIT})")
    print(f"lint, with integrity code  {whole * 1e3:8.3f} ms")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
