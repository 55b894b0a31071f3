"""Ask the server for an image, when the time comes or a notify does, and weigh its offers.

Source: ZCL rev 8, 11.13.3 to 11.13.5; ota-cluster fact sheet 2.1 to 2.3.
"""

from collections.abc import Sequence

from emulator.actions import Action, Happening
from emulator.ota.discovery import Discovery
from emulator.ota.machine import NOTHING, number
from emulator.ota.ports import Offer
from emulator.ota.stages import Stage
from emulator.profiles.switches import BusyNotify, Consent, Resume, UnicastNotify, Wildcards
from emulator.units import MILLISECOND, Us
from emulator.wire import ota
from emulator.wire.ota import Status
from emulator.wire.zcl import DefaultResponse

#: The jitter of the one notify that the strict reading of a unicast takes (095264 6.10.3.5.1).
_ALL = 100


class Queries(Discovery):
    """Query, and take or leave what is offered."""

    # Image Notify.

    def invited(self, notify: ota.ImageNotify) -> bool:
        """Tell whether a broadcast Image Notify asks this client to query (ZCL 11.13.3, 6.10.3.4).

        A uniform draw from 1 to 100 above the jitter is a no.
        """
        if notify.payload_type not in tuple(ota.NotifyType) or not 1 <= notify.query_jitter <= _ALL:
            return False
        wild = self._profile.notify_wildcards
        manufacturers: tuple[int | None, ...] = (None, self._identity.manufacturer)
        if wild is Wildcards.ALL:
            manufacturers += (ota.ANY_MANUFACTURER,)
        types: tuple[int | None, ...] = (None, *self._types)
        if wild is not Wildcards.NONE:
            types += (ota.ANY_IMAGE_TYPE,)
        if notify.manufacturer not in manufacturers or notify.image_type not in types:
            return False
        held = None if self._offer is None else self._offer.file_version
        if notify.file_version is not None and notify.file_version in (self._version, held):
            return False
        return self._rng.randrange(1, _ALL + 1) <= notify.query_jitter

    def addressed(self, notify: ota.ImageNotify) -> bool:
        """Take note of a unicast Image Notify; False: it is malformed by the strict reading.

        Source: 095264 6.10.3.4 against 6.10.3.5.1 (accept set, OTA-C-017).
        """
        plain = notify.payload_type == ota.NotifyType.JITTER and notify.query_jitter == _ALL
        if not plain and self._profile.notify_unicast is UnicastNotify.STRICT:
            return False
        self._named = True
        return True

    def _on_notify(self, notify: ota.ImageNotify, now: Us) -> Sequence[Action]:
        """Query because the server says that an image may be waiting (ZCL 11.13.3)."""
        self._tries = self._profile.request_tries
        return self._query(now)

    def _on_notify_early(self, notify: ota.ImageNotify, now: Us) -> Sequence[Action]:
        return self._discover(now)

    def _on_notify_busy(self, notify: ota.ImageNotify, now: Us) -> Sequence[Action]:
        if self._profile.notify_busy is BusyNotify.FAILURE:
            self.answer = Status.FAILURE
        return NOTHING

    # The query.

    def _query(self, now: Us) -> Sequence[Action]:
        server = self.server
        if server is None:
            return self._discover(now)
        if now < self._earliest:
            return self._ready(self._earliest)
        self._tries -= 1
        self.stage = Stage.QUERYING if self._kept is None else Stage.QUERYING_MORE
        self.deadline = now + self._profile.response_timeout_ms * MILLISECOND
        sends_hardware = self._profile.query_sends_hardware_version
        query = ota.QueryNextImageRequest(
            control=ota.QueryControl(sends_hardware * ota.QueryControl.HARDWARE_VERSION),
            manufacturer=self._identity.manufacturer,
            image_type=self._types[self._part],
            file_version=self._version,
            hardware_version=self._identity.hardware_version if sends_hardware else None,
        )
        return self._voice.command(query, server)

    def _query_again(self, now: Us) -> Sequence[Action]:
        """Ask again what was not answered: soon, in a period, or another server."""
        if self._tries == 0:
            return self._query_failed(now)
        self._errors += 1
        if self._errors >= self._profile.errors_before_discovery:
            return self._undiscovered(now)
        return self._query(now)

    def _query_failed(self, now: Us) -> Sequence[Action]:
        """Count a query that brought nothing of use; too many in a row, and the server is lost.

        A trial would be over in a period: there the server is sought anew after any failure.
        """
        self._errors += 1
        if self._hurried or self._errors >= self._profile.errors_before_discovery:
            return self._undiscovered(now)
        return self._rest(now)

    def _on_refused_query(self, default: DefaultResponse, now: Us) -> Sequence[Action]:
        if default.command != number(ota.QueryNextImageRequest) or default.status == 0:
            return NOTHING
        if default.status == Status.MALFORMED_COMMAND:
            return NOTHING  # the air spoilt it: a trial has no time to rest, ask by the timer
        return self._query_failed(now)

    # The offer.

    def _on_query_response(self, response: ota.QueryNextImageResponse, now: Us) -> Sequence[Action]:
        self._hurried = False
        reached = self._store.reached_server()
        return (*reached, *self._answered(response, now))

    def _answered(self, response: ota.QueryNextImageResponse, now: Us) -> Sequence[Action]:
        if response.status is Status.NO_IMAGE_AVAILABLE:
            self._errors = 0
            return self._rest(now)
        if response.status is not Status.SUCCESS:
            return self._query_failed(now)
        offer = Offer(
            manufacturer=response.manufacturer or 0,
            image_type=response.image_type or 0,
            file_version=response.file_version or 0,
            image_size=response.image_size or 0,
        )
        self.answer = self._weigh(offer)
        if self.answer is not Status.SUCCESS:
            return self._query_failed(now)
        self._errors = 0
        own = self._part == 0  # the other images count their versions for themselves
        lower, same = offer.file_version < self._version, offer.file_version == self._version
        if own and lower and self._profile.downgrade is Consent.REFUSE:
            self._offer = offer
            return (*self._end(Status.INVALID_IMAGE), *self._rest(now))
        if own and same and not self._reinstalls:
            return self._rest(now)  # ZCL 11.13.5.4: the running version is not taken again
        if self._store.failed_before(offer):
            return self._rest(now)
        if self._short:
            self._declined = True
            self._rest(now)
            return (self._deferred("offer"),)
        if self._store.held == offer and self._profile.resume is not Resume.RESTART:
            self._store.resume()
            return self._fetch(offer, Happening.DOWNLOAD_RESUMED, now)
        return self._begin(offer, now)

    @property
    def _reinstalls(self) -> bool:
        """Tell whether the running version is taken: only for a server that asked by name."""
        return self._named and self._profile.reinstall is Consent.ACCEPT

    def _weigh(self, offer: Offer) -> Status:
        """Return SUCCESS for an offer that this device can take."""
        ours = (self._identity.manufacturer, self._types[self._part])
        if (offer.manufacturer, offer.image_type) != ours or offer.image_size == 0:
            return Status.INVALID_FIELD
        if offer.image_size > self._store.capacity:
            return Status.INSUFFICIENT_SPACE
        return Status.SUCCESS
