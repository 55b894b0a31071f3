"""Judge who signed a firmware file: the two suites of the OTA cluster, and the GB trailer.

A file has exactly one signature, its last element, and a certificate of the same suite. What stands
behind a signature is not signed, so nothing may. Every step here refuses where the device was given
nobody to trust.

Source: ZCL rev 8, 11.7.1; ota-cluster 6.2 and 6.3; gb-alt-han 2.2.
"""

from dataclasses import dataclass
from functools import cache

from emulator.crypto import ecdsa, p256
from emulator.crypto.curve import Point
from emulator.crypto.ecqv import MAY_SIGN, Certificate, read_certificate, reconstruct
from emulator.crypto.mmo import aes_mmo
from emulator.crypto.suites import EUI64_SIZE, FACTS, Suite
from emulator.image.judgement import Reading, Refusal, refuse
from emulator.profiles.switches import SignedIntegrity
from emulator.units import Octets
from emulator.wire.ota_file import ELEMENT_HEAD_SIZE, ElementTag
from emulator.wire.ota_signature import SignatureData, SignatureSuite1, SignatureSuite2

_CLAUSE = "ZCL 11.7.1"
_RAW_CLAUSE = "gb-alt-han 2.2"
_SUITE_OF_SIGNATURE = {FACTS[suite].signature_tag: suite for suite in Suite}
_SUITE_OF_CERTIFICATE = {FACTS[suite].certificate_tag: suite for suite in Suite}
_DATA: dict[Suite, type[SignatureData]] = {Suite.ONE: SignatureSuite1, Suite.TWO: SignatureSuite2}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    """Be the one signature of a file: its suite, what it holds, and where its element begins."""

    suite: Suite
    data: SignatureData
    at: Octets


def verify_signer(reading: Reading) -> Refusal | None:
    """Refuse a file whose signature says that somebody signed who is not on the trust list."""
    signed = _signature(reading, "signer")
    if isinstance(signed, Refusal):
        return signed
    trust = reading.against.trust
    trusted = () if trust is None else trust.signers
    if signed.data.signer in trusted:
        return None
    known = ", ".join(f"{one:#018x}" for one in trusted)
    expected = f"one of {known}" if known else "nobody: the trust list is empty"
    return refuse("signer", _CLAUSE, f"{signed.data.signer:#018x}", expected)


def verify_certificate(reading: Reading) -> Refusal | None:
    """Refuse a file unless its certificate makes its signer one of the device's own CA.

    The subject is the signer, the issuer is the CA (which keeps files of a test CA off devices in
    use), and where the time is known it lies between the certificate's dates.
    """
    signed = _signature(reading, "certificate")
    if isinstance(signed, Refusal):
        return signed
    certificate = _certificate(reading, signed, "certificate")
    if isinstance(certificate, Refusal):
        return certificate
    trust, signer = reading.against.trust, signed.data.signer
    issuer = None if trust is None else trust.issuer
    if issuer is None:
        return refuse("certificate", _CLAUSE, "no issuer to trust", "the EUI64 of a CA")
    for name, found, expected in (
        ("subject", certificate.subject, signer),
        ("issuer", certificate.issuer, issuer),
    ):
        if found != expected:
            return refuse("certificate", _CLAUSE, f"{name} {found:#018x}", f"{expected:#018x}")
    usage = certificate.key_usage
    if usage is not None and not usage & MAY_SIGN:
        return refuse("certificate", _CLAUSE, f"key usage {usage:#04x}", "one with bit 7, signing")
    return _judge_dates(certificate, reading.against.at)


def _judge_dates(certificate: Certificate, at: int | None) -> Refusal | None:
    first, last = certificate.valid_from, certificate.valid_to
    if at is None:
        return None
    if first is not None and at < first:
        return refuse("certificate", _CLAUSE, f"valid from {first}", f"{at} or before")
    if last is not None and at > last:
        return refuse("certificate", _CLAUSE, f"valid to {last}", f"{at} or later")
    return None


def verify_signature_suite1(reading: Reading) -> Refusal | None:
    """Refuse a file whose suite 1 signature is not its certificate's; leave suite 2 to its step."""
    return _verify_suite(reading, Suite.ONE)


def verify_signature_suite2(reading: Reading) -> Refusal | None:
    """Refuse a file whose suite 2 signature is not its certificate's; leave suite 1 to its step."""
    return _verify_suite(reading, Suite.TWO)


