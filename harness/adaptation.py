"""Make an emulated bridge that a firmware file is meant for, and say what was changed for it."""

from contextlib import suppress
from dataclasses import dataclass

from emulator.errors import WireError
from emulator.image.build import build
from emulator.profiles.flash import FlashProfile
from emulator.profiles.load import overlay
from emulator.profiles.model import (
    ELEMENT_STEPS,
    MANIFEST_STEPS,
    PROOFS,
    RAW_STEPS,
    Manifest,
    Profile,
    VerifyStep,
)
from emulator.units import Octets
from emulator.wire.manifest import MAGIC as MANIFEST_MAGIC
from emulator.wire.manifest import read_manifest
from emulator.wire.ota_file import Container, OtaFile
from emulator.wire.ota_reader import read
from harness.bench import DUT_EUI64
from harness.firmware import filler
from harness.hub.images import Served, served

#: Octets of the payload that a bridge runs before its upgrade.
FIRST_PAYLOAD: Octets = 256


class UnfitError(ValueError):
    """A file cannot be upgraded to at all; says what was found and what was wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Say what is upgraded, from what, to what.

    ``remarks`` say in plain words what was changed or left out.
    """

    profile: Profile
    eui64: int
    first_version: int
    first_image: bytes
    file_version: int
    image: Served
    remarks: tuple[str, ...]


def adapt(data: bytes, profile: Profile, *, strict: bool) -> Plan:
    """Return the plan of one upgrade with a file.

    Args:
        data: Octets of the file.
        profile: The bridge to start from.
        strict: Keep the profile as it is; the hub then offers the file under the bridge's own ids,
            so that it is the bridge that must refuse what is not for it.

    Raises:
        UnfitError: The file is no OTA file, or not all of one, or fits no bridge.
        ProfileError: No bridge can have what the file asks for.
    """
    file, image, remarks = whole(data)
    version = file.header.file_version
    if version == 0:
        raise UnfitError("found file version 0, wanted one above the version that the bridge runs")
    changes: dict[str, object] = {}
    eui64, announced = DUT_EUI64, served(image)
    if strict:
        if len(image) > _slot(profile.flash):
            raise UnfitError(
                f"found {len(image)} octets, wanted at most the {_slot(profile.flash)} of a slot"
            )
        own = profile.ota
        announced = served(
            image,
            manufacturer=own.manufacturer_code,
            image_type=own.image_type,
            any_hardware=True,
        )
        remarks.append("the hub offers the file under the bridge's own ids (--strict)")
    else:
        changes = _changes(file, image, profile)
        if file.header.destination is not None:
            eui64 = file.header.destination
        remarks += _told(file, profile, changes)
    fitted = overlay(profile, changes)
    remarks.append(f"the bridge runs version 0x{version - 1:08X}, one below the file's")
    return Plan(
        profile=fitted,
        eui64=eui64,
        first_version=version - 1,
        first_image=_first_image(fitted, version - 1, file),
        file_version=version,
        image=announced,
        remarks=tuple(remarks),
    )


def whole(data: bytes) -> tuple[OtaFile, bytes, list[str]]:
    """Return the file, the octets from its magic to its end, and what was left out of them.

    Raises:
        UnfitError: The file is no OTA file, or not all of one.
    """
    try:
        file, _ = read(data)
    except WireError as error:
        raise UnfitError(f"{error}; wanted an OTA file") from None
    remarks = []
    start, total = len(file.wrapper), file.header.total_size
    available = len(data) - start
    if total > available:
        raise UnfitError(
            f"found {available} octets, wanted {total}, as the header says (ZCL 11.4.2.10)"
        )
    if start:
        remarks.append(f"{start} octets stand before the magic; the hub serves from the magic on")
    end = start + total if total >= file.header.size else len(data)
    if end < len(data):
        remarks.append(f"{len(data) - end} octets stand behind the image; the hub leaves them out")
    return file, data[start:end], remarks


def _changes(file: OtaFile, image: bytes, profile: Profile) -> dict[str, object]:
    """Return the values of a profile that a file asks for, where they are others."""
    header = file.header
    manifest = _manifest(file)
    wanted: dict[str, object] = {
        "ota.manufacturer_code": header.manufacturer,
        "ota.image_type": header.image_type,
        "image.container": file.container,
        "image.manifest": manifest,
        "image.verify": _steps(profile.image.verify, file, manifest),
    }
    if header.minimum_hardware is not None:
        wanted["ota.hardware_version"] = header.minimum_hardware
    for key, value in _flash(profile.flash, len(image)).items():
        wanted[f"flash.{key}"] = value
    return {key: value for key, value in wanted.items() if _value(profile, key) != value}


