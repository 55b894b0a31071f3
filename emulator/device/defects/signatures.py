"""Hold the defects of signatures: who signed, with which key, over which octets."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeAlias

from emulator.crypto import ecdsa
from emulator.crypto.curve import Point
from emulator.crypto.ecqv import Certificate, read_certificate, reconstruct
from emulator.crypto.mmo import aes_mmo
from emulator.crypto.suites import EUI64_SIZE, FACTS, Suite
from emulator.device.defects.model import Defect
from emulator.device.defects.steps import (
    SIGNED_STEPS,
    SUITE_STEPS,
    judged,
    seeing,
    with_steps,
    without,
)
from emulator.errors import CryptoError
from emulator.image.judgement import Reading, Refusal, Step, refuse
from emulator.image.verify import STEPS
from emulator.profiles.trust import TrustProfile
from emulator.units import Octets
from emulator.wire.codec import pack_integer, unpack_integer
from emulator.wire.ota_file import (
    ELEMENT_HEAD_SIZE,
    RAW_SIGNATURE_SIZE,
    Element,
)
from emulator.wire.ota_signature import SignatureData, SignatureSuite1, SignatureSuite2

_CLAUSE = "ZCL 11.7.1"
_SIGNER_END: Octets = ELEMENT_HEAD_SIZE + EUI64_SIZE
_SUITE_OF = {FACTS[suite].signature_tag: suite for suite in Suite}
_DATA: dict[Suite, type[SignatureData]] = {Suite.ONE: SignatureSuite1, Suite.TWO: SignatureSuite2}
_OF_SIGNING = frozenset(_SUITE_OF) | {FACTS[suite].certificate_tag for suite in Suite}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Be a signature and a certificate of its suite, wherever they stand."""

    suite: Suite
    at: Octets
    signature: Element
    certificate: Element


_Choose: TypeAlias = Callable[[Reading], _Found | None]
_Range: TypeAlias = Callable[[Reading, _Found], bytes]
_Key: TypeAlias = Callable[[Certificate, Point], Point]


def _last(reading: Reading) -> _Found | None:
    """Return the last signature of a suite that the device takes, with a certificate for it."""
    file = reading.file
    found = None
    for at, element in zip(file.offsets(), file.elements, strict=True):
        suite = _SUITE_OF.get(element.tag)
        if suite is None or suite not in reading.against.suites:
            continue
        facts = FACTS[suite]
        kept = [one for one in file.elements if one.tag == facts.certificate_tag]
        if kept and len(element.data) == facts.signature_size:
            found = _Found(suite=suite, at=at, signature=element, certificate=kept[-1])
    return found


def _only(reading: Reading) -> _Found | None:
    """Return the one signature of a file, wherever it stands; None if there are more."""
    return _last(reading) if _count(reading) == 2 else None


def _elsewhere(reading: Reading) -> _Found | None:
    """Return the one signature of a file if it is not its last element."""
    found = _only(reading)
    return None if found is None or _ends(reading, found) else found


def _last_of_many(reading: Reading) -> _Found | None:
    """Return the last element of a file if it is a signature, and not the only one."""
    found = _last(reading) if _count(reading) > 2 else None
    return found if found is not None and _ends(reading, found) else None


def _count(reading: Reading) -> int:
    """Return how many signatures and certificates there are."""
    return sum(element.tag in _OF_SIGNING for element in reading.file.elements)


def _ends(reading: Reading, found: _Found) -> bool:
    return found.at + found.signature.size == len(reading.octets)


def _covered(reading: Reading, found: _Found) -> bytes:
    """Return the octets that are signed (ota-cluster 6.3)."""
    return reading.octets[: found.at + _SIGNER_END]


def _holds(found: _Found, signed: bytes, trust: TrustProfile | None, key: _Key) -> bool:
    """Tell whether the signature found is one of these octets."""
    authority = None if trust is None else trust.authority(found.suite)
    if authority is None:
        return False
    curve = FACTS[found.suite].curve
    certificate = read_certificate(found.certificate.data, found.suite)
    data, _ = _DATA[found.suite].decode_at(found.signature.data, 0)
    public = key(certificate, curve.decompress(authority))
    return ecdsa.verify(curve, public, aes_mmo(signed), data.r, data.s)


def _suites(
    choose: _Choose = _only, over: _Range = _covered, key: _Key = reconstruct
) -> dict[str, Step]:
    """Return the steps of both suites for a signature chosen, and checked, in a way of its own."""

    def step_of(suite: Suite) -> Step:
        name = f"signature_suite{suite:d}"

        def step(reading: Reading) -> Refusal | None:
            found = choose(reading)
            if found is None:
                return STEPS[name](reading)
            if found.suite is not suite:
                return None
            if _holds(found, over(reading, found), reading.against.trust, key):
                return None
            return refuse(name, _CLAUSE, "a signature that does not fit", "one that does")

        return step

    return {f"signature_suite{suite:d}": step_of(suite) for suite in Suite}


