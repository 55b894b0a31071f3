"""Read an OTA file, and say everything that is wrong with it.

The reader is lenient and says what it forgave: it returns the file and its findings, and what it
read encodes to the same octets again. A strict reader wants no findings.

Source: ZCL rev 8, 11.4 (ZigBee OTA 095264, 6.3); for the raw container gb-alt-han 2.2.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from emulator.errors import TruncatedError, WireError
from emulator.units import Octets
from emulator.wire.ota_file import (
    ELEMENT_HEAD_SIZE,
    FIRST_VENDOR_TAG,
    HEADER_VERSION,
    KNOWN_CONTROL,
    KNOWN_CREDENTIALS,
    MAGIC,
    RAW_HEADER_SIZE,
    RAW_SIGNATURE_SIZE,
    STANDARD_TAGS,
    TRAILER_MARK,
    Container,
    Element,
    ElementHead,
    ElementTag,
    HeaderControl,
    OtaFile,
    OtaHeader,
)

#: The first reserved and the wildcard image type (ZCL 11.4.2.6).
FIRST_RESERVED_TYPE = 0xFFC4
ANY_TYPE = 0xFFFF
#: More elements than this are an attack on memory, not a file: no maker comes near.
MOST_ELEMENTS = 4096
#: Telink leaves two octets of information out of the length of its encrypted elements.
TELINK_MANUFACTURER = 0x1141
TELINK_TAG = 0xF000
TELINK_INFO_SIZE: Octets = 2
#: Octets of data that a tag must have (ZCL 11.4.4 to 11.4.6).
ELEMENT_SIZES: dict[int, Octets] = {
    ElementTag.SIGNATURE_SUITE_1: 50,
    ElementTag.CERTIFICATE_SUITE_1: 48,
    ElementTag.INTEGRITY_CODE: 16,
    ElementTag.SIGNATURE_SUITE_2: 80,
    ElementTag.CERTIFICATE_SUITE_2: 74,
}
SIGNATURES = frozenset({ElementTag.SIGNATURE_SUITE_1, ElementTag.SIGNATURE_SUITE_2})
SUITE_1 = frozenset({ElementTag.SIGNATURE_SUITE_1, ElementTag.CERTIFICATE_SUITE_1})
SUITE_2 = frozenset({ElementTag.SIGNATURE_SUITE_2, ElementTag.CERTIFICATE_SUITE_2})


class FindingCode(StrEnum):
    """What can be wrong with a file: its name for ever, its clause, and whether it is fatal.

    A bridge must refuse an image with a fatal one; the others are flagged only.
    """

    clause: str
    fatal: bool

    def __new__(cls, name: str, clause: str, fatal: bool) -> Self:
        made = str.__new__(cls, name)
        made._value_, made.clause, made.fatal = name, clause, fatal
        return made

    WRAPPER = "wrapper", "ZCL 11.4.2.1", True
    HEADER_VERSION = "header-version", "ZCL 11.4.2.2", True
    HEADER_LENGTH = "header-length", "ZCL 11.4.2.3", True
    FIELD_CONTROL = "field-control", "ZCL 11.4.2.4", False
    IMAGE_TYPE_RESERVED = "image-type-reserved", "ZCL 11.4.2.6", False
    IMAGE_TYPE_WILDCARD = "image-type-wildcard", "ZCL 11.4.2.6", False
    SIZE_TOO_LONG = "size-too-long", "ZCL 11.4.2.10", True
    SIZE_TOO_SHORT = "size-too-short", "ZCL 11.4.2.10", True
    TRAILING = "trailing", "ZCL 11.4.2.10", False
    CREDENTIAL_VERSION = "credential-version", "ZCL 11.4.2.11", False
    HARDWARE_RANGE = "hardware-range", "ZCL 11.4.2.13", False
    EMPTY = "empty", "ZCL 11.4.3", False
    ELEMENT_CUT = "element-cut", "ZCL 11.4.3", True
    STRAY_OCTETS = "stray-octets", "ZCL 11.4.3", True
    TOO_MANY_ELEMENTS = "too-many-elements", "Hanover's own limit", True
    ELEMENT_LENGTH = "element-length", "ZCL 11.4.4 to 11.4.6", True
    RESERVED_TAG = "reserved-tag", "ZCL 11.4.3", False
    VENDOR_INFO = "vendor-info", "ZCL 11.4.3", False
    SIGNATURE_NOT_LAST = "signature-not-last", "ZCL 11.7.1", True
    BOTH_SUITES = "both-suites", "ZCL 11.7.1", True
    CONTAINER = "container", "gb-alt-han GB-014", True
    RAW_HEADER = "raw-header", "gb-alt-han 2.2", True


@dataclass(frozen=True, slots=True)
class Finding:
    """Say one thing that is wrong with a file.

    ``offset`` counts octets from the first octet of the file, wrapper included.
    """

    code: FindingCode
    offset: Octets
    found: str
    expected: str

    @property
    def clause(self) -> str:
        """Return the clause that the file breaks."""
        return self.code.clause

    @property
    def fatal(self) -> bool:
        """Tell whether a bridge must refuse the image for this."""
        return self.code.fatal

    def __str__(self) -> str:
        return (
            f"at {self.offset}: {self.code}: found {self.found}, expected {self.expected}"
            f" ({self.clause})"
        )


def read(data: bytes, container: Container | None = None) -> tuple[OtaFile, tuple[Finding, ...]]:
    """Read an OTA file and say everything that is wrong with it.

    What was read encodes to ``data`` again. Parts begin where the announced header fields end, even
    if the header length says otherwise. Memory used is about one copy of ``data``.

    Args:
        data: Octets of the file; a wrapper before the magic is cut off.
        container: How to read what follows the header; None: as ``detect_container`` says.

    Returns:
        The file and its findings; a strict reader wants no findings.

    Raises:
        TruncatedError: ``data`` ends inside the header.
        WireError: The magic is nowhere in ``data``.

    Source: ZCL rev 8, 11.4; gb-alt-han 2.2.
    """
    start, header, at, end = _frame_of(data)
    elements, stop = _walk(data, at, end, header.manufacturer)
    tiled = bool(elements) and stop == end
    if container is None:
        container = _detect(data, header, at, end, tiled=tiled)
    findings = [*_judge_header(header, start, len(data) - start)]
    if at == end:
        findings.append(Finding(FindingCode.EMPTY, at, "nothing", "an upgrade image"))
    body, signature = b"", None
    if container is Container.ZCL:
        findings += _judge_elements(elements, at)
        findings += _judge_remainder(data, stop, end, len(elements))
    else:
        findings += _judge_raw(header, start, tiled=tiled)
        elements, stop = (), end
        body, signature = _split_raw(data, at, end)
    file = OtaFile(
        header=header,
        container=container,
        elements=elements,
        body=body,
        signature=signature,
        wrapper=data[:start],
        remainder=data[stop:end],
        trailing=data[end:],
    )
    return file, tuple(findings)


def detect_container(data: bytes) -> Container:
    """Tell how a file is laid out behind its header.

    Sub-elements that tile the file make it ZCL: tag octets are never taken for code. Else a header
    of 60 octets makes it GBCS, unless no trailer is there and the first octets are the head of a
    standard element that the file has room for: then it is a damaged ZCL file.

    Raises:
        TruncatedError: ``data`` ends inside the header.
        WireError: The magic is nowhere in ``data``.

    Source: gb-alt-han 2.2 and GB-014.
    """
    _, header, at, end = _frame_of(data)
    elements, stop = _walk(data, at, end, header.manufacturer)
    return _detect(data, header, at, end, tiled=bool(elements) and stop == end)


def _frame_of(data: bytes) -> tuple[Octets, OtaHeader, Octets, Octets]:
    """Return where the header starts, the header, and where its parts begin and end."""
    start = data.find(MAGIC)
    if start < 0:
        if len(data) < OtaHeader.SHORTEST:
            raise TruncatedError("OtaHeader", OtaHeader.SHORTEST, len(data))
        raise WireError(f"no OTA header: {MAGIC.hex(' ')} is nowhere in {len(data)} octets")
    header, at = OtaHeader.decode_at(data, start)
    return start, header, at, min(max(start + header.total_size, at), len(data))


def _walk(
    data: bytes, at: Octets, end: Octets, manufacturer: int
) -> tuple[tuple[Element, ...], Octets]:
    """Read whole elements up to ``end``; return them and the offset behind the last."""
    elements, stop = _walk_plain(data, at, end, 0)
    if stop != end and manufacturer == TELINK_MANUFACTURER:
        telink, telink_stop = _walk_plain(data, at, end, TELINK_INFO_SIZE)
        if telink_stop == end:
            return telink, end
    return elements, stop


def _walk_plain(
    data: bytes, at: Octets, end: Octets, info_size: Octets
) -> tuple[tuple[Element, ...], Octets]:
    elements: list[Element] = []
    while end - at >= ELEMENT_HEAD_SIZE and len(elements) < MOST_ELEMENTS:
        head, body = ElementHead.decode_at(data, at)
        first = body + (info_size if head.tag == TELINK_TAG else 0)
        after = first + head.size
        if after > end:
            break
        elements.append(Element(head.tag, data[first:after], data[body:first]))
        at = after
    return tuple(elements), at


def _has_trailer(data: bytes, at: Octets, end: Octets) -> bool:
    mark = end - RAW_SIGNATURE_SIZE - len(TRAILER_MARK)
    return mark >= at and data.startswith(TRAILER_MARK, mark)


def _split_raw(data: bytes, at: Octets, end: Octets) -> tuple[bytes, bytes | None]:
    """Return the manufacturer image and its signature, None without a trailer."""
    if not _has_trailer(data, at, end):
        return data[at:end], None
    mark = end - RAW_SIGNATURE_SIZE
    return data[at : mark - len(TRAILER_MARK)], data[mark:end]


def _detect(data: bytes, header: OtaHeader, at: Octets, end: Octets, *, tiled: bool) -> Container:
    if tiled or header.header_length != RAW_HEADER_SIZE or at == end:
        return Container.ZCL
    if not _has_trailer(data, at, end) and end - at >= ELEMENT_HEAD_SIZE:
        head, body = ElementHead.decode_at(data, at)
        room = max(header.total_size, end - at + header.size) - header.size - (body - at)
        if head.tag in STANDARD_TAGS and 0 < head.size <= room:
            return Container.ZCL
    return Container.GBCS


def _judge_header(header: OtaHeader, start: Octets, available: Octets) -> Iterator[Finding]:
    """Judge the header's fields; ``available`` octets are there from its first one on."""
    if start:
        yield Finding(FindingCode.WRAPPER, 0, f"{start} octets before the magic", "the magic first")
    if header.header_version != HEADER_VERSION:
        yield Finding(
            FindingCode.HEADER_VERSION,
            start + 4,
            f"{header.header_version:#06x}",
            f"{HEADER_VERSION:#06x}",
        )
    if header.header_length != header.size:
        yield Finding(
            FindingCode.HEADER_LENGTH,
            start + 6,
            f"{header.header_length}",
            f"{header.size}, for field control {int(header.control):#06x}",
        )
    if header.control & ~KNOWN_CONTROL:
        yield Finding(
            FindingCode.FIELD_CONTROL, start + 8, f"{int(header.control):#06x}", "reserved bits 0"
        )
    if header.image_type == ANY_TYPE:
        yield Finding(
            FindingCode.IMAGE_TYPE_WILDCARD, start + 12, "the wildcard 0xffff", "an image type"
        )
    elif header.image_type >= FIRST_RESERVED_TYPE:
        yield Finding(
            FindingCode.IMAGE_TYPE_RESERVED,
            start + 12,
            f"{header.image_type:#06x}",
            "0x0000 to 0xffc3",
        )
    yield from _judge_size(header, start, available)
    yield from _judge_options(header, start)


