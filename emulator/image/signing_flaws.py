"""Find what is wrong with signatures and certificates of a file, without anybody's key.

Whether a signature fits is verification's part. What is judged here shows in the octets alone: who
should have signed, with which certificate, and numbers that no signature can have.

Source: ZCL rev 8, 11.7.1; ota-cluster 6.2 and 6.3; gb-alt-han 2.2.
"""

from collections.abc import Generator, Iterator

from emulator.crypto import p256
from emulator.crypto.ecqv import MAY_SIGN, USAGE_OFFSET, Certificate, read_certificate
from emulator.crypto.suites import FACTS, Suite
from emulator.errors import CertificateError, CryptoError
from emulator.image.anchors import Layout
from emulator.image.flaws import Flaw, FlawCode
from emulator.units import Octets
from emulator.wire.codec import pack_integer, unpack_integer
from emulator.wire.ota_file import ELEMENT_HEAD_SIZE, TRAILER_MARK, Element, ElementTag
from emulator.wire.ota_signature import SignatureData, SignatureSuite1, SignatureSuite2

_SUITE_OF_SIGNATURE = {int(FACTS[suite].signature_tag): suite for suite in Suite}
_SUITE_OF_CERTIFICATE = {int(FACTS[suite].certificate_tag): suite for suite in Suite}
_DATA: dict[Suite, type[SignatureData]] = {
    Suite.ONE: SignatureSuite1,
    Suite.TWO: SignatureSuite2,
}
_EUI64_SIZE: Octets = 8

_Placed = tuple[Octets, Element]


def judge_signing(layout: Layout) -> Iterator[Flaw]:
    """Yield what is wrong with the signature and the certificate elements of a file.

    The first signature and the first certificate are judged; more of them are a flaw of their own.
    """
    placed = tuple(zip(layout.file.offsets(), layout.file.elements, strict=True))
    signatures = [one for one in placed if one[1].tag in _SUITE_OF_SIGNATURE]
    certificates = [one for one in placed if one[1].tag in _SUITE_OF_CERTIFICATE]
    codes = [at for at, element in placed if element.tag == ElementTag.INTEGRITY_CODE]
    if len(certificates) > 1:
        found = f"{len(certificates)} certificates"
        yield Flaw(FlawCode.SEVERAL_CERTIFICATES, certificates[1][0], found, "one")
    if not signatures:
        for at, element in certificates[:1]:
            found = f"a certificate, tag {element.tag:#06x}"
            yield Flaw(FlawCode.CERTIFICATE_ALONE, at, found, "a signature behind it")
    elif codes:
        found = "an integrity code in a signed file, which devices hash differently"
        yield Flaw(FlawCode.INTEGRITY_SIGNED, codes[0], found, "a signature alone")
    certificate = None
    if certificates:
        certificate = yield from _judge_certificate(*certificates[0])
    if signatures:
        yield from _judge_signature(signatures[0], certificates, certificate)


def _judge_certificate(at: Octets, element: Element) -> Generator[Flaw, None, Certificate | None]:
    """Yield what is wrong with a certificate, and return it if it can be read."""
    suite, start = _SUITE_OF_CERTIFICATE[element.tag], at + ELEMENT_HEAD_SIZE
    if len(element.data) != FACTS[suite].certificate_size:
        return None  # the reader has said so
    try:
        certificate = read_certificate(element.data, suite)
    except CertificateError as error:
        wanted = f"a certificate of suite {suite:d}"
        yield Flaw(FlawCode.CERTIFICATE_UNREADABLE, start, str(error), wanted)
        return None
    if wrong := _wrong_point(certificate):
        place = start + element.data.rindex(certificate.point)
        wanted = f"a point of {FACTS[suite].curve.name}, of order n"
        yield Flaw(FlawCode.CERTIFICATE_POINT, place, wrong, wanted)
    usage = certificate.key_usage
    if usage is not None and not usage & MAY_SIGN:
        found, wanted = f"key usage {usage:#04x}", "one with bit 7, signing"
        yield Flaw(FlawCode.CERTIFICATE_USAGE, start + USAGE_OFFSET, found, wanted)
    return certificate


