"""Carry out a plan in a home that lives, and judge what became of it.

To know when to go on, a conductor listens to what the bridges report. What it says of a bridge in
the end was read over the air, after the longest time that a trial can last.
"""

from collections.abc import Callable, Sequence

from emulator.units import DAY, HOUR, MINUTE, SECOND, Us
from harness.lanes.port import never
from harness.premises.chronicle import Record
from harness.premises.household import Household
from harness.premises.model import Bridge
from harness.premises.outcome import (
    BridgeOutcome,
    BridgeState,
    DeviceOutcome,
    HomeState,
    Outcome,
    Rollback,
    StageKind,
    Stretch,
    home_state,
)
from harness.premises.plan import Plan

#: How often a conductor looks at a step, and says that it does.
LOOK_US: Us = MINUTE
#: How often a bridge is told again of an image that it does not fetch.
REMIND_US: Us = 10 * MINUTE
#: How long a step may stand still beyond the slowest thing that its bridges do; no step lasts
#: longer than the second.
STILL_US: Us = 30 * MINUTE
LONGEST_US: Us = 2 * DAY
#: How long a bridge is waited for that asks each hour if it may run its image, over a bad way.
ANSWER_US: Us = DAY
#: For how long a bridge that does not say what it runs is asked again, and how often.
SEARCH_US: Us = 2 * HOUR
ASK_US: Us = 2 * MINUTE


