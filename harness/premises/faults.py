"""Let things fail in a home, in time: supplies, the hub, links, a battery; as values and as text.

Times count from the offer, up to 365 days. The text of a fault is what ``--fault`` takes:

* ``near:cut@120s`` - the supply fails for a moment; ``home`` is all that hangs on the mains
* ``remote_gsme:off@10m..25m`` - it is off from one time to another
* ``near-remote_ihd:down@1m..5m`` - the link carries nothing; without a second time for ever
* ``near-remote_ihd:loss=0.05``, ``duplicates=``, ``late=`` - chance has its way, from the start
* ``remote_gsme:battery=12`` or ``battery=12@5m`` - its battery has so many percent from then on
* ``near:reboots=5`` or ``reboots=5@4m`` - so many cuts, at moments that the seed decides, within
  half an hour or within so long
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn, TypeAlias, assert_never

from emulator.actions import Stimulus, Wake
from emulator.errors import HanoverError
from emulator.profiles.model import Power
from emulator.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND, Rng, Us
from harness.lanes.home import HomeLane
from harness.lanes.seeds import node_chance
from harness.premises.model import WHOLE, Premises

#: How long the supply is off in a cut.
CUT_US: Us = SECOND
#: Within which time of the offer random cuts come.
REBOOTS_WITHIN_US: Us = 30 * MINUTE
MOST_REBOOTS = 1000
#: The latest time of a fault: a home lives until all has failed that was to fail.
MOST_DAYS = 365
#: Shares are counted in parts of this.
MILLION = 1_000_000

_UNITS: dict[str, Us] = {
    "us": 1,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
    "d": DAY,
}
_TIME = re.compile(r"(\d{1,9})(us|ms|s|m|h|d)")


class FaultError(HanoverError, ValueError):
    """A fault is none, or none of this home; the message names it, found and wanted."""


class Flaw(StrEnum):
    """Name what chance does between two neighbours."""

    LOSS = "loss"  # it never arrives
    DUPLICATES = "duplicates"  # it arrives twice
    LATE = "late"  # others overtake it


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Cut the supply of a node, or of all that hangs on the mains, for a moment."""

    who: str
    at_us: Us


@dataclass(frozen=True, slots=True, kw_only=True)
class Off:
    """Leave a node, or all that hangs on the mains, without supply for a time."""

    who: str
    from_us: Us
    to_us: Us


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """Let the way between two neighbours carry nothing; ``to_us`` None: for ever."""

    between: tuple[str, str]
    from_us: Us
    to_us: Us | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flawed:
    """Let chance have its way between two neighbours: a share of a million."""

    between: tuple[str, str]
    flaw: Flaw
    share: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Low:
    """Let a battery have so many percent from a moment on."""

    who: str
    percent: int
    at_us: Us = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboots:
    """Cut the supply so many times, at moments that the seed decides."""

    who: str
    count: int
    within_us: Us = REBOOTS_WITHIN_US


HomeFault: TypeAlias = Cut | Off | Down | Flawed | Low | Reboots


# As text.


def parse_fault(text: str, premises: Premises) -> HomeFault:
    """Read a fault as the module's docstring says it, for a home.

    Raises:
        FaultError: The text is no fault, or names what the home does not have.
    """
    who, colon, what = text.partition(":")
    word, sign, value = what.partition("@") if "=" not in what else what.partition("=")
    reader = _READERS.get((word, sign))
    if not colon or reader is None:
        _refuse(text, f'"{what or who}"', f"WHO:WHAT, WHAT one of {', '.join(_FORMS)}")
    return reader(text, who, word, value, premises)


def _cut(text: str, who: str, word: str, value: str, premises: Premises) -> HomeFault:
    return Cut(who=_supplied(text, who, premises), at_us=_time(text, value))


def _off(text: str, who: str, word: str, value: str, premises: Premises) -> HomeFault:
    from_us, to_us = _times(text, value)
    if to_us is None:
        _refuse(text, f'"{value}"', "T..T, two times")
    return Off(who=_supplied(text, who, premises), from_us=from_us, to_us=to_us)


def _down(text: str, who: str, word: str, value: str, premises: Premises) -> HomeFault:
    from_us, to_us = _times(text, value)
    return Down(between=_neighbours(text, who, premises), from_us=from_us, to_us=to_us)


def _flawed(text: str, who: str, word: str, value: str, premises: Premises) -> HomeFault:
    between = _neighbours(text, who, premises)
    if not re.fullmatch(r"0(\.\d{1,6})?|1(\.0{1,6})?", value):
        _refuse(text, f'"{value}"', "0..1, as 0.05, with six digits at most")
    return Flawed(between=between, flaw=Flaw(word), share=round(float(value) * MILLION))