def _wrong_point(certificate: Certificate) -> str | None:
    """Say why no key can be made of a certificate's point."""
    curve = FACTS[certificate.suite].curve
    try:
        point = curve.decompress(certificate.point)
    except CryptoError as error:
        return str(error)
    return None if curve.is_public_key(point) else "a point of another order"


def _judge_signature(
    signature: _Placed, certificates: list[_Placed], certificate: Certificate | None
) -> Iterator[Flaw]:
    at, element = signature
    suite = _SUITE_OF_SIGNATURE[element.tag]
    if not certificates:
        found, wanted = "a signature and no certificate", f"a certificate of suite {suite:d}"
        yield Flaw(FlawCode.CERTIFICATE_MISSING, at, found, wanted)
    elif certificates[0][1].tag != FACTS[suite].certificate_tag:
        found = f"a certificate, tag {certificates[0][1].tag:#06x}"
        wanted = f"tag {int(FACTS[suite].certificate_tag):#06x}, as the signature's suite"
        yield Flaw(FlawCode.CERTIFICATE_SUITE, certificates[0][0], found, wanted)
    if len(element.data) != FACTS[suite].signature_size:
        return  # the reader has said so
    start = at + ELEMENT_HEAD_SIZE
    data, _ = _DATA[suite].decode_at(element.data, 0)
    if certificate is not None and data.signer != certificate.subject:
        turned = unpack_integer(pack_integer(data.signer, _EUI64_SIZE)[::-1])
        code = FlawCode.SIGNER_NOT_SUBJECT
        if turned == certificate.subject:
            code = FlawCode.SIGNER_REVERSED
        wanted = f"{certificate.subject:#018x}, the certificate's subject"
        yield Flaw(code, start, f"signer {data.signer:#018x}", wanted)
    order = FACTS[suite].curve.n
    yield from _judge_number("r", data.r, order, start + _EUI64_SIZE)
    behind = start + _EUI64_SIZE + FACTS[suite].scalar_size
    yield from _judge_number("s", data.s, order, behind)


def _judge_number(name: str, number: int, order: int, at: Octets) -> Iterator[Flaw]:
    if 0 < number < order:
        return
    found = f"{name} 0" if not number else f"{name} at or above the order of the curve"
    yield Flaw(FlawCode.SIGNATURE_RANGE, at, found, "a number above 0 and below that order")


def judge_trailer(layout: Layout) -> Iterator[Flaw]:
    """Yield what is wrong with a raw container's trailer, or with what looks like one."""
    signature = layout.file.signature
    if signature is None:
        yield from _judge_mark(layout)
        return
    at = layout.signature or 0
    for index, name in enumerate(("r", "s")):
        start = index * p256.SCALAR_SIZE
        number = int(signature[start : start + p256.SCALAR_SIZE].hex(), 16)
        yield from _judge_number(name, number, p256.N, at + start)


#: What else has been meant as a trailer's mark: one octet wrong, or the two turned around.
_NEAR_MARKS = frozenset(bytes.fromhex(mark) for mark in ("0041", "0140", "4000", "0000", "4040"))
#: Octets of a signature are hardly ever alike: text and code have fewer different ones.
_FEWEST_VALUES = 40


def _judge_mark(layout: Layout) -> Iterator[Flaw]:
    """Yield a mark that is nearly right before 64 octets that look like a signature."""
    body = layout.file.body
    tail = body[-(len(TRAILER_MARK) + 2 * p256.SCALAR_SIZE) :]
    mark, rest = tail[: len(TRAILER_MARK)], tail[len(TRAILER_MARK) :]
    if mark not in _NEAR_MARKS or len(set(rest)) < _FEWEST_VALUES:
        return
    at = (layout.image or 0) + len(body) - len(tail)
    found = f"{mark.hex(' ')} before what looks like a signature"
    yield Flaw(FlawCode.TRAILER_MARK, at, found, TRAILER_MARK.hex(" "))