def _choosing(choose: _Choose) -> dict[str, Step]:
    """Return the steps that judge one signature and its certificate as if there were no others."""

    def tidied(reading: Reading) -> Reading:
        found, file = choose(reading), reading.file
        if found is None:
            return reading
        others = tuple(one for one in file.elements if one.tag not in _OF_SIGNING)
        elements = (*others, found.certificate, found.signature)
        tidy = replace(file, elements=elements, remainder=b"", trailing=b"")
        return Reading(tidy.encode(), reading.against)

    return {**seeing(tidied, "structure", "signer", "certificate"), **_suites(choose)}


# What is signed.


def _without_signer(reading: Reading, found: _Found) -> bytes:
    return reading.octets[: found.at + ELEMENT_HEAD_SIZE]


def _without_head(reading: Reading, found: _Found) -> bytes:
    signer = reading.octets[found.at + ELEMENT_HEAD_SIZE : found.at + _SIGNER_END]
    return reading.octets[: found.at] + signer


def _image_alone(reading: Reading, found: _Found) -> bytes:
    return reading.file.image or b""


def _whole_file(reading: Reading, found: _Found) -> bytes:
    return reading.octets


# Whose key it is.


def _point_alone(certificate: Certificate, authority: Point) -> Point:
    return FACTS[certificate.suite].curve.decompress(certificate.point)


#: A second CA, as that of a maker's tests: the vectors call it foreign.
_TEST_ISSUER = 0x00124B004F544843
_TEST_CA_1 = "0203F62ABAF03F705C2B81E01CAC7F735621871E9610"
_TEST_CA_2 = "020078F74C082F562C24D3415ED0109CB05CB9E4D1D63DFA1D17C31DDE9824B9A5560DEECB"


@cache
def _with_test_ca(trust: TrustProfile) -> TrustProfile:
    return replace(trust, issuer=_TEST_ISSUER, ca_suite1=_TEST_CA_1, ca_suite2=_TEST_CA_2)


def _either_ca(reading: Reading) -> Reading:
    """Believe the test CA as well, where a certificate names it."""
    found, trust = _only(reading), reading.against.trust
    if found is None or trust is None:
        return reading
    certificate = read_certificate(found.certificate.data, found.suite)
    if certificate.issuer != _TEST_ISSUER:
        return reading
    return Reading(reading.octets, replace(reading.against, trust=_with_test_ca(trust)))


@cache
def _turned(trust: TrustProfile) -> TrustProfile:
    signers = (unpack_integer(pack_integer(one, EUI64_SIZE)[::-1]) for one in trust.signers)
    return replace(trust, signers=tuple(signers))


def _big_endian(reading: Reading) -> Reading:
    """Read the signer of a signature as big-endian, as its certificate has it."""
    trust = reading.against.trust
    if trust is None:
        return reading
    return Reading(reading.octets, replace(reading.against, trust=_turned(trust)))


def _signed_by_the_subject(reading: Reading) -> Reading:
    """Take the certificate's subject for the signer."""
    found = _only(reading)
    if found is None:
        return reading
    certificate = read_certificate(found.certificate.data, found.suite)
    at = found.at + ELEMENT_HEAD_SIZE
    subject = pack_integer(certificate.subject, EUI64_SIZE)
    octets = reading.octets[:at] + subject + reading.octets[at + EUI64_SIZE :]
    return Reading(octets, reading.against)


# What is not asked.


def _any_suite(reading: Reading) -> Reading:
    return Reading(reading.octets, replace(reading.against, suites=tuple(int(s) for s in Suite)))


def _if_signed(name: str) -> Step:
    """Return a step that accepts what nobody signed."""

    def step(reading: Reading) -> Refusal | None:
        signed = any(element.tag in _SUITE_OF for element in reading.file.elements)
        return STEPS[name](reading) if signed else None

    return step


def _unless_it_fails(name: str) -> Step:
    """Return a step that takes an error of its own for consent."""

    def step(reading: Reading) -> Refusal | None:
        try:
            return STEPS[name](reading)
        except CryptoError:
            return None

    return step


def _psychic(name: str, size: Octets) -> Step:
    """Return a step that finds r = s = 0 to be a signature of everything."""

    def step(reading: Reading) -> Refusal | None:
        return STEPS[name](reading) if any(reading.octets[-size:]) else None

    return step