def _judge_size(header: OtaHeader, start: Octets, available: Octets) -> Iterator[Finding]:
    total = header.total_size
    if total > available:
        yield Finding(
            FindingCode.SIZE_TOO_LONG,
            start + 52,
            f"{total} octets",
            f"{available}, as the file has",
        )
    elif total < header.size:
        yield Finding(
            FindingCode.SIZE_TOO_SHORT,
            start + 52,
            f"{total} octets",
            f"the header's {header.size} or more",
        )
    elif total < available:
        yield Finding(
            FindingCode.TRAILING,
            start + total,
            f"{available - total} octets more",
            "the end of the file",
        )


def _judge_options(header: OtaHeader, start: Octets) -> Iterator[Finding]:
    credential = header.credential_version
    if credential is not None and credential not in KNOWN_CREDENTIALS:
        yield Finding(
            FindingCode.CREDENTIAL_VERSION, start + OtaHeader.SHORTEST, f"{credential}", "0 to 3"
        )
    low, high = header.minimum_hardware, header.maximum_hardware
    if low is not None and high is not None and low > high:
        yield Finding(
            FindingCode.HARDWARE_RANGE,
            start + header.size - 4,
            f"{low:#06x} to {high:#06x}",
            "a minimum not above the maximum",
        )


def _judge_elements(elements: Sequence[Element], at: Octets) -> Iterator[Finding]:
    tags = {element.tag for element in elements}
    if tags & SUITE_1 and tags & SUITE_2:
        yield Finding(FindingCode.BOTH_SUITES, at, "elements of suites 1 and 2", "one suite")
    for index, element in enumerate(elements):
        tag, wanted = element.tag, ELEMENT_SIZES.get(element.tag)
        if wanted is not None and len(element.data) != wanted:
            yield Finding(
                FindingCode.ELEMENT_LENGTH,
                at + 2,
                f"{len(element.data)} octets for tag {tag:#06x}",
                f"{wanted}",
            )
        if tag in SIGNATURES and index + 1 < len(elements):
            yield Finding(
                FindingCode.SIGNATURE_NOT_LAST,
                at,
                f"signature {tag:#06x} as element {index + 1} of {len(elements)}",
                "the signature last",
            )
        if len(STANDARD_TAGS) <= tag < FIRST_VENDOR_TAG:
            yield Finding(
                FindingCode.RESERVED_TAG, at, f"tag {tag:#06x}", "a known or a vendor's tag"
            )
        if element.info:
            yield Finding(
                FindingCode.VENDOR_INFO,
                at + ELEMENT_HEAD_SIZE,
                f"{len(element.info)} octets that the length leaves out (Telink)",
                "the data",
            )
        at += element.size


