"""Sign and verify digests with ECDSA on the Koblitz curves.

Source: FIPS 186-4, 6.4; SEC 1, 4.1; ota-cluster 6.3 for what is hashed.
"""

from emulator.crypto.curve import Curve, Point
from emulator.crypto.nonce import leftmost, nonces
from emulator.errors import CryptoError


def sign(curve: Curve, private: int, digest: bytes, nonce: int | None = None) -> tuple[int, int]:
    """Return the signature r, s of a digest: always the same for one key and digest.

    Args:
        curve: Of the key.
        private: 1 to n - 1.
        digest: Its leftmost bits, as many as n has, are signed; AES-MMO's 16 octets fit wholly.
        nonce: 1 to n - 1, for published vectors only: one nonce on two digests gives the key
            away. By default RFC 6979 with HMAC-SHA-256.

    Raises:
        CryptoError: Key or nonce is out of range, or the nonce makes r or s 0.
    """
    check_private(curve, private)
    if nonce is None:
        tries = nonces(curve.n, private, digest)
        return next(pair for pair in (_sign(curve, private, digest, k) for k in tries) if all(pair))
    if not 0 < nonce < curve.n:
        raise CryptoError(f"nonce for {curve.name}: found {nonce:#x}, wanted 1 to n - 1")
    r, s = _sign(curve, private, digest, nonce)
    if not (r and s):
        raise CryptoError(f"nonce for {curve.name}: found one that makes r or s 0, wanted another")
    return r, s


def check_private(curve: Curve, private: int) -> None:
    """Refuse a private key that is none.

    Raises:
        CryptoError: It is not from 1 to n - 1; the message does not repeat it.
    """
    if not 0 < private < curve.n:
        bits = private.bit_length()
        raise CryptoError(
            f"private key of {curve.name}: found {'-' if private < 0 else ''}{bits} bits "
            f"out of range, wanted 1 to n - 1"
        )


def _sign(curve: Curve, private: int, digest: bytes, nonce: int) -> tuple[int, int]:
    point = curve.multiply(nonce, curve.base)
    r = point[0] % curve.n if point else 0
    return r, pow(nonce, -1, curve.n) * (leftmost(digest, curve.n) + r * private) % curve.n


def verify(curve: Curve, public: Point, digest: bytes, r: int, s: int) -> bool:
    """Tell whether r, s is the key's signature of a digest; no input makes it raise.

    False too for r or s out of 1 to n - 1, and for a key that is infinity, off the curve, or in
    no subgroup of order n: SEC 1 wants keys checked once, and nobody here did it before.

    Source: FIPS 186-4, 6.4; SEC 1, 3.2.2.1 and 4.1.4.
    """
    n = curve.n
    if not (0 < r < n and 0 < s < n and curve.is_public_key(public)):
        return False
    inverse = pow(s, -1, n)
    point = curve.combine(leftmost(digest, n) * inverse % n, curve.base, r * inverse % n, public)
    return point is not None and point[0] % n == r
