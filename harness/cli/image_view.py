"""Look into a firmware file: one frozen value that the text view and the JSON view both print."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

import click

from emulator.crypto.mmo import DIGEST_SIZE
from emulator.errors import WireError
from emulator.image.flaws import Flaw, FlawCode, Severity
from emulator.image.lint import lint
from emulator.units import Octets
from emulator.wire.manifest import Trait, read_manifest
from emulator.wire.ota_file import (
    FIRST_VENDOR_TAG,
    KNOWN_CREDENTIALS,
    STANDARD_TAGS,
    Container,
    CredentialVersion,
    ElementTag,
    OtaFile,
    OtaHeader,
    SpecialType,
)
from emulator.wire.ota_reader import ANY_TYPE, FIRST_RESERVED_TYPE, read


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderView:
    """Show the header's fields."""

    header_version: int
    header_length: Octets
    field_control: int
    manufacturer: int
    image_type: int
    image_type_name: str
    file_version: int
    stack_version: int
    header_string: str
    header_string_hex: str
    total_size: Octets
    credential_version: int | None
    credential_name: str | None
    destination: int | None
    minimum_hardware: int | None
    maximum_hardware: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementView:
    """Show one sub-element; ``size`` counts its data alone."""

    offset: Octets
    tag: int
    name: str
    size: Octets
    info: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestView:
    """Show the image manifest."""

    manufacturer: int
    image_type: int
    file_version: int
    minimum_hardware: int
    maximum_hardware: int
    security_counter: int
    traits: tuple[str, ...]
    minimum_link: int
    maximum_link: int
    payload_length: Octets
    payload_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityView:
    """Show the first integrity code, how many there are, and whether all is well with it."""

    offset: Octets
    count: int
    found: str
    good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """Show one flaw."""

    offset: Octets
    code: str
    found: str
    expected: str
    clause: str
    fatal: bool

    @classmethod
    def of(cls, flaw: Flaw) -> Self:
        """Return a flaw as it is shown."""
        return cls(
            offset=flaw.offset,
            code=flaw.code.value,
            found=flaw.found,
            expected=flaw.expected,
            clause=flaw.clause,
            fatal=flaw.severity is Severity.FATAL,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageView:
    """Show what would run: the upgrade image, or a raw container's manufacturer image."""

    offset: Octets
    size: Octets
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView:
    """Show a whole firmware file."""

    size: Octets
    container: str
    wrapper: Octets
    trailing: Octets
    header: HeaderView
    elements: tuple[ElementView, ...]
    image: ImageView | None
    manifest: ManifestView | None
    integrity: IntegrityView | None
    trailer: str | None
    findings: tuple[FindingView, ...]
    flawed: bool


def look(octets: bytes, container: Container | None) -> FileView:
    """Return all there is to see in a firmware file.

    Raises:
        WireError: There is no OTA header in ``octets``.
    """
    file, _ = read(octets, container)
    findings = tuple(FindingView.of(flaw) for flaw in lint(octets, container))
    return FileView(
        size=len(octets),
        container=file.container.value,
        wrapper=len(file.wrapper),
        trailing=len(file.trailing),
        header=_header(file.header),
        elements=_elements(file),
        image=_image(file),
        manifest=_manifest(file),
        integrity=_integrity(file, findings),
        trailer=None if file.signature is None else file.signature.hex(),
        findings=findings,
        flawed=any(one.fatal for one in findings),
    )


def _header(header: OtaHeader) -> HeaderView:
    credential = header.credential_version
    return HeaderView(
        header_version=header.header_version,
        header_length=header.header_length,
        field_control=int(header.control),
        manufacturer=header.manufacturer,
        image_type=header.image_type,
        image_type_name=_type_name(header.image_type),
        file_version=header.file_version,
        stack_version=header.stack_version,
        header_string=header.text,
        header_string_hex=header.header_string.hex(),
        total_size=header.total_size,
        credential_version=credential,
        credential_name=_credential_name(credential),
        destination=header.destination,
        minimum_hardware=header.minimum_hardware,
        maximum_hardware=header.maximum_hardware,
    )


def _credential_name(credential: int | None) -> str | None:
    if credential is None:
        return None
    if credential not in KNOWN_CREDENTIALS:
        return "unknown"
    return CredentialVersion(credential).name.replace("SE_", "SE ").replace("_", ".")


def _type_name(image_type: int) -> str:
    if image_type < SpecialType.CLIENT_CREDENTIALS:
        return "manufacturer's own"
    if image_type < FIRST_RESERVED_TYPE:
        return SpecialType(image_type).name.lower().replace("_", " ")
    return "wildcard" if image_type == ANY_TYPE else "reserved"


def _tag_name(tag: int) -> str:
    if tag in STANDARD_TAGS:
        return ElementTag(tag).name.lower().replace("_", " ")
    return "vendor's own" if tag >= FIRST_VENDOR_TAG else "reserved"


def _elements(file: OtaFile) -> tuple[ElementView, ...]:
    return tuple(
        ElementView(
            offset=at,
            tag=element.tag,
            name=_tag_name(element.tag),
            size=len(element.data),
            info=element.info.hex(),
        )
        for at, element in zip(file.offsets(), file.elements, strict=True)
    )


def _image(file: OtaFile) -> ImageView | None:
    image = file.image
    if image is None:
        return None
    at = len(file.wrapper) + file.header.size
    if file.container is Container.ZCL:
        tags = [element.tag for element in file.elements]
        first = tags.index(ElementTag.UPGRADE_IMAGE)
        at = file.offsets()[first] + file.elements[first].size - len(image)
    return ImageView(offset=at, size=len(image), sha256=hashlib.sha256(image).hexdigest())


def _manifest(file: OtaFile) -> ManifestView | None:
    """Return the manifest; None where there is none, or none that can be read."""
    try:
        manifest, _ = read_manifest(file.image or b"")
    except WireError:
        return None
    return ManifestView(
        manufacturer=manifest.manufacturer,
        image_type=manifest.image_type,
        file_version=manifest.file_version,
        minimum_hardware=manifest.minimum_hardware,
        maximum_hardware=manifest.maximum_hardware,
        security_counter=manifest.security_counter,
        traits=tuple(str(one.name).lower() for one in Trait if one in manifest.traits),
        minimum_link=manifest.minimum_link,
        maximum_link=manifest.maximum_link,
        payload_length=manifest.payload_length,
        payload_digest=manifest.payload_digest.hex(),
    )


#: What can be wrong with an integrity code.
_CODE_FLAWS = frozenset(
    {
        FlawCode.INTEGRITY_WRONG.value,
        FlawCode.INTEGRITY_COVERS_HEAD.value,
        FlawCode.SEVERAL_CODES.value,
    }
)


def _integrity(file: OtaFile, findings: Sequence[FindingView]) -> IntegrityView | None:
    """Return the first integrity code; the linter has judged it, where it is as long as a hash."""
    codes = [
        (at, element.data)
        for at, element in zip(file.offsets(), file.elements, strict=True)
        if element.tag == ElementTag.INTEGRITY_CODE
    ]
    if not codes:
        return None
    at, code = codes[0]
    wrong = len(code) != DIGEST_SIZE or any(one.code in _CODE_FLAWS for one in findings)
    return IntegrityView(offset=at, count=len(codes), found=code.hex(), good=not wrong)


def print_json(name: str, view: FileView) -> None:
    """Print one JSON object."""
    click.echo(json.dumps({"file": name, **asdict(view)}, indent=2))


def print_text(name: str, view: FileView) -> None:
    """Print the view for people."""
    click.echo(f"{name}: {view.size} octets, container {view.container}")
    if view.wrapper:
        click.echo(f"wrapper: {view.wrapper} octets before the magic")
    _print_rows("header", _header_rows(view.header))
    if view.elements:
        click.echo("elements")
    for one in view.elements:
        info = f", info {one.info}" if one.info else ""
        click.echo(f"  at {one.offset:<9} tag {one.tag:#06x}  {one.size} octets{info}  {one.name}")
    if view.image is not None:
        rows = [("offset", view.image.offset), ("size", view.image.size)]
        _print_rows("image", [*rows, ("SHA-256", view.image.sha256)])
    if view.manifest is not None:
        _print_rows("manifest", _manifest_rows(view.manifest))
    if view.trailer is not None:
        click.echo(f"trailer: 00 40, signature {view.trailer}")
    if view.trailing:
        click.echo(f"trailing: {view.trailing} octets")
    _print_verdicts(view)


def _print_verdicts(view: FileView) -> None:
    code = view.integrity
    if code is None:
        click.echo("integrity code: none")
    elif code.good:
        click.echo(f"integrity code: good, {code.found}")
    elif code.count > 1:
        click.echo(f"integrity code: found {code.count} of them, expected one")
    else:
        click.echo(f"integrity code: wrong, {code.found}")
    click.echo("findings" if view.findings else "findings: none")
    for one in view.findings:
        click.echo(
            f"  at {one.offset:<9} {'fatal  ' if one.fatal else 'flagged'} {one.code}: found"
            f" {one.found}, expected {one.expected} ({one.clause})"
        )


def _print_rows(title: str, rows: Sequence[tuple[str, object]]) -> None:
    click.echo(title)
    for name, value in rows:
        click.echo(f"  {name:<19} {value}")


def _header_rows(header: HeaderView) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("header version", f"{header.header_version:#06x}"),
        ("header length", header.header_length),
        ("field control", f"{header.field_control:#06x}"),
        ("manufacturer", f"{header.manufacturer:#06x}"),
        ("image type", f"{header.image_type:#06x}  {header.image_type_name}"),
        ("file version", f"{header.file_version:#010x}"),
        ("stack version", header.stack_version),
        ("header string", header.header_string),
        ("total size", header.total_size),
    ]
    if header.credential_version is not None:
        rows.append(
            ("credential version", f"{header.credential_version}  {header.credential_name}")
        )
    if header.destination is not None:
        rows.append(("destination", f"{header.destination:#018x}"))
    if header.minimum_hardware is not None:
        rows.append(
            ("hardware", f"{header.minimum_hardware:#06x} to {header.maximum_hardware:#06x}")
        )
    return rows


def _manifest_rows(manifest: ManifestView) -> list[tuple[str, object]]:
    return [
        ("manufacturer", f"{manifest.manufacturer:#06x}"),
        ("image type", f"{manifest.image_type:#06x}"),
        ("file version", f"{manifest.file_version:#010x}"),
        ("hardware", f"{manifest.minimum_hardware:#06x} to {manifest.maximum_hardware:#06x}"),
        ("security counter", manifest.security_counter),
        ("traits", " ".join(manifest.traits) or "none"),
        ("link protocol", f"{manifest.minimum_link} to {manifest.maximum_link}"),
        ("payload", f"{manifest.payload_length} octets"),
        ("payload SHA-256", manifest.payload_digest),
    ]
