"""Let OpenSSL judge every signature of the vectors, and hold our steps of signatures against it.

Nothing of ours is between a file and OpenSSL: the file is taken apart here, the digest is computed
here, and the key of a certificate with the oracle's plain arithmetic. OpenSSL knows numbers, keys
and digests, and no files: where a rule is one of files, ``DIFFERENCES`` says so.
"""

import hashlib
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import ECB

from emulator.contract import Identity
from emulator.image.verify import verify
from emulator.profiles.load import load, names
from emulator.profiles.switches import SignedIntegrity
from harness.bench import DUT_EUI64
from harness.vectors.bases import trust
from harness.vectors.recipes import honest
from tests.crypto.plain_curve import PLAIN_163, PLAIN_283, PlainCurve
from tests.defects.vector_files import Case, cases
from tests.interop.test_openssl_curves import FAMILIES, Family, OpenSsl, der_public

HEADER_SIZE, HEAD_SIZE, SIGNER_SIZE, RAW_SIZE = 56, 6, 8, 64
#: Bits of field control, and the octets that each adds to a header.
OPTIONAL = ((1, 1), (2, 8), (4, 4))
INTEGRITY = 0x0003

#: Vectors on which the two differ, and why. OpenSSL takes them all, and we none: what it is shown
#: is a true signature, and the fault is one of the file around it.
DIFFERENCES = {
    "another signature stands before the true one": (
        *("IV-049", "IV-059", "IV-136", "IV-137", "IV-144", "IV-145"),
    ),
    "the certificate stands twice": ("IV-105", "IV-118"),
    "octets that nobody signed stand behind the true signature": (
        *("IV-318", "IV-319", "IV-320", "IV-321", "IV-322", "IV-323", "IV-336", "IV-338"),
    ),
    "the device does not take signatures of that suite": ("IV-135", "IV-143"),
    "the device takes no integrity code in a signed file": ("IV-141", "IV-149"),
    "no 00 40 stands before the signature": ("IV-015", "IV-289", "IV-290", "IV-291"),
}


@dataclass(frozen=True)
class Kind:
    """Say how one suite is laid out, in a certificate and in a signature."""

    signature_tag: int
    certificate_tag: int
    size: int
    point_at: int
    certificate_size: int
    curve: PlainCurve
    family: Family
    authority: str


OF_SIGNATURES = frozenset({"signature_suite1", "signature_suite2", "gb_signature"})

KINDS = (
    Kind(1, 2, 21, 0, 48, PLAIN_163, FAMILIES["sect163k1"], "ca_suite1"),
    Kind(5, 6, 36, 37, 74, PLAIN_283, FAMILIES["sect283k1"], "ca_suite2"),
)


class Piece(NamedTuple):
    """Be one sub-element: where its head stands, its tag, its data."""

    at: int
    tag: int
    data: bytes


def pieces(octets: bytes) -> list[Piece]:
    """Take a file apart, up to its first element that is not whole."""
    control = int.from_bytes(octets[8:10], "little")
    at = HEADER_SIZE + sum(size for bit, size in OPTIONAL if control & bit)
    found = []
    while at + HEAD_SIZE <= len(octets):
        tag = int.from_bytes(octets[at : at + 2], "little")
        end = at + HEAD_SIZE + int.from_bytes(octets[at + 2 : at + 6], "little")
        if end > len(octets):
            break
        found.append(Piece(at, tag, octets[at + HEAD_SIZE : end]))
        at = end
    return found


def mmo(data: bytes) -> bytes:
    """Hash with AES-MMO as 05-3474, B.6 writes it, under either padding."""
    bits = 8 * len(data)
    count = bits.to_bytes(2, "big") if bits < 1 << 16 else bits.to_bytes(4, "big") + bytes(2)
    padded = data + b"\x80" + bytes(-(len(data) + 1 + len(count)) % 16) + count
    digest = bytes(16)
    for at in range(0, len(padded), 16):
        block = padded[at : at + 16]
        mixed = Cipher(AES128(digest), ECB()).encryptor().update(block)
        digest = bytes(one ^ two for one, two in zip(mixed, block, strict=True))
    return digest


