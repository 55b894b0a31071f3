"""Prove the steps of signatures: the published file passes, and each lie meets its own step."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.crypto.ecqv import issue
from emulator.crypto.suites import FACTS, Suite
from emulator.image.build import build
from emulator.image.judgement import Expectation, Refusal, Verdict
from emulator.image.keys import Signer, trust_of
from emulator.image.sign import sign, with_certificate, with_signature
from emulator.image.verify import verify
from emulator.profiles.model import Manifest
from emulator.profiles.trust import TrustProfile
from emulator.wire.ota import Status
from emulator.wire.ota_file import Element
from emulator.wire.ota_reader import read
from tests.image.signers import (
    AGAINST_B,
    CAS,
    DEVICE_1,
    DEVICE_1_SUITE_2,
    FILE_B,
    IMPOSTORS,
    ISSUER,
    MADE,
    SIGNED,
    SIGNED_END,
    SIGNER_EUI64,
    SIGNERS,
    UNSIGNED,
    against,
)

SUITE_STEPS = ("signature_suite1", "signature_suite2")
OF_SIGNATURES = ("signer", "certificate", *SUITE_STEPS)
STEPS = ("header", "hardware", "size", "structure", *OF_SIGNATURES, "manifest")
NOBODY = TrustProfile()

both_suites = pytest.mark.parametrize("suite", list(Suite), ids=["suite 1", "suite 2"])


def refusal_of(
    data: bytes, expectation: Expectation, steps: tuple[str, ...] = STEPS
) -> Refusal | None:
    """Return why a file is refused, None if it is not."""
    return verify(data, expectation, steps).refusal


def step_of(data: bytes, expectation: Expectation, steps: tuple[str, ...] = STEPS) -> str | None:
    """Return the step that refuses a file, None if none does; see that the refusal says all."""
    refusal = refusal_of(data, expectation, steps)
    if refusal is None:
        return None
    assert refusal.status is Status.INVALID_IMAGE
    assert refusal.clause
    assert refusal.found != refusal.expected
    return refusal.step


def flipped(data: bytes, at: int, bits: int = 1) -> bytes:
    """Change one octet."""
    changed = bytearray(data)
    changed[at] ^= bits
    return bytes(changed)


def signed_by(signer: Signer, **changes: Any) -> bytes:  # noqa: ANN401 - build()'s own parameters
    """Build and sign a file."""
    return sign(build(**(MADE | changes)), signer)


def issued(suite: Suite, **changes: Any) -> Signer:  # noqa: ANN401 - issue()'s own parameters
    """Return a signer whose certificate says something else."""
    facts = {"subject": SIGNER_EUI64, "issuer": ISSUER, **changes}
    certificate, private = issue(suite, CAS[suite].private, **facts)
    return replace(SIGNERS[suite], certificate=certificate.octets, private=private)


def with_numbers(data: bytes, suite: Suite, r: int, s: int) -> bytes:
    """Write other numbers into a signature."""
    size = FACTS[suite].scalar_size
    return data[: -2 * size] + r.to_bytes(size, "big") + s.to_bytes(size, "big")


def numbers_of(data: bytes, suite: Suite) -> tuple[int, int]:
    """Return r and s."""
    size = FACTS[suite].scalar_size
    return int.from_bytes(data[-2 * size : -size], "big"), int.from_bytes(data[-size:], "big")


# Honest files.


def test_f017_the_published_file_is_accepted() -> None:
    """OTA-F-017, OTA-C-085: file B of ota-cluster 6.5, with the test CA as trust."""
    steps = ("header", "hardware", "destination", "size", "structure", *OF_SIGNATURES)
    assert verify(FILE_B, AGAINST_B, steps) == Verdict(accepted=True)


@pytest.mark.parametrize("at", range(SIGNED_END))
def test_f020_any_changed_octet_of_the_published_file_is_refused(at: int) -> None:
    """OTA-F-020: 162 files, judged by the signature's step alone."""
    for bits in (0x01, 0x80):
        assert step_of(flipped(FILE_B, at, bits), AGAINST_B, ("signature_suite1",)) is not None


def test_f018_the_published_key_of_suite_2_signs_what_is_accepted() -> None:
    """OTA-F-018: signed here with the published key; OpenSSL judges it in the interop tests."""
    data = signed_by(DEVICE_1_SUITE_2)
    expectation = against(data, trust=trust_of([DEVICE_1_SUITE_2]))
    assert verify(data, expectation, STEPS) == Verdict(accepted=True)


@both_suites
def test_either_suite_is_accepted_where_both_are_listed(suite: Suite) -> None:
    data = SIGNED[suite]
    assert verify(data, against(data), STEPS) == Verdict(accepted=True)
    alone = tuple(step for step in STEPS if step != SUITE_STEPS[2 - suite])
    assert step_of(data, against(data, suites=(int(suite),)), alone) is None


