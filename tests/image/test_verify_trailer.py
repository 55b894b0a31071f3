"""Hold the step ``gb_signature`` to what a supplier signs, and to what nobody did."""

from dataclasses import replace
from typing import Any

import pytest

from emulator.image.build import build
from emulator.image.judgement import Refusal
from emulator.image.keys import trust_of
from emulator.image.sign import sign
from emulator.image.verify import verify
from emulator.profiles.trust import TrustProfile
from emulator.wire.ota_file import RAW_HEADER_SIZE, Container
from tests.image.signers import AGAINST, GB_SIGNER, HONEST, OTHER_GB_SIGNER, UNSIGNED_RAW

SIGNED_RAW = HONEST["gb"]
STEPS = ("header", "hardware", "size", "structure", "trailer", "gb_signature", "manifest")


def judged(data: bytes, *steps: str, **changes: Any) -> Refusal | None:  # noqa: ANN401 - fields
    """Judge a raw file as a device does that believes the supplier."""
    device = replace(AGAINST, container=Container.GBCS, trust=trust_of([GB_SIGNER]))
    return verify(data, replace(device, offered_size=len(data), **changes), steps or STEPS).refusal


def test_what_the_supplier_signed_is_accepted() -> None:
    """Be the control of all tests below."""
    assert judged(SIGNED_RAW) is None
    assert judged(SIGNED_RAW, "gb_signature") is None


def test_another_key_of_the_same_name_is_refused() -> None:
    """GB-002: the key counts, and no name stands in the file."""
    refusal = judged(sign(UNSIGNED_RAW, OTHER_GB_SIGNER))
    assert refusal is not None
    assert (refusal.step, refusal.expected) == ("gb_signature", "one by the supplier")


@pytest.mark.parametrize("trust", [None, TrustProfile()])
def test_a_device_that_trusts_nobody_refuses(trust: TrustProfile | None) -> None:
    """Fail closed where there is no key."""
    refusal = judged(SIGNED_RAW, "gb_signature", trust=trust)
    assert refusal is not None
    assert refusal.found == "no key to trust"


@pytest.mark.parametrize("trust", [None, trust_of([GB_SIGNER])])
def test_what_has_no_trailer_is_refused(trust: TrustProfile | None) -> None:
    """GB-012: without the step ``trailer`` as well, and for sub-elements."""
    for data, container in ((UNSIGNED_RAW, Container.GBCS), (HONEST["suite1"], Container.ZCL)):
        refusal = judged(data, "gb_signature", container=container, trust=trust)
        assert refusal is not None
        assert (refusal.step, refusal.found) == ("gb_signature", "no trailer")


def test_every_changed_octet_of_image_and_trailer_is_refused() -> None:
    """GB-002: by the signature's own step, with no other before it."""
    for at in range(RAW_HEADER_SIZE, len(SIGNED_RAW)):
        data = bytearray(SIGNED_RAW)
        data[at] ^= 1
        refusal = judged(bytes(data), "gb_signature")
        assert refusal is not None, at


@pytest.mark.parametrize("field", ["manufacturer", "image_type", "version", "minimum", "maximum"])
def test_gb008_gb009_an_edited_header_is_caught_by_the_manifest(field: str) -> None:
    """The signature does not cover the header; what it covers says the same."""
    fields: dict[str, tuple[int, dict[str, int]]] = {
        "manufacturer": (10, {}),
        "image_type": (12, {}),
        "version": (14, {"offered_version": 3}),
        "minimum": (56, {}),
        "maximum": (58, {}),
    }
    at, offered = fields[field]
    data = bytearray(SIGNED_RAW)
    data[at] ^= 1
    assert judged(bytes(data), "gb_signature") is None
    refusal = judged(bytes(data), "gb_signature", "manifest", **offered)
    assert refusal is not None
    assert refusal.step == "manifest"


def test_only_the_manufacturer_image_is_signed() -> None:
    """gb-alt-han 2.2: neither the header nor 00 40 belongs to what is hashed."""
    other = build(
        payload=bytes(range(100)),
        manufacturer=0xFFF1,
        image_type=3,
        version=2,
        hardware=(0x0100, 0x01FF),
        container=Container.GBCS,
        header_string="another text",
    )
    assert sign(other, GB_SIGNER)[-64:] == SIGNED_RAW[-64:]
