"""Whatever a finite list of frame faults does, no image is spoilt and no update is lost."""

from itertools import pairwise
from random import Random

from hypothesis import find, given, settings
from hypothesis import strategies as st

from emulator import Probe
from emulator.faults import (
    DelayFrame,
    DropBurst,
    DropFrame,
    DuplicateFrame,
    FlipBit,
    FrameFault,
    Leg,
    OneWay,
    ReorderFrame,
    Selector,
    TruncateFrame,
)
from emulator.profiles.load import load, overlay
from emulator.units import HOUR, MINUTE, SECOND
from emulator.wire import ota
from emulator.wire.codec import KEYS
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.hub.images import served

#: Short periods: what is lost is asked for again within an example's time.
PROFILE = overlay(load("B1"), {"ota.query_period_s": 7200, "ota.discovery_retry_s": 600})
#: How often the same offer is made again, and how long each time.
ROUNDS, ROUND_US = 12, 3 * HOUR
SIZE = 300

COMMANDS = st.sampled_from([None, *(key.command for key in KEYS.values())])
SELECTORS = st.builds(
    Selector,
    leg=st.sampled_from(Leg),
    number=st.integers(0, 30),
    cluster=st.sampled_from([None, ota.CLUSTER]),
    command=COMMANDS,
)
LOSSES = st.one_of(
    st.builds(DropFrame, at=SELECTORS, count=st.integers(1, 6)),
    st.builds(
        DropBurst,
        at=SELECTORS,
        lose=st.integers(1, 3),
        of=st.integers(1, 5),
        rounds=st.integers(1, 8),
    ),
    st.builds(OneWay, at=SELECTORS, for_us=st.integers(0, 2 * MINUTE)),
)
SHIFTS = st.one_of(
    st.builds(DuplicateFrame, at=SELECTORS, after_us=st.integers(0, 40_000)),
    st.builds(DelayFrame, at=SELECTORS, by_us=st.integers(0, 30 * SECOND)),
    st.builds(ReorderFrame, at=SELECTORS, behind=st.integers(1, 4)),
)
HARM = st.one_of(
    st.builds(TruncateFrame, at=SELECTORS, octets=st.integers(0, 60)),
    st.builds(FlipBit, at=SELECTORS, bit=st.integers(0, 60 * 8)),
)
PLANS = st.lists(st.one_of(LOSSES, SHIFTS, HARM), max_size=6)
#: What a real network does to frames: its check values turn harm into loss.
LAWFUL = st.lists(st.one_of(LOSSES, SHIFTS), max_size=6)


def attempt(plan: list[FrameFault], defect: str | None = None) -> Bench:
    """Offer an image under a plan of faults, then let the air be good again."""
    bench = Bench(PROFILE, defect=defect)
    bench.start()
    bench.plan(*plan)
    bench.offer(bench.image(size=SIZE), limit_us=HOUR)
    bench.wait(HOUR)
    bench.plan()
    return bench


def runs_in_the_end(bench: Bench) -> bool:
    """Make the same offer again until it runs: a device that waits or counts is given time."""
    bench.hub.serve(served(bench.image(size=SIZE)))
    for _ in range(ROUNDS):
        if bench.running_version() == NEXT_VERSION:
            return True
        bench.notify()
        bench.run(lambda: False, ROUND_US)
    return bench.running_version() == NEXT_VERSION


def slots(bench: Bench) -> list[bytes]:
    """Return what the slots of the bridge hold."""
    probe = Probe(bench.lane.bridge)  # type: ignore[attr-defined]  # of the direct lane
    areas = [PROFILE.flash.areas[name] for name in ("slot_a", "slot_b")]
    return [probe.slot(number, end - start) for number, (start, end) in enumerate(areas)]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(PLANS)
def test_no_plan_spoils_an_image_or_loses_an_update(plan: list[FrameFault]) -> None:
    bench = attempt(plan)
    assert bench.running_version() in (FIRST_VERSION, NEXT_VERSION)
    assert runs_in_the_end(bench)
    image = bench.image(size=SIZE)
    assert any(one.startswith(image) for one in slots(bench))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(LAWFUL)
def test_loss_and_disorder_leave_the_client_where_the_rules_say(plan: list[FrameFault]) -> None:
    """Offsets only grow within a download, gaps are retries, and what runs was offered."""
    bench = attempt(plan)
    requests = bench.heard(ota.ImageBlockRequest)
    assert {one.file_version for one in requests} <= {NEXT_VERSION}
    offsets = [one.file_offset for one in requests]
    steps = {later - earlier for earlier, later in pairwise(offsets)}
    total = len(bench.image(size=SIZE))
    backwards = [step for step in steps if step < 0]
    assert all(offset < total for offset in offsets)
    assert len(backwards) <= len(plan)  # late or doubled requests, or a download begun anew
    assert verdicts(bench) <= {ota.Status.SUCCESS, ota.Status.ABORT}
    assert runs_in_the_end(bench)


def verdicts(bench: Bench) -> set[int]:
    """Return what the device said of its downloads."""
    return {one.status for one in bench.heard(ota.UpgradeEndRequest)}


def test_a_client_that_stores_a_duplicate_is_found() -> None:
    def spoilt(plan: list[FrameFault]) -> bool:
        return ota.Status.INVALID_IMAGE in verdicts(attempt(plan, "D002"))

    # A hunt may end in a corner that no step makes smaller; one of a few does not.
    small = settings(max_examples=2000, deadline=None, database=None)
    plans = (find(LAWFUL, spoilt, settings=small, random=Random(seed)) for seed in range(5))
    assert any(len(plan) == 1 for plan in plans)  # shrunk to the one fault that matters
