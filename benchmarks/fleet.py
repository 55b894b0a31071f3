"""Measure what many bridges cost that upgrade at once in one world, against one alone.

Everything counts from the first supply to the last confirmed version: joining, discovery (each
bridge hears every other one's broadcasts), download, verification, restart, the trace.
Run it as ``python -m benchmarks.fleet``; 1 if many cost more than the limit.
"""

import gc
from statistics import median
from time import process_time

from emulator.profiles.load import load, names
from emulator.profiles.model import Profile
from emulator.units import HOUR
from emulator.wire import ota
from harness.bench import Bench
from harness.firmware import NEXT_VERSION
from harness.hub.images import served

BRIDGES = 100
#: How many times what one costs many may cost.
LIMIT = 110
ROUNDS = 5
SIZE = 20_000
#: EUI-64 of the second bridge; the others follow.
FIRST_EUI64 = 0x00124B00_46000001


def upgrade(profile: Profile, bridges: int) -> float:
    """Return the seconds of the processor that ``bridges`` upgrades at once took."""
    gc.collect()
    start = process_time()
    first = Bench(profile)
    fleet = [first]
    fleet += [first.second_device(eui64=FIRST_EUI64 + number) for number in range(1, bridges)]
    first.hub.serve(served(first.image(size=SIZE)))
    for one in fleet:
        one.lane.power(True)
    heard = first.hub.counts
    first.run(lambda: heard.get(ota.UpgradeEndRequest, 0) >= bridges, HOUR)
    first.wait(HOUR)  # restart, trial, confirmation: what one and many do alike
    took = process_time() - start
    versions = {one.running_version() for one in (fleet[0], fleet[-1])}
    if versions != {NEXT_VERSION} or heard[ota.UpgradeEndRequest] != bridges:
        raise RuntimeError(f"{bridges} bridges: {versions}, {heard[ota.UpgradeEndRequest]} ended")
    return took


def main() -> int:
    """Print both costs and their ratio."""
    profile = load(names()[0])
    upgrade(profile, 1)
    one = median(upgrade(profile, 1) for _ in range(ROUNDS))
    print(f"{1:4} bridge   {one:8.3f} s")
    ratio = 0.0
    for bridges in (10, BRIDGES):
        many = median(upgrade(profile, bridges) for _ in range(3))
        ratio = many / one
        print(f"{bridges:4} bridges  {many:8.3f} s  {ratio:6.1f} times one")
    print(f"limit: {LIMIT} times one for {BRIDGES}; {SIZE} octets each")
    return int(ratio > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
