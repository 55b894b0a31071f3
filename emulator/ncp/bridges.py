"""Tell what bridges on the virtual network do, one frozen value for each thing that happens."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from emulator.actions import Happening, Report
from emulator.errors import WireError
from emulator.units import SECOND, Octets, Us
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.codec import KEYS, unpack_integer

#: A download is told of at each of these parts of it.
PARTS = 10


class What(StrEnum):
    """Name what happened to a bridge, or to the network."""

    STARTED = "started"
    JOINED = "joined"
    REJOINED = "rejoined"
    NOT_ADMITTED = "not admitted"
    LEFT = "left"
    QUERY = "query"
    NO_IMAGE = "no image"
    DOWNLOAD = "download"
    DOWNLOADING = "downloading"
    STOPPED = "download stopped"
    VERIFIED = "verified"
    REFUSED = "image refused"
    REBOOTED = "rebooted"
    CONFIRMED = "confirmed"
    ROLLED_BACK = "rolled back"
    DEAD = "dead"
    NOT_FORMED = "network not formed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """Say what happened when to whom; ``details`` are (name, value) pairs in a fixed order."""

    at: Us
    who: str
    what: What
    details: tuple[tuple[str, int | str], ...] = ()

    @property
    def line(self) -> str:
        """Return it as one line for a person."""
        words = "".join(_worded(name, value) for name, value in self.details)
        return f"{self.at / SECOND:10.3f} s  {self.who}: {self.what}{words}"


Listener: TypeAlias = Callable[[Occurrence], None]

#: Versions and addresses are read in hexadecimal.
_DIGITS = {"version": 8, "address": 4}


def _worded(name: str, value: int | str) -> str:
    if isinstance(value, str):
        return f": {value}" if name == "why" else f" {value}"
    if name == "percent":
        return f" {value} %"
    digits = _DIGITS.get(name)
    return f" {name} {value}" if digits is None else f" {name} 0x{value:0{digits}X}"


#: What becomes of the reports of a bridge; the others are of no interest here.
_REPORTED = {
    Happening.DOWNLOAD_STARTED: What.DOWNLOAD,
    Happening.DOWNLOAD_RESUMED: What.DOWNLOAD,
    Happening.DOWNLOAD_STOPPED: What.STOPPED,
    Happening.IMAGE_ACCEPTED: What.VERIFIED,
    Happening.IMAGE_REFUSED: What.REFUSED,
    Happening.CONFIRMED: What.CONFIRMED,
    Happening.ROLLED_BACK: What.ROLLED_BACK,
}

_QUERY = KEYS[ota.QueryNextImageRequest].command
#: The command of the one frame to a bridge that is of interest, where a plain frame has it.
QUERY_RESPONSE = bytes((KEYS[ota.QueryNextImageResponse].command,))
_BLOCK_REQUEST = KEYS[ota.ImageBlockRequest].command
_PAGE_REQUEST = KEYS[ota.ImagePageRequest].command
#: Where the payload of a plain ZCL frame begins, and where a block request has its file offset.
_HEADER: Octets = 3
_OFFSET_AT: Octets = _HEADER + 1 + 2 + 2 + 4
_CLUSTER_SPECIFIC = 0x01
_FRAME_TYPE_AND_MAKER = 0x07


@dataclass(slots=True)
class Story:
    """Follow one bridge, and tell what is worth a line."""

    name: str
    listener: Listener
    booted: bool = False
    size: Octets = 0  # of the image that it was offered last
    part: int = 0  # of a download, told last

    def tell(self, now: Us, what: What, **details: int | str) -> None:
        """Tell one thing."""
        pairs = tuple(details.items())
        self.listener(Occurrence(at=now, who=self.name, what=what, details=pairs))

    def reported(self, report: Report, now: Us) -> None:
        """Take what the bridge says about itself."""
        if report.what is Happening.BOOTED:
            details = dict(report.details)
            trial = {"how": "on trial"} if details["trial"] else {}
            what = What.REBOOTED if self.booted else What.STARTED
            self.booted = True
            self.tell(now, what, version=details["version"], **trial)
        elif (what_now := _REPORTED.get(report.what)) is not None:
            if what_now is What.DOWNLOAD:
                self.part = 0
            elif what_now in (What.VERIFIED, What.REFUSED):
                self._progress(self.size, now)  # no request told of the last part
            self.tell(now, what_now, **dict(report.details))

    def sent(self, datagram: Datagram, now: Us) -> None:
        """Take a datagram of the OTA cluster that the bridge sends."""
        payload = datagram.payload
        if len(payload) < _HEADER or payload[0] & _FRAME_TYPE_AND_MAKER != _CLUSTER_SPECIFIC:
            return
        command = payload[2]
        if command == _QUERY:
            self.tell(now, What.QUERY)
        elif command in (_BLOCK_REQUEST, _PAGE_REQUEST):
            offset = unpack_integer(payload[_OFFSET_AT : _OFFSET_AT + 4])
            self._progress(offset, now)

    def heard(self, datagram: Datagram, now: Us) -> None:
        """Take a datagram of the OTA cluster that is sent to the bridge."""
        payload = datagram.payload
        if (
            payload[2:3] != QUERY_RESPONSE
            or payload[0] & _FRAME_TYPE_AND_MAKER != _CLUSTER_SPECIFIC
        ):
            return
        try:
            answer, _ = ota.QueryNextImageResponse.decode_at(payload, _HEADER)
        except WireError:
            return
        if answer.status is ota.Status.SUCCESS:
            self.size, self.part = answer.image_size or 0, 0
        elif answer.status is ota.Status.NO_IMAGE_AVAILABLE:
            self.tell(now, What.NO_IMAGE)

    def _progress(self, offset: Octets, now: Us) -> None:
        if not self.size:
            return
        part = min(PARTS, offset * PARTS // self.size)
        if part > self.part:
            self.part = part
            self.tell(now, What.DOWNLOADING, percent=part * 100 // PARTS)
