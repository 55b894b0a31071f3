"""Make a small flash with a loader on it that exchanges images, for tests of how they move."""

from hashlib import sha256

from emulator.boot.loader import Loader
from emulator.boot.placement import Swap
from emulator.boot.record import BootRecord, RecordLog, SlotFacts
from emulator.flash.area import Area, StreamWriter
from emulator.flash.nor import Geometry, Nor
from tests.boot.rig import Limits

SECTOR = 512
SLOT = 6 * SECTOR
LOG = [2 * SLOT, 2 * SLOT + 4 * SECTOR]
GEOMETRY = Geometry(
    size_octets=24 * SECTOR, erase_size_octets=SECTOR, program_size_octets=8, erased_value=0xFF
)


LIMITS = Limits(trial_boots=2, confirm_pause_max_s=0, retry_after_s=100, retries=1)


def image(version: int, size: int) -> bytes:
    """Return octets of which no two sectors are alike, with runs of both erased values."""
    rows = [sha256(b"%d %d" % (version, row)).digest() for row in range(-(-size // 32))]
    whole = bytearray(b"".join(rows)[:size])
    whole[40:80], whole[100:120] = b"\xff" * 40, bytes(20)
    return bytes(whole)


OLD = image(1, 2000)


def facts_of(octets: bytes, version: int) -> SlotFacts:
    return SlotFacts(
        manufacturer=0x1002,
        image_type=7,
        file_version=version,
        size=len(octets),
        digest=sha256(octets).digest(),
    )


def slots(nor: Nor) -> list[Area]:
    return [Area(nor, 0, SLOT), Area(nor, SLOT, 2 * SLOT)]


def loader(nor: Nor, scratch: int = 1) -> Loader:
    records = RecordLog(Area(nor, *LOG), BootRecord)
    room = Area(nor, LOG[1], LOG[1] + scratch * SECTOR)
    return Loader(slots(nor), records, LIMITS, Swap(room))


def new() -> Nor:
    nor = Nor(GEOMETRY)
    loader(nor).install_factory(0, OLD, facts_of(OLD, 1))
    return nor


def store(nor: Nor, octets: bytes, version: int = 2) -> None:
    boot = loader(nor)
    boot.withdraw()
    assert boot.standby == 1
    writer = StreamWriter.begin(slots(nor)[1])
    writer.append(octets)
    writer.finish()
    boot.stage(1, facts_of(octets, version))


def held(nor: Nor, slot: int, size: int) -> bytes:
    return slots(nor)[slot].read(0, size)
