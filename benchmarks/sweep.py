"""Measure power-cut sweeps: points a second merged and unmerged, the curve over sizes, pairs.

Run it as ``python -m benchmarks.sweep``; ``--quick`` leaves out what takes minutes. The merged
64 KiB sweep and the 4 KiB pairs have limits: the exit code is 1 where they are missed.

Limits hold for processor time, shared out over the workers: what the clock on the wall says also
counts the neighbours on the machine. Both are printed; on an idle machine they are the same.
"""

import sys
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter, process_time

from emulator.profiles.load import load, names, overlay
from emulator.profiles.model import Profile
from harness.sweep.engine import Sweeper
from harness.sweep.geometry import read_geometry, reshaped
from harness.sweep.lives import LIVES, hastened
from harness.sweep.report import SweepReport
from harness.sweep.workers import Task, sweep

KIB = 1024
WORKERS = 2
#: Unit of 16 octets; sectors of 4 KiB.
GEOMETRY = "4096:16:ff"
#: So many points, of a sweep that has at least as many, in at most so many seconds.
POINTS, MOST_SECONDS = 15_000, 60
MOST_SECONDS_OF_PAIRS = 300
#: Every so many-th place is lived to its end, for the rate without merging.
UNMERGED_STEP = 80
#: Lives of the 64 KiB sweep: together they have every phase.
WHOLE = ("upgrade", "waiting")


def bridge(size: int) -> Profile:
    """Return a bridge that asks for 50 octets at a time, on a flash that fits the image."""
    blocks = {"ota.block_size_octets": 50, "ota.aps_encrypt": False}
    plain = overlay(hastened(load(names()[0])), blocks)
    return reshaped(plain, read_geometry(GEOMETRY), size)


def processor_seconds() -> float:
    """Return the processor time of this process and of those that it has ended."""
    used = [getrusage(whose) for whose in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def run(what: str, size: int, *lives: str, pairs: bool = False) -> tuple[SweepReport, float]:
    """Sweep some lives with merging, on all cores, and print a line.

    Returns:
        The report, and the seconds of processor time that each core took on average.
    """
    profile = bridge(size)
    tasks = [Task(profile=profile, life=life, size=size, command="", pairs=pairs) for life in lives]
    start = processor_seconds()
    report = sweep(tasks, WORKERS)
    seconds = (processor_seconds() - start) / WORKERS
    total = report.found.total
    print(
        f"{what:24}{total.points:10,} points{total.merged:10,} merged{total.failed:6} failed"
        f"{report.seconds:9.1f} s{seconds:9.1f} s a core{total.points / seconds:9,.0f}/s",
        flush=True,
    )
    return report, seconds


def unmerged(size: int) -> None:
    """Live some recoveries to their end, in one process."""
    sweeper = Sweeper(bridge(size), LIVES["upgrade"], size, merge=False)
    chosen = sweeper.places[::UNMERGED_STEP]
    wall, start = perf_counter(), process_time()
    failed = sum(not sweeper.judge(place).ending.good for place in chosen)
    wall, seconds = perf_counter() - wall, process_time() - start
    print(
        f"{'64 KiB, unmerged':24}{len(chosen):10,} points{0:10,} merged{failed:6} failed"
        f"{wall:9.1f} s{seconds:9.1f} s a core{len(chosen) / seconds:9,.0f}/s  (one process)",
        flush=True,
    )


def main() -> int:
    """Print every measure, and return 1 where a limit is missed."""
    quick = "--quick" in sys.argv
    whole, seconds = run("64 KiB, " + ", ".join(WHOLE), 64 * KIB, *WHOLE)
    unmerged(64 * KIB)
    for size in (16,) if quick else (16, 64, 256):
        run(f"{size} KiB, upgrade", size * KIB, "upgrade")
    seconds_of_pairs = 0.0
    if not quick:
        _, seconds_of_pairs = run("4 KiB, upgrade, pairs", 4 * KIB, "upgrade", pairs=True)
    phases = {phase for phase, _ in whole.found.by_phase()}
    missing = {"boot", "download", "record", "staging", "trial", "waiting"} - phases
    points = whole.found.total.points
    seconds *= POINTS / points
    print(f"{POINTS:,} points of the 64 KiB sweep: {seconds:.1f} s, wanted {MOST_SECONDS} at most")
    good = (
        points >= POINTS
        and seconds <= MOST_SECONDS
        and seconds_of_pairs <= MOST_SECONDS_OF_PAIRS
        and not missing
    )
    print("limits kept" if good else f"limits missed (phases without a point: {sorted(missing)})")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