def _verify_suite(reading: Reading, suite: Suite) -> Refusal | None:
    step = f"signature_suite{suite:d}"
    signed = _signature(reading, step)
    if isinstance(signed, Refusal):
        return signed
    if signed.suite is not suite:
        return None  # a suite that the device takes as well: the other step judges it
    certificate = _certificate(reading, signed, step)
    if isinstance(certificate, Refusal):
        return certificate
    trust, facts = reading.against.trust, FACTS[suite]
    authority = None if trust is None else trust.authority(suite)
    if authority is None:
        return refuse(step, _CLAUSE, "no CA to trust", f"the public key of a CA of suite {suite:d}")
    digest = _digest(reading, signed, step)
    if isinstance(digest, Refusal):
        return digest
    public = reconstruct(certificate, _point(suite, authority))
    if ecdsa.verify(facts.curve, public, digest, signed.data.r, signed.data.s):
        return None
    found = f"a signature that does not fit digest {digest.hex()}"
    return refuse(step, _CLAUSE, found, f"one by {signed.data.signer:#018x}")


@cache
def _point(suite: Suite, compressed: bytes) -> Point:
    return FACTS[suite].curve.decompress(compressed)


def _signature(reading: Reading, step: str) -> _Signed | Refusal:
    """Return the one signature of a file, or why it cannot be judged."""
    file = reading.file
    found = [
        (at, element)
        for at, element in zip(file.offsets(), file.elements, strict=True)
        if element.tag in _SUITE_OF_SIGNATURE
    ]
    if len(found) != 1:
        tags = ", ".join(f"tag {element.tag:#06x}" for _, element in found)
        return refuse(step, _CLAUSE, tags or "no signature", "exactly one signature")
    at, element = found[0]
    suite = _SUITE_OF_SIGNATURE[element.tag]
    taken = reading.against.suites
    if suite not in taken:
        known = " or ".join(f"{one:d}" for one in sorted(taken)) or "none that this device takes"
        return refuse(step, _CLAUSE, f"a signature of suite {suite:d}", f"suite {known}")
    size = FACTS[suite].signature_size
    if len(element.data) != size:
        return refuse(step, "ZCL 11.4.6", f"{len(element.data)} octets of signature", f"{size}")
    behind = len(reading.octets) - at - element.size
    if behind:
        return refuse(step, _CLAUSE, f"{behind} octets behind the signature", "the signature last")
    data, _ = _DATA[suite].decode_at(element.data, 0)
    return _Signed(suite=suite, data=data, at=at)


def _certificate(reading: Reading, signed: _Signed, step: str) -> Certificate | Refusal:
    """Return the one certificate of a file, which must be of the signature's suite."""
    facts = FACTS[signed.suite]
    found = [one for one in reading.file.elements if one.tag in _SUITE_OF_CERTIFICATE]
    if len(found) != 1 or found[0].tag != facts.certificate_tag:
        tags = ", ".join(f"tag {element.tag:#06x}" for element in found)
        expected = f"one of suite {signed.suite:d}"
        return refuse(step, _CLAUSE, f"certificates: {tags or 'none'}", expected)
    return read_certificate(found[0].data, signed.suite)


def _digest(reading: Reading, signed: _Signed, step: str) -> bytes | Refusal:
    """Return what was signed: the file up to and including the signer, hashed once."""
    file, what = reading.file, reading.against.signed_integrity
    eui64_end = signed.at + ELEMENT_HEAD_SIZE + EUI64_SIZE
    range_ = memoryview(reading.octets)[:eui64_end]
    codes = [
        (at, element)
        for at, element in zip(file.offsets(), file.elements, strict=True)
        if element.tag == ElementTag.INTEGRITY_CODE
    ]
    if not codes or what is SignedIntegrity.KEEP:
        return aes_mmo(range_)
    if what is SignedIntegrity.REFUSE:
        return refuse(step, _CLAUSE, "an integrity code in a signed file", "none")
    kept, start = [], 0
    for at, element in codes:
        kept.append(range_[start : at + ELEMENT_HEAD_SIZE])
        start = at + element.size
    return aes_mmo(b"".join((*kept, range_[start:])))


def verify_gb_signature(reading: Reading) -> Refusal | None:
    """Refuse a raw container unless the supplier signed its manufacturer image.

    The header is not signed: what it claims is for the step ``manifest`` (GB-008, GB-009).
    """
    file, trust = reading.file, reading.against.trust
    if file.signature is None:  # nor has any file with sub-elements
        return refuse("gb_signature", _RAW_CLAUSE, "no trailer", "00 40 and a signature")
    supplier = None if trust is None else trust.supplier
    if supplier is None:
        return refuse("gb_signature", _RAW_CLAUSE, "no key to trust", "the supplier's public key")
    if p256.verify(supplier, file.body, file.signature):
        return None
    found = f"a signature that does not fit {len(file.body)} octets of image"
    return refuse("gb_signature", _RAW_CLAUSE, found, "one by the supplier")
