"""Hold mutations to their names: they break what they say, and only where it is there."""

import hashlib
import json
from random import Random

import pytest

from emulator.crypto.suites import Suite
from emulator.errors import EditError, WireError
from emulator.image.build import build
from emulator.image.edits import apply
from emulator.image.lint import lint
from emulator.image.mutations import KEY, MUTATIONS, edits_of, mutate
from emulator.wire.ota_file import Container
from tests.image.signers import GB_SIGNER, HONEST, MADE, SIGNERS, UNSIGNED

FULL = build(**MADE | {"integrity": True}, destination=0x0011223344556677, credential_version=2)
FILES = {**HONEST, "full": FULL, "unsigned": UNSIGNED}
KEYS = {KEY: SIGNERS[Suite.ONE]}

#: What a mutation leaves for nobody but a verifier with a key to see.
UNSEEN = {
    *("flip-payload-bit", "integrity-removed", "signature-bit", "r-s-exchanged", "s-negated"),
    *("certificate-issuer", "manifest-counter", "trailer-removed", "trailer-cut", "hardware-wide"),
    *("vendor-tag", "image-twice", "flip-any-bit", "noise", "header-string", "manifest-magic"),
    *("tagged-image", "certificate-point"),  # half of all x are those of a point
}
#: What the linter has to call each: the first flaw that it must find, where that is certain.
SEEN = {
    "wrapper": "wrapper",
    "header-version": "header-version",
    "header-length-plus-one": "header-length",
    "control-reserved": "field-control",
    "manufacturer-wildcard": "manufacturer-wildcard",
    "image-type-reserved": "image-type-reserved",
    "image-type-wildcard": "image-type-wildcard",
    "version-plus-one": "manifest-claim",
    "version-wildcard": "version-wildcard",
    "stack-version": "stack-version",
    "size-plus-one": "size-too-long",
    "size-minus-one": "trailing",
    "size-zero": "size-too-short",
    "trailing": "trailing",
    "credential-version": "credential-version",
    "hardware-swapped": "hardware-range",
    "cut-last-octet": "size-too-long",
    "header-only": "empty",
    "stray-octets": "stray-octets",
    "element-length-plus-one": "element-cut",
    "element-length-huge": "element-cut",
    "reserved-tag": "reserved-tag",
    "vendor-info": "vendor-info",
    "no-elements": "no-elements",
    "integrity-wrong": "integrity-wrong",
    "integrity-covers-head": "integrity-covers-head",
    "integrity-twice": "several-integrity-codes",
    "integrity-short": "element-length",
    "r-zero": "signature-range",
    "s-zero": "signature-range",
    "r-order": "signature-range",
    "s-order": "signature-range",
    "signer-reversed": "signer-reversed",
    "signer-other": "signer-not-subject",
    "signature-removed": "certificate-without-signature",
    "signature-twice": "signature-not-last",
    "certificate-removed": "certificate-missing",
    "certificate-twice": "several-certificates",
    "certificate-subject": "signer-not-subject",
    "tag-after-signature": "signature-not-last",
    "suite-exchanged": "element-length",
    "both-suites": "both-suites",
    "manifest-version": "manifest-claim",
    "manifest-length": "manifest-unreadable",
    "manifest-digest": "manifest-digest",
    "signed-integrity": "integrity-and-signature",
    "false-signer": "signer-not-subject",
}


def possible(name: str) -> dict[str, bytes]:
    """Return what a mutation makes of each file that it can break."""
    made = {}
    for kind, data in FILES.items():
        try:
            made[kind] = mutate(name, data, Random(1), KEYS)
        except EditError:
            continue
    return made


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_breaks_some_file(name: str) -> None:
    """Apply somewhere, change the octets, and be the same for the same seed."""
    made = possible(name)
    assert made
    for kind, data in made.items():
        assert data != FILES[kind]
        assert mutate(name, FILES[kind], Random(1), KEYS) == data
        edits = json.loads(json.dumps(edits_of(name, FILES[kind], Random(1))))
        assert apply(FILES[kind], edits, KEYS) == data