@both_suites
def test_a_suite_that_is_not_listed_is_refused(suite: Suite) -> None:
    """Refuse by the first step of signatures, and by the other suite's step alone."""
    data, other = SIGNED[suite], 3 - suite
    listed = tuple(step for step in STEPS if step != SUITE_STEPS[suite - 1])
    expectation = against(data, suites=(other,))
    assert step_of(data, expectation, listed) == "signer"
    assert step_of(data, expectation, (SUITE_STEPS[other - 1],)) is not None
    assert step_of(data, against(data, suites=()), (SUITE_STEPS[other - 1],)) is not None


@both_suites
def test_elements_that_are_not_known_are_signed_as_all_others(suite: Suite) -> None:
    data = signed_by(SIGNERS[suite], elements=(Element(0xF123, b"vendor"), Element(7, b"later")))
    assert step_of(data, against(data)) is None
    assert step_of(flipped(data, data.index(b"vendor")), against(data)) == SUITE_STEPS[suite - 1]


# Lies: each is refused by one step, and by that step alone.


def _reversed_signer(suite: Suite) -> bytes:
    reversed_eui64 = int.from_bytes(SIGNER_EUI64.to_bytes(8, "big"), "little")
    made = with_certificate(UNSIGNED, SIGNERS[suite])
    return with_signature(made, SIGNERS[suite], signer_eui64=reversed_eui64)


def _impostor(suite: Suite) -> bytes:
    certificate, private = issue(
        suite, IMPOSTORS[suite].private, subject=SIGNER_EUI64, issuer=ISSUER
    )
    return sign(UNSIGNED, replace(SIGNERS[suite], certificate=certificate.octets, private=private))


def _by_another_key(suite: Suite) -> bytes:
    return sign(UNSIGNED, replace(SIGNERS[suite], private=SIGNERS[suite].private ^ 2))


def _swapped(suite: Suite) -> bytes:
    return with_numbers(SIGNED[suite], suite, *reversed(numbers_of(SIGNED[suite], suite)))


LIES: list[tuple[str, str, Callable[[Suite], bytes]]] = [
    ("signer", "not on the list", lambda s: sign(UNSIGNED, replace(issued(s, subject=9), eui64=9))),
    ("certificate", "another issuer", lambda s: sign(UNSIGNED, issued(s, issuer=ISSUER + 1))),
    ("certificate", "another subject", lambda s: sign(UNSIGNED, issued(s, subject=9))),
    ("signature", "a CA of the same name", _impostor),
    ("signature", "another private key", _by_another_key),
    ("signature", "the image", lambda s: flipped(SIGNED[s], len(UNSIGNED) - 1)),
    ("signature", "the header string", lambda s: flipped(SIGNED[s], 20)),
    ("signature", "the last octet", lambda s: flipped(SIGNED[s], -1)),
    ("signature", "r and s swapped", _swapped),
]


@both_suites
@pytest.mark.parametrize(
    ("step", "lie"), [pytest.param(s, make, id=f"{s}: {about}") for s, about, make in LIES]
)
def test_c084_each_lie_meets_its_own_step(
    step: str, lie: Callable[[Suite], bytes], suite: Suite
) -> None:
    """OTA-C-084: refused by one step; without that step, and with it on honest files, accepted."""
    data = lie(suite)
    if step == "signature":
        step = SUITE_STEPS[suite - 1]
    expectation = against(data, manifest=Manifest.NONE)
    steps = tuple(one for one in STEPS if one != "manifest")
    assert step_of(data, expectation, steps) == step
    others = tuple(one for one in steps if one != step)
    assert step_of(data, expectation, others) is None


@both_suites
def test_f021_a_signer_in_the_wrong_byte_order_is_refused(suite: Suite) -> None:
    """OTA-F-021: unknown at first; were it on the list, it is not the certificate's subject."""
    data = _reversed_signer(suite)
    assert step_of(data, against(data)) == "signer"
    turned = read(data)[0].elements[-1].data[:8]
    trust = replace(trust_of([SIGNERS[suite]]), signers=(int.from_bytes(turned, "little"),))
    assert step_of(data, against(data, trust=trust)) == "certificate"
    subject = refusal_of(data, against(data, trust=trust))
    assert subject is not None
    assert subject.found == f"subject {SIGNER_EUI64:#018x}"