class Conductor:
    """Let the bridges of a home take their images, step by step.

    Attributes:
        home: The home.
        plan: What to do.
        served: Who was offered an image.
        skipped: Who was not, and why, though the plan meant them to be.
        interrupted: What each bridge did when somebody stopped it; empty: nobody did.
    """

    def __init__(
        self, home: Household, plan: Plan, progress: Callable[[Household], None] | None = None
    ) -> None:
        """Take a home that was started.

        Args:
            home: The home.
            plan: What to do.
            progress: Called about once a virtual minute.
        """
        self.home, self.plan = home, plan
        self.served: list[str] = []
        self.skipped: dict[str, str] = {}
        self.interrupted: dict[str, str] = {}
        self._progress = progress or (lambda home: None)
        self._ended: dict[str, int] = {}  # how often each had ended when its step began
        self._reminded_at: Us = 0

    def conduct(self) -> Outcome:
        """Carry out the plan, and say how it went.

        Raises:
            RuntimeError: The home was not started.
        """
        if not self.home.started:
            raise RuntimeError("upgrade before start")
        self.home.begin()
        for step in self.steps():
            self.carry_out(step)
        self.settle()
        return self.judged()

    # Going through the steps.

    def steps(self) -> Sequence[tuple[str, ...]]:
        """Return the steps in the order in which they are taken."""
        return self.plan.steps

    def carry_out(self, step: tuple[str, ...]) -> None:
        """Offer the images of one step, and wait until it is over."""
        self._let_report()
        names = self.offered_in(step)
        if not names:
            return
        records = self.home.chronicle.records
        self._ended |= {name: records[name].ended for name in names}
        self.home.offer(*names)
        self.served += names
        self._reminded_at = began = moved = self.home.now
        mark = self._mark()
        while not all(self.is_over(name) for name in names):
            self._wait()
            if mark != self._mark():
                mark, moved = self._mark(), self.home.now
            # What fails for hours must be well again before anybody loses patience.
            patient = max(moved, self.home.restless_until) + self.patience_us(names)
            if self.home.now > min(patient, began + LONGEST_US):
                return
            self._remind(names)

    def _let_report(self) -> None:
        """Wait, a cycle at most, for each gas meter that missed one: it must not miss two (T10)."""
        home = self.home
        if late := home.overdue():
            period_us = max(home.premises.device(name).period_us for name in late)
            home.run(lambda: not home.overdue(), period_us + MINUTE)
            home.run(never, MINUTE)  # it has to hear the answers too

    def offered_in(self, step: tuple[str, ...]) -> tuple[str, ...]:
        """Return who is offered an image in a step: whose partners run what they need."""
        names = []
        for name in step:
            lacking = [
                each for each in self.plan.requires.get(name, ()) if not self._keeps_new(each)
            ]
            if lacking:
                self.skipped[name] = f"{', '.join(lacking)} does not run its new image"
            else:
                names.append(name)
        return tuple(names)

    def _keeps_new(self, name: str) -> bool:
        """Tell whether a bridge runs its new image, and not on trial: it could go back still."""
        record = self.home.chronicle.records[name]
        return record.running == self._offered(name) and not record.on_trial

    def is_over(self, name: str) -> bool:
        """Tell whether a bridge has ended what its step wants of it, well or not."""
        record = self.home.chronicle.records[name]
        if record.dead or record.refused is not None:
            return True
        return record.ended > self._ended[name]

    def patience_us(self, names: Sequence[str]) -> Us:
        """Return how long a step may stand still: longer while an image waits for its answer."""
        if any(map(self._asks_for_leave, names)):
            return ANSWER_US
        return max(slowest_us(self.home.premises.bridge(name)) for name in names) + STILL_US

    def _asks_for_leave(self, name: str) -> bool:
        """Tell whether a bridge holds a good image and asks again and again if it may run it."""
        record = self.home.chronicle.records[name]
        return record.own is StageKind.WAITING and record.accepted and record.deferred is None

    def _wait(self) -> None:
        """Let time pass until a bridge reports something, a minute at most."""
        chronicle = self.home.chronicle
        seen = chronicle.changes
        self.home.run(lambda: chronicle.changes != seen, LOOK_US)
        self._progress(self.home)

    def _mark(self) -> tuple[int, int]:
        """Return what stays the same while nothing moves."""
        return self.home.chronicle.changes, self.home.hub.blocks

    def _remind(self, names: Sequence[str]) -> None:
        """Tell those again who fetch nothing: what told them first may be lost."""
        if self.home.now < self._reminded_at + REMIND_US:
            return
        self._reminded_at = self.home.now
        for name in names:
            record = self.home.chronicle.records[name]
            if not (self.is_over(name) or record.accepted or record.on_trial):
                self.home.notify(name)

    def _offered(self, name: str) -> int | None:
        image = self.home.images.get(name)
        return None if image is None else image.file_version

    # Judging.

    def settle(self) -> None:
        """Wait until all has failed that was to fail, and no bridge can be on trial any more."""
        home = self.home
        while home.now < home.restless_until:
            self._wait()
        while (left_us := max(map(self._unsettled_us, home.premises.bridges))) > 0:
            home.run(never, left_us)
            self._progress(home)

    def _unsettled_us(self, one: Bridge) -> Us:
        """Return how long a bridge can be on trial still, if it keeps its supply."""
        booted = self.home.chronicle.records[one.name].booted_at
        return booted + longest_trial_us(one) + MINUTE - self.home.now

    def judged(self, *, interrupted: bool = False) -> Outcome:
        """Read what every bridge runs, and say how the home ended.

        Args:
            interrupted: Nobody waits any longer: each bridge is asked once, and what it says is how
                things stand, no verdict.
        """
        home = self.home
        if interrupted:
            records = home.chronicle.records.items()
            self.interrupted = {name: str(record.shown) for name, record in records}
        read = home.read_version if interrupted else self.search
        versions = {one.name: read(one.name) for one in home.premises.bridges}
        home.chronicle.finish(home.now)
        bridges = tuple(self._bridge(one, versions[one.name]) for one in home.premises.bridges)
        times = [one.confirmed_us for one in bridges if one.offered_version is not None]
        confirmed = [one for one in times if one is not None]
        state = HomeState.INTERRUPTED if interrupted else home_state(self.plan, bridges)
        return Outcome(
            premises=home.premises.name,
            assignment=str(home.premises.assignment),
            seed=home.seed,
            state=state,
            plan=self.plan,
            bridges=bridges,
            devices=tuple(self._device(name) for name in home.devices),
            all_confirmed_us=max(confirmed) if confirmed and len(confirmed) == len(times) else None,
            virtual_us=self._since(home.now),
            alerts=tuple(one.text for one in home.hub.alerts),
            spans=tuple(self._stretch(one) for one in home.chronicle.stretches),
        )

    def search(self, name: str) -> int | None:
        """Return what a bridge runs, read over the air; None: it did not answer for hours."""
        deadline = self.home.now + SEARCH_US
        while (version := self.home.read_version(name)) is None and self.home.now < deadline:
            self.home.run(never, ASK_US)
        return version

    def _bridge(self, one: Bridge, version: int | None) -> BridgeOutcome:
        home, record = self.home, self.home.chronicle.records[one.name]
        state = self.state_of(one.name, record, version)
        confirmed = state is BridgeState.CONFIRMED and record.confirmed_us is not None
        return BridgeOutcome(
            name=one.name,
            type=one.type,
            profile=one.profile.name,
            role=str(one.role),
            first_version=home.first_versions[one.name],
            offered_version=self._offered(one.name),
            version=version,
            state=state,
            confirmed_us=self._since(record.confirmed_us or 0) if confirmed else None,
            boots=record.boots,
            rollbacks=tuple(self._rollback(each) for each in record.rollbacks),
            links=tuple(record.links.items()),
            battery_percent=home.battery(one.name),
            why=None if confirmed else self.why(one.name, record),
        )

    def why(self, name: str, record: Record) -> str | None:
        """Return why a bridge took nothing, as far as it or the plan says; else None."""
        if told := self.skipped.get(name) or dict(self.plan.deferred).get(name):
            return told
        if name not in self.served or record.rollbacks:
            return None
        if self.interrupted:
            return f"it was {self.interrupted[name]} when nobody waited any longer"
        if record.refused is not None:
            return f"it refused the image: {record.refused}"
        if record.deferred is not None:
            return f"it put the upgrade off: {record.deferred}"
        if record.accepted:
            return "it holds the image, and was never told to run it, as far as it heard"
        return None if record.stopped is None else f"the download ended: {record.stopped}"

    def state_of(self, name: str, record: Record, version: int | None) -> BridgeState:
        """Return how a bridge ended that runs a version, as read, and reported so much."""
        if version is None:
            return BridgeState.DEAD if record.dead else BridgeState.UNREACHABLE
        first = self.home.first_versions[name]
        if version == self._offered(name) != first:
            kept = record.confirmed_us is not None and not record.on_trial
            return BridgeState.CONFIRMED if kept else BridgeState.TRIAL
        if version != first:
            return BridgeState.ASTRAY
        if record.rollbacks:
            return BridgeState.BACK
        waits = name in dict(self.plan.deferred) or name in self.skipped
        waits = waits or (record.deferred is not None and name in self.served)
        return BridgeState.DEFERRED if waits else BridgeState.UNCHANGED

    def _device(self, name: str) -> DeviceOutcome:
        home = self.home
        device, account = home.premises.device(name), home.devices[name].account
        return DeviceOutcome(
            name=name,
            kind=str(device.kind),
            parent=device.parent,
            dark_us=account.dark_us(home.now),
            longest_dark_us=account.longest_dark_us(home.now),
            cycles=account.cycles,
            missed=account.missed,
            missed_in_a_row=account.missed_in_a_row,
            dark=self._spans(account.dark_spans(home.now)),
            off=self._spans(home.chronicle.outages[name]),
        )

    def _spans(self, given: Sequence[tuple[Us, Us]]) -> tuple[tuple[Us, Us], ...]:
        return tuple((self._since(start), self._since(end)) for start, end in given)

    def _since(self, at: Us) -> Us:
        """Return a time as counted from the offer."""
        return at - (self.home.offered_at or 0)

    def _rollback(self, one: Rollback) -> Rollback:
        return Rollback(at_us=self._since(one.at_us), why=one.why, pair=one.pair)

    def _stretch(self, one: Stretch) -> Stretch:
        return Stretch(
            bridge=one.bridge,
            stage=one.stage,
            from_us=self._since(one.from_us),
            to_us=self._since(one.to_us),
        )


def slowest_us(one: Bridge) -> Us:
    """Return how long nothing may be seen of an upgrade that goes on: a trial, or lost verdicts."""
    ota = one.profile.ota
    return max(longest_trial_us(one), ota.end_retry_s * ota.end_tries * SECOND)


def longest_trial_us(one: Bridge) -> Us:
    """Return the longest that a trial can last of a bridge that keeps its supply."""
    boot = one.profile.boot
    return (boot.confirm_within_s + boot.confirm_pause_max_s) * SECOND
