"""Say which Hanover, on which machine, came to a verdict."""

import hashlib
import json
import platform
from dataclasses import asdict
from importlib import metadata

from emulator.profiles.load import plain
from emulator.profiles.model import Profile
from harness.report.model import Provenance
from harness.requirements import catalogue

PRODUCT = "hanover"
#: What can change how a run goes.
_PACKAGES = ("click", "pytest", "pytest-xdist", "rich")


def product_version() -> str:
    """Return the version of the installed distribution."""
    return _version(PRODUCT) or "0 (not installed)"


def provenance() -> Provenance:
    """Return what is running now."""
    found = {name: _version(name) for name in _PACKAGES}
    return Provenance(
        product=PRODUCT,
        version=product_version(),
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=f"{platform.system()} {platform.machine()}",
        packages={name: version for name, version in found.items() if version is not None},
        requirements_sha256=_digest([asdict(each) for each in catalogue.load().values()]),
    )


def profile_digest(profile: Profile) -> str:
    """Return the SHA-256 of a profile's values."""
    return _digest(plain(profile))


def _digest(document: object) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
