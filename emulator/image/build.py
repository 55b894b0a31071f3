"""Make firmware files: honest ones from parameters, and the raw material for lies.

A lie is an honest file with octets edited afterwards; ``refit_integrity`` makes the integrity code
fit again, so that exactly one thing is wrong.
"""

import hashlib
from dataclasses import replace

from emulator.crypto.mmo import aes_mmo
from emulator.units import Octets
from emulator.wire.manifest import (
    ANY_HARDWARE,
    MAGIC,
    MANIFEST_VERSION,
    ImageManifest,
    Trait,
)
from emulator.wire.ota_file import (
    HEADER_STRING_SIZE,
    HEADER_VERSION,
    RAW_SIGNATURE_SIZE,
    Container,
    Element,
    ElementTag,
    HeaderControl,
    OtaFile,
    OtaHeader,
    header_size,
)
from emulator.wire.ota_file import MAGIC as FILE_MAGIC
from emulator.wire.ota_reader import read

#: Octets of the hash before it is known.
_NO_DIGEST = bytes(16)


def build(
    *,
    payload: bytes | None,
    manufacturer: int,
    image_type: int,
    version: int,
    hardware: tuple[int, int] | None = None,
    destination: int | None = None,
    credential_version: int | None = None,
    stack_version: int = 2,
    header_string: str | bytes = "",
    security_counter: int = 1,
    traits: int = 0,
    link_protocol: tuple[int, int] = (1, 1),
    container: Container = Container.ZCL,
    manifest: bool = True,
    integrity: bool = True,
    elements: tuple[Element, ...] = (),
    signature: bytes | None = None,
) -> bytes:
    """Make a firmware file.

    The upgrade image is manifest and payload; extra elements follow it, the integrity code is last.

    Args:
        payload: What a real image has as code, any octets; None: no upgrade image at all, which
            makes a null file (signing tags may follow).
        manufacturer: Manufacturer code, for header and manifest, as are the next three.
        image_type: Image type.
        version: File version.
        hardware: Minimum and maximum hardware version, inclusive; None: no range in the header.
        destination: EUI64 of the only device meant; None: every device.
        credential_version: Security credential version; None: not in the header.
        stack_version: ZigBee stack version, 2 for PRO.
        header_string: Text of the header, at most 32 octets.
        security_counter: Counter of the manifest; devices refuse one below the running image's.
        traits: Bits of ``Trait``.
        link_protocol: Lowest and highest link protocol of the manifest.
        container: Layout behind the header; a raw one needs ``hardware`` and no other option.
        manifest: Whether the image carries a manifest.
        integrity: Whether a tag 0x0003 closes the file (sub-elements only).
        elements: Sub-elements between the upgrade image and the integrity code.
        signature: 64 octets r, s behind a raw container's image; None: no trailer.

    Raises:
        ValueError: A value is out of its range, or does not go with the container.
    """
    header = replace(
        _header(hardware, destination, credential_version),
        manufacturer=manufacturer,
        image_type=image_type,
        file_version=version,
        stack_version=stack_version,
        header_string=_header_string(header_string),
    )
    image = payload
    if manifest and payload is not None:
        image = _manifest(payload, header, security_counter, traits, link_protocol) + payload
    if container is Container.GBCS:
        return _raw(header, image, signature, elements)
    if signature is not None:
        raise ValueError("a raw signature goes with the gbcs container only")
    first = () if image is None else (Element(ElementTag.UPGRADE_IMAGE, image),)
    parts = (*first, *elements)
    if not integrity:
        return _sized(OtaFile(header=header, elements=parts))
    parts = (*parts, Element(ElementTag.INTEGRITY_CODE, _NO_DIGEST))
    return refit_integrity(_sized(OtaFile(header=header, elements=parts)))


def _manifest(
    payload: bytes,
    header: OtaHeader,
    security_counter: int,
    traits: int,
    link_protocol: tuple[int, int],
) -> bytes:
    """Return the octets of the manifest that agrees with a header and a payload."""
    low, high = header.minimum_hardware, header.maximum_hardware
    return ImageManifest(
        magic=MAGIC,
        manifest_version=MANIFEST_VERSION,
        length=ImageManifest.SHORTEST,
        manufacturer=header.manufacturer,
        image_type=header.image_type,
        file_version=header.file_version,
        minimum_hardware=ANY_HARDWARE[0] if low is None else low,
        maximum_hardware=ANY_HARDWARE[1] if high is None else high,
        security_counter=security_counter,
        traits=Trait(traits),
        minimum_link=link_protocol[0],
        maximum_link=link_protocol[1],
        payload_length=len(payload),
        payload_digest=hashlib.sha256(payload).digest(),
    ).encode()


def _header(
    hardware: tuple[int, int] | None, destination: int | None, credential_version: int | None
) -> OtaHeader:
    """Return a header with these optional fields; the others are for the caller to replace."""
    control = HeaderControl(0)
    if credential_version is not None:
        control |= HeaderControl.CREDENTIAL_VERSION
    if destination is not None:
        control |= HeaderControl.DESTINATION
    if hardware is not None:
        control |= HeaderControl.HARDWARE_VERSIONS
    return OtaHeader(
        magic=FILE_MAGIC,
        header_version=HEADER_VERSION,
        header_length=header_size(control),
        control=control,
        manufacturer=0,
        image_type=0,
        file_version=0,
        stack_version=0,
        header_string=bytes(HEADER_STRING_SIZE),
        total_size=0,
        credential_version=credential_version,
        destination=destination,
        minimum_hardware=hardware and hardware[0],
        maximum_hardware=hardware and hardware[1],
    )


def _header_string(text: str | bytes) -> bytes:
    octets = text.encode() if isinstance(text, str) else text
    if len(octets) > HEADER_STRING_SIZE:
        raise ValueError(f"header string: {len(octets)} octets, at most {HEADER_STRING_SIZE}")
    return octets.ljust(HEADER_STRING_SIZE, b"\0")


def _raw(
    header: OtaHeader,
    image: bytes | None,
    signature: bytes | None,
    elements: tuple[Element, ...],
) -> bytes:
    if image is None:
        raise ValueError("the gbcs container has a manufacturer image, and no null files")
    if header.control != HeaderControl.HARDWARE_VERSIONS:
        raise ValueError(
            "the gbcs container has a hardware range and no other option in its header"
        )
    if elements:
        raise ValueError("the gbcs container has no sub-elements")
    if signature is not None and len(signature) != RAW_SIGNATURE_SIZE:
        raise ValueError(f"signature: {len(signature)} octets, not {RAW_SIGNATURE_SIZE}")
    return _sized(OtaFile(header=header, container=Container.GBCS, body=image, signature=signature))


def _sized(file: OtaFile) -> bytes:
    """Encode a file whose header says its size."""
    size: Octets = len(file.encode())
    return replace(file, header=replace(file.header, total_size=size)).encode()


def refit_integrity(data: bytes) -> bytes:
    """Return the file with the values of its integrity codes computed anew, all else untouched.

    Raises:
        WireError: There is no OTA header.
        ValueError: There is no whole integrity code of 16 octets.
    """
    file, _ = read(data, Container.ZCL)
    fitted = bytearray(data)
    found = False
    for at, element in zip(file.offsets(), file.elements, strict=True):
        if element.tag == ElementTag.INTEGRITY_CODE and len(element.data) == len(_NO_DIGEST):
            end = at + element.size
            with memoryview(fitted) as view:
                digest = aes_mmo(view[len(file.wrapper) : at])
            fitted[end - len(digest) : end] = digest
            found = True
    if not found:
        raise ValueError("no integrity code to refit")
    return bytes(fitted)
