"""Be the Communications Hub of a home: what Great Britain asks of a hub beyond an OTA server.

It admits by its device log, serves what the product list allows, keeps its airtime, and reports how
every transfer ended. What it hears from or says to the wide area network is not modelled: the calls
below stand for it.

Source: gb-alt-han fact sheet 1.1, 2.4, 2.6 and 3; GB-015 to GB-084.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from emulator.actions import Action, Joined, Send
from emulator.units import DAY, SECOND, Us
from emulator.wire import ota, subghz, zcl
from emulator.wire.aps import ZDO_PROFILE, Datagram
from emulator.wire.ota import Status
from harness.hub.admission import Admission, Entry
from harness.hub.airtime import Airtime, DutyCycle
from harness.hub.images import Served
from harness.hub.intake import FirmwareRequest, excess, image_of
from harness.hub.products import ProductList
from harness.hub.server import Hub, answers_of
from harness.hub.serving import best_image, offer_of
from harness.hub.settings import Settings
from harness.hub.transfers import Ending, TransferDesk, ids_of

#: How long a device may be silent before its transfer counts as given up [ASSUMED].
_PATIENCE_US: Us = DAY


class CommunicationsHub(Hub):
    """Be one hub as Great Britain has them; without a list or a budget it is an OTA server."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        self.transfers = TransferDesk(self._eui64_at, _PATIENCE_US)
        #: The device log; None: everybody may join.
        self.admission: Admission | None = None
        #: What may be served; None: anything.
        self.products: ProductList | None = None
        #: The books of its airtime; None: its band has no duty cycle.
        self.airtime: Airtime | None = None

    # What the wide area network tells it.

    def enlist(self, eui64: int, now: Us, *, window_us: Us | None = None) -> Entry:
        """Enter a device into the device log, as CCS01 does; again: its key stays.

        Args:
            eui64: The device's.
            now: Virtual time.
            window_us: How long it may join; None: for ever.
        """
        return self._log_of_devices().enlist(eui64, None if window_us is None else now + window_us)

    def strike(self, eui64: int, now: Us) -> None:
        """Remove a device from the device log, as CCS02 does; the radio has to put it out."""
        self._log_of_devices().strike(eui64)
        address = self.members.get(eui64)
        if address is not None:
            self.transfers.removed(address, now)

    def take(self, request: FirmwareRequest) -> str:
        """Take a firmware request and serve its image, or return why not."""
        try:
            refusal = excess(request) or self.hold(image_of(request))
        except ValueError as error:
            return str(error)
        return refusal

    def hold(self, image: Served) -> str:
        """Serve an image beside what is served, or return why it is not approved."""
        refusal = "" if self.products is None else self.products.refusal(image)
        if not refusal:
            others = (one for one in self.images if ids_of(one) != ids_of(image))
            self.serve(*others, image)
        return refusal

    # Who is on the network.

    def _log_of_devices(self) -> Admission:
        """Return the device log; the first time, everybody who is there is in it."""
        if self.admission is None:
            self.admission = Admission(self.seed)
            for eui64 in self.members:
                self.admission.enlist(eui64, None)
                self.admission.came(eui64)
        return self.admission

    def admit(self, eui64: int, rejoin: bool) -> Joined | None:
        """Return address and keys for a device that the device log lets join."""
        if self.admission is None:
            return super().admit(eui64, rejoin)
        if not self.admission.admits(eui64, rejoin=rejoin, now=self._now):
            return None
        joined = super().admit(eui64, rejoin)
        return joined and replace(joined, link_key=self.admission.came(eui64))

    def _eui64_at(self, address: int) -> int | None:
        return next((eui64 for eui64, one in self.members.items() if one == address), None)

    # The face of every machine.

    @property
    def deadline(self) -> Us | None:
        """Return when a window closes, a silence has lasted, or something put off is due."""
        if not self.up:
            return super().deadline
        windows = () if self.admission is None else self.admission.windows(self._now)
        every = (super().deadline, self.transfers.deadline, *windows)
        return min((one for one in every if one is not None), default=None)

    def wake(self, now: Us) -> Sequence[Action]:
        """Do what is due."""
        sent = super().wake(now)
        self.transfers.wake(now)
        return sent

    def restart(self, *, memory: bool = True) -> None:
        """Work again; without ``memory`` it knows of no transfer."""
        if not memory:
            self.transfers.forget()
        super().restart(memory=memory)

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Answer a datagram, and silence whom the airtime left does not allow to talk."""
        airtime = self.airtime
        if airtime is None or not self.up:
            return super().receive(datagram, now)
        airtime.hear(datagram.source, now)
        sent = [*super().receive(datagram, now)]
        if self._provokes(datagram, airtime):
            sent += self._suspend(datagram.source, airtime)
        for client in airtime.choose(now):
            sent += self._suspend(client, airtime)
        return sent

    # What it serves.

    def serve(self, *images: Served) -> None:
        """Replace the images that are served; what was under way with another one ends."""
        super().serve(*images)
        self.transfers.held({ids_of(one) for one in images}, self._now)

    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        self.transfers.queried(datagram.source, query, self._now)
        best = best_image(self._allowed(query), query, settings.offers)
        if best is not None:
            self.transfers.offered(datagram.source, query, best, self._now)
        elif unfit := self._unfit(query, settings):
            self.transfers.unfit(datagram.source, query, *unfit, self._now)
        return self.answer(offer_of(best), datagram)

    def _allowed(self, query: ota.QueryNextImageRequest) -> Sequence[Served]:
        """Return the images that may follow what a device runs."""
        products = self.products
        if products is None:
            return self.images
        return [one for one in self.images if products.follows(one, query.file_version)]

    def _unfit(
        self, query: ota.QueryNextImageRequest, settings: Settings
    ) -> tuple[Served, Ending] | None:
        """Return the image that a device does not get, and why; None if there is none at all."""
        listed = best_image(self.images, query, settings.offers)
        if listed is not None:
            return listed, Ending.NOT_LISTED
        anywhere = replace(query, control=ota.QueryControl(0), hardware_version=None)
        other = best_image(self.images, anywhere, settings.offers)
        return None if other is None else (other, Ending.WRONG_HARDWARE)

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        self.transfers.asked(datagram.source, request, self._now)
        if self.airtime is not None and self.airtime.state(self._now) >= DutyCycle.CRITICAL:
            return self.answer(self._put_off(self.airtime, request.block_period), datagram)
        return super()._on_block(request, datagram, settings)

    def _on_page(
        self, request: ota.ImagePageRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        self.transfers.asked(datagram.source, request, self._now)
        if self.airtime is not None and self.airtime.state(self._now) >= DutyCycle.CRITICAL:
            return self.answer(self._put_off(self.airtime, None), datagram)
        return super()._on_page(request, datagram, settings)

    def _put_off(self, airtime: Airtime, period: int | None) -> ota.ImageBlockResponse:
        """Return the WAIT_FOR_DATA of a hub whose airtime is critical."""
        return ota.ImageBlockResponse(
            status=Status.WAIT_FOR_DATA,
            current_time_s=0,
            request_time_s=airtime.pause_s(self._now),
            block_period=period,
        )

    def _on_end(
        self, end: ota.UpgradeEndRequest, datagram: Datagram, settings: Settings
    ) -> Sequence[Action]:
        due = None
        if settings.end_times_s is not None:  # to wait for another word is to wait for 136 years
            current_s, upgrade_s = settings.end_times_s
            due = self._now + max(0, upgrade_s - current_s) * SECOND
        self.transfers.ended(datagram.source, end, due, self._now)
        return super()._on_end(end, datagram, settings)

    # Airtime.

    def _provokes(self, datagram: Datagram, airtime: Airtime) -> bool:
        """Tell whether the sender is to hear again that it is to be silent, and for how long.

        It asked, or it is suspended and talked of something else than OTA; never if it answered.
        """
        payload = datagram.payload
        if datagram.cluster == ota.CLUSTER or datagram.profile == ZDO_PROFILE or len(payload) < 3:
            return False
        asks = datagram.cluster == subghz.CLUSTER and payload[2] == 0 and not _is_general(payload)
        silent = airtime.silent_min(datagram.source, self._now) > 0
        return (asks or silent) and not self._is_answer(payload)

    def _is_answer(self, payload: bytes) -> bool:
        return _is_general(payload) and payload[2] == zcl.GeneralCommand.DEFAULT_RESPONSE

    def _suspend(self, client: int, airtime: Airtime) -> Sequence[Action]:
        """Tell a client for how long it is to send nothing but OTA."""
        frame = subghz.SuspendZclMessages(period_min=airtime.silent_min(client, self._now))
        return self._put(replace(self._told(frame, client), cluster=subghz.CLUSTER))

    def _send(self, *parts: Any) -> Sequence[Action]:  # noqa: ANN401 - as of a hub
        """Send a frame, if there is airtime for it."""
        sent = super()._send(*parts)
        if self.airtime is None:
            return sent
        return [
            one
            for one in sent
            if not isinstance(one, Send) or self.airtime.spend(one.datagram, self._now)
        ]


def _is_general(payload: bytes) -> bool:
    return payload[0] & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL


CommunicationsHub.answers = answers_of(CommunicationsHub)