@pytest.mark.parametrize("name", sorted(set(MUTATIONS) - UNSEEN))
def test_the_linter_sees_it(name: str) -> None:
    """Find a flaw in what was made of a clean file, or no file at all."""
    for kind, data in possible(name).items():
        try:
            found = {flaw.code.value for flaw in lint(data)}
        except WireError:
            assert name in {"magic", "cut-header"}
            continue
        assert found, (name, kind)
        assert SEEN.get(name) in {None, *found}, (name, kind)


def test_there_are_many_and_each_says_what_it_is() -> None:
    """Count them, and read what each does and breaks."""
    assert len(MUTATIONS) >= 60
    for name, mutation in MUTATIONS.items():
        assert mutation.name == name
        assert mutation.about
        assert len(mutation.clause) > 4
    assert {m.name for m in MUTATIONS.values() if m.keyed} == {"signed-integrity", "false-signer"}
    assert set(SEEN) | UNSEEN <= set(MUTATIONS)


@pytest.mark.parametrize("name", ["flip-image-bit", "noise", "cut", "signature-bit"])
def test_another_seed_breaks_another_place(name: str) -> None:
    """Draw from the stream that is handed in."""
    made = {mutate(name, FILES["suite1"], Random(seed)) for seed in range(8)}
    assert len(made) > 4


def test_what_only_a_reader_of_one_container_sees() -> None:
    """Take tags in a raw container for sub-elements, unless it must be a raw one (GB-014)."""
    data = mutate("tagged-image", FILES["gb"], Random(0))
    assert lint(data) == ()
    assert "container" in {flaw.code.value for flaw in lint(data, Container.GBCS)}


def test_the_payload_can_change_with_every_digest_fitting() -> None:
    """Leave a clean file whose payload is another: only a signature tells."""
    data = mutate("flip-payload-bit", FILES["integrity"], Random(0))
    assert lint(data) == ()
    assert hashlib.sha256(data).digest() != hashlib.sha256(FILES["integrity"]).digest()


@pytest.mark.parametrize(
    ("name", "kind", "complaint"),
    [
        ("nothing", "full", "found none of that name"),
        ("destination", "suite1", "destination: found no such place in the file"),
        ("integrity-wrong", "suite1", "found no integrity code, wanted a file with one"),
        ("signer-reversed", "gb", "found no signature element"),
        ("certificate-point", "integrity", "found no certificate element"),
        ("r-zero", "integrity", "found no signature, wanted a signed file"),
        ("trailer-cut", "suite2", "found sub-elements, wanted a raw container"),
        ("reserved-tag", "gb", "found a raw container, wanted sub-elements"),
        ("vendor-info", "gb", "found no tag 0x0000, wanted one"),
        ("trailer-removed", "full", "trailer: found no such place in the file"),
        ("false-signer", "suite1", "found a signed file, wanted one that is not"),
    ],
)
def test_what_is_not_there_cannot_be_broken(name: str, kind: str, complaint: str) -> None:
    """Say which mutation, what was found, what was wanted."""
    with pytest.raises(EditError) as caught:
        mutate(name, FILES[kind], Random(0), KEYS)
    assert str(caught.value).startswith(f"mutation {name}: ")
    assert complaint in str(caught.value)


def test_a_mutation_that_signs_wants_a_fitting_key() -> None:
    """Say that there is none, or that it is of the wrong kind."""
    with pytest.raises(EditError, match="found no key, wanted one to sign with"):
        mutate("false-signer", FILES["unsigned"], Random(0))
    with pytest.raises(EditError, match="found a GbSigner, wanted a Signer"):
        mutate("false-signer", FILES["unsigned"], Random(0), {KEY: GB_SIGNER})


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("data", [b"", b"no firmware at all", FULL[:60], FULL[:80]])
def test_what_is_hardly_a_file_raises_no_other_error(name: str, data: bytes) -> None:
    """Break it or say why not."""
    try:
        made = mutate(name, data, Random(0), KEYS)
    except EditError:
        return
    assert made != data