def _judge_remainder(data: bytes, at: Octets, end: Octets, count: int) -> Iterator[Finding]:
    left = end - at
    if count >= MOST_ELEMENTS and left:
        yield Finding(
            FindingCode.TOO_MANY_ELEMENTS,
            at,
            f"more than {count} elements",
            f"{MOST_ELEMENTS} at most",
        )
    elif left >= ELEMENT_HEAD_SIZE:
        head, _ = ElementHead.decode_at(data, at)
        yield Finding(
            FindingCode.ELEMENT_CUT,
            at,
            f"tag {head.tag:#06x} of {head.size} octets",
            f"{left - ELEMENT_HEAD_SIZE} octets at most, as are left",
        )
    elif left:
        yield Finding(
            FindingCode.STRAY_OCTETS,
            at,
            f"{left} octets that make no element",
            "the end of the file",
        )


def _judge_raw(header: OtaHeader, start: Octets, *, tiled: bool) -> Iterator[Finding]:
    if header.control != HeaderControl.HARDWARE_VERSIONS:
        yield Finding(
            FindingCode.RAW_HEADER, start + 8, f"field control {int(header.control):#06x}", "0x0004"
        )
    if tiled:
        yield Finding(
            FindingCode.CONTAINER,
            start + header.size,
            "sub-elements that tile the file",
            "a raw manufacturer image",
        )
