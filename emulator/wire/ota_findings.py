"""Name what can be wrong with an OTA file, and judge the parts that the reader found.

Nothing here looks at hashes, signatures or keys: that is verification's and the linter's part.

Source: ZCL rev 8, 11.4 (ZigBee OTA 095264, 6.3); for the raw container gb-alt-han 2.2; the makers'
habits as other people's parsers take them (ota-cluster 5.2).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from emulator.units import Octets
from emulator.wire.codec import unpack_integer
from emulator.wire.ota_file import (
    ELEMENT_HEAD_SIZE,
    FIRST_VENDOR_TAG,
    HEADER_VERSION,
    KNOWN_CONTROL,
    KNOWN_CREDENTIALS,
    STANDARD_TAGS,
    Element,
    ElementHead,
    ElementTag,
    HeaderControl,
    OtaHeader,
    SpecialType,
)

#: The first reserved and the wildcard image type (ZCL 11.4.2.6).
FIRST_RESERVED_TYPE = 0xFFC4
ANY_TYPE = 0xFFFF
#: More elements than this are an attack on memory, not a file: no maker comes near.
MOST_ELEMENTS = 1024
#: Telink leaves two octets of information out of the length of its encrypted elements.
TELINK_MANUFACTURER = 0x1141
TELINK_TAG = 0xF000
TELINK_INFO_SIZE: Octets = 2
#: Some of Hue's images have no sub-elements: their code begins so, behind an honest header.
HUE_MANUFACTURER = 0x100B
HUE_START = bytes.fromhex("2a0001")
#: IKEA's files stand in a container that begins so.
IKEA_CONTAINER = b"NGIS"
#: Legrand's stand behind their size in four octets, and before a count of others.
LEGRAND_PREFIX: Octets = 4
LEGRAND_EXTRA: Octets = 21
#: Third Reality's stand behind hashes of this many octets.
THIRD_REALITY_PREFIX: Octets = 152
#: Findings of one code that are told one by one; what a flood of elements adds is counted.
MOST_FINDINGS = 64
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
    NO_IMAGE = "no-image", "ZCL 11.4.3", False
    NO_ELEMENTS = "no-elements", "ZCL 11.4.3", True
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


def bounded(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings, ``MOST_FINDINGS`` of a code at most; the last one counts the rest."""
    kept: list[Finding] = []
    last: dict[FindingCode, int] = {}
    seen: Counter[FindingCode] = Counter()
    for finding in findings:
        seen[finding.code] += 1
        if seen[finding.code] <= MOST_FINDINGS:
            last[finding.code] = len(kept)
            kept.append(finding)
    for code, index in last.items():
        if (more := seen[code] - MOST_FINDINGS) > 0:
            kept[index] = replace(kept[index], found=f"{kept[index].found}, and {more} more so")
    return tuple(kept)


def judge_header(header: OtaHeader, data: bytes, start: Octets) -> Iterator[Finding]:
    """Judge the fields of the header that stands at ``start``."""
    if start:
        found = f"{start} octets before the magic{_wrapper_name(data, start)}"
        yield Finding(FindingCode.WRAPPER, 0, found, "the magic first")
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
    yield from _judge_size(header, start, len(data) - start)
    yield from _judge_options(header, start)


def _wrapper_name(data: bytes, start: Octets) -> str:
    """Name a maker's container, if it is a known one."""
    if data.startswith(IKEA_CONTAINER):
        return " (IKEA's container)"
    prefix = unpack_integer(data[:LEGRAND_PREFIX])
    if start == LEGRAND_PREFIX and prefix + LEGRAND_EXTRA == len(data):
        return " (Legrand's size)"
    return " (as Third Reality's hashes)" if start == THIRD_REALITY_PREFIX else ""


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


def judge_elements(elements: Sequence[Element], at: Octets, image_type: int) -> Iterator[Finding]:
    """Judge whole sub-elements; the head of the first stands at ``at``."""
    tags = {element.tag for element in elements}
    if elements and _lacks_image(tags, image_type):
        found = ", ".join(f"{tag:#06x}" for tag in sorted(tags)[:8])
        yield Finding(FindingCode.NO_IMAGE, at, f"only tags {found}", "tag 0x0000, a firmware")
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


def _lacks_image(tags: set[int], image_type: int) -> bool:
    """Tell whether elements hold nothing to run: no image, no maker's own, no special file's."""
    if image_type >= SpecialType.CLIENT_CREDENTIALS:
        return False
    return ElementTag.UPGRADE_IMAGE not in tags and max(tags) < FIRST_VENDOR_TAG


def judge_remainder(data: bytes, at: Octets, end: Octets, count: int) -> Iterator[Finding]:
    """Judge what lies between the last of ``count`` whole elements and the end of the file."""
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


def judge_hue(at: Octets, end: Octets) -> Iterator[Finding]:
    """Say that a Hue image has no sub-elements."""
    found = f"{end - at} octets that begin {HUE_START.hex(' ')} (Hue)"
    yield Finding(FindingCode.NO_ELEMENTS, at, found, "sub-elements")


def judge_raw(header: OtaHeader, start: Octets, *, tiled: bool) -> Iterator[Finding]:
    """Judge what makes a header, or what follows it, no raw container's."""
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
