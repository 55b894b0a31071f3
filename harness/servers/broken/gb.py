"""Break what a Communications Hub does beyond an OTA server."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from emulator.actions import Joined
from emulator.units import HOUR, SECOND, Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.ota import Status
from harness.hub.admission import Admission, Entry
from harness.hub.airtime import Airtime, DutyCycle
from harness.hub.images import Served
from harness.hub.intake import MOST_DEVICES, FirmwareRequest, excess, image_of
from harness.hub.keys import link_key
from harness.hub.products import ProductList
from harness.hub.settings import Settings
from harness.hub.transfers import Ending, TransferDesk, TransferReport
from harness.servers.broken.hub import Actions, Replaced

# Reports.


class Desk(TransferDesk):
    """Write its reports its own way."""

    def written(self, report: TransferReport) -> TransferReport | None:
        """Return what is written in place of a report, None for nothing."""
        return report

    def _end(self, *parts: Any) -> None:  # noqa: ANN401 - as of a desk
        super()._end(*parts)
        report = self.written(self.reports.pop())
        if report is not None:
            self.reports.append(report)


class Reports(Replaced):
    """Have a desk of its own."""

    desk: type[TransferDesk]

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        self.transfers = self.desk(self._eui64_at, self.transfers.patience_us)


class SaysItTwice(Replaced):
    def _on_end(
        self, end: ota.UpgradeEndRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        known = [one for one in self.transfers.reports if one.ending is Ending.DELIVERED]
        self.transfers.reports += known[:1]
        return super()._on_end(end, datagram, settings)


class _OneVersion(Desk):
    def written(self, report: TransferReport) -> TransferReport | None:
        return replace(report, old_version=report.new_version)


class NamesOneVersion(Reports):
    desk = _OneVersion


class _NothingOnHardware(Desk):
    def written(self, report: TransferReport) -> TransferReport | None:
        return None if report.ending is Ending.WRONG_HARDWARE else report


class SilentOnHardware(Reports):
    desk = _NothingOnHardware


class ComplainsEveryTime(Replaced):
    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        self.transfers.forget()
        return super()._on_query(query, datagram, settings)


class _Patient(Desk):
    def wake(self, now: Us) -> None:
        for one in self._silent():
            one.at = now


class NeverGivesUp(Reports):
    desk = _Patient


class GivesUpForGood(Replaced):
    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        if any(one.ending is Ending.GIVEN_UP for one in self.transfers.reports):
            return self.answer(ota.ImageBlockResponse(status=Status.ABORT), datagram)
        return super()._on_block(request, datagram, settings)


class _Glad(Desk):
    def ended(self, address: int, end: ota.UpgradeEndRequest, due: Us | None, now: Us) -> None:
        super().ended(address, replace(end, status=Status.SUCCESS), due, now)


class TakesAnyVerdictForSuccess(Reports):
    desk = _Glad


class _NothingOnDiscards(Desk):
    def written(self, report: TransferReport) -> TransferReport | None:
        return None if report.ending is Ending.DISCARDED else report


class DiscardsInSilence(Reports):
    desk = _NothingOnDiscards


class _Hopeful(Desk):
    def written(self, report: TransferReport) -> TransferReport | None:
        back = report.ending is Ending.WENT_BACK
        return replace(report, ending=Ending.INSTALLED) if back else report


class TakesDeliveredForInstalled(Reports):
    desk = _Hopeful


class _NoSecondLook(Desk):
    def queried(self, address: int, query: ota.QueryNextImageRequest, now: Us) -> None:
        pass


class LooksAtNoQuery(Reports):
    desk = _NoSecondLook


# Admission.


class Admits(Replaced):
    """Have a device log of its own."""

    doors: type[Admission]

    def _log_of_devices(self) -> Admission:
        log = super()._log_of_devices()
        if not isinstance(log, self.doors):
            self.admission = log = self.doors(log.seed, log.entries, log.historic, log._joined)
        return log


class LetsAnybodyIn(Replaced):
    def admit(self, eui64: int, rejoin: bool) -> Joined | None:
        if self.admission is not None and eui64 not in self.admission.entries:
            self.admission.enlist(eui64, None)
        return super().admit(eui64, rejoin)


class _NoWindows(Admission):
    def enlist(self, eui64: int, until: Us | None) -> Entry:
        return super().enlist(eui64, None)


class LeavesWindowsOpen(Admits):
    doors = _NoWindows


class _NoWayBack(Admission):
    def admits(self, eui64: int, *, rejoin: bool, now: Us) -> bool:
        return super().admits(eui64, rejoin=False, now=now)


class ShutsMembersOut(Admits):
    doors = _NoWayBack


class _FreshKeys(Admission):
    def enlist(self, eui64: int, until: Us | None) -> Entry:
        known = self.entries.get(eui64)
        entry = super().enlist(eui64, until)
        if known is not None:
            turned = known.link_key[1:] + known.link_key[:1]
            entry = self.entries[eui64] = replace(entry, link_key=turned)
        return entry


class MakesAKeyEachTime(Admits):
    doors = _FreshKeys


class _NoHistory(Admission):
    def strike(self, eui64: int) -> None:
        super().strike(eui64)
        self.historic.clear()


class ForgetsTheRemoved(Admits):
    doors = _NoHistory


class _OneKey(Admission):
    def _key(self, eui64: int) -> bytes:
        return link_key(self.seed, eui64)


class HandsOutTheOldKey(Admits):
    doors = _OneKey


class KeepsTheRemoved(Replaced):
    def strike(self, eui64: int, now: Us) -> None:
        """Strike a device from the log, and let it in again."""
        super().strike(eui64, now)
        self.enlist(eui64, now)


# Airtime.


class Keeps(Replaced):
    """Keep its books its own way, from the moment that it has any."""

    books: type[Airtime]

    def receive(self, datagram: Datagram, now: Us) -> Actions:
        """Take new books, and answer."""
        if self.airtime is not None and not isinstance(self.airtime, self.books):
            self.airtime = self.books(self.airtime.thresholds, self.airtime.suspend_min)
        return super().receive(datagram, now)


class _Timid(Airtime):
    def state(self, now: Us) -> DutyCycle:
        state = super().state(now)
        return DutyCycle.CRITICAL if state is DutyCycle.LIMITED else state


class PutsOffTooSoon(Keeps):
    books = _Timid


class _Rash(Airtime):
    def choose(self, now: Us) -> Sequence[int]:
        self._heard = deque((at, self._heard[-1][1]) for at, _ in self._heard)
        return super().choose(now)


class SilencesWhoSpokeLast(Keeps):
    books = _Rash


class ServesToTheEnd(Replaced):
    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        books, self.airtime = self.airtime, None
        answered = super()._on_block(request, datagram, settings)
        self.airtime = books
        return answered


class _Hasty(Airtime):
    def pause_s(self, now: Us) -> int:
        return 0


class NamesNoTime(Keeps):
    books = _Hasty


class AnswersAnswers(Replaced):
    def _is_answer(self, payload: bytes) -> bool:
        return False


class _Bare(Airtime):
    def spend(self, datagram: Datagram, now: Us) -> bool:
        spent = super().spend(datagram, now)
        if spent:
            at, cost = self._sent.pop()
            bare = len(datagram.payload) * 80
            self._sent.append((at, bare))
            self._used += bare - cost
        return spent


class CountsPayloadsOnly(Keeps):
    books = _Bare


class _ByTheClock(Airtime):
    def used_us(self, now: Us) -> Us:
        while self._sent and self._sent[0][0] < now - now % HOUR:
            self._used -= self._sent.popleft()[1]
        return self._used

    def pause_s(self, now: Us) -> int:
        return (HOUR - now % HOUR) // SECOND + 1


class CountsByTheClock(Keeps):
    books = _ByTheClock


# Requests.


class LooksAtNoDigest(Replaced):
    def hold(self, image: Served) -> str:
        """Hold an image whose ids are on the list."""
        kept = self.products
        if kept is not None:
            digest = sha256(image.octets).digest()
            self.products = ProductList([replace(one, digest=digest) for one in kept.products])
        refusal = super().hold(image)
        self.products = kept
        return refusal


class TakesWhatIsNotListed(Replaced):
    def hold(self, image: Served) -> str:
        """Hold an image that the list does not name, or names otherwise."""
        kept, self.products = self.products, None
        refusal = super().hold(image)
        self.products = kept
        return refusal


class IgnoresPredecessors(Replaced):
    def _allowed(self, query: ota.QueryNextImageRequest) -> Sequence[Served]:
        return self.images


class CountsDecodedOctets(Replaced):
    def take(self, request: FirmwareRequest) -> str:
        """Take a request by the size of the image itself."""
        decoded = replace(request, image=bytes(len(request.image) * 3 // 4))
        return excess(decoded) or self.hold(image_of(request))


class CountsNoDevices(Replaced):
    def take(self, request: FirmwareRequest) -> str:
        """Take a request for any number of devices."""
        return super().take(replace(request, devices=request.devices[:MOST_DEVICES]))
