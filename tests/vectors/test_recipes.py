"""A recipe yields the same octets for ever, and the right ones for any device."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from emulator.contract import Identity
from emulator.crypto.ecqv import issue
from emulator.crypto.suites import Suite
from emulator.image.keys import (
    FORMAT,
    WARNING,
    Authority,
    GbSigner,
    Signer,
    new_authority,
    new_gb_signer,
    new_signer,
    plain,
    read_key,
)
from emulator.wire.ota_reader import read
from harness.data import vectors as shipped
from harness.vectors.bases import (
    KeyRing,
    base_names,
    load_base,
    reference_identity,
    trust,
)
from harness.vectors.model import VectorError
from harness.vectors.recipes import PARAMETERS, digest, honest, render

OTHER = Identity(eui64=0x1122334455667788, manufacturer=0x1234, image_type=9, hardware_version=0x0A)
KEYS = json.loads((shipped() / "bases" / "keys.json").read_text("utf-8"))


@pytest.mark.parametrize("name", base_names())
def test_a_base_is_small_and_for_the_device(name: str) -> None:
    octets = honest(name, {}, OTHER)
    file, findings = read(octets)
    assert len(octets) < 2048
    assert (file.header.manufacturer, file.header.image_type) == (0x1234, 9)
    assert (file.header.minimum_hardware, file.header.maximum_hardware) == (0x0A, 0x0A)
    assert [finding for finding in findings if finding.fatal] == []
    assert load_base(name).about


def test_the_digest_is_that_of_the_reference_device() -> None:
    image = {"base": "zcl-plain"}
    octets = render(image, reference_identity())
    assert digest(image) == hashlib.sha256(octets).hexdigest()
    assert hashlib.sha256(render(image, OTHER)).hexdigest() != digest(image)


def test_octets_are_the_same_for_ever() -> None:
    """The digests of all bases: a generator that drifts, or a key that changes, is noticed."""
    assert {name: digest({"base": name})[:16] for name in base_names()} == FOR_EVER


FOR_EVER: dict[str, str] = {
    "gbcs-signed": "6d9623d40dd03925",
    "gbcs-unsigned": "6acbc046fd8904c9",
    "null": "77cc51005d898879",
    "zcl-foreign": "65e5b0e11da328d6",
    "zcl-integrity": "faf1d62336ae0fb7",
    "zcl-plain": "e723d454e1a78d9c",
    "zcl-suite1": "2714b07d2b6bfe2b",
    "zcl-suite2": "5e488dc7497883d1",
}


def test_own_values_are_the_devices() -> None:
    build = {"destination": "own+1", "hardware": ["own-2", "own+3"], "image_type": "own"}
    header = read(render({"base": "zcl-plain", "build": build}, OTHER))[0].header
    assert header.destination == OTHER.eui64 + 1
    assert (header.minimum_hardware, header.maximum_hardware) == (0x08, 0x0D)
    assert header.image_type == OTHER.image_type


def test_parameters_and_edits_are_applied_in_order() -> None:
    build = {"version": "0x05000000", "payload": "aabb", "manifest": False}
    plain_file = render({"base": "zcl-plain", "build": build})
    edits = [{"append": "01"}, {"append": "02"}, {"keep": -1}]
    assert render({"base": "zcl-plain", "build": build, "edits": edits}) == plain_file + b"\x01"
    assert read(plain_file)[0].image == b"\xaa\xbb"
    assert read(plain_file)[0].header.file_version == 0x05000000


def test_literal_octets_are_what_they_are() -> None:
    assert render({"hex": "1ef1ee0b"}, OTHER) == b"\x1e\xf1\xee\x0b"


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ({"base": "nothing"}, 'base: found "nothing", wanted one of '),
        ({"base": "zcl-plain", "build": {"colour": 1}}, "build.colour: found a parameter of no"),
        ({"base": "zcl-plain", "build": {"version": "new"}}, 'build.version: found "new"'),
        ({"base": "zcl-plain", "build": {"version": True}}, "build.version: found true"),
        ({"base": "zcl-plain", "build": {"payload": "x"}}, 'build.payload: found "x"'),
        ({"base": "zcl-plain", "build": {"hardware": ["own"]}}, "build.hardware: found"),
        ({"base": "zcl-plain", "build": {"hardware": ["own", "its"]}}, 'found "its"'),
        ({"base": "zcl-plain", "build": {"container": "zip"}}, "wanted one of zcl, gbcs"),
        ({"base": "zcl-plain", "build": {"elements": [{"tag": 1}]}}, "build.elements: found"),
        ({"base": "zcl-plain", "build": {"header_string": 1}}, "build.header_string: found 1"),
        ({"base": "zcl-plain", "build": {"integrity": 1}}, "wanted true or false"),
        ({"base": "gbcs-signed", "build": {"destination": "own"}}, "build: found the gbcs"),
        ({"base": "zcl-plain", "edits": [{"keep": 9999}]}, "edits: found edit 0: keep"),
        ({"base": "zcl-plain", "edits": [{"sign": "nobody"}]}, "edits: found edit 0: sign"),
    ],
)
def test_a_wrong_recipe_is_refused(image: dict[str, object], said: str) -> None:
    with pytest.raises(VectorError) as caught:
        render(image)
    assert said in str(caught.value)


def test_every_parameter_is_one_that_a_schema_allows() -> None:
    schema = json.loads((shipped() / "schema" / "recipe-1.json").read_text("utf-8"))
    assert set(schema["$defs"]["build"]["properties"]) == set(PARAMETERS)


def test_a_users_base_comes_first(tmp_path: Path) -> None:
    document = json.loads((shipped() / "bases" / "zcl-plain.json").read_text("utf-8"))
    document["build"]["version"] = "0x0A000000"
    (tmp_path / "bases").mkdir()
    (tmp_path / "bases" / "mine.json").write_text(json.dumps(document), "utf-8")
    octets = render({"base": "mine"}, None, tmp_path)
    assert read(octets)[0].header.file_version == 0x0A000000
    assert "mine" in base_names(tmp_path)
    with pytest.raises(VectorError, match='base: found "mine"'):
        render({"base": "mine"})


# Keys.


def made_keys() -> dict[str, Authority | Signer | GbSigner]:
    """Make the test keys anew, from the text that they are drawn from."""
    rng, ours, other = Random(KEYS["drawn_from"]), 0x00124B0048414E43, 0x00124B004F544843
    made: dict[str, Authority | Signer | GbSigner] = {}
    for suite in Suite:
        authority = new_authority(suite, ours, rng)
        foreign, impostor = new_authority(suite, other, rng), new_authority(suite, ours, rng)
        trusted = 0x00124B0053474E00 + suite
        made[f"authority-{suite:d}"] = authority
        made[f"trusted-{suite:d}"] = new_signer(authority, trusted, rng)
        made[f"untrusted-{suite:d}"] = new_signer(authority, 0x00124B0055545200 + suite, rng)
        made[f"foreign-{suite:d}"] = new_signer(foreign, trusted, rng)
        made[f"impostor-{suite:d}"] = new_signer(impostor, trusted, rng)
    made["gb-trusted"] = new_gb_signer(0x00124B0053555050, rng)
    made["gb-untrusted"] = new_gb_signer(0x00124B0053555051, rng)
    made["agreement-2"] = made_for_agreement(made["authority-2"], made["trusted-2"])
    return made


def made_for_agreement(authority: object, trusted: object) -> Signer:
    """Make the trusted signer a key whose certificate lets it agree on keys, and not sign."""
    assert isinstance(authority, Authority)
    assert isinstance(trusted, Signer)
    subject, suite = trusted.eui64, Suite.TWO
    certificate, private = issue(
        suite, authority.private, subject=subject, issuer=authority.issuer, key_usage=0x08
    )
    return replace(trusted, private=private, certificate=certificate.octets)


def test_the_keys_can_be_made_again() -> None:
    assert {name: plain(key) for name, key in made_keys().items()} == KEYS["keys"]


@pytest.mark.parametrize("name", KEYS["keys"])
def test_a_key_is_whole_and_read_as_a_key_file_is(name: str) -> None:
    text = json.dumps({"warning": WARNING, "format": FORMAT, **KEYS["keys"][name]})
    key = read_key(text)
    assert isinstance(key, Authority) or KeyRing()[name] == key


def test_the_file_of_keys_says_loudly_what_it_is_for() -> None:
    assert KEYS["warning"] == WARNING
    assert "FOR TESTS ONLY" in WARNING


def test_a_device_trusts_its_signers_and_no_other() -> None:
    told = trust()
    keys = KeyRing()
    assert told["signers"] == [keys["trusted-1"].eui64, keys["trusted-2"].eui64]
    assert told["gb_key"] == KEYS["keys"]["gb-trusted"]["public"]
    assert {keys[f"untrusted-{n}"].eui64 for n in (1, 2)} & set(told["signers"]) == set()
    assert {keys[f"foreign-{n}"].eui64 for n in (1, 2)} == set(told["signers"])
