"""Ask the devices of a network who they are: over the air, one after the other."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from emulator.actions import Action, Send
from emulator.errors import WireError
from emulator.units import SECOND, Us
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import ZDO_PROFILE, Datagram
from emulator.wire.codec import Frame
from emulator.wire.ota import Attribute, ImageUpgradeStatus
from harness.hub.discovery import zdo_frame
from harness.hub.server import Hub

F = TypeVar("F", bound=Frame)

#: How often a question is put.
_TRIES = 2
#: Kinds of node, by the low bits of a node descriptor.
_KINDS = ("coordinator", "router", "end device")
_KIND_MASK = 0x07


class Line(Protocol):
    """Be the stick: ``harness.coordinator.session.Session`` is one."""

    members: dict[int, int]
    news: deque[Any]  # pairs of a time and what happened

    @property
    def clock_us(self) -> Us:
        """Return the time."""
        ...

    def wait(self, limit_us: Us) -> None:
        """Let time pass until there is news, at most so long."""
        ...

    def send(self, datagram: Datagram) -> None:
        """Send a datagram."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Say what one device answered; None is what it did not."""

    eui64: int
    address: int
    kind: str | None = None
    maker: int | None = None  # of its node descriptor
    endpoint: int | None = None  # of its OTA client
    manufacturer: int | None = None  # of its images
    image_type: int | None = None
    version: int | None = None
    status: str | None = None

    @property
    def plain(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {
            "eui64": f"{self.eui64:016x}",
            "address": self.address,
            "kind": self.kind,
            "maker": self.maker,
            "endpoint": self.endpoint,
            "manufacturer": self.manufacturer,
            "image_type": self.image_type,
            "version": self.version,
            "status": self.status,
        }

    @property
    def cells(self) -> tuple[str, ...]:
        """Return it as a row for a person."""
        image = "-"
        if self.manufacturer is not None and self.image_type is not None:
            image = f"{self.manufacturer:04X}-{self.image_type:04X}"
        return (
            f"{self.eui64:016X}",
            f"0x{self.address:04X}",
            self.kind or "silent",
            "-" if self.maker is None else f"0x{self.maker:04X}",
            "-" if self.endpoint is None else str(self.endpoint),
            image,
            "-" if self.version is None else f"0x{self.version:08X}",
            self.status or "-",
        )


class Census:
    """Ask devices, and wait for their answers.

    Args:
        line: The stick.
        patience_us: How long each question waits.
    """

    def __init__(self, line: Line, patience_us: Us = 10 * SECOND) -> None:
        self._line, self._patience_us = line, patience_us
        self._hub = Hub()

    def ask(self, eui64: int) -> Device:
        """Return what a member of the network says of itself.

        Raises:
            LinkError: The stick failed.
        """
        address = self._line.members[eui64]
        device = Device(eui64=eui64, address=address)
        question = zdo.NodeDescriptorRequest(sequence=self._hub.next_sequence(), address=address)
        node = self._zdo(question, zdo.NodeDescriptorResponse, address)
        if node is None or node.status is not zdo.ZdoStatus.SUCCESS:
            return device
        kind = (node.kind or 0) & _KIND_MASK
        name = _KINDS[kind] if kind < len(_KINDS) else f"kind {kind}"
        device = replace(device, kind=name, maker=node.manufacturer)
        found = self._client(address)
        if found is None:
            return device
        self._hub.peers[address] = found.endpoint, found.profile
        values = self._read(
            address,
            Attribute.CURRENT_FILE_VERSION,
            Attribute.IMAGE_UPGRADE_STATUS,
            Attribute.MANUFACTURER_ID,
            Attribute.IMAGE_TYPE_ID,
        )
        status = values.get(Attribute.IMAGE_UPGRADE_STATUS)
        return replace(
            device,
            endpoint=found.endpoint,
            version=values.get(Attribute.CURRENT_FILE_VERSION),
            manufacturer=values.get(Attribute.MANUFACTURER_ID),
            image_type=values.get(Attribute.IMAGE_TYPE_ID),
            status=None if status is None else _worded(status),
        )

    def _client(self, address: int) -> zdo.SimpleDescriptor | None:
        """Return the endpoint that is a client of the OTA cluster, None if there is none."""
        sequence = self._hub.next_sequence
        question = zdo.ActiveEndpointsRequest(sequence=sequence(), address=address)
        active = self._zdo(question, zdo.ActiveEndpointsResponse, address)
        for endpoint in () if active is None else active.endpoints or ():
            asked = zdo.SimpleDescriptorRequest(
                sequence=sequence(), address=address, endpoint=endpoint
            )
            answer = self._zdo(asked, zdo.SimpleDescriptorResponse, address)
            if answer is None or not answer.descriptor:
                continue
            try:
                found, _ = zdo.SimpleDescriptor.decode_at(answer.descriptor, 0)
            except WireError:
                continue
            if ota.CLUSTER in found.output_clusters:
                return found
        return None

    def _zdo(self, question: Frame, answer: type[F], address: int) -> F | None:
        for _ in range(_TRIES):
            found = self._put(self._hub.zdo(question, address), address, answer)
            if found is not None:
                return found
        return None

    def _read(self, address: int, *attributes: int) -> dict[int, int]:
        for _ in range(_TRIES):
            request = zcl.ReadAttributes(attributes=attributes)
            sent = self._hub.general(request, address)
            answer = self._put(sent, address, zcl.ReadAttributesResponse)
            if answer is not None:
                return {
                    one.attribute: value
                    for one in answer.records
                    if one.value is not None
                    and one.type is not None
                    and isinstance(value := zcl.unpack_value(one.type, one.value), int)
                }
        return {}

    def _put(self, actions: Sequence[Action], address: int, kind: type[F]) -> F | None:
        """Send something, and return the first answer of a kind from an address."""
        line = self._line
        for action in actions:
            if isinstance(action, Send):
                line.send(action.datagram)
        end = line.clock_us + self._patience_us
        while (left_us := end - line.clock_us) > 0:
            line.wait(left_us)
            while line.news:
                _, news = line.news.popleft()
                if isinstance(news, Datagram) and news.source == address:
                    answer = self._heard(news)
                    if isinstance(answer, kind):
                        return answer
        return None

    def _heard(self, datagram: Datagram) -> Frame | None:
        """Let the hub answer what it can, and return what a datagram says."""
        if datagram.profile == ZDO_PROFILE:
            return zdo_frame(datagram)
        mark = len(self._hub.log(datagram.source).heard)
        for action in self._hub.receive(datagram, self._line.clock_us):
            if isinstance(action, Send):
                self._line.send(action.datagram)
        heard = self._hub.log(datagram.source).heard[mark:]
        return heard[-1].frame if heard else None


def _worded(status: int) -> str:
    try:
        return ImageUpgradeStatus(status).name.lower().replace("_", " ")
    except ValueError:
        return f"0x{status:02X}"
