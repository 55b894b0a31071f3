"""Hold P-256 to RFC 6979, to public keys of others, and to what it must refuse."""

from types import SimpleNamespace

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.crypto import p256
from emulator.errors import CryptoError

RFC_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
RFC_PUBLIC = (
    "04"
    "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
RFC_SIGNATURES = [
    (
        b"sample",
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    ),
    (
        b"test",
        "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"
        "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
    ),
]
#: A device's signing key and its signed answer to an activation, from public test data.
DEVICE = bytes.fromhex(
    "04f41284362a5a81eeff848ae2db4c6d0df336f06128eb32121596faef86db383d"
    "93c3952e73476036406d91009f6133244102a9f88a3682f16f92ccbf7cc959fa"
)
ANSWER = bytes.fromhex(
    "DF090200000000000003E80800DB1234567890A00890B3D51F300100000C07DF0101FF000000008000FF"
    "0200120B300902010004040123ABCE40262D16311034C2465617DF623B05BF5E070F0C1103435C3050B1"
    "72473B5EB2F0498C500A315EFD2A641A39F6FDC26889F741B60A5C3B3125B99F71F532FACC85"
)

keys = st.integers(1, p256.N - 1)
slow = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize(("data", "signature"), RFC_SIGNATURES)
def test_signatures_of_the_rfc(data: bytes, signature: str) -> None:
    """RFC 6979, A.2.5."""
    assert p256.public_key(RFC_KEY).hex().upper() == RFC_PUBLIC
    assert p256.sign(RFC_KEY, data).hex().upper() == signature
    assert p256.verify(bytes.fromhex(RFC_PUBLIC), data, bytes.fromhex(signature))


def test_a_published_answer_verifies() -> None:
    """gb-alt-han 4.2: signed is what stands between DF and the 40 before the signature."""
    signed, signature = ANSWER[1:-65], ANSWER[-64:]
    assert ANSWER[-65] == 0x40
    assert p256.verify(DEVICE, signed, signature)
    assert not p256.verify(DEVICE, ANSWER[:-65], signature)


@slow
@given(keys, st.binary(max_size=80), st.data())
def test_what_is_signed_verifies_here_and_elsewhere(
    private: int, data: bytes, drawn: st.DataObject
) -> None:
    public, signature = p256.public_key(private), p256.sign(private, data)
    assert len(public) == p256.PUBLIC_SIZE
    assert len(signature) == p256.SIGNATURE_SIZE
    assert p256.sign(private, memoryview(data)) == signature
    assert p256.verify(public, memoryview(data), memoryview(signature))
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    other = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public)
    other.verify(encode_dss_signature(r, s), data, ECDSA(SHA256()))

    spoiled = bytearray(signature)
    bit = drawn.draw(st.integers(0, 511))
    spoiled[bit // 8] ^= 1 << bit % 8
    assert not p256.verify(public, data, bytes(spoiled))
    assert not p256.verify(public, data + b"\0", signature)


@slow
@given(keys, st.binary(max_size=80))
def test_what_others_sign_verifies(private: int, data: bytes) -> None:
    r, s = decode_dss_signature(
        derive_private_key(private, SECP256R1()).sign(data, ECDSA(SHA256()))
    )
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert p256.verify(p256.public_key(private), data, signature)


def test_signatures_out_of_range_or_of_another_length_are_false() -> None:
    """OTA-F-023 for the GB trailer: no exception."""
    public, good = p256.public_key(RFC_KEY), p256.sign(RFC_KEY, b"data")
    r, s = good[:32], good[32:]
    assert p256.verify(public, b"data", good)
    for bad in (bytes(32), p256.N.to_bytes(32, "big"), b"\xff" * 32):
        assert p256.verify(public, b"data", bad + s) is False
        assert p256.verify(public, b"data", r + bad) is False
    for bad in (b"", good[:-1], good + b"\0", b"\0" + good, good[1:]):
        assert p256.verify(public, b"data", bad) is False


def test_a_zero_that_is_left_out_is_not_made_up_for() -> None:
    """Cut the leading zero of s: the numbers are the same, the 64 octets are not there."""
    public = p256.public_key(RFC_KEY)
    data, good = next(
        (data, good)
        for data in (bytes([high, low]) for high in range(256) for low in range(256))
        if (good := p256.sign(RFC_KEY, data))[32] == 0
    )
    assert p256.verify(public, data, good) is True
    assert p256.verify(public, data, good[:32] + good[33:]) is False


@pytest.mark.parametrize(
    ("public", "reason"),
    [
        (b"", "found 0 octets, wanted 65"),
        (bytes.fromhex(RFC_PUBLIC)[:-1], "found 64 octets"),
        (b"\x02" + bytes.fromhex(RFC_PUBLIC)[1:33], "found 33 octets, wanted 65"),
        (b"\x06" + bytes.fromhex(RFC_PUBLIC)[1:], "found prefix 0x06, wanted 0x04"),
        (bytes.fromhex(RFC_PUBLIC)[:-1] + b"\0", "off the curve"),
        (b"\x04" + bytes(64), "off the curve"),
        (b"\x04" + b"\xff" * 64, "off the curve"),
    ],
)
def test_a_public_key_that_is_none_is_our_own_error(public: bytes, reason: str) -> None:
    with pytest.raises(CryptoError, match=f"P-256 public key: .*{reason}"):
        p256.verify(public, b"data", bytes(64))


@pytest.mark.parametrize("private", [0, -1, p256.N, p256.N + 1])
def test_a_private_key_out_of_range_is_refused(private: int) -> None:
    with pytest.raises(CryptoError, match="P-256 private key: found one out of range"):
        p256.sign(private, b"data")
    with pytest.raises(CryptoError, match="P-256 private key: found one out of range"):
        p256.public_key(private)


def test_a_curve_that_the_machine_has_not_is_our_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some builds of OpenSSL lack curves: say so as of any key that cannot be used."""

    def lacking() -> None:
        raise UnsupportedAlgorithm("Curve secp256r1 is not supported")

    public = p256.public_key(RFC_KEY)
    numbers = SimpleNamespace(public_key=lacking)
    monkeypatch.setattr(p256, "EllipticCurvePublicNumbers", lambda *_: numbers)
    with pytest.raises(CryptoError, match="P-256 public key: found no support for the curve"):
        p256.verify(public, b"", bytes(64))
