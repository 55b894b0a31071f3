"""Bring a device on the air to rest before a case: what the case before left is finished first."""

from typing import Protocol

from emulator.profiles.model import Profile
from emulator.units import MILLISECOND, SECOND, Us
from emulator.wire import ota
from emulator.wire.ota import Attribute, ImageUpgradeStatus
from harness.hub.ledger import Log
from harness.hub.server import Hub
from harness.inquiry import Inquiry, put
from harness.lanes.port import Lane, never
from harness.verdict import Inconclusive

#: Longest that a device at rest may take for an answer.
_ANSWER_US: Us = 5 * SECOND
#: Longest that it may take to restart, to join and to ask for an image, beside its own first delay.
_QUERY_US: Us = 40 * SECOND
#: How long what a device was told last may still be on its way.
_SETTLE_US: Us = 300 * MILLISECOND
#: A device that holds an image and waits for word.
_HOLDS = (
    ImageUpgradeStatus.DOWNLOAD_COMPLETE,
    ImageUpgradeStatus.WAITING_TO_UPGRADE,
    ImageUpgradeStatus.COUNT_DOWN,
)
_ROUNDS = 6
#: How often a device is asked that says nothing at all; once where it was so before.
_TRIES = 3


class Guest(Lane, Protocol):
    """Be a lane whose device is there already."""

    @property
    def patience_us(self) -> Us:
        """Return the longest time that the user lets anything take."""
        ...

    def restart(self) -> None:
        """Let the device begin anew."""
        ...


class Memory(Protocol):
    """Remember which version a device ran when it was at rest, and who said nothing."""

    rested: dict[int, int]
    mute: set[int]


class Reception:
    """Receive a device: a hub without images answers it until nothing is going on.

    Args:
        lane: Whose hub is ``hub`` meanwhile.
        hub: It offers nothing.
        profile: Of the device.
        memory: What is known of it from earlier.
    """

    def __init__(self, lane: Guest, hub: Hub, profile: Profile, memory: Memory) -> None:
        self._lane, self._hub, self._memory = lane, hub, memory
        query_us = profile.ota.first_query_delay_s * SECOND + _QUERY_US
        self._query_us = min(query_us, lane.patience_us)
        self._ids = (profile.ota.manufacturer_code, profile.ota.image_type)
        self._held = 0  # the highest version that it says it has a part of
        answer_us = min(_ANSWER_US, lane.patience_us)
        self._inquiry = Inquiry(hub, lane, lambda: self._log, answer_us)

    @property
    def _eui64(self) -> int:
        return next(iter(self._hub.members))

    @property
    def _log(self) -> Log:
        return self._hub.log(self._hub.members[self._eui64])

    def rest(self) -> int:
        """Wait until nothing is going on, and return the version that runs then.

        Raises:
            Inconclusive: It does not come to rest, or says nothing at all.
        """
        seen, tries = "no answer", 1 if self._eui64 in self._memory.mute else _TRIES
        for _ in range(_ROUNDS):
            status, version = self._state()
            if status is None:
                tries -= 1
                if not self._log.heard and not tries:
                    self._memory.mute.add(self._eui64)
                    break
                self._again()
                continue
            self._memory.mute.discard(self._eui64)
            seen = f"status {status}"
            if status == ImageUpgradeStatus.NORMAL:
                if version is not None and version == self._memory.rested.get(self._eui64):
                    return version
                if self._again():
                    after, version = self._state()
                    if after == status and version is not None:
                        self._memory.rested[self._eui64] = version
                        return version
            elif status in _HOLDS:
                self._release()
            else:
                self._again()
        raise Inconclusive(f"the device did not come to rest after what was before: {seen}")

    @property
    def begun(self) -> int:
        """Return the highest version of which it has or wants a part, 0 for none."""
        asked = self._log.since(0, ota.ImageBlockRequest)
        return max((self._held, *(one.file_version for one in asked)))

    def _state(self) -> tuple[int | None, int | None]:
        """Return status and version; no status where the device does not answer."""
        address = self._hub.members[self._eui64]
        answers = self._inquiry.read(
            address,
            (
                Attribute.IMAGE_UPGRADE_STATUS,
                Attribute.CURRENT_FILE_VERSION,
                Attribute.DOWNLOADED_FILE_VERSION,
            ),
        )
        if len(answers) != 3:
            return None, None
        status, version, held = (
            one.value if isinstance(one.value, int) else None for one in answers
        )
        if held is not None and held != ota.ANY_VERSION:
            self._held = max(self._held, held)
        if version is None:
            queries = list(self._log.since(0, ota.QueryNextImageRequest))
            version = queries[-1].file_version if queries else None
        return status, version

    def _again(self) -> bool:
        """Let it begin anew, and see whether it asks for an image; the answer settles a trial."""
        before = self._log.count(ota.QueryNextImageRequest)
        self._lane.restart()
        asked = self._lane.run(
            lambda: self._log.count(ota.QueryNextImageRequest) > before, self._query_us
        )
        self._lane.run(never, _SETTLE_US)
        return asked

    def _release(self) -> None:
        """Let it run the image that it holds."""
        held = list(self._log.since(0, ota.UpgradeEndRequest))
        manufacturer, image_type = self._ids
        response = ota.UpgradeEndResponse(
            manufacturer=manufacturer,
            image_type=image_type,
            file_version=held[-1].file_version if held else ota.ANY_VERSION,
            current_time_s=0,
            upgrade_time_s=0,
        )
        before = self._log.count(ota.QueryNextImageRequest)
        put(self._lane, self._hub.tell(response, self._hub.members[self._eui64]))
        self._lane.run(lambda: self._log.count(ota.QueryNextImageRequest) > before, self._query_us)
        self._lane.run(never, _SETTLE_US)
