"""Find places in a firmware file by name: header fields, elements, manifest fields, the trailer.

The file may be damaged, so that a name may find nothing. Places are looked up in the octets as they
are, and a file whose magic is gone is taken to begin at its first octet.
"""

import re
from dataclasses import dataclass

from emulator.errors import EditError, WireError
from emulator.units import Octets
from emulator.wire.manifest import MAGIC as MANIFEST_MAGIC
from emulator.wire.manifest import ImageManifest
from emulator.wire.ota_file import (
    ELEMENT_HEAD_SIZE,
    MAGIC,
    RAW_SIGNATURE_SIZE,
    TRAILER_MARK,
    Container,
    ElementTag,
    HeaderControl,
    OtaFile,
    OtaHeader,
)
from emulator.wire.ota_reader import SIGNATURES, read

#: Where the header's fields stand, from its first octet (ZCL 11.4.2).
HEADER_OFFSETS: dict[str, Octets] = {
    "magic": 0,
    "header_version": 4,
    "header_length": 6,
    "control": 8,
    "manufacturer": 10,
    "image_type": 12,
    "file_version": 14,
    "stack_version": 18,
    "header_string": 20,
    "total_size": 52,
}
#: The optional fields in their order: name, the bit that announces it, octets.
OPTIONAL_FIELDS: tuple[tuple[str, HeaderControl, Octets], ...] = (
    ("credential_version", HeaderControl.CREDENTIAL_VERSION, 1),
    ("destination", HeaderControl.DESTINATION, 8),
    ("minimum_hardware", HeaderControl.HARDWARE_VERSIONS, 2),
    ("maximum_hardware", HeaderControl.HARDWARE_VERSIONS, 2),
)
#: Where the manifest's fields stand, from its first octet.
MANIFEST_OFFSETS: dict[str, Octets] = {
    "magic": 0,
    "manifest_version": 4,
    "length": 6,
    "manufacturer": 8,
    "image_type": 10,
    "file_version": 12,
    "minimum_hardware": 16,
    "maximum_hardware": 18,
    "security_counter": 20,
    "traits": 24,
    "minimum_link": 28,
    "maximum_link": 29,
    "payload_length": 30,
    "payload_digest": 34,
}
#: All names but header fields, ``manifest.<field>``, ``element:0xTTTT`` and ``data:0xTTTT``.
PLACES = ("image", "payload", "trailer", "signature", "end")

