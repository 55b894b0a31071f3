"""Hold what a DUT file says: whom it speaks of, what it can do, and its firmware, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from emulator.contract import Capability, Identity
from emulator.errors import HanoverError
from emulator.image.keys import GbSigner, Signer
from emulator.profiles.model import (
    PROOFS,
    Manifest,
    Power,
    Profile,
    VerifyStep,
)
from emulator.wire.manifest import Trait
from emulator.wire.ota_file import Container


class DutError(HanoverError, ValueError):
    """A DUT file is wrong; the message names file, field, found and wanted."""


class Restore(StrEnum):
    """Say how a device gets back to the version that the next case starts with."""

    DOWNGRADE = "downgrade"  # it takes an older image from the hub
    LADDER = "ladder"  # it does not: the next case starts where this one ended, while rungs last
    COMMAND = "cmd"  # a program of the user's writes the image into it


class Step(StrEnum):
    """Name a way between two versions that a device takes."""

    UP = "up"  # to the next version
    SKIP = "skip"  # past a version
    DOWN = "down"  # to an older one


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """Be one firmware file of the maker's; ``traits`` is what is wrong with it on purpose."""

    file: str
    version: int
    octets: bytes = field(repr=False)
    traits: Trait = field(default=Trait(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """Hold the versions of a device, lowest first, and the ways between them."""

    rungs: tuple[Rung, ...]
    special: tuple[Rung, ...] = ()
    steps: frozenset[Step] = frozenset({Step.UP, Step.SKIP})
    restore: Restore = Restore.LADDER
    #: For ``Restore.COMMAND``: what runs, with ``{file}``, ``{version}`` and ``{eui64}``.
    command: str = ""

    def at(self, version: int | None) -> int | None:
        """Return the place of a version, None if it is not on the ladder."""
        return next((at for at, one in enumerate(self.rungs) if one.version == version), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Say with what a device joins; neither: with the well-known key."""

    install_code: bytes | None = field(default=None, repr=False)
    link_key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dut:
    """Be one device under test.

    Args:
        name: What reports call it.
        file: The DUT file, as it was given.
        profile: What the bench must know of the device: a base profile and what differs.
        eui64: Its address.
        ladder: Its firmware.
        stated: Statements of support by PICS item, where the file has one.
        join: Its keys.
        key: The maker's test key, which signs images anew; None: there is none.
        link: How it is reached, None: as the command line says.
        power: What switches its supply, None: as the command line says.
        sha256: Digest of the file and of every file it names.
    """

    name: str
    file: str
    profile: Profile
    eui64: int
    ladder: Ladder
    stated: Mapping[str, bool] = field(default_factory=dict)
    join: Join = Join()
    key: Signer | GbSigner | None = field(default=None, repr=False)
    link: str | None = None
    power: str | None = None
    sha256: str = ""

    @property
    def identity(self) -> Identity:
        """Return what a factory writes into the device."""
        return Identity(
            eui64=self.eui64,
            manufacturer=self.profile.ota.manufacturer_code,
            image_type=self.profile.ota.image_type,
            hardware_version=self.profile.ota.hardware_version,
        )

    def statements(self) -> Mapping[str, bool]:
        """Return every statement: those of the file, and those that its profile makes."""
        return {**implied(self.profile), **self.stated}

    def unstated(self, items: tuple[str, ...]) -> str | None:
        """Return the first of these PICS items that the device does not have, None if it has all.

        What neither the file nor the profile speaks of counts as stated.
        """
        known = self.statements()
        return next((item for item in items if not known.get(item, True)), None)


def implied(profile: Profile) -> Mapping[str, bool]:
    """Return the PICS items that a profile answers by itself."""
    ota, verify = profile.ota, profile.image.verify
    bound = profile.image.manifest is not Manifest.NONE
    return {
        "OTA.CLIENT.PAGE": ota.page_size_octets > 0,
        "OTA.CLIENT.PERIOD": ota.block_sends_period,
        "OTA.CLIENT.INTEGRITY": VerifyStep.INTEGRITY in verify,
        "OTA.CLIENT.SIGNATURE": bound or any(step in PROOFS for step in verify),
        "OTA.CLIENT.HARDWARE": VerifyStep.HARDWARE in verify,
        "OTA.CLIENT.MULTI_IMAGE": bool(ota.more_image_types),
        "OTA.CLIENT.ACTIVATION_POLICY": ota.activation_policy == 1,
        "OTA.CLIENT.SLEEPY": profile.sleep is not None,
        "SE.APS_SECURITY": ota.aps_encrypt,
        "GB.CONTAINER": profile.image.container is Container.GBCS,
        "GB.MANIFEST": bound,
        "GB.BATTERY": profile.power is Power.BATTERY,
    }


#: What only a lane of virtual time can do; a device on the air has none of it.
VIRTUAL = frozenset(Capability) - {Capability.POWER}
