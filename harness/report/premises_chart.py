"""Lay out what happened in a home: a lane a bridge or device, time to the right.

Times in which every lane is up are drawn as short breaks, and a very long stretch shorter than it
was; what is short has at least the pixels that an eye needs.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from emulator.units import MINUTE, SECOND, Us
from harness.premises.outcome import (
    BridgeOutcome,
    DeviceOutcome,
    Outcome,
    StageKind,
    Stretch,
    shown_span,
)

#: Pixels: of a lane and of the bar in it, above and below all lanes, of a break.
HIGH, BAR, HEAD, FOOT, BREAK = 44, 24, 8, 28, 34
#: Pixels of all that is not short; least of a time between two moments, and of all such.
_WIDE, _LEAST, _MOST_LEAST = 720, 5, 1500
#: No time between two moments takes more than this share of the chart.
_SHARE = 3
#: Pixels of a letter in a bar, and between two labels of the axis.
_LETTER, _ROOM = 7, 64
#: Most stretches of one lane that are drawn; the table has all.
MOST_DRAWN = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Be one stretch of a lane; ``label`` is empty where it does not fit."""

    x: float
    width: float
    stage: StageKind
    label: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Be a moment of a lane: a sign, and what it means."""

    x: float
    sign: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Be what one bridge or device did."""

    name: str
    about: str
    y: int
    bars: tuple[Bar, ...]
    events: tuple[Event, ...]
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Be a place on the axis; ``x2`` where it ends, if it is a break."""

    x: float
    text: str
    x2: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Be the chart, laid out."""

    width: int
    height: int
    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    breaks: tuple[Tick, ...]
    stages: tuple[StageKind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Be the time between two moments at which anything changed."""

    from_us: Us
    to_us: Us
    quiet: bool

    @property
    def us(self) -> Us:
        return self.to_us - self.from_us


def lay_out(outcome: Outcome) -> Chart:
    """Return the chart of a home."""
    lanes = stretches(outcome)
    steps = _steps(lanes, outcome.virtual_us)
    x_of, breaks = _axis(steps)
    about = {one.name: _about_bridge(one) for one in outcome.bridges}
    about |= {one.name: _about_device(one) for one in outcome.devices}
    made = tuple(
        _lane(name, about[name], lanes[name], at, x_of, _events(outcome, name, x_of))
        for at, name in enumerate(about)
    )
    seen = {one.stage for every in lanes.values() for one in every}
    return Chart(
        width=round(max(x_of.values())) + 24,
        height=HEAD + len(made) * HIGH + FOOT,
        lanes=made,
        ticks=_ticks(x_of),
        breaks=breaks,
        stages=tuple(one for one in StageKind if one in seen),
    )


def stretches(outcome: Outcome) -> dict[str, list[Stretch]]:
    """Return what each bridge and each device did when, in order of time."""
    made: dict[str, list[Stretch]] = {
        one.name: [each for each in outcome.spans if each.bridge == one.name]
        for one in outcome.bridges
    }
    for one in outcome.devices:
        made[one.name] = _of_device(one, outcome.virtual_us)
    for every in made.values():
        every.sort(key=lambda each: each.from_us)
    return made


def _of_device(one: DeviceOutcome, until: Us) -> list[Stretch]:
    """Return what a device did; it is up where it was neither dark nor off."""
    told = [(StageKind.DARK, *each) for each in one.dark]
    told += [(StageKind.OFF, *each) for each in one.off]
    made: list[Stretch] = []
    at: Us = 0
    for stage, start, end in sorted(told, key=lambda each: each[1]):
        _put(made, one.name, StageKind.UP, at, start)
        _put(made, one.name, stage, max(start, at), end)
        at = max(at, end)
    _put(made, one.name, StageKind.UP, at, until)
    return made


def _put(made: list[Stretch], name: str, stage: StageKind, from_us: Us, to_us: Us) -> None:
    """Add a stretch if it lasts."""
    if to_us > from_us:
        made.append(Stretch(bridge=name, stage=stage, from_us=from_us, to_us=to_us))


# The axis of time.


def _steps(lanes: dict[str, list[Stretch]], until: Us) -> list[_Step]:
    """Return the times between moments; one is quiet if every lane is up in all of it."""
    every = [one for stretches in lanes.values() for one in stretches]
    moments = sorted({0, until, *(at for one in every for at in (one.from_us, one.to_us))})
    busy: set[Us] = set()
    for one in every:
        if one.stage is not StageKind.UP:
            first, last = bisect_left(moments, one.from_us), bisect_left(moments, one.to_us)
            busy.update(moments[first:last])
    return [
        _Step(from_us=start, to_us=end, quiet=start not in busy) for start, end in pairwise(moments)
    ]


def _axis(steps: Sequence[_Step]) -> tuple[dict[Us, float], tuple[Tick, ...]]:
    """Return where each moment stands, and the times that are drawn shorter than they were."""
    loud = [one.us for one in steps if not one.quiet]
    longest = max(sum(loud) / _SHARE, SECOND)
    total = sum(min(us, longest) for us in loud) or 1
    least = min(_LEAST, _MOST_LEAST / max(len(steps), 1))
    x_of: dict[Us, float] = {0: 4.0}
    breaks = []
    for one in steps:
        start = x_of[one.from_us]
        shown = min(one.us, longest) * _WIDE / total
        width = min(shown, BREAK) if one.quiet else shown
        x_of[one.to_us] = end = round(start + max(width, least), 1)
        if width < one.us * _WIDE / total - 1:
            text = f"{shown_span(one.us)}, drawn shorter than it was"
            breaks.append(Tick(x=start, x2=end, text=text))
    return x_of, tuple(breaks)


def _ticks(x_of: dict[Us, float]) -> tuple[Tick, ...]:
    """Return the labels of the axis: moments that were, with room between them, and the last."""
    moments = sorted(x_of)
    last = moments[-1]
    made = [Tick(x=x_of[moments[0]], text=_clock(moments[0]))]
    for moment in moments:
        x = x_of[moment]
        if x - made[-1].x >= _ROOM and (moment == last or x_of[last] - x >= _ROOM):
            made.append(Tick(x=x, text=_clock(moment)))
    return tuple(made)


def _clock(us: Us) -> str:
    """Return a time as hours, minutes and seconds."""
    minutes, rest = divmod(us, MINUTE)
    return f"{minutes // 60}:{minutes % 60:02}:{rest // SECOND:02}"


# The lanes.


def _lane(
    name: str,
    about: str,
    stretches: Sequence[Stretch],
    at: int,
    x_of: dict[Us, float],
    events: tuple[Event, ...],
) -> Lane:
    return Lane(
        name=name,
        about=about,
        y=HEAD + at * HIGH,
        bars=tuple(_bar(one, x_of) for one in stretches[:MOST_DRAWN]),
        events=events,
        hidden=max(0, len(stretches) - MOST_DRAWN),
    )


def _bar(one: Stretch, x_of: dict[Us, float]) -> Bar:
    x, width = x_of[one.from_us], x_of[one.to_us] - x_of[one.from_us]
    word = str(one.stage)
    when = f"from {shown_span(one.from_us)} for {shown_span(one.to_us - one.from_us)}"
    return Bar(
        x=x,
        width=round(width, 1),
        stage=one.stage,
        label=word if len(word) * _LETTER + 6 <= width else "",
        title=f"{one.bridge}: {word} {when}",
    )


def _events(outcome: Outcome, name: str, x_of: dict[Us, float]) -> tuple[Event, ...]:
    """Return when a bridge confirmed its image, or went back."""
    made: list[Event] = []
    for one in outcome.bridges:
        if one.name != name:
            continue
        if one.confirmed_us is not None:
            title = f"{name} confirmed after {shown_span(one.confirmed_us)}"
            made.append(Event(x=_x_at(one.confirmed_us, x_of), sign="✓", title=title))
        for each in one.rollbacks[:MOST_DRAWN]:
            title = f"{name} went back after {shown_span(each.at_us)}: {each.why}"
            made.append(Event(x=_x_at(each.at_us, x_of), sign="↩", title=title))
    return tuple(made)


def _x_at(us: Us, x_of: dict[Us, float]) -> float:
    """Return where a moment stands that may lie between two that changed anything."""
    moments = sorted(x_of)
    if len(moments) == 1:
        return x_of[moments[0]]
    at = min(max(bisect_left(moments, us), 1), len(moments) - 1)
    before, after = moments[at - 1], moments[at]
    share = (us - before) / (after - before)
    return round(x_of[before] + (x_of[after] - x_of[before]) * min(max(share, 0), 1), 1)


def _about_bridge(one: BridgeOutcome) -> str:
    return f"{one.type}, {one.state}"


def _about_device(one: DeviceOutcome) -> str:
    return f"at {one.parent}, dark {shown_span(one.dark_us)}"
