"""Read, use and issue the implicit (ECQV) certificates of both suites.

Such a certificate holds no signature. Certificate and authority's key together give the public
key, and only who asked for the certificate knows the private one. What is wrong or foreign gives
another key, and its signatures do not verify: nothing else tells.

Source: SEC 4, 2.3 to 2.8; ota-cluster 6.2 for the fields.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from emulator.crypto.curve import Point
from emulator.crypto.ecdsa import check_private
from emulator.crypto.mmo import aes_mmo
from emulator.crypto.nonce import nonces
from emulator.crypto.suites import EUI64_SIZE, FACTS, Suite
from emulator.errors import CertificateError, CryptoError
from emulator.units import Octets

#: Suite 1, attributes: Smart Energy's profile, then as in the vectors of the test authority.
DEFAULT_ATTRIBUTES = bytes.fromhex("0109 0000 000000000000")
#: Suite 2, key usage of the published vectors: signing and key agreement.
DEFAULT_USAGE = 0x88
#: Bit of the key usage: the key may sign [UNCONFIRMED].
MAY_SIGN = 0x80
#: Where the key usage stands in a certificate of suite 2.
USAGE_OFFSET: Octets = 36

#: Suite 2: the octets that can have one value only. Offset, name, value.
_FIXED = ((0, "type", 0x00), (9, "curve", 0x0D), (10, "hash", 0x08))
_NEVER = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Hold the fields of a certificate, and its octets, which are what is hashed.

    Args:
        suite: It decides which of the fields below there are.
        octets: All of it.
        subject: Extended address of whom it is for.
        issuer: Identifier of the authority, as large as an address.
        point: Reconstruction point, compressed; not yet checked.
        attributes: Suite 1: the 10 octets of profile data. Empty in suite 2.
        serial: Suite 2: serial number.
        valid_from: Suite 2: seconds since 1970-01-01 UTC.
        valid_to: Suite 2: the same, from its 4 octets; None where they are FFFFFFFF, for ever.
        key_usage: Suite 2: bits of what the key may do.
    """

    suite: Suite
    octets: bytes
    subject: int
    issuer: int
    point: bytes
    attributes: bytes = b""
    serial: int | None = None
    valid_from: int | None = None
    valid_to: int | None = None
    key_usage: int | None = None


def read_certificate(octets: bytes | memoryview, suite: Suite) -> Certificate:
    """Return the fields of a certificate of one suite.

    The point in it is not looked at: ``reconstruct`` does.

    Raises:
        CertificateError: The length is not the suite's, or an octet of suite 2 names another
            type, curve or hash.

    Source: ota-cluster 6.2.
    """
    octets = bytes(octets)
    wanted = FACTS[suite].certificate_size
    if len(octets) != wanted:
        other = next((s for s in Suite if FACTS[s].certificate_size == len(octets)), None)
        hint = f" (as long as one of suite {other})" if other else ""
        raise _refusal(suite, f"found {len(octets)} octets{hint}, wanted {wanted}")
    if suite is Suite.ONE:
        return Certificate(
            suite=suite,
            octets=octets,
            point=octets[:22],
            subject=int.from_bytes(octets[22:30], "big"),
            issuer=int.from_bytes(octets[30:38], "big"),
            attributes=octets[38:],
        )
    for offset, name, value in _FIXED:
        if octets[offset] != value:
            found = f"{name} octet: found 0x{octets[offset]:02X}, wanted 0x{value:02X}"
            raise _refusal(suite, found)
    end = int.from_bytes(octets[24:28], "big")
    return Certificate(
        suite=suite,
        octets=octets,
        serial=int.from_bytes(octets[1:9], "big"),
        issuer=int.from_bytes(octets[11:19], "big"),
        valid_from=int.from_bytes(octets[19:24], "big"),
        valid_to=None if end == _NEVER else end,
        subject=int.from_bytes(octets[28:36], "big"),
        key_usage=octets[USAGE_OFFSET],
        point=octets[37:],
    )


