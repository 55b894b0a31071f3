"""Hold the derived nonces, and the signatures that they make, to the appendix of RFC 6979."""

import hashlib
from itertools import islice

import pytest

from emulator.crypto import ecdsa
from emulator.crypto.curve import SECT163K1, SECT283K1, Curve
from emulator.crypto.nonce import leftmost, nonces

KEYS = {
    SECT163K1: 0x09A4D6792295A7F730FC3F2B49CBC0F62E862272F,
    SECT283K1: 0x06A0777356E87B89BA1ED3A3D845357BE332173C8F7A65BDC7DB4FAB3C4CC79ACC8194E,
}
PUBLIC = {
    SECT163K1: (
        0x79AEE090DB05EC252D5CB4452F356BE198A4FF96F,
        0x782E29634DDC9A31EF40386E896BAA18B53AFA5A3,
    ),
    SECT283K1: (
        0x25330D0A651D5A20DC6389BC02345117725640AEC3C126612CE444EDD19649BDECC03D6,
        0x505BD60A4B67182474EC4D1C668A73140F70504A68F39EFCD972487E9530E0508A76193,
    ),
}
NONCES = [
    (SECT163K1, "sha1", "sample", "09744429FA741D12DE2BE8316E35E84DB9E5DF1CD"),
    (SECT163K1, "sha224", "sample", "323E7B28BFD64E6082F5B12110AA87BC0D6A6E159"),
    (SECT163K1, "sha256", "sample", "23AF4074C90A02B3FE61D286D5C87F425E6BDD81B"),
    (SECT163K1, "sha384", "sample", "2132ABE0ED518487D3E4FA7FD24F8BED1F29CCFCE"),
    (SECT163K1, "sha512", "sample", "00BBCC2F39939388FDFE841892537EC7B1FF33AA3"),
    (SECT163K1, "sha1", "test", "14CAB9192F39C8A0EA8E81B4B87574228C99CD681"),
    (SECT163K1, "sha224", "test", "091DD986F38EB936BE053DD6ACE3419D2642ADE8D"),
    (SECT163K1, "sha256", "test", "193649CE51F0CFF0784CFC47628F4FA854A93F7A2"),
    (SECT163K1, "sha384", "test", "37C73C6F8B404EC83DA17A6EBCA724B3FF1F7EEBA"),
    (SECT163K1, "sha512", "test", "331AD98D3186F73967B1E0B120C80B1E22EFC2988"),
    *(
        (SECT283K1, name, message, nonce)
        for name, message, nonce in [
            (
                *("sha1", "sample"),
                "0A96F788DECAF6C9DBE24DC75ABA6EAAE85E7AB003C8D4F83CB1540625B2993BF445692",
            ),
            (
                *("sha224", "sample"),
                "1B4C4E3B2F6B08B5991BD2BDDE277A7016DA527AD0AAE5BC61B64C5A0EE63E8B502EF61",
            ),
            (
                *("sha256", "sample"),
                "1CEB9E8E0DFF53CE687DEB81339ACA3C98E7A657D5A9499EF779F887A934408ECBE5A38",
            ),
            (
                *("sha384", "sample"),
                "1460A5C41745A5763A9D548AE62F2C3630BBED71B6AA549D7F829C22442A728C5D965DA",
            ),
            (
                *("sha512", "sample"),
                "00F3B59FCB5C1A01A1A2A0019E98C244DFF61502D6E6B9C4E957EDDCEB258EF4DBEF04A",
            ),
            (
                *("sha1", "test"),
                "168B5F8C0881D4026C08AC5894A2239D219FA9F4DA0600ADAA56D5A1781AF81F08A726E",
            ),
            (
                *("sha224", "test"),
                "045E13EA645CE01D9B25EA38C8A8A170E04C83BB7F231EE3152209FE10EC8B2E565536C",
            ),
            (
                *("sha256", "test"),
                "0B585A7A68F51089691D6EDE2B43FC4451F66C10E65F134B963D4CBD4EB844B0E1469A6",
            ),
            (
                *("sha384", "test"),
                "1E88738E14482A09EE16A73D490A7FE8739DF500039538D5C4B6C8D6D7F208D6CA56760",
            ),
            (
                *("sha512", "test"),
                "00E5F24A223BD459653F682763C3BB322D4EE75DD89C63D4DC61518D543E76585076BBA",
            ),
        ]
    ),
]
SIGNATURES = [
    (
        *(SECT163K1, "sha1"),
        0x30C45B80BA0E1406C4EFBBB7000D6DE4FA465D505,
        0x38D87DF89493522FC4CD7DE1553BD9DBBA2123011,
    ),
    (
        *(SECT163K1, "sha224"),
        0x38A2749F7EA13BD5DA0C76C842F512D5A65FFAF32,
        0x064F841F70112B793FD773F5606BFA5AC2A04C1E8,
    ),
    (
        *(SECT163K1, "sha256"),
        0x113A63990598A3828C407C0F4D2438D990DF99A7F,
        0x1313A2E03F5412DDB296A22E2C455335545672D9F,
    ),
    (
        *(SECT163K1, "sha384"),
        0x34D4DE955871BB84FEA4E7D068BA5E9A11BD8B6C4,
        0x2BAAF4D4FD57F175C405A2F39F9755D9045C820BD,
    ),
    (
        *(SECT163K1, "sha512"),
        0x38E487F218D696A7323B891F0CCF055D895B77ADC,
        0x0972D7721093F9B3835A5EB7F0442FA8DCAA873C4,
    ),
    (
        *(SECT283K1, "sha1"),
        0x1B66D1E33FBDB6E107A69B610995C93C744CEBAEAF623CB42737C27D60188BD1D045A68,
        0x02E45B62C9C258643532FD536594B46C63B063946494F95DAFF8759FD552502324295C5,
    ),
    (
        *(SECT283K1, "sha224"),
        0x18CF2F371BE86BB62E02B27CDE56DDAC83CCFBB3141FC59AEE022B66AC1A60DBBD8B76,
        0x1854E02A381295EA7F184CEE71AB7222D6974522D3B99B309B1A8025EB84118A28BF20E,
    ),
    (
        *(SECT283K1, "sha256"),
        0x19E90AA3DE5FB20AED22879F92C6FED278D9C9B9293CC5E94922CD952C9DBF20DF1753A,
        0x135AA7443B6A25D11BB64AC482E04D47902D017752882BD72527114F46CF8BB56C5A8C3,
    ),
]


