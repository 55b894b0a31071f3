"""Find the OTA server and its address, and begin with it.

Source: ZCL rev 8, 11.8, 11.10.1; ota-cluster fact sheet 4.3.
"""

from collections.abc import Sequence

from emulator.actions import Action, Happening, Report
from emulator.errors import WornError
from emulator.ota.download import Download
from emulator.ota.machine import NOTHING
from emulator.ota.ports import Server
from emulator.ota.stages import Stage
from emulator.profiles.switches import Resume, ServerChoice
from emulator.units import MILLISECOND, SECOND, Us
from emulator.wire import zdo

#: NWK address of the coordinator, which is the trust centre too.
COORDINATOR = 0x0000


class Discovery(Download):
    """Search, resolve, remember."""

    def start(self, now: Us, *, hurry: bool, not_before: Us = 0) -> Sequence[Action]:
        """Begin on the network; in a ``hurry`` (a trial) the first query is not put off by chance.

        Args:
            now: Virtual time in microseconds.
            hurry: Whether the hub must be reached soon, to confirm a new image.
            not_before: When the first query may be sent, whatever asks for one before.
        """
        self._hurried, self._earliest = hurry, not_before
        self.server = self._store.server
        if self.server is None:
            return self._discover(now)
        delay_s = 0 if hurry else self._rng.randrange(0, self._profile.first_query_delay_s + 1)
        try:
            return self._serve(now, delay_s * SECOND)
        except WornError as error:
            return self._worn(error, now)

    def _discover(self, now: Us) -> Sequence[Action]:
        self.stage = Stage.DISCOVERING
        self.deadline = now + self._profile.response_timeout_ms * MILLISECOND
        return self._voice.seek_server(self._only)

    @property
    def _only(self) -> int | None:
        """Return the one node that is asked, None where everybody is."""
        return COORDINATOR if self._profile.server_choice is ServerChoice.COORDINATOR else None

    def _undiscovered(self, now: Us) -> Sequence[Action]:
        self.stage, self.server = Stage.UNSERVED, None
        profile = self._profile
        retry_s = profile.trial_retry_s if self._hurried else profile.discovery_retry_s
        self.deadline = now + retry_s * SECOND
        return NOTHING

    def _on_match(self, match: zdo.MatchDescriptorResponse, now: Us) -> Sequence[Action]:
        if match.status != zdo.ZdoStatus.SUCCESS or not match.endpoints:
            return NOTHING
        if match.address == self._voice.address or self._only not in (None, match.address):
            return NOTHING
        self.server = Server(address=match.address, endpoint=match.endpoints[0])
        self._tries = self._profile.request_tries
        return self._resolve(now)

    def _resolve(self, now: Us) -> Sequence[Action]:
        server = self.server
        if server is None or self._tries == 0:
            return self._undiscovered(now)
        self._tries -= 1
        self.stage = Stage.RESOLVING
        self.deadline = now + self._profile.response_timeout_ms * MILLISECOND
        return self._voice.resolve(server.address)

    def _on_address(self, found: zdo.IeeeAddressResponse, now: Us) -> Sequence[Action]:
        server = self.server
        refused = found.status != zdo.ZdoStatus.SUCCESS
        if server is None or found.address != server.address or refused:
            return NOTHING
        self.server = Server(address=server.address, endpoint=server.endpoint, eui64=found.eui64)
        self._store.remember_server(self.server)
        report = Report(
            what=Happening.SERVER_FOUND,
            details=(("address", server.address), ("endpoint", server.endpoint)),
        )
        return (report, *self._serve(now, 0))

    def _serve(self, now: Us, delay_us: Us) -> Sequence[Action]:
        """Begin with a known server: go on with what is stored, else query after a delay."""
        self._want(0)
        self._offer, self._errors, self._tries = None, 0, self._profile.request_tries
        held = self._store.held
        if held is None:
            return self._ready(now + delay_us)
        self._store.resume()
        whole = self._store.offset == held.image_size
        if whole or self._profile.resume is Resume.STORED:  # a whole image is lost by no policy
            self._unasked = True
            return self._fetch(held, Happening.DOWNLOAD_RESUMED, now)
        return self._ready(now + delay_us)
