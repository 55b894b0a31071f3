"""Measure peak memory: one upgrade of 1 MiB, and many bridges in one world.

Each measure runs in a process of its own; the peak is what the operating system saw.
Run it as ``python -m benchmarks.memory``.
"""

import resource
import subprocess
import sys
from collections.abc import Callable

from emulator.contract import Identity
from emulator.device.bridge import Bridge
from emulator.image.build import build
from emulator.link.chance import stream
from emulator.link.direct import DirectLink
from emulator.link.medium import Medium
from emulator.profiles.load import load, names, overlay
from emulator.profiles.model import Profile
from emulator.units import HOUR
from emulator.world import World
from harness.bench import Bench
from harness.hub.images import served
from harness.hub.server import Hub
from harness.trace import Trace

MEBIBYTE = 1 << 20
BRIDGES = 200
UPGRADE_LIMIT_MIB = 150
BRIDGE_LIMIT_MIB = 2


def roomy(slot: int) -> Profile:
    """Return a profile whose slots hold ``slot`` octets each."""
    sector = 4096
    ends = [slot, 2 * slot, 2 * slot + 4 * sector, 2 * slot + 8 * sector]
    return overlay(
        load(names()[0]),
        {
            "flash.size_octets": ends[3],
            "flash.slot_a": (0, ends[0]),
            "flash.slot_b": (ends[0], ends[1]),
            "flash.boot_record": (ends[1], ends[2]),
            "flash.data": (ends[2], ends[3]),
        },
    )


def upgrade() -> None:
    """Upgrade one bridge with an image of 1 MiB and the trace on."""
    bench = Bench(roomy(2 * MEBIBYTE))
    bench.start()
    before = bench.running_version()
    if bench.upgrade(bench.image(size=MEBIBYTE)) == before:
        raise RuntimeError("the bridge did not upgrade")


def fleet() -> None:
    """Upgrade many bridges in one world, all at once, with one trace."""
    profile = load(names()[0])
    world, hub, trace = World(), Hub(), Trace()
    medium = Medium(world, hub, trace, dut="")
    medium.attach("hub", hub.address)
    DirectLink(world, medium, trace, "hub", hub).power(True)
    images = [_image(profile, version) for version in (1, 2)]
    hub.serve(served(images[1]))
    for number in range(BRIDGES):
        bridge = Bridge(profile, stream)
        name = f"bridge {number}"
        medium.attach(name, None)
        link = DirectLink(world, medium, trace, name, bridge)
        identity = Identity(
            eui64=number + 1,
            manufacturer=profile.ota.manufacturer_code,
            image_type=profile.ota.image_type,
            hardware_version=profile.ota.hardware_version,
        )
        bridge.factory(identity, images[0], 1, number)
        link.power(True)

    def upgraded() -> int:
        rows = (row[3] for row in trace.rows if row[2] == "report")
        return sum(getattr(one, "what", None) == "confirmed" for one in rows)

    world.run(lambda: False, HOUR)
    if upgraded() != BRIDGES:
        raise RuntimeError(f"{upgraded()} of {BRIDGES} bridges upgraded")


def _image(profile: Profile, version: int) -> bytes:
    return build(
        payload=bytes([version]) * 20_000,
        manufacturer=profile.ota.manufacturer_code,
        image_type=profile.ota.image_type,
        version=version,
        container=profile.image.container,
    )


def nothing() -> None:
    """Import, and do nothing: what every measure has to start with."""


MEASURES: dict[str, Callable[[], None]] = {
    "nothing": nothing,
    "upgrade": upgrade,
    "fleet": fleet,
}


def peak_mib(name: str) -> float:
    """Return the peak memory of one measure in a fresh process, in MiB."""
    command = [sys.executable, "-m", "benchmarks.memory", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def main() -> int:
    """Print the peaks; 1 if one of them is over its limit."""
    base, one, many = (peak_mib(name) for name in MEASURES)
    each = (many - base) / BRIDGES
    print(f"imports             {base:8.1f} MiB")
    print(f"upgrade of 1 MiB    {one:8.1f} MiB  (limit {UPGRADE_LIMIT_MIB})")
    print(f"each of {BRIDGES} bridges {each:8.2f} MiB  (limit {BRIDGE_LIMIT_MIB})")
    return int(one > UPGRADE_LIMIT_MIB or each > BRIDGE_LIMIT_MIB)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        raise SystemExit(main())
    MEASURES[sys.argv[1]]()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
