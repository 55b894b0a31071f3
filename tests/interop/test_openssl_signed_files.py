"""OpenSSL judges the files that we sign, and signs files that we must take.

OpenSSL makes the public key from the private one, so that nothing of our ECQV is between them: what
our certificate yields must be that key. One file's digest is OpenSSL's too, block by block.
"""

import random
import subprocess
from pathlib import Path

import pytest

from emulator.crypto.mmo import aes_mmo
from emulator.crypto.suites import FACTS, Suite
from emulator.image.build import build
from emulator.image.judgement import Expectation
from emulator.image.keys import (
    GbSigner,
    Signer,
    new_authority,
    new_gb_signer,
    new_signer,
    trust_of,
)
from emulator.image.sign import sign
from emulator.image.verify import verify
from emulator.wire.ota_file import Container
from tests.image.signers import AGAINST_B, DEVICE_1, DEVICE_1_SUITE_2, FILE_B, SIGNED_END

CURVES = {
    Suite.ONE: ("sect163k1", bytes.fromhex("06052b81040001")),
    Suite.TWO: ("sect283k1", bytes.fromhex("06052b81040010")),
}
P256 = bytes.fromhex("06082a8648ce3d030107")
OF_SUITES = ("signer", "certificate", "signature_suite1", "signature_suite2")
STEPS = ("header", "size", "structure", *OF_SUITES, "manifest")
RAW_STEPS = ("header", "size", "structure", "trailer", "gb_signature", "manifest")
SEEDS = range(6)

both_suites = pytest.mark.parametrize("suite", list(Suite), ids=["suite 1", "suite 2"])


# DER, as little as is needed.


def tlv(tag: int, octets: bytes) -> bytes:
    """Return one value of DER, under 256 octets."""
    size = len(octets)
    assert size < 256
    return bytes([tag, size]) + octets if size < 128 else bytes([tag, 0x81, size]) + octets


def number(value: int) -> bytes:
    """Return an INTEGER."""
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def signature_of(r: int, s: int) -> bytes:
    """Return the SEQUENCE of an ECDSA signature."""
    return tlv(0x30, number(r) + number(s))


def numbers_of(der: bytes) -> tuple[int, int]:
    """Return r and s of a signature that OpenSSL made."""
    assert der[0] == 0x30
    found, at = [], 2
    for _ in range(2):
        assert der[at] == 2
        end = at + 2 + der[at + 1]
        found.append(int.from_bytes(der[at + 2 : end], "big"))
        at = end
    assert at == len(der)
    return found[0], found[1]


def private_key(folder: Path, curve: bytes, private: int, size: int) -> Path:
    """Write an ECPrivateKey (RFC 5915) without its public part."""
    octets = tlv(4, private.to_bytes(size, "big"))
    path = folder / "private.der"
    path.write_bytes(tlv(0x30, number(1) + octets + tlv(0xA0, curve)))
    return path


# OpenSSL.


def openssl(*arguments: str | Path, given: bytes = b"") -> bytes:
    """Run a command of OpenSSL and return what it prints."""
    words = ["openssl", *(str(one) for one in arguments)]
    return subprocess.run(words, input=given, check=True, capture_output=True).stdout


def public_key(folder: Path, private: Path) -> Path:
    """Let OpenSSL make the public key."""
    path = folder / "public.der"
    made = openssl("pkey", "-inform", "DER", "-in", private, "-pubout", "-outform", "DER")
    path.write_bytes(made)
    return path


