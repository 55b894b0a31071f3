"""Let OpenSSL judge our signatures, and judge OpenSSL's, on all three curves.

A missing openssl is a failure, never a skip: this is what the interop environment is for. What it
knows of DER is written here by hand, so that odd keys and odd numbers can be handed to it.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from emulator.crypto import ecdsa, p256
from emulator.crypto.curve import SECT163K1, SECT283K1, Curve, Point
from emulator.errors import CryptoError

#: Keys, messages and signatures of each curve and each direction, in parts for parallel runs.
COUNT = 200
PARTS = 4

#: AES-MMO's and SHA's: shorter than n, about as long, and longer.
DIGEST_SIZES = (16, 20, 32, 48, 64)

EC_PUBLIC_KEY = bytes.fromhex("06072A8648CE3D0201")


@dataclass(frozen=True)
class Family:
    """Say how one curve is called in DER, and how ours is used on it."""

    name: str
    identifier: bytes
    octets: int
    n: int
    sizes: tuple[int, ...]
    public: Callable[[int], bytes]
    sign: Callable[[int, bytes], tuple[int, int]]
    verify: Callable[[bytes, bytes, int, int], bool]


def koblitz(curve: Curve, identifier: str) -> Family:
    size = curve.octets

    def read(public: bytes) -> Point:
        if public == b"\0":
            return None
        if public[0] != 4:
            return curve.decompress(public)
        return int.from_bytes(public[1 : 1 + size], "big"), int.from_bytes(
            public[1 + size :], "big"
        )

    def verify(public: bytes, digest: bytes, r: int, s: int) -> bool:
        return ecdsa.verify(curve, read(public), digest, r, s)

    def write(private: int) -> bytes:
        x, y = curve.multiply(private, curve.base) or (0, 0)
        return b"\4" + x.to_bytes(size, "big") + y.to_bytes(size, "big")

    return Family(
        curve.name,
        bytes.fromhex(identifier),
        size,
        curve.n,
        DIGEST_SIZES,
        write,
        lambda private, digest: ecdsa.sign(curve, private, digest),
        verify,
    )


def prime() -> Family:
    """Return P-256, whose messages are hashed by our side; OpenSSL is given the hash."""

    def sign(private: int, data: bytes) -> tuple[int, int]:
        octets = p256.sign(private, data)
        return int.from_bytes(octets[:32], "big"), int.from_bytes(octets[32:], "big")

    def verify(public: bytes, data: bytes, r: int, s: int) -> bool:
        if not (0 <= r < 1 << 256 and 0 <= s < 1 << 256):
            return False  # 64 octets cannot say it
        return p256.verify(public, data, r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    identifier = bytes.fromhex("06082A8648CE3D030107")
    return Family("prime256v1", identifier, 32, p256.N, (7, 77), p256.public_key, sign, verify)


FAMILIES = {
    family.name: family
    for family in (
        koblitz(SECT163K1, "06052B81040001"),
        koblitz(SECT283K1, "06052B81040010"),
        prime(),
    )
}
families = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
parts = pytest.mark.parametrize("part", range(PARTS))


def der(tag: int, *parts: bytes) -> bytes:
    """Return a tag, the length of the parts together, and the parts."""
    body = b"".join(parts)
    length = bytes([len(body)]) if len(body) < 0x80 else bytes([0x81, len(body)])
    assert len(body) < 0x100
    return bytes([tag]) + length + body


def der_integer(number: int) -> bytes:
    return der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def der_signature(r: int, s: int) -> bytes:
    return der(0x30, der_integer(r), der_integer(s))


def der_public(family: Family, public: bytes) -> bytes:
    """Return a SubjectPublicKeyInfo. RFC 5480, 2."""
    return der(0x30, der(0x30, EC_PUBLIC_KEY, family.identifier), der(0x03, b"\0", public))


def der_private(family: Family, private: int) -> bytes:
    """Return an ECPrivateKey. RFC 5915, 3."""
    return der(
        0x30,
        der_integer(1),
        der(0x04, private.to_bytes(family.octets, "big")),
        der(0xA0, family.identifier),
        der(0xA1, der(0x03, b"\0", family.public(private))),
    )


def read_signature(octets: bytes) -> tuple[int, int]:
    """Return r and s of a signature that is known to be short."""
    size_r = octets[3]
    r = int.from_bytes(octets[4 : 4 + size_r], "big")
    return r, int.from_bytes(octets[6 + size_r :], "big")


@dataclass(frozen=True)
class OpenSsl:
    """Call openssl with files of one folder."""

    folder: Path

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["openssl", *arguments], cwd=self.folder, capture_output=True, timeout=60, check=False
        )

    def sign(self, family: Family, private: int, signed: bytes) -> tuple[int, int]:
        (self.folder / "key.der").write_bytes(der_private(family, private))
        (self.folder / "digest").write_bytes(signed)
        run = self._run(
            *("pkeyutl", "-sign", "-keyform", "DER", "-inkey", "key.der", "-in", "digest")
        )
        assert run.returncode == 0, run.stderr.decode()
        return read_signature(run.stdout)

    def verify(self, family: Family, public: bytes, signed: bytes, r: int, s: int) -> bool:
        (self.folder / "public.der").write_bytes(der_public(family, public))
        (self.folder / "digest").write_bytes(signed)
        (self.folder / "signature").write_bytes(der_signature(r, s))
        run = self._run(
            *("pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "public.der"),
            *("-in", "digest", "-sigfile", "signature"),
        )
        verified = b"Signature Verified Successfully" in run.stdout
        assert verified == (run.returncode == 0), (run.stdout, run.stderr)
        return verified

    def takes(self, family: Family, public: bytes) -> bool:
        """Tell whether a public key can be read and is one of the subgroup."""
        (self.folder / "public.der").write_bytes(der_public(family, public))
        run = self._run(
            *("pkey", "-pubin", "-pubcheck", "-noout", "-inform", "DER", "-in", "public.der")
        )
        return run.returncode == 0


@pytest.fixture
def openssl(tmp_path: Path) -> OpenSsl:
    return OpenSsl(tmp_path)


def hashed(family: Family, message: bytes) -> bytes:
    """Return what OpenSSL is given for what our side is given."""
    return sha256(message).digest() if family.name == "prime256v1" else message


def messages(family: Family, part: int) -> list[tuple[int, bytes]]:
    """Return private keys and what is signed with them, the same in every run."""
    chance = Random(f"{family.name} {part}")
    return [
        (
            chance.randrange(1, family.n),
            chance.randbytes(family.sizes[number % len(family.sizes)]),
        )
        for number in range(COUNT // PARTS)
    ]


def compressed(public: bytes, family: Family) -> bytes:
    """Return the short form of a point, where our side writes and reads it."""
    for curve in (SECT163K1, SECT283K1):
        if curve.name == family.name:
            size = curve.octets
            x = int.from_bytes(public[1 : 1 + size], "big")
            return curve.compress((x, int.from_bytes(public[1 + size :], "big")))
    return public


@parts
@families
def test_openssl_verifies_what_we_sign(openssl: OpenSsl, family: Family, part: int) -> None:
    """Verify ours with whole and with compressed keys; a spoiled one now and then is refused."""
    for number, (private, message) in enumerate(messages(family, part)):
        public = family.public(private)
        if number % 2:
            public = compressed(public, family)
        r, s = family.sign(private, message)
        signed = hashed(family, message)
        assert openssl.verify(family, public, signed, r, s), (private, message.hex())
        if number % 10 == 0:
            spoiled = bytes([signed[0] ^ 1]) + signed[1:]
            assert not openssl.verify(family, public, spoiled, r, s)


@parts
@families
def test_we_verify_what_openssl_signs(openssl: OpenSsl, family: Family, part: int) -> None:
    """Verify theirs, made with nonces of chance; one with a bit flipped now and then is refused."""
    for number, (private, message) in enumerate(messages(family, part)):
        public = family.public(private)
        r, s = openssl.sign(family, private, hashed(family, message))
        assert family.verify(public, message, r, s), (private, message.hex(), r, s)
        if number % 5 == 0:
            assert not family.verify(public, bytes([message[0] ^ 1]) + message[1:], r, s)
            assert not family.verify(public, message, r ^ 1, s)
            assert not family.verify(public, message, r, s ^ 1)


@families
def test_both_judge_r_and_s_alike_at_their_bounds(openssl: OpenSsl, family: Family) -> None:
    """OTA-F-023: 0, 1, n - 1, n, n + 1, twins modulo n, negatives; n - s verifies as s does."""
    private, message = messages(family, 0)[0]
    public = family.public(private)
    r, s = family.sign(private, message)
    n = family.n
    edges = (0, 1, n - 1, n, n + 1, 2 * n, -1, 1 << 8 * family.octets)
    tries = [(r, s), (r, n - s), (n - r, s), (r + n, s), (r, s + n), (r - n, s), (r, s - n), (s, r)]
    tries += [(edge, s) for edge in edges] + [(r, edge) for edge in edges]
    tries += [(edge, edge) for edge in edges]
    theirs = [openssl.verify(family, public, hashed(family, message), *each) for each in tries]
    ours = [family.verify(public, message, *each) for each in tries]
    assert ours == theirs
    assert ours == [True, True] + [False] * (len(tries) - 2)


@families
def test_points_that_are_none_are_refused_by_both(openssl: OpenSsl, family: Family) -> None:
    """OTA-F-030: infinity, off the curve, coordinates too large, cut, x without a solution."""
    private, message = messages(family, 1)[0]
    good = family.public(private)
    r, s = family.sign(private, message)
    signed = hashed(family, message)
    size = family.octets
    bad = {
        "infinity": b"\0",
        "y off by one bit": good[:-1] + bytes([good[-1] ^ 1]),
        "x off by one bit": good[:size] + bytes([good[size] ^ 1]) + good[size + 1 :],
        "the origin": b"\4" + bytes(2 * size),
        "x too large": b"\4" + b"\xff" * size + good[1 + size :],
        "y too large": good[: 1 + size] + b"\xff" * size,
        "wrong prefix": b"\5" + good[1:],
        "compressed, x too large": b"\2" + b"\xff" * size,
    }
    assert openssl.verify(family, good, signed, r, s)
    assert openssl.takes(family, good)
    assert family.verify(good, message, r, s)
    for why, public in bad.items():
        assert not openssl.takes(family, public), why
        assert not openssl.verify(family, public, signed, r, s), why
        assert not ours_takes(family, public, message, r, s), why


def ours_takes(family: Family, public: bytes, message: bytes, r: int, s: int) -> bool:
    """Tell whether our side reads the key and verifies with it."""
    try:
        return family.verify(public, message, r, s)
    except CryptoError:
        return False


@pytest.mark.parametrize("curve", [SECT163K1, SECT283K1], ids=lambda curve: curve.name)
def test_both_decompress_alike(openssl: OpenSsl, curve: Curve) -> None:
    """Read 60 random x: half have no point, and of the others some are of another order."""
    family = FAMILIES[curve.name]
    chance = Random(curve.name)
    verdicts = []
    for _ in range(60):
        octets = bytes([2 + chance.randrange(2)])
        octets += chance.getrandbits(curve.m).to_bytes(curve.octets, "big")
        try:
            ours = curve.is_public_key(curve.decompress(octets))
        except CryptoError:
            ours = False
        assert openssl.takes(family, octets) == ours, octets.hex()
        verdicts.append(ours)
    assert set(verdicts) == {True, False}


@pytest.mark.parametrize("curve", [SECT163K1, SECT283K1], ids=lambda curve: curve.name)
def test_openssl_is_laxer_about_keys_of_another_order(openssl: OpenSsl, curve: Curve) -> None:
    """See where the two differ: OpenSSL verifies with a key that its own check refuses.

    The key is shifted by the point of order 2, and the signature such that the shift falls out.
    """
    family = FAMILIES[curve.name]
    private = 0x5EED
    public = curve.multiply(private, curve.base)
    shifted = curve.add(public, (0, 1))
    assert shifted is not None
    size = curve.octets
    octets = b"\4" + shifted[0].to_bytes(size, "big") + shifted[1].to_bytes(size, "big")
    digest = next(
        digest
        for digest in (bytes([number]) * 16 for number in range(256))
        if even(curve, *ecdsa.sign(curve, private, digest))
    )
    r, s = ecdsa.sign(curve, private, digest)
    assert openssl.verify(family, family.public(private), digest, r, s)
    assert openssl.verify(family, octets, digest, r, s)
    assert not openssl.takes(family, octets)
    assert ecdsa.verify(curve, public, digest, r, s)
    assert not ecdsa.verify(curve, shifted, digest, r, s)


def even(curve: Curve, r: int, s: int) -> bool:
    return r * pow(s, -1, curve.n) % curve.n % 2 == 0