class Judge:
    """Ask OpenSSL, each question once."""

    def __init__(self, folder: Path) -> None:
        self.openssl = OpenSsl(folder)
        self._keys: dict[bytes, bytes | None] = {}

    def point(self, kind: Kind, compressed: bytes) -> tuple[int, int] | None:
        """Let OpenSSL find y; None where it finds no point."""
        run = subprocess.run(
            [
                *("openssl", "pkey", "-pubin", "-inform", "DER", "-pubout", "-outform", "DER"),
                *("-ec_conv_form", "uncompressed"),
            ],
            input=der_public(kind.family, compressed),
            capture_output=True,
            timeout=60,
            check=False,
        )
        if run.returncode:
            return None
        octets = run.stdout[-2 * kind.size :]
        assert run.stdout[-2 * kind.size - 1] == 4
        x, y = (int.from_bytes(part, "big") for part in (octets[: kind.size], octets[kind.size :]))
        assert kind.curve.contains((x, y))
        return x, y

    def key(self, kind: Kind, certificate: bytes) -> bytes | None:
        """Return the key of a certificate, None where its point is none."""
        if certificate not in self._keys:
            self._keys[certificate] = self.new_key(kind, certificate)
        return self._keys[certificate]

    def new_key(self, kind: Kind, certificate: bytes) -> bytes | None:
        """Return e*P + Q, uncompressed, with the oracle's arithmetic (SEC 4, 2.5)."""
        authority = self.point(kind, bytes.fromhex(trust()[kind.authority]))
        point = self.point(kind, certificate[kind.point_at :][: kind.size + 1])
        assert authority is not None
        if point is None:
            return None
        e = int.from_bytes(mmo(certificate), "big")
        sum_ = kind.curve.add(kind.curve.multiply(e, point), authority)
        assert sum_ is not None
        return b"\4" + b"".join(one.to_bytes(kind.size, "big") for one in sum_)

    def takes_elements(self, octets: bytes, *, leave_out: bool = False) -> bool:
        """Ask for the last signature of a file, with the last certificate of its suite."""
        found = pieces(octets)
        signed = [(one, kind) for one in found for kind in KINDS if one.tag == kind.signature_tag]
        if not signed:
            return False
        signature, kind = signed[-1]
        certificates = [one.data for one in found if one.tag == kind.certificate_tag]
        numbers = signature.data[SIGNER_SIZE:]
        if not certificates or len(numbers) != 2 * kind.size:
            return False
        if len(certificates[-1]) != kind.certificate_size:
            return False
        public = self.key(kind, certificates[-1])
        if public is None:
            return False
        covered = octets[: signature.at + HEAD_SIZE + SIGNER_SIZE]
        for one in reversed(found if leave_out else ()):
            if one.tag == INTEGRITY:
                begin = one.at + HEAD_SIZE
                covered = covered[:begin] + covered[begin + len(one.data) :]
        return self.verifies(kind.family, public, mmo(covered), numbers)

    def takes_raw(self, octets: bytes) -> bool:
        """Ask for the last 64 octets of a raw container, two octets behind the image."""
        total = int.from_bytes(octets[52:56], "little")
        octets = octets[:total]
        if len(octets) < HEADER_SIZE + 4 + 2 + RAW_SIZE:
            return False
        image = octets[HEADER_SIZE + 4 : -RAW_SIZE - 2]
        public = bytes.fromhex(trust()["gb_key"])
        digest = hashlib.sha256(image).digest()
        return self.verifies(FAMILIES["prime256v1"], public, digest, octets[-RAW_SIZE:])

    def verifies(self, family: Family, public: bytes, digest: bytes, numbers: bytes) -> bool:
        half = len(numbers) // 2
        r, s = int.from_bytes(numbers[:half], "big"), int.from_bytes(numbers[half:], "big")
        return self.openssl.verify(family, public, digest, r, s)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return Judge(tmp_path_factory.mktemp("openssl"))


def signed_cases() -> list[Case]:
    """Return the vectors for devices that want a signature."""
    return [one for one in cases().values() if not OF_SIGNATURES.isdisjoint(one.steps)]


def ours(case: Case) -> bool:
    """Return the verdict of our steps of signatures alone."""
    steps = tuple(step for step in case.steps if step in OF_SIGNATURES)
    return verify(case.octets, case.against, steps).accepted


def theirs(judge: Judge, case: Case) -> bool:
    """Return the verdict of OpenSSL."""
    if "gb_signature" in case.steps:
        return judge.takes_raw(case.octets)
    leave_out = case.against.signed_integrity is SignedIntegrity.LEAVE_OUT
    return judge.takes_elements(case.octets, leave_out=leave_out)


def test_openssl_and_our_steps_judge_every_signature_alike(judge: Judge) -> None:
    """Differ only where a rule is one of files; there we are the stricter ones, every time."""
    found = {one.vector.id: (ours(one), theirs(judge, one)) for one in signed_cases()}
    expected = {id: (False, True) for ids in DIFFERENCES.values() for id in ids}
    assert {id: pair for id, pair in found.items() if len(set(pair)) > 1} == expected
    assert len(found) >= 170
    both = Counter(found.values())
    assert both[True, True] >= 15
    assert both[False, False] >= 120


@pytest.mark.parametrize("base", ["zcl-suite1", "zcl-suite2", "gbcs-signed"])
@pytest.mark.parametrize("profile", names())
def test_openssl_takes_the_honest_bases_of_each_type(judge: Judge, profile: str, base: str) -> None:
    """And takes none of them with a bit of its image flipped."""
    ota = load(profile).ota
    identity = Identity(
        eui64=DUT_EUI64,
        manufacturer=ota.manufacturer_code,
        image_type=ota.image_type,
        hardware_version=ota.hardware_version,
    )
    octets = honest(base, {}, identity)
    flipped = octets[:200] + bytes([octets[200] ^ 1]) + octets[201:]
    if base == "gbcs-signed":
        assert judge.takes_raw(octets)
        assert not judge.takes_raw(flipped)
        return
    assert judge.takes_elements(octets)
    assert not judge.takes_elements(flipped)