def _value(profile: Profile, key: str) -> object:
    table, _, name = key.partition(".")
    return getattr(getattr(profile, table), name)


def _manifest(file: OtaFile) -> Manifest:
    return Manifest.HANOVER if (file.image or b"").startswith(MANIFEST_MAGIC) else Manifest.NONE


def _steps(
    steps: tuple[VerifyStep, ...], file: OtaFile, manifest: Manifest
) -> tuple[VerifyStep, ...]:
    """Return the steps that go with such a file: nothing is checked that it cannot have.

    A step that asks who made the file is never left out: a file that cannot answer is refused.
    """
    raw = file.container is Container.GBCS
    unfit: set[VerifyStep] = set(ELEMENT_STEPS if raw else RAW_STEPS)
    if stuck := [step for step in steps if step in unfit and step in PROOFS]:
        found = f"a {file.container} container"
        raise UnfitError(f"found {found}, wanted one that the step {stuck[0]} can judge")
    signed = file.signature is not None or VerifyStep.GB_SIGNATURE in steps
    if not (raw and signed):
        unfit.add(VerifyStep.TRAILER)
    if manifest is Manifest.NONE:
        unfit |= set(MANIFEST_STEPS)
    kept = [step for step in steps if step not in unfit]
    if raw and signed and VerifyStep.TRAILER not in kept:
        kept.append(VerifyStep.TRAILER)
    return tuple(kept)


def _slot(flash: FlashProfile) -> Octets:
    return flash.slot_a[1] - flash.slot_a[0]


def _flash(flash: FlashProfile, size: Octets) -> dict[str, object]:
    """Return a map with slots for ``size`` octets; nothing if they are large enough as they are."""
    if size <= _slot(flash):
        return {}
    erase = max(chip.erase_size_octets for chip in flash.chips)
    slot = -(-size // erase) * erase
    made: dict[str, object] = {}
    at = 0
    for chip in flash.chips:
        if chip.start:
            at = max(-(-at // erase) * erase, chip.start)
            made["second_start"] = at
        for name, (start, end) in flash.areas.items():
            if chip.start <= start < chip.end:
                length = slot if name.startswith("slot") else end - start
                made[name] = (at, at + length)
                at += length
    least = flash.chips[-1].erase_size_octets
    return {**made, "size_octets": max(flash.size_octets, -(-at // least) * least)}


def _told(file: OtaFile, profile: Profile, changes: dict[str, object]) -> list[str]:
    """Say in plain words what the bridge takes from the file."""
    header, told = file.header, []
    names = {
        "ota.manufacturer_code": ("manufacturer", header.manufacturer),
        "ota.image_type": ("image type", header.image_type),
        "ota.hardware_version": ("hardware version", header.minimum_hardware),
    }
    for key, (name, value) in names.items():
        if key in changes and value is not None:
            told.append(f"the bridge takes {name} 0x{value:04X} from the file")
    if header.destination is not None:
        told.append(f"the bridge takes EUI-64 0x{header.destination:016X} from the file")
    if "image.container" in changes:
        told.append(f"the bridge takes container {file.container} from the file")
    if "image.manifest" in changes and changes["image.manifest"] is Manifest.NONE:
        told.append("the file has no Hanover manifest: the bridge wants none")
    if "image.verify" in changes:
        steps = _steps(profile.image.verify, file, _manifest(file))
        dropped = [step for step in profile.image.verify if step not in steps]
        if dropped:
            told.append(f"the bridge does not check: {', '.join(dropped)}")
    if "flash.slot_a" in changes:
        told.append(f"the slots of the bridge grow from {_slot(profile.flash)} octets to fit")
    return told


def _first_image(profile: Profile, version: int, file: OtaFile) -> bytes:
    """Return what the bridge runs before; its security counter is not above the file's."""
    own = profile.ota.hardware_version
    counter = 1
    with suppress(WireError):  # no manifest, or a broken one, which is the bridge's to find
        counter = min(counter, read_manifest(file.image or b"")[0].security_counter)
    return build(
        payload=filler(FIRST_PAYLOAD, version),
        manufacturer=profile.ota.manufacturer_code,
        image_type=profile.ota.image_type,
        version=version,
        hardware=(own, own),
        security_counter=counter,
        container=profile.image.container,
    )
