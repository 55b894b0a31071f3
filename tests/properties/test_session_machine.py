"""Whatever hub, air and supply do, in any order: only what was offered and is good ever runs.

The model is small: which versions were offered whole, and the highest one that was confirmed. After
each step nothing else may have booted; when everything is well again, what was offered runs.
"""

from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from emulator.actions import Happening, Report
from emulator.faults import FrameFault
from emulator.units import HOUR, MILLISECOND, MINUTE, SECOND, Us
from emulator.wire import ota
from emulator.wire.manifest import Trait
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.hub.images import Served, served
from harness.hub.lies import (
    Again,
    Append,
    Control,
    Cut,
    Edit,
    Envelope,
    Late,
    Lie,
    MakerCode,
    OtherSequence,
    Overtaken,
    Overwrite,
    Replace,
    Silence,
    field,
)
from harness.hub.settings import Instead, abort, no_answer, refuse, wait
from tests.properties.test_faults import LAWFUL, PROFILE

QUERY, BLOCK, END = (
    ota.QueryNextImageResponse,
    ota.ImageBlockResponse,
    ota.UpgradeEndResponse,
)
SIZE = 200
#: Where an octet counts from the end: in the integrity code, or in front of its tag. (Without its
#: tag an image has no such code, and may run: the tag is optional and unknown tags are skipped.)
FLIPS = st.integers(1, 16) | st.integers(23, 22 + SIZE)
TIMES = st.sampled_from([50 * MILLISECOND, 100 * MILLISECOND, SECOND, MINUTE, HOUR])

#: What may be wrong with an answer, of each kind: nothing of it may make a bad image run.
EDITS: list[Edit] = [
    Overwrite(20, b"junk of a lie"),
    Cut(13),
    Append(b"more"),
    Replace(b"\x95"),
    Replace(b""),
    Control(clear=0x08),
    Control(set=0x04),
    MakerCode(0x1234),
    OtherSequence(7),
    Envelope(profile=0x0104),
    Envelope(endpoint=77),
    Silence(),
    Late(4 * SECOND),
    Again(2, 3 * MILLISECOND),
    Overtaken(1),
]
LIES: list[tuple[type, Edit]] = [
    *((kind, edit) for kind in (QUERY, BLOCK, END) for edit in EDITS),
    *((BLOCK, field(BLOCK, name, 0x77)) for name in ("file_version", "file_offset", "image_type")),
    (BLOCK, Overwrite(13, b"\0")),
    (QUERY, field(QUERY, "image_size", 60)),
    (QUERY, field(QUERY, "file_version", NEXT_VERSION + 0x7777)),
    (END, field(END, "upgrade_time_s", 600)),
    (END, field(END, "upgrade_time_s", 0xFFFFFFFF)),
    (END, field(END, "file_version", 0xFFFFFFFF)),
]
INSTEAD: list[Callable[[], Instead]] = [
    lambda: abort(count=1),
    lambda: wait(0, 60, count=2),
    lambda: wait(100, 50, 0, count=1),
    lambda: refuse(ota.ImageBlockRequest, 0x98, count=1),
    lambda: refuse(ota.UpgradeEndRequest, 0x95, count=1),
    lambda: no_answer(ota.UpgradeEndRequest, count=2),
    lambda: no_answer(ota.QueryNextImageRequest, count=3),
]


