"""Put one device on one bench: hub, lane, trace, and the few things that every case does.

The facade is the same on every lane. What it knows of the DUT it knows from the air: the running
version is attribute 0x0002, a verdict is an Upgrade End Request.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, Unpack

from emulator.actions import Activate, Battery
from emulator.contract import Capability
from emulator.faults import FrameFault, WornSector
from emulator.profiles.model import Profile
from emulator.profiles.scale import scaled
from emulator.units import HOUR, MILLISECOND, MINUTE, SECOND, Octets, Us
from emulator.wire import ota
from emulator.wire.codec import Frame
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from harness.absence import Absence
from harness.firmware import FIRST_VERSION, NEXT_VERSION, Firmware, Made, Wish, filler, identity_of
from harness.hub.images import Served, served
from harness.hub.server import Hub
from harness.inquiry import Inquiry
from harness.lanes.port import Lane, LaneOptions, Setup, never
from harness.lanes.schemes import open_lane
from harness.lanes.seeds import hub_chance
from harness.neighbours import add_neighbour, let_first, unsupported
from harness.talking import Talking
from harness.trace import Trace
from harness.verdict import Unsupported

F = TypeVar("F", bound=Frame)

#: The EUI-64 of the DUT that an emulated bench makes.
DUT_EUI64 = 0x00124B00_44555431
#: The EUI-64 of a second one.
SECOND_EUI64 = DUT_EUI64 + 1
#: Longest that one answer may take.
READ_US: Us = 30 * SECOND
#: Longest that a device may take to come up, join and find the hub, beside its own first delay.
SETTLE_US: Us = 10 * MINUTE
#: How long what a device was told last may be on its way, where time is real.
ARRIVE_US: Us = 300 * MILLISECOND
#: What an answer may be late by chance, where time is real.
LATE_US: Us = 100 * MILLISECOND
#: How often a device is looked at that has something left to do, where time is real.
LOOK_US: Us = 3 * SECOND


class Bench(Talking):
    """Drive one device under test."""

    def __init__(
        self,
        profile: Profile,
        *,
        link: str = "direct:",
        seed: int = 0,
        defect: str | None = None,
        first_image: bytes | None = None,
        first_version: int | None = None,
        eui64: int | None = None,
        beside: "Bench | None" = None,
        firmware: Firmware | None = None,
        fit: Callable[[Lane], Lane] | None = None,
        options: LaneOptions | None = None,
    ) -> None:
        #: With the times that its firmware lives by (``ota.timer_scale``).
        self.profile = replace(profile, ota=scaled(profile.ota))
        self._scale = profile.ota.timer_scale
        self.firmware: Firmware = firmware or Made(profile, FIRST_VERSION, NEXT_VERSION, filler)
        self.seed = seed
        identity = identity_of(profile, DUT_EUI64 if eui64 is None else eui64)
        if beside is None:
            super().__init__(Hub(rng=hub_chance(seed), seed=seed), Trace(), identity, "dut")
        else:
            super().__init__(beside.hub, beside.trace, identity, f"dut {identity.eui64:#018x}")
        first_version = self.version(0) if first_version is None else first_version
        first = self.image(version=first_version, size=256) if first_image is None else first_image
        setup = Setup(
            profile=profile,
            identity=self.identity,
            image=first,
            version=first_version,
            seed=seed,
            hub=self.hub,
            trace=self.trace,
            defect=defect,
            name=self._name,
            options=options or LaneOptions(),
            anyone=eui64 is None,
        )
        if beside is None:
            self.hub.settings.encrypt = profile.ota.aps_encrypt
            lane = open_lane(link, setup)
            self.lane: Lane = lane if fit is None else fit(lane)
        else:
            with unsupported():
                self.lane = beside.lane.beside(setup)
        if (found := self.lane.found) is not None:
            self.identity = replace(self.identity, eui64=found.eui64)
            if firmware is None:
                self.firmware = Made(profile, found.version, found.following, filler)
            if first_image is not None:
                self.lane.close()
                raise Unsupported("needs a device that is made with firmware of the case")
        self.absences: list[Absence] = []
        self._inquiry = Inquiry(self.hub, self.lane, lambda: self.log, READ_US)

    def close(self) -> None:
        """End the bench."""
        self.lane.close()

    # Images.

    def version(self, step: int) -> int:
        """Return the version that lies ``step`` above the one that the device starts with.

        Raises:
            Unsupported: The device under test has no such version.
        """
        return self.firmware.version(step)

    def image(self, version: int | None = None, **more: Unpack[Wish]) -> bytes:
        """Return a good image for this device.

        Args:
            version: Its file version; None: the one above that which the device starts with.
            more: What the image must be like (``harness.firmware.Wish``).

        Raises:
            Unsupported: The device under test has no such image.
        """
        if more.get("traits"):
            self.need(Capability.TRAITS)
        return self.firmware.image(self.version(1) if version is None else version, **more)

    def image_with_unknown_elements(self) -> bytes:
        """Return a good image with a vendor's and a reserved sub-element behind the firmware.

        Raises:
            Unsupported: There is none for this device.
        """
        return self.firmware.with_unknown_elements()

    # Time.

    @property
    def _is_virtual(self) -> bool:
        return Capability.VIRTUAL_TIME in self.lane.capabilities

    @property
    def now(self) -> Us:
        """Return the lane's time."""
        return self.lane.now

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let time pass until a condition holds, at most ``limit_us``; tell whether it holds."""
        return self.lane.run(until, limit_us)

    def wait(self, duration_us: Us) -> None:
        """Let time pass."""
        self.lane.run(never, duration_us)

    @property
    def trial_us(self) -> Us:
        """Return how long a new image has until it must have reached the hub."""
        return self.profile.boot.confirm_within_s * SECOND

    def lived(self, duration_us: Us) -> Us:
        """Return a long time that the standard states, as test firmware lives it, 1 s at least."""
        return max(duration_us // self._scale, SECOND)

    # The device's life.

    def start(self) -> None:
        """Raise the supply and wait until the device has asked for an image once."""
        self.lane.power(True)
        first_us = self.profile.ota.first_query_delay_s * SECOND
        queries = self.count(ota.QueryNextImageRequest)
        self.run(lambda: self.count(ota.QueryNextImageRequest) > queries, first_us + SETTLE_US)
        self._let_arrive()

    def power_cycle(self, off_us: Us = SECOND) -> None:
        """Cut the supply, raise it again, and let the device come up.

        Raises:
            Unsupported: The lane cannot cut the DUT's power.
        """
        self.need(Capability.POWER)
        self.lane.power(False)
        self.wait(off_us)
        self.start()

    def cut_power(self) -> None:
        """Cut the supply and leave it off."""
        self.need(Capability.POWER)
        self.lane.power(False)

    def plan(self, *faults: FrameFault) -> None:
        """Set the frame faults that are to come; each counts from now."""
        self.need(Capability.FRAME_FAULTS)
        self.lane.plan(faults)

    def wear(self, *addresses: Octets) -> None:
        """Let the sectors at these addresses of flash take no erase from now on, and no others.

        Raises:
            Unsupported: The lane does not reach into flash.
        """
        self.need(Capability.WEAR)
        self.lane.wear([WornSector(address=one) for one in addresses])

    def activate(self) -> None:
        """Tell the device outside the network to activate the image that it holds."""
        self.need(Capability.EVENTS)
        self.lane.event(Activate())

    def charge(self, percent: int) -> None:
        """Tell the device what is left of its battery, as it would measure it."""
        self.need(Capability.EVENTS)
        self.lane.event(Battery(percent=percent))

    def switch_key(self) -> None:
        """Give the network another key, as its trust centre does, and tell the device.

        Raises:
            Unsupported: The lane cannot tell it, or its radio does not show keys.
        """
        self.need(Capability.EVENTS)
        self.need(Capability.FRAME_COUNTERS)
        self.hub.key_id += 1
        joined = self.hub.admit(self.identity.eui64, True)
        assert joined is not None
        self.lane.event(joined)

    def need(self, capability: Capability) -> None:
        """Make the case unsupported where the lane cannot do something."""
        if capability not in self.lane.capabilities:
            raise Unsupported(f"this lane has no {capability}")

    def running_version(self) -> int | None:
        """Return the version that runs, as attribute 0x0002 says; waits for a restart to end."""
        deadline = self.now + SETTLE_US
        while self.now < deadline:
            version = self.value(Attribute.CURRENT_FILE_VERSION)
            if isinstance(version, int):
                return version
        return None

    def upgrade_status(self) -> ImageUpgradeStatus | None:
        """Return attribute 0x0006."""
        value = self.value(Attribute.IMAGE_UPGRADE_STATUS)
        return ImageUpgradeStatus(value) if isinstance(value, int) else None

    # Upgrading.

    def serve(self, image: bytes | Served) -> None:
        """Let the hub serve an image from now on, and no other.

        Raises:
            Unsupported: The device under test goes no such step.
        """
        made = image if isinstance(image, Served) else served(image)
        if self.count(ota.QueryNextImageRequest):
            running = self.last(ota.QueryNextImageRequest).file_version
            self.firmware.check_step(running, made.file_version)
        self.hub.serve(made)

    def offer(self, image: bytes | Served, *, limit_us: Us = 6 * HOUR) -> Status | int | None:
        """Serve an image, notify the device, and wait for its verdict.

        Returns:
            The status of its Upgrade End Request; None if it sent none (it did not download, or it
            is still at it after ``limit_us``).
        """
        self.serve(image)
        ends = self.count(ota.UpgradeEndRequest)
        if not self.provoke(ota.QueryNextImageRequest, self.notify):
            return None
        progress = len(self.log.heard)
        quiet_us = self.quiet_us()
        deadline = self.now + limit_us
        while self.now < deadline:
            if self.run(lambda: self.count(ota.UpgradeEndRequest) > ends, quiet_us):
                return self.last(ota.UpgradeEndRequest).status
            if len(self.log.heard) == progress:
                return None
            progress = len(self.log.heard)
        return None

    def start_download(self, image: bytes | Served, *, blocks: int) -> int:
        """Serve an image, notify the device, and stop watching when it asked for so many blocks.

        Returns:
            The offset of the last block that it asked for; -1 if it asked for none.
        """
        self.serve(image)
        asked = self.count(ota.ImageBlockRequest)
        self.notify()
        self.run(lambda: self.count(ota.ImageBlockRequest) >= asked + blocks, HOUR)
        if self.count(ota.ImageBlockRequest) == asked:
            return -1
        return self.last(ota.ImageBlockRequest).file_offset

    def verdict(self, limit_us: Us = 6 * HOUR) -> Status | int | None:
        """Wait for the next Upgrade End Request and return its status, None if none comes."""
        ends = self.count(ota.UpgradeEndRequest)
        ended = self.run(lambda: self.count(ota.UpgradeEndRequest) > ends, limit_us)
        return self.last(ota.UpgradeEndRequest).status if ended else None

    def quiet_us(self) -> Us:
        """Return a time in which a device that is at work would have been heard."""
        profile = self.profile.ota
        longest_ms = max(profile.block_timeout_ms, profile.response_timeout_ms)
        return (longest_ms * (profile.block_tries + 2)) * MILLISECOND

    def settle(self, limit_us: Us | None = None) -> None:
        """Let the device finish what it was told: restart, trial, confirmation or rollback."""
        queries = self.count(ota.QueryNextImageRequest)
        longest_us = SETTLE_US if limit_us is None else limit_us
        if self._is_virtual:
            self.run(lambda: self.count(ota.QueryNextImageRequest) > queries, longest_us)
        else:
            self._settle_soon(queries, self.now + longest_us)
        self._let_arrive()

    def _let_arrive(self) -> None:
        """Let what the device was told last reach it: real time is dear."""
        self.wait(SECOND if self._is_virtual else ARRIVE_US)

    def _settle_soon(self, queries: int, deadline: Us) -> None:
        """Look now and then whether the device has anything left to do: real time is dear."""
        look_us = min(LOOK_US, max(1, self.profile.ota.first_query_delay_s) * SECOND)
        sleep = self.profile.sleep
        patience_us = look_us if sleep is None else max(look_us, 2 * sleep.poll_ms * MILLISECOND)
        glance = Inquiry(self.hub, self.lane, lambda: self.log, patience_us)
        while self.now < deadline:
            step_us = min(look_us, deadline - self.now)
            if self.run(lambda: self.count(ota.QueryNextImageRequest) > queries, step_us):
                return
            answers = glance.read(
                self.address, (Attribute.IMAGE_UPGRADE_STATUS, Attribute.CURRENT_FILE_VERSION)
            )
            if len(answers) != 2 or answers[0].value != ImageUpgradeStatus.NORMAL:
                continue
            ends = self.heard(ota.UpgradeEndRequest)
            taken = bool(ends) and ends[-1].status is Status.SUCCESS
            if not taken or answers[1].value == ends[-1].file_version:
                return

    def upgrade(self, image: bytes) -> int | None:
        """Offer a good image, let it be applied, and return the version that runs then."""
        self.offer(image)
        self.settle()
        return self.running_version()

    # Silence.

    def provoke(
        self, kind: type[Frame], stimulus: Callable[[], object], limit_us: Us = READ_US
    ) -> bool:
        """Do what the device must answer, and wait for the answer: a control.

        How late it came is remembered, for ``silence``.

        Args:
            kind: Frame that is the answer.
            stimulus: What makes the device answer, like ``bench.notify``.
            limit_us: Longest wait.

        Returns:
            Whether the answer came.
        """
        return self._inquiry.provoke(kind, stimulus, limit_us)

    def silence(
        self,
        kind: type[F],
        stimulus: Callable[[], object] = lambda: None,
        *,
        like: type[Frame] | None = None,
    ) -> list[F]:
        """Do what the device must not answer, and wait three times the latest answer of a control.

        A sleepy device may have answered its control early by luck: its poll period counts too.
        So may any device where time is real: a machine at work is late by chance.

        Args:
            kind: Frame that must not come; ``Frame``: none at all.
            stimulus: What is done.
            like: Kind whose answers were seen in the control, where it is not ``kind``.

        Returns:
            What came nevertheless.

        Raises:
            Inconclusive: No control was answered so far: silence says nothing.
        """
        sleep = self.profile.sleep
        least_us = 0 if sleep is None else sleep.poll_ms * MILLISECOND
        if not self._is_virtual:
            least_us = max(least_us, LATE_US)
        absence, came = self._inquiry.silence(kind, stimulus, like or kind, least_us)
        self.absences.append(absence)
        self.trace(self.now, "bench", "absence", absence)
        return came

    # Other nodes, and the network.

    def second_device(
        self,
        profile: Profile | None = None,
        *,
        eui64: int = SECOND_EUI64,
        **more: Any,  # noqa: ANN401
    ) -> "Bench":
        """Put another device into this bench's world, off, and return its own bench.

        They share time, hub and trace. ``more`` goes to ``Bench``.
        """
        return Bench(profile or self.profile, eui64=eui64, beside=self, seed=self.seed, **more)

    def second_hub(self, *, first: bool = False) -> Hub:
        """Add another honest hub with no images; ``first``: it is the first to answer discovery."""
        self.need(Capability.NODES)
        if first:
            let_first(self.hub)
        return add_neighbour(self.hub, self.lane, silent=False)

    def stranger(self) -> Hub:
        """Add a node that answers nothing: ``tell(..., by=it)`` makes it speak."""
        self.need(Capability.NODES)
        return add_neighbour(self.hub, self.lane, silent=True)

    def expel(self) -> None:
        """Take the device off the whitelist and off the network (GB-045)."""
        with unsupported():
            self.lane.dismiss()
        everybody = self.hub.settings.whitelist or frozenset(self.hub.members)
        self.hub.settings.whitelist = everybody - {self.identity.eui64}

    def readmit(self) -> None:
        """Put the device on the whitelist again."""
        whitelist = self.hub.settings.whitelist
        if whitelist is not None:
            self.hub.settings.whitelist = whitelist | {self.identity.eui64}

    # What was heard of this device.

    def frame_counters(self) -> list[int]:
        """Return the NWK frame counter of every frame that the DUT sent, in order.

        Raises:
            Unsupported: A radio owns the counters and does not show them.
        """
        self.need(Capability.FRAME_COUNTERS)
        sent = (one for _, who, one in self.trace.datagrams() if who == self._name)
        return [one.frame_counter for one in sent if one.frame_counter is not None]

    @property
    def block_octets(self) -> int:
        """Return the octets that the hub sends in a full block to this device."""
        return min(self.profile.ota.block_size_octets, self.hub.settings.block_limit)