@both_suites
@pytest.mark.parametrize("which", ["r", "s"])
def test_f023_numbers_out_of_range_are_refused(suite: Suite, which: str) -> None:
    """OTA-F-023: 0, n, n plus the honest one, and all ones: no exception, no acceptance."""
    data, n = SIGNED[suite], FACTS[suite].curve.n
    r, s = numbers_of(data, suite)
    most = (1 << 8 * FACTS[suite].scalar_size) - 1
    for lie in (0, n, n + (r if which == "r" else s), most):
        bad = with_numbers(data, suite, *((lie, s) if which == "r" else (r, lie)))
        assert step_of(bad, against(bad)) == SUITE_STEPS[suite - 1]


@both_suites
def test_f030_a_certificate_without_a_point_is_refused(suite: Suite) -> None:
    """OTA-F-030: an x that no point has, and a first octet that is neither 02 nor 03."""
    start = 0 if suite is Suite.ONE else 37
    octets = bytearray(SIGNERS[suite].certificate)
    for x in range(1, 20):
        octets[start : start + FACTS[suite].curve.octets + 1] = b"\x02" + x.to_bytes(
            FACTS[suite].curve.octets, "big"
        )
        data = sign(UNSIGNED, replace(SIGNERS[suite], certificate=bytes(octets)))
        assert step_of(data, against(data)) == SUITE_STEPS[suite - 1]
    octets[start] = 7
    data = sign(UNSIGNED, replace(SIGNERS[suite], certificate=bytes(octets)))
    assert step_of(data, against(data)) == SUITE_STEPS[suite - 1]


# Files that are not made of one signature and one certificate.


@both_suites
def test_c084_an_unsigned_file_is_refused_by_every_step(suite: Suite) -> None:
    """OTA-C-084: no signature, and with a certificate only."""
    for data in (UNSIGNED, with_certificate(UNSIGNED, SIGNERS[suite])):
        for step in OF_SIGNATURES:
            refusal = refusal_of(data, against(data), (step,))
            assert refusal is not None
            assert (refusal.step, refusal.found) == (step, "no signature")


@both_suites
def test_c084_both_suites_in_one_file_are_refused_by_every_step(suite: Suite) -> None:
    """OTA-C-084: by ``structure`` too; each signature is right over what is before it."""
    data = sign(UNSIGNED, SIGNERS[Suite(3 - suite)])
    data = with_signature(with_certificate(data, SIGNERS[suite]), SIGNERS[suite])
    assert step_of(data, against(data)) == "structure"
    for step in OF_SIGNATURES:
        refusal = refusal_of(data, against(data), (step,))
        assert refusal is not None
        assert refusal.expected == "exactly one signature"


@both_suites
def test_two_signatures_of_one_suite_are_refused(suite: Suite) -> None:
    data = with_signature(SIGNED[suite], SIGNERS[suite])
    for step in OF_SIGNATURES:
        assert step_of(data, against(data), (step,)) == step


@both_suites
def test_f022_nothing_stands_behind_the_signature(suite: Suite) -> None:
    """OTA-F-022: an element, an element's head, a stray octet: by ``structure`` or ``size``."""
    honest = SIGNED[suite]
    for behind in (Element(0xF123, b"more").encode(), bytes(6), b"\0"):
        data = bytearray(honest + behind)
        data[52:56] = len(data).to_bytes(4, "little")
        resized = bytes(data)
        assert step_of(resized, against(resized)) == "structure"
        assert step_of(honest + behind, against(honest)) == "size"
        for step in OF_SIGNATURES:
            refusal = refusal_of(honest + behind, against(honest), (step,))
            assert refusal is not None
            assert refusal.expected == "the signature last"


@both_suites
def test_nothing_stands_before_the_magic(suite: Suite) -> None:
    """Refuse by the header, and as octets that nobody signed."""
    data = b"wrapper" + SIGNED[suite]
    assert step_of(data, against(data)) == "header"
    assert step_of(data, against(data), OF_SIGNATURES) == SUITE_STEPS[suite - 1]


@both_suites
def test_a_certificate_must_be_there_once_and_of_the_suite(suite: Suite) -> None:
    own, other = SIGNERS[suite], SIGNERS[Suite(3 - suite)]
    without = with_signature(UNSIGNED, own)
    foreign = with_signature(with_certificate(UNSIGNED, other), own)
    twice = with_signature(with_certificate(with_certificate(UNSIGNED, own), own), own)
    besides = with_signature(with_certificate(with_certificate(UNSIGNED, other), own), own)
    for data in (without, foreign, twice, besides):
        for step in ("certificate", SUITE_STEPS[suite - 1]):
            refusal = refusal_of(data, against(data), (step,))
            assert refusal is not None
            assert refusal.expected == f"one of suite {suite:d}"


