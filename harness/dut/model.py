"""Hold what a DUT file says: whom it speaks of, what it can do, and its firmware, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from emulator.contract import Identity
from emulator.errors import HanoverError
from emulator.image.keys import GbSigner, Signer
from emulator.profiles.model import Profile
from emulator.wire.manifest import Trait
from harness.firmware import identity_of
from harness.support import denied, statements


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


class Band(StrEnum):
    """Name the frequencies that a device's radio uses."""

    GHZ_2_4 = "2.4"
    MHZ_868 = "868"


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Say with what a device joins; with neither key: with the well-known one.

    ``cbke``: it then demands certificate-based key establishment, or it leaves.
    """

    install_code: bytes | None = field(default=None, repr=False)
    link_key: bytes | None = field(default=None, repr=False)
    cbke: bool = False


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
        band: Where its radio is.
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
    band: Band = Band.GHZ_2_4
    key: Signer | GbSigner | None = field(default=None, repr=False)
    link: str | None = None
    power: str | None = None
    sha256: str = ""

    @property
    def identity(self) -> Identity:
        """Return what a factory writes into the device."""
        return identity_of(self.profile, self.eui64)

    def statements(self) -> Mapping[str, bool]:
        """Return every statement: those of the file, and those that its profile makes."""
        return statements(self.profile, self.stated)

    def unstated(self, items: tuple[str, ...]) -> str | None:
        """Return the first of these PICS items that the device does not have, None if it has all.

        What neither the file nor the profile speaks of counts as stated.
        """
        return denied(items, self.statements())
