"""Make the vectors of ``image_verify`` for one device, to be judged without a bench."""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from emulator.device.store import manifest_of
from emulator.image.judgement import Expectation
from emulator.profiles.load import load, names
from harness.bench import DUT_EUI64
from harness.vectors.image_verify import Trial, trial_of
from harness.vectors.load import load_vectors
from harness.vectors.model import Vector


class Case(NamedTuple):
    """Be one vector, made for a device: what is stored, what it must be, what is to come."""

    vector: Vector
    octets: bytes
    against: Expectation
    steps: tuple[str, ...]
    accepted: bool


def against(trial: Trial) -> Expectation:
    """Expect what the device of a trial does: its own, the offer's, and the running image's."""
    profile, offer = trial.profile, trial.offer
    running = manifest_of(trial.first_image, profile.image)
    return Expectation(
        eui64=DUT_EUI64,
        manufacturer=profile.ota.manufacturer_code,
        image_type=profile.ota.image_type,
        hardware_version=profile.ota.hardware_version,
        offered_manufacturer=offer.manufacturer,
        offered_image_type=offer.image_type,
        offered_version=offer.file_version,
        offered_size=offer.image_size,
        container=profile.image.container,
        manifest=profile.image.manifest,
        security_counter=0 if running is None else running.security_counter,
        running_version=trial.first_version,
        trust=profile.trust,
        suites=profile.image.suites,
        signed_integrity=profile.image.signed_integrity,
    )


@cache
def cases() -> Mapping[str, Case]:
    """Return every vector by its id, for a device of the first profile."""
    profile = load(names()[0])
    made = {}
    for vector in load_vectors(family="image_verify"):
        trial = trial_of(vector, profile)
        made[vector.id] = Case(
            vector=vector,
            octets=trial.offer.octets[: trial.offer.image_size],
            against=against(trial),
            steps=trial.profile.image.verify,
            accepted="SUCCESS" in trial.statuses,
        )
    return made
