"""Decide in which order the bridges of a home take their images, and say why.

What a plan must never do is make a pair mute: near and remote bridge with no link protocol in
common. A mute remote is a site visit, for nothing but the near bridge reaches it. So one rule
judges every order, ours and a user's: a step is good if, whichever of its images run, no pair is
mute that was not mute before, and whom it upgrades can be reached.

A bridge whose image goes back runs what it ran before its step, a state that was good. What it did
not reach may be missing later: ``Plan.requires`` names the steps that are then left out.

Source: gb-alt-han 5, T2, T4 to T6, T9; GB-061 to GB-063, GB-072, GB-073.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from harness.premises.model import Premises, PremisesError

#: The lowest and the highest link protocol that an image speaks.
Speech = tuple[int, int]
Steps = tuple[tuple[str, ...], ...]
_NOTHING = "nothing in common"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Be the image that a bridge is to take."""

    version: int
    speaks: Speech


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Say what is known of one bridge before anything is offered.

    Args:
        name: Of the bridge.
        version: That runs.
        speaks: Its link protocols.
        offered: What it is to take; None: it stays as it is.
        battery_percent: Its charge, 0..100; None: on mains, or unknown, which is enough.
        cost_percent: What an upgrade and its rollback take from a full battery.
        reserve_percent: What must be left after them.
    """

    name: str
    version: int
    speaks: Speech
    offered: Offered | None = None
    battery_percent: int | None = None
    cost_percent: int = 0
    reserve_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Say what a user wants of the plan.

    Args:
        order: Their own steps; None: the plan finds them.
        together: Both remotes may be in one step; no matter for an order of the user's.
        anyway: Carry out the order even if it makes a pair mute; the bridges must then save
            themselves.
    """

    order: Steps | None = None
    together: bool = False
    anyway: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Be the order in which a home is upgraded; empty if it is refused or there is nothing to do.

    Args:
        steps: The bridges of each step, whose images are offered at the same time.
        reasons: Why, one line each.
        refused: Why no step is taken; None: the plan is good, or taken anyway.
        deferred: Each bridge that has to wait, and for what.
        requires: By bridge, whose new image must run before this one's is offered. If one of them
            went back, this one is left out: it would be mute.
    """

    steps: Steps
    reasons: tuple[str, ...]
    refused: str | None = None
    deferred: tuple[tuple[str, str], ...] = ()
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mute:
    """Be one state in which a pair has nothing in common."""

    step: int  # counted from 1
    text: str


#: Let the plan decide everything.
FREE = Wish()


def read_order(text: str) -> Steps:
    """Return the steps that a text names: ``remote_ihd+remote_gsme,near``.

    Raises:
        PremisesError: A name is missing between two signs.
    """
    steps = tuple(tuple(one.strip() for one in step.split("+")) for step in text.split(","))
    if not all(name for step in steps for name in step):
        raise PremisesError(f'order: found "{text}", wanted names with "," or "+" between them')
    return steps


def plan(premises: Premises, candidates: Sequence[Candidate], wish: Wish = FREE) -> Plan:
    """Return the order in which the bridges of a home take their images.

    Remotes first and the near bridge last, for all behind the near one is dark while it restarts;
    where that would make a pair mute, the side that speaks both protocols first. A bridge short of
    charge waits, and so does every one that needs its new image.

    Args:
        premises: The home.
        candidates: Each of its bridges, once.
        wish: What the user wants.

    Raises:
        PremisesError: The candidates are not the bridges of this home, or the wished order does
            not name each bridge that has an image once.
    """
    known = _Known(premises, candidates)
    if wish.order is not None:
        return _judged(known, wish.order, anyway=wish.anyway)
    steps, refused = _found(known, together=wish.together)
    if refused:
        return Plan(steps=(), reasons=(), refused=refused)
    made = _completed(known, steps, [])
    return replace(made, reasons=(*_explained(known, made.steps), *made.reasons))


class _Known:
    """Hold what is known of a home's bridges, and tell who understands whom."""

    def __init__(self, premises: Premises, candidates: Sequence[Candidate]) -> None:
        self._of = {one.name: one for one in candidates}
        wanted = [one.name for one in premises.bridges]
        if sorted(one.name for one in candidates) != sorted(wanted):
            found = ", ".join(one.name for one in candidates) or "nothing"
            raise PremisesError(f"bridges: found {found}, wanted {', '.join(wanted)}")
        for one in candidates:
            for low, high in (one.speaks, *([one.offered.speaks] if one.offered else [])):
                if not 1 <= low <= high:
                    rule = "1 or more, the lower one first"
                    raise PremisesError(f"{one.name}: found {low}..{high}, wanted {rule}")
        self.near = premises.near.name
        self.remotes = tuple(one.name for one in premises.remotes)
        # An image that runs already is nobody's upgrade.
        self.takers = tuple(
            name
            for name in wanted
            if (offered := self._of[name].offered) and offered.version != self._of[name].version
        )

    def candidate(self, name: str) -> Candidate:
        return self._of[name]

    def speech(self, name: str, new: frozenset[str]) -> Speech:
        """Return what a bridge speaks when these run their new image."""
        one = self._of[name]
        return one.offered.speaks if one.offered and name in new else one.speaks

    def talk(self, remote: str, new: frozenset[str]) -> bool:
        """Tell whether the near bridge and a remote have a protocol in common."""
        (low, high), (least, most) = self.speech(self.near, new), self.speech(remote, new)
        return max(low, least) <= min(high, most)

    def told(self, remote: str, new: frozenset[str]) -> str:
        """Say what both of a pair speak when these run their new image."""
        return " and ".join(self._speaks(name, new) for name in (self.near, remote))

    def _speaks(self, name: str, new: frozenset[str]) -> str:
        verb = "would speak" if name in new else "speaks"
        return f"{name} {verb} {_range(self.speech(name, new))}"

    def mutes(self, steps: Steps, remotes: tuple[str, ...]) -> Iterator[_Mute]:
        """Yield what an order breaks between the near bridge and these remotes, in its order."""
        new: frozenset[str] = frozenset()
        for number, step in enumerate(steps, 1):
            for remote in remotes:
                if remote in step and not self.talk(remote, new):
                    text = f"{remote} cannot be reached: {self.told(remote, new)}"
                    yield _Mute(step=number, text=text)
            for tried in _choices(step):
                for remote in remotes:
                    if self.talk(remote, new) and not self.talk(remote, new | tried):
                        yield _Mute(step=number, text=self.told(remote, new | tried))
            new |= frozenset(step)


