"""Hold what tests of signatures share: the published keys and file, and keys of our own.

The published ones are those of ota-cluster 6.5: Smart Energy's test CA in both suites, and file B.
"""

import random
from dataclasses import replace
from typing import Any

from emulator.crypto.suites import Suite
from emulator.image.build import build
from emulator.image.judgement import Expectation
from emulator.image.keys import (
    Authority,
    Signer,
    new_authority,
    new_gb_signer,
    new_signer,
    trust_of,
)
from emulator.image.sign import sign
from emulator.profiles.model import Manifest
from emulator.wire.ota_file import Container

#: Device 1 of suite 1, and the file that its key signed with the nonce below.
DEVICE_1 = Signer(
    suite=Suite.ONE,
    eui64=0x0000000000000001,
    private=0x00B8A900FCADEBABBFA383B540FCE9ED438395EAA7,
    certificate=bytes.fromhex(
        "03045fdfc8d85ffb8b3993cb72ddcaa55f00b3e87d6d0000000000000001544553545345434101090006"
        "000000000000"
    ),
    ca_public=bytes.fromhex("0200fde8a7f3d1084224962a4e7c54e69ac3f04da6b8"),
)
NONCE = 0x0123456789ABCDEF0123456789ABCDEF01234567
FILE_B = bytes.fromhex(
    "1ef1ee0b000138000000f1ff010004030201020054455354205355495445310000000000000000000000000000000000"
    "00000000cc000000000020000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    "02003000000003045fdfc8d85ffb8b3993cb72ddcaa55f00b3e87d6d0000000000000001544553545345434101090006"
    "00000000000001003200000001000000000000000211e1a8583183e04fe401178fcf4efddd137db9e2018223c8b46f"
    "ffcddcb76707a9aaa308c275210462"
)
#: Where the signed part of file B ends; certificate and signer are in it.
SIGNED_END = 162

#: Device 1 of suite 2, under another CA.
DEVICE_1_SUITE_2 = Signer(
    suite=Suite.TWO,
    eui64=0x0A0B0C0D0E0F1011,
    private=0x0151CD0DBCB80474BF7AC9FEEBE39C7A32A63518938FCA9754AAE132BC9C73BE94A7E1BE,
    certificate=bytes.fromhex(
        "002622a505e8938f270d081112131415161718005292a35bffffffff0a0b0c0d0e0f1011880303b4e9dc"
        "543a64333c982308022b54e67e2f15f532551b0a11e2e2c1c1d3097a4324e7ed"
    ),
    ca_public=bytes.fromhex(
        "0207a445022d9f39f49bdc38380026a27a9e0a1799313ab28c5c1a1c6b605154db1dff6752"
    ),
)

#: Keys of our own: one name of a CA, with a key a suite, and a signer of each.
ISSUER = 0x48414E4F56455243
SIGNER_EUI64 = 0x00124B0001020304
_RNG = random.Random(4)
CAS: dict[Suite, Authority] = {suite: new_authority(suite, ISSUER, _RNG) for suite in Suite}
SIGNERS: dict[Suite, Signer] = {
    suite: new_signer(CAS[suite], SIGNER_EUI64, _RNG) for suite in Suite
}
#: A CA of the same name in each suite, with another key.
IMPOSTORS: dict[Suite, Authority] = {suite: new_authority(suite, ISSUER, _RNG) for suite in Suite}
GB_SIGNER = new_gb_signer(0x90B3D51F30010000, _RNG)
OTHER_GB_SIGNER = new_gb_signer(0x90B3D51F30010000, _RNG)

MADE: dict[str, Any] = {
    "payload": bytes(range(100)),
    "manufacturer": 0xFFF1,
    "image_type": 3,
    "version": 2,
    "hardware": (0x0100, 0x01FF),
    "integrity": False,
}
UNSIGNED = build(**MADE)
SIGNED: dict[Suite, bytes] = {suite: sign(UNSIGNED, SIGNERS[suite]) for suite in Suite}
UNSIGNED_RAW = build(**MADE, container=Container.GBCS)
#: The same image, honest in every way that a file can be.
HONEST: dict[str, bytes] = {
    "integrity": build(**MADE | {"integrity": True}),
    "suite1": SIGNED[Suite.ONE],
    "suite2": SIGNED[Suite.TWO],
    "gb": sign(UNSIGNED_RAW, GB_SIGNER),
}
#: What a device expects that takes either suite of our own signer.
AGAINST = Expectation(
    eui64=0x0011223344556677,
    manufacturer=0xFFF1,
    image_type=3,
    hardware_version=0x0102,
    offered_manufacturer=0xFFF1,
    offered_image_type=3,
    offered_version=2,
    offered_size=0,
    running_version=1,
    trust=trust_of(SIGNERS.values()),
    suites=(1, 2),
)
#: What the device that file B is for expects.
AGAINST_B = replace(
    AGAINST,
    image_type=1,
    offered_image_type=1,
    offered_version=0x01020304,
    offered_size=len(FILE_B),
    manifest=Manifest.NONE,
    trust=trust_of([DEVICE_1]),
)


def against(data: bytes, **changes: Any) -> Expectation:  # noqa: ANN401 - Expectation's own fields
    """Expect a file as it would be offered, with its true size."""
    return replace(AGAINST, offered_size=len(data), **changes)
