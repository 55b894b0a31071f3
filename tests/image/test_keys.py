"""Key files survive a round trip, say what they are for, and are refused in one line."""

import json
import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.crypto import p256
from emulator.crypto.ecqv import read_certificate, reconstruct
from emulator.crypto.suites import FACTS, Suite
from emulator.errors import CertificateError, CryptoError, KeyFileError
from emulator.image.keys import (
    Authority,
    GbSigner,
    Key,
    Signer,
    check_signer,
    new_authority,
    new_gb_signer,
    new_signer,
    read_key,
    trust_of,
    write_key,
)
from tests.image.signers import (
    CAS,
    DEVICE_1,
    DEVICE_1_SUITE_2,
    GB_SIGNER,
    ISSUER,
    OTHER_GB_SIGNER,
    SIGNER_EUI64,
    SIGNERS,
)

EVERY: dict[str, Key] = {
    "ca 1": CAS[Suite.ONE],
    "ca 2": CAS[Suite.TWO],
    "signer 1": SIGNERS[Suite.ONE],
    "signer 2": SIGNERS[Suite.TWO],
    "published 1": DEVICE_1,
    "published 2": DEVICE_1_SUITE_2,
    "gb": GB_SIGNER,
}
both_suites = pytest.mark.parametrize("suite", list(Suite), ids=["suite 1", "suite 2"])


def changed(key: Key, **changes: object) -> str:
    """Write a key file with other values; None takes one away."""
    document = {**json.loads(write_key(key)), **changes}
    return json.dumps({name: value for name, value in document.items() if value is not None})


@pytest.mark.parametrize("name", EVERY)
def test_a_key_survives_its_file(name: str) -> None:
    key = EVERY[name]
    text = write_key(key)
    assert read_key(text) == key
    assert write_key(read_key(text)) == text


@pytest.mark.parametrize("name", EVERY)
def test_a_key_file_says_loudly_what_it_is_for(name: str) -> None:
    assert write_key(EVERY[name]).splitlines()[1].startswith('  "warning": "FOR TESTS ONLY')


@pytest.mark.parametrize("name", EVERY)
def test_a_private_key_is_not_in_the_repr(name: str) -> None:
    key = EVERY[name]
    assert f"{key.private}" not in repr(key)
    assert f"{key.private:x}" not in repr(key).lower()


@both_suites
def test_a_new_signer_is_its_cas(suite: Suite) -> None:
    """Hold the certificate to its CA by another way than ``check_signer``."""
    signer, facts = SIGNERS[suite], FACTS[suite]
    certificate = read_certificate(signer.certificate, suite)
    assert (certificate.subject, certificate.issuer) == (SIGNER_EUI64, ISSUER)
    ca = facts.curve.decompress(CAS[suite].public)
    assert ca == facts.curve.multiply(CAS[suite].private, facts.curve.base)
    assert signer.ca_public == CAS[suite].public
    public = reconstruct(certificate, ca)
    assert public == facts.curve.multiply(signer.private, facts.curve.base)


