"""Write down what the bridges of a home report: for people, and to know when to look.

No verdict stands on it alone: what a bridge runs is read over the air.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from emulator.actions import Happening, Report
from emulator.units import Us
from harness.premises.model import Premises
from harness.premises.outcome import Rollback, StageKind, Stretch

#: What a bridge is doing once it has reported so; the rest changes nothing.
_STAGES = {
    Happening.DOWNLOAD_STARTED: StageKind.DOWNLOADING,
    Happening.DOWNLOAD_RESUMED: StageKind.DOWNLOADING,
    Happening.DOWNLOAD_STOPPED: StageKind.UP,
    Happening.IMAGE_ACCEPTED: StageKind.WAITING,
    Happening.IMAGE_REFUSED: StageKind.UP,
    Happening.CONFIRMED: StageKind.UP,
}
_AWAY = (StageKind.OFF, StageKind.REBOOTING)
#: What a bridge reports of a peer that has not said in this run what it speaks.
_UNKNOWN = "unknown"


@dataclass(slots=True)
class Record:
    """Hold what one bridge reported.

    Attributes:
        own: What it is doing itself, whatever the way to the hub is like.
        running: The version that it booted last, None before.
        booted_at: When that was.
        on_trial: Whether that is on trial.
        accepted: Whether it verified an image since its last offer, and has not tried it yet.
        refused: Why it refused an image since its last offer; None: it did not.
        deferred: Why it puts its upgrade off, None while it does not.
        stopped: Why a download ended last since its last offer.
        confirmed_us: When it confirmed an image last.
        boots: How often it started.
        rollbacks: Each time that it went back.
        links: The protocol that it agreed on with each peer.
        dead: Whether nothing boots any more.
        ended: How often it confirmed or went back, since the beginning.
        shown: What it does as a chart shows it, and since when.
        trial_boots: How often it started on the trial that lasts, or the last one.
        missed: By peer without which a trial may end: what both say that they speak.
    """

    own: StageKind = StageKind.OFF
    running: int | None = None
    booted_at: Us = 0
    on_trial: bool = False
    accepted: bool = False
    refused: str | None = None
    deferred: str | None = None
    stopped: str | None = None
    confirmed_us: Us | None = None
    boots: int = 0
    rollbacks: list[Rollback] = field(default_factory=list)
    links: dict[str, int] = field(default_factory=dict)
    dead: bool = False
    ended: int = 0
    shown: StageKind = StageKind.OFF
    shown_from: Us = 0
    trial_boots: int = 0
    missed: dict[str, tuple[str, str]] = field(default_factory=dict)

    def forget_offer(self) -> None:
        """Forget what became of the last offer: there is another."""
        self.accepted = False
        self.refused = self.deferred = self.stopped = None


class Chronicle:
    """Be who hears what happens in a home.

    Attributes:
        records: What each bridge reported, by its name.
        stretches: What each bridge did when, all that has ended.
        changes: How often anything of it changed.
        outages: When each device, or the hub, was without supply: from when to when.
    """

    def __init__(self, premises: Premises, names: Mapping[str, str]) -> None:
        """Begin with everything off.

        Args:
            premises: The home.
            names: The name of each bridge, by its EUI-64 as bridges write it.
        """
        self._near, self._names = premises.near.name, names
        self._remotes = tuple(one.name for one in premises.remotes)
        self.records = {one.name: Record() for one in premises.bridges}
        self.stretches: list[Stretch] = []
        self.changes = 0
        self.outages: defaultdict[str, list[tuple[Us, Us]]] = defaultdict(list)
        self._off_from: dict[str, Us] = {}

    def note(self, now: Us, who: str, what: str, subject: object) -> None:
        """Take one happening that is no datagram; of others than bridges, only the supply."""
        record = self.records.get(who)
        if record is None:
            if what == "power":
                self._supply(now, who, on=subject == "on")
            return
        if what == "report" and isinstance(subject, Report):
            again = subject.what is Happening.DEFERRED and record.deferred is not None
            self._report(now, record, who, subject)
            if again:
                return  # it only says once more that it waits
        elif what == "reboot":
            self._away(record, StageKind.REBOOTING)
        elif what in ("power lost", "dead") or (what, subject) == ("power", "off"):
            record.dead = what == "dead"
            self._away(record, StageKind.OFF)
        else:
            return
        self.changes += 1
        self._show(now)

    def _supply(self, now: Us, who: str, *, on: bool) -> None:
        if not on:
            self._off_from.setdefault(who, now)
        elif (since := self._off_from.pop(who, None)) is not None:
            self.outages[who].append((since, now))

    def _away(self, record: Record, stage: StageKind) -> None:
        record.own = stage
        for peer in record.links:
            record.links[peer] = 0

    def _report(self, now: Us, record: Record, who: str, report: Report) -> None:
        details = dict(report.details)
        what = report.what
        record.own = _STAGES.get(what, record.own)
        match what:
            case Happening.BOOTED:
                self._booted(now, record, details)
            case Happening.CONFIRMED:
                record.confirmed_us, record.on_trial = now, False
                record.ended += 1
            case Happening.ROLLED_BACK:
                record.rollbacks.append(_rollback(now, who, record))
                record.ended += 1
            case Happening.IMAGE_ACCEPTED:
                record.accepted, record.deferred = True, None
            case Happening.IMAGE_REFUSED:
                record.refused = str(details.get("why", "no reason given"))
            case Happening.DOWNLOAD_STARTED | Happening.DOWNLOAD_RESUMED:
                record.deferred = None
            case Happening.DOWNLOAD_STOPPED:
                record.stopped = str(details.get("why", "no reason given"))
            case Happening.DEFERRED:
                record.deferred = (
                    f"{details['what']}: found {details['percent']} % of its battery,"
                    f" wanted {details['reserve']} %"
                )
            case Happening.LINK_UP:
                peer = self._peer(details)
                record.links[peer] = int(details["protocol"])
                record.missed.pop(peer, None)
            case Happening.LINK_REFUSED | Happening.PEER_MISSED:
                peer = self._peer(details)
                record.links[peer] = 0
                if record.on_trial and (details["its"] != _UNKNOWN or peer not in record.missed):
                    # What a peer said before a restart in the trial still holds.
                    record.missed[peer] = (str(details["own"]), str(details["its"]))
            case _:
                pass

    def _booted(self, now: Us, record: Record, details: Mapping[str, int | str]) -> None:
        record.boots += 1
        record.booted_at = now
        if record.on_trial and not details["trial"] and details["version"] == record.running:
            record.confirmed_us = now  # it was cut before it could say so
            record.ended += 1
        if details["trial"] and not record.on_trial:
            record.trial_boots = 0
            record.missed.clear()
        record.running, record.on_trial = int(details["version"]), bool(details["trial"])
        record.trial_boots += record.on_trial
        if record.on_trial:  # what it held, or put off, it tries now
            record.accepted, record.deferred = False, None
        record.own = StageKind.TRIAL if record.on_trial else StageKind.UP
        record.dead = False

    def _peer(self, details: Mapping[str, int | str]) -> str:
        peer = str(details["peer"])
        return self._names.get(peer, peer)

    # What a chart shows.

    def _show(self, now: Us) -> None:
        near = self.records[self._near]
        for name, record in self.records.items():
            stage = record.own
            if name in self._remotes and stage not in _AWAY:
                linked = record.links.get(self._near) and near.links.get(name)
                stage = stage if linked else StageKind.DARK
            if stage is not record.shown:
                self._close(name, record, now)
                record.shown = stage

    def _close(self, name: str, record: Record, now: Us) -> None:
        if now > record.shown_from:
            one = Stretch(bridge=name, stage=record.shown, from_us=record.shown_from, to_us=now)
            self.stretches.append(one)
        record.shown_from = now

    def finish(self, now: Us) -> None:
        """End every stretch."""
        for name, record in self.records.items():
            self._close(name, record, now)
        for name in tuple(self._off_from):
            self._supply(now, name, on=True)

    def begin(self, now: Us) -> None:
        """Forget what happened before the offer, but for how things stand."""
        self.stretches.clear()
        self.outages.clear()
        self._off_from = dict.fromkeys(self._off_from, now)
        for record in self.records.values():
            record.shown_from = now
            record.boots = 0
            record.rollbacks.clear()
            record.confirmed_us = None
            record.forget_offer()


def _rollback(now: Us, who: str, record: Record) -> Rollback:
    """Say why a bridge went back, as far as its reports tell."""
    if not record.missed:
        starts = f", and started {record.trial_boots} times" if record.trial_boots > 1 else ""
        return Rollback(at_us=now, why=f"it was not confirmed in its trial{starts}")
    apart = [peer for peer, said in record.missed.items() if _apart(*said)]
    peer = apart[0] if apart else next(iter(record.missed))
    own, its = record.missed[peer]
    pair = (f"{who} speaks {own}", f"{peer} speaks {its}") if apart else None
    return Rollback(at_us=now, why=f"it did not reach {', '.join(record.missed)}", pair=pair)


def _apart(own: str, its: str) -> bool:
    """Tell whether two ranges, as "1..2", have nothing in common; an unknown one may have."""
    try:
        low, high = (int(one) for one in own.split(".."))
        least, most = (int(one) for one in its.split(".."))
    except ValueError:
        return False
    return max(low, least) > min(high, most)
