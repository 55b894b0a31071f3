"""Find every flaw of a firmware file that shows without a key, with its place and its clause.

Source: ZCL rev 8, 11.4 and 11.7.1; ota-cluster 5, 6 and 8.3; gb-alt-han 2.2.
"""

import hashlib
from collections.abc import Iterator

from emulator.crypto.mmo import DIGEST_SIZE, aes_mmo
from emulator.errors import WireError
from emulator.image.anchors import HEADER_OFFSETS, MANIFEST_OFFSETS, Layout
from emulator.image.flaws import Flaw, FlawCode
from emulator.image.signing_flaws import judge_signing, judge_trailer
from emulator.image.verify import claims
from emulator.wire.manifest import read_manifest
from emulator.wire.ota_file import (
    ELEMENT_HEAD_SIZE,
    Container,
    ElementTag,
    OtaHeader,
    SpecialType,
)
from emulator.wire.ota_reader import read

#: Makers' codes and versions that mean "any" in commands, and nothing in a file.
_ANY_MANUFACTURER = 0xFFFF
_ANY_VERSION = 0xFFFFFFFF
#: 2006, 2007, PRO, IP (ZCL 11.4.2.8); 4 is Thread to one maker's tools.
_STACK_VERSIONS = range(5)
#: Files that one device alone is meant to have (ota-cluster 2.9).
_DEVICE_SPECIFIC = frozenset(
    {
        SpecialType.CLIENT_CREDENTIALS,
        SpecialType.CLIENT_CONFIGURATION,
        SpecialType.SERVER_LOG,
    }
)


def lint(
    data: bytes, container: Container | None = None, *, hashes: bool = True
) -> tuple[Flaw, ...]:
    """Return every flaw of a firmware file, in the order of the octets.

    No key is needed, so that no signature is verified: see ``emulator.image.verify`` for that.

    Args:
        data: The octets of the file.
        container: How to read what follows the header; None: detected.
        hashes: Whether to compute the integrity code and the manifest's digest, which takes nearly
            all the time.

    Raises:
        WireError: There is no OTA header in ``data``.
    """
    file, findings = read(data, container)
    layout = Layout(data, file)
    flaws = [Flaw.of(finding) for finding in findings]
    flaws += _judge_header(file.header, layout.start)
    flaws += _judge_manifest(layout, hashes=hashes)
    if file.container is Container.GBCS:
        flaws += judge_trailer(layout)
    else:
        flaws += _judge_integrity(layout, hashes=hashes)
        flaws += judge_signing(layout)
    return tuple(sorted(flaws, key=lambda flaw: flaw.offset))


def _judge_header(header: OtaHeader, start: int) -> Iterator[Flaw]:
    if header.manufacturer == _ANY_MANUFACTURER:
        at = start + HEADER_OFFSETS["manufacturer"]
        yield Flaw(FlawCode.MANUFACTURER_WILDCARD, at, "the wildcard 0xffff", "a maker's code")
    if header.file_version == _ANY_VERSION:
        at = start + HEADER_OFFSETS["file_version"]
        yield Flaw(FlawCode.VERSION_WILDCARD, at, "the wildcard 0xffffffff", "a version")
    if header.stack_version not in _STACK_VERSIONS:
        at = start + HEADER_OFFSETS["stack_version"]
        yield Flaw(FlawCode.STACK_VERSION, at, f"{header.stack_version:#06x}", "0 to 4")
    if header.image_type in _DEVICE_SPECIFIC and header.destination is None:
        name = SpecialType(header.image_type).name.lower().replace("_", " ")
        found = f"{name} for every device"
        at = start + HEADER_OFFSETS["control"]
        yield Flaw(FlawCode.DESTINATION_MISSING, at, found, "the EUI64 of one device")


def _judge_integrity(layout: Layout, *, hashes: bool) -> Iterator[Flaw]:
    """Judge the first integrity code; more of them are a flaw of their own."""
    placed = tuple(zip(layout.file.offsets(), layout.file.elements, strict=True))
    codes = [
        (index, at, element.data)
        for index, (at, element) in enumerate(placed)
        if element.tag == ElementTag.INTEGRITY_CODE
    ]
    if not codes:
        return
    if len(codes) > 1:
        yield Flaw(FlawCode.SEVERAL_CODES, codes[1][1], f"{len(codes)} integrity codes", "one")
    index, at, code = codes[0]
    if index + 1 < len(placed) and len(codes) == 1:
        found = f"element {index + 1} of {len(placed)}"
        yield Flaw(FlawCode.INTEGRITY_NOT_LAST, at, found, "the integrity code last")
    if not hashes or len(code) != DIGEST_SIZE:
        return
    # 095264r23 6.3.10.1: from the first header octet to the last before the tag-3 element's head.
    view, behind = memoryview(layout.data), at + ELEMENT_HEAD_SIZE
    expected = aes_mmo(view[layout.start : at])
    if expected == code:
        return
    if aes_mmo(view[layout.start : behind]) == code:
        found = f"{code.hex()}, which also covers the tag's own {ELEMENT_HEAD_SIZE} octets of head"
        yield Flaw(FlawCode.INTEGRITY_COVERS_HEAD, behind, found, expected.hex())
    else:
        yield Flaw(FlawCode.INTEGRITY_WRONG, behind, code.hex(), expected.hex())


def _judge_manifest(layout: Layout, *, hashes: bool) -> Iterator[Flaw]:
    """Judge the image manifest; an image without one is not flawed for it."""
    start, image = layout.manifest, layout.file.image
    if start is None or image is None:
        return
    try:
        manifest, payload = read_manifest(image)
    except WireError as error:
        yield Flaw(FlawCode.MANIFEST_UNREADABLE, start, str(error), "a manifest and its payload")
        return
    for field, found, expected in claims(manifest, layout.file.header):
        if found != expected:
            at = start + MANIFEST_OFFSETS[field.replace(" ", "_")]
            wanted = f"{expected:#x}, as the header says"
            yield Flaw(FlawCode.MANIFEST_CLAIM, at, f"{field} {found:#x}", wanted)
    if not hashes:
        return
    digest = hashlib.sha256(payload).digest()
    if manifest.payload_digest != digest:
        at = start + MANIFEST_OFFSETS["payload_digest"]
        wanted = f"{digest.hex()}, as the payload has"
        yield Flaw(FlawCode.MANIFEST_DIGEST, at, manifest.payload_digest.hex(), wanted)
