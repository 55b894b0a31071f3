"""Look inside an emulated bridge: for the sweep and the direct lane, never for a case."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import NamedTuple

from emulator.device.bridge import Bridge
from emulator.device.defects.catalogue import DEFECTS, HOME_DEFECTS, parts_of
from emulator.device.defects.model import Defect
from emulator.device.likeness import Likeness, newest_limit
from emulator.device.parts import SOUND, Parts
from emulator.errors import PowerLost
from emulator.faults import CutPower, WornSector
from emulator.flash.area import Area
from emulator.flash.nor import Nor, Operation, OperationKind, Snapshot
from emulator.profiles.model import Profile
from emulator.units import Octets


class ProbeState(NamedTuple):
    """Be all of a bridge that outlives its RAM; pages are shared, never copied."""

    flash: Snapshot
    chance: object


class DefectFacts(NamedTuple):
    """Be what is told of a defect: what it is, what it copies, what must catch it."""

    id: str
    title: str
    copies: str
    caught_by: tuple[str, ...]
    vectors: tuple[str, ...]
    where: Mapping[str, tuple[object, ...]]
    replaces: tuple[str, ...]

    def shows_on(self, profile: Profile) -> bool:
        """Tell whether bridges of a profile are among those on which it must be caught."""
        return all(_value(profile, key) in values for key, values in self.where.items())


def _value(profile: object, key: str) -> object:
    for part in key.split("."):
        profile = getattr(profile, part)
    return profile


def _facts(one: Defect) -> DefectFacts:
    return DefectFacts(
        id=one.id,
        title=one.title,
        copies=one.copies,
        caught_by=one.caught_by,
        vectors=one.vectors,
        where=one.where,
        replaces=_replaced(one.parts),
    )


def _replaced(parts: Parts) -> tuple[str, ...]:
    """Return the names of the parts that differ from a sound bridge's; of steps, which."""
    names = [each.name for each in fields(Parts) if each.name != "table"]
    made = [name for name in names if getattr(parts, name) != getattr(SOUND, name)]
    if "steps" in made:
        steps = [name for name, step in parts.steps.items() if step is not SOUND.steps.get(name)]
        told = "all of them" if len(steps) == len(SOUND.steps) else ", ".join(steps)
        made[made.index("steps")] = f"steps ({told})"
    return tuple(made)