def _choices(step: tuple[str, ...]) -> Iterator[frozenset[str]]:
    """Yield each choice of a step's bridges that may run their new image at one time."""
    for count in range(1, len(step) + 1):
        yield from (frozenset(each) for each in combinations(step, count))


def _found(known: _Known, *, together: bool) -> tuple[Steps, str]:
    """Return the best order that keeps every pair talking, or why there is none.

    A pair is the near bridge and one remote, so each remote finds its place for itself.
    """
    before: list[str] = []
    after: list[str] = []
    wrong: list[str] = []
    for remote in known.remotes:
        late, why = _place(known, remote)
        if why:
            wrong.append(why)
        elif remote in known.takers:
            (after if late else before).append(remote)
    near = tuple((name,) for name in known.takers if name == known.near)
    steps = (*_grouped(before, together), *near, *_grouped(after, together))
    return ((), "; ".join(wrong)) if wrong else (steps, "")


def _grouped(names: list[str], together: bool) -> Steps:
    if together and names:
        return (tuple(names),)
    return tuple((name,) for name in names)


def _place(known: _Known, remote: str) -> tuple[bool, str]:
    """Return whether a remote comes after the near bridge, and what is wrong with either place."""
    takers = [name for name in (remote, known.near) if name in known.takers]
    broken = []
    for late, names in enumerate((takers, takers[::-1])):
        first = next(known.mutes(_grouped(names, together=False), (remote,)), None)
        if first is None:
            return bool(late), ""
        broken.append(first.text)
    told, wanted = ", or ".join(dict.fromkeys(broken)), "an image that speaks both"
    every = frozenset(takers)
    if len(every) == 2 and not known.talk(remote, every):
        told, wanted = known.told(remote, every), "images that share a protocol"
    return False, f"{told}: {_NOTHING}; wanted {wanted}"


def _judged(known: _Known, order: Steps, *, anyway: bool) -> Plan:
    """Return a user's order as a plan, or why it is refused."""
    named = [name for step in order for name in step]
    if sorted(named) != sorted(known.takers):
        wanted = ", ".join(known.takers) or "no name: no bridge has an image to take"
        raise PremisesError(f"order: found {', '.join(named) or 'nothing'}, wanted {wanted}")
    broken = [_shown(order, one) for one in known.mutes(order, known.remotes)]
    if not broken:
        return _completed(known, order, ["the order is the user's, and no pair is mute in it"])
    if not anyway:
        steps, refused = _found(known, together=False)
        needed = refused.rpartition("; ")[2]  # what is wrong was said just now
        advice = needed or f"wanted an order such as {_written(steps)}"
        return Plan(steps=(), reasons=(), refused=f"{broken[0]}; {advice}")
    reasons = ["the order is the user's, and is carried out anyway", *dict.fromkeys(broken)]
    return _completed(known, order, reasons, free=True)


