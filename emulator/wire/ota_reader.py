"""Read an OTA file, and say everything that is wrong with it.

The reader is lenient and says what it forgave: it returns the file and its findings, and what it
read encodes to the same octets again. A strict reader wants no findings.

Source: ZCL rev 8, 11.4 (ZigBee OTA 095264, 6.3); for the raw container gb-alt-han 2.2.
"""

from itertools import chain

from emulator.errors import TruncatedError, WireError
from emulator.units import Octets
from emulator.wire.manifest import claimed_size
from emulator.wire.ota_file import (
    ELEMENT_HEAD_SIZE,
    MAGIC,
    RAW_HEADER_SIZE,
    RAW_SIGNATURE_SIZE,
    STANDARD_TAGS,
    TRAILER_MARK,
    Container,
    Element,
    ElementHead,
    OtaFile,
    OtaHeader,
)
from emulator.wire.ota_findings import (
    ANY_TYPE,
    ELEMENT_SIZES,
    FIRST_RESERVED_TYPE,
    HUE_MANUFACTURER,
    HUE_START,
    MOST_ELEMENTS,
    SIGNATURES,
    SUITE_1,
    SUITE_2,
    TELINK_INFO_SIZE,
    TELINK_MANUFACTURER,
    TELINK_TAG,
    Finding,
    FindingCode,
    bounded,
    judge_elements,
    judge_header,
    judge_hue,
    judge_raw,
    judge_remainder,
)

__all__ = [
    "ANY_TYPE",
    "ELEMENT_SIZES",
    "FIRST_RESERVED_TYPE",
    "MOST_ELEMENTS",
    "SIGNATURES",
    "SUITE_1",
    "SUITE_2",
    "TELINK_MANUFACTURER",
    "Finding",
    "FindingCode",
    "detect_container",
    "read",
]


#: A standard element that is too long by no more than this is a damaged one, not code.
_NEAR: Octets = 256
_HUGE = 0xFFFFFFFF


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
    findings = [judge_header(header, data, start)]
    if at == end:
        findings.append(iter((Finding(FindingCode.EMPTY, at, "nothing", "an upgrade image"),)))
    body, signature = b"", None
    if container is Container.GBCS:
        findings.append(judge_raw(header, start, tiled=tiled))
        elements, stop = (), end
        body, signature = _split_raw(data, at, end)
    elif not tiled and _is_hue(data, header, at, end):
        findings.append(judge_hue(at, end))
        elements, stop = (), at
    else:
        findings.append(judge_elements(elements, at, header.image_type))
        findings.append(judge_remainder(data, stop, end, len(elements)))
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
    return file, bounded(chain.from_iterable(findings))


def detect_container(data: bytes) -> Container:
    """Tell how a file is laid out behind its header.

    Sub-elements that tile the file make it ZCL: tag octets are never taken for code. Else a header
    of 60 octets makes it GBCS, unless no trailer is there and the first octets are the head of a
    standard element that the file has room for, or nearly, or that claims all there can be: then it
    is a damaged ZCL file. An image of Hue's without sub-elements passes for ZCL as well.

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


def _is_hue(data: bytes, header: OtaHeader, at: Octets, end: Octets) -> bool:
    return header.manufacturer == HUE_MANUFACTURER and data.startswith(HUE_START, at, end)


def _has_trailer(data: bytes, at: Octets, end: Octets) -> bool:
    """Tell whether a trailer closes a raw container; an image manifest may know better.

    One image without a trailer in 65,536 has the mark's octets in its place.
    """
    mark = end - RAW_SIGNATURE_SIZE - len(TRAILER_MARK)
    marked = mark >= at and data.startswith(TRAILER_MARK, mark)
    return marked and claimed_size(data, at) != end - at


def _split_raw(data: bytes, at: Octets, end: Octets) -> tuple[bytes, bytes | None]:
    """Return the manufacturer image and its signature, None without a trailer."""
    if not _has_trailer(data, at, end):
        return data[at:end], None
    mark = end - RAW_SIGNATURE_SIZE
    return data[at : mark - len(TRAILER_MARK)], data[mark:end]


def _detect(data: bytes, header: OtaHeader, at: Octets, end: Octets, *, tiled: bool) -> Container:
    if tiled or header.header_length != RAW_HEADER_SIZE or at == end:
        return Container.ZCL
    if _is_hue(data, header, at, end):
        return Container.ZCL
    if not _has_trailer(data, at, end) and end - at >= ELEMENT_HEAD_SIZE:
        head, body = ElementHead.decode_at(data, at)
        room = max(header.total_size, end - at + header.size) - header.size - (body - at)
        near = 0 < head.size <= room + _NEAR or head.size == _HUGE
        if head.tag in STANDARD_TAGS and near:
            return Container.ZCL
    return Container.GBCS