_ANCHOR = re.compile(r"([a-z_]+(?:\.[a-z_]+|:0x[0-9a-fA-F]{1,4})?)([+-][0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Layout:
    """Be a file with the places in it.

    Args:
        data: The octets of the file.
        file: What is read from them.
    """

    data: bytes
    file: OtaFile

    @property
    def start(self) -> Octets:
        """Return where the header begins."""
        return len(self.file.wrapper)

    @property
    def image(self) -> Octets | None:
        """Return the first octet of what would run, None where there is nothing."""
        if self.file.container is Container.GBCS:
            return self.start + self.file.header.size
        at = self.element(ElementTag.UPGRADE_IMAGE)
        return None if at is None else self._data_of(at)

    @property
    def manifest(self) -> Octets | None:
        """Return the first octet of the image manifest, None where there is none."""
        at = self.image
        return at if at is not None and self.data.startswith(MANIFEST_MAGIC, at) else None

    @property
    def trailer(self) -> Octets | None:
        """Return where the mark of a raw container's trailer stands, None where there is none."""
        if self.file.signature is None:
            return None
        behind = len(self.data) - len(self.file.trailing) - len(self.file.remainder)
        return behind - RAW_SIGNATURE_SIZE - len(TRAILER_MARK)

    @property
    def signature(self) -> Octets | None:
        """Return the first octet of r, in the trailer or in the first signature element."""
        if self.trailer is not None:
            return self.trailer + len(TRAILER_MARK)
        for at, element in zip(self.file.offsets(), self.file.elements, strict=True):
            if element.tag in SIGNATURES:
                return self._data_of(at) + _SIGNER_SIZE
        return None

    def element(self, tag: int) -> Octets | None:
        """Return where the head of the first element with a tag stands, None without one."""
        for at, element in zip(self.file.offsets(), self.file.elements, strict=True):
            if element.tag == tag:
                return at
        return None

    def data_of(self, tag: int) -> Octets | None:
        """Return the first octet of the data of the first element with a tag."""
        at = self.element(tag)
        return None if at is None else self._data_of(at)

    def _data_of(self, head: Octets) -> Octets:
        for at, element in zip(self.file.offsets(), self.file.elements, strict=True):
            if at == head:
                return at + ELEMENT_HEAD_SIZE + len(element.info)
        raise ValueError(f"no element at {head}")


#: Octets of the signer's EUI64 before r and s (ZCL 11.4.4).
_SIGNER_SIZE: Octets = 8


def layout_of(data: bytes, container: Container | None = None) -> Layout:
    """Return a file with the places in it; a magic that is nowhere is taken to be at offset 0.

    Raises:
        WireError: There is not even a header.
    """
    readable = data
    if MAGIC not in data and len(data) >= OtaHeader.SHORTEST:
        readable = MAGIC + data[len(MAGIC) :]
    return Layout(data, read(readable, container)[0])


def locate(data: bytes, anchor: object) -> Octets:
    """Return the offset that an anchor means in these octets, as they are now.

    Args:
        data: The octets of the file.
        anchor: A number, negative from the end; or a name with ``+n`` or ``-n``.

    Returns:
        An offset from 0 up to and including the length of ``data``.

    Raises:
        EditError: The anchor is none, names nothing in this file, or lies outside it.
    """
    if isinstance(anchor, bool) or not isinstance(anchor, int | str):
        raise EditError(f"found {anchor!r}, wanted an offset or the name of a place")
    if isinstance(anchor, int):
        at = anchor if anchor >= 0 else len(data) + anchor
    else:
        parts = _ANCHOR.fullmatch(anchor)
        if parts is None:
            raise EditError(f"found {anchor!r}, wanted a place such as image, element:0x0003 or -1")
        at = _named(data, parts[1]) + int(parts[2] or 0)
    if not 0 <= at <= len(data):
        raise EditError(f"{anchor}: found offset {at}, wanted 0 to {len(data)}")
    return at


def _named(data: bytes, name: str) -> Octets:
    if name == "end":
        return len(data)
    if name in HEADER_OFFSETS:
        return max(data.find(MAGIC), 0) + HEADER_OFFSETS[name]
    try:
        layout = layout_of(data)
    except WireError as error:
        raise EditError(f"{name}: {error}") from error
    at = _place(layout, name)
    if at is None:
        raise EditError(f"{name}: found no such place in the file")
    return at


def _place(layout: Layout, name: str) -> Octets | None:
    head, _, rest = name.replace(":", ".").partition(".")
    if head in {"element", "data"} and ":" in name:
        tag = int(rest, 16)
        return layout.element(tag) if head == "element" else layout.data_of(tag)
    if head == "manifest" and rest in MANIFEST_OFFSETS:
        return None if layout.manifest is None else layout.manifest + MANIFEST_OFFSETS[rest]
    if name in PLACES:
        return _part(layout, name)
    at = layout.start + OtaHeader.SHORTEST
    for field, bit, size in OPTIONAL_FIELDS:
        announced = bool(layout.file.header.control & bit)
        if field == name:
            return at if announced else None
        at += size if announced else 0
    raise EditError(f"{name}: found no place of that name, wanted one of {_names()}")


def _part(layout: Layout, name: str) -> Octets | None:
    if name == "image":
        return layout.image
    if name == "payload":
        return None if layout.manifest is None else layout.manifest + ImageManifest.SHORTEST
    return layout.trailer if name == "trailer" else layout.signature


def _names() -> str:
    optional = (name for name, _, _ in OPTIONAL_FIELDS)
    more = ("manifest.<field>", "element:0xTTTT", "data:0xTTTT")
    return ", ".join((*HEADER_OFFSETS, *optional, *PLACES, *more))
