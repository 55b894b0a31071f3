"""Report how each transfer of an image ended, in full: what a hub has to say to who sent the image.

The alert itself, CCS08 over the wide area network, is not modelled: a report holds what it says,
and beside it what the alert leaves out.

Source: gb-alt-han fact sheet 2.4 and 3.2; GB-015, GB-036, GB-039, GB-040, GB-084.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TypeAlias

from emulator.units import Octets, Us
from emulator.wire import ota
from emulator.wire.ota import Status
from harness.hub.images import Served

#: What the alert of a transfer is called on the wide area network (fact sheet 2.4).
TRANSFER_SUCCESS, TRANSFER_FAIL = 0x8F8A, 0x8F89
#: Verdicts of a device that has the whole image.
_HAS_IT = frozenset({Status.SUCCESS, Status.REQUIRE_MORE_IMAGE})


class TransferResult(IntEnum):
    """Be the code in a CCS08 alert (fact sheet 3.2)."""

    SUCCESS = 0
    IMAGE_DISCARDED = 1
    HARDWARE_MISMATCH = 2
    TRANSFER_FAILURE = 3


class Ending(StrEnum):
    """Say how a transfer ended."""

    DELIVERED = "delivered"  # the device has the image and found it good
    INSTALLED = "installed"  # it was delivered, and now the device runs it
    WENT_BACK = "went back"  # it was delivered, and the device runs what it ran before
    DISCARDED = "image discarded"  # the hub holds it no more
    WRONG_HARDWARE = "hardware mismatch"  # there is one, and it is not for this hardware
    NOT_LISTED = "not listed"  # the product list does not let this version have it
    REFUSED = "refused"  # the device said no
    GIVEN_UP = "given up"  # the device fell silent
    REMOVED = "device removed"


#: What an alert says of an ending; of the others there is none.
_RESULTS = {
    Ending.DELIVERED: TransferResult.SUCCESS,
    Ending.DISCARDED: TransferResult.IMAGE_DISCARDED,
    Ending.WRONG_HARDWARE: TransferResult.HARDWARE_MISMATCH,
    Ending.REFUSED: TransferResult.TRANSFER_FAILURE,
    Ending.GIVEN_UP: TransferResult.TRANSFER_FAILURE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReport:
    """Be what is known of a transfer at one of its ends.

    ``old_version`` is what the device ran when it asked first, None if it never said; ``offset``
    how far it got; ``attempts`` how often it began.
    """

    ending: Ending
    eui64: int | None
    old_version: int | None
    new_version: int
    offset: Octets
    attempts: int
    began: Us
    ended: Us

    @property
    def result(self) -> TransferResult | None:
        """Return the code of the CCS08 alert, None if there is no alert."""
        return _RESULTS.get(self.ending)

    @property
    def alert(self) -> int | None:
        """Return which alert is raised, None if none is."""
        if self.result is None:
            return None
        return TRANSFER_SUCCESS if self.result is TransferResult.SUCCESS else TRANSFER_FAIL


@dataclass(slots=True)
class _Transfer:
    """Follow one image on its way to one device."""

    new_version: int
    size: Octets
    began: Us
    at: Us  # when the device last asked for octets
    old_version: int | None = None
    attempts: int = 1
    offset: Octets = 0
    offered: bool = True  # since the device last asked for octets
    started: bool = False
    ended: Ending | None = None
    due: Us | None = None  # when the device is to activate


#: What names an image: manufacturer code, image type and file version.
Ids: TypeAlias = tuple[int, int, int]
#: Who gets what: the device's NWK address, manufacturer code and image type.
_Key: TypeAlias = tuple[int, int, int]


def _key(
    address: int, frame: ota.ImageBlockRequest | ota.ImagePageRequest | ota.UpgradeEndRequest
) -> _Key:
    return address, frame.manufacturer, frame.image_type


def ids_of(image: Served) -> Ids:
    """Return what names an image."""
    return image.manufacturer, image.image_type, image.file_version


@dataclass(slots=True)
class TransferDesk:
    """Follow every transfer of a hub, and write a report at each end.

    Args:
        eui64_of: Returns the EUI-64 at a NWK address, None if nobody knows it.
        patience_us: How long a device may be silent before its transfer counts as given up. The
            source gives no number [ASSUMED].
    """

    eui64_of: Callable[[int], int | None]
    patience_us: Us
    #: In the order in which they were written.
    reports: list[TransferReport] = field(default_factory=list)
    _transfers: dict[_Key, _Transfer] = field(default_factory=dict)
    #: Which image was found unfit for which device: said once.
    _unfit: set[tuple[_Key, int, Ending]] = field(default_factory=set)

    @property
    def deadline(self) -> Us | None:
        """Return when the next silence has lasted too long."""
        return min((one.at + self.patience_us for one in self._silent()), default=None)

    def _silent(self) -> list[_Transfer]:
        return [one for one in self._transfers.values() if one.started and one.ended is None]

    def wake(self, now: Us) -> None:
        """Give up transfers whose device has been silent for too long."""
        for key, one in self._transfers.items():
            silent = one.started and one.ended is None and one.at + self.patience_us <= now
            if silent:
                self._end(key, one, Ending.GIVEN_UP, now)

    def queried(self, address: int, query: ota.QueryNextImageRequest, now: Us) -> None:
        """See what a device runs now that it has had an image."""
        key = (address, query.manufacturer, query.image_type)
        one = self._transfers.get(key)
        if one is None or one.ended is not Ending.DELIVERED:
            return
        if query.file_version == one.new_version:
            self._end(key, one, Ending.INSTALLED, now)
        elif query.file_version == one.old_version and one.due is not None and one.due < now:
            self._end(key, one, Ending.WENT_BACK, now)

    def offered(
        self, address: int, query: ota.QueryNextImageRequest, image: Served, now: Us
    ) -> None:
        """Note that a device is offered an image."""
        key = (address, query.manufacturer, query.image_type)
        one = self._transfers.get(key)
        if one is not None and one.new_version == image.file_version:
            one.offered = True
            return
        if one is not None and one.started and one.ended is None:
            self._end(key, one, Ending.GIVEN_UP, now)  # for another version
        self._transfers[key] = _Transfer(
            new_version=image.file_version,
            size=len(image.octets),
            began=now,
            at=now,
            old_version=query.file_version,
        )

    def unfit(
        self,
        address: int,
        query: ota.QueryNextImageRequest,
        image: Served,
        ending: Ending,
        now: Us,
    ) -> None:
        """Report, once, that there is an image, and why this device does not get it."""
        key = (address, query.manufacturer, query.image_type)
        if (key, image.file_version, ending) in self._unfit:
            return
        self._unfit.add((key, image.file_version, ending))
        one = _Transfer(image.file_version, len(image.octets), now, now, query.file_version, 0)
        self._end(key, one, ending, now)

    def asked(
        self, address: int, request: ota.ImageBlockRequest | ota.ImagePageRequest, now: Us
    ) -> None:
        """Note how far a device has come; one that was given up may go on."""
        one = self._transfers.get(_key(address, request))
        if one is None or one.new_version != request.file_version:
            return
        if one.started and (one.offered or one.ended is not None):
            one.attempts += 1
        one.started, one.offered, one.ended = True, False, None
        one.offset, one.at = request.file_offset, now

    def ended(self, address: int, end: ota.UpgradeEndRequest, due: Us | None, now: Us) -> None:
        """Report the verdict of a device, the first time that it says it.

        Args:
            address: The device's.
            end: What it said.
            due: When it was told to activate; None: it was told nothing.
            now: Virtual time.
        """
        key = _key(address, end)
        one = self._transfers.get(key)
        if one is None or one.new_version != end.file_version:
            return
        if end.status in _HAS_IT:
            one.due = due
            if one.ended is not Ending.DELIVERED:
                one.offset = one.size
                self._end(key, one, Ending.DELIVERED, now)
        elif one.ended is None:
            self._end(key, one, Ending.REFUSED, now)

    def held(self, ids: Container[Ids], now: Us) -> None:
        """Report the transfers whose image is not among those that the hub holds."""
        for key, one in self._transfers.items():
            _, manufacturer, image_type = key
            if one.ended is None and (manufacturer, image_type, one.new_version) not in ids:
                self._end(key, one, Ending.DISCARDED, now)

    def removed(self, address: int, now: Us) -> None:
        """Report what was under way to a device that is taken off the network."""
        for key, one in self._transfers.items():
            if key[0] == address and one.started and one.ended is None:
                self._end(key, one, Ending.REMOVED, now)

    def forget(self) -> None:
        """Lose the memory of what is under way; what was reported has left the hub."""
        self._transfers.clear()
        self._unfit.clear()

    def _end(self, key: _Key, one: _Transfer, ending: Ending, now: Us) -> None:
        one.ended = ending
        self.reports.append(
            TransferReport(
                ending=ending,
                eui64=self.eui64_of(key[0]),
                old_version=one.old_version,
                new_version=one.new_version,
                offset=one.offset,
                attempts=one.attempts,
                began=one.began,
                ended=now,
            )
        )