def _shown(order: Steps, one: _Mute) -> str:
    return f"step {one.step} ({'+'.join(order[one.step - 1])}): {one.text}: {_NOTHING}"


def _written(steps: Steps) -> str:
    """Write steps as ``read_order`` reads them."""
    return ",".join("+".join(step) for step in steps)


def _completed(known: _Known, steps: Steps, reasons: list[str], *, free: bool = False) -> Plan:
    """Return a plan of good steps, without those that have to wait.

    ``free``: whoever has charge takes its image, come what may.
    """
    needs = {} if free else _needed(known, steps)
    for name, causes in needs.items():
        for each, told in causes.items():
            only = f"only when {each} runs its new image"
            reasons.append(f"{name} after {each}, and {only}: else {told}: {_NOTHING}")
    requires = {name: tuple(causes) for name, causes in needs.items()}
    deferred = _deferred(known, steps, requires)
    waiting = {name for name, _ in deferred}
    left = [tuple(name for name in step if name not in waiting) for step in steps]
    return Plan(
        steps=tuple(step for step in left if step),
        reasons=tuple(reasons),
        deferred=deferred,
        requires={name: causes for name, causes in requires.items() if name not in waiting},
    )


def _needed(known: _Known, steps: Steps) -> dict[str, dict[str, str]]:
    """Return whose new image each bridge needs, and what its pair would speak without it."""
    needed: dict[str, dict[str, str]] = {}
    earlier: list[str] = []
    for step in steps:
        for name in step:
            told = {each: _without(known, name, each) for each in earlier}
            if causes := {each: why for each, why in told.items() if why}:
                needed[name] = causes
        earlier += step
    return needed


def _without(known: _Known, name: str, other: str) -> str:
    """Return what a pair speaks if one end's new image runs or is offered and the other is old.

    Returns:
        Nothing if they understand each other all the same, or are no pair.
    """
    if known.near not in (name, other):
        return ""  # two remotes never speak to each other
    remote = other if name == known.near else name
    for state in (frozenset[str](), frozenset({name})):
        if not known.talk(remote, state):
            return known.told(remote, state)
    return ""


def _deferred(
    known: _Known, steps: Steps, requires: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[str, str], ...]:
    """Return who waits for charge, and who waits for them, in the order of the steps."""
    why: dict[str, str] = {}
    for name in (name for step in steps for name in step):
        one = known.candidate(name)
        wanted = one.cost_percent + one.reserve_percent
        if one.battery_percent is not None and one.battery_percent < wanted:
            parts = (
                f"{one.cost_percent} % for upgrade and rollback, {one.reserve_percent} % reserve"
            )
            why[name] = f"battery: found {one.battery_percent} %, wanted {wanted} % ({parts})"
        elif waits := [each for each in requires.get(name, ()) if each in why]:
            why[name] = f"waits for {', '.join(waits)}: without its new image it would be mute"
    return tuple(why.items())


def _explained(known: _Known, steps: Steps) -> list[str]:
    """Say why an order of ours is as it is, without those that have to wait."""
    if not known.takers:
        return ["no bridge has an image to take"]
    order = [name for step in steps for name in step]
    at = order.index(known.near) if known.near in order else len(order)
    before, after = order[:at], order[at + 1 :]
    reasons = []
    if before and at < len(order):
        crossed = f"their images cross {known.near}, and all behind it is dark while it restarts"
        reasons.append(f"{', '.join(before)} before {known.near}: {crossed}")
    if any(len(step) > 1 for step in steps):
        reasons.append("both remotes at once: they share the link, and neither waits for the other")
    elif len(before) > 1 or len(after) > 1:
        reasons.append("one remote at a time: one of them always runs what it is known to run well")
    for name in known.remotes:
        if not known.talk(name, frozenset()):
            reasons.append(f"now {known.told(name, frozenset())}: {_NOTHING}")
    stay = [name for name in (known.near, *known.remotes) if name not in known.takers]
    reasons += [f"{name} stays as it is: no image for it" for name in stay]
    return reasons


def _range(speech: Speech) -> str:
    return f"{speech[0]}..{speech[1]}"