@lru_cache(maxsize=64)
def reconstruct(certificate: Certificate, ca_public: Point) -> Point:
    """Return the public key that a certificate and its authority's key make: e*P + Q_CA.

    Both points must have order n, and then so has their sum. SEC 4 asks only that P lies on the
    curve; a P shifted by a point of small order would give a key for one hash in four, and is
    refused here for every hash.

    Raises:
        CertificateError: The certificate's point, the authority's key or the result is no key, or
            the hash is 0, which would make the authority's key that of the device.

    Source: SEC 4, 2.5; ota-cluster 6.2.
    """
    suite = certificate.suite
    curve = FACTS[suite].curve
    if not curve.is_public_key(ca_public):
        raise _refusal(suite, "authority's key: found no point of order n, wanted one")
    try:
        point = curve.decompress(certificate.point)
    except CryptoError as error:
        raise _refusal(suite, str(error)) from error
    if not curve.is_public_key(point):
        raise _refusal(suite, "reconstruction point: found another order, wanted order n")
    factor = _hash(certificate.octets)
    if not factor:
        raise _refusal(suite, "hash: found 0, wanted a factor that makes a key of its own")
    public = curve.combine(factor, point, 1, ca_public)
    if public is None:
        raise _refusal(suite, "public key: found infinity, wanted a point")
    return public


def issue(
    suite: Suite,
    ca_private: int,
    *,
    subject: int,
    issuer: int,
    seed: bytes = b"",
    attributes: bytes = DEFAULT_ATTRIBUTES,
    serial: int = 1,
    valid_from: int = 0,
    valid_to: int | None = None,
    key_usage: int = DEFAULT_USAGE,
) -> tuple[Certificate, int]:
    """Return a new certificate and its private key, for tests only.

    One party plays both the device and the authority, so that one ephemeral number stands for the
    two of SEC 4, and whoever knows it and the private key knows the authority's too. The same
    arguments give the same certificate.

    Args:
        suite: Of both; fields of the other suite are ignored.
        ca_private: The authority's private key, 1 to n - 1.
        subject: Extended address of the device.
        issuer: Identifier of the authority.
        seed: Any octets: another seed, another key.
        attributes: As of the certificate, 10 octets.
        serial: As of the certificate.
        valid_from: As of the certificate, below 2**40.
        valid_to: As of the certificate.
        key_usage: As of the certificate.

    Raises:
        CryptoError: The authority's key is out of range.
        CertificateError: A field does not fit its octets.

    Source: SEC 4, 2.4 and 2.6.
    """
    curve = FACTS[suite].curve
    check_private(curve, ca_private)
    if suite is Suite.ONE:
        write = _suite_1(subject, issuer, attributes)
    else:
        write = _suite_2(subject, issuer, serial, (valid_from, valid_to), key_usage)
    digest = aes_mmo(write(bytes(curve.octets + 1)) + seed)
    for ephemeral in nonces(curve.n, ca_private, digest):
        octets = write(curve.compress(curve.multiply(ephemeral, curve.base)))
        factor = _hash(octets)
        private = (factor * ephemeral + ca_private) % curve.n
        if factor and private:
            return read_certificate(octets, suite), private
    raise AssertionError("nonces never end")


def _suite_1(subject: int, issuer: int, attributes: bytes) -> Callable[[bytes], bytes]:
    if len(attributes) != len(DEFAULT_ATTRIBUTES):
        found = f"attributes: found {len(attributes)} octets, wanted {len(DEFAULT_ATTRIBUTES)}"
        raise _refusal(Suite.ONE, found)
    names = _field(Suite.ONE, "subject", subject) + _field(Suite.ONE, "issuer", issuer)
    return lambda point: point + names + attributes


def _suite_2(
    subject: int, issuer: int, serial: int, valid: tuple[int, int | None], usage: int
) -> Callable[[bytes], bytes]:
    two = Suite.TWO
    start, end = valid
    head = (
        b"\0"
        + _field(two, "serial", serial)
        + b"\x0d\x08"
        + _field(two, "issuer", issuer)
        + _field(two, "valid_from", start, 5)
        + _field(two, "valid_to", _NEVER if end is None else end, 4)
        + _field(two, "subject", subject)
        + _field(two, "key_usage", usage, 1)
    )
    return lambda point: head + point


def _field(suite: Suite, name: str, value: int, size: int = EUI64_SIZE) -> bytes:
    if not 0 <= value < 1 << 8 * size:
        raise _refusal(suite, f"{name}: found {value:#x}, wanted 0 to {(1 << 8 * size) - 1:#x}")
    return value.to_bytes(size, "big")


def _hash(octets: bytes) -> int:
    # All 128 bits count: both orders n are longer (SEC 4, 2.3, cuts what is longer than n).
    return int.from_bytes(aes_mmo(octets), "big")


def _refusal(suite: Suite, text: str) -> CertificateError:
    return CertificateError(f"certificate of suite {suite.value}: {text}")
