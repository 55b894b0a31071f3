"""Say which Hanover, on which machine, came to a verdict."""

import hashlib
import json
import platform
from dataclasses import fields
from importlib import metadata
from pathlib import Path

from emulator.profiles.load import plain
from emulator.profiles.model import Profile
from harness import trace
from harness.data import vectors
from harness.premises.model import Premises
from harness.report.model import Image, Provenance
from harness.requirements import catalogue

PRODUCT = "hanover"
#: What can change how a run goes.
_PACKAGES = ("bellows", "click", "cryptography", "pytest", "pytest-xdist", "rich", "zigpy")


def product_version() -> str:
    """Return the version of the installed distribution."""
    return _version(PRODUCT) or "0 (not installed)"


def provenance(folder: Path | None) -> Provenance:
    """Return what is running now, with the vectors of a folder; None: those that are shipped."""
    found = {name: _version(name) for name in _PACKAGES}
    return Provenance(
        product=PRODUCT,
        version=product_version(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=f"{platform.system()} {platform.machine()}",
        packages={name: version for name, version in found.items() if version is not None},
        requirements_sha256=_digest([_values(each) for each in catalogue.load().values()]),
        vectors_sha256=_folder_digest(vectors() if folder is None else folder),
    )


def _values(requirement: catalogue.Requirement) -> dict[str, object]:
    """Return what a requirement says; all of it is plain already."""
    return {each.name: getattr(requirement, each.name) for each in fields(requirement)}


def image_of(octets: bytes, version: int, manufacturer: int, image_type: int) -> Image:
    """Return what a report says of a firmware file."""
    return Image(
        sha256=hashlib.sha256(octets).hexdigest(),
        octets=len(octets),
        version=version,
        manufacturer=manufacturer,
        image_type=image_type,
    )


def profile_digest(profile: Profile) -> str:
    """Return the SHA-256 of a profile's values."""
    return _digest(plain(profile))


def premises_digest(premises: Premises) -> str:
    """Return the SHA-256 of a home's values, those of its bridges' profiles with them."""
    return _digest(trace.plain(premises))


def _folder_digest(folder: Path) -> str:
    """Return the SHA-256 over names and digests of the JSON files below a folder, sorted."""
    files = sorted(folder.rglob("*.json"), key=lambda file: file.relative_to(folder).as_posix())
    return _digest(
        [
            [file.relative_to(folder).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest()]
            for file in files
        ]
    )


def _digest(document: object) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