DEFECTS: tuple[Defect, ...] = (
    judged(
        id="D120",
        title="takes a file whoever signed it, if the CA knows them",
        copies="ZCL rev 8, 11.7.1: the list of trusted signers",
        parts=without("signer"),
        vectors=(
            "IV-005",
            "IV-087",
        ),
    ),
    judged(
        id="D121",
        title="the certificate is not held against signer and CA",
        copies="ZCL rev 8, 11.7.1",
        parts=without("certificate"),
        vectors=(
            "IV-092",
            "IV-099",
        ),
    ),
    judged(
        id="D122",
        title="signatures of suite 1 are not verified",
        copies="ZCL rev 8, 11.7.1",
        parts=without("signature_suite1"),
        vectors=("IV-027",),
    ),
    judged(
        id="D123",
        title="signatures of suite 2 are not verified",
        copies="ZCL rev 8, 11.7.1",
        parts=without("signature_suite2"),
        vectors=("IV-038",),
    ),
    judged(
        id="D125",
        title="a signature is verified only where there is one",
        copies="the commonest way to disarm secure boot; ota-cluster 6.3, step 1",
        parts=with_steps({name: _if_signed(name) for name in SIGNED_STEPS}),
        vectors=(
            "IV-004",
            "IV-051",
        ),
    ),
    judged(
        id="D127",
        title="the digest ends before the signer",
        copies="ota-cluster 6.3: the signer's octets are signed",
        parts=with_steps(_suites(over=_without_signer)),
        vectors=(
            "IV-001",
            "IV-002",
        ),
    ),
    judged(
        id="D128",
        title="the digest leaves out the head of the signature element",
        copies="ota-cluster 6.3",
        parts=with_steps(_suites(over=_without_head)),
        vectors=(
            "IV-001",
            "IV-002",
        ),
    ),
    judged(
        id="D129",
        title="the digest is that of the upgrade image alone",
        copies="ota-cluster 6.3: header and all sub-elements are signed",
        parts=with_steps(_suites(over=_image_alone)),
        vectors=(
            "IV-001",
            "IV-002",
        ),
    ),
    judged(
        id="D130",
        title="the digest is that of the whole file",
        copies="ota-cluster 6.3",
        parts=with_steps(_suites(over=_whole_file)),
        vectors=(
            "IV-001",
            "IV-002",
        ),
    ),
    judged(
        id="D131",
        title="of two signatures, the last one of a suite that is taken counts",
        copies="ota-cluster 6.3: exactly one signature",
        parts=with_steps(_choosing(_last_of_many)),
        vectors=(
            "IV-136",
            "IV-145",
            "IV-049",
        ),
    ),
    judged(
        id="D132",
        title="octets behind the signature are not minded",
        copies="ota-cluster 6.3; OTA-F-022",
        parts=with_steps(_choosing(_elsewhere)),
        vectors=(
            "IV-318",
            "IV-322",
        ),
    ),
    judged(
        id="D133",
        title="the certificate's subject is not held against the signer",
        copies="ota-cluster 6.3; OTA-C-084",
        parts=with_steps(seeing(_signed_by_the_subject, "certificate")),
        vectors=(
            "IV-092",
            "IV-099",
        ),
    ),
    judged(
        id="D134",
        title="believes the CA of the maker's tests as well",
        copies="ota-cluster 6.2: files of a test CA stay off devices in use",
        parts=with_steps(seeing(_either_ca, "certificate", *SUITE_STEPS)),
        vectors=(
            "IV-006",
            "IV-088",
        ),
    ),
    judged(
        id="D135",
        title="takes the point in the certificate for the public key",
        copies="SEC 4, 2.5: the key is e*P + Q",
        parts=with_steps(_suites(key=_point_alone)),
        vectors=(
            "IV-001",
            "IV-002",
        ),
    ),
    judged(
        id="D136",
        title="finds r = s = 0 to sign everything",
        copies="CVE-2022-21449; FIPS 186-4, 6.4.2",
        parts=with_steps(
            {
                "signature_suite1": _psychic("signature_suite1", 42),
                "signature_suite2": _psychic("signature_suite2", 72),
                "gb_signature": _psychic("gb_signature", RAW_SIGNATURE_SIZE),
            }
        ),
        vectors=(
            "IV-063",
            "IV-076",
            "IV-299",
        ),
    ),
    judged(
        id="D137",
        title="reads the signer of a signature as big-endian",
        copies="ota-cluster 6.3; OTA-F-021",
        parts=with_steps(seeing(_big_endian, "signer")),
        vectors=(
            "IV-001",
            "IV-002",
        ),
    ),
    judged(
        id="D138",
        title="takes a certificate that it cannot calculate with for a good one",
        copies="a verifier that fails open; SEC 4, 2.5",
        parts=with_steps({name: _unless_it_fails(name) for name in SIGNED_STEPS}),
        vectors=(
            "IV-108",
            "IV-125",
        ),
    ),
    judged(
        id="D139",
        title="takes a file of a suite that it does not know for one without fault",
        copies="ZCL rev 8, 11.7.1",
        parts=with_steps(seeing(_any_suite, *SIGNED_STEPS)),
        vectors=(
            "IV-135",
            "IV-143",
        ),
    ),
)
