"""Name the two cryptographic suites of ZigBee Smart Energy and what is particular to each.

Source: ZCL rev 8, 11.7; ota-cluster 5.2, 6.1 and 6.2.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType

from emulator.crypto.curve import SECT163K1, SECT283K1, Curve
from emulator.units import Octets

EUI64_SIZE: Octets = 8


class Suite(IntEnum):
    """Number a suite as the specifications do."""

    ONE = 1
    TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFacts:
    """Say what a suite calculates with and how its parts of an OTA file look.

    Args:
        curve: Of all its keys.
        signature_tag: Tag of the sub-element with the signer's address, r and s.
        certificate_tag: Tag of the sub-element with the signer's certificate.
        certificate_size: The only length a certificate may have.
    """

    curve: Curve
    signature_tag: int
    certificate_tag: int
    certificate_size: Octets

    @property
    def scalar_size(self) -> Octets:
        """Return the octets of r, of s, and of a private key, each big-endian."""
        return self.curve.octets

    @property
    def signature_size(self) -> Octets:
        """Return the only length that the signature element's data may have."""
        return EUI64_SIZE + 2 * self.scalar_size


FACTS: Mapping[Suite, SuiteFacts] = MappingProxyType(
    {
        Suite.ONE: SuiteFacts(
            curve=SECT163K1, signature_tag=0x0001, certificate_tag=0x0002, certificate_size=48
        ),
        Suite.TWO: SuiteFacts(
            curve=SECT283K1, signature_tag=0x0005, certificate_tag=0x0006, certificate_size=74
        ),
    }
)
