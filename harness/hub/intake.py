"""Take firmware requests as a service user sends them, within the limits that are public.

Source: gb-alt-han fact sheet 2.6 (image store in the hub) and 3.2; GB-083.
"""

import base64
import binascii
from dataclasses import dataclass

from emulator.errors import WireError
from emulator.units import Octets
from harness.hub.images import Served, served

#: The most that one request may hold: octets of the image in base64, and device ids.
MOST_OCTETS: Octets = 10_240_000
MOST_DEVICES = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmwareRequest:
    """Be one request to distribute an image: the file in base64, its version, who gets it."""

    image: bytes
    version: int
    devices: tuple[int, ...]  # EUI-64s


def excess(request: FirmwareRequest) -> str:
    """Return by what a request exceeds the limits, nothing if it keeps them."""
    octets, devices = len(request.image), len(request.devices)
    if octets > MOST_OCTETS:
        return f"image: found {octets} octets of base64, wanted at most {MOST_OCTETS}"
    if devices > MOST_DEVICES:
        return f"devices: found {devices} ids, wanted at most {MOST_DEVICES}"
    return ""


def image_of(request: FirmwareRequest) -> Served:
    """Return the image in a request.

    Raises:
        ValueError: It is no base64, no OTA file, or one of another version than the request says.
    """
    try:
        image = served(base64.b64decode(request.image, validate=True))
    except binascii.Error as error:
        raise ValueError(f"image: found no base64 ({error})") from error
    except WireError as error:
        raise ValueError(f"image: found no OTA file ({error})") from error
    if image.file_version != request.version:
        found, wanted = f"0x{image.file_version:08X}", f"0x{request.version:08X}"
        raise ValueError(f"version: found {found} in the file, wanted {wanted} as requested")
    return image
