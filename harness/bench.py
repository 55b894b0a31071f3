"""Put one device on one bench: hub, lane, trace, and the few things that every case does.

The facade is the same on every lane. What it knows of the DUT it knows from the air: the running
version is attribute 0x0002, a verdict is an Upgrade End Request.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from emulator.contract import Capability, Identity
from emulator.faults import FrameFault
from emulator.image.build import build
from emulator.profiles.model import Profile
from emulator.units import HOUR, MILLISECOND, MINUTE, SECOND, Us
from emulator.wire import ota, zcl
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame
from emulator.wire.manifest import Trait
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from emulator.wire.ota_file import Container, Element
from harness.hub.images import Served, served
from harness.hub.server import Heard, Hub
from harness.lanes.port import Lane, Setup
from harness.lanes.schemes import open_lane
from harness.trace import Trace
from harness.verdict import Unsupported

F = TypeVar("F", bound=Frame)

#: The EUI-64 of the DUT that an emulated bench makes.
DUT_EUI64 = 0x00124B00_44555431
#: The version of the image that a bench's device starts with.
FIRST_VERSION = 0x01000000
#: The version of the image that a case offers when it names none.
NEXT_VERSION = 0x02000000
#: Longest that a device may take to come up, join and find the hub, beside its own first delay.
SETTLE_US: Us = 10 * MINUTE
#: Longest that one attribute may take to be read.
READ_US: Us = 30 * SECOND


class Answer(NamedTuple):
    """Be what a device answered to a read: a status, and the value where there is one."""

    status: int
    type: int | None
    value: int | bytes | None


class Bench:
    """Drive one device under test."""

    def __init__(
        self,
        profile: Profile,
        *,
        link: str = "direct:",
        seed: int = 0,
        defect: str | None = None,
        first_image: bytes | None = None,
        first_version: int = FIRST_VERSION,
        eui64: int = DUT_EUI64,
    ) -> None:
        self.profile = profile
        self.hub = Hub()
        self.hub.settings.encrypt = profile.ota.aps_encrypt
        self.trace = Trace()
        self.identity = Identity(
            eui64=eui64,
            manufacturer=profile.ota.manufacturer_code,
            image_type=profile.ota.image_type,
            hardware_version=profile.ota.hardware_version,
        )
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
        )
        self.lane: Lane = open_lane(link, setup)

    def close(self) -> None:
        """End the bench."""
        self.lane.close()

    # Images.

    def image(
        self,
        version: int = NEXT_VERSION,
        *,
        size: int = 2000,
        traits: Trait = Trait(0),  # noqa: B008 - an enum value
        hardware: tuple[int, int] | None = None,
        destination: int | None = None,
    ) -> bytes:
        """Return a good image for this device.

        Args:
            version: Its file version.
            size: Octets of its payload; their content depends on the version alone.
            traits: What an emulated processor does when it runs the image.
            hardware: Lowest and highest hardware version; None: the device's own.
            destination: EUI-64 of the only device that may use it; None: any.
        """
        own = self.profile.ota.hardware_version
        return build(
            payload=filler(size, version),
            manufacturer=self.profile.ota.manufacturer_code,
            image_type=self.profile.ota.image_type,
            version=version,
            hardware=(own, own) if hardware is None else hardware,
            destination=destination,
            traits=traits,
            container=self.profile.image.container,
        )

    def image_with_unknown_elements(self, version: int = NEXT_VERSION) -> bytes:
        """Return a good image with a vendor's and a reserved sub-element behind the firmware.

        Raises:
            Unsupported: The device's container has no sub-elements.
        """
        if self.profile.image.container is not Container.ZCL:
            raise Unsupported(f"a {self.profile.image.container} container has no sub-elements")
        own = self.profile.ota.hardware_version
        return build(
            payload=filler(500, version),
            manufacturer=self.profile.ota.manufacturer_code,
            image_type=self.profile.ota.image_type,
            version=version,
            hardware=(own, own),
            elements=(Element(0xF123, b"a vendor's own"), Element(0x0007, b"reserved")),
        )

    # Time.

    @property
    def now(self) -> Us:
        """Return the lane's time."""
        return self.lane.now

    def run(self, until: Callable[[], bool], limit_us: Us) -> bool:
        """Let time pass until a condition holds, at most ``limit_us``; tell whether it holds."""
        return self.lane.run(until, limit_us)

    def wait(self, duration_us: Us) -> None:
        """Let time pass."""
        self.lane.run(lambda: False, duration_us)

    # The device's life.

    @property
    def address(self) -> int:
        """Return the NWK address of the DUT; it must have joined."""
        return self.hub.members[self.identity.eui64]

    def start(self) -> None:
        """Raise the supply and wait until the device has asked for an image once."""
        self.lane.power(True)
        first_us = self.profile.ota.first_query_delay_s * SECOND
        queries = self.count(ota.QueryNextImageRequest)
        self.run(lambda: self.count(ota.QueryNextImageRequest) > queries, first_us + SETTLE_US)
        self.wait(SECOND)

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

    def need(self, capability: Capability) -> None:
        """Make the case unsupported where the lane cannot do something."""
        if capability not in self.lane.capabilities:
            raise Unsupported(f"this lane has no {capability}")

    # Talking to it.

    def tell(self, frame: Frame, *, broadcast: bool = False) -> None:
        """Send a command of the hub's own accord."""
        for action in self.hub.tell(frame, self.address, broadcast=broadcast):
            self.lane.send(action.datagram)  # type: ignore[union-attr]  # a hub only sends

    def notify(self) -> None:
        """Send the one Image Notify that every reading obeys: unicast, type 0, jitter 100."""
        self.tell(ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100))

    def read(self, *attributes: int) -> tuple[Answer, ...]:
        """Read attributes of the OTA cluster's client side, over the air.

        Returns:
            An answer for each attribute asked for; empty if the device does not answer at all.
        """
        mark = len(self.hub.heard)
        self._general(zcl.ReadAttributes(attributes=attributes))
        self.run(lambda: self._since(mark, zcl.ReadAttributesResponse) is not None, READ_US)
        response = self._since(mark, zcl.ReadAttributesResponse)
        if response is None:
            return ()
        return tuple(
            Answer(
                record.status,
                record.type,
                None
                if record.value is None or record.type is None
                else zcl.unpack_value(record.type, record.value),
            )
            for record in response.records
        )

    def write(self, attribute: int, type: int, value: int) -> zcl.WriteAttributesResponse | None:
        """Try to write an attribute of the client side; None if the device does not answer."""
        mark = len(self.hub.heard)
        record = zcl.WriteAttributeRecord(
            attribute=attribute,
            type=zcl.DataType(type),
            value=zcl.pack_value(type, value),
        )
        self._general(zcl.WriteAttributes(records=(record,)))
        self.run(lambda: self._since(mark, zcl.WriteAttributesResponse) is not None, READ_US)
        return self._since(mark, zcl.WriteAttributesResponse)

    def ask(self, request: Frame, answer: type[F]) -> F | None:
        """Send a ZDO request and return the device's answer; None if it gives none."""
        mark = len(self.hub.heard)
        for action in self.hub.zdo(request, self.address):
            self.lane.send(action.datagram)  # type: ignore[union-attr]  # a hub only sends
        self.run(lambda: self._since(mark, answer) is not None, READ_US)
        return self._since(mark, answer)

    def _general(self, frame: Frame) -> None:
        for action in self.hub.general(frame, self.address):
            self.lane.send(action.datagram)  # type: ignore[union-attr]  # a hub only sends

    def value(self, attribute: int) -> int | bytes | None:
        """Read one attribute; None if the device does not have it or does not answer."""
        answers = self.read(attribute)
        return answers[0].value if answers else None

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

    def offer(self, image: bytes | Served, *, limit_us: Us = 6 * HOUR) -> Status | int | None:
        """Serve an image, notify the device, and wait for its verdict.

        Returns:
            The status of its Upgrade End Request; None if it sent none (it did not download, or it
            is still at it after ``limit_us``).
        """
        self.hub.serve(image if isinstance(image, Served) else served(image))
        ends = self.count(ota.UpgradeEndRequest)
        queries = self.count(ota.QueryNextImageRequest)
        self.notify()
        if not self.run(lambda: self.count(ota.QueryNextImageRequest) > queries, READ_US):
            return None
        progress = len(self.hub.heard)
        quiet_us = self.quiet_us()
        deadline = self.now + limit_us
        while self.now < deadline:
            if self.run(lambda: self.count(ota.UpgradeEndRequest) > ends, quiet_us):
                return self.last(ota.UpgradeEndRequest).status
            if len(self.hub.heard) == progress:
                return None
            progress = len(self.hub.heard)
        return None

    def start_download(self, image: bytes | Served, *, blocks: int) -> int:
        """Serve an image, notify the device, and stop watching when it asked for so many blocks.

        Returns:
            The offset of the last block that it asked for; -1 if it asked for none.
        """
        self.hub.serve(image if isinstance(image, Served) else served(image))
        asked = self.count(ota.ImageBlockRequest)
        self.notify()
        self.run(lambda: self.count(ota.ImageBlockRequest) >= asked + blocks, HOUR)
        if self.count(ota.ImageBlockRequest) == asked:
            return -1
        return self.last(ota.ImageBlockRequest).file_offset

    def verdict(self, limit_us: Us = 6 * HOUR) -> Status | int | None:
        """Wait for the next Upgrade End Request and return its status, None if none comes."""
        ends = self.count(ota.UpgradeEndRequest)
        self.run(lambda: self.count(ota.UpgradeEndRequest) > ends, limit_us)
        if self.count(ota.UpgradeEndRequest) == ends:
            return None
        return self.last(ota.UpgradeEndRequest).status

    def quiet_us(self) -> Us:
        """Return a time in which a device that is at work would have been heard."""
        profile = self.profile.ota
        longest_ms = max(profile.block_timeout_ms, profile.response_timeout_ms)
        return (longest_ms * (profile.block_tries + 2)) * MILLISECOND

    def settle(self, limit_us: Us | None = None) -> None:
        """Let the device finish what it was told: restart, trial, confirmation or rollback."""
        queries = self.count(ota.QueryNextImageRequest)
        longest_us = SETTLE_US if limit_us is None else limit_us
        self.run(lambda: self.count(ota.QueryNextImageRequest) > queries, longest_us)
        self.wait(SECOND)

    def upgrade(self, image: bytes) -> int | None:
        """Offer a good image, let it be applied, and return the version that runs then."""
        self.offer(image)
        self.settle()
        return self.running_version()

    # What was heard.

    def heard(self, kind: type[F]) -> list[F]:
        """Return every frame of one kind that the hub heard from the device, in order."""
        return [one.frame for one in self.hub.heard if isinstance(one.frame, kind)]

    def heard_at(self, kind: type[Frame]) -> list[Heard]:
        """Return the same with time and datagram."""
        return [one for one in self.hub.heard if isinstance(one.frame, kind)]

    def count(self, kind: type[Frame]) -> int:
        """Return how many frames of one kind the hub heard."""
        return self.hub.counts.get(kind, 0)

    def last(self, kind: type[F]) -> F:
        """Return the newest frame of one kind.

        Raises:
            AssertionError: None was heard.
        """
        for one in reversed(self.hub.heard):
            if isinstance(one.frame, kind):
                return one.frame
        raise AssertionError(f"no {kind.__name__} was heard")

    def last_datagram(self, kind: type[Frame]) -> Datagram:
        """Return the datagram of the newest frame of one kind.

        Raises:
            AssertionError: None was heard.
        """
        for one in reversed(self.hub.heard):
            if isinstance(one.frame, kind):
                return one.datagram
        raise AssertionError(f"no {kind.__name__} was heard")

    def frame_counters(self) -> list[int]:
        """Return the NWK frame counter of every frame that the DUT sent, in order.

        Raises:
            Unsupported: A radio owns the counters and does not show them.
        """
        self.need(Capability.FRAME_COUNTERS)
        sent = (one for _, who, one in self.trace.datagrams() if who == "dut")
        return [one.frame_counter for one in sent if one.frame_counter is not None]

    @property
    def block_octets(self) -> int:
        """Return the octets that the hub sends in a full block to this device."""
        return min(self.profile.ota.block_size_octets, self.hub.block_limit)

    def octets_asked(self) -> int:
        """Return the end of the last block that the device asked for."""
        request = self.last(ota.ImageBlockRequest)
        return request.file_offset + request.maximum_data_size

    def _since(self, mark: int, kind: type[F]) -> F | None:
        return next(_frames(self.hub.heard[mark:], kind), None)


def _frames(heard: Sequence[Heard], kind: type[F]) -> Iterator[F]:
    return (one.frame for one in heard if isinstance(one.frame, kind))


def filler(size: int, version: int) -> bytes:
    """Return ``size`` octets that differ from version to version and repeat nowhere near."""
    made = bytearray()
    word = (version * 2654435761 + 12345) & 0xFFFFFFFF
    while len(made) < size:
        word = (word * 1664525 + 1013904223) & 0xFFFFFFFF
        made += f"{word:08x}".encode()
    return bytes(made[:size])
