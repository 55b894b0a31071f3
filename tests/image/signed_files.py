"""Make signed files of every kind from test keys, once a run."""

from functools import cache
from random import Random
from typing import Any

from emulator.crypto.suites import Suite
from emulator.image.build import build
from emulator.image.keys import GbSigner, Signer, new_authority, new_gb_signer, new_signer
from emulator.image.sign import sign
from emulator.wire.ota_file import Container

EUI64 = 0x0011223344556677
PLAIN: dict[str, Any] = {
    "payload": bytes(range(256)),
    "manufacturer": 0xFFF1,
    "image_type": 3,
    "version": 0x01020304,
    "hardware": (0x0100, 0x0203),
}


@cache
def signer(suite: Suite) -> Signer:
    """Return the signer of one suite."""
    return new_signer(new_authority(suite, 0xCA, Random(1)), EUI64, Random(2))


@cache
def gb_signer() -> GbSigner:
    """Return the signer of raw containers."""
    return new_gb_signer(EUI64, Random(3))


@cache
def unsigned(kind: str) -> bytes:
    """Return an honest file without signature: ``zcl`` or ``gbcs``."""
    return build(**PLAIN, container=Container(kind), integrity=False)


@cache
def base(kind: str) -> bytes:
    """Return an honest file: ``integrity``, ``suite1``, ``suite2`` or ``gb``."""
    if kind == "integrity":
        return build(**PLAIN)
    if kind == "gb":
        return sign(unsigned("gbcs"), gb_signer())
    return sign(unsigned("zcl"), signer(Suite.ONE if kind == "suite1" else Suite.TWO))


KINDS = ("integrity", "suite1", "suite2", "gb")
