"""A bridge that asks who made a file goes on asking, whatever file it is adapted to."""

import random

import pytest

from emulator.crypto.suites import Suite
from emulator.image.build import build
from emulator.image.keys import new_authority, new_gb_signer, new_signer, trust_of
from emulator.image.sign import sign
from emulator.profiles import load
from emulator.profiles.model import Profile, VerifyStep
from emulator.wire.ota_file import Container
from harness.adaptation import Plan, UnfitError, adapt
from harness.bench import Bench
from harness.firmware import filler
from harness.upgrade import Ending, Session, Tally

_RNG = random.Random(1)
SIGNER = new_signer(new_authority(Suite.TWO, 0x48414E4F56455243, _RNG), 0x00124B0000000001, _RNG)
GB_SIGNER = new_gb_signer(0x90B3D51F30010000, _RNG)


def trusting(*steps: str, container: Container = Container.ZCL) -> Profile:
    """Return a bridge that trusts both of our signers and runs these steps."""
    trust = trust_of([SIGNER, GB_SIGNER])
    changes: dict[str, object] = {
        "image.container": container,
        "image.verify": ["header", "size", "structure", *steps, "manifest", "security_counter"],
        "trust.signers": trust.signers,
        "trust.issuer": trust.issuer,
        "trust.ca_suite2": trust.ca_suite2,
        "trust.gb_key": trust.gb_key,
    }
    return load.overlay(load.load("B1"), changes)


SUITE_2 = trusting("signer", "certificate", "signature_suite2")
RAW = trusting("trailer", "gb_signature", container=Container.GBCS)


def file(container: Container = Container.ZCL) -> bytes:
    """Build an unsigned file of some maker's."""
    return build(
        payload=filler(600, 7),
        manufacturer=0x121D,
        image_type=0x0102,
        version=0x20,
        hardware=(1, 2),
        container=container,
        integrity=False,
    )


def performed(plan: Plan) -> tuple[Ending, str]:
    """Do the upgrade and return how it ended, and why."""

    def ignore(tally: Tally) -> None:
        del tally

    bench = Bench(plan.profile, first_image=plan.first_image, first_version=plan.first_version)
    ended = Session(bench, plan, ignore).run()
    return ended.ending, ended.reason


@pytest.mark.parametrize(
    ("profile", "container"), [(SUITE_2, Container.ZCL), (RAW, Container.GBCS)], ids=["zcl", "gbcs"]
)
@pytest.mark.parametrize("strict", [False, True])
def test_only_a_signed_file_is_taken(profile: Profile, container: Container, strict: bool) -> None:
    signer = SIGNER if container is Container.ZCL else GB_SIGNER
    changes = {"ota.manufacturer_code": 0x121D, "ota.image_type": 0x0102, "ota.hardware_version": 1}
    fitting = load.overlay(profile, changes)
    signed = performed(adapt(sign(file(container), signer), fitting, strict=strict))
    assert signed[0] is Ending.CONFIRMED
    bare = adapt(file(container), fitting, strict=strict)
    assert bare.profile.image.verify == fitting.image.verify
    ending, reason = performed(bare)
    assert ending is Ending.REFUSED
    assert reason.startswith(("signer: found no signature", "trailer: found "))


@pytest.mark.parametrize(
    ("profile", "container", "step"),
    [(SUITE_2, Container.GBCS, "signer"), (RAW, Container.ZCL, "gb_signature")],
    ids=["raw for suite 2", "elements for GB"],
)
def test_a_file_that_cannot_answer_is_not_adapted_to(
    profile: Profile, container: Container, step: str
) -> None:
    wanted = f"found a {container} container, wanted one that the step {step} can judge"
    with pytest.raises(UnfitError, match=wanted):
        adapt(file(container), profile, strict=False)


def test_a_bridge_that_trusts_nobody_takes_a_signed_raw_file() -> None:
    plan = adapt(sign(file(Container.GBCS), GB_SIGNER), load.load("B1"), strict=False)
    assert plan.profile.image.verify[-1] is VerifyStep.TRAILER
    assert performed(plan)[0] is Ending.CONFIRMED