class Probe:
    """Count and cut a bridge's flash operations; copy it and put it back.

    A copy holds no RAM, which dies with the supply: restore it to a bridge that is off.
    """

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._spare: Nor | None = None
        page = bridge.flash.geometry.page_octets
        self._likeness = Likeness(self._logs(), page)

    @staticmethod
    def defects() -> tuple[DefectFacts, ...]:
        """Return every defect that shows on a bridge alone."""
        return tuple(map(_facts, DEFECTS.values()))

    @staticmethod
    def home_defects() -> tuple[DefectFacts, ...]:
        """Return every defect that shows only where there are other bridges, in a home."""
        return tuple(map(_facts, HOME_DEFECTS.values()))

    def plant(self, defect: str) -> None:
        """Replace the part that a defect is made of; call before ``factory``.

        Raises:
            KeyError: No defect has this id.
        """
        self._bridge.parts = parts_of(defect)

    def damage(self, offset: Octets, *, standby: bool = False) -> None:
        """Turn a bit of the image that runs, as flash does that forgets; no operation of its own.

        Args:
            offset: Of the octet in the image.
            standby: Whether it is the image in the other slot instead.

        Raises:
            RuntimeError: The bridge is off.
        """
        application = self._bridge.ram
        if application is None:
            raise RuntimeError("damage while off")
        flash, limits = self._bridge.flash, self._bridge.profile.flash
        slot = application.slot ^ standby
        start = (limits.slot_a, limits.slot_b)[slot][0]
        index, at = divmod(start + offset, flash.geometry.page_octets)
        content, operations = flash.snapshot()
        page = content.pages[index]
        altered = page[:at] + bytes((page[at] ^ 0x01,)) + page[at + 1 :]
        pages = (*content.pages[:index], altered, *content.pages[index + 1 :])
        flash.restore(Snapshot(content._replace(pages=pages), operations))

    @property
    def operations(self) -> Sequence[Operation]:
        """Return the operations since ``record`` asked for a log; without one, none."""
        return self._bridge.flash.log

    def cut(self, *cuts: CutPower) -> None:
        """Cut the supply at operations that are to come, in order."""
        self._bridge.flash.arm(*cuts)

    def wear(self, *sectors: WornSector) -> None:
        """Let sectors take no erase, until others are named; copies that are put back keep it."""
        self._bridge.flash.wear(*sectors)

    def snapshot(self) -> ProbeState:
        """Copy flash and streams of chance."""
        return ProbeState(self._bridge.flash.snapshot(), self._bridge.chance_state())

    def restore(self, state: ProbeState) -> None:
        """Put a copy back; the bridge must be off."""
        self._bridge.power_off(0)
        self._bridge.flash.restore(state.flash)
        self._bridge.set_chance_state(state.chance)

    def fingerprint(self) -> bytes:
        """Return a digest of every octet of flash and of the streams of chance."""
        content = self._bridge.flash.content().digest()
        return hashlib.sha256(content + repr(self._bridge.chance_state()).encode()).digest()

    # For a sweep: what a cut leaves, and what two moments have in common.

    @property
    def count(self) -> int:
        """Return how many flash operations the bridge's life had so far."""
        return self._bridge.flash.operations

    def record(self, wanted: bool) -> None:
        """Log flash operations from now on, or not, also over ``factory``; the log begins anew."""
        self._bridge.flash.recording = wanted
        self._bridge.flash.log.clear()

    def flash(self) -> Snapshot:
        """Return flash alone."""
        return self._bridge.flash.snapshot()

    def put(self, flash: Snapshot, chance: object) -> None:
        """Put flash and streams of chance back; what is in RAM dies."""
        self.restore(ProbeState(flash, chance))

    def chance(self) -> object:
        """Return the state of the streams of chance."""
        return self._bridge.chance_state()

    def after(self, flash: Snapshot, operation: Operation, cut: CutPower | None) -> Snapshot:
        """Return what one operation leaves of a flash: all of its work, or what a cut lets it do.

        Args:
            flash: The moment before the operation.
            operation: What the firmware did.
            cut: How the supply failed in it; None: it did not.
        """
        nor = self._spare
        if nor is None:
            nor = self._spare = type(self._bridge.flash)(
                self._bridge.flash.geometry, recording=False
            )
        nor.restore(flash)
        if operation.failed:
            return flash._replace(operations=operation.number + 1)
        if cut is not None:
            nor.arm(cut)
        try:
            if operation.kind is OperationKind.ERASE:
                nor.erase(operation.address, operation.length)
            else:
                nor.program(operation.address, operation.data or b"")
        except PowerLost:
            pass
        return nor.snapshot()

    def area(self, address: Octets) -> str:
        """Return the key of the flash map's area that an address is in; empty: in none."""
        areas = self._bridge.profile.flash.areas.items()
        return next((name for name, (start, end) in areas if start <= address < end), "")

    def slot(self, number: int, length: Octets) -> bytes:
        """Return the first octets of a slot."""
        flash = self._bridge.profile.flash
        return self._bridge.flash.read((flash.slot_a, flash.slot_b)[number][0], length)

    def beside(self, number: int, length: Octets) -> bytes:
        """Return the first octets of an image that an upgrade needs beside the bridge's own.

        Args:
            number: Counts from 0, in the order of the profile.
            length: Octets that are wanted.
        """
        profile = self._bridge.profile
        parts = profile.flash.parts_of_extra(len(profile.ota.more_image_types))
        return self._bridge.flash.read(parts[number][0], length)

    def likeness(self, flash: Snapshot | None = None) -> bytes:
        """Return what a flash has in common with those that a bridge would treat alike.

        Args:
            flash: None: the bridge's own, as it is.
        """
        content = self._bridge.flash.content() if flash is None else flash.content
        return self._likeness.of(content)

    def counter_limit(self, flash: Snapshot | None = None) -> int:
        """Return the limit of frame counters that a flash holds, -1 if it holds none."""
        content = self._bridge.flash.content() if flash is None else flash.content
        start, end = self._bridge.profile.flash.data
        geometry = self._bridge.flash.geometry
        page = geometry.page_octets
        step = geometry.at(start).page_octets // page
        return newest_limit(content.pages[start // page : end // page], step)

    def _logs(self) -> tuple[Area, Area]:
        flash = self._bridge.profile.flash
        nor = self._bridge.flash
        return Area(nor, *flash.boot_record), Area(nor, *flash.data)

    @property
    def ram(self) -> object:
        """Return all that dies with the supply, None while it is off."""
        return self._bridge.ram

    @property
    def stage(self) -> str:
        """Return where the OTA client stands, empty while the bridge is off."""
        application = self._bridge.ram
        return "" if application is None else application.client.stage.name

    @property
    def on_trial(self) -> bool:
        """Tell whether the running image is on trial."""
        application = self._bridge.ram
        return application is not None and application.store.on_trial
