"""Meet every published value of the two suites: keys, agreement, key derivation, signed files."""

import hmac
import math

import pytest

from emulator.crypto import ecdsa
from emulator.crypto.curve import Curve
from emulator.crypto.ecqv import read_certificate, reconstruct
from emulator.crypto.mmo import aes_mmo
from emulator.crypto.suites import FACTS, Suite
from tests.crypto.plain_curve import PLAIN, PlainPoint
from tests.crypto.published import (
    AGREED,
    CA_PUBLIC,
    EPHEMERAL,
    INTEGRITY_FILE,
    PAIRS,
    SIGNED_FILE,
    SIGNED_NONCE,
    Pair,
)

pairs = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
suites = pytest.mark.parametrize("suite", list(Suite), ids=lambda suite: f"suite {suite}")


@pairs
def test_f024_the_certificate_and_the_private_key_make_one_public_key(pair: Pair) -> None:
    """OTA-F-024: e*P + Q_CA is d*G, and both are the published key."""
    curve = FACTS[pair.suite].curve
    certificate = read_certificate(pair.certificate, pair.suite)
    ca_public = curve.decompress(CA_PUBLIC[pair.suite])
    public = reconstruct(certificate, ca_public)
    assert public == curve.multiply(pair.private, curve.base)
    assert public == PLAIN[curve.name].multiply(pair.private, curve.base)
    assert curve.compress(public) == pair.public

    r, s = ecdsa.sign(curve, pair.private, bytes(range(16)))
    assert ecdsa.verify(curve, public, bytes(range(16)), r, s)


@suites
def test_ephemeral_keys_are_pairs(suite: Suite) -> None:
    curve = FACTS[suite].curve
    for private, public in EPHEMERAL[suite]:
        point = curve.multiply(int(private, 16), curve.base)
        assert curve.compress(point) == bytes.fromhex(public)
        assert curve.decompress(bytes.fromhex(public)) == point


def associate(curve: Curve, point: PlainPoint) -> int:
    """Return what SEC 1, 3.4 makes of a point: the lower half of x with a bit before it."""
    assert point is not None
    half = 1 << math.ceil(curve.n.bit_length() / 2)
    return point[0] % half + half


@suites
@pytest.mark.parametrize("initiator", [0, 1])
def test_both_sides_agree_on_the_published_secret(suite: Suite, initiator: int) -> None:
    """ECMQV, SEC 1, 6.2, from either side; its arithmetic here is the plain curve's."""
    curve = FACTS[suite].curve
    plain = PLAIN[curve.name]
    devices = [pair for pair in PAIRS.values() if pair.suite is suite][:2]
    own, peer = devices[initiator], devices[1 - initiator]
    own_ephemeral, own_point = EPHEMERAL[suite][initiator]
    peer_ephemeral = curve.decompress(bytes.fromhex(EPHEMERAL[suite][1 - initiator][1]))

    mine = associate(curve, curve.decompress(bytes.fromhex(own_point)))
    share = (int(own_ephemeral, 16) + mine * own.private) % curve.n
    theirs = plain.multiply(associate(curve, peer_ephemeral), curve.decompress(peer.public))
    agreed = plain.multiply(curve.h * share % curve.n, plain.add(peer_ephemeral, theirs))
    assert agreed is not None
    assert agreed[0].to_bytes(curve.octets, "big") == AGREED[suite]


class Mmo:
    """Be AES-MMO as the HMAC of the standard library wants a hash."""

    digest_size = block_size = 16

    def __init__(self, data: bytes = b"") -> None:
        self._data = data

    def update(self, data: bytes) -> None:
        self._data += data

    def copy(self) -> "Mmo":
        return Mmo(self._data)

    def digest(self) -> bytes:
        return aes_mmo(self._data)


def test_keys_and_confirmations_follow_from_the_secret() -> None:
    """Annex C.5.1: the key derivation and the HMACs over AES-MMO, short and keyed input."""
    secret = AGREED[Suite.ONE]
    key = aes_mmo(secret + bytes.fromhex("00000001"))
    assert key.hex().upper() == "90F967B22C8357C10C1C04788DE9E848"
    derived = aes_mmo(secret + bytes.fromhex("00000002"))
    assert derived.hex().upper() == "86D58AAA998E2FAEFAF9FEF49606543A"

    one, two = (1).to_bytes(8, "big"), (2).to_bytes(8, "big")
    first, second = (bytes.fromhex(public) for _, public in EPHEMERAL[Suite.ONE])
    macu = hmac.new(key, b"\x02" + two + one + second + first, Mmo).digest()
    macv = hmac.new(key, b"\x03" + one + two + first + second, Mmo).digest()
    assert macu.hex().upper() == "B82F1F9774740C32F80FCFC3921B6420"
    assert macv.hex().upper() == "79D5F2AD1C31D4D1EE7CB719AC683C3C"


def test_the_published_file_is_signed_again_octet_for_octet() -> None:
    """Digest, r and s of file B: hashed is all but r and s."""
    pair = PAIRS["suite 1, device 1"]
    curve = FACTS[Suite.ONE].curve
    signed, signature = SIGNED_FILE[:-42], SIGNED_FILE[-42:]
    digest = aes_mmo(signed)
    assert digest.hex().upper() == "AF6BC060030034C1777C05C26FDE4750"
    r, s = ecdsa.sign(curve, pair.private, digest, SIGNED_NONCE)
    assert r.to_bytes(21, "big") + s.to_bytes(21, "big") == signature
    assert pair.certificate in signed

    certificate = read_certificate(pair.certificate, Suite.ONE)
    public = reconstruct(certificate, curve.decompress(CA_PUBLIC[Suite.ONE]))
    assert ecdsa.verify(curve, public, digest, r, s)
    assert PLAIN[curve.name].verify(public, digest, r, s)


def test_f020_no_octet_of_the_published_file_may_differ() -> None:
    """OTA-F-020: flip each of the 162 signed octets."""
    pair = PAIRS["suite 1, device 1"]
    curve = FACTS[Suite.ONE].curve
    public = curve.decompress(pair.public)
    r = int.from_bytes(SIGNED_FILE[-42:-21], "big")
    s = int.from_bytes(SIGNED_FILE[-21:], "big")
    assert len(SIGNED_FILE) - 42 == 162
    for place in range(162):
        spoiled = bytearray(SIGNED_FILE[:-42])
        spoiled[place] ^= 1 << place % 8
        assert not ecdsa.verify(curve, public, aes_mmo(bytes(spoiled)), r, s)
    assert ecdsa.verify(curve, public, aes_mmo(SIGNED_FILE[:-42]), r, s)


def test_the_published_integrity_code() -> None:
    """File A: hashed is all before the tag."""
    assert INTEGRITY_FILE[-22:-16].hex() == "030010000000"
    assert aes_mmo(INTEGRITY_FILE[:-22]) == INTEGRITY_FILE[-16:]
