"""Write DUT files and firmware for tests."""

from pathlib import Path

from emulator.image.build import build
from emulator.profiles.load import load, names
from emulator.wire.manifest import Trait

#: The profile that the devices of these tests are like.
BASE = names()[0]
EUI64 = 0x00124B0044555431


def firmware(version: int, traits: Trait = Trait(0), size: int = 1000) -> bytes:  # noqa: B008 - an enum value
    """Return a firmware file of the maker's."""
    ota = load(BASE).ota
    return build(
        payload=bytes((version >> 24,)) * size,
        manufacturer=ota.manufacturer_code,
        image_type=ota.image_type,
        version=version,
        hardware=(ota.hardware_version, ota.hardware_version),
        traits=traits,
    )


def write_dut(
    folder: Path,
    *,
    name: str = "my-bridge",
    eui64: int = EUI64,
    versions: int = 3,
    size: int = 1000,
    restore: str = "downgrade",
    top: str = "",
    tables: str = "",
) -> Path:
    """Write a DUT file with so many versions, and a mute one of the second; return its path.

    ``size`` is octets of the payload of each version.
    """
    for at in range(1, versions + 1):
        (folder / f"fw{at}.ota").write_bytes(firmware(at << 24, size=size))
    (folder / "mute.ota").write_bytes(firmware(2 << 24, Trait.MUTE))
    rungs = "".join(f'[[ladder.version]]\nfile = "fw{at}.ota"\n' for at in range(1, versions + 1))
    text = (
        f'name = "{name}"\nbase = "{BASE}"\neui64 = "{eui64:016x}"\n{top}{tables}'
        f'[ladder]\nrestore = "{restore}"\nsteps = ["up", "skip", "down"]\n{rungs}'
        '[[ladder.special]]\nfile = "mute.ota"\ndoes = ["mute"]\n'
    )
    path = folder / "dut.toml"
    path.write_text(text, "utf-8")
    return path
