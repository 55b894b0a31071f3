"""Hold the keys that test files are signed with, and the text that a key file is made of.

Every key here is for tests: its private part stands in the file in the clear, and the file says so.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NoReturn, TypeAlias

from emulator.crypto import p256
from emulator.crypto.ecqv import Certificate, issue, read_certificate, reconstruct
from emulator.crypto.suites import EUI64_SIZE, FACTS, Suite
from emulator.errors import CertificateError, CryptoError, KeyFileError
from emulator.profiles.trust import TrustProfile
from emulator.units import Octets, Rng

FORMAT = "hanover-test-key-1"
WARNING = (
    "FOR TESTS ONLY: the private key stands below in the clear. No device that somebody relies on "
    "may trust it."
)
#: Octets of the seed of a certificate.
_SEED_SIZE: Octets = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Be a test CA of one suite: it issues the certificates of signers."""

    suite: Suite
    issuer: int
    private: int = field(repr=False)

    @property
    def public(self) -> bytes:
        """Return the public key, a compressed point."""
        return _public(self.suite, self.private)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Be who signs files of one suite, with the certificate that says so."""

    suite: Suite
    eui64: int
    private: int = field(repr=False)
    certificate: bytes
    ca_public: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class GbSigner:
    """Be who signs the manufacturer images of raw containers, with P-256 (gb-alt-han 2.2)."""

    eui64: int
    private: int = field(repr=False)

    @property
    def public(self) -> bytes:
        """Return the public key: 65 octets, uncompressed."""
        return p256.public_key(self.private)


Key: TypeAlias = Authority | Signer | GbSigner


@cache
def _public(suite: Suite, private: int) -> bytes:
    curve = FACTS[suite].curve
    return curve.compress(curve.multiply(private, curve.base))


# Making keys.


def new_authority(suite: Suite, issuer: int, rng: Rng) -> Authority:
    """Return a new test CA.

    Args:
        suite: Whose curve it uses.
        issuer: Its EUI64, which every certificate of its names.
        rng: Where the private key is drawn from.
    """
    return Authority(suite=suite, issuer=issuer, private=rng.randrange(1, FACTS[suite].curve.n))


def new_signer(
    authority: Authority,
    eui64: int,
    rng: Rng,
    *,
    valid_from: int = 0,
    valid_to: int | None = None,
) -> Signer:
    """Return a new signer with a certificate of a test CA.

    Args:
        authority: Who issues the certificate; it decides the suite.
        eui64: Who signs: the certificate's subject.
        rng: Where the seed of the certificate is drawn from.
        valid_from: First second, since 1970 UTC, of a suite 2 certificate; suite 1 has none.
        valid_to: Its last; None: for ever.

    Raises:
        CertificateError: A date does not fit its octets.
    """
    certificate, private = issue(
        authority.suite,
        authority.private,
        subject=eui64,
        issuer=authority.issuer,
        seed=bytes(rng.randrange(0, 256) for _ in range(_SEED_SIZE)),
        valid_from=valid_from,
        valid_to=valid_to,
    )
    return Signer(
        suite=authority.suite,
        eui64=eui64,
        private=private,
        certificate=certificate.octets,
        ca_public=authority.public,
    )


def new_gb_signer(eui64: int, rng: Rng) -> GbSigner:
    """Return a new signer of raw containers."""
    return GbSigner(eui64=eui64, private=rng.randrange(1, p256.N))


def check_signer(signer: Signer) -> Certificate:
    """Return the certificate of a signer whose parts belong together.

    Raises:
        CertificateError: The certificate is no certificate of this suite, or names another subject.
        CryptoError: The private key is not that of the certificate under this CA.
    """
    suite, curve = signer.suite, FACTS[signer.suite].curve
    certificate = read_certificate(signer.certificate, suite)
    if certificate.subject != signer.eui64:
        raise CertificateError(
            f"certificate: found subject 0x{certificate.subject:016X},"
            f" wanted 0x{signer.eui64:016X}, the signer"
        )
    public = reconstruct(certificate, curve.decompress(signer.ca_public))
    if public != curve.multiply(signer.private, curve.base):
        raise CryptoError("private: found a key that is not the certificate's under this CA")
    return certificate


# Trust.


def trust_of(keys: Iterable[Key]) -> TrustProfile:
    """Return the trust of a device that believes in some keys: their public parts.

    A signer is trusted by its EUI64, through its CA; a CA alone vouches for nobody.

    Raises:
        CryptoError: Two keys want different values where a device holds one.
        ProfileError: A public part is no point of its curve.
    """
    trust = TrustProfile()
    for key in keys:
        match key:
            case Authority():
                trust = _with_authority(trust, key.suite, key.issuer, key.public)
            case Signer():
                issuer = read_certificate(key.certificate, key.suite).issuer
                trust = _with_authority(trust, key.suite, issuer, key.ca_public)
                signers = tuple(dict.fromkeys((*trust.signers, key.eui64)))
                trust = replace(trust, signers=signers)
            case GbSigner():
                trust = _with(trust, "gb_key", key.public.hex())
    return trust


def _with_authority(trust: TrustProfile, suite: Suite, issuer: int, public: bytes) -> TrustProfile:
    return _with(_with(trust, "issuer", issuer), f"ca_suite{suite:d}", public.hex())


def _with(trust: TrustProfile, name: str, value: int | str) -> TrustProfile:
    held = getattr(trust, name)
    if held not in (None, value):
        found, wanted = (f"0x{one:016X}" if isinstance(one, int) else one for one in (value, held))
        raise CryptoError(f"trust.{name}: found {found} besides {wanted}, wanted one")
    changes: dict[str, Any] = {name: value}
    return replace(trust, **changes)


# Key files.


def write_key(key: Key) -> str:
    """Return the text of a key file: JSON that says loudly what it is for."""
    return json.dumps({"warning": WARNING, "format": FORMAT, **plain(key)}, indent=2) + "\n"


def plain(key: Key) -> dict[str, str | int]:
    """Return what a key file holds beside its warning: numbers and octets in hex."""
    match key:
        case Authority():
            return {
                "kind": "authority",
                "suite": int(key.suite),
                "issuer": f"{key.issuer:016X}",
                "private": _hex(key.private, FACTS[key.suite].scalar_size),
                "public": key.public.hex().upper(),
            }
        case Signer():
            return {
                "kind": "signer",
                "suite": int(key.suite),
                "eui64": f"{key.eui64:016X}",
                "private": _hex(key.private, FACTS[key.suite].scalar_size),
                "certificate": key.certificate.hex().upper(),
                "ca_public": key.ca_public.hex().upper(),
            }
        case GbSigner():
            return {
                "kind": "gb-signer",
                "eui64": f"{key.eui64:016X}",
                "private": _hex(key.private, p256.SCALAR_SIZE),
                "public": key.public.hex().upper(),
            }


def _hex(number: int, size: Octets) -> str:
    return f"{number:0{2 * size}X}"


def read_key(text: str) -> Key:
    """Read a key file, and see that its parts belong together.

    Args:
        text: What the file holds.

    Raises:
        KeyFileError: It is no key file, or its parts do not fit; names the field, what was found
            and what was wanted, in one line.
    """
    document = _document(text)
    kind = document.get("kind")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        _refuse("kind", kind, f"one of {', '.join(_READERS)}")
    read, names = reader
    for name in ("warning", "format", "kind", *names):
        if name not in document:
            _refuse(name, None, "a value")
    for name in document:
        if name not in ("warning", "format", "kind", *names):
            raise KeyFileError(f"{name}: found a key of no use, wanted {', '.join(names)} alone")
    try:
        return read(document)
    except KeyFileError:
        raise
    except CryptoError as error:
        raise KeyFileError(str(error)) from error


def _document(text: str) -> Mapping[str, object]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise KeyFileError(f"found no JSON ({said}), wanted a key file") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise KeyFileError(f"found no key file, wanted a JSON object of format {FORMAT}")
    return document


def _authority(document: Mapping[str, object]) -> Authority:
    suite = _suite(document)
    key = Authority(
        suite=suite,
        issuer=_number(document, "issuer", EUI64_SIZE),
        private=_private(document, FACTS[suite].scalar_size, FACTS[suite].curve.n),
    )
    _same_public(document, key.public)
    return key


def _signer(document: Mapping[str, object]) -> Signer:
    suite = _suite(document)
    facts = FACTS[suite]
    certificate = _octets(document, "certificate")
    for other in Suite:
        if other is not suite and len(certificate) == FACTS[other].certificate_size:
            found = f"{len(certificate)} octets, a certificate of suite {other:d}"
            raise KeyFileError(f"certificate: found {found}, wanted one of suite {suite:d}")
    key = Signer(
        suite=suite,
        eui64=_number(document, "eui64", EUI64_SIZE),
        private=_private(document, facts.scalar_size, facts.curve.n),
        certificate=_sized(certificate, "certificate", facts.certificate_size),
        ca_public=_sized(_octets(document, "ca_public"), "ca_public", facts.curve.octets + 1),
    )
    check_signer(key)
    return key


def _gb_signer(document: Mapping[str, object]) -> GbSigner:
    key = GbSigner(
        eui64=_number(document, "eui64", EUI64_SIZE),
        private=_private(document, p256.SCALAR_SIZE, p256.N),
    )
    _same_public(document, key.public)
    return key


_Reader: TypeAlias = Callable[[Mapping[str, object]], Key]
#: Each kind of key: what reads it, and the names of its values.
_READERS: dict[str, tuple[_Reader, tuple[str, ...]]] = {
    "authority": (_authority, ("suite", "issuer", "private", "public")),
    "signer": (_signer, ("suite", "eui64", "private", "certificate", "ca_public")),
    "gb-signer": (_gb_signer, ("eui64", "private", "public")),
}


def _suite(document: Mapping[str, object]) -> Suite:
    value = document["suite"]
    if value not in tuple(Suite) or type(value) is not int:
        _refuse("suite", value, "1 or 2")
    return Suite(value)


def _octets(document: Mapping[str, object], name: str) -> bytes:
    value = document[name]
    try:
        return bytes.fromhex(value) if isinstance(value, str) else _refuse(name, value, "hex")
    except KeyFileError:
        raise
    except ValueError:
        _refuse(name, value, "octets in hex")


def _sized(octets: bytes, name: str, size: Octets) -> bytes:
    if len(octets) != size:
        raise KeyFileError(f"{name}: found {len(octets)} octets, wanted {size}")
    return octets


def _number(document: Mapping[str, object], name: str, size: Octets) -> int:
    return int(_sized(_octets(document, name), name, size).hex(), 16)


def _private(document: Mapping[str, object], size: Octets, order: int) -> int:
    private = _number(document, "private", size)
    if not 0 < private < order:
        raise KeyFileError("private: found a number out of range, wanted 1 to n - 1")
    return private


def _same_public(document: Mapping[str, object], public: bytes) -> None:
    found = _octets(document, "public")
    if found != public:
        raise KeyFileError(
            f"public: found {_short(found.hex())}, wanted {_short(public.hex())}, the private key's"
        )


def _refuse(name: str, found: object, wanted: str) -> NoReturn:
    shown = "nothing" if found is None else _short(json.dumps(found))
    raise KeyFileError(f"{name}: found {shown}, wanted {wanted}")


def _short(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:20]}..."
