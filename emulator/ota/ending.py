"""Bring an upgrade to its end: verdict, Upgrade End, countdown, activation.

Source: ZCL rev 8, 11.13.9, 11.13.10, 11.16; ota-cluster fact sheet 2.7 and 2.8.
"""

from collections.abc import Sequence

from emulator.actions import Action, Happening, Reboot, Report
from emulator.ota import timing
from emulator.ota.machine import NOTHING, Machine, number
from emulator.ota.stages import Stage
from emulator.profiles.switches import PastUpgrade
from emulator.units import MILLISECOND, SECOND, Us
from emulator.wire import ota
from emulator.wire.ota import Status
from emulator.wire.zcl import DefaultResponse

#: Stages in which a verified image waits for leave to be activated.
_VERIFIED = frozenset({Stage.ENDING, Stage.WAITING, Stage.EXTERNAL})


class Ending(Machine):
    """Verify what was downloaded, say so, and apply it when that is allowed."""

    def activate(self, now: Us) -> Sequence[Action]:
        """Upgrade because something outside the cluster says so, where that is how it is done."""
        if self.stage in _VERIFIED and self._profile.activation_policy == timing.OUT_OF_BAND_ONLY:
            return self._apply_soon(now)
        return NOTHING

    # The verdict, and what the server says to it.

    def _downloaded(self, now: Us) -> Sequence[Action]:
        """Verify the image, and put the verdict on the air before anything restarts."""
        self._unasked, self._granted = False, False
        refused = self._store.check()
        if refused is not None:
            end = self._end(refused.status)
            self._store.discard()
            report = Report(what=Happening.IMAGE_REFUSED, details=(("why", refused.reason),))
            return (report, *end, *self._rest(now))
        report = Report(what=Happening.IMAGE_ACCEPTED)
        if self._part + 1 < len(self._types):
            return (report, *self._require_more(now))
        self._tries = self._profile.end_tries
        return (report, *self._announce(now))

    def _require_more(self, now: Us) -> Sequence[Action]:
        """Say that this image is good and that another must come first, and ask for that one."""
        end = self._end(Status.REQUIRE_MORE_IMAGE)
        if self._kept is None:
            self._kept = self._offer
        self._want(self._part + 1)
        self._rest(now)
        self.deadline = now
        return end

    def _announce(self, now: Us) -> Sequence[Action]:
        """Ask for leave to upgrade; a server that stays silent is asked again (ZCL 11.16)."""
        if self._tries == 0:
            if self._profile.activation_policy == timing.OUT_OF_BAND_ONLY:
                self.stage, self.deadline = Stage.EXTERNAL, None
                return NOTHING
            if self._profile.timeout_policy == timing.APPLY_AFTER_TIMEOUT:
                return self._apply_soon(now)
            return self._wait_for_leave(now, self._profile.wait_poll_s)
        self._tries -= 1
        self.stage = Stage.ENDING
        self.deadline = now + self._profile.end_retry_s * SECOND
        self._answer_by = now + self._profile.response_timeout_ms * MILLISECOND
        return self._end(Status.SUCCESS)

    def _wait_for_leave(self, now: Us, seconds: int) -> Sequence[Action]:
        """Wait for another response, and ask again after ``seconds``."""
        self.stage, self.deadline = Stage.WAITING, now + seconds * SECOND
        return NOTHING

    def _remind(self, now: Us) -> Sequence[Action]:
        self.deadline = now + self._profile.wait_poll_s * SECOND
        self._answer_by = now + self._profile.response_timeout_ms * MILLISECOND
        return self._end(Status.SUCCESS)

    def _on_end_response(self, response: ota.UpgradeEndResponse, now: Us) -> Sequence[Action]:
        if not self._meant(response):
            return NOTHING
        self._answer_by = 0
        forever = response.upgrade_time_s == ota.WAIT_FOR_ANOTHER
        if self._profile.activation_policy == timing.OUT_OF_BAND_ONLY:
            self.stage, self.deadline = Stage.EXTERNAL, None
            if not forever:
                self.answer = Status.NOT_AUTHORIZED
            return NOTHING
        self._granted = False
        if forever:
            return self._wait_for_leave(now, self._profile.wait_poll_s)
        if response.upgrade_time_s < response.current_time_s:
            return self._on_past_time(now)
        delay_s = timing.countdown_s(response.current_time_s, response.upgrade_time_s)
        if delay_s == 0:
            return self._apply_soon(now)
        if delay_s > self._profile.longest_countdown_s:  # ask again then, rather than upgrade early
            return self._wait_for_leave(now, self._profile.longest_countdown_s)
        self.stage, self.deadline = Stage.COUNTING, now + delay_s * SECOND
        return NOTHING

    def _on_past_time(self, now: Us) -> Sequence[Action]:
        """Do what the profile says to an upgrade time that is past (accept set, OTA-C-098)."""
        match self._profile.past_upgrade:
            case PastUpgrade.NOW:
                return self._apply_soon(now)
            case PastUpgrade.POLL:
                return self._wait_for_leave(now, self._profile.wait_poll_s)
            case PastUpgrade.REFUSE:
                self.answer = Status.MALFORMED_COMMAND
                self._wait_for_leave(now, self._profile.wait_poll_s)
                if self._tries:  # ask again soon, and not for ever: the server's clock may stay so
                    self._tries -= 1
                    self.deadline = now + self._profile.response_timeout_ms * MILLISECOND
                return NOTHING

    def _meant(self, response: ota.UpgradeEndResponse) -> bool:
        """Tell whether a response names our image, or a wildcard, in each id (095264 6.10.10.4).

        Of several images it may name the device's own or the last one, which was told.
        """
        return any(
            response.manufacturer in (offer.manufacturer, ota.ANY_MANUFACTURER)
            and response.image_type in (offer.image_type, ota.ANY_IMAGE_TYPE)
            and response.file_version in (offer.file_version, ota.ANY_VERSION)
            for offer in (self._offer, self._kept)
            if offer is not None
        )

    def _on_refused_end(self, default: DefaultResponse, now: Us) -> Sequence[Action]:
        if default.command != number(ota.UpgradeEndRequest) or default.status == 0:
            return NOTHING
        self._want(0)
        self._store.discard()
        return self._stopped(now, "the server refuses the upgrade")

    # Activation.

    def _apply_soon(self, now: Us) -> Sequence[Action]:
        if self._short:
            return self._hold_back(now)
        self.stage = Stage.APPLYING
        self.deadline = now + self._profile.apply_delay_ms * MILLISECOND
        return NOTHING

    def _hold_back(self, now: Us) -> Sequence[Action]:
        """Keep a verified image that may be applied until a rollback could be paid for too."""
        self._granted = True
        if self._profile.activation_policy == timing.OUT_OF_BAND_ONLY:
            self.stage, self.deadline = Stage.EXTERNAL, None
        else:
            self._wait_for_leave(now, self._profile.wait_poll_s)
        return (self._deferred("trial"),)

    def _apply(self, now: Us) -> Sequence[Action]:
        if self._short:
            return self._hold_back(now)
        applied = self._offer if self._kept is None else self._kept
        version = 0 if applied is None else applied.file_version
        self._store.stage()
        self.stop()
        return (Report(what=Happening.ACTIVATING, details=(("version", version),)), Reboot())