@both_suites
@pytest.mark.parametrize("more", [-1, 1])
def test_f014_f015_lengths_are_exact(suite: Suite, more: int) -> None:
    """OTA-F-014, OTA-F-015: by ``structure``, and by the steps that read the element."""
    facts = FACTS[suite]
    for tag in (facts.certificate_tag, facts.signature_tag):
        elements = []
        for element in read(SIGNED[suite])[0].elements:
            octets = element.data
            if element.tag == tag:
                octets = octets[:more] if more < 0 else octets + b"\0"
            elements.append(Element(element.tag, octets).encode())
        data = bytearray(UNSIGNED[:60] + b"".join(elements))
        data[52:56] = len(data).to_bytes(4, "little")
        resized = bytes(data)
        assert step_of(resized, against(resized)) == "structure"
        for step in ("certificate", SUITE_STEPS[suite - 1]):
            refusal = refusal_of(resized, against(resized), (step,))
            assert refusal is not None
            assert "octets" in refusal.found


# Certificates of suite 2 say more.


@pytest.mark.parametrize(("at", "what"), [(0, "type"), (9, "curve"), (10, "hash")])
def test_a_certificate_for_another_use_is_refused(at: int, what: str) -> None:
    octets = flipped(SIGNERS[Suite.TWO].certificate, at)
    data = sign(UNSIGNED, replace(SIGNERS[Suite.TWO], certificate=octets))
    refusal = refusal_of(data, against(data))
    assert refusal is not None
    assert refusal.step == "certificate"
    assert what in refusal.found


@pytest.mark.parametrize(("usage", "step"), [(0x80, None), (0x88, None), (0x08, "certificate")])
def test_a_key_that_may_not_sign_is_refused(usage: int, step: str | None) -> None:
    data = sign(UNSIGNED, issued(Suite.TWO, key_usage=usage))
    assert step_of(data, against(data)) == step
    others = tuple(one for one in STEPS if one != "certificate")
    assert step_of(data, against(data), others) is None


@pytest.mark.parametrize(
    ("at", "step"),
    [
        (None, None),
        (999, "certificate"),
        (1000, None),
        (2000, None),
        (2001, "certificate"),
    ],
)
def test_dates_count_only_where_the_time_is_known(at: int | None, step: str | None) -> None:
    data = sign(UNSIGNED, issued(Suite.TWO, valid_from=1000, valid_to=2000))
    assert step_of(data, against(data, at=at)) == step


@pytest.mark.parametrize("at", [0, 1 << 39])
def test_a_certificate_without_dates_is_good_at_any_time(at: int) -> None:
    data = sign(UNSIGNED, issued(Suite.TWO, valid_from=0, valid_to=None))
    assert step_of(data, against(data, at=at)) is None
    assert step_of(SIGNED[Suite.ONE], against(SIGNED[Suite.ONE], at=at)) is None


# Fail closed.


@both_suites
def test_a_step_without_its_trust_refuses(suite: Suite) -> None:
    """Refuse with no table, with an empty one, and with all but what the step needs."""
    data, trust = SIGNED[suite], trust_of([SIGNERS[suite]])
    needs = {"signer": "signers", "certificate": "issuer"}
    needs[SUITE_STEPS[suite - 1]] = f"ca_suite{suite:d}"
    for step, name in needs.items():
        lacking: dict[str, Any] = {name: () if name == "signers" else None}
        for held in (None, NOBODY, replace(trust, **lacking)):
            assert step_of(data, against(data, trust=held), (step,)) == step
        assert step_of(data, against(data, trust=trust), (step,)) is None


def test_a_ca_of_the_other_suite_is_no_ca_of_this_one() -> None:
    for suite in Suite:
        data, trust = SIGNED[suite], trust_of([SIGNERS[Suite(3 - suite)]])
        assert step_of(data, against(data, trust=trust)) == SUITE_STEPS[suite - 1]


@given(st.binary(max_size=40), st.sampled_from(OF_SIGNATURES))
def test_any_octets_get_a_refusal(data: bytes, step: str) -> None:
    """Raise nothing, and accept nothing, whatever stands behind the header."""
    for octets in (data, UNSIGNED[:60] + data, SIGNED[Suite.ONE][:-50] + data):
        assert step_of(octets, against(octets), (step,)) == step


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(Suite)), st.integers(0), st.integers(1, 255))
def test_any_changed_octet_is_refused(suite: Suite, at: int, bits: int) -> None:
    """Refuse a signed file with any one octet changed, r and s included."""
    data = flipped(SIGNED[suite], at % len(SIGNED[suite]), bits)
    assert step_of(data, against(SIGNED[suite])) is not None


def test_a_signer_is_what_its_certificate_says() -> None:
    """Be the control of the published keys: who signs is who the certificate is for."""
    assert DEVICE_1.certificate[22:30] == DEVICE_1.eui64.to_bytes(8, "big")
    assert DEVICE_1_SUITE_2.certificate[28:36] == DEVICE_1_SUITE_2.eui64.to_bytes(8, "big")
