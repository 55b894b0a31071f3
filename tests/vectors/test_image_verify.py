"""A vector of ``image_verify`` becomes one offer to one fitted device, and an honest control."""

from pathlib import Path
from typing import Any

import pytest

from emulator.image.verify import known_steps
from emulator.profiles.load import load, names, overlay
from emulator.profiles.model import Profile, VerifyStep
from emulator.wire.manifest import read_manifest
from emulator.wire.ota import Status
from emulator.wire.ota_file import OtaHeader
from emulator.wire.ota_reader import read
from harness.bench import DUT_EUI64
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.vectors.bases import trust
from harness.vectors.fit import fit, fitted
from harness.vectors.image_verify import Trial, status_name, trial_of
from harness.vectors.load import load_vectors
from harness.vectors.model import Vector, VectorError
from harness.verdict import Unsupported
from tests.vectors.own_vectors import good, write

_SIGNED = ["signer", "certificate", "signature_suite2", "header"]


def vector_with(folder: Path, **changes: Any) -> Vector:  # noqa: ANN401
    document = good()
    document["vectors"][1].update(changes)
    write(folder, document)
    return load_vectors(folder)[1]


def trial_with(folder: Path, **changes: Any) -> Trial:  # noqa: ANN401
    return trial_of(vector_with(folder, **changes), load("B2"))


def header_of(octets: bytes) -> OtaHeader:
    return read(octets)[0].header


@pytest.mark.parametrize("name", names())
def test_steps_are_the_profiles_own_and_those_needed_in_order(tmp_path: Path, name: str) -> None:
    needs = {"container": "zcl", "verify": ["signature_suite2", "signer", "certificate"]}
    steps = fitted(load(name), vector_with(tmp_path, needs=needs)).image.verify
    assert set(steps) == {*load(name).image.verify, *needs["verify"]}
    assert [known_steps().index(step) for step in steps] == sorted(map(known_steps().index, steps))


def test_steps_that_an_honest_file_cannot_pass_go(tmp_path: Path) -> None:
    own = overlay(load("B1"), {"image.verify": _SIGNED, "trust": trust()})
    plain = fitted(own, vector_with(tmp_path, needs={"container": "zcl", "verify": []}))
    assert plain.image.verify == (VerifyStep.HEADER,)
    needs = {"container": "gbcs", "verify": ["gb_signature"], "manifest": "none"}
    raw = fitted(load("B1"), vector_with(tmp_path, needs=needs))
    gone = {VerifyStep.INTEGRITY, VerifyStep.MANIFEST, VerifyStep.SECURITY_COUNTER}
    assert gone & set(raw.image.verify) == set()
    assert raw.image.container == "gbcs"


def test_steps_that_would_refuse_first_are_left_out(tmp_path: Path) -> None:
    needs = {"container": "zcl", "verify": ["manifest"], "without": ["hardware", "structure"]}
    usual, left = (
        fitted(load("B1"), vector_with(tmp_path, needs=one)).image.verify
        for one in ({**needs, "without": []}, needs)
    )
    assert set(usual) - set(left) == {VerifyStep.HARDWARE, VerifyStep.STRUCTURE}


def test_trust_is_set_where_a_step_needs_it(tmp_path: Path) -> None:
    needs = {"container": "zcl", "verify": ["signer"]}
    assert fit(load("B1"), vector_with(tmp_path, needs=needs))["trust"] == trust()
    needs = {"container": "zcl", "verify": ["integrity"], "changes": {"ota.downgrade": "refuse"}}
    changes = fit(load("B1"), vector_with(tmp_path, needs=needs))
    assert "trust" not in changes
    assert changes["ota.downgrade"] == "refuse"


def test_a_device_without_room_is_no_failure(tmp_path: Path) -> None:
    small: Profile = overlay(
        load("B4"), {"flash.slot_a": [0x2000, 0x2400], "flash.slot_b": [0x2400, 0x2800]}
    )
    large = {"base": "zcl-plain", "build": {"payload": 1000}}
    with pytest.raises(Unsupported, match="needs a slot of 1132 octets, this one has 1024"):
        trial_of(vector_with(tmp_path, image=large), small)


