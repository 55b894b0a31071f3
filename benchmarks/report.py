"""Measure what the report of a full run costs: seconds to write it, octets on the disk.

The results are those of every case of the client suite on every built-in profile, all passed and
without traces, with texts, images and times as large as real ones.
Run it as ``python -m benchmarks.report``; 1 if it costs more than the limits.
"""

import tempfile
from pathlib import Path
from time import process_time

from harness.recorder import About
from harness.report import folder
from harness.report.compose import compose
from harness.report.model import CaseResult, Image, RunReport
from harness.runner import RunResult, run_suite
from harness.suite import RunOptions
from harness.verdict import Outcome

#: Seconds of the processor, and octets.
LIMIT_S, LIMIT_OCTETS = 2.0, 10_000_000
#: Results that share no image: a real run has 2,300 different images.
IMAGES = 1_200


def full() -> RunReport:
    """Return the report of a run of everything in which everything passed."""
    options = RunOptions(list_only=True)
    collected = run_suite(options).collected
    results = tuple(_passed(at, one) for at, one in enumerate(collected.chosen))
    return compose(
        RunResult(results=results, collected=collected, interrupted=False),
        options,
        started="2026-01-01T00:00:00+00:00",
        ended="2026-01-01T00:00:30+00:00",
        command=("hanover", "run"),
    )


def _passed(at: int, one: About) -> CaseResult:
    """Return a result as large as real ones are: two images, here and there a switch."""
    return CaseResult(
        id=one.id,
        case=one.case,
        profile=one.profile,
        verdict=Outcome.PASSED,
        requirements=one.cited,
        attack=one.attack,
        expect=one.expect,
        source=one.source,
        duration_us=125_410_000,
        datagrams=87,
        images=tuple(
            Image(f"{at % IMAGES:032x}{number:032x}", 592, 0x02000000, 0xFFF1, 1)
            for number in range(2)
        ),
        switches=("ota.reinstall = refuse",) if at % 8 == 0 else (),
    )


def octets_below(root: Path) -> int:
    """Return the octets of all files below a folder."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def main() -> int:
    """Print what it costs."""
    report = full()
    with tempfile.TemporaryDirectory() as name:
        start = process_time()
        folder.write(Path(name), report)
        took, octets = process_time() - start, octets_below(Path(name))
    print(f"{len(report.results)} results: {took:.2f} s, {octets / 1e6:.2f} MB")
    print(f"limits: {LIMIT_S} s, {LIMIT_OCTETS / 1e6:.0f} MB")
    return int(took > LIMIT_S or octets > LIMIT_OCTETS)


if __name__ == "__main__":
    raise SystemExit(main())