def judged(folder: Path, public: Path, digest: bytes, r: int, s: int) -> bool:
    """Let OpenSSL judge a signature of a digest."""
    (folder / "digest").write_bytes(digest)
    (folder / "signature").write_bytes(signature_of(r, s))
    made = subprocess.run(
        [
            *("openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", str(public)),
            *("-in", str(folder / "digest"), "-sigfile", str(folder / "signature")),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    said = made.stdout.strip()
    assert said in ("Signature Verified Successfully", "Signature Verification Failure")
    assert (made.returncode == 0) == (said == "Signature Verified Successfully")
    return made.returncode == 0


def mmo_by_openssl(data: bytes) -> bytes:
    """Hash with AES-MMO, every block encrypted by OpenSSL; under 8192 octets (05-3474, B.6)."""
    padded = data + b"\x80"
    padded += bytes((14 - len(padded)) % 16) + (8 * len(data)).to_bytes(2, "big")
    digest = bytes(16)
    for at in range(0, len(padded), 16):
        block = padded[at : at + 16]
        mixed = openssl("enc", "-aes-128-ecb", "-nopad", "-K", digest.hex(), given=block)
        digest = bytes(one ^ two for one, two in zip(mixed, block, strict=True))
    return digest


# Our files.


def file(seed: int, container: Container = Container.ZCL) -> bytes:
    """Build an unsigned file, another for each seed."""
    return build(
        payload=random.Random(seed).randbytes(40 + 17 * seed),
        manufacturer=0xFFF1,
        image_type=3,
        version=2 + seed,
        hardware=(0x0100, 0x01FF),
        container=container,
        integrity=False,
    )


def against(data: bytes, key: Signer | GbSigner, seed: int, **changes: Container) -> Expectation:
    """Expect such a file, trusting a key."""
    return Expectation(
        eui64=1,
        manufacturer=0xFFF1,
        image_type=3,
        hardware_version=0x0102,
        offered_manufacturer=0xFFF1,
        offered_image_type=3,
        offered_version=2 + seed,
        offered_size=len(data),
        trust=trust_of([key]),
        suites=(1, 2),
        **changes,
    )


def signer_of(suite: Suite, seed: int) -> Signer:
    """Make a CA and a signer, others for each seed."""
    rng = random.Random(seed)
    return new_signer(new_authority(suite, 0x48414E4F56455243, rng), 0x00124B0001020304, rng)


def parts_of(data: bytes, suite: Suite) -> tuple[bytes, int, int]:
    """Return what is signed of a file, and r and s."""
    size = FACTS[suite].scalar_size
    r, s = data[-2 * size : -size], data[-size:]
    return data[: -2 * size], int.from_bytes(r, "big"), int.from_bytes(s, "big")


@both_suites
@pytest.mark.parametrize("seed", SEEDS)
def test_openssl_takes_what_we_sign(tmp_path: Path, suite: Suite, seed: int) -> None:
    """And takes no other octets for them, as we do not."""
    signer = signer_of(suite, seed)
    data = sign(file(seed), signer)
    signed, r, s = parts_of(data, suite)
    size = FACTS[suite].scalar_size
    public = public_key(tmp_path, private_key(tmp_path, CURVES[suite][1], signer.private, size))
    assert judged(tmp_path, public, aes_mmo(signed), r, s)
    assert verify(data, against(data, signer, seed), STEPS).accepted

    at = 60 + seed * 9
    flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    assert not judged(tmp_path, public, aes_mmo(parts_of(flipped, suite)[0]), r, s)
    assert not verify(flipped, against(flipped, signer, seed), OF_SUITES).accepted


@both_suites
@pytest.mark.parametrize("seed", SEEDS)
def test_we_take_what_openssl_signs(tmp_path: Path, suite: Suite, seed: int) -> None:
    """OTA-F-018: r and s of OpenSSL's, over the digest of ota-cluster 6.3."""
    signer, size = signer_of(suite, seed), FACTS[suite].scalar_size
    data = sign(file(seed), signer)
    signed, r, s = parts_of(data, suite)
    private = private_key(tmp_path, CURVES[suite][1], signer.private, size)
    (tmp_path / "digest").write_bytes(aes_mmo(signed))
    command = ("pkeyutl", "-sign", "-keyform", "DER", "-inkey", private)
    made = numbers_of(openssl(*command, "-in", tmp_path / "digest"))
    assert made != (r, s)
    theirs = signed + b"".join(one.to_bytes(size, "big") for one in made)
    assert verify(theirs, against(theirs, signer, seed), STEPS).accepted

    stranger = signer_of(suite, seed + 100)
    assert not verify(theirs, against(theirs, stranger, seed), STEPS).accepted


@pytest.mark.parametrize("device", [DEVICE_1, DEVICE_1_SUITE_2], ids=["suite 1", "suite 2"])
def test_the_published_keys_agree_with_openssl(tmp_path: Path, device: Signer) -> None:
    """OTA-F-017, OTA-F-018: with a digest that is OpenSSL's as well."""
    suite = device.suite
    data = sign(file(0), device)
    signed, r, s = parts_of(data, suite)
    size = FACTS[suite].scalar_size
    public = public_key(tmp_path, private_key(tmp_path, CURVES[suite][1], device.private, size))
    digest = mmo_by_openssl(signed)
    assert digest == aes_mmo(signed)
    assert judged(tmp_path, public, digest, r, s)
    assert verify(data, against(data, device, 0), STEPS).accepted


def test_the_published_file_agrees_with_openssl(tmp_path: Path) -> None:
    """OTA-F-017: file B of ota-cluster 6.5."""
    signed, r, s = parts_of(FILE_B, Suite.ONE)
    assert len(signed) == SIGNED_END
    public = public_key(tmp_path, private_key(tmp_path, CURVES[Suite.ONE][1], DEVICE_1.private, 21))
    assert judged(tmp_path, public, mmo_by_openssl(signed), r, s)
    assert verify(FILE_B, AGAINST_B, ("header", "size", "structure", *OF_SUITES)).accepted


@pytest.mark.parametrize("seed", SEEDS)
def test_raw_files_agree_with_openssl_both_ways(tmp_path: Path, seed: int) -> None:
    """GB-002: ECDSA P-256 with SHA-256 over the manufacturer image alone."""
    key = new_gb_signer(0x90B3D51F30010000, random.Random(seed))
    plain = file(seed, Container.GBCS)
    data = sign(plain, key)
    image, trailer = tmp_path / "image", data[-64:]
    image.write_bytes(plain[60:])
    private = private_key(tmp_path, P256, key.private, 32)
    public = public_key(tmp_path, private)
    r, s = int.from_bytes(trailer[:32], "big"), int.from_bytes(trailer[32:], "big")
    (tmp_path / "signature").write_bytes(signature_of(r, s))
    check = ("dgst", "-sha256", "-keyform", "DER", "-verify", public)
    said = openssl(*check, "-signature", tmp_path / "signature", image)
    assert said.strip() == b"Verified OK"
    expectation = against(data, key, seed, container=Container.GBCS)
    assert verify(data, expectation, RAW_STEPS).accepted

    made = openssl("dgst", "-sha256", "-keyform", "DER", "-sign", private, image)
    theirs = data[:-64] + b"".join(one.to_bytes(32, "big") for one in numbers_of(made))
    assert theirs != data
    assert verify(theirs, expectation, RAW_STEPS).accepted
    flipped = theirs[:70] + bytes([theirs[70] ^ 1]) + theirs[71:]
    refusal = verify(flipped, expectation, RAW_STEPS).refusal
    assert refusal is not None
    assert refusal.step == "gb_signature"
