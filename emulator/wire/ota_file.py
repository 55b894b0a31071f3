"""Declare the OTA file: header, sub-elements, and the raw container of GBCS.

``emulator.wire.ota_reader`` reads one. Integers are little-endian.

Source: ZCL rev 8, 11.4 (ZigBee OTA 095264, 6.3); for the raw container gb-alt-han 2.2.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum
from typing import Annotated

from emulator.units import Octets
from emulator.wire.codec import EUI64, U8, U16, U32, Fixed, Frame, UInt, frame, when

#: The first octets of every OTA file (ZCL 11.4.2.1).
MAGIC = bytes.fromhex("1ef1ee0b")
HEADER_VERSION = 0x0100
HEADER_STRING_SIZE: Octets = 32
#: Tags from here on belong to the makers; 0x0007 up to here are reserved (ZCL 11.4.3).
FIRST_VENDOR_TAG = 0xF000
#: What stands between a manufacturer image and its signature (gb-alt-han 2.2).
TRAILER_MARK = bytes.fromhex("0040")
RAW_SIGNATURE_SIZE: Octets = 64
RAW_HEADER_SIZE: Octets = 60


class Container(StrEnum):
    """How a firmware file is laid out behind the OTA header."""

    ZCL = "zcl"  # sub-elements: tag, length, data
    GBCS = "gbcs"  # manufacturer image, 00 40, signature (gb-alt-han 2.2); or without the trailer


class HeaderControl(IntFlag):
    """Optional fields of the header (ZCL 11.4.2.4)."""

    CREDENTIAL_VERSION = 0x0001
    DESTINATION = 0x0002
    HARDWARE_VERSIONS = 0x0004


KNOWN_CONTROL = 0x0007


class CredentialVersion(IntEnum):
    """Security credentials that an image needs (ZCL 11.4.2.11)."""

    SE_1_0 = 0
    SE_1_1 = 1
    SE_2_0 = 2
    SE_1_2 = 3


KNOWN_CREDENTIALS = frozenset(int(version) for version in CredentialVersion)


class SpecialType(IntEnum):
    """Image types that are no firmware of a maker's own numbering (ZCL 11.4.2.6)."""

    CLIENT_CREDENTIALS = 0xFFC0
    CLIENT_CONFIGURATION = 0xFFC1
    SERVER_LOG = 0xFFC2
    PICTURE = 0xFFC3


class ElementTag(IntEnum):
    """Tags of sub-elements that the standard defines (ZCL 11.4.3)."""

    UPGRADE_IMAGE = 0x0000
    SIGNATURE_SUITE_1 = 0x0001
    CERTIFICATE_SUITE_1 = 0x0002
    INTEGRITY_CODE = 0x0003
    PICTURE = 0x0004
    SIGNATURE_SUITE_2 = 0x0005
    CERTIFICATE_SUITE_2 = 0x0006


STANDARD_TAGS = frozenset(int(tag) for tag in ElementTag)


@frame
class OtaHeader(Frame):
    """Begin every OTA file.

    Source: ZCL rev 8, 11.4.2.
    """

    magic: Annotated[bytes, Fixed(4)]
    header_version: U16
    header_length: U16  # octets up to the first sub-element
    control: Annotated[HeaderControl, UInt(2)]
    manufacturer: U16
    image_type: U16
    file_version: U32
    stack_version: U16
    header_string: Annotated[bytes, Fixed(32)]
    total_size: U32  # octets of the whole file, header included
    credential_version: U8 | None = when("control", HeaderControl.CREDENTIAL_VERSION)
    destination: EUI64 | None = when("control", HeaderControl.DESTINATION)
    minimum_hardware: U16 | None = when("control", HeaderControl.HARDWARE_VERSIONS)
    maximum_hardware: U16 | None = when("control", HeaderControl.HARDWARE_VERSIONS)

    @property
    def size(self) -> Octets:
        """Return the octets that the announced fields take, whatever ``header_length`` says."""
        return header_size(self.control)

    @property
    def text(self) -> str:
        """Return the header string for people: no padding, nothing that moves a cursor."""
        text = self.header_string.rstrip(b"\0").decode("utf-8", "backslashreplace")
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def header_size(control: int) -> Octets:
    """Return the octets of a header with these field control bits, 56 to 69 (ZCL 11.4.2.3)."""
    size = OtaHeader.SHORTEST
    for bit, octets in (
        (HeaderControl.CREDENTIAL_VERSION, 1),
        (HeaderControl.DESTINATION, 8),
        (HeaderControl.HARDWARE_VERSIONS, 4),
    ):
        size += octets if control & bit else 0
    return size


@frame
class ElementHead(Frame):
    """Begin a sub-element; ``size`` counts its data alone (ZCL 11.4.3)."""

    tag: U16
    size: U32


ELEMENT_HEAD_SIZE: Octets = ElementHead.SHORTEST


@dataclass(frozen=True, slots=True)
class Element:
    """Be one sub-element: a tag and its data (ZCL 11.4.3).

    ``info`` holds what some makers put before the data and leave out of the length.
    """

    tag: int
    data: bytes
    info: bytes = b""

    @property
    def head(self) -> ElementHead:
        """Return the six octets that stand before the data, as a frame."""
        return ElementHead(tag=self.tag, size=len(self.data))

    @property
    def size(self) -> Octets:
        """Return the octets of the whole element."""
        return ELEMENT_HEAD_SIZE + len(self.info) + len(self.data)

    def encode(self) -> bytes:
        """Return the octets of this element."""
        return b"".join((self.head.encode(), self.info, self.data))


@dataclass(frozen=True, slots=True, kw_only=True)
class OtaFile:
    """Be an OTA file as read, every octet of it in one of the parts.

    ``remainder`` lies inside the total size and makes no whole element; ``trailing`` lies behind
    the total size. A raw container has ``body`` and perhaps ``signature`` (r, s), no elements.
    """

    header: OtaHeader
    container: Container = Container.ZCL
    elements: tuple[Element, ...] = ()
    body: bytes = b""
    signature: bytes | None = None
    wrapper: bytes = b""
    remainder: bytes = b""
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Return the octets of the whole file, wrapper and trailing octets included."""
        parts = [self.wrapper, self.header.encode()]
        for element in self.elements:
            parts += element.head.encode(), element.info, element.data
        parts.append(self.body)
        if self.signature is not None:
            parts += TRAILER_MARK, self.signature
        return b"".join((*parts, self.remainder, self.trailing))

    @property
    def image(self) -> bytes | None:
        """Return what would run: the first upgrade image, or the manufacturer image; None: none."""
        if self.container is Container.GBCS:
            return self.body or None
        return next((e.data for e in self.elements if e.tag == ElementTag.UPGRADE_IMAGE), None)

    def offsets(self) -> tuple[Octets, ...]:
        """Return where the head of each element stands, from the first octet of the file."""
        at = len(self.wrapper) + self.header.size
        found = []
        for element in self.elements:
            found.append(at)
            at += element.size
        return tuple(found)
