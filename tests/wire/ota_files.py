"""Make OTA files from parts, honest or not, for tests of the format."""

from dataclasses import replace

from emulator.wire.ota_file import (
    HEADER_VERSION,
    MAGIC,
    Container,
    Element,
    ElementTag,
    HeaderControl,
    OtaFile,
    OtaHeader,
    header_size,
)
from emulator.wire.ota_reader import FindingCode, read

IMAGE = Element(ElementTag.UPGRADE_IMAGE, bytes(range(64)))
OPTIONS = {
    HeaderControl.CREDENTIAL_VERSION: {"credential_version": 2},
    HeaderControl.DESTINATION: {"destination": 0x0011223344556677},
    HeaderControl.HARDWARE_VERSIONS: {"minimum_hardware": 0x0101, "maximum_hardware": 0x0203},
}


def header_of(control: int = 0, **changes: object) -> OtaHeader:
    """Return an honest header but for ``changes``; its total size is 0."""
    fields: dict[str, object] = {
        "magic": MAGIC,
        "header_version": HEADER_VERSION,
        "header_length": header_size(control),
        "control": HeaderControl(control),
        "manufacturer": 0xFFF1,
        "image_type": 0x0001,
        "file_version": 0x01020304,
        "stack_version": 2,
        "header_string": b"a test".ljust(32, b"\0"),
        "total_size": 0,
    }
    for bit, values in OPTIONS.items():
        if control & bit:
            fields.update(values)
    return OtaHeader(**(fields | changes))  # type: ignore[arg-type]


def file_of(
    *elements: Element, control: int = 0, total: int | None = None, **changes: object
) -> bytes:
    """Return the octets of a file whose total size is right unless it is given."""
    file = OtaFile(header=header_of(control, **changes), elements=elements)
    size = len(file.encode()) if total is None else total
    return replace(file, header=replace(file.header, total_size=size)).encode()


def raw_of(body: bytes, *, control: int = 4, **changes: object) -> bytes:
    """Return the octets of a header with ``body`` behind it."""
    header = header_of(control, **changes)
    return replace(header, total_size=header.size + len(body)).encode() + body


def codes(data: bytes, container: Container | None = Container.ZCL) -> list[FindingCode]:
    """Return what the reader finds wrong, and check that it lost no octet."""
    file, findings = read(data, container)
    assert file.encode() == data
    return [finding.code for finding in findings]


def fatal(data: bytes) -> bool:
    """Tell whether a bridge must refuse the file."""
    return any(finding.fatal for finding in read(data, Container.ZCL)[1])
