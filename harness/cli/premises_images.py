"""Find the image of each bridge of a home: files that a user names, or made ones."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.premises_options import SIZE, Asked, by_bridge, speeches

if TYPE_CHECKING:
    from emulator.wire.ota_file import OtaHeader
    from harness.premises.model import Bridge, Premises


@dataclass(slots=True, kw_only=True)
class Chosen:
    """Hold what the bridges of a home take.

    Attributes:
        octets: The image of each bridge that takes one.
        first: What each of them runs before, where that is not the usual version.
        notes: What a user should know of it, in plain words.
    """

    octets: dict[str, bytes] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def digests(self) -> dict[str, str]:
        """Return what a report says of each image."""
        return {
            name: f"{len(one)} octets, sha256 {hashlib.sha256(one).hexdigest()}"
            for name, one in self.octets.items()
        }


def choose_images(asked: Asked, premises: "Premises") -> Chosen:
    """Return the images that the user names, or a made one for each bridge.

    Raises:
        click.UsageError: An option is wrong, or a file is not for its bridge.
    """
    speaks = speeches(asked, premises)
    if asked.size is not None and asked.images:
        raise click.UsageError("--size: found --image too, which has its own; wanted one")
    made = Chosen()
    if not asked.images:
        _make(made, asked, premises, speaks)
        return made
    names = [one.name for one in premises.bridges]
    for name, file in by_bridge("--image", asked.images, names).items():
        _read(made, premises.bridge(name), Path(file))
    return made


def _make(
    made: Chosen, asked: Asked, premises: "Premises", speaks: dict[str, tuple[int, int]]
) -> None:
    from harness.firmware import NEXT_VERSION
    from harness.premises.household import image_for

    wanted = SIZE if asked.size is None else asked.size
    for one in premises.bridges:
        start, end = one.profile.flash.slot_a
        room = end - start
        size = min(wanted, room)  # what is far too large is not made first
        octets = image_for(one.profile, size=size, speaks=speaks[one.name])
        if (whole := len(octets) + wanted - size) > room:
            found = f"an image of {whole} octets for {one.name} ({one.profile.name})"
            raise click.UsageError(f"--size: found {found}, wanted at most the {room} of its slot")
        made.octets[one.name] = octets
    told = ", ".join(f"{name} {low}..{high}" for name, (low, high) in speaks.items())
    made.notes.append(
        f"every bridge takes a made image, one version up (0x{NEXT_VERSION:08X}), with"
        f" {wanted} octets of payload; link protocols: {told}"
    )


def _read(made: Chosen, one: "Bridge", file: Path) -> None:
    """Add a user's file, as far as nothing is wrong with it that the hub would see."""
    from emulator.wire.ota_file import OtaHeader
    from harness.adaptation import UnfitError, adapt
    from harness.cli.image_files import read_file
    from harness.premises.household import speech_of

    shown = click.format_filename(file)
    try:
        plan = adapt(read_file(file), one.profile, strict=True)
    except UnfitError as error:
        raise click.UsageError(f"--image {one.name}: {shown}: {error}") from None
    octets = plan.image.octets
    header, _ = OtaHeader.decode_at(octets, 0)
    if wrong := _unfit(header, one):
        raise click.UsageError(f"--image {one.name}: {shown}: {wrong}")
    made.octets[one.name], made.first[one.name] = octets, plan.first_version
    low, high = speech_of(octets, one.profile)
    made.notes.append(
        f"{one.name} runs version 0x{plan.first_version:08X}, one below {shown}, which speaks"
        f" link protocols {low}..{high}"
    )


def _unfit(header: "OtaHeader", one: "Bridge") -> str | None:
    """Return the field by which a file is not for a bridge, with found and wanted."""
    own = one.profile.ota
    ids = {
        "manufacturer": (header.manufacturer, own.manufacturer_code),
        "image type": (header.image_type, own.image_type),
    }
    for field_name, (found, wanted) in ids.items():
        if found != wanted:
            whose = f"that of {one.name} ({one.profile.name})"
            return f"{field_name}: found 0x{found:04X}, wanted 0x{wanted:04X}, {whose}"
    low, high = header.minimum_hardware, header.maximum_hardware
    if low is None or high is None or low <= own.hardware_version <= high:
        return None
    holds = f"a range that holds 0x{own.hardware_version:04X}, that of {one.name}"
    return f"hardware versions: found 0x{low:04X}..0x{high:04X}, wanted {holds}"
