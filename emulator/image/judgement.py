"""Hold what verification judges with: the expectation, the reading of a file, the verdict.

Source: ZCL rev 8, 11.4 and 11.7.1; gb-alt-han 2.3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from emulator.profiles.model import Manifest
from emulator.profiles.switches import SignedIntegrity
from emulator.profiles.trust import TrustProfile
from emulator.units import Octets
from emulator.wire.manifest import ImageManifest, read_manifest
from emulator.wire.ota import Status
from emulator.wire.ota_file import Container, OtaFile, OtaHeader
from emulator.wire.ota_reader import Finding, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Say what an image must be: who the device is, what it was offered, what it runs.

    The offered values are those of the Query Next Image Response.

    Args:
        security_counter: The running image's; a new image may not fall below it.
        running_version: File version of the running image; none is below 0.
        trust: Whom the device believes; None: nobody, which every step of signatures refuses.
        suites: The suites, 1 or 2, that the device takes; a file's own must be one of them.
        signed_integrity: What the digest of a signature makes of an integrity code.
        at: Now, in seconds since 1970 UTC, to hold the dates of a certificate against; None: the
            device has no clock, and dates are not looked at.
    """

    eui64: int
    manufacturer: int
    image_type: int
    hardware_version: int
    offered_manufacturer: int
    offered_image_type: int
    offered_version: int
    offered_size: Octets
    container: Container = Container.ZCL
    manifest: Manifest = Manifest.HANOVER
    security_counter: int = 0
    running_version: int = 0
    trust: TrustProfile | None = None
    suites: tuple[int, ...] = ()
    signed_integrity: SignedIntegrity = SignedIntegrity.KEEP
    at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Say why an image must not run; ``status`` is what the Upgrade End Request carries."""

    step: str
    clause: str
    found: str
    expected: str
    status: Status = Status.INVALID_IMAGE

    def __str__(self) -> str:
        return f"{self.step}: found {self.found}, expected {self.expected} ({self.clause})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Say whether every step accepted the image, and if not, why the first did not."""

    accepted: bool
    refusal: Refusal | None = None


class Reading:
    """Hold one file's octets and what is read from them, read at most once and only if asked for.

    Args:
        octets: The file as stored.
        against: What it must be.
    """

    def __init__(self, octets: bytes, against: Expectation) -> None:
        self.octets = octets
        self.against = against

    @cached_property
    def _read(self) -> tuple[OtaFile, tuple[Finding, ...]]:
        return read(self.octets, self.against.container)

    @property
    def file(self) -> OtaFile:
        """Return the file; raises WireError where there is no header."""
        return self._read[0]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Return what the reader found wrong; raises WireError where there is no header."""
        return self._read[1]

    @property
    def header(self) -> OtaHeader:
        """Return the header; raises WireError where there is none."""
        return self.file.header

    @cached_property
    def manifest(self) -> tuple[ImageManifest, memoryview]:
        """Return manifest and payload; raises WireError where there is none."""
        return read_manifest(self.file.image or b"")


Step: TypeAlias = Callable[[Reading], Refusal | None]


def refuse(step: str, clause: str, found: str, expected: str) -> Refusal:
    """Return the refusal of a step, with the status INVALID_IMAGE."""
    return Refusal(step=step, clause=clause, found=found, expected=expected)
