"""Be what a bench says to its device, and what it asks it over the air."""

from collections.abc import Sequence
from typing import Any, TypeVar

from emulator.units import Us
from emulator.wire import ota, zcl
from emulator.wire.codec import Frame
from harness.hearing import Hearing
from harness.hub.lies import Edit
from harness.hub.server import Hub
from harness.inquiry import Answer, Inquiry, put
from harness.lanes.port import Lane

F = TypeVar("F", bound=Frame)


class Talking(Hearing):
    """Send one device commands of the hub's own accord, and read what it answers."""

    lane: Lane
    _inquiry: Inquiry

    @property
    def address(self) -> int:
        """Return the NWK address of the DUT.

        Raises:
            AssertionError: It has not joined.
        """
        address = self.hub.members.get(self.identity.eui64)
        if address is None:
            raise AssertionError("the device has not joined the network")
        return address

    def tell(
        self,
        frame: Frame,
        *,
        broadcast: bool = False,
        edits: Sequence[Edit] = (),
        sequence: int | None = None,
        by: Hub | None = None,
    ) -> None:
        """Send any command of the hub's, or of another node's, of its own accord.

        Args:
            frame: The command; one that is an answer comes unasked for.
            broadcast: Send it to all.
            edits: What is changed of it (``harness.hub.lies``).
            sequence: ZCL sequence number; None: a fresh one.
            by: Who sends it: a second hub or a stranger; None: the hub.
        """
        hub, to = by or self.hub, self.address
        more: dict[str, Any] = {"edits": edits, "sequence": sequence, "now": self.lane.now}
        put(self.lane, hub.tell(frame, to, broadcast=broadcast, **more))

    def storm(
        self,
        frame: Frame,
        *,
        copies: int,
        gap_us: Us,
        broadcast: bool = False,
        by: Hub | None = None,
    ) -> None:
        """Let a command be sent again and again while time passes, each with a new number."""
        hub, to = by or self.hub, self.address
        sent = hub.storm(
            frame, to, copies=copies, gap_us=gap_us, broadcast=broadcast, now=self.lane.now
        )
        put(self.lane, sent)

    def notify(self) -> None:
        """Send the one Image Notify that every reading obeys: unicast, type 0, jitter 100."""
        self.tell(ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100))

    def read(self, *attributes: int, cluster: int = ota.CLUSTER) -> tuple[Answer, ...]:
        """Read attributes of OTA's client side, or of another cluster's server side, over the air.

        Returns:
            An answer for each attribute asked for; empty if the device does not answer at all.
        """
        return self._inquiry.read(self.address, attributes, cluster)

    def write(self, attribute: int, type: int, value: int) -> zcl.WriteAttributesResponse | None:
        """Try to write an attribute of the client side; None if the device does not answer."""
        return self._inquiry.write(self.address, attribute, type, value)

    def ask(self, request: Frame, answer: type[F]) -> F | None:
        """Send a ZDO request and return the device's answer; None if it gives none."""
        return self._inquiry.answer(answer, self.hub.zdo(request, self.address))

    def value(self, attribute: int, cluster: int = ota.CLUSTER) -> int | bytes | None:
        """Read one attribute; None if the device does not have it or does not answer."""
        answers = self.read(attribute, cluster=cluster)
        return answers[0].value if answers else None
