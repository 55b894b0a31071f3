"""Be hubs and conductors of homes that are broken on purpose."""

from collections.abc import Sequence

from emulator.actions import Action
from emulator.units import DAY, MINUTE, Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from harness.hub.images import Served
from harness.hub.server import answers_of
from harness.hub.settings import Settings
from harness.lanes.port import never
from harness.premises.chosen import built_in
from harness.premises.conductor import Conductor
from harness.premises.distributor import Distributor
from harness.premises.hub import AlertKind, Silence
from harness.premises.plan import Steps

#: What nobody lives to see; and how long a bridge that went back is left alone.
_AGES: Us = 3650 * DAY
_PAUSE_US: Us = 2 * MINUTE

# Hubs.


class MixesImages(Distributor):
    """Serve every block from the image that was offered last, whoever asks for which."""

    _current: Served | None = None

    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        self._current = self.assigned.get(datagram.source, self._current)
        return super()._on_query(query, datagram, settings)

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        held = self._by_ids
        if self._current is not None:
            self._by_ids = dict.fromkeys(held, self._current)
        try:
            return super(Distributor, self)._on_block(request, datagram, settings)
        finally:
            self._by_ids = held


MixesImages.answers = answers_of(MixesImages)


class DiscardsInSilence(Distributor):
    """Throw a message away whose time is over, and say nothing."""

    def _expire(self, now: Us) -> None:
        alerts = list(self.alerts)
        super()._expire(now)
        self.alerts[:] = alerts


class KeepsForEver(Distributor):
    """Keep every message until it is fetched, however late that is."""

    def keep_message(self, eui64: int, octets: bytes, now: Us, *, timeout_us: Us = _AGES) -> None:
        """Keep a message."""
        super().keep_message(eui64, octets, now, timeout_us=_AGES)


class TakesSilenceForOutage(Distributor):
    """Raise the alert of a failed supply for every member that was not heard for a while."""

    def _note(self, silence: Silence) -> None:
        super()._note(silence)
        self._raise(AlertKind.SUPPLY_OUTAGE, silence.eui64, "no supply", silence.to_us)


class LogsNoSilence(Distributor):
    """Note nothing of members that are not heard."""

    def _note(self, silence: Silence) -> None:
        """Do nothing."""


class FlagsNoFirmware(Distributor):
    """Have firmware for a meter, and tell it nothing."""

    def flag_firmware(self, eui64: int) -> None:
        """Do nothing."""


# Conductors.


class LeavesTheNearOut(Conductor):
    """Upgrade what lies behind the near bridge, and never the near bridge."""

    def steps(self) -> Steps:
        """Return the steps of the others."""
        return tuple(step for step in self.plan.steps if self._near not in step)

    @property
    def _near(self) -> str:
        return self.home.premises.near.name


class NearFirst(Conductor):
    """Begin with the bridge that is nearest."""

    def steps(self) -> Steps:
        """Return the steps, the near bridge's first."""
        near = self.home.premises.near.name
        return tuple(sorted(self.plan.steps, key=lambda step: near not in step))


class RemotesFirst(Conductor):
    """Begin with the remote bridges, whatever the plan says."""

    def steps(self) -> Steps:
        """Return the steps, the near bridge's last."""
        near = self.home.premises.near.name
        return tuple(sorted(self.plan.steps, key=lambda step: near in step))


class AllAtOnce(Conductor):
    """Offer every image in one step."""

    def steps(self) -> Steps:
        """Return one step, or none."""
        names = tuple(name for step in self.plan.steps for name in step)
        return (names,) if names else ()


class HearsNoRefusal(Conductor):
    """Carry out what the plan refused."""

    def steps(self) -> Steps:
        """Return the plan's steps; where it has refused, one for each image."""
        if self.plan.refused is None:
            return self.plan.steps
        return tuple((name,) for name in self.home.images)


class KnowsTypesByHeart(Conductor):
    """Upgrade only bridges whose type is the one that their role has in the usual assignment."""

    def steps(self) -> Steps:
        """Return the steps without all others."""
        known = {(one.role, one.type) for home in built_in() for one in home.premises.bridges}
        fit = {one.name for one in self.home.premises.bridges if (one.role, one.type) in known}
        left = [tuple(name for name in step if name in fit) for step in self.plan.steps]
        return tuple(step for step in left if step)


class WaitsForTheWeakest(Conductor):
    """Upgrade nobody while somebody's battery is too weak."""

    def steps(self) -> Steps:
        """Return the steps, or none."""
        return () if self.plan.deferred else self.plan.steps


class StopsAtAFailure(Conductor):
    """Go on to the next step only if everybody before runs its new image."""

    def carry_out(self, step: tuple[str, ...]) -> None:
        """Carry a step out, or leave it."""
        if not any(self._failed(name) for name in self.served):
            super().carry_out(step)

    def _failed(self, name: str) -> bool:
        return self.home.chronicle.records[name].running != self._offered(name)


class HurriesOn(Conductor):
    """Begin the next step at once, whoever was not heard in the one before."""

    def _let_report(self) -> None:
        """Wait for nobody."""


class TriesAgainAtOnce(HurriesOn, StopsAtAFailure):
    """Offer a bridge that went back the same image again and again."""

    _TIMES = 5

    def carry_out(self, step: tuple[str, ...]) -> None:
        """Carry a step out until it succeeds, some times."""
        for _ in range(self._TIMES):
            Conductor.carry_out(self, step)
            if not any(self._failed(name) for name in step):
                return
            self.home.run(never, _PAUSE_US)
