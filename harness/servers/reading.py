"""Read what a server answered."""

from collections.abc import Sequence
from itertools import pairwise

from emulator.units import Us
from emulator.wire import ota, zcl
from emulator.wire.ota import Status
from harness.hub.images import Served
from harness.servers.player import Heard


def status_of(heard: Heard | None) -> Status | int | None:
    """Return the status that an answer carries, None if it carries none or there is none."""
    match None if heard is None else heard.frame:
        case zcl.DefaultResponse(status=status):
            return status
        case ota.QueryNextImageResponse(status=status):
            return status
        case ota.ImageBlockResponse(status=status):
            return status
        case ota.QueryDeviceSpecificFileResponse(status=status):
            return status
        case _:
            return None


def data_of(heard: Heard | None) -> bytes:
    """Return the octets of a file that an answer carries, none if it is no block."""
    frame = None if heard is None else heard.frame
    return (frame.data or b"") if isinstance(frame, ota.ImageBlockResponse) else b""


def offset_of(heard: Heard | None) -> int | None:
    """Return the offset that a block names, None if it is none."""
    frame = None if heard is None else heard.frame
    return frame.file_offset if isinstance(frame, ota.ImageBlockResponse) else None


def offsets_of(answers: Sequence[Heard]) -> list[int]:
    """Return the offsets of the blocks among some answers, in order of arrival."""
    return [at for at in map(offset_of, answers) if at is not None]


def gaps_us(answers: Sequence[Heard]) -> list[Us]:
    """Return the times between answers, in microseconds."""
    times = [one.at for one in answers]
    return [after - before for before, after in pairwise(times)]


def is_refusal(heard: Heard | None) -> bool:
    """Tell whether an answer says no: a status other than SUCCESS, and no octet of data."""
    return status_of(heard) not in (None, Status.SUCCESS) and not data_of(heard)


def is_data_of(heard: Heard | None, image: Served) -> bool:
    """Tell whether a block holds what the file holds at the offset that it names."""
    at, data = offset_of(heard), data_of(heard)
    return at is not None and data != b"" and data == image.octets[at : at + len(data)]


def is_data_or_abort(heard: Heard | None, image: Served, offset: int) -> bool:
    """Tell whether an answer is the octets at an offset, or ends the download."""
    if status_of(heard) is Status.ABORT:
        return True
    return offset_of(heard) == offset and is_data_of(heard, image)
