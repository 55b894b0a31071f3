"""Declare the image manifest: what our own upgrade images say of themselves, inside what is signed.

It stands at offset 0 of the upgrade image (tag 0x0000, or a raw container's manufacturer image) and
binds there what the OTA header only claims; the payload follows it to the end. The layout is
Hanover's own; other makers' images have none.

Source: design section 2; gb-alt-han 2.2 ("bind version, image type and HW range inside").
"""

from enum import IntFlag
from typing import Annotated

from emulator.errors import TruncatedError, WireError
from emulator.units import Octets
from emulator.wire.codec import U8, U16, U32, Fixed, Frame, UInt, frame

#: The first octets of every image manifest.
MAGIC = b"HANM"
MANIFEST_VERSION = 1
#: Hardware versions of a manifest whose file has no hardware range: all of them.
ANY_HARDWARE = (0x0000, 0xFFFF)


class Trait(IntFlag):
    """What an emulated processor does when it runs the image; a real one has code instead."""

    MUTE = 0x00000001  # the radio never sends
    DEAF = 0x00000002  # the radio hears nothing
    CRASHES = 0x00000004  # the image restarts itself soon after it starts


@frame
class ImageManifest(Frame):
    """Say what image this is, for which hardware, and what its payload must hash to."""

    magic: Annotated[bytes, Fixed(4)]
    manifest_version: U16
    length: U16  # octets of this manifest; the payload begins behind it
    manufacturer: U16
    image_type: U16
    file_version: U32
    minimum_hardware: U16
    maximum_hardware: U16  # inclusive
    security_counter: U32
    traits: Annotated[Trait, UInt(4)]
    minimum_link: U8  # link protocols between bridges that the image speaks
    maximum_link: U8
    payload_length: U32  # octets
    payload_digest: Annotated[bytes, Fixed(32)]  # SHA-256


def claimed_size(data: bytes, at: Octets = 0) -> Octets | None:
    """Return the octets of the upgrade image that begins at ``at``, as its manifest says.

    Returns:
        Octets of manifest and payload; None where no manifest of this version begins.
    """
    if not data.startswith(MAGIC, at) or len(data) - at < ImageManifest.SHORTEST:
        return None
    manifest, _ = ImageManifest.decode_at(data, at)
    known = (MANIFEST_VERSION, ImageManifest.SHORTEST)
    if (manifest.manifest_version, manifest.length) != known:
        return None
    return manifest.length + manifest.payload_length


def read_manifest(image: bytes) -> tuple[ImageManifest, memoryview]:
    """Read the manifest at the start of an upgrade image.

    The digest is not judged here: that is verification's part.

    Args:
        image: Octets of the upgrade image, manifest first.

    Returns:
        The manifest and the payload behind it, a view of ``image``.

    Raises:
        TruncatedError: ``image`` ends inside the manifest or the payload.
        WireError: There is no manifest, none of this version, or octets follow the payload.
    """
    if not image.startswith(MAGIC):
        raise WireError(f"ImageManifest: found {image[:4].hex(' ')}, expected {MAGIC.hex(' ')}")
    manifest, _ = ImageManifest.decode_at(image, 0)
    if manifest.manifest_version != MANIFEST_VERSION:
        raise WireError(
            f"ImageManifest: version {manifest.manifest_version}, expected {MANIFEST_VERSION}"
        )
    if manifest.length != ImageManifest.SHORTEST:
        raise WireError(
            f"ImageManifest: length {manifest.length}, expected {ImageManifest.SHORTEST} octets"
        )
    end = manifest.length + manifest.payload_length
    if end > len(image):
        raise TruncatedError("payload behind ImageManifest", end, len(image))
    if end < len(image):
        raise WireError(
            f"ImageManifest: {len(image) - manifest.length} octets follow, the manifest says"
            f" {manifest.payload_length}"
        )
    return manifest, memoryview(image)[manifest.length :]
