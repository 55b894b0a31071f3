"""Be the least bridge that keeps the rules of flash and boot, and the judge of its lives.

Only flash outlives a power cut: each power on makes everything else anew. A life is a story (what
is offered, which images are bad) on a geometry, with cuts; it ends settled or breaks a promise.
"""

import random
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import Any

from emulator.boot.loader import IN_PLACE, Choice, Loader
from emulator.boot.placement import Placement, Swap
from emulator.boot.record import BootRecord, BootState, RecordLog, SlotFacts, Standing
from emulator.errors import PowerLost
from emulator.faults import CutPower, WornSector
from emulator.flash.area import Area, StreamWriter
from emulator.flash.nor import Geometry, Nor
from tests.boot.rig import Limits

#: Sectors of a slot, of a log, and of the scratch area.
SLOT, LOG, SCRATCH = 2, 2, 1
#: Octets that a download's block brings.
BLOCK = 50
#: Power cycles after which a bridge that has not settled never will.
PATIENCE = 40

GEOMETRIES = [(512, 16, 0xFF), (1024, 256, 0x00), (512, 1, 0x00), (4096, 128, 0xFF)]


LIMITS = Limits(confirm_within_s=100, confirm_pause_max_s=0, retries=0)


def make_image(version: int, size: int) -> bytes:
    """Return an image with runs of both erased values, also over sector limits."""
    octets = bytearray(random.Random(version).randbytes(size))
    octets[size // 4 : size // 4 + 40] = b"\xff" * 40
    octets[size // 2 : size // 2 + 70] = b"\x00" * 70
    octets[500:530] = b"\xff" * 30
    octets[-60:-40] = b"\xff" * 20
    return bytes(octets)


def facts_of(version: int, image: bytes) -> SlotFacts:
    return SlotFacts(
        manufacturer=0x1002,
        image_type=7,
        file_version=version,
        size=len(image),
        digest=sha256(image).digest(),
    )


@dataclass(frozen=True)
class Story:
    """Say what is offered, in order, and which images never confirm.

    ``crash`` images restart at once; ``mute`` ones run until their trial time is over.
    """

    offers: tuple[int, ...]
    crash: frozenset[int] = frozenset()
    mute: frozenset[int] = frozenset()

    @property
    def bad(self) -> frozenset[int]:
        return self.crash | self.mute


STORIES = {
    "upgrade": Story((2,)),
    "two upgrades": Story((2, 3)),
    "crash loop": Story((2,), crash=frozenset({2})),
    "mute image": Story((2,), mute=frozenset({2})),
    "failure then repair": Story((2, 3), crash=frozenset({2})),
}


@dataclass(frozen=True)
class Parts:
    """Be what a bridge is made of; a defect replaces one."""

    loader: type[Loader] = Loader
    writer: type[StreamWriter] = StreamWriter
    log: type[RecordLog[Any]] = RecordLog
    swap: type[Swap] | None = None  # None: images run where they lie


class Broken(AssertionError):
    """A promise is broken; only the judge raises it."""


@dataclass
class Judge:
    """Keep what was seen from outside, over all power cycles."""

    images: dict[int, bytes]
    story: Story
    limits: Limits
    confirmed: int = 1  # what confirm() last returned for
    tries: dict[int, int] = field(default_factory=dict)

    def booted(self, choice: Choice, octets: bytes) -> None:
        version = choice.facts.file_version
        if octets != self.images[version]:
            raise Broken(f"version {version} booted, and is not that image")
        if choice.trial:
            self.tries[version] = self.tries.get(version, 0) + 1
            if self.tries[version] > self.limits.trial_boots and version in self.story.bad:
                raise Broken(f"version {version} tried {self.tries[version]} times")
        elif version < self.confirmed:
            raise Broken(f"version {version} booted after {self.confirmed} was confirmed")
        elif version in self.story.bad:
            raise Broken(f"version {version} kept, which never confirmed")


class Journal:
    """Keep the sector that is made ready again in the download record, as a security counter."""

    def __init__(self, context: RecordLog[SlotFacts], loading: SlotFacts) -> None:
        self._context, self._loading = context, loading

    @property
    def redoing(self) -> int | None:
        record = self._context.read()
        return record.security_counter - 1 if record and record.security_counter else None

    def note(self, sector: int | None) -> None:
        counter = 0 if sector is None else sector + 1
        self._context.write(replace(self._loading, security_counter=counter))


class Bridge:
    """Live one power cycle after the other on one flash."""

    def __init__(self, nor: Nor, parts: Parts, judge: Judge) -> None:
        self.nor, self.parts, self.judge = nor, parts, judge
        sector = nor.geometry.erase_size_octets
        limits = [n * sector for n in accumulate((0, SLOT, SLOT, LOG, LOG, SCRATCH))]
        *self.slots, self.boot_area, self.data_area, self.scratch = [
            Area(nor, start, end) for start, end in pairwise(limits)
        ]

    def placement(self) -> Placement:
        return IN_PLACE if self.parts.swap is None else self.parts.swap(self.scratch)

    def factory(self) -> None:
        image = self.judge.images[1]
        log: RecordLog[BootRecord] = self.parts.log(self.boot_area, BootRecord)
        loader = Loader(self.slots, log, self.judge.limits, self.placement())
        loader.install_factory(0, image, facts_of(1, image))

    def power_on(self) -> bool:
        """Boot, run, and stop: for a restart (False), or because nothing is left to do (True)."""
        self.nor.phase = "boot"
        self.nor.power_up()
        records: RecordLog[BootRecord] = self.parts.log(self.boot_area, BootRecord)
        limits, placement = self.judge.limits, self.placement()
        self.loader = self.parts.loader(self.slots, records, limits, placement)
        choice = self.loader.choose()
        version = choice.facts.file_version
        self.judge.booted(choice, self.slots[choice.slot].read(0, choice.facts.size))
        if choice.trial:
            self.nor.phase = "trial"
            if version in self.judge.story.crash:
                return False
            if version in self.judge.story.mute:
                return self.wait_in_vain()
            self.loader.spend(10)
            self.loader.confirm()
            self.judge.confirmed = version
        wanted = self.next_offer(version)
        if wanted is None:
            return True
        self.nor.phase = "download"
        self.update(wanted)
        return False

    def wait_in_vain(self) -> bool:
        while self.loader.trial_time_left_s:
            self.loader.spend(40)
        self.loader.give_up()
        return False

    def next_offer(self, running: int) -> int | None:
        """Return the next version that is newer, unless it failed here before."""
        failed = self.loader.last_failure
        refused = 0 if failed is None else failed.file_version
        return next((v for v in self.judge.story.offers if v > max(running, refused)), None)

    def update(self, version: int) -> None:
        """Download, going on where flash says, and have it tried.

        The download record is a ``SlotFacts``: ABSENT means erasing, PRESENT
        means erased and loading.
        """
        image = self.judge.images[version]
        context: RecordLog[SlotFacts] = self.parts.log(self.data_area, SlotFacts)
        slot = self.loader.standby
        loading = facts_of(version, image)
        held = context.read()
        going_on = held is not None and replace(held, security_counter=0) == loading
        if going_on and self.loader.facts(slot) is None:
            journal = Journal(context, loading)
            writer = self.parts.writer.resume(self.slots[slot], len(image), journal)
        else:
            self.loader.withdraw()
            context.write(replace(loading, standing=Standing.ABSENT))
            writer = self.parts.writer.begin(self.slots[slot])
            context.write(loading)
        while writer.offset < len(image):
            writer.append(image[writer.offset : writer.offset + BLOCK])
        writer.finish()
        if self.slots[slot].read(0, len(image)) != image:
            raise Broken(f"stored version {version} is not the image")  # judged by its signature
        self.nor.phase = "stage"
        self.loader.keep(slot, loading)
        self.loader.stage(slot, loading)


@dataclass(frozen=True)
class Setting:
    """Name a story on a geometry, with the parts that live it."""

    story: Story
    geometry: tuple[int, int, int] = GEOMETRIES[0]
    parts: Parts = Parts()
    limits: Limits = LIMITS
    worn: tuple[WornSector, ...] = ()

    def new(self) -> Bridge:
        sector, unit, erased = self.geometry
        nor = Nor(
            Geometry(
                size_octets=sector * (2 * (SLOT + LOG) + SCRATCH),
                erase_size_octets=sector,
                program_size_octets=unit,
                erased_value=erased,
            )
        )
        size = min(2 * sector - 60, 1900)
        images = {version: make_image(version, size - 20 * version) for version in (1, 2, 3)}
        bridge = Bridge(nor, self.parts, Judge(images, self.story, self.limits))
        bridge.factory()
        nor.wear(*self.worn)
        return bridge

    def live(self, *cuts: CutPower) -> Bridge:
        """Live a whole life with these cuts, and judge it.

        Raises:
            Broken: A promise is.
        """
        bridge = self.new()
        bridge.nor.arm(*cuts)
        lost = 0
        for _ in range(PATIENCE):
            try:
                if bridge.power_on():
                    break
            except PowerLost:
                lost += 1
            except Broken:
                raise
            except Exception as error:
                raise Broken(f"stops with {error!r}") from error
        else:
            raise Broken(f"not settled after {PATIENCE} power cycles")
        self.judge_end(bridge, lost)
        return bridge

    def judge_end(self, bridge: Bridge, lost: int) -> None:
        judge, loader, story = bridge.judge, bridge.loader, self.story
        good = [version for version in story.offers if version not in story.bad]
        if loader.state is not BootState.STEADY:
            raise Broken(f"ends in {loader.state.name}")
        running = loader.facts(1 - loader.standby)
        if running is None or running.file_version != max(good, default=1):
            raise Broken(f"ends with {running}")
        for version in story.crash:
            tries, limit = judge.tries.get(version, 0), self.limits.trial_boots
            if not limit - lost <= tries <= limit:
                raise Broken(f"version {version} tried {tries} times with {lost} cuts, not {limit}")
        if story.bad and not good and loader.last_failure is None:
            raise Broken("the failed image is forgotten")