class Session(RuleBasedStateMachine):
    """Be a hub, an air and a supply that do anything, beside what a bridge may do about it."""

    defect: ClassVar[str | None] = None

    @initialize()
    def begin(self) -> None:
        self.bench = Bench(PROFILE, defect=self.defect)
        self.bench.start()
        self.newest = FIRST_VERSION
        self.good = {FIRST_VERSION}
        self.doomed: set[int] = set()
        self.confirmed = self.running = FIRST_VERSION
        self.held: Served | None = None
        self.read = 0

    # What a hub may do.

    @rule(size=st.integers(10, SIZE), us=TIMES)
    def offer_good(self, size: int, us: Us) -> None:
        self.newest += 0x100
        self.good.add(self.newest)
        self.held = served(self.bench.image(self.newest, size=size))
        self.bench.hub.serve(self.held)
        self.notify(broadcast=False)
        self.bench.wait(us)

    @rule(at=FLIPS, us=TIMES)
    def offer_bad(self, at: int, us: Us) -> None:
        self.newest += 0x100
        octets = bytearray(self.bench.image(self.newest, size=SIZE))
        octets[-at] ^= 0x10
        self.bench.hub.serve(served(bytes(octets)))
        self.notify(broadcast=False)
        self.bench.wait(us)

    @rule(trait=st.sampled_from([Trait.MUTE, Trait.DEAF]), us=TIMES)
    def offer_doomed(self, trait: Trait, us: Us) -> None:
        """Offer an image that is whole and never reaches the hub: it may boot, not stay."""
        self.newest += 0x100
        self.doomed.add(self.newest)
        image = self.bench.image(self.newest, size=SIZE, traits=trait)
        self.bench.hub.serve(served(image))
        self.notify(broadcast=False)
        self.bench.wait(us)

    @rule()
    def offer_nothing(self) -> None:
        self.bench.hub.serve()

    @rule(broadcast=st.booleans())
    def notify(self, broadcast: bool) -> None:
        note = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
        self.bench.tell(note, broadcast=broadcast)

    @rule(times=st.sampled_from([(0, 0), (0, 300), (50, 20), (0, 0xFFFFFFFF), None]))
    def set_end_times(self, times: tuple[int, int] | None) -> None:
        self.bench.hub.settings.end_times_s = times

    @rule(made=st.sampled_from(INSTEAD))
    def answer_instead(self, made: Callable[[], Instead]) -> None:
        self.bench.hub.settings.instead.append(made())

    @rule(lie=st.sampled_from(LIES), skip=st.integers(0, 6), count=st.integers(1, 3))
    def lie(self, lie: tuple[type, Edit], skip: int, count: int) -> None:
        kind, edit = lie
        self.bench.hub.lies.append(Lie(kind, [edit], skip=skip, count=count))

    @rule(silent=st.booleans())
    def fall_silent(self, silent: bool) -> None:
        self.bench.hub.settings.silent = silent

    @rule(memory=st.booleans(), down=st.sampled_from([SECOND, HOUR]))
    def crash_and_restart(self, memory: bool, down: Us) -> None:
        self.bench.hub.crash()
        self.bench.wait(down)
        self.bench.hub.restart(memory=memory)

    @rule(copies=st.integers(1, 40), command=st.sampled_from(["notify", "end", "block"]))
    def storm(self, copies: int, command: str) -> None:
        frames = {
            "notify": ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100),
            "end": ota.UpgradeEndResponse(
                manufacturer=0xFFFF,
                image_type=0xFFFF,
                file_version=0xFFFFFFFF,
                current_time_s=0,
                upgrade_time_s=0,
            ),
            "block": ota.ImageBlockResponse(status=ota.Status.ABORT),
        }
        self.bench.storm(frames[command], copies=copies, gap_us=7 * MILLISECOND)

    # What air, supply and time may do.

    @rule(plan=LAWFUL)
    def lose(self, plan: list[FrameFault]) -> None:
        self.bench.plan(*plan)

    @rule()
    def cut_power(self) -> None:
        self.bench.cut_power()

    @rule()
    def raise_power(self) -> None:
        self.bench.lane.power(True)

    @rule(us=TIMES)
    def time_passes(self, us: Us) -> None:
        self.bench.wait(us)

    # What must hold.

    @invariant()
    def only_what_is_good_and_offered_boots(self) -> None:
        rows = self.bench.trace.rows
        for _, _, _, subject in rows[self.read :]:
            if isinstance(subject, Report) and subject.what is Happening.BOOTED:
                self.running = int(dict(subject.details)["version"])
                assert self.running in self.good | self.doomed
                assert self.running >= self.confirmed
            if isinstance(subject, Report) and subject.what is Happening.CONFIRMED:
                assert self.running in self.good
                self.confirmed = max(self.confirmed, self.running)
        self.read = len(rows)

    @precondition(lambda self: self.bench.lane.powered)
    @rule()
    def what_is_told_is_true(self) -> None:
        told = self.bench.running_version()
        assert told in (None, *self.good, *self.doomed)

    def teardown(self) -> None:
        bench = self.bench
        hub = bench.hub
        hub.settings.silent, hub.settings.end_times_s = False, (0, 0)
        hub.settings.instead.clear()
        hub.lies.clear()
        bench.plan()
        bench.lane.power(True)
        if self.held is not None:
            hub.serve(self.held)
        wanted = max(self.good)
        for _ in range(12):
            bench.wait(3 * HOUR)
            bench.notify()
            self.only_what_is_good_and_offered_boots()
            if bench.running_version() == wanted:
                break
        assert bench.running_version() == wanted


PACE = settings(max_examples=150, stateful_step_count=30, deadline=None, derandomize=True)

LONGER = settings(PACE, max_examples=1000, phases=[Phase.generate])


def test_only_what_is_good_and_offered_ever_runs() -> None:
    run_state_machine_as_test(Session, settings=PACE)


@pytest.mark.parametrize("planted", ["D105", "D109", "D208", "D204"])
def test_a_broken_bridge_is_found(planted: str) -> None:
    class Broken(Session):
        defect = planted

    with pytest.raises((AssertionError, RuntimeError)):  # a wrong image, or a bridge that breaks
        run_state_machine_as_test(Broken, settings=LONGER)