def _low(text: str, who: str, word: str, value: str, premises: Premises) -> HomeFault:
    number, at, time = value.partition("@")
    cells = [one.name for one in premises.bridges if one.profile.battery is not None]
    if who not in cells:
        wanted = f"a bridge with a [battery]: {', '.join(cells) or 'none has one'}"
        _refuse(text, f'"{who}"', wanted)
    percent = _whole(text, number, 0, 100)
    return Low(who=who, percent=percent, at_us=_time(text, time) if at else 0)


def _reboots(text: str, who: str, word: str, value: str, premises: Premises) -> HomeFault:
    number, at, time = value.partition("@")
    count, who = _whole(text, number, 1, MOST_REBOOTS), _supplied(text, who, premises)
    if not at:
        return Reboots(who=who, count=count)
    within_us = _time(text, time)
    if not within_us:
        _refuse(text, f'"{time}"', "a time above 0")
    return Reboots(who=who, count=count, within_us=within_us)


_READERS: dict[tuple[str, str], Callable[[str, str, str, str, Premises], HomeFault]] = {
    ("cut", "@"): _cut,
    ("off", "@"): _off,
    ("down", "@"): _down,
    **{(flaw.value, "="): _flawed for flaw in Flaw},
    ("battery", "="): _low,
    ("reboots", "="): _reboots,
}
_FORMS = (
    *("cut@T", "off@T..T", "down@T[..T]"),
    *(f"{flaw}=SHARE" for flaw in Flaw),
    *("battery=PERCENT[@T]", "reboots=COUNT[@T]"),
)


def _supplied(text: str, who: str, premises: Premises) -> str:
    """Return the name of a node whose supply can fail, or of all that hangs on the mains."""
    known = (WHOLE, *premises.names)
    if who not in known:
        _refuse(text, f'"{who}"', f"one of {', '.join(known)}")
    return who


def _neighbours(text: str, who: str, premises: Premises) -> tuple[str, str]:
    """Return two neighbours, the parent first, in whichever order they are named."""
    known = {"-".join(link.between): link.between for link in premises.links}
    turned = "-".join(reversed(who.split("-")))
    found = known.get(who) or known.get(turned)
    if found is None:
        _refuse(text, f'"{who}"', f"one of {', '.join(known)}")
    return found


def _times(text: str, value: str) -> tuple[Us, Us | None]:
    start, dots, end = value.partition("..")
    from_us, to_us = _time(text, start), _time(text, end) if dots else None
    if to_us is not None and to_us <= from_us:
        _refuse(text, f'"{value}"', "a second time behind the first")
    return from_us, to_us


def _time(text: str, value: str) -> Us:
    found = _TIME.fullmatch(value)
    if found is None:
        _refuse(text, f'"{value}"', f"a time, as 120s; units {', '.join(_UNITS)}")
    time_us = int(found[1]) * _UNITS[found[2]]
    if time_us > MOST_DAYS * DAY:
        _refuse(text, f'"{value}"', f"{MOST_DAYS}d at most")
    return time_us


def _whole(text: str, value: str, low: int, high: int) -> int:
    if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
        _refuse(text, f'"{value}"', f"{low}..{high}")
    return int(value)


def _refuse(text: str, found: str, wanted: str) -> NoReturn:
    raise FaultError(f"fault {text}: found {found}, wanted {wanted}")


def shown(fault: HomeFault) -> str:
    """Return the text that ``parse_fault`` reads as this fault."""
    match fault:
        case Cut(who=who, at_us=at_us):
            return f"{who}:cut@{_span(at_us)}"
        case Off(who=who, from_us=from_us, to_us=to_us):
            return f"{who}:off@{_span(from_us)}..{_span(to_us)}"
        case Down(between=between, from_us=from_us, to_us=end):
            until = "" if end is None else f"..{_span(end)}"
            return f"{'-'.join(between)}:down@{_span(from_us)}{until}"
        case Flawed(between=between, flaw=flaw, share=share):
            number = f"{share / MILLION:.6f}".rstrip("0").rstrip(".")
            return f"{'-'.join(between)}:{flaw}={number}"
        case Low(who=who, percent=percent, at_us=at_us):
            return f"{who}:battery={percent}" + (f"@{_span(at_us)}" if at_us else "")
        case Reboots(who=who, count=count, within_us=within_us):
            usual = within_us == REBOOTS_WITHIN_US
            return f"{who}:reboots={count}" + ("" if usual else f"@{_span(within_us)}")
        case _:
            assert_never(fault)


def _span(us: Us) -> str:
    """Return a time in the largest unit that says it in whole numbers."""
    for name, unit in reversed(_UNITS.items()):
        if us % unit == 0 and us >= unit:
            return f"{us // unit}{name}"
    return f"{us}us"


# As deeds.

#: What happens to a home at a moment.
Deed: TypeAlias = Callable[["Agenda"], None]


