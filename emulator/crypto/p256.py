"""Sign and verify with ECDSA on P-256 and SHA-256, as the GB trailer wants it: r and s, no DER.

Source: FIPS 186-4, 6.4; RFC 6979; gb-alt-han 4.1.
"""

from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from emulator.crypto.nonce import leftmost, nonces
from emulator.errors import CryptoError
from emulator.units import Octets

#: Order of the base point. SEC 2, 2.4.2.
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SCALAR_SIZE: Octets = 32
SIGNATURE_SIZE: Octets = 2 * SCALAR_SIZE
#: 04, x and y.
PUBLIC_SIZE: Octets = 1 + 2 * SCALAR_SIZE


def public_key(private: int) -> bytes:
    """Return the public key of a private one: 04, x and y, 65 octets.

    Raises:
        CryptoError: ``private`` is not from 1 to n - 1.
    """
    x, y = _multiply_base(private)
    return b"\x04" + x.to_bytes(SCALAR_SIZE, "big") + y.to_bytes(SCALAR_SIZE, "big")


def sign(private: int, data: bytes | memoryview) -> bytes:
    """Return r and s, 64 octets, of the SHA-256 of ``data``; always the same for the same input.

    The nonce is RFC 6979's and the arithmetic with it ours, since ``cryptography`` derives such
    nonces only with the newest OpenSSL. Not constant in time: keys of tests only.

    Raises:
        CryptoError: ``private`` is not from 1 to n - 1.
    """
    _check(private)
    digest = sha256(data).digest()
    for nonce in nonces(N, private, digest):
        r = _multiply_base(nonce)[0] % N
        s = pow(nonce, -1, N) * (leftmost(digest, N) + r * private) % N
        if r and s:
            return r.to_bytes(SCALAR_SIZE, "big") + s.to_bytes(SCALAR_SIZE, "big")
    raise AssertionError("nonces never end")


def verify(public: bytes, data: bytes | memoryview, signature: bytes | memoryview) -> bool:
    """Tell whether ``signature`` is the key's over ``data``.

    False for a signature of another length, and for r or s out of 1 to n - 1.

    Args:
        public: 04, x and y, 65 octets.
        data: What was signed, not its digest.
        signature: r and s.

    Raises:
        CryptoError: ``public`` is no key, or the machine has not the curve: our own trust data are
            wrong, not the signature.
    """
    key = _read_public(public)
    if len(signature) != SIGNATURE_SIZE:
        return False
    r = int.from_bytes(signature[:SCALAR_SIZE], "big")
    s = int.from_bytes(signature[SCALAR_SIZE:], "big")
    try:
        key.verify(encode_dss_signature(r, s), sha256(data).digest(), ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        return False
    return True


def _read_public(public: bytes) -> EllipticCurvePublicKey:
    if len(public) != PUBLIC_SIZE:
        raise CryptoError(f"P-256 public key: found {len(public)} octets, wanted {PUBLIC_SIZE}")
    if public[0] != 4:
        raise CryptoError(f"P-256 public key: found prefix 0x{public[0]:02X}, wanted 0x04")
    x = int.from_bytes(public[1 : 1 + SCALAR_SIZE], "big")
    y = int.from_bytes(public[1 + SCALAR_SIZE :], "big")
    try:
        return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    except ValueError as error:
        raise CryptoError(
            "P-256 public key: found a point off the curve, wanted one on it"
        ) from error
    except UnsupportedAlgorithm as error:
        raise CryptoError(
            "P-256 public key: found no support for the curve, wanted an OpenSSL with secp256r1"
        ) from error


def _check(private: int) -> None:
    if not 0 < private < N:
        raise CryptoError("P-256 private key: found one out of range, wanted 1 to n - 1")


def _multiply_base(scalar: int) -> tuple[int, int]:
    _check(scalar)
    numbers = derive_private_key(scalar, SECP256R1()).public_key().public_numbers()
    return numbers.x, numbers.y
