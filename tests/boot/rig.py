"""Make a small flash with a loader on it, for tests of what the loader does."""

from dataclasses import dataclass
from hashlib import sha256

from emulator.actions import Happening, Report
from emulator.boot.loader import Loader
from emulator.boot.record import BootRecord, RecordLog, SlotFacts
from emulator.flash.area import Area, StreamWriter
from emulator.flash.nor import Geometry, Nor
from emulator.profiles.switches import Fallback

GEOMETRY = Geometry(
    size_octets=6144, erase_size_octets=512, program_size_octets=16, erased_value=0xFF
)
OLD, NEW, NEXT = (bytes([version]) * (500 + version) for version in (1, 2, 3))


@dataclass(frozen=True)
class Limits:
    trial_boots: int = 3
    confirm_within_s: int = 1200
    confirm_pause_max_s: int = 600
    retry_after_s: int = 5000
    retries: int = 2
    fallback_below_counter: Fallback = Fallback.ALLOW


def facts_of(image: bytes) -> SlotFacts:
    return SlotFacts(
        manufacturer=0x1002,
        image_type=7,
        file_version=image[0],
        size=len(image),
        digest=sha256(image).digest(),
        security_counter=image[0],
    )


def slots(nor: Nor) -> list[Area]:
    return [Area(nor, 0, 2048), Area(nor, 2048, 4096)]


def loader(nor: Nor, limits: Limits | None = None) -> Loader:
    """Return what a power on makes of the flash."""
    return Loader(slots(nor), RecordLog(Area(nor, 4096, 6144), BootRecord), limits or Limits())


def store(nor: Nor, image: bytes) -> Loader:
    """Put an image into the standby slot and have it tried at the next boot."""
    boot = loader(nor)
    slot = boot.standby
    boot.withdraw()
    writer = StreamWriter.begin(slots(nor)[slot])
    writer.append(image)
    writer.finish()
    boot.stage(slot, facts_of(image))
    return boot


def spoil(nor: Nor, slot: int) -> None:
    """Make a slot's content another, as decay would."""
    area = slots(nor)[slot]
    nor.erase(area.start, 512)


def new() -> Nor:
    """Return a flash as it leaves the factory."""
    nor = Nor(GEOMETRY)
    loader(nor).install_factory(0, OLD, facts_of(OLD))
    return nor


def boots(nor: Nor) -> tuple[int, bool]:
    choice = loader(nor).choose()
    return choice.facts.file_version, choice.trial


def invalid(slot: int) -> tuple[Report, ...]:
    return (Report(what=Happening.SLOT_INVALID, details=(("slot", slot),)),)


def below(slot: int, *, counter: int, confirmed: int) -> Report:
    details = (("slot", slot), ("counter", counter), ("confirmed", confirmed))
    return Report(what=Happening.BELOW_COUNTER, details=details)
