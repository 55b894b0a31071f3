"""Hold the digest of signatures to its switch, and the memory of verdicts to what was asked."""

import random
from typing import Any

import pytest

from emulator.crypto import ecdsa
from emulator.crypto.mmo import aes_mmo
from emulator.crypto.suites import FACTS, Suite
from emulator.image.build import refit_integrity
from emulator.image.judgement import Expectation
from emulator.image.keys import new_signer, trust_of
from emulator.image.sign import with_certificate, with_signature
from emulator.image.verify import VerdictMemory, verify
from emulator.profiles.switches import SignedIntegrity
from emulator.profiles.trust import TrustProfile
from emulator.wire.ota_file import Element, ElementTag
from tests.image.signers import IMPOSTORS, SIGNED, SIGNER_EUI64, SIGNERS, UNSIGNED, against

SUITE_STEPS = ("signature_suite1", "signature_suite2")
STEPS = ("header", "size", "structure", "signer", "certificate", *SUITE_STEPS, "manifest")

both_suites = pytest.mark.parametrize("suite", list(Suite), ids=["suite 1", "suite 2"])


def step_of(data: bytes, expectation: Expectation, steps: tuple[str, ...] = STEPS) -> str | None:
    """Return the step that refuses a file, None if none does."""
    refusal = verify(data, expectation, steps).refusal
    return None if refusal is None else refusal.step


# An integrity code in a signed file.


def _with_code(suite: Suite) -> tuple[bytes, int]:
    """Return a file with certificate and integrity code, and where the code's octets begin."""
    made = with_certificate(UNSIGNED, SIGNERS[suite])
    data = bytearray(made + Element(ElementTag.INTEGRITY_CODE, bytes(16)).encode())
    size = 6 + FACTS[suite].signature_size
    data[52:56] = (len(data) + size).to_bytes(4, "little")
    return refit_integrity(bytes(data)), len(data) - 16


def _signed_without(suite: Suite) -> bytes:
    """Sign as Exegin does: the code's octets are left out of the digest."""
    data, at = _with_code(suite)
    facts, signer = FACTS[suite], SIGNERS[suite]
    head = facts.signature_tag.to_bytes(2, "little") + facts.signature_size.to_bytes(4, "little")
    head += signer.eui64.to_bytes(8, "little")
    digest = aes_mmo(data[:at] + data[at + 16 :] + head)
    r, s = ecdsa.sign(facts.curve, signer.private, digest)
    size = facts.scalar_size
    return data + head + r.to_bytes(size, "big") + s.to_bytes(size, "big")


@both_suites
def test_what_a_digest_makes_of_an_integrity_code_is_the_profiles(suite: Suite) -> None:
    """ota-cluster 6.3: Silabs signs the code's octets, Exegin does not."""
    kept = with_signature(_with_code(suite)[0], SIGNERS[suite])
    left_out = _signed_without(suite)
    step = SUITE_STEPS[suite - 1]
    steps = (*STEPS, "integrity")
    for policy, good, bad in (
        (SignedIntegrity.KEEP, kept, left_out),
        (SignedIntegrity.LEAVE_OUT, left_out, kept),
    ):
        assert step_of(good, against(good, signed_integrity=policy), steps) is None
        assert step_of(bad, against(bad, signed_integrity=policy), steps) == step
    for data in (kept, left_out):
        none = against(data, signed_integrity=SignedIntegrity.REFUSE)
        refusal = verify(data, none, steps).refusal
        assert refusal is not None
        assert (refusal.step, refusal.expected) == (step, "none")
    plain = SIGNED[suite]
    assert step_of(plain, against(plain, signed_integrity=SignedIntegrity.REFUSE)) is None
    assert step_of(plain, against(plain, signed_integrity=SignedIntegrity.LEAVE_OUT)) is None


# The memory of verdicts.


def test_no_verdict_outlives_a_change_of_what_is_expected() -> None:
    """Ask one memory about the same octets under other trust, suites, dates and switches."""
    memory, data = VerdictMemory(), SIGNED[Suite.TWO]
    stranger = new_signer(IMPOSTORS[Suite.TWO], SIGNER_EUI64, random.Random(5))
    changes: list[dict[str, Any]] = [
        {},
        {"trust": None},
        {"trust": TrustProfile()},
        {"trust": trust_of([stranger])},
        {"suites": (1,)},
        {"at": 1},
        {"offered_version": 3},
        {"signed_integrity": SignedIntegrity.REFUSE},
    ]
    steps = tuple(step for step in STEPS if step != "signature_suite1")
    for _ in range(2):
        verdicts = [verify(data, against(data, **one), steps, memory) for one in changes]
        assert [one.accepted for one in verdicts] == [
            *(True, False, False, False, False),
            *(True, False, True),
        ]
    assert len(memory) == len(changes)
    other = data[:70] + bytes([data[70] ^ 1]) + data[71:]
    assert not verify(other, against(data), steps, memory).accepted
