"""Name the flaws of a firmware file that the reader of the format does not look for.

Source: ZCL rev 8, 11.4 and 11.7.1; ota-cluster 5, 6 and 8.3; gb-alt-han 2.2.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from emulator.units import Octets
from emulator.wire.ota_reader import Finding, FindingCode


class Severity(StrEnum):
    """How bad a flaw is."""

    FATAL = "fatal"  # a bridge must refuse the image
    FLAW = "flaw"  # a clause is broken, or devices differ in what they make of it
    ADVICE = "advice"  # allowed, and hardly meant


class FlawCode(StrEnum):
    """What else can be wrong with a file: its name for ever, its clause, and how bad it is."""

    clause: str
    severity: Severity

    def __new__(cls, name: str, clause: str, severity: Severity) -> Self:
        made = str.__new__(cls, name)
        made._value_, made.clause, made.severity = name, clause, severity
        return made

    MANUFACTURER_WILDCARD = "manufacturer-wildcard", "ZCL 11.4.2.5", Severity.ADVICE
    VERSION_WILDCARD = "version-wildcard", "ZCL 11.13.10", Severity.ADVICE
    STACK_VERSION = "stack-version", "ZCL 11.4.2.8", Severity.ADVICE
    DESTINATION_MISSING = "destination-missing", "ZCL 11.4.2.12", Severity.ADVICE
    TRAILER_MARK = "trailer-mark", "gb-alt-han 2.2", Severity.FLAW
    INTEGRITY_WRONG = "integrity-wrong", "095264r23 6.3.10.1", Severity.FATAL
    INTEGRITY_COVERS_HEAD = "integrity-covers-head", "095264r23 6.3.10.1", Severity.FATAL
    SEVERAL_CODES = "several-integrity-codes", "095264r23 6.3.10.1", Severity.FATAL
    INTEGRITY_NOT_LAST = "integrity-not-last", "095264r23 6.3.10.1", Severity.ADVICE
    INTEGRITY_SIGNED = "integrity-and-signature", "ota-cluster 6.3", Severity.FLAW
    CERTIFICATE_MISSING = "certificate-missing", "ZCL 11.7.1", Severity.FATAL
    CERTIFICATE_SUITE = "certificate-of-other-suite", "ZCL 11.7.1", Severity.FATAL
    SEVERAL_CERTIFICATES = "several-certificates", "ZCL 11.7.1", Severity.FATAL
    CERTIFICATE_ALONE = "certificate-without-signature", "ZCL 11.7.1", Severity.FLAW
    CERTIFICATE_UNREADABLE = "certificate-unreadable", "ota-cluster 6.2", Severity.FATAL
    CERTIFICATE_POINT = "certificate-point", "SEC 1, 2.3.4", Severity.FATAL
    CERTIFICATE_USAGE = "certificate-usage", "ota-cluster 6.2", Severity.FLAW
    SIGNER_REVERSED = "signer-reversed", "ZCL 11.7.1", Severity.FATAL
    SIGNER_NOT_SUBJECT = "signer-not-subject", "ZCL 11.7.1", Severity.FATAL
    SIGNATURE_RANGE = "signature-range", "SEC 1, 4.1.4", Severity.FATAL
    MANIFEST_UNREADABLE = "manifest-unreadable", "design 2: image manifest", Severity.FATAL
    MANIFEST_CLAIM = "manifest-claim", "design 2: image manifest", Severity.FATAL
    MANIFEST_DIGEST = "manifest-digest", "design 2: image manifest", Severity.FATAL


@dataclass(frozen=True, slots=True)
class Flaw:
    """Say one thing that is wrong with a file, and how bad it is.

    ``offset`` counts octets from the first octet of the file, wrapper included.
    """

    code: FlawCode | FindingCode
    offset: Octets
    found: str
    expected: str

    @classmethod
    def of(cls, finding: Finding) -> Self:
        """Return a finding of the reader as a flaw."""
        return cls(finding.code, finding.offset, finding.found, finding.expected)

    @property
    def clause(self) -> str:
        """Return the clause that the file breaks."""
        return self.code.clause

    @property
    def severity(self) -> Severity:
        """Return how bad it is."""
        if isinstance(self.code, FlawCode):
            return self.code.severity
        return Severity.FATAL if self.code.fatal else Severity.FLAW

    def __str__(self) -> str:
        return (
            f"at {self.offset}: {self.severity}: {self.code}: found {self.found}, wanted"
            f" {self.expected} ({self.clause})"
        )