def test_the_offer_is_what_the_honest_header_says(tmp_path: Path) -> None:
    edits = [{"at": "file_version", "add": 1}, {"append": "00"}]
    offer = trial_with(tmp_path, image={"base": "zcl-plain", "edits": edits}).offer
    assert header_of(offer.octets).file_version == NEXT_VERSION + 1
    assert (offer.file_version, offer.image_size) == (NEXT_VERSION, len(offer.octets))
    assert (offer.manufacturer, offer.image_type) == (0xFFF1, load("B2").ota.image_type)
    assert (offer.minimum_hardware, offer.maximum_hardware) == (None, None)


def test_the_offer_may_lie(tmp_path: Path) -> None:
    edits = [{"at": "file_version", "add": 1}, {"append": "00"}]
    told = {"file_version": "file", "image_size": "file", "image_type": "own+1"}
    offer = trial_with(tmp_path, image={"base": "zcl-plain", "edits": edits}, offer=told).offer
    assert offer.file_version == NEXT_VERSION + 1
    assert offer.image_size == len(offer.octets) - 1
    assert offer.image_type == load("B2").ota.image_type + 1


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"file_version": "newest"}, 'IV-9002: offer.file_version: found "newest"'),
        ({"image_size": "file"}, 'IV-9002: offer.image_size: found "file", and the file has no'),
    ],
)
def test_an_offer_that_says_nothing_is_refused(
    tmp_path: Path, told: dict[str, object], said: str
) -> None:
    with pytest.raises(VectorError) as caught:
        trial_with(tmp_path, image={"hex": "00"}, offer=told)
    assert said in str(caught.value)


def test_what_runs_before_has_the_counter_that_is_needed(tmp_path: Path) -> None:
    running = {"security_counter": 5, "version": "0x01000007"}
    trial = trial_with(tmp_path, needs={"container": "zcl", "verify": [], "running": running})
    manifest, _ = read_manifest(read(trial.first_image)[0].image or b"")
    assert manifest.security_counter == 5
    assert trial.first_version == manifest.file_version == 0x01000007
    control, _ = read_manifest(read(trial.control)[0].image or b"")
    assert control.security_counter == 5


def test_the_control_is_honest_and_newer_than_what_runs(tmp_path: Path) -> None:
    build = {"version": "0x0B000000", "security_counter": 9}
    trial = trial_with(tmp_path, image={"base": "zcl-plain", "build": build})
    assert (trial.version, trial.control_version) == (0x0B000000, 0x0B000001)
    manifest, _ = read_manifest(read(trial.control)[0].image or b"")
    assert (manifest.file_version, manifest.security_counter) == (0x0B000001, 9)
    refused = {"end_status": ["INVALID_IMAGE", "none"], "boots": "old"}
    trial = trial_with(tmp_path, expect=refused, control="zcl-integrity")
    assert (trial.version, trial.control_version) == (FIRST_VERSION, NEXT_VERSION)
    assert trial.statuses == ("INVALID_IMAGE", "none")
    assert [element.tag for element in read(trial.control)[0].elements] == [0, 3]


def test_files_are_for_the_device_under_test(tmp_path: Path) -> None:
    image = {"base": "zcl-plain", "build": {"destination": "own"}}
    header = header_of(trial_with(tmp_path, image=image).offer.octets)
    own = load("B2").ota
    assert header.destination == DUT_EUI64
    assert (header.image_type, header.minimum_hardware) == (own.image_type, own.hardware_version)


def test_statuses_are_told_by_name() -> None:
    assert [status_name(one) for one in (Status.SUCCESS, Status.ABORT, None, 0xEE)] == [
        "SUCCESS",
        "ABORT",
        "none",
        "0xee",
    ]
