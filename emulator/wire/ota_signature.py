"""Declare what signature elements hold: who signed, and the two numbers of an ECDSA signature.

Only the signer is little-endian; r and s stand as the curves' standard writes them.

Source: ZCL rev 8, 11.4.6 and 11.7.1; ota-cluster 5.2 and 6.3.
"""

from typing import Annotated, TypeAlias

from emulator.wire.codec import EUI64, Frame, UInt, frame


@frame
class SignatureSuite1(Frame):
    """Hold the data of a tag 0x0001: sect163k1, 50 octets."""

    signer: EUI64
    r: Annotated[int, UInt(21, big_endian=True)]
    s: Annotated[int, UInt(21, big_endian=True)]


@frame
class SignatureSuite2(Frame):
    """Hold the data of a tag 0x0005: sect283k1, 80 octets."""

    signer: EUI64
    r: Annotated[int, UInt(36, big_endian=True)]
    s: Annotated[int, UInt(36, big_endian=True)]


SignatureData: TypeAlias = SignatureSuite1 | SignatureSuite2