@both_suites
def test_chance_decides_a_key(suite: Suite) -> None:
    """Make the same keys of the same seed, and others of another."""
    made = [new_authority(suite, ISSUER, random.Random(seed)) for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
    signers = [new_signer(made[0], 5, random.Random(seed)) for seed in (1, 1, 2)]
    assert signers[0] == signers[1] != signers[2]
    gb = [new_gb_signer(5, random.Random(seed)) for seed in (1, 1, 2)]
    assert gb[0] == gb[1] != gb[2]
    assert p256.verify(gb[0].public, b"x", p256.sign(gb[0].private, b"x"))


# Parts that do not belong together.


@both_suites
def test_a_signers_parts_belong_together(suite: Suite) -> None:
    signer = SIGNERS[suite]
    assert check_signer(signer).subject == SIGNER_EUI64
    stranger = new_authority(suite, ISSUER, random.Random(9))
    for lie in (
        replace(signer, private=signer.private ^ 1),
        replace(signer, ca_public=stranger.public),
        replace(signer, private=0),
    ):
        with pytest.raises(CryptoError, match=r"^private: found a key that is not the cert"):
            check_signer(lie)
    with pytest.raises(CertificateError, match=r"found subject 0x00124B0001020304, wanted 0x0+9"):
        check_signer(replace(signer, eui64=9))


def _bad_files() -> dict[str, tuple[str, str]]:
    one, two, ca, gb = SIGNERS[Suite.ONE], SIGNERS[Suite.TWO], CAS[Suite.ONE], GB_SIGNER
    curve = FACTS[Suite.ONE].curve
    return {
        "empty": ("", "found no JSON"),
        "no JSON": ("suite = 1", "found no JSON"),
        "deep": ("[" * 100_000, "found no JSON"),
        "many digits": ("1" * 100_000, "found no JSON"),
        "an array": ("[]", "found no key file, wanted a JSON object of format"),
        "another format": (changed(one, format="hanover-test-key-9"), "found no key file"),
        "no warning": (changed(one, warning=None), "warning: found nothing"),
        "no kind": (changed(one, kind=None), "kind: found nothing, wanted one of authority"),
        "odd kind": (changed(one, kind=["signer"]), 'kind: found ["signer"], wanted one of'),
        "no suite": (changed(one, suite=None), "suite: found nothing"),
        "suite 3": (changed(one, suite=3), "suite: found 3, wanted 1 or 2"),
        "suite true": (changed(one, suite=True), "suite: found true, wanted 1 or 2"),
        "suite text": (changed(one, suite="1"), 'suite: found "1", wanted 1 or 2'),
        "a key more": (changed(one, serial="00"), "serial: found a key of no use"),
        "a number": (changed(one, private=5), "private: found 5, wanted"),
        "no hex": (changed(one, eui64="00:12"), 'eui64: found "00:12", wanted octets in hex'),
        "short": (changed(one, eui64="0012"), "eui64: found 2 octets, wanted 8"),
        "private 0": (changed(one, private="00" * 21), "private: found a number out of range"),
        "private n": (changed(ca, private=f"{curve.n:042x}"), "private: found a number out of"),
        "certificate of suite 2": (
            changed(one, certificate=two.certificate.hex()),
            "certificate: found 74 octets, a certificate of suite 2, wanted one of suite 1",
        ),
        "certificate of suite 1": (
            changed(two, certificate=one.certificate.hex()),
            "certificate: found 48 octets, a certificate of suite 1, wanted one of suite 2",
        ),
        "cut certificate": (
            changed(one, certificate=one.certificate[:-1].hex()),
            "certificate: found 47 octets, wanted 48",
        ),
        "foreign CA": (
            changed(one, ca_public=DEVICE_1.ca_public.hex()),
            "private: found a key that is not the certificate's under this CA",
        ),
        "no point": (changed(one, ca_public="07" + "00" * 21), "point"),
        "other subject": (changed(one, eui64=f"{9:016x}"), "certificate: found subject 0x00124B"),
        "other key": (
            changed(one, private=f"{one.private ^ 2:042x}"),
            "private: found a key that is not the certificate's",
        ),
        "other public": (
            changed(ca, public=DEVICE_1.ca_public.hex()),
            "public: found 0200fde8a7f3d1084224..., wanted",
        ),
        "other gb public": (
            changed(gb, public=OTHER_GB_SIGNER.public.hex()),
            "the private key's",
        ),
    }


@pytest.mark.parametrize("flaw", list(_bad_files()))
def test_a_bad_key_file_is_refused_in_one_line(flaw: str) -> None:
    text, message = _bad_files()[flaw]
    with pytest.raises(KeyFileError) as caught:
        read_key(text)
    said = str(caught.value)
    assert message in said
    assert "\n" not in said
    assert len(said) < 200


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_NAMES = ["format", "kind", "suite", "eui64", "issuer", "private", "public", "certificate"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(EVERY)), st.sampled_from([*_NAMES, "ca_public", "x"]), _JSON)
def test_any_value_in_a_key_file_is_read_or_refused(name: str, field: str, value: Any) -> None:  # noqa: ANN401 - any JSON
    """Raise nothing else, whatever a value is replaced by."""
    document = {**json.loads(write_key(EVERY[name])), field: value}
    with suppress(KeyFileError):
        assert read_key(json.dumps(document)) == EVERY[name]


# Trust.


def test_trust_is_the_public_part_of_keys() -> None:
    trust = trust_of([*SIGNERS.values(), *CAS.values(), GB_SIGNER])
    assert trust.signers == (SIGNER_EUI64,)
    assert trust.issuer == ISSUER
    assert trust.authority(1) == CAS[Suite.ONE].public
    assert trust.authority(2) == CAS[Suite.TWO].public
    assert trust.supplier == GB_SIGNER.public


def test_a_ca_alone_vouches_for_nobody() -> None:
    trust = trust_of([CAS[Suite.ONE]])
    assert (trust.signers, trust.issuer, trust.supplier) == ((), ISSUER, None)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([SIGNERS[Suite.ONE], DEVICE_1], r"trust\.issuer: found 0x5445.* besides 0x4841"),
        ([GB_SIGNER, OTHER_GB_SIGNER], r"trust\.gb_key: found 04.* besides 04.*, wanted one"),
        (
            [CAS[Suite.ONE], new_authority(Suite.ONE, ISSUER, random.Random(8))],
            r"trust\.ca_suite1: found 0",
        ),
    ],
    ids=["issuers", "gb keys", "cas"],
)
def test_a_device_holds_one_of_each(keys: list[Key], message: str) -> None:
    with pytest.raises(CryptoError, match=message):
        trust_of(keys)


def test_kinds_of_keys_are_told_apart() -> None:
    kinds = {name: type(read_key(write_key(key))) for name, key in EVERY.items()}
    assert set(kinds.values()) == {Authority, Signer, GbSigner}
