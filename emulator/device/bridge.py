"""Be a bridge: flash, supply, boot loader, and the application of the image that boots."""

import hashlib
from collections.abc import Callable, Sequence

from emulator.actions import Action, Battery, Event, Happening, Report
from emulator.boot.loader import IN_PLACE, Loader
from emulator.boot.placement import Placement
from emulator.boot.record import BootRecord, SlotFacts
from emulator.contract import Identity
from emulator.device.application import Application
from emulator.device.company import Company
from emulator.device.crossing import Crossing
from emulator.device.nonvolatile import Memory, NonVolatile, commissioned
from emulator.device.parts import SOUND, Parts
from emulator.device.session import Protocols
from emulator.device.store import manifest_of
from emulator.errors import WornError
from emulator.flash.area import Area
from emulator.flash.geometry import Geometry
from emulator.flash.nor import Nor, Snapshot
from emulator.profiles.model import BootScheme, Profile
from emulator.units import Rng, Us
from emulator.wire.aps import Datagram
from emulator.wire.manifest import ImageManifest, Trait


class Bridge:
    """Emulate one bridge by the contract of ``emulator.contract.Device``.

    Args:
        profile: What kind of bridge it is.
        streams: Opens the stream of chance of a (seed, consumer's name).
        parts: What it is wired from; a defect replaces one.
    """

    def __init__(
        self, profile: Profile, streams: Callable[[int, str], Rng], parts: Parts = SOUND
    ) -> None:
        self.profile, self._streams, self.parts = profile, streams, parts
        self._identity: Identity | None = None
        self._application: Application | None = None
        #: What stimuli go to: the application, or what stands before it in a home of bridges.
        self._running: Application | Crossing | None = None
        self._rng: Rng | None = None
        self.flash: Nor = self._flash(recording=False)
        self._gauge = parts.gauge(profile.battery)

    @property
    def deadline(self) -> Us | None:
        """Return when ``wake`` is wanted; None while off."""
        running = self._running
        return None if running is None else running.deadline

    @property
    def identity(self) -> Identity | None:
        """Return who it is, None before ``factory``."""
        return self._identity

    @property
    def ram(self) -> Application | None:
        """Return what runs and dies with the supply, None while it is off."""
        return self._application

    @property
    def crossing(self) -> Crossing | None:
        """Return the ends of its links; None while it is off, or if it was not commissioned."""
        running = self._running
        return running if isinstance(running, Crossing) else None

    def factory(self, identity: Identity, image: bytes, version: int, seed: int) -> None:
        """Make the bridge new, with ``image`` in slot 0.

        Args:
            identity: Who it is from now on.
            image: A whole firmware file.
            version: Its file version.
            seed: Seeds every stream of chance of this bridge.

        Raises:
            ValueError: The image does not fit a slot.
        """
        self.power_off(0)
        self._identity, self._rng = identity, self._streams(seed, "ota client")
        self.flash = self._flash(recording=self.flash.recording)
        self._gauge = self.parts.gauge(self.profile.battery)
        manifest = manifest_of(image, self.profile.image)
        facts = SlotFacts(
            manufacturer=identity.manufacturer,
            image_type=identity.image_type,
            file_version=version,
            size=len(image),
            digest=hashlib.sha256(image).digest(),
            security_counter=0 if manifest is None else manifest.security_counter,
        )
        self._loader(self._slots()).install_factory(0, image, facts)

    def commission(self, parent: int | None, children: tuple[int, ...] = ()) -> None:
        """Tell a new bridge its place in a home, once, before its first power on.

        Args:
            parent: EUI-64 of the bridge through which it reaches the hub; None: it is near the hub.
            children: EUI-64s of the bridges that reach the hub through it: two at most.

        Raises:
            RuntimeError: The bridge was never made by ``factory``.
            ValueError: It has both or neither, too many children, or an EUI-64 is none or twice.
            FlashError: It was on before, or was commissioned already.
        """
        if self._identity is None:
            raise RuntimeError("commission before factory")
        place = commissioned(self._identity.eui64, parent, children)
        self.parts.records(self._area(self.profile.flash.data), NonVolatile).preload(place)

    def revive(self, identity: Identity, flash: Snapshot, seed: int) -> None:
        """Be a bridge of before again: nothing but its identity and its flash is left of it.

        Args:
            identity: Who it is.
            flash: What its flash holds, of the profile's geometry.
            seed: Seeds every stream of chance from now on.

        Raises:
            ValueError: The flash has another geometry.
        """
        self.power_off(0)
        self._identity, self._rng = identity, self._streams(seed, "ota client")
        self.flash = self._flash(recording=self.flash.recording)
        self._gauge = self.parts.gauge(self.profile.battery)
        self.flash.restore(flash)

    def power_on(self, now: Us) -> Sequence[Action]:
        """Run the boot loader, then the image it chose.

        Raises:
            RuntimeError: The bridge was never made by ``factory``.
            BootError: Neither slot holds a valid image.
            PowerLost: The fault plan cut the supply; call again to boot anew.
        """
        if self._identity is None or self._rng is None:
            raise RuntimeError("power_on before factory")
        slots, parts = self._slots(), self.parts
        flash = self.profile.flash
        self.flash.phase = "boot"
        self.flash.power_up()
        loader = self._loader(slots)
        choice = loader.choose()
        image = slots[choice.slot].read(0, choice.facts.size)
        manifest = manifest_of(image, self.profile.image)
        self.flash.phase = "run"
        memory = Memory(parts.records(self._area(flash.data), NonVolatile))
        company = self._company(memory, manifest)
        if company is not None and choice.trial:
            company.on_trial(self._back(loader, slots))
        application = self._application = parts.application(
            profile=self.profile,
            identity=self._identity,
            parts=parts,
            memory=memory,
            loader=loader,
            slots=slots,
            choice=choice,
            traits=Trait(0) if manifest is None else manifest.traits,
            rng=self._rng,
            gauge=self._gauge,
            company=company,
        )
        if company is None:
            self._running = application
            return application.start(now)
        crossing = parts.crossing(application, company, parts.outbox, self.profile)
        self._running = crossing
        return crossing.start(now)

    def power_off(self, now: Us) -> None:
        """Lose RAM."""
        self._application = self._running = None

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Take a datagram from the air."""
        running = self._running
        try:
            return () if running is None else running.receive(datagram, now)
        except WornError as error:
            return _worn(error)

    def wake(self, now: Us) -> Sequence[Action]:
        """Do what is due."""
        running = self._running
        try:
            return () if running is None else running.wake(now)
        except WornError as error:
            return _worn(error)

    def doze(self, until: Us) -> None:
        """Leave out the polls before a moment up to which nothing will reach the bridge."""
        if self._running is not None:
            self._running.doze(until)

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Take an event that is not a datagram; a charge is measured while the bridge is off too.

        Raises:
            ValueError: The charge is not 0..100 %.
        """
        if type(what) is Battery:
            self._gauge.tell(what.percent)
        running = self._running
        try:
            return () if running is None else running.event(what, now)
        except WornError as error:
            return _worn(error)

    def chance_state(self) -> object:
        """Return the state of the bridge's stream of chance, for a copy."""
        return None if self._rng is None else self._rng.getstate()

    def set_chance_state(self, state: object) -> None:
        """Go on from a state that ``chance_state`` returned."""
        if self._rng is not None and state is not None:
            self._rng.setstate(state)

    def _flash(self, *, recording: bool) -> Nor:
        """Return new flash; its log grows with a bridge's life, so it is kept on request only."""
        flash = self.parts.flash(Geometry.of(self.profile.flash))
        flash.recording = recording
        return flash

    def _company(self, memory: Memory, manifest: ImageManifest | None) -> Company | None:
        """Return the bridge's ends of its links; None where it was not commissioned."""
        if memory.parent is None and not memory.children:
            return None
        own = self._speaks(manifest)
        return self.parts.company(self.parts.session, memory, self.profile, own)

    def _speaks(self, manifest: ImageManifest | None) -> Protocols:
        """Return the link protocols of an image: its manifest's, else the profile's."""
        if manifest is None:
            return self.profile.link.protocols
        return manifest.minimum_link, manifest.maximum_link

    def _back(self, loader: Loader, slots: Sequence[Area]) -> Protocols | None:
        """Return what the image speaks that a failed trial goes back to; None: there is none."""
        facts = loader.facts(loader.standby)
        if facts is None:
            return None
        octets = slots[loader.standby].read(0, facts.size)
        return self._speaks(manifest_of(octets, self.profile.image))

    def _loader(self, slots: Sequence[Area]) -> Loader:
        records = self.parts.records(self._area(self.profile.flash.boot_record), BootRecord)
        return self.parts.loader(slots, records, self.profile.boot, self._placement())

    def _placement(self) -> Placement:
        """Return how images come to where they run; the one place where the scheme is asked for."""
        scratch = self.profile.flash.scratch
        if self.profile.boot.scheme is BootScheme.SWAP and scratch is not None:
            return self.parts.swap(self._area(scratch))
        return IN_PLACE

    def _area(self, limits: tuple[int, int]) -> Area:
        return Area(self.flash, *limits)

    def _slots(self) -> tuple[Area, Area]:
        return self._area(self.profile.flash.slot_a), self._area(self.profile.flash.slot_b)


def _worn(error: WornError) -> Sequence[Action]:
    """Say that something could not be kept; what it was for is not done, and the bridge goes on."""
    return (Report(what=Happening.FLASH_WORN, details=(("why", str(error)),)),)
