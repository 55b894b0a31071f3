"""Say what became of a home: its bridges, what its household saw, and why, as data and as text.

All times are microseconds of virtual time behind the offer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from emulator.units import MINUTE, SECOND, Us
from harness.premises.plan import Plan

SCHEMA = "hanover-premises-1"


class BridgeState(StrEnum):
    """Say how one bridge ended."""

    CONFIRMED = "confirmed"  # it runs what it was offered, and keeps it
    BACK = "back"  # it tried what it was offered, and runs what it ran before
    UNCHANGED = "unchanged"  # it runs what it ran before, and never tried anything else
    DEFERRED = "deferred"  # likewise: its battery, or what it waits for, does not allow more
    TRIAL = "trial"  # it runs what it was offered, and never said that it keeps it
    ASTRAY = "astray"  # it runs neither what it ran before nor what it was offered
    UNREACHABLE = "unreachable"  # nobody can read what it runs: a site visit
    DEAD = "dead"  # neither of its images boots, or it does nothing but restart


class HomeState(StrEnum):
    """Say how the whole home ended."""

    CONFIRMED = "confirmed"  # every bridge that was offered an image
    PARTIAL = "partial"  # some of them, or one is on trial still or astray
    BACK = "back"  # none, and at least one tried
    DEFERRED = "deferred"  # none, for want of charge
    REFUSED = "refused"  # none: the plan, or each bridge, refused what was offered
    STRANDED = "stranded"  # a bridge is unreachable or dead
    INTERRUPTED = "interrupted"  # nobody waited for the end


class StageKind(StrEnum):
    """Name what a bridge does for a while, for a chart."""

    UP = "up"
    DOWNLOADING = "downloading"
    WAITING = "waiting"  # it holds a good image
    REBOOTING = "rebooting"
    TRIAL = "trial"
    DARK = "dark"  # the way to the hub is cut: the bridge in between does not work
    OFF = "off"  # no supply


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """Say when a bridge went back to its old image, and why.

    Args:
        at_us: When the old image ran again.
        why: In words.
        pair: Who and its link protocols, of both sides, where these have nothing in common.
    """

    at_us: Us
    why: str
    pair: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Be a time in which a bridge did one thing."""

    bridge: str
    stage: StageKind
    from_us: Us
    to_us: Us


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeOutcome:
    """Say what became of one bridge.

    Args:
        name: In the home.
        type: Its label.
        profile: What it behaves by.
        role: In the home.
        first_version: That it ran before.
        offered_version: None: it was offered nothing.
        version: As read over the air at the end; None: nobody answered.
        state: How it ended.
        confirmed_us: When it said that it keeps its new image.
        boots: How often it started since the offer.
        rollbacks: Each time that it went back.
        links: The protocol agreed with each peer, 0 where there is none at the end.
        battery_percent: What is left; None: it has no battery.
        why: Why it does not run what it was offered, as far as that is known.
    """

    name: str
    type: str
    profile: str
    role: str
    first_version: int
    offered_version: int | None
    version: int | None
    state: BridgeState
    confirmed_us: Us | None
    boots: int
    rollbacks: tuple[Rollback, ...]
    links: tuple[tuple[str, int], ...]
    battery_percent: int | None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOutcome:
    """Say what a display or meter saw since the offer.

    Args:
        name: In the home.
        kind: What it does.
        parent: On whom it hangs.
        dark_us: How long nobody could know that it was reached, all together.
        longest_dark_us: The longest such time.
        cycles: Questions and reports of its own that ended, answered or not.
        missed: Those that were not answered.
        missed_in_a_row: The longest run of them.
        dark: Each time in which it was dark: from when to when.
        off: Each time in which it had no supply itself.
    """

    name: str
    kind: str
    parent: str
    dark_us: Us
    longest_dark_us: Us
    cycles: int
    missed: int
    missed_in_a_row: int
    dark: tuple[tuple[Us, Us], ...] = ()
    off: tuple[tuple[Us, Us], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Say what became of a home.

    Args:
        premises: Its name.
        assignment: Which types its roles were given.
        seed: That decided all chance.
        state: How it ended.
        plan: What was meant to happen.
        bridges: Each, in the order of the home.
        devices: Each, in the order of the home.
        all_confirmed_us: When the last bridge was confirmed; None: not all are.
        virtual_us: How long it was watched.
        alerts: What the hub raised.
        spans: What each bridge did when.
    """

    premises: str
    assignment: str
    seed: int
    state: HomeState
    plan: Plan
    bridges: tuple[BridgeOutcome, ...]
    devices: tuple[DeviceOutcome, ...]
    all_confirmed_us: Us | None
    virtual_us: Us
    alerts: tuple[str, ...]
    spans: tuple[Stretch, ...]

    @property
    def good(self) -> bool:
        """Tell whether every bridge that was offered an image keeps it."""
        return self.state is HomeState.CONFIRMED

    def bridge(self, name: str) -> BridgeOutcome:
        """Return one bridge's outcome.

        Raises:
            KeyError: The home has no such bridge.
        """
        return {one.name: one for one in self.bridges}[name]

    def device(self, name: str) -> DeviceOutcome:
        """Return one device's outcome.

        Raises:
            KeyError: The home has no such device.
        """
        return {one.name: one for one in self.devices}[name]

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "schema": SCHEMA,
            "premises": self.premises,
            "assignment": self.assignment,
            "seed": self.seed,
            "state": str(self.state),
            "plan": plan_object(self.plan),
            "bridges": [_bridge_json(one) for one in self.bridges],
            "devices": [_device_json(one) for one in self.devices],
            "all_confirmed_us": self.all_confirmed_us,
            "virtual_us": self.virtual_us,
            "alerts": list(self.alerts),
            "spans": [_fields(one) | {"stage": str(one.stage)} for one in self.spans],
        }

    def summary(self) -> tuple[str, ...]:
        """Return it as lines for people."""
        lines = [f"{self.premises} ({self.assignment}), seed {self.seed}: {self.state}"]
        lines += ["", *plan_lines(self.plan), ""]
        lines += _columns([_BRIDGES, *(_bridge_row(one) for one in self.bridges)])
        lines += remarks(self)
        if self.devices:
            lines += ["", *_columns([_DEVICES, *(_device_row(one) for one in self.devices)])]
        end = [f"alert: {one}" for one in self.alerts]
        if self.all_confirmed_us is not None:
            end.append(f"all confirmed after {shown_span(self.all_confirmed_us)}")
        return (*lines, *([""] if end else []), *end)


def plan_lines(plan: Plan) -> tuple[str, ...]:
    """Return a plan as lines for people: the steps, why, and what stands against it."""
    steps = ", then ".join(" with ".join(step) for step in plan.steps)
    lines = [f"plan: {steps or 'nothing is offered'}", *(f"  {one}" for one in plan.reasons)]
    if plan.refused is not None:
        lines.append(f"  refused: {plan.refused}")
    return (*lines, *(f"  {name} has to wait: {why}" for name, why in plan.deferred))


def remarks(outcome: Outcome) -> tuple[str, ...]:
    """Return what is to be said of bridges that neither their rows nor the plan say."""
    lines = []
    said = dict(outcome.plan.deferred)
    for one in outcome.bridges:
        for each in one.rollbacks:
            pair = "" if each.pair is None else f" ({each.pair[0]}, {each.pair[1]})"
            lines.append(f"{one.name} went back after {shown_span(each.at_us)}: {each.why}{pair}")
        if one.why not in (None, said.get(one.name)):
            lines.append(f"{one.name}: {one.why}")
    return tuple(lines)


def shown_span(us: Us) -> str:
    """Return a time for people, as exact as they need it."""
    minutes, rest = divmod(us, MINUTE)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h"] if hours else []
    parts += [f"{minutes} min"] if hours or minutes else []
    return " ".join([*parts, f"{rest // (SECOND // 10) / 10:.1f} s"])


def home_state(plan: Plan, bridges: Sequence[BridgeOutcome]) -> HomeState:
    """Return how a home ended whose bridges ended so."""
    states = [one.state for one in bridges]
    if BridgeState.UNREACHABLE in states or BridgeState.DEAD in states:
        return HomeState.STRANDED
    offered = [one.state for one in bridges if one.offered_version is not None]
    if plan.refused is not None or not offered:
        return HomeState.REFUSED
    if all(one is BridgeState.CONFIRMED for one in offered):
        return HomeState.CONFIRMED
    if {BridgeState.CONFIRMED, BridgeState.TRIAL, BridgeState.ASTRAY} & set(states):
        return HomeState.PARTIAL
    if BridgeState.BACK in offered:
        return HomeState.BACK
    return HomeState.DEFERRED if BridgeState.DEFERRED in offered else HomeState.REFUSED


def plan_object(plan: Plan) -> dict[str, Any]:
    """Return a plan as a JSON object."""
    return {
        "steps": [list(step) for step in plan.steps],
        "reasons": list(plan.reasons),
        "refused": plan.refused,
        "deferred": [{"bridge": name, "why": why} for name, why in plan.deferred],
    }


def _bridge_json(one: BridgeOutcome) -> dict[str, Any]:
    backs = [
        {"at_us": each.at_us, "why": each.why, "pair": each.pair and list(each.pair)}
        for each in one.rollbacks
    ]
    return _fields(one) | {"state": str(one.state), "rollbacks": backs, "links": dict(one.links)}


def _device_json(one: DeviceOutcome) -> dict[str, Any]:
    spans = {"dark": one.dark, "off": one.off}
    return _fields(one) | {name: [list(each) for each in given] for name, given in spans.items()}


def _fields(one: BridgeOutcome | DeviceOutcome | Stretch) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__slots__}


_BRIDGES = ("bridge", "type", "state", "runs", "offered", "confirmed after", "starts", "battery")
_DEVICES = ("device", "at", "dark", "longest", "cycles", "missed", "in a row")


def _bridge_row(one: BridgeOutcome) -> tuple[str, ...]:
    return (
        one.name,
        one.type,
        str(one.state),
        "no answer" if one.version is None else _version(one.version),
        "nothing" if one.offered_version is None else _version(one.offered_version),
        "-" if one.confirmed_us is None else shown_span(one.confirmed_us),
        str(one.boots),
        "-" if one.battery_percent is None else f"{one.battery_percent} %",
    )


def _device_row(one: DeviceOutcome) -> tuple[str, ...]:
    times = (shown_span(one.dark_us), shown_span(one.longest_dark_us))
    return (one.name, one.parent, *times, *map(str, (one.cycles, one.missed, one.missed_in_a_row)))


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _version(version: int) -> str:
    return f"0x{version:08X}"
