"""Sign firmware files with test keys: the two suites of the OTA cluster, and the GB trailer.

``sign`` makes honest files and refuses what would not be one. The parts that it is made of take any
file that begins with a header: what they make of a dishonest one is a lie for tests.

Source: ZCL rev 8, 11.7.1; ota-cluster 6.3; gb-alt-han 2.2.
"""

from dataclasses import replace
from typing import NoReturn

from emulator.crypto import ecdsa, p256
from emulator.crypto.mmo import aes_mmo
from emulator.crypto.suites import FACTS, Suite
from emulator.errors import ImageError, WireError
from emulator.image.keys import Authority, GbSigner, Key, Signer
from emulator.units import Octets
from emulator.wire.ota_file import (
    MAGIC,
    RAW_SIGNATURE_SIZE,
    TRAILER_MARK,
    Container,
    Element,
    ElementHead,
    ElementTag,
    OtaFile,
    OtaHeader,
)
from emulator.wire.ota_reader import read
from emulator.wire.ota_signature import SignatureData, SignatureSuite1, SignatureSuite2

_DATA: dict[Suite, type[SignatureData]] = {
    Suite.ONE: SignatureSuite1,
    Suite.TWO: SignatureSuite2,
}
#: Elements that an unsigned file does not have.
_OF_SIGNED = frozenset(
    {
        ElementTag.SIGNATURE_SUITE_1,
        ElementTag.CERTIFICATE_SUITE_1,
        ElementTag.SIGNATURE_SUITE_2,
        ElementTag.CERTIFICATE_SUITE_2,
    }
)


def sign(data: bytes, key: Key) -> bytes:
    """Return a file signed by a key: certificate and signature elements, or a raw trailer.

    Args:
        data: An honest file without signature, certificate, trailer or integrity code.
        key: Of a signer; a GB signer's goes with raw containers, the suites with sub-elements.

    Raises:
        ImageError: The file is no such file, or the key signs no files.
    """
    match key:
        case Signer():
            _check_elements(data)
            return with_signature(with_certificate(data, key), key)
        case GbSigner():
            _check_raw(data)
            return with_trailer(data, key)
        case Authority():
            raise ImageError("key: found a CA's, wanted a signer's: a CA signs certificates")


def with_certificate(data: bytes, signer: Signer) -> bytes:
    """Return a file with the signer's certificate as its last element and the size that it has.

    Raises:
        ImageError: The file does not begin with an OTA header.
    """
    tag = FACTS[signer.suite].certificate_tag
    return _sized(data + Element(tag, signer.certificate).encode())


def with_signature(
    data: bytes,
    signer: Signer,
    *,
    signer_eui64: int | None = None,
    nonce: int | None = None,
    behind: Octets = 0,
    longer: Octets = 0,
) -> bytes:
    """Return a file with a signature as its last element and the size that it has.

    Signed is every octet from the first up to and including the signer's EUI64 (ota-cluster 6.3).

    Args:
        data: A file that begins with an OTA header; its certificate should be in it already.
        signer: Whose private key signs.
        signer_eui64: Who the element says has signed; None: the signer.
        nonce: The secret number of ECDSA, for published vectors only; None: by RFC 6979.
        behind: Octets that the size counts besides: what a test puts behind a true signature.
        longer: How many of them the element's head counts as its own.

    Raises:
        ImageError: The file does not begin with an OTA header.
        ValueError: An EUI64, a nonce or a size is out of range.
    """
    facts, kind = FACTS[signer.suite], _DATA[signer.suite]
    eui64 = signer.eui64 if signer_eui64 is None else signer_eui64
    blank = kind(signer=eui64, r=0, s=0)
    head = ElementHead(tag=facts.signature_tag, size=facts.signature_size + longer).encode()
    numbers = 2 * facts.scalar_size
    signed = _sized(data + head + blank.encode(), behind)[:-numbers]
    r, s = ecdsa.sign(facts.curve, signer.private, aes_mmo(signed), nonce)
    return signed + replace(blank, r=r, s=s).encode()[-numbers:]


def with_trailer(data: bytes, signer: GbSigner) -> bytes:
    """Return a raw container closed by 00 40 and the signature over the manufacturer image alone.

    Raises:
        ImageError: The file does not begin with an OTA header.
    """
    header = _header(data)
    signature = p256.sign(signer.private, data[header.size :])
    return _sized(data + TRAILER_MARK + signature)


def _header(data: bytes) -> OtaHeader:
    if not data.startswith(MAGIC):
        raise ImageError(f"found {data[:4].hex(' ') or 'nothing'}, wanted {MAGIC.hex(' ')} first")
    try:
        return OtaHeader.decode_at(data, 0)[0]
    except WireError as error:
        raise ImageError(str(error)) from error


def _sized(data: bytes, behind: Octets = 0) -> bytes:
    """Return a file whose header says how long it will be; all else is as it was."""
    header = _header(data)
    size: Octets = len(data) + behind
    return replace(header, total_size=size).encode() + data[header.size :]


def _sound(data: bytes, container: Container) -> OtaFile:
    """Return a file that can be taken apart for sure."""
    _header(data)
    try:
        file, findings = read(data, container)
    except WireError as error:
        raise ImageError(str(error)) from error
    for finding in findings:
        if finding.fatal:
            raise ImageError(f"found {finding.code} at {finding.offset}, wanted none: {finding}")
    if file.trailing:
        _refuse(f"{len(file.trailing)} octets behind the total size", "the end of the file")
    return file


def _check_elements(data: bytes) -> None:
    file = _sound(data, Container.ZCL)
    tags = [element.tag for element in file.elements]
    if ElementTag.INTEGRITY_CODE in tags:
        # ota-cluster 6.3: devices differ in whether the code's octets are part of the digest.
        _refuse("an integrity code (tag 0x0003)", "none in a file to be signed")
    for tag in tags:
        if tag in _OF_SIGNED:
            _refuse(f"tag {tag:#06x}", "a file that is not signed")


def _check_raw(data: bytes) -> None:
    file = _sound(data, Container.GBCS)
    if file.signature is not None:
        _refuse(f"a trailer of {RAW_SIGNATURE_SIZE} octets", "a file that is not signed")
    if not file.body:
        _refuse("no manufacturer image", "one to sign")


def _refuse(found: str, wanted: str) -> NoReturn:
    raise ImageError(f"found {found}, wanted {wanted}")