class Agenda:
    """Let the deeds of faults happen in a home, each at its time: the world wakes it."""

    NAME = "(agenda)"  # in the world of the home, where no node can have it

    def __init__(self, lane: HomeLane, faults: Sequence[HomeFault], seed: int) -> None:
        """Take the deeds of some faults.

        Args:
            lane: The home.
            faults: What fails.
            seed: Decides the moments of random cuts, of each fault by itself.
        """
        self.lane = lane
        deeds = [
            one
            for fault, rng in chances(faults, seed)
            for one in deeds_of(fault, lane.premises, rng)
        ]
        self._deeds = sorted(deeds, key=lambda one: one[0])
        self._next = 0
        self._from_us: Us = 0
        #: How many faults keep a node without supply, or a way down, at this moment.
        self._dark: dict[str | tuple[str, str], int] = {}
        lane.attach(self.NAME, self)

    @property
    def last_us(self) -> Us:
        """Return when the last deed is done, in the time of the world; 0: there is none."""
        return self._from_us + self._deeds[-1][0] if self._deeds else 0

    def begin(self, now: Us) -> None:
        """Count time from now: the offer."""
        self._from_us = now
        self.take(Wake(), now)

    def take(self, stimulus: Stimulus, now: Us) -> None:
        """Do what is due."""
        deeds = self._deeds
        while self._next < len(deeds) and self._from_us + deeds[self._next][0] <= now:
            self._next += 1
            deeds[self._next - 1][1](self)
        if self._next < len(deeds):
            self.lane.world.post(self._from_us + deeds[self._next][0], self.NAME, Wake())

    def switch(self, name: str, on: bool) -> None:
        """Cut a supply, or raise it where no other fault still keeps it cut."""
        if self._turns(name, on):
            self.lane.power(name, on)

    def connect(self, between: tuple[str, str], up: bool) -> None:
        """Take a way down, or up where no other fault still keeps it down."""
        if self._turns(between, up):
            self.lane.set_up(between, up)

    def _turns(self, what: str | tuple[str, str], on: bool) -> bool:
        """Count a fault that begins or ends; tell whether that changes anything."""
        dark = self._dark[what] = self._dark.get(what, 0) + (-1 if on else 1)
        return dark == (0 if on else 1)


def chances(faults: Sequence[HomeFault], seed: int) -> list[tuple[HomeFault, Rng]]:
    """Return each fault with its own stream of chance; equal faults have different ones too."""
    made, given = [], Counter[HomeFault]()
    for fault in faults:
        given[fault] += 1
        name = f"agenda {shown(fault)} {given[fault]}"
        made.append((fault, node_chance(seed, name)))
    return made


def deeds_of(fault: HomeFault, premises: Premises, rng: Rng) -> list[tuple[Us, Deed]]:
    """Return what a fault does, and when behind the offer."""
    match fault:
        case Cut(who=who, at_us=at_us):
            return _outage(who, at_us, at_us + CUT_US, premises)
        case Off(who=who, from_us=from_us, to_us=to_us):
            return _outage(who, from_us, to_us, premises)
        case Reboots(who=who, count=count, within_us=within_us):
            moments = [rng.randrange(0, within_us) for _ in range(count)]
            return [one for at in moments for one in _outage(who, at, at + CUT_US, premises)]
        case Down(between=between, from_us=from_us, to_us=end):
            made: list[tuple[Us, Deed]] = [(from_us, lambda one: one.connect(between, False))]
            if end is not None:
                made.append((end, lambda one: one.connect(between, True)))
            return made
        case Flawed(between=between, flaw=flaw, share=share):
            return [(0, lambda one: one.lane.spoil(between, _FIELDS[flaw], share))]
        case Low(who=who, percent=percent, at_us=at_us):
            return [(at_us, lambda one: one.lane.charge(who, percent))]
        case _:
            assert_never(fault)


#: What the lane calls each flaw.
_FIELDS = {Flaw.LOSS: "lost", Flaw.DUPLICATES: "twice", Flaw.LATE: "late"}


def _outage(who: str, from_us: Us, to_us: Us, premises: Premises) -> list[tuple[Us, Deed]]:
    names = on_mains(premises) if who == WHOLE else (who,)

    def switch(on: bool) -> Deed:
        def deed(agenda: Agenda) -> None:
            for name in names:
                agenda.switch(name, on)

        return deed

    return [(from_us, switch(False)), (to_us, switch(True))]


def on_mains(premises: Premises) -> tuple[str, ...]:
    """Return the names of all nodes that a power cut of the home reaches, the hub first."""
    bridges = [one.name for one in premises.bridges if one.profile.power is Power.MAINS]
    return (premises.hub, *bridges, *(one.name for one in premises.devices if not one.sleepy))
