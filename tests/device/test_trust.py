"""What a bridge believes reaches its verification: trust, suites, and what it runs."""

import random
from typing import Any

import pytest

from emulator.crypto.suites import Suite
from emulator.device.bridge import Bridge
from emulator.image.keys import GbSigner, Signer, new_authority, new_gb_signer, new_signer, trust_of
from emulator.image.sign import sign
from emulator.profiles.load import load, overlay
from emulator.wire.ota import ImageBlockRequest, Status
from emulator.wire.ota_file import Container
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION, built, filler
from harness.hub.settings import Offers
from harness.lanes.direct import DirectLane

_RNG = random.Random(2)
SIGNERS = {
    suite: new_signer(new_authority(suite, 0x48414E4F56455243, _RNG), 0x00124B0000000001, _RNG)
    for suite in Suite
}
STRANGER = new_signer(new_authority(Suite.ONE, 0x48414E4F56455243, _RNG), 0x00124B0000000001, _RNG)
GB_SIGNER = new_gb_signer(0x90B3D51F30010000, _RNG)
TRUST = trust_of([*SIGNERS.values(), GB_SIGNER])
BASE = ("header", "size", "structure")
EITHER = (*BASE, "signer", "certificate", "signature_suite1", "signature_suite2", "manifest")


def bench(*steps: str, **changes: object) -> Bench:
    """Start a bench whose bridge trusts all of our signers and runs these steps."""
    trust = {
        "trust.signers": TRUST.signers,
        "trust.issuer": TRUST.issuer,
        "trust.ca_suite1": TRUST.ca_suite1,
        "trust.ca_suite2": TRUST.ca_suite2,
        "trust.gb_key": TRUST.gb_key,
    }
    other = {key.replace("__", "."): one for key, one in changes.items()}
    made = Bench(overlay(load("B1"), {"image.verify": list(steps), **trust, **other}))
    made.start()
    return made


def image(made: Bench, key: Signer | GbSigner | None, **more: Any) -> bytes:  # noqa: ANN401 - build()'s
    """Build an image for the bench's device, signed if there is a key."""
    values = {"version": NEXT_VERSION, "integrity": False, **more}
    data = built(made.profile, filler(500, 3), **values)
    return data if key is None else sign(data, key)


def test_a_bridge_takes_either_suite_that_its_profile_lists() -> None:
    made = bench(*EITHER)
    for version, suite in enumerate(Suite, NEXT_VERSION):
        assert made.upgrade(image(made, SIGNERS[suite], version=version)) == version


def test_a_bridge_takes_no_suite_that_its_profile_does_not_list() -> None:
    made = bench(*(step for step in EITHER if step != "signature_suite1"))
    assert made.offer(image(made, SIGNERS[Suite.ONE])) is Status.INVALID_IMAGE
    assert made.upgrade(image(made, SIGNERS[Suite.TWO])) == NEXT_VERSION


@pytest.mark.parametrize("key", [None, STRANGER], ids=["nobody", "a stranger"])
def test_a_bridge_refuses_what_nobody_signed_whom_it_trusts(key: Signer | None) -> None:
    made = bench(*EITHER)
    assert made.offer(image(made, key)) is Status.INVALID_IMAGE
    made.power_cycle()
    assert made.running_version() == FIRST_VERSION
    assert made.upgrade(image(made, SIGNERS[Suite.ONE])) == NEXT_VERSION


def test_a_bridge_takes_raw_files_of_its_supplier_alone() -> None:
    steps = (*BASE, "trailer", "gb_signature", "manifest")
    made = bench(*steps, image__container=Container.GBCS)
    for key in (None, new_gb_signer(GB_SIGNER.eui64, random.Random(3))):
        assert made.offer(image(made, key)) is Status.INVALID_IMAGE
    assert made.upgrade(image(made, GB_SIGNER)) == NEXT_VERSION


def test_a_downgrade_is_refused_where_the_profile_lists_it() -> None:
    """The query takes the offer: it is the file that is judged, by what runs now."""
    for steps, status in (
        ((*BASE, "manifest"), Status.SUCCESS),
        ((*BASE, "manifest", "downgrade"), Status.INVALID_IMAGE),
    ):
        made = bench(*steps)
        made.hub.settings.offers = Offers.ANY
        assert made.offer(image(made, None, version=FIRST_VERSION - 1)) is status
        assert made.count(ImageBlockRequest) > 0


def test_the_security_counter_is_that_of_the_running_image() -> None:
    made = bench(*BASE, "manifest", "security_counter")
    assert made.upgrade(image(made, None, security_counter=5)) == NEXT_VERSION
    lower = image(made, None, version=NEXT_VERSION + 1, security_counter=4)
    assert made.offer(lower) is Status.INVALID_IMAGE
    same = image(made, None, version=NEXT_VERSION + 2, security_counter=5)
    assert made.upgrade(same) == NEXT_VERSION + 2


def test_the_shipped_bridges_guard_the_counter_and_trust_nobody() -> None:
    for name in ("B1", "B2", "B3", "B4"):
        assert load(name).trust is None
        assert {"manifest", "security_counter", "integrity"} <= set(load(name).image.verify)


def test_the_bridge_reads_its_trust_from_the_profile_alone() -> None:
    """Give the store what the profile says, and nothing where it says nothing."""
    for profile, trust in ((load("B1"), None), (bench(*EITHER).profile, TRUST)):
        made = Bench(profile)
        made.start()
        assert isinstance(made.lane, DirectLane)
        assert isinstance(made.lane.bridge, Bridge)
        application = made.lane.bridge._application
        assert application is not None
        assert application.store._expectation().trust == trust