def named(value: object) -> str:
    return value.name if isinstance(value, Curve) else str(value)[:8]


@pytest.mark.parametrize(("curve", "name", "message", "expected"), NONCES, ids=named)
def test_nonces_of_the_rfc(curve: Curve, name: str, message: str, expected: str) -> None:
    """RFC 6979, A.2.8 and A.2.10; in A.1.2, K-163 with SHA-256, two tries are too large."""
    digest = hashlib.new(name, message.encode()).digest()
    assert next(nonces(curve.n, KEYS[curve], digest, name)) == int(expected, 16)


@pytest.mark.parametrize(("curve", "name", "r", "s"), SIGNATURES, ids=named)
def test_signatures_of_the_rfc(curve: Curve, name: str, r: int, s: int) -> None:
    """RFC 6979, A.2.8 and A.2.10, message "sample": digests shorter and longer than n."""
    assert curve.multiply(KEYS[curve], curve.base) == PUBLIC[curve]
    digest = hashlib.new(name, b"sample").digest()
    nonce = next(nonces(curve.n, KEYS[curve], digest, name))
    assert ecdsa.sign(curve, KEYS[curve], digest, nonce) == (r, s)
    assert ecdsa.verify(curve, PUBLIC[curve], digest, r, s)
    if name == "sha256":
        assert ecdsa.sign(curve, KEYS[curve], digest) == (r, s)


def test_leftmost_bits_are_those_of_the_rfc() -> None:
    """RFC 6979, A.1.2: h1 of 256 bits becomes a number of 163."""
    digest = hashlib.sha256(b"sample").digest()
    number = leftmost(digest, SECT163K1.n) % SECT163K1.n
    assert number == 0x01795EDF0D54DB760F156D0DAC04C0322B3A204224
    assert leftmost(b"\x12\x34", SECT163K1.n) == 0x1234


def test_later_nonces_differ_and_are_in_range() -> None:
    """Go on after a number that did not serve, as step h says."""
    found = list(islice(nonces(SECT163K1.n, 1, b"\xff" * 64), 50))
    assert len(set(found)) == 50
    assert all(0 < k < SECT163K1.n for k in found)
    assert list(islice(nonces(7, 3, b"digest"), 50)) == list(islice(nonces(7, 3, b"digest"), 50))
    assert set(islice(nonces(7, 3, b"digest"), 200)) == {1, 2, 3, 4, 5, 6}
