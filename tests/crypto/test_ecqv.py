"""Read, refuse, use and issue implicit certificates."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.crypto import ecdsa, ecqv
from emulator.crypto.curve import Curve, Point
from emulator.crypto.ecqv import issue, read_certificate, reconstruct
from emulator.crypto.suites import FACTS, Suite
from emulator.errors import CertificateError, CryptoError
from tests.crypto.published import CA_PUBLIC, PAIRS

suites = pytest.mark.parametrize("suite", list(Suite), ids=lambda suite: f"suite {suite}")
DIGEST = bytes(range(16))
CA_PRIVATE = 0x1234567890ABCDEF


def authority(suite: Suite, private: int = CA_PRIVATE) -> tuple[Curve, Point]:
    curve = FACTS[suite].curve
    return curve, curve.multiply(private, curve.base)


def test_fields_of_suite_1_are_where_they_should_be() -> None:
    octets = PAIRS["suite 1, device 1"].certificate
    certificate = read_certificate(octets, Suite.ONE)
    assert certificate == ecqv.Certificate(
        suite=Suite.ONE,
        octets=octets,
        subject=1,
        issuer=int.from_bytes(b"TESTSECA", "big"),
        point=bytes.fromhex("03045FDFC8D85FFB8B3993CB72DDCAA55F00B3E87D6D"),
        attributes=bytes.fromhex("01090006000000000000"),
    )


def test_fields_of_suite_2_are_where_they_should_be() -> None:
    octets = PAIRS["suite 2, device 1"].certificate
    certificate = read_certificate(memoryview(octets), Suite.TWO)
    assert certificate == ecqv.Certificate(
        suite=Suite.TWO,
        octets=octets,
        subject=0x0A0B0C0D0E0F1011,
        issuer=0x1112131415161718,
        point=bytes.fromhex(
            "0303B4E9DC543A64333C982308022B54E67E2F15F532551B0A11E2E2C1C1D3097A4324E7ED"
        ),
        serial=0x2622A505E8938F27,
        valid_from=0x5292A35B,
        valid_to=None,
        key_usage=0x88,
    )


@suites
def test_a_certificate_of_another_length_is_refused(suite: Suite) -> None:
    good, _ = issue(suite, CA_PRIVATE, subject=1, issuer=2)
    size = FACTS[suite].certificate_size
    for octets in (b"", good.octets[:-1], good.octets + b"\0"):
        with pytest.raises(
            CertificateError, match=f"of suite {suite}: found {len(octets)} octets, wanted {size}"
        ):
            read_certificate(octets, suite)


def test_a_certificate_of_the_other_suite_is_named() -> None:
    one, two = PAIRS["suite 1, device 1"].certificate, PAIRS["suite 2, device 1"].certificate
    with pytest.raises(CertificateError, match=r"found 74 octets \(as long as one of suite 2\)"):
        read_certificate(two, Suite.ONE)
    with pytest.raises(CertificateError, match=r"found 48 octets \(as long as one of suite 1\)"):
        read_certificate(one, Suite.TWO)


@pytest.mark.parametrize(
    ("offset", "name", "wanted"), [(0, "type", "00"), (9, "curve", "0D"), (10, "hash", "08")]
)
def test_octets_with_one_value_are_strict(offset: int, name: str, wanted: str) -> None:
    good = PAIRS["suite 2, device 1"].certificate
    for value in set(range(256)) - {int(wanted, 16)}:
        octets = bytearray(good)
        octets[offset] = value
        with pytest.raises(
            CertificateError, match=f"{name} octet: found 0x{value:02X}, wanted 0x{wanted}"
        ):
            read_certificate(bytes(octets), Suite.TWO)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(list(Suite)),
    st.integers(0, 1 << 32),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.data(),
)
def test_what_is_issued_can_be_read_and_used(
    suite: Suite, seed: int, subject: int, issuer: int, data: st.DataObject
) -> None:
    """Issue, reconstruct, sign, verify; one bit of the certificate, and nothing verifies."""
    curve = FACTS[suite].curve
    ca_private = Random(seed).randrange(1, curve.n)
    _, ca_public = authority(suite, ca_private)
    certificate, private = issue(suite, ca_private, subject=subject, issuer=issuer)
    assert read_certificate(certificate.octets, suite) == certificate
    assert (certificate.subject, certificate.issuer) == (subject, issuer)
    public = reconstruct(certificate, ca_public)
    assert public == curve.multiply(private, curve.base)
    assert public != ca_public
    r, s = ecdsa.sign(curve, private, DIGEST)
    assert ecdsa.verify(curve, public, DIGEST, r, s)

    bit = data.draw(st.integers(0, 8 * len(certificate.octets) - 1))
    octets = bytearray(certificate.octets)
    octets[bit // 8] ^= 0x80 >> bit % 8
    try:
        other = reconstruct(read_certificate(bytes(octets), suite), ca_public)
    except CertificateError:
        return
    assert not ecdsa.verify(curve, other, DIGEST, r, s)


@suites
def test_the_wrong_authority_gives_a_key_that_verifies_nothing(suite: Suite) -> None:
    curve, _ = authority(suite)
    certificate, private = issue(suite, CA_PRIVATE, subject=1, issuer=2)
    foreign = reconstruct(certificate, curve.decompress(CA_PUBLIC[suite]))
    assert not ecdsa.verify(curve, foreign, DIGEST, *ecdsa.sign(curve, private, DIGEST))


@suites
def test_the_same_arguments_give_the_same_certificate(suite: Suite) -> None:
    made = [
        issue(suite, CA_PRIVATE, subject=1, issuer=2),
        issue(suite, CA_PRIVATE, subject=1, issuer=2),
        issue(suite, CA_PRIVATE, subject=1, issuer=2, seed=b"again"),
        issue(suite, CA_PRIVATE, subject=3, issuer=2),
        issue(suite, CA_PRIVATE + 1, subject=1, issuer=2),
    ]
    assert made[0] == made[1]
    assert len({certificate.point for certificate, _ in made}) == 4
    assert len({private for _, private in made}) == 4


def test_every_field_that_is_issued_is_read_back() -> None:
    one, _ = issue(Suite.ONE, 7, subject=1, issuer=2, attributes=bytes(range(10)))
    assert one.attributes == bytes(range(10))
    assert (one.serial, one.valid_from, one.valid_to, one.key_usage) == (None,) * 4
    two, _ = issue(
        *(Suite.TWO, 7),
        **{"subject": 1, "issuer": 2, "serial": 3, "key_usage": 5},
        valid_from=(1 << 40) - 1,
        valid_to=1_900_000_000,
    )
    assert (two.serial, two.key_usage, two.attributes) == (3, 5, b"")
    assert (two.valid_from, two.valid_to) == ((1 << 40) - 1, 1_900_000_000)
    assert issue(Suite.TWO, 7, subject=1, issuer=2)[0].valid_to is None


@pytest.mark.parametrize(
    ("suite", "fields", "reason"),
    [
        (Suite.ONE, {"subject": 1 << 64}, "subject: found 0x10+, wanted 0 to 0xf{16}$"),
        (Suite.TWO, {"issuer": -1}, "issuer: found -0x1, wanted"),
        (Suite.ONE, {"attributes": b"short"}, "attributes: found 5 octets, wanted 10"),
        (Suite.TWO, {"serial": 1 << 64}, "serial"),
        (Suite.TWO, {"valid_from": 1 << 40}, "valid_from: found 0x10{10}, wanted 0 to 0xf{10}$"),
        (Suite.TWO, {"valid_to": 1 << 32}, "valid_to: found .*, wanted 0 to 0xf{8}$"),
        (Suite.TWO, {"key_usage": 256}, "key_usage: found 0x100, wanted 0 to 0xff$"),
    ],
)
def test_fields_that_do_not_fit_are_refused(
    suite: Suite, fields: dict[str, int], reason: str
) -> None:
    with pytest.raises(CertificateError, match=reason):
        issue(suite, CA_PRIVATE, **{"subject": 1, "issuer": 2} | fields)


@suites
def test_an_authority_key_out_of_range_issues_nothing(suite: Suite) -> None:
    for private in (0, FACTS[suite].curve.n):
        with pytest.raises(CryptoError, match="private key"):
            issue(suite, private, subject=1, issuer=2)


def with_point(suite: Suite, point: bytes) -> ecqv.Certificate:
    """Return a certificate with another reconstruction point."""
    good, _ = issue(suite, CA_PRIVATE, subject=1, issuer=2)
    return read_certificate(good.octets.replace(good.point, point), suite)


@suites
def test_f030_points_that_are_none_are_refused(suite: Suite) -> None:
    """OTA-F-030: a wrong prefix, x too large, the point of order 2, a point shifted by it."""
    curve, ca_public = authority(suite)
    good = issue(suite, CA_PRIVATE, subject=1, issuer=2)[0].point
    shifted = curve.compress(curve.add(curve.decompress(good), (0, 1)))
    for point, reason in [
        (b"\x00" + good[1:], "found prefix 0x00, wanted 0x02 or 0x03"),
        (b"\x04" + good[1:], "found prefix 0x04"),
        (b"\x02" + b"\xff" * curve.octets, "wanted at most"),
        (b"\x02" + bytes(curve.octets), "reconstruction point: found another order"),
        (shifted, "reconstruction point: found another order"),
    ]:
        with pytest.raises(CertificateError, match=f"certificate of suite {suite}: .*{reason}"):
            reconstruct(with_point(suite, point), ca_public)
    reconstruct(with_point(suite, good), ca_public)


@suites
def test_an_authority_key_that_is_none_is_refused(suite: Suite) -> None:
    curve, ca_public = authority(suite)
    certificate, _ = issue(suite, CA_PRIVATE, subject=1, issuer=2)
    assert ca_public is not None
    for bad in (None, (0, 1), (ca_public[0], ca_public[1] ^ 1), curve.add(ca_public, (0, 1))):
        with pytest.raises(CertificateError, match="authority's key: found no point of order n"):
            reconstruct(certificate, bad)


@suites
def test_a_certificate_that_makes_no_key_is_refused(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Force what no one can compute: a hash of 0, and a sum at infinity."""
    curve, ca_public = authority(suite)
    certificate, _ = issue(suite, CA_PRIVATE, subject=1, issuer=2)
    reconstruct.cache_clear()  # what an earlier test learnt of this certificate
    monkeypatch.setattr(ecqv, "aes_mmo", lambda _: bytes(16))
    with pytest.raises(CertificateError, match="hash: found 0"):
        reconstruct(certificate, ca_public)
    monkeypatch.setattr(ecqv, "aes_mmo", lambda _: bytes(15) + b"\3")
    third = curve.multiply(-CA_PRIVATE * pow(3, -1, curve.n), curve.base)
    with pytest.raises(CertificateError, match="public key: found infinity"):
        reconstruct(with_point(suite, curve.compress(third)), ca_public)
